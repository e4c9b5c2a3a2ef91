// Package address reads e-mail addresses by a grammar narrower than RFC 5321
// allows, because what a customer typed into a shop ends in an SMTP command and
// in a header: a dot-atom before the @, or a quoted string of the same
// characters whose dots stand where a dot-atom may not have them, a name of at
// least two labels behind it, no literals, nothing that is invisible.
//
// Parse also mends what people and shops write around an address or into it,
// where only one address can be meant. What could mean two is refused, with a
// reason that says what to do. Errors never quote the address.
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

// The reasons for which Parse and Envelope refuse, each with what to do about
// it. They hold no personal data.
var (
	ErrEmpty   = errors.New("address is empty: correct it and resend")
	ErrNoAt    = errors.New("address has no @, or more than one: correct it and resend")
	ErrLocal   = errors.New("address has a character before the @ that mail servers do not take: correct it and resend")
	ErrDomain  = errors.New("address has a domain that is not a host name of two labels or more: correct what stands behind the @ and resend")
	ErrLong    = errors.New("address is longer than RFC 5321 allows: correct it and resend")
	ErrUnicode = errors.New("address has invisible or unassigned characters within: type it anew and resend")
	ErrSpace   = errors.New("address has a space within: take it out, or choose one address, and resend")
	ErrList    = errors.New("address is a list of several that differ: choose one and resend")
	ErrQuote   = errors.New("address has quotation marks, brackets or a backslash that do not pair up: correct it and resend")
)

// Address is one mailbox.
type Address struct {
	// Local is the part before the @ as an SMTP command has it: as written, in
	// quotation marks where its dots need them.
	Local string
	// Domain is in A-labels (RFC 5890), in lower case.
	Domain string
	// UTF8 says that Local is not ASCII, so that the server must offer SMTPUTF8.
	UTF8 bool
}

// String returns local@domain.
func (a Address) String() string { return a.Local + "@" + a.Domain }

// Parse reads one address, and mends what is unambiguous: see mend and quote.
func Parse(s string) (Address, error) {
	if len(s) > 16*MaxAddress {
		return Address{}, ErrLong
	}
	s, err := mend(s)
	if err != nil {
		return Address{}, err
	}
	return parse(s)
}

// parse reads a bare address.
func parse(s string) (Address, error) {
	if s == "" {
		return Address{}, ErrEmpty
	}
	if len(s) > 4*MaxAddress { // a U-label may be longer than its A-label
		return Address{}, ErrLong
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return Address{}, ErrNoAt
	}
	local, err := quote(s[:at])
	if err != nil {
		return Address{}, err
	}
	wide, err := checkLocal(local)
	if err != nil {
		return Address{}, err
	}
	domain, err := asciiDomain(s[at+1:])
	if err != nil {
		return Address{}, err
	}
	if len(local)+1+len(domain) > MaxAddress {
		return Address{}, ErrLong
	}
	return Address{Local: local, Domain: domain, UTF8: wide}, nil
}

// Envelope reports whether s may stand between the angle brackets of MAIL or
// RCPT as it is: what Parse returns, with the domain in A-labels already. wide
// says that the server must offer SMTPUTF8.
func Envelope(s string) (wide bool, err error) {
	if s == "" {
		return false, ErrEmpty
	}
	if len(s) > MaxAddress {
		return false, ErrLong
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 || strings.IndexByte(s[:at], '@') >= 0 {
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

// quote writes a local part as an SMTP command has it: without quotation marks
// that it does not need, and with those that its dots need ("ida..moss", from
// carriers that once gave such addresses away).
func quote(s string) (string, error) {
	if n := len(s); n >= 2 && s[0] == '"' && s[n-1] == '"' {
		s = s[1 : n-1]
		if strings.ContainsAny(s, "\"\\") {
			return "", ErrQuote
		}
	} else if strings.ContainsAny(s, "\"\\<>") {
		return "", ErrQuote
	}
	switch {
	case strings.IndexByte(s, '@') >= 0:
		return "", ErrNoAt
	case strings.ContainsAny(s, " \t"):
		return "", ErrSpace
	case s == "" || strings.Trim(s, ".") == "":
		return "", ErrLocal
	case misplaced(s):
		return `"` + s + `"`, nil
	}
	return s, nil
}

// misplaced reports whether a dot-atom may not have its dots where they are.
func misplaced(s string) bool {
	return s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..")
}

// checkLocal accepts a dot-atom, and in quotation marks what is one but for
// its dots (RFC 5321, 4.1.2; RFC 6531 for what is not ASCII).
func checkLocal(s string) (wide bool, err error) {
	if len(s) > MaxLocal {
		return false, ErrLong
	}
	quoted := len(s) > 2 && s[0] == '"' && s[len(s)-1] == '"'
	if quoted {
		s = s[1 : len(s)-1]
	}
	if s == "" || misplaced(s) != quoted || strings.Trim(s, ".") == "" {
		return false, ErrLocal
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			wide = true
		case c != '.' && !atext[c]:
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
		if r == utf8.RuneError || r >= 0xFF01 && r <= 0xFF5E || r == 0xFE6B || r == 0x3002 || r == 0xFF61 || // other forms of ASCII, which mend makes plain
			!unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S) ||
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
