package postgres

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"
)

// Messages of pgoutput, protocol version 2 (the chapter "Logical Replication Message Formats" of
// Postgres's manual). We read them ourselves: pglogrepl's reader copies each column, and ends the
// process where a message is shorter than it says. What is read here lies in the message's bytes,
// and is good until the next one.

var errShort = errors.New("a message of the log is shorter than it says")

// cut reads from the front of a message; once it was too short it gives zeroes.
type cut struct {
	b     []byte
	short bool
}

func (c *cut) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.b, c.short = nil, true
		return nil
	}
	out := c.b[:n:n]
	c.b = c.b[n:]
	return out
}

func (c *cut) u8() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cut) u16() int {
	if b := c.take(2); b != nil {
		return int(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (c *cut) u32() uint32 {
	if b := c.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (c *cut) u64() uint64 {
	if b := c.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (c *cut) lsn() LSN { return LSN(c.u64()) }

// epoch is the beginning of 2000, by which Postgres counts, in microseconds.
const epoch = 946684800 * 1e6

// time is in microseconds since then.
func (c *cut) time() time.Time {
	return time.UnixMicro(int64(c.u64()) + epoch).UTC() //nolint:gosec // it is signed there
}

func (c *cut) text() string {
	i := bytes.IndexByte(c.b, 0)
	if i < 0 {
		c.b, c.short = nil, true
		return ""
	}
	return string(c.take(i + 1)[:i])
}

// cell is a column in a row.
type cell struct {
	kind byte // 'n' null, 'u' unchanged, 't' text, 'b' binary; 0 not there
	data []byte
}

// tuple appends the columns of a row.
func (c *cut) tuple(to []cell) []cell {
	for range c.u16() {
		x := cell{kind: c.u8()}
		switch x.kind {
		case 't', 'b':
			x.data = c.take(int(c.u32()))
		case 'n', 'u':
		default:
			c.short = true
		}
		if c.short {
			return to
		}
		to = append(to, x)
	}
	return to
}

// column is one of a relation.
type column struct {
	name string
	typ  uint32
	// identity: an old row has it.
	identity bool
}

// relation is a table as the log describes it, until it describes it anew.
type relation struct {
	name    string // schema.table
	whole   bool   // its identity is FULL: an update without an old row is one of a partition whose is not
	columns []column
}

// relation reads one, and its number.
func (c *cut) relation() (uint32, *relation) {
	id := c.u32()
	r := &relation{}
	schema := c.text()
	r.name = schema + "." + c.text()
	if schema == "" {
		r.name = "pg_catalog" + r.name
	}
	r.whole = c.u8() == 'f' // of others each column says whether it is of the identity
	n := c.u16()
	for range n {
		if c.short {
			return id, r
		}
		x := column{identity: c.u8()&1 != 0, name: c.text(), typ: c.u32()}
		c.u32() // the type's modifier
		r.columns = append(r.columns, x)
	}
	return id, r
}

// change is a row that was written.
type change struct {
	relation uint32
	op       byte // 'I', 'U'
	old      []cell
	now      []cell
}

// change reads an insert or update into x, whose slices are used again.
func (c *cut) change(op byte, x *change) {
	x.op, x.relation, x.old, x.now = op, c.u32(), x.old[:0], x.now[:0]
	part := c.u8()
	if op == 'U' && (part == 'K' || part == 'O') {
		x.old = c.tuple(x.old)
		part = c.u8()
	}
	if part != 'N' {
		c.short = true
		return
	}
	x.now = c.tuple(x.now)
}
