package db

import (
	"bytes"
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVarint reads SQLite's numbers as sqlite.org/fileformat2.html has them: high bits first,
// and the ninth byte whole.
func TestVarint(t *testing.T) {
	for name, x := range map[string]struct {
		b    []byte
		want int64
		n    int
	}{
		"nought":             {[]byte{0, 9}, 0, 1},
		"one byte":           {[]byte{0x7f, 9}, 127, 1},
		"two bytes":          {[]byte{0x81, 0x00, 9}, 128, 2},
		"the most of two":    {[]byte{0xff, 0x7f}, 1<<14 - 1, 2},
		"the least of three": {[]byte{0x81, 0x80, 0x00}, 1 << 14, 3},
		"the most of eight":  {[]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, 1<<56 - 1, 8},
		"nine":               {[]byte{0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 9}, 1<<57 + 1, 9},
		"less than nought":   {bytes.Repeat([]byte{0xff}, 10), -1, 9},
		"the ninth is whole": {[]byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0xff}, 255, 9},
		"broken off":         {[]byte{0x81, 0x81}, 129, 2},
		"none":               {nil, 0, 0},
	} {
		if v, n := varint(x.b); v != x.want || n != x.n {
			t.Errorf("%s: %d in %d bytes, want %d in %d", name, v, n, x.want, x.n)
		}
	}
}

// pagesOf are all pages of a file, the first at 1.
func pagesOf(t *testing.T, c *Conn) [][]byte {
	t.Helper()
	n, err := c.PageCount()
	if err != nil {
		t.Fatal(err)
	}
	out := make([][]byte, 1, n+1)
	err = c.Pages(1, n, func(no int64, b []byte) {
		if no != int64(len(out)) {
			t.Fatalf("page %d comes after %d", no, len(out)-1)
		}
		out = append(out, bytes.Clone(b))
	})
	if err != nil || int64(len(out)) != n+1 {
		t.Fatalf("%d of %d pages: %v", len(out)-1, n, err)
	}
	return out
}

// TestPagesComeInTheirOrder, as many as were asked for, and none that is not there.
func TestPagesComeInTheirOrder(t *testing.T) {
	c := opened(t, filepath.Join(t.TempDir(), "p.db"), "")
	if n, err := c.PageCount(); err != nil || n != 0 {
		t.Errorf("an empty file has %d pages: %v", n, err)
	}
	run(t, c, "CREATE TABLE p (s)", "INSERT INTO p SELECT hex(zeroblob(1000)) FROM "+series(20))
	all := pagesOf(t, c)
	last := int64(len(all) - 1)
	for _, x := range []struct{ from, n, first, count int64 }{{1, 1, 1, 1}, {2, 3, 2, 3}, {last, 1, last, 1}, {last, 9, last, 1}, {last + 1, 5, 0, 0}, {1, 0, 0, 0}} {
		var got []int64
		err := c.Pages(x.from, x.n, func(no int64, b []byte) {
			if got = append(got, no); !bytes.Equal(b, all[no]) {
				t.Errorf("page %d is another one", no)
			}
		})
		if err != nil || int64(len(got)) != x.count || x.count > 0 && got[0] != x.first {
			t.Errorf("%d from %d on: %v %v", x.n, x.from, got, err)
		}
	}
	if b, err := c.Page(2); err != nil || !bytes.Equal(b, all[2]) {
		t.Errorf("page 2: %d bytes, %v", len(b), err)
	}
	for _, no := range []int64{-1, 0, last + 1, 1 << 40} {
		if _, err := c.Page(no); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("no page %d", no)) {
			t.Errorf("page %d: %v, want that there is none", no, err)
		}
	}
}

