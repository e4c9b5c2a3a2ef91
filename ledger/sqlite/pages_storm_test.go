package sqlite

import (
	"bytes"
	"database/sql/driver"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
)

// storm is a file with b-trees of all kinds, and a model of what they hold.
type storm struct {
	t    *testing.T
	c    *db.Conn
	path string
	rng  *rand.Rand
	rows map[string]map[int64][]byte
	gone secrets
}

var stormTables = []string{"narrow", "wide", "flat"}

func newStorm(t *testing.T, seed uint64, page int, secure bool) *storm {
	x := &storm{t: t, path: filepath.Join(t.TempDir(), "x.db"), rng: rand.New(rand.NewPCG(seed, 2)), rows: map[string]map[int64][]byte{}, gone: secrets{}}
	var err error
	if x.c, err = db.Open("file:" + x.path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.c.Close() })
	x.do(fmt.Sprintf("PRAGMA page_size=%d", page))
	x.do("PRAGMA journal_mode=WAL")
	x.do("PRAGMA wal_autocheckpoint=0")
	x.do("PRAGMA synchronous=OFF")
	x.secure(secure)
	x.do("CREATE TABLE narrow (k INTEGER PRIMARY KEY, v BLOB)")
	x.do("CREATE TABLE wide (k INTEGER PRIMARY KEY, w TEXT, v BLOB)")
	x.do("CREATE INDEX wide_v ON wide (v)")
	x.do("CREATE TABLE flat (k INTEGER, v BLOB, PRIMARY KEY (v, k)) WITHOUT ROWID")
	for _, n := range stormTables {
		x.rows[n] = map[int64][]byte{}
	}
	return x
}

func (x *storm) do(q string, args ...any) {
	x.t.Helper()
	if _, err := x.c.Exec(q, args...); err != nil {
		x.t.Fatal(q, err)
	}
}

func (x *storm) blob() []byte {
	n := []int{16, 20, 40, 90, 300, 700, 1900, 4200, 9000}[x.rng.IntN(9)] + x.rng.IntN(40)
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(1 + x.rng.IntN(255))
	}
	return b
}

func (x *storm) key(n string) int64 {
	for k := range x.rows[n] {
		return k
	}
	return 0
}

func (x *storm) step() {
	n := stormTables[x.rng.IntN(len(stormTables))]
	switch k := x.rng.Int64N(1 << 30); x.rng.IntN(10) {
	case 0, 1, 2:
		if k = x.key(n); k != 0 {
			x.do("DELETE FROM "+n+" WHERE k=?", k)
			x.gone.add(x.rows[n][k])
			delete(x.rows[n], k)
		}
	case 3, 4:
		if k = x.key(n); k != 0 {
			b := x.blob()
			x.do("UPDATE "+n+" SET v=? WHERE k=?", b, k)
			x.gone.add(x.rows[n][k])
			x.rows[n][k] = b
		}
	default:
		b := x.blob()
		x.do("INSERT OR REPLACE INTO "+n+" (k, v) VALUES (?,?)", k, b)
		x.rows[n][k] = b
	}
}

func (x *storm) whole() {
	x.t.Helper()
	var v [1]driver.Value
	if _, err := x.c.Row("PRAGMA integrity_check", v[:]); err != nil || db.Text(v[0]) != "ok" {
		x.t.Fatal(db.Text(v[0]), err)
	}
	for n, rows := range x.rows {
		got := 0
		err := x.c.Query("SELECT k, v FROM "+n, func(v []driver.Value) error {
			got++
			if !bytes.Equal(rows[db.Int(v[0])], db.Blob(v[1])) {
				return fmt.Errorf("%s: row %d is another", n, db.Int(v[0]))
			}
			return nil
		})
		if err != nil || got != len(rows) {
			x.t.Fatal(got, len(rows), err)
		}
	}
}

// left counts the pieces of rows that are gone in the file.
func (x *storm) left(s secrets) (n int) {
	x.t.Helper()
	if _, _, _, err := x.c.Checkpointed("TRUNCATE"); err != nil {
		x.t.Fatal(err)
	}
	for _, k := range s.in(x.t, filepath.Dir(x.path)) {
		n += k
	}
	return n
}

