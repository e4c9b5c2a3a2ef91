package attack

import (
	"bytes"
	"maps"
	"strings"
	"time"
)

func repeat(n int, b ...byte) []byte { return bytes.Repeat(b, n) }

// Refused is an attack that never reaches an engine: a limit stops it.
type Refused struct {
	Body  []byte
	Limit string // the one that it breaks; "" any
}

// AtOnce are attacks on whoever reads, compiles or instantiates a module.
func AtOnce() map[string]Refused {
	type r = Refused
	fill := cat(i32c(0), i32c(0), i32c(1<<20), []byte{0xfc, 0x0b, 0})
	deep := func(n int, open byte) []byte { return cat(repeat(n, open, 0x40), repeat(n, 0x0b), nothing) }
	start := plug(nothing, fn{typ: ">", body: loop(nil)})
	start.start = 4
	table := plug(nothing)
	table.table = 1 << 20
	globals := plug(nothing)
	globals.globals = 500_000
	reserved := plug(nothing)
	reserved.imports = []imp{{"ww_fuel", "yield", ">"}}
	reserved.fns[2].body = nothing
	prefix := plug(nothing, fn{typ: ">", export: "ww:fuel"})
	foreign := plug(nothing)
	foreign.imports = []imp{{"env", "jsFunctionProxy", "iIii>I"}}
	memory := plug(nothing)
	memory.pages = 65536
	manyLocals := plug(nothing)
	for range 4000 {
		manyLocals.fns = append(manyLocals.fns, fn{typ: ">", locals: 500})
	}
	many := plug(nothing)
	for range 250_000 {
		many.fns = append(many.fns, fn{typ: ">"})
	}
	exports := plug(nothing)
	for i := range 5000 {
		exports.fns = append(exports.fns, fn{typ: ">", export: "e" + time.Duration(i).String()})
	}
	debug := plug(nothing)
	debug.tail = section(nil, 0, append(name(nil, ".debug_info"), make([]byte, 600<<10)...))
	branches := plug(cat(i32c(0), leb([]byte{0x0e}, 10_000), repeat(10_001, 0), nothing))
	bomb := append(plug(nothing).bytes()[:0:0], "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x0a\x0c\x01\x0a\x01\xff\xff\xff\xff\x0f\x7f\x0b"...)
	return map[string]r{
		"the 39-byte locals bomb":          {bomb, ""},
		"many functions with many locals":  {manyLocals.bytes(), ""},
		"250,000 functions":                {many.bytes(), ""},
		"nested loops":                     {plug(deep(200, 0x03)).bytes(), "loop nesting"},
		"nested blocks":                    {plug(deep(2000, 0x02)).bytes(), "nesting"},
		"br_table bomb":                    {branches.bytes(), "branch targets"},
		"100,000 parameters":               {(&mod{fns: []fn{{typ: strings.Repeat("i", 100_000) + ">"}}}).bytes(), ""},
		"5,000 exports":                    {exports.bytes(), ""},
		"500,000 globals":                  {globals.bytes(), ""},
		"a hanging start":                  {start.bytes(), "start"},
		"a huge table":                     {table.bytes(), "table"},
		"4 GiB of memory":                  {memory.bytes(), ""},
		"importing what the injector adds": {reserved.bytes(), ""},
		"exporting what the injector adds": {prefix.bytes(), "reserved name"},
		"importing the engine's own":       {foreign.bytes(), "import"},
		"giant debug sections":             {debug.bytes(), ""},
		"a body of 100 KB":                 {plug(cat(bytes.Repeat(fill, 12_000), nothing)).bytes(), "body bytes"},
		"no ABI":                           {(&mod{fns: []fn{{typ: ">"}}}).bytes(), "export"},
		"a hook of another type":           {(&mod{fns: []fn{{typ: ">", export: "ww_abi_1"}, {typ: "i>i", export: "ww_alloc", body: i32c(8)}, {typ: "ii>i", export: "ww_personalise_1", body: i32c(1)}}}).bytes(), "export"},
		"truncated":                        {plug(nothing).bytes()[:60], ""},
		"empty":                            {nil, ""},
	}
}

