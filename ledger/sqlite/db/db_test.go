package db

import (
	"bytes"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// opened is a connection to a new file, or to one that is there.
func opened(t *testing.T, path, query string) *Conn {
	t.Helper()
	c, err := Open("file:" + path + "?" + query)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // closed by its test, where that says something of it
	return c
}

// run runs statements that must do.
func run(t *testing.T, c *Conn, statements ...string) {
	t.Helper()
	for _, q := range statements {
		if _, err := c.Exec(q); err != nil {
			t.Fatalf("%.80s: %v", q, err)
		}
	}
}

// number is the one number that a query gives.
func number(t *testing.T, c *Conn, q string, args ...any) int64 {
	t.Helper()
	var v [1]driver.Value
	if ok, err := c.Row(q, v[:], args...); err != nil || !ok {
		t.Fatalf("%s: %t %v", q, ok, err)
	}
	return Int(v[0])
}

// series is a table of the numbers from 1 to n, as value.
func series(n int) string {
	return fmt.Sprintf("(WITH RECURSIVE s(value) AS (SELECT 1 UNION ALL SELECT value+1 FROM s LIMIT %d) SELECT value FROM s)", n)
}

// TestValuesComeBack: what is bound is what SQLite keeps, of the type that sums and lookups
// go by. A text's NULs go: SQLite's report of a changed row ends at the first.
func TestValuesComeBack(t *testing.T) {
	c := opened(t, filepath.Join(t.TempDir(), "v.db"), "")
	run(t, c, "CREATE TABLE v (x)")
	for name, x := range map[string]struct {
		given any
		kind  string
		want  driver.Value
	}{
		"an int":               {7, "integer", int64(7)},
		"an int64":             {int64(math.MinInt64), "integer", int64(math.MinInt64)},
		"the greatest":         {int64(math.MaxInt64), "integer", int64(math.MaxInt64)},
		"nothing":              {nil, "null", nil},
		"no number":            {Nullable(0), "null", nil},
		"a number, perhaps":    {Nullable(-3), "integer", int64(-3)},
		"no text":              {"", "text", ""},
		"text":                 {"Zoë", "text", "Zoë"},
		"text with a NUL":      {"a\x00b", "text", "ab"},
		"text that is all NUL": {"\x00\x00", "text", ""},
		"bytes":                {[]byte{0, 1, 0xff}, "blob", []byte{0, 1, 0xff}},
	} {
		run(t, c, "DELETE FROM v")
		if n, err := c.Exec("INSERT INTO v VALUES (?)", x.given); err != nil || n != 1 {
			t.Errorf("%s: %d rows, %v", name, n, err)
			continue
		}
		err := c.Query("SELECT typeof(x), x FROM v", func(row []driver.Value) error {
			if b, ok := row[1].([]byte); ok && bytes.Equal(b, Blob(x.want)) && Text(row[0]) == x.kind {
				return nil
			}
			if Text(row[0]) != x.kind || fmt.Sprint(row[1]) != fmt.Sprint(x.want) {
				t.Errorf("%s: it is %v, of type %s", name, row[1], Text(row[0]))
			}
			return nil
		})
		if err != nil {
			t.Error(name, err)
		}
	}
}

// TestColumns: a column of another type than expected, as in a file that somebody edited,
// is empty and no panic.
func TestColumns(t *testing.T) {
	for _, x := range []struct {
		v    driver.Value
		text string
		blob []byte
		n    int64
	}{
		{nil, "", nil, 0}, {"a", "a", []byte("a"), 0}, {[]byte("b"), "b", []byte("b"), 0}, {int64(5), "", nil, 5}, {2.5, "", nil, 0}, {true, "", nil, 0},
	} {
		if Text(x.v) != x.text || !bytes.Equal(Blob(x.v), x.blob) || (Blob(x.v) == nil) != (x.blob == nil) || Int(x.v) != x.n {
			t.Errorf("%T %v: text %q, bytes %v, number %d", x.v, x.v, Text(x.v), Blob(x.v), Int(x.v))
		}
	}
}

// TestRowsEnd: a query ends at its last row, where its function fails, and where it says
// stop; after each of them the connection writes on, so that no statement is left open.
func TestRowsEnd(t *testing.T) {
	c := opened(t, filepath.Join(t.TempDir(), "r.db"), "")
	run(t, c, "CREATE TABLE r (n INTEGER PRIMARY KEY)", "INSERT INTO r VALUES (1),(2),(3)")
	own := errors.New("its own")
	for name, x := range map[string]struct {
		end  error
		want []int64
	}{
		"all": {nil, []int64{1, 2, 3}}, "its own error": {own, []int64{1}}, "stop": {ErrStop, []int64{1}},
	} {
		var got []int64
		err := c.Query("SELECT n FROM r WHERE n<=? ORDER BY n", func(row []driver.Value) error {
			got = append(got, Int(row[0]))
			return x.end
		}, 3)
		if !errors.Is(err, x.end) || !slices.Equal(got, x.want) {
			t.Errorf("%s: %v %v, want %v", name, got, err, x.want)
		}
		if n, err := c.Exec("UPDATE r SET n=n"); err != nil || n != 3 {
			t.Errorf("after %s: %d rows, %v", name, n, err)
		}
	}
	v := []driver.Value{"as it was", "as it was"}
	if ok, err := c.Row("SELECT n, n*2 FROM r WHERE n=?", v, 9); ok || err != nil || v[0] != "as it was" {
		t.Errorf("no row: %t %v %v", ok, err, v)
	}
	if ok, err := c.Row("SELECT n, n*2 FROM r ORDER BY n DESC", v); !ok || err != nil || Int(v[0]) != 3 || Int(v[1]) != 6 {
		t.Errorf("the first of three: %t %v %v", ok, err, v)
	}
	if ok, err := c.Row("SELECT n FROM r", v[:1]); !ok || err != nil || Int(v[1]) != 6 {
		t.Errorf("a row is written beyond where it is wanted: %t %v %v", ok, err, v)
	}
}

// TestStatementsAreKept: the writer's path prepares each statement once, whatever it is given.
func TestStatementsAreKept(t *testing.T) {
	c := opened(t, filepath.Join(t.TempDir(), "s.db"), "")
	run(t, c, "CREATE TABLE s (n, m)")
	before := len(c.cache)
	for i := range 5 {
		if _, err := c.Exec("INSERT INTO s VALUES (?,?)", i, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.cache) != before+1 {
		t.Errorf("%d statements are kept of one", len(c.cache)-before)
	}
	if n := number(t, c, "SELECT count(DISTINCT n) FROM s"); n != 5 {
		t.Errorf("%d different rows: values of one call are bound in the next", n)
	}
}

// TestErrorsNameTheStatement, cut off, and never what was bound.
func TestErrorsNameTheStatement(t *testing.T) {
	c := opened(t, filepath.Join(t.TempDir(), "e.db"), "")
	run(t, c, "CREATE TABLE e (n UNIQUE)", "INSERT INTO e VALUES ('ana@example.com')")
	long := "SELECT nothing FROM nowhere WHERE " + strings.Repeat("x", 100)
	calls := map[string]func(q string) error{
		"exec":  func(q string) error { _, err := c.Exec(q); return err },
		"query": func(q string) error { return c.Query(q, func([]driver.Value) error { return nil }) },
		"row":   func(q string) error { _, err := c.Row(q, nil); return err },
	}
	for name, f := range calls {
		err := f(long)
		if err == nil || !strings.Contains(err.Error(), "prepare SELECT nothing FROM nowhere") || strings.Contains(err.Error(), strings.Repeat("x", 50)) {
			t.Errorf("%s: %v", name, err)
		}
		if err := f(long); err == nil {
			t.Errorf("%s: a statement that could not be prepared is kept", name)
		}
	}
	_, err := c.Exec("INSERT INTO e VALUES (?)", "ana@example.com")
	if err == nil || strings.Contains(err.Error(), "ana@") {
		t.Errorf("the second of a unique value: %v", err)
	}
	if err := c.Query("SELECT abs(?)", func([]driver.Value) error { return nil }, int64(math.MinInt64)); err == nil {
		t.Error("a row that cannot be made is none, and no error")
	}
}

// TestAfterClose nothing is read or written.
func TestAfterClose(t *testing.T) {
	c := opened(t, filepath.Join(t.TempDir(), "c.db"), "")
	run(t, c, "CREATE TABLE c (n)", "INSERT INTO c VALUES (1)")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec("INSERT INTO c VALUES (1)"); !errors.Is(err, ErrClosed) { // the very statement that was kept
		t.Errorf("written by a closed connection: %v", err)
	}
	if _, err := c.PageCount(); !errors.Is(err, ErrClosed) {
		t.Errorf("read by a closed connection: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

// TestOpenFails where no file can be: the first statement tells, at the latest.
func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	for name, path := range map[string]string{"a folder": dir, "in no folder": filepath.Join(dir, "none", "x.db")} {
		c, err := Open("file:" + path)
		if err == nil {
			_, err = c.PageCount()
			_ = c.Close()
		}
		if err == nil {
			t.Errorf("%s: it opens", name)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), bytes.Repeat([]byte("no database\n"), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	c := opened(t, filepath.Join(dir, "text"), "")
	if _, err := c.Exec("CREATE TABLE t (x)"); FaultOf(err) != Broken {
		t.Errorf("a text file: %v, want that the file is broken", err)
	}
}

// TestCheckpointed tells what is in the log and what of it was moved, and that a reader
// keeps it from being emptied.
func TestCheckpointed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.db")
	c := opened(t, path, "_pragma=journal_mode(WAL)&_pragma=wal_autocheckpoint(0)")
	run(t, c, "CREATE TABLE w (n)", "INSERT INTO w VALUES (1)")
	busy, pages, moved, err := c.Checkpointed("NOOP")
	if err != nil || busy || pages < 2 || moved != 0 {
		t.Errorf("looked at: busy %t, %d pages, %d moved, %v", busy, pages, moved, err)
	}
	reader := opened(t, path, "mode=ro")
	run(t, reader, "BEGIN")
	if number(t, reader, "SELECT count(*) FROM w") != 1 {
		t.Fatal("no row")
	}
	run(t, c, "INSERT INTO w VALUES (2)")
	busy, pages, moved, err = c.Checkpointed("TRUNCATE")
	if err != nil || !busy || moved >= pages {
		t.Errorf("beside a reader: busy %t, %d pages, %d moved, %v; want busy", busy, pages, moved, err)
	}
	run(t, reader, "COMMIT")
	if busy, pages, moved, err = c.Checkpointed("PASSIVE"); err != nil || busy || pages == 0 || moved != pages {
		t.Errorf("after it: busy %t, %d pages, %d moved, %v; want all", busy, pages, moved, err)
	}
	if busy, pages, _, err = c.Checkpointed("TRUNCATE"); err != nil || busy || pages != 0 {
		t.Errorf("emptied: busy %t, %d pages, %v; want none", busy, pages, err)
	}
}
