package delivery

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Outbox is what a Sender needs of the ledger.
type Outbox interface {
	// Claim takes one message to offer. ErrState: it is taken, over, or not yet due.
	Claim(ctx context.Context, id waxwing.ID) (*waxwing.Claim, error)
	// ClaimCarried is Claim where the sealed content has come by a queue. It is offered if it is
	// the ledger's, which else gives its own.
	ClaimCarried(ctx context.Context, id waxwing.ID, sealed []byte) (*waxwing.Claim, error)
	// CommitDot is the commit point: after it the message may have been sent. ErrState: it
	// must not be, since it was stopped, taken over, or its time is over.
	CommitDot(ctx context.Context, c *waxwing.Claim, provider string) error
	// Resolve records what an attempt came to and gives the claim back. ErrState: it is not
	// held any more.
	Resolve(ctx context.Context, c *waxwing.Claim, r *waxwing.Resolution) error
}

// Meter counts what becomes of messages. All methods are called on hot paths.
type Meter interface {
	// Attempted counts an attempt by its verdict.
	Attempted(channel waxwing.Channel, provider string, verdict waxwing.Verdict, phase waxwing.Phase)
	// Sent observes a message that a provider took. sinceAccepted is negative for
	// a person's resend, which has no such time.
	Sent(channel waxwing.Channel, sinceAccepted, sinceReleased time.Duration)
	// Resolved counts what an attempt led to: the message's state from then on, and the channel of
	// what is sent instead, "" where nothing is.
	Resolved(channel waxwing.Channel, to waxwing.State, instead waxwing.Channel)
	// Retried counts a message that goes back to the queue.
	Retried(channel waxwing.Channel)
	// HeldInDoubt counts a message that goes out no more, since its answers were lost.
	HeldInDoubt(channel waxwing.Channel, provider string)
	// Asked counts what a provider said of a message in doubt: waxwing.SaidTaken and so on.
	Asked(channel waxwing.Channel, provider, said string)
	// ShortOfResources counts an offer that this machine had no descriptor, memory
	// or port for.
	ShortOfResources()
}

// Journal tells whoever reads the log what became of a message; it keeps personal data out.
type Journal interface {
	// Step tells of a usual step at level debug. args are names and values.
	Step(what string, confirmation waxwing.ID, args ...any)
	// Ended tells that a message does not go the usual way, and why.
	Ended(c *waxwing.Claim, r *waxwing.Resolution)
	// Debug reports whether steps are read at all: their arguments cost.
	Debug() bool
}

// Config is what a Sender is put together from. All but Fallback, Queued, Health and Most is
// required.
type Config struct {
	Channel   waxwing.Channel
	Providers []Named // the first that is healthy is asked
	// Health is what is known of them, where others send by some of them, too; nil: nobody does.
	Health *Health
	// Most is how many messages are offered at once, where it is not all workers that may: a
	// tenant's own providers must not keep all of them. 0: no bound.
	Most int
	// Retry are the waits after what the recipient's side deferred, the last for as long
	// as the message lives. None: a minute.
	Retry    []time.Duration
	Doubt    waxwing.DoubtRule
	Fallback *Fallback // nil: there is none
	// Queued is told of a fallback's message, which is in the queue of its channel now.
	Queued  func(ch waxwing.Channel, id waxwing.ID)
	Outbox  Outbox
	Meter   Meter
	Journal Journal
	Stop    *Stop
	Clock   waxwing.Clock
	Log     *slog.Logger
}

// Sender offers one channel's messages. It is safe for concurrent use.
type Sender struct {
	Config
	failover *failover
	watch    watch
	shortage shortage
	spread   spread
	offering atomic.Int32 // messages
}

// New makes a Sender.
func New(c Config) (*Sender, error) {
	if c.Health == nil {
		c.Health = NewHealth(c.Clock, c.Stop)
	}
	f, err := c.Health.route(c.Providers)
	if err != nil {
		return nil, err
	}
	return &Sender{Config: c, failover: f, watch: watch{f}}, nil
}

// Healthy reports whether any provider works.
func (s *Sender) Healthy() bool { return s.failover.healthy() }

// probes are how many messages are taken while no provider works: one of them tries one
// that is half open, and the others are at hand when it gets through.
const probes = 4

// Limit says of how many due messages, at most, something can become now: of all where a
// provider works, where they can go to the fallback, and where there is no provider at
// all; else of a few that try, or of none.
func (s *Sender) Limit(all int) int {
	switch {
	case len(s.failover.all) == 0, s.Healthy(), s.givesUp():
		return all
	case s.failover.anyUsable(0):
		return min(all, probes)
	}
	return 0
}

