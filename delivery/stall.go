package delivery

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/waxwinghq/waxwing"
)

// dots is what a provider has been given whole and has not answered yet, and how soon it answers
// usually. Whoever is slow from one moment on would else be given as many messages as it
// has connections before the first of them shows it: each is past its commit point, and can go to nobody else.
type dots struct {
	open     []*dot
	answered time.Time     // when the youngest of those that were answered was committed
	usual    time.Duration // how long an answer takes, the newest counting for an eighth
}

// dot is one message between its commit point and the answer.
type dot struct{ at time.Time }

const (
	// usualTimes are so many times what an answer takes usually, and leastStall is the least,
	// for which a provider may be silent.
	usualTimes = 8
	leastStall = 150 * time.Millisecond
)

// commit notes that a message is at its commit point.
func (d *dots) commit(now time.Time) *dot {
	x := &dot{at: now}
	d.open = append(d.open, x)
	return x
}

// end forgets a message. answered: its provider has said something.
func (d *dots) end(x *dot, answered bool, now time.Time) {
	if i := slices.Index(d.open, x); i >= 0 {
		d.open = slices.Delete(d.open, i, i+1)
	}
	if !answered {
		return
	}
	if x.at.After(d.answered) {
		d.answered = x.at
	}
	if took := now.Sub(x.at); d.usual == 0 {
		d.usual = took
	} else {
		d.usual += (took - d.usual) / 8
	}
}

// silent reports whether a message waits for its answer for far longer than usual, and none
// that was committed after it has got one: else it is that one connection which is stuck.
func (d *dots) silent(now time.Time) bool {
	bound := max(leastStall, usualTimes*d.usual)
	return slices.ContainsFunc(d.open, func(x *dot) bool { return now.Sub(x.at) > bound && x.at.After(d.answered) })
}

// errLeft ends attempts at a provider whose circuit has opened meanwhile.
var errLeft = errors.New("others have found the provider unwell")

// offer is an attempt that is under way.
type offer struct {
	f    *failover
	p    *provider
	ctx  context.Context
	end  context.CancelCauseFunc
	at   *dot // nil: it has not come to its commit point
	left bool // it was ended, since others have found the provider unwell
}

// begin begins an attempt, whose context ends where the provider's circuit opens before the
// commit point, and another provider works. over is to be called when the attempt is over.
func begin(ctx context.Context, f *failover, p *provider) *offer {
	o := &offer{f: f, p: p, ctx: ctx}
	if len(f.all) == 1 {
		return o
	}
	o.ctx, o.end = context.WithCancelCause(ctx)
	f.lock()
	defer f.unlock()
	if p.early == nil {
		p.early = map[*offer]struct{}{}
	}
	p.early[o] = struct{}{}
	return o
}

// commit notes that the message is at its commit point: it cannot be had back.
func (o *offer) commit() {
	o.f.lock()
	defer o.f.unlock()
	delete(o.p.early, o)
	o.at = o.p.dots.commit(o.f.clock())
}

// over notes what the attempt came to.
func (o *offer) over(a *waxwing.Attempt) {
	o.f.lock()
	defer o.f.unlock()
	delete(o.p.early, o)
	if o.at != nil {
		o.p.dots.end(o.at, a.Verdict == waxwing.Accepted || a.Code != 0, o.f.clock())
	} else if errors.Is(context.Cause(o.ctx), errLeft) && a.Verdict == waxwing.Deferred && !a.Busy {
		// That it ended says no more of the provider.
		a.Fault, a.Bad, o.left = waxwing.TransportFault, false, true
	}
	if o.end != nil {
		o.end(nil)
	}
}

// leave ends the attempts that have not come to their commit point: whoever waits for a provider
// that is known to be unwell need not find out by itself.
func (p *provider) leave() {
	for e := range p.early {
		e.end(errLeft)
	}
	clear(p.early)
}

// watch sees that a provider is unwell by more than what its own attempts came to.
type watch struct{ f *failover }

// stalled opens the circuit of a provider that does not answer, where another one works, and
// gives it; nil: there is none. Like one whose answers are late, it is used where nobody else
// works, and its answers close the circuit if they come soon after all.
func (w watch) stalled() (*provider, time.Duration) {
	f := w.f
	f.lock()
	defer f.unlock()
	now := f.clock()
	for _, p := range f.all {
		if !p.healthy() || p.apart || !p.dots.silent(now) {
			continue
		}
		if f.any(func(o *provider) bool {
			return o != p && o.healthy() && o.worked && (p.own || !o.own) && !o.dots.silent(now)
		}) {
			p.successes, p.probed, p.slow, p.backOff = 0, false, true, max(p.backOff, firstSlow/2)
			p.leave()
			return p, p.open(true, false, now)
		}
	}
	return nil, 0
}

// blame notes that messages which these providers put off were taken by another one: so it
// was not their recipients. It gives the first whose circuit opens, and for how long.
func (w watch) blame(deferred set, by *provider, now time.Time) (*provider, time.Duration) {
	f := w.f
	f.lock()
	defer f.unlock()
	for _, p := range f.all {
		if deferred.has(p) && p != by && p.healthy() && p.failed(false, false, true, now) {
			p.slow = false
			p.leave()
			return p, p.open(true, false, now)
		}
	}
	return nil, 0
}

// hasty reports whether a provider has put off so many messages in a row that it is hardly their recipients.
func (w watch) hasty(p *provider) bool {
	w.f.lock()
	defer w.f.unlock()
	return p.deferrals >= faultsToOpen
}
