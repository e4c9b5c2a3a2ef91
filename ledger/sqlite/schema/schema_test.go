package schema

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
)

func opened(t *testing.T, path, query string) *db.Conn {
	t.Helper()
	c, err := db.Open("file:" + path + query)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func empty(t *testing.T) *db.Conn {
	t.Helper()
	return opened(t, filepath.Join(t.TempDir(), "m.db"), "")
}

func migrated(t *testing.T, c *db.Conn, to int64) {
	t.Helper()
	if err := MigrateTo(c, to); err != nil {
		t.Fatal(err)
	}
	if at, err := Of(c); err != nil || at != to {
		t.Fatalf("brought to %d, it has layout %d: %v", to, at, err)
	}
}

// words are what the file says that it is made of, and its layout.
func words(t *testing.T, c *db.Conn) string {
	t.Helper()
	at, err := Of(c)
	out := fmt.Sprintln("layout", at)
	if err == nil {
		err = c.Query("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name", func(v []driver.Value) error {
			out += fmt.Sprintln(db.Text(v[0]), db.Text(v[1]), db.Text(v[2]), db.Text(v[3]))
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestEachWayToALayoutIsTheSame: at once, step by step, and from each older one.
func TestEachWayToALayoutIsTheSame(t *testing.T) {
	whole := empty(t)
	if at, err := Of(whole); err != nil || at != 0 {
		t.Fatalf("an empty file has layout %d: %v", at, err)
	}
	if err := Migrate(whole); err != nil {
		t.Fatal(err)
	}
	want := words(t, whole)
	if !strings.HasPrefix(want, fmt.Sprintln("layout", Layout)) || strings.Contains(want, "goose") {
		t.Errorf("it is made of %s", want)
	}
	steps := empty(t)
	for to := int64(1); to <= Layout; to++ {
		migrated(t, steps, to)
		from := empty(t)
		migrated(t, from, to)
		if got := words(t, from); got != words(t, steps) {
			t.Errorf("layout %d at once is another than step by step: %s", to, got)
		}
		if err := Migrate(from); err != nil || words(t, from) != want {
			t.Errorf("from layout %d: %v, %s", to, err, words(t, from))
		}
	}
	if words(t, steps) != want {
		t.Error("step by step is another than at once")
	}
}

// TestMigrateAgainChangesNothing, nor does a layout that is behind the file's.
func TestMigrateAgainChangesNothing(t *testing.T) {
	c := empty(t)
	migrated(t, c, Layout)
	want := words(t, c)
	version := func() (n int64) {
		var v [1]driver.Value
		if _, err := c.Row("PRAGMA schema_version", v[:]); err != nil {
			t.Fatal(err)
		}
		return db.Int(v[0])
	}
	before := version()
	for _, to := range []int64{Layout, Layout - 1, 1, 0, -1} {
		if err := MigrateTo(c, to); err != nil || words(t, c) != want || version() != before {
			t.Errorf("to layout %d: %v", to, err)
		}
	}
	if _, err := c.Exec("INSERT INTO meta VALUES ('k', X'01')"); err != nil {
		t.Errorf("the connection was lent, and is not to be used any more: %v", err)
	}
}

// TestANewerLayoutIsRefused, with what to do, and is left as it is.
func TestANewerLayoutIsRefused(t *testing.T) {
	for _, newer := range []int64{Layout + 1, 1000} {
		c := empty(t)
		migrated(t, c, Layout)
		if _, err := c.Exec(fmt.Sprintf("PRAGMA user_version=%d", newer)); err != nil {
			t.Fatal(err)
		}
		want := words(t, c)
		err := Migrate(c)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("layout %d and this program knows %d: run the newer program", newer, Layout)) {
			t.Errorf("layout %d: %v", newer, err)
		}
		if words(t, c) != want {
			t.Errorf("layout %d: it was changed", newer)
		}
	}
}

// TestAFailedMigrationIsUndone: the ones before it stay done, the file says how far it came,
// and it goes on from there when what was in the way is gone.
func TestAFailedMigrationIsUndone(t *testing.T) {
	c := empty(t)
	migrated(t, c, 1)
	before := words(t, c)
	// The second migration makes this table last but one; what it made before must go.
	if _, err := c.Exec("CREATE TABLE plugin_runs (x)"); err != nil {
		t.Fatal(err)
	}
	blocked := words(t, c)
	err := Migrate(c)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("bring the tables from layout 1 to %d", Layout)) || !strings.Contains(err.Error(), "plugin_runs") {
		t.Errorf("%v, want the two layouts and what is in the way", err)
	}
	if words(t, c) != blocked {
		t.Errorf("a part of it is there: %s", words(t, c))
	}
	if _, err := c.Exec("DROP TABLE plugin_runs"); err != nil {
		t.Fatal(err)
	}
	if words(t, c) != before {
		t.Errorf("it is %s, want %s", words(t, c), before)
	}
	migrated(t, c, Layout)
}

// TestRowsStay: what stands in the first layout's tables is there in each later one, with
// nothing in the columns that came.
func TestRowsStay(t *testing.T) {
	c := empty(t)
	migrated(t, c, 1)
	for _, q := range []string{
		"INSERT INTO meta VALUES ('k', X'0102')",
		"INSERT INTO tenants VALUES (1, 'acme', X'03')",
		"INSERT INTO instances VALUES (1, 5, NULL)",
		"INSERT INTO confirmations (id, tenant, key, shop, format, state, event, updated, rank, dek, trail) VALUES (64, 1, X'04', 'web', 'generic', 'ready', 0, 9, 1, X'05', '1,')",
		"INSERT INTO messages (id, tenant, channel, state, locale, resend, expires, released, digest, trail) VALUES (65, 1, 'email', 'sent', 'en', 0, 99, 8, X'06', '1,')",
		"INSERT INTO suppressions VALUES (X'07', 1, 5, 'by_person')",
		"INSERT INTO trail VALUES (1, 1, 1, 1, X'7b7d', X'08')",
		"INSERT INTO dictionaries VALUES (1, X'09')",
	} {
		if _, err := c.Exec(q); err != nil {
			t.Fatal(q, err)
		}
	}
	queries := []string{"SELECT k, v FROM meta", "SELECT no, name, key FROM tenants", "SELECT id, started, stopped FROM instances",
		"SELECT id, tenant, shop, state, updated, rank FROM confirmations",
		"SELECT id, tenant, channel, state, locale, expires FROM messages", "SELECT hash, tenant, at, cause FROM suppressions",
		"SELECT batch, instance, first, last, head FROM trail", "SELECT id, body FROM dictionaries"}
	all := func() (out string) {
		t.Helper()
		for _, q := range queries {
			n := 0
			if err := c.Query(q, func(v []driver.Value) error { n++; out += fmt.Sprintln(v); return nil }); err != nil || n != 1 {
				t.Fatalf("%s: %d rows, %v", q, n, err)
			}
		}
		return out
	}
	want := all()
	for to := int64(2); to <= Layout; to++ {
		migrated(t, c, to)
		if got := all(); got != want {
			t.Errorf("in layout %d: %s, want %s", to, got, want)
		}
	}
	var v [2]driver.Value
	if _, err := c.Row("SELECT kind, part FROM confirmations", v[:]); err != nil || v[0] != nil || v[1] != nil {
		t.Errorf("columns that came have %v: %v", v, err)
	}
}

// TestWhatCannotBeWritten is told, and no panic.
func TestWhatCannotBeWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.db")
	migrated(t, opened(t, path, ""), 1)
	if err := Migrate(opened(t, path, "?mode=ro")); err == nil || !strings.Contains(err.Error(), "readonly") {
		t.Errorf("a file that may only be read: %v", err)
	}
	if err := Migrate(opened(t, path, "?_pragma=query_only(1)")); err == nil {
		t.Error("a connection that only reads has migrated")
	}
	other := opened(t, path, "")
	if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if err := Migrate(opened(t, path, "?_pragma=busy_timeout(0)")); db.FaultOf(err) != db.ReadFault {
		t.Errorf("while another writes: %v", err)
	}
	if _, err := other.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	c := opened(t, path, "")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Migrate(c); !errors.Is(err, db.ErrClosed) {
		t.Errorf("a closed file: %v", err)
	}
	if _, err := Of(c); !errors.Is(err, db.ErrClosed) {
		t.Errorf("its layout: %v", err)
	}
}

// TestMigrationsGoOneWay: none says how to undo itself, and nobody can have it undone.
func TestMigrationsGoOneWay(t *testing.T) {
	names, err := fs.Glob(Migrations, "migrations/*.sql")
	if err != nil || int64(len(names)) != Layout {
		t.Fatalf("%d migrations, layout %d: %v", len(names), Layout, err)
	}
	for _, name := range names {
		b, err := fs.ReadFile(Migrations, name)
		if err != nil || strings.Count(string(b), "-- +goose Up") != 1 || strings.Contains(string(b), "+goose Down") || strings.Contains(string(b), "NO TRANSACTION") {
			t.Errorf("%s: one way up, within a transaction, is all that there may be (%v)", name, err)
		}
	}
	if err := (numbers{}).Delete(t.Context(), nil, 1); err == nil || !strings.Contains(err.Error(), "restore a backup") {
		t.Errorf("undone: %v, want the remedy", err)
	}
}
