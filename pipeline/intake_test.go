package pipeline

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
)

// recorder is a ledger that counts what it was given.
type recorder struct {
	Ledger
	accepted int
}

func (r *recorder) Accept(context.Context, *waxwing.Event) (waxwing.Receipt, error) {
	r.accepted++
	return waxwing.Receipt{ID: 64, State: waxwing.Received, New: true, Work: true}, nil
}

// shedMeter counts what was turned away.
type shedMeter struct {
	noMeter
	shed int
}

func (m *shedMeter) Shed() { m.shed++ }

// TestAcceptSheds: an event that would wait too long for the disk is not recorded, and
// its shop is told when to come again.
func TestAcceptSheds(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	l, m := &recorder{}, &shedMeter{}
	key := func(string, []byte) (waxwing.EventKey, error) { return waxwing.EventKey{OrderID: "7"}, nil }
	f := waxwing.Format{Name: "shopify", Key: key}
	x := &Pipeline{p: Parts{Ledger: l, Meter: m, Clock: func() time.Time { return now },
		Config:  configtest.Load(t, registryOf(f), "providers: {mail: {type: post}}\ntenants: {acme: {name: Acme, from: a@acme.example, shops: {shopify: {format: shopify}}}}\n"),
		Formats: map[string]waxwing.Format{"shopify": f}}, flows: &flows{all: map[string]*flow{"default": {}}}, orders: newPool(1, "test", "", nil)}
	x.out = &outbound{flows: x.flows}
	x.intake = &intake{p: &x.p, journal: newJournal(nobody), settings: &x.settings, wakes: &wakes{}, orders: x.orders}
	use(t, x, &Settings{Tenants: x.p.Config.Tenants, Formats: x.p.Formats})
	x.orders.behind = true // nobody is woken
	x.orders.lane.Close("acme")
	accept := func() error {
		_, err := x.Accept(t.Context(), &waxwing.Event{Tenant: "acme", Shop: "shopify", Source: "webhook", Raw: []byte(`{}`)})
		return err
	}
	if err := accept(); err != nil || l.accepted != 1 {
		t.Fatalf("%v, %d recorded", err, l.accepted)
	}
	x.intake.shed.waiting = 10 // they hang at the disk
	if err := accept(); err != nil || l.accepted != 2 {
		t.Fatalf("%v, %d recorded", err, l.accepted)
	}
	now = now.Add(3 * time.Second)
	var later *waxwing.LaterError
	if err := accept(); !errors.As(err, &later) || later.After < time.Second {
		t.Fatalf("%v, want a time to come again", err)
	}
	if l.accepted != 2 || m.shed != 1 || x.intake.shed.waiting != 10 {
		t.Errorf("%d recorded, %d shed, %d wait", l.accepted, m.shed, x.intake.shed.waiting)
	}
	x.intake.shed.waiting = 0
	if err := accept(); err != nil || l.accepted != 3 {
		t.Errorf("%v, %d recorded", err, l.accepted)
	}
}

// TestAccept: which tenant's and shop's event it is, and what is not worth any work.
func TestAccept(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	week := now.Add(-7 * 24 * time.Hour)
	key := func(k waxwing.EventKey, err error) func(string, []byte) (waxwing.EventKey, error) {
		return func(string, []byte) (waxwing.EventKey, error) { return k, err }
	}
	for name, c := range map[string]struct {
		tenant waxwing.TenantID
		shop   waxwing.ShopID
		source string
		key    func(string, []byte) (waxwing.EventKey, error)
		maxAge *config.Duration
		check  func(*waxwing.Event) bool
	}{
		"an order": {tenant: "acme", shop: "shop", key: key(waxwing.EventKey{OrderID: "7"}, nil), check: func(e *waxwing.Event) bool {
			return e.Key.OrderID == "7" && e.Poison == "" && e.Format == "f" && e.At.Equal(now) && e.Lookup.Order == nil
		}},
		"unknown tenant":      {tenant: "nobody", shop: "shop"},
		"unknown shop":        {tenant: "acme", shop: "stall"},
		"unreadable":          {tenant: "acme", shop: "shop", key: key(waxwing.EventKey{}, errors.New("odd")), check: func(e *waxwing.Event) bool { return e.Poison == "odd" && len(e.Lookup.Order) > 0 }},
		"of no order":         {tenant: "acme", shop: "shop", key: key(waxwing.EventKey{}, nil), check: func(e *waxwing.Event) bool { return e.Poison == "the event names no order" }},
		"a ping":              {tenant: "acme", shop: "shop", key: key(waxwing.EventKey{Ignore: "ping"}, nil), check: func(e *waxwing.Event) bool { return e.Poison == "" && e.Key.Ignore == "ping" }},
		"of last week":        {tenant: "acme", shop: "shop", key: key(waxwing.EventKey{OrderID: "7", OccurredAt: week}, nil), check: func(e *waxwing.Event) bool { return e.Stale && e.Old && e.Lookup.Whole }},
		"paid now":            {tenant: "acme", shop: "shop", key: key(waxwing.EventKey{OrderID: "7", OccurredAt: week, UpdatedAt: now}, nil), check: func(e *waxwing.Event) bool { return !e.Stale && e.Old }},
		"no age counts":       {tenant: "acme", shop: "shop", maxAge: new(config.Duration), key: key(waxwing.EventKey{OrderID: "7", OccurredAt: week}, nil), check: func(e *waxwing.Event) bool { return !e.Stale && !e.Old }},
		"by the API":          {tenant: "acme", shop: "api", source: "api", key: key(waxwing.EventKey{OrderID: "7", Shop: "till"}, nil), check: func(e *waxwing.Event) bool { return e.Shop == "till" && e.Format == "generic" }},
		"by the API, no shop": {tenant: "acme", shop: "api", source: "api", key: key(waxwing.EventKey{OrderID: "7"}, nil), check: func(e *waxwing.Event) bool { return e.Shop == "api" }},
	} {
		b := newBook()
		p := partsOf(b, paid, &taker{}, &taker{})
		p.Clock = func() time.Time { return now }
		f := p.Formats["f"]
		f.Key = c.key
		p.Formats = map[string]waxwing.Format{"f": f, "generic": f}
		tenant := p.Config.Tenants["acme"]
		if c.maxAge != nil {
			tenant.MaxAge = *c.maxAge
		}
		p.Config.Tenants["acme"] = tenant
		x := newPipeline(t, p)
		x.orders.stop() // nobody works on it
		rc, err := x.Accept(t.Context(), &waxwing.Event{Tenant: c.tenant, Shop: c.shop, Source: c.source, Raw: []byte(`{"name":"#7"}`)})
		if c.check == nil {
			if !errors.Is(err, waxwing.ErrNotFound) || len(b.events) > 0 {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || rc.ID != 64 || !c.check(b.events[0]) {
			t.Errorf("%s: %v %+v", name, err, b.events)
		}
	}
}

// TestAcceptIsWithdrawn: what has waited for the disk for too long is not recorded, and
// its shop told so; a shop that hangs up is no reason.
func TestAcceptIsWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &shedMeter{}
		x := &intake{p: &Parts{Ledger: &stuck{newBook()}, Meter: m, Clock: time.Now}}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		_, err := x.record(gone, &waxwing.Event{})
		var later *waxwing.LaterError
		if !errors.As(err, &later) || time.Since(began) != acceptLimit || m.shed != 1 || x.shed.waiting != 0 {
			t.Errorf("%v after %s, %d shed", err, time.Since(began), m.shed)
		}
	})
}

