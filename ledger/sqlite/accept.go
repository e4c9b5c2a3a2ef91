package sqlite

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// arrival is an event made ready outside the writer: keyed, packed, sealed.
type arrival struct {
	machine.Arrival
	t   *ledger.Tenant
	ev  *waxwing.Event
	dek ledger.Key
}

// Accept records an event and returns when it is on disk. The same order again
// gives the same id. It never returns a receipt for what a crash could lose.
func (l *Ledger) Accept(ctx context.Context, ev *waxwing.Event) (waxwing.Receipt, error) {
	t, err := l.keys.Tenant(ev.Tenant)
	if err != nil {
		return waxwing.Receipt{}, err
	}
	a := &arrival{t: t, ev: ev, dek: ledger.NewKey(), Arrival: machine.Arrival{Tenant: t.No, Kind: ledger.OwnKind(ev.Key.Kind), Part: ev.Key.Part, Shop: ev.Shop, Format: ev.Format, Source: ev.Source,
		Updated: ms(ev.Key.UpdatedAt), Rank: int64(ev.Key.Rank), Poison: ev.Poison, Ignore: ev.Key.Ignore, Stale: ev.Stale, Old: ev.Old,
		Maybe: l.maybeSent(ev), Hashes: l.lookups.Index(t, ev.Lookup),
		Event: store.Event{Source: ev.Source, Topic: machine.Clip(ev.Topic, 64), At: ev.At.UnixMilli()}}}
	a.Event.Updated = a.Updated
	switch {
	case ev.Source == waxwing.SourcePing:
		// Nobody signed it: one row a shop and day, however many come and whatever they hold.
		a.Key = t.Key.Index("ping", string(ev.Shop), ev.At.UTC().Format(time.DateOnly))
	case ev.Poison != "":
		a.Key = t.Key.Index("raw", string(ev.Shop), string(ev.Raw))
	case ev.Key.Ignore != "":
		a.Key = t.Key.Index("ignored", string(ev.Shop), rand.Text())
	default:
		a.Key = ledger.OrderKey(t, ev.Shop, &ev.Key)
	}
	if state, _, _ := a.First(); state != waxwing.Received && ev.Source != waxwing.SourcePing && !ev.Lookup.Whole {
		a.Hashes = append(a.Hashes, l.lookups.Unreadable(t, ev.Raw)...)
	}
	a.DEK = ledger.WrapDEK(t, &a.dek, a.Key)
	a.seal(l)

	var rc waxwing.Receipt
	var old *store.Confirmation
	err = l.do(ctx, func(ctx context.Context, t *tx) error {
		var err error
		rc, old, err = t.accept(ctx, a)
		return err
	})
	if err == nil && old != nil {
		rc, err = l.replace(ctx, a, old)
	}
	return rc, err
}

func (a *arrival) seal(l *Ledger) { a.Event.Body = l.contents.SealEvent(&a.dek, a.Key, a.ev.Raw) }

func (t *tx) newID() waxwing.ID {
	t.l.lastID = store.NextID(t.now, t.l.lastID, t.l.instance)
	return t.l.lastID
}

// accept records an event, or gives the confirmation that it is a newer one of. Nearly
// every event makes a confirmation, so that the key is looked for only where it is taken.
func (t *tx) accept(ctx context.Context, a *arrival) (rc waxwing.Receipt, old *store.Confirmation, err error) {
	before := t.l.lastID
	a.ID = t.newID()
	s, err := t.load(ctx, &store.Keys{})
	if err != nil {
		return rc, nil, err
	}
	c, rc, _ := s.Accept(&a.Arrival)
	if err = t.apply(ctx, &c); errors.Is(err, errLost) {
		t.l.lastID = before
		return t.again(ctx, a)
	}
	if err == nil && rc.Work {
		t.remember(a.ID, a, 0)
	}
	return rc, nil, err
}

func (t *tx) again(ctx context.Context, a *arrival) (waxwing.Receipt, *store.Confirmation, error) {
	s, err := t.load(ctx, &store.Keys{Keys: []store.Hash{a.Key}})
	if err != nil {
		return waxwing.Receipt{}, nil, err
	}
	c, rc, reseal := s.Accept(&a.Arrival)
	if reseal {
		old := s.Confirmations[rc.ID]
		return rc, &old, nil
	}
	return rc, nil, t.apply(ctx, &c)
}

func (t *tx) remember(id waxwing.ID, a *arrival, version int64) {
	created := id.Time()
	t.after = append(t.after, func() {
		t.l.hot.Put(id, &ledger.Entry{Tenant: a.t, DEK: a.dek, Shop: a.ev.Shop,
			Work: &waxwing.Work{ID: id, Tenant: a.ev.Tenant, Shop: a.ev.Shop, Format: a.ev.Format,
				Topic: a.ev.Topic, Raw: a.ev.Raw, State: waxwing.Received, Version: version, Created: created,
				Next: 1, Token: a.t.Key.Token(id | 1)}})
	})
}

// replace seals a newer event with the key of its confirmation and records it.
func (l *Ledger) replace(ctx context.Context, a *arrival, old *store.Confirmation) (waxwing.Receipt, error) {
	dek, err := ledger.UnwrapDEK(a.t, old.DEK, a.Key)
	if err != nil {
		return waxwing.Receipt{}, err
	}
	a.dek = dek
	a.seal(l)
	hashes, err := l.namedAnew(ctx, a, old)
	if err != nil {
		return waxwing.Receipt{}, err
	}
	a.Hashes = append(a.Hashes, hashes...)
	var rc waxwing.Receipt
	err = l.do(ctx, func(ctx context.Context, t *tx) error {
		s, err := t.load(ctx, &store.Keys{Keys: []store.Hash{a.Key}})
		if err != nil {
			return err
		}
		c, got, err := s.Replace(&a.Arrival)
		if err != nil {
			return err
		}
		rc = got
		if !c.Empty() {
			t.after = append(t.after, func() { t.l.hot.Drop(rc.ID) })
		}
		return t.apply(ctx, &c)
	})
	return rc, err
}

// namedAnew is whom a newer event names, and whom the one that it replaces does, which
// nobody may have read yet: a person is found in each of them.
func (l *Ledger) namedAnew(ctx context.Context, a *arrival, old *store.Confirmation) ([]ledger.Hash, error) {
	out := l.lookups.Whose(a.t, a.ev.Format, a.ev.Topic, a.ev.Raw)
	if old.State != waxwing.Received {
		return out, nil
	}
	before, err := l.tracer.Replaced(ctx, a.t, old.ID)
	return append(out, before...), err
}
