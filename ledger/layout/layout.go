// Package layout tells which numbered migrations of a store's tables are still to run, and what
// each means to the programs that run beside it.
package layout

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Kind says what a migration means to programs that do not know it.
type Kind string

// The kinds. A store that only one program uses at a time needs none.
const (
	Unmarked Kind = ""
	Expand   Kind = "expand"   // they go on: it only adds what they need not know
	Contract Kind = "contract" // they may not: something that they need is not there any more
)

// Hold is a table that a migration keeps others from while it runs.
type Hold struct {
	Table string
	// From says what they must wait with: "writes", or "reads and writes".
	From string
}

// Migration is one numbered file.
type Migration struct {
	Number int64
	Name   string
	SQL    string
	Kind   Kind
	Holds  []Hold
}

// After gives the migrations of a folder above a number, in their order.
func After(folder fs.FS, at int64) (out []Migration, err error) {
	names, err := fs.Glob(folder, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migration %s has no number", name)
		}
		if n <= at {
			continue
		}
		b, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, err
		}
		m := Migration{Number: n, Name: path.Base(name), SQL: string(b)}
		if err := m.read(); err != nil {
			return nil, fmt.Errorf("migration %s: %w", name, err)
		}
		out = append(out, m)
	}
	return out, nil
}

// says begins the lines of a file by which it says what it is:
//
//	-- waxwing: expand
//	-- waxwing: holds instances from reads and writes
const says = "-- waxwing: "

func (m *Migration) read() error {
	for line := range strings.Lines(m.SQL) {
		said, ok := strings.CutPrefix(strings.TrimSpace(line), says)
		if !ok {
			continue
		}
		held, isHold := strings.CutPrefix(said, "holds ")
		switch table, from, _ := strings.Cut(held, " from "); {
		case isHold && (from == "writes" || from == "reads and writes"):
			m.Holds = append(m.Holds, Hold{table, from})
		case m.Kind == Unmarked && (Kind(said) == Expand || Kind(said) == Contract):
			m.Kind = Kind(said)
		default:
			return fmt.Errorf("%q says nothing that is known, or says it twice", strings.TrimSpace(line))
		}
	}
	return nil
}
