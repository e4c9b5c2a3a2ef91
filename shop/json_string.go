package shop

import "unicode/utf8"

// The classes of bytes in a string. Those from classStop on end the fast loop.
const (
	classPlain  = 0
	classUpper  = 1
	classStop   = 2 // the quote and control characters
	classEscape = 4
	classWide   = 8 // beyond ASCII
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
		case c >= 'A' && c <= 'Z':
			t[c] = classUpper
		}
	}
	return t
}()

func (d *document) text() bool {
	src, start := d.src, d.pos+1
	i, saved, met := start, 0, uint8(0)
	for {
		for i < len(src) {
			c := classes[src[i]]
			if c >= classStop {
				break
			}
			met |= c
			i++
		}
		if i >= len(src) {
			return d.refuse(i, "the text ends inside a string")
		}
		switch c := src[i]; {
		case c == '"':
			if i-start-saved > maxString {
				return d.stop(start-1, "a string longer than 64 KiB")
			}
			d.pos = i + 1
			return d.add(node{start: uint32(start), end: uint32(i), kind: kindString, class: met}) != 0
		case c == '\\':
			n, size := d.escape(i)
			if n == 0 {
				return false
			}
			met |= classEscape
			saved += n - size
			i += n
		case c < 0x20:
			return d.refuse(i, "a control character inside a string")
		default:
			r, n := utf8.DecodeRuneInString(src[i:])
			if r == utf8.RuneError && n <= 1 {
				return d.stop(i, "not UTF-8")
			}
			met |= classWide
			i += n
		}
	}
}

// escape checks the escape at i; it returns its length and that of the bytes
// it stands for, or 0.
func (d *document) escape(i int) (n, size int) {
	if i+1 >= len(d.src) {
		d.refuse(i, "the text ends inside a string")
		return 0, 0
	}
	switch d.src[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, 1
	case 'u':
		r, ok := hex4(d.src, i+2)
		if !ok {
			d.refuse(i, "want four hexadecimal digits after \\u")
			return 0, 0
		}
		switch {
		case r >= 0xDC00 && r <= 0xDFFF:
			d.stop(i, "a surrogate without its partner")
			return 0, 0
		case r >= 0xD800 && r <= 0xDBFF:
			return d.surrogates(i)
		}
		return 6, utf8.RuneLen(r)
	}
	d.refuse(i, "an escape that JSON does not have")
	return 0, 0
}

// surrogates checks that the high surrogate at i is followed by a low one.
func (d *document) surrogates(i int) (n, size int) {
	j := i + 6
	if j+1 < len(d.src) && d.src[j] == '\\' && d.src[j+1] == 'u' {
		r, ok := hex4(d.src, j+2)
		if !ok {
			d.refuse(j, "want four hexadecimal digits after \\u")
			return 0, 0
		}
		if r >= 0xDC00 && r <= 0xDFFF {
			return 12, 4
		}
	}
	d.stop(i, "a surrogate without its partner")
	return 0, 0
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
