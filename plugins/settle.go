package plugins

import (
	"slices"

	"github.com/waxwinghq/waxwing"
)

// moved is a version's record in another state. The version itself changes in
// settle, once the store has it.
func (l *life) moved(v *version, to waxwing.PluginState, why string) waxwing.PluginVersion {
	r := v.rec
	r.State, r.Why, r.Percent, r.Changed = to, why, 0, l.now()
	return r
}

// settle shows orders the new state of a plugin. The caller holds changes.
func (l *life) settle(p *plugin, next *slots, changed []waxwing.PluginVersion) {
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
			p.trial.step = max(slices.Index(l.rollout.Steps, s.candidate.rec.Percent), 0)
		}
	}
	p.slots.Store(s)
	p.trial.mu.Unlock()
	l.shelves.put(p)
}

// superseded are versions of the name that wait, as they stand when a newer one
// takes their place.
func (l *life) superseded(all []waxwing.PluginVersion, name string) (out []waxwing.PluginVersion) {
	for _, r := range all {
		if r.Plugin == name && r.State == waxwing.PluginWaiting {
			r.State, r.Why, r.Changed, r.Unapproved = waxwing.PluginStopped, "a newer version was put", l.now(), nil
			out = append(out, r)
		}
	}
	return out
}
