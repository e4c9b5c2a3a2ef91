package plugins

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/waxwinghq/waxwing"
)

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
	if !h.mayChange(t, name) {
		return waxwing.PluginVersion{}, h.tooMany(name)
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
	all, err := h.o.Store.PluginVersions(context.Background(), t)
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
	if !h.mayChange(t, name) {
		return waxwing.PluginVersion{}, h.tooMany(name)
	}
	h.serve(p, &s, s.candidate)
	if a := p.slots.Load().active; a != nil {
		return a.rec, nil
	}
	return waxwing.PluginVersion{}, waxwing.ErrUnavailable
}

// Withdraw takes a plugin out of service: one that waits for
// approval too. Some of its versions stay on record.
func (h *Host) Withdraw(t waxwing.TenantID, name string) error {
	h.changes.Lock()
	defer h.changes.Unlock()
	all, err := h.o.Store.PluginVersions(context.Background(), t)
	if err != nil {
		return err
	}
	changed := h.superseded(all, name)
	for i := range changed {
		changed[i].State, changed[i].Why = waxwing.PluginWithdraw, "by a person"
	}
	p, err := h.find(t, name)
	if err != nil && len(changed) == 0 {
		return err
	} else if err != nil {
		return h.o.Store.SavePlugins(context.Background(), changed, nil)
	}
	s := p.slots.Load()
	for _, v := range []*version{s.active, s.candidate} {
		if v != nil {
			changed = append(changed, h.moved(v, waxwing.PluginWithdraw, "by a person"))
		}
	}
	if len(changed) == 0 {
		return fmt.Errorf("nothing of it serves: %w", waxwing.ErrState)
	}
	if !h.mayChange(t, name) {
		return h.tooMany(name)
	}
	return h.save(p, &slots{}, changed...)
}
