package sql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/waxwinghq/waxwing/config"
)

// dialect is what differs between the databases.
type dialect struct {
	schema
	connector driver.Connector
	// create makes the table.
	create string
	// safe says why the server would lose what it says it has, and kept why the table would: errNoTable if there is none.
	safe, kept func(ctx context.Context, db *sql.DB) error
}

var errNoTable = errors.New("there is no table " + table)

// dialectOf makes that of an address. Its errors hold nothing of the address.
func dialectOf(address config.Secret) (dialect, error) {
	if strings.HasPrefix(address.Reveal(), "mysql://") {
		return mariaDB(address, answerFor)
	}
	c, err := pgx.ParseConfig(address.Reveal())
	if err != nil {
		return dialect{}, errors.New("it cannot be read")
	}
	c.DefaultQueryExecMode = pgx.QueryExecModeExec // of one round trip, and none of a pooler's business
	c.ConnectTimeout = dialFor
	if c.ValidateConnect == nil { // of several hosts the one that writes
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	c.RuntimeParams["idle_in_transaction_session_timeout"] = strconv.FormatInt(idleFor.Milliseconds(), 10)
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "waxwing"
	}
	return dialect{schema: postgresSchema, connector: stdlib.GetConnector(*c), create: postgresTable, safe: postgresSafe, kept: postgresKept}, nil
}

// A row that was taken leaves nothing behind but work for VACUUM, which otherwise waits for a fifth of the table.
const postgresTable = `CREATE TABLE IF NOT EXISTS ` + table + ` (
	topic text NOT NULL,
	id bigint GENERATED ALWAYS AS IDENTITY,
	uuid text NOT NULL,
	payload bytea NOT NULL,
	metadata text NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (topic, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)`

func postgresSafe(ctx context.Context, db *sql.DB) error {
	var commit, fsync string
	if err := db.QueryRowContext(ctx, `SELECT current_setting('synchronous_commit'), current_setting('fsync')`).Scan(&commit, &fsync); err != nil {
		return err
	}
	switch {
	case commit == "off":
		return errors.New("postgres says that it has what it has not written, since synchronous_commit is off: ALTER ROLE ... SET synchronous_commit = on")
	case fsync == "off":
		return errors.New("postgres does not write to its disk, since fsync is off: set fsync = on in postgresql.conf")
	}
	return nil
}

func postgresKept(ctx context.Context, db *sql.DB) error {
	var kind string
	err := db.QueryRowContext(ctx, `SELECT relpersistence::text FROM pg_class WHERE oid = to_regclass('`+table+`')`).Scan(&kind)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return errNoTable
	case err == nil && kind != "p":
		return errors.New("the table " + table + " is emptied when postgres crashes: ALTER TABLE " + table + " SET LOGGED")
	}
	return err
}

// mariaDB makes the dialect of an address mysql://user:password@host:port/database, whose server has so long to answer.
func mariaDB(address config.Secret, answer time.Duration) (dialect, error) {
	u, err := url.Parse(address.Reveal())
	if err != nil {
		return dialect{}, errors.New("it cannot be read")
	}
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr, c.DBName = u.User.Username(), "tcp", net.JoinHostPort(u.Hostname(), "3306"), strings.TrimPrefix(u.Path, "/")
	c.Passwd, _ = u.User.Password()
	if u.Port() != "" {
		c.Addr = u.Host
	}
	if c.DBName == "" {
		return dialect{}, errors.New("it names no database")
	}
	for key := range u.Query() {
		if key != "tls" {
			return dialect{}, errors.New("its only parameter is tls")
		}
		c.TLSConfig = u.Query().Get("tls")
	}
	c.ReadTimeout, c.WriteTimeout = answer, answer
	c.Timeout, c.InterpolateParams, c.Logger = dialFor, true, silent{} // in one round trip
	c.Params = map[string]string{"tx_isolation": "'READ-COMMITTED'", "idle_transaction_timeout": strconv.Itoa(int(idleFor.Seconds()))}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return dialect{}, errors.New("tls is true, skip-verify or preferred")
	}
	return dialect{schema: mariaDBSchema, connector: connector, create: mariaDBTable, safe: mariaDBSafe, kept: mariaDBKept}, nil
}

// silent is what the driver tells of connections that fail: its errors say the same.
type silent struct{}

func (silent) Print(...any) {}

const mariaDBTable = `CREATE TABLE IF NOT EXISTS ` + table + ` (
	topic VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
	uuid VARCHAR(255) NOT NULL,
	payload LONGBLOB NOT NULL,
	metadata LONGTEXT NOT NULL,
	created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
	PRIMARY KEY (topic, id),
	KEY (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`

func mariaDBSafe(ctx context.Context, db *sql.DB) error {
	var version string
	var flush int
	if err := db.QueryRowContext(ctx, `SELECT VERSION(), @@innodb_flush_log_at_trx_commit`).Scan(&version, &flush); err != nil {
		return err
	}
	var major, minor int
	_, err := fmt.Sscanf(version, "%d.%d", &major, &minor)
	switch {
	case err != nil || major < 10 || major == 10 && minor < 6:
		return fmt.Errorf("the server is %s: SKIP LOCKED takes MariaDB 10.6 or newer", version)
	case flush != 1 && flush != 3:
		return fmt.Errorf("MariaDB says that it has what it has not written, since innodb_flush_log_at_trx_commit is %d: SET GLOBAL innodb_flush_log_at_trx_commit = 1, and in its file", flush)
	}
	return nil
}

func mariaDBKept(ctx context.Context, db *sql.DB) error {
	var engine string
	err := db.QueryRowContext(ctx, `SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '`+table+`'`).Scan(&engine)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return errNoTable
	case err == nil && engine != "InnoDB":
		return fmt.Errorf("the table %s is of the engine %s, which knows no transactions: ALTER TABLE %s ENGINE = InnoDB", table, engine, table)
	}
	return err
}

// again says whether a transaction failed only since another was in its way.
func again(err error) bool {
	var p *pgconn.PgError
	if errors.As(err, &p) {
		return p.Code == "40001" || p.Code == "40P01" // serialization_failure, deadlock_detected
	}
	var m *mysql.MySQLError
	return errors.As(err, &m) && (m.Number == 1205 || m.Number == 1213) // lock wait timeout, deadlock
}
