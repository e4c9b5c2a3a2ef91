package plugins

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/waxwinghq/waxwing"
)

// RollBack puts the previous version back at once.
func (h *Host) RollBack(t waxwing.TenantID, name string) (waxwing.PluginVersion, error) {
	p, err := h.shelves.find(t, name)
	if err != nil {
		return waxwing.PluginVersion{}, err
	}
	if s := p.slots.Load(); s.previous != nil { // others' code may have taken its room
		h.o.Engine.Ready(s.previous.manifest, s.previous.code, true)
	}
	h.life.changes.Lock()
	defer h.life.changes.Unlock()
	if !h.rates.mayChange(t, name) {
		return waxwing.PluginVersion{}, h.rates.tooMany(name)
	}
	return h.life.rollBack(p, "by a person")
}

// Serves reports whether exactly this is what serves already.
func (h *Host) Serves(t waxwing.TenantID, name string, manifest, code []byte) bool {
	p, err := h.shelves.find(t, name)
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
	p, err := h.shelves.find(t, name)
	return err == nil && p.slots.Load().active != nil
}

// Promote lets the version in shadow or canary serve all orders at once.
func (h *Host) Promote(t waxwing.TenantID, name string) (waxwing.PluginVersion, error) {
	h.life.changes.Lock()
	defer h.life.changes.Unlock()
	p, err := h.shelves.find(t, name)
	if err != nil {
		return waxwing.PluginVersion{}, err
	}
	s := *p.slots.Load()
	if s.candidate == nil {
		return waxwing.PluginVersion{}, fmt.Errorf("no version is in shadow or canary: %w", waxwing.ErrState)
	}
	if !h.rates.mayChange(t, name) {
		return waxwing.PluginVersion{}, h.rates.tooMany(name)
	}
	h.life.serve(p, &s, s.candidate)
	if a := p.slots.Load().active; a != nil {
		return a.rec, nil
	}
	return waxwing.PluginVersion{}, waxwing.ErrUnavailable
}

// Withdraw takes a plugin out of service: one that waits for
// approval too. Some of its versions stay on record.
func (h *Host) Withdraw(t waxwing.TenantID, name string) error {
	h.life.changes.Lock()
	defer h.life.changes.Unlock()
	all, err := h.o.Store.PluginVersions(context.Background(), t)
	if err != nil {
		return err
	}
	changed := h.life.superseded(all, name)
	for i := range changed {
		changed[i].State, changed[i].Why = waxwing.PluginWithdraw, "by a person"
	}
	p, err := h.shelves.find(t, name)
	if err != nil && len(changed) == 0 {
		return err
	} else if err != nil {
		return h.o.Store.SavePlugins(context.Background(), changed, nil)
	}
	s := p.slots.Load()
	for _, v := range []*version{s.active, s.candidate} {
		if v != nil {
			changed = append(changed, h.life.moved(v, waxwing.PluginWithdraw, "by a person"))
		}
	}
	if len(changed) == 0 {
		return fmt.Errorf("nothing of it serves: %w", waxwing.ErrState)
	}
	if !h.rates.mayChange(t, name) {
		return h.rates.tooMany(name)
	}
	return h.life.save(p, &slots{}, changed...)
}
