package daemon

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/compose"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/ledger/pack"
	"github.com/waxwinghq/waxwing/ledger/seal"
)

// ordinary is an order of five lines.
func ordinary(locale string) *waxwing.Order {
	usd := func(minor int64) waxwing.Money { return waxwing.Money{Minor: minor, Currency: "USD"} }
	o := &waxwing.Order{Shop: "web", ID: "450789469", Number: "#1489", Locale: locale, Currency: "USD", PlacedAt: time.Date(2026, 3, 9, 9, 0, 0, 0, time.UTC),
		Customer: waxwing.Customer{FirstName: "Ida", LastName: "Moss", Email: "ida@example.com"},
		Subtotal: usd(49100), Total: usd(53500), TaxTotal: usd(3900), ShippingTotal: usd(500),
		Taxes: []waxwing.Adjustment{{Title: "NY State Tax", Amount: usd(3900), Rate: "0.08"}}, Ship: []waxwing.Adjustment{{Title: "Standard", Amount: usd(500)}},
		Payment:  waxwing.Payment{Status: waxwing.PaymentPaid, Method: "Visa", Last4: "4242"},
		Delivery: waxwing.Delivery{From: time.Date(2026, 3, 12, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC)},
		Links:    waxwing.Links{Status: "https://acme.example/orders/450789469/authenticate?key=4f1ab7c99e"},
		Billing:  &waxwing.Address{Name: "Ida Moss", Lines: []string{"12 Canal Street", "Flat 3"}, City: "Austin", PostalCode: "73301", Region: "TX", Country: "US"}}
	o.Shipping = o.Billing
	for i, name := range []string{"Alpine Wool Jacket", "Trail Bottle 750 ml", "Field Notes, set of three", "Canvas Bag", "Enamel Mug"} {
		m := usd(int64(1450 + 3210*i))
		o.Items = append(o.Items, waxwing.Item{SKU: fmt.Sprint("AC-", 100+i*37), Name: name, Variant: "Forest green / M", Quantity: 1, Unit: &m, Total: &m,
			URL: "https://acme.example/products/" + fmt.Sprint(8000+i*713), ImageURL: fmt.Sprintf("https://cdn.acme.example/pictures/%d_144x.jpg?v=1700000000", 71*i)})
	}
	return o
}

// another is an order like ordinary's, of one to six lines, with other names and numbers.
func another(r *rand.Rand, locale string) *waxwing.Order {
	o, word := ordinary(locale), func() string {
		b := make([]byte, 3+r.IntN(8))
		for i := range b {
			b[i] = byte('a' + r.IntN(26))
		}
		return string(b)
	}
	o.ID, o.Number = fmt.Sprint(400000000+r.IntN(99999999)), fmt.Sprint("#", 1000+r.IntN(90000))
	o.Customer.FirstName, o.Customer.LastName = word(), word()
	o.Customer.Email, o.Links.Status = word()+"@example.com", fmt.Sprintf("https://acme.example/orders/%s/authenticate?key=%010x", o.ID, r.Uint32())
	o.Billing.Name, o.Billing.City = o.Customer.FirstName+" "+o.Customer.LastName, word()
	o.Billing.Lines = []string{fmt.Sprint(r.IntN(300), " ", word(), " Street")}
	o.PlacedAt = o.PlacedAt.Add(time.Duration(r.IntN(1e6)) * time.Second)
	one, sum := o.Items[0], int64(0)
	o.Items = nil
	for range 1 + r.IntN(6) {
		m := waxwing.Money{Minor: int64(100 + r.IntN(30000)), Currency: "USD"}
		one.SKU, one.Name, one.Variant, one.Unit, one.Total = fmt.Sprint("AC-", r.IntN(1000)), word()+" "+word(), word(), &m, &m
		one.URL, one.ImageURL = fmt.Sprint("https://acme.example/products/", r.IntN(100000)), fmt.Sprintf("https://cdn.acme.example/pictures/%d_144x.jpg?v=1%09d", r.IntN(10000), r.IntN(1e9))
		o.Items, sum = append(o.Items, one), sum+m.Minor
	}
	o.Subtotal.Minor, o.Total.Minor = sum, sum+o.TaxTotal.Minor+o.ShippingTotal.Minor
	return o
}

// BenchmarkMail is what a mail costs from its order to the bytes that the ledger keeps.
func BenchmarkMail(b *testing.B) {
	for _, tag := range []string{"en", "de", "ja", "ar"} {
		b.Run(tag, func(b *testing.B) { benchmarkMail(b, tag) })
	}
}

func benchmarkMail(b *testing.B, tag string) {
	x, err := compose.New(configtest.With(map[string]config.Tenant{"acme": {Name: "Acme Outfitters", From: "orders@acme.example", Locales: []string{tag}}}),
		slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	var c seal.Contents
	passages, sample, err := x.Sample("acme", tag)
	if err != nil {
		b.Fatal(err)
	}
	body, err := pack.MakeDictionary(passages, sample)
	if err != nil || !c.Add(1, body) {
		b.Fatal(err)
	}
	c.Name("builtin/"+tag, 1)
	t, dek := &seal.Tenant{Name: "acme", Key: seal.NewTenantKey(seal.NewKey())}, seal.NewKey()
	o, w := ordinary(tag), &waxwing.Work{Tenant: "acme", Token: "abcdefghijklmnopqrstuvwxyz234567"}
	d, err := x.Email(w, o, o.PlacedAt)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("compose", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if d, err = x.Email(w, o, o.PlacedAt); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(d.Data)), "B-mail")
	})
	b.Run("seal", func(b *testing.B) {
		kept := 0
		b.ReportAllocs()
		for b.Loop() {
			s, err := c.SealDraft(t, &dek, 64, &d)
			if err != nil {
				b.Fatal(err)
			}
			kept = len(s.Body)
		}
		b.ReportMetric(float64(kept), "B-kept")
	})
	// Of mails that differ: with one alone the processor knows each branch beforehand.
	r, drafts, mails, kept, n := rand.New(rand.NewPCG(1, 2)), make([]waxwing.Draft, 100), 0, 0, 0
	for i := range drafts {
		o := another(r, tag)
		if drafts[i], err = x.Email(w, o, o.PlacedAt); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("seal others", func(b *testing.B) {
		mails, kept, n = 0, 0, 0
		b.ReportAllocs()
		for ; b.Loop(); n++ {
			d := &drafts[n%len(drafts)]
			s, err := c.SealDraft(t, &dek, 64, d)
			if err != nil {
				b.Fatal(err)
			}
			mails, kept = mails+len(d.Data), kept+len(s.Body)
		}
		b.ReportMetric(float64(mails)/float64(n), "B-mail")
		b.ReportMetric(float64(kept)/float64(n), "B-kept")
	})
}
