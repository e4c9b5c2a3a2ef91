package delivery

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
)

// TestStop: each step includes those before it, and may be taken twice.
func TestStop(t *testing.T) {
	for name, c := range map[string]struct {
		step                 func(*Stop)
		begun, offers, ended bool
	}{
		"none":     {func(*Stop) {}, false, false, false},
		"begin":    {(*Stop).Begin, true, false, false},
		"withdraw": {(*Stop).Withdraw, true, true, false},
		"cut":      {(*Stop).Cut, true, true, true},
	} {
		s := NewStop()
		c.step(s)
		c.step(s)
		begun := false
		select {
		case <-s.Begun():
			begun = true
		default:
		}
		if begun != c.begun || s.HasBegun() != c.begun || (s.offers.Err() != nil) != c.offers || (s.Context().Err() != nil) != c.ended {
			t.Errorf("%s: begun %v, offers end: %v, all ends: %v", name, begun, s.offers.Err(), s.Context().Err())
		}
		s.Cut()
	}
	s := NewStop()
	e := s.Earlier()
	if e.Begin(); !e.HasBegun() || s.HasBegun() || e.Context().Err() != nil {
		t.Error("an earlier stop does not begin by itself")
	}
	if s.Cut(); e.Context().Err() == nil {
		t.Error("an earlier stop does not end with the other")
	}
}

// TestPatience: a message that has waited in vain waits longer, up to 16 s.
func TestPatience(t *testing.T) {
	for waits, want := range []time.Duration{1, 2, 4, 8, 16, 16, 16} {
		if got := (&tries{waits: waits}).patience(); got != want*time.Second {
			t.Errorf("after %d waits %s, want %d s", waits, got, want)
		}
	}
	tried := &tries{tried: 7, refused: 2}
	if tried.anew(); tried.tried != 2 {
		t.Errorf("who has refused is not asked again: %b", tried.tried)
	}
}

// TestWake: who is woken claims the message and sends it; where it is taken, or nothing is
// there, nothing happens.
func TestWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil, &answers{all: []waxwing.Attempt{taken()}})
		b.Wake(65)
		if b.out.claims != 1 || b.out.last == nil || b.out.last.To != waxwing.Sent {
			t.Errorf("%d claims, %+v", b.out.claims, b.out.last)
		}
		b.out.claims, b.out.last = 9, nil // the next one finds nothing
		if b.Wake(65); b.out.last != nil {
			t.Errorf("%+v", b.out.last)
		}
		b.Stop.Cut()
	})
}
