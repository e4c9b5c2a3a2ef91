package ledger

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// dropBatch is how many versions one commit drops: what is left goes with the next ones.
const dropBatch = 32

// version finds a version among those that are kept, or adds it.
func version(kept []store.KeptVersion, tenant int64, v *waxwing.PluginVersion) ([]store.KeptVersion, *store.KeptVersion) {
	i := slices.IndexFunc(kept, func(k store.KeptVersion) bool { return k.Plugin == v.Plugin && k.No == int64(v.No) })
	if i < 0 {
		k := store.KeptVersion{Tenant: tenant, Plugin: v.Plugin, Hash: v.Hash, No: int64(v.No)}
		if same := slices.IndexFunc(kept, func(o store.KeptVersion) bool { return o.Hash == v.Hash }); same >= 0 {
			k.Bytes = kept[same].Bytes
		}
		i, kept = len(kept), append(kept, k)
	}
	return kept, &kept[i]
}

// withModule is what is kept once a module is written; nil: none is. Refused versions have
// none.
func withModule(kept []store.KeptVersion, m *store.PluginModule) []store.KeptVersion {
	for i := range kept {
		if k := &kept[i]; k.State == waxwing.PluginRefused {
			k.Bytes = 0
		} else if m != nil && k.Hash == m.Hash {
			k.Bytes = int64(len(m.Body))
		}
	}
	return kept
}

// serving marks the versions that are never dropped: those that serve, are
// tried or wait, and the one before, to which a person may go back.
func serving(all []store.KeptVersion) (keep []bool, live map[string]bool) {
	keep, live = make([]bool, len(all)), map[string]bool{}
	before := map[string]int{}
	for i, v := range all {
		if v.State.Live() {
			keep[i], live[v.Plugin] = true, true
		}
		if j, ok := before[v.Plugin]; v.State == waxwing.PluginRetired && (!ok || all[j].No < v.No) {
			before[v.Plugin] = i
		}
	}
	for name, i := range before {
		keep[i] = keep[i] || live[name]
	}
	return keep, live
}

// bytesOf counts each module once.
func bytesOf(all []store.KeptVersion, kept func(i int) bool) (n int64) {
	seen := map[string]bool{}
	for i, v := range all {
		if kept(i) && v.Bytes > 0 && !seen[v.Hash] {
			seen[v.Hash] = true
			n += v.Bytes
		}
	}
	return n
}

// toDrop says which versions are beyond the quota, oldest first: refused ones,
// those beyond the number that is kept of a name, those of names out of service
// beyond as many as may be in it, and the oldest until the modules fit.
func toDrop(all []store.KeptVersion, q waxwing.PluginQuota) (drop []int) {
	keep, live := serving(all)
	gone := make([]bool, len(all))
	count, refused := map[string]int{}, 0
	for i, v := range all {
		if keep[i] {
			count[v.Plugin]++
		}
	}
	newest := map[string]int{} // of names out of service, by their newest row
	var idle []string
	for i, v := range slices.Backward(all) {
		switch {
		case v.State == waxwing.PluginRefused:
			refused++
			gone[i] = refused > q.Refused
			continue
		case !live[v.Plugin]:
			if _, ok := newest[v.Plugin]; !ok {
				newest[v.Plugin] = i
				idle = append(idle, v.Plugin)
			}
			gone[i] = slices.Index(idle, v.Plugin) >= q.Names
		}
		if !keep[i] {
			count[v.Plugin]++
			gone[i] = gone[i] || count[v.Plugin] > q.Versions
		}
	}
	total, holders := bytesOf(all, func(i int) bool { return !gone[i] }), map[string]int{}
	for i, v := range all {
		if !gone[i] && v.Bytes > 0 {
			holders[v.Hash]++
		}
	}
	for i, v := range all {
		if total <= q.Modules {
			break
		}
		if keep[i] || gone[i] || v.Bytes == 0 {
			continue
		}
		gone[i] = true
		if holders[v.Hash]--; holders[v.Hash] == 0 {
			total -= v.Bytes
		}
	}
	for i, g := range gone {
		if g {
			drop = append(drop, i)
		}
	}
	return drop
}

// prune drops what is beyond a tenant's quota of all that is kept of it.
func (x *Plugins) prune(g *Group, c *store.PluginChanges, t *seal.Tenant, all []store.KeptVersion, q waxwing.PluginQuota) {
	drop := toDrop(all, q)
	for _, i := range drop[:min(len(drop), dropBatch)] {
		v := &all[i]
		c.Dropped = append(c.Dropped, *v)
		g.Entry(&machine.Entry{Cause: machine.CausePlugin, Detail: [][2]string{{"tenant", string(t.Name)}, {"plugin", v.Plugin},
			{"version", strconv.FormatInt(v.No, 10)}, {"hash", ShortHash(v.Hash)}, {"from", string(v.State)}, {"to", Dropped}}})
	}
}

// modulesFit refuses a module for which there is no room beside what the tenant
// has in service: dropping older versions would not make it.
func modulesFit(kept []store.KeptVersion, versions []waxwing.PluginVersion, m *store.PluginModule, most int64) error {
	all := slices.Clone(kept)
	for i := range versions {
		v := &versions[i]
		var k *store.KeptVersion
		all, k = version(all, 0, v)
		if k.State = v.State; v.Hash == m.Hash {
			k.Bytes = int64(len(m.Body))
		}
	}
	keep, _ := serving(all)
	if n := bytesOf(all, func(i int) bool { return keep[i] }); n > most {
		return waxwing.Permanent(fmt.Errorf("the modules of the tenant's plugins that serve, are tried or may be gone back to would take %d bytes, "+
			"at most %d are allowed (plugins.modules): withdraw one of them, or make them smaller", n, most))
	}
	return nil
}
