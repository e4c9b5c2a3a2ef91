package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/quickjs"
	"github.com/waxwinghq/waxwing/plugins/wasm"
)

// EngineOptions say how an Engine is made.
type EngineOptions struct {
	// Cache is the folder of compiled code; it is made with mode 0700.
	Cache string
	// Key authenticates what lies in it. At least 16 bytes.
	Key []byte
	// Child is the command that compiles (this program's own "plugin-compile",
	// see CompileChild). Empty: the engine compiles by itself, which only tests
	// and author's tools on the author's own machine may do.
	Child []string
	// Memory bounds loaded code, instances, snapshots and what is kept of versions,
	// in bytes.
	Memory int64
	// TenantMemory is one tenant's part of Memory, a quarter by default. One plugin
	// may be larger, where the others leave room for it.
	TenantMemory int64
	// TenantTime is how much of a processor one tenant's plugins may take in a
	// minute, loading and restoring included; 0: as much as there is.
	TenantTime time.Duration
	// Workers is how many guests run at once; GOMAXPROCS-1, at least 1, by default.
	Workers int
	// Interpret runs without compiling: the oracle at upload.
	Interpret bool
	Limits    abi.Limits
	Log       *slog.Logger
}

// Engine loads modules and scripts and calls them. Each module has a Runtime of its
// own, since wazero keeps the types of a Runtime for as long as that lives; native
// code is shared by all of them. Its methods are safe for concurrent use.
type Engine struct {
	o       EngineOptions
	native  wazero.CompilationCache
	cache   *cache
	workers *workers
	ctx     context.Context

	stopping atomic.Bool // guests end at their next look
	opening  sync.Mutex  // of the JavaScript engine
	loaders  sync.WaitGroup

	mu       sync.Mutex
	accounts map[waxwing.TenantID]*Account
	loaded   map[string]*loaded
	failed   map[string]failedStart // by the code's key
	asked    map[string]*request    // what is to be loaded, likewise
	queue    FairQueue[*request]
	loading  int // loaders at work
	bytes    int64
	tick     uint64
	js       *loaded // the JavaScript engine; nil until the first script
	jsBytes  int64   // of bytes
	closed   bool
}

// features are those that plugins/wasm lets pass.
const features = api.CoreFeatureMutableGlobal | api.CoreFeatureSignExtensionOps | api.CoreFeatureMultiValue |
	api.CoreFeatureNonTrappingFloatToIntConversion | api.CoreFeatureBulkMemoryOperations | api.CoreFeatureReferenceTypes

const defaultMemory = 192 << 20

func runtimeConfig(interpret bool) wazero.RuntimeConfig {
	c := wazero.NewRuntimeConfigCompiler()
	if interpret {
		c = wazero.NewRuntimeConfigInterpreter()
	}
	return c.WithCoreFeatures(features).WithDebugInfoEnabled(false).WithCustomSections(false).WithMemoryLimitPages(512)
}

// NewEngine makes an engine.
func NewEngine(o EngineOptions) (*Engine, error) {
	o.Limits = o.Limits.OrDefault()
	o.Memory = cmp.Or(o.Memory, defaultMemory)
	o.TenantMemory = cmp.Or(o.TenantMemory, o.Memory/4)
	o.TenantMemory = min(o.TenantMemory, o.Memory)
	o.Workers = cmp.Or(o.Workers, max(runtime.GOMAXPROCS(0)-1, 1))
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{o: o, ctx: context.Background(), workers: newWorkers(o.Workers), accounts: map[waxwing.TenantID]*Account{},
		loaded: map[string]*loaded{}, failed: map[string]failedStart{}, asked: map[string]*request{}}
	if !o.Interpret {
		var err error
		if e.cache, err = openCache(o.Cache, o.Key, o.Child, o.Log); err != nil {
			return nil, err
		}
		if e.native, err = wazero.NewCompilationCacheWithDir(e.cache.dir); err != nil {
			return nil, fmt.Errorf("plugin cache: %w", err)
		}
	}
	return e, nil
}

// Limits are those of the engine's options, with the defaults filled in.
func (e *Engine) Limits() abi.Limits { return e.o.Limits }

// Stop ends all calls under way within 2 ms, and those that come after: as if no
// worker had been free for them.
func (e *Engine) Stop() { e.stopping.Store(true) }

// newRuntime is an empty Runtime.
func (e *Engine) newRuntime() wazero.Runtime {
	c := runtimeConfig(e.o.Interpret)
	if e.native != nil {
		c = c.WithCompilationCache(e.native)
	}
	return wazero.NewRuntimeWithConfig(e.ctx, c)
}

// Close frees all code and memory. Calls under way must have ended; loads under way
// are waited for.
func (e *Engine) Close() error {
	e.Stop()
	e.mu.Lock()
	e.closed = true
	for r, ok := e.queue.Next(time.Now()); ok; r, ok = e.queue.Next(time.Now()) {
		e.finish(r, nil, errClosed)
	}
	e.mu.Unlock()
	e.loaders.Wait()
	e.instrumented().close()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, l := range e.loaded {
		l.close()
	}
	if e.js != nil {
		e.js.close()
	}
	e.loaded = map[string]*loaded{}
	if e.native != nil {
		return e.native.Close(e.ctx)
	}
	return nil
}

// Account is the tenant's, made where it has none yet.
func (e *Engine) Account(t waxwing.TenantID) *Account {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.accountOf(t)
}

// accountOf is account for whoever holds mu.
func (e *Engine) accountOf(t waxwing.TenantID) *Account {
	a := e.accounts[t]
	if a == nil {
		minute := e.o.TenantTime
		if t == "" { // an author's own machine, or what is all tenants'
			minute = 0
		}
		a = newAccount(t, minute)
		e.accounts[t] = a
	}
	return a
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

// Usage says how much memory loaded plugins hold, and how many there are. The
// JavaScript engine, which all scripts share, is not among it.
func (e *Engine) Usage() (bytes int64, modules int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.bytes - e.jsBytes, len(e.loaded)
}

// ErrNotCompiled: the code is not in the cache; Compile puts it there. A call
// does not wait for that.
var ErrNotCompiled = errors.New("not compiled yet")

// Compile compiles code into the cache, in the child. It takes seconds for a
// large module, and is not needed for one that is there.
func (e *Engine) Compile(ctx context.Context, c *Code) error {
	if e.o.Interpret {
		return nil
	}
	if c.Lang == abi.LangJS {
		e.mu.Lock()
		there := e.js != nil
		e.mu.Unlock()
		if there {
			return nil
		}
		js, err := e.script(c)
		if err != nil {
			return err
		}
		return e.cache.compile(ctx, js.wasm.Bytes, js.key())
	}
	c, err := c.whole()
	if err != nil {
		return err
	}
	return e.cache.compile(ctx, c.wasm.Bytes, c.Source())
}

// script is the JavaScript engine as code.
func (e *Engine) script(*Code) (*Code, error) {
	b, err := quickjs.Module()
	if err != nil {
		return nil, err
	}
	return engineCode(b, e.o.Limits)
}
