package daemon

import (
	"context"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/delivery"
)

// idleFor is how long a tenant's own provider stays open that nothing is sent by.
const idleFor = 5 * time.Minute

// onDemand is a provider that is open while it is used: thousands of tenants may have one of
// their own, and each that is open keeps connections and goroutines at hand.
type onDemand struct {
	open func() (Provider, error)

	mu     sync.Mutex
	p      Provider // nil: it is not open
	users  int
	timer  *time.Timer // ends its idleness; nil: it is used, or not open
	closed bool
	ends   sync.WaitGroup // those that are being closed
}

// onDemandProber is one whose provider can be tried without a message.
type onDemandProber struct{ *onDemand }

// newOnDemand opens a provider once, to see whether it can be, and lets go of it.
func newOnDemand(open func() (Provider, error)) (Provider, error) {
	p, err := open()
	if err != nil {
		return nil, err
	}
	CloseNow(p)
	x := &onDemand{open: open}
	if _, ok := p.(prober); ok {
		return onDemandProber{x}, nil
	}
	return x, nil
}

// Offer is delivery.Provider's.
func (x *onDemand) Offer(ctx context.Context, out *waxwing.Outgoing, commit func() error) waxwing.Attempt {
	p, a := x.use()
	if p == nil {
		return a
	}
	defer x.leave()
	return p.Offer(ctx, out, commit)
}

// Became is delivery.Askable's, of a provider that is one.
func (x *onDemand) Became(ctx context.Context, q *waxwing.Question) (*waxwing.Evidence, error) {
	p, a := x.use()
	if p == nil {
		return nil, a.Err
	}
	defer x.leave()
	asked, ok := p.(delivery.Askable)
	if !ok {
		return nil, waxwing.ErrNotAsked
	}
	return asked.Became(ctx, q)
}

// Probe is delivery.Prober's.
func (x onDemandProber) Probe(ctx context.Context) waxwing.Attempt {
	p, a := x.use()
	if p == nil {
		return a
	}
	defer x.leave()
	return p.(prober).Probe(ctx)
}

// use opens the provider if it is not; nil: it cannot be, and a says so.
func (x *onDemand) use() (p Provider, a waxwing.Attempt) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return nil, waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.TransportFault, Phase: waxwing.PhaseConnect, Err: waxwing.ErrStopping}
	}
	if x.p == nil {
		var err error
		if x.p, err = x.open(); err != nil {
			x.p = nil
			return nil, waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault, Phase: waxwing.PhaseConnect, Bad: true, Err: err}
		}
	}
	if x.timer != nil {
		x.timer.Stop()
		x.timer = nil
	}
	x.users++
	return x.p, a
}

// leave begins its idleness with the last user.
func (x *onDemand) leave() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.users--; x.users > 0 || x.closed {
		return
	}
	var mine *time.Timer
	mine = time.AfterFunc(idleFor, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.timer != mine || x.p == nil { // it was used meanwhile
			return
		}
		p := x.p
		x.p, x.timer = nil, nil
		x.ends.Go(func() { CloseNow(p) })
	})
	x.timer = mine
}

// Close is Provider's.
func (x *onDemand) Close(ctx context.Context) error {
	x.mu.Lock()
	p := x.p
	x.p, x.closed = nil, true
	if x.timer != nil {
		x.timer.Stop()
		x.timer = nil
	}
	x.mu.Unlock()
	x.ends.Wait() // each has a second
	if p == nil {
		return nil
	}
	return p.Close(ctx)
}
