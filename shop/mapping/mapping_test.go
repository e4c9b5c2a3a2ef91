package mapping

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop/generic"
	"github.com/waxwinghq/waxwing/shop/shoptest"
)

// brook are the rules of an invented shop.
func brook() Rules {
	return Rules{
		When: map[string]string{"/event": "order.completed|order.changed", "/order/ref": "set"},
		Read: map[string]string{
			"id": "/order/uid", "number": "/order/ref", "currency": "/order/cur", "placed_at": "/order/when", "updated_at": "/order/changed",
			"locale": "/order/buyer/lang", "payment.status": "/order/state", "payment.method": "/order/pay/by", "payment.last4": "/order/pay/tail",
			"customer.first_name": "/order/buyer/given", "customer.last_name": "/order/buyer/family", "customer.email": "/order/buyer/mail", "customer.phone": "/order/buyer/tel",
			"items": "/order/lines/[kind=goods]", "items.sku": "/art", "items.name": "/title", "items.quantity": "/qty", "items.unit_price": "/each", "items.total": "/sum",
			"items.image_url": "/picture", "items.digital": "/download", "items.properties": "/opts", "items.properties.name": "/k", "items.properties.value": "/v",
			"discounts": "/order/lines/[kind=voucher]", "discounts.title": "/title", "discounts.amount": "/sum",
			"shipping.title": "/order/ship/how", "shipping.amount": "/order/ship/cost", "taxes_included": "=true",
			"taxes": "/order/vat", "taxes.title": "/label", "taxes.rate": "/pct", "taxes.amount": "/amount", "totals.total": "/order/grand",
			"addresses.shipping.name": "/order/ship/to/first + /order/ship/to/last", "addresses.shipping.lines": "/order/ship/to/street + /order/ship/to/extra",
			"addresses.shipping.postal_code": "/order/ship/to/zip", "addresses.shipping.city": "/order/ship/to/town", "addresses.shipping.country": "/order/ship/to/iso",
			"note": "/order/remark | /order/meta/[key=note]/value", "purchase_order": "/order/po | /order/none",
		},
		Words:   map[string]map[string]string{"payment.status": {"bezahlt": "paid", "offen": "pending"}},
		Amounts: "minor", Zone: time.FixedZone("", 3600),
	}
}

func made(t testing.TB, r Rules) *Mapping {
	t.Helper()
	m, bad := New(r)
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	return m
}

func payloadOf(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/brook.json")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func format(t testing.TB, r Rules) waxwing.Format {
	f := made(t, r).Format("web")
	f.Name = "mapping"
	return f
}

func TestFormat(t *testing.T) {
	shoptest.Run(t, format(t, brook()), "order.buyer.given", "order.buyer.mail", "order.lines.0.title", "order.ref", "order.buyer.lang")
}

func FuzzMapping(f *testing.F) { shoptest.Fuzz(f, format(f, brook())) }
func FuzzMutated(f *testing.F) { shoptest.FuzzMutated(f, format(f, brook())) }

// TestFieldsAreTheSchemas: what a rule can name is what the generic order has.
func TestFieldsAreTheSchemas(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal(generic.Schema, &schema); err != nil {
		t.Fatal(err)
	}
	defs, _ := schema["$defs"].(map[string]any)
	var names []string
	var walk func(n map[string]any, at string)
	walk = func(n map[string]any, at string) {
		if ref, ok := n["$ref"].(string); ok {
			n, _ = defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
		}
		props, _ := n["properties"].(map[string]any)
		if items, ok := n["items"].(map[string]any); ok {
			if items["type"] != "string" {
				names = append(names, at)
				walk(items, at)
				return
			}
		}
		if len(props) == 0 {
			names = append(names, at)
			return
		}
		for k, v := range props {
			sub, _ := v.(map[string]any)
			walk(sub, strings.TrimPrefix(at+"."+k, "."))
		}
	}
	walk(schema, "")
	names = slices.DeleteFunc(names, func(s string) bool { return s == "shop" })
	slices.Sort(names)
	if got := fieldNames(); !slices.Equal(got, names) {
		t.Errorf("rules can name\n%v\nthe schema has\n%v", got, names)
	}
}

