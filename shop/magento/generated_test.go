package magento

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/waxwinghq/waxwing/shop/shoptest"
)

// share is n * part / whole, rounded half up, as Magento rounds each of its amounts.
func share(n, part, whole int64) int64 { return (2*n*part + whole) / (2 * whole) }

// Whatever a shop sells, with the tax in its prices or on top of them, with discounts and with
// shipping that is taxed: what is shown is what Magento's own calculator came to.
func TestGenerated(t *testing.T) {
	cents := func(n int64) json.Number { return json.Number(fmt.Sprintf("%d.%02d00", n/100, n%100)) }
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 3))
		gross, rate, cut := rng.IntN(2) == 0, []int64{0, 7, 19, 21, 25}[rng.IntN(5)], []int64{0, 0, 5, 10, 33, 100}[rng.IntN(6)]
		var net, incl, off, tax, left int64
		items := make([]any, 0, 5)
		for i := range 1 + rng.IntN(5) {
			price, qty := 1+rng.Int64N(20_000), 1+rng.Int64N(6)
			unit, with := price, price+share(price, rate, 100)
			if gross {
				unit, with = price-share(price, rate, 100+rate), price
			}
			row, rowIncl := unit*qty, with*qty
			d, rowTax := share(row, cut, 100), int64(0)
			if gross {
				d = share(rowIncl, cut, 100)
				if rowTax = rowIncl - row; d > 0 {
					rowTax = share(rowIncl-d, rate, 100+rate)
				}
				left += rowIncl - row - rowTax
			} else {
				rowTax = share(row-d, rate, 100)
			}
			net, incl, off, tax = net+row, incl+rowIncl, off+d, tax+rowTax
			items = append(items, map[string]any{"item_id": i + 1, "name": "Thing", "product_type": "simple", "qty_ordered": qty, "price": cents(unit), "price_incl_tax": cents(with),
				"original_price": cents(price), "row_total": cents(row), "row_total_incl_tax": cents(rowIncl), "tax_amount": cents(rowTax), "discount_amount": cents(d)})
		}
		ship := rng.Int64N(2000)
		shipIncl := ship + share(ship, rate, 100)
		tax += shipIncl - ship
		grand := net - off + ship + tax + left
		m := map[string]any{"entity_id": seed + 1, "increment_id": "1", "order_currency_code": "EUR", "state": "processing", "subtotal": cents(net), "subtotal_incl_tax": cents(incl),
			"discount_amount": json.Number("-" + string(cents(off))), "shipping_amount": cents(ship), "shipping_incl_tax": cents(shipIncl), "tax_amount": cents(tax),
			"shipping_description": "Post", "grand_total": cents(grand), "items": items}
		if left != 0 {
			m["discount_tax_compensation_amount"] = json.Number(fmt.Sprintf("%.2f", float64(left)/100))
		}
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		o, err := Format.Normalise("", raw)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, raw)
		}
		shoptest.Invariants(t, o)
		shoptest.AddsUp(t, o)
		want := [5]int64{net, off, ship, tax, grand}
		if gross && rate > 0 {
			want[0], want[2] = incl, shipIncl
		}
		got := [5]int64{o.Subtotal.Minor, o.DiscountTotal.Minor, o.ShippingTotal.Minor, o.TaxTotal.Minor, o.Total.Minor}
		if got != want || o.TaxesIncluded != (gross && rate > 0) || len(o.Notices)+len(o.Remainder) != 0 || len(o.Items) != len(items) {
			t.Fatalf("seed %d: gross %v, %d %%: %v %v, want %v, %v %v\n%s", seed, gross, rate, got, o.TaxesIncluded, want, o.Notices, o.Remainder, raw)
		}
	}
}
