package delivery

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Provider carries a channel's messages. commit is the commit point: it is
// called once, when everything but the last byte is on its way.
type Provider interface {
	// Offer hands out over and says what became of it. It does not use out after it has
	// returned. Ending ctx ends an attempt that is not at its commit point; if commit fails the
	// last byte is never written.
	Offer(ctx context.Context, out *waxwing.Outgoing, commit func() error) waxwing.Attempt
}

// Prober is a provider that can be tried without a message.
type Prober interface {
	// Probe goes as far as a provider lets one go without a message, until ctx ends; Accepted:
	// a message may come.
	Probe(ctx context.Context) waxwing.Attempt
}

// Named is a provider by its name in the configuration.
type Named struct {
	Provider
	Name string
}

// failover is the providers of one channel in their order, with their health: the first
// that is healthy is asked, whatever stands before it in the list.
type failover struct {
	clock waxwing.Clock
	all   []*provider

	mu      sync.Mutex    // guards the providers' health, too
	changed chan struct{} // closed when one may be asked that could not before
	probes  sync.WaitGroup
	over    context.Context // ends the probes
}

func newFailover(clock waxwing.Clock, over context.Context, all []Named) (*failover, error) {
	if len(all) > mostProviders {
		return nil, fmt.Errorf("a channel has at most %d providers", mostProviders)
	}
	f := &failover{clock: clock, over: over}
	for i, n := range all {
		f.all = append(f.all, &provider{Provider: n.Provider, name: n.Name, bit: 1 << i})
	}
	return f, nil
}

// pick gives the best provider that was not tried yet: one that is healthy, in their
// order; a message tries one before that which is half open. Where all that are
// healthy have as many messages as they may have, wait tells when to ask again;
// hurry asks for one all the same.
func (f *failover) pick(tried set, hurry bool) (p *provider, wait <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.clock()
	some := f.any(func(p *provider) bool { return p.healthy() && !tried.has(p) })
	proven := f.any(func(p *provider) bool { return p.healthy() && p.worked && !tried.has(p) })
	full := false
	for _, p := range f.all {
		switch {
		case tried.has(p):
		case p.healthy() && (hurry && (p.worked || !proven) || len(f.all) == 1 || p.inFlight <= p.window):
			return f.assign(p), nil
		case p.healthy():
			full = true
		case p.halfOpen(now) && (!some || f.probe(p)):
			p.trying = true
			return f.assign(p), nil
		}
	}
	if full {
		if f.changed == nil {
			f.changed = make(chan struct{})
		}
		return nil, f.changed
	}
	for _, p := range f.all {
		if p.slow && !tried.has(p) {
			return f.assign(p), nil
		}
	}
	return nil, nil
}

// next is pick for a message that may have waited in vain: where nobody else would be
// done with it sooner, it goes on waiting where it was.
func (f *failover) next(t *tries, hurry bool) (*provider, <-chan struct{}) {
	if b := t.busy; b != nil && f.stays(b, t.tried) {
		t.anew()
		return b, nil
	}
	return f.pick(t.tried, hurry)
}

// choose gives the provider for a message; nil: the circuits of all are open, or ctx has
// ended. It waits a second at most for those that are healthy to show that they can take
// more. Then one that has worked is asked, be it once more, before one that nobody knows.
func (f *failover) choose(ctx context.Context, t *tries) *provider {
	tried := t.tried
	p, wait := f.next(t, false)
	if wait == nil {
		return p
	}
	limit := time.NewTimer(time.Second)
	defer limit.Stop()
	for hurry := false; wait != nil; p, wait = f.next(t, hurry) {
		select {
		case <-wait:
		case <-limit.C:
			if hurry = true; !f.proven(tried) && f.proven(t.refused) {
				t.anew()
			}
		case <-ctx.Done():
			return nil
		}
	}
	return p
}

// stays assigns a message to a provider that is as soon done with it as any other that has
// worked.
func (f *failover) stays(b *provider, tried set) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	own, now := b.rate.wait(b.inFlight), f.clock()
	if !b.healthy() || f.any(func(p *provider) bool {
		return p != b && !tried.has(p) && (p.healthy() && p.worked && p.rate.wait(p.inFlight) < own || p.worked && p.wantsTrial(now))
	}) {
		return false
	}
	f.assign(b)
	return true
}

func (f *failover) assign(p *provider) *provider {
	p.rate.tick(p.inFlight, f.clock())
	p.inFlight++
	return p
}

func (f *failover) any(is func(*provider) bool) bool {
	for _, p := range f.all {
		if is(p) {
			return true
		}
	}
	return false
}

