package compose

import (
	"cmp"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
)

// SMS renders the short text for the fallback. ErrNotFound: no number is certain.
func (x *Composer) SMS(w *waxwing.Work, o *waxwing.Order, _ time.Time) (waxwing.Draft, error) {
	d := waxwing.Draft{Channel: waxwing.SMS}
	p := x.profiles[w.Tenant]
	if p == nil {
		return d, errNoTenant
	}
	to := phoneOf(o)
	if to == "" {
		return d, waxwing.ErrNotFound
	}
	in := x.input(p, o)
	// Whose number it comes from is the matter of the provider that takes it.
	d.To, d.Locale = to, in.Locale.Tag()
	d.Data = []byte(p.set.SMS(in))
	return d, nil
}

// phoneOf is the customer's number in E.164, "" where none is certain. Numbers
// without a country are completed only where the country's code is known.
func phoneOf(o *waxwing.Order) string {
	candidates := []struct{ number, country string }{{o.Customer.Phone, ""}}
	for _, a := range []*waxwing.Address{o.Shipping, o.Billing} {
		if a != nil {
			candidates[0].country = cmp.Or(candidates[0].country, a.Country)
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

// Numbers are an order's phone numbers in E.164, where they are written otherwise.
func Numbers(o *waxwing.Order) (out []string) {
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
		home = cmp.Or(home, a.Country)
		if a != o.Shipping || !o.Delivery.Pickup {
			add(a.Phone, a.Country)
		}
	}
	add(o.Customer.Phone, home)
	return out
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
