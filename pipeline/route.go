package pipeline

import (
	"context"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

// routes are the providers of one channel in their order, with their health: the
// first that is well is asked, whatever stands before it in the list.
type routes struct {
	clock waxwing.Clock
	all   []*route

	mu      sync.Mutex    // guards the routes, too
	changed chan struct{} // closed when one may be asked that could not before
	// checks are probes in the background; over ends them.
	checks sync.WaitGroup
	over   context.Context
}

// route is one provider. It rests after faults in a row, twice as long each
// time; after the rest one message at a time tries it, and only several
// successes in a row make it healthy again, so that it does not flap.
//
// Where there are others, too, a message need not be what finds out: a provider
// that can be probed without one is, and one that has not shown yet what it can do
// is given a message, then two, and so on. A bad provider costs one message its
// time then, and not as many as there are connections.
type route struct {
	name string
	p    Provider

	faults   int // in a row
	blame    int // what faults that are not in a row add up to
	rest     time.Duration
	until    time.Time // resting until; zero: healthy
	slow     bool      // it rests since its answers take long: it works where nobody else does
	probing  bool
	checking bool // it is probed without a message
	checked  bool // and that went well
	good     int  // successes in a row since the rest
	under    int  // messages that it has
	room     int  // how many it may have besides, where others are there
	tardy    int  // late answers in a row
	down     time.Time
	worked   bool // ever, in this process
	held     int  // messages in doubt since it last worked
	pace     pace
}

const (
	faultsToRest  = 3
	firstRest     = time.Second
	longestRest   = 30 * time.Second
	goodToRecover = 5
	// doubtRest is for one that loses answers and that nobody can stand in for.
	doubtRest = 2 * time.Second
	// With another one at hand there is no hurry to come back.
	firstLeave   = 5 * time.Second
	longestLeave = time.Minute
	// Each message that tries a slow one again waits for it.
	firstSlow   = 30 * time.Second
	longestSlow = 10 * time.Minute
	// blameToRest is of faults that are not in a row: one of four or more fails.
	blameOfFault, blameToRest = 4, 10
	// fullRoom is when a provider has shown enough.
	fullRoom = 64
	// late and tooLate are how long after its commit point a message is answered by
	// a slow provider: three times in a row, or once.
	late, tooLate = time.Second, 3 * time.Second
	// hopeFor is how long one that worked is waited for where another one refuses.
	hopeFor = 5 * time.Minute
)

// Prober is a provider that can be tried without a message.
type Prober interface {
	// Probe goes as far as a provider lets one go without a message, until ctx ends; Accepted:
	// a message may come.
	Probe(ctx context.Context) waxwing.Attempt
}

func (r *route) well() bool { return r.until.IsZero() }

// works says that messages may go there, if only for want of a better one.
func (r *route) works() bool { return r.well() || r.slow }

// due is after the rest, with nobody trying.
func (r *route) due(now time.Time) bool {
	return !r.well() && !r.probing && !now.Before(r.until)
}

// pick gives the best route that was not tried yet: one that is well, in their
// order; a message tries one before that whose rest is over. Where all that are
// well have as many messages as they may have, wait tells when to ask again;
// hurry asks for one all the same.
func (rs *routes) pick(tried map[string]bool, hurry bool) (r *route, wait <-chan struct{}) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	now := rs.clock()
	some := rs.any(func(r *route) bool { return r.well() && !tried[r.name] })
	proven := rs.any(func(r *route) bool { return r.well() && r.worked && !tried[r.name] })
	full := false
	for _, r := range rs.all {
		switch {
		case tried[r.name]:
		case r.well() && (hurry && (r.worked || !proven) || len(rs.all) == 1 || r.under <= r.room):
			return rs.give(r), nil
		case r.well():
			full = true
		case r.due(now) && (!some || rs.check(r)):
			r.probing = true
			return rs.give(r), nil
		}
	}
	if full {
		if rs.changed == nil {
			rs.changed = make(chan struct{})
		}
		return nil, rs.changed
	}
	for _, r := range rs.all {
		if r.slow && !tried[r.name] {
			return rs.give(r), nil
		}
	}
	return nil, nil
}

