package sums

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"modernc.org/sqlite"

	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/trail"
)

// The trail proves what happened; sums prove the rows beside it. Each table has
// the sum of its rows' keyed hashes, kept up to date by SQLite's own report of
// each row that changes, so that no statement can forget it. The sums are
// written with each commit, sealed with a key of the ledger and bound to the
// batch of the trail they stand at: a row that was edited, added, removed or put
// back from an older copy shows, in any table and column.
//
// Addition, and not a chain, since rows change in any order: taking a row's old
// hash away and adding the new one costs the same however long the table is.

// sum is a table's: 128 bits, added modulo 2^128.
type sum struct{ hi, lo uint64 }

func (s *sum) add(o sum) {
	var c uint64
	s.lo, c = bits.Add64(s.lo, o.lo, 0)
	s.hi, _ = bits.Add64(s.hi, o.hi, c)
}

func (s *sum) sub(o sum) {
	var b uint64
	s.lo, b = bits.Sub64(s.lo, o.lo, 0)
	s.hi, _ = bits.Sub64(s.hi, o.hi, b)
}

// Sums are those of all tables but the trail. The writer alone uses them.
type Sums struct {
	key    seal.Key
	Tables map[string]sum
	Moved  bool            // since they were last written
	Err    error           // what kept the hook from seeing a row
	NUL    map[string]bool // tables with a text that goes on behind a NUL, where rows are read
	buf    []byte
	slot   uintptr // where SQLite puts a value of a changed row
}

// Row is where the sealed sums stand in meta.
const Row = "sums"

// unsummed are tables that have a proof of their own.
func unsummed(table string) bool { return table == "trail" || len(table) > 7 && table[:7] == "sqlite_" }

// New returns the sums of a ledger with these keys: nothing is summed yet.
func New(keys *seal.Keyring) *Sums {
	return &Sums{key: keys.Derive("row sums"), Tables: map[string]sum{}, NUL: map[string]bool{}}
}

// hash is a row's, under the ledger's key: nobody else can tell by how much a
// change moves a sum. The key comes first and the hash is cut off, so that it
// cannot be extended.
func (s *Sums) hash(table string, row []any) sum {
	b := s.begin(table)
	row = filled(table, row)
	for _, v := range row {
		switch v := v.(type) {
		case int64:
			b = binary.BigEndian.AppendUint64(append(b, 'i'), uint64(v))
		case string:
			// SQLite's report ends a text at its first NUL; none is ever written (see bind).
			if i := strings.IndexByte(v, 0); i >= 0 {
				s.NUL[table] = true
				v = v[:i]
			}
			b = append(binary.BigEndian.AppendUint32(append(b, 't'), uint32(len(v))), v...)
		case []byte:
			if len(v) == 0 { // reported as NULL is
				b = append(b, 'n')
				break
			}
			b = append(binary.BigEndian.AppendUint32(append(b, 'b'), uint32(len(v))), v...)
		case nil:
			b = append(b, 'n')
		default:
			b = fmt.Appendf(append(b, '?'), "%T %v", v, v)
		}
	}
	return s.end(b)
}

// begin is what is hashed before a row's values.
func (s *Sums) begin(table string) []byte {
	return append(append(append(s.buf[:0], s.key[:]...), table...), 0)
}

// end is the hash, and keeps the memory for the next one.
func (s *Sums) end(b []byte) sum {
	s.buf = b
	h := sha256.Sum256(b)
	return sum{binary.BigEndian.Uint64(h[:8]), binary.BigEndian.Uint64(h[8:16])}
}

// firstColumns are how many a table had when its rows were first summed, where later
// layouts have added some.
var firstColumns = map[string]int{"confirmations": 17, "messages": 16, "contents": 2, "instances": 3, "suppressions": 4, "annotations": 5}

// filled is a row without the empty end of what later layouts have added to it: so a row that
// was there before has the hash that it had, and a new layout need not sum it anew.
func filled(table string, row []any) []any {
	n, grown := firstColumns[table]
	for grown && len(row) > n && row[len(row)-1] == nil {
		row = row[:len(row)-1]
	}
	return row
}

// Watch has the connection report each row that it changes.
func (s *Sums) Watch(c *db.Conn) error {
	h, ok := c.Raw.(sqlite.HookRegisterer)
	if !ok {
		return errors.New("this SQLite driver does not report changed rows")
	}
	if s.slot == 0 {
		if s.slot = newSlot(); s.slot == 0 {
			return errors.New("no memory for a pointer")
		}
	}
	h.RegisterPreUpdateHook(func(d sqlite.SQLitePreUpdateData) {
		if unsummed(d.TableName) || d.DatabaseName != "main" {
			return
		}
		if err := s.changed(&d); err != nil {
			s.Err = err
		}
	})
	return nil
}

