package templates

import (
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
)

// What a shop's reader names in English is said in the customer's language.
func TestReadersWordsAreTranslated(t *testing.T) {
	eur := func(minor int64) waxwing.Money { return waxwing.Money{Minor: minor, Currency: "EUR"} }
	o := &waxwing.Order{ID: "1", Currency: "EUR", Total: eur(900), Subtotal: eur(1000), DiscountTotal: eur(350),
		Discounts: []waxwing.Adjustment{{Title: "Discount", Amount: eur(350)}},
		Fees:      []waxwing.Adjustment{{Title: "Duties", Amount: eur(200)}, {Title: "Pfand", Amount: eur(50)}},
		Payment:   waxwing.Payment{Status: waxwing.PaymentPaid, Method: "Gift card"}}
	var m Mail
	if err := builtin(t).Render(&Input{Order: o, Brand: acme(t), Locale: locale(t, "de")}, &m); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Rabatt: −3,50", "Zollgebühren: 2,00", "Pfand: 0,50", "Bezahlt mit Geschenk"} {
		if !strings.Contains(string(m.Text), want) {
			t.Errorf("no %q in\n%s", want, m.Text)
		}
	}
}

// Nobody reserves what is sent by mail, nor what was paid back.
func TestStockOfAnOrder(t *testing.T) {
	for want, o := range map[string]*waxwing.Order{
		"Reserved for you": {Items: []waxwing.Item{{Name: "Mug", Quantity: 1}, {Name: "Song", Quantity: 1, Digital: true}}},
		"":                 {Items: []waxwing.Item{{Name: "Song", Quantity: 1, Digital: true}, {Name: "Card", Quantity: 1, GiftCard: true}}},
	} {
		o.Stock = waxwing.StockAllocated
		v := &view{}
		v.fill(&Input{Order: o, Locale: locale(t, "en")}, maxItems)
		if got := string(v.root[fStock]); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		o.Payment.Status = waxwing.PaymentRefunded
		if v.fill(&Input{Order: o, Locale: locale(t, "en")}, maxItems); v.root[fStock] != nil {
			t.Errorf("refunded: %q", v.root[fStock])
		}
	}
}
