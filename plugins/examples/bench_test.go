package examples_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

// each runs a benchmark on every example, loaded.
func each(b *testing.B, f func(b *testing.B, e *sandbox.Engine, m *abi.Manifest, c *sandbox.Code)) {
	dirs, err := filepath.Glob("*/plugin.json")
	if err != nil {
		b.Fatal(err)
	}
	for _, d := range dirs {
		dir := filepath.Dir(d)
		b.Run(dir, func(b *testing.B) {
			manifest, err := os.ReadFile(d)
			if err != nil {
				b.Fatal(err)
			}
			m, err := abi.ParseManifest(manifest)
			if err != nil {
				b.Fatal(err)
			}
			ext := ".wasm"
			if m.Lang == abi.LangJS {
				ext = ".js"
			}
			body, err := os.ReadFile(filepath.Join(dir, m.Name+ext))
			if err != nil {
				b.Skip("make examples builds it: ", err)
			}
			c, err := sandbox.Prepare(m, body, abi.Limits{})
			if err != nil {
				b.Fatal(err)
			}
			e, err := sandbox.NewEngine(sandbox.EngineOptions{Cache: b.TempDir(), Key: make([]byte, 32)})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = e.Close() }()
			if err := e.Compile(b.Context(), c); err != nil {
				b.Skip(err)
			}
			if err := e.Warm(c); err != nil {
				b.Fatal(err)
			}
			f(b, e, m, c)
		})
	}
}

// BenchmarkCall is one call with fuel counted, a 3 KB order in and everything
// set back.
func BenchmarkCall(b *testing.B) {
	each(b, func(b *testing.B, e *sandbox.Engine, m *abi.Manifest, c *sandbox.Code) {
		h := m.Hooks[0]
		if h == waxwing.HookNormalise {
			b.Skip("a normaliser reads no order")
		}
		in := abi.SampleInput(h, m, 3<<10)
		b.SetBytes(int64(len(in)))
		var fuel int64
		for b.Loop() {
			r := e.Call(c, sandbox.HookCall{Hook: h, Input: in, At: time.Unix(0, 0), Seed: "seed", Wall: time.Second})
			if r.Fault != nil {
				b.Fatal(r.Fault)
			}
			fuel = r.Fuel
		}
		b.ReportMetric(float64(fuel), "fuel/op")
		b.ReportMetric(float64(len(in)), "input-bytes")
	})
}

// BenchmarkActivate loads a module whose native code is in the cache.
func BenchmarkActivate(b *testing.B) {
	each(b, func(b *testing.B, e *sandbox.Engine, _ *abi.Manifest, c *sandbox.Code) {
		for b.Loop() {
			e.Forget(c.Hash)
			if err := e.Warm(c); err != nil {
				b.Fatal(err)
			}
		}
	})
}
