package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/seal"
)

// person is whom an erasure looks for: an e-mail address or a phone number, in the form
// that all its spellings have in common.
type person struct {
	email   string // "" she is looked for by number
	given   string // the address as it was asked for, in lower case
	digits  string // of a number, without + or 00
	mailbox func(string) string
}

// newPerson reads whom to look for by the strict grammar. It refuses what may be
// anybody's: a part of an address, a few digits, an order's number with letters.
func (l *Lookups) newPerson(address string) (p person, err error) {
	address = strings.TrimSpace(address)
	p.mailbox = l.mailbox
	if strings.Contains(address, "@") {
		if p.email, err = l.readAddress(address); err != nil {
			return p, waxwing.Permanent(fmt.Errorf("this is no e-mail address: %w", err))
		}
		p.given = seal.NormaliseEmail(address)
		return p, nil
	}
	if p.digits = phoneDigits(address); p.digits == "" {
		return p, waxwing.Permanent(errors.New("a person is a whole e-mail address, or a whole phone number of 7 to 15 digits; " +
			"an order's number or a part of a number may be anybody's"))
	}
	return p, nil
}

// readAddress gives the form that all spellings of an address have in common.
func (l *Lookups) readAddress(s string) (string, error) {
	if l.address != nil {
		a, err := l.address(s)
		return seal.NormaliseEmail(a), err
	}
	local, domain, _ := strings.Cut(s, "@")
	if local == "" || !strings.Contains(domain, ".") || strings.ContainsAny(s, " \t\r\n<>,;") || strings.Contains(domain, "@") {
		return "", errors.New("it has another form than local@domain.example")
	}
	return seal.NormaliseEmail(s), nil
}

// mailbox is readAddress for what a shop gave: what is none stays as it is.
func (l *Lookups) mailbox(s string) string {
	if a, err := l.readAddress(s); err == nil {
		return a
	}
	return seal.NormaliseEmail(s)
}

const phoneSigns = " ()-./\u00a0\u202f\u2011"

// phoneDigits gives the digits of what is a phone number and nothing else, without the
// + or 00 of an international one; "" where it is none.
func phoneDigits(s string) string {
	s = strings.TrimSpace(s)
	plus := strings.HasPrefix(s, "+")
	if plus {
		s = s[1:]
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case !strings.ContainsRune(phoneSigns, r):
			return ""
		}
	}
	n := b.String()
	if !plus {
		n = strings.TrimPrefix(n, "00")
	}
	if len(n) < 7 || len(n) > 15 {
		return ""
	}
	return n
}

// forms are the spellings that lookups were hashed in.
func (p person) forms() []string {
	if p.email != "" {
		return slices.Compact([]string{p.email, p.given})
	}
	if strings.HasPrefix(p.digits, "0") {
		return []string{p.digits}
	}
	return []string{"+" + p.digits, "00" + p.digits, p.digits}
}

// is reports whether a whole value is the person's address or number.
func (p person) is(v string) bool {
	if len(v) > maxNamed {
		return false
	}
	if p.email != "" {
		return strings.Contains(v, "@") && (seal.NormaliseEmail(v) == p.given || p.mailbox(v) == p.email)
	}
	return phoneDigits(v) == p.digits
}

// maxNamed is longer than any address with a name beside it.
const maxNamed = 1000

func (p person) among(named []string) bool { return slices.ContainsFunc(named, p.is) }

// in reports whether an event that its format cannot read names the person: by a whole
// value, if it is JSON or a form, or else by its bytes, of JSON that is broken off by
// those behind what can be read.
func (p person) in(raw []byte) bool {
	found := false
	look := func(key, v string) { found = found || p.isValue(key, v) }
	whole, rest := valuesOfJSON(raw, look)
	if found || whole {
		return found
	}
	if values(raw, look) {
		return found
	}
	return p.inBytes(rest)
}

// values calls f with each value of a JSON text, however deep, or of a form, and says
// whether it is one of these. What is none may have been begun with.
func values(raw []byte, f func(key, v string)) bool {
	if whole, _ := valuesOfJSON(raw, f); whole {
		return true
	}
	if !formLike.Match(raw) {
		return false
	}
	q, err := url.ParseQuery(string(raw))
	for k, vs := range q {
		for _, v := range vs {
			f(k, v)
		}
	}
	return err == nil
}

