package postgres

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/waxwinghq/waxwing/source/table"
)

// LSN is a place in the log.
type LSN = pglogrepl.LSN

// found is an order that a change completed.
type found struct {
	watch int
	// key is the value of its columns.
	key []string
	// row is the changed row as an object; nil where a query reads the order.
	row []byte
	sub uint32 // the part of its transaction that can be undone by itself
}

// same says that two are one order.
func (f found) id() string { return fmt.Sprint(f.watch, "\x00", strings.Join(f.key, "\x00")) }

// transaction is one that has not been committed yet, or one that is being told.
type transaction struct {
	xid   uint32
	found []found
	seen  map[string]int // by id, where in found
}

func (t *transaction) add(f found) {
	if f.row == nil { // what is a row is its own event
		id := f.id()
		if _, ok := t.seen[id]; ok {
			return // if the first is undone, so is this one: it was made within what is undone
		}
		if t.seen == nil {
			t.seen = map[string]int{}
		}
		t.seen[id] = len(t.found)
	}
	t.found = append(t.found, f)
}

// undo takes out what a savepoint that was rolled back has made. All since its first change is within it.
func (t *transaction) undo(sub uint32) {
	i := slices.IndexFunc(t.found, func(f found) bool { return f.sub == sub })
	if i < 0 {
		return
	}
	for _, f := range t.found[i:] {
		if f.row == nil {
			delete(t.seen, f.id())
		}
	}
	clear(t.found[i:])
	t.found = t.found[:i]
}

// commit is a transaction that is done.
type commit struct {
	xid   uint32
	found []found
	// end is behind it: what may be flushed when all of it is on disk.
	at, end LSN
	when    time.Time
}

// beat is a heartbeat of ours, read back.
type beat struct {
	at   LSN
	text string
}

// feed puts the messages of the log together to committed transactions. Of those that are not
// committed it keeps keys.
type feed struct {
	watches   []watch
	relations map[uint32]*relation
	watched   map[uint32][]int // the watches of a relation
	open      *transaction     // between its begin and its commit
	streams   map[uint32]*transaction
	stream    *transaction // the one of which a part is coming
	change    change
	prefix    string // of heartbeats
	// passed are changes before this place that cannot be decided, which a search finds.
	passed LSN
}

// watch is a table's block, read.
type watch struct {
	table string
	when  table.When
	keys  []string
	find  string
	whole bool // the changed row is the event
}

func newFeed(watches []watch, prefix string) *feed {
	return &feed{watches: watches, relations: map[uint32]*relation{}, watched: map[uint32][]int{}, streams: map[uint32]*transaction{}, prefix: prefix}
}

// between says that no transaction is half read, so that all before is told.
func (f *feed) between() bool { return f.open == nil && f.stream == nil }

// take reads one message, which lies at a place of the log. What it gives is nil mostly.
func (f *feed) take(at LSN, b []byte) (*commit, *beat, error) {
	if len(b) == 0 {
		return nil, nil, errShort
	}
	c := &cut{b: b[1:]}
	done, heard, err := f.message(at, b[0], c)
	if c.short {
		return nil, nil, fmt.Errorf("%w (kind %q)", errShort, b[0])
	}
	return done, heard, err
}

func (f *feed) message(at LSN, kind byte, c *cut) (*commit, *beat, error) {
	switch kind {
	case 'B':
		c.lsn()
		c.time()
		f.open = &transaction{xid: c.u32()}
		return nil, nil, nil
	case 'C':
		return f.commit(c), nil, nil
	case 'O', 'Y', 'T', 'D': // where a change was made first, a type, and what completes nothing
		return nil, nil, nil
	case 'S':
		xid := c.u32()
		if f.streams[xid] == nil {
			f.streams[xid] = &transaction{xid: xid}
		}
		f.stream = f.streams[xid]
		return nil, nil, nil
	case 'E':
		f.stream = nil
		return nil, nil, nil
	case 'c':
		xid := c.u32()
		t := f.streams[xid]
		delete(f.streams, xid)
		done := f.end(c)
		done.xid = xid
		if t != nil {
			done.found = t.found
		}
		return done, nil, nil
	case 'A':
		f.abort(c.u32(), c.u32())
		return nil, nil, nil
	case 'R', 'I', 'U', 'M':
		var sub uint32
		if f.stream != nil {
			sub = c.u32()
		}
		if kind == 'M' {
			return nil, f.heartbeat(c), nil
		}
		return nil, nil, f.row(at, kind, sub, c)
	}
	return nil, nil, fmt.Errorf("the log has a message of a kind that is not known: %q", kind)
}

func (f *feed) commit(c *cut) *commit {
	done := f.end(c)
	if f.open != nil {
		done.found, done.xid = f.open.found, f.open.xid
	}
	f.open = nil
	return done
}

func (f *feed) end(c *cut) *commit {
	c.u8()
	return &commit{at: c.lsn(), end: c.lsn(), when: c.time()}
}

