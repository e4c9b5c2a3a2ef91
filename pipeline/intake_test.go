package pipeline

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
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
	x := &Pipeline{p: Parts{Ledger: l, Meter: m, Clock: func() time.Time { return now },
		Config:  &config.Config{Tenants: map[string]config.Tenant{"acme": {Shops: map[string]config.Shop{"shopify": {}}}}},
		Formats: map[string]waxwing.Format{"shopify": {Name: "shopify", Key: key}}}, orders: newPool(1, "test", nil)}
	x.orders.behind = true // nobody is woken
	accept := func() error {
		_, err := x.Accept(t.Context(), "acme", "shopify", "webhook", "", []byte(`{}`))
		return err
	}
	if err := accept(); err != nil || l.accepted != 1 {
		t.Fatalf("%v, %d recorded", err, l.accepted)
	}
	x.shed.waiting = 10 // they hang at the disk
	if err := accept(); err != nil || l.accepted != 2 {
		t.Fatalf("%v, %d recorded", err, l.accepted)
	}
	now = now.Add(3 * time.Second)
	var later *waxwing.LaterError
	if err := accept(); !errors.As(err, &later) || later.After < time.Second {
		t.Fatalf("%v, want a time to come again", err)
	}
	if l.accepted != 2 || m.shed != 1 || x.shed.waiting != 10 {
		t.Errorf("%d recorded, %d shed, %d wait", l.accepted, m.shed, x.shed.waiting)
	}
	x.shed.waiting = 0
	if err := accept(); err != nil || l.accepted != 3 {
		t.Errorf("%v, %d recorded", err, l.accepted)
	}
}
