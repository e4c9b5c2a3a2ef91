package plugins

import (
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
	// Memory bounds loaded code, instances and snapshots, in bytes.
	Memory int64
	// Workers is how many guests run at once; GOMAXPROCS-1, at least 1, by default.
	Workers int
	// Interpret runs without compiling: the oracle at upload.
	Interpret bool
	Limits    Limits
	Log       *slog.Logger
}

// Engine loads modules and scripts and calls them. One Runtime serves all
// tenants: wazero keeps types and code of a Runtime together, and a module must
// not be instantiated on another. Its methods are safe for concurrent use.
type Engine struct {
	o       EngineOptions
	rt      wazero.Runtime
	native  wazero.CompilationCache
	cache   *cache
	workers *workers
	ctx     context.Context

	stopping atomic.Bool // guests end at their next look

	loading chan struct{} // one load at a time: it takes a core for milliseconds

	failed map[string]failedStart // by the code's key; whoever loads has it

	mu     sync.Mutex
	loaded map[string]*loaded
	bytes  int64
	tick   uint64
	js     *loaded // the JavaScript engine; nil until the first script
	closed bool
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
	o.Limits = o.Limits.orDefault()
	fill(&o.Memory, defaultMemory)
	fill(&o.Workers, max(runtime.GOMAXPROCS(0)-1, 1))
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{o: o, ctx: context.Background(), loaded: map[string]*loaded{}, workers: newWorkers(o.Workers),
		loading: make(chan struct{}, 1)}
	c := runtimeConfig(o.Interpret)
	if !o.Interpret {
		var err error
		if e.cache, err = openCache(o.Cache, o.Key, o.Child, o.Log); err != nil {
			return nil, err
		}
		if e.native, err = wazero.NewCompilationCacheWithDir(e.cache.dir); err != nil {
			return nil, fmt.Errorf("plugin cache: %w", err)
		}
		c = c.WithCompilationCache(e.native)
	}
	e.rt = wazero.NewRuntimeWithConfig(e.ctx, c)
	if err := e.hostModules(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// Stop ends all calls under way within 2 ms, and those that come after: as if no
// worker had been free for them.
func (e *Engine) Stop() { e.stopping.Store(true) }

// Close frees all code and memory. Calls under way must have ended.
func (e *Engine) Close() error {
	e.Stop()
	e.mu.Lock()
	e.closed = true
	for _, l := range e.loaded {
		l.dropInstances()
	}
	if e.js != nil {
		e.js.dropInstances()
	}
	e.loaded = map[string]*loaded{}
	e.mu.Unlock()
	err := e.rt.Close(e.ctx)
	if e.native != nil {
		err = errors.Join(err, e.native.Close(e.ctx))
	}
	return err
}

// Code is a module or script that was checked: Prepare made it.
type Code struct {
	Hash   string // SHA-256 of what the author wrote, hex
	Lang   string
	Script []byte // of a JavaScript plugin
	wasm   *wasm.Instrumented
	limits Limits
	pages  uint32
}

// key tells loaded code apart. Languages have limits of their own: one tenant's
// module must not run by those that another gave the same bytes.
func (c *Code) key() string { return c.Lang + " " + c.Hash }

// Usage says how much memory loaded plugins hold, and how many there are.
func (e *Engine) Usage() (bytes int64, modules int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.bytes, len(e.loaded)
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
	if c.Lang == LangJS {
		js, err := e.script(c)
		if err != nil {
			return err
		}
		return e.cache.compile(ctx, js.wasm.Bytes, js.key())
	}
	return e.cache.compile(ctx, c.wasm.Bytes, c.key())
}

// script is the JavaScript engine as code.
func (e *Engine) script(*Code) (*Code, error) {
	b, err := quickjs.Module()
	if err != nil {
		return nil, err
	}
	return engineCode(b, e.o.Limits)
}

// load gives the loaded code, counting a use of it that release ends. It waits
// for others' loads until wait at most, where that is set.
func (e *Engine) load(c *Code, wait time.Time) (*loaded, error) {
	if l := e.take(c.key()); l != nil {
		return l, nil
	}
	var late <-chan time.Time
	if !wait.IsZero() {
		t := time.NewTimer(time.Until(wait))
		defer t.Stop()
		late = t.C
	}
	select {
	case e.loading <- struct{}{}:
	case <-late:
		return nil, errBusy
	}
	defer func() { <-e.loading }()
	if l := e.take(c.key()); l != nil { // while we waited
		return l, nil
	}
	if f := e.failed[c.key()]; f.fault != nil && time.Now().Before(f.until) {
		return nil, f.fault
	}
	l, err := e.open(c)
	if err != nil {
		e.remember(c, err)
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.loaded[c.key()] = l
	l.uses, l.at = 1, e.tick
	e.bytes += l.bytes
	e.evict()
	return l, nil
}

// failedStart is a start that failed by the code's own fault, which is the same
// at each try: it need not burn its fuel again for every order.
type failedStart struct {
	fault *Fault
	until time.Time
}

const (
	startAgain = 30 * time.Second
	mostFailed = 1024
)

// remember keeps a failed start. The caller holds loading.
func (e *Engine) remember(c *Code, err error) {
	var f *Fault
	if !errors.As(err, &f) || !blames(f.Kind) {
		return
	}
	if e.failed == nil || len(e.failed) >= mostFailed {
		e.failed = map[string]failedStart{}
	}
	e.failed[c.key()] = failedStart{f, time.Now().Add(startAgain)}
}

func (e *Engine) take(key string) *loaded {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.loaded[key]
	if l != nil {
		e.tick++
		l.uses++
		l.at = e.tick
	}
	return l
}

func (e *Engine) release(l *loaded) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l.uses--
	if n := l.size(); n != l.bytes && e.loaded[l.code.key()] == l {
		e.bytes += n - l.bytes
		l.bytes = n
	}
	if e.loaded[l.code.key()] != l && l.uses == 0 {
		l.close() // it was evicted while it ran
	}
	e.evict()
}

// evict closes what was not used for longest until the rest fits. What runs
// stays. The caller holds mu.
func (e *Engine) evict() {
	for e.bytes > e.o.Memory {
		var oldest *loaded
		for _, l := range e.loaded {
			if l.uses == 0 && (oldest == nil || l.at < oldest.at) {
				oldest = l
			}
		}
		if oldest == nil {
			return
		}
		delete(e.loaded, oldest.code.key())
		e.bytes -= oldest.bytes
		oldest.close()
	}
}

// Forget closes loaded code that will not be called again.
func (e *Engine) Forget(hash string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for key, l := range e.loaded {
		if l.code.Hash != hash {
			continue
		}
		delete(e.loaded, key)
		e.bytes -= l.bytes
		if l.uses == 0 {
			l.close()
		}
	}
}
