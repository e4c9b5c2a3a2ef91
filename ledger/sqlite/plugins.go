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
		if bodies[i], err = json.Marshal(ledger.PluginBody{PluginVersion: *v, Manifest: v.Manifest}); err != nil {
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
	return l.do(ctx, func(ctx context.Context, t *tx) error {
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
		{"version", strconv.Itoa(v.No)}, {"hash", ledger.ShortHash(v.Hash)}}}
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
	add("digest", ledger.BodyDigest(body))
	t.entry(&e)
	return nil
}

// readShelves is read for the tables of version 2: a file that an older
// program made, and that only the command line looks at, has none of them.
func (l *Ledger) readShelves(ctx context.Context, f func(*conn) error) error {
	return l.db.read(ctx, func(c *conn) error {
		if at, err := layoutOf(c); err != nil || at < 2 {
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
			var b ledger.PluginBody
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
		if at, err := layoutOf(c); err != nil || at < 5 {
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
