// Package sandbox is where the messages of tenants in sandbox go instead of being sent: it takes every one,
// connects to nobody, and remembers which they were.
package sandbox

import (
	"context"
	"slices"
	"sync"

	"github.com/waxwinghq/waxwing"
)

const (
	// Most is how many messages of one tenant are remembered, the newest.
	Most = 200
	// mostOfAll is how many of all tenants are, some 3 MB.
	mostOfAll = 50_000
)

// Catcher is a provider of every channel that keeps no message: whoever wants to see one asks the ledger, which
// has erased what was to be erased. It is safe for concurrent use.
type Catcher struct {
	clock waxwing.Clock

	mu     sync.Mutex
	caught map[waxwing.TenantID][]waxwing.Caught // the oldest first
	all    int
}

// New makes one. A nil clock is the system's.
func New(clock waxwing.Clock) *Catcher {
	if clock == nil {
		clock = waxwing.SystemClock
	}
	return &Catcher{clock: clock, caught: map[waxwing.TenantID][]waxwing.Caught{}}
}

// Offer is delivery.Provider's. What passes its commit point is accepted.
func (x *Catcher) Offer(_ context.Context, out *waxwing.Outgoing, commit func() error) waxwing.Attempt {
	a := waxwing.Attempt{Began: x.clock(), Phase: waxwing.PhaseDot, Verdict: waxwing.Accepted, Reply: "caught by the sandbox: nothing was sent"}
	if err := commit(); err != nil {
		a.Verdict, a.Fault, a.Err, a.Reply = waxwing.Deferred, waxwing.LedgerFault, err, ""
		a.Ended = x.clock()
		return a
	}
	a.Ended = x.clock()
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.caught[out.Tenant]) == Most {
		x.drop(out.Tenant)
	} else if x.all == mostOfAll {
		x.drop(x.fullest())
	}
	x.caught[out.Tenant] = append(x.caught[out.Tenant], waxwing.Caught{Message: out.Message, Confirmation: out.Confirmation, Channel: out.Channel, At: a.Ended})
	x.all++
	return a
}

// drop forgets a tenant's oldest. x.mu is held.
func (x *Catcher) drop(t waxwing.TenantID) {
	if x.caught[t] = slices.Delete(x.caught[t], 0, 1); len(x.caught[t]) == 0 {
		delete(x.caught, t)
	}
	x.all--
}

// fullest is whose messages are the most. x.mu is held.
func (x *Catcher) fullest() (t waxwing.TenantID) {
	for other, all := range x.caught {
		if len(all) > len(x.caught[t]) {
			t = other
		}
	}
	return t
}

// Letters are the messages of a tenant that were caught, the newest first. The caller may keep the list.
func (x *Catcher) Letters(t waxwing.TenantID) []waxwing.Caught {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := slices.Clone(x.caught[t])
	slices.Reverse(out)
	return out
}
