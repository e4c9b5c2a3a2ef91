package sandbox

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/waxwinghq/waxwing/plugins/abi"
)

// loaded is code that is ready to be called: native code, a snapshot of a guest
// that has been initialised, and instances that lie idle.
type loaded struct {
	e        *Engine
	code     *Code // without what the author wrote, once it is loaded
	rt       wazero.Runtime
	compiled wazero.CompiledModule
	js       *loaded // whose instances a script runs on
	native   int64   // bytes of native code
	started  int64   // fuel that its start took
	module   int64   // bytes of the module that wazero keeps
	snap     *snapshot
	script   scriptState

	// Of the engine, under its lock.
	of    *Account
	uses  int
	at    uint64
	bytes int64

	mu   sync.Mutex
	idle []*instance
}

// open loads code and lets it initialise once. The time of a start is bounded by
// the clock as well: what is no fuel (growing, a snapshot) takes time, too.
func (e *Engine) open(c *Code) (*loaded, error) {
	l := &loaded{e: e, code: c}
	if c.Lang == abi.LangJS {
		begun := time.Now()
		if err := e.openScript(l); err != nil {
			return nil, err
		}
		l.code = c.facts()
		return l, e.inTime(begun)
	}
	if err := l.compile(); err != nil {
		l.close()
		return nil, err
	}
	begun := time.Now()
	in, err := e.newInstance(l)
	if err == nil {
		err = l.initialise(in)
	}
	if err == nil {
		l.put(in)
		err = e.inTime(begun)
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
func (e *Engine) startClock() time.Duration {
	if e.o.Interpret {
		return time.Minute
	}
	return e.o.Limits.Start * raceSlowdown
}

func (e *Engine) inTime(begun time.Time) error {
	if most := e.startClock(); time.Since(begun) > most {
		return &Fault{FaultWall, fmt.Sprintf("its start took longer than %s", most)}
	}
	return nil
}

// compile takes the native code from the cache.
func (l *loaded) compile() (err error) {
	if l.e.cache != nil {
		name := l.code.name
		if name == "" {
			name = l.e.cache.name(l.code.wasm.Bytes)
		}
		if l.native, err = l.e.cache.hasNamed(name); err != nil {
			return err
		}
	}
	l.rt, l.module = l.e.newRuntime(), int64(len(l.code.wasm.Bytes))
	if l.compiled, err = l.rt.CompileModule(l.e.ctx, l.code.wasm.Bytes); err != nil {
		return &Fault{FaultHost, OneLine("load: "+err.Error(), 200)}
	}
	return hostModules(l.e.ctx, l.rt, l.compiled.ImportedFunctions())
}

func (l *loaded) initialise(in *instance) (err error) {
	r := &run{at: abi.InitTime, seed: l.code.Hash, limits: &l.code.limits}
	in.begin(r, l.code.limits.InitFuel, l.e.startClock())
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
	in, err := l.e.newInstance(l)
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
	if len(l.idle) >= l.e.o.Workers { // the one that was not used for longest goes
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
		_ = l.compiled.Close(l.e.ctx) // frees the native code; nothing can be done about an error
	}
	l.snap.free()
	if l.rt != nil {
		_ = l.rt.Close(l.e.ctx) // likewise what it imports, and its types
	}
}
