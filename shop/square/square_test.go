package square

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop/shoptest"
)

func TestFormat(t *testing.T) {
	shoptest.Run(t, Format, "data.object.payment.note", "data.object.payment.billing_address.first_name", "order.reference_id", "order.line_items.0.name",
		"order.fulfillments.0.shipment_details.recipient.display_name", "reference_id", "line_items.0.variation_name")
}

func FuzzSquare(f *testing.F)  { shoptest.Fuzz(f, Format) }
func FuzzMutated(f *testing.F) { shoptest.FuzzMutated(f, Format) }

const (
	paymentFile = "testdata/payment-event.json"
	orderFile   = "testdata/order-shipment.json"
)

func TestSignature(t *testing.T) {
	const url = "https://waxwing.example/hooks/acme/pos"
	raw := []byte(`{"type":"payment.updated"}`)
	mac := hmac.New(sha256.New, []byte("new"))
	mac.Write([]byte(url))
	mac.Write(raw)
	good := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for name, c := range map[string]struct {
		sent, url, raw string
		secrets        []waxwing.Secret
		want           bool
	}{
		"right":           {good, url, string(raw), []waxwing.Secret{"new"}, true},
		"the second":      {good, url, string(raw), []waxwing.Secret{"old", "new"}, true},
		"another secret":  {good, url, string(raw), []waxwing.Secret{"old"}, false},
		"no secret":       {good, url, string(raw), nil, false},
		"an empty secret": {good, url, string(raw), []waxwing.Secret{""}, false},
		"another address": {good, url + "/", string(raw), []waxwing.Secret{"new"}, false},
		"no address":      {good, "", string(raw), []waxwing.Secret{"new"}, false},
		"another body":    {good, url, string(raw) + " ", []waxwing.Secret{"new"}, false},
		"no signature":    {"", url, string(raw), []waxwing.Secret{"new"}, false},
		"no base64":       {"%%", url, string(raw), []waxwing.Secret{"new"}, false},
	} {
		h := http.Header{}
		h.Set("x-square-hmacsha256-signature", c.sent)
		if c.url != "" {
			waxwing.SetPostedTo(h, c.url)
		}
		if got := Format.Verify(h, []byte(c.raw), c.secrets); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// What tells of a payment and of its order is one order.
func TestOneOrder(t *testing.T) {
	paid, err := Format.Key("", shoptest.With(t, shoptest.Payload(t, paymentFile), "", nil))
	if err != nil || paid.OrderID != "pRsjRTgFWATl7so6DxdKBJa7ssbZY" || paid.Rank != 1 || !paid.UpdatedAt.Equal(time.Date(2026, 10, 6, 21, 16, 51, 198e6, time.UTC)) {
		t.Errorf("%+v %v", paid, err)
	}
	whole, err := Format.Key("", shoptest.With(t, shoptest.Payload(t, orderFile), "", nil))
	if err != nil || whole.OrderID != paid.OrderID || !whole.UpdatedAt.After(paid.UpdatedAt) {
		t.Errorf("%+v %v", whole, err)
	}
	alone, err := Format.Key("", shoptest.With(t, shoptest.Payload(t, paymentFile), "data.object.payment.order_id", nil))
	if err != nil || alone.OrderID != "KkAkhdMsgzn59SM8A89WgKwekxLZY" {
		t.Errorf("%+v %v", alone, err)
	}
}

// TestNamed: an order's event is ignored where nobody can be asked, and names the order for who can.
func TestNamed(t *testing.T) {
	for raw, want := range map[string]string{
		`{"type":"order.updated","data":{"type":"order_updated","id":"abcd","object":{"order_updated":{"order_id":"abcd","state":"OPEN","version":4}}}}`: "abcd",
		`{"type":"order.created","data":{"type":"order_created","id":"abcd","object":{"order_created":{"order_id":"abcd"}}}}`:                            "abcd",
		`{"type":"order.fulfillment.updated","data":{"id":"x","object":{"order_fulfillment_updated":{"order_id":"abcd"}}}}`:                              "abcd",
		`{"type":"order.created","data":{"id":"../x?y"}}`: "",
	} {
		var bare *waxwing.BareError
		k, err := Format.Key("", []byte(raw))
		_, err2 := Format.Normalise("", []byte(raw))
		if err != nil || !strings.Contains(k.Ignore, "does not show it") || k.OrderID != want || (k.Bare != "") != (want != "") || errors.As(err2, &bare) != (want != "") || err2 == nil {
			t.Errorf("%s: %+v %v, %v", raw, k, err, err2)
		}
	}
}

// TestCustomerBeside: to whom a mail may go stands with the customer, where the order was not sold over the counter.
func TestCustomerBeside(t *testing.T) {
	for order, want := range map[string]string{
		`"customer_id":"CUST1","fulfillments":[{"type":"PICKUP","state":"PROPOSED","pickup_details":{"recipient":{"customer_id":"CUST1"}}}]`: "c@example.com",
		`"customer_id":"CUST1"`: "",
		`"customer_id":"CUST2","fulfillments":[{"type":"PICKUP","pickup_details":{"recipient":{"email_address":"r@example.com"}}}]`: "r@example.com",
		`"customer_id":"../x","fulfillments":[{"type":"PICKUP"}]`:                                                                   "",
	} {
		raw, err := Format.API.Order(t.Context(), func(_ context.Context, path string) ([]byte, error) {
			switch path {
			case "/v2/orders/abcd":
				return []byte(`{"order":{"id":"abcd",` + order + `,"state":"OPEN","total_money":{"amount":1000,"currency":"USD"},"net_amount_due_money":{"amount":0,"currency":"USD"},"line_items":[{"name":"Mug","quantity":"1","total_money":{"amount":1000,"currency":"USD"}}]}}`), nil
			case "/v2/customers/CUST1":
				return []byte(`{"customer":{"id":"CUST1","email_address":"c@example.com"}}`), nil
			}
			if strings.Contains(path, "..%2Fx") || path == "/v2/customers/CUST2" {
				return nil, waxwing.ErrRefused
			}
			t.Errorf("asked for %s", path)
			return nil, waxwing.ErrNotFound
		}, "abcd")
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if o, err := Format.Normalise("", raw); err == nil {
			got = o.Customer.Email
		}
		if got != want {
			t.Errorf("%s: %q, want %q", order, got, want)
		}
	}
}

func TestNoOrders(t *testing.T) {
	event := func(typ, object string) string { return `{"type":"` + typ + `","data":{"object":` + object + `}}` }
	for raw, want := range map[string]string{
		event("refund.created", `{"refund":{"id":"abcd"}}`):                                                                               "not a topic of completed orders refund.created",
		event("payment.updated", `{"payment":{"id":"abcd","status":"COMPLETED"}}`):                                                        "without buyer_email_address",
		event("payment.updated", `{"payment":{"id":"abcd","status":"FAILED","buyer_email_address":"a@example.com"}}`):                     "failed",
		event("payment.updated", `{"payment":{"id":"abcd","status":"CANCELED","buyer_email_address":"a@example.com","card_details":{}}}`): "called off before",
		`{"order":{"id":"abcd","state":"DRAFT"}}`:                                                                                         "a draft",
		`{"order":{"id":"abcd","state":"OPEN"}}`:                                                                                          "without an e-mail address",
		`{"id":"abcd","given_name":"x"}`:                                                                                                  "another object",
	} {
		if k, err := Format.Key("", []byte(raw)); err != nil || !strings.Contains(k.Ignore, want) || k.OrderID != "" {
			t.Errorf("%s: %+v %v, want %s", raw, k, err, want)
		}
	}
	for raw, want := range map[string]string{
		`{"payment":{"id":"a b","status":"COMPLETED","buyer_email_address":"a@example.com"}}`:              "id: missing",
		`{"payment":{"id":"abcd","id":"abce","status":"COMPLETED","buyer_email_address":"a@example.com"}}`: "id: given twice",
		`[]`: "not an object",
	} {
		if k, err := Format.Key("", []byte(raw)); err == nil || !strings.Contains(err.Error(), want) || !waxwing.IsPermanent(err) {
			t.Errorf("%s: %+v %v, want %s", raw, k, err, want)
		}
	}
	for path, c := range map[string]struct {
		to   any
		want string
	}{"order.total_money.currency": {"", "total_money.currency: missing"}, "order.total_money.amount": {nil, "total_money.amount: missing"}, "order.line_items.0.quantity": {"x", "line_items[0].quantity: not a number"},
		"order.line_items": {[]any{}, "line_items: none"}, "order.line_items.1.variation_total_price_money.currency": {"EUR", "amounts in more than one currency"},
		"order.total_discount_money.amount": {"1.5", "total_discount_money: not a decimal"}} {
		_, err := Format.Normalise("", shoptest.With(t, shoptest.Payload(t, orderFile), path, c.to))
		if err == nil || !strings.Contains(err.Error(), c.want) || !waxwing.IsPermanent(err) {
			t.Errorf("%s: got %v, want %q", path, err, c.want)
		}
	}
}

func TestPayment(t *testing.T) {
	for status, want := range map[string]waxwing.PaymentStatus{"COMPLETED": waxwing.PaymentPaid, "APPROVED": waxwing.PaymentAuthorized, "PENDING": waxwing.PaymentPending} {
		o, err := Format.Normalise("", shoptest.With(t, shoptest.Payload(t, paymentFile), "data.object.payment.status", status))
		if err != nil || o.Payment.Status != want || !o.Cancelled.IsZero() {
			t.Errorf("%s: %v %v", status, o, err)
		}
	}
	m := shoptest.Payload(t, paymentFile)
	shoptest.With(t, m, "data.object.payment.card_details.status", "VOIDED")
	raw := shoptest.With(t, m, "data.object.payment.status", "CANCELED")
	k, err := Format.Key("", raw)
	o, err2 := Format.Normalise("", raw)
	if err != nil || err2 != nil || k.Rank != 2 || o.Cancelled.IsZero() || o.Payment.Status != waxwing.PaymentVoided {
		t.Error(k, err, err2)
	}
	gone := shoptest.Payload(t, orderFile)
	shoptest.With(t, gone, "order.fulfillments.0.state", "CANCELED") // as those of an order are that was cancelled
	if k, err := Format.Key("", shoptest.With(t, gone, "order.state", "CANCELED")); err != nil || k.Rank != 2 || k.Ignore != "" {
		t.Errorf("%+v %v", k, err)
	}
	for name, c := range map[string]struct {
		tenders []any
		want    waxwing.PaymentStatus
	}{
		"none":       {[]any{}, waxwing.PaymentPending},
		"captured":   {[]any{map[string]any{"type": "CARD", "amount_money": map[string]any{"amount": 4878}, "card_details": map[string]any{"status": "CAPTURED"}}}, waxwing.PaymentPaid},
		"voided":     {[]any{map[string]any{"type": "CARD", "amount_money": map[string]any{"amount": 4878}, "card_details": map[string]any{"status": "VOIDED"}}}, waxwing.PaymentPending},
		"a part":     {[]any{map[string]any{"type": "CASH", "amount_money": map[string]any{"amount": 1000, "currency": "USD"}}}, waxwing.PaymentPartlyPaid},
		"two halves": {[]any{map[string]any{"type": "CASH", "amount_money": map[string]any{"amount": 2439}}, map[string]any{"type": "CARD", "amount_money": map[string]any{"amount": 2439}}}, waxwing.PaymentPaid},
	} {
		o, err := Format.Normalise("", shoptest.With(t, shoptest.Payload(t, orderFile), "order.tenders", c.tenders))
		if err != nil || o.Payment.Status != c.want {
			t.Errorf("%s: %v %v", name, o.Payment.Status, err)
			continue
		}
		shoptest.AddsUp(t, o)
	}
}
