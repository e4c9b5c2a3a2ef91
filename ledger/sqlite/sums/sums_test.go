package sums

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/trail"
)

// keysOf are a ledger's with a master key of one byte repeated.
func keysOf(b byte) *seal.Keyring {
	var k seal.Key
	copy(k[:], bytes.Repeat([]byte{b}, len(k)))
	return seal.NewKeyring(k, ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
}

// watched is a database whose changes are summed.
func watched(t testing.TB) (*Sums, *db.Conn) {
	t.Helper()
	c, err := db.Open("file:" + filepath.Join(t.TempDir(), "s.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	s := New(keysOf(1))
	if err := s.Watch(c); err != nil {
		t.Fatal(err)
	}
	run(t, c, "CREATE TABLE meta (k TEXT PRIMARY KEY, v) WITHOUT ROWID",
		"CREATE TABLE trail (batch INTEGER PRIMARY KEY, instance, first, last, entries, head)",
		"CREATE TABLE r (id INTEGER PRIMARY KEY, t TEXT, b BLOB)", "CREATE TABLE w (k BLOB PRIMARY KEY, n) WITHOUT ROWID")
	return s, c
}

func run(t testing.TB, c *db.Conn, statements ...string) {
	t.Helper()
	for _, q := range statements {
		if _, err := c.Exec(q); err != nil {
			t.Fatalf("%.80s: %v", q, err)
		}
	}
}

// counted are the sums of what stands in the tables.
func counted(t *testing.T, s *Sums, c *db.Conn) map[string]sum {
	t.Helper()
	got, err := s.Count(c, func(_ string, err error) error { return err })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// kept are the sums that were kept up to date, without tables that have nothing.
func kept(s *Sums) map[string]sum {
	out := maps.Clone(s.Tables)
	maps.DeleteFunc(out, func(_ string, x sum) bool { return x == sum{} })
	return out
}

// TestSumsFollowEachChange: whatever statement changes rows, and whether it is undone or
// not, what is kept up to date is what counting finds.
func TestSumsFollowEachChange(t *testing.T) {
	s, c := watched(t)
	for _, q := range []string{
		"INSERT INTO r VALUES (1, 'a', X'00')",
		"INSERT INTO r (t) VALUES ('b'), ('c'), (NULL)",
		"UPDATE r SET t = t || '+'",
		"UPDATE r SET id = id + 100 WHERE id > 1",
		"INSERT OR REPLACE INTO r VALUES (1, 'in its place', NULL)",
		"INSERT INTO r VALUES (1, 'x', NULL) ON CONFLICT (id) DO UPDATE SET t = 'upserted'",
		"INSERT OR IGNORE INTO r VALUES (1, 'ignored', NULL)",
		"UPDATE r SET t = t",
		"DELETE FROM r WHERE id = 102",
		"INSERT INTO w VALUES (X'01', 5), (X'02', 2.5)",
		"UPDATE w SET k = X'03' WHERE k = X'01'",
		"INSERT INTO meta VALUES ('ledger', 'a name')",
		"CREATE TRIGGER tr AFTER DELETE ON w BEGIN INSERT INTO r (t) VALUES ('by a trigger'); END",
		"DELETE FROM w WHERE k = X'02'",
		"CREATE INDEX i ON r (t)",
		"INSERT INTO r SELECT id + 1000, t, zeroblob(5000) FROM r",
		"DELETE FROM w",
		"DELETE FROM r",
	} {
		s.Moved = false
		n, err := c.Exec(q)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		if s.Err != nil {
			t.Errorf("%s: %v", q, s.Err)
		}
		if n > 0 && !s.Moved && !strings.HasPrefix(q, "CREATE") && !strings.Contains(q, "IGNORE") {
			t.Errorf("%s: %d rows were changed unseen", q, n)
		}
		if got, want := kept(s), counted(t, s, c); !maps.Equal(got, want) {
			t.Fatalf("%s: kept %v, counted %v", q, got, want)
		}
	}
	if len(kept(s)) != 1 {
		t.Errorf("meta alone has a row, and there are sums of %v", kept(s))
	}
}

// TestTheTrailAndTheSumsAreNotSummed: the trail has a proof of its own, and the row of the
// sums could not hold its own.
func TestTheTrailAndTheSumsAreNotSummed(t *testing.T) {
	s, c := watched(t)
	run(t, c, "INSERT INTO trail VALUES (1, 1, 1, 1, X'00', X'00')", "UPDATE trail SET entries = X'01'",
		"INSERT INTO meta VALUES ('sums', X'00')", "UPDATE meta SET v = X'01'", "ANALYZE", "DELETE FROM meta")
	if s.Moved || len(kept(s)) > 0 || s.Err != nil {
		t.Errorf("moved %t, %v, %v", s.Moved, kept(s), s.Err)
	}
	if got := counted(t, s, c); len(got) > 0 {
		t.Errorf("counted %v", got)
	}
	for table, want := range map[string]bool{"trail": true, "sqlite_stat1": true, "sqlite_": false, "sqliteXstat1": false, "trails": false, "meta": false, "": false} {
		if unsummed(table) != want {
			t.Errorf("%q is summed: %t", table, want)
		}
	}
}

// TestRowsAreToldApart: rows that differ in a value's type, in where one value ends and the
// next begins, in their table or under another key have other hashes.
func TestRowsAreToldApart(t *testing.T) {
	s := New(keysOf(1))
	seen := map[sum]string{}
	add := func(name string, h sum) {
		t.Helper()
		if other, twice := seen[h]; twice {
			t.Errorf("%s has the hash of %s", name, other)
		}
		seen[h] = name
	}
	for _, row := range [][]any{{}, {nil}, {nil, nil}, {int64(0)}, {int64(1)}, {int64(-1)}, {""}, {"1"}, {"n"}, {"ab"}, {"a", "b"}, {"b", "a"}, {"a", nil, "b"},
		{[]byte("1")}, {[]byte("ab")}, {[]byte{0}}, {[]byte{0, 0}}, {1.0}, {1.5}, {true}, {int64(0x61)}, {"i\x01"}} {
		add(fmt.Sprintf("r %#v", row), s.hash("r", row))
		add(fmt.Sprintf("q %#v", row), s.hash("q", row))
	}
	add("another key's", New(keysOf(2)).hash("r", []any{int64(1)}))
	if len(s.NUL) != 0 && !s.NUL["r"] {
		t.Errorf("texts behind a NUL: %v", s.NUL)
	}
	if s.hash("r", []any{[]byte{}}) != s.hash("r", []any{nil}) {
		t.Error("no bytes are reported as NULL is, and are hashed as something else")
	}
}

// TestATextBehindANulIsNoticed, since SQLite reports it as ended there.
func TestATextBehindANulIsNoticed(t *testing.T) {
	s := New(keysOf(1))
	whole := s.hash("r", []any{"a"})
	if len(s.NUL) != 0 {
		t.Errorf("%v without any", s.NUL)
	}
	if s.hash("r", []any{"a\x00hidden"}) != whole || !s.NUL["r"] || s.NUL["q"] {
		t.Errorf("hidden text: %v", s.NUL)
	}
}

// TestNewColumnsCostNothing: a row that an older layout wrote has the hash that it had, with
// whatever later columns are empty, and another one with any that is not.
func TestNewColumnsCostNothing(t *testing.T) {
	s := New(keysOf(1))
	for table, n := range firstColumns {
		row := make([]any, n)
		for i := range row {
			row[i] = int64(i)
		}
		was := s.hash(table, row)
		if s.hash(table, append(row[:n:n], nil, nil)) != was {
			t.Errorf("%s: empty new columns change a row's hash", table)
		}
		if s.hash(table, append(row[:n:n], nil, "x")) == was || s.hash(table, append(row[:n:n], "x", nil)) == was {
			t.Errorf("%s: a new column that is not empty changes nothing", table)
		}
		if s.hash(table, append(row[:n:n], nil, "x")) == s.hash(table, append(row[:n:n], "x")) {
			t.Errorf("%s: it does not matter which new column it is", table)
		}
		row[n-1] = nil
		if s.hash(table, row) == s.hash(table, row[:n-1]) {
			t.Errorf("%s: an old column that was emptied is as one that never was", table)
		}
	}
	if s.hash("r", []any{int64(1), nil}) == s.hash("r", []any{int64(1)}) {
		t.Error("a table that never grew is taken for one that did")
	}
}

// TestOrderIsNoMatter: the same changes in any order have the same sums, and taking all of
// them back leaves nothing.
func TestOrderIsNoMatter(t *testing.T) {
	s := New(keysOf(1))
	rng := rand.New(rand.NewPCG(1, 2))
	hashes := []sum{{^uint64(0), ^uint64(0)}, {0, ^uint64(0)}, {^uint64(0), 0}, {0, 1}, {1, 0}}
	for i := range 200 {
		hashes = append(hashes, s.hash("r", []any{int64(i)}))
	}
	var want sum
	for _, h := range hashes {
		want.add(h)
	}
	for range 20 {
		var got sum
		rng.Shuffle(len(hashes), func(i, j int) { hashes[i], hashes[j] = hashes[j], hashes[i] })
		for _, h := range hashes {
			got.add(h)
		}
		if got != want {
			t.Fatalf("%x in another order, and %x", got, want)
		}
		for _, h := range hashes {
			got.sub(h)
		}
		if got != (sum{}) {
			t.Fatalf("%x is left of nothing", got)
		}
	}
	carry := sum{0, ^uint64(0)}
	if carry.add(sum{0, 1}); carry != (sum{1, 0}) {
		t.Errorf("the carry goes to %x", carry)
	}
	if carry.sub(sum{0, 1}); carry != (sum{0, ^uint64(0)}) {
		t.Errorf("the borrow comes from %x", carry)
	}
}

// TestSealedSums come back at their own place of their own ledger's trail, and nowhere else.
func TestSealedSums(t *testing.T) {
	s := New(keysOf(1))
	s.Tables["b"], s.Tables["a"], s.Tables["empty"] = sum{1, 2}, sum{^uint64(0), 3}, sum{}
	head := trail.Head(sha256.Sum256([]byte("head")))
	sealed := s.Sealed(7, head)
	if got, err := s.parse(sealed, 7, head); err != nil || !maps.Equal(got, kept(s)) {
		t.Fatalf("%v %v, want %v", got, err, kept(s))
	}
	if want := "batch 7\na ffffffffffffffff0000000000000003\nb 00000000000000010000000000000002\n"; !strings.HasPrefix(string(sealed), want) {
		t.Errorf("%q, want it to begin with %q", sealed, want)
	}
	other := head
	other[0] ^= 1
	for name, x := range map[string]struct {
		s     *Sums
		b     []byte
		batch int64
		head  trail.Head
	}{
		"at another batch":    {s, sealed, 8, head},
		"after another head":  {s, sealed, 7, other},
		"of another ledger":   {New(keysOf(2)), sealed, 7, head},
		"nothing":             {s, nil, 7, head},
		"less than a seal":    {s, sealed[:sealSize-1], 7, head},
		"a seal and no words": {s, sealed[:sealSize], 7, head},
		"cut off":             {s, sealed[:len(sealed)-1], 7, head},
		"more behind it":      {s, append(bytes.Clone(sealed), 0), 7, head},
	} {
		if got, err := x.s.parse(x.b, x.batch, x.head); !errors.Is(err, ErrBroken) || got != nil {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	if _, err := s.parse(sealed, 8, head); !strings.Contains(err.Error(), `"batch 7"`) || !strings.Contains(err.Error(), "ends at batch 8") {
		t.Errorf("it says %v, without the two places", err)
	}
	for i := range sealed {
		b := bytes.Clone(sealed)
		b[i] ^= 1
		if _, err := s.parse(b, 7, head); !errors.Is(err, ErrBroken) {
			t.Errorf("byte %d was changed unseen: %v", i, err)
		}
	}
	// What no program of ours writes, with a seal that is right.
	for _, body := range []string{"batch 7\na\n", "batch 7\na xyz\n", "batch 7\n\n", "batch 7\na 00\n"} {
		if got, err := s.parse(append([]byte(body), s.seal([]byte(body), 7, head)...), 7, head); !errors.Is(err, ErrBroken) {
			t.Errorf("%q: %v %v", body, got, err)
		}
	}
	if got, err := s.parse(New(keysOf(1)).Sealed(0, trail.Head{}), 0, trail.Head{}); err != nil || len(got) != 0 {
		t.Errorf("of an empty ledger: %v %v", got, err)
	}
}

// TestStoredSumsAreOfTheNewestBatch, as the connection sees it.
func TestStoredSumsAreOfTheNewestBatch(t *testing.T) {
	s, c := watched(t)
	if _, err := s.Stored(c); !errors.Is(err, ErrBroken) {
		t.Errorf("without any: %v", err)
	}
	var heads [3]trail.Head
	write := func(batch int64) {
		if _, err := c.Exec("INSERT OR REPLACE INTO meta VALUES ('sums', ?)", s.Sealed(batch, heads[batch])); err != nil {
			t.Fatal(err)
		}
	}
	run(t, c, "INSERT INTO r (t) VALUES ('x')")
	write(0)
	if got, err := s.Stored(c); err != nil || !maps.Equal(got, counted(t, s, c)) {
		t.Errorf("without a trail: %v %v", got, err)
	}
	for batch := int64(1); batch <= 2; batch++ {
		heads[batch] = trail.Head(sha256.Sum256([]byte{byte(batch)}))
		if _, err := c.Exec("INSERT INTO trail (batch, head) VALUES (?,?)", batch, heads[batch][:]); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Stored(c); !errors.Is(err, ErrBroken) {
			t.Errorf("the trail went on to %d without them: %v", batch, err)
		}
		write(batch)
		if got, err := s.Stored(c); err != nil || !maps.Equal(got, counted(t, s, c)) {
			t.Errorf("at batch %d: %v %v", batch, got, err)
		}
	}
	run(t, c, "DELETE FROM trail WHERE batch = 2")
	if _, err := s.Stored(c); !errors.Is(err, ErrBroken) {
		t.Errorf("the trail was cut: %v", err)
	}
	run(t, c, "DROP TABLE trail")
	if _, err := s.Stored(c); err == nil || errors.Is(err, ErrBroken) {
		t.Errorf("without the table: %v, want SQLite's error", err)
	}
}

// TestCountTellsEachTable, and whoever is told may end it.
func TestCountTellsEachTable(t *testing.T) {
	s, c := watched(t)
	run(t, c, `CREATE TABLE "x; ""y" (a)`, `INSERT INTO "x; ""y" VALUES (1)`)
	var names []string
	enough := errors.New("enough")
	got, err := s.Count(c, func(name string, err error) error {
		names = append(names, name)
		return err
	})
	if err != nil || strings.Join(names, ",") != `meta,r,w,x; "y` || len(got) != 1 {
		t.Errorf("%q %v %v", names, got, err)
	}
	names = nil
	if got, err := s.Count(c, func(name string, _ error) error { names = append(names, name); return enough }); !errors.Is(err, enough) || got != nil || len(names) != 1 {
		t.Errorf("%q %v %v, want it ended at the first", names, got, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Count(c, func(string, error) error { return nil }); !errors.Is(err, db.ErrClosed) {
		t.Errorf("of a closed file: %v", err)
	}
}

// FuzzParse: bytes that carry no seal of ours are broken, and no panic; those that do come
// back as they were.
func FuzzParse(f *testing.F) {
	s := New(keysOf(1))
	s.Tables["r"] = sum{1, 2}
	f.Add(s.Sealed(1, trail.Head{}), int64(1))
	f.Add([]byte("batch 1\nr 00\n0123456789abcdef"), int64(1))
	f.Fuzz(func(t *testing.T, b []byte, batch int64) {
		if got, err := s.parse(b, batch, trail.Head{}); err == nil && (batch != 1 || !maps.Equal(got, s.Tables)) {
			t.Errorf("%q is %v", b, got)
		}
		body := append([]byte(nil), b...)
		got, err := s.parse(append(body, s.seal(b, batch, trail.Head{})...), batch, trail.Head{})
		if err != nil && !errors.Is(err, ErrBroken) || err != nil && got != nil {
			t.Errorf("%q with a seal: %v %v", b, got, err)
		}
	})
}
