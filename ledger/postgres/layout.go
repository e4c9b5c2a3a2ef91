package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/layout"
	"github.com/waxwinghq/waxwing/ledger/postgres/schema"
)

// Migrate brings a database to this program's layout, and tells which it had. Where a contraction must
// not run, since instances live that do not know it, the error names them. It logs what it waits for.
func Migrate(ctx context.Context, dsn waxwing.Secret, log *slog.Logger) (from int64, err error) {
	c, err := poolOf(dsn.Reveal(), 1)
	if err != nil {
		return 0, err
	}
	o, err := schema.Migrate(ctx, c.ConnConfig, log, true)
	return o.From, err
}

// migrate is a start's part of it: a contraction may wait.
func (o *Options) migrate(ctx context.Context) error {
	c, err := poolOf(o.DSN.Reveal(), 1)
	if err != nil {
		return err
	}
	out, err := schema.Migrate(ctx, c.ConnConfig, o.Log, false)
	switch {
	case err != nil:
		return err
	case out.To > schema.Layout:
		o.Log.Info("the ledger's layout is a newer program's, and this one goes on with it", "layout", out.To, "knows", schema.Layout)
	case out.To > out.From && out.From > 0:
		o.Log.Info("the tables were brought to a newer layout", "from", out.From, "to", out.To)
	}
	if out.Waits != "" {
		o.Log.Info("a migration waits", "why", out.Waits)
	}
	return nil
}

// openToRead is open for who only reads.
func (l *Ledger) openToRead(ctx context.Context) error {
	has, err := Layout(ctx, l.o.DSN)
	if err == nil && has.Layout == 0 {
		err = errors.New("there is no ledger in this database: the daemon's first start makes it")
	}
	if err == nil {
		err = schema.Suits(has)
	}
	if err != nil {
		return err
	}
	if err := l.inherit(ctx); err != nil {
		return err
	}
	l.assemble(ledger.Before{})
	return l.learnAll(ctx)
}

// LatestLayout is the tables' version that this program makes.
const LatestLayout = schema.Layout

// Layout is where a database's tables stand.
func Layout(ctx context.Context, dsn waxwing.Secret) (at schema.State, err error) {
	return at, asSQL(dsn, func(db *sql.DB) error {
		at, err = schema.Of(ctx, db)
		return err
	})
}

// MayMigrate says why the role of a DSN cannot change the tables; nil: it can.
func MayMigrate(ctx context.Context, dsn waxwing.Secret) error {
	return asSQL(dsn, func(db *sql.DB) error {
		owner, role, err := schema.NotOwner(ctx, db)
		if err == nil && owner != "" {
			err = fmt.Errorf("the tables belong to the role %q, and this is %q, which cannot change them: run it with a DSN of %[1]q", owner, role)
		}
		return err
	})
}

// Lacks gives the migrations that a database of a layout lacks.
func Lacks(at int64) ([]layout.Migration, error) { return schema.After(at) }

// asSQL lends f a connection that is only read.
func asSQL(dsn waxwing.Secret, f func(*sql.DB) error) error {
	c, err := poolOf(dsn.Reveal(), 1)
	if err != nil {
		return err
	}
	db := stdlib.OpenDB(*c.ConnConfig)
	defer func() { _ = db.Close() }()
	return f(db)
}
