package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Orders are confirmations on their way from their event to their messages.
type Orders struct {
	p       *shared
	plugins *Plugins
}

// Work gives what is to be normalised and rendered. A confirmation that needs
// no work is ErrState.
func (o *Orders) Work(ctx context.Context, id waxwing.ID) (*waxwing.Work, error) {
	w, spoiled, err := o.p.reader.OpenWork(ctx, id)
	if spoiled != nil {
		return nil, errors.Join(err, o.spoil(ctx, spoiled))
	}
	return w, err
}

// spoil quarantines a confirmation whose event can never be read again: its seal is
// broken, or it is gone. It would go round for ever.
func (o *Orders) spoil(ctx context.Context, f *store.Confirmation) error {
	if f.State != waxwing.Received && f.State != waxwing.Held {
		return nil
	}
	return o.p.Writer.Do(ctx, func(ctx context.Context, g *Group) error {
		s, err := g.Load(ctx, &store.Keys{Confirmations: []waxwing.ID{f.ID}})
		if err != nil {
			return err
		}
		c := s.Spoil(machine.Seen{ID: f.ID, State: f.State, Event: f.Event})
		return g.Apply(ctx, &c)
	})
}

// Ready records what was rendered: the gate has let the confirmation through
// and its messages are queued. It fails with ErrState where another event, a
// person or another worker was faster; then nothing has happened. Each draft has its sealed
// content afterwards.
func (o *Orders) Ready(ctx context.Context, w *waxwing.Work, drafts []waxwing.Draft, lk waxwing.Lookup, ttl time.Duration) ([]waxwing.ID, error) {
	t, dek, err := o.p.reader.KeysFor(ctx, w.ID)
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
		if sealed[i], err = o.p.Contents.SealDraft(t, &dek, ids[i], &drafts[i]); err != nil {
			return nil, err
		}
	}
	hashes := o.p.Lookups.Index(t, lk)
	runs, err := o.plugins.sealRuns(t, w, &dek)
	if err != nil {
		return nil, err
	}
	keys := &store.Keys{Confirmations: []waxwing.ID{w.ID}}
	for i := range sealed {
		keys.People = append(keys.People, sealed[i].People...)
	}
	err = o.p.Writer.DoFor(ctx, keys, func(ctx context.Context, g *Group) error {
		s, err := g.Load(ctx, keys)
		if err != nil {
			return err
		}
		c, err := s.Ready(seen(w), sealed, hashes, ttl)
		if err != nil {
			return o.late(g, w.ID, err)
		}
		o.rememberOne(g, &c, &seal.Entry{Tenant: t, DEK: dek, Shop: w.Shop}, drafts)
		if err := g.Apply(ctx, &c); err != nil {
			return err
		}
		return o.plugins.insertRuns(ctx, g, t, w.ID, runs)
	})
	if err != nil {
		return nil, err
	}
	for i := range sealed {
		drafts[i].Sealed = sealed[i].Body
	}
	return ids, nil
}

func seen(w *waxwing.Work) machine.Seen {
	return machine.Seen{ID: w.ID, State: w.State, Event: w.Version, Next: w.Next}
}

// late forgets what is remembered of a confirmation that something else was done to: it
// may be older than the row, and were it kept, every later try would fail as well.
func (o *Orders) late(g *Group, id waxwing.ID, err error) error {
	o.p.drop(g, id)
	return err
}

// rememberOne keeps the bytes of the first message that is to be sent, in an entry that has
// the rest already; where there is none the confirmation is not needed any more.
func (o *Orders) rememberOne(g *Group, c *machine.Changes, e *seal.Entry, drafts []waxwing.Draft) {
	for i := range c.Messages {
		if c.Messages[i].State == waxwing.Queued {
			e.Out = seal.OutgoingOf(c.Messages[i].ID, e.Tenant, &drafts[i])
			g.After(func() { o.p.Cache.Put(store.ConfirmationOf(e.Out.Message), e) })
			return
		}
	}
	o.p.drop(g, c.Confirmations[0].ID)
}

// settle moves a confirmation that is not ready to another waiting or final
// state, if it is still as the work says.
func (o *Orders) settle(ctx context.Context, w *waxwing.Work, to machine.Settled, lk waxwing.Lookup) error {
	t, dek, err := o.p.reader.KeysFor(ctx, w.ID)
	if err != nil {
		return err
	}
	hashes := o.p.Lookups.Index(t, lk)
	if w.State == waxwing.Received && !lk.Whole {
		hashes = append(hashes, o.p.Lookups.Unreadable(t, w.Raw)...)
	}
	runs, err := o.plugins.sealRuns(t, w, &dek)
	if err != nil {
		return err
	}
	return o.p.Writer.Do(ctx, func(ctx context.Context, g *Group) error {
		s, err := g.Load(ctx, &store.Keys{Confirmations: []waxwing.ID{w.ID}})
		if err != nil {
			return err
		}
		c, err := s.Settle(seen(w), to, hashes)
		if err != nil {
			return o.late(g, w.ID, err)
		}
		o.p.drop(g, w.ID)
		if err := g.Apply(ctx, &c); err != nil {
			return err
		}
		return o.plugins.insertRuns(ctx, g, t, w.ID, runs)
	})
}

// Hold keeps a confirmation at the gate until a later event or the given time.
func (o *Orders) Hold(ctx context.Context, w *waxwing.Work, reason string, until time.Time, lk waxwing.Lookup) error {
	return o.settle(ctx, w, machine.Settled{State: waxwing.Held, Reason: reason, Cause: machine.CauseGate, Due: ms(until)}, lk)
}

// Quarantine keeps a confirmation that cannot be normalised, with the reason,
// under whatever could be read of its order.
func (o *Orders) Quarantine(ctx context.Context, w *waxwing.Work, reason string, lk waxwing.Lookup) error {
	return o.settle(ctx, w, machine.Settled{State: waxwing.Quarantined, Reason: reason, Cause: machine.CausePoison}, lk)
}

// Cancel ends a confirmation before anything was rendered.
func (o *Orders) Cancel(ctx context.Context, w *waxwing.Work, reason string, lk waxwing.Lookup) error {
	cause := machine.CauseOrderGone
	if reason == machine.CauseHoldExpired {
		cause = reason
	}
	return o.settle(ctx, w, machine.Settled{State: waxwing.Cancelled, Reason: reason, Cause: cause}, lk)
}
