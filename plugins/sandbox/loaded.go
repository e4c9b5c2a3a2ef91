package sandbox

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/waxwinghq/waxwing/plugins/abi"
)

// loaded is code that is ready to be called: native code, a snapshot of a guest
// that has been initialised, and instances that lie idle.
type loaded struct {
	by       *opener
	code     *Code // without what the author wrote, once it is loaded
	rt       wazero.Runtime
	compiled wazero.CompiledModule
	js       *loaded // whose instances a script runs on
	native   int64   // bytes of native code
	started  int64   // fuel that its start took
	module   int64   // bytes of the module that wazero keeps
	snap     *snapshot
	script   scriptState

	// Of the memory, under its lock.
	of    *Account
	uses  int
	at    uint64
	bytes int64

	mu   sync.Mutex
	idle []*instance
}

// opener makes loaded code of code: it has native code, instances and the JavaScript engine.
type opener struct {
	o        *EngineOptions
	native   wazero.CompilationCache
	cache    *cache // nil: it interprets
	ctx      context.Context
	memory   *memory     // which has the JavaScript engine
	stopping atomic.Bool // guests end at their next look
	opening  sync.Mutex  // of the JavaScript engine
}

// newRuntime is an empty Runtime.
func (o *opener) newRuntime() wazero.Runtime {
	c := runtimeConfig(o.o.Interpret)
	if o.native != nil {
		c = c.WithCompilationCache(o.native)
	}
	return wazero.NewRuntimeWithConfig(o.ctx, c)
}

// open loads code and lets it initialise once. The time of a start is bounded by
// the clock as well: what is no fuel (growing, a snapshot) takes time, too.
func (o *opener) open(c *Code) (*loaded, error) {
	l := &loaded{by: o, code: c}
	if c.Lang == abi.LangJS {
		begun := time.Now()
		if err := o.openScript(l); err != nil {
			return nil, err
		}
		l.code = c.facts()
		return l, o.inTime(begun)
	}
	if err := l.compile(); err != nil {
		l.close()
		return nil, err
	}
	begun := time.Now()
	in, err := o.newInstance(l)
	if err == nil {
		err = l.initialise(in)
	}
	if err == nil {
		l.put(in)
		err = o.inTime(begun)
	}
	if err != nil {
		l.close()
		return nil, err
	}
	l.code = c.facts()
	return l, nil
}

// startClock is how long a start may take. The oracle at upload has no native code,
// and needs thirty times as long.
func (o *opener) startClock() time.Duration {
	if o.o.Interpret {
		return time.Minute
	}
	return o.o.Limits.Start * raceSlowdown
}

func (o *opener) inTime(begun time.Time) error {
	if most := o.startClock(); time.Since(begun) > most {
		return &Fault{FaultWall, fmt.Sprintf("its start took longer than %s", most)}
	}
	return nil
}

// compile takes the native code from the cache.
func (l *loaded) compile() (err error) {
	if l.by.cache != nil {
		name := l.code.name
		if name == "" {
			name = l.by.cache.name(l.code.wasm.Bytes)
		}
		if l.native, err = l.by.cache.hasNamed(name); err != nil {
			return err
		}
	}
	l.rt, l.module = l.by.newRuntime(), int64(len(l.code.wasm.Bytes))
	if l.compiled, err = l.rt.CompileModule(l.by.ctx, l.code.wasm.Bytes); err != nil {
		return &Fault{FaultHost, OneLine("load: "+err.Error(), 200)}
	}
	return hostModules(l.by.ctx, l.rt, l.compiled.ImportedFunctions())
}

func (l *loaded) initialise(in *instance) (err error) {
	r := &run{at: abi.InitTime, seed: l.code.Hash, limits: &l.code.limits}
	in.begin(r, l.code.limits.InitFuel, l.by.startClock())
	if in.fn(exportInit) != nil {
		if err := in.call(exportInit, nil); err != nil {
			in.close()
			f := r.faultOf(err)
			return &Fault{f.Kind, "_initialize: " + f.Text}
		}
	}
	l.started = in.used()
	if l.snap, err = in.snapshot(); err != nil {
		in.close()
	}
	return err
}

// What loaded code holds beside its bytes, measured: the Runtime with what the
// module imports, and an instance with its stack.
const (
	runtimeBytes  = 96 << 10
	instanceBytes = 64 << 10
)

// size is what the code holds in memory, in bytes.
func (l *loaded) size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := int64(4096)
	if l.snap != nil {
		n += l.snap.bytes()
	}
	if l.compiled != nil {
		n += runtimeBytes + l.native + 3*l.module // wazero keeps its own picture of the module
	}
	for _, in := range l.idle {
		n += int64(in.mem.Size()) + instanceBytes
	}
	return n
}

// get gives an instance that lies idle, or a new one.
func (l *loaded) get() (*instance, error) {
	if in := l.idler(); in != nil {
		return in, nil
	}
	in, err := l.by.newInstance(l)
	if err == nil && l.snap != nil && !in.restore(l.snap) {
		in.close()
		return nil, &Fault{FaultHost, "a new instance cannot take the snapshot"}
	}
	return in, err
}

// idler is the instance that lay idle for the shortest time; nil: none does.
func (l *loaded) idler() *instance {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.idle)
	if n == 0 {
		return nil
	}
	in := l.idle[n-1]
	l.idle = l.idle[:n-1]
	return in
}

func (l *loaded) put(in *instance) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.idle) >= l.by.o.Workers { // the one that was not used for longest goes
		l.idle[0].close()
		l.idle = slices.Delete(l.idle, 0, 1)
	}
	l.idle = append(l.idle, in)
}

func (l *loaded) dropInstances() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, in := range l.idle {
		in.close()
	}
	l.idle = nil
}

func (l *loaded) close() {
	l.dropInstances()
	if l.compiled != nil {
		_ = l.compiled.Close(l.by.ctx) // frees the native code; nothing can be done about an error
	}
	l.snap.free()
	if l.rt != nil {
		_ = l.rt.Close(l.by.ctx) // likewise what it imports, and its types
	}
}
