package postgres

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/pack"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Apply takes changes into what the group knows. They are written as sets when the group
// ends, or before rows are read that may be among them.
func (t *tx) Apply(ctx context.Context, c *store.Changes) (lost []waxwing.ID, err error) {
	for i := range c.Confirmations {
		x := &c.Confirmations[i]
		if t.rows.confirmations[x.ID] != nil {
			continue
		}
		if _, known := t.rows.keys[x.Key]; !known {
			if err := t.Ahead(ctx, &store.Keys{Keys: []store.Hash{x.Key}}); err != nil {
				return nil, err
			}
		}
		if owner := t.rows.keys[x.Key]; owner != 0 && owner != x.ID {
			lost = append(lost, x.ID)
		}
	}
	if len(lost) > 0 {
		return lost, nil
	}
	t.changed = true
	own := len(c.Destroyed)+len(c.Tenants)+len(c.Dictionaries)+len(c.Instances) > 0 || c.Expired != nil || c.Plugins != nil
	t.rows.put(c)
	uncertain := slices.ContainsFunc(c.Attempts, func(a store.Attempt) bool { return a.Verdict == waxwing.UncertainVerdict })
	if own || uncertain { // in the order in which they were made
		t.flush()
		t.rows.forgetDoubts(c.Attempts)
		putOwn(t.batch, c)
	}
	if b := c.Batch; b != nil {
		t.proof.batch, t.proof.head = b.N, slices.Clone(b.Head)
		t.batch.Queue(insertBatch, b.N, b.Instance, b.First, b.Last, pack.Lines(nil, b.Entries), t.proof.head)
	}
	return nil, nil
}

const insertBatch = "INSERT INTO trail (batch, instance, first, last, entries, head) VALUES ($1,$2,$3,$4,$5,$6)"

// flush queues the statements that write what was changed: one for each kind of change, however
// many rows there are.
func (t *tx) flush() {
	o := &t.rows
	if !o.unwritten {
		return
	}
	b := t.batch
	confirmations, updated, messages, changed := o.take()
	insertConfirmations(b, confirmations)
	updateConfirmations(b, updated)
	insertMessages(b, messages)
	updateMessages(b, changed)
	o.flushClaims(b)
	o.flushRest(b)
	o.queued = queued{}
}

// column is one of a set of rows.
func column[T, V any](rows []T, f func(*T) V) []V {
	out := make([]V, len(rows))
	for i := range rows {
		out[i] = f(&rows[i])
	}
	return out
}

func insertConfirmations(b *pgx.Batch, rows []*confirmation) {
	if len(rows) == 0 {
		return
	}
	type row = *confirmation
	b.Queue(`INSERT INTO confirmations (`+confirmationColumns+`)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[],
			$11::bigint[], $12::bigint[], $13::boolean[], $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[], $18::bytea[], $19::text[])`,
		column(rows, func(r *row) int64 { return int64((*r).ID) }), column(rows, func(r *row) int64 { return (*r).Tenant }),
		column(rows, func(r *row) []byte { return (*r).Key[:] }), column(rows, func(r *row) string { return clean((*r).Kind) }),
		column(rows, func(r *row) string { return clean((*r).Part) }), column(rows, func(r *row) string { return clean((*r).Shop) }),
		column(rows, func(r *row) string { return clean((*r).Format) }), column(rows, func(r *row) string { return clean((*r).State) }),
		column(rows, func(r *row) string { return clean((*r).Reason) }), column(rows, func(r *row) int64 { return (*r).Event }),
		column(rows, func(r *row) int64 { return (*r).Updated }), column(rows, func(r *row) int64 { return (*r).Rank }),
		column(rows, func(r *row) bool { return (*r).Asked }), column(rows, func(r *row) int64 { return (*r).Due }),
		column(rows, func(r *row) int64 { return (*r).Released }), column(rows, func(r *row) int64 { return (*r).Messages }),
		column(rows, func(r *row) int64 { return (*r).Events }), column(rows, func(r *row) []byte { return blob((*r).DEK) }),
		column(rows, func(r *row) string { return (*r).Trail }))
}

