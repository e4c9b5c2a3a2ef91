package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

var (
	_ store.Tx    = (*tx)(nil)
	_ store.Ahead = (*tx)(nil)
)

// Ahead loads what a group's commands will ask for, and locks it.
func (t *tx) Ahead(ctx context.Context, k *store.Keys) error {
	m := t.rows.unknown(k)
	got := store.NewSet()
	hot(t.batch, got, &m, locked)
	if err := t.send(ctx); err != nil {
		return err
	}
	t.rows.learn(&m, got)
	return nil
}

// Load gives all rows that keys name, and locks those that commands decide by.
func (t *tx) Load(ctx context.Context, k *store.Keys) (*store.Set, error) {
	s := t.loaded
	s.Clear()
	m := t.rows.unknown(k)
	cold := isCold(k)
	if cold || !isNone(&m) {
		t.flush()
		got := store.NewSet()
		hot(t.batch, got, &m, locked)
		if cold {
			queueCold(t.batch, s, k, locked)
		}
		if err := t.send(ctx); err != nil {
			return nil, err
		}
		t.rows.learn(&m, got)
	}
	t.rows.give(s, k)
	if k.Due != nil {
		return s, t.due(ctx, s)
	}
	return s, nil
}

// due adds what is known of messages that are due. They are locked by now, and only now it
// can be told which of them somebody else took before that.
func (t *tx) due(ctx context.Context, s *store.Set) error {
	due := slices.Clone(s.Due)
	clear(s.Messages)
	k := &store.Keys{Messages: due}
	m := t.rows.unknown(k)
	if !isNone(&m) {
		got := store.NewSet()
		hot(t.batch, got, &m, locked)
		if err := t.send(ctx); err != nil {
			return err
		}
		t.rows.learn(&m, got)
	}
	t.rows.give(s, k)
	s.Due = slices.DeleteFunc(due, func(id waxwing.ID) bool {
		_, held := s.Claims[id]
		return held
	})
	return nil
}

func isNone(k *store.Keys) bool {
	return len(k.Confirmations)+len(k.Keys)+len(k.Whole)+len(k.Messages)+len(k.People)+len(k.Instances) == 0
}

// isCold says that keys name rows that no group keeps.
func isCold(k *store.Keys) bool {
	return len(k.Lookups)+len(k.Events)+len(k.Contents)+len(k.Attempts)+len(k.Annotations)+len(k.Batches) > 0 || k.HeldBesides != 0 || k.Due != nil ||
		k.Over != nil || k.Old != nil || k.Tenants || k.Dictionary != nil || k.Dictionaries || k.Running || k.Plugins != nil
}

// locks says how rows are locked as they are read.
type locks struct{ rows, messages, own, running, due string }

var (
	locked = locks{rows: " ORDER BY id FOR UPDATE", messages: " ORDER BY id FOR UPDATE OF m", own: " ORDER BY id FOR SHARE",
		// Whoever commits lives: what is locked need not be looked at.
		running: " ORDER BY id FOR UPDATE SKIP LOCKED", due: " FOR UPDATE OF m SKIP LOCKED"}
	unlocked = locks{}
)

const (
	confirmationColumns = "id, tenant, key, kind, part, shop, format, state, reason, event, updated, rank, asked, due, released, messages, events, dek, trail"
	messageColumns      = "id, tenant, channel, state, reason, locale, resend, next_at, expires, tries, faults, down_since, attempts, released, digest, actor, why, revision, trail"
	claimColumns        = "message, instance, dot, at, expires, provider, trail"
	attemptColumns      = "message, n, provider, verdict, fault, phase, code, enhanced, began, ended, sealed"
	instanceColumns     = "id, epoch, started, stopped, lease, sends"
)

// asked are the messages that are named ($1) and those of whole confirmations, which lie from $2 to
// $3. They are an array, so that the tables' index is gone by: of a join the planner believes that
// it gives a ninth of the table, and reads all of it. The limit is more than there can be; it is
// how the planner learns that there are few, and does not compile the statement for millions.
const asked = "ANY(ARRAY(SELECT unnest($1::bigint[]) UNION SELECT x.id FROM unnest($2::bigint[], $3::bigint[]) w(a, b), " +
	"LATERAL (SELECT id FROM messages WHERE id > w.a AND id < w.b ORDER BY id LIMIT 64) x))"

