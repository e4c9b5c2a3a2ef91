package plugins

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

func sha(b []byte) []byte { s := sha256.Sum256(b); return s[:] }

// Upload is a new version as its author sends it.
type Upload struct {
	Tenant    waxwing.TenantID
	Name      string
	Manifest  []byte
	Code      []byte
	Fixtures  []abi.Fixture
	Signature string // as FormatSignature writes it, "" none
	Source    string // "upload" or "file"
	// Now skips shadow and canary: whoever asks for it has tried it elsewhere.
	Now bool
	// ApproveNeeds says that By has seen what it needs and approves of it.
	ApproveNeeds bool
	By           waxwing.Actor
}

// ofOperator reports whether it comes from the configuration: it is approved by
// being there, and takes nothing of the tenant's budget.
func (u *Upload) ofOperator() bool { return u.Source == "file" }

// Put checks, compiles and tries an upload, and starts its life, or lets it wait
// for a person where it needs to see more than the version that serves. What is
// refused is kept with the reason, some a day, and returned as a permanent error;
// a waxwing.LaterError says that it was not looked at.
func (h *Host) Put(ctx context.Context, u *Upload) (waxwing.PluginVersion, error) {
	m, err := abi.ParseManifest(u.Manifest)
	if err != nil {
		return waxwing.PluginVersion{}, err
	}
	if m.Name != u.Name {
		return waxwing.PluginVersion{}, abi.ManifestError("its name is %q, and it is put as %q", m.Name, u.Name)
	}
	if h.rates.crowded(u.Tenant, u.Name) {
		return waxwing.PluginVersion{}, h.rates.tooMany(u.Name)
	}
	all, err := h.o.Store.PluginVersions(ctx, u.Tenant)
	if err == nil {
		err = hasRoom(h.o.Quota.Names, u.Name, all)
	}
	if err != nil {
		return waxwing.PluginVersion{}, err
	}
	x := &putting{h: h, u: u, v: &version{manifest: m, config: m.With(h.set.Load().Configs[u.Tenant][u.Name])}}
	x.rec = waxwing.PluginVersion{Tenant: u.Tenant, Plugin: u.Name, Version: m.Version, Hash: hex.EncodeToString(sha(u.Code)),
		Lang: m.Lang, Source: u.Source, Created: h.o.Clock(), Manifest: u.Manifest, Needs: m.Needs, Now: u.Now}
	left, err := h.turns.enter(ctx, u.Tenant, u.ofOperator())
	if err != nil {
		return x.rec, err
	}
	took, refusal := x.check(ctx, left)
	h.turns.leave(u.Tenant, took, u.ofOperator())
	if refusal == nil {
		h.o.Engine.Ready(x.v.manifest, x.v.code, u.Now)
	}
	if refusal != nil && !waxwing.IsPermanent(refusal) {
		return x.rec, refusal // ours, not the plugin's: nothing is kept
	}
	h.life.changes.Lock()
	defer h.life.changes.Unlock()
	if all, err = h.o.Store.PluginVersions(ctx, u.Tenant); err != nil {
		return x.rec, err
	}
	if refusal == nil {
		if refusal = hasRoom(h.o.Quota.Names, u.Name, all); refusal == nil {
			refusal = x.newer()
		}
		if refusal != nil && !waxwing.IsPermanent(refusal) {
			return x.rec, refusal
		}
	}
	x.rec.No = nextNo(all, u.Name)
	if refusal != nil {
		return x.refuse(refusal)
	}
	if !h.rates.mayChange(u.Tenant, u.Name) {
		return x.rec, h.rates.tooMany(u.Name)
	}
	return x.begin(all)
}

// putting is a version on its way to its place: an upload, or one that was approved.
type putting struct {
	h   *Host
	u   *Upload // nil: one that was approved, and is in the store
	v   *version
	rec waxwing.PluginVersion
}

func nextNo(all []waxwing.PluginVersion, name string) int {
	no := 0
	for i := range all {
		if all[i].Plugin == name {
			no = max(no, all[i].No)
		}
	}
	return no + 1
}

// hasRoom refuses a name too many: a tenant may have most of them.
func hasRoom(most int, name string, all []waxwing.PluginVersion) error {
	names := map[string]bool{}
	for i := range all {
		if all[i].State.Live() {
			names[all[i].Plugin] = true
		}
	}
	if !names[name] && len(names) >= most {
		return waxwing.Permanent(fmt.Errorf("the tenant has %d plugins, and at most %d are allowed (plugins.names): withdraw one of them "+
			"(waxwing plugin withdraw NAME) or ask the operator for more", len(names), most))
	}
	return nil
}

// check is everything before a version may see an order, and how long it took of
// what is left.
func (x *putting) check(ctx context.Context, left time.Duration) (took time.Duration, err error) {
	began := time.Now()
	e, u, v := x.h.o.Engine, x.u, x.v
	if x.rec.Signer, x.rec.Number, err = x.signer(); err == nil {
		err = x.newer()
	}
	if err == nil {
		v.code, err = sandbox.Prepare(v.manifest, u.Code, e.Limits())
	}
	if err != nil {
		return time.Since(began), err
	}
	v.code.Tenant, v.code.Use = u.Tenant, x.h.uses.of(u.Tenant, u.Name)
	if u.ofOperator() {
		left = sandbox.CheckTime
	}
	took = time.Since(began)
	child, err := e.Check(ctx, &sandbox.Submission{Manifest: v.manifest, Text: u.Manifest, Code: v.code, Body: u.Code, Fixtures: u.Fixtures}, left)
	if err == nil {
		err = x.nativeFits()
	}
	return took + child, err
}

