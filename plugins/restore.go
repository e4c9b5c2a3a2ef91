package plugins

import (
	"encoding/hex"
	"errors"
	"time"

	"github.com/waxwinghq/waxwing"
)

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
	if last != 0 && now.UnixNano()-last < int64(compileWall*raceSlowdown) || !v.compiling.CompareAndSwap(false, true) {
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
