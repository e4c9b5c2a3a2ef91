package delivery

import (
	"errors"
	"slices"
	"time"

	"github.com/waxwinghq/waxwing"
)

// What a message may fall back after.
const (
	AfterRejected    = "rejected"
	AfterUnreachable = "unreachable"
	// AfterBounced is known when the message is long over: see pipeline's Bounced.
	AfterBounced = "bounced"
)

// Fallback is what is sent instead of a message that its channel cannot deliver.
type Fallback struct {
	// After are the causes: AfterRejected, AfterUnreachable, AfterBounced. None: each of them.
	After []string
	// Unreachable is for how long all providers must have failed.
	Unreachable time.Duration
	// Make renders the message of another channel. ErrNotFound: there is no address for
	// it; another error: it cannot be made, or not now. Nil: this process renders nothing, and
	// what needs a fallback goes back to the queue, for one that does.
	Make func(c *waxwing.Claim) (waxwing.Draft, error)
}

func (f *Fallback) follows(cause string) bool {
	return f != nil && (len(f.After) == 0 || slices.Contains(f.After, cause))
}

// add has the message instead queued in the transaction that ends this one. False: there
// is none.
func (f *Fallback) add(c *waxwing.Claim, r *waxwing.Resolution) bool {
	d, err := f.Make(c)
	if errors.Is(err, waxwing.ErrNotFound) {
		r.Reason += ", no_fallback_address"
	}
	if err != nil {
		return false
	}
	r.Fallback, r.Lookup = []waxwing.Draft{d}, waxwing.Lookup{People: []string{d.To}}
	return true
}

// reject ends a message that was refused for good.
func (s *Sender) reject(c *waxwing.Claim, r *waxwing.Resolution) {
	if s.Fallback.follows(AfterRejected) && s.Fallback.Make == nil {
		r.To, r.Reason, r.NextAt = waxwing.Queued, "rejected, left to a daemon that renders the fallback", s.Clock()
		return
	}
	r.To, r.Reason = waxwing.Failed, "rejected"
	if r.Attempt.Fault == waxwing.AddressFault {
		r.Reason = "bad_address"
	}
	if s.Fallback.follows(AfterRejected) {
		s.Fallback.add(c, r)
	}
}

// unreachable ends a message when every provider has failed for so long, if something else
// can be sent instead. A message that may have arrived is not one of those. Nil: go on.
func (s *Sender) unreachable(c *waxwing.Claim) *waxwing.Resolution {
	if !s.Fallback.follows(AfterUnreachable) || s.Fallback.Make == nil || c.Doubts > 0 {
		return nil
	}
	since := s.failover.downSince()
	if !since.IsZero() && !c.DownSince.IsZero() && c.DownSince.Before(since) && !s.failover.worked() {
		since = c.DownSince // the outage began before this process did
	}
	if since.IsZero() || s.Clock().Sub(since) < s.Fallback.Unreachable {
		return nil
	}
	r := &waxwing.Resolution{To: waxwing.Cancelled, Reason: "unreachable"}
	if !s.Fallback.add(c, r) {
		return nil
	}
	return r
}

// givesUp reports whether messages may go to the fallback now, without a provider.
func (s *Sender) givesUp() bool {
	if !s.Fallback.follows(AfterUnreachable) || s.Fallback.Make == nil {
		return false
	}
	since := s.failover.downSince()
	return !since.IsZero() && s.Clock().Sub(since) >= s.Fallback.Unreachable
}