// TestKey: accepting reads little, and what is no order is ignored with its reason.
func TestKey(t *testing.T) {
	f, raw := format(t, brook()), string(payloadOf(t))
	for name, c := range map[string]struct {
		old, new     string
		id, ignored  string
		rank         int
		failing      string
		updated, say string
	}{
		"as it is":      {id: "90071992547409931", rank: 1, updated: "2026-03-01T11:00:05Z"},
		"not paid yet":  {old: "Bezahlt", new: "OFFEN", id: "90071992547409931", updated: "2026-03-01T11:00:05Z"},
		"another event": {old: "order.completed", new: "cart.saved", ignored: "the mapping's condition at /event is not met"},
		"no reference":  {old: `"ref": "BR-2041"`, new: `"ref": ""`, ignored: "the mapping's condition at /order/ref is not met"},
		"no id":         {old: `"uid": 90071992547409931`, new: `"uid": null`, failing: "id (/order/uid): the event has nothing there"},
		"two ids":       {old: `"uid": 9`, new: `"uid": 8, "uid": 9`, failing: "id (/order/uid): the event gives it twice"},
		// What the order itself says: it is quarantined as this order, which the next event of it then is, too.
		"a word of nobody":  {old: "Bezahlt", new: "Storniert", id: "90071992547409931", updated: "2026-03-01T11:00:05Z"},
		"no time":           {old: "2026-03-01 12:00:00", new: "gestern", id: "90071992547409931", rank: 1, updated: "2026-03-01T11:00:05Z"},
		"another list":      {old: `"lines": [`, new: `"lines": 7, "others": [`, id: "90071992547409931", rank: 1, updated: "2026-03-01T11:00:05Z"},
		"no JSON after all": {old: `{"event"`, new: `{"event`, failing: "JSON"},
	} {
		k, err := f.Key("", []byte(strings.Replace(raw, c.old, c.new, 1)))
		if c.failing != "" {
			if err == nil || !strings.Contains(err.Error(), c.failing) && c.failing != "JSON" {
				t.Errorf("%s: got %v", name, err)
			}
			continue
		}
		if err != nil || k.OrderID != c.id || k.Ignore != c.ignored || k.Rank != c.rank || c.updated != "" && k.UpdatedAt.UTC().Format(time.RFC3339) != c.updated {
			t.Errorf("%s: got %+v, %v", name, k, err)
		}
	}
}

// TestAmounts holds how numbers are read: in cents, with too many places, with a minus.
func TestAmounts(t *testing.T) {
	for _, c := range []struct{ amounts, currency, written, want string }{
		{"major", "EUR", `"12.50"`, "12.50"}, {"major", "EUR", `12.5`, "12.50"}, {"major", "EUR", `12.505`, "12.51"}, {"major", "EUR", `1e1`, "10.00"},
		{"major", "EUR", `-0.001`, "0.00"}, {"major", "JPY", `17236.9`, "17237"}, {"major", "KWD", `"1.2345"`, "1.235"}, {"major", "USD", `527.946075`, "527.95"},
		{"minor", "EUR", `1250`, "12.50"}, {"minor", "JPY", `1250`, "1250"}, {"minor", "KWD", `1250`, "1.250"}, {"hundredths", "JPY", `125000`, "1250"}, {"hundredths", "EUR", `5`, "0.05"},
		{"major", "EUR", `"12,50"`, ""}, {"major", "EUR", `"12.50 €"`, ""}, {"major", "EUR", `"1/3"`, ""}, {"major", "EUR", `"0x10"`, ""}, {"major", "EUR", `1e400`, ""}, {"major", "EUR", `true`, ""},
	} {
		m := made(t, Rules{Read: map[string]string{"id": "=1", "currency": "=" + c.currency, "placed_at": "=2026-03-01", "payment.status": "=paid", "customer.email": "=a@customer.example",
			"items": "/l", "items.name": "=x", "items.quantity": "=1", "totals.total": "/t"}, Amounts: c.amounts})
		b, err := m.Make("web", []byte(`{"l": [{}], "t": `+c.written+`}`), nil)
		var got struct {
			Totals struct{ Total string } `json:"totals"`
		}
		if c.want == "" {
			if err == nil || !strings.Contains(err.Error(), "totals.total (/t)") {
				t.Errorf("%s of %s as %s: got %s, %v", c.written, c.currency, c.amounts, b, err)
			}
			continue
		}
		if err != nil || json.Unmarshal(b, &got) != nil || got.Totals.Total != c.want {
			t.Errorf("%s of %s as %s: got %s, %v, want %s", c.written, c.currency, c.amounts, b, err, c.want)
		}
	}
}

