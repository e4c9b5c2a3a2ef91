package schema

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	goosedb "github.com/pressly/goose/v3/database"

	"github.com/waxwinghq/waxwing/ledger/layout"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
)

// Layout is the tables' version that this program makes: the number of the last migration.
// The file keeps its own in PRAGMA user_version.
const Layout int64 = 11

// A migration is a numbered file, and never changed once it was released: verify holds each
// table against the words that made it. Each runs in a transaction of its own together with
// its number, so that what is done stays done where the program is killed between two.
//
// There is no way back: an older program refuses a newer layout, and a backup from before
// the upgrade is the way to it.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// Migrate brings the file to this program's layout.
func Migrate(c *db.Conn) error { return MigrateTo(c, Layout) }

// MigrateTo is Migrate for an older layout: it is what a ledger of one is held against.
func MigrateTo(c *db.Conn, to int64) error {
	at, err := Of(c)
	if err != nil {
		return err
	}
	if at > Layout {
		return fmt.Errorf("the ledger has layout %d and this program knows %d: run the newer program", at, Layout)
	}
	if at >= to {
		return nil
	}
	folder, err := fs.Sub(Migrations, "migrations")
	if err != nil {
		return err
	}
	db := sql.OpenDB(lent{c.Raw})
	defer func() { _ = db.Close() }() // the connection stays open: it is lent
	p, err := goose.NewProvider(goose.DialectCustom, db, folder, goose.WithStore(numbers{}), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	if _, err := p.UpTo(context.Background(), to); err != nil {
		return fmt.Errorf("bring the tables from layout %d to %d: %w", at, to, err)
	}
	return nil
}

// After gives the migrations that a file of a layout lacks.
func After(at int64) ([]layout.Migration, error) { return layout.After(Migrations, at) }

// Of is the file's layout; 0: it is empty.
func Of(c *db.Conn) (int64, error) {
	var v [1]driver.Value
	_, err := c.Row("PRAGMA user_version", v[:])
	return db.Int(v[0]), err
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
