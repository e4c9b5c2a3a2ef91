package attack

import "bytes"

// Taking are attacks on what all tenants share: time, memory and the room for loaded
// code. Each is a set of plugins of one tenant that pass every limit and every check.
func Taking() map[string][]Taker {
	return map[string][]Taker{
		"evict and initialise": {evicting(0), evicting(1), evicting(2)},
		"grow at each call":    {growing()},
		"pointer chase":        {chasing()},
		"free loops":           {freeLoops()},
		"busy to the limit":    {busy(0), busy(1), busy(2), busy(3)},
		"twenty plugins":       twenty(),
		"scripts that grow": {{"js", []byte(`const kept = new Uint8Array(3 << 20)
function personalise() { const a = []; for (let i = 0; i < 40; i++) a.push(new Uint8Array(200000)); return {subject: "" + a.length} }`)},
			{"js", []byte(`let s = 0; for (let i = 0; i < 100000; i++) s += i; const kept = new Uint8Array(6 << 20)
function personalise() { throw new Error("no") }`)}},
	}
}

// Taker is one plugin of such a set.
type Taker struct {
	Lang string
	Body []byte
}

// fills sets memory from 4096 on to what is no nought, so that a snapshot keeps it.
func fills(n int) []byte {
	return cat(i32c(4096), i32c(65), i32c(n), []byte{0xfc, 0x0b, 0})
}

// counts is a loop of n rounds in a local of the function.
func counts(local byte, n int) []byte {
	return cat([]byte{0x03, 0x40, 0x20, local}, i32c(1), []byte{0x6a, 0x22, local}, i32c(n), []byte{0x48, 0x0d, 0, 0x0b})
}

// evicting takes half of the memory of a tenant and most of a start's fuel each time
// that it is loaded. No two of them are alike.
func evicting(no int) Taker {
	m := says(`{"vars":{"a":"` + string(rune('a'+no)) + `"}}`)
	m.pages = 400
	m.fns = append(m.fns, fn{typ: ">", export: "_initialize", locals: 1, body: cat(fills(24<<20), counts(0, 4_000_000))})
	return Taker{"go", m.bytes()}
}

// growing has an instance thrown away by each call, and the next one set to a
// snapshot of 31 MiB.
func growing() Taker {
	m := plug(cat(i32c(1), []byte{0x40, 0, 0x1a}, i64c(1024<<32|2)))
	m.data, m.pages = []byte("{}"), 500
	m.fns = append(m.fns, fn{typ: ">", export: "_initialize", body: fills(32_000_000)})
	return Taker{"go", m.bytes()}
}

// chasing follows addresses through memory, each of which depends on the one before:
// a hundred times the time of other code for the same fuel.
func chasing() Taker {
	const round = 2_000_000
	// l = (l * 1664525 + 1013904223) & mask; l = load(l & mask) ^ l
	step := cat([]byte{0x20, 3}, i32c(1664525), []byte{0x6c}, i32c(1013904223), []byte{0x6a}, i32c(30<<20-4), []byte{0x71, 0x22, 3},
		[]byte{0x28, 2}, leb(nil, 0), []byte{0x20, 3, 0x73, 0x21, 3})
	body := cat([]byte{0x03, 0x40}, bytes.Repeat(step, 4), []byte{0x20, 2}, i32c(1), []byte{0x6a, 0x22, 2}, i32c(round), []byte{0x48, 0x0d, 0, 0x0b})
	m := plug(cat(body, i64c(1024<<32|2)))
	m.data, m.pages = []byte("{}"), 500
	return Taker{"go", m.bytes()}
}

// freeLoops is twelve hundred loops that end at once, about as many as a function may
// have, round after round.
func freeLoops() Taker {
	empty := bytes.Repeat([]byte{0x03, 0x40, 0x0b}, 1200)
	m := plug(cat([]byte{0x03, 0x40}, empty, []byte{0x20, 2}, i32c(1), []byte{0x6a, 0x22, 2}, i32c(9_000_000), []byte{0x48, 0x0d, 0, 0x0b}, i64c(1024<<32|2)))
	m.data = []byte("{}")
	return Taker{"c", m.bytes()}
}

// busy uses nearly all of a call's fuel.
func busy(no int) Taker {
	m := plug(cat(counts(2, 2_000_000+no), i64c(1024<<32|2)))
	m.data = []byte("{}")
	return Taker{"c", m.bytes()}
}

// twenty is as many plugins as a tenant may have, each of which takes a start's fuel
// when it is loaded, and most of a call's.
func twenty() (all []Taker) {
	for no := range 20 {
		m := plug(cat(counts(2, 1_500_000+no), i64c(1024<<32|2)))
		m.data, m.pages = []byte("{}"), 60
		m.fns = append(m.fns, fn{typ: ">", export: "_initialize", locals: 1, body: cat(fills(2<<20), counts(0, 4_000_000))})
		all = append(all, Taker{"c", m.bytes()})
	}
	return all
}

// Types is a module with 200 types of functions of which no other number has any: an
// engine that keeps types for ever grows by them.
func Types(no int) []byte {
	m := says(`{"vars":{"a":"b"}}`)
	for i := range 200 {
		sig := []byte("iiiiiiiiiiiiiiiiiiiiiiiiiiiiii>")
		for bit, n := 0, no*200+i; n > 0; bit, n = bit+1, n/2 {
			if n%2 == 1 {
				sig[bit] = 'I'
			}
		}
		m.fns = append(m.fns, fn{typ: string(sig)})
	}
	return m.bytes()
}
