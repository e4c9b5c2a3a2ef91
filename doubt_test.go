package waxwing

import (
	"slices"
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
		{DoubtRule{Policy: HoldDoubt, Ask: true}, 1, m, false}, {DoubtRule{Ask: true}, 2, 5 * m, false}, {DoubtRule{Ask: true}, 4, m, false},
		{DoubtRule{Policy: HoldDoubt}, 1, 0, true}, {DoubtRule{Policy: AssumeDoubt}, 9, m, false},
	} {
		if wait, held := c.r.Next(c.lost); wait != c.wait || held != c.held {
			t.Errorf("%+v after %d: %s %v", c.r, c.lost, wait, held)
		}
	}
}

// A provider that does not know is asked about four times, each time after twice as long, and not
// beyond a quarter of an hour.
func TestAskedAgain(t *testing.T) {
	const m = time.Minute
	for _, c := range []struct {
		r    DoubtRule
		lost int
		want []time.Duration // after the answer was lost
	}{
		{DoubtRule{Ask: true}, 1, []time.Duration{m, 2 * m, 4 * m, 8 * m}},
		{DoubtRule{Ask: true}, 2, []time.Duration{5 * m, 10 * m}},
		{DoubtRule{Ask: true}, 3, []time.Duration{15 * m}},
		{DoubtRule{Ask: true, Policy: HoldDoubt, After: time.Second}, 1, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}},
	} {
		since, _ := c.r.Next(c.lost)
		got := []time.Duration{since}
		for wait, ok := c.r.Again(c.lost, since); ok; wait, ok = c.r.Again(c.lost, since) {
			since += wait
			got = append(got, since)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v after %d: asked at %v, want %v", c.r, c.lost, got, c.want)
		}
	}
	if _, ok := (DoubtRule{}).Again(1, time.Hour); ok {
		t.Error("asked again after an hour")
	}
}
