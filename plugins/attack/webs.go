package attack

import "strings"

// kind is a way to make a compiler work: one of eight functions, with about the size up to which the limits let all pass.
type kind struct {
	name string
	most int
	fn   func(size int) fn
}

func kinds() (out []kind) {
	get := func(i int) []byte { return leb([]byte{0x20}, i) }
	set := func(i int) []byte { return leb([]byte{0x21}, i) }
	void := func(locals int, body []byte) fn { return fn{typ: ">", locals: locals, body: body} }
	add := func(name string, most int, f func(size int) fn) { out = append(out, kind{name, most, f}) }
	add("operands that live over many blocks", 2000, func(size int) fn {
		var b []byte
		for i := range 900 {
			b = append(b, cat(get(i%8), []byte{0x28, 2}, leb(nil, i))...)
		}
		b = append(b, repeat(size, 0x20, 0, 0x04, 0x40, 0x0b)...)
		return void(8, append(b, cat(repeat(899, 0x6a), set(0))...))
	})
	add("operands that live over many calls", 500, func(size int) fn {
		var b []byte
		for i := range 900 {
			b = append(b, cat(get(i%8), []byte{0x28, 2}, leb(nil, i))...)
		}
		b = append(b, repeat(size, 0x10, 0)...)
		return void(8, append(b, cat(repeat(899, 0x6a), set(0))...))
	})
	add("calls", 250, func(size int) fn { return void(0, repeat(size, 0x10, 0)) })
	add("locals that live over many calls", 250, func(size int) fn {
		var b []byte
		for i := range size {
			b = append(b, cat([]byte{0x10, 0}, get((i*7)%500), []byte{0x28, 2, 0}, set(i%500))...)
		}
		return void(500, b)
	})
	add("calls through the table", 500, func(size int) fn {
		return void(0, repeat(size, 0x41, 0, 0x11, 0, 0))
	})
	add("divisions", 20000, func(size int) fn { return void(2, cat(get(0), repeat(size, 0x20, 1, 0x6d), set(0))) })
	add("roots of what may be no number", 20000, func(size int) fn {
		return fn{typ: ">", more: "FF", body: cat(get(0), repeat(size, 0x20, 1, 0xa4), set(0))}
	})
	add("sums whose bits are looked at", 8000, func(size int) fn {
		return fn{typ: ">", more: "FF", body: repeat(size, 0x20, 1, 0x20, 0, 0xa0, 0xbd, 0x1a)}
	})
	add("truncations", 16000, func(size int) fn {
		return fn{typ: ">", more: "FF", body: repeat(size, 0x20, 1, 0xaa, 0x1a)}
	})
	add("saturating truncations", 12000, func(size int) fn {
		return fn{typ: ">", more: "FF", body: repeat(size, 0x20, 1, 0xfc, 2, 0x1a)}
	})
	add("fills", 6000, func(size int) fn { return void(0, repeat(size, 0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 11, 0)) })
	add("grows", 1000, func(size int) fn { return void(0, repeat(size, 0x41, 0, 0x40, 0, 0x1a)) })
	add("selects", 6000, func(size int) fn {
		var b []byte
		for i := range size {
			b = append(b, cat(get(i%60), get((i+3)%60), get((i+7)%60), []byte{0x1b}, set((i*11)%60))...)
		}
		return void(60, b)
	})
	add("globals", 8000, func(size int) fn { return void(0, repeat(size, 0x23, 0, 0x23, 1, 0x6a, 0x24, 0)) })
	add("blocks that carry many values", 500, func(size int) fn {
		var b []byte
		for i := range 16 {
			b = append(b, get(i)...)
		}
		b = append(b, repeat(size, 0x02, 3, 0x20, 0, 0x0d, 0, 0x0b)...) // of the function's own type
		return fn{typ: strings.Repeat("i", 16) + ">" + strings.Repeat("i", 16), body: b}
	})
	add("loops that carry many values", 250, func(size int) fn {
		var b []byte
		for i := range 16 {
			b = append(b, get(i)...)
		}
		b = append(b, repeat(size, 0x03, 3, 0x20, 0, 0x0d, 0, 0x0b)...)
		return fn{typ: strings.Repeat("i", 16) + ">" + strings.Repeat("i", 16), body: b}
	})
	add("branches that carry many values", 1500, func(size int) fn {
		var b []byte
		for i := range 16 {
			b = append(b, get(i)...)
		}
		b = append(b, 0x02, 3)
		b = append(b, repeat(size, 0x20, 0, 0x0d, 0)...)
		return fn{typ: strings.Repeat("i", 16) + ">" + strings.Repeat("i", 16), body: append(b, 0x0b)}
	})
	add("deep nesting with branches out", 1000, func(size int) fn {
		b := repeat(1000, 0x02, 0x40)
		for i := range size {
			b = append(b, cat(get(0), leb([]byte{0x0d}, (i*13)%1000))...)
		}
		return void(1, append(b, repeat(1000, 0x0b)...))
	})
	add("deep loops", 15, func(size int) fn {
		var b []byte
		for range size {
			b = append(b, cat(repeat(23, 0x03, 0x40), get(0), []byte{0x0d, 22}, repeat(23, 0x0b))...)
		}
		return void(1, b)
	})
	add("constants", 5000, func(size int) fn {
		var b []byte
		for i := range size {
			b = append(b, cat(i64c(int64(i)*0x12345678901), []byte{0x1a})...)
		}
		return void(0, b)
	})
	add("sums kept in many locals", 6000, func(size int) fn {
		var b []byte
		for i := range size {
			b = append(b, cat(get(i%500), get((i*7+1)%500), []byte{0x6a}, set((i*11)%500))...)
		}
		return void(500, b)
	})
	add("empty functions with locals", 512, func(size int) fn { return void(min(size, 512), nil) })
	add("addresses", 20000, func(size int) fn {
		var b []byte
		b = append(b, get(0)...)
		for range size {
			b = append(b, 0x28, 0, 0)
		}
		return void(1, append(b, set(0)...))
	})
	return out
}

// webFunctions is how many functions a module of Webs has beside those that a plugin needs.
const webFunctions = 8

// Webs are modules that pass the limits and have as much as these allow of one kind each, by kind: of what a compiler may do
// with more than proportional effort. part/whole of that is made, to see how the effort grows.
func Webs(part, whole int) map[string][]byte {
	out := map[string][]byte{}
	for _, k := range kinds() {
		m := plug(cat(i32c(1), []byte{0x1a}, nothing))
		m.globals, m.table, m.elems, m.merged = 4, 1, []int{0}, true
		f := k.fn(k.most * part / whole)
		for range webFunctions {
			m.fns = append(m.fns, f)
		}
		out[k.name] = m.bytes()
	}
	return out
}
