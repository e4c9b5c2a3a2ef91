package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/address"
	"github.com/waxwinghq/waxwing/channel/dkim"
	"github.com/waxwinghq/waxwing/channel/mime"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/locales"
	"github.com/waxwinghq/waxwing/templates"
)

// voice is how one tenant speaks: brand, templates, languages, sender.
type voice struct {
	t       *config.Tenant
	brand   *templates.Brand
	brands  map[waxwing.ShopID]*templates.Brand // of shops that say something else of the seller
	set     *templates.Set
	setName string // of the dictionary: tenants with the built-in set share it
	from    mime.Mailbox
	reply   mime.Mailbox
	domain  string
	signer  *dkim.Signer
	fault   error // why the tenant's own templates are not used, or not all of them
}

// composer makes messages of orders. It implements pipeline.Composer.
type composer struct {
	voices    map[waxwing.TenantID]*voice
	catalogue *locales.Catalogue
	log       *slog.Logger
	scratch   sync.Pool
}

type scratch struct {
	mail templates.Mail
	mime []byte
}

// newComposer loads brands, templates and keys. Its errors name the tenant.
func newComposer(c *config.Config, log *slog.Logger) (*composer, error) {
	cat, err := locales.Builtin()
	if err != nil {
		return nil, err
	}
	set, err := templates.Builtin()
	if err != nil {
		return nil, err
	}
	x := &composer{voices: map[waxwing.TenantID]*voice{}, catalogue: cat, log: log}
	x.scratch.New = func() any { return new(scratch) }
	for name, t := range c.Tenants {
		v, err := newVoice(&t, set, log.With("tenant", name))
		if err != nil {
			return nil, fmt.Errorf("tenant %s: %w", name, err)
		}
		if v.setName == "own" {
			v.setName = "tenant/" + name
		}
		x.voices[waxwing.TenantID(name)] = v
	}
	return x, nil
}

func newVoice(t *config.Tenant, builtin *templates.Set, log *slog.Logger) (*voice, error) {
	v := &voice{t: t, set: builtin, setName: "builtin"}
	var err error
	b := templates.Brand{Name: t.Name, LogoURL: t.Brand.Logo, Color: t.Brand.Color, SupportURL: t.SupportURL,
		TrackingURL: t.TrackingURL, ReturnsURL: t.ReturnsURL, InvoiceURL: t.InvoiceURL, Footer: t.Brand.Footer,
		Instructions: instructions(&t.PaymentInstructions), Legal: legal(t.Legal)}
	if t.Brand.Address != "" {
		b.Address = strings.Split(strings.TrimSpace(t.Brand.Address), "\n")
	}
	for _, d := range t.Deliveries {
		b.Deliveries = append(b.Deliveries, templates.Delivery{Name: d.Name, Names: d.Names, URL: d.URL})
	}
	if v.brand, err = templates.NewBrand(b); err != nil {
		return nil, err
	}
	for name, shop := range t.Shops {
		if shop.Legal != nil {
			own := *v.brand
			own.Legal = legal(t.Legal, shop.Legal)
			if v.brands == nil {
				v.brands = map[waxwing.ShopID]*templates.Brand{}
			}
			v.brands[waxwing.ShopID(name)] = &own
		}
	}
	a, err := address.Parse(t.From)
	if err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	v.from, v.domain = mime.Mailbox{Name: t.Name, Addr: a.String()}, a.Domain
	if t.ReplyTo != "" {
		r, err := address.Parse(t.ReplyTo)
		if err != nil {
			return nil, fmt.Errorf("reply_to: %w", err)
		}
		v.reply = mime.Mailbox{Name: t.Name, Addr: r.String()}
	}
	if t.Templates != "" {
		// A template that does not load is the merchant's mistake, not her
		// customers': the built-in set speaks until it is mended.
		set, err := templates.Load(os.DirFS(t.Templates), nil)
		if err != nil {
			log.Error("the tenant's templates do not load; the built-in ones are used", "folder", t.Templates, "err", err)
			v.fault = fmt.Errorf("templates %s: %w", t.Templates, err)
		} else {
			v.set, v.setName = set, "own"
			if err := set.Unused(); err != nil {
				log.Warn("some of the tenant's templates are never used", "folder", t.Templates, "err", err)
				v.fault = fmt.Errorf("templates %s: %w", t.Templates, err)
			}
		}
	}
	if t.DKIM != nil {
		key, err := dkim.ParseKey(t.DKIM.Key)
		if err != nil {
			return nil, fmt.Errorf("dkim.key: %w", err)
		}
		if v.signer, err = dkim.New(t.DKIM.Domain, t.DKIM.Selector, key); err != nil {
			return nil, fmt.Errorf("dkim: %w", err)
		}
	}
	return v, nil
}

