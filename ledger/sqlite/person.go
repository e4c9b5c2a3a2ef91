package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Add queues one more message of a confirmation that a person asked for.
func (l *Ledger) Add(ctx context.Context, w *waxwing.Work, d *waxwing.Draft, ttl time.Duration) (waxwing.ID, error) {
	t, dek, err := l.KeysFor(ctx, w.ID)
	if err != nil {
		return 0, err
	}
	id := w.ID | waxwing.ID(w.Next)
	if w.Next >= store.IDStep {
		return 0, waxwing.Permanent(fmt.Errorf("a confirmation has at most %d messages: %w", store.IDStep-1, waxwing.ErrState))
	}
	s, err := l.contents.SealDraft(t, &dek, id, d)
	if err != nil {
		return 0, err
	}
	runs, err := l.sealRuns(t, w, &dek)
	if err != nil {
		return 0, err
	}
	return id, l.do(ctx, func(ctx context.Context, tx *tx) error {
		set, err := tx.load(ctx, &store.Keys{Confirmations: []waxwing.ID{w.ID}, People: s.People})
		if err != nil {
			return err
		}
		c, err := set.Add(seen(w), &s, ttl)
		if err != nil {
			return err
		}
		if err := tx.apply(ctx, &c); err != nil {
			return err
		}
		return tx.insertRuns(t, w.ID, runs)
	})
}

// Release puts a held or quarantined confirmation back to work because a
// person asked for it: its age no longer counts.
func (l *Ledger) Release(ctx context.Context, tid waxwing.TenantID, id waxwing.ID, act waxwing.Act) error {
	tn, err := l.keys.Tenant(tid)
	if err != nil {
		return err
	}
	return l.do(ctx, func(ctx context.Context, t *tx) error {
		s, err := t.load(ctx, &store.Keys{Whole: []waxwing.ID{id}})
		if err != nil {
			return err
		}
		c, err := s.Release(tn.No, id, act)
		if err != nil {
			return err
		}
		t.after = append(t.after, func() { t.l.hot.Drop(id) })
		return t.apply(ctx, &c)
	})
}

// Stop cancels what has not passed its commit point. ErrState says that
// nothing could be cancelled: sent, being handed over at this moment, or over.
func (l *Ledger) Stop(ctx context.Context, tid waxwing.TenantID, id waxwing.ID, act waxwing.Act) error {
	tn, err := l.keys.Tenant(tid)
	if err != nil {
		return err
	}
	return l.do(ctx, func(ctx context.Context, t *tx) error {
		s, err := t.load(ctx, &store.Keys{Whole: []waxwing.ID{id}})
		if err != nil {
			return err
		}
		c, err := s.Stop(tn.No, id, tn.Key.Index(ledger.Unread), act)
		if err != nil {
			return err
		}
		t.after = append(t.after, func() { t.l.hot.Drop(id) })
		return t.apply(ctx, &c)
	})
}

// Suppress keeps an address from being mailed, and stops what is queued for it.
func (l *Ledger) Suppress(ctx context.Context, tid waxwing.TenantID, address string, act waxwing.Act) error {
	tn, err := l.keys.Tenant(tid)
	if err != nil {
		return err
	}
	h := tn.Key.Index("person", ledger.NormalisePerson(address))
	return l.do(ctx, func(ctx context.Context, t *tx) error {
		s, err := t.load(ctx, &store.Keys{Lookups: []ledger.Hash{h}})
		if err != nil {
			return err
		}
		ids := s.Found[h]
		if s, err = t.load(ctx, &store.Keys{Whole: ids, People: []ledger.Hash{h}}); err != nil {
			return err
		}
		for _, id := range ids {
			t.after = append(t.after, func() { t.l.hot.Drop(id) })
		}
		c := s.Suppress(tn.No, tid, h, ids, act)
		return t.apply(ctx, &c)
	})
}
