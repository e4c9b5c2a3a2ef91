package compose

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jhillyerd/enmime/v2"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/locales"
	"github.com/waxwinghq/waxwing/templates"
)

// sayingTenant is a tenant with everything that a mail can say of one.
func sayingTenant() config.Tenant {
	return config.Tenant{
		Name: "Acme Outfitters", From: "orders@acme.example", Locales: locales.Tags(),
		ReturnsURL: "https://acme.example/returns/{order}", InvoiceURL: "https://acme.example/inprofiles/{order}",
		Legal: &config.Legal{Seller: "Acme Outfitters Ltd\n12 Canal Street", Register: "Companies House 123456", VAT: "GB123456789",
			TermsURL: "https://acme.example/terms", Text: "Be well.",
			Locales: map[string]config.LegalText{"de": {TermsURL: "https://acme.example/agb", Text: "Alles Gute."}}},
		PaymentInstructions: config.PaymentInstructions{BankTransfer: &config.Instruction{Text: "Send {total} to IBAN X\nand quote {order}.",
			Locales: map[string]string{"de": "Bitte {total} an IBAN X\nmit {order}."}}},
		Shops: map[string]config.Shop{"till": {Format: "generic"}, "outlet": {Format: "generic",
			Legal: &config.Legal{Register: "Companies House 654321", Locales: map[string]config.LegalText{"de": {VAT: "DE1"}}}}},
	}
}

func sayingOrder(shop, locale string) *waxwing.Order {
	usd := func(minor int64) waxwing.Money { return waxwing.Money{Minor: minor, Currency: "USD"} }
	return &waxwing.Order{Shop: waxwing.ShopID(shop), ID: "7", Number: "#1489", Locale: locale, Currency: "USD", PlacedAt: time.Date(2026, 3, 9, 9, 0, 0, 0, time.UTC),
		Customer: waxwing.Customer{FirstName: "Ida", LastName: "Moss", Email: "ida@example.com", Phone: "+15551234567"},
		Items:    []waxwing.Item{{Name: "Mug", Quantity: 1}}, Subtotal: usd(1200), Total: usd(1200),
		Payment: waxwing.Payment{Status: waxwing.PaymentPending, Offline: waxwing.BankTransfer},
		Billing: &waxwing.Address{Name: "Ida Moss", City: "Austin", Country: "US"}}
}