// next is pick for a message that may have waited in vain: where nobody else would be
// done with it sooner, it goes on waiting where it was.
func (rs *routes) next(t *turn, hurry bool) (*route, <-chan struct{}) {
	if b := t.busy; b != nil && rs.stays(b, t.tried) {
		t.anew()
		return b, nil
	}
	return rs.pick(t.tried, hurry)
}

// stays gives a route that is as soon done with a message as any other that has worked.
func (rs *routes) stays(b *route, tried map[string]bool) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	own := b.pace.wait(b.under)
	if !b.well() || rs.any(func(r *route) bool {
		return r != b && !tried[r.name] && r.well() && r.worked && r.pace.wait(r.under) < own
	}) {
		return false
	}
	rs.give(b)
	return true
}

func (rs *routes) give(r *route) *route {
	r.pace.tick(r.under, rs.clock())
	r.under++
	return r
}

func (rs *routes) any(is func(*route) bool) bool {
	for _, r := range rs.all {
		if is(r) {
			return true
		}
	}
	return false
}

// check probes a route without a message, if it can be. It says whether a message
// may try it.
func (rs *routes) check(r *route) bool {
	p, ok := r.p.(Prober)
	if !ok || r.checked || rs.over == nil {
		return true
	}
	if r.checking || rs.over.Err() != nil {
		return false
	}
	r.checking = true
	rs.checks.Go(func() {
		ctx, cancel := context.WithTimeout(rs.over, 10*time.Second)
		defer cancel()
		a := p.Probe(ctx)
		rs.mu.Lock()
		defer rs.mu.Unlock()
		r.checking, r.checked = false, a.Verdict == waxwing.Accepted
		if !r.checked && r.due(rs.clock()) {
			r.rest = min(r.rest*2, longestLeave)
			r.until = rs.clock().Add(r.rest)
		}
	})
	return false
}

// note takes an attempt's word on the provider's health. took is from its commit
// point to its answer, where it came so far. It says for how long the provider
// rests from now on, and whether it has just become healthy again.
func (rs *routes) note(r *route, a *waxwing.Attempt, took time.Duration, now time.Time) (rests time.Duration, recovered bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r.pace.tick(r.under, now)
	r.under--
	r.probing = false
	if rs.changed != nil {
		close(rs.changed)
		rs.changed = nil
	}
	bad := a.Bad || a.Fault == waxwing.ProviderFault || a.Fault == waxwing.TransportFault || a.Verdict == waxwing.UncertainVerdict
	switch {
	case a.Fault == waxwing.OwnFault:
		r.down = time.Time{} // what we could not even ask is not down
		return 0, false
	case a.Fault == waxwing.LedgerFault, a.Busy, a.Verdict == "": // says nothing about the provider
		return 0, false
	case !bad:
		return rs.praise(r, took, now)
	}
	r.good, r.checked, r.room = 0, false, min(r.room, fullRoom)/2
	if r.down.IsZero() && a.Verdict != waxwing.UncertainVerdict {
		r.down = now
	}
	r.blame += blameOfFault
	others := rs.any(func(o *route) bool { return o != r && o.well() && o.worked })
	// Where others are known to be well a lost answer is enough: each costs a customer a copy.
	tired := r.faults+1 >= faultsToRest || a.Bad || !r.well() ||
		others && (r.blame >= blameToRest || a.Verdict == waxwing.UncertainVerdict)
	if r.faults++; !tired || now.Before(r.until) { // the latter: one of many under way when it failed
		return 0, false
	}
	r.slow = false
	return rs.lay(r, others, a.Verdict == waxwing.UncertainVerdict, now), false
}

