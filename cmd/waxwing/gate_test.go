package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

func ago(d time.Duration) string { return time.Now().Add(-d).UTC().Format(time.RFC3339) }

func ahead(d time.Duration) string { return ago(-d) }

func (r *rig) event(topic string, body []byte) (int, receipt) {
	r.t.Helper()
	code, b := r.do("POST", "/hooks/acme/shopify", "", http.Header{"X-Shopify-Topic": {topic},
		"X-Shopify-Hmac-Sha256": {sign(body, testShopSecret)}}, body)
	return code, parseReceipt(r.t, b)
}

func TestGateHoldsUntilPaid(t *testing.T) {
	r := newRig(t)
	_, rc := r.event("orders/create", order(1, "jana@example.com", map[string]any{"financial_status": "pending"}))
	if v := r.until(rc.ID, waxwing.Held); v.Reason != "payment pending" {
		t.Fatalf("reason %q", v.Reason)
	}
	// The shop writes both events in one second.
	if _, again := r.event("orders/paid", order(1, "jana@example.com", nil)); again.ID != rc.ID {
		t.Fatalf("%+v", again)
	}
	v := r.until(rc.ID, waxwing.Sent)
	wantCauses(t, v, "accepted", "gate", "event_replaced", "released", "rendered", "commit_point", "verdict")
	r.verified()
	if len(r.allMails()) != 1 {
		t.Fatalf("%d mails", len(r.allMails()))
	}
}

func TestGateCancels(t *testing.T) {
	for name, change := range map[string]map[string]any{
		"voided":    {"financial_status": "voided"},
		"cancelled": {"cancelled_at": ago(time.Minute)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			_, rc := r.event("orders/create", order(1, "jana@example.com", map[string]any{"financial_status": "pending"}))
			r.until(rc.ID, waxwing.Held)
			change["updated_at"] = ahead(time.Second)
			r.event("orders/cancelled", order(1, "jana@example.com", change))
			v := r.until(rc.ID, waxwing.Cancelled)
			wantCauses(t, v, "order_cancelled")
			r.stop()
			if len(r.allMails())+len(r.allTexts()) != 0 {
				t.Fatal("something was sent")
			}
		})
	}
}

func TestGateCashOnDelivery(t *testing.T) {
	cod := map[string]any{"financial_status": "pending", "payment_gateway_names": []string{"Cash on Delivery (COD)"}, "gateway": "Cash on Delivery (COD)"}
	t.Run("counts", func(t *testing.T) {
		r := newRig(t, withTenant(func(c *config.Tenant) { c.Offline = []string{waxwing.CashOnDelivery} }))
		r.until(r.accepted(order(1, "jana@example.com", cod)), waxwing.Sent)
	})
	t.Run("does not", func(t *testing.T) {
		r := newRig(t, withTenant(func(c *config.Tenant) { c.Offline = []string{} }))
		r.until(r.accepted(order(1, "jana@example.com", cod)), waxwing.Held)
	})
}

func TestTooOldIsSentOnlyWhenAsked(t *testing.T) {
	r := newRig(t)
	old := map[string]any{"created_at": ago(30 * time.Hour), "updated_at": ago(25 * time.Hour)}
	code, rc := r.shopify("shopify", order(1, "jana@example.com", old))
	if code != http.StatusAccepted || rc.State != string(waxwing.Held) {
		t.Fatalf("%d %+v", code, rc)
	}
	if v := r.get(rc.ID); v.Reason != "too_old" {
		t.Fatalf("reason %q", v.Reason)
	}
	if code, b := r.api("POST", "/confirmations/"+rc.ID+"/retry", nil); code != http.StatusAccepted {
		t.Fatalf("%d %s", code, b)
	}
	wantCauses(t, r.until(rc.ID, waxwing.Sent), "too_old", "by_person", "released")
}

// A shop's first day: somebody edits an order of last year, which the shop
// tells as orders/updated. Nobody wants a confirmation of it.
func TestAnEditOfAnOldOrderIsNoNews(t *testing.T) {
	r := newRig(t)
	old := map[string]any{"created_at": ago(400 * 24 * time.Hour), "processed_at": ago(400 * 24 * time.Hour)}
	_, rc := r.event("orders/updated", order(1, "jana@example.com", old))
	if v := r.get(rc.ID); v.State != waxwing.Held || v.Reason != "too_old" {
		t.Fatalf("%s %q", v.State, v.Reason)
	}
}

// But an order of last week that waited for its payment is.
func TestALatePaymentIsNews(t *testing.T) {
	clock := &testClock{}
	r := newRig(t, withClock(clock))
	_, rc := r.event("orders/create", order(1, "jana@example.com", map[string]any{"financial_status": "pending"}))
	r.until(rc.ID, waxwing.Held)
	clock.forward(6 * 24 * time.Hour)
	r.event("orders/updated", order(1, "jana@example.com", map[string]any{"updated_at": ahead(6 * 24 * time.Hour)}))
	r.until(rc.ID, waxwing.Sent)
}

func TestHoldExpires(t *testing.T) {
	clock := &testClock{}
	r := newRig(t, withClock(clock), withTenant(func(c *config.Tenant) { c.HoldTTL = config.Duration(14 * 24 * time.Hour) }))
	id := r.accepted(shopifyOrder(1, "jana@example.com", "pending"))
	r.until(id, waxwing.Held)
	clock.forward(14*24*time.Hour + time.Minute)
	v := r.until(id, waxwing.Cancelled)
	wantCauses(t, v, "hold_expired")
	// Paid a day too late: it is over, and the trail tells of the event.
	r.event("orders/paid", order(1, "jana@example.com", map[string]any{"updated_at": ahead(15 * 24 * time.Hour)}))
	if v := r.get(id); v.State != waxwing.Cancelled || !strings.Contains(causes(v), "late_event") {
		t.Fatalf("%s %s", v.State, causes(v))
	}
	r.stop()
	if len(r.allMails())+len(r.allTexts()) != 0 {
		t.Fatal("something was sent")
	}
}
