package plugins

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
)

// faultKinds are all that a call may come to, as the counters know them.
var faultKinds = []string{FaultFuel, FaultWall, FaultStack, FaultTrap, FaultFailed, FaultABI, FaultOutput, FaultInput,
	FaultBusy, FaultOff, FaultLoad, FaultQuota, FaultHost}

// use is what is counted of one plugin since the daemon's start, all versions
// together. Calls count without a lock.
type use struct {
	calls, fuel, nanos, rests, loads atomic.Int64
	faults                           [13]atomic.Int64 // by faultKinds
}

// call counts a call that was made.
func (u *use) call(res *Result) {
	u.calls.Add(1)
	u.fuel.Add(res.Fuel)
	u.nanos.Add(int64(res.Took))
	if res.Fault != nil {
		u.leftOut(res.Fault.Kind)
	}
}

// leftOut counts why an order went without.
func (u *use) leftOut(kind string) {
	if i := slices.Index(faultKinds, kind); i >= 0 {
		u.faults[i].Add(1)
	}
}

// mostNames is of how many plugins of a tenant uses are counted apart; those of
// further names are counted together under otherNames.
const (
	mostNames  = 64
	otherNames = "other"
)

// useOf is the counters of a tenant's plugin. They stay when it is withdrawn: a
// counter never goes back.
func (h *Host) useOf(t waxwing.TenantID, name string) *use {
	h.uses.Lock()
	defer h.uses.Unlock()
	of := h.used[t]
	if of == nil {
		of = map[string]*use{}
		h.used[t] = of
	}
	if of[name] == nil && len(of) >= mostNames {
		name = otherNames
	}
	if of[name] == nil {
		of[name] = &use{}
	}
	return of[name]
}

// Uses is what a tenant's plugins have taken since the start.
func (h *Host) Uses(t waxwing.TenantID) waxwing.TenantUse {
	held := h.o.Engine.held()
	h.uses.Lock()
	defer h.uses.Unlock()
	return h.usesOf(t, held)
}

// TenantUses are what each tenant's plugins have taken since the start, by tenant.
func (h *Host) TenantUses() []waxwing.TenantUse {
	held := h.o.Engine.held()
	h.uses.Lock()
	defer h.uses.Unlock()
	var out []waxwing.TenantUse
	for _, t := range slices.Sorted(maps.Keys(h.used)) {
		out = append(out, h.usesOf(t, held))
	}
	return out
}

// usesOf is Uses for whoever holds uses.
func (h *Host) usesOf(t waxwing.TenantID, held map[*use]int64) waxwing.TenantUse {
	a := h.o.Engine.account(t)
	return waxwing.TenantUse{Tenant: t, Time: time.Duration(a.total.Load()), LeftOut: a.over.Load(), Memory: h.o.Engine.bytesOf(a),
		Plugins: usesOf(t, h.used[t], held)}
}

func usesOf(t waxwing.TenantID, of map[string]*use, held map[*use]int64) []waxwing.PluginUse {
	out := []waxwing.PluginUse{}
	for _, name := range sortedKeys(of) {
		u := of[name]
		p := waxwing.PluginUse{Tenant: t, Plugin: name, Calls: u.calls.Load(), Fuel: u.fuel.Load(), Time: time.Duration(u.nanos.Load()),
			Rests: u.rests.Load(), Loads: u.loads.Load(), Memory: held[u], Faults: map[string]int64{}}
		for i, k := range faultKinds {
			if n := u.faults[i].Load(); n > 0 {
				p.Faults[k] = n
			}
		}
		out = append(out, p)
	}
	return out
}

// held is the memory of what is loaded, by whose use it counts for.
func (e *Engine) held() map[*use]int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := map[*use]int64{}
	for _, l := range e.loaded {
		if l.code.use != nil {
			out[l.code.use] += l.bytes
		}
	}
	return out
}

func (e *Engine) bytesOf(a *account) int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return a.bytes
}
