package delivery

import (
	"math/rand/v2"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
)

// judge turns a verdict into what follows (docs/design/flow.md), and says whether the
// message is to be offered again at once.
func (s *Sender) judge(c *waxwing.Claim, a waxwing.Attempt, p *provider, t *tries, now time.Time) (r *waxwing.Resolution, again bool) {
	r = &waxwing.Resolution{Attempt: a}
	switch {
	case a.Verdict == waxwing.Accepted:
		r.To = waxwing.Sent
	case a.Verdict == waxwing.UncertainVerdict:
		r.To, r.Reason = waxwing.Uncertain, "the answer to the whole message was lost"
		wait, held := s.Doubt.Next(c.Doubts + 1)
		if r.NextAt = now.Add(wait); held { // until a person decides, or its time is over
			r.NextAt, r.Reason = c.Expires, waxwing.HeldInDoubt
		}
	case a.Fault == waxwing.LedgerFault:
		// The commit point was refused: nothing was offered and it is no attempt.
		r.Attempt, r.To, r.NextAt = waxwing.Attempt{}, waxwing.Queued, now
		r.Reason = "not offered: the ledger refused the commit point"
	case a.Fault == waxwing.OwnFault:
		// Ours to mend, and no attempt either: no provider was asked.
		s.short(a.Err)
		r.Attempt, r.To, r.NextAt = waxwing.Attempt{}, waxwing.Queued, later(now.Add(ownWait), now)
		r.Reason = "not offered: this machine is out of descriptors, memory or ports"
	case a.Verdict == waxwing.Rejected && a.Fault == waxwing.PolicyFault && s.policy(c, r, p, t, now):
		return r, !r.NextAt.After(now)
	case a.Verdict == waxwing.Rejected:
		s.reject(c, r)
	case a.Busy:
		s.busy(r, t, p, now)
		return r, true
	case a.Verdict == waxwing.Deferred && a.Bad && a.Fault == waxwing.RecipientFault && len(s.failover.all) > 1:
		// 421: it is the server that cannot, and others need not wait for the recipient's schedule.
		return r, s.elsewhere(c, r, t, now)
	case a.Fault == waxwing.ProviderFault || a.Fault == waxwing.TransportFault:
		return r, s.elsewhere(c, r, t, now)
	default:
		return r, s.deferred(c, r, p, t, now)
	}
	return r, false
}

// deferred follows what the recipient's side put off: by another provider at once, since it may be this one whom it does not
// like (a definite refusal makes no copy), and else by the tenant's schedule. What is wrong with the mailbox is so by whatever
// way it is reached, unless the provider says the same of everybody.
func (s *Sender) deferred(c *waxwing.Claim, r *waxwing.Resolution, p *provider, t *tries, now time.Time) (again bool) {
	r.To, t.deferred = waxwing.Queued, t.deferred|p.bit
	if a := &r.Attempt; (!ofMailbox(a) || s.watch.hasty(p)) && s.failover.healthyBut(p, t.tried|t.refused) && s.Stop.offers.Err() == nil {
		r.NextAt, r.Reason = now, "deferred; trying the next provider"
		return true
	}
	r.Counts = true
	r.NextAt = now.Add(max(s.retryAfter(c.Tries), r.Attempt.RetryAfter))
	return false
}

// ofMailbox reports whether an answer is about the recipient's address (x.1.x) or mailbox (x.2.x), by RFC 3463 3.2 and 3.3; a bare 552
// says that it is full.
func ofMailbox(a *waxwing.Attempt) bool {
	_, rest, _ := strings.Cut(a.Enhanced, ".")
	return strings.HasPrefix(rest, "1.") || strings.HasPrefix(rest, "2.") || a.Code == 552 && rest == ""
}

// policy follows a refusal that another provider may not share: one that has no
// connection free, or whose circuit is open for a short while, has not refused. False:
// nobody is left who may take the message.
func (s *Sender) policy(c *waxwing.Claim, r *waxwing.Resolution, p *provider, t *tries, now time.Time) bool {
	t.refused |= p.bit
	at, ok := s.failover.mayTake(t.refused, now)
	if !ok {
		return false
	}
	a := &r.Attempt
	s.Log.Warn("refused for policy; trying the next provider", "provider", a.Provider, "message", c.Out.Message,
		"code", a.Code, "enhanced", a.Enhanced)
	r.To, r.Reason, r.NextAt = waxwing.Queued, "policy", at
	if !at.After(now) && !s.failover.healthyBut(nil, t.tried) {
		t.anew()
		t.waits++
	}
	return true
}

// busy follows a wait for a connection that was too long. Nothing was offered: whoever else
// is healthy and sooner done, else it waits there for its turn.
func (s *Sender) busy(r *waxwing.Resolution, t *tries, p *provider, now time.Time) {
	r.Attempt, r.To, r.NextAt, r.Reason = waxwing.Attempt{}, waxwing.Queued, now, "provider busy"
	if s.failover.proven(t.tried) {
		return
	}
	if t.anew(); t.busy != nil && s.failover.proven(t.busy.bit) {
		t.tried |= p.bit
	}
}

// ownWait is after how long a message is offered again that this machine had no
// descriptor, memory or port for.
const ownWait = time.Second

// faultWaits follow transport faults: at once, then these seconds.
var faultWaits = []time.Duration{0, 1, 2, 5, 15, 30, 60, 120, 300}

// elsewhere follows a fault of the provider's before the commit point: the next
// provider at once, else another connection at once, else a short wait.
func (s *Sender) elsewhere(c *waxwing.Claim, r *waxwing.Resolution, t *tries, now time.Time) (again bool) {
	f := s.failover
	r.To, r.Reason = waxwing.Queued, "provider unavailable"
	if s.Stop.offers.Err() != nil {
		r.Attempt, r.Reason, r.NextAt = waxwing.Attempt{}, "shutting down", now
		return false
	}
	if f.anyUsable(t.tried) {
		r.NextAt = now
		return true
	}
	r.DownSince = c.DownSince
	if r.DownSince.IsZero() {
		r.DownSince = now
	}
	// A round through all of them is one fault.
	wait := faultWaits[min(c.Faults/len(f.all), len(faultWaits)-1)] * time.Second
	if wait == 0 && f.anyUsable(t.refused) {
		t.anew()
		r.NextAt = now
		return true
	}
	r.NextAt = later(now.Add(max(wait, r.Attempt.RetryAfter)), f.nextTry())
	return false
}

// retryAfter is the tenant's schedule for what the recipient's side deferred, with a
// fifth of jitter; the last step repeats until the time to live is over.
func (s *Sender) retryAfter(tries int) time.Duration {
	if len(s.Retry) == 0 {
		return time.Minute
	}
	d := s.Retry[min(tries, len(s.Retry)-1)]
	return d + time.Duration((rand.Float64()*0.4-0.2)*float64(d))
}

// later is a moment after both, by a fifth of a second at most: what was put off together
// need not come back together.
func later(now, at time.Time) time.Time {
	if at.Before(now) {
		at = now
	}
	return at.Add(time.Duration(rand.Int64N(int64(200 * time.Millisecond))))
}
