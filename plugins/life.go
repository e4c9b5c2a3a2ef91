package plugins

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

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
	h.settle(p, &next, changed)
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
	return &plugin{tenant: t, name: name}
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
	for _, q := range n.plugins {
		s := q.slots.Load()
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
}

// judge counts a run, and stops, promotes or rolls back where that is due.
func (h *Host) judge(p *plugin, v *version, res *Result, role string, now time.Time) {
	failed := res.Fault != nil && blames(res.Fault.Kind)
	opened, tooOften := false, false
	if res.Fault == nil || failed {
		opened, tooOften = v.breaker.note(failed, now)
	} else {
		v.breaker.release()
	}
	if opened {
		h.o.Log.Warn("a plugin rests after failures", "tenant", p.tenant, "plugin", p.name, "version", v.rec.No, "fault", res.Fault.Kind)
	}
	if tooOften && role == "active" {
		kind := res.Fault.Kind // not the text: it may quote an order, and the trail is for ever
		h.later(func() { h.rollBackIf(p, v, "it failed too often, last by "+kind) })
	}
	if p.slots.Load().candidate == nil {
		return
	}
	t := &p.trial
	t.mu.Lock()
	defer t.mu.Unlock()
	s := p.slots.Load()
	switch {
	case s.candidate == nil:
		return
	case v == s.candidate:
		t.new.add(res)
	case v == s.active:
		t.old.add(res)
	default:
		return
	}
	t.orders++
	if t.decided {
		return // what follows waits for the store
	}
	why, step := t.verdict(), t.step
	switch {
	case why != "":
		t.decided = true
		h.later(func() { h.end(p, s.candidate, waxwing.PluginStopped, why) })
	case t.done(h.o.Rollout):
		t.decided = true
		h.later(func() { h.promote(p, s.candidate, step) })
	}
}

// later does what needs the store outside of an order's way.
func (h *Host) later(f func()) {
	if h.ctx.Err() != nil {
		return
	}
	h.work.Go(func() {
		h.changes.Lock()
		defer h.changes.Unlock()
		f()
	})
}

func (h *Host) save(p *plugin, next *slots, changed ...waxwing.PluginVersion) error {
	if err := h.o.Store.SavePlugins(changed, nil); err != nil {
		if !errors.Is(err, waxwing.ErrStopping) {
			h.o.Log.Error("a plugin's state was not recorded; it stays as it was", "tenant", p.tenant, "plugin", p.name, "err", err)
		}
		return err
	}
	for _, r := range changed {
		h.o.Log.Info("plugin", "tenant", p.tenant, "plugin", p.name, "version", r.No, "state", r.State, "percent", r.Percent, "why", r.Why)
	}
	h.settle(p, next, changed)
	return nil
}

// end takes a candidate out.
func (h *Host) end(p *plugin, c *version, to waxwing.PluginState, why string) {
	s := *p.slots.Load()
	if s.candidate == nil || s.candidate.rec.No != c.rec.No {
		p.trial.mu.Lock()
		p.trial.decided = false // somebody was faster; the one there now has its own trial
		p.trial.mu.Unlock()
		return
	}
	c = s.candidate // it may have come a step further since
	s.candidate = nil
	if h.save(p, &s, h.moved(c, to, oneLine(why, 300))) != nil {
		p.trial.mu.Lock()
		p.trial.decided = false
		p.trial.mu.Unlock()
	}
}

// promote takes a candidate one step on, from step (-1: shadow).
func (h *Host) promote(p *plugin, c *version, step int) {
	s := *p.slots.Load()
	t := &p.trial
	// Only at the end, or a run in the meantime would decide by a version that
	// is about to be replaced. Where the store fails the next run tries again.
	defer func() {
		t.mu.Lock()
		t.decided = false
		t.mu.Unlock()
	}()
	t.mu.Lock()
	current := s.candidate == c && t.step == step
	t.mu.Unlock()
	if !current {
		return
	}
	steps := h.o.Rollout.Steps
	if step+1 < len(steps) {
		r := h.moved(c, waxwing.PluginCanary, "")
		r.Percent = steps[step+1]
		if h.save(p, &s, r) == nil {
			t.mu.Lock()
			t.next()
			t.mu.Unlock()
		}
		return
	}
	h.serve(p, &s, c)
}

