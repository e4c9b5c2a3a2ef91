package wasm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var (
	randomModules = flag.Int("wasm.modules", 400, "random modules to compare")
	seed          = flag.Uint64("wasm.seed", 1, "of random modules and mutations")
)

// TestRandomModules compares random modules with and without counters on both
// engines: results, traps, memory, globals and fuel.
func TestRandomModules(t *testing.T) {
	n, calls, traps, fuel, instrs := 0, 0, 0, int64(0), 0
	for i := range *randomModules {
		b := randomModule(*seed + uint64(i))
		m, err := Parse(b, DefaultLimits())
		if err != nil {
			t.Fatalf("seed %d: %v", *seed+uint64(i), err)
		}
		instrs += len(b)
		in, err := m.Inject(Config{MaxPages: 3})
		if err != nil {
			t.Fatal(err)
		}
		c, x, f := compare(t, fmt.Sprint("seed ", *seed+uint64(i)), b, in, 3)
		n, calls, traps, fuel = n+1, calls+c, traps+x, fuel+f
		if t.Failed() {
			return
		}
	}
	t.Logf("%d modules of %d bytes compared in 4 worlds: %d calls, %d of them traps, %d fuel", n, instrs, calls, traps, fuel)
}

// TestCorpus compares modules that compilers wrote.
func TestCorpus(t *testing.T) {
	b, err := os.ReadFile("testdata/kernels.wasm")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(b, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	in, err := m.Inject(Config{MaxPages: 64})
	if err != nil {
		t.Fatal(err)
	}
	calls, traps, fuel := compare(t, "kernels", b, in, 2)
	t.Logf("kernels: %d calls, %d traps, %d fuel", calls, traps, fuel)
	if calls == 0 || traps > 0 {
		t.Error("the kernels do not run")
	}
	// Modules of other compilers, from wazero's own tests, have to be let in
	// for all but what they import and how they start.
	seen := 0
	for _, b := range foreignModules(t) {
		seen++
		m, err := Parse(b, GoLimits())
		if err != nil {
			for _, b := range err.(Breaches) {
				if b.Limit == "malformed" || b.Limit == "invalid" {
					t.Error(b)
				}
			}
			continue
		}
		if _, err := m.Inject(Config{}); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d modules of other compilers", seen)
}

// foreignModules are wazero's examples, by Rust, Zig, TinyGo, Emscripten and
// AssemblyScript.
func foreignModules(t testing.TB) (out [][]byte) {
	root := wazeroDir(t)
	for _, pattern := range []string{
		"examples/*/testdata/*.wasm", "examples/*/testdata/*/*.wasm", "imports/*/testdata/*.wasm",
		"imports/*/testdata/*/*.wasm", "imports/*/example/testdata/*.wasm", "imports/*/example/testdata/*/*.wasm", "testdata/*.wasm",
	} {
		files, _ := filepath.Glob(filepath.Join(root, pattern))
		for _, f := range files {
			if b, err := os.ReadFile(f); err == nil {
				out = append(out, b)
			}
		}
	}
	return out
}

// compare runs all exported functions in four worlds, with a few arguments.
func compare(t *testing.T, where string, plain []byte, in *Instrumented, rounds int) (calls, traps int, fuel int64) {
	t.Helper()
	ws := worlds(t)
	defer func() {
		for _, w := range ws {
			_ = w.rt.Close(context.Background())
		}
	}()
	gs := make([]*guest, len(ws))
	failed := 0
	for i, w := range ws {
		g, err := w.instantiate(plain, in.Bytes, "")
		if err != nil {
			failed++
			if i == 0 || failed <= i {
				t.Logf("%s: %s: %v", where, w.name, err)
			}
			continue
		}
		gs[i] = g
	}
	if failed > 0 {
		if failed != len(ws) {
			t.Errorf("%s: instantiates in some worlds", where)
		}
		return
	}
	m, _ := Parse(plain, GoLimits())
	for round := range rounds {
		for _, e := range m.exports {
			if e.Kind != KindFunc {
				continue
			}
			ft, _ := m.ExportedFunc(e.Name)
			var args []uint64
			for i, p := range ft.Params {
				v := [][]uint64{{0, 1, 2}, {3, 0xfffffff0, 0x3f800000}, {0x7ff8000000000000, 77, 0x4000000000000000}}[(round+i)%3][i%3]
				if p == I32 || p == F32 {
					v = uint64(uint32(v))
				}
				args = append(args, v)
			}
			outs := make([]outcome, len(ws))
			for i, g := range gs {
				o, err := g.call(e.Name, args)
				if err != nil {
					t.Fatal(err)
				}
				outs[i] = o
			}
			calls++
			if outs[0].trap != "" {
				traps++
			}
			for i := 1; i < len(ws); i++ {
				if outs[i].plain != outs[0].plain || outs[i].trap != outs[0].trap {
					t.Errorf("%s: %s%x: %s gives %v, %s %v", where, e.Name, args, ws[i].name, outs[i], ws[0].name, outs[0])
				}
			}
			if a, b := ws[1].used(gs[1]), ws[3].used(gs[3]); a != b {
				t.Errorf("%s: %s: fuel %d and %d", where, e.Name, a, b)
			}
			if d := gs[1].mod.ExportedGlobal("ww:depth").Get(); outs[0].trap == "" && d != 0 {
				t.Errorf("%s: %s: depth is %d in the end", where, e.Name, d)
			}
		}
	}
	if a, b := state(gs[1], in), state(gs[3], in); a != b {
		t.Errorf("%s: globals and memory differ", where)
	}
	if a, b := memoryOf(gs[0], in), memoryOf(gs[1], in); a != nil && b != nil && !bytes.Equal(a, b) {
		t.Errorf("%s: memory differs with fuel", where)
	}
	return calls, traps, ws[1].used(gs[1])
}

// memoryOf is the memory of an instance, if its module shows it.
func memoryOf(g *guest, in *Instrumented) []byte {
	if strings.HasPrefix(in.MemoryExport, "ww:") && !g.injected || in.MemoryExport == "" {
		return nil
	}
	mem := g.mod.ExportedMemory(in.MemoryExport)
	b, _ := mem.Read(0, mem.Size())
	return b
}

func state(g *guest, in *Instrumented) [32]byte {
	h := sha256.New()
	h.Write(memoryOf(g, in))
	for _, x := range in.Globals {
		v := g.mod.ExportedGlobal(x.Name)
		fmt.Fprintln(h, v.Get())
	}
	return [32]byte(h.Sum(nil))
}
