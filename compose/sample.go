package compose

import (
	"time"

	"github.com/waxwinghq/waxwing"
)

// Sample is what dictionaries are made of: the passages of a tenant's mails in a language,
// by the numbers that extents have, and what stands between them in the mail of an
// invented order, so that no customer's data is in it.
func (x *Composer) Sample(t waxwing.TenantID, tag string) (passages [][]byte, between []byte, err error) {
	o := inventedOrder()
	o.Locale = tag
	w := &waxwing.Work{Tenant: t, Token: "abcdefghijklmnopqrstuvwxyz234567"}
	d, err := x.Email(w, o, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	if err != nil {
		return nil, nil, err
	}
	set := x.profiles[t].set
	if d.Dictionary != set.dictionary(d.Locale) { // it failed at this order
		set = x.builtin
	}
	l, _ := x.catalogue.Locale(d.Locale)
	passages = set.passages(l.RTL()).Encoded()
	done := 0
	for _, e := range d.Extents {
		between = append(between, d.Data[done:e.At]...)
		done = e.At + len(passages[e.Passage])
	}
	return passages, append(between, d.Data[done:]...), nil
}

// inventedOrder has a bit of everything that a mail can show.
func inventedOrder() *waxwing.Order {
	eur := func(minor int64) waxwing.Money { return waxwing.Money{Minor: minor, Currency: "EUR"} }
	ref := func(m waxwing.Money) *waxwing.Money { return &m }
	address := &waxwing.Address{Name: "Ada Invented", Lines: []string{"Example Street 1"}, City: "Berlin", PostalCode: "10115", Country: "DE"}
	return &waxwing.Order{ID: "1", Number: "#1000", Currency: "EUR", PlacedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Customer: waxwing.Customer{FirstName: "Ada", LastName: "Invented", Email: "ada@example.com"},
		Billing:  address, Shipping: address,
		Items: []waxwing.Item{
			{SKU: "A-1", Name: "Linen shirt", Variant: "White / M", Quantity: 1, Unit: ref(eur(4900)), Total: ref(eur(4900)), ImageURL: "https://cdn.example.com/a.png"},
			{SKU: "B-2", Name: "Canvas bag", Quantity: 2, Unit: ref(eur(1950)), Total: ref(eur(3900)), Stock: waxwing.StockBackorder},
		},
		Payment: waxwing.Payment{Status: waxwing.PaymentPaid, Method: "Visa", Last4: "4242"},
		Delivery: waxwing.Delivery{From: time.Date(2026, 1, 6, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 1, 8, 0, 0, 0, 0, time.UTC),
			Method: "Standard"},
		Subtotal: eur(8800), Discounts: []waxwing.Adjustment{{Title: "WELCOME", Amount: eur(500)}}, DiscountTotal: eur(500),
		Ship: []waxwing.Adjustment{{Title: "Standard", Amount: eur(490)}}, ShippingTotal: eur(490),
		Taxes: []waxwing.Adjustment{{Title: "VAT", Amount: eur(1403), Rate: "0.19"}}, TaxTotal: eur(1403), TaxesIncluded: true,
		Total: eur(8790)}
}

// InventedPersonal is what plugins might make of an order.
func InventedPersonal(o *waxwing.Order) *waxwing.Personal {
	price := func(minor int64) *waxwing.Money { return &waxwing.Money{Minor: minor, Currency: o.Currency} }
	return &waxwing.Personal{
		Vars: map[string]string{"message": "This is a note that a plugin wrote for this customer: every order gets its own."},
		Recommended: []waxwing.Candidate{
			{SKU: "C-3", Name: "Enamel mug", Price: price(1950), URL: "https://shop.example/mug"},
			{SKU: "D-4", Name: "Wool blanket", Price: price(8900), URL: "https://shop.example/blanket"},
			{SKU: "E-5", Name: "Lantern", Price: price(4200), URL: "https://shop.example/lantern"},
		},
		Delay: &waxwing.Delay{P50: 30 * time.Hour, P90: 80 * time.Hour, Reason: waxwing.DelayWeather},
	}
}
