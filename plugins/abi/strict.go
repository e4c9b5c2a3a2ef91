package abi

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// reader reads JSON strictly, in one pass: no duplicate keys, no depth over the
// limit, no invalid UTF-8 or lone surrogates, no number that a float64 cannot
// hold. encoding/json lets all of these pass.
type reader struct {
	b     []byte
	i     int
	depth int // what is left
	err   error
}

const maxKeys = 512 // of one object: bounds the search for duplicates

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("at byte %d: "+format, append([]any{r.i}, args...)...)
		r.i = len(r.b)
	}
}

func (r *reader) space() {
	for r.i < len(r.b) && (r.b[r.i] == ' ' || r.b[r.i] == '\n' || r.b[r.i] == '\t' || r.b[r.i] == '\r') {
		r.i++
	}
}

func (r *reader) peek() byte {
	r.space()
	if r.i < len(r.b) {
		return r.b[r.i]
	}
	return 0
}

func (r *reader) take(c byte) bool {
	if r.peek() == c && r.i < len(r.b) {
		r.i++
		return true
	}
	return false
}

// end reports whether everything was read.
func (r *reader) end() error {
	if r.space(); r.err == nil && r.i < len(r.b) {
		r.fail("there is more behind the value")
	}
	return r.err
}

// object calls f for each member; f reads the value.
func (r *reader) object(f func(key string)) {
	if !r.open('{', "an object") {
		return
	}
	var seen []string
	for first := true; r.err == nil && !r.take('}'); first = false {
		if !first && !r.take(',') {
			r.fail("want , or }")
			return
		}
		key := r.text()
		for _, k := range seen {
			if k == key {
				r.fail("the key %.60q stands there twice", key)
			}
		}
		if seen = append(seen, key); len(seen) > maxKeys {
			r.fail("an object with more than %d keys", maxKeys)
		}
		if !r.take(':') {
			r.fail("want :")
		}
		if r.err == nil {
			f(key)
		}
	}
	r.depth++
}

// list calls f for each element; f reads the value.
func (r *reader) list(f func(i int)) {
	if !r.open('[', "a list") {
		return
	}
	for i := 0; r.err == nil && !r.take(']'); i++ {
		if i > 0 && !r.take(',') {
			r.fail("want , or ]")
			return
		}
		f(i)
	}
	r.depth++
}

func (r *reader) open(c byte, what string) bool {
	if !r.take(c) {
		r.fail("want %s", what)
		return false
	}
	if r.depth--; r.depth < 0 {
		r.fail("it is nested too deeply")
		return false
	}
	return true
}

var errEscape = errors.New("bad escape")

// text reads a string.
func (r *reader) text() string {
	if !r.take('"') {
		r.fail("want a text in quotes")
		return ""
	}
	start := r.i
	for r.i < len(r.b) && r.b[r.i] != '"' && r.b[r.i] != '\\' && r.b[r.i] >= 0x20 {
		r.i++
	}
	if r.i < len(r.b) && r.b[r.i] == '"' {
		s := r.b[start:r.i]
		r.i++
		if !utf8.Valid(s) {
			r.fail("invalid UTF-8")
		}
		return string(s)
	}
	out := append([]byte(nil), r.b[start:r.i]...)
	for r.i < len(r.b) {
		c := r.b[r.i]
		switch {
		case c == '"':
			r.i++
			if !utf8.Valid(out) {
				r.fail("invalid UTF-8")
			}
			return string(out)
		case c < 0x20:
			r.fail("a control character in a text")
			return ""
		case c == '\\':
			v, n, err := unescape(r.b[r.i:])
			if err != nil {
				r.fail("%v", err)
				return ""
			}
			out = utf8.AppendRune(out, v)
			r.i += n
		default:
			out = append(out, c)
			r.i++
		}
	}
	r.fail("a text without an end")
	return ""
}

// unescape reads one escape sequence at the start of b.
func unescape(b []byte) (rune, int, error) {
	if len(b) < 2 {
		return 0, 0, errEscape
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2, nil
	case 'b':
		return '\b', 2, nil
	case 'f':
		return '\f', 2, nil
	case 'n':
		return '\n', 2, nil
	case 'r':
		return '\r', 2, nil
	case 't':
		return '\t', 2, nil
	case 'u':
		hi, err := hex4(b[2:])
		if err != nil || hi >= 0xdc00 && hi < 0xe000 {
			return 0, 0, errEscape
		}
		if hi < 0xd800 || hi >= 0xe000 {
			return hi, 6, nil
		}
		if len(b) < 12 || b[6] != '\\' || b[7] != 'u' {
			return 0, 0, errors.New("a lone surrogate")
		}
		lo, err := hex4(b[8:])
		if err != nil || lo < 0xdc00 || lo >= 0xe000 {
			return 0, 0, errors.New("a lone surrogate")
		}
		return 0x10000 + (hi-0xd800)<<10 + (lo - 0xdc00), 12, nil
	}
	return 0, 0, errEscape
}

func hex4(b []byte) (rune, error) {
	if len(b) < 4 {
		return 0, errEscape
	}
	v, err := strconv.ParseUint(string(b[:4]), 16, 16)
	for _, c := range b[:4] {
		if c == '_' || c == '+' || c == '-' {
			return 0, errEscape
		}
	}
	return rune(v), err
}

// number reads a finite number.
func (r *reader) number() float64 {
	r.space()
	start := r.i
	digits := func() (n int) {
		for r.i < len(r.b) && r.b[r.i] >= '0' && r.b[r.i] <= '9' {
			r.i++
			n++
		}
		return n
	}
	if r.i < len(r.b) && r.b[r.i] == '-' {
		r.i++
	}
	zero := r.i < len(r.b) && r.b[r.i] == '0'
	n := digits()
	good := n == 1 || n > 1 && !zero
	if good && r.i < len(r.b) && r.b[r.i] == '.' {
		r.i++
		good = digits() > 0
	}
	if good && r.i < len(r.b) && (r.b[r.i] == 'e' || r.b[r.i] == 'E') {
		r.i++
		if r.i < len(r.b) && (r.b[r.i] == '+' || r.b[r.i] == '-') {
			r.i++
		}
		good = digits() > 0
	}
	if !good || r.i-start > 64 {
		r.fail("want a number")
		return 0
	}
	v, err := strconv.ParseFloat(string(r.b[start:r.i]), 64)
	if err != nil {
		r.fail("the number %.30s is not finite", r.b[start:r.i])
		return 0
	}
	return v
}

func (r *reader) truth() bool {
	switch {
	case r.word("true"):
		return true
	case r.word("false"):
		return false
	}
	r.fail("want true or false")
	return false
}

func (r *reader) word(w string) bool {
	if r.space(); len(r.b)-r.i >= len(w) && string(r.b[r.i:r.i+len(w)]) == w {
		r.i += len(w)
		return true
	}
	return false
}

// skip reads any value.
func (r *reader) skip() {
	switch c := r.peek(); {
	case c == '{':
		r.object(func(string) { r.skip() })
	case c == '[':
		r.list(func(int) { r.skip() })
	case c == '"':
		r.text()
	case c == 't' || c == 'f':
		r.truth()
	case c == 'n':
		if !r.word("null") {
			r.fail("want a value")
		}
	default:
		r.number()
	}
}

// checkJSON reports the first thing that strict reading does not take.
func checkJSON(b []byte, depth int) error {
	r := &reader{b: b, depth: depth}
	r.skip()
	return r.end()
}
