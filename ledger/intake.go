package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Intake records events.
type Intake struct{ p *shared }

// arrival is an event made ready outside the writer: keyed, packed, sealed.
type arrival struct {
	machine.Arrival
	t *seal.Tenant
	// former is the key that the order may be known by from former programs.
	former store.Hash
	ev     *waxwing.Event
	dek    seal.Key
}

// Accept records an event and returns when it is on disk. The same order again
// gives the same id. It never returns a receipt for what a crash could lose.
func (i *Intake) Accept(ctx context.Context, ev *waxwing.Event) (waxwing.Receipt, error) {
	t, err := i.p.Keys.Tenant(ev.Tenant)
	if err != nil {
		return waxwing.Receipt{}, err
	}
	a := &arrival{t: t, ev: ev, dek: seal.NewKey(), Arrival: machine.Arrival{Tenant: t.No, Kind: seal.OwnKind(ev.Key.Kind), Part: ev.Key.Part,
		Shop: ev.Shop, Format: ev.Format, Source: ev.Source,
		Updated: ms(ev.Key.UpdatedAt), Rank: int64(ev.Key.Rank), Poison: ev.Poison, Ignore: ev.Key.Ignore, Stale: ev.Stale, Old: ev.Old,
		Maybe: i.p.MaybeSent != nil && i.p.MaybeSent(ev), Hashes: i.p.Lookups.Index(t, ev.Lookup),
		Event: store.Event{Source: ev.Source, Topic: machine.Clip(ev.Topic, 64), At: ev.At.UnixMilli()}}}
	if a.Answer, a.Answers = ev.Source == waxwing.SourceFetch, ev.Answers; ev.Key.Bare != "" && ev.Poison == "" {
		a.Bare, a.Updated, a.Rank = true, 0, 0
	}
	a.Event.Updated = a.Updated
	switch {
	case ev.Source == waxwing.SourcePing:
		// Nobody signed it: one row a shop and day, however many come and whatever they hold.
		a.Key = t.Key.Index("ping", string(ev.Shop), ev.At.UTC().Format(time.DateOnly))
	case ev.Poison != "":
		a.Key = t.Key.Index("raw", string(ev.Shop), string(ev.Raw))
	case ev.Key.Ignore != "":
		a.Key = t.Key.Index("ignored", string(ev.Shop), rand.Text())
	case i.p.OrderKeys != nil:
		a.Key, a.former = i.p.OrderKeys(t, ev)
	default:
		a.Key = seal.OrderKey(t, ev.Shop, &ev.Key)
	}
	if state, _, _ := a.First(); state != waxwing.Received && ev.Source != waxwing.SourcePing && !ev.Lookup.Whole {
		a.Hashes = append(a.Hashes, i.p.Lookups.Unreadable(t, ev.Raw)...)
	}
	if a.former == (store.Hash{}) {
		a.former = a.Key
	}
	a.DEK = seal.WrapDEK(t, &a.dek, a.Key)
	a.seal(i.p.Contents)

	var rc waxwing.Receipt
	var old *store.Confirmation
	err = i.p.Writer.DoFor(ctx, &store.Keys{Keys: []store.Hash{a.Key}}, func(ctx context.Context, g *Group) error {
		var err error
		rc, old, err = i.accept(ctx, g, a)
		return err
	})
	if err == nil && old != nil {
		rc, err = i.replace(ctx, a, old)
	}
	return rc, err
}

func (a *arrival) seal(c *seal.Contents) { a.Event.Body = c.SealEvent(&a.dek, a.Key, a.ev.Raw) }

// accept records an event, or gives the confirmation that it is a newer one of. Nearly
// every event makes a confirmation, so that the key is looked for only where it is taken.
func (i *Intake) accept(ctx context.Context, g *Group, a *arrival) (rc waxwing.Receipt, old *store.Confirmation, err error) {
	if a.former != a.Key {
		s, err := g.Load(ctx, &store.Keys{Keys: []store.Hash{a.former}})
		if err != nil {
			return rc, nil, err
		}
		if _, known := s.Keys[a.former]; known {
			a.Key = a.former // what is sealed of it is bound to it
			return i.again(ctx, g, a)
		}
	}
	before := g.w.lastID
	a.ID = g.newID()
	s, err := g.Load(ctx, &store.Keys{})
	if err != nil {
		return rc, nil, err
	}
	c, rc, _ := s.Accept(&a.Arrival)
	if err = g.Apply(ctx, &c); errors.Is(err, errLost) {
		g.w.lastID = before
		return i.again(ctx, g, a)
	}
	if err == nil && rc.Work {
		i.remember(g, a)
	}
	return rc, nil, err
}

func (i *Intake) again(ctx context.Context, g *Group, a *arrival) (waxwing.Receipt, *store.Confirmation, error) {
	s, err := g.Load(ctx, &store.Keys{Keys: []store.Hash{a.Key}})
	if err != nil {
		return waxwing.Receipt{}, nil, err
	}
	c, rc, reseal := s.Accept(&a.Arrival)
	if reseal {
		old := s.Confirmations[rc.ID]
		return rc, &old, nil
	}
	return rc, nil, g.Apply(ctx, &c)
}

// remember keeps the event of a new confirmation, which is rendered next.
func (i *Intake) remember(g *Group, a *arrival) {
	e := &seal.Entry{Tenant: a.t, DEK: a.dek, Shop: a.ev.Shop, Work: &waxwing.Work{ID: a.ID, Tenant: a.ev.Tenant, Shop: a.ev.Shop, Format: a.ev.Format,
		Topic: a.ev.Topic, Raw: a.ev.Raw, State: waxwing.Received, Created: a.ID.Time(), Next: 1, Token: a.t.Key.Token(a.ID | 1)}}
	if i.p.Cache.Crowded() { // a burst: it waits for its turn
		e.Event, e.Work.Raw = &seal.Event{Key: a.Key, Body: a.Event.Body}, nil
	}
	g.After(func() { i.p.Cache.Put(e.Work.ID, e) })
}

// replace seals a newer event with the key of its confirmation and records it.
func (i *Intake) replace(ctx context.Context, a *arrival, old *store.Confirmation) (waxwing.Receipt, error) {
	dek, err := seal.UnwrapDEK(a.t, old.DEK, a.Key)
	if err != nil {
		return waxwing.Receipt{}, err
	}
	a.dek = dek
	a.seal(i.p.Contents)
	hashes, err := i.namedAnew(ctx, a, old)
	if err != nil {
		return waxwing.Receipt{}, err
	}
	a.Hashes = append(a.Hashes, hashes...)
	var rc waxwing.Receipt
	err = i.p.Writer.Do(ctx, func(ctx context.Context, g *Group) error {
		s, err := g.Load(ctx, &store.Keys{Keys: []store.Hash{a.Key}})
		if err != nil {
			return err
		}
		c, got, err := s.Replace(&a.Arrival)
		if err != nil {
			return err
		}
		rc = got
		if !c.Empty() {
			i.p.drop(g, rc.ID)
		}
		return g.Apply(ctx, &c)
	})
	return rc, err
}

// namedAnew is whom a newer event names, and whom the one that it replaces does, which
// nobody may have read yet: a person is found in each of them.
func (i *Intake) namedAnew(ctx context.Context, a *arrival, old *store.Confirmation) ([]seal.Hash, error) {
	out := i.p.Lookups.Whose(a.t, a.ev.Format, a.ev.Topic, a.ev.Raw)
	if old.State != waxwing.Received {
		return out, nil
	}
	before, err := i.p.tracer.Replaced(ctx, a.t, old.ID)
	return append(out, before...), err
}
