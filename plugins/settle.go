package plugins

import (
	"slices"

	"github.com/waxwinghq/waxwing"
)

// moved is a version's record in another state. The version itself changes in
// settle, once the store has it.
func (h *Host) moved(v *version, to waxwing.PluginState, why string) waxwing.PluginVersion {
	r := v.rec
	r.State, r.Why, r.Percent, r.Changed = to, why, 0, h.o.Clock()
	return r
}

// plugin finds or makes a name's place. The caller holds changes.
func (h *Host) plugin(t waxwing.TenantID, name string) *plugin {
	s := h.shelf(t)
	if s != nil {
		if i := slices.IndexFunc(s.plugins, func(p *plugin) bool { return p.name == name }); i >= 0 {
			return s.plugins[i]
		}
	}
	return &plugin{tenant: t, name: name, use: h.useOf(t, name)}
}

// settle shows orders the new state of a plugin. The caller holds changes.
func (h *Host) settle(p *plugin, next *slots, changed []waxwing.PluginVersion) {
	renew := func(v *version) *version {
		if v == nil {
			return nil
		}
		for _, r := range changed {
			if r.No == v.rec.No {
				c := &version{rec: r, manifest: v.manifest, code: v.code, config: v.config}
				return c
			}
		}
		return v
	}
	s := &slots{active: renew(next.active), candidate: renew(next.candidate), previous: renew(next.previous)}
	p.trial.mu.Lock() // a run is counted by the trial that its version stands in
	if s.candidate != nil && (p.slots.Load() == nil || p.slots.Load().candidate == nil || p.slots.Load().candidate.rec.No != s.candidate.rec.No) {
		p.trial.step, p.trial.orders, p.trial.new, p.trial.old, p.trial.decided = -1, 0, tally{}, tally{}, false
		if s.candidate.rec.State == waxwing.PluginCanary {
			p.trial.step = max(slices.Index(h.o.Rollout.Steps, s.candidate.rec.Percent), 0)
		}
	}
	p.slots.Store(s)
	p.trial.mu.Unlock()
	h.reshelve(p)
}

func (h *Host) reshelve(p *plugin) {
	n := &shelf{hooks: map[waxwing.Hook]bool{}}
	if old := h.shelf(p.tenant); old != nil {
		n.plugins = slices.DeleteFunc(slices.Clone(old.plugins), func(o *plugin) bool { return o.name == p.name })
	}
	if *p.slots.Load() != (slots{}) { // withdrawn: its orders need not pay for it
		n.plugins = append(n.plugins, p)
	}
	slices.SortFunc(n.plugins, func(a, b *plugin) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	kept := int64(0)
	for _, q := range n.plugins {
		s := q.slots.Load()
		kept += s.bytes()
		for _, v := range []*version{s.active, s.candidate} {
			if v != nil {
				n.needs |= v.manifest.NeedSet
				for _, k := range v.manifest.Hooks {
					n.hooks[k] = true
				}
			}
		}
	}
	h.tenants.Store(p.tenant, n)
	h.o.Engine.Keep(p.tenant, kept)
}
