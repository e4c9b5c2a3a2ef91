package plugins

import (
	"maps"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

// mostNames is of how many plugins of a tenant uses are counted apart; those of
// further names are counted together under otherNames.
const (
	mostNames  = 64
	otherNames = "other"
)

// useOf is the counters of a tenant's plugin. They stay when it is withdrawn: a
// counter never goes back.
func (h *Host) useOf(t waxwing.TenantID, name string) *sandbox.Use {
	h.uses.Lock()
	defer h.uses.Unlock()
	of := h.used[t]
	if of == nil {
		of = map[string]*sandbox.Use{}
		h.used[t] = of
	}
	if of[name] == nil && len(of) >= mostNames {
		name = otherNames
	}
	if of[name] == nil {
		of[name] = &sandbox.Use{}
	}
	return of[name]
}

// Uses is what a tenant's plugins have taken since the start.
func (h *Host) Uses(t waxwing.TenantID) waxwing.TenantUse {
	held := h.o.Engine.Held()
	h.uses.Lock()
	defer h.uses.Unlock()
	return h.usesOf(t, held)
}

// TenantUses are what each tenant's plugins have taken since the start, by tenant.
func (h *Host) TenantUses() []waxwing.TenantUse {
	held := h.o.Engine.Held()
	h.uses.Lock()
	defer h.uses.Unlock()
	var out []waxwing.TenantUse
	for _, t := range slices.Sorted(maps.Keys(h.used)) {
		out = append(out, h.usesOf(t, held))
	}
	return out
}

// usesOf is Uses for whoever holds uses.
func (h *Host) usesOf(t waxwing.TenantID, held map[*sandbox.Use]int64) waxwing.TenantUse {
	u := h.o.Engine.Took(t)
	u.Plugins = usesOf(t, h.used[t], held)
	return u
}

func usesOf(t waxwing.TenantID, of map[string]*sandbox.Use, held map[*sandbox.Use]int64) []waxwing.PluginUse {
	out := []waxwing.PluginUse{}
	for _, name := range slices.Sorted(maps.Keys(of)) {
		out = append(out, of[name].Shown(t, name, held[of[name]]))
	}
	return out
}