func (f *feed) abort(xid, sub uint32) {
	t := f.streams[xid]
	switch {
	case t == nil:
	case xid == sub:
		delete(f.streams, xid)
	default:
		t.undo(sub)
	}
}

// heartbeat gives a message, if it is one of ours.
func (f *feed) heartbeat(c *cut) *beat {
	flags, at, prefix := c.u8(), c.lsn(), c.text()
	text := string(c.take(int(c.u32())))
	if c.short || flags != 0 || prefix != f.prefix {
		return nil
	}
	return &beat{at, text}
}

func (f *feed) row(at LSN, kind byte, sub uint32, c *cut) error {
	if kind == 'R' {
		id, r := c.relation()
		if c.short {
			return errShort
		}
		f.relations[id] = r
		delete(f.watched, id)
		for i, w := range f.watches {
			if w.table == r.name {
				f.watched[id] = append(f.watched[id], i)
			}
		}
		return nil
	}
	x := &f.change
	c.change(kind, x)
	if c.short {
		return errShort
	}
	r := f.relations[x.relation]
	if r == nil {
		return errors.New("the log has a change of a table that it has not described")
	}
	if len(x.now) != len(r.columns) || len(x.old) > 0 && len(x.old) != len(r.columns) {
		return fmt.Errorf("the log has a row of %s with other columns than the table's", r.name)
	}
	t := f.stream
	if t == nil {
		t = f.open
	}
	if t == nil {
		return errors.New("the log has a change of no transaction")
	}
	for _, i := range f.watched[x.relation] {
		if err := f.look(t, at, sub, i, r); err != nil {
			return err
		}
	}
	return nil
}

// look holds a change against a watch.
func (f *feed) look(t *transaction, at LSN, sub uint32, i int, r *relation) error {
	w, x := f.watches[i], &f.change
	now := func(name string) table.Value { return r.value(x.now, name) }
	ok, err := w.when.Match(table.Op(x.op), func(name string) table.Value { return r.before(x, name) }, now)
	if errors.Is(err, table.ErrUndecided) {
		if at < f.passed {
			return nil
		}
		return &undecidedError{table: w.table, err: err}
	}
	if err != nil {
		return fmt.Errorf("watching %s: %w: correct the configuration, or the publication's list of columns", w.table, err)
	}
	if !ok {
		return nil
	}
	out := found{watch: i, sub: sub}
	for _, k := range w.keys {
		v := now(k)
		if v.Kind == table.Unchanged {
			v = r.before(x, k)
		}
		switch v.Kind {
		case table.Null:
			return nil // it belongs to no order yet
		case table.Text:
			out.key = append(out.key, v.Text)
		default:
			return fmt.Errorf("watching %s: there is no column %q for the key: correct the configuration", w.table, k)
		}
	}
	if w.whole {
		if out.row, err = r.object(x); err != nil {
			return fmt.Errorf("watching %s: %w", w.table, err)
		}
	}
	t.add(out)
	return nil
}

// undecidedError is an update of which the log does not hold what the condition needs.
type undecidedError struct {
	table string
	err   error
}

// Error says it, with the remedy.
func (e *undecidedError) Error() string {
	return fmt.Sprintf("an update of %s cannot be decided, %v: ALTER TABLE %s REPLICA IDENTITY FULL", e.table, e.err, quoteTable(e.table))
}

// Unwrap gives the reason.
func (e *undecidedError) Unwrap() error { return e.err }

// value is that of a column in a new row.
func (r *relation) value(row []cell, name string) table.Value {
	for i, c := range r.columns {
		if c.name == name && i < len(row) {
			return c.value(row[i])
		}
	}
	return table.Value{}
}

// before is the value that a column had. Of a change without an old row the columns of the
// identity are as they were; of one with it only they are told.
func (r *relation) before(x *change, name string) table.Value {
	for i, c := range r.columns {
		if c.name != name || !c.identity {
			continue
		}
		switch {
		case len(x.old) > 0:
			return c.value(x.old[i])
		case r.whole && x.op == 'U':
			return table.Value{}
		}
		return c.value(x.now[i])
	}
	return table.Value{}
}

// Types whose text is not what a person writes.
const (
	oidBool   = 16
	oidBytea  = 17
	oidInt8   = 20
	oidInt2   = 21
	oidInt4   = 23
	oidJSON   = 114
	oidFloat4 = 700
	oidFloat8 = 701
	oidBpchar = 1042
	oidStamp  = 1114
	oidStampZ = 1184
	oidNum    = 1700
	oidJSONB  = 3802
)

func (c column) value(x cell) table.Value {
	switch x.kind {
	case 'n':
		return table.Value{Kind: table.Null}
	case 'u':
		return table.Value{Kind: table.Unchanged}
	case 't':
		s := string(x.data)
		switch c.typ {
		case oidBool:
			s = map[string]string{"t": "true", "f": "false"}[s]
		case oidBpchar:
			s = strings.TrimRight(s, " ")
		}
		return table.Value{Kind: table.Text, Text: s}
	}
	return table.Value{}
}
