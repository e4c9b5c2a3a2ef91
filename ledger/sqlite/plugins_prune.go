package sqlite

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"strconv"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
)

// dropBatch is how many versions one commit drops: what is left goes with the next ones.
const dropBatch = 32

// keptVersion is a version's row as pruning sees it.
type keptVersion struct {
	plugin, hash string
	no           int64
	state        waxwing.PluginState
	bytes        int64 // of its module, as it lies in the file
}

// versionsOf reads a tenant's versions, oldest first.
func (t *tx) versionsOf(tn *ledger.Tenant) (out []keptVersion, err error) {
	err = t.c.query(`SELECT p.plugin, p.hash, p.no, p.state, length(m.body) FROM plugin_versions p
		LEFT JOIN plugin_modules m ON m.hash=p.hash WHERE p.tenant=? ORDER BY p.rowid`, func(r []driver.Value) error {
		v := keptVersion{str(r[0]), str(r[1]), num(r[2]), waxwing.PluginState(str(r[3])), 0}
		if v.state != waxwing.PluginRefused && r[4] != nil {
			v.bytes = num(r[4])
		}
		out = append(out, v)
		return nil
	}, tn.No)
	if err != nil {
		return nil, fault{err}
	}
	return out, nil
}

// serving marks the versions that are never dropped: those that serve, are
// tried or wait, and the one before, to which a person may go back.
func serving(all []keptVersion) (keep []bool, live map[string]bool) {
	keep, live = make([]bool, len(all)), map[string]bool{}
	before := map[string]int{}
	for i, v := range all {
		if v.state.Live() {
			keep[i], live[v.plugin] = true, true
		}
		if j, ok := before[v.plugin]; v.state == waxwing.PluginRetired && (!ok || all[j].no < v.no) {
			before[v.plugin] = i
		}
	}
	for name, i := range before {
		keep[i] = keep[i] || live[name]
	}
	return keep, live
}

// bytesOf counts each module once.
func bytesOf(all []keptVersion, kept func(i int) bool) (n int64) {
	seen := map[string]bool{}
	for i, v := range all {
		if kept(i) && v.bytes > 0 && !seen[v.hash] {
			seen[v.hash] = true
			n += v.bytes
		}
	}
	return n
}

// toDrop says which versions are beyond the quota, oldest first: refused ones,
// those beyond the number that is kept of a name, those of names out of service
// beyond as many as may be in it, and the oldest until the modules fit.
func toDrop(all []keptVersion, q waxwing.PluginQuota) (drop []int) {
	keep, live := serving(all)
	gone := make([]bool, len(all))
	count, refused := map[string]int{}, 0
	for i, v := range all {
		if keep[i] {
			count[v.plugin]++
		}
	}
	newest := map[string]int{} // of names out of service, by their newest row
	var idle []string
	for i, v := range slices.Backward(all) {
		switch {
		case v.state == waxwing.PluginRefused:
			refused++
			gone[i] = refused > q.Refused
			continue
		case !live[v.plugin]:
			if _, ok := newest[v.plugin]; !ok {
				newest[v.plugin] = i
				idle = append(idle, v.plugin)
			}
			gone[i] = slices.Index(idle, v.plugin) >= q.Names
		}
		if !keep[i] {
			count[v.plugin]++
			gone[i] = gone[i] || count[v.plugin] > q.Versions
		}
	}
	total, holders := bytesOf(all, func(i int) bool { return !gone[i] }), map[string]int{}
	for i, v := range all {
		if !gone[i] && v.bytes > 0 {
			holders[v.hash]++
		}
	}
	for i, v := range all {
		if total <= q.Modules {
			break
		}
		if keep[i] || gone[i] || v.bytes == 0 {
			continue
		}
		gone[i] = true
		if holders[v.hash]--; holders[v.hash] == 0 {
			total -= v.bytes
		}
	}
	for i, g := range gone {
		if g {
			drop = append(drop, i)
		}
	}
	return drop
}

// prunePlugins drops what is beyond a tenant's quota. A module goes with the last
// version that has it, whosever that is.
func (t *tx) prunePlugins(tn *ledger.Tenant) error {
	all, err := t.versionsOf(tn)
	if err != nil {
		return err
	}
	drop := toDrop(all, t.l.o.Quota.OrDefault())
	for _, i := range drop[:min(len(drop), dropBatch)] {
		v := &all[i]
		if _, err := t.exec("DELETE FROM plugin_versions WHERE tenant=? AND plugin=? AND no=?", tn.No, v.plugin, v.no); err != nil {
			return err
		}
		t.entry(&machine.Entry{Cause: machine.CausePlugin, Detail: [][2]string{{"tenant", string(tn.Name)}, {"plugin", v.plugin},
			{"version", strconv.FormatInt(v.no, 10)}, {"hash", ledger.ShortHash(v.hash)}, {"from", string(v.state)}, {"to", ledger.Dropped}}})
		if _, err := t.exec("DELETE FROM plugin_modules WHERE hash=?1 AND NOT EXISTS (SELECT 1 FROM plugin_versions WHERE hash=?1 AND state<>'refused')", v.hash); err != nil {
			return err
		}
	}
	return nil
}

// modulesFit refuses a module for which there is no room beside what the tenant
// has in service: dropping older versions would not make it.
func (t *tx) modulesFit(shelf []*ledger.Tenant, versions []waxwing.PluginVersion, hash string, packed []byte) error {
	if packed == nil || len(versions) == 0 {
		return nil
	}
	all, err := t.versionsOf(shelf[0])
	if err != nil {
		return err
	}
	for i := range versions {
		v := &versions[i]
		j := slices.IndexFunc(all, func(k keptVersion) bool { return k.plugin == v.Plugin && k.no == int64(v.No) })
		if j < 0 {
			j, all = len(all), append(all, keptVersion{plugin: v.Plugin, hash: v.Hash, no: int64(v.No)})
		}
		if all[j].state = v.State; v.Hash == hash {
			all[j].bytes = int64(len(packed))
		}
	}
	keep, _ := serving(all)
	most := t.l.o.Quota.OrDefault().Modules
	if n := bytesOf(all, func(i int) bool { return keep[i] }); n > most {
		return waxwing.Permanent(fmt.Errorf("the modules of the tenant's plugins that serve, are tried or may be gone back to would take %d bytes, "+
			"at most %d are allowed (plugins.modules): withdraw one of them, or make them smaller", n, most))
	}
	return nil
}
