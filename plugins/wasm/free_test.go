package wasm

import (
	"context"
	"fmt"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// counted is a module that counts in a global each instruction that it runs,
// one by one and before it: what the injector's units are held against.
func counted(m *Module) []byte {
	b := append([]byte(nil), m.b[:8]...)
	items := func(id int) (n uint32, rest []byte) {
		sp := m.sections[id]
		if sp.to == sp.from {
			return 0, nil
		}
		n, from := u32At(m.b, sp.from)
		return n, m.b[from:sp.to]
	}
	index := uint32(len(m.globals))
	for _, id := range []byte{sectionType, sectionImport, sectionFunction, sectionTable, sectionMemory, sectionGlobal,
		sectionExport, sectionStart, sectionElement, sectionDataCount, sectionCode, sectionData} {
		n, rest := items(int(id))
		switch id {
		case sectionGlobal:
			b = appendSection(b, id, cat(u32(n+1), rest, []byte{byte(I64), 1, opI64Const, 0, opEnd}))
		case sectionExport:
			b = appendSection(b, id, cat(u32(n+1), rest, exported("count", KindGlobal, index)))
		case sectionCode:
			out := u32(uint32(len(m.code)))
			for _, c := range m.code {
				out = append(out, sized(cat(m.b[c.locals.from:c.locals.to], countedCode(m, c, index)))...)
			}
			b = appendSection(b, id, out)
		default:
			if sp := m.sections[id]; sp.to > sp.from {
				b = appendSection(b, id, m.b[sp.from:sp.to])
			}
		}
	}
	return b
}

func countedCode(m *Module, c code, index uint32) (out []byte) {
	s := &scanner{reader: reader{b: m.b[:c.expr.to], pos: c.expr.from}, m: m}
	one := cat([]byte{opGlobalGet}, u32(index), []byte{opI64Const, 1, opI64Add, opGlobalSet}, u32(index))
	for s.left() > 0 && s.ok() {
		at := s.pos
		s.immediates(s.byte())
		out = append(append(out, one...), m.b[at:s.pos]...)
	}
	return out
}

// runs calls a module's exported functions once each and says how many
// instructions ran and what units the injected module took for them.
func runs(t *testing.T, plain []byte) (ran, units int64) {
	t.Helper()
	m, err := Parse(plain, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	in, err := m.Inject(Config{MaxPages: 3})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, true, true)
	ctx := context.Background()
	g, err := w.instantiate(plain, in.Bytes, "")
	count, err2 := w.rt.InstantiateWithConfig(ctx, counted(m), wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil || err2 != nil {
		if err2 == nil || err == nil {
			t.Fatal(err, err2)
		}
		return 0, 0 // its data or elements lie outside
	}
	for _, e := range m.exports {
		if e.Kind != KindFunc {
			continue
		}
		ft, _ := m.ExportedFunc(e.Name)
		args := make([]uint64, len(ft.Params))
		if _, err := g.call(e.Name, args); err != nil {
			t.Fatal(err)
		}
		_, _ = count.ExportedFunction(e.Name).Call(ctx, args...) // a trap is one in both
		ran, units = int64(count.ExportedGlobal("count").(api.Global).Get()), w.used(g)
		if ran > units {
			t.Errorf("%s: %d instructions ran, %d units", e.Name, ran, units)
		}
	}
	return ran, units
}

// TestNothingIsFree: the units that are charged are never less than the
// instructions that ran, whatever way through the code was taken.
func TestNothingIsFree(t *testing.T) {
	for op, d := range instructions {
		if d.form != formNone && d.cost == 0 {
			t.Errorf("%#x is free", op)
		}
	}
	all, units := int64(0), int64(0)
	for i := range *randomModules {
		r, u := runs(t, randomModule(*seed+uint64(i)))
		if t.Failed() {
			t.Fatal("seed", *seed+uint64(i))
		}
		all, units = all+r, units+u
	}
	if all < 10_000 {
		t.Errorf("only %d instructions ran", all)
	}
	t.Logf("%d instructions, %d units", all, units)
}

// TestNoTurnIsFree: what a loop does is paid for in each turn, and least of all
// its own check.
func TestNoTurnIsFree(t *testing.T) {
	for name, code := range map[string][]byte{
		"nothing":     {},
		"nop":         {opNop},
		"block":       {opBlock, blockEmpty, opEnd},
		"empty loops": times(100, opLoop, blockEmpty, opEnd),
		"branches":    times(100, opBlock, blockEmpty, opBr, 0, opEnd),
		"else":        times(50, opLocalGet, 0, opIf, blockEmpty, opElse, opEnd),
		"drop":        times(100, opLocalGet, 0, opDrop),
		"calls":       times(100, opCall, 1),
	} {
		t.Run(name, func(t *testing.T) {
			used := func(turns byte) (int64, int64) {
				m := plain()
				// local 0 counts down
				m.bodies[0] = body([]byte{1, 1, byte(I32)}, cat([]byte{opI32Const, turns, opLocalSet, 0, opLoop, blockEmpty}, code,
					[]byte{opLocalGet, 0, opI32Const, 1, opI32Sub, opLocalTee, 0, opBrIf, 0, opEnd})...)
				m.function(body(nil))
				m.exports = append(m.exports, exported("f", KindFunc, 0))
				return runs(t, m.bytes())
			}
			ran1, units1 := used(1)
			ran2, units2 := used(51)
			if ran, units := ran2-ran1, units2-units1; units < ran+50*costTurn {
				t.Errorf("50 turns: %d instructions, %d units", ran, units)
			}
		})
	}
}

// unitsOf is what a call of a module's "f" takes.
func unitsOf(t *testing.T, m *binary, c Config) int64 {
	t.Helper()
	mod, err := Parse(m.bytes(), GoLimits())
	if err != nil {
		t.Fatal(err)
	}
	in, err := mod.Inject(c)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, true, true)
	g, err := w.instantiate(nil, in.Bytes, "")
	if err != nil {
		t.Fatal(err)
	}
	if o, err := g.call("f", nil); err != nil || o.trap != "" {
		t.Fatal(err, o)
	}
	return w.used(g)
}

// TestLoadsOfLargeMemory: they cost more where no cache holds the memory, by what
// it may grow to and nothing else, and not in code that is trusted.
func TestLoadsOfLargeMemory(t *testing.T) {
	for name, c := range map[string]struct {
		most    byte // pages, of the memory's own limit, in LEB128's first byte
		config  Config
		perLoad int64
	}{
		"small by its own limit": {16, Config{MaxPages: 512}, costLoad},
		"small by ours":          {127, Config{MaxPages: 16}, costLoad},
		"large by its own limit": {17, Config{MaxPages: 512}, costLoadFar},
		"large by ours":          {127, Config{MaxPages: 17}, costLoadFar},
		"large and trusted":      {127, Config{MaxPages: 512, Trusted: true}, costLoad},
	} {
		t.Run(name, func(t *testing.T) {
			used := func(loads int) int64 {
				m := &binary{}
				m.memory = []byte{1, 1, 1, c.most}
				m.funcs = append(m.funcs, m.typ(nil, nil))
				m.bodies = append(m.bodies, body(nil, times(loads, opI32Const, 0, 0x28, 2, 0, opDrop)...))
				m.exports = append(m.exports, exported("f", KindFunc, 0))
				return unitsOf(t, m, c.config)
			}
			if got := used(51) - used(1); got != 50*(c.perLoad+2) {
				t.Errorf("50 loads take %d units, want %d", got, 50*(c.perLoad+2))
			}
		})
	}
}

// TestEveryWayIsLookedAt: whatever way a function takes, its fuel is looked at
// before it has run for much longer than is allowed between two looks.
func TestEveryWayIsLookedAt(t *testing.T) {
	work := times(3*mostBetween/10, opLocalGet, 0, opLocalSet, 0) // 6/10 of what is allowed
	skipped := cat([]byte{opBlock, blockEmpty, opLocalGet, 0, opBrIf, 0}, work, []byte{opEnd})
	recursion := cat([]byte{opLocalGet, 0, opIf, blockEmpty, opLocalGet, 0, opI32Const, 1, opI32Sub, opCall, 0}, work, []byte{opEnd})
	for name, c := range map[string]struct {
		code  []byte
		arg   uint64
		least int // looks, with one slice all the time below zero
	}{
		"a straight line":      {times(10, work...), 0, 5},
		"ways that are taken":  {times(20, skipped...), 0, 10},
		"ways that are passed": {cat(times(20, skipped...), work, work, work), 1, 1},
		"the way up a stack":   {recursion, 50, 100},
	} {
		t.Run(name, func(t *testing.T) {
			m := &binary{}
			m.memory = []byte{1, 0, 1}
			m.funcs = append(m.funcs, m.typ([]ValType{I32}, nil))
			m.bodies = append(m.bodies, body(nil, c.code...))
			m.exports = append(m.exports, exported("f", KindFunc, 0))
			mod, err := Parse(m.bytes(), DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			in, err := mod.Inject(Config{})
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, true, true)
			w.slice = 1 // each look refills to next to nothing
			w.most = 1 << 40
			looks := 0
			w.looked = func() { looks++ }
			g, err := w.instantiate(nil, in.Bytes, "")
			if err != nil {
				t.Fatal(err)
			}
			if o, err := g.call("f", []uint64{c.arg}); err != nil || o.trap != "" {
				t.Fatal(err, o)
			}
			if most := w.used(g) / (2 * mostBetween); looks < c.least || int64(looks) < most {
				t.Errorf("%d looks for %d units, at least %d", looks, w.used(g), max(int64(c.least), most))
			}
			t.Log(fmt.Sprint(looks, " looks, ", w.used(g), " units"))
		})
	}
}
