package shop

import (
	"iter"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// value is a place in a document, or none: the zero value is absent, and so is
// whatever is looked up in it.
type value struct {
	d *document
	n uint32
}

func (v value) node() *node {
	if v.d == nil {
		return &node{}
	}
	return &v.d.nodes[v.n]
}

func (v value) kind() kind {
	if v.d == nil {
		return kindAbsent
	}
	return v.d.nodes[v.n].kind
}

// given reports whether there is something, and it is not null.
func (v value) given() bool { return v.kind() > kindNull }

// get returns what stands under a key of an object. Anything else has no keys,
// among it the empty array that PHP writes for an empty object.
func (v value) get(key string) value {
	if v.kind() != kindObject {
		return value{}
	}
	nodes := v.d.nodes
	end := nodes[v.n].next
	for k := v.n + 1; k < end; k = nodes[k+1].next {
		n := &nodes[k]
		if n.class&classEscape == 0 {
			if int(n.end-n.start) == len(key) && v.d.src[n.start:n.end] == key {
				return value{v.d, k + 1}
			}
		} else if unescape(v.d.src[n.start:n.end]) == key {
			return value{v.d, k + 1}
		}
	}
	return value{}
}

// items yields the items of an array with their places; other kinds have none.
func (v value) items() iter.Seq2[int, value] {
	return func(yield func(int, value) bool) {
		if v.kind() != kindArray {
			return
		}
		end := v.d.nodes[v.n].next
		for i, k := 0, v.n+1; k < end; i, k = i+1, v.d.nodes[k].next {
			if !yield(i, value{v.d, k}) {
				return
			}
		}
	}
}

// len returns how many items an array has.
func (v value) len() int {
	n := 0
	for range v.items() {
		n++
	}
	return n
}

// members yields the keys and values of an object.
func (v value) members() iter.Seq2[string, value] {
	return func(yield func(string, value) bool) {
		if v.kind() != kindObject {
			return
		}
		end := v.d.nodes[v.n].next
		for k := v.n + 1; k < end; k = v.d.nodes[k+1].next {
			if !yield(value{v.d, k}.text(), value{v.d, k + 1}) {
				return
			}
		}
	}
}

// text returns a string, or a number as it is written; of anything else "".
func (v value) text() string {
	switch n := v.node(); n.kind {
	case kindString:
		s := v.d.src[n.start:n.end]
		if n.class&classEscape != 0 {
			return unescape(s)
		}
		return s
	case kindNumber:
		return v.d.src[n.start:n.end]
	}
	return ""
}

// trimmed returns text without the spaces around it.
func (v value) trimmed() string { return strings.TrimSpace(v.text()) }

// int reads a whole number, also one that is written "2" or 2.0.
func (v value) int() (int64, bool) {
	s := v.trimmed()
	if whole, frac, ok := strings.Cut(s, "."); ok && strings.Trim(frac, "0") == "" {
		s = whole
	}
	i, err := strconv.ParseInt(s, 10, 64)
	return i, err == nil
}

// bool reads true, "true", "yes", "1" or 1; anything else is false.
func (v value) bool() bool {
	if v.kind() == kindTrue {
		return true
	}
	switch s := v.trimmed(); {
	case len(s) > 4:
		return false
	case s == "1", strings.EqualFold(s, "true"), strings.EqualFold(s, "yes"):
		return true
	}
	return false
}

// first returns the text of the first key that has one.
func (v value) first(keys ...string) string {
	for _, k := range keys {
		if s := v.get(k).trimmed(); s != "" {
			return s
		}
	}
	return ""
}

// unescape decodes the escapes of a string that was checked when it was read.
func unescape(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		j := strings.IndexByte(s[i:], '\\')
		if j < 0 {
			b = append(b, s[i:]...)
			break
		}
		b = append(b, s[i:i+j]...)
		i += j + 2
		switch c := s[i-1]; c {
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			r, _ := hex4(s, i)
			i += 4
			if utf16.IsSurrogate(r) {
				low, _ := hex4(s, i+2)
				r = utf16.DecodeRune(r, low)
				i += 6
			}
			b = utf8.AppendRune(b, r)
		default:
			b = append(b, c)
		}
	}
	return string(b)
}
