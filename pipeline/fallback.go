package pipeline

import (
	"slices"
	"sort"
	"time"

	"github.com/waxwinghq/waxwing"
)

// reject ends an e-mail that was refused for good, and queues the fallback in
// the same transaction.
func (x *Pipeline) reject(c *waxwing.Claim, r *waxwing.Resolution) {
	r.To, r.Reason = waxwing.Failed, "rejected"
	if r.Attempt.Fault == waxwing.AddressFault {
		r.Reason = "bad_address"
	}
	if c.Out.Channel == waxwing.Email && x.fallsBackAfter("rejected") {
		x.addFallback(c, r)
	}
}

func (x *Pipeline) fallsBackAfter(what string) bool {
	f := x.plan.fallback
	return f != nil && (len(f.After) == 0 || slices.Contains(f.After, what))
}

// unreachable ends an e-mail when every provider has failed for so long, if
// something else can be sent instead. A message that may have arrived is not
// one of those.
func (x *Pipeline) unreachable(c *waxwing.Claim, rs *routes) *waxwing.Resolution {
	if c.Out.Channel != waxwing.Email || !x.fallsBackAfter("unreachable") || c.Doubts > 0 {
		return nil
	}
	since := rs.downSince()
	if !since.IsZero() && !c.DownSince.IsZero() && c.DownSince.Before(since) && !rs.worked() {
		since = c.DownSince // the outage began before this process did
	}
	if since.IsZero() || x.p.Clock().Sub(since) < x.unreachableAfter() {
		return nil
	}
	r := &waxwing.Resolution{To: waxwing.Cancelled, Reason: "unreachable"}
	if !x.addFallback(c, r) {
		return nil
	}
	return r
}

func (x *Pipeline) unreachableAfter() time.Duration {
	return orDuration(x.plan.fallback.Unreachable.D(), 5*time.Minute)
}

// addFallback renders the SMS from the order's event and adds it.
func (x *Pipeline) addFallback(c *waxwing.Claim, r *waxwing.Resolution) bool {
	w, err := x.p.Ledger.ReworkOf(x.hard, c.Out.Tenant, c.Confirmation)
	if err != nil {
		return false
	}
	j := &Job{Work: w}
	if said, err := x.normalise.Run(x.hard, j); err != nil || said.To != "" {
		return false
	}
	d, ok := x.render.text(w, j.Order)
	if !ok {
		r.Reason += ", no_fallback_address"
		return false
	}
	r.Fallback, r.Lookup = []waxwing.Draft{d}, waxwing.Lookup{People: []string{d.To}}
	return true
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
