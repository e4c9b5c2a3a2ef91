package plugins

import (
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/attack"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

// countingStore counts the modules that are read of it.
type countingStore struct {
	*shelfStore
	read atomic.Int64
}

func (s *countingStore) PluginModule(ctx context.Context, hash string) ([]byte, error) {
	s.read.Add(1)
	return s.shelfStore.PluginModule(ctx, hash)
}

// What was loaded once is loaded again without the store and the injector; a file
// that was changed is not used.
func TestLoadsAgainFromTheInstrumentedModule(t *testing.T) {
	s := &countingStore{shelfStore: newShelfStore()}
	h := host(t, s, func(o *HostOptions) { o.Engine = engine(t, func(o *sandbox.EngineOptions) { o.Cache = t.TempDir() }) })
	e := h.o.Engine
	putC(t, h, "acme", "p", "c", attack.Says(`{"subject":"hers"}`+strings.Repeat(" ", 32<<10-18)))
	warmed(t, h, "acme")
	v := h.shelves.of("acme").plugins[0].slots.Load().active
	again := func() int64 {
		t.Helper()
		e.Inspect().Drop(v.code)
		before := s.read.Load()
		if err := e.Warm(v.code); err != nil {
			t.Fatal(err)
		}
		return s.read.Load() - before
	}
	again()
	for range 3 {
		if n := again(); n != 0 {
			t.Fatalf("the store was read %d times", n)
		}
	}
	_, files := e.Inspect().Files()
	if len(files) != 1 {
		t.Fatalf("%v", files)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	if n := again(); n != 1 {
		t.Fatalf("the store was read %d times after the file was changed", n)
	}
	e.Forget(v.rec.Hash)
	if _, files = e.Inspect().Files(); len(files) != 0 {
		t.Errorf("%v are left of what is forgotten", files)
	}
}

// BenchmarkLoad loads an example whose native code is in the cache: for the first time,
// when its body comes from the store, and again. It needs "make examples".
func BenchmarkLoad(b *testing.B) {
	files, err := filepath.Glob("examples/*/*.wasm")
	if err != nil || len(files) == 0 {
		b.Skip("make examples builds them: ", err)
	}
	for _, file := range files {
		manifest, err := os.ReadFile(filepath.Join(filepath.Dir(file), "plugin.json"))
		if err != nil {
			b.Fatal(err)
		}
		m, err := abi.ParseManifest(manifest)
		if err != nil {
			b.Fatal(err)
		}
		body, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		s := newShelfStore()
		e := engine(b, nil)
		h := NewHost(HostOptions{Engine: e, Store: s})
		c := h.stored(m, &waxwing.PluginVersion{Hash: hex.EncodeToString(sha(body)), Tenant: "acme", Plugin: m.Name})
		s.modules[c.Hash] = body
		if err := e.Compile(b.Context(), c); err != nil {
			b.Skip(err)
		}
		load := func(b *testing.B) {
			if err := e.Warm(c); err != nil {
				b.Fatal(err)
			}
			e.Inspect().Drop(c)
		}
		b.Run(m.Lang+"/first", func(b *testing.B) {
			for b.Loop() {
				e.Inspect().ForgetInstrumented(c.Hash)
				load(b)
			}
		})
		load(b)
		b.Run(m.Lang+"/again", func(b *testing.B) {
			for b.Loop() {
				load(b)
			}
		})
		h.Close()
	}
}