// Survived is an attack that runs.
type Survived struct {
	Body  []byte
	Fault string // the kind that the call comes to; "" it only does no harm, "any" either
}

// The kinds of faults, as package plugins names them.
const (
	faultFuel   = "fuel"
	faultStack  = "stack"
	faultTrap   = "trap"
	faultFailed = "failed"
	faultABI    = "abi"
	faultOutput = "output"
)

// Running are modules that pass the limits and attack while they run.
func Running() map[string]Survived {
	out := map[string]Survived{}
	for what, a := range running() {
		out[what] = Survived{a.m.bytes(), a.fault}
	}
	return out
}

// attacker is a module and the kind of fault that it comes to.
type attacker struct {
	m     *mod
	fault string
}

func running() map[string]attacker {
	type a = attacker
	drop := []byte{0x1a}
	grow := func(n int) []byte { return cat(i32c(n), []byte{0x40, 0}, drop) }
	exponential := plug(cat(call(43), nothing))
	exponential.fns = append(exponential.fns, fn{typ: ">"})
	for i := range 40 {
		exponential.fns = append(exponential.fns, fn{typ: ">", body: cat(call(3+i), call(3+i))})
	}
	imported := func(im imp, body []byte) *mod {
		m := plug(body)
		m.imports = []imp{im}
		return m
	}
	logger := imp{"ww_1", "log", "iii>"}
	indirect := plug(cat(i32c(7), []byte{0x11, 0, 0}, nothing))
	indirect.table, indirect.elems = 8, []int{1}
	alloc := func(v int) *mod {
		m := says("{}")
		m.fns[1].body = i32c(v)
		return m
	}
	hang := says("{}")
	hang.fns = append(hang.fns, fn{typ: ">", export: "_initialize", body: loop(nil)})
	fill := cat(i32c(0), i32c(1), i32c(120_000), []byte{0xfc, 0x0b, 0})
	// It counts in a local to a million and a half, and then answers: nothing
	// stops it, and it takes a worker all the same.
	slow := says("{}")
	slow.fns[2].body = cat([]byte{0x03, 0x40, 0x20, 2}, i32c(1), []byte{0x6a, 0x22, 2}, i32c(1_500_000), []byte{0x48, 0x0d, 0, 0x0b},
		i64c(1024<<32|2))
	out := map[string]a{
		"endless loop":                      {plug(cat(loop(nil), nothing)), faultFuel},
		"exponential calls without a loop":  {exponential, faultFuel},
		"recursion with many locals":        {plug(cat(call(3), nothing), fn{typ: ">", locals: 400, body: call(3)}), faultStack},
		"straight-line memory.fill":         {plug(cat(bytes.Repeat(fill, 5000), nothing)), faultFuel},
		"storm of zero-length copies":       {plug(cat(loop(cat(i32c(0), i32c(0), i32c(0), []byte{0xfc, 0x0a, 0, 0})), nothing)), faultFuel},
		"storm of memory.grow(0)":           {plug(cat(loop(grow(0)), nothing)), faultFuel},
		"growing to the limit":              {plug(cat(grow(62), nothing)), faultOutput}, // {} is not what it says
		"growing beyond the limit":          {plug(cat(grow(60000), i64c(1024<<32|2))), faultOutput},
		"a hanging _initialize":             {hang, faultFuel},
		"ww_alloc gives 0":                  {alloc(0), faultABI},
		"ww_alloc gives the top of memory":  {alloc(2*65536 - 4), faultABI},
		"ww_alloc gives -1":                 {alloc(-1), faultABI},
		"ww_alloc gives what is the output": {alloc(1024), faultOutput},
		"a result outside of the memory":    {plug(i64c(0x7fffffff<<32 | 100)), faultABI},
		"a result that wraps":               {plug(i64c(-1<<32 | 0x7000)), faultABI},
		"an output one byte over":           {plug(i64c(32<<10 + 1)), faultOutput},
		"an output of 4 GiB":                {plug(i64c(0xffffffff)), faultOutput},
		"slow, within every limit":          {slow, ""},
		"unreachable":                       {plug([]byte{0x00}), faultTrap},
		"division by nought":                {plug(cat(i32c(1), i32c(0), []byte{0x6d}, drop, nothing)), faultTrap},
		"a store outside":                   {plug(cat(i32c(-4), i32c(1), []byte{0x36, 2, 0}, nothing)), faultTrap},
		"call_indirect of another type":     {indirect, faultTrap},
		"proc_exit":                         {imported(imp{"wasi_snapshot_preview1", "proc_exit", "i>"}, cat(i32c(0), call(0), nothing)), faultTrap},
		"clock spinning":                    {imported(imp{"wasi_snapshot_preview1", "clock_time_get", "iIi>i"}, cat(loop(cat(i32c(0), i64c(1), i32c(64), call(0), drop)), nothing)), faultFuel},
		"sleeping":                          {imported(imp{"wasi_snapshot_preview1", "poll_oneoff", "iiii>i"}, cat(loop(cat(i32c(0), i32c(4096), i32c(1), i32c(8192), call(0), drop)), nothing)), faultFuel},
		"a log flood":                       {imported(logger, cat(loop(cat(i32c(1), i32c(0), i32c(60000), call(0))), nothing)), faultFuel},
		"a log outside, of 4 GiB":           {imported(logger, cat(i32c(1), i32c(-1), i32c(-1), call(0), nothing)), ""},
		"random bytes of 4 GiB":             {imported(imp{"wasi_snapshot_preview1", "random_get", "ii>i"}, cat(loop(cat(i32c(0), i32c(-1), call(0), drop)), nothing)), faultFuel},
		"fail with a text outside":          {imported(imp{"ww_1", "fail", "iii>"}, cat(i32c(1), i32c(-9), i32c(70000), call(0), nothing)), faultFailed},
		"invalid UTF-8":                     {says("{\"subject\":\"\xff\xfe\"}"), faultOutput},
		"deep JSON":                         {says(strings.Repeat("[", 100)), faultOutput},
		"deep JSON in its place":            {says(`{"vars":` + strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat("}", 41)), faultOutput},
		"duplicate keys":                    {says(`{"subject":"a","subject":"b"}`), faultOutput},
		"unknown keys":                      {says(`{"to":"mallory@evil.example"}`), faultOutput},
		"a subject with CR LF and Bcc":      {says(`{"subject":"hi\r\nBcc: all@evil.example"}`), faultOutput},
		"a subject with NUL":                {says(`{"subject":"hi\u0000"}`), faultOutput},
		"a lone surrogate":                  {says(`{"subject":"\ud800"}`), faultOutput},
		"no JSON":                           {says(`hello`), faultOutput},
		"1e999":                             {says(`{"vars":{"a":1e999}}`), faultOutput},
		"two values":                        {says(`{}{}`), faultOutput},
	}
	maps.Copy(out, state())
	return out
}