// serve makes a version the one that serves all.
func (h *Host) serve(p *plugin, s *slots, v *version) {
	changed := []waxwing.PluginVersion{h.moved(v, waxwing.PluginActive, "")}
	if s.active != nil {
		changed = append(changed, h.moved(s.active, waxwing.PluginRetired, ""))
	}
	s.previous, s.active, s.candidate = s.active, v, nil
	_ = h.save(p, s, changed...)
}

func (h *Host) rollBackIf(p *plugin, v *version, why string) {
	if s := p.slots.Load(); s.active == v {
		_, _ = h.rollBack(p, why) // save has logged it
	}
}

// rollBack puts the previous version back, or none where there is none.
func (h *Host) rollBack(p *plugin, why string) (waxwing.PluginVersion, error) {
	s := *p.slots.Load()
	if s.active == nil {
		return waxwing.PluginVersion{}, fmt.Errorf("nothing of it serves: %w", waxwing.ErrState)
	}
	changed := []waxwing.PluginVersion{h.moved(s.active, waxwing.PluginRolled, oneLine(why, 300))}
	if s.candidate != nil {
		changed = append(changed, h.moved(s.candidate, waxwing.PluginStopped, "the plugin was rolled back"))
	}
	s.active, s.previous, s.candidate = s.previous, nil, nil
	if s.active != nil {
		changed = append(changed, h.moved(s.active, waxwing.PluginActive, "rolled back to"))
	}
	return changed[len(changed)-1], h.save(p, &s, changed...)
}

func (h *Host) find(t waxwing.TenantID, name string) (*plugin, error) {
	if s := h.shelf(t); s != nil {
		for _, p := range s.plugins {
			if p.name == name && p.slots.Load() != nil {
				return p, nil
			}
		}
	}
	return nil, fmt.Errorf("plugin: %w", waxwing.ErrNotFound)
}

// RollBack puts the previous version back at once.
func (h *Host) RollBack(t waxwing.TenantID, name string) (waxwing.PluginVersion, error) {
	h.changes.Lock()
	defer h.changes.Unlock()
	p, err := h.find(t, name)
	if err != nil {
		return waxwing.PluginVersion{}, err
	}
	return h.rollBack(p, "by a person")
}

// Serves reports whether exactly this is what serves already.
func (h *Host) Serves(t waxwing.TenantID, name string, manifest, code []byte) bool {
	p, err := h.find(t, name)
	if err != nil {
		return false
	}
	a := p.slots.Load().active
	return a != nil && a.rec.Hash == hex.EncodeToString(sha(code)) && string(a.rec.Manifest) == string(manifest)
}

// RolledBack reports whether exactly this was the newest version and was rolled
// back: it comes again as another version, or not at all.
func (h *Host) RolledBack(t waxwing.TenantID, name string, manifest, code []byte) bool {
	all, err := h.o.Store.PluginVersions(t)
	if err != nil {
		return false
	}
	var newest waxwing.PluginVersion
	for _, v := range all {
		if v.Plugin == name && v.No > newest.No {
			newest = v
		}
	}
	return newest.State == waxwing.PluginRolled && newest.Hash == hex.EncodeToString(sha(code)) && string(newest.Manifest) == string(manifest)
}

// Active reports whether a version of the plugin serves.
func (h *Host) Active(t waxwing.TenantID, name string) bool {
	p, err := h.find(t, name)
	return err == nil && p.slots.Load().active != nil
}

// Promote lets the version in shadow or canary serve all orders at once.
func (h *Host) Promote(t waxwing.TenantID, name string) (waxwing.PluginVersion, error) {
	h.changes.Lock()
	defer h.changes.Unlock()
	p, err := h.find(t, name)
	if err != nil {
		return waxwing.PluginVersion{}, err
	}
	s := *p.slots.Load()
	if s.candidate == nil {
		return waxwing.PluginVersion{}, fmt.Errorf("no version is in shadow or canary: %w", waxwing.ErrState)
	}
	h.serve(p, &s, s.candidate)
	if a := p.slots.Load().active; a != nil {
		return a.rec, nil
	}
	return waxwing.PluginVersion{}, waxwing.ErrUnavailable
}

