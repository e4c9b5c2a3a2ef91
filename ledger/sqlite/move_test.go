package sqlite

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/move"
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
