package attack

import (
	"bytes"
	"fmt"
	"strings"
)

// Cost is a module whose hook personalise does one thing until its fuel is used
// up: for measuring what fuel costs in time.
type Cost struct {
	Name string
	Go   bool // it needs the memory of a module in Go
	Body []byte
}

// The locals of every such hook, behind its two parameters: four of i32, and
// some of each type.
const (
	lI32  = 2 // nought
	lPtr  = 3
	lCnt  = 4
	lOne  = 5 // i32
	lI64  = 6
	lAcc  = 7 // i64
	lF32  = 8
	lF32b = 9
	lF64  = 10
	lF64b = 11
)

func get(l int) []byte { return []byte{0x20, byte(l)} }
func set(l int) []byte { return []byte{0x21, byte(l)} }

// endless runs code often in a loop without an end, after some preparation.
func endless(before, code []byte, times int) *mod {
	m := plug(cat(before, loop(bytes.Repeat(code, times)), nothing))
	m.fns[2].more = "IIffFF"
	return m
}

// Costs are all of them.
func Costs() (out []Cost) {
	add := func(name string, m *mod) { out = append(out, Cost{Name: name, Body: m.bytes()}) }
	numericCosts(add)
	controlCosts(add)
	callCosts(add)
	scatteredCosts(func(name string, m *mod) { out = append(out, Cost{Name: name, Go: true, Body: m.bytes()}) }, add)
	bulkCosts(add)
	hostCosts(add)
	for _, k := range []int{64, 1024, 2048, 4096, 16384, 32768} {
		out = append(out, Cost{fmt.Sprintf("memory/chase-%dK", k), k > 4096, chase(k, 7, 120).bytes()})
		out = append(out, Cost{fmt.Sprintf("memory/chase-beside-%dK", k), k > 4096, chaseBeside(k).bytes()})
	}
	besideCosts(add)
	besideConflicts(add)
	for _, k := range []int{64, 4096, 32768} {
		out = append(out, Cost{fmt.Sprintf("memory/stores-%dK", k), k > 4096, stores(k).bytes()})
	}
	return out
}

// operands puts a value of each type into its locals.
func operands(tiny bool) []byte {
	f32, f64 := []byte{0, 0, 0x80, 0x3f}, []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f} // 1
	if tiny {                                                                  // denormal
		f32, f64 = []byte{0xff, 0xff, 0x0f, 0}, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 7, 0}
	}
	one32, one64 := []byte{0, 0, 0x80, 0x3f}, []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f}
	return cat(i32c(1), set(lOne), i64c(-0x123456789abcdef), set(lI64),
		[]byte{0x43}, f32, set(lF32), []byte{0x43}, one32, set(lF32b), []byte{0x44}, f64, set(lF64), []byte{0x44}, one64, set(lF64b))
}

// numeric are the instructions that calculate: opcodes, number of operands,
// their type and the result's.
var numeric = []struct {
	from, to byte
	takes    int
	in, out  byte
}{
	{0x45, 0x45, 1, 'i', 'i'}, {0x46, 0x4f, 2, 'i', 'i'}, {0x50, 0x50, 1, 'I', 'i'}, {0x51, 0x5a, 2, 'I', 'i'},
	{0x5b, 0x60, 2, 'f', 'i'}, {0x61, 0x66, 2, 'F', 'i'}, {0x67, 0x69, 1, 'i', 'i'}, {0x6a, 0x78, 2, 'i', 'i'},
	{0x79, 0x7b, 1, 'I', 'I'}, {0x7c, 0x8a, 2, 'I', 'I'}, {0x8b, 0x91, 1, 'f', 'f'}, {0x92, 0x98, 2, 'f', 'f'},
	{0x99, 0x9f, 1, 'F', 'F'}, {0xa0, 0xa6, 2, 'F', 'F'}, {0xa7, 0xa7, 1, 'I', 'i'}, {0xa8, 0xa9, 1, 'f', 'i'},
	{0xaa, 0xab, 1, 'F', 'i'}, {0xac, 0xad, 1, 'i', 'I'}, {0xae, 0xaf, 1, 'f', 'I'}, {0xb0, 0xb1, 1, 'F', 'I'},
	{0xb2, 0xb3, 1, 'i', 'f'}, {0xb4, 0xb5, 1, 'I', 'f'}, {0xb6, 0xb6, 1, 'F', 'f'}, {0xb7, 0xb8, 1, 'i', 'F'},
	{0xb9, 0xba, 1, 'I', 'F'}, {0xbb, 0xbb, 1, 'f', 'F'}, {0xbc, 0xbc, 1, 'f', 'i'}, {0xbd, 0xbd, 1, 'F', 'I'},
	{0xbe, 0xbe, 1, 'i', 'f'}, {0xbf, 0xbf, 1, 'I', 'F'}, {0xc0, 0xc1, 1, 'i', 'i'}, {0xc2, 0xc4, 1, 'I', 'I'},
}

