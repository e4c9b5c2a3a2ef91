package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/pack"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/store"
)

var _ store.Tx = (*dbTx)(nil)

// Apply writes changes, but not their entries.
func (t *dbTx) Apply(_ context.Context, c *store.Changes) (lost []waxwing.ID, err error) {
	t.renamed = t.renamed[:0]
	if err := (indexing{t}).take(c); err != nil {
		return nil, err
	}
	for i := range c.Confirmations { // first: it may be lost, and then nothing else is written
		taken, err := t.putConfirmation(&c.Confirmations[i])
		if err != nil {
			return nil, err
		}
		if taken {
			delete(t.d.recent.of, c.Confirmations[i].ID)
			return []waxwing.ID{c.Confirmations[i].ID}, nil
		}
	}
	for _, id := range c.Freed {
		if _, err := t.exec("DELETE FROM claims WHERE message=?", int64(id)); err != nil {
			return nil, err
		}
	}
	for i := range c.Messages {
		if err := t.putMessage(&c.Messages[i], c); err != nil {
			return nil, err
		}
	}
	for i := range c.Claims {
		if err := t.putClaim(&c.Claims[i]); err != nil {
			return nil, err
		}
	}
	if err := t.putRest(c); err != nil {
		return nil, err
	}
	if err := t.putOwn(c); err != nil {
		return nil, err
	}
	if c.Batch != nil {
		if err := t.putBatch(c.Batch); err != nil {
			return nil, err
		}
	}
	t.d.rows.keep(c)
	return nil, nil
}

// putConfirmation writes a row. taken: it is new, and another one has its key.
func (t *dbTx) putConfirmation(r *store.Confirmation) (taken bool, err error) {
	old, there := t.d.loaded.Confirmations[r.ID]
	if !there {
		n, err := t.exec(`INSERT INTO confirmations (id, tenant, key, shop, format, state, reason, event, updated, rank, due, dek, trail, named)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (key) DO NOTHING`, int64(r.ID), r.Tenant, r.Key[:], string(r.Shop), r.Format,
			string(r.State), r.Reason, r.Event, r.Updated, r.Rank, db.Nullable(r.Due), r.DEK, r.Trail, (indexing{t}).named(r.ID))
		if err == nil && n > 0 && (r.Kind != "" || r.Part != "") { // an order's own have neither
			_, err = t.exec("UPDATE confirmations SET kind=?, part=? WHERE id=?", text(r.Kind), text(r.Part), int64(r.ID))
		}
		if err == nil && n > 0 {
			err = (indexing{t}).settle(r.ID)
		}
		return err == nil && n == 0, err
	}
	if slices.Contains(t.renamed, r.ID) {
		_, err = t.exec("UPDATE confirmations SET state=?, reason=?, due=?, released=?, messages=?, trail=?, named=? WHERE id=?",
			string(r.State), r.Reason, db.Nullable(r.Due), db.Nullable(r.Released), r.Messages, r.Trail, (indexing{t}).named(r.ID), int64(r.ID))
	} else {
		_, err = t.exec("UPDATE confirmations SET state=?, reason=?, due=?, released=?, messages=?, trail=? WHERE id=?",
			string(r.State), r.Reason, db.Nullable(r.Due), db.Nullable(r.Released), r.Messages, r.Trail, int64(r.ID))
	}
	// What changes seldom is written apart: each column of a statement costs.
	if err == nil && (r.Format != old.Format || r.Event != old.Event || r.Updated != old.Updated || r.Rank != old.Rank || r.Asked != old.Asked || r.Events != old.Events) {
		_, err = t.exec("UPDATE confirmations SET format=?, event=?, updated=?, rank=?, asked=?, events=? WHERE id=?",
			r.Format, r.Event, r.Updated, r.Rank, one(r.Asked), r.Events, int64(r.ID))
	}
	if err == nil && r.Erased() && !old.Erased() {
		_, err = t.exec("UPDATE confirmations SET dek=NULL WHERE id=?", int64(r.ID))
	}
	return false, err
}

