package sqlite

import (
	"bytes"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
)

// person is an address as it is looked for in bytes that nobody could read.
type person struct {
	address []byte // an e-mail address in lower case; nil: it is none
	digits  []byte // of a phone number; nil: it is none
}

// newPerson reads whom to look for. It refuses what may be anybody's: a part of an
// address, a few digits.
func newPerson(address string) (p person, err error) {
	address = strings.ToLower(strings.TrimSpace(address))
	if local, domain, ok := strings.Cut(address, "@"); ok && local != "" && domain != "" {
		p.address = []byte(address)
		return p, nil
	}
	n := strings.TrimPrefix(ledger.NormalisePerson(address), "+")
	if len(n) < 7 || strings.Trim(n, "0123456789") != "" {
		return p, waxwing.Permanent(errors.New("a person is an e-mail address, or a phone number of seven digits or more"))
	}
	p.digits = []byte(n)
	return p, nil
}

// in reports whether the bytes name the person: in any case, with JSON's
// escapes, and a number however it is grouped. Her address within a longer one is
// somebody else's: ana@example.com is not jana@example.com.
func (p person) in(raw []byte) bool {
	low := bytes.ToLower(raw)
	low = jsonEscape.ReplaceAllFunc(low, func(b []byte) []byte {
		switch b[1] {
		case '"':
			return b[1:]
		case 'u':
		default:
			return []byte{' '} // a line's end: it ends a word
		}
		n, _ := strconv.ParseUint(string(b[4:]), 16, 8) // two hex digits
		return bytes.ToLower([]byte{byte(n)})
	})
	if p.address != nil {
		return within(low, p.address, func(before, after []byte) bool {
			a, _ := utf8.DecodeLastRune(before)
			b, n := utf8.DecodeRune(after)
			if a == '\'' { // within a name, or a quotation mark
				a, _ = utf8.DecodeLastRune(before[:len(before)-1])
			} else if strings.ContainsRune("._+-", a) {
				return false
			}
			if b == '.' { // of a longer domain, or of a sentence
				b, _ = utf8.DecodeRune(after[n:])
			} else if b == '-' {
				return false
			}
			return !wordy(a) && !wordy(b)
		})
	}
	plain := bytes.Map(func(r rune) rune {
		if strings.ContainsRune(" ()-./\u00a0", r) {
			return -1
		}
		return r
	}, low)
	return within(plain, p.digits, func(before, after []byte) bool {
		before = bytes.TrimSuffix(before, []byte("00")) // as +
		digit := func(b []byte, at int) bool { return at >= 0 && at < len(b) && b[at] >= '0' && b[at] <= '9' }
		return !digit(before, len(before)-1) && !digit(after, 0)
	})
}

// within reports whether what stands in b anywhere with good ends.
func within(b, what []byte, ends func(before, after []byte) bool) bool {
	for at := 0; ; at++ {
		i := bytes.Index(b[at:], what)
		if i < 0 {
			return false
		}
		at += i
		if ends(b[:at], b[at+len(what):]) {
			return true
		}
	}
}

func wordy(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

var jsonEscape = regexp.MustCompile(`\\(?:u00[0-7][0-9a-f]|[bfnrt"])`)
