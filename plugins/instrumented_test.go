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
	"github.com/waxwinghq/waxwing/plugins/attack"
	"github.com/waxwinghq/waxwing/plugins/wasm"
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
	h := host(t, s, func(o *HostOptions) { o.Engine = engine(t, func(o *EngineOptions) { o.Cache = t.TempDir() }) })
	e := h.o.Engine
	putC(t, h, "acme", "p", "c", attack.Says(`{"subject":"hers"}`+strings.Repeat(" ", 32<<10-18)))
	warmed(t, h, "acme")
	v := h.shelf("acme").plugins[0].slots.Load().active
	again := func() int64 {
		t.Helper()
		e.mu.Lock()
		e.drop(e.loaded[v.code.key()])
		e.mu.Unlock()
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
	files, err := filepath.Glob(filepath.Join(e.cache.kept.dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v %v", files, err)
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
	if files, _ = filepath.Glob(filepath.Join(e.cache.kept.dir, "*")); len(files) != 0 || e.cache.kept.bytes != 0 {
		t.Errorf("%v are left of what is forgotten, %d bytes", files, e.cache.kept.bytes)
	}
}

// Files of instrumented modules stay within their bytes, a tenant within its part,
// and who has most of them makes room.
func TestInstrumentedModulesAreBounded(t *testing.T) {
	k := newInstrumented(t.TempDir())
	const size = leastInstrumented
	if left := k.bound(8 * 16 * size); k.most != 16*size || left != 8*16*size {
		t.Fatal(k.most, left)
	}
	put := func(tenant, name string) {
		c := &Code{Hash: name, Lang: LangC, Tenant: waxwing.TenantID(tenant), wasm: &wasm.Instrumented{Bytes: make([]byte, size), Fuel: name}}
		k.put(instrumentedKey(c, nil), c)
	}
	has := func(tenant, name string) bool {
		w, _ := k.get(instrumentedKey(&Code{Hash: name, Lang: LangC, Tenant: waxwing.TenantID(tenant)}, nil))
		return w != nil && w.Fuel == name && len(w.Bytes) == size
	}
	for _, name := range []string{"1", "2", "3", "4", "5"} { // a quarter are four
		put("greedy", name)
	}
	if has("greedy", "1") || !has("greedy", "2") || !has("greedy", "5") || k.of["greedy"] != 4*size {
		t.Errorf("greedy has %d bytes", k.of["greedy"])
	}
	for _, tenant := range []string{"a", "b", "c", "d", "e", "f"} {
		for _, name := range []string{"1", "2"} {
			put(tenant, name)
		}
	}
	put("late", "1")
	if k.bytes != 16*size || !has("late", "1") || !has("f", "2") || has("greedy", "3") || !has("greedy", "5") {
		t.Errorf("%d bytes: %v", k.bytes, k.of)
	}
	if left := k.bound(8 * 4 * size); k.bytes != 4*size || left != 28*size {
		t.Errorf("%d bytes: %v, %d left", k.bytes, k.of, left)
	}
	files, err := filepath.Glob(filepath.Join(k.dir, "*"))
	if err != nil || len(files) != len(k.kept) {
		t.Errorf("%d files of %d: %v", len(files), len(k.kept), err)
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
		m, err := ParseManifest(manifest)
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
			e.mu.Lock()
			defer e.mu.Unlock()
			e.drop(e.loaded[c.key()])
		}
		b.Run(m.Lang+"/first", func(b *testing.B) {
			for b.Loop() {
				e.cache.kept.forget(c.Hash)
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