func (t *dbTx) putBatch(b *store.Batch) error {
	t.d.packed = pack.Lines(t.d.packed[:0], b.Entries)
	_, err := t.exec("INSERT INTO trail (batch, instance, first, last, entries, head) VALUES (?,?,?,?,?,?)",
		b.N, b.Instance, b.First, b.Last, t.d.packed, b.Head)
	t.wrote = &store.Batch{N: b.N, Instance: b.Instance, First: b.First, Last: b.Last, Head: bytes.Clone(b.Head)}
	return err
}

func (t *dbTx) putMessage(m *store.Message, c *store.Changes) error {
	if _, there := t.d.loaded.Messages[m.ID]; !there {
		_, err := t.exec(`INSERT INTO messages (id, tenant, channel, state, reason, locale, resend, next_at, expires, released, digest, trail, first)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`, int64(m.ID), m.Tenant, string(m.Channel), string(m.State), m.Reason, m.Locale,
			one(m.Resend), db.Nullable(m.NextAt), m.Expires, m.Released, m.Digest, m.Trail, firstRoom)
		if err == nil && (m.Act != (waxwing.Act{}) || m.Revision != "") { // few have them
			_, err = t.exec("UPDATE messages SET actor=?, why=?, revision=? WHERE id=?", text(m.Act.By), text(m.Act.Reason), text(m.Revision), int64(m.ID))
		}
		return err
	}
	for i := range c.Attempts {
		if a := &c.Attempts[i]; t.d.first(m, a) {
			_, err := t.exec("UPDATE messages SET state=?, reason=?, next_at=?, tries=?, faults=?, down_since=?, attempts=?, trail=?, first=?, answer=? WHERE id=?",
				string(m.State), m.Reason, db.Nullable(m.NextAt), m.Tries, m.Faults, m.DownSince, m.Attempts, m.Trail, firstText(a), a.Sealed, int64(m.ID))
			return err
		}
	}
	_, err := t.exec("UPDATE messages SET state=?, reason=?, next_at=?, tries=?, faults=?, down_since=?, attempts=?, trail=? WHERE id=?",
		string(m.State), m.Reason, db.Nullable(m.NextAt), m.Tries, m.Faults, m.DownSince, m.Attempts, m.Trail, int64(m.ID))
	return err
}

func (t *dbTx) putClaim(k *store.Claim) error {
	if _, there := t.d.loaded.Claims[k.Message]; !there {
		_, err := t.exec("INSERT INTO claims (message, instance, at, expires, trail) VALUES (?,?,?,?,?)",
			int64(k.Message), k.Instance, k.At, k.Expires, k.Trail)
		return err
	}
	_, err := t.exec("UPDATE claims SET dot=?, provider=?, at=?, trail=? WHERE message=?", one(k.Dot), k.Provider, k.At, k.Trail, int64(k.Message))
	return err
}

// putRest writes what has no state.
func (t *dbTx) putRest(c *store.Changes) error {
	for i := range c.Events {
		e := &c.Events[i]
		if _, err := t.exec("INSERT INTO events (id, source, topic, at, updated, body) VALUES (?,?,?,?,?,?)",
			int64(e.ID), e.Source, e.Topic, e.At, e.Updated, e.Body); err != nil {
			return err
		}
	}
	t.contents = append(t.contents, c.Contents...) // written with the group's others: see putContents
	if len(c.Destroyed) > 0 || c.Expired != nil {
		if err := putContents(t); err != nil {
			return err
		}
	}
	for i := range c.Annotations {
		a := &c.Annotations[i]
		if _, err := t.exec("INSERT INTO annotations (message, kind, at, provider, sealed, class) VALUES (?,?,?,?,?,nullif(?,'')) ON CONFLICT DO NOTHING",
			int64(a.Message), string(a.Kind), a.At, a.Provider, a.Sealed, a.Class); err != nil {
			return err
		}
	}
	for i := range c.Attempts {
		a := &c.Attempts[i]
		if slices.ContainsFunc(c.Messages, func(m store.Message) bool { return t.d.first(&m, a) }) {
			continue
		}
		if _, err := t.exec(`INSERT INTO attempts (message, n, provider, verdict, fault, phase, code, enhanced, began, ended, sealed)
			SELECT ?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11 WHERE ?2>1 OR NOT EXISTS (SELECT 1 FROM messages WHERE id=?1 AND `+isFirst+`)
			ON CONFLICT DO NOTHING`, int64(a.Message), a.N, a.Provider, string(a.Verdict), string(a.Fault),
			string(a.Phase), a.Code, a.Enhanced, a.Began, a.Ended, a.Sealed); err != nil {
			return err
		}
	}
	for _, id := range c.Destroyed {
		if err := t.destroy(id); err != nil {
			return err
		}
	}
	if len(c.Destroyed) > 0 {
		if err := t.toScrub(true); err != nil {
			return err
		}
	}
	for _, h := range c.Lifted {
		if err := lift(t, h); err != nil {
			return err
		}
	}
	for i := range c.Suppressions {
		if err := suppress(t, &c.Suppressions[i]); err != nil {
			return err
		}
	}
	return nil
}

