package payload

import (
	"iter"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Value is a place in a document, or none: the zero value is absent, and so is
// whatever is looked up in it.
type Value struct {
	d *Document
	n uint32
}

func (v Value) node() *node {
	if v.d == nil {
		return &node{}
	}
	return &v.d.nodes[v.n]
}

// Kind is what stands there; Absent where there is nothing.
func (v Value) Kind() Kind {
	if v.d == nil {
		return Absent
	}
	return v.d.nodes[v.n].kind
}

// Given reports whether there is something, and it is not null.
func (v Value) Given() bool { return v.Kind() > Null }

// Nothing reports whether an entry of a list is a hole: null, false, an empty
// string or an empty list, as PHP leaves behind.
func (v Value) Nothing() bool {
	switch v.Kind() {
	case Absent, Null, False:
		return true
	case String, Array:
		return v.Trimmed() == "" && v.Len() == 0
	}
	return false
}

// Get returns what stands under a key of an object; of a list of one object,
// what stands in that. Anything else has no keys, among it the empty array that
// PHP writes for an empty object.
func (v Value) Get(key string) Value {
	at := v.member(key)
	if at == 0 {
		return Value{}
	}
	return Value{v.d, at + 1}
}

// Twice reports whether an object has a key more than once. The last one counts,
// but who an order is may not depend on that.
func (v Value) Twice(key string) bool {
	at := v.member(key)
	return at != 0 && v.d.nodes[at].class&classTwice != 0
}

// member returns the place of a key that counts, or 0.
func (v Value) member(key string) uint32 {
	v = v.Object()
	if v.Kind() != Object {
		return 0
	}
	o := &v.d.nodes[v.n]
	if o.class&classTable != 0 {
		return v.lookUp(key)
	}
	for k := v.n + 1; k < o.next; k = v.d.nodes[k+1].next {
		if v.d.nodes[k].class&classHidden == 0 && v.d.isKey(k, key) {
			return k
		}
	}
	return 0
}

// Object returns the value, or the one object of a list that holds nothing else.
func (v Value) Object() Value {
	if v.Kind() == Array {
		if one := v.n + 1; one < v.d.nodes[v.n].next && v.d.nodes[one].kind == Object &&
			v.d.nodes[one].next == v.d.nodes[v.n].next {
			return Value{v.d, one}
		}
	}
	return v
}

// Items yields the items of a list with their places: of an array, or of the
// object that PHP makes of a list with gaps ({"0": {}, "2": {}}) or with keys of
// its own ({"129": {}, "130": {}}). An object with other members is the one item
// of a list. Other kinds have none.
func (v Value) Items() iter.Seq2[int, Value] {
	return func(yield func(int, Value) bool) {
		switch v.Kind() {
		case Array:
			end := v.d.nodes[v.n].next
			for i, k := 0, v.n+1; k < end; i, k = i+1, v.d.nodes[k].next {
				if !yield(i, Value{v.d, k}) {
					return
				}
			}
		case Object:
			if !v.Keyed() {
				yield(0, v)
				return
			}
			i := 0
			for _, w := range v.Members() {
				if !yield(i, w) {
					return
				}
				i++
			}
		}
	}
}

// At returns an item of a list by its place, counted from 0; Absent where there are fewer.
func (v Value) At(i int) Value {
	for k, w := range v.Items() {
		if k == i {
			return w
		}
	}
	return Value{}
}

// Keyed reports whether an object stands for a list: all its keys are numbers,
// or all its members are arrays and objects.
func (v Value) Keyed() bool {
	numbers, containers := true, true
	for k, w := range v.Members() {
		numbers = numbers && k != "" && Digits(k, 0) == len(k)
		containers = containers && (w.Kind() == Object || w.Kind() == Array)
		if !numbers && !containers {
			return false
		}
	}
	return true
}

// Numbered reports whether all keys of an object are numbers, or there are none.
func (v Value) Numbered() bool {
	for k := range v.Members() {
		if k == "" || Digits(k, 0) != len(k) {
			return false
		}
	}
	return true
}

// Len returns how many items a list has.
func (v Value) Len() int {
	n := 0
	for range v.Items() {
		n++
	}
	return n
}

// Members yields the keys and values of an object.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if v.Kind() != Object {
			return
		}
		if o := &v.d.nodes[v.n]; o.class&classTable != 0 && o.end == 0 {
			v.d.index(v.n)
		}
		end := v.d.nodes[v.n].next
		for k := v.n + 1; k < end; k = v.d.nodes[k+1].next {
			if v.d.nodes[k].class&classHidden == 0 && !yield(v.d.key(k), Value{v.d, k + 1}) {
				return
			}
		}
	}
}

// Text returns a string, or a number as it is written; of anything else "".
func (v Value) Text() string {
	switch n := v.node(); n.kind {
	case String:
		return v.d.key(v.n)
	case Number:
		return v.d.src[n.start:n.end]
	}
	return ""
}

// Trimmed returns text without the spaces around it.
func (v Value) Trimmed() string { return strings.TrimSpace(v.Text()) }

// Int reads a whole number, also one that is written "2" or 2.0.
func (v Value) Int() (int64, bool) {
	s := v.Trimmed()
	if s == "" {
		return 0, false
	}
	if whole, frac, ok := strings.Cut(s, "."); ok && strings.Trim(frac, "0") == "" {
		s = whole
	}
	i, err := strconv.ParseInt(s, 10, 64)
	return i, err == nil
}

// Bool reads true, "true", "yes", "1" or 1; anything else is false.
func (v Value) Bool() bool {
	if v.Kind() == True {
		return true
	}
	switch s := v.Trimmed(); {
	case len(s) > 4:
		return false
	case s == "1", strings.EqualFold(s, "true"), strings.EqualFold(s, "yes"):
		return true
	}
	return false
}

// First returns the text of the first key that has one.
func (v Value) First(keys ...string) string {
	for _, k := range keys {
		if s := v.Get(k).Trimmed(); s != "" {
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

// Either returns what stands under the first key that is given.
func (v Value) Either(keys ...string) Value {
	for _, k := range keys {
		if x := v.Get(k); x.Given() {
			return x
		}
	}
	return Value{}
}
