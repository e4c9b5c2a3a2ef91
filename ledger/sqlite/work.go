package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Work gives what is to be normalised and rendered. A confirmation that needs
// no work is ErrState.
func (l *Ledger) Work(ctx context.Context, id waxwing.ID) (*waxwing.Work, error) {
	w, spoiled, err := l.OpenWork(ctx, id)
	if spoiled != nil {
		return nil, errors.Join(err, l.spoil(ctx, spoiled))
	}
	return w, err
}

// spoil quarantines a confirmation whose event can never be read again: its seal is
// broken, or it is gone. It would go round for ever.
func (l *Ledger) spoil(ctx context.Context, f *store.Confirmation) error {
	if f.State != waxwing.Received && f.State != waxwing.Held {
		return nil
	}
	return l.do(ctx, func(ctx context.Context, t *tx) error {
		s, err := t.load(ctx, &store.Keys{Confirmations: []waxwing.ID{f.ID}})
		if err != nil {
			return err
		}
		c := s.Spoil(machine.Seen{ID: f.ID, State: f.State, Event: f.Event})
		return t.apply(ctx, &c)
	})
}

// Ready records what was rendered: the gate has let the confirmation through
// and its messages are queued. It fails with ErrState where another event, a
// person or another worker was faster; then nothing has happened.
func (l *Ledger) Ready(ctx context.Context, w *waxwing.Work, drafts []waxwing.Draft, lk waxwing.Lookup, ttl time.Duration) ([]waxwing.ID, error) {
	t, dek, err := l.KeysFor(ctx, w.ID)
	if err != nil {
		return nil, err
	}
	sealed := make([]machine.Draft, len(drafts))
	ids := make([]waxwing.ID, len(drafts))
	for i := range drafts {
		ids[i] = w.ID | waxwing.ID(w.Next+i)
		if w.Next+i >= store.IDStep {
			return nil, waxwing.Permanent(errors.New("a confirmation has at most 63 messages"))
		}
		if sealed[i], err = l.contents.SealDraft(t, &dek, ids[i], &drafts[i]); err != nil {
			return nil, err
		}
	}
	hashes := l.lookups.Index(t, lk)
	runs, err := l.sealRuns(t, w, &dek)
	if err != nil {
		return nil, err
	}
	err = l.do(ctx, func(ctx context.Context, tx *tx) error {
		keys := &store.Keys{Confirmations: []waxwing.ID{w.ID}}
		for i := range sealed {
			keys.People = append(keys.People, sealed[i].People...)
		}
		s, err := tx.load(ctx, keys)
		if err != nil {
			return err
		}
		c, err := s.Ready(seen(w), sealed, hashes, ttl)
		if err != nil {
			return tx.late(w.ID, err)
		}
		tx.rememberOne(t, dek, w.Shop, drafts, &c)
		if err := tx.apply(ctx, &c); err != nil {
			return err
		}
		return tx.insertRuns(t, w.ID, runs)
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

func seen(w *waxwing.Work) machine.Seen {
	return machine.Seen{ID: w.ID, State: w.State, Event: w.Version, Next: w.Next}
}

// late forgets what is remembered of a confirmation that something else was done to: it
// may be older than the row, and were it kept, every later try would fail as well.
func (t *tx) late(id waxwing.ID, err error) error {
	t.after = append(t.after, func() { t.l.hot.Drop(id) })
	return err
}

// rememberOne keeps the bytes of the first message that is to be sent; where there is
// none the confirmation is not needed any more.
func (t *tx) rememberOne(tn *ledger.Tenant, dek ledger.Key, shop waxwing.ShopID, drafts []waxwing.Draft, c *machine.Changes) {
	for i := range c.Messages {
		if c.Messages[i].State == waxwing.Queued {
			t.rememberMessage(c.Messages[i].ID, tn, dek, shop, &drafts[i])
			return
		}
	}
	id := c.Confirmations[0].ID
	t.after = append(t.after, func() { t.l.hot.Drop(id) })
}

func (t *tx) rememberMessage(id waxwing.ID, tn *ledger.Tenant, dek ledger.Key, shop waxwing.ShopID, d *waxwing.Draft) {
	out := ledger.OutgoingOf(id, tn, d)
	conf := store.ConfirmationOf(id)
	t.after = append(t.after, func() {
		t.l.hot.Put(conf, &ledger.Entry{Tenant: tn, DEK: dek, Shop: shop, Out: out})
	})
}

// settle moves a confirmation that is not ready to another waiting or final
// state, if it is still as the work says.
func (l *Ledger) settle(ctx context.Context, w *waxwing.Work, to waxwing.State, reason, cause string, due time.Time, lk waxwing.Lookup) error {
	tn, dek, err := l.KeysFor(ctx, w.ID)
	if err != nil {
		return err
	}
	hashes := l.lookups.Index(tn, lk)
	if w.State == waxwing.Received && !lk.Whole {
		hashes = append(hashes, l.lookups.Unreadable(tn, w.Raw)...)
	}
	runs, err := l.sealRuns(tn, w, &dek)
	if err != nil {
		return err
	}
	return l.do(ctx, func(ctx context.Context, t *tx) error {
		s, err := t.load(ctx, &store.Keys{Confirmations: []waxwing.ID{w.ID}})
		if err != nil {
			return err
		}
		c, err := s.Settle(seen(w), to, reason, cause, ms(due), hashes)
		if err != nil {
			return t.late(w.ID, err)
		}
		t.after = append(t.after, func() { t.l.hot.Drop(w.ID) })
		if err := t.apply(ctx, &c); err != nil {
			return err
		}
		return t.insertRuns(tn, w.ID, runs)
	})
}

// Hold keeps a confirmation at the gate until a later event or the given time.
func (l *Ledger) Hold(ctx context.Context, w *waxwing.Work, reason string, until time.Time, lk waxwing.Lookup) error {
	return l.settle(ctx, w, waxwing.Held, reason, machine.CauseGate, until, lk)
}

// Quarantine keeps a confirmation that cannot be normalised, with the reason,
// under whatever could be read of its order.
func (l *Ledger) Quarantine(ctx context.Context, w *waxwing.Work, reason string, lk waxwing.Lookup) error {
	return l.settle(ctx, w, waxwing.Quarantined, reason, machine.CausePoison, time.Time{}, lk)
}

// Cancel ends a confirmation before anything was rendered.
func (l *Ledger) Cancel(ctx context.Context, w *waxwing.Work, reason string, lk waxwing.Lookup) error {
	cause := machine.CauseOrderGone
	if reason == machine.CauseHoldExpired {
		cause = reason
	}
	return l.settle(ctx, w, waxwing.Cancelled, reason, cause, time.Time{}, lk)
}
