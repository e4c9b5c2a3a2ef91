package templates

import (
	"bytes"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
)

// A sign that several currencies share is named once, at the total, unless it is
// that of the customer's own country.
func TestAmbiguousSigns(t *testing.T) {
	for _, c := range []struct {
		tag, currency, country, locale string
		want                           string // behind the total, "" nothing
	}{
		{"en", "USD", "US", "", ""}, {"en", "USD", "CA", "", "USD"}, {"en", "USD", "AU", "", "USD"}, {"en", "USD", "GB", "", "USD"},
		{"en", "USD", "PR", "", ""}, {"en", "USD", "", "en-US", ""}, {"en", "USD", "", "en_CA", "USD"}, {"en", "USD", "", "en", "USD"},
		{"en", "CAD", "CA", "", ""}, // en writes CA$, which names itself
		{"en", "CAD", "US", "", ""}, {"en", "EUR", "US", "", ""}, {"en", "GBP", "US", "", ""}, {"en", "JPY", "CN", "", "JPY"}, {"en", "JPY", "JP", "", ""},
		{"de", "USD", "DE", "", "USD"}, {"de", "USD", "US", "", ""}, {"de", "EUR", "DE", "", ""}, {"fr", "USD", "CA", "", ""}, {"es", "USD", "MX", "", ""},
		{"sv", "SEK", "SE", "", ""}, {"sv", "SEK", "NO", "", "SEK"}, {"sv", "SEK", "", "", ""}, {"ja", "JPY", "", "ja", ""}, {"zh-Hans", "CNY", "CN", "", ""},
		{"zh-Hans", "CNY", "JP", "", "CNY"}, {"ar", "USD", "SA", "", ""}, {"ar", "SAR", "SA", "", ""},
	} {
		o := &waxwing.Order{Number: "1", Currency: c.currency, Locale: c.locale, Total: waxwing.Money{Minor: 12000, Currency: c.currency},
			Subtotal: waxwing.Money{Minor: 12000, Currency: c.currency}, Items: []waxwing.Item{{Name: "Mug", Quantity: 1}}}
		if c.country != "" {
			o.Shipping = &waxwing.Address{City: "Somewhere", Country: c.country}
		}
		var m Mail
		if err := builtin(t).Render(&Input{Order: o, Locale: locale(t, c.tag)}, &m); err != nil {
			t.Fatal(err)
		}
		code := "\u00a0" + c.currency
		text := strings.Count(string(m.Text), code)
		page := bytes.Count(jsonBlock.ReplaceAll(m.HTML, nil), []byte(code))
		want := 0
		if c.want != "" {
			want = 1
		}
		if text != want || page != want {
			t.Errorf("%+v: named %d times in the text, %d in the HTML, want %d\n%s", c, text, page, want, m.Text)
		}
	}
}

// The SMS that asks for money names the currency, too.
func TestSMSNamesTheCurrency(t *testing.T) {
	o := stateOrder("en", "prepay")
	o.Shipping.Country, o.Billing.Country = "CA", "CA"
	if sms := builtin(t).SMS(&Input{Order: o, Brand: acme(t), Locale: locale(t, "en")}); !strings.Contains(sms, "$298.58 USD") {
		t.Error(sms)
	}
}

// Negative amounts have a true minus sign in every locale, with the direction
// marks that its language wants.
func TestMinus(t *testing.T) {
	for tag, want := range map[string]string{"en": "−$1.50", "de": "−1,50\u00a0$", "nl": "US$\u00a0−1,50", "sv": "−1,50\u00a0US$", "ja": "−$1.50",
		"ar": isolate + "\u200f\u200e−1.50\u00a0US$" + endIsolate} {
		v := &view{locale: locale(t, tag)}
		if got := string(v.money(waxwing.Money{Minor: -150, Currency: "USD"})); got != want {
			t.Errorf("%s: %q, want %q", tag, got, want)
		}
	}
}
