package pipeline

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/waxwinghq/waxwing"
)

// claimAndSend is the hot path: an id came over the queue.
func (x *Pipeline) claimAndSend(id waxwing.ID) {
	if !x.routes[waxwing.Email].healthy() {
		return // the sweeper probes, one at a time; nobody else piles up claims
	}
	c, err := x.p.Ledger.Claim(id)
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
	tried := map[string]bool{}
	for {
		r, again := x.offer(c, tried)
		if err := x.resolve(c, r); err != nil {
			if !errors.Is(err, waxwing.ErrState) {
				x.p.Log.Error("verdict not recorded", "message", c.Out.Message, "err", err)
			}
			return
		}
		x.measure(c, r)
		x.tellVerdict(c, r)
		x.alarm(c, r)
		next := c.Out.Message
		if len(r.Fallback) > 0 {
			next++ // the fallback's message stands right behind it
			again, tried = true, map[string]bool{}
		}
		if !again || x.isStopping() {
			return
		}
		claim, err := x.p.Ledger.Claim(next)
		if err != nil {
			return
		}
		c = claim
	}
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
	wait := 10 * time.Millisecond
	for {
		err := x.p.Ledger.Resolve(c, r)
		if !errors.Is(err, waxwing.ErrUnavailable) || x.hard.Err() != nil {
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
func (x *Pipeline) offer(c *waxwing.Claim, tried map[string]bool) (*waxwing.Resolution, bool) {
	rs := x.routes[c.Out.Channel]
	if rs == nil {
		return &waxwing.Resolution{To: waxwing.Failed, Reason: "no provider for this channel is configured"}, false
	}
	if r := x.unreachable(c, rs); r != nil {
		return r, false
	}
	rt := rs.pick(tried)
	if rt == nil {
		// Nobody to ask: back to the queue, without an attempt.
		return &waxwing.Resolution{To: waxwing.Queued, Reason: "providers are resting", DownSince: c.DownSince,
			NextAt: later(x.p.Clock(), rs.again())}, false
	}
	out := c.Out
	if rs.another(rt, tried) {
		out.Patience = time.Second
	}
	if x.debug {
		x.step("offered", c.Confirmation, "message", c.Out.Message, "provider", rt.name, "attempt", c.Attempt)
	}
	a := rt.p.Offer(x.hard, &out, func() error { return x.p.Ledger.CommitDot(c, rt.name) })
	a.Provider = rt.name
	if a.Reply == "" && a.Err != nil {
		// Nobody answered: what went wrong is all that support can be shown.
		a.Reply = waxwing.PII(a.Err.Error())
	}
	now := x.p.Clock()
	if x.hard.Err() == nil || a.Verdict == waxwing.Accepted {
		x.noteHealth(rt, &a, !rs.another(rt, nil), now)
	}
	tried[rt.name] = true
	return x.judge(c, rs, a, tried, now)
}

// noteHealth tells operators when a provider goes to rest and when it is back;
// single faults stand in the trail.
func (x *Pipeline) noteHealth(rt *route, a *waxwing.Attempt, alone bool, now time.Time) {
	rests, recovered := rt.note(a, alone, now)
	switch {
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

// judge turns a verdict into what follows (DESIGN.md, Retry and Verdict).
func (x *Pipeline) judge(c *waxwing.Claim, rs *routes, a waxwing.Attempt, tried map[string]bool, now time.Time) (*waxwing.Resolution, bool) {
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
	case a.Verdict == waxwing.Rejected && a.Fault == waxwing.PolicyFault && rs.another(nil, tried):
		x.p.Log.Warn("refused for policy; trying the next provider", "provider", a.Provider, "message", c.Out.Message,
			"code", a.Code, "enhanced", a.Enhanced)
		r.To, r.NextAt, r.Reason = waxwing.Queued, now, "policy"
		return r, true
	case a.Verdict == waxwing.Rejected:
		x.reject(c, r)
	case a.Fault == waxwing.ProviderFault || a.Fault == waxwing.TransportFault:
		return x.elsewhere(c, rs, r, tried, now)
	default:
		r.To, r.Counts = waxwing.Queued, true
		r.NextAt = now.Add(max(x.backoff(c.Tries), a.RetryAfter))
	}
	return r, false
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
func (x *Pipeline) elsewhere(c *waxwing.Claim, rs *routes, r *waxwing.Resolution, tried map[string]bool, now time.Time) (*waxwing.Resolution, bool) {
	r.To, r.Reason = waxwing.Queued, "provider unavailable"
	if x.hard.Err() != nil {
		r.Attempt, r.Reason, r.NextAt = waxwing.Attempt{}, "shutting down", now
		return r, false
	}
	for _, rt := range rs.all {
		if !tried[rt.name] && rt.open(now) {
			r.NextAt = now
			return r, true
		}
	}
	r.DownSince = c.DownSince
	if r.DownSince.IsZero() {
		r.DownSince = now
	}
	wait := faultWaits[min(c.Faults, len(faultWaits)-1)] * time.Second
	if wait == 0 && rs.open() {
		clear(tried)
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