// Scripts are attacks in JavaScript.
func Scripts() map[string]Survived {
	out := moreScripts()
	maps.Copy(out, map[string]Survived{
		"endless loop":        {[]byte(`function personalise() { for (;;) {} }`), faultFuel},
		"regex backtracking":  {[]byte(`function personalise() { /^(a+)+$/.test("a".repeat(60) + "b"); return {} }`), faultFuel},
		"prototype pollution": {[]byte(`function personalise() { Object.prototype.polluted = "!"; JSON.stringify = () => "x"; Array.prototype.map = null; return {subject: "a"} }`), ""},
		"a toJSON bomb":       {[]byte(`function personalise() { const f = () => ({a: {toJSON: f}, b: {toJSON: f}}); return {vars: {toJSON: f}} }`), "any"},
		"memory":              {[]byte(`function personalise() { const a = []; for (;;) a.push("x".repeat(1e6) + a.length) }`), "any"},
		"deep recursion":      {[]byte(`function personalise() { const f = () => f() + 1; return f() }`), "any"},
		"a string of 4 GiB":   {[]byte(`function personalise() { return {subject: "x".repeat(2**30)} }`), "any"},
		"too much output":     {[]byte(`function personalise() { return {subject: "x".repeat(40000)} }`), faultOutput},
		"a promise":           {[]byte(`function personalise() { return Promise.resolve({}) }`), faultFailed},
		"throwing":            {[]byte(`function personalise() { throw new Error("no\nforged: line") }`), faultFailed},
		"throwing nothing":    {[]byte(`function personalise() { throw undefined }`), faultFailed},
		"throwing a getter":   {[]byte(`function personalise() { throw {get stack() { for (;;) {} }} }`), faultFuel},
		"no object":           {[]byte(`function personalise() { return "text" }`), faultFailed},
		"a proxy":             {[]byte(`function personalise() { return new Proxy({}, {ownKeys() { for (;;) {} }}) }`), faultFuel},
		"exit":                {[]byte(`function personalise() { import("qjs:std").then((s) => s.exit(1)); return {subject: "a"} }`), "any"},
	})
	return out
}

