package pipeline

import (
	"errors"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

// TestShedder: an event is turned away only where those before it would keep it for too
// long at the pace of the last second.
func TestShedder(t *testing.T) {
	for name, c := range map[string]struct {
		waiting int           // events before it
		rate    int           // are recorded a second
		busy    time.Duration // for so long
		after   time.Duration // what it is told; 0: it is let in
	}{
		"nothing waits":                       {waiting: 0, rate: 0, busy: 10 * time.Second},
		"fast enough":                         {waiting: 500, rate: 1000, busy: 10 * time.Second},
		"just fast enough":                    {waiting: 1990, rate: 1000, busy: 10 * time.Second},
		"too slow":                            {waiting: 3000, rate: 1000, busy: 10 * time.Second, after: 3 * time.Second},
		"too slow, but nothing is known yet":  {waiting: 3000, rate: 1000, busy: shedWindow / 2},
		"one hangs, not long":                 {waiting: 1, rate: 0, busy: 1500 * time.Millisecond},
		"one hangs for long":                  {waiting: 1, rate: 0, busy: 2500 * time.Millisecond, after: 2500 * time.Millisecond},
		"many hang, and the end is not known": {waiting: 1000, rate: 0, busy: 5 * time.Second, after: longestShed},
	} {
		t.Run(name, func(t *testing.T) {
			var s shedder
			at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
			enter := func() {
				if s.enter(at) != nil {
					s.waiting++ // whoever was let in before
				}
			}
			for range c.waiting {
				enter()
			}
			step := 10 * time.Millisecond
			for passed := step; passed <= c.busy; passed += step {
				at = at.Add(step)
				for range c.rate * int(step) / int(time.Second) {
					s.leave(true)
					enter()
				}
			}
			err := s.enter(at)
			var later *waxwing.LaterError
			switch {
			case c.after == 0 && err != nil:
				t.Fatalf("turned away: %v", err)
			case c.after == 0:
			case !errors.As(err, &later):
				t.Fatalf("let in: %v", err)
			case later.Quota || later.After < c.after*9/10 || later.After > c.after*11/10:
				t.Errorf("come again after %s, want about %s", later.After, c.after)
			}
		})
	}
}

// TestShedderForgets: once nothing waits any more, what was before says nothing.
func TestShedderForgets(t *testing.T) {
	var s shedder
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	if err := s.enter(at); err != nil {
		t.Fatal(err)
	}
	if at = at.Add(3 * time.Second); s.enter(at) == nil {
		t.Fatal("one has hung for three seconds")
	}
	s.leave(false) // it was withdrawn
	if err := s.enter(at.Add(time.Millisecond)); err != nil {
		t.Errorf("nothing waits: %v", err)
	}
}
