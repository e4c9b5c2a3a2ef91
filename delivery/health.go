package delivery

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"github.com/waxwinghq/waxwing"
)

// Health is what is known of a channel's providers by all who send by them: whoever sends by
// the same provider goes by the same circuit, whatever other providers stand beside it there. It
// is safe for concurrent use.
type Health struct {
	mu     sync.Mutex // guards the maps
	common failover
	shared map[string]*provider // by name: those that any Sender may have
	own    map[string]*provider // by name: those of one tenant each
	used   set                  // the bits of those that are shared
}

// NewHealth knows nothing yet. Probes end with the second step of a Stop.
func NewHealth(clock waxwing.Clock, stop *Stop) *Health {
	return newHealth(clock, stop.offers)
}

func newHealth(clock waxwing.Clock, over context.Context) *Health {
	return &Health{common: failover{clock: clock, over: over}, shared: map[string]*provider{}, own: map[string]*provider{}}
}

// Wait waits for what is done in the background, after the second step of the Stop.
func (h *Health) Wait() { h.common.probes.Wait() }

// Keep forgets the tenants' own providers that are not among these names. Who still sends by
// one of the others goes on knowing it.
func (h *Health) Keep(names map[string]bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name := range h.own {
		if !names[name] {
			delete(h.own, name)
		}
	}
}

// ProviderState is how a provider's circuit stands.
type ProviderState string

// The states of a circuit. A slow one works, and others go first.
const (
	ProviderHealthy ProviderState = "healthy"
	ProviderSlow    ProviderState = "slow"
	ProviderResting ProviderState = "resting"
)

// ProviderStates are all of them.
var ProviderStates = []ProviderState{ProviderHealthy, ProviderSlow, ProviderResting}

// Count counts the providers by their names in metrics and their states: tenants' own ones have
// a name together.
func (h *Health) Count() map[string]map[ProviderState]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.common.lock()
	defer h.common.unlock()
	out := map[string]map[ProviderState]int{}
	for _, all := range []map[string]*provider{h.shared, h.own} {
		for _, p := range all {
			name := cmp.Or(p.label, p.name)
			if out[name] == nil {
				out[name] = map[ProviderState]int{}
			}
			out[name][p.state()]++
		}
	}
	return out
}

// route gives some providers, in their order, as a Sender sees them. One that is known by its
// name keeps its health, unless it is another one by now.
func (h *Health) route(all []Named) (*failover, error) {
	if len(all) > mostProviders {
		return nil, fmt.Errorf("a channel has at most %d providers", mostProviders)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	f := &failover{clock: h.common.clock, over: h.common.over, common: &h.common}
	bits := h.used
	for _, n := range all {
		known := h.shared
		if n.Own {
			known = h.own
		}
		p := known[n.Name]
		if p != nil && n.Own && (p.Provider != n.Provider || bits.has(p)) {
			p = nil
		}
		if p == nil {
			var err error
			if p, err = newProvider(n, bits); err != nil {
				return nil, err
			}
			known[n.Name] = p
		}
		if bits |= p.bit; !n.Own {
			h.used |= p.bit
		}
		f.all = append(f.all, p)
	}
	return f, nil
}

// newProvider takes a bit that is free: the first one, or, for a tenant's own, the last one:
// tenants share those, since none has another's providers.
func newProvider(n Named, taken set) (*provider, error) {
	p := &provider{Provider: n.Provider, name: n.Name, label: n.Label, own: n.Own}
	if by, ok := n.Provider.(Narrow); ok {
		p.most = by.MaxAtDot()
	}
	for i := range mostProviders {
		if p.bit = 1 << i; n.Own {
			p.bit = 1 << (mostProviders - 1 - i)
		}
		if !taken.has(p) {
			return p, nil
		}
	}
	return nil, fmt.Errorf("a channel has at most %d providers, a tenant's own among them", mostProviders)
}