func updateConfirmations(b *pgx.Batch, rows []*confirmation) {
	if len(rows) == 0 {
		return
	}
	type row = *confirmation
	b.Queue(`UPDATE confirmations c SET format=u.format, state=u.state, reason=u.reason, event=u.event, updated=u.updated, rank=u.rank, asked=u.asked, due=u.due,
			released=u.released, messages=u.messages, events=u.events, dek=u.dek, trail=u.trail
		FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::boolean[], $9::bigint[], $10::bigint[],
			$11::bigint[], $12::bigint[], $13::bytea[], $14::text[])
			AS u(id, format, state, reason, event, updated, rank, asked, due, released, messages, events, dek, trail) WHERE c.id = u.id`,
		column(rows, func(r *row) int64 { return int64((*r).ID) }), column(rows, func(r *row) string { return clean((*r).Format) }),
		column(rows, func(r *row) string { return clean((*r).State) }), column(rows, func(r *row) string { return clean((*r).Reason) }),
		column(rows, func(r *row) int64 { return (*r).Event }), column(rows, func(r *row) int64 { return (*r).Updated }),
		column(rows, func(r *row) int64 { return (*r).Rank }), column(rows, func(r *row) bool { return (*r).Asked }),
		column(rows, func(r *row) int64 { return (*r).Due }), column(rows, func(r *row) int64 { return (*r).Released }),
		column(rows, func(r *row) int64 { return (*r).Messages }), column(rows, func(r *row) int64 { return (*r).Events }),
		column(rows, func(r *row) []byte { return blob((*r).DEK) }), column(rows, func(r *row) string { return (*r).Trail }))
}

func insertMessages(b *pgx.Batch, rows []*message) {
	if len(rows) == 0 {
		return
	}
	type row = *message
	b.Queue(`INSERT INTO messages (`+messageColumns+`)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::bigint[], $9::bigint[], $10::bigint[],
			$11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bytea[], $16::text[], $17::text[], $18::text[], $19::text[])`,
		column(rows, func(r *row) int64 { return int64((*r).ID) }), column(rows, func(r *row) int64 { return (*r).Tenant }),
		column(rows, func(r *row) string { return clean((*r).Channel) }), column(rows, func(r *row) string { return clean((*r).State) }),
		column(rows, func(r *row) string { return clean((*r).Reason) }), column(rows, func(r *row) string { return clean((*r).Locale) }),
		column(rows, func(r *row) bool { return (*r).Resend }), column(rows, func(r *row) int64 { return (*r).NextAt }),
		column(rows, func(r *row) int64 { return (*r).Expires }), column(rows, func(r *row) int64 { return (*r).Tries }),
		column(rows, func(r *row) int64 { return (*r).Faults }), column(rows, func(r *row) int64 { return (*r).DownSince }),
		column(rows, func(r *row) int64 { return (*r).Message.Attempts }), column(rows, func(r *row) int64 { return (*r).Released }),
		column(rows, func(r *row) []byte { return blob((*r).Digest) }), column(rows, func(r *row) string { return clean((*r).Act.By) }),
		column(rows, func(r *row) string { return clean((*r).Act.Reason) }), column(rows, func(r *row) string { return clean((*r).Revision) }),
		column(rows, func(r *row) string { return (*r).Trail }))
}

func updateMessages(b *pgx.Batch, rows []*message) {
	if len(rows) == 0 {
		return
	}
	type row = *message
	b.Queue(`UPDATE messages m SET state=u.state, reason=u.reason, next_at=u.next_at, tries=u.tries, faults=u.faults, down_since=u.down_since, attempts=u.attempts, trail=u.trail
		FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[])
			AS u(id, state, reason, next_at, tries, faults, down_since, attempts, trail) WHERE m.id = u.id`,
		column(rows, func(r *row) int64 { return int64((*r).ID) }), column(rows, func(r *row) string { return clean((*r).State) }),
		column(rows, func(r *row) string { return clean((*r).Reason) }), column(rows, func(r *row) int64 { return (*r).NextAt }),
		column(rows, func(r *row) int64 { return (*r).Tries }), column(rows, func(r *row) int64 { return (*r).Faults }),
		column(rows, func(r *row) int64 { return (*r).DownSince }), column(rows, func(r *row) int64 { return (*r).Message.Attempts }),
		column(rows, func(r *row) string { return (*r).Trail }))
}

// flushClaims queues what became of claims.
func (o *overlay) flushClaims(b *pgx.Batch) {
	var freed []waxwing.ID
	var held []store.Claim
	for _, id := range slices.Sorted(maps.Keys(o.claims)) {
		if m := o.messages[id]; m != nil && m.claim != nil {
			held = append(held, *m.claim)
		} else {
			freed = append(freed, id)
		}
	}
	clear(o.claims)
	if len(freed) > 0 {
		b.Queue("DELETE FROM claims WHERE message = ANY($1)", ints(freed))
	}
	if len(held) > 0 {
		b.Queue(`INSERT INTO claims (`+claimColumns+`)
			SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::boolean[], $4::bigint[], $5::bigint[], $6::text[], $7::text[])
			ON CONFLICT (message) DO UPDATE SET instance=excluded.instance, dot=excluded.dot, at=excluded.at, provider=excluded.provider, trail=excluded.trail`,
			column(held, func(k *store.Claim) int64 { return int64(k.Message) }), column(held, func(k *store.Claim) int64 { return k.Instance }),
			column(held, func(k *store.Claim) bool { return k.Dot }), column(held, func(k *store.Claim) int64 { return k.At }),
			column(held, func(k *store.Claim) int64 { return k.Expires }), column(held, func(k *store.Claim) string { return clean(k.Provider) }),
			column(held, func(k *store.Claim) string { return k.Trail }))
	}
}

