// Package address reads e-mail addresses by a grammar narrower than RFC 5321
// allows, because what a customer typed into a shop ends in an SMTP command
// and in a header (RELIABILITY.md S16): a dot-atom before the @, a name of at
// least two labels behind it, no quoting, no comments, no literals, nothing
// that is invisible. Errors never quote the address.
package address

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Limits of RFC 5321, 4.5.3.1 (a path of 256 with its brackets), in octets.
const (
	MaxLocal   = 64
	MaxDomain  = 253
	MaxAddress = 254
)

// The reasons for which Parse and Envelope refuse. They hold no personal data.
var (
	ErrEmpty   = errors.New("address is empty")
	ErrNoAt    = errors.New("address has no @, or more than one")
	ErrLocal   = errors.New("address has a character before the @ that is not allowed, or misplaced dots")
	ErrDomain  = errors.New("address has a domain that is not a host name of two labels or more")
	ErrLong    = errors.New("address is longer than RFC 5321 allows")
	ErrUnicode = errors.New("address has invisible or unassigned characters")
)

// Address is one mailbox.
type Address struct {
	// Local is the part before the @, as written.
	Local string
	// Domain is in A-labels (RFC 5890), in lower case.
	Domain string
	// UTF8 says that Local is not ASCII, so that the server must offer SMTPUTF8.
	UTF8 bool
}

// String returns local@domain.
func (a Address) String() string { return a.Local + "@" + a.Domain }

// Parse reads one bare address. Spaces around it are not taken off: the caller
// knows whether its source adds any.
func Parse(s string) (Address, error) {
	if s == "" {
		return Address{}, ErrEmpty
	}
	if len(s) > 4*MaxAddress { // a U-label may be longer than its A-label
		return Address{}, ErrLong
	}
	local, domain, ok := strings.Cut(s, "@")
	if !ok || strings.IndexByte(domain, '@') >= 0 {
		return Address{}, ErrNoAt
	}
	wide, err := checkLocal(local)
	if err != nil {
		return Address{}, err
	}
	domain, err = asciiDomain(domain)
	if err != nil {
		return Address{}, err
	}
	if len(local)+1+len(domain) > MaxAddress {
		return Address{}, ErrLong
	}
	return Address{Local: local, Domain: domain, UTF8: wide}, nil
}

// Envelope reports whether s may stand between the angle brackets of MAIL or
// RCPT as it is: what Parse accepts, with the domain in A-labels already.
// wide says that the server must offer SMTPUTF8.
func Envelope(s string) (wide bool, err error) {
	if s == "" {
		return false, ErrEmpty
	}
	if len(s) > MaxAddress {
		return false, ErrLong
	}
	at := strings.IndexByte(s, '@')
	if at < 0 || strings.IndexByte(s[at+1:], '@') >= 0 {
		return false, ErrNoAt
	}
	if wide, err = checkLocal(s[:at]); err != nil {
		return false, err
	}
	return wide, checkHost(s[at+1:])
}

// atext marks the characters of RFC 5322's atom.
var atext = func() (t [128]bool) {
	for c := range t {
		b := byte(c)
		t[c] = b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' ||
			strings.IndexByte("!#$%&'*+-/=?^_`{|}~", b) >= 0
	}
	return t
}()

func checkLocal(s string) (wide bool, err error) {
	if s == "" || s[0] == '.' || s[len(s)-1] == '.' {
		return false, ErrLocal
	}
	if len(s) > MaxLocal {
		return false, ErrLong
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			wide = true
		case c == '.':
			if s[i-1] == '.' {
				return false, ErrLocal
			}
		case !atext[c]:
			return false, ErrLocal
		}
	}
	if !wide {
		return false, nil
	}
	return true, checkWide(s)
}

// checkWide holds an internationalised local part (RFC 6532) to letters,
// marks, digits, punctuation and symbols, so that nothing invisible hides in it.
func checkWide(s string) error {
	if !utf8.ValidString(s) {
		return ErrUnicode
	}
	for _, r := range s {
		if r < utf8.RuneSelf {
			continue
		}
		if r == utf8.RuneError || !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S) ||
			unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || unicode.Is(unicode.Variation_Selector, r) {
			return ErrUnicode
		}
	}
	return nil
}

func asciiDomain(s string) (string, error) {
	if len(s) > 0 && s[len(s)-1] == '.' {
		return "", ErrDomain // a root dot is no part of a mailbox's domain
	}
	wide := false
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			wide = true
			break
		}
	}
	// ASCII names take the short way, except that A-labels are checked to be
	// what a U-label becomes.
	if wide || strings.Contains(strings.ToLower(s), "xn--") {
		if checkWide(s) != nil { // IDNA would map what is invisible away
			return "", ErrUnicode
		}
		a, err := idna.Lookup.ToASCII(s)
		if err != nil {
			return "", ErrDomain
		}
		s = a
	}
	s = strings.ToLower(s)
	return s, checkHost(s)
}

// checkHost wants letters, digits and inner hyphens in two labels or more, the
// last of which is not a number (that would be an IP address).
func checkHost(s string) error {
	if len(s) > MaxDomain {
		return ErrLong
	}
	labels, start, digits := 0, 0, true
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] != '.' {
			c := s[i] | 0x20
			if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') && s[i] != '-' {
				return ErrDomain
			}
			digits = digits && s[i] >= '0' && s[i] <= '9'
			continue
		}
		if n := i - start; n == 0 || n > 63 || s[start] == '-' || s[i-1] == '-' {
			return ErrDomain
		}
		labels++
		if i < len(s) {
			start, digits = i+1, true
		}
	}
	if labels < 2 || digits {
		return ErrDomain
	}
	return nil
}
