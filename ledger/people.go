package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
	"github.com/waxwinghq/waxwing/ledger/view"
)

// People are those who ask for something: a shop's staff, and whom its mails go to.
type People struct {
	p       *shared
	plugins *Plugins
}

// Add queues one more message of a confirmation that a person asked for.
func (x *People) Add(ctx context.Context, w *waxwing.Work, d *waxwing.Draft, ttl time.Duration) (waxwing.ID, error) {
	t, dek, err := x.p.reader.KeysFor(ctx, w.ID)
	if err != nil {
		return 0, err
	}
	id := w.ID | waxwing.ID(w.Next)
	if w.Next >= store.IDStep {
		return 0, waxwing.Permanent(fmt.Errorf("a confirmation has at most %d messages: %w", store.IDStep-1, waxwing.ErrState))
	}
	s, err := x.p.Contents.SealDraft(t, &dek, id, d)
	if err != nil {
		return 0, err
	}
	runs, err := x.plugins.sealRuns(t, w, &dek)
	if err != nil {
		return 0, err
	}
	return id, x.p.Writer.Do(ctx, func(ctx context.Context, g *Group) error {
		set, err := g.Load(ctx, &store.Keys{Confirmations: []waxwing.ID{w.ID}, People: s.People})
		if err != nil {
			return err
		}
		c, err := set.Add(seen(w), &s, ttl)
		if err != nil {
			return err
		}
		g.Tell() // whoever took the order in, where this process cannot send it now
		if err := g.Apply(ctx, &c); err != nil {
			return err
		}
		return x.plugins.insertRuns(ctx, g, t, w.ID, runs)
	})
}

// Release puts a held or quarantined confirmation back to work because a
// person asked for it: its age no longer counts.
func (x *People) Release(ctx context.Context, tid waxwing.TenantID, id waxwing.ID, act waxwing.Act) error {
	return x.whole(ctx, tid, id, func(g *Group, s *machine.Set, t *seal.Tenant) (machine.Changes, error) {
		c, err := s.Release(t.No, id, act)
		if err == nil {
			g.Tell() // likewise
		}
		return c, err
	})
}

// Stop cancels what has not passed its commit point. ErrState says that
// nothing could be cancelled: sent, being handed over at this moment, or over.
func (x *People) Stop(ctx context.Context, tid waxwing.TenantID, id waxwing.ID, act waxwing.Act) error {
	return x.whole(ctx, tid, id, func(_ *Group, s *machine.Set, t *seal.Tenant) (machine.Changes, error) {
		return s.Stop(t.No, id, t.Key.Index(view.Unread), act)
	})
}

// whole decides over a confirmation with all of its messages.
func (x *People) whole(ctx context.Context, tid waxwing.TenantID, id waxwing.ID, decide func(*Group, *machine.Set, *seal.Tenant) (machine.Changes, error)) error {
	t, err := x.p.Keys.Tenant(tid)
	if err != nil {
		return err
	}
	return x.p.Writer.Do(ctx, func(ctx context.Context, g *Group) error {
		s, err := g.Load(ctx, &store.Keys{Whole: []waxwing.ID{id}})
		if err != nil {
			return err
		}
		c, err := decide(g, s, t)
		if err != nil {
			return err
		}
		x.p.drop(g, id)
		return g.Apply(ctx, &c)
	})
}

// eraseBatch is how many confirmations an op of the writer erases.
const eraseBatch = 32

// Erase destroys the data keys and the content of every confirmation that names a
// person by a whole address or number, as the formats of their events read them. What is under way and has
// not passed its commit point is stopped. The trail stays and still verifies.
//
// An address that is none by the strict grammar is a Permanent error. Where what was
// found is of several people and Confirm is not its number, nothing is done and the
// error is ErrState, with what was found. What a store keeps in free places of its files
// goes later, and the store tells of it.
func (x *People) Erase(ctx context.Context, tid waxwing.TenantID, ask waxwing.Erase) (waxwing.Erasure, error) {
	var e waxwing.Erasure
	t, err := x.p.Keys.Tenant(tid)
	if err != nil {
		return e, err
	}
	found, err := x.p.tracer.Trace(ctx, t, ask.Address)
	e.Found, e.People = found.Found, found.People
	switch {
	case err != nil || ask.Dry:
		return e, err
	case e.People > 1 && ask.Confirm != len(e.Found):
		return e, fmt.Errorf("%d confirmations name this address or number, and they are of %d people: "+
			"look at them, and confirm their number to erase them all: %w", len(e.Found), e.People, waxwing.ErrState)
	}
	return e, x.erase(context.WithoutCancel(ctx), t, e.Found, ask.Act, &e.Erased)
}

// erase erases confirmations, some a group commit.
func (x *People) erase(ctx context.Context, t *seal.Tenant, ids []waxwing.ID, act waxwing.Act, count *int) error {
	for said := false; !said || len(ids) > 0; said = true {
		some := ids[:min(len(ids), eraseBatch)]
		ids = ids[len(some):]
		err := x.p.Writer.Do(ctx, func(ctx context.Context, g *Group) error {
			if !said {
				g.Entry(&machine.Entry{Cause: machine.CausePerson,
					Detail: append([][2]string{{"act", "erase"}, {"tenant", string(t.Name)}}, machine.Detail(act)...)})
			}
			erased := 0
			for _, id := range some {
				s, err := g.Load(ctx, &store.Keys{Whole: []waxwing.ID{id}})
				if err != nil {
					return err
				}
				c, ok := s.Erase(id, act)
				if !ok {
					continue
				}
				erased++
				x.p.drop(g, id)
				if err := g.Apply(ctx, &c); err != nil {
					return err
				}
			}
			g.After(func() { *count += erased })
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
