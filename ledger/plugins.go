package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// PluginBody is a version as its row keeps it: with its manifest, which
// nobody outside is shown.
type PluginBody struct {
	waxwing.PluginVersion
	Manifest []byte `json:"manifest"`
}

// Dropped is where the trail says that a version's row went.
const Dropped = "dropped"

// ShortHash is a module's hash as the trail names it.
func ShortHash(h string) string { return h[:min(len(h), 12)] }

// BodyDigest ties all of a version, its manifest too, to its entry.
func BodyDigest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// Plugins are the tenants' plugins and what they did.
type Plugins struct {
	p       *shared
	runDays map[int64]*runDay // by tenant; the writer's goroutine alone uses it
}

// SavePlugins records versions as they stand now, each with an entry in the
// trail, and the code of a new one (nil: none is new). All of it happens, or
// nothing.
func (x *Plugins) SavePlugins(ctx context.Context, versions []waxwing.PluginVersion, module []byte) error {
	owners := make([]*seal.Tenant, len(versions))
	bodies := make([][]byte, len(versions))
	sum := sha256.Sum256(module)
	hash := hex.EncodeToString(sum[:])
	known := module == nil
	for i := range versions {
		v := &versions[i]
		var err error
		if owners[i], err = x.p.Keys.Tenant(v.Tenant); err != nil {
			return err
		}
		if bodies[i], err = json.Marshal(PluginBody{PluginVersion: *v, Manifest: v.Manifest}); err != nil {
			return err
		}
		known = known || v.Hash == hash
	}
	if !known {
		return waxwing.Permanent(errors.New("the plugin's code is not that of any of the versions: its hash differs"))
	}
	var packed *store.PluginModule
	if module != nil {
		packed = &store.PluginModule{Hash: hash, Body: x.p.Contents.Pack(nil, module, "")}
	}
	return x.p.Writer.Do(ctx, func(ctx context.Context, g *Group) error {
		keys := &store.PluginKeys{}
		for _, t := range owners {
			keys.Kept = append(keys.Kept, t.No)
		}
		rows, err := g.Rows(ctx, &store.Keys{Plugins: keys})
		if err != nil {
			return err
		}
		quota, kept := x.p.Quota.OrDefault(), rows.Plugins.Kept
		if packed != nil && len(versions) > 0 {
			if err := modulesFit(kept[owners[0].No], versions, packed, quota.Modules); err != nil {
				return err
			}
		}
		c := &store.PluginChanges{Module: packed}
		for i := range versions {
			kept[owners[i].No] = x.save(g, c, kept[owners[i].No], saved{owners[i], &versions[i], bodies[i]})
		}
		done := map[int64]bool{}
		for _, t := range owners {
			if !done[t.No] {
				done[t.No] = true
				x.prune(g, c, t, withModule(kept[t.No], packed), quota)
			}
		}
		return g.Write(ctx, &store.Changes{Plugins: c})
	})
}

// saved is a version that is to be kept.
type saved struct {
	t    *seal.Tenant
	v    *waxwing.PluginVersion
	body []byte
}

// save writes a version, and gives what is then kept of its tenant.
func (x *Plugins) save(g *Group, c *store.PluginChanges, kept []store.KeptVersion, s saved) []store.KeptVersion {
	v := s.v
	row := store.PluginVersion{Tenant: s.t.No, Plugin: v.Plugin, No: int64(v.No), Hash: v.Hash, State: string(v.State), Percent: int64(v.Percent),
		Why: v.Why, Body: s.body}
	c.Versions = append(c.Versions, row)
	kept, k := version(kept, s.t.No, v)
	from := k.State // empty: it is new
	k.State, k.Hash = v.State, v.Hash
	e := machine.Entry{Cause: machine.CausePlugin, Detail: [][2]string{{"tenant", string(v.Tenant)}, {"plugin", v.Plugin},
		{"version", strconv.Itoa(v.No)}, {"hash", ShortHash(v.Hash)}}}
	add := func(k, s string) {
		if s != "" {
			e.Detail = append(e.Detail, [2]string{k, s})
		}
	}
	add("from", string(from))
	add("to", string(v.State))
	if v.Percent != 0 {
		add("percent", strconv.Itoa(v.Percent))
	}
	add("why", machine.Clip(v.Why, 200))
	if v.State == waxwing.PluginWaiting {
		add("asks", machine.Clip(strings.Join(v.Unapproved, " "), 300))
	}
	if v.ApprovedBy != "" && (from == "" || from == waxwing.PluginWaiting) {
		add("approved_by", string(v.ApprovedBy))
	}
	if v.Number > 0 && from == "" && v.State != waxwing.PluginRefused {
		add("number", strconv.FormatInt(v.Number, 10))
		c.Numbers = append(c.Numbers, store.PluginNumber{Tenant: s.t.No, Plugin: v.Plugin, Number: v.Number})
	}
	add("digest", BodyDigest(s.body))
	g.Entry(&e)
	return kept
}

