package mysql

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	driver "github.com/go-sql-driver/mysql"
)

// address is where the database is.
type address struct {
	host, user, password, database string
	port                           uint16
	tls                            string
}

func parseAddress(dsn string) (a address, err error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "mysql" || u.Hostname() == "" || u.User == nil {
		return a, errors.New("it cannot be read (it is not shown, since it may hold a password)")
	}
	a = address{host: u.Hostname(), user: u.User.Username(), database: strings.TrimPrefix(u.Path, "/"), port: 3306}
	a.password, _ = u.User.Password()
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return a, errors.New("its port is none")
		}
		a.port = uint16(n)
	}
	if a.database == "" {
		return a, errors.New("it names no database")
	}
	for key, v := range u.Query() {
		if a.tls = v[0]; key != "tls" || a.tls != "true" && a.tls != "skip-verify" {
			return a, errors.New("its only parameter is tls, which is true or skip-verify")
		}
	}
	return a, nil
}

const (
	poolSize   = 8
	connectFor = 5 * time.Second
	// silence is after how long a server that says nothing, though it is to, is taken for gone.
	silence = time.Minute
	// beatEvery is how often a server that has nothing to tell says so.
	beatEvery = 10 * time.Second
)

// silent is what the driver tells of connections that fail: its errors say the same.
type silent struct{}

func (silent) Print(...any) {}

// open makes the connections by which orders are read.
func (a address) open() (*sql.DB, error) {
	c := driver.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.DBName = a.user, a.password, "tcp", net.JoinHostPort(a.host, strconv.Itoa(int(a.port))), a.database
	c.TLSConfig, c.Timeout, c.InterpolateParams, c.Logger = a.tls, connectFor, true, silent{}
	c.WriteTimeout = silence // a query may take long: its context ends it
	c.Params = map[string]string{"time_zone": "'+00:00'", "tx_isolation": "'REPEATABLE-READ'"}
	connector, err := driver.NewConnector(c)
	if err != nil {
		return nil, errors.New("the dsn cannot be used")
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(poolSize)
	db.SetConnMaxIdleTime(time.Minute)
	return db, nil
}

// link is a connection on which the server sends its log.
type link struct {
	syncer   *replication.BinlogSyncer
	streamer *replication.BinlogStreamer

	mu   sync.Mutex
	conn net.Conn
	over bool
}

// dial is the library's: it connects once, and not again to end what it has begun.
func (l *link) dial(ctx context.Context, network, at string) (net.Conn, error) {
	l.mu.Lock()
	over := l.over
	l.mu.Unlock()
	if over {
		return nil, net.ErrClosed
	}
	c, err := (&net.Dialer{Timeout: connectFor}).DialContext(ctx, network, at)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		_ = c.Close() // it is not used
		return nil, net.ErrClosed
	}
	l.conn = c
	return c, nil
}

// cut ends whatever it waits for. It is safe for concurrent use.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over = true; l.conn != nil {
		_ = l.conn.Close() // it ends either way
	}
}

func (l *link) close() {
	l.cut()
	l.syncer.Close()
}

// start has the server send what comes after a position. wanted says of which tables rows are read.
func (a address) start(ctx context.Context, id uint32, pos position, version string, wanted func(database, table []byte) bool) (*link, error) {
	set, err := pos.set()
	if err != nil {
		return nil, err
	}
	l := &link{}
	c := replication.BinlogSyncerConfig{ServerID: id, Flavor: mysql.MariaDBFlavor, Host: a.host, Port: a.port, User: a.user, Password: a.password,
		HeartbeatPeriod: beatEvery, ReadTimeout: silence, DisableRetrySync: true, Logger: slog.New(slog.DiscardHandler), Dialer: l.dial,
		EventCacheCount: 16, TimestampStringLocation: time.UTC, DiscardGTIDSet: true, Localhost: "waxwing",
		// Newer servers leave places out of events.
		FillZeroLogPos: !before(version, 11, 4),
		RowsEventDecodeFunc: func(e *replication.RowsEvent, data []byte) error {
			at, err := e.DecodeHeader(data)
			if err != nil || !wanted(e.Table.Schema, e.Table.Table) {
				return err
			}
			return e.DecodeData(at, data)
		}}
	switch a.tls {
	case "true":
		c.TLSConfig = &tls.Config{ServerName: a.host, MinVersion: tls.VersionTLS12}
	case "skip-verify":
		c.TLSConfig = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // it was asked for by name
	}
	l.syncer = replication.NewBinlogSyncer(c)
	defer context.AfterFunc(ctx, l.cut)()
	if l.streamer, err = l.syncer.StartSyncGTID(set); err != nil {
		l.close()
		return nil, fmt.Errorf("asking the server for its log: %w%s", err, hint(err))
	}
	return l, nil
}

// before says that a version is older than another.
func before(version string, major, minor int) bool {
	var a, b int
	if n, _ := fmt.Sscanf(version, "%d.%d", &a, &b); n < 2 {
		return true
	}
	return a < major || a == major && b < minor
}

// code is the number of an error of the server's; 0: it is none.
func code(err error) uint16 {
	var of *driver.MySQLError
	if errors.As(err, &of) {
		return of.Number
	}
	var my *mysql.MyError
	if errors.As(err, &my) {
		return my.Code
	}
	return 0
}

// hint is what to do about what a server answers.
func hint(err error) string {
	switch code(err) {
	case 1045:
		return ": the user or the password is wrong"
	case 1227:
		return ": the user lacks rights: GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO it"
	case 1040:
		return ": raise max_connections"
	}
	return ""
}
