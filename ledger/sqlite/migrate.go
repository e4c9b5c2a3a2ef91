package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/pressly/goose/v3"
	goosedb "github.com/pressly/goose/v3/database"
)

// Layout is the tables' version that this program makes: the number of the last migration.
// The file keeps its own in PRAGMA user_version.
const Layout int64 = 8

// A migration is a numbered file, and never changed once it was released: verify holds each
// table against the words that made it. Each runs in a transaction of its own together with
// its number, so that what is done stays done where the program is killed between two.
//
// There is no way back: an older program refuses a newer layout, and a backup from before
// the upgrade is the way to it.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the file to this program's layout.
func migrate(c *conn) error { return migrateTo(c, Layout) }

func migrateTo(c *conn, to int64) error {
	at, err := layoutOf(c)
	if err != nil {
		return err
	}
	if at > Layout {
		return fmt.Errorf("the ledger has layout %d and this program knows %d: run the newer program", at, Layout)
	}
	if at >= to {
		return nil
	}
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	db := sql.OpenDB(lent{c.c})
	defer func() { _ = db.Close() }() // the connection stays open: it is lent
	p, err := goose.NewProvider(goose.DialectCustom, db, folder, goose.WithStore(numbers{}), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	if _, err := p.UpTo(bg, to); err != nil {
		return fmt.Errorf("bring the tables from layout %d to %d: %w", at, to, err)
	}
	return nil
}

// Migrate brings a ledger that nobody has open to this program's layout, and tells which it
// had. It is what Open does before anything else, and nothing more: no instance begins, and
// no entry is written. A ledger that is not the newest that there was is refused, as by Open.
func Migrate(o Options) (from int64, err error) {
	l := newLedger(o)
	defer l.release()
	wrap := func(err error) error { return fmt.Errorf("ledger %s: %w", o.Dir, err) }
	if _, err := os.Stat(l.path); err != nil {
		return 0, wrap(err)
	}
	if err := l.takeLock(); err != nil {
		return 0, wrap(err)
	}
	if err := l.loadKeys(); err != nil {
		return 0, wrap(err)
	}
	if _, err := l.past(); err != nil {
		return 0, wrap(err)
	}
	if l.w, err = openConn(dsn(l.path, false)); err != nil {
		return 0, wrap(err)
	}
	if from, err = layoutOf(l.w); err == nil {
		err = migrate(l.w)
	}
	if err != nil {
		return from, wrap(err)
	}
	return from, nil
}

// Layout is the file's.
func (l *Ledger) Layout(ctx context.Context) (at int64, err error) {
	return at, l.db.read(ctx, func(c *conn) error {
		at, err = layoutOf(c)
		return err
	})
}

// layoutOf is the file's layout; 0: it is empty.
func layoutOf(c *conn) (int64, error) {
	var v [1]driver.Value
	_, err := c.row("PRAGMA user_version", v[:])
	return num(v[0]), err
}

// numbers has goose keep the layout's number where the ledger always did, and not in a table of
// its own, which no older ledger has and verify would have to trust.
type numbers struct{}

var _ goosedb.Store = numbers{}

// Tablename is asked for, though there is no table.
func (numbers) Tablename() string { return "user_version" }

// CreateVersionTable has nothing to do: each SQLite file has the number.
func (numbers) CreateVersionTable(context.Context, goosedb.DBTxConn) error { return nil }

// Insert says that a migration is done. It is called in that migration's transaction.
func (numbers) Insert(ctx context.Context, db goosedb.DBTxConn, r goosedb.InsertRequest) error {
	_, err := db.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version=%d", r.Version))
	return err
}

// Delete is for ways back, and there are none.
func (numbers) Delete(context.Context, goosedb.DBTxConn, int64) error {
	return errors.New("a ledger's layout has no way back: restore a backup")
}

// GetMigration says whether a migration was applied.
func (n numbers) GetMigration(ctx context.Context, db goosedb.DBTxConn, version int64) (*goosedb.GetMigrationResult, error) {
	at, err := n.GetLatestVersion(ctx, db)
	if err == nil && version > at {
		err = goosedb.ErrVersionNotFound
	}
	return &goosedb.GetMigrationResult{Timestamp: time.Time{}, IsApplied: err == nil}, err
}

// GetLatestVersion is the file's layout.
func (numbers) GetLatestVersion(ctx context.Context, db goosedb.DBTxConn) (at int64, err error) {
	return at, db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&at)
}

// ListMigrations gives what was applied, newest first.
func (n numbers) ListMigrations(ctx context.Context, db goosedb.DBTxConn) (out []*goosedb.ListMigrationsResult, err error) {
	at, err := n.GetLatestVersion(ctx, db)
	for ; at >= 0; at-- {
		out = append(out, &goosedb.ListMigrationsResult{Version: at, IsApplied: true})
	}
	return out, err
}

// lent gives a connection of ours to database/sql, which must not close it.
type lent struct{ driver.Conn }

// Connect gives the connection.
func (l lent) Connect(context.Context) (driver.Conn, error) { return l, nil }

// Driver is asked for by the interface alone.
func (l lent) Driver() driver.Driver { return nil }

// Close leaves it open.
func (l lent) Close() error { return nil }

// BeginTx begins a transaction.
func (l lent) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return l.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
}

// ExecContext runs statements, several where they come at once.
func (l lent) ExecContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Result, error) {
	return l.Conn.(driver.ExecerContext).ExecContext(ctx, q, args)
}

// QueryContext runs a query.
func (l lent) QueryContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Rows, error) {
	return l.Conn.(driver.QueryerContext).QueryContext(ctx, q, args)
}