// TestOverflowsLeadToTheEnds: of values of all lengths around those at which SQLite begins
// another page, each chain is as long as it says, and its last page ends with the value's end.
func TestOverflowsLeadToTheEnds(t *testing.T) {
	for _, size := range []int{512, 4096} {
		for _, table := range []string{"CREATE TABLE o (n INTEGER PRIMARY KEY, s TEXT)", "CREATE TABLE o (s TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID"} {
			c := opened(t, filepath.Join(t.TempDir(), "o.db"), fmt.Sprintf("_pragma=page_size(%d)", size))
			run(t, c, table)
			ends := map[string]bool{}
			for i := range 120 {
				length := size/5 + i*size/16 + i
				end := fmt.Sprintf("<end %04d>", i)
				s := fmt.Sprintf("%04d", i) + strings.Repeat("v", length) + end
				if _, err := c.Exec("INSERT INTO o (s, n) VALUES (?,NULL)", s); err != nil {
					t.Fatal(err)
				}
				ends[end] = true
			}
			all := pagesOf(t, c)
			chains, linked := 0, 0
			for no := range all[1:] {
				for _, o := range Overflows(all[no+1], int64(no+1)) {
					chains++
					at := o.First
					for i := 1; ; i++ {
						if at <= 0 || at >= int64(len(all)) {
							t.Fatalf("%d-byte pages, %s: a chain of page %d leads to page %d of %d", size, table, no+1, at, len(all)-1)
						}
						linked++
						next := int64(binary.BigEndian.Uint32(all[at]))
						if (next == 0) != (i == o.Pages) {
							t.Fatalf("%d-byte pages, %s: page %d of a chain of %d leads to %d", size, table, i, o.Pages, next)
						}
						if next == 0 {
							break
						}
						at = next
					}
					// A table's value ends with its text; in the other one the key's NULL takes no byte.
					value := all[at][4 : 4+o.Rest]
					if end := string(value[max(0, len(value)-10):]); len(end) == 10 && !ends[end] {
						t.Errorf("%d-byte pages, %s: a chain ends with %q", size, table, end)
					} else {
						delete(ends, end)
					}
				}
			}
			if chains < 60 || linked < 2*chains {
				t.Errorf("%d-byte pages, %s: %d chains of %d pages are found", size, table, chains, linked)
			}
		}
	}
}