// nativeFits refuses native code that is too large beside the tenant's other.
func (x *putting) nativeFits() error {
	h, u := x.h, x.u
	sizes, err := h.o.Engine.Natives()
	if err != nil {
		return err
	}
	held := map[string]bool{x.v.code.Source(): true}
	if s := h.shelves.of(u.Tenant); s != nil {
		for _, p := range s.plugins {
			for _, v := range p.slots.Load().all() {
				held[v.code.Source()] = held[v.code.Source()] || p.name != u.Name
			}
		}
	}
	n := int64(0)
	for key, others := range held {
		if others {
			n += sizes[key]
		}
	}
	if n > h.o.Quota.Native {
		return waxwing.Permanent(fmt.Errorf("the native code of the tenant's plugins would have %d bytes, at most %d are allowed (plugins.native): "+
			"withdraw one of them, or make them smaller", n, h.o.Quota.Native))
	}
	return nil
}

func (s *slots) all() (out []*version) {
	for _, v := range []*version{s.active, s.candidate, s.previous} {
		if v != nil {
			out = append(out, v)
		}
	}
	return out
}

// refuse records a refused upload, so that its author finds the reason again:
// some a day, since refusals cost their author nothing, and would fill the trail.
func (x *putting) refuse(why error) (waxwing.PluginVersion, error) {
	h, rec := x.h, x.rec
	all, err := h.o.Store.PluginVersions(context.Background(), rec.Tenant)
	if err != nil {
		return rec, err
	}
	rec.State, rec.Why, rec.Changed = waxwing.PluginRefused, sandbox.OneLine(why.Error(), maxWhy), h.o.Clock()
	if len(rec.Manifest) > maxRefusedManifest {
		rec.Manifest = nil
	}
	today := 0
	for i := range all {
		if all[i].State == waxwing.PluginRefused && sameDay(all[i].Created, rec.Created) {
			today++
		}
	}
	if today >= h.o.Quota.Refused {
		rec.No = 0
		return rec, waxwing.Permanent(fmt.Errorf("%w\n(not recorded: %d refused uploads of today are already)", why, today))
	}
	if err := h.o.Store.SavePlugins(context.Background(), []waxwing.PluginVersion{rec}, nil); err != nil {
		return rec, err
	}
	return rec, why
}

// What is kept of a refused upload, in bytes. Its code is not.
const (
	maxWhy             = 1000
	maxRefusedManifest = 2 << 10
)

func sameDay(a, b time.Time) bool {
	return a.UTC().Truncate(24 * time.Hour).Equal(b.UTC().Truncate(24 * time.Hour))
}

// begin records a version and gives it its place, or lets it wait for approval.
func (x *putting) begin(all []waxwing.PluginVersion) (waxwing.PluginVersion, error) {
	h, u := x.h, x.u
	p := h.shelves.plugin(u.Tenant, u.Name)
	if asks := unapproved(x.v.manifest, p.slots.Load()); len(asks) > 0 && !u.ofOperator() {
		if !u.ApproveNeeds {
			x.rec.State, x.rec.Unapproved, x.rec.Changed = waxwing.PluginWaiting, asks, h.o.Clock()
			return x.record(append(h.life.superseded(all, u.Name), x.rec))
		}
		x.rec.ApprovedBy = u.By
	}
	return x.place(p, h.life.superseded(all, u.Name), u.Code)
}

// record saves versions that change nothing of what serves.
func (x *putting) record(changed []waxwing.PluginVersion) (waxwing.PluginVersion, error) {
	err := x.h.o.Store.SavePlugins(context.Background(), changed, x.u.Code)
	if waxwing.IsPermanent(err) { // no room for it
		return x.refuse(err)
	}
	return x.rec, err
}

// place gives a checked and approved version its place. The caller holds changes. changed are others that
// change with it; code is nil where the store has it.
func (x *putting) place(p *plugin, changed []waxwing.PluginVersion, code []byte) (waxwing.PluginVersion, error) {
	h, v, rec := x.h, x.v, &x.rec
	old := p.slots.Load()
	if old == nil {
		old = &slots{}
	}
	next := *old
	switch {
	case rec.Now || old.active == nil && len(h.o.Rollout.Steps) == 0:
		rec.State = waxwing.PluginActive
	case h.o.Rollout.Shadow > 0:
		rec.State = waxwing.PluginShadow
	default:
		rec.State, rec.Percent = waxwing.PluginCanary, h.o.Rollout.Steps[0]
	}
	rec.Changed = h.o.Clock()
	v.rec = *rec
	if c := old.candidate; c != nil { // a newer one takes its place
		changed = append(changed, h.life.moved(c, waxwing.PluginStopped, "a newer version was put"))
		next.candidate = nil
	}
	if rec.State == waxwing.PluginActive {
		if old.active != nil {
			changed = append(changed, h.life.moved(old.active, waxwing.PluginRetired, ""))
			next.previous = old.active
		}
		next.active = v
	} else {
		next.candidate = v
	}
	if err := h.o.Store.SavePlugins(context.Background(), append(changed, *rec), code); waxwing.IsPermanent(err) && code != nil {
		return x.refuse(err)
	} else if err != nil {
		return *rec, err
	}
	v.code = h.stored(v.manifest, rec) // the store has what the author wrote
	h.life.settle(p, &next, changed)
	h.compile.warm(v)
	h.tidyLater()
	return *rec, nil
}
