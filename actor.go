package waxwing

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Actor is the person or key behind an act, as an opaque name from the
// configuration: "anna", or "key 2" where a key was given none. It stands in
// the trail for good and is no personal data of a customer.
type Actor string

// Act says who did something by hand, and why. Both may be empty: an older
// client says neither.
type Act struct {
	By     Actor
	Reason string // one line without personal data: see CheckReason
}

// ByFeedback acts by what came back from recipients' servers.
const ByFeedback Actor = "feedback"

// maxReason bounds a reason in characters.
const maxReason = 200

// CheckReason refuses a reason that must not stand in the trail, which is kept
// for years and holds nobody's data: an address, a telephone number, more than
// a line.
func CheckReason(s string) error {
	digits := 0
	for _, r := range s {
		switch {
		case unicode.IsDigit(r): // of any script
			if digits++; digits >= 9 {
				return errors.New("a reason stands in the trail for good: leave telephone and card numbers out of it")
			}
		case unicode.IsSpace(r), unicode.In(r, unicode.Pd, unicode.Cf), strings.ContainsRune("/()._·•", r): // a number however it is grouped
		default: // a comma among them: it separates numbers
			digits = 0
		}
		if strings.ContainsRune("@\uFF20\uFE6B", r) {
			return errors.New("a reason stands in the trail for good: leave addresses out of it")
		}
		if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp) {
			return errors.New("a reason is one line, without characters that turn its writing round")
		}
	}
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxReason {
		return errors.New("a reason has at most 200 characters")
	}
	return nil
}

// Masked shows an address or telephone number to somebody who need not know it
// whole: i•••@mail.example, +49•••78. Whoever knows it recognises it.
func Masked(address string) string {
	if address == "" {
		return ""
	}
	const dots = "•••"
	if i := strings.LastIndexByte(address, '@'); i > 0 {
		first, _ := utf8.DecodeRuneInString(strings.TrimPrefix(address, `"`))
		if !unicode.IsPrint(first) || first == utf8.RuneError {
			return dots + address[i:]
		}
		return string(first) + dots + address[i:]
	}
	if len(address) > 7 && strings.Trim(address, "+0123456789") == "" {
		return address[:3] + dots + address[len(address)-2:]
	}
	return dots
}
