package templates

import (
	"strings"
	"unicode"

	"github.com/waxwinghq/waxwing"
)

// named returns an amount with its currency's code behind it, where the sign
// alone could be another currency's: "$120.00 CAD". A mail names it once, at
// the total.
func (v *view) named(m waxwing.Money, text []byte) []byte {
	if len(text) == 0 || !v.ambiguous(m.Currency) {
		return text
	}
	return v.since(func(b []byte) []byte {
		inner, isolated := strings.CutSuffix(string(text), endIsolate)
		b = append(append(append(b, inner...), "\u00a0"...), m.Currency...)
		if isolated {
			b = append(b, endIsolate...)
		}
		return b
	})
}

// plainMoney writes an amount for running text, named like named.
func (v *view) plainMoney(m waxwing.Money) string {
	s := string(v.locale.AppendMoney(nil, m))
	if v.ambiguous(m.Currency) {
		s += "\u00a0" + m.Currency
	}
	return s
}

// sharedSigns are written for several currencies.
var sharedSigns = []string{"$", "¥", "￥", "kr"}

// ambiguous reports whether the locale writes a currency with a shared sign
// alone and the customer's own country writes another one so, or none.
func (v *view) ambiguous(currency string) bool {
	if !waxwing.ValidCurrency(currency) {
		return false
	}
	var room [48]byte
	sign := strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Nd, unicode.Z, unicode.Cf) || r == '.' || r == ',' {
			return -1
		}
		return r
	}, string(v.locale.AppendMoney(room[:0], waxwing.Money{Currency: currency})))
	for _, s := range sharedSigns {
		if s == sign {
			return homeCurrency[v.country()] != currency
		}
	}
	return false
}

// country is the customer's: of her addresses, else of the order's language,
// else the one that the mail's language is mostly spoken in; "" unknown.
func (v *view) country() string {
	o := v.order
	switch {
	case o.Shipping != nil && o.Shipping.Country != "" && !v.state.pickup:
		return o.Shipping.Country
	case o.Billing != nil && o.Billing.Country != "":
		return o.Billing.Country
	case o.Shipping != nil && o.Shipping.Country != "":
		return o.Shipping.Country
	}
	for _, tag := range []string{o.Locale, v.locale.Tag()} {
		for i, part := range strings.FieldsFunc(tag, func(r rune) bool { return r == '-' || r == '_' }) {
			if i > 0 && len(part) == 2 {
				return strings.ToUpper(part)
			}
		}
	}
	return map[string]string{"ja": "JP", "sv": "SE", "zh-Hans": "CN", "zh-Hant": "TW"}[v.locale.Tag()]
}

// homeCurrency is the currency of the countries that write it with a shared sign.
var homeCurrency = map[string]string{
	"US": "USD", "PR": "USD", "GU": "USD", "VI": "USD", "AS": "USD", "MP": "USD", "UM": "USD", "EC": "USD", "SV": "USD",
	"TL": "USD", "MH": "USD", "FM": "USD", "PW": "USD", "TC": "USD", "VG": "USD", "BQ": "USD",
	"CA": "CAD", "AU": "AUD", "NR": "AUD", "KI": "AUD", "TV": "AUD", "CX": "AUD", "CC": "AUD", "NF": "AUD",
	"NZ": "NZD", "CK": "NZD", "NU": "NZD", "TK": "NZD", "PN": "NZD", "SG": "SGD", "HK": "HKD", "TW": "TWD",
	"MX": "MXN", "CL": "CLP", "CO": "COP", "AR": "ARS", "UY": "UYU", "JM": "JMD", "TT": "TTD", "BB": "BBD", "BS": "BSD",
	"BZ": "BZD", "BM": "BMD", "BN": "BND", "DO": "DOP", "FJ": "FJD", "GY": "GYD", "KY": "KYD", "LR": "LRD", "NA": "NAD",
	"SB": "SBD", "SR": "SRD", "AG": "XCD", "DM": "XCD", "GD": "XCD", "KN": "XCD", "LC": "XCD", "VC": "XCD", "AI": "XCD",
	"MS": "XCD", "CU": "CUP", "CN": "CNY", "JP": "JPY", "SE": "SEK", "NO": "NOK", "SJ": "NOK", "DK": "DKK", "FO": "DKK",
	"GL": "DKK", "IS": "ISK",
}
