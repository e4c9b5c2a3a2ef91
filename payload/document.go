// Package payload reads JSON that comes from outside: strictly by RFC 8259, in time and memory
// that grow with the bytes and no faster, and without turning a number into a float. It takes
// what shops' own parsers take, of which an order is no less an order: keys that are there
// twice, and what is not UTF-8. Errors are waxwing.Permanent and quote nothing of the text.
package payload

import (
	"hash/maphash"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"github.com/waxwinghq/waxwing"
)

// The limits of the reader. Bytes bound it, so that the largest order that a
// shop can send is read: time and memory grow with the text and no faster, at
// most sixteen bytes of nodes for each key and value, and as many of tables for
// each key of the objects that are looked into.
const (
	// maxDocument is more than a request body can have (http.max_body).
	maxDocument = 64 << 20
	// maxDepth is how deep values are read. What lies deeper is held to the
	// grammar and passed over: no mail shows it.
	maxDepth = 64
	// largeDocument is the size from which two documents at most are read at one
	// time, so that a few hostile ones cannot take the memory of everybody.
	largeDocument = 1 << 20
)

var large = make(chan struct{}, 2)

// Kind is what a value of a document is.
type Kind uint8

// The kinds of JSON values, and what stands for none.
const (
	Absent Kind = iota // there is nothing
	Null
	False
	True
	Number
	String
	Array
	Object
	Deep // an array or object that lies too deep to be read
)

// node is one key or value of a document; nodes lie in reading order, so that
// a container is followed by all that it holds. start and end are where it stands in
// src: of a string, what is between its quotes. Of an object of many keys start is how
// many and end 0, until it has a table: then they are where in seen that is.
type node struct {
	start, end uint32
	next       uint32 // the node after this one and all that it holds
	kind       Kind
	class      uint8  // classEscape and the like, or-ed
	tag        uint16 // of a key in a table, a part of its hash
}

// Document is a JSON text that was read whole. It is pooled: whoever reads one
// calls Release, after which only the strings taken from it live on. They
// share src, so they cost nothing.
type Document struct {
	src   string
	pos   int
	nodes []node   // nodes[0] stands for what is absent
	seen  []uint32 // the tables in which objects' keys are looked up, one after the other; 0 is an empty place
	err   *SyntaxError
	large bool
}

// SyntaxError says what is wrong with a JSON text and where. It quotes nothing.
type SyntaxError struct {
	offset int
	what   string
	beyond bool // RFC 8259 allows it, this reader does not
}

// Error says what is wrong and at which byte, and nothing of the text.
func (e *SyntaxError) Error() string {
	return "JSON at byte " + strconv.Itoa(e.offset) + ": " + e.what
}

var documents = sync.Pool{New: func() any { return new(Document) }}

// keySeed makes the hashes of keys unguessable, so that nobody can send an
// object whose keys all collide.
var keySeed = maphash.MakeSeed()

// Read reads one JSON text (RFC 8259) and nothing after it, as the shops'
// own parsers do: of keys that are equal the last counts, and what is not UTF-8
// or half a surrogate pair is U+FFFD. Errors are permanent.
func Read(src string) (*Document, error) {
	src = strings.TrimPrefix(src, "\ufeff")
	d := documents.Get().(*Document)
	d.src, d.pos, d.err = src, 0, nil
	d.nodes, d.seen = append(d.nodes[:0], node{next: 1}), d.seen[:0]
	if d.large = len(src) > largeDocument; d.large {
		large <- struct{}{}
	}
	if len(src) > maxDocument {
		d.stop(0, "text longer than 64 MiB")
	} else if d.space(); d.value(0) {
		if d.space(); d.pos < len(src) {
			d.refuse(d.pos, "something after the value")
		}
	}
	if d.err != nil {
		err := d.err
		d.Release()
		return nil, waxwing.Permanent(err)
	}
	return d, nil
}

// ReadBytes is Read of a text that nobody changes any more: the strings that are taken from
// the document share its bytes.
func ReadBytes(raw []byte) (*Document, error) {
	return Read(unsafe.String(unsafe.SliceData(raw), len(raw)))
}

// Release gives the document back. A hostile one's memory is let go.
func (d *Document) Release() {
	d.src, d.err = "", nil
	if cap(d.nodes) > 8<<10 {
		d.nodes = nil
	}
	if cap(d.seen) > 16<<10 {
		d.seen = nil
	}
	if d.large {
		d.large = false
		<-large
	}
	documents.Put(d)
}

// Root returns the value that the text is.
func (d *Document) Root() Value { return Value{d, 1} }

// refuse notes that the text is not JSON; it returns false.
func (d *Document) refuse(at int, what string) bool {
	if d.err == nil {
		d.err = &SyntaxError{offset: at, what: what}
	}
	return false
}

// stop notes that the text goes beyond what this reader allows.
func (d *Document) stop(at int, what string) bool {
	if d.err == nil {
		d.err = &SyntaxError{offset: at, what: what, beyond: true}
	}
	return false
}

