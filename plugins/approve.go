package plugins

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
)

// unapproved are the needs of a manifest that nobody has approved for the
// plugin: those that neither the version that serves nor the one that is tried
// has. Where none serves that is all of them: a name is made in a moment.
func unapproved(m *abi.Manifest, s *slots) (asks []string) {
	var has abi.NeedSet
	if s != nil {
		for _, v := range []*version{s.active, s.candidate} {
			if v != nil {
				has |= v.manifest.NeedSet
			}
		}
	}
	for _, name := range m.Needs {
		var n abi.NeedSet
		n.Add(name)
		if n&^has != 0 {
			asks = append(asks, name)
		}
	}
	return asks
}

// Approve starts the life of a version that waits, no of the name, because a
// person approves of what it needs. needs are what she was shown: they must be
// all that it asks for, or she approved of something else.
func (h *Host) Approve(t waxwing.TenantID, name string, no int, needs []string, by waxwing.Actor) (waxwing.PluginVersion, error) {
	h.life.changes.Lock()
	defer h.life.changes.Unlock()
	all, err := h.o.Store.PluginVersions(context.Background(), t)
	if err != nil {
		return waxwing.PluginVersion{}, err
	}
	i := slices.IndexFunc(all, func(r waxwing.PluginVersion) bool { return r.Plugin == name && r.No == no })
	if i < 0 {
		return waxwing.PluginVersion{}, fmt.Errorf("plugin version: %w", waxwing.ErrNotFound)
	}
	rec := all[i]
	if rec.State != waxwing.PluginWaiting {
		return rec, fmt.Errorf("version %d of %s is %s, and nothing of it waits for approval: %w", no, name, rec.State, waxwing.ErrState)
	}
	asked, shown := slices.Sorted(slices.Values(rec.Unapproved)), slices.Sorted(slices.Values(needs))
	if !slices.Equal(asked, shown) {
		return rec, waxwing.Permanent(fmt.Errorf("version %d of %s asks for %s, and the approval is of %s: look at it again", no, name,
			strings.Join(asked, ", "), orNone(shown)))
	}
	if !h.rates.mayChange(t, name) {
		return rec, h.rates.tooMany(name)
	}
	v, err := h.reopen(rec)
	if err != nil {
		return rec, err
	}
	rec.ApprovedBy, rec.Unapproved = by, nil
	x := &putting{h: h, v: v, rec: rec}
	rec, err = x.place(h.shelves.plugin(t, name), nil, nil)
	if err == nil {
		h.compile.warm(v)
	}
	return rec, err
}

func orNone(s []string) string {
	if len(s) == 0 {
		return "none"
	}
	return strings.Join(s, ", ")
}
