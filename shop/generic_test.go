package shop

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/waxwinghq/waxwing"
)

const genericFixture = "generic/full.json"

func genericSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(GenericSchema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("order.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("order.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What the schema refuses the reader refuses too, with the place and a remedy.
func TestGenericRefusesWithTheSchema(t *testing.T) {
	schema := genericSchema(t)
	for name, c := range map[string]struct {
		path string
		to   any
		want string
	}{
		"no shop":             {"shop", nil, "shop: want the name"},
		"shop of spaces":      {"shop", "my shop", "shop: want the name"},
		"no id":               {"id", nil, "id: want the order's id"},
		"empty id":            {"id", "", "id: want the order's id"},
		"no currency":         {"currency", nil, "currency: missing"},
		"small currency":      {"currency", "eur", "currency: want a code in capitals"},
		"no placed_at":        {"placed_at", nil, "placed_at: missing"},
		"a date alone":        {"placed_at", "2026-03-01", "placed_at: want a time"},
		"a time in seconds":   {"updated_at", 1767323045, "updated_at: want a time"},
		"no items":            {"items", nil, "items: missing"},
		"items empty":         {"items", []any{}, "items: want at least one"},
		"no payment":          {"payment", nil, "payment: missing"},
		"no status":           {"payment.status", nil, "payment.status: missing"},
		"unknown status":      {"payment.status", "done", "payment.status: want one of pending, "},
		"unknown offline":     {"payment.offline", "cash", "payment.offline: want one of"},
		"last4":               {"payment.last4", "424", "payment.last4: want four digits"},
		"misspelt key":        {"items.0.quanity", 2, "items[0].quanity: unknown key; did you mean quantity?"},
		"key in capitals":     {"Note", "x", "Note: unknown key; did you mean note?"},
		"a far key":           {"customer.favourite_colour", "x", "customer.favourite_colour: unknown key; known are id, first_name"},
		"a key of data":       {"customer.jo@example", "x", "customer: an unknown key; known are"},
		"no name":             {"items.1.name", nil, "items[1].name: missing"},
		"quantity nought":     {"items.0.quantity", 0, "items[0].quantity: want a whole number"},
		"quantity in halves":  {"items.0.quantity", 1.5, "items[0].quantity: want a whole number"},
		"quantity as text":    {"items.0.quantity", "2", "items[0].quantity: want a whole number"},
		"amount with comma":   {"items.0.total", "25,00", "items[0].total: want a decimal amount"},
		"amount of words":     {"discounts.0.amount", "two", "discounts[0].amount: want a decimal amount"},
		"negative number":     {"tip", -1, "tip: negative"},
		"amount as bool":      {"tip", true, "tip: want a decimal amount"},
		"flag as text":        {"test", "yes", "test: want true or false"},
		"text as number":      {"customer.first_name", 5, "customer.first_name: want a string"},
		"object as text":      {"customer", "Jo", "customer: want an object"},
		"list as object":      {"discounts", map[string]any{"amount": "2.00"}, "discounts: want an array"},
		"key of two":          {"type", "bill", "type: want one of order"},
		"kind":                {"adjustments", []any{map[string]any{"kind": "x", "amount": "1"}}, "adjustments[0].kind: want one of"},
		"pay link":            {"payment.url", "http://a.example/", "payment.url: want an absolute https URL"},
		"discount of nothing": {"discounts.0.amount", nil, "discounts[0].amount: missing"},
		"plain link":          {"links.status", "http://acme.example/", "links.status: want an absolute https URL"},
		"a script":            {"items.0.image_url", "javascript:alert(1)", "items[0].image_url: want an absolute https URL"},
		"country":             {"addresses.shipping.country", "Germany", "addresses.shipping.country: want two letters"},
		"street of numbers":   {"addresses.shipping.lines.0", 5, "addresses.shipping.lines[0]: want a string"},
		"locale":              {"locale", "e", "locale: want a language tag"},
		"rate":                {"taxes.0.rate", "7%", "taxes[0].rate: want a decimal fraction"},
		"stock":               {"stock", "none", "stock: want one of allocated"},
		"delivery":            {"delivery.from", "soon", "delivery.from: want a time"},
		"property":            {"items.1.properties.0.name", "", "items[1].properties[0].name: missing"},
	} {
		t.Run(name, func(t *testing.T) {
			raw := with(t, payload(t, genericFixture), c.path, c.to)
			if valid(t, schema, raw) {
				t.Error("the schema accepts it")
			}
			_, err := Generic.Normalise("", raw)
			if err == nil || !strings.Contains(err.Error(), c.want) || !waxwing.IsPermanent(err) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func valid(t testing.TB, s *jsonschema.Schema, raw []byte) bool {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v) == nil
}

// Sums are beyond a schema.
func TestGenericRefusesWrongSums(t *testing.T) {
	for name, c := range map[string]struct {
		path string
		to   any
		want string
	}{
		"line":             {"items.0.total", "25.01", "items[0].total: does not agree with unit_price times quantity"},
		"subtotal":         {"totals.subtotal", "29.91", "totals.subtotal: does not agree"},
		"discount":         {"totals.discount", "2.01", "totals.discount: does not agree"},
		"shipping":         {"totals.shipping", "0", "totals.shipping: does not agree"},
		"tax":              {"totals.tax", "2.14", "totals.tax: does not agree"},
		"total":            {"totals.total", "32.90", "totals.total: does not agree"},
		"tax on top":       {"taxes_included", false, "totals.total: does not agree"},
		"too precise":      {"tip", "0.001", "tip: more decimals than the currency has: EUR has 2"},
		"refunded":         {"totals.refunded", "99.00", "totals.refunded: more than the total"},
		"gift cards":       {"gift_cards", []any{map[string]any{"amount": "99.00"}}, "gift_cards: more than the total"},
		"line's discount":  {"items.0.discount", "2.01", "discounts: less than the discounts on the items"},
		"pieces refunded":  {"items.0.refunded", 3, "items[0].refunded: want a whole number, not more"},
		"window":           {"delivery.to", "2026-03-03", "delivery.to: before from"},
		"pickup elsewhere": {"addresses.pickup", map[string]any{"city": "Köln"}, "addresses.pickup: only with delivery.pickup"},
		"adjustment":       {"adjustments", []any{map[string]any{"amount": "-1.00"}}, "totals.total: does not agree"},
		"deposit":          {"payment.deposit", "99.00", "payment.deposit: more than the total"},
		"negative cut":     {"discounts.0.amount", "-2.00", "discounts[0].amount: negative"},
		"id with newline":  {"id", "1\n2", "id: want the order's id"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Generic.Normalise("", with(t, payload(t, genericFixture), c.path, c.to))
			if err == nil || !strings.Contains(err.Error(), c.want) || !waxwing.IsPermanent(err) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	m := payload(t, genericFixture)
	with(t, m, "items.1.unit_price", nil)
	with(t, m, "totals", nil)
	if _, err := Generic.Normalise("", with(t, m, "", nil)); err == nil || !strings.Contains(err.Error(), "totals.subtotal: missing") {
		t.Errorf("an item without a price and no subtotal: %v", err)
	}
}

// Whatever the reader accepts the schema accepts; null is the same as leaving out.
func TestGenericAcceptsWithTheSchema(t *testing.T) {
	schema := genericSchema(t)
	for path, to := range map[string]any{
		"": nil, "id": 820982911946154508, "number": 1001, "totals": nil, "totals.tax": null, "customer": null, "customer.id": 5,
		"addresses": null, "addresses.billing": null, "delivery.from": "2026-03-04T08:00:00Z", "tip": null, "items.0.unit_price": 12.5,
		"items.0.discount": "1.00", "items.0.refunded": 1, "links": null, "discounts.0.title": null, "payment.offline": "invoice",
		"stock": "allocated", "taxes.0.rate": 0.07, "taxes.0.title": null, "shop_currency": "USD", "cancelled_at": "2026-03-02T00:00:00Z",
		"gift_cards": []any{map[string]any{"amount": "10"}}, "totals.refunded": "1", "items.1.properties": []any{}, "note": "a\nb",
		"items.1.properties.0.value": []any{"red", map[string]any{"x": true}}, "payment.instructions": "IBAN DE00\nBIC X", "payment.reference": 12,
		"payment.url": "https://a.example/pay", "links.invoice": "https://a.example/i", "links.returns": null, "purchase_order": "PO-1",
		"items.0.bundle": "Set", "type": "order", "locale": "de_AT_formal", "adjustments": []any{},
	} {
		raw := with(t, payload(t, genericFixture), path, to)
		if !valid(t, schema, raw) {
			t.Errorf("%s: the schema refuses it", path)
		}
		o, err := Generic.Normalise("", raw)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		invariants(t, o)
	}
}

// The schema and the reader know the same keys, and the schema describes each.
func TestGenericKeysAreTheSchemas(t *testing.T) {
	type object struct {
		Properties  map[string]object `json:"properties"`
		Description string            `json:"description"`
		Items       *object           `json:"items"`
		Defs        map[string]object `json:"$defs"`
		Examples    []json.RawMessage `json:"examples"`
		Enum        []*string         `json:"enum"`
	}
	var s object
	if err := json.Unmarshal(GenericSchema, &s); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		o    object
		keys []string
	}{
		"order": {s, genericKeys}, "customer": {s.Properties["customer"], genericCustomerKeys},
		"addresses": {s.Properties["addresses"], genericAddressesKeys}, "address": {s.Defs["address"], genericAddressKeys},
		"item": {s.Defs["item"], genericItemKeys}, "property": {*s.Defs["item"].Properties["properties"].Items, genericPropertyKeys},
		"amounts": {*s.Defs["amounts"].Items, genericAmountKeys}, "tax": {*s.Properties["taxes"].Items, genericTaxKeys},
		"totals": {s.Properties["totals"], genericTotalsKeys}, "payment": {s.Properties["payment"], genericPaymentKeys},
		"delivery": {s.Properties["delivery"], genericDeliveryKeys}, "links": {s.Properties["links"], genericLinksKeys}, "adjustments": {*s.Properties["adjustments"].Items, genericAdjustmentKeys},
	} {
		var got []string
		for k, p := range c.o.Properties {
			got = append(got, k)
			if p.Description == "" {
				t.Errorf("%s.%s is not described", name, k)
			}
		}
		want := slices.Sorted(slices.Values(c.keys))
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: schema %v, reader %v", name, got, want)
		}
	}
	for name, c := range map[string]struct {
		got  []*string
		want []string
	}{"status": {s.Properties["payment"].Properties["status"].Enum, genericStatuses},
		"offline": {s.Properties["payment"].Properties["offline"].Enum, genericOffline}, "stock": {s.Defs["stock"].Enum, genericStocks}, "type": {s.Properties["type"].Enum, genericTypes},
		"kind": {s.Properties["adjustments"].Items.Properties["kind"].Enum, genericAdjusted}} {
		var got []string
		for _, e := range c.got {
			if e != nil {
				got = append(got, *e)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: schema %v, reader %v", name, got, c.want)
		}
	}
	if len(s.Examples) == 0 {
		t.Fatal("the schema has no example")
	}
	for _, e := range s.Examples {
		o, err := Generic.Normalise("", e)
		if err != nil {
			t.Fatal(err)
		}
		addsUp(t, o)
	}
}

func TestGenericKey(t *testing.T) {
	raw, err := os.ReadFile("testdata/" + genericFixture)
	if err != nil {
		t.Fatal(err)
	}
	key, err := Generic.Key("", raw)
	if err != nil || key.Shop != "acme-eu" || key.OrderID != "820982911946154508" || key.Rank != 1 || key.OccurredAt.IsZero() {
		t.Errorf("%+v %v", key, err)
	}
	for _, bad := range []string{"", "[]", "{}", `{"shop":"a"}`, `{"shop":"a","id":"1","ID":"2"}`, `{"shop":"a","id":"1","id":"2"}`, `{"shop":"a","id":"1","\u0069d":"2"}`, `{"shop":"a","shop":"b","id":"1"}`, `{"shop":"a","id":1.5}`} {
		if _, err := Generic.Key("", []byte(bad)); err == nil || !waxwing.IsPermanent(err) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