// faults are the templates that did not load or are never used. They do not keep the daemon from
// starting, but whoever checks a configuration wants to know.
func (x *composer) faults() error {
	var errs []error
	for name, v := range x.voices {
		if v.fault != nil {
			errs = append(errs, fmt.Errorf("tenant %s: %w", name, v.fault))
		}
	}
	return errors.Join(errs...)
}

var errNoVoice = errors.New("the tenant is not in the configuration")

// input chooses the language: the order's, else the tenant's rule, else the
// country's, else the tenant's first.
func (x *composer) input(v *voice, o *waxwing.Order) *templates.Input {
	country := ""
	if o.Shipping != nil {
		country = o.Shipping.Country
	}
	if country == "" && o.Billing != nil {
		country = o.Billing.Country
	}
	tag := locales.Choose(v.t.Locales, locales.InCountry(o.Locale, country),
		locales.InCountry(v.t.Shops[string(o.Shop)].Locale, country), locales.ForCountry(country))
	l, ok := x.catalogue.Locale(tag)
	if !ok {
		l, _ = x.catalogue.Locale("en") // always built in
	}
	brand := v.brand
	if own, ok := v.brands[o.Shop]; ok {
		brand = own
	}
	return &templates.Input{Order: o, Brand: brand, Locale: l}
}

// Email renders, builds and signs the mail.
func (x *composer) Email(w *waxwing.Work, o *waxwing.Order, at time.Time) (waxwing.Draft, error) {
	d := waxwing.Draft{Channel: waxwing.Email}
	v := x.voices[w.Tenant]
	if v == nil {
		return d, errNoVoice
	}
	to := strings.TrimSpace(o.Customer.Email)
	if to == "" {
		return d, waxwing.ErrNotFound
	}
	rcpt, err := address.Parse(to)
	if err != nil {
		return d, fmt.Errorf("bad_address: %w", err)
	}
	in := x.input(v, o)
	sc := x.scratch.Get().(*scratch)
	defer x.scratch.Put(sc)
	if err := v.set.Render(in, &sc.mail); err != nil {
		var fb *templates.FallbackError
		if !errors.As(err, &fb) {
			return d, fmt.Errorf("render: %w", err)
		}
		x.log.Error("a tenant's template failed; the built-in one was used", "tenant", w.Tenant, "confirmation", w.ID, "err", fb.Err)
		d.Notes = append(d.Notes, "render: the tenant's template failed and the built-in one was used")
	}
	if sc.mail.Impersonal {
		x.log.Error("a mail cannot be rendered with what plugins said; it goes without", "tenant", w.Tenant, "confirmation", w.ID)
		d.Notes = append(d.Notes, "render: what plugins said was left out, since no mail came out of it")
	}
	d.Notes = append(d.Notes, o.Notices...)
	if off := sc.mail.Unbalanced; !off.IsZero() {
		d.Notes = append(d.Notes, "render: the amounts shown do not add up to the total by "+off.String())
	}
	m := mime.Mail{From: v.from, To: mime.Mailbox{Name: o.Customer.FullName(), Addr: rcpt.String()}, ReplyTo: v.reply,
		Subject: sc.mail.Subject, MessageID: w.Token + "@" + v.domain, Date: at, Text: sc.mail.Text, HTML: sc.mail.HTML,
		Language: in.Locale.Tag(), EntityRef: w.Token}
	sc.mime = mime.Build(sc.mime[:0], &m)
	if d.Data, err = v.sign(sc.mime, at); err != nil {
		return d, err
	}
	d.From, d.To, d.MessageID, d.Locale = v.from.Addr, rcpt.String(), m.MessageID, in.Locale.Tag()
	d.SMTPUTF8, d.Dictionary = m.SMTPUTF8(), v.setName+"/"+in.Locale.Tag()
	return d, nil
}