// TestFaults: rules that cannot be understood say where and what to do.
func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Rules)
		want   string
	}{
		"no such field":        {func(r *Rules) { r.Read["email"] = "/x" }, "read.email: an order has no field email. Did you mean customer.email?"},
		"no pointer":           {func(r *Rules) { r.Read["number"] = "order.ref" }, "read.number: it is neither a pointer"},
		"a missing field":      {func(r *Rules) { delete(r.Read, "currency") }, "read: currency is missing. Say where the event has it: currency: /pointer, or =constant"},
		"a missing list":       {func(r *Rules) { delete(r.Read, "items") }, "read: items is missing"},
		"nobody to write to":   {func(r *Rules) { delete(r.Read, "customer.email") }, "customer.email is missing, so that no mail could be sent"},
		"a constant list":      {func(r *Rules) { r.Read["taxes"] = "=none" }, "read.taxes: a list cannot be a constant"},
		"a constant of no use": {func(r *Rules) { r.Read["payment.status"] = "=payed" }, `read.payment.status: payment.status cannot be "payed". Choose pending`},
		"a word of no use":     {func(r *Rules) { r.Words["payment.status"]["x"] = "payed" }, `words.payment.status.x: payment.status cannot be "payed"`},
		"words of an amount":   {func(r *Rules) { r.Words["totals.total"] = map[string]string{"a": "b"} }, "words.totals.total: totals.total is no field that is read by words"},
		"words of nothing":     {func(r *Rules) { r.Words["stock"] = map[string]string{"da": "in_stock"} }, "words.stock: stock is not read"},
		"a condition nowhere":  {func(r *Rules) { r.When["event"] = "x" }, "when.event: the condition is at no JSON pointer"},
		"a broken choice":      {func(r *Rules) { r.Read["note"] = "/meta/[key]/value" }, `read.note: "[key]" is no choice of items`},
	} {
		r := brook()
		c.change(&r)
		_, bad := New(r)
		var said []string
		for _, f := range bad {
			said = append(said, fmt.Sprintf("%s: %s. %s", f.Key, f.Text, f.Remedy))
		}
		if len(bad) != 1 || !strings.Contains(said[0], c.want) {
			t.Errorf("%s: got %q", name, said)
		}
	}
}

// TestHostile: what is short to write and long to read is refused at once, and so is what is not of its field's kind.
func TestHostile(t *testing.T) {
	f := format(t, brook())
	raw := string(payloadOf(t))
	lines := `"lines": [` + strings.Repeat(`{"kind": "goods", "title": "x", "qty": "1e1000000", "each": 1},`, 999) + `{"kind": "goods", "title": "x", "qty": 1, "each": 1}], "none": [`
	for name, c := range map[string]struct{ old, new, want string }{
		"exponents":        {`"lines": [`, lines, "items.quantity (/qty): it is no whole number"},
		"many digits":      {`"qty": "2.00"`, `"qty": "` + strings.Repeat("9", 60_000) + `"`, "items.quantity (/qty): it is no whole number"},
		"many lines":       {`"lines": [`, `"lines": [` + strings.Repeat(`{"kind": "goods", "title": "x", "qty": 1, "each": 1},`, 1001) + `{}], "none": [`, "more than 1000 entries"},
		"a list for a sum": {`"grand": 7930`, `"grand": [7930]`, "totals.total (/order/grand): the event has a list there"},
		"an object":        {`"grand": 7930`, `"grand": {"a": 1}`, "totals.total (/order/grand): the event has an object there"},
		"no year":          {"2026-03-01 12:00:00", "1e300", "placed_at (/order/when): it is no time"},
		"for ever":         {"2026-03-01 12:00:00", "Infinity", "placed_at (/order/when): it is no time"},
		"hexadecimal":      {"2026-03-01 12:00:00", "0x5p40", "placed_at (/order/when): it is no time"},
		"a far year":       {`"2026-03-01 12:00:00"`, `1000000000000000000`, "placed_at (/order/when): it is no time"},
		"a rate's digits":  {`"pct": 19`, `"pct": "1e999999"`, "taxes.rate (/pct): it is no rate"},
	} {
		if _, err := f.Normalise("", []byte(strings.Replace(raw, c.old, c.new, 1))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %.200v", name, err)
		}
	}
	r := brook()
	r.Read["items.sku"] = "$/order/all/[k=x]/v"
	many := strings.Replace(raw, `"lines": [`, `"all": [`+strings.Repeat(`{},`, 9000)+`{}], "lines": [`+strings.Repeat(`{"kind": "goods", "title": "x", "qty": 1, "each": 1},`, 900), 1)
	if _, err := format(t, r).Normalise("", []byte(many)); err == nil || !strings.Contains(err.Error(), "too large for rules that choose within lists") {
		t.Errorf("got %.200v", err)
	}
}

