package wasm

import (
	"math/rand/v2"
	"slices"
)

// random writes valid modules whose functions come to an end: loops count down
// and calls go to functions that stand further down.
type random struct {
	r       *rand.Rand
	m       *binary
	nans    bool       // go where they like
	sigs    []FuncType // types by index
	funcs   []FuncType // imported ones first
	foreign int
	globals []ValType
	passive uint32

	// the present function
	fn       int
	b        []byte
	locals   []ValType
	labels   [][]ValType
	scratch  map[ValType]uint32
	counters []uint32
	loops    int
	budget   int
	calls    int
}

var allTypes = []ValType{I32, I64, F32, F64}

// randomModule is a module by its seed. No NaN goes further than the instruction
// that made it.
func randomModule(seed uint64) []byte { return randomOf(seed, false) }

func randomOf(seed uint64, nans bool) []byte {
	g := &random{r: rand.New(rand.NewPCG(seed, 7)), m: &binary{}, nans: nans}
	g.m.memory = []byte{1, 1, 1, 3}
	g.module()
	return g.m.bytes()
}

func (g *random) n(n int) int      { return g.r.IntN(n) }
func (g *random) one(in int) bool  { return g.r.IntN(in) == 0 }
func (g *random) any() ValType     { return allTypes[g.n(4)] }
func (g *random) emit(bs ...byte)  { g.b = append(g.b, bs...) }
func (g *random) op(o byte, a int) { g.b = appendU32(append(g.b, o), uint32(a)) }

func (g *random) list(most int) (ts []ValType) {
	for range g.n(most + 1) {
		ts = append(ts, g.any())
	}
	return ts
}

func (g *random) typeIndex(t FuncType) int {
	for i, s := range g.sigs {
		if s.Is(t.Params, t.Results) {
			return i
		}
	}
	g.sigs = append(g.sigs, t)
	return int(g.m.typ(t.Params, t.Results))
}

func (g *random) module() {
	for i, t := range []FuncType{{[]ValType{I32}, []ValType{I32}}, {}} {
		if g.one(2) {
			g.m.imports = append(g.m.imports, cat(named("env"), named([]string{"double", "nothing"}[i]), []byte{0}, u32(uint32(g.typeIndex(t)))))
			g.funcs = append(g.funcs, t)
		}
	}
	g.foreign = len(g.funcs)
	for range 1 + g.n(4) {
		t := FuncType{g.list(3), g.list(3)}
		g.funcs = append(g.funcs, t)
		g.m.funcs = append(g.m.funcs, uint32(g.typeIndex(t)))
	}
	for range g.n(6) {
		t := g.any()
		g.globals = append(g.globals, t)
		g.b = nil
		g.constant(t)
		g.m.globals = append(g.m.globals, cat([]byte{byte(t), 1}, g.b, []byte{opEnd}))
	}
	g.elements()
	g.m.datas = [][]byte{cat([]byte{0, opI32Const, 16, opEnd}, sized([]byte("some data that lies there"))), cat([]byte{1}, sized([]byte("passive data")))}
	g.m.count = []byte{2}
	for i := range g.m.funcs {
		g.function(g.foreign + i)
		g.m.exports = append(g.m.exports, exported(string(rune('a'+i)), KindFunc, uint32(g.foreign+i)))
	}
	if g.one(2) {
		g.m.exports = append(g.m.exports, exported("memory", KindMemory, 0))
	}
}

func (g *random) elements() {
	g.m.table = []byte{1, byte(funcref), 0, 16}
	for range g.n(3) {
		var items [][]byte
		flags := byte(2 * g.n(4))
		for range 1 + g.n(5) {
			// No call through the table leads back: the last function
			// makes none.
			at := g.n(g.foreign + 1)
			if at == g.foreign {
				at = len(g.funcs) - 1
			}
			f := u32(uint32(at))
			switch {
			case flags < 4:
				items = append(items, f)
			case g.one(3):
				items = append(items, []byte{opRefNull, byte(funcref), opEnd})
			default:
				items = append(items, cat([]byte{opRefFunc}, f, []byte{opEnd}))
			}
		}
		head := []byte{flags}
		if flags&2 != 0 {
			head = append(head, 0)
		}
		head = append(head, opI32Const, byte(g.n(10)), opEnd)
		if flags&2 != 0 {
			head = append(head, []byte{0, 0, 0, 0, 0, 0, byte(funcref)}[flags])
		}
		g.m.elements = append(g.m.elements, cat(head, vec(items...)))
	}
}