func (x *storm) secure(on bool) {
	n := 0
	if on {
		n = 1
	}
	x.do(fmt.Sprintf("PRAGMA secure_delete=%d", n))
}

// undone does something and takes it back, as a statement does that fails: what it
// wrote in pages that were free stays there.
func (x *storm) undone(steps int) {
	rows, gone := map[string]map[int64][]byte{}, x.gone
	for n := range x.rows {
		rows[n] = maps.Clone(x.rows[n])
	}
	x.gone = secrets{}
	x.do("SAVEPOINT s")
	for range steps {
		x.step()
	}
	x.do("ROLLBACK TO s")
	x.do("RELEASE s")
	x.rows, x.gone = rows, gone
}

// pass is a scrub's, with steps of others between its looks and its writes.
func (x *storm) pass(deep bool, steps int) (found int) {
	x.t.Helper()
	check := func(err error) {
		x.t.Helper()
		if err != nil {
			x.t.Fatal(err)
		}
	}
	t := overwriting{&dbTx{c: x.c}}
	if deep {
		free, err := dirtyFree(x.c)
		check(err)
		x.do("BEGIN IMMEDIATE")
		check(t.clearFree(free))
		x.do("COMMIT")
		found += len(free)
	}
	for from := int64(1); ; from += 8 {
		n, err := x.c.PageCount()
		check(err)
		if from > n {
			return found
		}
		var dirty, owners []int64
		check(x.c.Pages(from, min(8, n-from+1), func(no int64, b []byte) {
			if deep && len(db.Overflows(b, no)) > 0 {
				owners = append(owners, no)
			}
			if db.ClearUnused(b, no) {
				dirty = append(dirty, no)
			}
		}))
		owners, err = dirtyTails(x.c, owners)
		check(err)
		x.do("BEGIN IMMEDIATE")
		for range steps {
			x.step()
		}
		check(t.clearTails(owners))
		if steps > 0 && from%3 == 0 {
			x.undone(steps)
		}
		check(t.clearPages(dirty))
		x.do("COMMIT")
		found += len(dirty) + len(owners)
	}
}

// TestScrubHarmsNothing: whatever happens between a scrub's look at a page and its
// write, the file stays whole, each row keeps its bytes, and what was gone before it
// is in no page afterwards.
func TestScrubHarmsNothing(t *testing.T) {
	for seed := range uint64(4) {
		for _, page := range []int{512, 1024, 4096, 65536} {
			for _, deep := range []bool{false, true} {
				t.Run(fmt.Sprint(seed, page, deep), func(t *testing.T) {
					x := newStorm(t, seed, page, !deep)
					for range 2 {
						for range 250 {
							x.step()
						}
						gone := maps.Clone(x.gone)
						x.secure(true)
						for i := range 10 {
							if x.pass(deep, max(4-2*i, 0)) == 0 || !deep && i == 2 {
								break
							}
						}
						x.whole()
						if n := x.left(gone); n > 0 {
							t.Errorf("%d pieces are left", n)
						}
						x.secure(!deep)
					}
				})
			}
		}
	}
}

// TestScrubLeavesStrangeFilesAlone: in a file with auto_vacuum, pages that map others
// look like b-trees.
func TestScrubLeavesStrangeFilesAlone(t *testing.T) {
	x := newStorm(t, 1, 1024, true)
	for range 300 {
		x.step()
	}
	if err := db.Plain(x.c); err != nil {
		t.Error(err)
	}
	x.do("PRAGMA auto_vacuum=1")
	x.do("VACUUM")
	x.whole()
	if err := db.Plain(x.c); err == nil {
		t.Error("a file with auto_vacuum is taken for a plain one")
	}
	if err := (scrubbing{&Ledger{}}).scrubPages(t.Context(), x.c); err == nil {
		t.Error("it would be scrubbed")
	}
	x.whole()
}
