package orders

import (
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
)

// TestShowAddsUp: the rows above the total come to it, also where the shop gives a sum without its parts, and what
// gift cards paid stands below it.
func TestShowAddsUp(t *testing.T) {
	yen := func(n int64) waxwing.Money { return waxwing.Money{Minor: n, Currency: "JPY"} }
	var b strings.Builder
	show(&b, &waxwing.Order{Currency: "JPY", Subtotal: yen(11000), DiscountTotal: yen(500), Discounts: []waxwing.Adjustment{{Amount: yen(500)}},
		ShippingTotal: yen(500), TaxTotal: yen(1000), Tip: yen(100), Total: yen(12100), GiftCards: []waxwing.Adjustment{{Title: "1234", Amount: yen(2000)}}})
	got := strings.Join(strings.Fields(b.String()), " ")
	if want := "subtotal 11000 discount -500 shipping 500 tax 1000 tip 100 TOTAL 12100 JPY by gift card 1234 2000"; !strings.HasSuffix(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}
