package waxwing

import (
	"testing"
	"time"
)

func TestDoubtRule(t *testing.T) {
	const m = time.Minute
	for _, c := range []struct {
		r    DoubtRule
		lost int
		wait time.Duration
		held bool
	}{
		{DoubtRule{}, 1, m, false}, {DoubtRule{}, 2, 5 * m, false}, {DoubtRule{}, 3, 15 * m, false}, {DoubtRule{}, 4, 0, true}, {DoubtRule{}, 400, 0, true},
		{DoubtRule{Copies: 6}, 4, 60 * m, false}, {DoubtRule{Copies: 6}, 6, 60 * m, false}, {DoubtRule{Copies: 6}, 7, 0, true},
		{DoubtRule{After: time.Second, Copies: 1}, 1, time.Second, false}, {DoubtRule{After: time.Second, Copies: 1}, 2, 0, true},
		{DoubtRule{Policy: HoldDoubt}, 1, 0, true}, {DoubtRule{Policy: AssumeDoubt}, 9, m, false},
	} {
		if wait, held := c.r.Next(c.lost); wait != c.wait || held != c.held {
			t.Errorf("%+v after %d: %s %v", c.r, c.lost, wait, held)
		}
	}
}
