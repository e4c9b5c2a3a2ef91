package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/pack"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/sqlite/schema"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// tables say how each table is read whole, and since which layout it is there.
var tables = map[store.Table]struct {
	since   int64
	columns func(*db.Conn) string
	from    string
	scan    func([]driver.Value) any
}{
	store.Confirmations: {1, confirmationsOf, "confirmations", func(v []driver.Value) any { c := scanConfirmation(v); return &c }},
	store.Messages:      {1, messagesOf, "messages", func(v []driver.Value) any { m := scanMessage(v); return &m }},
	store.Claims:        {1, always(claimColumns), "claims", func(v []driver.Value) any { k := scanClaim(v); return &k }},
	store.Contents: {1, always("id, body"), "contents", func(v []driver.Value) any {
		return &store.Content{ID: waxwing.ID(db.Int(v[0])), Body: db.Blob(v[1])}
	}},
	store.Attempts:     {1, always(attemptColumns), "attempts", func(v []driver.Value) any { a := scanAttempt(v); return &a }},
	store.Suppressions: {1, suppressionsOf, "suppressions", func(v []driver.Value) any { x := scanSuppression(v); return &x }},
	store.PluginVersions: {2, always("p.tenant, t.name, p.plugin, p.no, p.hash, p.state, p.percent, p.why, p.body"),
		"plugin_versions p LEFT JOIN tenants t ON t.no=p.tenant", func(v []driver.Value) any {
			return &store.PluginVersion{Tenant: db.Int(v[0]), TenantName: db.Text(v[1]), Plugin: db.Text(v[2]), No: db.Int(v[3]), Hash: db.Text(v[4]), State: db.Text(v[5]),
				Percent: db.Int(v[6]), Why: db.Text(v[7]), Body: db.Blob(v[8])}
		}},
	store.PluginNumbers: {5, always("t.name, n.plugin, n.number"), "plugin_numbers n LEFT JOIN tenants t ON t.no=n.tenant", func(v []driver.Value) any {
		return &store.PluginNumber{TenantName: db.Text(v[0]), Plugin: db.Text(v[1]), Number: db.Int(v[2])}
	}},
	store.PluginModules: {2, always("hash, body"), "plugin_modules", func(v []driver.Value) any {
		return &store.PluginModule{Hash: db.Text(v[0]), Body: db.Blob(v[1])}
	}},
}

func always(columns string) func(*db.Conn) string { return func(*db.Conn) string { return columns } }

// All calls f with each row of a table. A file that an older program made, and that only
// the command line looks at, may not have it.
func (r rows) All(ctx context.Context, table store.Table, f func(row any) error) error {
	t := tables[table]
	if at, err := schema.Of(r.c); err != nil || at < t.since {
		return marked(err)
	}
	if table == store.Attempts {
		if err := firsts(r.c, "true", func(a *store.Attempt) error { return f(a) }); err != nil {
			return marked(err)
		}
	}
	return marked(r.c.Query("SELECT "+t.columns(r.c)+" FROM "+t.from, func(v []driver.Value) error {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		return f(t.scan(v))
	}))
}

// View lends f a read connection, for which it waits until ctx ends. After Close there
// are none: ErrStopping.
func (p *readers) View(ctx context.Context, _ int64, f func(store.Rows) error) error {
	return p.read(ctx, func(c *db.Conn) error { return atOneState(c, f) })
}

// Browse lends f a connection for what may take long. A tenant has one at a time. There is
// no transaction around it, which would keep the log from being emptied meanwhile.
func (p *readers) Browse(ctx context.Context, tenant int64, f func(store.Rows) error) error {
	return p.browse(ctx, tenant, func(c *db.Conn) error { return f(rows{c, nil}) })
}

// Survey is Browse within a transaction.
func (p *readers) Survey(ctx context.Context, tenant int64, f func(store.Rows) error) error {
	return p.browse(ctx, tenant, func(c *db.Conn) error { return atOneState(c, f) })
}

// atOneState runs f over one state of the file.
func atOneState(c *db.Conn, f func(store.Rows) error) error {
	if _, err := c.Exec("BEGIN"); err != nil {
		return err
	}
	err := f(rows{c, nil})
	_, e := c.Exec("COMMIT") // it only read
	return errors.Join(err, e)
}