// first and second are the locals of a type's two operands.
var (
	first  = map[byte]int{'i': lOne, 'I': lI64, 'f': lF32, 'F': lF64}
	second = map[byte]int{'i': lOne, 'I': lI64, 'f': lF32b, 'F': lF64b}
)

// kept adds a result to what is looked at later, so that no compiler leaves it
// out: the value's bits, as an integer.
func kept(t byte) []byte {
	bits := map[byte][]byte{'i': {0xad}, 'I': {}, 'f': {0xbc, 0xad}, 'F': {0xbd}}[t]
	return cat(bits, get(lAcc), []byte{0x85}, set(lAcc))
}

func numericCosts(add func(string, *mod)) {
	for _, n := range numeric {
		for op := int(n.from); op <= int(n.to); op++ {
			for _, tiny := range []bool{false, true} {
				if tiny && n.in != 'f' && n.in != 'F' {
					continue
				}
				name := fmt.Sprintf("op/%02x", op)
				if tiny {
					name += "-denormal"
				}
				more := []byte{}
				if n.takes == 2 {
					more = get(second[n.in])
				}
				code := cat(get(first[n.in]), more, []byte{byte(op)}, kept(n.out))
				if n.in == n.out { // each waits for the one before
					code = cat(get(first[n.in]), bytes.Repeat(cat(more, []byte{byte(op)}), 20), kept(n.out))
				}
				add(name, endless(operands(tiny), code, 20))
			}
		}
	}
	for op := range 8 {
		in, out := []byte("ffFFffFF")[op], []byte("iiiiIIII")[op]
		add(fmt.Sprintf("op/fc%02x", op), endless(operands(false), cat(get(first[in]), []byte{0xfc, byte(op)}, kept(out)), 100))
	}
	for op := 0x28; op <= 0x35; op++ {
		out := []byte("iIfFiiiiIIIIII")[op-0x28]
		for _, at := range []int{0, 63, 4095} { // and across lines of the cache, and pages
			add(fmt.Sprintf("load/%02x-%d", op, at), endless(nil, cat(i32c(at), []byte{byte(op), 0, 0}, kept(out)), 100))
		}
	}
	for op := 0x36; op <= 0x3e; op++ {
		in := []byte("iIfFiiIII")[op-0x36]
		for _, at := range []int{0, 63, 4095} {
			add(fmt.Sprintf("store/%02x-%d", op, at), endless(operands(false), cat(i32c(at), get(first[in]), []byte{byte(op), 0, 0}), 100))
		}
	}
}

