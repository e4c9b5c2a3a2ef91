package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/waxwinghq/waxwing/source/table"
)

// found is an order that a change completed.
type found struct {
	watch int
	// key is the value of its columns: text, a number where the column holds numbers, or bytes where it holds these.
	key []any
	// row is the changed row as an object; nil where a query reads the order.
	row []byte
}

func (f found) id() string { return fmt.Sprintf("%d %q", f.watch, f.key) }

// commit is a transaction that is done.
type commit struct {
	found []found
	place
}

// group is one that the log is telling of.
type group struct {
	gtid
	flags byte
	found []found
	seen  map[string]bool
	saved map[string]int // how many were found at a savepoint, by its name
	xa    string         // what a prepared transaction is called
}

// Flags of a group.
const (
	standalone = 1
	prepared   = 64
	completed  = 128
)

// feed puts the events of the log together to committed transactions. Of those that are not it keeps keys.
type feed struct {
	watches  []watch
	texts    *texts
	columns  map[uint64][]column
	at       place // behind the last transaction
	file     spot  // the one being read
	known    spot  // where a page says that it was: the file must be that one
	open     *group
	prepared map[string][]found
}

func newFeed(watches []watch, t *texts, at place) *feed {
	return &feed{watches: watches, texts: t, columns: map[uint64][]column{}, at: at, known: at.spot, prepared: map[string][]found{}}
}

// wanted says whether rows of a table are read.
func (f *feed) wanted(database, name []byte) bool {
	for _, w := range f.watches {
		if len(w.table) == len(database)+1+len(name) && strings.HasPrefix(w.table, string(database)) && w.table[len(database)] == '.' && strings.HasSuffix(w.table, string(name)) {
			return true
		}
	}
	return false
}

// gapError says that the log is not the one that was read.
type gapError struct{ why string }

// Error says it.
func (e *gapError) Error() string { return e.why }

// undecidedError is a change of which the log does not hold what is needed.
type undecidedError struct{ why, remedy string }

// Error says it, with the remedy.
func (e *undecidedError) Error() string { return e.why + ": " + e.remedy }

// take reads one event. What it gives is nil mostly.
func (f *feed) take(ctx context.Context, ev *replication.BinlogEvent) (*commit, error) {
	switch e := ev.Event.(type) {
	case *replication.RotateEvent:
		if name := string(e.NextLogName); name != f.file.File {
			f.file = spot{File: name}
			clear(f.columns)
		}
	case *replication.FormatDescriptionEvent:
		if f.file.Born == 0 {
			f.file.Born = ev.Header.Timestamp
		}
		clear(f.columns)
		if k := f.known; k.File == f.file.File && k.Born != 0 && f.file.Born != 0 && k.Born != f.file.Born {
			return nil, &gapError{"the server's log was begun anew: the file " + k.File + " is another than before"}
		}
	case *replication.MariadbGTIDEvent:
		return nil, f.begin(e)
	case *replication.QueryEvent:
		return f.query(string(e.Schema), string(e.Query), ev.Header)
	case *replication.XIDEvent:
		return f.commit(ev.Header), nil
	case *replication.RowsEvent:
		return nil, f.rows(ctx, e)
	case *replication.BeginLoadQueryEvent, *replication.ExecuteLoadQueryEvent:
		return nil, &undecidedError{"LOAD DATA was logged as a statement, without rows", "SET GLOBAL binlog_format = 'ROW'"}
	case *replication.GenericEvent:
		if ev.Header.EventType == replication.INCIDENT_EVENT {
			return nil, &gapError{"the server has noted in its log that changes are missing there (an incident event)"}
		}
		if ev.Header.EventType == replication.XA_PREPARE_LOG_EVENT && f.open != nil {
			f.prepared[f.open.xa] = f.open.found // also if there is none: that is known then
			f.open.found = nil
			return f.commit(ev.Header), nil
		}
	}
	return nil, nil
}

func (f *feed) begin(e *replication.MariadbGTIDEvent) error {
	g := gtid{e.GTID.DomainID, e.GTID.ServerID, e.GTID.SequenceNumber}
	if last, ok := f.at.pos[g.domain]; ok && g.seq <= last.seq {
		return &gapError{fmt.Sprintf("the server's log was begun anew: after %s it tells of %s", last, g)}
	}
	f.open = &group{gtid: g, flags: e.Flags, seen: map[string]bool{}, saved: map[string]int{}}
	return nil
}