// rows reads by one connection.
type rows struct {
	c *db.Conn
	// recent is what the writer knows of its newest rows; nil: who only reads looks them through.
	recent *recent
}

// Load gives all rows that keys name. The context is looked at by who lends the
// connection: a statement here takes less than a goroutine that would watch it.
func (r rows) Load(_ context.Context, k *store.Keys) (*store.Set, error) {
	s := store.NewSet()
	for _, id := range k.Confirmations {
		if err := r.confirmations(s, "id=?", int64(id)); err != nil {
			return nil, err
		}
	}
	for i := range k.Keys {
		if err := r.confirmations(s, "key=?", k.Keys[i][:]); err != nil {
			return nil, err
		}
	}
	for _, id := range k.Whole {
		if err := r.whole(s, id, k.Shown); err != nil {
			return nil, err
		}
	}
	for _, id := range k.Messages {
		if err := r.messages(s, int64(id), int64(id), k.Shown); err != nil {
			return nil, err
		}
	}
	for i := range k.People {
		h := k.People[i]
		found, err := r.c.Row("SELECT 1 FROM suppressions WHERE hash=?", make([]driver.Value, 1), h[:])
		if err != nil {
			return nil, err
		}
		if found {
			s.Suppressed[h] = true
		}
	}
	return s, errors.Join(r.lookups(s, k.Lookups), r.contents(s, k), r.batches(s, k.Batches), r.own(s, k))
}

func (r rows) confirmations(s *store.Set, where string, arg any) error {
	return r.c.Query("SELECT "+confirmationsOf(r.c)+" FROM confirmations WHERE "+where, func(v []driver.Value) error {
		c := scanConfirmation(v)
		s.Confirmations[c.ID], s.Keys[c.Key] = c, c.ID
		return nil
	}, arg)
}

// whole loads a confirmation with all of its messages.
func (r rows) whole(s *store.Set, id waxwing.ID, shown bool) error {
	if err := r.confirmations(s, "id=?", int64(id)); err != nil {
		return err
	}
	if s.Confirmations[id].Messages == 0 {
		return nil
	}
	return r.messages(s, int64(id)+1, int64(id)+store.IDStep-1, shown)
}

// messages loads those from an id up to another one, with their claims and doubts.
func (r rows) messages(s *store.Set, from, to int64, shown bool) error {
	var tried []waxwing.ID
	err := r.c.Query("SELECT "+messagesOf(r.c)+" FROM messages WHERE id>=? AND id<=?", func(v []driver.Value) error {
		m := scanMessage(v)
		if s.Messages[m.ID] = m; m.Attempts > 0 && !shown {
			tried = append(tried, m.ID)
		}
		return nil
	}, from, to)
	if err != nil {
		return err
	}
	err = r.c.Query("SELECT "+claimColumns+" FROM claims WHERE message>=? AND message<=?", func(v []driver.Value) error {
		k := scanClaim(v)
		s.Claims[k.Message] = k
		return nil
	}, from, to)
	for _, id := range tried {
		if err != nil {
			return err
		}
		var n int
		if n, err = doubts(r.c, id); n > 0 {
			s.Doubts[id] = n
		}
	}
	return err
}

// doubts counts the attempts at a message whose answer was lost.
func doubts(c *db.Conn, id waxwing.ID) (int, error) {
	var v [1]driver.Value
	q := "SELECT count(*) FROM attempts WHERE message=?1 AND verdict='uncertain'"
	if layoutOnce(c) >= 9 {
		q = "SELECT (" + q + ") + (SELECT count(*) FROM messages WHERE id=?1 AND " + firstUncertain + ")"
	}
	_, err := c.Row(q, v[:], int64(id))
	return int(db.Int(v[0])), err
}

