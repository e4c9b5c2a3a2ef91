package sums

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"modernc.org/sqlite"
)

// TestReportedRows: a changed row has the hash that the driver's copy of it has, whatever its
// values are, and as it was and is.
func TestReportedRows(t *testing.T) {
	s, c := watched(t)
	columns := make([]string, firstColumns["messages"]+2) // two that a later layout has added
	for i := range columns {
		columns[i] = fmt.Sprintf("c%d", i)
	}
	run(t, c, "CREATE TABLE messages (id INTEGER PRIMARY KEY, "+strings.Join(columns[1:], ", ")+")",
		"CREATE TABLE plain (k BLOB PRIMARY KEY, a, b, c) WITHOUT ROWID")
	told := 0
	c.Raw.(sqlite.HookRegisterer).RegisterPreUpdateHook(func(d sqlite.SQLitePreUpdateData) {
		for _, now := range []bool{false, true} {
			if now && d.Op == opDelete || !now && d.Op == opInsert {
				continue
			}
			row := make([]any, d.Count())
			read := d.Old
			if now {
				read = d.New
			}
			if err := read(row...); err != nil {
				t.Error(err)
			}
			want := s.hash(d.TableName, row)
			got, err := s.reported(&d, now)
			if told++; err != nil || got != want {
				t.Errorf("%s, operation %d, now %v: %v is %v %v, want %v", d.TableName, d.Op, now, row, got, err, want)
			}
		}
	})
	for _, q := range []string{
		"INSERT INTO messages (id) VALUES (1)",
		"INSERT INTO messages (id, c1, c2) VALUES (-9223372036854775808, 'text', X'0001')",
		"INSERT INTO messages (id, c1, c2, c3, c4, c5) VALUES (2, 2.5, 9223372036854775807, '', X'', 'Grüße ❤')",
		"INSERT INTO messages (id, c17) VALUES (3, 'new')",
		"INSERT INTO messages (id, c16) VALUES (4, 0)",
		"UPDATE messages SET c17 = NULL, c16 = 'x' WHERE id = 3",
		"UPDATE messages SET id = id + 10, c4 = 'moved' WHERE id > 1",
		"DELETE FROM messages WHERE id = 12",
		"INSERT INTO plain VALUES (X'01', 1e300, -0.0, NULL), (X'', 'a', X'ff', 1)",
		"UPDATE plain SET c = a, k = X'02' WHERE k = X'01'",
		"INSERT OR REPLACE INTO plain VALUES (X'02', NULL, NULL, NULL)",
	} {
		run(t, c, q)
	}
	if _, err := c.Exec("INSERT INTO plain VALUES (?,?,?,?)", bytes.Repeat([]byte{7}, 100_000), strings.Repeat("long ", 20_000), nil, int64(-1)); err != nil {
		t.Fatal(err)
	}
	if told < 20 {
		t.Errorf("%d rows were reported", told)
	}
}

// BenchmarkChanged is what the sums cost at an insertion and an update of a row with some
// bytes, as a message's content is.
func BenchmarkChanged(b *testing.B) {
	s, c := watched(b)
	if _, err := c.Exec("INSERT INTO r VALUES (0, '', X'')"); err != nil {
		b.Fatal(err)
	}
	body := bytes.Repeat([]byte("sealed "), 250)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := c.Exec("INSERT INTO r VALUES (?,?,?)", int64(i+1), "some text", body); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Exec("UPDATE r SET t=? WHERE id=?", "other text", int64(i+1)); err != nil {
			b.Fatal(err)
		}
	}
	if s.Err != nil {
		b.Fatal(s.Err)
	}
}