// Withdraw takes a plugin out of service: its versions stay on record.
func (h *Host) Withdraw(t waxwing.TenantID, name string) error {
	h.changes.Lock()
	defer h.changes.Unlock()
	p, err := h.find(t, name)
	if err != nil {
		return err
	}
	var changed []waxwing.PluginVersion
	s := p.slots.Load()
	for _, v := range []*version{s.active, s.candidate} {
		if v != nil {
			changed = append(changed, h.moved(v, waxwing.PluginWithdraw, "by a person"))
		}
	}
	if len(changed) == 0 {
		return fmt.Errorf("nothing of it serves: %w", waxwing.ErrState)
	}
	return h.save(p, &slots{}, changed...)
}

// Restore brings back what the store has of a tenant. Code that does not pass
// any more (limits were lowered) is left out, and said.
func (h *Host) Restore(t waxwing.TenantID) error {
	h.changes.Lock()
	defer h.changes.Unlock()
	all, err := h.o.Store.PluginVersions(t)
	if err != nil {
		return err
	}
	found := map[string]*slots{}
	for _, r := range all {
		s := found[r.Plugin]
		if s == nil {
			s = &slots{}
			found[r.Plugin] = s
		}
		var to **version
		switch r.State {
		case waxwing.PluginActive:
			to = &s.active
		case waxwing.PluginShadow, waxwing.PluginCanary:
			to = &s.candidate
		case waxwing.PluginRetired:
			to = &s.previous // the newest one stays
		default:
			continue
		}
		v, err := h.reopen(r)
		if err != nil {
			h.o.Log.Error("a plugin cannot be brought back and is left out", "tenant", t, "plugin", r.Plugin, "version", r.No, "err", err)
			continue
		}
		*to = v
	}
	for _, name := range sortedKeys(found) {
		if s := found[name]; *s != (slots{}) {
			h.settle(h.plugin(t, name), s, nil)
			for _, v := range []*version{s.active, s.candidate} {
				if v != nil {
					h.compile(v)
				}
			}
		}
	}
	return nil
}

func (h *Host) reopen(r waxwing.PluginVersion) (*version, error) {
	if _, known := h.o.Signers[r.Tenant][r.Signer]; h.o.Signed && !known {
		return nil, errors.New("it is not signed by a key that the tenant has now, and this daemon takes signed ones only")
	}
	m, err := ParseManifest(r.Manifest)
	if err != nil {
		return nil, err
	}
	body, err := h.o.Store.PluginModule(r.Hash)
	if err != nil {
		return nil, err
	}
	if hex.EncodeToString(sha(body)) != r.Hash {
		return nil, errors.New("its code is not what was checked: the hash differs")
	}
	v := &version{rec: r, manifest: m, config: m.with(h.o.Configs[r.Tenant][r.Plugin])}
	v.code, err = Prepare(m, body, h.o.Engine.o.Limits)
	return v, err
}

// compileAgain is compile for an order that found no native code: one at a
// time, and not at once again where it fails, since orders keep coming.
func (h *Host) compileAgain(v *version, now time.Time) {
	last := v.compiled.Load()
	if last != 0 && now.UnixNano()-last < int64(compileWall) || !v.compiling.CompareAndSwap(false, true) {
		return
	}
	v.compiled.Store(now.UnixNano())
	h.compile(v)
}

// compile puts a version's native code into the cache, in the background, where
// it is not there yet, and loads it, so that no order waits for it.
func (h *Host) compile(v *version) {
	if h.ctx.Err() != nil {
		return
	}
	h.work.Go(func() {
		defer v.compiling.Store(false)
		err := h.o.Engine.Compile(h.ctx, v.code)
		if err == nil {
			err = h.o.Engine.Warm(v.code)
		}
		if err != nil && h.ctx.Err() == nil {
			h.o.Log.Error("a plugin cannot be compiled; it is left out", "tenant", v.rec.Tenant, "plugin", v.rec.Plugin, "err", err)
		}
	})
}
