package pipeline

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/waxwinghq/waxwing"
)

// claimAndSend is the hot path: an id came over the queue.
func (x *Pipeline) claimAndSend(ch waxwing.Channel, id waxwing.ID) {
	if !x.routes[ch].healthy() {
		return // the sweeper probes, one at a time; nobody else piles up claims
	}
	c, err := x.p.Ledger.Claim(x.hard, id)
	if err != nil {
		if !errors.Is(err, waxwing.ErrState) && !errors.Is(err, waxwing.ErrStopping) {
			x.p.Log.Error("message not claimed; the sweeper tries again", "message", id, "err", err)
		}
		return
	}
	if x.debug {
		x.step("claimed", c.Confirmation, "message", c.Out.Message)
	}
	x.send(c)
}

// send offers a claimed message until an attempt settles it: a provider that
// is down is left at once for the next one.
func (x *Pipeline) send(c *waxwing.Claim) {
	t := &turn{tried: map[string]bool{}, refused: map[string]bool{}}
	for {
		r, again := x.offer(c, t)
		if err := x.resolve(c, r); err != nil {
			if !errors.Is(err, waxwing.ErrState) {
				x.p.Log.Error("verdict not recorded", "message", c.Out.Message, "err", err)
			}
			return
		}
		x.measure(c, r)
		x.tellVerdict(c, r)
		x.alarm(c, r)
		if len(r.Fallback) > 0 { // its message stands right behind; its channel's workers send it
			ch := r.Fallback[0].Channel
			x.wake(x.messages[ch], x.topicOf(ch), c.Out.Message+1)
		}
		if !again || x.isStopping() {
			return
		}
		claim, err := x.p.Ledger.Claim(x.hard, c.Out.Message)
		if err != nil {
			return
		}
		c = claim
	}
}

// turn is what has been tried with a message since it was claimed.
type turn struct {
	tried map[string]bool
	// refused is who has refused it for policy.
	refused map[string]bool
	// busy had no connection free for it in time; waits is how often that was so.
	busy  *route
	waits int
}

// patience is for how long a connection is waited for before others are looked at again:
// longer each time, so that much waiting mail is not moved for its own sake.
func (t *turn) patience() time.Duration { return time.Second << min(t.waits, 4) }

// anew begins a further round, without those who have refused.
func (t *turn) anew() {
	clear(t.tried)
	maps.Copy(t.tried, t.refused)
}

func (x *Pipeline) measure(c *waxwing.Claim, r *waxwing.Resolution) {
	a := &r.Attempt
	if a.Verdict != "" {
		x.p.Meter.Attempted(c.Out.Channel, a.Provider, a.Verdict, a.Phase)
	}
	switch r.To {
	case waxwing.Sent:
		now := x.p.Clock()
		accepted := now.Sub(c.Accepted)
		if c.Resend {
			accepted = -1 // days after the event, perhaps: it says nothing of how fast we are
		}
		x.p.Meter.Sent(c.Out.Channel, accepted, now.Sub(c.Released))
	case waxwing.Queued, waxwing.Uncertain:
		x.p.Meter.Retried(c.Out.Channel)
	}
}

// resolve records the verdict; a ledger that cannot write for a while is tried
// again, since the verdict is all that is known of what was sent.
func (x *Pipeline) resolve(c *waxwing.Claim, r *waxwing.Resolution) error {
	wait, ctx := 10*time.Millisecond, context.WithoutCancel(x.hard)
	for {
		err := x.p.Ledger.Resolve(ctx, c, r)
		if !errors.Is(err, waxwing.ErrUnavailable) || errors.Is(err, waxwing.ErrStopping) || x.hard.Err() != nil {
			return err
		}
		select {
		case <-time.After(wait):
		case <-x.hard.Done():
		}
		wait = min(wait*2, 5*time.Second)
	}
}

