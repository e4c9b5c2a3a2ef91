package delivery

import (
	"context"
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

// Narrow is a provider that has no more than so many messages between commit point and verdict
// at once: its connections. Others wait for one of them.
type Narrow interface {
	// MaxAtDot is how many: it does not change.
	MaxAtDot() int
}

// Named is a provider by its name, which is the trail's word for it.
type Named struct {
	Provider
	Name string
	// Label is what metrics call it, "" its name. Own: it is one tenant's.
	Label string
	Own   bool
}

// failover is some providers of one channel in their order, with their health: the first
// that is healthy is asked, whatever stands before it in the list.
type failover struct {
	clock  waxwing.Clock
	all    []*provider
	common *failover // of all who share providers: what is below is its; nil: nobody shares any

	mu      sync.Mutex    // guards the providers' health, too
	changed chan struct{} // closed when one may be asked that could not before
	probes  sync.WaitGroup
	over    context.Context // ends the probes
}

// lock guards the health of all that share providers; root gives what they have in common.
func (f *failover) lock()   { f.root().mu.Lock() }
func (f *failover) unlock() { f.root().mu.Unlock() }

func (f *failover) root() *failover {
	if f.common != nil {
		return f.common
	}
	return f
}

// pick gives the best provider that was not tried yet: one that is healthy, in their
// order; a message tries one before that which is half open. Where all that are
// healthy have as many messages as they may have, wait tells when to ask again;
// hurry asks for one all the same.
func (f *failover) pick(tried set, hurry bool) (p *provider, wait <-chan struct{}) {
	f.lock()
	defer f.unlock()
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
		r := f.root()
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		return nil, r.changed
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
	f.lock()
	defer f.unlock()
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
	f.root().probes.Go(func() {
		ctx, cancel := context.WithTimeout(f.over, 10*time.Second)
		defer cancel()
		a := by.Probe(ctx)
		f.lock()
		defer f.unlock()
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
	f.lock()
	defer f.unlock()
	p.rate.tick(p.inFlight, now)
	p.inFlight--
	p.trying = false
	if r := f.root(); r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
	switch {
	case a.Fault == waxwing.OwnFault:
		p.failedSince = time.Time{} // what we could not even ask is not down
		return 0, false
	case a.Fault == waxwing.LedgerFault, a.Busy, a.Verdict == "": // says nothing about the provider
		return 0, false
	}
	if a.Apart {
		if p.apart, took = true, 0; a.Verdict != waxwing.Accepted {
			return 0, false
		}
	}
	// What one tenant has besides says nothing to those who share this one with it.
	others := f.any(func(o *provider) bool { return o != p && o.healthy() && o.worked && (p.own || !o.own) })
	if deferral(a) && len(f.all) > 1 {
		// The recipient's server may mean the recipient, or this provider: whether another one gets the
		// message through will tell (blame). One that is on trial has not passed it.
		p.deferrals++
		if p.failedSince = (time.Time{}); p.healthy() {
			return 0, false
		}
	} else if !bad(a) {
		slow, closed := p.succeeded(took, others, now)
		if slow {
			opened = p.open(true, false, now)
			p.leave()
		}
		return opened, closed
	}
	doubt := a.Verdict == waxwing.UncertainVerdict
	if !p.failed(doubt, a.Bad, others, now) {
		return 0, false
	}
	p.slow = false
	last := p.healthy() && !others
	if opened = p.open(others, doubt, now); others {
		p.leave()
	}
	if last { // nobody is left: those that could take their time are wanted soon
		for _, o := range f.all {
			if o.openUntil.After(p.openUntil) {
				o.openUntil, o.backOff = p.openUntil, p.backOff
			}
		}
	}
	return opened, false
}

// deferral reports whether an attempt was put off by the recipient's side, and no word on the provider by itself.
func deferral(a *waxwing.Attempt) bool {
	return a.Verdict == waxwing.Deferred && a.Fault == waxwing.RecipientFault && !a.Bad
}

// bad reports whether an attempt speaks against its provider's health.
func bad(a *waxwing.Attempt) bool {
	return a.Bad || a.Fault == waxwing.ProviderFault || a.Fault == waxwing.TransportFault || a.Verdict == waxwing.UncertainVerdict
}

// healthyBut reports whether a healthy provider besides the given one is left.
func (f *failover) healthyBut(but *provider, tried set) bool {
	f.lock()
	defer f.unlock()
	return f.any(func(p *provider) bool { return p != but && !tried.has(p) && p.healthy() })
}

// proven reports whether a healthy provider that was not tried yet has worked.
func (f *failover) proven(tried set) bool {
	f.lock()
	defer f.unlock()
	return f.any(func(p *provider) bool { return p.healthy() && p.worked && !tried.has(p) })
}

// hopeBeside reports whether another provider than the given one has worked and is
// healthy, or may be so again: then a message need not wait for a connection of this one. Those
// that all wait for a slow one would else never find out that a better one is back.
func (f *failover) hopeBeside(but *provider) bool {
	f.lock()
	defer f.unlock()
	now := f.clock()
	return f.any(func(p *provider) bool { return p != but && (p.worked && (p.healthy() || p.wantsTrial(now))) })
}

// anyUsable reports whether a provider that was not tried yet may be tried now.
func (f *failover) anyUsable(tried set) bool {
	f.lock()
	defer f.unlock()
	now := f.clock()
	return f.any(func(p *provider) bool { return !tried.has(p) && (p.usable() || p.halfOpen(now)) })
}

// mayTake reports whether a provider that has not refused may still take a message, and
// when: it works, or it did so a few minutes ago.
func (f *failover) mayTake(refused set, now time.Time) (at time.Time, ok bool) {
	f.lock()
	defer f.unlock()
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
	f.lock()
	defer f.unlock()
	return f.any((*provider).usable)
}

// nextTry is when the first provider may be tried; zero: one works.
func (f *failover) nextTry() time.Time {
	f.lock()
	defer f.unlock()
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
	f.lock()
	defer f.unlock()
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
	f.lock()
	defer f.unlock()
	return f.any(func(p *provider) bool { return p.worked })
}

// overtaxed reports whether messages wait for a provider's connections, and not for long answers
// alone: then these should wait for nothing.
func (f *failover) overtaxed(p *provider) bool {
	f.lock()
	defer f.unlock()
	return p.overtaxed()
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
	f.lock()
	defer f.unlock()
	p := f.named(name)
	if p == nil {
		return 0
	}
	p.held++
	return p.held
}

// label is what metrics call a provider.
func (f *failover) label(name string) string {
	if p := f.named(name); p != nil && p.label != "" {
		return p.label
	}
	return name
}