// lay puts a route to rest.
func (rs *routes) lay(r *route, others, doubt bool, now time.Time) time.Duration {
	first, longest := firstRest, longestRest
	switch {
	case r.slow:
		longest = longestSlow
	case others:
		first, longest = firstLeave, longestLeave
	case doubt:
		longest = doubtRest
	}
	last := r.well() && !others
	r.room = 0
	r.rest = min(max(r.rest*2, first), longest)
	r.until = now.Add(r.rest)
	if last { // nobody is left: those that could take their time are wanted soon
		for _, o := range rs.all {
			if o.until.After(r.until) {
				o.until, o.rest = r.until, r.rest
			}
		}
	}
	return r.rest
}

// praise notes a success.
func (rs *routes) praise(r *route, took time.Duration, now time.Time) (rests time.Duration, recovered bool) {
	r.faults, r.down, r.worked, r.held = 0, time.Time{}, true, 0
	r.pace.served++
	r.blame = max(0, r.blame-1)
	if r.tardy++; took < late {
		r.tardy = 0
	}
	others := rs.any(func(o *route) bool { return o != r && o.well() && o.worked })
	if others && (r.tardy >= faultsToRest || took >= tooLate) {
		r.good, r.checked = 0, false
		if now.Before(r.until) {
			return 0, false
		}
		r.slow, r.rest = true, max(r.rest, firstSlow/2)
		return rs.lay(r, true, false, now), false
	}
	r.room = min(r.room+1, fullRoom)
	if r.room == fullRoom {
		r.room = 1 << 20
	}
	if r.well() || now.Before(r.until) && !r.slow { // the latter: it was under way when others failed
		return 0, false
	}
	if r.good++; r.good < goodToRecover {
		return 0, false
	}
	r.until, r.rest, r.good, r.slow, r.blame = time.Time{}, 0, 0, false, 0
	return 0, true
}

// another reports whether a healthy route besides the given one is left.
func (rs *routes) another(than *route, tried map[string]bool) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.any(func(r *route) bool { return r != than && !tried[r.name] && r.well() })
}

// proven reports whether a healthy route that was not tried yet has worked.
func (rs *routes) proven(tried map[string]bool) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.any(func(r *route) bool { return r.well() && r.worked && !tried[r.name] })
}

// provenBeside reports whether another healthy route has worked.
func (rs *routes) provenBeside(than *route) bool {
	return rs.proven(map[string]bool{than.name: true})
}

// left reports whether a route that was not tried yet may be tried now.
func (rs *routes) left(tried map[string]bool) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	now := rs.clock()
	return rs.any(func(r *route) bool { return !tried[r.name] && (r.works() || r.due(now)) })
}

// hope reports whether a route that has not refused may still take a message, and
// when: it works, or it did so a few minutes ago.
func (rs *routes) hope(refused map[string]bool, now time.Time, at *time.Time) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	found := false
	for _, r := range rs.all {
		if refused[r.name] || !r.works() && (!r.worked || !r.down.IsZero() && now.Sub(r.down) >= hopeFor) {
			continue
		}
		until := now
		if !r.works() && r.until.After(now) {
			until = r.until
		}
		if !found || until.Before(*at) {
			found, *at = true, until
		}
	}
	return found
}

// open reports whether any route may be tried now.
func (rs *routes) open() bool { return rs.left(nil) }

// healthy reports whether any route works.
func (rs *routes) healthy() bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.any((*route).works)
}

// again is when the first route may be tried; zero: one works.
func (rs *routes) again() time.Time {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	var at time.Time
	for i, r := range rs.all {
		until := r.until
		if r.works() {
			until = time.Time{}
		}
		if i == 0 || until.Before(at) {
			at = until
		}
	}
	return at
}

// downSince is since when no route has worked; zero: one does.
func (rs *routes) downSince() time.Time {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	var at time.Time
	for _, r := range rs.all {
		if r.down.IsZero() {
			return time.Time{}
		}
		if r.down.After(at) {
			at = r.down
		}
	}
	return at
}

// worked reports whether any route has worked in this process.
func (rs *routes) worked() bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.any(func(r *route) bool { return r.worked })
}
