package medusa

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop/shoptest"
)

func TestFormat(t *testing.T) {
	shoptest.Run(t, Format, "email", "shipping_address.first_name", "shipping_address.address_1", "items.0.title", "items.0.variant_title", "shipping_methods.0.name",
		"payments.0.provider_id", "locale", "custom_display_id")
}

func FuzzMedusa(f *testing.F)  { shoptest.Fuzz(f, Format) }
func FuzzMutated(f *testing.F) { shoptest.FuzzMutated(f, Format) }

func read(t *testing.T, file, path string, v any) (waxwing.EventKey, *waxwing.Order) {
	t.Helper()
	raw := shoptest.With(t, shoptest.Payload(t, "testdata/"+file), path, v)
	k, err := Format.Key("", raw)
	if err != nil {
		t.Fatal(err)
	}
	if k.Ignore != "" {
		return k, nil
	}
	o, err := Format.Normalise("", raw)
	if err != nil {
		t.Fatal(err)
	}
	return k, o
}

func TestNoOrders(t *testing.T) {
	if k, _ := read(t, "yen.json", "is_draft_order", true); k.Ignore != "a draft" {
		t.Errorf("%+v", k)
	}
	for raw, want := range map[string]string{
		`[]`: "not an object",
		`{"id":"order_01AAAA","id":"order_01BBBB"}`: "given twice",
		`{"id":"order 01AAAA"}`:                     "id: missing",
		`{"display_id":7}`:                          "id: missing",
	} {
		if k, err := Format.Key("", []byte(raw)); err == nil || !strings.Contains(err.Error(), want) || !waxwing.IsPermanent(err) {
			t.Errorf("%s: %+v %v", raw, k, err)
		}
	}
	for raw, want := range map[string]string{
		`{"id":"order_01AAAA","currency_code":"eur"}`:                        "items: missing",
		`{"id":"order_01AAAA","items":[]}`:                                   "currency",
		`{"id":"order_01AAAA","currency_code":"eur","items":[],"totals":{}}`: "total",
	} {
		if _, err := Format.Normalise("", []byte(raw)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestStatus(t *testing.T) {
	pay := func(list ...string) []any {
		out := []any{}
		for i := 0; i < len(list); i += 2 {
			out = append(out, map[string]any{"status": list[i], "session": list[i+1], "provider_id": "pp_bank_transfer_x"})
		}
		return out
	}
	for name, c := range map[string]struct {
		list    []any
		want    waxwing.PaymentStatus
		offline string
	}{
		"captured":                          {pay("completed", "authorized"), waxwing.PaymentPaid, ""},
		"authorised":                        {pay("authorized", "authorized"), waxwing.PaymentAuthorized, ""},
		"the collection is a step behind":   {pay("not_paid", "authorized"), waxwing.PaymentAuthorized, ""},
		"later":                             {pay("awaiting", "pending_authorization"), waxwing.PaymentPending, waxwing.BankTransfer},
		"refused, then not":                 {pay("authorized", "error", "authorized", "authorized"), waxwing.PaymentAuthorized, ""},
		"no payment of an order that costs": {pay(), waxwing.PaymentPending, ""},
		"given back before it was captured": {pay("canceled", "canceled"), waxwing.PaymentVoided, ""},
	} {
		if _, o := read(t, "yen.json", "payments", c.list); o.Payment.Status != c.want || o.Payment.Offline != c.offline {
			t.Errorf("%s: %+v", name, o.Payment)
		}
	}
	m := shoptest.Payload(t, "testdata/yen.json")
	m["payments"] = pay("not_paid", "pending")
	if o, err := Format.Normalise("", shoptest.With(t, m, "totals", map[string]any{"current_order_total": 0})); err != nil || o.Payment.Status != waxwing.PaymentPaid {
		t.Error("an order over nothing:", o, err)
	}
	if k, o := read(t, "yen.json", "canceled_at", "2026-11-28T01:30:00+00:00"); k.Rank != 2 || o.Cancelled.IsZero() {
		t.Error(k, o.Cancelled)
	}
}

// Amounts are what the API says, rounded once: 238.293 GBP of the sample, whose lines are 253.30, 11.47 and a free
// shipping of 10.12.
func TestSample(t *testing.T) {
	line := func(sku, price, off string, quantity int) map[string]any {
		return map[string]any{"title": sku, "variant_sku": sku, "quantity": quantity, "unit_price": price, "is_tax_inclusive": true,
			"tax_lines": []any{map[string]any{"code": "vat-gb", "description": "VAT GB", "rate": "20"}}, "adjustments": []any{map[string]any{"code": "TEN", "amount": off}}}
	}
	raw, _ := json.Marshal(map[string]any{"id": "order_01M8ATV6MDG1BSXW7R44Y2P46E", "display_id": 50, "currency_code": "gbp", "email": "guest@shop.example",
		"totals": map[string]any{"current_order_total": 238.293}, "items": []any{line("LAMP-1", "126.65", "21.108333333333333333", 2), line("MUG-2", "11.47", "0.95583333333333333333", 1)},
		"shipping_methods": []any{map[string]any{"name": "Courier", "amount": "10.12", "is_tax_inclusive": true, "tax_lines": []any{map[string]any{"rate": "20", "code": "vat-gb", "description": "VAT GB"}},
			"adjustments": []any{map[string]any{"code": "FREESHIP", "amount": "8.4333333333333333333"}}}},
		"payments": []any{map[string]any{"status": "completed", "session": "authorized", "provider_id": "pp_stripe-ideal_stripe"}}})
	o, err := Format.Normalise("", raw)
	if err != nil {
		t.Fatal(err)
	}
	shoptest.Invariants(t, o)
	shoptest.AddsUp(t, o)
	for what, x := range map[string][2]string{"total": {o.Total.Decimal(), "238.29"}, "tax": {o.TaxTotal.Decimal(), "39.72"}, "subtotal": {o.Subtotal.Decimal(), "264.77"},
		"discount": {o.DiscountTotal.Decimal(), "36.60"}, "shipping": {o.ShippingTotal.Decimal(), "10.12"}, "method": {o.Payment.Method, "iDEAL"}, "number": {o.Number, "50"}} {
		if x[0] != x[1] {
			t.Errorf("%s: %s, want %s", what, x[0], x[1])
		}
	}
	if !o.TaxesIncluded || len(o.Notices) > 0 {
		t.Error(o.TaxesIncluded, o.Notices)
	}
}
