package abi

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/waxwinghq/waxwing"
)

// HostileFixtures are inputs that orders really have and that authors forget: a
// plugin should answer all of them, if only with nothing.
func HostileFixtures(h waxwing.Hook, m *Manifest) []Fixture {
	long := strings.Repeat("long ", 400)
	var out []Fixture
	add := func(name string, o *waxwing.Order, raw string) {
		q := &Question{Order: o, Locale: "en", At: InitTime, Seed: SeedOfFixtures, Shop: "main", Topic: "order", Raw: []byte(raw)}
		in := AppendInput(nil, h, q, m.NeedSet, m.Config)
		out = append(out, Fixture{Name: string(h) + ": " + name, Hook: h, Input: json.RawMessage(in)})
	}
	if h == waxwing.HookNormalise {
		return nil // what a normaliser cannot read it must refuse
	}
	add("an order with nothing in it", &waxwing.Order{Currency: "EUR"}, "")
	add("no items", order("Ana", "A tea", 0), "")
	add("emoji", order("👩‍🚀 Zoë", "🎁🧦", 3), "")
	add("right to left", order("فاطمة الزهراء", "شاي أخضر", 3), "")
	add("Japanese", order("山田 太郎", "緑茶", 3), "")
	add("markup and templates", order(`<script>alert(1)</script>`, `{{#items}}{{{name}}}`, 3), "")
	add("quotes, backslashes and control characters", order("\"\\\x01\x00\u2028", "\\u0000\"", 3), "")
	add("very long texts", order(long, long, 3), "")
	out = append(out, Fixture{Name: string(h) + ": as many items as fit", Hook: h, Input: SampleInput(h, m, DefaultLimits().Input)})
	return out
}

// SampleInput is an ordinary order's input of up to so many bytes, as large as
// its items can make it.
func SampleInput(h waxwing.Hook, m *Manifest, most int) []byte {
	var best []byte
	for n := 1; n <= maxInputItems; n++ {
		q := &Question{Order: order("Ana", "An article with a name of ordinary length", n), Locale: "en", At: InitTime}
		in := AppendInput(nil, h, q, m.NeedSet, m.Config)
		if best != nil && (len(in) > most || len(in) == len(best)) {
			break // too large, or the plugin does not look at items
		}
		best = in
	}
	return best
}

func order(who, what string, n int) *waxwing.Order {
	one, many := int64(1), int64(1)<<40
	price := waxwing.Money{Minor: 1999, Currency: "EUR"}
	o := &waxwing.Order{Shop: "main", ID: "1", Number: "#1", Currency: "EUR", PlacedAt: InitTime, Note: what,
		Customer: waxwing.Customer{ID: "c", FirstName: who, LastName: who, Email: "a@example.com", Group: who, Orders: &many, Points: &one},
		Shipping: &waxwing.Address{Country: "DE", City: who}, Total: waxwing.Money{Minor: 1999 * int64(n), Currency: "EUR"},
		Insight: &waxwing.Insight{Lane: &waxwing.Lane{Carrier: who, Service: what, Origin: "DE", Delays: []float64{-5, 0, 12.5, 900}}}}
	for i := range n {
		sku := fmt.Sprintf("SKU-%d", i)
		o.Items = append(o.Items, waxwing.Item{SKU: sku, Name: what, Quantity: int64(i), Unit: &price, Total: &price})
		if i < 50 {
			o.Insight.Candidates = append(o.Insight.Candidates, waxwing.Candidate{SKU: "C" + sku, Name: what, Price: &price, Tags: []string{what}})
			o.Insight.Baskets = append(o.Insight.Baskets, []string{sku, "C" + sku})
		}
	}
	return o
}
