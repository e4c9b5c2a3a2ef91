package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// Accept makes an event durable and wakes the workers. It is what every source
// calls; it returns after the record is on disk. Of the event it wants Tenant, Shop,
// Source, Topic and Raw, and fills in the rest: nobody else may write it from then on.
// An event of an unknown tenant or shop is ErrNotFound.
func (x *Pipeline) Accept(ctx context.Context, ev *waxwing.Event) (waxwing.Receipt, error) {
	set := x.now()
	m := set.members[ev.Tenant]
	if m == nil {
		return waxwing.Receipt{}, waxwing.ErrNotFound
	}
	t := m.config
	name := config.FormatOf(string(ev.Tenant), string(ev.Shop), t.Shops[string(ev.Shop)].Format)
	if ev.Source == "api" {
		name = "generic"
	}
	f, ok := set.Formats[name]
	if !ok {
		return waxwing.Receipt{}, fmt.Errorf("shop: %w", waxwing.ErrNotFound)
	}
	ev.Format, ev.At = name, x.p.Clock()
	key, err := f.Key(ev.Topic, ev.Raw)
	switch {
	case err != nil:
		ev.Poison = err.Error()
	case key.Ignore == "" && key.OrderID == "":
		ev.Poison = "the event names no order"
	}
	ev.Key = key
	if ev.Source == "api" && key.Shop != "" {
		ev.Shop = key.Shop
	}
	ev.Stale, ev.Old = stale(t.MaxAge.D(), key, ev.At), old(t.MaxAge.D(), key, ev.At)
	if ev.Source != waxwing.SourcePing && (ev.Poison != "" || key.Ignore != "" || ev.Stale || ev.Old) {
		ev.Lookup = x.foundBy(f, ev)
	}
	rc, err := x.record(ctx, ev)
	if err != nil {
		return rc, fmt.Errorf("accept: %w", err)
	}
	x.p.Meter.Received(rc.State, rc.New)
	if x.journal.debug {
		x.journal.Step("accepted", rc.ID, "tenant", ev.Tenant, "shop", ev.Shop, "source", ev.Source, "state", rc.State, "new", rc.New)
	}
	if rc.New && rc.State != waxwing.Received {
		x.journal.tell(rc.ID, ev.Tenant, rc.State, firstReason(ev))
	}
	if rc.Work {
		x.wakes.wake(x.orders, rc.ID)
	}
	return rc, nil
}

// record writes an event to the ledger, within acceptLimit or not at all: what waits that
// long for the disk is withdrawn, and its shop told to come again.
func (x *Pipeline) record(ctx context.Context, ev *waxwing.Event) (rc waxwing.Receipt, err error) {
	if err := x.shed.enter(x.p.Clock()); err != nil {
		x.p.Meter.Shed()
		return rc, err
	}
	defer func() { x.shed.leave(err == nil) }()
	// A shop that has hung up may never come again: what it brought is kept all the same.
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), acceptLimit)
	defer cancel()
	rc, err = x.p.Ledger.Accept(limited, ev)
	if errors.Is(err, context.DeadlineExceeded) {
		x.p.Meter.Shed()
		err = tooBusy(acceptLimit)
	}
	return rc, err
}

// firstReason is why an event leads to no work at once.
func firstReason(ev *waxwing.Event) string {
	switch {
	case ev.Poison != "":
		return ev.Poison
	case ev.Key.Ignore != "":
		return ev.Key.Ignore
	}
	return "too_old"
}

// Wake puts a confirmation to work that a person released.
func (x *Pipeline) Wake(id waxwing.ID) { x.wakes.wake(x.orders, id) }

// stale holds the event's own time, not the order's, against max_age: an order
// of last week that was paid a minute ago is news.
func stale(maxAge time.Duration, k waxwing.EventKey, now time.Time) bool {
	at := k.UpdatedAt
	if at.IsZero() {
		at = k.OccurredAt
	}
	return past(maxAge, at, now)
}

// old holds the time at which the order was completed against max_age. It
// counts for orders that come for the first time.
func old(maxAge time.Duration, k waxwing.EventKey, now time.Time) bool {
	return past(maxAge, k.OccurredAt, now)
}

func past(maxAge time.Duration, at, now time.Time) bool {
	return maxAge > 0 && !at.IsZero() && now.Sub(at) > maxAge
}
