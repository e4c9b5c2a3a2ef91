package daemon

import "testing"

// TestCalm: a burst's memory is given back once, when it is over, and not while it goes on.
func TestCalm(t *testing.T) {
	var c calm
	allocated := uint64(0)
	for i, look := range []struct {
		more  uint64
		ended bool
	}{{0, false}, {calmBytes, false}, {calmBytes + 1, false}, {1 << 30, false}, {calmBytes, true}, {0, false}, {calmBytes, false}, {1 << 30, false}, {0, true}, {0, false}} {
		allocated += look.more
		if got := c.over(allocated); got != look.ended {
			t.Errorf("look %d, %d bytes later: ended %v, want %v", i, look.more, got, look.ended)
		}
	}
}
