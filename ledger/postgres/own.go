package postgres

import (
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/pack"
	"github.com/waxwinghq/waxwing/ledger/postgres/schema"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// queueCold asks for what few commands need, and what no group keeps.
func queueCold(b *pgx.Batch, s *store.Set, k *store.Keys, l locks) {
	queueContents(b, s, k)
	if k.HeldBesides != 0 {
		b.Queue("SELECT "+claimColumns+" FROM claims WHERE instance <> $1", k.HeldBesides).Query(each(scanClaim, func(c *store.Claim) { s.Claims[c.Message] = *c }))
	}
	if k.Running {
		b.Queue("SELECT " + instanceColumns + " FROM instances WHERE stopped = 0" + l.running).Query(each(scanInstance, func(in *store.Instance) { s.Instances[in.ID] = *in }))
	}
	if d := k.Due; d != nil {
		mine, order, args := shareOf(d.Share, 4, "next_at", "(SELECT next_at FROM messages WHERE channel = $1 AND next_at <> 0 ORDER BY next_at OFFSET $4 LIMIT 1)")
		if d.Queued {
			mine += " AND state = 'queued'"
		}
		b.Queue("SELECT "+messageColumns+` FROM messages m WHERE channel = $1 AND next_at <> 0 AND next_at <= $2`+mine+`
			AND NOT EXISTS (SELECT 1 FROM claims k WHERE k.message = m.id) ORDER BY `+order+` LIMIT $3`+l.due, append([]any{string(d.Channel), d.At, d.Limit}, args...)...).
			Query(each(scanMessage, func(m *store.Message) { s.Messages[m.ID], s.Due = *m, append(s.Due, m.ID) }))
	}
	if o := k.Over; o != nil {
		b.Queue(`SELECT id FROM messages m WHERE next_at <> 0 AND next_at <= $1 AND (expires <= $1 OR $2 AND state = 'uncertain')
			AND NOT EXISTS (SELECT 1 FROM claims k WHERE k.message = m.id) ORDER BY next_at, id LIMIT $3`, o.At, o.Doubt, o.Limit).
			Query(each(scanID, func(id *waxwing.ID) { s.Over = append(s.Over, *id) }))
	}
	if o := k.Old; o != nil {
		b.Queue("SELECT id FROM contents WHERE id < $1 ORDER BY id LIMIT $2", int64(o.Below), o.Limit).
			Query(each(scanID, func(id *waxwing.ID) { s.OldContents = append(s.OldContents, *id) }))
		b.Queue("SELECT id FROM events WHERE id < $1 ORDER BY id LIMIT $2", int64(o.Below), o.Limit).
			Query(each(scanID, func(id *waxwing.ID) { s.OldEvents = append(s.OldEvents, *id) }))
	}
	if k.Tenants {
		b.Queue("SELECT no, name, key FROM tenants ORDER BY no").Query(each(scanTenant, func(t *store.Tenant) { s.Tenants = append(s.Tenants, *t) }))
	}
	if k.Dictionary != nil {
		b.Queue("SELECT coalesce((SELECT min(id) FROM dictionaries WHERE body = $1), 0), coalesce(max(id), 0) FROM dictionaries", k.Dictionary).
			Query(each(scanPair, func(p *[2]int64) { s.Dictionary, s.LastDictionary = uint32(p[0]), uint32(p[1]) }))
	}
	if k.Dictionaries {
		b.Queue("SELECT id, body FROM dictionaries ORDER BY id").Query(each(scanDictionary, func(d *store.Dictionary) { s.Dictionaries = append(s.Dictionaries, *d) }))
	}
	if k.Plugins != nil {
		queuePlugins(b, &s.Plugins, k.Plugins)
	}
}

// queueContents asks for what is sealed of orders, and for the trail.
func queueContents(b *pgx.Batch, s *store.Set, k *store.Keys) {
	if len(k.Lookups) > 0 {
		b.Queue("SELECT hash, confirmation FROM lookups WHERE hash = ANY($1) ORDER BY confirmation", hashes(k.Lookups)).
			Query(each(scanLookup, func(x *store.Lookup) { s.Found[x.Hash] = append(s.Found[x.Hash], x.Confirmation) }))
	}
	if len(k.Events) > 0 {
		b.Queue("SELECT id, source, topic, at, updated, body FROM events WHERE id = ANY($1)", ints(k.Events)).
			Query(each(scanEvent, func(e *store.Event) { s.Events[e.ID] = *e }))
	}
	if len(k.Contents) > 0 {
		b.Queue("SELECT id, body, ingredients FROM contents WHERE id = ANY($1)", ints(k.Contents)).
			Query(each(scanContent, func(c *store.Content) { s.Contents[c.ID] = *c }))
	}
	if len(k.Attempts) > 0 {
		b.Queue("SELECT "+attemptColumns+" FROM attempts WHERE message = ANY($1) ORDER BY message, n", ints(k.Attempts)).
			Query(each(scanAttempt, func(a *store.Attempt) { s.Attempts[a.Message] = append(s.Attempts[a.Message], *a) }))
	}
	if len(k.Annotations) > 0 {
		b.Queue("SELECT message, kind, at, provider, sealed, class FROM annotations WHERE message = ANY($1) ORDER BY at, kind", ints(k.Annotations)).
			Query(each(scanAnnotation, func(a *store.Annotation) { s.Annotations[a.Message] = append(s.Annotations[a.Message], *a) }))
	}
	if len(k.Batches) > 0 {
		b.Queue("SELECT "+batchColumns+" FROM trail WHERE batch = ANY($1)", k.Batches).Query(each(scanBatch, func(x *store.Batch) { s.Batches[x.N] = *x }))
	}
}

func queuePlugins(b *pgx.Batch, s *store.PluginSet, k *store.PluginKeys) {
	if k.Tenants {
		b.Queue("SELECT name FROM tenants WHERE no IN (SELECT tenant FROM plugin_versions)").
			Query(each(scanText, func(n *string) { s.Tenants = append(s.Tenants, waxwing.TenantID(*n)) }))
	}
	if len(k.Kept) > 0 {
		s.Kept = map[int64][]store.KeptVersion{}
		b.Queue(`SELECT p.tenant, p.plugin, p.no, p.hash, p.state, coalesce(length(m.body), 0) FROM plugin_versions p
			LEFT JOIN plugin_modules m ON m.hash = p.hash WHERE p.tenant = ANY($1) ORDER BY p.saved`, k.Kept).
			Query(each(scanKept, func(v *store.KeptVersion) { s.Kept[v.Tenant] = append(s.Kept[v.Tenant], *v) }))
	}
	if len(k.Versions) > 0 {
		s.Versions = map[int64][]store.PluginVersion{}
		b.Queue("SELECT tenant, '', plugin, no, hash, state, percent, why, body FROM plugin_versions WHERE tenant = ANY($1) ORDER BY saved", k.Versions).
			Query(each(scanVersion, func(v *store.PluginVersion) { s.Versions[v.Tenant] = append(s.Versions[v.Tenant], *v) }))
	}
	if len(k.Modules) > 0 {
		s.Modules = map[string]store.PluginModule{}
		b.Queue("SELECT hash, body FROM plugin_modules WHERE hash = ANY($1)", k.Modules).
			Query(each(scanModule, func(m *store.PluginModule) { s.Modules[m.Hash] = *m }))
	}
	if n := k.Number; n != nil {
		b.Queue("SELECT number, 0 FROM plugin_numbers WHERE tenant = $1 AND plugin = $2", n.Tenant, n.Plugin).Query(each(scanPair, func(p *[2]int64) { s.Number = p[0] }))
	}
	if k.Sum != nil {
		b.Queue("SELECT count(*), coalesce(sum(length(body)), 0)::bigint FROM plugin_runs WHERE ($1 = 0::bigint OR tenant = $1) AND id >= $2 AND id < $3",
			k.Sum.Tenant, k.Sum.From, below(k.Sum)).Query(each(scanPair, func(p *[2]int64) { s.Sum = store.RunSum{Count: p[0], Bytes: p[1]} }))
	}
	if k.Runs != nil {
		b.Queue("SELECT id, length(body) FROM plugin_runs WHERE ($1 = 0::bigint OR tenant = $1) AND id >= $2 AND id < $3 ORDER BY id LIMIT $4",
			k.Runs.Tenant, k.Runs.From, below(k.Runs), k.Runs.Limit).Query(each(scanPair, func(p *[2]int64) { s.Runs = append(s.Runs, store.RunSize{ID: p[0], Bytes: p[1]}) }))
	}
}

func below(x *store.RunRange) int64 {
	if x.Below == 0 {
		return math.MaxInt64
	}
	return x.Below
}

// putOwn queues what is no order's, and what goes.
func putOwn(b *pgx.Batch, c *store.Changes) {
	if len(c.Destroyed) > 0 {
		destroy(b, ints(c.Destroyed))
	}
	for i := range c.Tenants {
		b.Queue("INSERT INTO tenants (name, key) VALUES ($1,$2) ON CONFLICT (name) DO NOTHING", string(c.Tenants[i].Name), c.Tenants[i].Key)
	}
	for i := range c.Dictionaries {
		b.Queue("INSERT INTO dictionaries (id, body) VALUES ($1,$2)", int64(c.Dictionaries[i].ID), c.Dictionaries[i].Body)
	}
	for i := range c.Instances {
		x := &c.Instances[i]
		b.Queue(`INSERT INTO instances (`+instanceColumns+`, layout) VALUES ($1,$2,$3,$4,$5,$6,$7)
			ON CONFLICT (id) DO UPDATE SET epoch=excluded.epoch, stopped=excluded.stopped, lease=excluded.lease`, x.ID, x.Epoch, x.Started, x.Stopped, x.Lease, x.Sends, schema.Layout)
	}
	if x := c.Expired; x != nil {
		b.Queue("DELETE FROM contents WHERE id = ANY($1)", ints(x.Contents))
		b.Queue("DELETE FROM events WHERE id = ANY($1)", ints(x.Events))
	}
	if c.Plugins != nil {
		putPlugins(b, c.Plugins)
	}
}

// destroy queues the end of what was sealed under confirmations' keys, and what they are found by.
func destroy(b *pgx.Batch, ids []int64) {
	for _, q := range []string{
		"DELETE FROM events x USING unnest($1::bigint[], $2::bigint[]) d(a, b) WHERE x.id >= d.a AND x.id < d.b",
		"DELETE FROM contents x USING unnest($1::bigint[], $2::bigint[]) d(a, b) WHERE x.id >= d.a AND x.id < d.b",
		"UPDATE attempts x SET sealed = '' FROM unnest($1::bigint[], $2::bigint[]) d(a, b) WHERE x.message >= d.a AND x.message < d.b",
		"UPDATE annotations x SET sealed = '' FROM unnest($1::bigint[], $2::bigint[]) d(a, b) WHERE x.message >= d.a AND x.message < d.b",
	} {
		b.Queue(q, ids, endsOf(ids))
	}
	b.Queue("DELETE FROM plugin_runs WHERE confirmation = ANY($1)", ids)
	b.Queue("DELETE FROM lookups WHERE confirmation = ANY($1)", ids)
}

func putPlugins(b *pgx.Batch, c *store.PluginChanges) {
	if m := c.Module; m != nil {
		b.Queue("INSERT INTO plugin_modules (hash, body) VALUES ($1,$2) ON CONFLICT (hash) DO UPDATE SET body=excluded.body", m.Hash, blob(m.Body))
	}
	for i := range c.Versions {
		v := &c.Versions[i]
		b.Queue(`INSERT INTO plugin_versions (tenant, plugin, no, hash, state, percent, why, body) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)
			ON CONFLICT (tenant, plugin, no) DO UPDATE SET hash=excluded.hash, state=excluded.state, percent=excluded.percent, why=excluded.why, body=excluded.body`,
			v.Tenant, v.Plugin, v.No, v.Hash, v.State, v.Percent, clean(v.Why), blob(v.Body))
	}
	for i := range c.Numbers {
		n := &c.Numbers[i]
		b.Queue(`INSERT INTO plugin_numbers (tenant, plugin, number) VALUES ($1,$2,$3)
			ON CONFLICT (tenant, plugin) DO UPDATE SET number=greatest(plugin_numbers.number, excluded.number)`, n.Tenant, n.Plugin, n.Number)
	}
	for i := range c.Dropped {
		v := &c.Dropped[i]
		b.Queue("DELETE FROM plugin_versions WHERE tenant = $1 AND plugin = $2 AND no = $3", v.Tenant, v.Plugin, v.No)
		b.Queue("DELETE FROM plugin_modules WHERE hash = $1 AND NOT EXISTS (SELECT 1 FROM plugin_versions WHERE hash = $1 AND state <> 'refused')", v.Hash)
	}
	if x := c.Runs; len(x) > 0 {
		b.Queue(`INSERT INTO plugin_runs (`+runColumns+`, body) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[],
			$7::text[], $8::bigint[], $9::bigint[], $10::bigint[], $11::text[], $12::bytea[])`,
			column(x, func(r *store.Run) int64 { return r.ID }), column(x, func(r *store.Run) int64 { return r.Tenant }),
			column(x, func(r *store.Run) string { return r.Plugin }), column(x, func(r *store.Run) int64 { return int64(r.Confirmation) }),
			column(x, func(r *store.Run) string { return clean(r.Hook) }), column(x, func(r *store.Run) string { return clean(r.Role) }),
			column(x, func(r *store.Run) string { return r.Hash }), column(x, func(r *store.Run) int64 { return r.At }),
			column(x, func(r *store.Run) int64 { return r.Fuel }), column(x, func(r *store.Run) int64 { return r.Micros }),
			column(x, func(r *store.Run) string { return clean(r.Fault) }), column(x, func(r *store.Run) []byte { return blob(r.Body) }))
	}
	if len(c.Gone) > 0 {
		b.Queue("DELETE FROM plugin_runs WHERE id = ANY($1)", c.Gone)
	}
}

const (
	runColumns   = "id, tenant, plugin, confirmation, hook, role, hash, at, fuel, micros, fault"
	batchColumns = "batch, instance, first, last, entries, head"
)

func scanID(r pgx.Rows, id *waxwing.ID) error { return r.Scan((*int64id)(id)) }

func scanText(r pgx.Rows, s *string) error { return r.Scan(s) }

func scanTenant(r pgx.Rows, t *store.Tenant) error { return r.Scan(&t.No, (*string)(&t.Name), &t.Key) }

func scanDictionary(r pgx.Rows, d *store.Dictionary) error {
	var id int64
	err := r.Scan(&id, &d.Body)
	d.ID = uint32(id)
	return err
}

func scanLookup(r pgx.Rows, x *store.Lookup) error {
	var h []byte
	err := r.Scan(&h, (*int64id)(&x.Confirmation))
	copy(x.Hash[:], h)
	return err
}

func scanEvent(r pgx.Rows, e *store.Event) error {
	return r.Scan((*int64id)(&e.ID), &e.Source, &e.Topic, &e.At, &e.Updated, &e.Body)
}

func scanContent(r pgx.Rows, c *store.Content) error {
	return r.Scan((*int64id)(&c.ID), &c.Body, &c.Ingredients)
}

func scanAnnotation(r pgx.Rows, a *store.Annotation) error {
	return r.Scan((*int64id)(&a.Message), (*string)(&a.Kind), &a.At, &a.Provider, &a.Sealed, &a.Class)
}

// scanBatch reads a batch, whose lines are unpacked. What cannot be unpacked is given as it
// stands: it is no line, and whoever follows the chain says so.
func scanBatch(r pgx.Rows, x *store.Batch) error {
	err := r.Scan(&x.N, &x.Instance, &x.First, &x.Last, &x.Entries, &x.Head)
	if lines, e := pack.UnpackLines(nil, x.Entries); e == nil {
		x.Entries = lines
	}
	return err
}

func scanKept(r pgx.Rows, v *store.KeptVersion) error {
	return r.Scan(&v.Tenant, &v.Plugin, &v.No, &v.Hash, (*string)(&v.State), &v.Bytes)
}

func scanVersion(r pgx.Rows, v *store.PluginVersion) error {
	return r.Scan(&v.Tenant, &v.TenantName, &v.Plugin, &v.No, &v.Hash, &v.State, &v.Percent, &v.Why, &v.Body)
}

func scanModule(r pgx.Rows, m *store.PluginModule) error { return r.Scan(&m.Hash, &m.Body) }
