package payload

import (
	"math/bits"
	"unicode/utf8"
)

// The classes of strings and objects.
const (
	classEscape = 1 << iota // something in it is escaped
	classBroken             // something in it is not UTF-8
	classHidden             // a key that a later, equal key of its object hides
	classTwice              // the last one of such keys
	classTable              // an object of many keys, which are looked up in a table
)

// plain returns the place of the first byte from i on that is not plain, or the end. It
// looks at eight bytes at one time, since a processor cannot guess where a string ends:
// a bit of met is set for each byte that is a quote, a backslash, a control character or
// beyond ASCII, and perhaps for some behind the first such.
func plain(s string, i int) int {
	const each, tops = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(s); i += 8 {
		b := s[i : i+8]
		x := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		quote, back := x^each*'"', x^each*'\\'
		met := ((quote-each)&^quote | (back-each)&^back | (x-each*' ')&^x | x) & tops
		if met != 0 {
			return i + bits.TrailingZeros64(met)/8
		}
	}
	for i < len(s) && s[i] >= ' ' && s[i] < utf8.RuneSelf && s[i] != '"' && s[i] != '\\' {
		i++
	}
	return i
}

func (d *Document) text() bool {
	start := d.pos + 1
	if end := plain(d.src, start); end < len(d.src) && d.src[end] == '"' { // as nearly all are
		d.pos = end + 1
		d.add(start, end, String, 0)
		return true
	}
	met, ok := d.skipString()
	if ok {
		d.add(start, d.pos-1, String, met)
	}
	return ok
}

// skipString reads the string at pos, and says which classes it met.
func (d *Document) skipString() (met uint8, ok bool) {
	src, i := d.src, d.pos+1
	for {
		if i = plain(src, i); i >= len(src) {
			return 0, d.refuse(i, "the text ends inside a string")
		}
		switch c := src[i]; {
		case c == '"':
			d.pos = i + 1
			return met, true
		case c == '\\':
			n := d.escape(i)
			if n == 0 {
				return 0, false
			}
			met |= classEscape
			i += n
		case c < 0x20:
			return 0, d.refuse(i, "a control character inside a string")
		default:
			for i < len(src) && src[i] >= utf8.RuneSelf {
				r, n := utf8.DecodeRuneInString(src[i:])
				if r == utf8.RuneError && n <= 1 {
					met |= classBroken
				}
				i += n
			}
		}
	}
}

// escape checks the escape at i; it returns its length, or 0.
func (d *Document) escape(i int) int {
	if i+1 >= len(d.src) {
		d.refuse(i, "the text ends inside a string")
		return 0
	}
	switch d.src[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(d.src, i+2); ok {
			return 6
		}
		d.refuse(i, "want four hexadecimal digits after \\u")
		return 0
	}
	d.refuse(i, "an escape that JSON does not have")
	return 0
}

// hex4 reads four hexadecimal digits.
func hex4(s string, i int) (r rune, ok bool) {
	if i+4 > len(s) {
		return 0, false
	}
	for _, c := range []byte(s[i : i+4]) {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
