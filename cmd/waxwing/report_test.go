package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
)

// TestReportDelivery: orders that were sent, that came back, and that wait to be paid are told apart, as
// text and as JSON.
func TestReportDelivery(t *testing.T) {
	r := newRig(t, withAnna())
	good, back := r.accepted(shopifyOrder(1, "a@example.com", "paid")), r.accepted(shopifyOrder(2, "b@example.com", "paid"))
	r.until(good, waxwing.Sent)
	r.until(back, waxwing.Sent)
	r.until(r.accepted(shopifyOrder(3, "c@example.com", "pending")), waxwing.Held)
	id, err := waxwing.ParseID(back)
	if err == nil {
		err = r.d.Ledger().Annotate(t.Context(), &ledger.Annotation{Tenant: "acme", Message: id | 1, Kind: waxwing.Bounced, Provider: "mail", Class: "full"})
	}
	if err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	out := strings.Join(strings.Fields(r.mustSay("report", "delivery", "--until", until)), " ")
	for _, want := range []string{"3 orders", "1 not due", "2 with an address", "100.00 %", "50.00 %", "bounced: full", back, "accepted by a provider within 24 h"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	var told struct {
		Orders, Addressed, Accepted, Delivered int
		Kept                                   int `json:"not_bounced"`
	}
	if err := json.Unmarshal([]byte(r.mustSay("report", "delivery", "--until", until, "--json")), &told); err != nil || told.Orders != 3 || told.Addressed != 2 || told.Accepted != 2 || told.Delivered != 0 || told.Kept != 1 {
		t.Errorf("%v %+v", err, told)
	}
	if status, _, errs := r.said("anna-key-of-acme", "report", "delivery", "--since", "1h"); status != 1 || !strings.Contains(errs, "is not before") {
		t.Errorf("a span that ends before it begins: %d %s", status, errs)
	}
}
