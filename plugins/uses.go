package plugins

import (
	"maps"
	"slices"
	"sync"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

// mostNames is of how many plugins of a tenant uses are counted apart; those of
// further names are counted together under otherNames.
const (
	mostNames  = 64
	otherNames = "other"
)

// uses are the counters of all tenants' plugins.
type uses struct {
	engine *sandbox.Engine

	mu   sync.Mutex
	used map[waxwing.TenantID]map[string]*sandbox.Use
}

// of is the counters of a tenant's plugin. They stay when it is withdrawn: a
// counter never goes back.
func (u *uses) of(t waxwing.TenantID, name string) *sandbox.Use {
	u.mu.Lock()
	defer u.mu.Unlock()
	names := u.used[t]
	if names == nil {
		names = map[string]*sandbox.Use{}
		u.used[t] = names
	}
	if names[name] == nil && len(names) >= mostNames {
		name = otherNames
	}
	if names[name] == nil {
		names[name] = &sandbox.Use{}
	}
	return names[name]
}

// Uses is what a tenant's plugins have taken since the start.
func (h *Host) Uses(t waxwing.TenantID) waxwing.TenantUse {
	held := h.o.Engine.Held()
	h.uses.mu.Lock()
	defer h.uses.mu.Unlock()
	return h.uses.shown(t, held)
}

// TenantUses are what each tenant's plugins have taken since the start, by tenant.
func (h *Host) TenantUses() []waxwing.TenantUse {
	held := h.o.Engine.Held()
	h.uses.mu.Lock()
	defer h.uses.mu.Unlock()
	var out []waxwing.TenantUse
	for _, t := range slices.Sorted(maps.Keys(h.uses.used)) {
		out = append(out, h.uses.shown(t, held))
	}
	return out
}

// shown is what a tenant's have taken. The caller holds mu.
func (u *uses) shown(t waxwing.TenantID, held map[*sandbox.Use]int64) waxwing.TenantUse {
	out := u.engine.Took(t)
	out.Plugins = usesOf(t, u.used[t], held)
	return out
}

func usesOf(t waxwing.TenantID, of map[string]*sandbox.Use, held map[*sandbox.Use]int64) []waxwing.PluginUse {
	out := []waxwing.PluginUse{}
	for _, name := range slices.Sorted(maps.Keys(of)) {
		out = append(out, of[name].Shown(t, name, held[of[name]]))
	}
	return out
}