// commit ends the group.
func (f *feed) commit(h *replication.EventHeader) *commit {
	if f.open == nil {
		return nil
	}
	c := &commit{found: f.open.found}
	at := f.file
	at.At = uint64(h.LogPos)
	f.at = place{f.at.pos.with(f.open.gtid), at, time.Unix(int64(h.Timestamp), 0).UTC()}
	f.open, c.place = nil, f.at
	return c
}

// query reads what stands in the log as text: the ends of transactions, what alters tables, and what should not be there.
func (f *feed) query(database, text string, h *replication.EventHeader) (*commit, error) {
	word, rest := statement(text)
	switch {
	case f.open == nil:
		return nil, nil
	case word == "BEGIN" && rest == "" || word == "RELEASE":
		return nil, nil
	case word == "SAVEPOINT":
		f.open.saved[savepoint(rest)] = len(f.open.found)
		return nil, nil
	case word == "COMMIT":
		return f.commit(h), nil
	case word == "ROLLBACK" && rest == "":
		f.open.found = nil
		return f.commit(h), nil
	case word == "ROLLBACK":
		return nil, f.back(rest)
	case word == "XA":
		return f.xa(rest, h)
	case !definition(word, rest) && f.mentions(database, text):
		return nil, &undecidedError{"a statement that changes a watched table was logged without rows", "SET GLOBAL binlog_format = 'ROW'"}
	}
	clear(f.columns) // a table may have been altered
	if f.open.flags&standalone != 0 {
		return f.commit(h), nil
	}
	return nil, nil
}

// back undoes what came after a savepoint. The log tells of it where the transaction has changed a table that cannot undo.
func (f *feed) back(rest string) error {
	name := savepoint(rest)
	n, ok := f.open.saved[name]
	if !ok || n > len(f.open.found) || strings.ContainsFunc(name, func(r rune) bool { return r > 0x7f }) { // the server holds ä and a for one name
		return &undecidedError{"a transaction was rolled back to a savepoint that is not known", "nothing is to be changed; the scan finds its orders"}
	}
	f.open.found = f.open.found[:n]
	clear(f.open.seen)
	for _, x := range f.open.found {
		if x.row == nil {
			f.open.seen[x.id()] = true
		}
	}
	return nil
}

// mentions says whether a statement, said in a database, names a watched table.
func (f *feed) mentions(database, text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(f.watches, func(w watch) bool {
		of, name, _ := strings.Cut(strings.ToLower(w.table), ".")
		return strings.Contains(text, name) && (strings.EqualFold(of, database) || strings.Contains(text, of))
	})
}

// xa reads the steps of a transaction in two phases: what is prepared is told when it is committed.
func (f *feed) xa(rest string, h *replication.EventHeader) (*commit, error) {
	step, id, _ := strings.Cut(rest, " ")
	switch strings.ToUpper(step) {
	case "START", "BEGIN":
		f.open.xa = id
		return nil, nil
	case "COMMIT":
		list, ok := f.prepared[id]
		if !ok && f.open.flags&completed != 0 {
			return nil, &undecidedError{"a transaction in two phases (XA) was committed that was prepared before this start, and orders may be in it", "nothing is to be changed; the scan finds them"}
		}
		f.open.found = list
		delete(f.prepared, id)
		return f.commit(h), nil
	case "ROLLBACK":
		delete(f.prepared, id)
		return f.commit(h), nil
	}
	return nil, nil
}

func (f *feed) rows(ctx context.Context, e *replication.RowsEvent) error {
	name := string(e.Table.Schema) + "." + string(e.Table.Table)
	if len(e.Rows) == 0 {
		return nil
	}
	var op table.Op
	step := 1
	switch e.Type() {
	case replication.EnumRowsEventTypeInsert:
		op = table.Insert
	case replication.EnumRowsEventTypeUpdate:
		op, step = table.Update, 2
	default:
		return nil
	}
	if f.open == nil {
		return fmt.Errorf("the log has a change of %s in no transaction", name)
	}
	columns, ok := f.columns[e.TableID]
	if !ok {
		var err error
		if columns, err = f.texts.columnsOf(ctx, e.Table); err != nil {
			return fmt.Errorf("reading a change of %s: %w", name, err)
		}
		if columns == nil { // which columns it had then nobody knows: the table may have been altered since
			return &undecidedError{"the log does not name the columns of " + name, "SET GLOBAL binlog_row_metadata = 'FULL'"}
		}
		f.columns[e.TableID] = columns
	}
	for i := 0; i+step <= len(e.Rows); i += step {
		x := change{ctx: ctx, texts: f.texts, columns: columns, op: op, now: image{e.Rows[i+step-1], e.SkippedColumns[i+step-1]}, old: image{e.Rows[i], e.SkippedColumns[i]}}
		for j, w := range f.watches {
			if w.table != name {
				continue
			}
			if err := f.look(&x, j); err != nil {
				return err
			}
		}
	}
	return nil
}