// sign copies the mail out of the scratch buffer, with its signature in front.
func (v *voice) sign(mail []byte, at time.Time) ([]byte, error) {
	if v.signer == nil {
		return append([]byte(nil), mail...), nil
	}
	out, err := v.signer.Append(make([]byte, 0, len(mail)+1024), mail, at)
	if err != nil {
		return nil, fmt.Errorf("dkim: %w", err)
	}
	return append(out, mail...), nil
}

// SMS renders the short text for the fallback.
func (x *composer) SMS(w *waxwing.Work, o *waxwing.Order, _ time.Time) (waxwing.Draft, error) {
	d := waxwing.Draft{Channel: waxwing.SMS}
	v := x.voices[w.Tenant]
	if v == nil {
		return d, errNoVoice
	}
	to := phoneOf(o)
	if to == "" {
		return d, waxwing.ErrNotFound
	}
	in := x.input(v, o)
	// Whose number it comes from is the matter of the provider that takes it.
	d.To, d.Locale = to, in.Locale.Tag()
	d.Data = []byte(v.set.SMS(in))
	return d, nil
}

// phoneOf is the customer's number in E.164, "" where none is certain. Numbers
// without a country are completed only where the country's code is known.
func phoneOf(o *waxwing.Order) string {
	candidates := []struct{ number, country string }{{o.Customer.Phone, ""}}
	for _, a := range []*waxwing.Address{o.Shipping, o.Billing} {
		if a != nil {
			candidates[0].country = orElse(candidates[0].country, a.Country)
			candidates = append(candidates, struct{ number, country string }{a.Phone, a.Country})
		}
	}
	for _, c := range candidates {
		if n := e164(c.number, c.country); n != "" {
			return n
		}
	}
	return ""
}

// numbersOf are an order's phone numbers in E.164, where they are written otherwise.
func numbersOf(o *waxwing.Order) (out []string) {
	add := func(s, country string) {
		if n := e164(s, country); n != "" && n != s {
			out = append(out, n)
		}
	}
	home := ""
	for _, a := range []*waxwing.Address{o.Shipping, o.Billing} {
		if a == nil {
			continue
		}
		home = orElse(home, a.Country)
		if a != o.Shipping || !o.Delivery.Pickup {
			add(a.Phone, a.Country)
		}
	}
	add(o.Customer.Phone, home)
	return out
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// callingCodes are those of the countries whose trunk prefix is a plain 0 or
// nothing; elsewhere only numbers with their country are used.
var callingCodes = map[string]struct{ code, trunk string }{
	"US": {"1", "1"}, "CA": {"1", "1"}, "DE": {"49", "0"}, "AT": {"43", "0"}, "CH": {"41", "0"}, "FR": {"33", "0"},
	"GB": {"44", "0"}, "NL": {"31", "0"}, "BE": {"32", "0"}, "SE": {"46", "0"}, "JP": {"81", "0"}, "AU": {"61", "0"},
	"NZ": {"64", "0"}, "IE": {"353", "0"}, "ES": {"34", ""}, "PT": {"351", ""}, "PL": {"48", ""}, "DK": {"45", ""},
	"NO": {"47", ""}, "SA": {"966", "0"}, "AE": {"971", "0"}, "EG": {"20", "0"}, "CN": {"86", "0"}, "IN": {"91", "0"},
	"KW": {"965", ""}, "BR": {"55", "0"}, "IT": {"39", ""},
}

func e164(s, country string) string {
	plus := strings.HasPrefix(strings.TrimSpace(s), "+")
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case strings.ContainsRune(" ()+-./\u00a0", r):
		default:
			return "" // an extension or words: not a number to text
		}
	}
	n := b.String()
	switch {
	case plus:
	case strings.HasPrefix(n, "00"):
		n = n[2:]
	default:
		c, ok := callingCodes[country]
		if !ok || n == "" {
			return ""
		}
		n = c.code + strings.TrimPrefix(n, c.trunk)
	}
	if len(n) < 8 || len(n) > 15 || n[0] == '0' {
		return ""
	}
	return "+" + n
}