// Wake claims a message that somebody has queued, and sends it. While no provider works it
// does nothing: the sweeper tries one message at a time, and nobody else piles up claims.
func (s *Sender) Wake(id waxwing.ID) {
	if !s.Healthy() {
		return
	}
	if c := s.Claim(id, nil); c != nil {
		s.Send(c)
	}
}

// Claim claims a message that somebody has queued; nil: somebody else has it, or it is not to
// be had now. sealed is its content, where that came by a queue; empty: the ledger has it.
func (s *Sender) Claim(id waxwing.ID, sealed []byte) *waxwing.Claim {
	var c *waxwing.Claim
	var err error
	if len(sealed) > 0 {
		c, err = s.Outbox.ClaimCarried(s.Stop.all, id, sealed)
	} else {
		c, err = s.Outbox.Claim(s.Stop.all, id)
	}
	if err != nil {
		if !errors.Is(err, waxwing.ErrState) && !errors.Is(err, waxwing.ErrStopping) {
			s.Log.Error("message not claimed; the sweeper tries again", "message", id, "err", err)
		}
		return nil
	}
	if s.Journal.Debug() {
		s.Journal.Step("claimed", c.Confirmation, "message", c.Out.Message)
	}
	return c
}

// Send offers a claimed message until an attempt settles it: a provider that
// is down is left at once for the next one.
func (s *Sender) Send(c *waxwing.Claim) {
	if s.Most > 0 {
		if int(s.offering.Add(1)) > s.Most {
			s.offering.Add(-1)
			s.putOff(c)
			return
		}
		defer s.offering.Add(-1)
	}
	t := &tries{}
	for {
		r, again := s.attempt(c, t)
		if err := s.resolve(c, r); err != nil {
			if !errors.Is(err, waxwing.ErrState) {
				s.Log.Error("verdict not recorded", "message", c.Out.Message, "err", err)
			}
			return
		}
		s.measure(c, r)
		s.tell(c, r)
		s.alarm(c, r)
		if len(r.Fallback) > 0 { // its message stands right behind; its channel's workers send it
			s.Queued(r.Fallback[0].Channel, c.Out.Message+1)
		}
		if !again || s.Stop.HasBegun() {
			return
		}
		claim, err := s.Outbox.Claim(s.Stop.all, c.Out.Message)
		if err != nil {
			return
		}
		c = claim
	}
}

// attempt makes one attempt and says what follows, and whether the message is to
// be offered again at once.
func (s *Sender) attempt(c *waxwing.Claim, t *tries) (*waxwing.Resolution, bool) {
	f := s.failover
	if len(f.all) == 0 {
		return &waxwing.Resolution{To: waxwing.Failed, Reason: "no provider for this channel is configured"}, false
	}
	if r := s.unreachable(c); r != nil {
		return r, false
	}
	if p, d := s.watch.stalled(); p != nil {
		s.Log.Warn("provider does not answer; others go first", "provider", p.name, "for", d)
	}
	p := f.choose(s.Stop.offers, t)
	if p == nil {
		// Nobody to ask: back to the queue, without an attempt.
		return &waxwing.Resolution{To: waxwing.Queued, Reason: "providers are resting", DownSince: c.DownSince,
			NextAt: s.spread.at(s.Clock(), f.nextTry())}, false
	}
	out := c.Out
	out.Confirmation = c.Confirmation
	if f.healthyBut(p, t.refused) {
		out.Patience = t.patience()
	}
	if len(f.all) > 1 {
		out.Stay = func() bool { return !f.hopeBeside(p) } // nobody is known to be faster so far
	}
	if s.Journal.Debug() {
		s.Journal.Step("offered", c.Confirmation, "message", c.Out.Message, "provider", p.name, "attempt", c.Attempt)
	}
	a, took, left := s.offer(p, &out, c)
	now := s.Clock()
	if a.Verdict == waxwing.Accepted && t.deferred != 0 {
		if p, d := s.watch.blame(t.deferred, p, now); p != nil {
			s.Log.Warn("provider puts off what another one gets through; it rests", "provider", p.name, "for", d)
		}
	}
	health := a
	if left || s.Stop.offers.Err() != nil && a.Verdict != waxwing.Accepted {
		health = waxwing.Attempt{} // we ended it
	}
	s.recordHealth(p, &health, took, now)
	t.tried |= p.bit
	if t.busy = nil; a.Busy {
		t.busy = p
		t.waits++
	}
	return s.judge(c, a, p, t, now)
}

