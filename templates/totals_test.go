package templates

import (
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

func eur(minor int64) waxwing.Money { return waxwing.Money{Minor: minor, Currency: "EUR"} }

// What the rows say is what the order says, and nothing that it does not.
func TestTotals(t *testing.T) {
	for name, c := range map[string]struct {
		order waxwing.Order
		want  string
	}{
		"only a total":   {waxwing.Order{Total: eur(100)}, "TOTAL €1.00"},
		"free shipping":  {waxwing.Order{Ship: []waxwing.Adjustment{{Title: "DHL", Amount: eur(0)}}, ShippingTotal: eur(0), Total: eur(100)}, "Shipping (DHL) Free|TOTAL €1.00"},
		"made free":      {waxwing.Order{Ship: []waxwing.Adjustment{{Title: "DHL", Amount: eur(500)}}, ShippingTotal: eur(0), Total: eur(100)}, "Shipping (DHL) Free|TOTAL €1.00"},
		"pickup":         {waxwing.Order{Ship: []waxwing.Adjustment{{Amount: eur(0)}}, Delivery: waxwing.Delivery{Pickup: true}, Total: eur(100)}, "TOTAL €1.00"},
		"no shipping":    {waxwing.Order{ShippingTotal: eur(0), Total: eur(100)}, "TOTAL €1.00"},
		"lines differ":   {waxwing.Order{Discounts: []waxwing.Adjustment{{Title: "A", Amount: eur(100)}}, DiscountTotal: eur(300), Total: eur(100)}, "Discount −€3.00|TOTAL €1.00"},
		"two discounts":  {waxwing.Order{Discounts: []waxwing.Adjustment{{Title: "A", Amount: eur(100)}, {Amount: eur(200)}, {Title: "zero", Amount: eur(0)}}, DiscountTotal: eur(300), Total: eur(100)}, "Discount (A) −€1.00|Discount −€2.00|TOTAL €1.00"},
		"fees and tip":   {waxwing.Order{Fees: []waxwing.Adjustment{{Title: "Gift wrap", Amount: eur(300)}}, Tip: eur(50), Total: eur(100)}, "Gift wrap €3.00|Tip €0.50|TOTAL €1.00"},
		"tax on top":     {waxwing.Order{Taxes: []waxwing.Adjustment{{Title: "VAT", Rate: "0.19", Amount: eur(19)}}, TaxTotal: eur(19), Total: eur(119)}, "VAT (19%) €0.19|TOTAL €1.19"},
		"tax within":     {waxwing.Order{TaxesIncluded: true, Taxes: []waxwing.Adjustment{{Title: "VAT 19%", Rate: "0.19", Amount: eur(19)}}, TaxTotal: eur(19), Total: eur(119)}, "TOTAL €1.19|Includes VAT 19% €0.19"},
		"tax unnamed":    {waxwing.Order{TaxTotal: eur(19), Total: eur(119)}, "Tax €0.19|TOTAL €1.19"},
		"gift card":      {waxwing.Order{Total: eur(500), GiftCards: []waxwing.Adjustment{{Title: "1234", Amount: eur(200)}}}, "TOTAL €5.00|Gift card (1234) −€2.00|Amount due €3.00"},
		"refund":         {waxwing.Order{Total: eur(500), Refunded: eur(100)}, "TOTAL €5.00|Refunded −€1.00|Total after refund €4.00"},
		"wrong currency": {waxwing.Order{Total: waxwing.Money{Minor: 5, Currency: "eu\n"}, Subtotal: eur(5)}, "Subtotal €0.05"},
		"remainders": {waxwing.Order{Subtotal: eur(500), Remainder: []waxwing.Adjustment{{Kind: waxwing.StoreCredit, Amount: eur(-50)}, {Kind: waxwing.GiftCard, Title: "Voucher", Amount: eur(-20)},
			{Kind: waxwing.Rounding, Amount: eur(2)}, {Kind: waxwing.Surcharge, Title: "Weight", Amount: eur(30)}, {Amount: eur(1)}}, Total: eur(463)},
			"Subtotal €5.00|Store credit −€0.50|Voucher −€0.20|Rounding €0.02|Weight €0.30|Adjustment €0.01|TOTAL €4.63"},
		"dearer by a discount": {waxwing.Order{Subtotal: eur(500), Discounts: []waxwing.Adjustment{{Title: "Discount", Amount: eur(-50)}}, DiscountTotal: eur(-50), Total: eur(550)}, "Subtotal €5.00|Surcharge €0.50|TOTAL €5.50"},
		"negative tax and tip": {waxwing.Order{Subtotal: eur(500), TaxTotal: eur(-5), Tip: eur(-1), Total: eur(494)}, "Subtotal €5.00|Tax −€0.05|Tip −€0.01|TOTAL €4.94"},
		"card pays the rest":   {waxwing.Order{Total: eur(500), GiftCards: []waxwing.Adjustment{{Amount: eur(200)}}, Payment: waxwing.Payment{Status: waxwing.PaymentPaid, Method: "Visa", Last4: "4242"}}, "TOTAL €5.00|Gift card −€2.00|Paid with Visa ending in 4242 €3.00"},
		"rest is due":          {waxwing.Order{Total: eur(500), GiftCards: []waxwing.Adjustment{{Amount: eur(200)}}, Payment: waxwing.Payment{Status: waxwing.PaymentPending, Offline: waxwing.CashOnDelivery}}, "TOTAL €5.00|Gift card −€2.00|Amount due €3.00"},
		"deposit":              {waxwing.Order{Total: eur(500), Payment: waxwing.Payment{Status: waxwing.PaymentPartlyPaid, Deposit: eur(100), Due: eur(400)}}, "TOTAL €5.00|Already paid −€1.00|Amount due €4.00"},
		"deposit that differs": {waxwing.Order{Total: eur(500), Payment: waxwing.Payment{Status: waxwing.PaymentPartlyPaid, Deposit: eur(100), Due: eur(390)}}, "TOTAL €5.00|Amount due €3.90"},
		"refund and card":      {waxwing.Order{Total: eur(500), Refunded: eur(100), GiftCards: []waxwing.Adjustment{{Amount: eur(200)}}}, "TOTAL €5.00|Refunded −€1.00|Total after refund €4.00|Gift card −€2.00"},
		"nothing at all":       {waxwing.Order{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := &view{}
			v.fill(&Input{Order: &c.order, Locale: locale(t, "en")}, maxItems)
			var rows []string
			add := func(f int) {
				for _, r := range v.rows[v.spans[f].from:v.spans[f].to] {
					rows = append(rows, string(r.text[rLabel])+" "+string(r.text[rAmount]))
				}
			}
			add(fCharges)
			if v.root[fTotal] != nil {
				rows = append(rows, "TOTAL "+string(v.root[fTotal]))
			}
			add(fIncluded)
			add(fSettlements)
			if got := strings.Join(rows, "|"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// "Paid" is said only of what is paid.
func TestPayment(t *testing.T) {
	for want, p := range map[string]waxwing.Payment{
		"":                              {},
		"Paid":                          {Status: waxwing.PaymentPaid},
		"Paid with PayPal":              {Status: waxwing.PaymentPaid, Method: "PayPal"},
		"Paid with Visa ending in 4242": {Status: waxwing.PaymentPaid, Method: "Visa", Last4: "4242"},
		"Visa ending in 4242":           {Status: waxwing.PaymentAuthorized, Method: "Visa", Last4: "4242"},
		"Klarna":                        {Status: waxwing.PaymentAuthorized, Method: "Klarna", Last4: "42x2"},
		"PayPal · Payment pending":      {Status: waxwing.PaymentPending, Method: "PayPal"},
		"Bank transfer":                 {Status: waxwing.PaymentPending, Offline: waxwing.BankTransfer},
		"Department budget":             {Status: waxwing.PaymentPending, Method: "Department budget", Offline: waxwing.CashOnDelivery},
		"Cash on delivery · Paid":       {Status: waxwing.PaymentPaid, Offline: waxwing.CashOnDelivery},
		"Paid with Gift card":           {Status: waxwing.PaymentPaid, Method: "Gift card"},
		"Cash on delivery":              {Offline: waxwing.CashOnDelivery},
		"Visa · Refunded":               {Status: waxwing.PaymentRefunded, Method: "Visa"},
		"Partially refunded":            {Status: waxwing.PartlyRefunded},
		"Paid with Gift (x)":            {Status: waxwing.PaymentPaid, Method: " Gift  (x)\n"},
	} {
		v := &view{}
		v.fill(&Input{Order: &waxwing.Order{Payment: p}, Locale: locale(t, "en")}, maxItems)
		if got := string(v.root[fPayment]); got != want {
			t.Errorf("%+v: %q, want %q", p, got, want)
		}
	}
}

// Dates are those of the order's own offset.
func TestOwnOffset(t *testing.T) {
	o := &waxwing.Order{Number: "1", PlacedAt: time.Date(2026, 3, 9, 23, 30, 0, 0, time.FixedZone("", -8*3600))}
	v := &view{}
	v.fill(&Input{Order: o, Locale: locale(t, "en")}, maxItems)
	if got := string(v.root[fDate]); got != "Mon, March 9, 2026" {
		t.Error(got)
	}
	o.PlacedAt = time.Date(1, 3, 9, 0, 0, 0, 0, time.UTC)
	if v.fill(&Input{Order: o, Locale: locale(t, "en")}, maxItems); v.root[fDate] != nil {
		t.Errorf("a date of the year 1: %s", v.root[fDate])
	}
}
