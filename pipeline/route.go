package pipeline

import (
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

// routes are the providers of one channel in their order, with their health.
type routes struct {
	clock waxwing.Clock
	all   []*route
}

// route is one provider. It rests after faults in a row, twice as long each
// time; after the rest one message at a time tries it, and only several
// successes in a row make it healthy again, so that it does not flap.
type route struct {
	name string
	p    Provider

	mu      sync.Mutex
	faults  int // in a row
	rest    time.Duration
	until   time.Time // resting until; zero: healthy
	probing bool
	good    int       // successes in a row since the rest
	down    time.Time // since when it has not worked
	worked  bool      // ever, in this process
	held    int       // messages in doubt since it last worked
}

const (
	faultsToRest  = 3
	firstRest     = time.Second
	longestRest   = 30 * time.Second
	doubtRest     = 2 * time.Second
	goodToRecover = 5
)

// usable reports whether the route may be tried now, and takes the probe if
// the route is on probation.
func (r *route) usable(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.until.IsZero() {
		return true
	}
	if now.Before(r.until) || r.probing {
		return false
	}
	r.probing = true
	return true
}

func (r *route) healthy() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.until.IsZero()
}

// open is usable without taking the probe.
func (r *route) open(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.until.IsZero() || !r.probing && !now.Before(r.until)
}

// note takes an attempt's word on the provider's health. It says for how long
// the provider rests from now on, and whether it has just become healthy again.
// alone: no other provider is healthy. One that loses answers does work, and each
// message has a number of copies that it may take: where nobody else is there it
// rests for seconds only.
func (r *route) note(a *waxwing.Attempt, alone bool, now time.Time) (rests time.Duration, recovered bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.probing = false
	bad := a.Bad || a.Fault == waxwing.ProviderFault || a.Fault == waxwing.TransportFault || a.Verdict == waxwing.UncertainVerdict
	switch {
	case a.Fault == waxwing.LedgerFault: // says nothing about the provider
	case !bad:
		r.faults, r.down, r.worked, r.held = 0, time.Time{}, true, 0
		if !r.until.IsZero() {
			if r.good++; r.good >= goodToRecover {
				r.until, r.rest, r.good = time.Time{}, 0, 0
				return 0, true
			}
		}
	default:
		r.good = 0
		if r.down.IsZero() && a.Verdict != waxwing.UncertainVerdict {
			r.down = now
		}
		if r.faults++; r.faults < faultsToRest && !a.Bad && r.until.IsZero() {
			return 0, false
		}
		if now.Before(r.until) {
			return 0, false // one of many in flight when it failed
		}
		longest := longestRest
		if alone && a.Verdict == waxwing.UncertainVerdict {
			longest = doubtRest
		}
		r.rest = min(max(r.rest*2, firstRest), longest)
		r.until = now.Add(r.rest)
		return r.rest, false
	}
	return 0, false
}

// pick gives the first usable route that was not tried yet.
func (rs *routes) pick(tried map[string]bool) *route {
	now := rs.clock()
	for _, r := range rs.all {
		if !tried[r.name] && r.usable(now) {
			return r
		}
	}
	return nil
}

// another reports whether a healthy route besides the given one is left.
func (rs *routes) another(than *route, tried map[string]bool) bool {
	for _, r := range rs.all {
		if r != than && !tried[r.name] && r.healthy() {
			return true
		}
	}
	return false
}

// open reports whether any route may be tried now.
func (rs *routes) open() bool {
	now := rs.clock()
	for _, r := range rs.all {
		if r.open(now) {
			return true
		}
	}
	return false
}

// healthy reports whether any route is.
func (rs *routes) healthy() bool {
	for _, r := range rs.all {
		if r.healthy() {
			return true
		}
	}
	return false
}

// again is when the first route may be tried; zero: one is healthy.
func (rs *routes) again() time.Time {
	var at time.Time
	for i, r := range rs.all {
		r.mu.Lock()
		if i == 0 || r.until.Before(at) {
			at = r.until
		}
		r.mu.Unlock()
	}
	return at
}

// downSince is since when no route has worked; zero: one does.
func (rs *routes) downSince() time.Time {
	var at time.Time
	for _, r := range rs.all {
		r.mu.Lock()
		d := r.down
		r.mu.Unlock()
		if d.IsZero() {
			return time.Time{}
		}
		if d.After(at) {
			at = d
		}
	}
	return at
}

// worked reports whether any route has worked in this process.
func (rs *routes) worked() bool {
	for _, r := range rs.all {
		r.mu.Lock()
		w := r.worked
		r.mu.Unlock()
		if w {
			return true
		}
	}
	return false
}
