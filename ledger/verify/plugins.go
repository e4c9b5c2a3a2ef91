package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// pluginEntry is what the trail says last of a version.
type pluginEntry struct {
	state, hash, percent, digest string
	instance                     int64
	at                           time.Time
}

func pluginName(tenant, plugin, no string) string { return tenant + "/" + plugin + "/" + no }

// plugin follows what the trail says of a version.
func (v *verifier) plugin(e *waxwing.TrailEntry) {
	d := e.Detail
	id := pluginName(d["tenant"], d["plugin"], d["version"])
	have := v.plugins[id]
	if have.state != d["from"] {
		v.breaks.complain("trail: entry %d of chain %d takes plugin version %s from %q, but it was %q", e.Seq, v.chain.Instance, id, d["from"], have.state)
	}
	if n, err := strconv.ParseInt(d["number"], 10, 64); err == nil {
		name := d["tenant"] + "/" + d["plugin"]
		v.numbers[name] = max(v.numbers[name], n)
	}
	switch {
	case have.instance > 0 && have.instance != v.chain.Instance && e.At.Before(have.at): // it wrote beside another, and before it
	case d["to"] == ledger.Dropped:
		delete(v.plugins, id)
	default:
		v.plugins[id] = pluginEntry{d["to"], d["hash"], d["percent"], d["digest"], v.chain.Instance, e.At}
	}
}

// pluginRows compares versions and their code with the trail.
func (v *verifier) pluginRows(ctx context.Context) error {
	wanted := map[string]string{}
	err := v.rows.All(ctx, store.PluginVersions, func(row any) error {
		x := row.(*store.PluginVersion)
		id := pluginName(x.TenantName, x.Plugin, strconv.FormatInt(x.No, 10))
		want, ok := v.plugins[id]
		delete(v.plugins, id)
		percent := ""
		if x.Percent != 0 {
			percent = strconv.FormatInt(x.Percent, 10)
		}
		var b ledger.PluginBody
		switch err := json.Unmarshal(x.Body, &b); {
		case !ok:
			v.r.Problem("plugin version %s stands in no entry of the trail", id)
		case x.State != want.state:
			v.r.Problem("plugin version %s is %q, but its trail says %q", id, x.State, want.state)
		case percent != want.percent || ledger.ShortHash(x.Hash) != want.hash || ledger.BodyDigest(x.Body) != want.digest ||
			err != nil || b.Hash != x.Hash || b.Why != x.Why:
			v.r.Problem("plugin version %s is not what was recorded", id)
		}
		if want.state != string(waxwing.PluginRefused) {
			wanted[x.Hash] = id // a refused one may have had no code
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := v.pluginNumbers(ctx); err != nil {
		return err
	}
	return v.pluginModules(ctx, wanted)
}

// pluginNumbers compares the greatest numbers of signatures with the trail: were
// one lowered, an old plugin could be put again.
func (v *verifier) pluginNumbers(ctx context.Context) error {
	err := v.rows.All(ctx, store.PluginNumbers, func(row any) error {
		x := row.(*store.PluginNumber)
		name := x.TenantName + "/" + x.Plugin
		if v.numbers[name] != x.Number {
			v.r.Problem("the number of plugin %s's signatures is %d, but its trail says %d", name, x.Number, v.numbers[name])
		}
		delete(v.numbers, name)
		return nil
	})
	for name, n := range v.numbers {
		v.r.Problem("the number %d of plugin %s's signatures stands in the trail, but its row is gone", n, name)
	}
	return err
}

func (v *verifier) pluginModules(ctx context.Context, wanted map[string]string) error {
	err := v.rows.All(ctx, store.PluginModules, func(row any) error {
		x := row.(*store.PluginModule)
		code, err := v.contents.Unpack(x.Body)
		if sum := sha256.Sum256(code); err != nil || hex.EncodeToString(sum[:]) != x.Hash {
			v.r.Problem("plugin module %.12s is not what was recorded", x.Hash)
		}
		delete(wanted, x.Hash)
		return nil
	})
	for hash, id := range wanted {
		v.r.Problem("plugin version %s: its module %.12s is gone", id, hash)
	}
	return err
}
