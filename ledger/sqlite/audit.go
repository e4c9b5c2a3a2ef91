package sqlite

import (
	"context"
	"database/sql/driver"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// tables say how each table is read whole, and since which layout it is there.
var tables = map[store.Table]struct {
	since   int64
	columns func(*conn) string
	from    string
	scan    func([]driver.Value) any
}{
	store.Confirmations: {1, confirmationsOf, "confirmations", func(v []driver.Value) any { c := scanConfirmation(v); return &c }},
	store.Messages:      {1, messagesOf, "messages", func(v []driver.Value) any { m := scanMessage(v); return &m }},
	store.Claims:        {1, always(claimColumns), "claims", func(v []driver.Value) any { k := scanClaim(v); return &k }},
	store.Contents: {1, always("id, body"), "contents", func(v []driver.Value) any {
		return &store.Content{ID: waxwing.ID(num(v[0])), Body: blob(v[1])}
	}},
	store.Attempts: {1, always(attemptColumns), "attempts", func(v []driver.Value) any { a := scanAttempt(v); return &a }},
	store.Suppressions: {1, always("hash, tenant, at, cause"), "suppressions", func(v []driver.Value) any {
		x := store.Suppression{Tenant: num(v[1]), At: num(v[2]), Cause: str(v[3])}
		copy(x.Hash[:], blob(v[0]))
		return &x
	}},
	store.PluginVersions: {2, always("p.tenant, t.name, p.plugin, p.no, p.hash, p.state, p.percent, p.why, p.body"),
		"plugin_versions p LEFT JOIN tenants t ON t.no=p.tenant", func(v []driver.Value) any {
			return &store.PluginVersion{Tenant: num(v[0]), TenantName: str(v[1]), Plugin: str(v[2]), No: num(v[3]), Hash: str(v[4]), State: str(v[5]),
				Percent: num(v[6]), Why: str(v[7]), Body: blob(v[8])}
		}},
	store.PluginNumbers: {5, always("t.name, n.plugin, n.number"), "plugin_numbers n LEFT JOIN tenants t ON t.no=n.tenant", func(v []driver.Value) any {
		return &store.PluginNumber{TenantName: str(v[0]), Plugin: str(v[1]), Number: num(v[2])}
	}},
	store.PluginModules: {2, always("hash, body"), "plugin_modules", func(v []driver.Value) any {
		return &store.PluginModule{Hash: str(v[0]), Body: blob(v[1])}
	}},
}

func always(columns string) func(*conn) string { return func(*conn) string { return columns } }

// All calls f with each row of a table. A file that an older program made, and that only
// the command line looks at, may not have it.
func (r rows) All(ctx context.Context, table store.Table, f func(row any) error) error {
	t := tables[table]
	if at, err := layoutOf(r.c); err != nil || at < t.since {
		return marked(err)
	}
	return marked(r.c.query("SELECT "+t.columns(r.c)+" FROM "+t.from, func(v []driver.Value) error {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		return f(t.scan(v))
	}))
}
