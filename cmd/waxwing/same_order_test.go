package main

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/daemon"
)

// Acceptance 3: the same order, by whichever way and however often, is one
// confirmation and one mail.
func TestSameOrderOneMail(t *testing.T) {
	r := newRig(t)
	body := shopifyOrder(1001, "jana@example.com", "paid")
	id := r.accepted(body)
	again := func(when string) {
		t.Helper()
		if code, rc := r.shopify("shopify", body); code != http.StatusOK || rc.ID != id {
			t.Fatalf("%s, by webhook: %d %+v", when, code, rc)
		}
		code, b := r.api("POST", "/orders", genericOrder("shopify", 1001, "jana@example.com"))
		if rc := parseReceipt(t, b); code != http.StatusOK || rc.ID != id {
			t.Fatalf("%s, by API: %d %+v", when, code, rc)
		}
	}
	again("at once")
	r.wait(1)
	r.until(id, waxwing.Sent)
	again("after the mail")
	r.restart(daemon.Extras{})
	again("after a restart")
	if l := r.list("?order=1001"); len(l) != 1 {
		t.Fatalf("%d confirmations", len(l))
	}
	r.stop()
	if n := len(r.mailsTo("jana@example.com")); n != 1 {
		t.Fatalf("%d mails", n)
	}
}

// The order comes by the API first, then by webhook, which knows more of it.
func TestSameOrderByAPIFirst(t *testing.T) {
	r := newRig(t)
	g := genericOrder("shopify", 1002, "jana@example.com")
	g["payment"] = map[string]any{"status": "pending"}
	code, b := r.api("POST", "/orders", g)
	rc := parseReceipt(t, b)
	if code != http.StatusAccepted {
		t.Fatalf("%d %s", code, b)
	}
	r.until(rc.ID, waxwing.Held)
	code, now := r.shopify("shopify", shopifyOrder(1002, "jana@example.com", "paid"))
	if code != http.StatusOK || now.ID != rc.ID {
		t.Fatalf("%d %+v", code, now)
	}
	v := r.until(rc.ID, waxwing.Sent)
	if v.Order == nil || v.Order.Total.Minor != 4390 {
		t.Fatalf("the order shown is not the webhook's: %+v", v.Order)
	}
}

// And the other way round: held by webhook, paid by API.
func TestSameOrderPaidByAPI(t *testing.T) {
	r := newRig(t)
	id := r.accepted(shopifyOrder(1003, "jana@example.com", "pending"))
	r.until(id, waxwing.Held)
	g := genericOrder("shopify", 1003, "jana@example.com")
	g["updated_at"] = g["placed_at"]
	code, b := r.api("POST", "/orders", g)
	if rc := parseReceipt(t, b); code != http.StatusOK || rc.ID != id {
		t.Fatalf("%d %s", code, b)
	}
	if v := r.until(id, waxwing.Sent); v.Order == nil || v.Order.Total.Minor != 3900 {
		t.Fatalf("the order shown is not the API's: %+v", v.Order)
	}
}

func TestThousandDuplicatesInParallel(t *testing.T) {
	r := newRig(t)
	const orders, times = 4, 250
	var fresh atomic.Int64
	ids := make([]atomic.Pointer[string], orders)
	parallel(orders*times, 16, func(i int) {
		n := i % orders
		code, rc := r.shopify("shopify", shopifyOrder(2000+n, fmt.Sprintf("twin%d@example.com", n), "paid"))
		if code == http.StatusAccepted {
			fresh.Add(1)
		} else if code != http.StatusOK {
			t.Errorf("%d", code)
		}
		if old := ids[n].Swap(&rc.ID); old != nil && *old != rc.ID {
			t.Errorf("order %d: ids %s and %s", n, *old, rc.ID)
		}
	})
	r.wait(orders)
	r.stop()
	if fresh.Load() != orders || len(r.allMails()) != orders || r.truth.Total() != orders {
		t.Fatalf("%d new, %d mails", fresh.Load(), len(r.allMails()))
	}
}

// Acceptance 8, first half.
func TestTwoShopsOfOneFormat(t *testing.T) {
	r := newRig(t)
	for _, shop := range []string{"shopify", "outlet"} {
		if code, rc := r.shopify(shop, shopifyOrder(7, "jana@example.com", "paid")); code != http.StatusAccepted {
			t.Fatalf("%s: %d %+v", shop, code, rc)
		}
	}
	r.wait(2)
	r.stop()
	m := r.mailsTo("jana@example.com")
	if len(m) != 2 || m[0].MessageID == m[1].MessageID {
		t.Fatalf("%d mails", len(m))
	}
}