// probe tries a provider without a message, if it can be. It says whether a message
// may try it.
func (f *failover) probe(p *provider) bool {
	by, ok := p.Provider.(Prober)
	if !ok || p.probed || f.over == nil {
		return true
	}
	if p.probing || f.over.Err() != nil {
		return false
	}
	p.probing = true
	f.probes.Go(func() {
		ctx, cancel := context.WithTimeout(f.over, 10*time.Second)
		defer cancel()
		a := by.Probe(ctx)
		f.mu.Lock()
		defer f.mu.Unlock()
		p.probing, p.probed = false, a.Verdict == waxwing.Accepted
		if !p.probed && p.halfOpen(f.clock()) {
			p.backOff = min(p.backOff*2, longestAway)
			p.openUntil = f.clock().Add(p.backOff)
		}
	})
	return false
}

// record takes an attempt's word on the provider's health. took is from its commit
// point to its answer, where it came so far. It says for how long its circuit is open
// from now on, and whether it has just been closed.
func (f *failover) record(p *provider, a *waxwing.Attempt, took time.Duration, now time.Time) (opened time.Duration, closed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.rate.tick(p.inFlight, now)
	p.inFlight--
	p.trying = false
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
	switch {
	case a.Fault == waxwing.OwnFault:
		p.failedSince = time.Time{} // what we could not even ask is not down
		return 0, false
	case a.Fault == waxwing.LedgerFault, a.Busy, a.Verdict == "": // says nothing about the provider
		return 0, false
	}
	others := f.any(func(o *provider) bool { return o != p && o.healthy() && o.worked })
	if !bad(a) {
		slow, closed := p.succeeded(took, others, now)
		if slow {
			opened = p.open(true, false, now)
		}
		return opened, closed
	}
	doubt := a.Verdict == waxwing.UncertainVerdict
	if !p.failed(doubt, a.Bad, others, now) {
		return 0, false
	}
	p.slow = false
	last := p.healthy() && !others
	opened = p.open(others, doubt, now)
	if last { // nobody is left: those that could take their time are wanted soon
		for _, o := range f.all {
			if o.openUntil.After(p.openUntil) {
				o.openUntil, o.backOff = p.openUntil, p.backOff
			}
		}
	}
	return opened, false
}

// bad reports whether an attempt speaks against its provider's health.
func bad(a *waxwing.Attempt) bool {
	return a.Bad || a.Fault == waxwing.ProviderFault || a.Fault == waxwing.TransportFault || a.Verdict == waxwing.UncertainVerdict
}

// healthyBut reports whether a healthy provider besides the given one is left.
func (f *failover) healthyBut(but *provider, tried set) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.any(func(p *provider) bool { return p != but && !tried.has(p) && p.healthy() })
}

// proven reports whether a healthy provider that was not tried yet has worked.
func (f *failover) proven(tried set) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.any(func(p *provider) bool { return p.healthy() && p.worked && !tried.has(p) })
}

// hopeBeside reports whether another provider than the given one has worked and is
// healthy, or may be so again: then a message need not wait for a connection of this one. Those
// that all wait for a slow one would else never find out that a better one is back.
func (f *failover) hopeBeside(but *provider) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.clock()
	return f.any(func(p *provider) bool { return p != but && (p.worked && (p.healthy() || p.wantsTrial(now))) })
}

// anyUsable reports whether a provider that was not tried yet may be tried now.
func (f *failover) anyUsable(tried set) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.clock()
	return f.any(func(p *provider) bool { return !tried.has(p) && (p.usable() || p.halfOpen(now)) })
}

// mayTake reports whether a provider that has not refused may still take a message, and
// when: it works, or it did so a few minutes ago.
func (f *failover) mayTake(refused set, now time.Time) (at time.Time, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.all {
		if refused.has(p) || !p.usable() && (!p.worked || !p.failedSince.IsZero() && now.Sub(p.failedSince) >= hopeFor) {
			continue
		}
		from := now
		if !p.usable() && p.openUntil.After(now) {
			from = p.openUntil
		}
		if !ok || from.Before(at) {
			at, ok = from, true
		}
	}
	return at, ok
}

// healthy reports whether any provider works.
func (f *failover) healthy() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.any((*provider).usable)
}

// nextTry is when the first provider may be tried; zero: one works.
func (f *failover) nextTry() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	var at time.Time
	for i, p := range f.all {
		from := p.openUntil
		if p.usable() {
			from = time.Time{}
		}
		if i == 0 || from.Before(at) {
			at = from
		}
	}
	return at
}

// downSince is since when no provider has worked; zero: one does.
func (f *failover) downSince() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	var at time.Time
	for _, p := range f.all {
		if p.failedSince.IsZero() {
			return time.Time{}
		}
		if p.failedSince.After(at) {
			at = p.failedSince
		}
	}
	return at
}

// worked reports whether any provider has worked in this process.
func (f *failover) worked() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.any(func(p *provider) bool { return p.worked })
}

// named gives a provider; nil: there is none of that name.
func (f *failover) named(name string) *provider {
	for _, p := range f.all {
		if p.name == name {
			return p
		}
	}
	return nil
}

// hold counts a message that is held in doubt. An answer that comes begins the count anew.
func (f *failover) hold(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.named(name)
	if p == nil {
		return 0
	}
	p.held++
	return p.held
}
