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

// nothing reports whether an entry of a list is a hole: null, false, an empty
// string or an empty list, as PHP leaves behind.
func (v value) nothing() bool {
	switch v.kind() {
	case kindAbsent, kindNull, kindFalse:
		return true
	case kindString, kindArray:
		return v.trimmed() == "" && v.len() == 0
	}
	return false
}

// get returns what stands under a key of an object; of a list of one object,
// what stands in that. Anything else has no keys, among it the empty array that
// PHP writes for an empty object.
func (v value) get(key string) value {
	at := v.member(key)
	if at == 0 {
		return value{}
	}
	return value{v.d, at + 1}
}

// twice reports whether an object has a key more than once. The last one counts,
// but who an order is may not depend on that.
func (v value) twice(key string) bool {
	at := v.member(key)
	return at != 0 && v.d.nodes[at].class&classTwice != 0
}

// member returns the place of a key that counts, or 0.
func (v value) member(key string) uint32 {
	v = v.object()
	if v.kind() != kindObject {
		return 0
	}
	nodes := v.d.nodes
	end := nodes[v.n].next
	for k := v.n + 1; k < end; k = nodes[k+1].next {
		n := &nodes[k]
		switch {
		case n.class&classHidden != 0:
		case n.class&(classEscape|classBroken) == 0:
			if int(n.end-n.start) == len(key) && v.d.src[n.start:n.end] == key {
				return k
			}
		case unescape(v.d.src[n.start:n.end]) == key:
			return k
		}
	}
	return 0
}

// object returns the value, or the one object of a list that holds nothing else.
func (v value) object() value {
	if v.kind() == kindArray {
		if one := v.n + 1; one < v.d.nodes[v.n].next && v.d.nodes[one].kind == kindObject &&
			v.d.nodes[one].next == v.d.nodes[v.n].next {
			return value{v.d, one}
		}
	}
	return v
}

// items yields the items of a list with their places: of an array, or of the
// object that PHP makes of a list with gaps ({"0": {}, "2": {}}) or with keys of
// its own ({"129": {}, "130": {}}). An object with other members is the one item
// of a list. Other kinds have none.
func (v value) items() iter.Seq2[int, value] {
	return func(yield func(int, value) bool) {
		switch v.kind() {
		case kindArray:
			end := v.d.nodes[v.n].next
			for i, k := 0, v.n+1; k < end; i, k = i+1, v.d.nodes[k].next {
				if !yield(i, value{v.d, k}) {
					return
				}
			}
		case kindObject:
			if !v.keyed() {
				yield(0, v)
				return
			}
			i := 0
			for _, w := range v.members() {
				if !yield(i, w) {
					return
				}
				i++
			}
		}
	}
}

// keyed reports whether an object stands for a list: all its keys are numbers,
// or all its members are arrays and objects.
func (v value) keyed() bool {
	numbers, containers := true, true
	for k, w := range v.members() {
		numbers = numbers && k != "" && digits(k, 0) == len(k)
		containers = containers && (w.kind() == kindObject || w.kind() == kindArray)
		if !numbers && !containers {
			return false
		}
	}
	return true
}

// numbered reports whether all keys of an object are numbers, or there are none.
func (v value) numbered() bool {
	for k := range v.members() {
		if k == "" || digits(k, 0) != len(k) {
			return false
		}
	}
	return true
}

// len returns how many items a list has.
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
			if v.d.nodes[k].class&classHidden == 0 && !yield(v.d.key(k), value{v.d, k + 1}) {
				return
			}
		}
	}
}

// text returns a string, or a number as it is written; of anything else "".
func (v value) text() string {
	switch n := v.node(); n.kind {
	case kindString:
		return v.d.key(v.n)
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
// Half a surrogate pair and bytes that are not UTF-8 become U+FFFD.
func unescape(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			r, n := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
			i += n
			continue
		}
		i += 2
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
				low := rune(-1)
				if strings.HasPrefix(s[i:], "\\u") {
					low, _ = hex4(s, i+2)
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
			b = utf8.AppendRune(b, r)
		default:
			b = append(b, c)
		}
	}
	return string(b)
}