func controlCosts(add func(string, *mod)) {
	some := func(n int) []byte { return bytes.Repeat(i32c(1), n) }
	drops := func(n int) []byte { return bytes.Repeat([]byte{0x1a}, n) }
	op := func(name string, code []byte) { add("control/"+name, endless(operands(false), code, 100)) }
	op("nothing", nil)
	op("nop", []byte{0x01})
	op("block", []byte{0x02, 0x40, 0x0b})
	op("loop", []byte{0x03, 0x40, 0x0b})
	op("if", cat(get(lI32), []byte{0x04, 0x40, 0x0b}))
	op("else", cat(get(lI32), []byte{0x04, 0x40, 0x01, 0x05, 0x01, 0x0b}))
	op("br", []byte{0x02, 0x40, 0x0c, 0, 0x0b})
	op("br_if", cat([]byte{0x02, 0x40}, get(lI32), []byte{0x0d, 0, 0x0b}))
	op("br_if-taken", cat([]byte{0x02, 0x40}, get(lOne), []byte{0x0d, 0, 0x0b}))
	op("drop", cat(get(lOne), []byte{0x1a}))
	op("select", cat(get(lOne), get(lI32), get(lOne), []byte{0x1b}, set(lPtr)))
	op("select-float", cat(get(lF64), get(lF64b), get(lOne), []byte{0x1b}, set(lF64)))
	op("local.tee", cat(get(lOne), []byte{0x22, lPtr}, set(lCnt)))
	op("memory.size", []byte{0x3f, 0, 0x1a})
	op("memory.grow-0", cat(i32c(0), []byte{0x40, 0, 0x1a}))
	op("memory.grow-too-much", cat(i32c(-1), []byte{0x40, 0, 0x1a}))
	// Jumps that no processor foresees: by the bits of a sequence of numbers.
	next := cat(get(lPtr), i32c(1664525), []byte{0x6c}, i32c(1013904223), []byte{0x6a, 0x22, lPtr}, i32c(24), []byte{0x76})
	op("br_if-unforeseen", cat([]byte{0x02, 0x40}, next, i32c(1), []byte{0x71, 0x0d, 0, 0x0b}))
	table := cat(bytes.Repeat([]byte{0x02, 0x40}, 16), next, i32c(15), []byte{0x71, 0x0e, 15}, []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}, []byte{15},
		bytes.Repeat([]byte{0x0b}, 16))
	add("control/br_table-unforeseen", endless(nil, table, 20))
	// Values that labels carry: the type 0 of these modules takes and gives 16.
	wide := func(name string, code []byte) {
		m := endless(operands(false), cat(some(16), code, drops(16)), 20)
		m.fns = append(m.fns, fn{typ: strings.Repeat("i", 16) + ">" + strings.Repeat("i", 16), body: wideBody})
		add("control/"+name, m)
	}
	wide("block-16-values", []byte{0x02, 3, 0x0b})
	wide("br-16-values", []byte{0x02, 3, 0x0c, 0, 0x0b})
	wide("br_if-16-values", cat([]byte{0x02, 3}, get(lOne), []byte{0x0d, 0, 0x0b}))
	wide("br_table-16-values", cat([]byte{0x02, 3, 0x02, 3}, get(lOne), []byte{0x0e, 1, 0, 1, 0x0b, 0x0b}))
	wide("loop-16-values", []byte{0x03, 3, 0x0b})
	wide("call-16-values", call(3))
	add("control/merge-500-locals", merging(500))
	globals := endless(nil, cat([]byte{0x23, 0, 0x24, 1, 0x23, 1, 0x24, 0}), 100)
	globals.globals = 2
	add("control/globals", globals)
}

var wideBody = func() (b []byte) {
	for i := range 16 {
		b = append(b, get(i)...)
	}
	return b
}()

// merging assigns many locals on a way that is not taken.
func merging(n int) *mod {
	body := []byte{0x02, 0x40, 0x20, 5, 0x0d, 0}
	for i := range n {
		l := leb(nil, 12+i)
		body = cat(body, []byte{0x20}, l, i32c(1), []byte{0x6a, 0x21}, l)
	}
	body = append(body, 0x0b)
	for i := range n {
		l := leb(nil, 12+i)
		body = cat(body, []byte{0x02, 0x40, 0x20, 2, 0x0d, 0, 0x0b}, []byte{0x20}, l, []byte{0x1a})
	}
	use := []byte{}
	for i := range n {
		use = cat(use, i32c(0), []byte{0x20}, leb(nil, 12+i), []byte{0x36, 0, 0})
	}
	m := endless(operands(false), body, 1)
	m.fns[2].body = cat(operands(false), loop(body), use, nothing)
	m.fns[2].more += strings.Repeat("i", n)
	return m
}

func callCosts(add func(string, *mod)) {
	one := func(name string, f fn, code []byte) {
		m := endless(operands(false), code, 50)
		m.fns = append(m.fns, f)
		m.table, m.elems = 4, []int{3, 3, 3, 3}
		add("call/"+name, m)
	}
	one("call", fn{typ: ">"}, call(3))
	one("return", fn{typ: ">", body: []byte{0x0f}}, call(3))
	one("indirect", fn{typ: ">"}, cat(get(lOne), []byte{0x11, 3, 0}))
	one("60-params", fn{typ: strings.Repeat("i", 60) + ">"}, cat(bytes.Repeat(get(lOne), 60), call(3)))
	one("500-locals", fn{typ: ">", locals: 500}, call(3))
	// Up and down a deep stack: a function that calls itself n times, and does
	// something on the way back.
	depth := func(name string, after []byte) {
		body := cat(get(0), []byte{0x04, 0x40}, get(0), i32c(1), []byte{0x6b}, call(3), after, []byte{0x0b})
		m := endless(operands(false), cat(i32c(8000), call(3)), 1)
		m.fns = append(m.fns, fn{typ: "i>", more: "iI", body: body})
		add("call/"+name, m)
	}
	depth("deep", nil)
	depth("deep-and-work", bytes.Repeat(cat(get(2), i64c(3), []byte{0x80}, set(2)), 100))
}

