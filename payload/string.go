package payload

import (
	"unicode/utf8"
)

// The classes of bytes in a string; those that are not plain end the fast loop.
const (
	classPlain  = 0
	classStop   = 1 // the quote and control characters
	classEscape = 2
	classWide   = 4 // beyond ASCII
	// classBroken marks a string in which something is not UTF-8. The two after
	// it mark keys: one that a later, equal key of its object hides, and the last
	// one of such.
	classBroken = 8
	classHidden = 16
	classTwice  = 32
)

var classes = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c < 0x20 || c == '"':
			t[c] = classStop
		case c == '\\':
			t[c] = classEscape
		case c >= 0x80:
			t[c] = classWide
		}
	}
	return t
}()

func (d *Document) text() bool {
	start := d.pos + 1
	met, ok := d.skipString()
	if ok {
		d.add(node{start: uint32(start), end: uint32(d.pos - 1), kind: String, class: met})
	}
	return ok
}

// skipString reads the string at pos, and says which classes it met.
func (d *Document) skipString() (met uint8, ok bool) {
	src, i := d.src, d.pos+1
	for {
		for i < len(src) && classes[src[i]] == classPlain {
			i++
		}
		if i >= len(src) {
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
			r, n := utf8.DecodeRuneInString(src[i:])
			if met |= classWide; r == utf8.RuneError && n <= 1 {
				met |= classBroken
			}
			i += n
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