// flushRest queues what is only added.
func (o *overlay) flushRest(b *pgx.Batch) {
	if x := o.events; len(x) > 0 {
		b.Queue("INSERT INTO events (id, source, topic, at, updated, body) SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bytea[])",
			column(x, func(e *store.Event) int64 { return int64(e.ID) }), column(x, func(e *store.Event) string { return clean(e.Source) }),
			column(x, func(e *store.Event) string { return clean(e.Topic) }), column(x, func(e *store.Event) int64 { return e.At }),
			column(x, func(e *store.Event) int64 { return e.Updated }), column(x, func(e *store.Event) []byte { return blob(e.Body) }))
	}
	if x := o.contents; len(x) > 0 {
		b.Queue("INSERT INTO contents (id, body, ingredients) SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])",
			column(x, func(c *store.Content) int64 { return int64(c.ID) }), column(x, func(c *store.Content) []byte { return blob(c.Body) }),
			column(x, func(c *store.Content) []byte { return blob(c.Ingredients) }))
	}
	if x := o.annotations; len(x) > 0 {
		b.Queue(`INSERT INTO annotations (message, kind, at, provider, sealed, class)
			SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::bytea[], $6::text[]) ON CONFLICT DO NOTHING`,
			column(x, func(a *store.Annotation) int64 { return int64(a.Message) }), column(x, func(a *store.Annotation) string { return clean(a.Kind) }),
			column(x, func(a *store.Annotation) int64 { return a.At }), column(x, func(a *store.Annotation) string { return clean(a.Provider) }),
			column(x, func(a *store.Annotation) []byte { return blob(a.Sealed) }), column(x, func(a *store.Annotation) string { return clean(a.Class) }))
	}
	if x := o.attempts; len(x) > 0 {
		b.Queue(`INSERT INTO attempts (`+attemptColumns+`) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[],
			$7::bigint[], $8::text[], $9::bigint[], $10::bigint[], $11::bytea[]) ON CONFLICT DO NOTHING`,
			column(x, func(a *store.Attempt) int64 { return int64(a.Message) }), column(x, func(a *store.Attempt) int64 { return a.N }),
			column(x, func(a *store.Attempt) string { return clean(a.Provider) }), column(x, func(a *store.Attempt) string { return clean(a.Verdict) }),
			column(x, func(a *store.Attempt) string { return clean(a.Fault) }), column(x, func(a *store.Attempt) string { return clean(a.Phase) }),
			column(x, func(a *store.Attempt) int64 { return int64(a.Code) }), column(x, func(a *store.Attempt) string { return clean(a.Enhanced) }),
			column(x, func(a *store.Attempt) int64 { return a.Began }), column(x, func(a *store.Attempt) int64 { return a.Ended }),
			column(x, func(a *store.Attempt) []byte { return blob(a.Sealed) }))
	}
	if x := o.lookups; len(x) > 0 {
		b.Queue("INSERT INTO lookups (hash, confirmation) SELECT * FROM unnest($1::bytea[], $2::bigint[]) ORDER BY 1, 2 ON CONFLICT DO NOTHING",
			column(x, func(l *store.Lookup) []byte { return l.Hash[:] }), column(x, func(l *store.Lookup) int64 { return int64(l.Confirmation) }))
	}
	if x := o.lifted; len(x) > 0 {
		b.Queue("DELETE FROM suppressions WHERE hash = ANY($1)", hashes(x))
	}
	if x := o.suppressions; len(x) > 0 {
		b.Queue(`INSERT INTO suppressions (`+suppressionColumns+`) SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[],
			$7::text[]) ORDER BY 1 ON CONFLICT DO NOTHING`,
			column(x, func(s *store.Suppression) []byte { return s.Hash[:] }), column(x, func(s *store.Suppression) int64 { return s.Tenant }),
			column(x, func(s *store.Suppression) int64 { return s.At }), column(x, func(s *store.Suppression) string { return clean(s.Cause) }),
			column(x, func(s *store.Suppression) string { return clean(s.Class) }), column(x, func(s *store.Suppression) string { return clean(s.Act.Reason) }),
			column(x, func(s *store.Suppression) string { return clean(s.Act.By) }))
	}
}