// contents loads events, messages' bytes, and attempts.
func (r rows) contents(s *store.Set, k *store.Keys) error {
	var v [5]driver.Value
	for _, id := range k.Events {
		found, err := r.c.Row("SELECT source, topic, at, updated, body FROM events WHERE id=?", v[:], int64(id))
		if err != nil {
			return err
		}
		if found {
			s.Events[id] = store.Event{ID: id, Source: db.Text(v[0]), Topic: db.Text(v[1]), At: db.Int(v[2]), Updated: db.Int(v[3]), Body: db.Blob(v[4])}
		}
	}
	for _, id := range k.Contents {
		clear(v[:])
		found, err := r.c.Row("SELECT "+contentsOf(r.c)+" FROM contents WHERE id=?", v[:], int64(id))
		if err != nil {
			return err
		}
		if found {
			s.Contents[id] = store.Content{ID: id, Body: db.Blob(v[1]), Ingredients: db.Blob(v[2])}
		}
	}
	for _, id := range k.Attempts {
		if err := firsts(r.c, "id=?", func(a *store.Attempt) error {
			s.Attempts[id] = append(s.Attempts[id], *a)
			return nil
		}, int64(id)); err != nil {
			return err
		}
		err := r.c.Query("SELECT "+attemptColumns+" FROM attempts WHERE message=? ORDER BY n",
			func(v []driver.Value) error {
				s.Attempts[id] = append(s.Attempts[id], scanAttempt(v))
				return nil
			}, int64(id))
		if err != nil {
			return err
		}
	}
	return annotations(r.c, s, k.Annotations)
}

// annotations loads those of messages. A file of an older layout has none.
func annotations(c *db.Conn, s *store.Set, messages []waxwing.ID) error {
	if len(messages) == 0 || layoutOnce(c) < 7 {
		return nil
	}
	for _, id := range messages {
		err := c.Query("SELECT "+annotationsOf(c)+" FROM annotations WHERE message=? ORDER BY at, kind", func(v []driver.Value) error {
			s.Annotations[id] = append(s.Annotations[id], scanAnnotation(v))
			return nil
		}, int64(id))
		if err != nil {
			return err
		}
	}
	return nil
}

// annotationsOf are an annotation's columns. A file of an older layout knows no class.
func annotationsOf(c *db.Conn) string {
	if layoutOnce(c) < 11 {
		return "message, kind, at, provider, sealed, NULL"
	}
	return "message, kind, at, provider, sealed, class"
}

func scanAnnotation(v []driver.Value) store.Annotation {
	return store.Annotation{Message: waxwing.ID(db.Int(v[0])), Kind: waxwing.AnnotationKind(db.Text(v[1])), At: db.Int(v[2]), Provider: db.Text(v[3]),
		Sealed: bytes.Clone(db.Blob(v[4])), Class: db.Text(v[5])}
}

const attemptColumns = "message, n, provider, verdict, fault, phase, code, enhanced, began, ended, sealed"

func scanAttempt(v []driver.Value) store.Attempt {
	return store.Attempt{Message: waxwing.ID(db.Int(v[0])), N: db.Int(v[1]), Provider: db.Text(v[2]), Verdict: waxwing.Verdict(db.Text(v[3])),
		Fault: waxwing.Fault(db.Text(v[4])), Phase: waxwing.Phase(db.Text(v[5])), Code: int(db.Int(v[6])), Enhanced: db.Text(v[7]),
		Began: db.Int(v[8]), Ended: db.Int(v[9]), Sealed: bytes.Clone(db.Blob(v[10]))}
}

const batchColumns = "batch, instance, first, last, head, entries"

func scanBatch(v []driver.Value) store.Batch {
	return store.Batch{N: db.Int(v[0]), Instance: db.Int(v[1]), First: db.Int(v[2]), Last: db.Int(v[3]), Head: db.Blob(v[4]), Entries: entriesOf(v[5])}
}

// entriesOf are the lines of a batch, unpacked. What cannot be unpacked is given as it stands: it is
// no line, and whoever follows the chain says so.
func entriesOf(v driver.Value) []byte {
	lines, err := pack.UnpackLines(nil, db.Blob(v))
	if err != nil {
		return bytes.Clone(db.Blob(v))
	}
	return lines
}

func (r rows) batches(s *store.Set, wanted []int64) error {
	for _, n := range wanted {
		err := r.c.Query("SELECT "+batchColumns+" FROM trail WHERE batch=?", func(v []driver.Value) error {
			b := scanBatch(v)
			b.Head = bytes.Clone(b.Head)
			s.Batches[n] = b
			return nil
		}, n)
		if err != nil {
			return err
		}
	}
	return nil
}