// TestClearUnused: what SQLite leaves of rows that were deleted, cut and moved is gone from
// each page, and whatever is there is as it was.
func TestClearUnused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "u.db")
	c := opened(t, path, "_pragma=secure_delete(0)")
	run(t, c, "CREATE TABLE u (n INTEGER PRIMARY KEY, s TEXT)", "CREATE INDEX u_s ON u (s)",
		"INSERT INTO u SELECT value, 'canary-' || value || hex(zeroblob(value % 200)) FROM "+series(600),
		"DELETE FROM u WHERE n % 3 = 0", "UPDATE u SET s = 'kept-' || n WHERE n % 3 = 1", "UPDATE u SET s = 'kept-' || s WHERE n % 3 = 2",
		"UPDATE u SET s = 'kept-' || n WHERE n % 3 = 2")
	content := func() (all string) {
		t.Helper()
		if err := c.Query("SELECT n, s FROM u ORDER BY n", func(v []driver.Value) error {
			all += fmt.Sprint(Int(v[0]), Text(v[1]), "\n")
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return all
	}
	left := func() (n int) { // in pages that are in use
		_, free, err := c.FreePages()
		if err != nil {
			t.Fatal(err)
		}
		for no, b := range pagesOf(t, c)[1:] {
			if _, _, _, _, tree := treePage(b, int64(no+1)); tree && !free[int64(no+1)] && bytes.Contains(b, []byte("canary-")) {
				n++
			}
		}
		return n
	}
	before := content()
	if left() == 0 {
		t.Fatal("SQLite leaves nothing by itself: this test says nothing")
	}
	cleared := 0
	for no, b := range pagesOf(t, c)[1:] {
		if !ClearUnused(b, int64(no+1)) {
			continue
		}
		cleared++
		if ClearUnused(b, int64(no+1)) {
			t.Errorf("page %d is cleared, and still not clear", no+1)
		}
		if _, err := c.Exec("UPDATE sqlite_dbpage SET data=? WHERE pgno=?", b, no+1); err != nil {
			t.Fatal(err)
		}
	}
	if n := left(); n > 0 || cleared == 0 {
		t.Errorf("%d pages were cleared, and %d have what was deleted", cleared, n)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = opened(t, path, "")
	if content() != before {
		t.Error("rows are not what they were")
	}
	if err := c.Query("PRAGMA integrity_check", func(v []driver.Value) error {
		if Text(v[0]) != "ok" {
			t.Error(Text(v[0]))
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// TestFreePages are those that SQLite counts, and a list that leads back to itself ends.
func TestFreePages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.db")
	c := opened(t, path, "_pragma=page_size(512)")
	run(t, c, "CREATE TABLE f (s)", "CREATE TABLE kept (s)", "INSERT INTO f SELECT hex(zeroblob(400)) FROM "+series(500))
	free := func() (trunks map[int64]int, leaves map[int64]bool) {
		t.Helper()
		trunks, leaves, err := c.FreePages()
		if err != nil {
			t.Fatal(err)
		}
		return trunks, leaves
	}
	if trunks, leaves := free(); len(trunks)+len(leaves) != 0 {
		t.Errorf("nothing was deleted, and %d and %d pages are free", len(trunks), len(leaves))
	}
	run(t, c, "DROP TABLE f")
	trunks, leaves := free()
	sum := 0
	for no, n := range trunks {
		if sum += n; leaves[no] {
			t.Errorf("page %d lists others and is listed", no)
		}
	}
	if n := number(t, c, "PRAGMA freelist_count"); n < 300 || int64(len(trunks)+len(leaves)) != n || sum != len(leaves) || len(trunks) < 2 {
		t.Errorf("%d lists of %d pages, %d of them different; SQLite counts %d in all", len(trunks), sum, len(leaves), n)
	}
	first := number(t, c, "PRAGMA freelist_count")
	run(t, c, "INSERT INTO kept VALUES (hex(zeroblob(2000)))")
	trunks, leaves = free()
	if n := int64(len(trunks) + len(leaves)); n >= first || n != number(t, c, "PRAGMA freelist_count") {
		t.Errorf("%d pages are free after some were used again, of %d", n, first)
	}
	// Somebody has the last list lead to the first one, and one list more than there are.
	head, err := c.Page(1)
	if err != nil {
		t.Fatal(err)
	}
	at := int64(binary.BigEndian.Uint32(head[32:]))
	for name, spoil := range map[string]func(b []byte){
		"in a circle":           func(b []byte) { binary.BigEndian.PutUint32(b, uint32(at)) },
		"more than fit":         func(b []byte) { binary.BigEndian.PutUint32(b[4:], 127) },
		"more than can be":      func(b []byte) { binary.BigEndian.PutUint32(b[4:], 0xffffffff) },
		"to a page that is not": func(b []byte) { binary.BigEndian.PutUint32(b, 99999) },
	} {
		copied := filepath.Join(t.TempDir(), "spoiled.db")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		spoil(b[(at-1)*512 : at*512])
		if err := os.WriteFile(copied, b, 0o600); err != nil {
			t.Fatal(err)
		}
		trunks, _, err := opened(t, copied, "").FreePages()
		if (err != nil) != (name == "to a page that is not") || err == nil && len(trunks) > 1 {
			t.Errorf("a list %s: %d lists, %v", name, len(trunks), err)
		}
	}
}

// TestPlain: a file that was rebuilt with pages that map others is refused, with the remedy.
func TestPlain(t *testing.T) {
	for _, x := range []struct {
		pragma string
		plain  bool
	}{{"auto_vacuum(0)", true}, {"auto_vacuum(1)", false}, {"auto_vacuum(2)", false}} {
		c := opened(t, filepath.Join(t.TempDir(), "a.db"), "_pragma="+x.pragma)
		run(t, c, "CREATE TABLE a (s)")
		err := Plain(c)
		if (err == nil) != x.plain || err != nil && !strings.Contains(err.Error(), "PRAGMA auto_vacuum=0; VACUUM;") {
			t.Errorf("%s: %v", x.pragma, err)
		}
		if run(t, c, "PRAGMA auto_vacuum=0", "VACUUM"); Plain(c) != nil {
			t.Errorf("%s: the remedy is none: %v", x.pragma, Plain(c))
		}
	}
	if Plain(opened(t, filepath.Join(t.TempDir(), "empty.db"), "")) == nil {
		t.Error("a file without a page is a ledger's")
	}
}

// TestWipe says whether there was anything.
func TestWipe(t *testing.T) {
	for _, x := range []struct {
		b    []byte
		want bool
	}{{nil, false}, {[]byte{0}, false}, {make([]byte, 9), false}, {[]byte{0, 0, 1}, true}, {[]byte{1, 0, 0}, true}} {
		if got := Wipe(x.b); got != x.want || !bytes.Equal(x.b, make([]byte, len(x.b))) {
			t.Errorf("%t, want %t, and %v is left", got, x.want, x.b)
		}
	}
}

// TestWhatIsNoTreeIsLeftAlone: free pages, chains and bytes that nobody wrote.
func TestWhatIsNoTreeIsLeftAlone(t *testing.T) {
	tree := make([]byte, 512)
	tree[0], tree[4], tree[5], tree[6], tree[7] = leafTable, 1, 1, 0x80, 9 // a cell of which nothing is known
	for name, x := range map[string]struct {
		change func([]byte) []byte
		tree   bool
	}{
		"as it is":                       {func(b []byte) []byte { return b }, true},
		"of no kind":                     {func(b []byte) []byte { b[0] = 1; return b }, false},
		"content within the pointers":    {func(b []byte) []byte { b[5], b[6] = 0, 9; return b }, false},
		"content right behind them":      {func(b []byte) []byte { b[5], b[6] = 0, 10; return b }, true},
		"content behind the end":         {func(b []byte) []byte { b[5], b[6] = 2, 1; return b }, false},
		"no content":                     {func(b []byte) []byte { b[5], b[6] = 2, 0; return b }, true},
		"content of the largest page":    {func(b []byte) []byte { b[5], b[6] = 0, 0; return b }, false},
		"an interior one's longer head":  {func(b []byte) []byte { b[0], b[5], b[6] = interiorTable, 0, 13; return b }, false},
		"cut off":                        {func(b []byte) []byte { return b[:11] }, false},
		"nothing":                        {func([]byte) []byte { return nil }, false},
		"a page of numbers of others":    {func(b []byte) []byte { b[0], b[3] = 0, leafTable; return b }, false},
		"the first one's head is longer": {func(b []byte) []byte { return append(make([]byte, fileHeader), b[:412]...) }, false},
	} {
		b := x.change(bytes.Clone(tree))
		before := bytes.Clone(b)
		if _, _, _, _, got := treePage(b, 2); got != x.tree {
			t.Errorf("%s: it is a tree's: %t, want %t", name, got, x.tree)
		}
		if !x.tree && (ClearUnused(b, 2) || !bytes.Equal(b, before) || len(Overflows(b, 2)) > 0) {
			t.Errorf("%s: it was changed", name)
		}
	}
	if _, _, _, _, ok := treePage(append(make([]byte, fileHeader), tree[:412]...), 1); !ok {
		t.Error("page 1 is none")
	}
}

// FuzzPages: whatever stands in a page, nothing of its cells is changed, nothing is read
// beyond it, and what was cleared is clear.
func FuzzPages(f *testing.F) {
	c, err := Open("file:" + filepath.Join(f.TempDir(), "z.db") + "?_pragma=page_size(512)")
	if err != nil {
		f.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, q := range []string{"CREATE TABLE z (n INTEGER PRIMARY KEY, s TEXT)", "CREATE INDEX z_s ON z (s)",
		"INSERT INTO z SELECT value, hex(zeroblob(value)) FROM " + series(300), "DELETE FROM z WHERE n % 5 < 2"} {
		if _, err := c.Exec(q); err != nil {
			f.Fatal(err)
		}
	}
	if err := c.Pages(1, 40, func(no int64, b []byte) { f.Add(bytes.Clone(b), no == 1) }); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte, first bool) {
		no := int64(2)
		if first {
			no = 1
		}
		if b = append(bytes.Clone(b), make([]byte, max(0, 512-len(b)))...); len(b) > 65536 {
			b = b[:65536]
		}
		for _, o := range Overflows(b, no) {
			if o.Rest > len(b)-4 {
				t.Errorf("%d bytes of a value in a page of %d", o.Rest, len(b))
			}
		}
		_, header, cells, content, tree := treePage(b, no)
		before := bytes.Clone(b)
		if ClearUnused(b, no) != !bytes.Equal(b, before) {
			t.Error("it was changed unsaid, or said and not changed")
		}
		if tree && (!bytes.Equal(b[:header+2*cells], before[:header+2*cells]) || !bytes.Equal(b[header+2*cells:content], make([]byte, content-header-2*cells))) {
			t.Error("the head was changed, or the gap behind it is not clear")
		}
		if !tree && !bytes.Equal(b, before) {
			t.Error("what is no tree was changed")
		}
	})
}
