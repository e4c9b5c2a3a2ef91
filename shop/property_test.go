package shop_test

import (
	"encoding/json"
	"flag"
	"math/rand/v2"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop/generic"
	"github.com/waxwinghq/waxwing/shop/shopify"
	"github.com/waxwinghq/waxwing/shop/shoptest"
	"github.com/waxwinghq/waxwing/shop/woocommerce"
)

var formats = map[string]waxwing.Format{"shopify": shopify.Format, "woocommerce": woocommerce.Format, "generic": generic.Format}

var generated = flag.Int("shop.orders", 2000, "how many orders of each format are generated (acceptance: 100000)")

// Whatever a shop computes, what is shown adds up, and no order is lost over it.
func TestGeneratedOrdersAddUp(t *testing.T) {
	for name, generate := range map[string]func(*mill) *made{"woocommerce": millWoo, "shopify": millShopify, "generic": millGeneric} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kinds, noticed := map[waxwing.AdjustmentKind]int{}, 0
			for seed := range uint64(*generated) {
				m := &mill{Rand: rand.New(rand.NewPCG(seed, 7))}
				want := generate(m)
				raw := want.raw(t, m)
				key, err := formats[name].Key("", raw)
				if err != nil || key.Ignore != "" {
					t.Fatalf("seed %d: no key: %v %s\n%s", seed, err, key.Ignore, raw)
				}
				o, err := formats[name].Normalise("", raw)
				if err != nil {
					t.Fatalf("seed %d: quarantined: %v\n%s", seed, err, raw)
				}
				shoptest.Invariants(t, o)
				shoptest.AddsUp(t, o)
				want.check(t, o)
				for _, r := range o.Remainder {
					kinds[r.Kind]++
				}
				noticed += min(len(o.Notices), 1)
				if t.Failed() {
					t.Fatalf("seed %d\n%s", seed, raw)
				}
			}
			t.Logf("%d orders, 0 quarantined; remainders %v, %d with a notice", *generated, kinds, noticed)
		})
	}
}

// made is a payload and what must come of it.
type made struct {
	order  map[string]any
	cur    string
	total  int64 // what the payload says, in minor units
	credit int64 // store credit taken off behind the taxes
	extra  int64 // what lines cost above their subtotals, -1: unknown
	cards  int64 // paid with gift cards
	items  int
	clean  bool // computed as the shop does: nothing is unexplained
}

// raw writes the payload, with oddities that no mail shows.
func (w *made) raw(t *testing.T, m *mill) []byte {
	t.Helper()
	raw, err := json.Marshal(w.order)
	if err != nil {
		t.Fatal(err)
	}
	if w.order["shop"] == nil && m.IntN(3) == 0 { // the generic order is strict
		odd := []string{`"zz":1,"zz":2,"ZZ":3,`, `"x":"\ud800",`, `"deep":` + nested(200) + `,`, `"total_weight":-0.0,`, `"\u0000":{"a":[],"A":{}},`,
			`"currency":"ZZZ",`, `"note":null,`, `"customer_note":"x",`}
		raw = append([]byte("{"+odd[m.IntN(len(odd))]), raw[1:]...)
	}
	return raw
}

func nested(n int) string {
	s := "0"
	for range n {
		s = `{"a":[` + s + `]}`
	}
	return s
}

func (w *made) check(t *testing.T, o *waxwing.Order) {
	t.Helper()
	paid := int64(0)
	for _, g := range o.GiftCards {
		paid += g.Amount.Minor
	}
	got := o.Total.Minor
	if w.cards > 0 && o.Format == "woocommerce" { // the payload's total is what is left
		got -= paid
	}
	if got != w.total || o.Currency != w.cur || paid != w.cards || len(o.Items) != w.items {
		t.Errorf("total %v %s, gift cards %d, %d items; want %d %s, %d, %d", got, o.Currency, paid, len(o.Items), w.total, w.cur, w.cards, w.items)
	}
	if !w.clean {
		return
	}
	credit, extra := int64(0), int64(0)
	for _, r := range o.Remainder {
		switch n := r.Amount.Minor; r.Kind {
		case waxwing.StoreCredit:
			credit -= n
		case waxwing.Surcharge:
			extra += n
		case waxwing.Rounding:
			if rows := int64(len(o.Items) + len(o.Ship) + len(o.Fees) + len(o.Taxes) + len(o.Discounts)); max(n, -n) > rows {
				t.Errorf("rounding of %d in %d rows", n, rows)
			}
		default:
			t.Errorf("an adjustment of %v in an order that adds up", r.Amount)
		}
	}
	if credit != w.credit || w.extra >= 0 && extra != w.extra || len(o.Notices) > 0 {
		t.Errorf("store credit %d, surcharge %d, notices %q; want %d, %d", credit, extra, o.Notices, w.credit, w.extra)
	}
}