// space passes over white space, of which most shops write none.
func (d *Document) space() {
	if d.pos < len(d.src) && d.src[d.pos] <= ' ' {
		d.pos = spaces(d.src, d.pos)
	}
}

func spaces(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\r' || s[i] == '\t') {
		i++
	}
	return i
}

// add appends a node and returns its place, never 0. It writes each field where it
// belongs: a node that is put together elsewhere and copied makes the processor wait.
func (d *Document) add(start, end int, kind Kind, class uint8) uint32 {
	i := len(d.nodes)
	if i == cap(d.nodes) {
		d.grow()
	}
	d.nodes = d.nodes[:i+1]
	n := &d.nodes[i]
	n.start, n.end, n.next = uint32(start), uint32(end), uint32(i+1)
	n.kind, n.class = kind, class
	return uint32(i)
}

// grow makes room for as many nodes as the text will have if it goes on as it began.
func (d *Document) grow() {
	guess := int(float64(len(d.nodes)) * float64(len(d.src)) / float64(max(d.pos, 1)) * 1.1)
	room := min(max(guess, len(d.nodes)*5/4), 4*len(d.nodes)) + 64
	d.nodes = append(make([]node, 0, room), d.nodes...)
}

func (d *Document) value(depth int) bool {
	if d.pos >= len(d.src) {
		return d.refuse(d.pos, "the text ends where a value should be")
	}
	switch c := d.src[d.pos]; c {
	case '"':
		return d.text()
	case '{', '[':
		if depth == maxDepth {
			return d.deep()
		}
		if c == '{' {
			return d.object(depth + 1)
		}
		return d.array(depth + 1)
	case 't':
		return d.word("true", True)
	case 'f':
		return d.word("false", False)
	case 'n':
		return d.word("null", Null)
	default:
		if c == '-' || c-'0' <= 9 {
			return d.number()
		}
		return d.refuse(d.pos, "not the start of a value")
	}
}

func (d *Document) word(w string, k Kind) bool {
	end := d.pos + len(w)
	if end > len(d.src) || d.src[d.pos:end] != w {
		return d.refuse(d.pos, "not the start of a value")
	}
	d.add(d.pos, end, k, 0)
	d.pos = end
	return true
}

func (d *Document) array(depth int) bool {
	at := d.add(d.pos, 0, Array, 0)
	d.pos++
	if d.space(); d.pos < len(d.src) && d.src[d.pos] == ']' {
		return d.closed(at)
	}
	for {
		if d.space(); !d.value(depth) {
			return false
		}
		if d.space(); d.pos >= len(d.src) {
			return d.refuse(d.pos, "the text ends inside an array")
		}
		switch d.src[d.pos] {
		case ',':
			d.pos++
		case ']':
			return d.closed(at)
		default:
			return d.refuse(d.pos, "want a comma or the end of the array")
		}
	}
}

func (d *Document) closed(at uint32) bool {
	d.pos++
	d.nodes[at].end = uint32(d.pos)
	d.nodes[at].next = uint32(len(d.nodes))
	return true
}

func (d *Document) object(depth int) bool {
	at := d.add(d.pos, 0, Object, 0)
	d.pos++
	if d.space(); d.pos < len(d.src) && d.src[d.pos] == '}' {
		return d.closed(at)
	}
	for n := 1; ; n++ {
		if d.space(); d.pos >= len(d.src) || d.src[d.pos] != '"' {
			return d.refuse(d.pos, "want a key in quotes")
		}
		if !d.text() {
			return false
		}
		if d.space(); d.pos >= len(d.src) || d.src[d.pos] != ':' {
			return d.refuse(d.pos, "want a colon after the key")
		}
		d.pos++
		if d.space(); !d.value(depth) {
			return false
		}
		if d.space(); d.pos >= len(d.src) {
			return d.refuse(d.pos, "the text ends inside an object")
		}
		switch d.src[d.pos] {
		case ',':
			d.pos++
		case '}':
			d.closed(at)
			d.lastKeys(at, n)
			return true
		default:
			return d.refuse(d.pos, "want a comma or the end of the object")
		}
	}
}

// number reads RFC 8259's number; its value stays the text that it is.
func (d *Document) number() bool {
	start, i, src := d.pos, d.pos, d.src
	if src[i] == '-' {
		i++
	}
	whole := Digits(src, i)
	if whole == i || src[i] == '0' && whole > i+1 {
		return d.refuse(start, "not a number")
	}
	i = whole
	if i < len(src) && src[i] == '.' {
		frac := Digits(src, i+1)
		if frac == i+1 {
			return d.refuse(start, "not a number")
		}
		i = frac
	}
	if i < len(src) && src[i]|0x20 == 'e' {
		i++
		if i < len(src) && (src[i] == '+' || src[i] == '-') {
			i++
		}
		exp := Digits(src, i)
		if exp == i {
			return d.refuse(start, "not a number")
		}
		i = exp
	}
	d.pos = i
	d.add(start, i, Number, 0)
	return true
}

// Digits returns the place after the digits that start at i.
func Digits(s string, i int) int {
	for i < len(s) && s[i]-'0' <= 9 {
		i++
	}
	return i
}
