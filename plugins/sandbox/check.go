package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/quickjs"
	"github.com/waxwinghq/waxwing/plugins/wasm"
)

// Prepare checks what an author wrote against the static limits and the ABI,
// and instruments it. Nothing of it is compiled or run. The error is permanent
// and names every breach.
func Prepare(m *abi.Manifest, body []byte, l abi.Limits) (*Code, error) {
	sum := sha256.Sum256(body)
	c := newCode(m.Lang, hex.EncodeToString(sum[:]), l)
	l = c.limits
	if m.Lang == abi.LangJS {
		c.Script = body
		return c, checkScript(m, body, l)
	}
	if err := abi.NotAModule(body); err != nil {
		return nil, waxwing.Permanent(err)
	}
	limits := wasm.DefaultLimits()
	limits.ModuleBytes, limits.CustomBytes = l.Module, l.Module
	if m.Lang == abi.LangGo {
		limits = wasm.GoLimits()
		limits.ModuleBytes, limits.CustomBytes = l.ModuleGo, l.ModuleGo
	}
	limits.MemoryPages, limits.Types = c.pages, l.Types
	mod, err := wasm.Parse(body, limits)
	if err != nil {
		return nil, waxwing.Permanent(fmt.Errorf("the module is refused: %w", err))
	}
	if err := checkABI(m, mod); err != nil {
		return nil, waxwing.Permanent(fmt.Errorf("the module is refused: %w", err))
	}
	if c.wasm, err = mod.Inject(wasm.Config{MaxPages: c.pages, DepthLimit: int32(l.Stack)}); err != nil {
		return nil, waxwing.Permanent(fmt.Errorf("the module is refused: %w", err))
	}
	return c, nil
}

// newCode is code by its language's limits, without what the author wrote.
func newCode(lang, hash string, l abi.Limits) *Code {
	l = l.OrDefault()
	pages := l.Pages
	switch lang {
	case abi.LangJS:
		l.Stack, pages = l.StackJS, l.PagesJS
		l.Fuel, l.InitFuel = l.Fuel*abi.JSFuel, l.InitFuel*abi.JSFuel
	case abi.LangGo:
		l.Stack, pages = l.StackGo, l.PagesGo
		l.Fuel, l.InitFuel = l.Fuel*abi.GoFuel, l.InitFuel*abi.GoFuel
	}
	return &Code{Hash: hash, Lang: lang, limits: l, pages: pages}
}

// Code is a module or script that was checked: Prepare made it.
type Code struct {
	Hash string // SHA-256 of what the author wrote, hex
	Lang string
	// Tenant is whose memory and time it takes; "" on an author's own machine.
	Tenant waxwing.TenantID
	Script []byte // of a JavaScript plugin
	wasm   *wasm.Instrumented
	name   string // in the cache: the SHA-256 of wasm's bytes; "" where it was not needed yet
	limits abi.Limits
	pages  uint32
	Use    *Use // what is counted of it; nil: nothing is
	// read brings back what the author wrote, instrumented: only loading and
	// compiling need it. nil: it is here.
	read func() (*Code, error)
}

// key tells loaded code apart. Languages have limits of their own, and tenants
// memory and time: what one has loaded is not another's to use or to evict.
func (c *Code) key() string { return string(c.Tenant) + " " + c.Lang + " " + c.Hash }

// Limits are those of its language: Go and scripts have more fuel and stack.
func (c *Code) Limits() abi.Limits { return c.limits }

// Source names what it was made of: native code is the same for all tenants.
func (c *Code) Source() string { return c.Lang + " " + c.Hash }

// whole is the code with what the author wrote.
func (c *Code) whole() (*Code, error) {
	if c.read == nil {
		return c, nil
	}
	return c.read()
}

// facts is the code without what the author wrote: what a call needs of it.
func (c *Code) facts() *Code {
	f := *c
	f.Script, f.read = nil, nil
	if c.wasm != nil {
		w := *c.wasm
		w.Bytes = nil
		f.wasm = &w
	}
	return &f
}

// engineCode is the JavaScript engine's module as code: ours, so without the
// static limits, but with fuel.
func engineCode(b []byte, l abi.Limits) (*Code, error) {
	limits := wasm.GoLimits()
	limits.BodyBytes, limits.Nesting, limits.Blocks, limits.BranchTargets = 1<<20, 8192, 1<<16, 1<<16
	limits.LoopNesting, limits.BranchWork = 64, 1<<30
	limits.Operands, limits.Locals = 1<<16, 1<<16
	limits.Imports, limits.Exports = 256, 4096
	mod, err := wasm.Parse(b, limits)
	if err != nil {
		return nil, fmt.Errorf("JavaScript engine: %w", err)
	}
	l.Stack = l.StackJS
	in, err := mod.Inject(wasm.Config{MaxPages: l.PagesJS, DepthLimit: int32(l.Stack), Trusted: true})
	if err != nil {
		return nil, fmt.Errorf("JavaScript engine: %w", err)
	}
	return &Code{Hash: "engine:" + quickjs.Sum, Lang: "engine", wasm: in, limits: l, pages: l.PagesJS}, nil
}

const (
	hostModule = "ww_1"
	wasiModule = "wasi_snapshot_preview1"
	exportABI  = "ww_abi_1"
	exportRoom = "ww_alloc"
	exportInit = "_initialize"
)

func exportOf(h waxwing.Hook) string { return "ww_" + string(h) + "_1" }

var i32, i64 = wasm.I32, wasm.I64

// checkABI checks exports and imports against ABI 1 (docs/plugins.md).
func checkABI(m *abi.Manifest, mod *wasm.Module) error {
	var bad wasm.Breaches
	add := func(limit, format string, args ...any) {
		bad = append(bad, wasm.Breach{Limit: limit, Func: -1, Text: fmt.Sprintf(format, args...)})
	}
	for _, im := range mod.Imports() {
		want, ok := importTypes[im.Module+"."+im.Name]
		switch {
		case !ok:
			add("import", "%.60q.%.60q is not offered; there are ww_1.log, ww_1.fail and WASI preview 1", im.Module, im.Name)
		case !im.Type.Is(want.Params, want.Results):
			add("import", "%s.%s has the type %s, want %s", im.Module, im.Name, im.Type, want)
		}
	}
	if !slices.ContainsFunc(mod.Exports(), func(e wasm.Export) bool { return e.Name == "memory" && e.Kind == wasm.KindMemory }) {
		add("export", `the memory must be exported as "memory"`)
	}
	need := func(name string, t wasm.FuncType) {
		switch got, ok := mod.ExportedFunc(name); {
		case !ok:
			add("export", "the function %s %s is missing", name, t)
		case !got.Is(t.Params, t.Results):
			add("export", "%s has the type %s, want %s", name, got, t)
		}
	}
	if !slices.ContainsFunc(mod.Exports(), func(e wasm.Export) bool { return e.Name == exportABI }) {
		add("export", "ww_abi_1 is missing: it says that the module speaks ABI 1")
	}
	need(exportRoom, wasm.FuncType{Params: []wasm.ValType{i32}, Results: []wasm.ValType{i32}})
	for _, h := range m.Hooks {
		need(exportOf(h), wasm.FuncType{Params: []wasm.ValType{i32, i32}, Results: []wasm.ValType{i64}})
	}
	if t, ok := mod.ExportedFunc(exportInit); ok && !t.Is(nil, nil) {
		add("export", "_initialize has the type %s, want () -> ()", t)
	}
	if len(bad) > 0 {
		return bad
	}
	return nil
}
