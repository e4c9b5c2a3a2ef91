package examples_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// fixture is fixtures/NAME.json.
type fixture struct {
	Name   string          `json:"name"`
	Hook   string          `json:"hook"`
	Input  json.RawMessage `json:"input"`
	Output json.RawMessage `json:"output,omitempty"`
}

// host runs modules by the letter of ABI 1 and no more: no fuel, no pools. That
// what an author builds fits a reader of the ABI that is not the daemon's is
// the point of it.
type host struct {
	runtime wazero.Runtime
	said    string // by ww_1.fail
	log     bytes.Buffer
}

func newHost(t *testing.T, config wazero.RuntimeConfig) *host {
	t.Helper()
	ctx := context.Background()
	h := &host{runtime: wazero.NewRuntimeWithConfig(ctx, config)}
	t.Cleanup(func() { h.runtime.Close(ctx) })
	read := func(m api.Module, p, n uint32) string {
		b, ok := m.Memory().Read(p, n)
		if !ok {
			panic("a pointer out of range")
		}
		return string(b)
	}
	_, err := h.runtime.NewHostModuleBuilder("ww_1").
		NewFunctionBuilder().WithFunc(func(_ context.Context, m api.Module, level int32, p, n uint32) {
		fmt.Fprintf(&h.log, "%d %s\n", level, read(m, p, n))
	}).Export("log").
		NewFunctionBuilder().WithFunc(func(_ context.Context, m api.Module, code int32, p, n uint32) {
		h.said = read(m, p, n)
		panic(fmt.Errorf("fail %d: %s", code, h.said))
	}).Export("fail").Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	wasi_snapshot_preview1.MustInstantiate(ctx, h.runtime)
	return h
}

// compile reads a module and holds it to the ABI and the limits that need no
// parser.
func (h *host) compile(t *testing.T, file, lang string, hooks []string) wazero.CompiledModule {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	most, pages := 512<<10, uint32(64)
	if lang == "go" {
		most, pages = 4<<20, 512
	}
	if len(b) > most {
		t.Errorf("%d bytes, at most %d are allowed", len(b), most)
	}
	begin := time.Now()
	m, err := h.runtime.CompileModule(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.1f KB, compiled in %v", float64(len(b))/1024, time.Since(begin).Round(time.Millisecond))
	exports := m.ExportedFunctions()
	want := map[string]string{"ww_abi_1": "[] []", "ww_alloc": "[127] [127]"}
	for _, hook := range hooks {
		want["ww_"+hook+"_1"] = "[127 127] [126]"
	}
	for name, form := range want {
		if f := exports[name]; f == nil {
			t.Errorf("no export %s", name)
		} else if got := fmt.Sprint([]int8(signature(f.ParamTypes())), []int8(signature(f.ResultTypes()))); got != form {
			t.Errorf("%s is %s, want %s", name, got, form)
		}
	}
	for name := range exports {
		if _, ok := want[name]; !ok && name != "_initialize" && lang != "go" {
			t.Errorf("it exports %s, which nobody asked for", name)
		}
	}
	if mem := m.ExportedMemories()["memory"]; mem == nil || mem.Min() > pages {
		t.Error("no memory, or too large a one")
	}
	for _, f := range m.ImportedFunctions() {
		module, name, _ := f.Import()
		if module != "ww_1" && (module != "wasi_snapshot_preview1" || lang != "go") || module == "ww_1" && name != "log" && name != "fail" {
			t.Errorf("it imports %s.%s", module, name)
		}
	}
	return m
}

// signature writes value types as small numbers: i32 127, i64 126.
func signature(types []api.ValueType) []int8 {
	out := []int8{}
	for _, v := range types {
		out = append(out, int8(v))
	}
	return out
}

// instantiate makes an instance whose clock stands at a fixture's time.
func (h *host) instantiate(t *testing.T, m wazero.CompiledModule) api.Module {
	t.Helper()
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize").WithStdout(&h.log).WithStderr(&h.log)
	i, err := h.runtime.InstantiateModule(context.Background(), m, config)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// call runs one hook on a fresh instance, as the daemon's reset makes it.
func (h *host) call(t *testing.T, m wazero.CompiledModule, lang, hook string, input []byte) ([]byte, error) {
	t.Helper()
	ctx := context.Background()
	i := h.instantiate(t, m)
	defer i.Close(ctx)
	h.said = ""
	res, err := i.ExportedFunction("ww_alloc").Call(ctx, uint64(len(input)))
	if err != nil {
		return nil, err
	}
	before := i.Memory().Size()
	if !i.Memory().Write(uint32(res[0]), input) {
		t.Fatal("ww_alloc gave what is not memory")
	}
	begin := time.Now()
	res, err = i.ExportedFunction("ww_"+hook+"_1").Call(ctx, res[0], uint64(len(input)))
	if err != nil {
		if h.said != "" {
			return nil, fmt.Errorf("%s", h.said)
		}
		return nil, err
	}
	t.Logf("%s: %v", hook, time.Since(begin).Round(time.Microsecond))
	out, ok := i.Memory().Read(uint32(res[0]>>32), uint32(res[0]))
	if !ok {
		t.Fatal("the answer lies outside of memory")
	}
	if after := i.Memory().Size(); after != before && lang != "go" && len(input) < 4096 {
		t.Errorf("memory grew from %d to %d bytes: the daemon would discard the instance after each call", before, after)
	}
	return slices.Clone(out), nil
}

// same compares JSON as values.
func same(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	p, _ := json.Marshal(x) // it was read from JSON
	q, _ := json.Marshal(y)
	return bytes.Equal(p, q)
}

// text is JSON in one line, without escapes, for a person to read.
func text(b []byte) string { return strings.TrimSpace(string(b)) }
