package templates

import (
	"bytes"
	"strings"
	"unicode"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/locales"
)

// How countries write an address: a line for each word between bars; N name,
// O company, A street lines, C city, R region, Z postal code, X country. What
// is empty goes with the punctuation before it.
const (
	postalFirst = "N|O|A|Z C|X"     // most of the world
	northAmeric = "N|O|A|C, R Z|X"  // city, state and code on a line
	british     = "N|O|A|C|R|Z|X"   // a line each
	eastAsia    = "X|Z|RC|A|O|N"    // from the large to the small
	withRegion  = "N|O|A|Z C, R|X"  // the province behind the city
	brazilian   = "N|O|A|C - R|Z|X" //
	cityFirst   = "N|O|A|C Z|R|X"   // the code behind the city
	japanLatin  = "N|O|A|C, R Z|X"  // a Japanese address in Latin letters
)

var addressFormats = map[string]string{
	"US": northAmeric, "CA": northAmeric, "AU": northAmeric, "PR": northAmeric, "MX": withRegion, "IN": cityFirst,
	"GB": british, "IE": british, "JE": british, "GG": british, "IM": british,
	"IT": withRegion, "ES": withRegion, "BR": brazilian,
	"JP": japanLatin, "CN": northAmeric, "KR": northAmeric, "TW": northAmeric, "HK": "N|O|A|C|R|X",
	"NZ": cityFirst, "SG": cityFirst, "TH": cityFirst, "SA": cityFirst, "EG": cityFirst, "ID": cityFirst, "MY": "N|O|A|Z C|R|X",
	"AE": "N|O|A|C|R|X", "KW": "N|O|A|Z C|R|X", "QA": "N|O|A|C|X", "BH": cityFirst,
	"AR": withRegion, "CL": withRegion, "CO": cityFirst, "ZA": british, "UA": british, "NG": cityFirst, "VN": cityFirst, "PH": "N|O|A|Z C|R|X",
}

// eastAsianLocale is the language in which a country's own people read.
var eastAsianLocale = map[string]string{"JP": "ja", "CN": "zh-Hans", "TW": "zh-Hant"}

// fillAddresses formats both addresses. What is digital goes to no address, and
// the second of two equal ones is a sentence.
func (v *view) fillAddresses() {
	o, l := v.order, v.locale
	label := locales.MsgShippingAddress
	if o.Delivery.Pickup {
		label = locales.MsgPickupAddress
	}
	v.root[fShippingLabel] = v.own(l.Text(label))
	var shipping indexes
	if !v.state.digital {
		shipping = v.address(o.Shipping)
	}
	billing := v.address(o.Billing)
	if shipping.to > shipping.from && v.sameLines(shipping, billing) {
		if o.Delivery.Pickup {
			// Nobody picks up at her own home: the shop copied one to the other.
			shipping = indexes{}
		} else {
			v.lines = append(v.lines[:billing.from], v.own(l.Text(locales.MsgSameAsShipping)))
			billing.to = len(v.lines)
		}
	}
	v.spans[fShippingLines], v.spans[fBillingLines] = shipping, billing
}

// sameLines reports whether two addresses are one but for case, spaces and
// punctuation.
func (v *view) sameLines(a, b indexes) bool {
	plain := func(x indexes) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
				return unicode.ToLower(r)
			}
			return -1
		}, string(bytes.Join(v.lines[x.from:x.to], nil)))
	}
	return plain(a) == plain(b)
}

// address makes the lines of an address.
func (v *view) address(a *waxwing.Address) indexes {
	from := len(v.lines)
	if a == nil {
		return indexes{from, from}
	}
	format, ok := addressFormats[a.Country]
	if !ok {
		format = postalFirst
	}
	if c := a.Country; c == "JP" || c == "CN" || c == "KR" || c == "TW" {
		if eastAsian(a.City) || eastAsian(a.Region) || len(a.Lines) > 0 && eastAsian(a.Lines[0]) {
			format = eastAsia
			if c == "KR" {
				format = "X|R C|A|O|N|Z"
			}
			if v.locale.Tag() == eastAsianLocale[c] { // nobody writes the own country
				format = strings.TrimPrefix(eastAsia, "X|")
			}
		}
	}
	for format != "" && len(v.lines)-from < maxLines {
		var line string
		line, format, _ = strings.Cut(format, "|")
		if line == "A" {
			for i, s := range a.Lines {
				if i < 4 {
					v.addLine(s)
				}
			}
			continue
		}
		if len(line) == 1 {
			v.addLine(v.addressPart(a, line[0]))
			continue
		}
		v.addParts(a, line)
	}
	return indexes{from, len(v.lines)}
}

func (v *view) addLine(s string) {
	if line := v.outside(s, maxValue); len(line) > 0 {
		v.lines = append(v.lines, line)
	}
}

// addParts makes one line of several parts, with what stands between them.
func (v *view) addParts(a *waxwing.Address, format string) {
	var b strings.Builder
	between := ""
	for i := range len(format) {
		c := format[i]
		if c < 'A' || c > 'Z' {
			between += string(c)
			continue
		}
		s := strings.TrimSpace(v.addressPart(a, c))
		if s == "" {
			between = ""
			continue
		}
		if b.Len() > 0 {
			b.WriteString(between)
		}
		b.WriteString(s)
		between = ""
	}
	v.addLine(b.String())
}

func (v *view) addressPart(a *waxwing.Address, c byte) string {
	switch c {
	case 'N':
		return a.Name
	case 'O':
		return a.Company
	case 'C':
		return a.City
	case 'R':
		if a.Region == a.City {
			return ""
		}
		return a.Region
	case 'Z':
		if a.Country == "JP" && a.PostalCode != "" && v.locale.Tag() == "ja" {
			return "〒" + a.PostalCode
		}
		return a.PostalCode
	case 'X':
		if name := v.locale.Country(a.Country); name != "" {
			return name
		}
		if a.CountryName != "" {
			return a.CountryName
		}
		return a.Country
	}
	return ""
}
