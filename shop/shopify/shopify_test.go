package shopify

import (
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop/shoptest"
)

func TestFormat(t *testing.T) {
	shoptest.Run(t, Format, "email", "name", "note", "customer_locale", "order_status_url", "line_items.0.title", "customer.first_name")
}

func FuzzShopify(f *testing.F) { shoptest.Fuzz(f, Format) }
func FuzzMutated(f *testing.F) { shoptest.FuzzMutated(f, Format) }

const fixture = "testdata/presentment.json"

func TestShopifyRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		path string
		to   any
		want string
	}{
		"no id":                  {"id", nil, "id: missing"},
		"empty id":               {"id", "", "id: missing"},
		"id nought":              {"id", 0, "id: missing"},
		"id of letters":          {"id", "bob@example.com", "id: missing"},
		"id with a fraction":     {"id", 1.5, "id: missing"},
		"total not a number":     {"total_price_set", nil, ""}, // falls back to shop money: no error
		"total of words":         {"total_price", "ten", "total_price: not a decimal"},
		"half a piece":           {"line_items.0.quantity", 1.5, "line_items[0].quantity: not a whole number"},
		"no quantity":            {"line_items.0.quantity", shoptest.Null, "line_items[0].quantity: not a whole number"},
		"too many pieces":        {"line_items.0.quantity", 1000000001, "line_items[0].quantity: more than a thousand million"},
		"no lines":               {"line_items", []any{}, "line_items: none"},
		"lines are no list":      {"line_items", "x", "line_items: none"},
		"a line is no object":    {"line_items.0", "x", "line_items[0].(line): not an object"},
		"all lines taken out":    {"line_items", []any{map[string]any{"quantity": 0}}, "line_items: none"},
		"huge price":             {"line_items.0.price", "4503599627370497", "line_items[0].price: amount too large"},
		"a tax that is no money": {"tax_lines.0.price", "x", "tax_lines[0].price: not a decimal"},
	} {
		t.Run(name, func(t *testing.T) {
			m := shoptest.Payload(t, fixture)
			delete(m, "total_price_set") // read in shop money, where the errors are told
			raw := shoptest.With(t, m, c.path, c.to)
			o, err := Format.Normalise("orders/paid", raw)
			if c.want == "" {
				if err != nil || o.Currency != "USD" {
					t.Fatalf("%v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !waxwing.IsPermanent(err) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			shoptest.NoData(t, err, raw)
		})
	}
}

func TestShopifyRefusesMoney(t *testing.T) {
	for name, change := range map[string]struct {
		set  map[string]any
		want string
	}{
		"no currency":    {map[string]any{"currency": nil, "total_price_set": nil}, "currency: missing"},
		"a bad currency": {map[string]any{"currency": "EURO", "total_price_set": nil}, "currency: missing"},
		"no total":       {map[string]any{"total_price": nil, "total_price_set": nil, "current_total_price": nil, "current_total_price_set": nil}, "total: missing"},
		"negative total": {map[string]any{"total_price": "-1.00", "total_price_set": nil, "current_total_price": nil, "current_total_price_set": nil}, "total: negative"},
		"mixed currencies": {map[string]any{"total_price_set": map[string]any{"shop_money": map[string]any{"amount": "1", "currency_code": "CAD"}}},
			"amounts in more than one currency"},
	} {
		t.Run(name, func(t *testing.T) {
			m := shoptest.Payload(t, fixture)
			for k, v := range change.set {
				shoptest.With(t, m, k, v)
			}
			_, err := Format.Normalise("", shoptest.With(t, m, "", nil))
			if err == nil || !strings.Contains(err.Error(), change.want) || !waxwing.IsPermanent(err) {
				t.Errorf("got %v, want %q", err, change.want)
			}
		})
	}
}

// An order is in presentment money only if all of it is.
func TestShopifyNeverMixesCurrencies(t *testing.T) {
	for _, path := range []string{"total_tax_set", "line_items.0.price_set", "line_items.1.discount_allocations.0.amount_set",
		"shipping_lines.0.price_set", "tax_lines.0.price_set", "total_discounts_set", "line_items.2.price_set"} {
		o, err := Format.Normalise("", shoptest.With(t, shoptest.Payload(t, fixture), path, nil))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		shoptest.Invariants(t, o)
		if o.Currency != "USD" || o.Total.Decimal() != "119.74" || o.ShopCurrency != "" {
			t.Errorf("without %s: %v", path, o.Total)
		}
	}
	o, err := Format.Normalise("", shoptest.With(t, shoptest.Payload(t, fixture), "line_items.0.price_set.presentment_money.currency_code", "GBP"))
	if err != nil || o.Currency != "USD" {
		t.Errorf("one line in another presentment currency: %v", err)
	}
}

// What shops really send must not stop a mail.
func TestShopifyTolerates(t *testing.T) {
	for path, to := range map[string]any{
		"customer": nil, "billing_address": []any{}, "shipping_address": shoptest.Null, "line_items.0.price": shoptest.Null,
		"line_items.0.properties": map[string]any{"Gravur": "x"}, "line_items.0.properties.0.value": []any{1}, "line_items.0.id": nil,
		"shipping_lines": nil, "tax_lines": shoptest.Null, "discount_applications": shoptest.Null, "discount_codes": "", "payment_gateway_names": nil,
		"payment_details": nil, "fulfillments": shoptest.Null, "refunds": shoptest.Null, "processed_at": "0000-00-00 00:00:00", "note": 12,
		"email": shoptest.Null, "name": shoptest.Null, "test": "true", "line_items.0.quantity": "2", "line_items.0.title": "", "total_tax": 19.64,
		"customer_locale": 5, "order_status_url": "http://plain.example/", "line_items.0.discount_allocations.0.discount_application_index": 99,
		"total_tip_received": shoptest.Null, "total_price": "119.745", "line_items.1.quantity": -1, "financial_status": shoptest.Null, "confirmed": shoptest.Null, "line_items": nil, "total_line_items_price": nil,
	} {
		o, err := Format.Normalise("", shoptest.With(t, shoptest.Payload(t, fixture), path, to))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		shoptest.Invariants(t, o)
	}
}

func TestShopifyKey(t *testing.T) {
	raw := shoptest.With(t, shoptest.Payload(t, fixture), "updated_at", "2026-02-05T10:00:00+01:00")
	created, err := Format.Key("orders/create", raw)
	if err != nil {
		t.Fatal(err)
	}
	if created.OrderID != "5500000000000000123" || created.Rank != 1 || created.Ignore != "" || created.Shop != "" ||
		created.OccurredAt.Format(time.RFC3339) != "2026-02-03T09:14:58+01:00" ||
		created.UpdatedAt.Format(time.RFC3339) != "2026-02-05T10:00:00+01:00" {
		t.Errorf("created: %+v", created)
	}
	paid, err := Format.Key("orders/paid", raw)
	if err != nil || !paid.OccurredAt.Equal(paid.UpdatedAt) {
		t.Errorf("paid two days later: %+v %v", paid, err)
	}
	wrapped, err := Format.Key("", []byte(`{"order":`+string(raw)+`}`))
	if err != nil || wrapped.OrderID != created.OrderID {
		t.Errorf("wrapped: %+v %v", wrapped, err)
	}
	gone, err := Format.Key("orders/cancelled", shoptest.With(t, shoptest.Payload(t, fixture), "cancelled_at", "2026-02-05T10:00:00Z"))
	if err != nil || gone.Rank != 2 {
		t.Errorf("cancelled: %+v %v", gone, err)
	}
	open, err := Format.Key("", shoptest.With(t, shoptest.Payload(t, fixture), "financial_status", "pending"))
	if err != nil || open.Rank != 0 {
		t.Errorf("pending: %+v %v", open, err)
	}
	for _, bad := range []string{"", "[]", `{"total_price":"1"}`, `{"id":1,"id":2,"total_price":"1"}`, `{"id":1,"\u0069d":1,"total_price":"1"}`, `{"id":1,"id":2}`, `"x"`} {
		if _, err := Format.Key("", []byte(bad)); err == nil || !waxwing.IsPermanent(err) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// Shopify's test notifications have current totals that differ though nothing
// was taken out: the order costs its total_price.
func TestShopifyTestNotification(t *testing.T) {
	m := shoptest.Payload(t, fixture)
	shoptest.With(t, m, "total_price_set", nil)
	shoptest.With(t, m, "current_total_price_set", nil)
	o, err := Format.Normalise("", shoptest.With(t, m, "current_total_price", "398.00"))
	if err != nil || o.Total.Decimal() != "119.74" {
		t.Errorf("%v %v", o.Total, err)
	}
}
