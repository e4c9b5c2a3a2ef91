package sqlite

import (
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/waxwinghq/waxwing"
)

// verifyRows sums all rows anew, and holds them against the sealed sums. It tells the
// table: which row, the steps before it tell where the trail speaks of it.
func (l *Ledger) verifyRows(v *verifier) func(*conn) error {
	return func(c *conn) error {
		has, err := schemaOf(c)
		if err != nil {
			return err
		}
		name, _, err := identity(c)
		if err != nil {
			return err
		}
		if has > version {
			v.r.Blind = append(v.r.Blind, fmt.Sprintf("The ledger calls its layout %d, and this program knows %d: whether its tables are as they should be, only the "+
				"program that made them can tell. If there was none, somebody changed the number.", has, version))
		}
		if has < 3 && (name != "" || v.sealed) {
			v.r.add("the ledger calls its layout %d, though a newer program has written it", has)
			return nil
		}
		// A start that was killed between making the layout and sealing the rows leaves them so.
		if has < 3 || name == "" && !v.sealed {
			v.r.Blind = append(v.r.Blind, "The rows of this ledger are not sealed yet, so that an edit of what the trail does not repeat (due times, "+
				"lookups, tenants) cannot be seen. This version seals them at its first start.")
			return nil
		}
		s := newSums(l.keys)
		want, err := s.stored(c)
		if errors.Is(err, errSums) {
			v.r.add("rows: %v", err)
			return nil
		}
		if err != nil {
			return err
		}
		damaged := map[string]bool{}
		have, err := s.count(c, func(table string, err error) error {
			if err != nil && faultOf(err) != readFault {
				damaged[table] = true
				v.r.add("table %s cannot be read whole: %v", table, err)
				return nil
			}
			return err
		})
		if err != nil {
			return err
		}
		for name := range s.nul {
			v.r.add("table %s: a text goes on behind a NUL, which this program never writes", name)
		}
		for name := range want {
			if _, ok := have[name]; !ok && !damaged[name] {
				v.r.add("table %s: its rows were removed", name)
			}
		}
		for name, h := range have {
			if want[name] != h && !damaged[name] {
				v.r.add("table %s: a row was edited, added, removed or put back, and not by this program", name)
			}
		}
		return nil
	}
}

// resealed: an older program's ledger is sealed once. Any other time the seal was
// broken, and what its rows were before cannot be told any more.
func (v *verifier) resealed(e *waxwing.TrailEntry) {
	if e.Detail["reason"] == "upgraded" && !v.sealed {
		v.sealed = true
		return
	}
	v.r.add("the seal over the rows was broken, and they were sealed anew on %s: edits of rows before that, which the trail does not repeat, cannot be seen",
		stamp(e.At))
}

// bar notes a suppression that the trail tells of.
func (v *verifier) bar(e *waxwing.TrailEntry) {
	if h := e.Detail["hash"]; h != "" {
		v.barred[h] = true
	} else {
		v.unnamed++ // an older program wrote it
	}
}

func (v *verifier) suppressions(c *conn) error {
	unknown := 0
	err := c.query("SELECT hash FROM suppressions", func(r []driver.Value) error {
		h := hex.EncodeToString(blob(r[0]))
		if !v.barred[h] {
			unknown++
		}
		delete(v.barred, h)
		return nil
	})
	if unknown > v.unnamed {
		v.r.add("%d suppressions stand in no entry of the trail", unknown-v.unnamed)
	}
	if len(v.barred) > 0 {
		v.r.add("%d suppressions stand in the trail, but their rows are gone", len(v.barred))
	}
	return err
}

// structure checks pages, indexes, and that the tables are the program's own: a
// trigger, a changed index or a view would act behind its back.
func (v *verifier) structure(c *conn) error {
	n := 0
	err := c.query("PRAGMA integrity_check(20)", func(r []driver.Value) error {
		if s := str(r[0]); s != "ok" {
			n++
			v.r.add("the file is damaged: %s", s)
		}
		return nil
	})
	if err != nil {
		return err
	}
	has, err := schemaOf(c)
	if err != nil || has < 3 || has > version {
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
			v.r.add("%s is not as this program makes it", unquoted(name))
		}
	}
	for name := range want {
		if _, ok := have[name]; !ok {
			v.r.add("%s is gone", unquoted(name))
		}
	}
	return nil
}

// ownSchema is what the tables of a new ledger of a layout are made by.
func ownSchema(layout int64) (map[string]string, error) {
	c, err := openConn("file::memory:")
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.close() }() // in memory
	if err := migrateTo(c, layout); err != nil {
		return nil, err
	}
	return schemaSQL(c)
}

func schemaSQL(c *conn) (map[string]string, error) {
	out := map[string]string{}
	err := c.query("SELECT quote(type), quote(name), quote(tbl_name)||' '||quote(sql) FROM sqlite_master", func(r []driver.Value) error {
		out[str(r[0])+" "+str(r[1])] = str(r[2])
		return nil
	})
	return out, err
}

// readWitnessFor reads the witness in the data folder; nil: there is none.
func (l *Ledger) readWitnessFor(v *verifier) (*mark, error) {
	m, _, err := readWitness(filepath.Join(l.o.Dir, WitnessFile), witnessKey(l.keys))
	switch {
	case errors.Is(err, errWitness):
		v.r.add("%s: %v", filepath.Join(l.o.Dir, WitnessFile), err)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("witness: %w", err)
	}
	return m, nil
}

func (l *Ledger) verifyWitness(v *verifier, m *mark) func(*conn) error {
	return func(c *conn) error {
		if m == nil {
			return nil
		}
		name, _, err := identity(c)
		if err != nil {
			return err
		}
		what, err := differs(c, m, name)
		if what != "" {
			v.r.add("%s", what)
		}
		return err
	}
}

// unquoted is a name as people read it.
func unquoted(s string) string { return strings.ReplaceAll(s, "'", "") }