// offer makes one attempt and says what follows, and whether the message is to
// be offered again at once.
func (x *Pipeline) offer(c *waxwing.Claim, t *turn) (*waxwing.Resolution, bool) {
	rs := x.routes[c.Out.Channel]
	if rs == nil {
		return &waxwing.Resolution{To: waxwing.Failed, Reason: "no provider for this channel is configured"}, false
	}
	if r := x.unreachable(c, rs); r != nil {
		return r, false
	}
	rt := x.choose(rs, t)
	if rt == nil {
		// Nobody to ask: back to the queue, without an attempt.
		return &waxwing.Resolution{To: waxwing.Queued, Reason: "providers are resting", DownSince: c.DownSince,
			NextAt: later(x.p.Clock(), rs.again())}, false
	}
	out := c.Out
	if rs.another(rt, t.refused) {
		out.Patience = t.patience()
		out.Stay = func() bool { return !rs.provenBeside(rt) } // nobody is known to be faster so far
	}
	if x.debug {
		x.step("offered", c.Confirmation, "message", c.Out.Message, "provider", rt.name, "attempt", c.Attempt)
	}
	var committed time.Time // not read before the Offer is over
	a := rt.p.Offer(x.soon, &out, func() error {
		err := x.p.Ledger.CommitDot(x.hard, c, rt.name)
		committed = time.Now()
		return err
	})
	took := time.Duration(0)
	if a.Provider = rt.name; !committed.IsZero() {
		took = time.Since(committed)
	}
	if a.Reply == "" && a.Err != nil {
		// Nobody answered: what went wrong is all that support can be shown.
		a.Reply = waxwing.PII(a.Err.Error())
	}
	now := x.p.Clock()
	health := a
	if x.soon.Err() != nil && a.Verdict != waxwing.Accepted {
		health = waxwing.Attempt{} // we ended it
	}
	x.noteHealth(rs, rt, &health, took, now)
	t.tried[rt.name] = true
	if t.busy = nil; a.Busy {
		t.busy = rt
		t.waits++
	}
	return x.judge(c, rs, a, t, now)
}

// choose gives the route for a message; nil: all rest. It waits a second at most
// for those that are well to show that they can take more. Then one that has worked is
// asked, be it once more, before one that nobody knows.
func (x *Pipeline) choose(rs *routes, t *turn) *route {
	tried := t.tried
	r, wait := rs.next(t, false)
	if wait == nil {
		return r
	}
	limit := time.NewTimer(time.Second)
	defer limit.Stop()
	for hurry := false; wait != nil; r, wait = rs.next(t, hurry) {
		select {
		case <-wait:
		case <-limit.C:
			if hurry = true; !rs.proven(tried) && rs.proven(t.refused) {
				t.anew()
			}
		case <-x.soon.Done():
			return nil
		}
	}
	return r
}

// noteHealth tells operators when a provider goes to rest and when it is back;
// single faults stand in the trail.
func (x *Pipeline) noteHealth(rs *routes, rt *route, a *waxwing.Attempt, took time.Duration, now time.Time) {
	rests, recovered := rs.note(rt, a, took, now)
	switch {
	case rests > 0 && a.Verdict == waxwing.Accepted:
		x.p.Log.Warn("provider is slow; others go first", "provider", rt.name, "for", rests, "answered_after", took)
	case rests > 0:
		x.p.Log.Warn("provider rests", "provider", rt.name, "for", rests, "phase", a.Phase, "code", a.Code, "err", a.Err)
	case recovered:
		x.p.Log.Info("provider is healthy again", "provider", rt.name)
	}
}

func later(now, at time.Time) time.Time {
	if at.Before(now) {
		at = now
	}
	return at.Add(time.Duration(rand.Int64N(int64(200 * time.Millisecond))))
}