func suppress(t *dbTx, x *store.Suppression) error {
	if _, err := t.exec("INSERT INTO suppressions (hash, tenant, at, cause, class, reason, actor) VALUES (?,?,?,?,nullif(?,''),nullif(?,''),nullif(?,'')) ON CONFLICT DO NOTHING",
		x.Hash[:], x.Tenant, x.At, x.Cause, string(x.Class), x.Act.Reason, string(x.Act.By)); err != nil {
		return err
	}
	bar(t, x.Hash, true)
	return nil
}

func lift(t *dbTx, h store.Hash) error {
	if _, err := t.exec("DELETE FROM suppressions WHERE hash=?", h[:]); err != nil {
		return err
	}
	bar(t, h, false)
	return nil
}

// bar notes what the group has done to an address. Others hear of it after the commit: what is
// undone must bar nobody.
func bar(t *dbTx, h store.Hash, barred bool) {
	if t.barred == nil {
		t.barred = map[store.Hash]bool{}
	}
	t.barred[h] = barred
	t.after = append(t.after, func() {
		if barred {
			t.d.suppressed[h] = struct{}{}
		} else {
			delete(t.d.suppressed, h)
		}
	})
}

// isBarred says whether an address is suppressed as the group has it.
func isBarred(t *dbTx, h store.Hash) bool {
	if b, known := t.barred[h]; known {
		return b
	}
	_, b := t.d.suppressed[h]
	return b
}

// putContents writes the group's contents in the order of their ids: as they come they would
// each split the page between two others, which is then written, too.
func putContents(t *dbTx) error {
	slices.SortFunc(t.contents, func(a, b store.Content) int { return cmp.Compare(a.ID, b.ID) })
	for i := range t.contents {
		x := &t.contents[i]
		if _, err := t.exec("INSERT INTO contents (id, body) VALUES (?,?)", int64(x.ID), x.Body); err != nil {
			return err
		}
		if len(x.Ingredients) == 0 {
			continue
		}
		if _, err := t.exec("UPDATE contents SET ingredients=? WHERE id=?", x.Ingredients, int64(x.ID)); err != nil {
			return err
		}
	}
	t.contents = t.contents[:0]
	return nil
}

// destroy deletes what was sealed under a confirmation's key, and what it is found by.
func (t *dbTx) destroy(id waxwing.ID) error {
	lo, hi := int64(id), int64(id)+store.IDStep
	for _, q := range []string{
		"DELETE FROM events WHERE id>=? AND id<?", "DELETE FROM contents WHERE id>=? AND id<?",
		"UPDATE attempts SET sealed=NULL WHERE message>=? AND message<?",
		"UPDATE messages SET answer=NULL WHERE id>=? AND id<? AND answer IS NOT NULL",
		"UPDATE annotations SET sealed=NULL WHERE message>=? AND message<?",
	} {
		if _, err := t.exec(q, lo, hi); err != nil {
			return err
		}
	}
	if _, err := t.exec("DELETE FROM plugin_runs WHERE confirmation=?", lo); err != nil {
		return err
	}
	return (indexing{t}).unfind(id)
}

// text is a column's that most rows leave empty.
func text[T ~string](s T) any {
	if s == "" {
		return nil
	}
	return string(s)
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