// stuck is a ledger whose disk hangs: it withdraws what nobody waits for any more.
type stuck struct{ *book }

func (*stuck) Accept(ctx context.Context, _ *waxwing.Event) (waxwing.Receipt, error) {
	<-ctx.Done()
	return waxwing.Receipt{}, fmt.Errorf("not begun: %w: %w", waxwing.ErrUnavailable, ctx.Err())
}

// lastEvent is a ledger that keeps the last event.
type lastEvent struct {
	Ledger
	ev waxwing.Event
}

func (l *lastEvent) Accept(_ context.Context, ev *waxwing.Event) (waxwing.Receipt, error) {
	l.ev = *ev
	return waxwing.Receipt{ID: 64, State: waxwing.Received, New: true}, nil
}

// TestAcceptFromSources: a publisher's own type is no topic of the shop's platform, and what stands for a message that could not
// be kept is quarantined, whatever the format makes of it.
func TestAcceptFromSources(t *testing.T) {
	l := &lastEvent{}
	f := waxwing.Format{Name: "shopify", Key: func(topic string, raw []byte) (k waxwing.EventKey, err error) {
		if topic != "" && topic != "orders/paid" || string(raw) == "cart" || raw[0] == '{' {
			k.Ignore = "not a topic of orders, or no order"
			return k, nil
		}
		k.OrderID = "7"
		return k, nil
	}}
	x := &Pipeline{p: Parts{Ledger: l, Meter: noMeter{}, Clock: time.Now,
		Config:  configtest.Load(t, registryOf(f), "providers: {mail: {type: post}}\ntenants: {acme: {name: Acme, from: a@acme.example, shops: {shopify: {format: shopify}}}}\n"),
		Formats: map[string]waxwing.Format{"shopify": f}}, flows: &flows{all: map[string]*flow{"default": {}}}, orders: newPool(1, "test", "", nil)}
	x.out = &outbound{flows: x.flows}
	x.intake = &intake{p: &x.p, journal: newJournal(nobody), settings: &x.settings, wakes: &wakes{}, orders: x.orders}
	use(t, x, &Settings{Tenants: x.p.Config.Tenants, Formats: x.p.Formats})
	for _, c := range []struct{ source, topic, raw, order, poison string }{
		{"bus", "com.acme.order.paid", "order", "7", ""}, {"bus", "order.completed", "order", "7", ""}, {"bus", "", "order", "7", ""}, {"bus", "orders/paid", "order", "7", ""},
		{"bus", "carts/update", "order", "", ""}, {"bus", "com.acme.cart.saved", "cart", "", ""}, {"webhook", "com.acme.order.paid", "order", "", ""}, {"import", "com.acme.order.paid", "order", "", ""},
		{"bus", "", `{"waxwing_refused":{"why":"it is empty"}}`, "", "the message could not be kept as it was: see the event"},
		{"bus", "", `{"waxwing":{}}`, "", ""},
	} {
		if _, err := x.Accept(t.Context(), &waxwing.Event{Tenant: "acme", Shop: "shopify", Source: c.source, Topic: c.topic, Raw: []byte(c.raw)}); err != nil {
			t.Fatal(err)
		}
		if l.ev.Key.OrderID != c.order || l.ev.Poison != c.poison {
			t.Errorf("%s %s %s: order %q, poison %q, ignored %q", c.source, c.topic, c.raw, l.ev.Key.OrderID, l.ev.Poison, l.ev.Key.Ignore)
		}
	}
}
