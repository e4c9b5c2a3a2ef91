package generic

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop/shoptest"
)

func TestFormat(t *testing.T) {
	shoptest.Run(t, Format, "number", "note", "items.0.name", "customer.email")
}

func FuzzGeneric(f *testing.F) { shoptest.Fuzz(f, Format) }
func FuzzMutated(f *testing.F) { shoptest.FuzzMutated(f, Format) }

const fixture = "testdata/full.json"

func schemaOf(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
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

// Shops round each row: what differs by no more than that is settled as in every
// other format, and only what differs by more is refused.
func TestGenericSettlesRounding(t *testing.T) {
	type object = map[string]any
	for name, c := range map[string]struct {
		items     []any
		rest      object
		total     string
		rounding  int64 // in the row of that name
		subtotal  int64
		noUnit    bool
		discounts int64
	}{
		"a third of a cent each": {items: []any{object{"name": "Screw", "quantity": 3, "unit_price": "8.33", "total": "25.00"}},
			total: "25.00", subtotal: 2500, noUnit: true},
		"a thousandth each": {items: []any{object{"name": "Screw", "quantity": 1000, "unit_price": "0.01", "total": "12.50"}},
			total: "12.50", subtotal: 1250, noUnit: true},
		"four places": {items: []any{object{"name": "Screw", "quantity": 3, "unit_price": "8.3333", "total": "25.00"}},
			total: "25.00", subtotal: 2500, noUnit: true},
		"a subtotal of unrounded lines": {items: []any{object{"name": "A", "quantity": 1, "total": "3.34"}, object{"name": "B", "quantity": 1, "total": "3.34"},
			object{"name": "C", "quantity": 1, "total": "3.34"}}, rest: object{"totals": object{"subtotal": "10.00", "total": "10.00"}},
			total: "10.00", subtotal: 1002, rounding: -2},
		"a subtotal and no total": {items: []any{object{"name": "A", "quantity": 1, "total": "3.33"}, object{"name": "B", "quantity": 2, "total": "6.66"}},
			rest: object{"totals": object{"subtotal": "10.00"}}, total: "10.00", subtotal: 999, rounding: 1},
		"a total": {items: []any{object{"name": "A", "quantity": 1, "total": "9.99"}}, rest: object{"totals": object{"total": "10.00"}},
			total: "10.00", subtotal: 999, rounding: 1},
		"taxes of each line": {items: []any{object{"name": "A", "quantity": 1, "total": "10.00"}, object{"name": "B", "quantity": 1, "total": "10.00"}},
			rest:  object{"taxes": []any{object{"title": "VAT", "amount": "3.80"}}, "totals": object{"tax": "3.82", "total": "23.82"}},
			total: "23.82", subtotal: 2000},
		"cash": {items: []any{object{"name": "A", "quantity": 1, "total": "9.98"}}, rest: object{"currency": "CHF", "totals": object{"total": "10.00"}},
			total: "10.00", subtotal: 998, rounding: 2},
		"discounts of lines": {items: []any{object{"name": "A", "quantity": 1, "total": "10.00", "discount": "3.34"}, object{"name": "B", "quantity": 1, "total": "10.00", "discount": "3.34"}},
			rest: object{"discounts": []any{object{"amount": "6.67"}}}, total: "13.33", subtotal: 2000, discounts: 667},
	} {
		t.Run(name, func(t *testing.T) {
			m := object{"shop": "s", "id": 1, "currency": "EUR", "placed_at": "2026-03-01T12:00:00Z", "items": c.items,
				"payment": object{"status": "paid"}}
			maps.Copy(m, c.rest)
			raw := shoptest.With(t, m, "", nil)
			if !valid(t, schemaOf(t), raw) {
				t.Error("the schema refuses it")
			}
			o, err := Format.Normalise("", raw)
			if err != nil {
				t.Fatal(err)
			}
			shoptest.Invariants(t, o)
			shoptest.AddsUp(t, o)
			cut := int64(0)
			for _, it := range o.Items {
				cut += it.Discount.Minor
			}
			var rounding int64
			for _, r := range o.Remainder {
				if r.Kind != waxwing.Rounding {
					t.Errorf("a row of %s", r.Kind)
				}
				rounding += r.Amount.Minor
			}
			if o.Total.Decimal() != c.total || o.Subtotal.Minor != c.subtotal || rounding != c.rounding || cut != c.discounts ||
				(o.Items[0].Unit == nil) != c.noUnit || len(o.Notices) > 0 {
				t.Errorf("total %v, subtotal %v, rounding %d, unit %v, discounts %d, notices %q", o.Total, o.Subtotal, rounding, o.Items[0].Unit, cut, o.Notices)
			}
		})
	}
}

// What the schema refuses the reader refuses too, with the place and a remedy.
func TestGenericRefusesWithTheSchema(t *testing.T) {
	schema := schemaOf(t)
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
			raw := shoptest.With(t, shoptest.Payload(t, fixture), c.path, c.to)
			if valid(t, schema, raw) {
				t.Error("the schema accepts it")
			}
			_, err := Format.Normalise("", raw)
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
		"line":             {"items.0.total", "26.10", "items[0].total: does not agree with unit_price times quantity"},
		"subtotal":         {"totals.subtotal", "29.95", "totals.subtotal: does not agree"},
		"discount":         {"totals.discount", "2.10", "totals.discount: does not agree"},
		"shipping":         {"totals.shipping", "0", "totals.shipping: does not agree"},
		"tax":              {"totals.tax", "2.30", "totals.tax: does not agree"},
		"total":            {"totals.total", "33.90", "totals.total: does not agree"},
		"tax on top":       {"taxes_included", false, "totals.total: does not agree"},
		"too precise":      {"tip", "0.001", "tip: more decimals than the currency has: EUR has 2"},
		"refunded":         {"totals.refunded", "99.00", "totals.refunded: more than the total"},
		"gift cards":       {"gift_cards", []any{map[string]any{"amount": "99.00"}}, "gift_cards: more than the total"},
		"line's discount":  {"items.0.discount", "2.10", "discounts: less than the discounts on the items"},
		"pieces refunded":  {"items.0.refunded", 3, "items[0].refunded: want a whole number, not more"},
		"window":           {"delivery.to", "2026-03-03", "delivery.to: before from"},
		"pickup elsewhere": {"addresses.pickup", map[string]any{"city": "Köln"}, "addresses.pickup: only with delivery.pickup"},
		"adjustment":       {"adjustments", []any{map[string]any{"amount": "-1.00"}}, "totals.total: does not agree"},
		"deposit":          {"payment.deposit", "99.00", "payment.deposit: more than the total"},
		"negative cut":     {"discounts.0.amount", "-2.00", "discounts[0].amount: negative"},
		"id with newline":  {"id", "1\n2", "id: want the order's id"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Format.Normalise("", shoptest.With(t, shoptest.Payload(t, fixture), c.path, c.to))
			if err == nil || !strings.Contains(err.Error(), c.want) || !waxwing.IsPermanent(err) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	m := shoptest.Payload(t, fixture)
	shoptest.With(t, m, "items.1.unit_price", nil)
	shoptest.With(t, m, "totals", nil)
	if _, err := Format.Normalise("", shoptest.With(t, m, "", nil)); err == nil || !strings.Contains(err.Error(), "totals.subtotal: missing") {
		t.Errorf("an item without a price and no subtotal: %v", err)
	}
}

// Whatever the reader accepts the schema accepts; null is the same as leaving out.
func TestGenericAcceptsWithTheSchema(t *testing.T) {
	schema := schemaOf(t)
	for path, to := range map[string]any{
		"": nil, "id": 820982911946154508, "number": 1001, "totals": nil, "totals.tax": shoptest.Null, "customer": shoptest.Null, "customer.id": 5,
		"addresses": shoptest.Null, "addresses.billing": shoptest.Null, "delivery.from": "2026-03-04T08:00:00Z", "tip": shoptest.Null, "items.0.unit_price": 12.5,
		"items.0.discount": "1.00", "items.0.refunded": 1, "links": shoptest.Null, "discounts.0.title": shoptest.Null, "payment.offline": "invoice",
		"stock": "allocated", "taxes.0.rate": 0.07, "taxes.0.title": shoptest.Null, "shop_currency": "USD", "cancelled_at": "2026-03-02T00:00:00Z",
		"gift_cards": []any{map[string]any{"amount": "10"}}, "totals.refunded": "1", "items.1.properties": []any{}, "note": "a\nb",
		"items.1.properties.0.value": []any{"red", map[string]any{"x": true}}, "payment.instructions": "IBAN DE00\nBIC X", "payment.reference": 12,
		"payment.url": "https://a.example/pay", "links.invoice": "https://a.example/i", "links.returns": shoptest.Null, "purchase_order": "PO-1",
		"items.0.bundle": "Set", "type": "order", "locale": "de_AT_formal", "adjustments": []any{},
	} {
		raw := shoptest.With(t, shoptest.Payload(t, fixture), path, to)
		if !valid(t, schema, raw) {
			t.Errorf("%s: the schema refuses it", path)
		}
		o, err := Format.Normalise("", raw)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		shoptest.Invariants(t, o)
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
	if err := json.Unmarshal(Schema, &s); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		o    object
		keys []string
	}{
		"order": {s, orderKeys}, "customer": {s.Properties["customer"], customerKeys},
		"addresses": {s.Properties["addresses"], addressesKeys}, "address": {s.Defs["address"], addressKeys},
		"item": {s.Defs["item"], itemKeys}, "property": {*s.Defs["item"].Properties["properties"].Items, propertyKeys},
		"amounts": {*s.Defs["amounts"].Items, amountKeys}, "tax": {*s.Properties["taxes"].Items, taxKeys},
		"totals": {s.Properties["totals"], totalsKeys}, "payment": {s.Properties["payment"], paymentKeys},
		"delivery": {s.Properties["delivery"], deliveryKeys}, "links": {s.Properties["links"], linksKeys}, "adjustments": {*s.Properties["adjustments"].Items, adjustmentKeys},
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
	}{"status": {s.Properties["payment"].Properties["status"].Enum, statuses},
		"offline": {s.Properties["payment"].Properties["offline"].Enum, offlineMethods}, "stock": {s.Defs["stock"].Enum, stocks}, "type": {s.Properties["type"].Enum, types},
		"kind": {s.Properties["adjustments"].Items.Properties["kind"].Enum, adjusted}} {
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
		o, err := Format.Normalise("", e)
		if err != nil {
			t.Fatal(err)
		}
		shoptest.AddsUp(t, o)
	}
}

func TestGenericKey(t *testing.T) {
	raw, err := os.ReadFile(fixture)
	if err != nil {
		t.Fatal(err)
	}
	key, err := Format.Key("", raw)
	if err != nil || key.Shop != "acme-eu" || key.OrderID != "820982911946154508" || key.Rank != 1 || key.OccurredAt.IsZero() {
		t.Errorf("%+v %v", key, err)
	}
	for _, bad := range []string{"", "[]", "{}", `{"shop":"a"}`, `{"shop":"a","id":"1","ID":"2"}`, `{"shop":"a","id":"1","id":"2"}`, `{"shop":"a","id":"1","\u0069d":"2"}`, `{"shop":"a","shop":"b","id":"1"}`, `{"shop":"a","id":1.5}`} {
		if _, err := Format.Key("", []byte(bad)); err == nil || !waxwing.IsPermanent(err) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
