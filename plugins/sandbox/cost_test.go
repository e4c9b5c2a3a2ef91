package sandbox

import (
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/attack"
)

// realCode is what fuel costs where plugins do what they are for: the examples
// that are built, each with an order of 3 KB. It gives each one's nanoseconds a
// fuel.
func realCode(b *testing.B) map[string]float64 {
	out := map[string]float64{}
	files, err := filepath.Glob("../examples/*/plugin.json")
	if err != nil {
		b.Fatal(err)
	}
	e := engine(b, nil)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			b.Fatal(err)
		}
		m, err := abi.ParseManifest(raw)
		if err != nil {
			b.Fatal(err)
		}
		ext := ".wasm"
		if m.Lang == abi.LangJS {
			ext = ".js"
		}
		body, err := os.ReadFile(filepath.Join(filepath.Dir(f), m.Name+ext))
		if err != nil || m.Hooks[0] == waxwing.HookNormalise {
			continue // make examples builds it
		}
		c, err := Prepare(m, body, abi.Limits{})
		if err != nil {
			b.Fatal(err)
		}
		if err := e.Compile(b.Context(), c); err != nil {
			continue // the JavaScript lane is off
		}
		in := abi.SampleInput(m.Hooks[0], m, 3<<10)
		out[m.Lang+" "+m.Name] = cheapest(b, 20, func() (all Result) {
			for range 20 { // together: the clock is coarse
				r := e.Call(c, HookCall{Hook: m.Hooks[0], Input: in, At: moment, Seed: "order", Wall: time.Second})
				if r.Fault != nil {
					return r
				}
				all.Fuel += r.Fuel
			}
			return all
		})
	}
	if len(out) == 0 {
		b.Skip("no example is built: make examples")
	}
	return out
}

// cheapest is the least of some calls' nanoseconds of the processor a fuel: what
// others do on the machine can only add to it.
func cheapest(b *testing.B, n int, call func() Result) float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	least := math.Inf(1)
	for range n {
		before := processorTime()
		r := call()
		took := processorTime() - before
		if r.Fault != nil && r.Fault.Kind != FaultFuel {
			b.Fatal(r.Fault)
		}
		least = min(least, float64(took.Nanoseconds())/float64(r.Fuel))
	}
	return least
}

// BenchmarkFuelCost is what a fuel costs in time, for each instruction, each way
// of control, each call of the host and each way to touch memory, and how often
// that is what real code's fuel costs in the same run (the metric x-real; real
// code is the examples but for the one in Go). Only modules in Go may have more
// than 4 MiB of memory, so that what needs it is held against Go's too (x-go).
func BenchmarkFuelCost(b *testing.B) {
	costs := realCode(b)
	real, goes, n := 0.0, 0.0, 0.0
	for _, name := range slices.Sorted(maps.Keys(costs)) {
		b.Logf("%-28s %6.3f ns/fuel", name, costs[name])
		if strings.HasPrefix(name, abi.LangGo+" ") {
			goes = costs[name]
			continue
		}
		real, n = real+costs[name], n+1
	}
	if real /= n; n == 0 {
		b.Skip("no example but Go's is built: make examples")
	}
	b.Logf("%-28s %6.3f ns/fuel", "real code, on average", real)
	e := engine(b, func(o *EngineOptions) {
		o.Limits = abi.Limits{Fuel: 2e6, InitFuel: 500e6, Wall: time.Minute, Start: time.Minute}
		o.Cache, o.Child = b.TempDir(), nil
	})
	for _, c := range attack.Costs() {
		b.Run(c.Name, func(b *testing.B) {
			lang := abi.LangC
			if c.Go {
				lang = abi.LangGo
			}
			code := prepared(b, e, lang, c.Body)
			least := math.Inf(1)
			for b.Loop() {
				// One memory may lie badly in the caches for as long as it is, and others
				// use them too: what seems dear is tried in further ones.
				for try := 0; try < 5 && (try == 0 || least > 10*real); try++ {
					least = min(least, cheapest(b, 3, func() Result { return ask(e, code, waxwing.HookPersonalise, smallInput) }))
					e.Forget(code.Hash)
				}
			}
			b.ReportMetric(least, "ns/fuel")
			b.ReportMetric(least/real, "x-real")
			if c.Go && goes > 0 {
				b.ReportMetric(least/goes, "x-go")
			}
			e.Forget(code.Hash)
		})
	}
}
