package attack

import "strings"

// Compiling are modules that pass every static limit and take as long to compile
// as that allows, by what it is that takes long. n makes them differ.
func Compiling(n int) map[string][]byte {
	out := map[string][]byte{}
	add := func(what string, lang string, fns int, f func(i int) fn) {
		m := plug(cat(i32c(n), []byte{0x1a}, nothing))
		for i := range fns {
			m.fns = append(m.fns, f(i))
		}
		out[lang+": "+what] = m.bytes()
	}
	get := func(i int) []byte { return leb([]byte{0x20}, i) }
	set := func(i int) []byte { return leb([]byte{0x21}, i) }
	void := func(locals int, body []byte) fn { return fn{typ: ">", locals: locals, body: body} }

	// The square of loops, as much as the limits let pass.
	add("loops", "c", 1, func(int) fn { return void(0, repeat(1200, 0x03, 0x40, 0x0b)) })
	add("loops", "go", 1, func(int) fn { return void(0, repeat(2040, 0x03, 0x40, 0x0b)) })
	add("branches", "c", 1, func(int) fn { return void(0, repeat(6000, 0x41, 0, 0x0d, 0)) })
	// Values that live over many blocks: each local becomes a value of each block where ways meet.
	add("locals that change in branches", "c", 1, func(int) fn {
		var b []byte
		for i := range 1700 {
			b = append(b, cat(get(i%500), []byte{0x04, 0x40}, get((i+1)%500), set((i*7)%500), get((i+3)%500), set((i*11)%500), []byte{0x0b})...)
		}
		return void(500, b)
	})
	add("locals that change in loops", "c", 2, func(int) fn {
		var b []byte
		for i := range 150 {
			b = append(b, cat([]byte{0x03, 0x40}, get((i+1)%500), get((i*7)%500), []byte{0x6a}, set((i*7)%500), get(i%500), []byte{0x0d, 0, 0x0b})...)
		}
		return void(500, b)
	})
	// Straight lines with many values at once: the registers run out.
	add("many values at once", "c", 8, func(int) fn {
		var b []byte
		for r := range 8 {
			for i := range 1000 {
				b = append(b, cat(get(i%64), i32c(i*r), []byte{0x6c})...)
			}
			b = append(b, repeat(999, 0x6a)...)
			b = append(b, set(r)...)
		}
		return void(64, b)
	})
	add("loads and stores", "c", 8, func(int) fn {
		var b []byte
		for i := range 4900 {
			b = append(b, cat(get(i%400), get((i*3)%400), []byte{0x28, 2}, leb(nil, i), []byte{0x36, 2}, leb(nil, i))...)
		}
		return void(400, b)
	})
	add("calls with many arguments", "c", 4, func(i int) fn {
		var b []byte
		for range 400 {
			for a := range 60 {
				b = append(b, get(a)...)
			}
			b = append(b, call(3+i)...)
		}
		return fn{typ: strings.Repeat("i", 60) + ">", body: b}
	})
	add("a switch", "c", 30, func(int) fn {
		b := repeat(100, 0x02, 0x40)
		b = append(b, cat(get(0), leb([]byte{0x0e}, 900))...)
		for i := range 901 {
			b = leb(b, i%100)
		}
		for range 100 {
			b = append(b, 0x0b)
		}
		return void(1, b)
	})
	return out
}

// Burning is a module whose hook takes much of a call's fuel and says nothing: a
// check with many fixtures takes long on the interpreter.
func Burning(rounds int) []byte { return plug(cat(burn(rounds), nothing)).bytes() }

// Works is a module whose hook takes as much, and then gives an output.
func Works(rounds int, out string) []byte {
	m := says(out)
	m.fns[2].body = cat(burn(rounds), m.fns[2].body)
	return m.bytes()
}

func burn(rounds int) []byte {
	return cat(i32c(rounds), []byte{0x21, 2, 0x03, 0x40, 0x20, 2}, i32c(1), []byte{0x6b, 0x22, 2, 0x0d, 0, 0x0b})
}
