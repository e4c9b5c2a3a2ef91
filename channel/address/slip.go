package address

import "strings"

// much are domains with so many mailboxes that one that differs by a single slip of the finger from
// one of them is more often meant to be it than not. Short names have too many honest neighbours.
var much = []string{"gmail.com", "googlemail.com", "hotmail.com", "hotmail.co.uk", "hotmail.fr", "hotmail.de", "hotmail.it", "hotmail.es", "outlook.com", "outlook.fr", "outlook.de",
	"yahoo.com", "yahoo.co.uk", "yahoo.co.jp", "yahoo.fr", "yahoo.de", "yahoo.it", "yahoo.es", "yahoo.com.br", "icloud.com", "protonmail.com", "t-online.de", "freenet.de",
	"orange.fr", "wanadoo.fr", "laposte.net", "libero.it", "virgilio.it", "comcast.net", "verizon.net", "sbcglobal.net", "btinternet.com", "bigpond.com", "docomo.ne.jp",
	"ezweb.ne.jp", "softbank.ne.jp", "naver.com", "hanmail.net", "yandex.ru", "rambler.ru", "seznam.cz", "uol.com.br", "bol.com.br", "terra.com.br", "interia.pl", "telenet.be"}

// honest are domains with mailboxes that only look like a slip.
var honest = map[string]bool{"email.com": true, "ymail.com": true, "mail.com": true, "gmail.de": true, "yahoo.se": true, "yahoo.be": true, "yahoo.cz": true, "yahoo.at": true, "yahoo.gr": true,
	"yahoo.ie": true, "yahoo.nl": true, "yahoo.no": true, "yahoo.dk": true, "yahoo.pl": true, "yahoo.pt": true, "yahoo.in": true, "yahoo.ca": true, "yahoo.cn": true, "yahoo.ro": true,
	"hotmail.se": true, "hotmail.be": true, "hotmail.nl": true, "hotmail.dk": true, "hotmail.no": true, "hotmail.gr": true, "hotmail.ch": true, "hotmail.at": true, "hotmail.ca": true,
	"outlook.be": true, "outlook.at": true, "outlook.dk": true, "outlook.ie": true, "outlook.it": true, "outlook.es": true, "outlook.pt": true, "outlook.cz": true, "outlook.sa": true, "outlook.in": true,
	"orange.es": true, "orange.pl": true, "orange.ro": true, "yandex.by": true, "yandex.kz": true, "yandex.ua": true, "yandex.uz": true, "uol.com.ar": true, "yahoo.com.ar": true, "yahoo.com.tr": true}

// Slip gives the domain that may be meant by one in A-labels, where that differs from a much used
// one by one letter too many, too few, other or in the wrong place; "": it is as good as any. Nobody
// may rewrite an address by it: both may exist.
func Slip(domain string) string {
	if len(domain) < 8 || honest[domain] {
		return ""
	}
	meant := ""
	for _, d := range much {
		if d == domain {
			return ""
		}
		if meant == "" && oneSlip(domain, d) {
			meant = d
		}
	}
	return meant
}

// oneSlip reports whether a differs from b by one insertion, deletion, substitution or swap of neighbours.
func oneSlip(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	if len(a)-len(b) > 1 {
		return false
	}
	i := 0
	for i < len(b) && a[i] == b[i] {
		i++
	}
	if len(a) > len(b) {
		return a[i+1:] == b[i:]
	}
	if i == len(a) {
		return false // they are the same
	}
	return a[i+1:] == b[i+1:] || i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

// Slip is the domain's.
func (a Address) Slip() string { return Slip(strings.ToLower(a.Domain)) }
