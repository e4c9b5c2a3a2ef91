package main

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/pipeline"
)

// secretive has personal data in every place of an order that a shop writes.
func secretive(id int, email, status string) []byte {
	return order(id, email, map[string]any{"financial_status": status, "note": "canary-note 4111111111111111", "phone": "+4915199887766",
		"customer":         map[string]any{"id": 1, "first_name": "Canaryfirst", "last_name": "Canarylast", "email": email, "phone": "+4915199887766"},
		"shipping_address": map[string]any{"name": "Canaryfirst Canarylast", "address1": "Canarystreet 1", "city": "Canarycity", "zip": "10115", "country_code": "DE", "phone": "+4915199887766"},
		"billing_address":  map[string]any{"name": "Canaryfirst Canarylast", "address1": "Canarystreet 1", "city": "Canarycity", "zip": "10115", "country_code": "DE"},
		"line_items":       []map[string]any{{"id": 1, "sku": "MUG", "title": "Canarymug", "quantity": 1, "price": "19.50", "properties": []map[string]any{{"name": "Engraving", "value": "canary-engraving"}}}}})
}

// TestDebugTellsEachStepAndNobodysData lets orders of every fate through a daemon
// at level debug: each step has its line with the id, and no line holds anything
// of a customer, a key or a secret.
func TestDebugTellsEachStepAndNobodysData(t *testing.T) {
	r := newRig(t, withAnna(), withPlan(func(q sink.Question) (a sink.Answer) {
		if q.Phase == waxwing.PhaseRcpt && strings.HasPrefix(q.To, "canary.gone") {
			a.Code, a.Text = 550, "5.1.1 canary.gone@example.com is unknown here"
		}
		return a
	}), func(r *rig, _ *daemon.Extras) {
		r.level = slog.LevelDebug
		r.cfg.Pipeline = slices.Insert(r.cfg.Pipeline, 2, pipeline.At(&pipeline.PluginsStage{}))
	})
	sent := r.accepted(secretive(880001, "canary.ok@example.com", "paid"))
	r.until(sent, waxwing.Sent)
	gone := r.accepted(secretive(880002, "canary.gone@example.com", "paid"))
	r.until(gone, waxwing.Sent) // by text
	held := r.accepted(secretive(880003, "canary.held@example.com", "pending"))
	r.until(held, waxwing.Held)
	bad := r.accepted(order(880004, "canary bad@@example.com", map[string]any{"phone": nil, "customer": nil, "shipping_address": nil}))
	r.until(bad, waxwing.Failed)
	_, poison := r.shopify("shopify", []byte(`{"id":"canary-poison","email":"canary.poison@example.com"`))
	unreadable := r.accepted(order(880005, "canary.q@example.com", map[string]any{"currency": "canary-currency"}))
	_, _ = r.shopify("shopify", secretive(880001, "canary.ok@example.com", "paid")) // again
	r.do("POST", "/hooks/acme/shopify", "", http.Header{"X-Shopify-Hmac-Sha256": {"canary-signature"}}, secretive(880006, "canary.no@example.com", "paid"))
	r.do("GET", "/v1/tenants/acme/confirmations?email=canary.ok@example.com", "canary-key", nil, nil)
	r.api("POST", "/orders", []byte(`{"shop":"canary-shop","email":"canary.api@example.com"}`))
	for _, c := range [][]string{{"resend", sent, "--to", "canary.new@example.com", "--reason", "canaryreason"}, {"release", held}, {"find", "canary.ok@example.com"},
		{"suppress", "canary.held@example.com"}, {"erase", "canary.ok@example.com", "--yes"}} {
		r.said("anna-key-of-acme", c...)
	}
	r.poll("the released one has ended", func() bool { s := r.get(held).State; return s == waxwing.Sent || s == waxwing.Suppressed })
	r.stop()
	logs := r.logs.String()
	for _, l := range strings.Split(logs, "\n") {
		low := strings.ToLower(l)
		for _, secret := range []string{"canary", "88000", "99887766", "4111", "anna-key", "acme-key", testShopSecret} {
			if strings.Contains(low, secret) {
				t.Errorf("%q is in the log: %s", secret, l)
			}
		}
	}
	for _, want := range []string{"msg=accepted confirmation=" + sent, "msg=normalised confirmation=" + sent, "msg=gate confirmation=" + sent, "msg=enriched confirmation=" + sent,
		"msg=plugins confirmation=" + sent, "msg=rendered confirmation=" + sent, "msg=queued confirmation=" + sent, "msg=claimed confirmation=" + sent,
		"msg=offered confirmation=" + sent, "msg=verdict confirmation=" + sent,
		"level=INFO msg=held confirmation=" + held + " tenant=acme reason=\"payment pending\"", "level=INFO msg=failed confirmation=" + gone,
		"level=INFO msg=failed confirmation=" + bad, "level=INFO msg=quarantined confirmation=" + unreadable, "level=INFO msg=quarantined confirmation=" + poison.ID,
		"level=WARN msg=\"webhook refused\" tenant=acme shop=shopify reason=\"bad signature\"", "level=WARN msg=\"API key refused\" tenant=acme reason=\"wrong key\"",
		"by=anna"} {
		if !strings.Contains(logs, want) {
			t.Errorf("%q is not in the log", want)
		}
	}
}