var formLike = regexp.MustCompile(`\A[\w.%+\[\]-]+=[^{}"\s]*\z`)

// isValue judges a value under its key.
func (p person) isValue(key, v string) bool {
	return (p.digits == "" || mayBePhone(key, v)) && p.is(v)
}

// mayBePhone: digits without + or 00 are a number only where the key says so, for ids
// are digits as well.
func mayBePhone(key, v string) bool { return international(v) || phoneKey.MatchString(key) }

func international(v string) bool {
	v = strings.TrimSpace(v)
	return strings.HasPrefix(v, "+") || strings.HasPrefix(v, "00")
}

var phoneKey = regexp.MustCompile(`(?i)phone|tel|mobil|cell|handy|fax|sms|whatsapp|contact`)

// valuesOfJSON calls f with each string and number, under the key that it stands under,
// or its array does. It says whether raw is JSON, and, if not, what of it was not read.
func valuesOfJSON(raw []byte, f func(key, v string)) (whole bool, rest []byte) {
	if b := bytes.TrimLeft(raw, " \t\r\n"); len(b) == 0 || b[0] != '{' && b[0] != '[' {
		rest = raw // a lone value is one as a whole only
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	type level struct {
		key    string
		object bool
		wants  bool // a key comes next
	}
	stack := []level{{}}
	read := int64(0)
	for n := 0; ; n++ {
		tok, err := d.Token()
		if err != nil {
			if rest == nil {
				rest = raw[read:]
			}
			return n > 0 && len(stack) == 1 && errors.Is(err, io.EOF), rest
		}
		if _, digits := tok.(json.Number); !digits { // they may go on behind it
			read = d.InputOffset()
		}
		top := &stack[len(stack)-1]
		switch t := tok.(type) {
		case json.Delim:
			if t == '{' || t == '[' {
				top.wants = top.object
				stack = append(stack, level{top.key, t == '{', t == '{'})
			} else {
				stack = stack[:len(stack)-1]
			}
			continue
		case string:
			if top.wants {
				top.key, top.wants = t, false
				continue
			}
			f(top.key, t)
		case json.Number:
			f(top.key, t.String())
		}
		top.wants = top.object
	}
}

// inBytes reports whether bytes that nobody could read name the person: in any case,
// with JSON's escapes, and a number however it is grouped. Her address within a longer
// one is somebody else's: ana@example.com is not jana@example.com.
func (p person) inBytes(raw []byte) bool {
	low := bytes.ToLower(raw)
	low = jsonEscape.ReplaceAllFunc(low, func(b []byte) []byte {
		switch b[1] {
		case '"':
			return b[1:]
		case 'u':
		default:
			return []byte{' '} // a line's end: it ends a word
		}
		n, _ := strconv.ParseUint(string(b[2:]), 16, 16) // four hex digits
		return []byte(strings.ToLower(string(rune(n))))
	})
	if p.email != "" {
		return within(low, []byte(p.given), mailEnds) || within(low, []byte(p.email), mailEnds)
	}
	plain := bytes.Map(func(r rune) rune {
		if strings.ContainsRune(phoneSigns, r) {
			return -1
		}
		return r
	}, low)
	return within(plain, []byte(p.digits), func(before, after []byte) bool {
		before = bytes.TrimSuffix(before, []byte("00")) // as +
		digit := func(b []byte, at int) bool { return at >= 0 && at < len(b) && b[at] >= '0' && b[at] <= '9' }
		return !digit(before, len(before)-1) && !digit(after, 0)
	})
}

// atoms are the signs that an address may have in front of what looks like one.
const atoms = "._+-!#$%&*/=?^`{|}~"

func mailEnds(before, after []byte) bool {
	a, _ := utf8.DecodeLastRune(before)
	b, n := utf8.DecodeRune(after)
	switch {
	case a == '\'': // within a name, or a quotation mark
		a, _ = utf8.DecodeLastRune(before[:len(before)-1])
	case a == '=' || a == '&': // a form's
		a = ' '
	case strings.ContainsRune(atoms, a):
		return false
	}
	if b == '.' { // of a longer domain, or of a sentence
		b, _ = utf8.DecodeRune(after[n:])
	} else if b == '-' || b == '_' || b == '@' {
		return false
	}
	return !wordy(a) && !wordy(b)
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

var jsonEscape = regexp.MustCompile(`\\(?:u[0-9a-f]{4}|[bfnrt"])`)
