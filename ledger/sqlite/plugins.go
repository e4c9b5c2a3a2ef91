package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
)

// shelfBody is a version as it lies in the file: with its manifest, which
// nobody outside is shown.
type shelfBody struct {
	waxwing.PluginVersion
	Manifest []byte `json:"manifest"`
}

// SavePlugins records versions as they stand now, each with an entry in the
// trail, and the code of a new one (nil: none is new). All of it happens, or
// nothing.
func (l *Ledger) SavePlugins(ctx context.Context, versions []waxwing.PluginVersion, module []byte) error {
	shelf := make([]*ledger.Tenant, len(versions))
	bodies := make([][]byte, len(versions))
	hash := sha256.Sum256(module)
	name := hex.EncodeToString(hash[:])
	known := module == nil
	for i := range versions {
		v := &versions[i]
		var err error
		if shelf[i], err = l.keys.Tenant(v.Tenant); err != nil {
			return err
		}
		if bodies[i], err = json.Marshal(shelfBody{*v, v.Manifest}); err != nil {
			return err
		}
		known = known || v.Hash == name
	}
	if !known {
		return waxwing.Permanent(errors.New("the plugin's code is not that of any of the versions: its hash differs"))
	}
	var packed []byte
	if module != nil {
		packed = l.contents.Pack(nil, module, "")
	}
	return l.do(ctx, func(t *tx) error {
		if err := t.modulesFit(shelf, versions, name, packed); err != nil {
			return err
		}
		if packed != nil {
			// It is written where it is there too: how long that takes must not tell a
			// tenant that another has the same.
			if _, err := t.exec("INSERT INTO plugin_modules (hash, body) VALUES (?,?) ON CONFLICT (hash) DO UPDATE SET body=excluded.body", name, packed); err != nil {
				return err
			}
		}
		for i := range versions {
			if err := t.savePlugin(shelf[i], &versions[i], bodies[i]); err != nil {
				return err
			}
		}
		for _, tn := range shelf {
			if err := t.prunePlugins(tn); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) savePlugin(tn *ledger.Tenant, v *waxwing.PluginVersion, body []byte) error {
	var from [1]driver.Value
	if _, err := t.c.row("SELECT state FROM plugin_versions WHERE tenant=? AND plugin=? AND no=?", from[:], tn.No, v.Plugin, v.No); err != nil {
		return fault{err}
	}
	_, err := t.exec(`INSERT INTO plugin_versions (tenant, plugin, no, hash, state, percent, why, body) VALUES (?,?,?,?,?,?,?,?)
		ON CONFLICT (tenant, plugin, no) DO UPDATE SET hash=excluded.hash, state=excluded.state, percent=excluded.percent,
		why=excluded.why, body=excluded.body`, tn.No, v.Plugin, v.No, v.Hash, string(v.State), v.Percent, v.Why, body)
	if err != nil {
		return err
	}
	e := machine.Entry{Cause: machine.CausePlugin, Detail: [][2]string{{"tenant", string(v.Tenant)}, {"plugin", v.Plugin},
		{"version", strconv.Itoa(v.No)}, {"hash", shortHash(v.Hash)}}}
	add := func(k, s string) {
		if s != "" {
			e.Detail = append(e.Detail, [2]string{k, s})
		}
	}
	add("from", str(from[0]))
	add("to", string(v.State))
	if v.Percent != 0 {
		add("percent", strconv.Itoa(v.Percent))
	}
	add("why", machine.Clip(v.Why, 200))
	if v.State == waxwing.PluginWaiting {
		add("asks", machine.Clip(strings.Join(v.Unapproved, " "), 300))
	}
	if v.ApprovedBy != "" && (str(from[0]) == "" || str(from[0]) == string(waxwing.PluginWaiting)) {
		add("approved_by", string(v.ApprovedBy))
	}
	if v.Number > 0 && str(from[0]) == "" && v.State != waxwing.PluginRefused {
		add("number", strconv.FormatInt(v.Number, 10))
		if _, err := t.exec(`INSERT INTO plugin_numbers (tenant, plugin, number) VALUES (?,?,?)
			ON CONFLICT (tenant, plugin) DO UPDATE SET number=max(number, excluded.number)`, tn.No, v.Plugin, v.Number); err != nil {
			return err
		}
	}
	add("digest", bodyDigest(body))
	t.entry(&e)
	return nil
}

func shortHash(h string) string { return h[:min(len(h), 12)] }

// bodyDigest ties all of a version, its manifest too, to its entry.
func bodyDigest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// readShelves is read for the tables of version 2: a file that an older
// program made, and that only the command line looks at, has none of them.
func (l *Ledger) readShelves(ctx context.Context, f func(*conn) error) error {
	return l.db.read(ctx, func(c *conn) error {
		if at, err := schemaOf(c); err != nil || at < 2 {
			return err
		}
		return f(c)
	})
}

// PluginVersions gives all that is kept of a tenant's plugins, oldest first.
func (l *Ledger) PluginVersions(ctx context.Context, tid waxwing.TenantID) ([]waxwing.PluginVersion, error) {
	tn, err := l.keys.Tenant(tid)
	if err != nil {
		return nil, err
	}
	var out []waxwing.PluginVersion
	err = l.readShelves(ctx, func(c *conn) error {
		return c.query("SELECT body FROM plugin_versions WHERE tenant=? ORDER BY rowid", func(r []driver.Value) error {
			var b shelfBody
			if err := json.Unmarshal(blob(r[0]), &b); err != nil {
				return fmt.Errorf("a plugin version of %s: %w: run waxwing ledger verify", tid, err)
			}
			b.PluginVersion.Tenant, b.PluginVersion.Manifest = tid, b.Manifest
			if b.Needs == nil { // of an older program, which wrote them nowhere else
				var m struct{ Needs []string }
				if json.Unmarshal(b.Manifest, &m) == nil {
					b.PluginVersion.Needs = m.Needs
				}
			}
			out = append(out, b.PluginVersion)
			return nil
		}, tn.No)
	})
	return out, err
}

// PluginNumber gives the greatest number that a name's signatures had, 0 where it
// had none. It stays when the versions are gone.
func (l *Ledger) PluginNumber(ctx context.Context, tid waxwing.TenantID, plugin string) (number int64, err error) {
	tn, err := l.keys.Tenant(tid)
	if err != nil {
		return 0, err
	}
	err = l.db.read(ctx, func(c *conn) error {
		if at, err := schemaOf(c); err != nil || at < 5 {
			return err
		}
		var v [1]driver.Value
		_, err := c.row("SELECT number FROM plugin_numbers WHERE tenant=? AND plugin=?", v[:], tn.No, plugin)
		number = num(v[0])
		return err
	})
	return number, err
}

// PluginModule gives the code of a hash.
func (l *Ledger) PluginModule(ctx context.Context, hash string) (code []byte, err error) {
	found := false
	err = l.readShelves(ctx, func(c *conn) error {
		return c.query("SELECT body FROM plugin_modules WHERE hash=?", func(r []driver.Value) (err error) {
			found = true
			code, err = l.contents.Unpack(blob(r[0]))
			return err
		}, hash)
	})
	if err == nil && !found {
		err = fmt.Errorf("plugin module %.12s: %w", hash, waxwing.ErrNotFound)
	}
	return code, err
}

// shelved is what the trail says last of a version.
type shelved struct{ state, hash, percent, digest string }

func shelfName(tenant, plugin, no string) string { return tenant + "/" + plugin + "/" + no }

// plugin follows what the trail says of a version.
func (v *verifier) plugin(e *waxwing.TrailEntry) {
	d := e.Detail
	id := shelfName(d["tenant"], d["plugin"], d["version"])
	if have := v.plugins[id].state; have != d["from"] {
		v.r.add("trail: entry %d of chain %d takes plugin version %s from %q, but it was %q", e.Seq, v.chain.Instance, id, d["from"], have)
	}
	if n, err := strconv.ParseInt(d["number"], 10, 64); err == nil {
		name := d["tenant"] + "/" + d["plugin"]
		v.numbers[name] = max(v.numbers[name], n)
	}
	if d["to"] == dropped {
		delete(v.plugins, id)
		return
	}
	v.plugins[id] = shelved{d["to"], d["hash"], d["percent"], d["digest"]}
}

// verifyPlugins compares versions and their code with the trail.
func (l *Ledger) verifyPlugins(v *verifier) func(*conn) error {
	return func(c *conn) error {
		if at, err := schemaOf(c); err != nil || at < 2 {
			return err
		}
		wanted := map[string]string{}
		err := c.query(`SELECT t.Name, p.plugin, p.no, p.hash, p.state, p.percent, p.why, p.body FROM plugin_versions p
			LEFT JOIN tenants t ON t.No=p.tenant`, func(r []driver.Value) error {
			id := shelfName(str(r[0]), str(r[1]), strconv.FormatInt(num(r[2]), 10))
			want, ok := v.plugins[id]
			delete(v.plugins, id)
			percent := ""
			if n := num(r[5]); n != 0 {
				percent = strconv.FormatInt(n, 10)
			}
			var b shelfBody
			switch err := json.Unmarshal(blob(r[7]), &b); {
			case !ok:
				v.r.add("plugin version %s stands in no entry of the trail", id)
			case str(r[4]) != want.state:
				v.r.add("plugin version %s is %q, but its trail says %q", id, str(r[4]), want.state)
			case percent != want.percent || shortHash(str(r[3])) != want.hash || bodyDigest(blob(r[7])) != want.digest ||
				err != nil || b.Hash != str(r[3]) || b.Why != str(r[6]):
				v.r.add("plugin version %s is not what was recorded", id)
			}
			if want.state != string(waxwing.PluginRefused) {
				wanted[str(r[3])] = id // a refused one may have had no code
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := v.verifyNumbers(c); err != nil {
			return err
		}
		return l.verifyModules(v, c, wanted)
	}
}

// verifyNumbers compares the greatest numbers of signatures with the trail: were
// one lowered, an old plugin could be put again.
func (v *verifier) verifyNumbers(c *conn) error {
	if at, err := schemaOf(c); err != nil || at < 5 {
		return err
	}
	err := c.query("SELECT t.Name, n.plugin, n.number FROM plugin_numbers n LEFT JOIN tenants t ON t.No=n.tenant", func(r []driver.Value) error {
		name := str(r[0]) + "/" + str(r[1])
		if v.numbers[name] != num(r[2]) {
			v.r.add("the number of plugin %s's signatures is %d, but its trail says %d", name, num(r[2]), v.numbers[name])
		}
		delete(v.numbers, name)
		return nil
	})
	for name, n := range v.numbers {
		v.r.add("the number %d of plugin %s's signatures stands in the trail, but its row is gone", n, name)
	}
	return err
}

func (l *Ledger) verifyModules(v *verifier, c *conn, wanted map[string]string) error {
	err := c.query("SELECT hash, body FROM plugin_modules", func(r []driver.Value) error {
		code, err := l.contents.Unpack(blob(r[1]))
		if sum := sha256.Sum256(code); err != nil || hex.EncodeToString(sum[:]) != str(r[0]) {
			v.r.add("plugin module %.12s is not what was recorded", str(r[0]))
		}
		delete(wanted, str(r[0]))
		return nil
	})
	for hash, id := range wanted {
		v.r.add("plugin version %s: its module %.12s is gone", id, hash)
	}
	return err
}