// Last is the newest batch of the trail, without its entries.
func (r rows) Last(context.Context) (b store.Batch, err error) {
	err = r.c.Query("SELECT batch, instance, first, last, head, NULL FROM trail ORDER BY batch DESC LIMIT 1", func(v []driver.Value) error {
		b = scanBatch(v)
		b.Head = bytes.Clone(b.Head)
		return nil
	})
	return b, err
}

// Walk calls f with each batch of the trail above a number.
func (r rows) Walk(ctx context.Context, after int64, f func(*store.Batch) error) error {
	err := r.c.Query("SELECT "+batchColumns+" FROM trail WHERE batch>? ORDER BY batch", func(v []driver.Value) error {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		b := scanBatch(v)
		return f(&b)
	}, after)
	if errors.Is(err, store.ErrStop) {
		err = nil
	}
	return marked(err)
}

// Due gives confirmations whose time has come.
func (r rows) Due(_ context.Context, d *store.Due) (ids []waxwing.ID, last time.Time, err error) {
	err = r.c.Query("SELECT id, due FROM confirmations WHERE due>=? AND due<=? AND state=? ORDER BY due LIMIT ?", func(v []driver.Value) error {
		ids, last = append(ids, waxwing.ID(db.Int(v[0]))), time.UnixMilli(db.Int(v[1]))
		return nil
	}, d.Since, d.At, string(d.State), d.Limit)
	return ids, last, err
}

// Depth counts what waits.
func (r rows) Depth(_ context.Context, now time.Time) (d store.Depth, err error) {
	var v [1]driver.Value
	if _, err := r.c.Row("SELECT count(*) FROM (SELECT 1 FROM confirmations WHERE due IS NOT NULL LIMIT ?)", v[:], store.MaxDepth); err != nil {
		return d, err
	}
	d.Work = db.Int(v[0])
	if _, err := r.c.Row("SELECT count(*) FROM (SELECT 1 FROM messages WHERE next_at IS NOT NULL LIMIT ?)", v[:], store.MaxDepth); err != nil {
		return d, err
	}
	d.Messages = db.Int(v[0])
	for _, ch := range waxwing.Channels {
		ok, err := r.c.Row("SELECT next_at FROM messages WHERE channel=? AND next_at<=? ORDER BY next_at LIMIT 1", v[:], string(ch), now.UnixMilli())
		if err != nil {
			return d, err
		}
		if at := time.UnixMilli(db.Int(v[0])); ok && (d.Oldest.IsZero() || at.Before(d.Oldest)) {
			d.Oldest = at
		}
	}
	return d, nil
}

// Runs gives runs of a tenant's plugins. A file that an older program made, and that only
// the command line looks at, has none.
func (r rows) Runs(_ context.Context, q *store.RunQuery) (out []store.Run, err error) {
	if at, err := schema.Of(r.c); err != nil || at < 2 {
		return nil, err
	}
	columns := "id, tenant, plugin, confirmation, hook, role, hash, at, fuel, micros, fault"
	if q.Bodies {
		columns += ", body"
	}
	where, args := "tenant=?", []any{q.Tenant}
	if q.Plugin != "" {
		where, args = where+" AND plugin=?", append(args, q.Plugin)
	}
	switch {
	case q.ID != 0:
		where, args = where+" AND id=?", append(args, q.ID)
	case q.Before != 0:
		where, args = where+" AND id<? ORDER BY id DESC", append(args, q.Before)
	default:
		where, args = where+" AND id>? ORDER BY id", append(args, q.After)
	}
	err = r.c.Query("SELECT "+columns+" FROM plugin_runs WHERE "+where+" LIMIT ?", func(v []driver.Value) error {
		x := store.Run{ID: db.Int(v[0]), Tenant: db.Int(v[1]), Plugin: db.Text(v[2]), Confirmation: waxwing.ID(db.Int(v[3])), Hook: waxwing.Hook(db.Text(v[4])), Role: db.Text(v[5]),
			Hash: db.Text(v[6]), At: db.Int(v[7]), Fuel: db.Int(v[8]), Micros: db.Int(v[9]), Fault: db.Text(v[10])}
		if q.Bodies {
			x.Body = bytes.Clone(db.Blob(v[11]))
		}
		out = append(out, x)
		return nil
	}, append(args, q.Limit)...)
	return out, err
}
