package plugins

import (
	"sync"
	"time"
)

// breaker leaves a failing version alone: it opens on five failures in a row or
// ten of the last hundred, for 30 s at first and twice as long each time, an
// hour at most.
type breaker struct {
	mu      sync.Mutex
	row     int
	last    [100]bool
	n       int
	bad     int
	until   time.Time
	rest    time.Duration
	opened  []time.Time // of the last day
	probing bool
}

const (
	firstRest    = 30 * time.Second
	longestRest  = time.Hour
	rowToOpen    = 5
	badToOpen    = 10
	openingsADay = 3
)

// closed reports whether the version may be called.
func (b *breaker) closed(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		return true
	}
	if now.Before(b.until) || b.probing {
		return false
	}
	b.probing = true
	return true
}

// note takes a call's outcome. It reports whether the breaker has just opened,
// and whether it has done so too often for one day.
func (b *breaker) note(failed bool, now time.Time) (opened, tooOften bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = false
	i := b.n % len(b.last)
	if b.last[i] {
		b.bad--
	}
	b.last[i] = failed
	b.n++
	if !failed {
		b.row, b.until = 0, time.Time{}
		if b.bad == 0 {
			b.rest = 0
		}
		return false, false
	}
	b.row++
	b.bad++
	if b.row < rowToOpen && b.bad < badToOpen && b.until.IsZero() || now.Before(b.until) {
		return false, false
	}
	b.rest = min(max(2*b.rest, firstRest), longestRest)
	b.until = now.Add(b.rest)
	b.row, b.bad, b.n, b.last = 0, 0, 0, [100]bool{}
	for len(b.opened) > 0 && now.Sub(b.opened[0]) > 24*time.Hour {
		b.opened = b.opened[1:]
	}
	b.opened = append(b.opened, now)
	return true, len(b.opened) >= openingsADay
}

// release gives a probe back that was not used.
func (b *breaker) release() {
	b.mu.Lock()
	b.probing = false
	b.mu.Unlock()
}