func (g *random) function(fn int) {
	t := g.funcs[fn]
	*g = random{r: g.r, m: g.m, nans: g.nans, sigs: g.sigs, funcs: g.funcs, foreign: g.foreign, globals: g.globals, fn: fn,
		locals: slices.Clone(t.Params), budget: 30 + g.n(120), calls: 2, scratch: map[ValType]uint32{}}
	var groups [][]byte
	local := func(t ValType) uint32 {
		groups = append(groups, []byte{1, byte(t)})
		g.locals = append(g.locals, t)
		return uint32(len(g.locals) - 1)
	}
	for range g.n(5) {
		local(g.any())
	}
	plain := len(g.locals)
	g.scratch[F32], g.scratch[F64] = local(F32), local(F64)
	for range 3 {
		g.counters = append(g.counters, local(I32))
	}
	g.locals = g.locals[:plain]
	g.labels = [][]ValType{t.Results}
	g.statements(3)
	g.exprs(t.Results, 4)
	g.m.bodies = append(g.m.bodies, sized(cat(vec(groups...), g.b, []byte{opEnd})))
}

func (g *random) exprs(ts []ValType, depth int) {
	for _, t := range ts {
		g.expr(t, depth)
	}
}

func (g *random) constant(t ValType) {
	switch t {
	case I32:
		g.b = appendSigned(append(g.b, opI32Const), int64(int32(g.number())))
	case I64:
		g.b = appendSigned(append(g.b, opI64Const), g.number())
	case F32:
		g.emit(opF32Const, 0, 0, byte(g.n(128)), byte(0x3f+g.n(3)))
	case F64:
		g.emit(opF64Const, 0, 0, 0, 0, 0, 0, byte(g.n(256)), byte(0x3f+g.n(3)))
	}
}

func (g *random) number() int64 {
	switch g.n(4) {
	case 0:
		return int64(g.n(8)) - 2
	case 1:
		return int64(g.r.Uint64())
	case 2:
		return -1 << g.n(63)
	}
	return int64(g.n(70000))
}

// producers are the opcodes that give a type.
var producers = func() map[ValType][]byte {
	m := map[ValType][]byte{}
	for op, d := range instructions {
		if d.form == formNumeric || d.form == formLoad {
			m[d.out] = append(m[d.out], byte(op))
		}
	}
	return m
}()

func (g *random) localOf(t ValType) int {
	from := g.n(max(len(g.locals), 1))
	for i := range g.locals {
		if at := (from + i) % len(g.locals); g.locals[at] == t {
			return at
		}
	}
	return -1
}

func (g *random) globalOf(t ValType) int { return slices.Index(g.globals, t) }

// expr leaves a value.
func (g *random) expr(t ValType, depth int) {
	g.budget--
	if depth <= 0 || g.budget <= 0 {
		if i := g.localOf(t); i >= 0 && g.one(2) {
			g.op(opLocalGet, i)
		} else {
			g.constant(t)
		}
		return
	}
	switch g.n(12) {
	case 0:
		g.constant(t)
	case 1:
		if i := g.globalOf(t); i >= 0 {
			g.op(opGlobalGet, i)
		} else {
			g.constant(t)
		}
	case 2:
		g.block(FuncType{g.list(2), []ValType{t}}, depth)
	case 3:
		g.conditional(FuncType{g.list(2), []ValType{t}}, depth)
	case 4:
		g.exprs([]ValType{t, t, I32}, depth-1)
		if g.one(2) {
			g.emit(opSelectT, 1, byte(t))
		} else {
			g.emit(opSelect)
		}
	case 5:
		g.callFor(t, depth)
	case 6:
		if t == I32 && g.one(2) {
			g.expr(I32, depth-1)
			g.emit(opI32Const, 1, 0x71, opMemoryGrow, 0) // i32.and
		} else if i := g.localOf(t); i >= 0 {
			g.expr(t, depth-1)
			g.op(opLocalTee, i)
		} else {
			g.constant(t)
		}
	case 7:
		op := g.n(4)
		if t == I64 {
			op += 4
		}
		if t == F32 || t == F64 {
			g.constant(t)
			return
		}
		g.expr(truncations[op].in, depth-1)
		g.op(opMisc, op)
	default:
		op := producers[t][g.n(len(producers[t]))]
		g.produce(op, t, depth)
	}
}

func (g *random) produce(op byte, t ValType, depth int) {
	d := instructions[op]
	if d.form == formLoad {
		g.address(depth - 1)
		g.emit(op, byte(g.n(int(d.align)+1)), byte(g.n(100)))
		return
	}
	for range d.takes {
		g.expr(d.in, depth-1)
	}
	g.emit(op)
	if at, ok := g.scratch[t]; ok && d.in != I32 && d.in != I64 && !g.nans {
		// What a NaN looks like is the engine's affair: none goes on.
		g.op(opLocalTee, int(at))
		g.constant(t)
		g.op(opLocalGet, int(at))
		g.op(opLocalGet, int(at))
		g.emit(map[ValType]byte{F32: 0x5b, F64: 0x61}[t], opSelect)
	}
}

// address is one that is nearly always within a page.
func (g *random) address(depth int) {
	g.expr(I32, depth)
	g.emit(opI32Const, 0xff, 0xff, 0x03, 0x71)
}
