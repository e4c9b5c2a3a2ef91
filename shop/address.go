package shop

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
)

// PersonName joins the parts of a name as they are written: the family name
// first where both are in Chinese characters, kana or hangul, with a space
// between them in Japan alone.
func PersonName(first, last, country string) string {
	switch {
	case first == "":
		return last
	case last == "":
		return first
	case eastAsian(first) && eastAsian(last):
		if country == "CN" || country == "TW" || country == "HK" || country == "KR" {
			return last + first
		}
		return last + " " + first
	}
	return first + " " + last
}

func eastAsian(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return r >= 0x1100 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
}

// EastAsian reports whether one of the strings begins in such a script.
func EastAsian(list ...string) bool {
	for _, s := range list {
		if eastAsian(s) {
			return true
		}
	}
	return false
}

// lineBreaks are what ends a line beside \n.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

// breaksOtherwise reports whether lineBreaks has something to replace. Addresses of most
// languages are not in ASCII, and hardly one has.
func breaksOtherwise(s string) bool {
	return strings.ContainsAny(s, "\r\v\f") || strings.Contains(s, "\u0085") || strings.Contains(s, "\u2028") || strings.Contains(s, "\u2029")
}

// StreetLines splits the lines of a street address and drops empty ones.
func StreetLines(parts ...string) []string {
	n := 0
	for _, p := range parts {
		if p != "" {
			n++
		}
	}
	lines := make([]string, 0, n)
	for _, p := range parts {
		if !Tidy(p) {
			if p = AsIs(p); breaksOtherwise(p) {
				p = lineBreaks.Replace(p)
			}
		}
		for p != "" && len(lines) < 6 {
			var line string
			line, p, _ = strings.Cut(p, "\n")
			if line = Clean(line, MaxName); line != "" {
				lines = append(lines, line)
			}
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return lines
}

// CountryCode returns an ISO 3166-1 alpha-2 code in capitals, or "".
func CountryCode(s string) string {
	if len(s) != 2 || s[0]|0x20-'a' > 25 || s[1]|0x20-'a' > 25 {
		return ""
	}
	return strings.ToUpper(s)
}

// AddressOrNil returns nil for an address that says nothing more than a country.
func AddressOrNil(a *waxwing.Address) *waxwing.Address {
	if a.Name == "" && a.Company == "" && len(a.Lines) == 0 && a.City == "" && a.PostalCode == "" && a.Phone == "" {
		return nil
	}
	ownScript(a)
	return a
}