// The operations that SQLite reports (sqlite3.h).
const (
	opDelete = 9
	opInsert = 18
	opUpdate = 23
)

func (s *Sums) changed(d *sqlite.SQLitePreUpdateData) error {
	if d.TableName == "meta" {
		key, read := make([]any, 1), d.Old
		if d.Op == opInsert {
			read = d.New
		}
		if err := read(key...); err != nil || ownRow(d.TableName, key) {
			return err
		}
	}
	t := s.Tables[d.TableName]
	if d.Op == opDelete || d.Op == opUpdate {
		h, err := s.reported(d, false)
		if err != nil {
			return err
		}
		t.sub(h)
	}
	if d.Op == opInsert || d.Op == opUpdate {
		h, err := s.reported(d, true)
		if err != nil {
			return err
		}
		t.add(h)
	}
	s.Tables[d.TableName], s.Moved = t, true
	return nil
}

// ownRow is the row that holds the sums themselves.
func ownRow(table string, row []any) bool { return table == "meta" && row[0] == Row }

// Count sums what stands in the tables, however long that takes.
func (s *Sums) Count(c *db.Conn, each func(table string, err error) error) (map[string]sum, error) {
	names, err := tablesOf(c)
	if err != nil {
		return nil, err
	}
	out := map[string]sum{}
	row := make([]any, 0, 32)
	for _, name := range names {
		var t sum
		err := c.Query(`SELECT * FROM "`+strings.ReplaceAll(name, `"`, `""`)+`"`, func(v []driver.Value) error {
			row = row[:0]
			for _, x := range v {
				row = append(row, x)
			}
			if !ownRow(name, row) {
				t.add(s.hash(name, row))
			}
			return nil
		})
		if err = each(name, err); err != nil {
			return nil, err
		}
		if t != (sum{}) {
			out[name] = t
		}
	}
	return out, nil
}

func tablesOf(c *db.Conn) (names []string, err error) {
	err = c.Query("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name", func(v []driver.Value) error {
		if n := db.Text(v[0]); !unsummed(n) {
			names = append(names, n)
		}
		return nil
	})
	return names, err
}

// Sealed is how the sums are stored: a line a table, then the seal over them
// and the place in the trail where they stand.
func (s *Sums) Sealed(batch int64, head trail.Head) []byte {
	b := fmt.Appendf(make([]byte, 0, 512), "batch %d\n", batch)
	for _, name := range slices.Sorted(maps.Keys(s.Tables)) {
		if t := s.Tables[name]; t != (sum{}) {
			b = fmt.Appendf(b, "%s %016x%016x\n", name, t.hi, t.lo)
		}
	}
	return append(b, s.seal(b, batch, head)...)
}

const sealSize = 16

func (s *Sums) seal(b []byte, batch int64, head trail.Head) []byte {
	m := hmac.New(sha256.New, s.key[:])
	var place [8]byte
	binary.BigEndian.PutUint64(place[:], uint64(batch))
	m.Write(place[:])
	m.Write(head[:])
	m.Write(b)
	return m.Sum(nil)[:sealSize]
}

// ErrBroken: the sums cannot be trusted, and rows may have been changed.
var ErrBroken = errors.New("the seal over the rows is missing, or is not this ledger's at this place of its trail")

// parse reads what sealed wrote.
func (s *Sums) parse(b []byte, batch int64, head trail.Head) (map[string]sum, error) {
	if len(b) < sealSize {
		return nil, ErrBroken
	}
	body, seal := b[:len(b)-sealSize], b[len(b)-sealSize:]
	if !hmac.Equal(seal, s.seal(body, batch, head)) {
		place, _, _ := bytes.Cut(body, []byte{'\n'})
		return nil, fmt.Errorf("%w (sealed at %.30q, and the trail ends at batch %d)", ErrBroken, place, batch)
	}
	out := map[string]sum{}
	_, tables, _ := bytes.Cut(body, []byte{'\n'})
	for line := range bytes.Lines(tables) {
		var name string
		var t sum
		if _, err := fmt.Sscanf(string(line), "%s %16x%16x\n", &name, &t.hi, &t.lo); err != nil {
			return nil, ErrBroken
		}
		out[name] = t
	}
	return out, nil
}

// Stored reads the sums of the file as a connection sees it.
func (s *Sums) Stored(c *db.Conn) (map[string]sum, error) {
	var v [2]driver.Value
	var batch int64
	var head trail.Head
	if ok, err := c.Row("SELECT batch, head FROM trail ORDER BY batch DESC LIMIT 1", v[:]); err != nil {
		return nil, err
	} else if ok {
		batch = db.Int(v[0])
		copy(head[:], db.Blob(v[1]))
	}
	if _, err := c.Row("SELECT v FROM meta WHERE k='"+Row+"'", v[:1]); err != nil {
		return nil, err
	}
	return s.parse(db.Blob(v[0]), batch, head)
}