// hot asks for what nearly each command decides by: first confirmations, then their messages,
// and what those who hold a message's lock write after both. The server plans each statement anew, so that
// none asks for more than there is to be found.
func hot(b *pgx.Batch, s *store.Set, k *store.Keys, l locks) {
	if len(k.Instances) > 0 {
		b.Queue("SELECT "+instanceColumns+" FROM instances WHERE id = ANY($1)"+l.own, k.Instances).Query(each(scanInstance, func(in *store.Instance) { s.Instances[in.ID] = *in }))
	}
	queueConfirmations(b, s, k, l)
	if len(k.Messages)+len(k.Whole) > 0 {
		which, args := "ANY($1)", []any{ints(k.Messages)}
		if len(k.Whole) > 0 {
			which, args = asked, append(args, ints(k.Whole), endsOf(ints(k.Whole)))
		}
		b.Queue("SELECT "+messageColumns+" FROM messages m WHERE id = "+which+l.messages, args...).
			Query(each(scanMessage, func(m *store.Message) { s.Messages[m.ID] = *m }))
		b.Queue("SELECT "+claimColumns+" FROM claims WHERE message = "+which, args...).
			Query(each(scanClaim, func(c *store.Claim) { s.Claims[c.Message] = *c }))
		if !k.Shown {
			b.Queue("SELECT message, count(*) FROM attempts WHERE verdict = 'uncertain' AND message = "+which+" GROUP BY message", args...).
				Query(each(scanPair, func(p *[2]int64) { s.Doubts[waxwing.ID(p[0])] = int(p[1]) }))
		}
	}
	if len(k.People) > 0 {
		b.Queue("SELECT hash FROM suppressions WHERE hash = ANY($1)", hashes(k.People)).Query(each(scanHash, func(h *store.Hash) { s.Suppressed[*h] = true }))
	}
}

// queueConfirmations asks for confirmations by id, by key, or by both.
func queueConfirmations(b *pgx.Batch, s *store.Set, k *store.Keys, l locks) {
	ids, keys := ints(k.Confirmations, k.Whole), hashes(k.Keys)
	which, args := "id = ANY($1) OR key = ANY($2)", []any{ids, keys}
	switch {
	case len(ids) == 0 && len(keys) == 0:
		return
	case len(ids) == 0:
		which, args = "key = ANY($1)", []any{keys}
	case len(keys) == 0:
		which, args = "id = ANY($1)", []any{ids}
	}
	b.Queue("SELECT "+confirmationColumns+" FROM confirmations WHERE "+which+l.rows, args...).
		Query(each(scanConfirmation, func(c *store.Confirmation) { s.Confirmations[c.ID], s.Keys[c.Key] = *c, c.ID }))
}

// each calls f with each row that a query gives.
func each[T any](scan func(pgx.Rows, *T) error, f func(*T)) func(pgx.Rows) error {
	return func(r pgx.Rows) error {
		for r.Next() {
			var x T
			if err := scan(r, &x); err != nil {
				return err
			}
			f(&x)
		}
		return r.Err()
	}
}

// endsOf are the ids behind all of confirmations', each. They are arguments, and not
// calculated by a statement: see the tables' policies.
func endsOf(confirmations []int64) []int64 {
	out := make([]int64, len(confirmations))
	for i, id := range confirmations {
		out[i] = id + store.IDStep
	}
	return out
}

func ints(lists ...[]waxwing.ID) []int64 {
	out := []int64{}
	for _, ids := range lists {
		for _, id := range ids {
			out = append(out, int64(id))
		}
	}
	return out
}

func hashes(hs []store.Hash) [][]byte {
	out := make([][]byte, len(hs))
	for i := range hs {
		out[i] = hs[i][:]
	}
	return out
}

func scanPair(r pgx.Rows, p *[2]int64) error { return r.Scan(&p[0], &p[1]) }

func scanHash(r pgx.Rows, h *store.Hash) error {
	var b []byte
	err := r.Scan(&b)
	copy(h[:], b)
	return err
}

func scanInstance(r pgx.Rows, in *store.Instance) error {
	return r.Scan(&in.ID, &in.Epoch, &in.Started, &in.Stopped, &in.Lease, &in.Sends)
}

func scanConfirmation(r pgx.Rows, c *store.Confirmation) error {
	var key []byte
	err := r.Scan((*int64id)(&c.ID), &c.Tenant, &key, (*string)(&c.Kind), &c.Part, (*string)(&c.Shop), &c.Format, (*string)(&c.State), &c.Reason, &c.Event,
		&c.Updated, &c.Rank, &c.Asked, &c.Due, &c.Released, &c.Messages, &c.Events, &c.DEK, &c.Trail)
	copy(c.Key[:], key)
	return err
}

func scanMessage(r pgx.Rows, m *store.Message) error {
	return r.Scan((*int64id)(&m.ID), &m.Tenant, (*string)(&m.Channel), (*string)(&m.State), &m.Reason, &m.Locale, &m.Resend, &m.NextAt, &m.Expires, &m.Tries,
		&m.Faults, &m.DownSince, &m.Attempts, &m.Released, &m.Digest, (*string)(&m.Act.By), &m.Act.Reason, &m.Revision, &m.Trail)
}

func scanClaim(r pgx.Rows, k *store.Claim) error {
	return r.Scan((*int64id)(&k.Message), &k.Instance, &k.Dot, &k.At, &k.Expires, &k.Provider, &k.Trail)
}

func scanAttempt(r pgx.Rows, a *store.Attempt) error {
	return r.Scan((*int64id)(&a.Message), &a.N, &a.Provider, (*string)(&a.Verdict), (*string)(&a.Fault), (*string)(&a.Phase), &a.Code, &a.Enhanced,
		&a.Began, &a.Ended, &a.Sealed)
}

// int64id is an id as a column has it.
type int64id waxwing.ID

// ScanInt64 reads it: see pgtype.Int64Scanner.
func (id *int64id) ScanInt64(v pgtype.Int8) error {
	*id = int64id(v.Int64)
	return nil
}
