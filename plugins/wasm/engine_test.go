package wasm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// A world is a runtime in which modules run, with or without counters.
type world struct {
	name     string
	injected bool
	rt       wazero.Runtime
	limit    uint32 // of the depth
	slice    int64
	most     int // refills, before it is called endless
	refills  map[api.Module]int
	live     map[string]*guest // by the name of the script
	last     *guest
	looked   func() // at each yield; may be nil
}

// guest is an instance in a world; injected says whether its fuel can be told.
type guest struct {
	mod      api.Module
	injected bool
}

var (
	errDepth = errors.New("stack overflow by depth")
	errFuel  = errors.New("out of fuel")
)

const testSlice = 5000

func newWorld(t testing.TB, compiler, injected bool) *world {
	t.Helper()
	ctx := context.Background()
	c, name := wazero.NewRuntimeConfigInterpreter(), "interpreter"
	if compiler {
		c, name = wazero.NewRuntimeConfigCompiler(), "compiler"
	}
	w := &world{name: name, injected: injected, limit: 1 << 20, slice: testSlice, most: 1 << 20, refills: map[api.Module]int{}, live: map[string]*guest{}}
	if injected {
		w.name += "+fuel"
	}
	w.rt = wazero.NewRuntimeWithConfig(ctx, c.WithCoreFeatures(api.CoreFeaturesV2))
	t.Cleanup(func() { _ = w.rt.Close(ctx) })
	_, err := w.rt.NewHostModuleBuilder(DefaultYieldModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(w.yield), nil, nil).Export(DefaultYieldName).Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.rt.NewHostModuleBuilder("env").
		NewFunctionBuilder().WithFunc(func(_ context.Context, n uint32) uint32 { return 2 * n }).Export("double").
		NewFunctionBuilder().WithFunc(func(context.Context) {}).Export("nothing").Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// worlds are both engines, each with and without counters.
func worlds(t testing.TB) []*world {
	return []*world{newWorld(t, true, false), newWorld(t, true, true), newWorld(t, false, false), newWorld(t, false, true)}
}

func (w *world) yield(_ context.Context, mod api.Module, _ []uint64) {
	if depth := uint32(mod.ExportedGlobal("ww:depth").Get()); depth > w.limit {
		panic(errDepth)
	}
	if w.looked != nil {
		w.looked()
	}
	g := mod.ExportedGlobal("ww:fuel").(api.MutableGlobal)
	fuel := int64(g.Get())
	if fuel >= 0 {
		panic("yield without a reason")
	}
	for fuel < 0 {
		if w.refills[mod] >= w.most {
			panic(errFuel)
		}
		fuel += w.slice
		w.refills[mod]++
	}
	g.Set(uint64(fuel))
}

// used is the fuel that an instance has used.
func (w *world) used(g *guest) int64 {
	if !g.injected {
		return 0
	}
	return int64(w.refills[g.mod])*w.slice - int64(g.mod.ExportedGlobal("ww:fuel").Get())
}

func (w *world) instantiate(plain, injected []byte, name string) (*guest, error) {
	b, in := plain, false
	if w.injected && injected != nil {
		b, in = injected, true
	}
	mod, err := w.rt.InstantiateWithConfig(context.Background(), b, wazero.NewModuleConfig().WithName(name).WithStartFunctions())
	if err != nil {
		return nil, err
	}
	return &guest{mod, in}, nil
}

// outcome is what a call gives, in a form that can be compared.
type outcome struct {
	results string // every bit
	plain   string // the same, with each NaN alike
	trap    string
}

func (g *guest) call(field string, args []uint64) (outcome, error) {
	f := g.mod.ExportedFunction(field)
	if f == nil {
		return outcome{}, fmt.Errorf("no function %q", field)
	}
	if g.injected { // as a host does after a trap
		g.mod.ExportedGlobal("ww:depth").(api.MutableGlobal).Set(0)
	}
	rs, err := f.Call(context.Background(), args...)
	o := outcome{trap: trap(err)}
	for i, t := range f.Definition().ResultTypes() {
		if i >= len(rs) {
			break
		}
		if t == api.ValueTypeI32 || t == api.ValueTypeF32 {
			rs[i] = uint64(uint32(rs[i])) // the compiler leaves rubbish above
		}
	}
	o.results = fmt.Sprintf("%x", rs)
	for i, t := range f.Definition().ResultTypes() {
		if i < len(rs) && isNaN(t, rs[i]) {
			rs[i] = 1<<64 - 1
		}
	}
	o.plain = fmt.Sprintf("%x", rs)
	return o, nil
}

func isNaN(t api.ValueType, bits uint64) bool {
	return t == api.ValueTypeF32 && math.IsNaN(float64(math.Float32frombits(uint32(bits)))) || t == api.ValueTypeF64 && math.IsNaN(math.Float64frombits(bits))
}

// trap is an error's first line: what follows it names functions, whose numbers
// differ.
func trap(err error) string {
	if err == nil {
		return ""
	}
	s, _, _ := strings.Cut(err.Error(), "\n")
	return s
}

// wazeroDir is where the module's source lies, with the core test suite in it.
func wazeroDir(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Skip("the source of wazero, and so the core test suite, is not here: ", err)
	}
	return dir
}

func specDir(t testing.TB) string {
	return filepath.Join(wazeroDir(t), "internal", "integration_test", "spectest")
}

// wide are limits that the core test suite needs; the rules are as ever.
func wide() Limits {
	l := GoLimits()
	l.BranchWork = 1 << 40
	l.Locals, l.AllLocals, l.BodyBytes, l.BranchTargets, l.Params, l.Results = 1<<16, 1<<20, 1<<20, 1<<16, 1<<12, 1<<12
	l.MemoryPages, l.NameBytes, l.Table = 1<<16, 1<<16, 1<<30
	return l
}