// TestStartSaysWhereWebhooksGo: what is typed into a shop's settings stands in the
// log, a line a shop, and what is unwise about the configuration.
func TestStartSaysWhereWebhooksGo(t *testing.T) {
	r := newRig(t, withTenant(func(t *config.Tenant) { t.Shops["own"] = config.Shop{Format: "generic"} }))
	r.d.Announce()
	r.stop()
	logs := r.logs.String()
	for _, want := range []string{"shop=shopify format=shopify path=/hooks/acme/shopify", "shop=outlet format=shopify path=/hooks/acme/outlet", "path=/hooks/acme/woocommerce",
		"shop=own format=generic path=/v1/tenants/acme/orders", "http://" + r.d.Addr() + "/v1/openapi", "tenants.acme.keys[0] has 8 characters"} {
		if !strings.Contains(logs, want) {
			t.Errorf("%q is not in the log:\n%s", want, logs)
		}
	}
	if strings.Contains(logs, "acme-key") || strings.Contains(logs, testShopSecret) {
		t.Error("a secret is in the log")
	}
}

// TestUnknownShopIsRefused: a misspelt shop would make another order of the same
// number, so that both were mailed.
func TestUnknownShopIsRefused(t *testing.T) {
	r := newRig(t, withTenant(func(t *config.Tenant) { t.Shops["own"] = config.Shop{Format: "generic"} }))
	body := func(shop string) []byte {
		return []byte(`{"id":"A-1","shop":"` + shop + `","currency":"EUR","placed_at":"` + time.Now().UTC().Format(time.RFC3339) + `","customer":{"email":"jana@example.com"},"payment":{"status":"paid"},
			"items":[{"name":"Mug","quantity":1,"total":"10.00"}],"totals":{"total":"10.00"}}`)
	}
	for _, shop := range []string{"onw", "Own", "shopify2", "acme"} {
		code, b := r.api("POST", "/orders", body(shop))
		if code != http.StatusUnprocessableEntity || !strings.Contains(b, "known are outlet, own, shopify, woocommerce") {
			t.Errorf("%s: %d %s", shop, code, b)
		}
	}
	if n := len(r.list("")); n != 0 {
		t.Errorf("%d confirmations of what was refused", n)
	}
	for i, shop := range []string{"own", "shopify"} { // a shop of any format may also post for itself
		if code, b := r.api("POST", "/orders", body(shop)); code != http.StatusAccepted {
			t.Errorf("%s: %d %s", shop, code, b)
		}
		r.wait(1)
		if n := len(r.list("")); n != i+1 {
			t.Errorf("%d confirmations", n)
		}
	}
}

// TestPingsAreNoOrders: nobody signs them, so they make one row a shop and day, out
// of the lists.
func TestPingsAreNoOrders(t *testing.T) {
	r := newRig(t)
	// To a shop of another format it is a stranger's: nothing to read, nothing to alarm.
	if code, b := r.do("POST", "/hooks/acme/shopify", "", nil, []byte("webhook_id=1")); code != http.StatusOK || b != "" {
		t.Fatal(code, b)
	}
	for i := range 5 {
		if code, _ := r.do("POST", "/hooks/acme/woocommerce", "", nil, []byte("webhook_id="+string(rune('1'+i)))); code != http.StatusOK {
			t.Fatal(code)
		}
	}
	r.poll("it is recorded", func() bool { return len(r.list("?state=ignored")) == 1 })
	if n := len(r.list("")); n != 0 {
		t.Errorf("%d pings stand among the orders", n)
	}
	if n := len(r.list("?state=quarantined")); n != 0 {
		t.Errorf("%d pings are quarantined", n)
	}
	r.restart(daemon.Extras{})
	r.do("POST", "/hooks/acme/woocommerce", "", nil, []byte("webhook_id=9"))
	id := r.accepted(shopifyOrder(1, "jana@example.com", "paid"))
	r.until(id, waxwing.Sent)
	if n := len(r.list("?state=ignored")); n != 1 {
		t.Errorf("%d rows of one day", n)
	}
	r.verified()
}