// composed renders an order as the daemon does, and reads the mail back.
func composed(t *testing.T, o *waxwing.Order) (*enmime.Envelope, waxwing.Draft) {
	t.Helper()
	x, err := New(configtest.With(map[string]config.Tenant{"acme": sayingTenant()}), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	d, err := x.Email(&waxwing.Work{Tenant: "acme", Token: "t"}, o, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	e, err := enmime.ReadEnvelope(bytes.NewReader(d.Data))
	if err != nil {
		t.Fatal(err)
	}
	return e, d
}

// The legal block, instructions and links of the tenant, the shop and the
// language stand in both parts.
func TestTenantsTexts(t *testing.T) {
	for _, c := range []struct {
		shop, locale string
		has, lacks   []string
	}{
		{"till", "en", []string{"Acme Outfitters Ltd", "12 Canal Street", "Company registration: Companies House 123456", "VAT number: GB123456789",
			"https://acme.example/terms", "Be well.", "https://acme.example/returns/1489", "https://acme.example/inprofiles/1489"}, []string{"agb", "654321"}},
		{"till", "de", []string{"https://acme.example/agb", "Alles Gute.", "Handelsregister: Companies House 123456"}, []string{"Be well", "/terms"}},
		{"till", "de-AT", []string{"https://acme.example/agb", "Alles Gute."}, []string{"Be well", "/terms"}},
		{"outlet", "en", []string{"Companies House 654321", "GB123456789", "Be well."}, []string{"123456\n", "DE1\n"}},
		{"outlet", "de", []string{"Companies House 654321", "USt-IdNr.: DE1", "Alles Gute.", "https://acme.example/agb"}, []string{"GB123456789"}},
	} {
		e, _ := composed(t, sayingOrder(c.shop, c.locale))
		page := strings.NewReplacer("&amp;", "&").Replace(e.HTML)
		for _, want := range c.has {
			if !strings.Contains(e.Text, want) || !strings.Contains(page, want) {
				t.Errorf("%s %s: no %q in\n%s", c.shop, c.locale, want, e.Text)
			}
		}
		for _, not := range c.lacks {
			if strings.Contains(e.Text, not) {
				t.Errorf("%s %s: %q in\n%s", c.shop, c.locale, not, e.Text)
			}
		}
	}
	for locale, want := range map[string]string{"en": "  Send $12.00 to IBAN X\n  and quote #1489.\n", "de": "  Bitte 12,00\u00a0$ an IBAN X\n  mit #1489.\n"} {
		if e, _ := composed(t, sayingOrder("till", locale)); !strings.Contains(strings.ReplaceAll(e.Text, "\r\n", "\n"), want) {
			t.Errorf("no %q in\n%s", want, e.Text)
		}
	}
	o := sayingOrder("till", "en")
	o.Payment.Instructions = "As the shop says.\nTwice."
	if e, _ := composed(t, o); !strings.Contains(e.HTML, "As the shop says.<br>Twice.") || strings.Contains(e.HTML, "IBAN") {
		t.Errorf("the order's own instructions do not come first:\n%s", e.Text)
	}
}

// What reading and rendering met reaches the trail, once each.
func TestNotesReachTheDraft(t *testing.T) {
	o := sayingOrder("till", "en")
	o.Notices, o.Total.Minor = []string{"woocommerce: total_tax differs from the taxes by 0.01"}, 1300
	_, d := composed(t, o)
	want := []string{"woocommerce: total_tax differs from the taxes by 0.01", "render: the amounts shown do not add up to the total by 1.00 USD"}
	if !slices.Equal(d.Notes, want) {
		t.Errorf("%q, want %q", d.Notes, want)
	}
	if _, d := composed(t, sayingOrder("till", "en")); len(d.Notes) != 0 {
		t.Errorf("%q", d.Notes)
	}
	o = sayingOrder("till", "en")
	o.Customer.Email = "jana@gmial.com"
	if _, d := composed(t, o); d.To != "jana@gmial.com" || !slices.Equal(d.Notes, []string{"address: it ends in gmial.com; gmail.com may be meant"}) {
		t.Errorf("to %s: %q", d.To, d.Notes)
	}
}

// The subject that preview prints is the one in the header, in every locale,
// with the marks that right-to-left languages need and no isolates.
func TestSubjectIsTheHeaders(t *testing.T) {
	x, err := New(configtest.With(map[string]config.Tenant{"acme": sayingTenant()}), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range locales.Tags() {
		for i, name := range []string{"Ida", "\u202eIda\u2066  M\u00a0x", "ليلى", "美咲", strings.Repeat("Ida ", 60)} {
			o := sayingOrder("till", tag)
			o.Customer.FirstName = name
			o.Payment = waxwing.Payment{Status: waxwing.PaymentPaid}
			if i == 2 {
				o.Personal = &waxwing.Personal{Subject: "Ida،\u2067 طلبك\u00a0#1489 \u200b"}
			}
			in := x.input(x.profiles["acme"], o)
			var m templates.Mail
			if err := x.profiles["acme"].set.Render(in, &m); err != nil {
				t.Fatal(err)
			}
			e, _ := composed(t, o)
			if got := e.GetHeader("Subject"); got != m.Subject {
				t.Errorf("%s: the header has %+q, the preview %+q", tag, got, m.Subject)
			}
			if strings.ContainsAny(m.Subject, "\u2066\u2067\u2068\u2069") {
				t.Errorf("%s: isolates in %+q", tag, m.Subject)
			}
			if tag == "ar" && !strings.Contains(m.Subject, "\u200e#1489") {
				t.Errorf("no mark before the number: %+q", m.Subject)
			}
		}
	}
}
