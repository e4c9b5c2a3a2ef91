package wasm

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestInjectClashes(t *testing.T) {
	m := plain()
	m.imports = [][]byte{cat(named("mine"), named("f"), []byte{0, 0})}
	m.exports = [][]byte{exported("own:f", KindFunc, 0)}
	m.memory = []byte{1, 0, 9}
	mod, err := Parse(m.bytes(), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		limit string
		c     Config
	}{
		{"reserved name", Config{YieldModule: "mine"}},
		{"reserved name", Config{ExportPrefix: "own:"}},
		{"memory pages", Config{MaxPages: 8}},
	} {
		in, err := mod.Inject(c.c)
		var bs Breaches
		if in != nil || !errors.As(err, &bs) || len(bs) != 1 || bs[0].Limit != c.limit {
			t.Errorf("%+v: %v", c.c, err)
		}
	}
	for _, code := range [][]byte{times(20000, opCall, 0)} {
		mod, err := Parse(plain(code...).bytes(), DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		_, err = mod.Inject(Config{})
		var bs Breaches
		if !errors.As(err, &bs) || !bs.Has("instrumented body bytes") || bs[0].Func != 0 {
			t.Error(err)
		}
	}
}

// TestInjected looks at what is written: names, limits, and nothing of the
// author's custom sections.
func TestInjected(t *testing.T) {
	m := plain()
	m.memory = []byte{1, 0, 2}
	m.globals = [][]byte{{byte(I32), 1, opI32Const, 5, opEnd}, {byte(I64), 0, opI64Const, 5, opEnd}, {byte(F64), 1, opF64Const, 0, 0, 0, 0, 0, 0, 0, 0, opEnd}}
	m.exports = [][]byte{exported("f", KindFunc, 0)}
	m.customs = [][]byte{cat(named("secret"), []byte("of the author"))}
	mod, err := Parse(m.bytes(), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if ft, ok := mod.ExportedFunc("f"); !ok || ft.String() != "() -> ()" {
		t.Error(ft)
	}
	if _, ok := mod.ExportedFunc("g"); ok {
		t.Error("there is no g")
	}
	in, err := mod.Inject(Config{MaxPages: 7, ExportPrefix: "x:", YieldModule: "y", YieldName: "z", Slice: 99})
	if err != nil {
		t.Fatal(err)
	}
	if in.Fuel != "x:fuel" || in.Depth != "x:depth" || in.MemoryExport != "x:memory" ||
		len(in.Globals) != 2 || in.Globals[0] != (GlobalExport{"x:g0", I32}) || in.Globals[1] != (GlobalExport{"x:g2", F64}) {
		t.Errorf("%+v", in)
	}
	if strings.Contains(string(in.Bytes), "author") {
		t.Error("a custom section is left")
	}
	again, err := Parse(in.Bytes, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if least, most := again.Memory(); least != 2 || most != 7 {
		t.Errorf("memory of %d to %d pages", least, most)
	}
	if ims := again.Imports(); len(ims) != 1 || ims[0].Module != "y" || ims[0].Name != "z" || !ims[0].Type.Is(nil, nil) {
		t.Errorf("%+v", ims)
	}
	if es := again.Exports(); es[0].Name != "f" || es[0].Index != 1 || len(es) != 6 {
		t.Errorf("%+v", es)
	}
}

func BenchmarkParseInject(b *testing.B) {
	var all [][]byte
	size := 0
	for _, m := range foreignModules(b) {
		if _, err := Parse(m, GoLimits()); err == nil {
			all = append(all, m)
			size += len(m)
		}
	}
	kernels, err := os.ReadFile("testdata/kernels.wasm")
	if err != nil {
		b.Fatal(err)
	}
	all = append(all, kernels)
	b.SetBytes(int64(size + len(kernels)))
	b.ReportAllocs()
	for b.Loop() {
		for _, m := range all {
			mod, err := Parse(m, GoLimits())
			if err != nil {
				b.Fatal(err)
			}
			if _, err := mod.Inject(Config{}); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkKernels runs loops that compilers wrote, without and with counters,
// and a yield each 200,000 fuel.
func BenchmarkKernels(b *testing.B) {
	bytes, err := os.ReadFile("testdata/kernels.wasm")
	if err != nil {
		b.Fatal(err)
	}
	m, err := Parse(bytes, DefaultLimits())
	if err != nil {
		b.Fatal(err)
	}
	in, err := m.Inject(Config{})
	if err != nil {
		b.Fatal(err)
	}
	for _, k := range []struct {
		name string
		n    uint64
	}{{"crc", 5}, {"sieve", 5}, {"fib", 25}, {"matmul", 10}, {"scan", 5000}} {
		for _, injected := range []bool{false, true} {
			name := k.name + "/plain"
			if injected {
				name = k.name + "/fuel"
			}
			b.Run(name, func(b *testing.B) {
				w := newWorld(b, true, injected)
				w.slice, w.most = 200_000, 1<<62
				g, err := w.instantiate(bytes, in.Bytes, "")
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if o, err := g.call(k.name, []uint64{k.n}); err != nil || o.trap != "" {
						b.Fatal(err, o)
					}
				}
			})
		}
	}
}