// TestPointers: how places are written.
func TestPointers(t *testing.T) {
	raw := []byte(`{"a/b": {"c~d": "slash"}, "l": [{"k": "x", "v": "first"}, {"k": "y/z", "v": "second"}, {"k": "x", "v": "third", "on": true}], "n": {"0": {"v": "php"}}, "top": "T"}`)
	for expr, want := range map[string]string{
		"/a~1b/c~0d": "slash", "/l/1/v": "second", "/l/[k=x]/v": "first", "/l/[k!=x]/v": "second", "/l/[k=y/z]/v": "second", "/l/[on=true]/v": "third", "/l/9/v": "", "/l/-1/v": "",
		"/n/0/v": "php", "/none | /top": "T", "/none | =else": "else", "/top + /l/0/v": "T first", "/none + /top": "T", "$/top": "T", "=a + b": "", "=a": "a",
	} {
		r := brook()
		r.When, r.Words = nil, nil
		r.Read = map[string]string{"id": "=1", "currency": "=EUR", "placed_at": "=2026-03-01", "payment.status": "=paid", "customer.email": "=a@customer.example",
			"items": "/l/0/none | /l", "items.name": "/v", "items.quantity": "=1", "note": expr, "items.sku": "$/top"}
		m, bad := New(r)
		if len(bad) > 0 {
			if want != "" {
				t.Errorf("%s: %v", expr, bad)
			}
			continue
		}
		b, err := m.Make("web", raw, nil)
		var got struct {
			Note  string
			Items []struct{ SKU string }
		}
		if err != nil || json.Unmarshal(b, &got) != nil || got.Note != want || len(got.Items) != 3 || got.Items[2].SKU != "T" {
			t.Errorf("%s: got %s, %v, want %q", expr, b, err, want)
		}
	}
}

// TestTrace: whoever tries rules sees each field with its place.
func TestTrace(t *testing.T) {
	var all []Found
	if _, err := made(t, brook()).Make("web", payloadOf(t), func(f Found) { all = append(all, f) }); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{number [/order/ref] BR-2041 }`, `{items [/order/lines/[kind=goods]] 3 }`, `{items[1].sku [/order/lines/1/art] BK/7 }`, `{discounts[0].amount [/order/lines/3/sum] 5.00 }`,
		`{addresses.shipping.name [/order/ship/to/first /order/ship/to/last] Jörg Weiß }`, `{taxes_included [=true] true }`, `{purchase_order []  }`,
	} {
		if !slices.ContainsFunc(all, func(f Found) bool {
			f.Rule = ""
			return strings.TrimSpace(fmt.Sprint(f)) == want
		}) {
			t.Errorf("no %s in %v", want, all)
		}
	}
}

func BenchmarkMapping(b *testing.B) {
	f, raw := format(b, brook()), payloadOf(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Key("", raw); err != nil {
			b.Fatal(err)
		}
		if _, err := f.Normalise("", raw); err != nil {
			b.Fatal(err)
		}
	}
}