// offer has the provider make an attempt. took is from its commit point to its answer.
func (s *Sender) offer(p *provider, out *waxwing.Outgoing, c *waxwing.Claim) (a waxwing.Attempt, took time.Duration, left bool) {
	var committed time.Time // not read before the Offer is over
	o := begin(s.Stop.offers, s.failover, p)
	a = p.Offer(o.ctx, out, func() error {
		c.Hurry = s.failover.overtaxed(p)
		err := s.Outbox.CommitDot(s.Stop.all, c, p.name)
		if committed = time.Now(); err == nil {
			o.commit()
		}
		return err
	})
	if a.Provider = p.name; !committed.IsZero() {
		took = time.Since(committed)
	}
	o.over(&a)
	if a.Reply == "" && a.Err != nil {
		// Nobody answered: what went wrong is all that support can be shown.
		a.Reply = waxwing.PII(a.Err.Error())
	}
	return a, took, o.left
}

// resolve records the verdict; a ledger that cannot write for a while is tried
// again, since the verdict is all that is known of what was sent.
func (s *Sender) resolve(c *waxwing.Claim, r *waxwing.Resolution) error {
	wait, ctx := 10*time.Millisecond, context.WithoutCancel(s.Stop.all)
	for {
		err := s.Outbox.Resolve(ctx, c, r)
		if !errors.Is(err, waxwing.ErrUnavailable) || errors.Is(err, waxwing.ErrStopping) || s.Stop.all.Err() != nil {
			return err
		}
		select {
		case <-time.After(wait):
		case <-s.Stop.all.Done():
		}
		wait = min(wait*2, 5*time.Second)
	}
}

// recordHealth tells operators when a provider is left and when it is back;
// single faults stand in the trail.
func (s *Sender) recordHealth(p *provider, a *waxwing.Attempt, took time.Duration, now time.Time) {
	opened, closed := s.failover.record(p, a, took, now)
	switch {
	case opened > 0 && a.Verdict == waxwing.Accepted:
		s.Log.Warn("provider is slow; others go first", "provider", p.name, "for", opened, "answered_after", took)
	case opened > 0:
		s.Log.Warn("provider rests", "provider", p.name, "for", opened, "phase", a.Phase, "code", a.Code, "err", a.Err)
	case closed:
		s.Log.Info("provider is healthy again", "provider", p.name)
	}
}

func (s *Sender) measure(c *waxwing.Claim, r *waxwing.Resolution) {
	a := &r.Attempt
	if a.Verdict != "" {
		s.Meter.Attempted(c.Out.Channel, s.failover.label(a.Provider), a.Verdict, a.Phase)
	}
	instead := waxwing.Channel("")
	if len(r.Fallback) > 0 {
		instead = r.Fallback[0].Channel
	}
	s.Meter.Resolved(c.Out.Channel, r.To, instead)
	switch r.To {
	case waxwing.Sent:
		now := s.Clock()
		accepted := now.Sub(c.Accepted)
		if c.Resend {
			accepted = -1 // days after the event, perhaps: it says nothing of how fast we are
		}
		s.Meter.Sent(c.Out.Channel, accepted, now.Sub(c.Released))
	case waxwing.Queued, waxwing.Uncertain:
		s.Meter.Retried(c.Out.Channel)
	}
}

// tell tells what an attempt came to.
func (s *Sender) tell(c *waxwing.Claim, r *waxwing.Resolution) {
	switch r.To {
	case waxwing.Failed, waxwing.Cancelled, waxwing.Suppressed, waxwing.Uncertain:
		s.Journal.Ended(c, r)
	default:
		if a := &r.Attempt; s.Journal.Debug() {
			s.Journal.Step("verdict", c.Confirmation, "message", c.Out.Message, "provider", a.Provider, "verdict", a.Verdict, "phase", a.Phase,
				"code", a.Code, "to", r.To, "reason", r.Reason)
		}
	}
}

// putOff gives a message back that there is no room for among those that are offered.
func (s *Sender) putOff(c *waxwing.Claim) {
	r := &waxwing.Resolution{To: waxwing.Queued, Reason: "its providers are busy", DownSince: c.DownSince, NextAt: s.spread.at(s.Clock(), s.Clock().Add(time.Second))}
	if err := s.resolve(c, r); err != nil && !errors.Is(err, waxwing.ErrState) {
		s.Log.Error("a message was not put off", "message", c.Out.Message, "err", err)
	}
}

// GiveBack gives a claim back that is not to be sent now. Where the ledger is away it waits
// for that until the sender's stop: a claim that nobody works on is never sent.
func (s *Sender) GiveBack(c *waxwing.Claim) error {
	r := &waxwing.Resolution{To: waxwing.Queued, Reason: "not offered", NextAt: s.Clock(), DownSince: c.DownSince}
	return s.resolve(c, r)
}
