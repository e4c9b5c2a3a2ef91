package plugins

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/waxwinghq/waxwing"
)

func sha(b []byte) []byte { s := sha256.Sum256(b); return s[:] }

// Upload is a new version as its author sends it.
type Upload struct {
	Tenant    waxwing.TenantID
	Name      string
	Manifest  []byte
	Code      []byte
	Fixtures  []Fixture
	Signature string // hex or base64, "" none
	Source    string // "upload" or "file"
	// Now skips shadow and canary: whoever asks for it has tried it elsewhere.
	Now bool
}

// Put checks, compiles and tries an upload, and starts its life. What is refused
// is kept with the reason, and returned as a permanent error.
func (h *Host) Put(ctx context.Context, u *Upload) (waxwing.PluginVersion, error) {
	m, err := ParseManifest(u.Manifest)
	if err != nil {
		return waxwing.PluginVersion{}, err
	}
	if m.Name != u.Name {
		return waxwing.PluginVersion{}, manifestError("its name is %q, and it is put as %q", m.Name, u.Name)
	}
	if !h.mayChange(u.Tenant, u.Name) {
		return waxwing.PluginVersion{}, h.tooMany(u.Name)
	}
	rec := waxwing.PluginVersion{Tenant: u.Tenant, Plugin: u.Name, Version: m.Version, Hash: hex.EncodeToString(sha(u.Code)),
		Lang: m.Lang, Source: u.Source, Created: h.o.Clock(), Manifest: u.Manifest}
	v := &version{manifest: m, config: m.with(h.o.Configs[u.Tenant][u.Name])}
	h.checks.Lock() // one at a time: a check takes a core for seconds
	refusal := h.check(ctx, u, v, &rec)
	h.checks.Unlock()
	h.changes.Lock()
	defer h.changes.Unlock()
	all, err := h.o.Store.PluginVersions(u.Tenant)
	if err != nil {
		return rec, err
	}
	for _, o := range all {
		if o.Plugin == u.Name {
			rec.No = max(rec.No, o.No)
		}
	}
	rec.No++
	if refusal != nil && !waxwing.IsPermanent(refusal) {
		return rec, refusal // ours, not the plugin's: nothing is kept
	}
	return h.begin(u, v, rec, refusal)
}

// check is everything before a version may see an order.
func (h *Host) check(ctx context.Context, u *Upload, v *version, rec *waxwing.PluginVersion) (err error) {
	if rec.Signer, err = h.signer(u); err != nil {
		return err
	}
	if v.code, err = Prepare(v.manifest, u.Code, h.o.Engine.o.Limits); err != nil {
		return err
	}
	v.code.Tenant, v.code.use = u.Tenant, h.useOf(u.Tenant, u.Name)
	if err := h.o.Engine.Compile(ctx, v.code); err != nil {
		return err
	}
	return Try(ctx, h.o.Engine, v.manifest, v.code, u.Fixtures)
}

// begin records a version and gives it its place.
func (h *Host) begin(u *Upload, v *version, rec waxwing.PluginVersion, refusal error) (waxwing.PluginVersion, error) {
	p := h.plugin(u.Tenant, u.Name)
	old := p.slots.Load()
	if old == nil {
		old = &slots{}
	}
	next := *old
	var changed []waxwing.PluginVersion
	switch {
	case refusal != nil:
		rec.State, rec.Why = waxwing.PluginRefused, oneLine(refusal.Error(), 1000)
	case u.Now || old.active == nil && len(h.o.Rollout.Steps) == 0:
		rec.State = waxwing.PluginActive
	case h.o.Rollout.Shadow > 0:
		rec.State = waxwing.PluginShadow
	default:
		rec.State, rec.Percent = waxwing.PluginCanary, h.o.Rollout.Steps[0]
	}
	rec.Changed = h.o.Clock()
	v.rec = rec
	if refusal == nil {
		if c := old.candidate; c != nil { // a newer one takes its place
			changed = append(changed, h.moved(c, waxwing.PluginStopped, "a newer version was put"))
			next.candidate = nil
		}
		if rec.State == waxwing.PluginActive {
			if old.active != nil {
				changed = append(changed, h.moved(old.active, waxwing.PluginRetired, ""))
				next.previous = old.active
			}
			next.active = v
		} else {
			next.candidate = v
		}
	}
	code := u.Code
	if refusal != nil {
		code = nil // or refused uploads, which cost their author nothing, fill the disk of all
	}
	if err := h.o.Store.SavePlugins(append(changed, rec), code); err != nil {
		return rec, err
	}
	if refusal != nil {
		return rec, refusal
	}
	v.code = h.stored(v.manifest, &rec) // the store has what the author wrote
	h.settle(p, &next, changed)
	h.warm(v)
	return rec, nil
}

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
	n := &shelf{account: h.o.Engine.account(p.tenant), hooks: map[waxwing.Hook]bool{}}
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
				n.needs |= v.manifest.needs
				for _, k := range v.manifest.Hooks {
					n.hooks[k] = true
				}
			}
		}
	}
	h.tenants.Store(p.tenant, n)
	h.o.Engine.keep(p.tenant, kept)
}