// Says is a module whose hook personalise always gives this output.
func Says(out string) []byte { return says(out).bytes() }

// Counter is a module that counts its calls in memory and in a global, and says
// how often it was called: "2" for ever where nothing survives a call.
func Counter() []byte {
	body := cat(i32c(2048), i32c(2048), []byte{0x2d, 0, 0}, i32c(1), []byte{0x6a, 0x3a, 0, 0},
		[]byte{0x23, 0}, i32c(1), []byte{0x6a, 0x24, 0},
		i32c(1036), i32c(2048), []byte{0x2d, 0, 0}, []byte{0x23, 0}, []byte{0x6a}, i32c(48), []byte{0x6a, 0x3a, 0, 0},
		i64c(1024<<32|15))
	m := plug(body)
	m.globals = 1
	m.data = []byte(`{"subject":"?"}`)
	return m.bytes()
}

// DataOutside is a module that passes every check and cannot be instantiated:
// its data lies outside of its memory.
func DataOutside() []byte {
	m := plug(i64c(0))
	m.data = bytes.Repeat([]byte{'x'}, 2<<16)
	return m.bytes()
}

// Grower is a module that grows its memory at each call and says how many pages
// it has: the same for ever where growth is taken back.
func Grower() []byte {
	m := plug(cat(i32c(1), []byte{0x40, 0, 0x1a}, i32c(1036), []byte{0x3f, 0}, i32c(48), []byte{0x6a, 0x3a, 0, 0}, i64c(1024<<32|15)))
	m.data = []byte(`{"subject":"?"}`)
	return m.bytes()
}

// Dice is a module that gives 64 random bytes as its output.
func Dice() []byte {
	m := plug(cat(i32c(1024), i32c(64), call(0), []byte{0x1a}, i64c(1024<<32|64)))
	m.imports = []imp{{"wasi_snapshot_preview1", "random_get", "ii>i"}}
	return m.bytes()
}

// TellsEngine is a module that looks which NaN comes of two others, when it starts
// and when it is asked: engines and processors choose another one each.
func TellsEngine() []byte {
	nan := []byte{0x43, 1, 0, 0xa0, 0x7f, 0x43, 3, 0, 0x80, 0xff, 0x96, 0xbc} // f32.min
	m := plug(cat(i32c(1036), nan, i32c(63), []byte{0x71}, i32c(48), []byte{0x6a, 0x3a, 0, 0}, i64c(1024<<32|15)))
	m.data = []byte(`{"subject":"?"}`)
	m.globals = 1
	m.fns = append(m.fns, fn{typ: ">", export: "_initialize", body: cat(i32c(4096), nan, []byte{0x36, 2, 0}, nan, []byte{0x24, 0})})
	return m.bytes()
}
