package plugins

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

// Kept are the tenants of whom the store has plugins: most have none, and need no Restore
// at a start.
func (h *Host) Kept() (map[waxwing.TenantID]bool, error) {
	all, err := h.o.Store.PluginTenants(context.Background())
	kept := make(map[waxwing.TenantID]bool, len(all))
	for _, t := range all {
		kept[t] = true
	}
	return kept, err
}

// Restore brings back what the store has of a tenant. Code that does not pass
// any more (limits were lowered) is left out, and said.
func (h *Host) Restore(t waxwing.TenantID) error {
	h.life.changes.Lock()
	defer h.life.changes.Unlock()
	all, err := h.o.Store.PluginVersions(context.Background(), t)
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
	var serving []*version
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if s := found[name]; *s != (slots{}) {
			h.life.settle(h.shelves.plugin(t, name), s, nil)
			for _, v := range []*version{s.active, s.candidate} {
				if v != nil {
					serving = append(serving, v)
				}
			}
		}
	}
	// What serves first, and of that what was changed last: it is most likely to be
	// asked next. Other tenants' come in between, and orders before all of them.
	slices.SortStableFunc(serving, func(a, b *version) int {
		switch x, y := a.rec.State == waxwing.PluginActive, b.rec.State == waxwing.PluginActive; {
		case x && !y:
			return -1
		case y && !x:
			return 1
		}
		return b.rec.Changed.Compare(a.rec.Changed)
	})
	for _, v := range serving {
		h.compile.warm(v)
	}
	return nil
}

// reopen makes a version of its record. Its code stays in the store until it is
// loaded: what is kept of names that nobody asks must not add up.
func (h *Host) reopen(r waxwing.PluginVersion) (*version, error) {
	if _, known := h.set.Load().Signers[r.Tenant][r.Signer]; h.o.Signed && !known {
		return nil, errors.New("it is not signed by a key that the tenant has now, and this daemon takes signed ones only")
	}
	m, err := abi.ParseManifest(r.Manifest)
	if err != nil {
		return nil, err
	}
	v := &version{rec: r, manifest: m, config: m.With(h.set.Load().Configs[r.Tenant][r.Plugin])}
	v.code = h.stored(m, &r)
	return v, nil
}

// stored is a version's code as the store has it.
func (h *Host) stored(m *abi.Manifest, r *waxwing.PluginVersion) *sandbox.Code {
	hash := r.Hash
	return h.o.Engine.Stored(m, sandbox.Facts{Tenant: r.Tenant, Hash: hash, Use: h.uses.of(r.Tenant, r.Plugin)}, func() ([]byte, error) {
		return h.o.Store.PluginModule(context.Background(), hash)
	})
}
