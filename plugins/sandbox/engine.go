package sandbox

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
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
	opener  *opener
	memory  *memory
	loads   *loads
	cache   *cache // nil: it interprets
	workers *workers
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
	e := &Engine{o: o, workers: newWorkers(o.Workers)}
	e.memory = newMemory(&e.o)
	e.opener = &opener{o: &e.o, ctx: context.Background(), memory: e.memory}
	e.loads = &loads{o: &e.o, opener: e.opener, memory: e.memory, failed: map[string]failedStart{}, asked: map[string]*request{}}
	if !o.Interpret {
		var err error
		if e.cache, err = openCache(o.Cache, o.Key, o.Child, o.Log); err != nil {
			return nil, err
		}
		e.opener.cache = e.cache
		if e.opener.native, err = wazero.NewCompilationCacheWithDir(e.cache.dir); err != nil {
			return nil, fmt.Errorf("plugin cache: %w", err)
		}
	}
	return e, nil
}

// Limits are those of the engine's options, with the defaults filled in.
func (e *Engine) Limits() abi.Limits { return e.o.Limits }

// Stop ends all calls under way within 2 ms, and those that come after: as if no
// worker had been free for them.
func (e *Engine) Stop() { e.opener.stopping.Store(true) }

// Close frees all code and memory. Calls under way must have ended; loads under way
// are waited for.
func (e *Engine) Close() error {
	e.Stop()
	e.loads.close()
	e.instrumented().close()
	e.memory.mu.Lock()
	defer e.memory.mu.Unlock()
	for _, l := range e.memory.loaded {
		l.close()
	}
	if e.memory.js != nil {
		e.memory.js.close()
	}
	e.memory.loaded = map[string]*loaded{}
	if e.opener.native != nil {
		return e.opener.native.Close(e.opener.ctx)
	}
	return nil
}

// Usage says how much memory loaded plugins hold, and how many there are. The
// JavaScript engine, which all scripts share, is not among it.
func (e *Engine) Usage() (bytes int64, modules int) {
	e.memory.mu.Lock()
	defer e.memory.mu.Unlock()
	return e.memory.bytes - e.memory.jsBytes, len(e.memory.loaded)
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
		e.memory.mu.Lock()
		there := e.memory.js != nil
		e.memory.mu.Unlock()
		if there {
			return nil
		}
		js, err := e.opener.script()
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

// Account is the tenant's, made where it has none yet.
func (e *Engine) Account(t waxwing.TenantID) *Account { return e.memory.account(t) }

// Warm loads code before the first order needs it.
func (e *Engine) Warm(c *Code) error {
	l, err := e.loads.load(c, time.Time{}, false)
	if err == nil {
		e.memory.release(l)
	}
	return err
}

// WarmLater asks for code to be loaded where there is room for it, and tells what became
// of that. It does not wait.
func (e *Engine) WarmLater(c *Code, then func(error)) { e.loads.warmLater(c, then) }

// Keep says how much the host keeps of a tenant's versions: it is memory as well,
// and leaves less room for what is loaded.
func (e *Engine) Keep(t waxwing.TenantID, bytes int64) { e.memory.keep(t, bytes) }

// Forget closes loaded code that will not be called again.
func (e *Engine) Forget(hash string) {
	e.instrumented().forget(hash)
	e.memory.mu.Lock()
	defer e.memory.mu.Unlock()
	for _, l := range e.memory.loaded {
		if l.code.Hash == hash {
			e.memory.drop(l)
		}
	}
}

// Facts are what is known of code that is in a store.
type Facts struct {
	Tenant waxwing.TenantID // whose memory and time it takes
	Hash   string           // SHA-256 of what the author wrote, hex
	Use    *Use             // what is counted of it; nil: nothing is
}

// Stored is code that stays in the store until it is loaded: what is kept of names that
// nobody asks must not add up. body gives what the author wrote, by its hash. It is checked by
// the limits of today and instrumented when it is loaded, and kept so for the next time.
func (e *Engine) Stored(m *abi.Manifest, f Facts, body func() ([]byte, error)) *Code {
	c := newCode(m.Lang, f.Hash, e.o.Limits)
	c.Tenant, c.Use = f.Tenant, f.Use
	checked := abi.Manifest{Name: m.Name, Lang: m.Lang, Hooks: m.Hooks}
	again, kept := *c, e.instrumented()
	c.read = func() (*Code, error) {
		key := instrumentedKey(&again, checked.Hooks)
		if w, name := kept.get(key); w != nil {
			whole := again
			whole.wasm, whole.name = w, name
			return &whole, nil
		}
		b, err := body()
		if err != nil {
			return nil, err
		}
		if h := sha256.Sum256(b); hex.EncodeToString(h[:]) != again.Hash {
			return nil, &Fault{FaultHost, "its code is not what was checked: the hash differs"}
		}
		whole, err := Prepare(&checked, b, e.o.Limits)
		if err != nil {
			return nil, err
		}
		whole.Tenant, whole.Use = again.Tenant, again.Use
		if whole.wasm != nil {
			kept.put(key, whole)
		}
		return whole, nil
	}
	return c
}

// mostReady is how long Ready waits for a load.
const mostReady = time.Second

// Ready keeps checked code while it is here, and loads it where it is to serve now, so that
// no order goes without. Where that does not come to pass, orders wait for the load as they do
// for any other.
func (e *Engine) Ready(m *abi.Manifest, c *Code, now bool) {
	if c.wasm != nil {
		e.instrumented().put(instrumentedKey(c, m.Hooks), c)
	}
	if !now {
		return
	}
	if l, err := e.loads.load(c, time.Now().Add(mostReady*raceSlowdown), false); err == nil {
		e.memory.release(l)
	}
}

// Natives are the bytes of native code that lie in the cache, by the key of what
// they were made of.
func (e *Engine) Natives() (map[string]int64, error) {
	out := map[string]int64{}
	if e.cache == nil {
		return out, nil
	}
	all, err := e.cache.list()
	for _, n := range all {
		out[n.seal.Source] += n.seal.Size
	}
	return out, err
}

// Tidy removes native code whose source is not among held, and the oldest beyond so many
// bytes. What was made just now stays: its upload may be under way.
func (e *Engine) Tidy(held map[string]bool, most int64) (removed int, err error) {
	if e.cache == nil {
		return 0, nil
	}
	engine := ""
	if js, err := e.opener.script(); err == nil {
		engine = js.Source()
	}
	return e.cache.tidy(held, engine, e.cache.kept.bound(most), time.Now()) // files have the system's times
}
