package sandbox

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
)

// faultKinds are all that a call may come to, as the counters know them.
var faultKinds = []string{FaultFuel, FaultWall, FaultStack, FaultTrap, FaultFailed, FaultABI, FaultOutput, FaultInput,
	FaultBusy, FaultOff, FaultLoad, FaultQuota, FaultHost}

// Use is what is counted of one plugin since the daemon's start, all versions
// together. Calls count without a lock.
type Use struct {
	calls, fuel, nanos, Rests, loads atomic.Int64
	faults                           [13]atomic.Int64 // by faultKinds
}

// Count counts a call that was made.
func (u *Use) Count(res *Result) {
	u.calls.Add(1)
	u.fuel.Add(res.Fuel)
	u.nanos.Add(int64(res.Took))
	if res.Fault != nil {
		u.LeftOut(res.Fault.Kind)
	}
}

// LeftOut counts why an order went without.
func (u *Use) LeftOut(kind string) {
	if i := slices.Index(faultKinds, kind); i >= 0 {
		u.faults[i].Add(1)
	}
}

// Shown is what was counted of a tenant's plugin.
func (u *Use) Shown(t waxwing.TenantID, name string, memory int64) waxwing.PluginUse {
	p := waxwing.PluginUse{Tenant: t, Plugin: name, Calls: u.calls.Load(), Fuel: u.fuel.Load(), Time: time.Duration(u.nanos.Load()),
		Rests: u.Rests.Load(), Loads: u.loads.Load(), Memory: memory, Faults: map[string]int64{}}
	for i, k := range faultKinds {
		if n := u.faults[i].Load(); n > 0 {
			p.Faults[k] = n
		}
	}
	return p
}

// Took is what a tenant's plugins have taken since the start: time, calls left out for want
// of it, and the memory that they have now.
func (e *Engine) Took(t waxwing.TenantID) waxwing.TenantUse {
	a := e.Account(t)
	return waxwing.TenantUse{Tenant: t, Time: time.Duration(a.total.Load()), LeftOut: a.over.Load(), Memory: e.memory.bytesOf(a)}
}

// Held is the memory of what is loaded, by whose use it counts for.
func (e *Engine) Held() map[*Use]int64 {
	e.memory.mu.Lock()
	defer e.memory.mu.Unlock()
	out := map[*Use]int64{}
	for _, l := range e.memory.loaded {
		if l.code.Use != nil {
			out[l.code.Use] += l.bytes
		}
	}
	return out
}
