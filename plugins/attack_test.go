package plugins

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/wasm"
)

func repeat(n int, b ...byte) []byte { return bytes.Repeat(b, n) }

// refused are attacks that never reach an engine: the limit that each breaks.
func refused() map[string]struct {
	body  []byte
	limit string
} {
	type r = struct {
		body  []byte
		limit string
	}
	fill := cat(i32c(0), i32c(0), i32c(1<<20), []byte{0xfc, 0x0b, 0})
	deep := func(n int, open byte) []byte { return cat(repeat(n, open, 0x40), repeat(n, 0x0b), nothing) }
	start := plug(nothing, fn{typ: ">", body: loop(nil)})
	start.start = 4
	table := plug(nothing)
	table.table = 1 << 20
	globals := plug(nothing)
	globals.globals = 500_000
	reserved := plug(nothing)
	reserved.imports = []imp{{wasm.DefaultYieldModule, wasm.DefaultYieldName, ">"}}
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

func TestAttacksRefusedAtOnce(t *testing.T) {
	for what, a := range refused() {
		t.Run(what, func(t *testing.T) {
			_, err := Prepare(manifestFor(t, LangC), a.body, Limits{})
			if err == nil {
				t.Fatal("it was taken")
			}
			if !waxwing.IsPermanent(err) {
				t.Error("the refusal is not permanent")
			}
			var bs wasm.Breaches
			if a.limit != "" && (!errors.As(err, &bs) || !bs.Has(a.limit)) {
				t.Errorf("want the limit %q, got: %v", a.limit, err)
			}
			if len(err.Error()) > 8<<10 {
				t.Errorf("the refusal has %d bytes", len(err.Error()))
			}
		})
	}
}

// attacks are modules that pass the limits: the fault that each comes to, ""
// where it is only to do no harm.
func attacks() map[string]struct {
	m     *mod
	fault string
} {
	type a = struct {
		m     *mod
		fault string
	}
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
	logger := imp{hostModule, "log", "iii>"}
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
	return map[string]a{
		"endless loop":                      {plug(cat(loop(nil), nothing)), FaultFuel},
		"exponential calls without a loop":  {exponential, FaultFuel},
		"recursion with many locals":        {plug(cat(call(3), nothing), fn{typ: ">", locals: 400, body: call(3)}), FaultStack},
		"straight-line memory.fill":         {plug(cat(bytes.Repeat(fill, 5000), nothing)), FaultFuel},
		"storm of zero-length copies":       {plug(cat(loop(cat(i32c(0), i32c(0), i32c(0), []byte{0xfc, 0x0a, 0, 0})), nothing)), FaultFuel},
		"storm of memory.grow(0)":           {plug(cat(loop(grow(0)), nothing)), FaultFuel},
		"growing to the limit":              {plug(cat(grow(62), nothing)), FaultOutput}, // {} is not what it says
		"growing beyond the limit":          {plug(cat(grow(60000), i64c(1024<<32|2))), FaultOutput},
		"a hanging _initialize":             {hang, FaultFuel},
		"ww_alloc gives 0":                  {alloc(0), FaultABI},
		"ww_alloc gives the top of memory":  {alloc(2*65536 - 4), FaultABI},
		"ww_alloc gives -1":                 {alloc(-1), FaultABI},
		"ww_alloc gives what is the output": {alloc(1024), FaultOutput},
		"a result outside of the memory":    {plug(i64c(0x7fffffff<<32 | 100)), FaultABI},
		"a result that wraps":               {plug(i64c(-1<<32 | 0x7000)), FaultABI},
		"an output one byte over":           {plug(i64c(32<<10 + 1)), FaultOutput},
		"an output of 4 GiB":                {plug(i64c(0xffffffff)), FaultOutput},
		"unreachable":                       {plug([]byte{0x00}), FaultTrap},
		"division by nought":                {plug(cat(i32c(1), i32c(0), []byte{0x6d}, drop, nothing)), FaultTrap},
		"a store outside":                   {plug(cat(i32c(-4), i32c(1), []byte{0x36, 2, 0}, nothing)), FaultTrap},
		"call_indirect of another type":     {indirect, FaultTrap},
		"proc_exit":                         {imported(imp{wasiModule, "proc_exit", "i>"}, cat(i32c(0), call(0), nothing)), FaultTrap},
		"clock spinning":                    {imported(imp{wasiModule, "clock_time_get", "iIi>i"}, cat(loop(cat(i32c(0), i64c(1), i32c(64), call(0), drop)), nothing)), FaultFuel},
		"sleeping":                          {imported(imp{wasiModule, "poll_oneoff", "iiii>i"}, cat(loop(cat(i32c(0), i32c(4096), i32c(1), i32c(8192), call(0), drop)), nothing)), FaultFuel},
		"a log flood":                       {imported(logger, cat(loop(cat(i32c(1), i32c(0), i32c(60000), call(0))), nothing)), FaultFuel},
		"a log outside, of 4 GiB":           {imported(logger, cat(i32c(1), i32c(-1), i32c(-1), call(0), nothing)), ""},
		"random bytes of 4 GiB":             {imported(imp{wasiModule, "random_get", "ii>i"}, cat(loop(cat(i32c(0), i32c(-1), call(0), drop)), nothing)), FaultFuel},
		"fail with a text outside":          {imported(imp{hostModule, "fail", "iii>"}, cat(i32c(1), i32c(-9), i32c(70000), call(0), nothing)), FaultFailed},
		"invalid UTF-8":                     {says("{\"subject\":\"\xff\xfe\"}"), FaultOutput},
		"deep JSON":                         {says(strings.Repeat("[", 100)), FaultOutput},
		"deep JSON in its place":            {says(`{"vars":` + strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat("}", 41)), FaultOutput},
		"duplicate keys":                    {says(`{"subject":"a","subject":"b"}`), FaultOutput},
		"unknown keys":                      {says(`{"to":"mallory@evil.example"}`), FaultOutput},
		"a subject with CR LF and Bcc":      {says(`{"subject":"hi\r\nBcc: all@evil.example"}`), FaultOutput},
		"a subject with NUL":                {says(`{"subject":"hi\u0000"}`), FaultOutput},
		"a lone surrogate":                  {says(`{"subject":"\ud800"}`), FaultOutput},
		"no JSON":                           {says(`hello`), FaultOutput},
		"1e999":                             {says(`{"vars":{"a":1e999}}`), FaultOutput},
		"two values":                        {says(`{}{}`), FaultOutput},
	}
}

func TestAttacksSurvived(t *testing.T) {
	e := engine(t, nil)
	good := prepared(t, e, LangC, says(`{"subject":"good"}`).bytes())
	for what, a := range attacks() {
		t.Run(what, func(t *testing.T) {
			c := prepared(t, e, LangC, a.m.bytes())
			for range 3 {
				res := ask(e, c, waxwing.HookPersonalise, smallInput)
				if res.Fault == nil {
					if _, err := Decode(waxwing.HookPersonalise, res.Output, nil); err != nil {
						res.Fault = &Fault{FaultOutput, err.Error()}
					}
				}
				kind := ""
				if res.Fault != nil {
					kind = res.Fault.Kind
				}
				// A slow machine may see the clock before the fuel.
				if kind != a.fault && a.fault != "" && (a.fault != FaultFuel || kind != FaultWall) {
					t.Fatalf("want %q, got %v (output %q)", a.fault, res.Fault, res.Output)
				}
				if len(res.Log) > 8<<10 {
					t.Errorf("a log of %d bytes", len(res.Log))
				}
			}
			if res := ask(e, good, waxwing.HookPersonalise, smallInput); res.Fault != nil || string(res.Output) != `{"subject":"good"}` {
				t.Fatalf("the neighbour: %v %q", res.Fault, res.Output)
			}
		})
	}
	if n, _ := e.Usage(); n > 64<<20 {
		t.Errorf("%d bytes are held", n)
	}
}

func TestStateNeverLeaks(t *testing.T) {
	e := engine(t, nil)
	// It adds one to a byte of memory, to a global and to what it has grown, and
	// gives the byte back as a digit.
	body := cat(i32c(2048), i32c(2048), []byte{0x2d, 0, 0}, i32c(1), []byte{0x6a, 0x3a, 0, 0},
		[]byte{0x23, 0}, i32c(1), []byte{0x6a, 0x24, 0},
		i32c(1036), i32c(2048), []byte{0x2d, 0, 0}, []byte{0x23, 0}, []byte{0x6a}, i32c(48), []byte{0x6a, 0x3a, 0, 0},
		i64c(1024<<32|15))
	m := plug(body)
	m.globals = 1
	m.data = []byte(`{"subject":"?"}`)
	m.data[12] = '?'
	c := prepared(t, e, LangC, m.bytes())
	first := ask(e, c, waxwing.HookPersonalise, smallInput)
	if first.Fault != nil || !strings.Contains(string(first.Output), "2") {
		t.Fatal(first.Fault, string(first.Output))
	}
	for range 100 {
		again := ask(e, c, waxwing.HookPersonalise, smallInput)
		if !bytes.Equal(again.Output, first.Output) || again.Fuel != first.Fuel {
			t.Fatalf("%s, %d fuel; before %s, %d", again.Output, again.Fuel, first.Output, first.Fuel)
		}
	}
}

func TestScriptsAttack(t *testing.T) {
	e := engine(t, nil)
	good := script(t, e, `function personalise(x) { return {subject: "good " + JSON.stringify([1]) + ({}).polluted} }`)
	for what, a := range map[string]struct{ code, fault string }{
		"endless loop":        {`function personalise() { for (;;) {} }`, FaultFuel},
		"regex backtracking":  {`function personalise() { /^(a+)+$/.test("a".repeat(60) + "b"); return {} }`, FaultFuel},
		"prototype pollution": {`function personalise() { Object.prototype.polluted = "!"; JSON.stringify = () => "x"; Array.prototype.map = null; return {subject: "a"} }`, ""},
		"a toJSON bomb":       {`function personalise() { const f = () => ({a: {toJSON: f}, b: {toJSON: f}}); return {vars: {toJSON: f}} }`, "any"},
		"memory":              {`function personalise() { const a = []; for (;;) a.push("x".repeat(1e6) + a.length) }`, "any"},
		"deep recursion":      {`function personalise() { const f = () => f() + 1; return f() }`, "any"},
		"a string of 4 GiB":   {`function personalise() { return {subject: "x".repeat(2**30)} }`, "any"},
		"too much output":     {`function personalise() { return {subject: "x".repeat(40000)} }`, FaultOutput},
		"async":               {`async function personalise() { return {} }`, FaultFailed},
		"throwing":            {`function personalise() { throw new Error("no\nforged: line") }`, FaultFailed},
		"throwing nothing":    {`function personalise() { throw undefined }`, FaultFailed},
		"throwing a getter":   {`function personalise() { throw {get stack() { for (;;) {} }} }`, FaultFuel},
		"no object":           {`function personalise() { return "text" }`, FaultFailed},
		"a proxy":             {`function personalise() { return new Proxy({}, {ownKeys() { for (;;) {} }}) }`, FaultFuel},
		"exit":                {`function personalise() { import("qjs:std").then((s) => s.exit(1)); return {subject: "a"} }`, "any"},
	} {
		t.Run(what, func(t *testing.T) {
			c := script(t, e, a.code)
			var first *Result
			for range 2 {
				res := ask(e, c, waxwing.HookPersonalise, smallInput)
				kind := ""
				if res.Fault != nil {
					kind = res.Fault.Kind
				}
				if a.fault != "any" && kind != a.fault && (a.fault != FaultFuel || kind != FaultWall) {
					t.Fatalf("want %q, got %v (%q)", a.fault, res.Fault, res.Output)
				}
				if strings.Contains(string(res.Log), "\nforged") {
					t.Error("a forged line in the log")
				}
				if first == nil {
					first = &res
				} else if kind != FaultWall && first.Fuel != res.Fuel && (first.Fault == nil || first.Fault.Kind != FaultWall) {
					t.Errorf("fuel %d, then %d", first.Fuel, res.Fuel)
				}
			}
			if res := ask(e, good, waxwing.HookPersonalise, smallInput); res.Fault != nil || string(res.Output) != `{"subject":"good [1]undefined"}` {
				t.Fatalf("the neighbour: %v %q", res.Fault, res.Output)
			}
		})
	}
}

func script(t testing.TB, e *Engine, code string) *Code {
	t.Helper()
	c, err := Prepare(manifestFor(t, LangJS), []byte(code), e.o.Limits)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Compile(t.Context(), c); err != nil {
		t.Skip(err) // the lane is off
	}
	return c
}

func TestCacheIsSealed(t *testing.T) {
	dir := t.TempDir()
	with := func(key string) *Engine {
		return engine(t, func(o *EngineOptions) { o.Cache, o.Key = dir, []byte(key) })
	}
	body := says(`{"subject":"a"}`).bytes()
	e := with("the key with which it was written")
	c := prepared(t, e, LangC, body)
	native, err := filepath.Glob(filepath.Join(dir, "native-*", "wazero-*", "*"))
	if err != nil || len(native) != 1 {
		t.Fatal(native, err)
	}
	if _, err := e.cache.has(c.wasm.Bytes); err != nil {
		t.Fatal(err)
	}
	if _, err := with("another key, which nobody has here").cache.has(c.wasm.Bytes); err == nil {
		t.Error("a seal by another key was taken")
	}
	c = prepared(t, e, LangC, body) // it was removed, and is compiled again
	b, err := os.ReadFile(native[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(native[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	if res := ask(e, c, waxwing.HookPersonalise, smallInput); res.Fault == nil || res.Fault.Kind != FaultOff {
		t.Errorf("changed code was loaded: %+v", res)
	}
	if st, err := os.Stat(filepath.Dir(filepath.Dir(native[0]))); err != nil || st.Mode().Perm() != 0o700 {
		t.Error(st.Mode(), err)
	}
}
