package sqlite

import (
	"bytes"
	"database/sql/driver"
	"math"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/sqlite/schema"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// own loads what is no order's: tenants, dictionaries, plugins, and what is to end or to go.
func (r rows) own(s *store.Set, k *store.Keys) error {
	if k.Over != nil {
		if err := r.over(s, k.Over); err != nil {
			return err
		}
	}
	if k.Old != nil {
		if err := r.old(s, k.Old); err != nil {
			return err
		}
	}
	if k.Tenants {
		err := r.c.Query("SELECT no, name, key FROM tenants", func(v []driver.Value) error {
			s.Tenants = append(s.Tenants, store.Tenant{No: db.Int(v[0]), Name: waxwing.TenantID(db.Text(v[1])), Key: bytes.Clone(db.Blob(v[2]))})
			return nil
		})
		if err != nil {
			return err
		}
	}
	if k.Dictionary != nil {
		var v [2]driver.Value
		_, err := r.c.Row("SELECT coalesce((SELECT id FROM dictionaries WHERE body=?),0), coalesce(max(id),0) FROM dictionaries", v[:], k.Dictionary)
		if err != nil {
			return err
		}
		s.Dictionary, s.LastDictionary = uint32(db.Int(v[0])), uint32(db.Int(v[1]))
	}
	if k.Dictionaries {
		err := r.c.Query("SELECT id, body FROM dictionaries", func(v []driver.Value) error {
			s.Dictionaries = append(s.Dictionaries, store.Dictionary{ID: uint32(db.Int(v[0])), Body: bytes.Clone(db.Blob(v[1]))})
			return nil
		})
		if err != nil {
			return err
		}
	}
	if k.Running {
		if err := r.instances(s, "stopped IS NULL"); err != nil {
			return err
		}
	}
	if k.Plugins != nil {
		return r.plugins(&s.Plugins, k.Plugins)
	}
	return nil
}

func (r rows) instances(s *store.Set, where string, args ...any) error {
	return r.c.Query("SELECT id, coalesce(epoch,0)+1, started, coalesce(stopped,0), coalesce(lease,0) FROM instances WHERE "+where, func(v []driver.Value) error {
		s.Instances[db.Int(v[0])] = store.Instance{ID: db.Int(v[0]), Epoch: db.Int(v[1]), Started: db.Int(v[2]), Stopped: db.Int(v[3]), Lease: db.Int(v[4])}
		return nil
	}, args...)
}

// over finds messages that no provider is needed for.
func (r rows) over(s *store.Set, o *store.OverMessages) error {
	where, args := "expires<=?", []any{nil, o.At, o.At}
	if o.Doubt {
		where = "(expires<=? OR state='uncertain')"
	}
	for _, ch := range waxwing.Channels {
		args[0] = string(ch)
		err := r.c.Query("SELECT id FROM messages WHERE channel=? AND next_at<=? AND "+where+" AND id NOT IN (SELECT message FROM claims) LIMIT ?",
			func(v []driver.Value) error {
				s.Over = append(s.Over, waxwing.ID(db.Int(v[0])))
				return nil
			}, append(args, o.Limit-len(s.Over))...)
		if err != nil {
			return err
		}
	}
	return nil
}

// old finds content that is to go.
func (r rows) old(s *store.Set, o *store.OldContent) error {
	for _, x := range []struct {
		table string
		ids   *[]waxwing.ID
	}{{"contents", &s.OldContents}, {"events", &s.OldEvents}} {
		err := r.c.Query("SELECT id FROM "+x.table+" WHERE id<? ORDER BY id LIMIT ?", func(v []driver.Value) error {
			*x.ids = append(*x.ids, waxwing.ID(db.Int(v[0])))
			return nil
		}, int64(o.Below), o.Limit)
		if err != nil {
			return err
		}
	}
	return nil
}

// plugins loads rows of plugins. A file that an older program made, and that only the
// command line looks at, has none of their tables.
func (r rows) plugins(s *store.PluginSet, k *store.PluginKeys) error {
	layout, err := schema.Of(r.c)
	if err != nil || layout < 2 {
		return err
	}
	if err := versions(r.c, s, k); err != nil {
		return err
	}
	for _, hash := range k.Modules {
		err := r.c.Query("SELECT body FROM plugin_modules WHERE hash=?", func(v []driver.Value) error {
			if s.Modules == nil {
				s.Modules = map[string]store.PluginModule{}
			}
			s.Modules[hash] = store.PluginModule{Hash: hash, Body: bytes.Clone(db.Blob(v[0]))}
			return nil
		}, hash)
		if err != nil {
			return err
		}
	}
	var v [2]driver.Value
	if n := k.Number; n != nil && layout >= 5 {
		if _, err := r.c.Row("SELECT number FROM plugin_numbers WHERE tenant=? AND plugin=?", v[:1], n.Tenant, n.Plugin); err != nil {
			return err
		}
		s.Number = db.Int(v[0])
	}
	if k.Sum != nil {
		where, args := runsWhere(k.Sum)
		if _, err := r.c.Row("SELECT count(*), coalesce(sum(length(body)),0) FROM plugin_runs WHERE "+where, v[:], args...); err != nil {
			return err
		}
		s.Sum = store.RunSum{Count: db.Int(v[0]), Bytes: db.Int(v[1])}
	}
	if k.Runs == nil {
		return nil
	}
	where, args := runsWhere(k.Runs)
	return r.c.Query("SELECT id, length(body) FROM plugin_runs WHERE "+where+" ORDER BY id LIMIT ?", func(v []driver.Value) error {
		s.Runs = append(s.Runs, store.RunSize{ID: db.Int(v[0]), Bytes: db.Int(v[1])})
		return nil
	}, append(args, k.Runs.Limit)...)
}

func runsWhere(x *store.RunRange) (where string, args []any) {
	below := x.Below
	if below == 0 {
		below = math.MaxInt64
	}
	if x.Tenant == 0 {
		return "id>=? AND id<?", []any{x.From, below}
	}
	return "tenant=? AND id>=? AND id<?", []any{x.Tenant, x.From, below}
}

// versions loads plugins' versions, the oldest first.
func versions(c *db.Conn, s *store.PluginSet, k *store.PluginKeys) error {
	if k.Tenants {
		err := c.Query("SELECT name FROM tenants WHERE no IN (SELECT tenant FROM plugin_versions)", func(v []driver.Value) error {
			s.Tenants = append(s.Tenants, waxwing.TenantID(db.Text(v[0])))
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, tenant := range k.Kept {
		if s.Kept == nil {
			s.Kept = map[int64][]store.KeptVersion{}
		}
		var all []store.KeptVersion
		err := c.Query(`SELECT p.plugin, p.hash, p.no, p.state, coalesce(length(m.body),0) FROM plugin_versions p
			LEFT JOIN plugin_modules m ON m.hash=p.hash WHERE p.tenant=? ORDER BY p.rowid`, func(v []driver.Value) error {
			all = append(all, store.KeptVersion{Tenant: tenant, Plugin: db.Text(v[0]), Hash: db.Text(v[1]), No: db.Int(v[2]), State: waxwing.PluginState(db.Text(v[3])),
				Bytes: db.Int(v[4])})
			return nil
		}, tenant)
		if err != nil {
			return err
		}
		s.Kept[tenant] = all
	}
	for _, tenant := range k.Versions {
		if s.Versions == nil {
			s.Versions = map[int64][]store.PluginVersion{}
		}
		err := c.Query("SELECT plugin, no, hash, state, percent, why, body FROM plugin_versions WHERE tenant=? ORDER BY rowid", func(v []driver.Value) error {
			s.Versions[tenant] = append(s.Versions[tenant], store.PluginVersion{Tenant: tenant, Plugin: db.Text(v[0]), No: db.Int(v[1]), Hash: db.Text(v[2]),
				State: db.Text(v[3]), Percent: db.Int(v[4]), Why: db.Text(v[5]), Body: bytes.Clone(db.Blob(v[6]))})
			return nil
		}, tenant)
		if err != nil {
			return err
		}
	}
	return nil
}

// putOwn writes what is no order's.
func (t *dbTx) putOwn(c *store.Changes) error {
	for i := range c.Tenants {
		x := &c.Tenants[i]
		if _, err := t.exec("INSERT INTO tenants (name, key) VALUES (?,?) ON CONFLICT (name) DO NOTHING", string(x.Name), x.Key); err != nil {
			return err
		}
	}
	for i := range c.Dictionaries {
		x := &c.Dictionaries[i]
		if _, err := t.exec("INSERT INTO dictionaries (id, body) VALUES (?,?)", int64(x.ID), x.Body); err != nil {
			return err
		}
	}
	for i := range c.Instances {
		if err := t.putInstance(&c.Instances[i]); err != nil {
			return err
		}
	}
	if c.Plugins != nil {
		if err := t.putPlugins(c.Plugins); err != nil {
			return err
		}
	}
	if c.Expired == nil {
		return nil
	}
	for _, id := range c.Expired.Contents {
		if _, err := t.exec("DELETE FROM contents WHERE id=?", int64(id)); err != nil {
			return err
		}
	}
	for _, id := range c.Expired.Events {
		if _, err := t.exec("DELETE FROM events WHERE id=?", int64(id)); err != nil {
			return err
		}
	}
	return t.toScrub(!c.Expired.More)
}

func (t *dbTx) putInstance(x *store.Instance) error {
	t.d.instances[x.ID] = *x
	// The first epoch is NULL, as it is in rows of older programs.
	_, err := t.exec(`INSERT INTO instances (id, epoch, started, stopped, lease) VALUES (?,?,?,?,?)
		ON CONFLICT (id) DO UPDATE SET epoch=excluded.epoch, stopped=excluded.stopped, lease=excluded.lease`,
		x.ID, db.Nullable(x.Epoch-1), x.Started, db.Nullable(x.Stopped), db.Nullable(x.Lease))
	return err
}

func (t *dbTx) putPlugins(c *store.PluginChanges) error {
	if m := c.Module; m != nil {
		_, err := t.exec("INSERT INTO plugin_modules (hash, body) VALUES (?,?) ON CONFLICT (hash) DO UPDATE SET body=excluded.body", m.Hash, m.Body)
		if err != nil {
			return err
		}
	}
	for i := range c.Versions {
		v := &c.Versions[i]
		_, err := t.exec(`INSERT INTO plugin_versions (tenant, plugin, no, hash, state, percent, why, body) VALUES (?,?,?,?,?,?,?,?)
			ON CONFLICT (tenant, plugin, no) DO UPDATE SET hash=excluded.hash, state=excluded.state, percent=excluded.percent,
			why=excluded.why, body=excluded.body`, v.Tenant, v.Plugin, v.No, v.Hash, v.State, v.Percent, v.Why, v.Body)
		if err != nil {
			return err
		}
	}
	for i := range c.Numbers {
		n := &c.Numbers[i]
		_, err := t.exec(`INSERT INTO plugin_numbers (tenant, plugin, number) VALUES (?,?,?)
			ON CONFLICT (tenant, plugin) DO UPDATE SET number=max(number, excluded.number)`, n.Tenant, n.Plugin, n.Number)
		if err != nil {
			return err
		}
	}
	for i := range c.Dropped {
		v := &c.Dropped[i]
		if _, err := t.exec("DELETE FROM plugin_versions WHERE tenant=? AND plugin=? AND no=?", v.Tenant, v.Plugin, v.No); err != nil {
			return err
		}
		if _, err := t.exec("DELETE FROM plugin_modules WHERE hash=?1 AND NOT EXISTS (SELECT 1 FROM plugin_versions WHERE hash=?1 AND state<>'refused')", v.Hash); err != nil {
			return err
		}
	}
	for i := range c.Runs {
		x := &c.Runs[i]
		_, err := t.exec(`INSERT INTO plugin_runs (id, tenant, plugin, confirmation, hook, role, hash, at, fuel, micros, fault, body)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`, x.ID, x.Tenant, x.Plugin, int64(x.Confirmation), string(x.Hook), x.Role, x.Hash,
			x.At, x.Fuel, x.Micros, x.Fault, x.Body)
		if err != nil {
			return err
		}
	}
	for _, id := range c.Gone {
		if _, err := t.exec("DELETE FROM plugin_runs WHERE id=?", id); err != nil {
			return err
		}
	}
	return nil
}