// judge turns a verdict into what follows (docs/design/flow.md).
func (x *Pipeline) judge(c *waxwing.Claim, rs *routes, a waxwing.Attempt, t *turn, now time.Time) (*waxwing.Resolution, bool) {
	r := &waxwing.Resolution{Attempt: a}
	switch {
	case a.Verdict == waxwing.Accepted:
		r.To = waxwing.Sent
	case a.Verdict == waxwing.UncertainVerdict:
		r.To, r.Reason = waxwing.Uncertain, "the answer to the whole message was lost"
		wait, held := x.plan.send.Uncertain.Rule().Next(c.Doubts + 1)
		if r.NextAt = now.Add(wait); held { // until a person decides, or its time is over
			r.NextAt, r.Reason = c.Expires, waxwing.HeldInDoubt
		}
	case a.Fault == waxwing.LedgerFault:
		// The commit point was refused: nothing was offered and it is no attempt.
		r.Attempt, r.To, r.NextAt = waxwing.Attempt{}, waxwing.Queued, now
		r.Reason = "not offered: the ledger refused the commit point"
	case a.Fault == waxwing.OwnFault:
		// Ours to mend, and no attempt either: no provider was asked.
		x.short(a.Err)
		r.Attempt, r.To, r.NextAt = waxwing.Attempt{}, waxwing.Queued, later(now.Add(ownWait), now)
		r.Reason = "not offered: this machine is out of descriptors, memory or ports"
	case a.Verdict == waxwing.Rejected && a.Fault == waxwing.PolicyFault && rs.hope(t.refuse(a.Provider), now, &r.NextAt):
		return x.afterPolicy(c, rs, r, t, now)
	case a.Verdict == waxwing.Rejected:
		x.reject(c, r)
	case a.Busy:
		// Nothing was offered: whoever else is well and sooner done, else it waits there for its turn.
		r.Attempt, r.To, r.NextAt, r.Reason = waxwing.Attempt{}, waxwing.Queued, now, "provider busy"
		if !rs.proven(t.tried) {
			t.anew()
			t.tried[a.Provider] = t.busy != nil && rs.provenBeside(t.busy)
		}
		return r, true
	case a.Verdict == waxwing.Deferred && a.Bad && a.Fault == waxwing.RecipientFault && len(rs.all) > 1:
		// 421: it is the server that cannot, and others need not wait for the recipient's schedule.
		return x.elsewhere(c, rs, r, t, now)
	case a.Fault == waxwing.ProviderFault || a.Fault == waxwing.TransportFault:
		return x.elsewhere(c, rs, r, t, now)
	default:
		r.To, r.Counts = waxwing.Queued, true
		r.NextAt = now.Add(max(x.backoff(c.Tries), a.RetryAfter))
	}
	return r, false
}

// afterPolicy follows a refusal that another provider may not share: one that has no
// connection free, or a short rest, has not refused.
func (x *Pipeline) afterPolicy(c *waxwing.Claim, rs *routes, r *waxwing.Resolution, t *turn, now time.Time) (*waxwing.Resolution, bool) {
	a := &r.Attempt
	x.p.Log.Warn("refused for policy; trying the next provider", "provider", a.Provider, "message", c.Out.Message,
		"code", a.Code, "enhanced", a.Enhanced)
	r.To, r.Reason = waxwing.Queued, "policy"
	if r.NextAt.After(now) {
		return r, false
	}
	if !rs.another(nil, t.tried) {
		t.anew()
		t.waits++
	}
	return r, true
}

// refuse notes who has refused the message for policy and gives all who have.
func (t *turn) refuse(provider string) map[string]bool {
	t.refused[provider] = true
	return t.refused
}

func orDuration(d, def time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return def
}

// faultWaits follow transport faults: at once, then these seconds.
var faultWaits = []time.Duration{0, 1, 2, 5, 15, 30, 60, 120, 300}

// elsewhere follows a fault of the provider's before the dot: the next
// provider at once, else another connection at once, else a short wait.
func (x *Pipeline) elsewhere(c *waxwing.Claim, rs *routes, r *waxwing.Resolution, t *turn, now time.Time) (*waxwing.Resolution, bool) {
	r.To, r.Reason = waxwing.Queued, "provider unavailable"
	if x.soon.Err() != nil {
		r.Attempt, r.Reason, r.NextAt = waxwing.Attempt{}, "shutting down", now
		return r, false
	}
	if rs.left(t.tried) {
		r.NextAt = now
		return r, true
	}
	r.DownSince = c.DownSince
	if r.DownSince.IsZero() {
		r.DownSince = now
	}
	// A round through all of them is one fault.
	wait := faultWaits[min(c.Faults/len(rs.all), len(faultWaits)-1)] * time.Second
	if wait == 0 && rs.left(t.refused) {
		t.anew()
		r.NextAt = now
		return r, true
	}
	r.NextAt = later(now.Add(max(wait, r.Attempt.RetryAfter)), rs.again())
	return r, false
}

// backoff is the tenant's schedule for what the recipient's side deferred,
// with a fifth of jitter; the last step repeats until the time to live is over.
func (x *Pipeline) backoff(tries int) time.Duration {
	s := x.plan.send.Retry
	if len(s) == 0 {
		return time.Minute
	}
	d := s[min(tries, len(s)-1)].D()
	return d + time.Duration((rand.Float64()*0.4-0.2)*float64(d))
}
