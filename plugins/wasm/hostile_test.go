package wasm

import (
	"runtime"
	"strings"
	"testing"
)

// run instantiates an injected module, calls its function f with little fuel,
// and tells how it ended and what the host allocated meanwhile.
func run(t *testing.T, m *binary, args ...uint64) (trap string, allocated uint64) {
	t.Helper()
	m.exports = append(m.exports, exported("f", KindFunc, 0))
	mod, err := Parse(m.bytes(), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	in, err := mod.Inject(Config{MaxPages: 64})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, true, true)
	w.slice, w.most = 200_000, 100 // 20 million in all
	g, err := w.instantiate(nil, in.Bytes, "")
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	o, err := g.call("f", args)
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if used := w.used(g); used > 21_000_000 && !strings.Contains(o.trap, "depth") {
		t.Logf("%d fuel charged at the end", used)
	}
	return o.trap, after.TotalAlloc - before.TotalAlloc
}

// TestHostileCode: whatever runs, ends; and deep recursion takes little memory.
func TestHostileCode(t *testing.T) {
	i32 := func(n int64) []byte { return append([]byte{opI32Const}, sleb(n)...) }
	loop := func(inside ...byte) []byte {
		return cat([]byte{opLoop, blockEmpty}, inside, []byte{opBr, 0, opEnd})
	}
	fill := cat(i32(0), i32(0), i32(65536), []byte{opMisc, miscMemoryFill, 0})
	for name, c := range map[string]struct {
		end  string
		most uint64 // bytes allocated
		m    *binary
	}{
		"endless loop":               {"out of fuel", 1 << 20, plain(loop()...)},
		"exponential calls":          {"out of fuel", 1 << 20, exponential()},
		"straight-line fill":         {"out of fuel", 1 << 20, plain(times(2000, fill...)...)},
		"fills of nothing":           {"out of fuel", 1 << 20, plain(loop(cat(i32(0), i32(0), i32(0), []byte{opMisc, miscMemoryFill, 0})...)...)},
		"copies of nothing":          {"out of fuel", 1 << 20, plain(loop(cat(i32(0), i32(0), i32(0), []byte{opMisc, miscMemoryCopy, 0, 0})...)...)},
		"growing by nothing":         {"out of fuel", 1 << 20, plain(loop(cat(i32(0), []byte{opMemoryGrow, 0, opDrop})...)...)},
		"growing to the limit":       {"out of fuel", 64 << 20, plain(loop(cat(i32(1), []byte{opMemoryGrow, 0, opDrop})...)...)},
		"growing beyond the limit":   {"out of fuel", 1 << 20, plain(loop(cat(i32(-1), []byte{opMemoryGrow, 0, opDrop})...)...)},
		"recursion":                  {"stack overflow", 16 << 20, plain(opCall, 0)},
		"recursion with locals":      {"stack overflow", 16 << 20, recursive(512, nil)},
		"recursion with values":      {"stack overflow", 16 << 20, recursive(1, cat(times(3000, opLocalGet, 0, opI32Const, 1, opI32Add, opLocalSet, 0, opCall, 1)))},
		"recursion with many values": {"stack overflow", 16 << 20, recursive(100, cat(times(30, cat(increments(100), []byte{opCall, 1})...), stores(100)))},
		"recursion with merges":      {"stack overflow", 16 << 20, recursive(200, merges(200, 150))},
		"indirect recursion":         {"stack overflow", 16 << 20, indirect()},
	} {
		t.Run(name, func(t *testing.T) {
			trap, allocated := run(t, c.m)
			if !strings.Contains(trap, c.end) {
				t.Errorf("it ends with %q", trap)
			}
			if allocated > c.most {
				t.Errorf("it takes %d KiB", allocated>>10)
			}
			t.Logf("%s, %d KiB", trap, allocated>>10)
		})
	}
}

// exponential are 306 bytes that run for longer than anyone waits.
func exponential() *binary {
	m := plain(opCall, 1, opCall, 1)
	for i := range byte(40) {
		m.function(body(nil, opCall, i+2, opCall, i+2))
	}
	m.function(body(nil))
	return m
}

// recursive is a function that calls itself after some code; function 1 is empty.
func recursive(locals int, code []byte) *binary {
	m := plain()
	m.bodies[0] = body(cat([]byte{1}, u32(uint32(locals)), []byte{byte(I32)}), cat(code, []byte{opCall, 0})...)
	m.function(body(nil))
	return m
}

// merges sets locals in the innermost of nested blocks, which are left early by
// branches: each end makes a value of each local.
func merges(locals, blocks int) []byte {
	code := times(blocks, opBlock, blockEmpty, opLocalGet, 0, opBrIf, 0)
	code = cat(code, increments(locals))
	code = cat(code, times(blocks, opCall, 1, opEnd, opCall, 1))
	return cat(code, stores(locals))
}

func increments(locals int) (code []byte) {
	for i := range locals {
		code = cat(code, []byte{opLocalGet}, u32(uint32(i)), []byte{opI32Const, 1, opI32Add, opLocalSet}, u32(uint32(i)))
	}
	return code
}

// stores keeps locals alive to the end.
func stores(locals int) (code []byte) {
	for i := range locals {
		code = cat(code, []byte{opI32Const, 0, opLocalGet}, u32(uint32(i)), []byte{0x36, 2, 0})
	}
	return code
}

func indirect() *binary {
	m := plain(opI32Const, 0, opCallIndirect, 0, 0)
	m.table = []byte{1, byte(funcref), 0, 1}
	m.elements = [][]byte{{0, opI32Const, 0, opEnd, 1, 0}}
	return m
}
