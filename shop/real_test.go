package shop_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop/shopify"
	"github.com/waxwinghq/waxwing/shop/shoptest"
	"github.com/waxwinghq/waxwing/shop/woocommerce"
)

// realOrders reads the real payloads of a shop: each order of each file.
func realOrders(t *testing.T, shop string) map[string][]byte {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join("..", "..", "shared", "data", "shops", shop, "order*.json"))
	if len(files) == 0 {
		t.Skip("the real payloads of ../shared/data are not here")
	}
	out := make(map[string][]byte)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(f)
		if name != "orders.json" {
			out[name] = raw
			continue
		}
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			var m struct{ Orders []json.RawMessage }
			if err := json.Unmarshal(raw, &m); err != nil {
				t.Fatal(err)
			}
			list = m.Orders
		}
		for i, o := range list {
			out[fmt.Sprintf("%s#%d", name, i)] = o
		}
	}
	return out
}

// fields reads a payload a second way, so that the test does not trust the
// reader that it tests.
func fields(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		t.Fatal(err)
	}
	if o, ok := m["order"].(map[string]any); ok {
		return o
	}
	return m
}

func str(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func list(v any) []map[string]any {
	var out []map[string]any
	l, _ := v.([]any)
	for _, x := range l {
		out = append(out, x.(map[string]any))
	}
	return out
}

func equal(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func equalMoney(t *testing.T, what string, got waxwing.Money, want any) {
	t.Helper()
	m, err := waxwing.ParseMoney(str(want), got.Currency)
	if err != nil {
		t.Fatal(err)
	}
	if m != got {
		t.Errorf("%s: %v, want %v", what, got, m)
	}
}

func TestRealShopify(t *testing.T) {
	for name, raw := range realOrders(t, "shopify") {
		t.Run(name, func(t *testing.T) {
			want := fields(t, raw)
			key, err := shopify.Format.Key("orders/create", raw)
			if err != nil {
				t.Fatal(err)
			}
			o, err := shopify.Format.Normalise("orders/create", raw)
			if err != nil {
				t.Fatal(err)
			}
			shoptest.Invariants(t, o)
			equal(t, "key", key.OrderID, str(want["id"]))
			equal(t, "id", o.ID, str(want["id"]))
			equal(t, "number", o.Number, str(want["name"]))
			equal(t, "email", o.Customer.Email, str(want["email"]))
			equalMoney(t, "total", o.Total, want["total_price"])
			equalMoney(t, "subtotal", o.Subtotal, want["total_line_items_price"])
			equalMoney(t, "tax", o.TaxTotal, want["total_tax"])
			equalMoney(t, "discounts", o.DiscountTotal, want["total_discounts"])
			equal(t, "status link", o.Links.Status, str(want["order_status_url"]))
			equal(t, "placed", o.PlacedAt.Format("2006-01-02T15:04:05-07:00"), str(want["created_at"]))
			lines := list(want["line_items"])
			if len(lines) != len(o.Items) {
				t.Fatalf("%d items, want %d", len(o.Items), len(lines))
			}
			for i, l := range lines {
				it := o.Items[i]
				equal(t, "name", it.Name, str(l["title"]))
				equal(t, "variant", it.Variant, str(l["variant_title"]))
				equal(t, "quantity", str(it.Quantity), str(l["quantity"]))
				equalMoney(t, "price", *it.Unit, l["price"])
			}
			for key, a := range map[string]*waxwing.Address{"billing_address": o.Billing, "shipping_address": o.Shipping} {
				w := want[key].(map[string]any)
				equal(t, key, strings.Join([]string{a.Name, a.Lines[0], a.City, a.PostalCode, a.Country, a.Phone}, "|"),
					strings.Join([]string{str(w["name"]), str(w["address1"]), str(w["city"]), str(w["zip"]), str(w["country_code"]), str(w["phone"])}, "|"))
			}
		})
	}
}

func TestRealWooCommerce(t *testing.T) {
	names := []string{"Woo Single #1", "Ship Your Idea – Color: Black, Size: M Test", "Woo Album #2", "Woo Ninja"}
	for name, raw := range realOrders(t, "woocommerce") {
		t.Run(name, func(t *testing.T) {
			want := fields(t, raw)
			key, err := woocommerce.Format.Key("order.updated", raw)
			if err != nil {
				t.Fatal(err)
			}
			o, err := woocommerce.Format.Normalise("order.updated", raw)
			if err != nil {
				t.Fatal(err)
			}
			shoptest.Invariants(t, o)
			shoptest.AddsUp(t, o)
			equal(t, "key", key.OrderID, str(want["id"]))
			equal(t, "number", o.Number, str(want["number"]))
			equalMoney(t, "total", o.Total, want["total"])
			equalMoney(t, "tax", o.TaxTotal, want["total_tax"])
			equalMoney(t, "shipping", o.ShippingTotal, want["shipping_total"])
			equalMoney(t, "discounts", o.DiscountTotal, want["discount_total"])
			equal(t, "placed", o.PlacedAt.Format("2006-01-02T15:04:05"), str(want["date_created"]))
			equal(t, "placed, UTC", o.PlacedAt.UTC().Format("2006-01-02T15:04:05"), str(want["date_created_gmt"]))
			for i, l := range list(want["line_items"]) {
				it := o.Items[i]
				if !slices.Contains(names, it.Name) {
					t.Errorf("name %q", it.Name)
				}
				equal(t, "quantity", str(it.Quantity), str(l["quantity"]))
				equalMoney(t, "price", *it.Unit, l["price"])
				equalMoney(t, "line", *it.Total, l["subtotal"])
			}
			b := want["billing"].(map[string]any)
			equal(t, "email", o.Customer.Email, str(b["email"]))
			equal(t, "billing", o.Billing.Name, str(b["first_name"])+" "+str(b["last_name"]))
			if o.Payment.Offline == "" { // its own words are the mail's
				equal(t, "method", o.Payment.Method, str(want["payment_method_title"]))
			}
		})
	}
}
