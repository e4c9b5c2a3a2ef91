package pipeline

import (
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config/configtest"
)

// TestTimes: a message lives and an order is held as long as its tenant says, or for the
// usual times.
func TestTimes(t *testing.T) {
	for keys, want := range map[string]struct {
		ready string
		held  time.Duration
	}{
		"":                             {"ready email queued for 24h0m0s", 14 * 24 * time.Hour},
		", ttl: 1h, hold_ttl: 2h":      {"ready email queued for 1h0m0s", 2 * time.Hour},
		", ttl: 90m, hold_ttl: \"3d\"": {"ready email queued for 1h30m0s", 3 * 24 * time.Hour},
	} {
		order := waxwing.Order{ID: "7", Customer: waxwing.Customer{Email: "ida@mail.example"}, Payment: waxwing.Payment{Status: waxwing.PaymentPaid}}
		b := newBook()
		p := partsOf(b, func() (*waxwing.Order, error) { return &order, nil }, &taker{}, &taker{})
		p.Config = configtest.Load(t, registryOf(p.Formats["f"]), "providers: {mail: {type: post}, texts: {type: talk}}\n"+
			"tenants: {acme: {name: Acme, from: a@acme.example, shops: {shop: {format: f}}"+keys+"}}\n"+
			"pipeline: [normalise, render, {queue: {name: mail}}, {send: {providers: [mail], retry: [1m]}}, {fallback: {providers: [texts]}}]\n")
		x := newPipeline(t, p)
		w := &waxwing.Work{ID: 64, Tenant: "acme", Format: "f", State: waxwing.Received, Created: time.Now(), Next: 1}
		if err := x.runner.advance(w); err != nil {
			t.Fatal(err)
		}
		b.want(t, keys, want.ready)
		order.Payment.Status = waxwing.PaymentPending
		w = &waxwing.Work{ID: 128, Tenant: "acme", Format: "f", State: waxwing.Received, Created: time.Now(), Next: 1}
		if err := x.runner.advance(w); err != nil {
			t.Fatal(err)
		}
		if got := b.until.Sub(w.Created); got != want.held {
			t.Errorf("%q: held for %s, want %s", keys, got, want.held)
		}
	}
}
