package attack

import (
	"bytes"
	"fmt"
	"strings"
)

// scatteredCosts run code that no cache of instructions holds, in an order that no
// processor foresees, and touch memory by other ways than loads.
func scatteredCosts(large, add func(string, *mod)) {
	next := cat(get(lPtr), i32c(1664525), []byte{0x6c}, i32c(1013904223), []byte{0x6a, 0x22, lPtr}, i32c(8), []byte{0x76})
	scattered := func(name string, add func(string, *mod), n, size int) {
		pad := bytes.Repeat(cat(get(0), i32c(7), []byte{0x6a, 0x21, 0}), size)
		m := endless(operands(false), cat(next, i32c(n-1), []byte{0x71, 0x11, 3, 0}), 20)
		for i := range n {
			// What is jumped over lies between what runs.
			body := cat(get(0), []byte{0x04, 0x40}, pad, []byte{0x0b})
			m.fns = append(m.fns, fn{typ: ">", more: "i", body: body})
			m.elems = append(m.elems, 3+i)
		}
		m.table = n
		m.sameTypes = 3
		add("call/"+name, m)
	}
	for _, n := range []int{512} { // in a row, but all over the code; more is refused as nearly all calls
		m := endless(nil, nil, 1)
		var row []byte
		for i := range n {
			row = append(row, call(3+i*1103%n)...)
			m.fns = append(m.fns, fn{typ: ">", more: "i", body: cat(get(0), []byte{0x04, 0x40}, bytes.Repeat(cat(get(0), i32c(7), []byte{0x6a, 0x21, 0}), 10), []byte{0x0b})})
		}
		m.fns[2].body, m.sameTypes = cat(loop(row), nothing), 3
		add(fmt.Sprintf("call/row-%d", n), m)
	}
	scattered("scattered-512", add, 512, 10)
	scattered("scattered-4096", add, 4096, 10)
	scattered("scattered-far", large, 8192, 50)
	// A chase whose steps are copies, of a length that the code does not say.
	const at = 120
	for _, k := range []int{4096, 32768} {
		m := chase(k, 7, at)
		step := cat(i32c(0), get(lPtr), i32c(at), []byte{0x6a}, i32c(4), []byte{0xfc, 0x0a, 0, 0}, i32c(0), []byte{0x28, 2, 0}, set(lPtr))
		m.fns[2].body = cat(loop(bytes.Repeat(step, 50)), nothing)
		if k > 4096 {
			large(fmt.Sprintf("bulk/chase-%dK", k), m)
		} else {
			add(fmt.Sprintf("bulk/chase-%dK", k), m)
		}
	}
	// What is stored is read at once in another size, and across pages.
	add("memory/forwarding-fails", endless(operands(false), cat(i32c(4092), get(lI64), []byte{0x37, 0, 0}, i32c(4095), []byte{0x29, 0, 0}, set(lI64)), 100))
	globals := endless(nil, nil, 1)
	code := []byte{}
	for i := range 1000 {
		code = cat(code, []byte{0x23}, leb(nil, i), []byte{0x24}, leb(nil, (i*7+1)%1000))
	}
	globals.fns[2].body = cat(loop(code), nothing)
	globals.globals = 1000
	add("memory/1000-globals", globals)
}

// state are modules that make what is set back after each call, or made anew,
// as large as it may be.
func state() map[string]attacker {
	trap := []byte{0x00}
	much := func(body []byte) *mod {
		m := plug(body)
		m.pages, m.globals, m.table = 64, 1000, 8192
		m.data = bytes.Repeat([]byte("not nought "), 40<<10)
		for range m.table {
			m.elems = append(m.elems, 0)
		}
		return m
	}
	filled := much(nothing)
	filled.fns = append(filled.fns, fn{typ: ">", export: "_initialize", body: cat(i32c(65536), i32c(1), i32c(62<<16), []byte{0xfc, 0x0b, 0})})
	fills := much(cat(i32c(65536), i32c(1), i32c(62<<16), []byte{0xfc, 0x0b, 0}, trap))
	many := plug(trap)
	for i := range 4000 {
		many.segments = append(many.segments, i*32)
	}
	frames := plug(cat(i32c(30_000), call(3), trap), fn{typ: "i>", body: cat(get(0), []byte{0x45, 0x04, 0x40, 0x0f, 0x0b}, get(0), i32c(1), []byte{0x6b}, call(3))})
	hook := fn{typ: ">", body: loop(cat(bytes.Repeat(i32c(1), 64), call(4)))}
	return map[string]attacker{
		"much to set back":             {filled, faultOutput},
		"much to make anew":            {fills, faultTrap},
		"4,000 data segments to place": {many, faultTrap},
		"a stack that grows":           {frames, faultStack},
		"an alloc that uses all fuel":  {allocates(), faultFuel},
		"calls through 64 parameters":  {plug(cat(call(3), nothing), hook, fn{typ: strings.Repeat("i", 64) + ">"}), faultFuel},
	}
}

// allocates uses its fuel before the hook is asked.
func allocates() *mod {
	m := plug(nothing)
	m.fns[1].body = cat(loop(nil), i32c(8))
	return m
}