func bulkCosts(add func(string, *mod)) {
	bulk := func(name string, pages int, at, from, n int, op ...byte) {
		m := endless(nil, cat(i32c(at), i32c(from), i32c(n), op), 10)
		m.pages = pages
		add("bulk/"+name, m)
	}
	fill, copies := []byte{0xfc, 0x0b, 0}, []byte{0xfc, 0x0a, 0, 0}
	for _, n := range []int{0, 1, 64, 4096, 65536, 1 << 20} {
		bulk(fmt.Sprintf("fill-%d", n), 64, 4, 1, n, fill...)
		bulk(fmt.Sprintf("copy-%d", n), 64, 4, 1<<21+1, n, copies...)
		bulk(fmt.Sprintf("copy-overlap-%d", n), 64, 5, 4, n, copies...)
	}
	grow := endless(nil, cat(i32c(1), []byte{0x40, 0, 0x1a}), 1)
	grow.pages = 1
	add("memory/grow-by-pages", grow)
}

// chase follows pointers through so many KiB, a power of two and all the memory
// that there is, each in a piece of 1<<shift bytes of its own, in an order that no
// processor foresees. A pair of lines of the cache comes together, which is 128 bytes. They lie
// at at in each piece; before the first is room for an input.
func chase(kib, shift, at int) *mod {
	pieces := kib << 10 >> shift
	m := endless(nil, cat(get(lPtr), bytes.Repeat(cat([]byte{0x28, 2}, leb(nil, at)), 200), set(lPtr)), 5)
	m.pages = kib / 64
	m.maxed = m.pages // what may grow to more pays more for a load
	m.fns[1].body = i32c(8)
	// mem[at+i<<shift] = (i*1103515245 + 12345) % pieces << shift
	m.fns = append(m.fns, fn{typ: ">", export: "_initialize", locals: 1, body: loopTo(0, pieces, cat(get(0), i32c(shift), []byte{0x74},
		get(0), i32c(1103515245), []byte{0x6c}, i32c(12345), []byte{0x6a}, i32c(pieces-1), []byte{0x71}, i32c(shift), []byte{0x74}, []byte{0x36, 2}, leb(nil, at)))})
	return m
}

// chaseBeside loads what lies on both sides of each pointer too, which costs less than the
// pointer itself.
func chaseBeside(kib int) *mod {
	const at, beside = 160, 32
	m := chase(kib, 8, at)
	step := cat(get(lPtr), []byte{0x28, 2}, leb(nil, at), get(lOne))
	for _, near := range []int{at - beside, at + beside} {
		step = cat(step, get(lPtr), []byte{0x28, 2}, leb(nil, near), []byte{0x6a})
	}
	step = cat(step, set(lOne), set(lPtr))
	m.fns[2].body = cat(loop(bytes.Repeat(step, 100)), nothing)
	return m
}

// besideCosts load from beside what was loaded and paid for, where that is slowest: over
// the border of two lines or pages, and of what was just stored in another size.
func besideCosts(add func(string, *mod)) {
	for op := 0x28; op <= 0x35; op++ {
		out := []byte("iIfFiiiiIIIIII")[op-0x28]
		for _, at := range []int{63, 4095} {
			load := cat(get(lCnt), []byte{byte(op), 0, 16}, kept(out))
			add(fmt.Sprintf("beside/%02x-%d", op, at), endless(cat(i32c(at-16), set(lCnt)), load, 100))
		}
	}
	store := cat(get(lCnt), get(lI64), []byte{0x37, 0, 13}, get(lCnt), []byte{0x29, 0, 16}, set(lI64))
	add("beside/forwarding-fails", endless(cat(operands(false), i32c(4079), set(lCnt)), store, 100))
	add("beside/waits-for-itself", endless(cat(operands(false), i32c(64), set(lCnt)),
		cat(get(lCnt), get(lI64), []byte{0x37, 0, 16}, get(lCnt), []byte{0x29, 0, 16}, set(lI64)), 100))
}

