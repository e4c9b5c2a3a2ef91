// Package schema brings a Postgres database's tables to the layout that this program knows, one
// numbered migration after the other.
package schema

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	goosedb "github.com/pressly/goose/v3/database"

	"github.com/waxwinghq/waxwing/ledger/layout"
)

// Layout is the tables' version that this program makes: the number of the last migration.
const Layout int64 = 6

// table keeps which migrations were applied.
const table = "ledger_layout"

// one is the advisory lock of whoever changes the tables: "waxw".
const one = 0x77617877

// A migration is a numbered file, and never changed once it was released. Each runs in a
// transaction of its own together with its number.
//
//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings a database to this program's layout, and tells which it had. Of several
// daemons that start at once one does it, and the others wait.
func Migrate(ctx context.Context, c *pgx.ConnConfig) (from int64, err error) {
	db := stdlib.OpenDB(*c)
	defer func() { _ = db.Close() }()
	// Of a transaction and not of the session, so that it holds behind a pooler, too.
	lock, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = lock.Rollback() }() // it wrote nothing
	if _, err := lock.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", one); err != nil {
		return 0, err
	}
	if from, err = Of(ctx, db); err != nil || from == Layout {
		return from, err
	}
	if from > Layout {
		return from, fmt.Errorf("the ledger has layout %d and this program knows %d: run the newer program", from, Layout)
	}
	p, err := provider(db)
	if err != nil {
		return from, err
	}
	if _, err := p.UpTo(ctx, Layout); err != nil {
		return from, fmt.Errorf("bring the tables from layout %d to %d: %w", from, Layout, err)
	}
	return from, nil
}

// After gives the migrations that a database of a layout lacks.
func After(at int64) ([]layout.Migration, error) { return layout.After(migrations, at) }

// NotOwner says who owns the tables, where that is not the role of the connection, nor one that it
// has the rights of; empty: it may change them, or there are none.
func NotOwner(ctx context.Context, db *sql.DB) (owner, role string, err error) {
	err = db.QueryRowContext(ctx, `SELECT coalesce(max(pg_get_userbyid(relowner)), ''), current_user FROM pg_class
		WHERE oid = to_regclass($1) AND NOT pg_has_role(current_user, relowner, 'USAGE')`, table).Scan(&owner, &role)
	return owner, role, err
}

func provider(db *sql.DB) (*goose.Provider, error) {
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	store, err := goosedb.NewStore(goosedb.DialectPostgres, table)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectCustom, db, folder, goose.WithStore(store), goose.WithDisableGlobalRegistry(true))
}

// Of is a database's layout; 0: it has no ledger.
func Of(ctx context.Context, db *sql.DB) (at int64, err error) {
	var there sql.NullString
	if err := db.QueryRowContext(ctx, "SELECT to_regclass($1)::text", table).Scan(&there); err != nil || !there.Valid {
		return 0, err
	}
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+table+" WHERE is_applied").Scan(&at)
	return at, err
}
