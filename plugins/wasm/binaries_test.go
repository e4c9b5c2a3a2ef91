package wasm

import (
	"bytes"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

var (
	binaries = flag.Int("wasm.binaries", 200_000, "mutated binaries to throw at the parser")
	sample   = flag.Int("wasm.sample", 10, "of those let in, every how many is shown to wazero too")
)

// seeds are modules to mutate: small ones of the core test suite and random ones.
func seeds(t testing.TB) (out [][]byte) {
	kernels, err := os.ReadFile("testdata/kernels.wasm")
	if err != nil {
		t.Fatal(err)
	}
	out = append(out, kernels)
	for i := range 100 {
		out = append(out, randomModule(uint64(1000+i)))
	}
	for _, v := range []string{"v1", "v2"} {
		files, _ := filepath.Glob(filepath.Join(specDir(t), v, "testdata", "*.wasm"))
		for i, f := range files {
			b, err := os.ReadFile(f)
			if err != nil || len(b) > 3000 {
				continue
			}
			if _, err := Parse(b, DefaultLimits()); err == nil || i%40 == 0 {
				out = append(out, b)
			}
		}
	}
	return out
}

var interesting = [][]byte{
	{0}, {1}, {0x7f}, {0x80}, {0xff}, {0x40}, {0x70}, {0x0b}, {0x05}, {0xfc, 8}, {0xfc, 10, 0, 0}, {0xfd}, {0xfe},
	{0xff, 0xff, 0xff, 0xff, 0x0f}, {0x80, 0x80, 0x80, 0x80, 0x00}, {0xff, 0xff, 0xff, 0xff, 0x7f}, {0xff, 0xff, 0x03},
	{2, 0x40}, {3, 0x40}, {4, 0x40}, {0x0d, 0}, {0x0e, 1, 0, 0}, {0x10, 0}, {0x11, 0, 0}, {0x41, 0}, {0x1a}, {0x20, 0}, {0x0f},
}

// mutate changes a copy of a module in one to three places.
func mutate(r *rand.Rand, seeds [][]byte, buf []byte) []byte {
	b := append(buf[:0], seeds[r.IntN(len(seeds))]...)
	for range 1 + r.IntN(3) {
		if len(b) == 0 {
			break
		}
		at := r.IntN(len(b))
		switch r.IntN(8) {
		case 0:
			b[at] ^= 1 << r.IntN(8)
		case 1:
			b[at] = byte(r.Uint32())
		case 2:
			copy(b[at:], interesting[r.IntN(len(interesting))])
		case 3: // insert
			b = append(b[:at], append(bytes.Clone(interesting[r.IntN(len(interesting))]), b[at:]...)...)
		case 4: // cut out
			b = append(b[:at], b[min(len(b), at+1+r.IntN(8)):]...)
		case 5:
			if r.IntN(4) == 0 {
				b = b[:at]
			}
		case 6: // splice
			other := seeds[r.IntN(len(seeds))]
			from := r.IntN(len(other))
			copy(b[at:], other[from:min(len(other), from+1+r.IntN(40))])
		case 7: // repeat
			b = append(b, b[at:min(len(b), at+1+r.IntN(40))]...)
		}
	}
	return b
}

// stepsFor is what the parser may do for so many bytes: a call of two bytes
// moves up to 80 types, a body of six bytes may declare 512 locals.
func stepsFor(n int) int { return 256*n + 4096 }

// written are limits for what the injector writes.
func written() Limits {
	l := wide()
	l.ModuleBytes, l.BodyBytes, l.Blocks, l.Nesting = 1<<26, 1<<24, 1<<24, 1<<11
	l.Locals, l.Types, l.Imports, l.Exports, l.Globals = l.Locals+1, 1<<12, 1<<12, 1<<13, 1<<12
	l.Params, l.Results, l.Functions = 1<<12, 1<<12, 1<<17
	return l
}

// swallow parses and injects a binary, and says whether it was let in.
func swallow(t testing.TB, b []byte) (accepted bool) {
	p := newParser(b, DefaultLimits(), allowances{})
	m, err := p.parse()
	if p.steps > stepsFor(len(b)) {
		t.Errorf("%d steps for %d bytes: %x", p.steps, len(b), b)
	}
	if err != nil {
		var bs Breaches
		if m != nil || !errors.As(err, &bs) || len(bs) == 0 || len(bs) > mostBreaches {
			t.Errorf("%v: %x", err, b)
		}
		return false
	}
	in, err := m.Inject(Config{MaxPages: 64})
	if err != nil {
		var bs Breaches
		if !errors.As(err, &bs) {
			t.Errorf("%v: %x", err, b)
		}
		return true
	}
	again, err := newParser(in.Bytes, written(), allowances{reserved: true}).parse()
	if err != nil {
		t.Errorf("what was injected is refused: %v: %x", err, b)
	} else if added := len(again.funcs) - len(m.funcs); added != 1 && (m.memory == nil || added != 3) || len(again.exports) < len(m.exports)+2 {
		t.Errorf("%d functions became %d: %x", len(m.funcs), len(again.funcs), b)
	}
	return true
}

// agree: what is let in is valid for the engine too. It sees the injected
// module only: of custom sections, 25 bytes of names made it ask for 100 GB.
func agree(t *testing.T, judge wazero.Runtime, b []byte) {
	m, err := Parse(b, DefaultLimits())
	if err != nil {
		return
	}
	in, err := m.Inject(Config{MaxPages: 64})
	if err != nil {
		return
	}
	c, err := judge.CompileModule(t.Context(), in.Bytes)
	if err != nil {
		t.Errorf("wazero refuses: %v: %x", err, b)
		return
	}
	_ = c.Close(t.Context())
}

// TestMutatedBinaries throws changed, cut and spliced modules at the parser and
// what it lets in at the injector. A hang would show as too many steps.
func TestMutatedBinaries(t *testing.T) {
	all := seeds(t)
	workers := runtime.GOMAXPROCS(0)
	start := time.Now()
	var wait sync.WaitGroup
	var lock sync.Mutex
	accepted, size, done := 0, 0, 0
	for w := range workers {
		wait.Go(func() {
			r := rand.New(rand.NewPCG(*seed, uint64(w)))
			judge := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(api.CoreFeaturesV2))
			defer judge.Close(t.Context())
			var buf []byte
			a, n, s := 0, 0, 0
			for range *binaries / workers {
				buf = mutate(r, all, buf)
				if swallow(t, buf) {
					a++
					if a%*sample == 0 {
						agree(t, judge, buf)
					}
				}
				n++
				s += len(buf)
				if t.Failed() {
					break
				}
			}
			lock.Lock()
			accepted, done, size = accepted+a, done+n, size+s
			lock.Unlock()
		})
	}
	wait.Wait()
	d := time.Since(start)
	t.Logf("%d binaries of %d bytes from %d seeds in %s: %d let in, injected and read back", done, size, len(all), d.Round(time.Millisecond), accepted)
	if done > 1000 && (accepted < done/100 || accepted > done*9/10) {
		t.Errorf("%d of %d let in: the mutations test little", accepted, done)
	}
}

// FuzzParse looks for a panic and for work out of proportion.
func FuzzParse(f *testing.F) {
	for _, b := range seeds(f)[:50] {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { swallow(t, b) })
}

// FuzzInject looks for modules that the injector changes: the seed of a random
// module is what is mutated.
func FuzzInject(f *testing.F) {
	for i := range uint64(20) {
		f.Add(i)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		b := randomModule(seed)
		m, err := Parse(b, DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		in, err := m.Inject(Config{MaxPages: 3})
		if err != nil {
			t.Fatal(err)
		}
		compare(t, "", b, in, 2)
	})
}
