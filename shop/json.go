package shop

import (
	"hash/maphash"
	"math"
	"strconv"
	"sync"

	"github.com/waxwinghq/waxwing"
)

// The limits of RELIABILITY.md S12. A token is a key or a value.
const (
	maxDepth  = 64
	maxTokens = 50_000
	maxString = 64 << 10 // bytes, unescaped
)

// kind is what a node of a document is.
type kind uint8

const (
	kindAbsent kind = iota
	kindNull
	kindFalse
	kindTrue
	kindNumber
	kindString
	kindArray
	kindObject
)

// node is one key or value of a document; nodes lie in reading order, so that
// a container is followed by all that it holds.
type node struct {
	start, end uint32 // in src; of a string, what stands between its quotes
	next       uint32 // the node after this one and all that it holds
	kind       kind
	class      uint8 // of a string: classUpper, classEscape and the like, or-ed
}

// document is a JSON text that was read whole. It is pooled: whoever reads one
// calls release, after which only the strings taken from it live on. They
// share src, so they cost nothing.
type document struct {
	src   string
	pos   int
	nodes []node // nodes[0] stands for what is absent
	seen  []slot
	round uint32 // which object the slots are of
	fold  [2][]byte
	err   *jsonError
}

// slot is a place of the table in which the keys of one object are looked up.
type slot struct{ round, hash, node uint32 }

// jsonError says what is wrong with a JSON text and where. It quotes nothing.
type jsonError struct {
	offset int
	what   string
	beyond bool // RFC 8259 allows it, this reader does not
}

func (e *jsonError) Error() string {
	return "JSON at byte " + strconv.Itoa(e.offset) + ": " + e.what
}

var documents = sync.Pool{New: func() any { return new(document) }}

// keySeed makes the hashes of keys unguessable, so that nobody can send an
// object whose keys all collide.
var keySeed = maphash.MakeSeed()

// readDocument reads one JSON text (RFC 8259) and nothing after it. It refuses
// what the limits above forbid, text that is not UTF-8, lone surrogates, and
// keys that are equal or differ in case only. Errors are permanent.
func readDocument(src string) (*document, error) {
	d := documents.Get().(*document)
	d.src, d.pos, d.err = src, 0, nil
	d.nodes = append(d.nodes[:0], node{next: 1})
	if uint64(len(src)) > math.MaxUint32 {
		d.stop(0, "text too long")
	} else if d.space(); d.value(0) {
		if d.space(); d.pos < len(src) {
			d.refuse(d.pos, "something after the value")
		}
	}
	if d.err != nil {
		err := d.err
		d.release()
		return nil, waxwing.Permanent(err)
	}
	return d, nil
}

// release gives the document back. A hostile one's memory is let go.
func (d *document) release() {
	d.src, d.err = "", nil
	if cap(d.nodes) > 8<<10 {
		d.nodes = nil
	}
	if len(d.seen) > 8<<10 {
		d.seen, d.round = nil, 0
	}
	documents.Put(d)
}

// root returns the value that the text is.
func (d *document) root() value { return value{d, 1} }

// refuse notes that the text is not JSON; it returns false.
func (d *document) refuse(at int, what string) bool {
	if d.err == nil {
		d.err = &jsonError{offset: at, what: what}
	}
	return false
}

// stop notes that the text goes beyond what this reader allows.
func (d *document) stop(at int, what string) bool {
	if d.err == nil {
		d.err = &jsonError{offset: at, what: what, beyond: true}
	}
	return false
}

func (d *document) space() {
	for d.pos < len(d.src) {
		switch d.src[d.pos] {
		case ' ', '\n', '\r', '\t':
			d.pos++
		default:
			return
		}
	}
}

// add appends a node and returns its place; 0 where there are too many.
func (d *document) add(n node) uint32 {
	i := len(d.nodes)
	if i > maxTokens {
		d.stop(int(n.start), "more than 50000 keys and values")
		return 0
	}
	n.next = uint32(i + 1)
	d.nodes = append(d.nodes, n)
	return uint32(i)
}

func (d *document) value(depth int) bool {
	if d.pos >= len(d.src) {
		return d.refuse(d.pos, "the text ends where a value should be")
	}
	switch c := d.src[d.pos]; c {
	case '"':
		return d.text()
	case '{', '[':
		if depth == maxDepth {
			return d.stop(d.pos, "nested more than 64 deep")
		}
		if c == '{' {
			return d.object(depth + 1)
		}
		return d.array(depth + 1)
	case 't':
		return d.word("true", kindTrue)
	case 'f':
		return d.word("false", kindFalse)
	case 'n':
		return d.word("null", kindNull)
	default:
		if c == '-' || c-'0' <= 9 {
			return d.number()
		}
		return d.refuse(d.pos, "not the start of a value")
	}
}

func (d *document) word(w string, k kind) bool {
	end := d.pos + len(w)
	if end > len(d.src) || d.src[d.pos:end] != w {
		return d.refuse(d.pos, "not the start of a value")
	}
	ok := d.add(node{start: uint32(d.pos), end: uint32(end), kind: k}) != 0
	d.pos = end
	return ok
}

func (d *document) array(depth int) bool {
	at := d.add(node{start: uint32(d.pos), kind: kindArray})
	if at == 0 {
		return false
	}
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

func (d *document) closed(at uint32) bool {
	d.pos++
	d.nodes[at].end = uint32(d.pos)
	d.nodes[at].next = uint32(len(d.nodes))
	return true
}

func (d *document) object(depth int) bool {
	at := d.add(node{start: uint32(d.pos), kind: kindObject})
	if at == 0 {
		return false
	}
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
			return d.uniqueKeys(at, n)
		default:
			return d.refuse(d.pos, "want a comma or the end of the object")
		}
	}
}

// number reads RFC 8259's number; its value stays the text that it is.
func (d *document) number() bool {
	start, i, src := d.pos, d.pos, d.src
	if src[i] == '-' {
		i++
	}
	whole := digits(src, i)
	if whole == i || src[i] == '0' && whole > i+1 {
		return d.refuse(start, "not a number")
	}
	i = whole
	if i < len(src) && src[i] == '.' {
		frac := digits(src, i+1)
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
		exp := digits(src, i)
		if exp == i {
			return d.refuse(start, "not a number")
		}
		i = exp
	}
	if i-start > maxString {
		return d.stop(start, "a number longer than 64 KiB")
	}
	d.pos = i
	return d.add(node{start: uint32(start), end: uint32(i), kind: kindNumber}) != 0
}

// digits returns the place after the digits that start at i.
func digits(s string, i int) int {
	for i < len(s) && s[i]-'0' <= 9 {
		i++
	}
	return i
}
