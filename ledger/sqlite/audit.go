package sqlite

import (
	"context"
	"database/sql/driver"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// tables say how each table is read whole, and since which layout it is there.
var tables = map[store.Table]struct {
	since int64
	query string
	scan  func([]driver.Value) any
}{
	store.Confirmations: {1, "SELECT " + confirmationColumns + " FROM confirmations", func(v []driver.Value) any { c := scanConfirmation(v); return &c }},
	store.Messages:      {1, "SELECT " + messageColumns + " FROM messages", func(v []driver.Value) any { m := scanMessage(v); return &m }},
	store.Claims:        {1, "SELECT " + claimColumns + " FROM claims", func(v []driver.Value) any { k := scanClaim(v); return &k }},
	store.Contents: {1, "SELECT id, body FROM contents", func(v []driver.Value) any {
		return &store.Content{ID: waxwing.ID(num(v[0])), Body: blob(v[1])}
	}},
	store.Attempts: {1, "SELECT " + attemptColumns + " FROM attempts", func(v []driver.Value) any { a := scanAttempt(v); return &a }},
	store.Suppressions: {1, "SELECT hash, tenant, at, cause FROM suppressions", func(v []driver.Value) any {
		x := store.Suppression{Tenant: num(v[1]), At: num(v[2]), Cause: str(v[3])}
		copy(x.Hash[:], blob(v[0]))
		return &x
	}},
	store.PluginVersions: {2, `SELECT p.tenant, t.name, p.plugin, p.no, p.hash, p.state, p.percent, p.why, p.body FROM plugin_versions p
		LEFT JOIN tenants t ON t.no=p.tenant`, func(v []driver.Value) any {
		return &store.PluginVersion{Tenant: num(v[0]), TenantName: str(v[1]), Plugin: str(v[2]), No: num(v[3]), Hash: str(v[4]), State: str(v[5]),
			Percent: num(v[6]), Why: str(v[7]), Body: blob(v[8])}
	}},
	store.PluginNumbers: {5, "SELECT t.name, n.plugin, n.number FROM plugin_numbers n LEFT JOIN tenants t ON t.no=n.tenant", func(v []driver.Value) any {
		return &store.PluginNumber{TenantName: str(v[0]), Plugin: str(v[1]), Number: num(v[2])}
	}},
	store.PluginModules: {2, "SELECT hash, body FROM plugin_modules", func(v []driver.Value) any {
		return &store.PluginModule{Hash: str(v[0]), Body: blob(v[1])}
	}},
}

// All calls f with each row of a table. A file that an older program made, and that only
// the command line looks at, may not have it.
func (r rows) All(ctx context.Context, table store.Table, f func(row any) error) error {
	t := tables[table]
	if at, err := schemaOf(r.c); err != nil || at < t.since {
		return marked(err)
	}
	return marked(r.c.query(t.query, func(v []driver.Value) error {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		return f(t.scan(v))
	}))
}