// PluginTenants are the tenants that have versions of plugins, in no order.
func (x *Plugins) PluginTenants(ctx context.Context) ([]waxwing.TenantID, error) {
	rows, err := x.rows(ctx, store.AnyTenant, &store.PluginKeys{Tenants: true})
	return rows.Tenants, err
}

// PluginVersions gives all that is kept of a tenant's plugins, oldest first.
func (x *Plugins) PluginVersions(ctx context.Context, tid waxwing.TenantID) ([]waxwing.PluginVersion, error) {
	t, err := x.p.Keys.Tenant(tid)
	if err != nil {
		return nil, err
	}
	rows, err := x.rows(ctx, t.No, &store.PluginKeys{Versions: []int64{t.No}})
	if err != nil {
		return nil, err
	}
	var out []waxwing.PluginVersion
	for _, row := range rows.Versions[t.No] {
		var b PluginBody
		if err := json.Unmarshal(row.Body, &b); err != nil {
			return nil, fmt.Errorf("a plugin version of %s: %w: run waxwing ledger verify", tid, err)
		}
		b.PluginVersion.Tenant, b.PluginVersion.Manifest = tid, b.Manifest
		if b.Needs == nil { // of an older program, which wrote them nowhere else
			var m struct{ Needs []string }
			if json.Unmarshal(b.Manifest, &m) == nil {
				b.PluginVersion.Needs = m.Needs
			}
		}
		out = append(out, b.PluginVersion)
	}
	return out, nil
}

func (x *Plugins) rows(ctx context.Context, tenant int64, k *store.PluginKeys) (rows store.PluginSet, err error) {
	err = x.p.Store.View(ctx, tenant, func(r store.Rows) error {
		s, err := r.Load(ctx, &store.Keys{Plugins: k})
		if err == nil {
			rows = s.Plugins
		}
		return err
	})
	return rows, err
}

// PluginNumber gives the greatest number that a name's signatures had, 0 where it
// had none. It stays when the versions are gone.
func (x *Plugins) PluginNumber(ctx context.Context, tid waxwing.TenantID, plugin string) (number int64, err error) {
	t, err := x.p.Keys.Tenant(tid)
	if err != nil {
		return 0, err
	}
	rows, err := x.rows(ctx, t.No, &store.PluginKeys{Number: &store.PluginNumber{Tenant: t.No, Plugin: plugin}})
	return rows.Number, err
}

// PluginModule gives the code of a hash.
func (x *Plugins) PluginModule(ctx context.Context, hash string) (code []byte, err error) {
	rows, err := x.rows(ctx, store.AnyTenant, &store.PluginKeys{Modules: []string{hash}})
	if err != nil {
		return nil, err
	}
	m, ok := rows.Modules[hash]
	if !ok {
		return nil, fmt.Errorf("plugin module %.12s: %w", hash, waxwing.ErrNotFound)
	}
	return x.p.Contents.Unpack(m.Body)
}

// pruneBatch is how many runs an op of the writer deletes.
const pruneBatch = 500

// PrunePluginRuns deletes runs older than the given age, a batch a call, and
// says whether there are more.
func (x *Plugins) PrunePluginRuns(ctx context.Context, age time.Duration) (more bool, err error) {
	err = x.p.Writer.Do(ctx, func(ctx context.Context, g *Group) (err error) {
		more, err = x.pruneRuns(ctx, g, age)
		return err
	})
	return more, err
}

func (x *Plugins) pruneRuns(ctx context.Context, g *Group, age time.Duration) (more bool, err error) {
	before := g.Now.Add(-age).UnixMilli() << runIDBits
	s, err := g.Rows(ctx, &store.Keys{Plugins: &store.PluginKeys{Runs: &store.RunRange{Below: before, Limit: pruneBatch}}})
	if err != nil || len(s.Plugins.Runs) == 0 {
		return false, err
	}
	c := &store.PluginChanges{}
	for _, r := range s.Plugins.Runs {
		c.Gone = append(c.Gone, r.ID)
	}
	return len(c.Gone) == pruneBatch, g.Write(ctx, &store.Changes{Plugins: c})
}
