package compose

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
)

// composer makes one of a tenant that says everything, changed by f.
func composer(t testing.TB, f func(*config.Tenant)) *Composer {
	t.Helper()
	tenant := sayingTenant()
	if f != nil {
		f(&tenant)
	}
	x, err := New(configtest.With(map[string]config.Tenant{"acme": tenant}), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestEmailTo: whom a mail goes to, or what its error tells the pipeline.
func TestEmailTo(t *testing.T) {
	x := composer(t, nil)
	for name, c := range map[string]struct {
		tenant   waxwing.TenantID
		email    string
		to, fail string
		wide     bool
	}{
		"plain":        {tenant: "acme", email: "jana@example.com", to: "jana@example.com"},
		"with spaces":  {tenant: "acme", email: "  jana@example.com\n", to: "jana@example.com"},
		"wide":         {tenant: "acme", email: "jänä@example.com", to: "jänä@example.com", wide: true},
		"none":         {tenant: "acme", email: " ", fail: waxwing.ErrNotFound.Error()},
		"no address":   {tenant: "acme", email: "jana", fail: "bad_address: "},
		"two of them":  {tenant: "acme", email: "a@example.com, b@example.com", fail: "bad_address: "},
		"other tenant": {tenant: "other", email: "jana@example.com", fail: errNoTenant.Error()},
	} {
		o := sayingOrder("till", "en")
		o.Customer.Email = c.email
		d, err := x.Email(&waxwing.Work{Tenant: c.tenant, Token: "token"}, o, time.Unix(0, 0))
		if err != nil {
			if c.fail == "" || !strings.Contains(err.Error(), c.fail) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if c.fail != "" || d.To != c.to || d.From != "orders@acme.example" || d.MessageID != "token@acme.example" || d.SMTPUTF8 != c.wide ||
			d.Locale != "en" || d.Dictionary != "builtin/en" || d.Channel != waxwing.Email {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

// signingKey makes a key for signatures.
func signingKey(t testing.TB) config.Secret {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return config.Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// TestSigned: the signature stands in front of the mail's own bytes.
func TestSigned(t *testing.T) {
	secret := signingKey(t)
	w, at := &waxwing.Work{Tenant: "acme", Token: "t"}, time.Unix(0, 0)
	plain, err := composer(t, nil).Email(w, sayingOrder("till", "en"), at)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := composer(t, func(c *config.Tenant) { c.DKIM = &config.DKIM{Domain: "acme.example", Selector: "s", Key: secret} }).Email(w, sayingOrder("till", "en"), at)
	if err != nil {
		t.Fatal(err)
	}
	head, ok := bytes.CutSuffix(signed.Data, plain.Data)
	if !ok || !bytes.HasPrefix(head, []byte("DKIM-Signature: ")) || !bytes.Contains(head, []byte("d=acme.example")) {
		t.Errorf("%v %.300s", ok, signed.Data)
	}
}

// TestNewRefuses: what the loader cannot know is refused with the tenant's name.
func TestNewRefuses(t *testing.T) {
	for want, f := range map[string]func(*config.Tenant){
		"tenant acme: from: ":     func(c *config.Tenant) { c.From = "nobody" },
		"tenant acme: reply_to: ": func(c *config.Tenant) { c.ReplyTo = "nobody" },
		"tenant acme: dkim.key: ": func(c *config.Tenant) { c.DKIM = &config.DKIM{Domain: "a.example", Selector: "s", Key: "no PEM"} },
	} {
		tenant := sayingTenant()
		f(&tenant)
		_, err := New(configtest.With(map[string]config.Tenant{"acme": tenant}), slog.New(slog.DiscardHandler))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestFaults: templates that do not load keep no daemon from starting; the built-in ones
// speak, and check tells.
func TestFaults(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "order.txt.mustache"), []byte("Hello {{{name}}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	x := composer(t, func(c *config.Tenant) { c.Templates = dir })
	if err := x.Faults(); err == nil || !strings.HasPrefix(err.Error(), "tenant acme: templates "+dir) {
		t.Errorf("%v", err)
	}
	d, err := x.Email(&waxwing.Work{Tenant: "acme", Token: "t"}, sayingOrder("till", "en"), time.Unix(0, 0))
	if err != nil || d.Dictionary != "builtin/en" {
		t.Errorf("%v %s", err, d.Dictionary)
	}
	if err := composer(t, nil).Faults(); err != nil {
		t.Error(err)
	}
}

// TestLocale: the order's language, else its country's, else the tenant's first.
func TestLocale(t *testing.T) {
	for name, c := range map[string]struct {
		tenant          waxwing.TenantID
		order, country  string
		offers          []string
		shops           string
		want            string
		withoutShipping bool
	}{
		"the order's":        {tenant: "acme", order: "fr-FR", country: "DE", offers: []string{"en", "de", "fr"}, want: "fr"},
		"the shop's":         {tenant: "acme", country: "US", offers: []string{"en", "ja"}, shops: "ja", want: "ja"},
		"the country's":      {tenant: "acme", country: "DE", offers: []string{"en", "de"}, want: "de"},
		"the bill's country": {tenant: "acme", country: "DE", offers: []string{"en", "de"}, want: "de", withoutShipping: true},
		"the tenant's first": {tenant: "acme", order: "xx", country: "ZZ", offers: []string{"sv", "en"}, want: "sv"},
		"nobody's":           {tenant: "other", order: "de", want: "en"},
	} {
		x := composer(t, func(t *config.Tenant) {
			t.Locales = c.offers
			t.Shops["till"] = config.Shop{Format: "generic", Locale: c.shops}
		})
		o := sayingOrder("till", c.order)
		o.Billing = &waxwing.Address{Country: c.country}
		if !c.withoutShipping {
			o.Shipping, o.Billing = o.Billing, nil
		}
		if got := x.Locale(c.tenant, o).Tag(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestAgain: what was sent goes out once more with another Message-ID, to a corrected
// address where the mail's text does not speak of the old one.
func TestAgain(t *testing.T) {
	x := composer(t, nil)
	o := sayingOrder("till", "de")
	d, err := x.Email(&waxwing.Work{Tenant: "acme", Token: "first"}, o, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	sent := &waxwing.Outgoing{From: d.From, To: d.To, Data: d.Data}
	for name, c := range map[string]struct {
		tenant waxwing.TenantID
		to     string
		want   string
		fail   error
	}{
		"to the same":   {tenant: "acme", want: "ida@example.com"},
		"to another":    {tenant: "acme", to: "ida@example.org", want: "ida@example.org"},
		"to a wide one": {tenant: "acme", to: "idä@example.org", fail: waxwing.ErrNotFound},
		"of another":    {tenant: "other", fail: errNoTenant},
		"to no address": {tenant: "acme", to: "ida", fail: errors.ErrUnsupported}, // any
	} {
		again, err := x.Again(&waxwing.Work{Tenant: c.tenant, Token: "second"}, sent, c.to, time.Unix(60, 0))
		if c.fail != nil {
			if err == nil || c.fail != errors.ErrUnsupported && !errors.Is(err, c.fail) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || again.To != c.want || again.MessageID != "second@acme.example" || again.Locale != "de" || again.Dictionary != "builtin/de" ||
			!bytes.Contains(again.Data, []byte(c.want)) || bytes.Contains(again.Data, []byte("first@acme.example")) {
			t.Errorf("%s: %v %+v", name, err, again)
		}
	}
}

// TestPreview: the language that is asked for is the mail's, whatever the tenant offers.
func TestPreview(t *testing.T) {
	x := composer(t, func(c *config.Tenant) { c.Locales = []string{"en"} })
	for _, c := range []struct{ tag, want string }{{"", "en"}, {"ja", "ja"}, {"de", "de"}} {
		v, err := x.Preview("acme", sayingOrder("till", "fr"), c.tag)
		if err != nil {
			t.Fatal(err)
		}
		m, err := v.Mail()
		if err != nil || !bytes.Contains(m.HTML, []byte(`lang="`+c.want+`"`)) || v.Text() == "" {
			t.Errorf("%q: %v %.200s", c.tag, err, m.HTML)
		}
		if d, err := v.Draft(time.Unix(0, 0)); err != nil || d.Locale != c.want {
			t.Errorf("%q: %v %s", c.tag, err, d.Locale)
		}
	}
	if _, err := x.Preview("acme", sayingOrder("till", "fr"), "xx"); err == nil || !strings.Contains(err.Error(), `"xx" is not built in`) {
		t.Error(err)
	}
	if _, err := x.Preview("other", sayingOrder("till", "fr"), ""); !errors.Is(err, errNoTenant) {
		t.Error(err)
	}
}

// TestDictionaries: tenants with the built-in set share one a language.
func TestDictionaries(t *testing.T) {
	one, two := sayingTenant(), sayingTenant()
	one.Locales, two.Locales = []string{"en", "de"}, []string{"de", "fr"}
	x, err := New(configtest.With(map[string]config.Tenant{"a": one, "b": two}), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range x.Dictionaries() {
		names = append(names, d.Name)
		if _, b, err := x.Sample(d.Tenant, d.Locale); err != nil || !bytes.Contains(b, []byte("Content-Language: "+d.Locale)) {
			t.Errorf("%+v: %v %.300s", d, err, b)
		}
	}
	if got := strings.Join(names, " "); got != "builtin/en builtin/de builtin/fr" {
		t.Error(got)
	}
	// A variant's mail has its base's: no list of locales names it.
	d, err := x.Email(&waxwing.Work{Tenant: "a", Token: "abcdefghijklmnopqrstuvwxyz234567"}, sayingOrder("till", "en-GB"), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	if err != nil || d.Locale != "en-GB" || d.Dictionary != "builtin/en" {
		t.Error(d.Locale, d.Dictionary, err)
	}
}
