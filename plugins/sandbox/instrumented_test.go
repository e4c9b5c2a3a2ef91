package sandbox

import (
	"path/filepath"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/wasm"
)

// Files of instrumented modules stay within their bytes, a tenant within its part,
// and who has most of them makes room.
func TestInstrumentedModulesAreBounded(t *testing.T) {
	k := newInstrumented(t.TempDir())
	const size = leastInstrumented
	if left := k.bound(8 * 16 * size); k.most != 16*size || left != 8*16*size {
		t.Fatal(k.most, left)
	}
	put := func(tenant, name string) {
		c := &Code{Hash: name, Lang: abi.LangC, Tenant: waxwing.TenantID(tenant), wasm: &wasm.Instrumented{Bytes: make([]byte, size), Fuel: name}}
		k.put(instrumentedKey(c, nil), c)
	}
	has := func(tenant, name string) bool {
		w, _ := k.get(instrumentedKey(&Code{Hash: name, Lang: abi.LangC, Tenant: waxwing.TenantID(tenant)}, nil))
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
