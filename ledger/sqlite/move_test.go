package sqlite

import (
	"database/sql/driver"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/move"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/sqlite/schema"
)

// TestShut: a ledger that is moved away is not served, but read; it is whole with the mark and without, and goes on
// when the move is given up. A folder that is in use is neither shut nor moved into.
func TestShut(t *testing.T) {
	o := Options{Options: ledger.Options{Dir: t.TempDir(), Tenants: []waxwing.TenantID{"acme"}, Policy: "resend"}}
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	rc, err := l.Accept(t.Context(), event(1))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Mover(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Hold(t.Context()); err == nil || !strings.Contains(err.Error(), "another waxwing holds this folder") {
		t.Errorf("it is held beside a daemon: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	whole := func(what string) {
		t.Helper()
		r, err := s.Verify(t.Context())
		if err != nil || !r.Whole() || len(r.Blind) > 0 {
			t.Errorf("%s: %v %+v", what, err, r)
		}
	}
	mark := &move.Mark{ID: "m1", Role: move.From, Other: "elsewhere", At: time.Now()}
	for range 2 { // it may be done again
		if err := errors.Join(s.Hold(t.Context()), s.Shut(t.Context(), mark)); err != nil {
			t.Fatal(err)
		}
	}
	whole("shut")
	mark.Done = true
	if err := s.Tell(t.Context(), mark); err != nil {
		t.Fatal(err)
	}
	whole("done")
	s.Close()
	if _, err := Open(t.Context(), o); !errors.Is(err, move.ErrMoved) || !strings.Contains(err.Error(), "it was moved to elsewhere") {
		t.Errorf("a daemon starts: %v", err)
	}
	o.ReadOnly = true
	if l, err = Open(t.Context(), o); err != nil {
		t.Fatal("it cannot be read: ", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	o.ReadOnly = false
	if err := s.Hold(t.Context()); err != nil {
		t.Fatal(err)
	}
	secrets, err := s.Secrets()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Mark(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Unmark(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole("given up")
	if err := s.Begin(t.Context(), &move.Mark{ID: "m2", Role: move.To}, secrets); err == nil || !strings.Contains(err.Error(), "there is a ledger in it") {
		t.Errorf("it is moved into: %v", err)
	}
	s.Close()
	if l, err = Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if again, err := l.Accept(t.Context(), event(1)); err != nil || again.New || again.ID != rc.ID {
		t.Errorf("it does not go on: %+v %v", again, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// TestMovedIntoAFolder: what is not whole yet is opened by nobody, and another key is refused.
func TestMovedIntoAFolder(t *testing.T) {
	o := Options{Options: ledger.Options{Dir: t.TempDir(), Policy: "resend"}}
	s, err := Mover(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	secrets := move.Secrets{Master: waxwing.Secret(strings.Repeat("5a", 32)), Anchor: [32]byte{1}}
	mark := &move.Mark{ID: "m1", Role: move.To, Other: "the database", At: time.Now()}
	for range 2 {
		if err := errors.Join(s.Hold(t.Context()), s.Begin(t.Context(), mark, secrets)); err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
	for _, o.ReadOnly = range []bool{false, true} {
		if _, err := Open(t.Context(), o); !errors.Is(err, move.ErrMoved) || !strings.Contains(err.Error(), "not whole") {
			t.Errorf("it is opened: %v", err)
		}
	}
	if err := s.Hold(t.Context()); err != nil {
		t.Fatal(err)
	}
	secrets.Anchor[0]++
	if err := s.Begin(t.Context(), mark, secrets); err == nil || !strings.Contains(err.Error(), "the key of another ledger") {
		t.Errorf("another anchors' key: %v", err)
	}
	o.ReadOnly, o.Master = false, waxwing.Secret(strings.Repeat("5b", 32))
	other, err := Mover(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Begin(t.Context(), mark, secrets); err == nil || !strings.Contains(err.Error(), "keys.master is another one") {
		t.Errorf("another master key: %v", err)
	}
	other.Close()
}

// TestAllColumnsAreMoved: whatever a migration adds is moved, too, or stands here with why not.
func TestAllColumnsAreMoved(t *testing.T) {
	c, err := db.Open("file::memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := schema.Migrate(c); err != nil {
		t.Fatal(err)
	}
	stays := map[string]string{"meta": "see move.Beside", "claims": "nobody holds any when it is shut", "lookup_segments": "an index", "lookup_pages": "an index",
		"confirmations.named": "part named", "messages.first": "part firsts", "messages.answer": "part firsts"}
	n, want := 0, -1 // plugin_versions.saved is the row's number
	for _, m := range move.Tables {
		want += len(m.Columns)
	}
	err = c.Query("SELECT m.name, p.name FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type='table'", func(v []driver.Value) error {
		table, column := db.Text(v[0]), db.Text(v[1])
		i := slices.IndexFunc(move.Tables, func(m *move.Table) bool { return m.Name == table })
		switch {
		case stays[table] != "" || stays[table+"."+column] != "":
		case i < 0:
			t.Errorf("table %s is not moved", table)
		case !slices.ContainsFunc(move.Tables[i].Columns, func(c move.Column) bool { return c.Name == column }):
			t.Errorf("column %s.%s is not moved", table, column)
		default:
			n++
		}
		return nil
	})
	if err != nil || n != want {
		t.Errorf("%d columns are moved, and %d are there: %v", want, n, err)
	}
}
