// Package schema brings a Postgres database's tables to the layout that this program knows, one
// numbered migration after the other, while programs of the layout before go on.
package schema

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/waxwinghq/waxwing/ledger/layout"
)

// Layout is the tables' version that this program makes: the number of the last migration.
const Layout int64 = 7

// Marked is the first migration that says what it is. Those before it are contractions, and programs
// that do not know it refuse each newer layout.
const Marked int64 = 5

// table keeps which migrations were applied.
const table = "ledger_layout"

// MetaLeast is the row of the table meta with the least layout that a program must know; none: the
// one before Marked.
const MetaLeast = "least"

// A migration is a numbered file, and never changed once it was released. Each runs in a
// transaction of its own together with its number. From 00005 on it says whether it is an
// expansion or a contraction, and which tables it holds: see package layout.
//
//go:embed migrations/*.sql
var migrations embed.FS

// program is one that knows so many migrations.
type program struct {
	files  fs.FS
	layout int64
}

var present = program{migrations, Layout}

// State is where a database stands.
type State struct {
	// Layout is the number of its last migration; 0: it has no ledger.
	Layout int64
	// Least is the layout that a program must know.
	Least int64
}

// Newer says that it has what this program does not know, and need not.
func (s State) Newer() bool { return s.Layout > Layout && s.Least <= Layout }

// Suits says why this program must not use a database that has a ledger; nil: it may.
func Suits(s State) error { return present.suits(s) }

func (p program) suits(s State) error {
	if s.Least > p.layout {
		return fmt.Errorf("the ledger has layout %d, for programs that know %d, and this one knows %d: run the newer program", s.Layout, s.Least, p.layout)
	}
	needs, err := p.needs()
	if err == nil && s.Layout < needs {
		err = fmt.Errorf("the ledger has layout %d, and this program needs %d: run waxwing ledger migrate, or start the daemon once", s.Layout, needs)
	}
	return err
}

// needs is the layout that a program can work with: it does not need the contractions behind it.
func (p program) needs() (at int64, err error) {
	all, err := layout.After(p.files, 0)
	for _, m := range all {
		if m.Kind != layout.Contract {
			at = m.Number
		}
	}
	return at, err
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

// Of is where a database stands.
func Of(ctx context.Context, db *sql.DB) (s State, err error) {
	var there sql.NullString
	if err := db.QueryRowContext(ctx, "SELECT to_regclass($1)::text", table).Scan(&there); err != nil || !there.Valid {
		return s, err
	}
	if err = db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+table+" WHERE is_applied").Scan(&s.Layout); err != nil || s.Layout < Marked {
		s.Least = s.Layout
		return s, err
	}
	var least string
	if err = db.QueryRowContext(ctx, "SELECT coalesce((SELECT convert_from(v, 'UTF8') FROM meta WHERE k = $1), $2)", MetaLeast, strconv.FormatInt(Marked-1, 10)).Scan(&least); err != nil {
		return s, err
	}
	s.Least, err = strconv.ParseInt(least, 10, 64)
	return s, err
}