// besideConflicts load again and again from lines that share a set of the caches.
func besideConflicts(add func(string, *mod)) {
	for _, stride := range []int{4 << 10, 64 << 10, 128 << 10} {
		for _, n := range []int{8, 16, 24} {
			var code []byte
			for i := range n {
				code = cat(code, get(lCnt), []byte{0x28, 2}, leb(nil, 256+i*stride), get(lOne), []byte{0x6a}, set(lOne))
			}
			m := endless(cat(i32c(64), set(lCnt)), code, 100)
			m.pages = 64
			add(fmt.Sprintf("beside/conflicts-%dK-%d", stride>>10, n), m)
		}
	}
}

// stores writes all over so many KiB.
func stores(kib int) *mod {
	next := cat(get(lPtr), i32c(1664525), []byte{0x6c}, i32c(1013904223), []byte{0x6a, 0x22, lPtr}, i32c(kib<<10-64), []byte{0x71})
	m := endless(nil, cat(next, get(lOne), []byte{0x36, 2, 0}), 50)
	m.pages = max(kib/64, 64)
	return m
}

// loopTo runs code with a local from 0 to n.
func loopTo(local, n int, code []byte) []byte {
	return cat([]byte{0x03, 0x40}, code, get(local), i32c(1), []byte{0x6a, 0x22, byte(local)}, i32c(n), []byte{0x49, 0x0d, 0, 0x0b})
}

// hostCosts call every function of the host: with operands of nought, and those
// that work with as much as they may.
func hostCosts(add func(string, *mod)) {
	host := func(name string, im imp, before []byte, args ...int) {
		var code []byte
		params, results, _ := strings.Cut(im.typ, ">")
		for i := range len(params) {
			n := 0
			if i < len(args) {
				n = args[i]
			}
			if params[i] == 'I' {
				code = append(code, i64c(int64(n))...)
			} else {
				code = append(code, i32c(n)...)
			}
		}
		code = cat(code, call(0), bytes.Repeat([]byte{0x1a}, len(results)))
		m := endless(before, code, 10)
		m.imports = []imp{im}
		add("host/"+name, m)
	}
	wasi := func(name, typ string) imp { return imp{"wasi_snapshot_preview1", name, typ} }
	for line := range strings.Lines(wasiFunctions) {
		name, typ, _ := strings.Cut(strings.TrimSpace(line), " ")
		host(name, wasi(name, typ), nil)
	}
	lines := cat(i32c(0), i32c(10), i32c(65536), []byte{0xfc, 0x0b, 0})
	logger := imp{"ww_1", "log", "iii>"}
	host("log-nothing", logger, nil)
	host("log-newlines", logger, lines, 1, 0, 4096)
	host("log-long", logger, lines, 1, 0, 65536)
	vectors := loopTo(lI32, 64, cat(get(lI32), i32c(3), []byte{0x74}, i32c(1024), []byte{0x36, 2, 4}))
	host("fd_write-64-vectors", wasi("fd_write", "iiii>i"), vectors, 1, 0, 64, 60000)
	host("random_get-64K", wasi("random_get", "ii>i"), nil, 0, 65536)
	host("random_get-1", wasi("random_get", "ii>i"), nil, 0, 1)
	host("poll_oneoff-64", wasi("poll_oneoff", "iiii>i"), nil, 0, 8192, 64, 32000)
	host("clock_time_get-1", wasi("clock_time_get", "iIi>i"), nil, 1, 1, 64)
}

// wasiFunctions are those that can be called again and again.
const wasiFunctions = `args_get ii>i
args_sizes_get ii>i
environ_get ii>i
environ_sizes_get ii>i
clock_res_get ii>i
clock_time_get iIi>i
fd_advise iIIi>i
fd_close i>i
fd_fdstat_get ii>i
fd_fdstat_set_flags ii>i
fd_filestat_get ii>i
fd_pread iiiIi>i
fd_prestat_get ii>i
fd_prestat_dir_name iii>i
fd_pwrite iiiIi>i
fd_read iiii>i
fd_readdir iiiIi>i
fd_seek iIii>i
fd_sync i>i
fd_tell ii>i
fd_write iiii>i
path_open iiiiiIIii>i
path_link iiiiiii>i
path_filestat_set_times iiiiIIi>i
poll_oneoff iiii>i
proc_raise i>i
random_get ii>i
sched_yield >i
sock_recv iiiiii>i
sock_shutdown ii>i`