// image is a row, without the columns that were left out.
type image struct {
	row     []any
	skipped []int
}

// change is one of a row.
type change struct {
	ctx      context.Context
	texts    *texts
	columns  []column
	op       table.Op
	old, now image
	err      error // of a value that cannot be read
}

// find gives a column's place; -1: there is none.
func (x *change) find(name string) int {
	return slices.IndexFunc(x.columns, func(c column) bool { return c.name == name })
}

// value is that of a column. One that is left out of the new row is as it was.
func (x *change) value(m image, name string, left table.Kind) table.Value {
	i := x.find(name)
	switch {
	case i < 0:
		return table.Value{}
	case slices.Contains(m.skipped, i):
		return table.Value{Kind: left}
	case m.row[i] == nil:
		return table.Value{Kind: table.Null}
	}
	s, err := x.texts.text(x.ctx, x.columns[i], m.row[i])
	if err != nil {
		x.err = errors.Join(x.err, err)
	}
	return table.Value{Kind: table.Text, Text: s}
}

// word is a value as a condition has it: without the zeros that fill its column, which nobody can write there.
func (x *change) word(name string, v table.Value) table.Value {
	if i := x.find(name); i >= 0 && x.columns[i].size > 0 {
		v.Text = strings.TrimRight(v.Text, "\x00")
	}
	return v
}

// look holds a change against a watch.
func (f *feed) look(x *change, i int) error {
	w := f.watches[i]
	now := func(name string) table.Value { return x.value(x.now, name, table.Unchanged) }
	ok, err := w.when.Match(x.op, func(name string) table.Value { return x.word(name, x.value(x.old, name, table.Unknown)) },
		func(name string) table.Value { return x.word(name, now(name)) })
	switch {
	case x.err != nil:
		return fmt.Errorf("watching %s: %w", w.table, x.err)
	case errors.Is(err, table.ErrUndecided):
		return &undecidedError{fmt.Sprintf("an update of %s cannot be decided, %v", w.table, err), "SET GLOBAL binlog_row_image = 'FULL'"}
	case err != nil:
		return fmt.Errorf("watching %s: %w: correct the configuration", w.table, err)
	case !ok:
		return nil
	}
	out := found{watch: i}
	for _, k := range w.keys {
		v, c := now(k), x.find(k)
		if v.Kind == table.Unchanged {
			v = x.value(x.old, k, table.Unknown)
		}
		switch {
		case c < 0:
			return fmt.Errorf("watching %s: there is no column %q for the key: correct the configuration", w.table, k)
		case v.Kind == table.Null:
			return nil // it belongs to no order yet
		case v.Kind != table.Text:
			return &undecidedError{"a row of " + w.table + " was logged without its key", "SET GLOBAL binlog_row_image = 'FULL'"}
		}
		out.key = append(out.key, typed(x.columns[c].kind(), v.Text))
	}
	if w.whole {
		if out.row, err = x.object(); err != nil {
			return fmt.Errorf("watching %s: %w", w.table, err)
		}
	} else if id := out.id(); f.open.seen[id] {
		return nil
	} else {
		f.open.seen[id] = true
	}
	f.open.found = append(f.open.found, out)
	return nil
}

// object makes the changed row an event.
func (x *change) object() ([]byte, error) {
	var o table.Object
	for i, c := range x.columns {
		m := x.now
		if slices.Contains(m.skipped, i) {
			m = x.old
		}
		if slices.Contains(m.skipped, i) {
			return nil, &undecidedError{"the column " + c.name + " was left out of the log", "SET GLOBAL binlog_row_image = 'FULL'"}
		}
		v, err := x.texts.json(x.ctx, c, m.row[i])
		if err != nil {
			return nil, err
		}
		o.Member(c.name, v)
	}
	return o.Bytes(), nil
}
