package wasm

import (
	"fmt"
	"testing"
)

// both runs every exported function of a module, injected, on the compiler and on
// the interpreter, and compares every bit that can be seen: results, globals,
// memory, and fuel.
func both(t *testing.T, where string, plain []byte, args []uint64) (nans int) {
	t.Helper()
	m, err := Parse(plain, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	in, err := m.Inject(Config{MaxPages: 3})
	if err != nil {
		t.Fatal(err)
	}
	a, b := newWorld(t, true, true), newWorld(t, false, true)
	ga, err1 := a.instantiate(plain, in.Bytes, "")
	gb, err2 := b.instantiate(plain, in.Bytes, "")
	if err1 != nil || err2 != nil {
		if err1 == nil || err2 == nil {
			t.Errorf("%s: %v and %v", where, err1, err2)
		}
		return 0
	}
	for _, e := range m.exports {
		if e.Kind != KindFunc {
			continue
		}
		ft, _ := m.ExportedFunc(e.Name)
		given := make([]uint64, len(ft.Params))
		for i, p := range ft.Params {
			if given[i] = args[i%len(args)]; p == I32 || p == F32 {
				given[i] = uint64(uint32(given[i]))
			}
		}
		x, err1 := ga.call(e.Name, given)
		y, err2 := gb.call(e.Name, given)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if x != y || a.used(ga) != b.used(gb) || state(ga, in) != state(gb, in) {
			t.Errorf("%s: %s: %+v and %+v, %d and %d units, same memory and globals: %v", where, e.Name, x, y,
				a.used(ga), b.used(gb), state(ga, in) == state(gb, in))
		}
		if x.plain != x.results {
			nans++
		}
	}
	return nans
}

// TestRandomFloats compares modules in which NaNs go where they like.
func TestRandomFloats(t *testing.T) {
	nans := 0
	for i := range *randomModules {
		n := *seed + uint64(i)
		nans += both(t, fmt.Sprint("seed ", n), randomOf(n, true), []uint64{0x7ff4000000000001, 0xffa00001, 0xfff8000000000123, 3})
		if t.Failed() {
			return
		}
	}
	if nans == 0 {
		t.Error("no NaN was among the results")
	}
	t.Logf("%d results with NaNs", nans)
}

// TestNaNsAreAlike: each instruction that calculates with floats, given NaNs of
// all kinds, gives the usual one, however its bits come to be seen.
func TestNaNsAreAlike(t *testing.T) {
	values := map[ValType][][]byte{
		F32: {{1, 0, 0xa0, 0x7f}, {3, 0, 0x80, 0xff}, {0, 0, 0xc0, 0xff}, {0, 0, 0x80, 0x7f}, {0, 0, 0x80, 0xff}, {0, 0, 0, 0x80}, {0, 0, 0x80, 0x3f}},
		F64: {{1, 0, 0, 0, 0, 0, 0xf4, 0x7f}, {3, 0, 0, 0, 0, 0, 0xf0, 0xff}, {0, 0, 0, 0, 0, 0, 0xf8, 0xff}, {0, 0, 0, 0, 0, 0, 0xf0, 0x7f},
			{0, 0, 0, 0, 0, 0, 0xf0, 0xff}, {0, 0, 0, 0, 0, 0, 0, 0x80}, {0, 0, 0, 0, 0, 0, 0xf0, 0x3f}},
	}
	constant := map[ValType]byte{F32: opF32Const, F64: opF64Const}
	reinterpret := map[ValType][]byte{F32: {0xbc}, F64: {0xbd}}
	for op, d := range instructions {
		if d.form != formNumeric || d.in != F32 && d.in != F64 || d.out != F32 && d.out != F64 {
			continue
		}
		m := &binary{}
		m.memory = []byte{1, 0, 1}
		bits, store := I64, byte(0x39)
		if d.out == F32 {
			bits, store = I32, 0x38
		}
		typ := m.typ(nil, []ValType{bits})
		add := func(name string, code []byte) {
			m.funcs = append(m.funcs, typ)
			m.bodies = append(m.bodies, body(nil, code...))
			m.exports = append(m.exports, exported(name, KindFunc, uint32(len(m.funcs)-1)))
		}
		for i, x := range values[d.in] {
			for j, y := range values[d.in] {
				if d.takes == 1 && j > 0 {
					break
				}
				code := cat([]byte{constant[d.in]}, x)
				if d.takes == 2 {
					code = cat(code, []byte{constant[d.in]}, y)
				}
				code = append(code, byte(op))
				add(fmt.Sprintf("%x reinterpreted %d %d", op, i, j), cat(code, reinterpret[d.out]))
				add(fmt.Sprintf("%x stored %d %d", op, i, j), cat([]byte{opI32Const, 8}, code, []byte{store, 0, 0, opI32Const, 8, store - 0x38 + 0x28, 0, 0}))
				add(fmt.Sprintf("%x's sign %d %d", op, i, j), cat([]byte{constant[d.out]}, values[d.out][6], code,
					[]byte{map[ValType]byte{F32: 0x98, F64: 0xa6}[d.out]}, reinterpret[d.out]))
				add(fmt.Sprintf("%x negated %d %d", op, i, j), cat(code, []byte{map[ValType]byte{F32: 0x8c, F64: 0x9a}[d.out]}, reinterpret[d.out]))
			}
		}
		both(t, fmt.Sprintf("opcode %#x", op), m.bytes(), []uint64{0})
	}
}
