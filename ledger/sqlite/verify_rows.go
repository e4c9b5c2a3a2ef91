package sqlite

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/sqlite/schema"
	"github.com/waxwinghq/waxwing/ledger/sqlite/sums"
	"github.com/waxwinghq/waxwing/ledger/verify"
)

// verifyRows sums all rows anew, and holds them against the sealed sums. It tells the
// table: which row, the steps before it tell where the trail speaks of it.
func (dir *folder) verifyRows(c *db.Conn, r *verify.Report, sealed bool) error {
	has, err := schema.Of(c)
	if err != nil {
		return err
	}
	name, _, err := identity(c)
	if err != nil {
		return err
	}
	if has > schema.Layout {
		r.Blind = append(r.Blind, fmt.Sprintf("The ledger calls its layout %d, and this program knows %d: whether its tables are as they should be, only the "+
			"program that made them can tell. If there was none, somebody changed the number.", has, schema.Layout))
	}
	if has < 3 && (name != "" || sealed) {
		r.Problem("the ledger calls its layout %d, though a newer program has written it", has)
		return nil
	}
	// A start that was killed between making the layout and sealing the rows leaves them so.
	if has < 3 || name == "" && !sealed {
		r.Blind = append(r.Blind, "The rows of this ledger are not sealed yet, so that an edit of what the trail does not repeat (due times, "+
			"lookups, tenants) cannot be seen. This version seals them at its first start.")
		return nil
	}
	s := sums.New(dir.keys)
	want, err := s.Stored(c)
	if errors.Is(err, sums.ErrBroken) {
		r.Problem("rows: %v", err)
		return nil
	}
	if err != nil {
		return err
	}
	damaged := map[string]bool{}
	have, err := s.Count(c, func(table string, err error) error {
		if err != nil && db.FaultOf(err) != db.ReadFault {
			damaged[table] = true
			r.Problem("table %s cannot be read whole: %v", table, err)
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	for name := range s.NUL {
		r.Problem("table %s: a text goes on behind a NUL, which this program never writes", name)
	}
	for name := range want {
		if _, ok := have[name]; !ok && !damaged[name] {
			r.Problem("table %s: its rows were removed", name)
		}
	}
	for name, h := range have {
		if want[name] != h && !damaged[name] {
			r.Problem("table %s: a row was edited, added, removed or put back, and not by this program", name)
		}
	}
	return nil
}

// structure checks pages, indexes, and that the tables are the program's own: a
// trigger, a changed index or a view would act behind its back.
func structure(c *db.Conn, report *verify.Report) error {
	n := 0
	err := c.Query("PRAGMA integrity_check(20)", func(r []driver.Value) error {
		if s := db.Text(r[0]); s != "ok" {
			n++
			report.Problem("the file is damaged: %s", s)
		}
		return nil
	})
	if err != nil {
		return err
	}
	has, err := schema.Of(c)
	if err != nil || has < 3 || has > schema.Layout {
		return err // an older layout grew by other ways, a newer one is not known
	}
	want, err := ownSchema(has)
	if err != nil {
		return err
	}
	have, err := schemaSQL(c)
	if err != nil {
		return err
	}
	for name, sql := range have {
		if want[name] != sql {
			report.Problem("%s is not as this program makes it", unquoted(name))
		}
	}
	for name := range want {
		if _, ok := have[name]; !ok {
			report.Problem("%s is gone", unquoted(name))
		}
	}
	return nil
}

// ownSchema is what the tables of a new ledger of a layout are made by.
func ownSchema(number int64) (map[string]string, error) {
	c, err := db.Open("file::memory:")
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }() // in memory
	if err := schema.MigrateTo(c, number); err != nil {
		return nil, err
	}
	return schemaSQL(c)
}

func schemaSQL(c *db.Conn) (map[string]string, error) {
	out := map[string]string{}
	err := c.Query("SELECT quote(type), quote(name), quote(tbl_name)||' '||quote(sql) FROM sqlite_master", func(r []driver.Value) error {
		out[db.Text(r[0])+" "+db.Text(r[1])] = db.Text(r[2])
		return nil
	})
	return out, err
}

// readWitnessFor reads the witness in the data folder; nil: there is none.
func (dir *folder) readWitnessFor(r *verify.Report) (*mark, error) {
	m, _, err := readWitness(filepath.Join(dir.o.Dir, WitnessFile), witnessKey(dir.keys))
	switch {
	case errors.Is(err, errWitness):
		r.Problem("%s: %v", filepath.Join(dir.o.Dir, WitnessFile), err)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("witness: %w", err)
	}
	return m, nil
}

func verifyWitness(c *db.Conn, r *verify.Report, m *mark) error {
	if m == nil {
		return nil
	}
	name, _, err := identity(c)
	if err != nil {
		return err
	}
	what, err := differs(c, m, name)
	if what != "" {
		r.Problem("%s", what)
	}
	return err
}

// unquoted is a name as people read it.
func unquoted(s string) string { return strings.ReplaceAll(s, "'", "") }
