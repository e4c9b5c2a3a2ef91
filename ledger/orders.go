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
	claims  *Claims
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
// person or another worker was faster; then nothing has happened.
func (o *Orders) Ready(ctx context.Context, w *waxwing.Work, drafts []waxwing.Draft, lk waxwing.Lookup, ttl time.Duration) ([]waxwing.ID, error) {
	r, err := o.rendered(ctx, w, drafts, lk)
	if err == nil {
		err = r.record(ctx, ttl, nil)
	}
	if err != nil {
		return nil, err
	}
	return r.ids, nil
}

// ReadyAndClaim is Ready, and claims the first message that is queued in the same commit, for
// whoever sends it at once: a commit's wait less for the customer. A nil claim: there was
// nothing to take, or its content could not be read back, and the sweeper finds it.
func (o *Orders) ReadyAndClaim(ctx context.Context, w *waxwing.Work, drafts []waxwing.Draft, lk waxwing.Lookup, ttl time.Duration) ([]waxwing.ID, *waxwing.Claim, error) {
	r, err := o.rendered(ctx, w, drafts, lk)
	if err != nil {
		return nil, nil, err
	}
	var m *claimed
	err = r.record(ctx, ttl, func(ctx context.Context, g *Group, id waxwing.ID) error {
		s, err := g.Load(ctx, &store.Keys{Messages: []waxwing.ID{id}})
		if err == nil {
			m, err = o.claims.take(ctx, g, s, id)
		}
		return err
	})
	if err != nil || m == nil {
		return r.ids, nil, err
	}
	c, err := o.claims.fill(context.WithoutCancel(ctx), m)
	if err != nil {
		o.p.Log.Error("message not claimed; the sweeper tries again", "message", m.ID, "err", err)
		return r.ids, nil, nil
	}
	return r.ids, c, nil
}

// rendered is what was made of a confirmation's work, sealed, on its way into the ledger.
type rendered struct {
	o      *Orders
	w      *waxwing.Work
	drafts []waxwing.Draft
	t      *seal.Tenant
	dek    seal.Key
	ids    []waxwing.ID
	sealed []machine.Draft
	hashes []seal.Hash
	runs   []sealedRun
}

func (o *Orders) rendered(ctx context.Context, w *waxwing.Work, drafts []waxwing.Draft, lk waxwing.Lookup) (*rendered, error) {
	t, dek, err := o.p.reader.KeysFor(ctx, w.ID)
	if err != nil {
		return nil, err
	}
	r := &rendered{o: o, w: w, drafts: drafts, t: t, dek: dek, ids: make([]waxwing.ID, len(drafts)), sealed: make([]machine.Draft, len(drafts))}
	for i := range drafts {
		r.ids[i] = w.ID | waxwing.ID(w.Next+i)
		if w.Next+i >= store.IDStep {
			return nil, waxwing.Permanent(errors.New("a confirmation has at most 63 messages"))
		}
		if r.sealed[i], err = o.p.Contents.SealDraft(t, &dek, r.ids[i], &drafts[i]); err != nil {
			return nil, err
		}
	}
	r.hashes = o.p.Lookups.Index(t, lk)
	r.runs, err = o.plugins.sealRuns(t, w, &dek)
	return r, err
}

// record commits it. then, if any, is called in the same group with the first message that is
// queued.
func (r *rendered) record(ctx context.Context, ttl time.Duration, then func(context.Context, *Group, waxwing.ID) error) error {
	o, w := r.o, r.w
	return o.p.Writer.Do(ctx, func(ctx context.Context, g *Group) error {
		keys := &store.Keys{Confirmations: []waxwing.ID{w.ID}}
		for i := range r.sealed {
			keys.People = append(keys.People, r.sealed[i].People...)
		}
		s, err := g.Load(ctx, keys)
		if err != nil {
			return err
		}
		c, err := s.Ready(seen(w), r.sealed, r.hashes, ttl)
		if err != nil {
			return o.late(g, w.ID, err)
		}
		first := o.rememberOne(g, &c, &seal.Entry{Tenant: r.t, DEK: r.dek, Shop: w.Shop}, r.drafts)
		if err := g.Apply(ctx, &c); err != nil {
			return err
		}
		if err := o.plugins.insertRuns(ctx, g, r.t, w.ID, r.runs); err != nil || then == nil || first == 0 {
			return err
		}
		return then(ctx, g, first)
	})
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
// the rest already, and gives its id; where there is none, 0, the confirmation is not needed any more.
func (o *Orders) rememberOne(g *Group, c *machine.Changes, e *seal.Entry, drafts []waxwing.Draft) waxwing.ID {
	for i := range c.Messages {
		if c.Messages[i].State == waxwing.Queued {
			e.Out = seal.OutgoingOf(c.Messages[i].ID, e.Tenant, &drafts[i])
			g.After(func() { o.p.Cache.Put(store.ConfirmationOf(e.Out.Message), e) })
			return e.Out.Message
		}
	}
	o.p.drop(g, c.Confirmations[0].ID)
	return 0
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
