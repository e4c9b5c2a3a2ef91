package db

import (
	"bytes"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"modernc.org/sqlite"
)

// byDriver runs a statement as the driver does.
func byDriver(c *Conn, q string, args []any) (int64, error) {
	s, err := c.prepare(q)
	if err != nil {
		return 0, err
	}
	r, err := s.s.(driver.StmtExecContext).ExecContext(background, s.bind(args))
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// TestExecIsTheDrivers: what a statement writes, how many rows it changes, and how it fails,
// is what the driver's own way of running it comes to, whatever its arguments.
func TestExecIsTheDrivers(t *testing.T) {
	const values = "SELECT typeof(a), a, typeof(b), b, typeof(c), c FROM r ORDER BY id"
	type table struct {
		c    *Conn
		exec func(c *Conn, q string, args []any) (int64, error)
	}
	tables := []table{{exec: byDriver}, {exec: func(c *Conn, q string, args []any) (int64, error) { return c.Exec(q, args...) }}}
	for i := range tables {
		c, err := Open("file:" + filepath.Join(t.TempDir(), fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := c.Exec("CREATE TABLE r (id INTEGER PRIMARY KEY, a, b TEXT, c BLOB UNIQUE CHECK (c <> X'EE'))"); err != nil {
			t.Fatal(err)
		}
		tables[i].c = c
	}
	insert := "INSERT INTO r (a, b, c) VALUES (?,?,?)"
	for _, x := range []struct {
		q    string
		args []any
	}{
		{insert, []any{int64(-1 << 63), "text", []byte{0, 1, 2}}},
		{insert, []any{7, "", []byte(nil)}},
		{insert, []any{Nullable(0), "Grüße ❤", []byte{}}},
		{insert, []any{Nullable(9), nil, nil}},
		{insert, []any{2.5, "with\x00NUL", bytes.Repeat([]byte{3}, 70_000)}},
		{insert, []any{true, strings.Repeat("long", 400_000), []byte("kept")}},
		{insert, []any{"small after large", "x", []byte{1}}},
		{insert, []any{1, "taken", []byte("kept")}},
		{insert, []any{1, "checked", []byte{0xee}}},
		{insert, []any{1, "too few"}},
		{"INSERT INTO r (a) VALUES (?1), (?1), (?1)", []any{"thrice"}},
		{"UPDATE r SET b = ? WHERE a = 'thrice'", []any{"new"}},
		{"INSERT INTO r (a) VALUES (?) RETURNING id", []any{int64(5)}},
		{"DELETE FROM r WHERE a = ?2 OR b = ?1", []any{"new", int64(-1)}},
		{"UPDATE r SET b = b", nil},
		{"BEGIN IMMEDIATE", nil}, {"BEGIN IMMEDIATE", nil}, {"ROLLBACK", nil}, {"ROLLBACK", nil},
		{"INSERT INTO r (a) VALUES (1); INSERT INTO r (a) VALUES (2)", nil},
	} {
		var changed [2]int64
		var failed [2]string
		var rows [2][][]driver.Value
		for i, table := range tables {
			n, err := table.exec(table.c, x.q, x.args)
			changed[i] = n
			var e coded
			switch {
			case errors.As(err, &e):
				failed[i] = fmt.Sprint(e.Code(), FaultOf(err))
			case err != nil:
				failed[i] = err.Error()
			}
			if err := table.c.Query(values, func(row []driver.Value) error {
				kept := make([]driver.Value, len(row))
				for i, v := range row {
					if b, ok := v.([]byte); ok {
						v = string(b)
					}
					kept[i] = v
				}
				rows[i] = append(rows[i], kept)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if changed[0] != changed[1] || failed[0] != failed[1] || !reflect.DeepEqual(rows[0], rows[1]) {
			t.Errorf("%s with %.100v: the driver changes %d, error %q, and we %d, %q; rows alike: %v", x.q, x.args,
				changed[0], failed[0], changed[1], failed[1], reflect.DeepEqual(rows[0], rows[1]))
		}
	}
}

// TestErrorsAreSQLites: a statement that fails says why in SQLite's words, and by its code.
func TestErrorsAreSQLites(t *testing.T) {
	c, err := Open("file:" + filepath.Join(t.TempDir(), "e.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Exec("CREATE TABLE r (id INTEGER PRIMARY KEY, a TEXT NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	_, err = c.Exec("INSERT INTO r (a) VALUES (?)", nil)
	var ours *Error
	var theirs *sqlite.Error
	_, its := byDriver(c, "INSERT INTO r (a) VALUES (?)", []any{nil})
	if !errors.As(err, &ours) || !errors.As(its, &theirs) || ours.Code() != theirs.Code() || !strings.Contains(err.Error(), "NOT NULL constraint failed: r.a") {
		t.Errorf("%v, and the driver says %v", err, its)
	}
}

// BenchmarkExec is a message's row, in a transaction.
func BenchmarkExec(b *testing.B) {
	for name, exec := range map[string]func(c *Conn, q string, args []any) (int64, error){
		"driver": byDriver,
		"direct": func(c *Conn, q string, args []any) (int64, error) { return c.Exec(q, args...) },
	} {
		b.Run(name, func(b *testing.B) {
			c, err := Open("file::memory:")
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			if _, err := c.Exec("CREATE TABLE m (id INTEGER PRIMARY KEY, a, b, c, d, e, f, g, h, i, j, k, l)"); err != nil {
				b.Fatal(err)
			}
			if _, err := c.Exec("BEGIN"); err != nil {
				b.Fatal(err)
			}
			body := bytes.Repeat([]byte{5}, 32)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := exec(c, "INSERT INTO m VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", []any{int64(i), int64(1), "email", "queued", "", "de", 0,
					Nullable(1_790_000_000_000), int64(1_790_000_000_000), int64(0), body, "1a2b,", "room for the first attempt of a message"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
