// Package attack holds what hostile authors send: modules, assembled byte by
// byte, and scripts. Tests and "make torture-plugins" run them.
package attack

import (
	"encoding/binary"
	"strings"
)

// The smallest of assemblers: modules for tests, byte by byte.

type fn struct {
	typ    string // "ii>I" is (i32 i32) -> i64
	locals int    // of i32
	more   string // types of more locals
	body   []byte // without the last end
	export string
}

type imp struct{ module, name, typ string }

type mod struct {
	imports []imp
	fns     []fn
	pages   int // of memory; 0: one
	maxed   int // memory's maximum, 0: none
	globals int // mutable i32
	table   int
	elems   []int
	data    []byte // at 1024
	// segments are places of more data, a byte each.
	segments []int
	// sameTypes is from which function on all have the type of that one; 0: none.
	sameTypes int
	start     int    // function's index + 1
	tail      []byte // raw sections at the end
	merged    bool   // one type for all functions of the same type
}

func leb(b []byte, v int) []byte { return binary.AppendUvarint(b, uint64(v)) }

func sleb(v int64) (b []byte) {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func section(out []byte, id byte, body []byte) []byte {
	return append(leb(append(out, id), len(body)), body...)
}

func name(b []byte, s string) []byte { return append(leb(b, len(s)), s...) }

// valTypes are i32, i64, f32 and f64 by the letters i, I, f and F.
func valTypes(s string) (b []byte) {
	for i := range len(s) {
		b = append(b, map[byte]byte{'i': 0x7f, 'I': 0x7e, 'f': 0x7d, 'F': 0x7c}[s[i]])
	}
	return b
}

func typeBytes(s string) []byte {
	params, results, _ := strings.Cut(s, ">")
	p, r := valTypes(params), valTypes(results)
	b := append(leb([]byte{0x60}, len(p)), p...)
	return append(leb(b, len(r)), r...)
}

// bytes writes the module. Each function has a type of its own, unless they are merged.
func (m *mod) bytes() []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	var types []byte
	n, known := 0, map[string]int{}
	typeOf := func(s string) int {
		if i, ok := known[s]; ok && m.merged {
			return i
		}
		types, known[s], n = append(types, typeBytes(s)...), n, n+1
		return n - 1
	}
	imports := leb(nil, len(m.imports))
	for _, im := range m.imports {
		imports = leb(append(name(name(imports, im.module), im.name), 0), typeOf(im.typ))
	}
	funcs, exports, exported := leb(nil, len(m.fns)), []byte(nil), 1
	code := leb(nil, len(m.fns))
	last := 0
	for i, f := range m.fns {
		if m.sameTypes == 0 || i <= m.sameTypes {
			last = typeOf(f.typ)
		}
		funcs = leb(funcs, last)
		if f.export != "" {
			exports = leb(append(name(exports, f.export), 0), len(m.imports)+i)
			exported++
		}
		body := leb(nil, len(f.more))
		if f.locals > 0 {
			body = append(leb(leb(nil, len(f.more)+1), f.locals), 0x7f)
		}
		for _, t := range valTypes(f.more) {
			body = append(body, 1, t)
		}
		body = append(append(body, f.body...), 0x0b)
		code = append(leb(code, len(body)), body...)
	}
	exports = append(append(leb(nil, exported), exports...), append(name(nil, "memory"), 2, 0)...)
	out = section(out, 1, append(leb(nil, n), types...))
	if len(m.imports) > 0 {
		out = section(out, 2, imports)
	}
	out = section(out, 3, funcs)
	if m.table > 0 {
		out = section(out, 4, leb([]byte{1, 0x70, 0}, m.table))
	}
	mem := leb([]byte{1, 0}, max(m.pages, 1))
	if m.maxed > 0 {
		mem = leb(leb([]byte{1, 1}, max(m.pages, 1)), m.maxed)
	}
	out = section(out, 5, mem)
	if m.globals > 0 {
		g := leb(nil, m.globals)
		for range m.globals {
			g = append(g, 0x7f, 1, 0x41, 0, 0x0b)
		}
		out = section(out, 6, g)
	}
	out = section(out, 7, exports)
	if m.start > 0 {
		out = section(out, 8, leb(nil, m.start-1))
	}
	if len(m.elems) > 0 {
		e := leb([]byte{1, 0, 0x41, 0, 0x0b}, len(m.elems))
		for _, i := range m.elems {
			e = leb(e, i)
		}
		out = section(out, 9, e)
	}
	out = section(out, 10, code)
	if len(m.data) > 0 {
		d := append([]byte{1, 0, 0x41}, sleb(1024)...)
		d = append(leb(append(d, 0x0b), len(m.data)), m.data...)
		out = section(out, 11, d)
	}
	if len(m.segments) > 0 {
		d := leb(nil, len(m.segments))
		for _, at := range m.segments {
			d = append(append(append(d, 0, 0x41), sleb(int64(at))...), 0x0b, 1, 'x')
		}
		out = section(out, 11, d)
	}
	return append(out, m.tail...)
}

// i32c and i64c are constants; call calls a function.
func i32c(v int) []byte   { return append([]byte{0x41}, sleb(int64(int32(v)))...) }
func i64c(v int64) []byte { return append([]byte{0x42}, sleb(v)...) }
func call(i int) []byte   { return leb([]byte{0x10}, i) }

func cat(parts ...[]byte) (out []byte) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// loop is body in an endless loop.
func loop(body []byte) []byte { return cat([]byte{0x03, 0x40}, body, []byte{0x0c, 0, 0x0b}) }

// plug is a plugin whose hook personalise has this body, which leaves an i64;
// more functions follow from index 3 on (imports come before all).
func plug(body []byte, more ...fn) *mod {
	m := &mod{pages: 2}
	m.fns = append([]fn{
		{typ: ">", export: "ww_abi_1"},
		{typ: "i>i", export: "ww_alloc", body: i32c(32768)},
		{typ: "ii>I", export: "ww_personalise_1", body: body, locals: 4},
	}, more...)
	return m
}

// says is a plugin that always gives this output.
func says(out string) *mod {
	m := plug(i64c(1024<<32 | int64(len(out))))
	m.data = []byte(out)
	return m
}

var nothing = i64c(1024 << 32) // an empty output
