package sandbox

import (
	"path/filepath"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Inspector shows what an engine holds, and holds it still, for the tests of whoever runs
// plugins. It is no part of how a plugin is run.
type Inspector struct{ e *Engine }

// Inspect gives the engine's inspector.
func (e *Engine) Inspect() Inspector { return Inspector{e} }

// Options are the engine's, to be changed before anything runs.
func (x Inspector) Options() *EngineOptions { return &x.e.o }

// Held is what counts of a tenant: bytes of loaded code and of what is kept of versions, the
// latter alone, and how many are loaded.
func (x Inspector) Held(t waxwing.TenantID) (bytes, kept int64, loaded int) {
	x.e.memory.mu.Lock()
	defer x.e.memory.mu.Unlock()
	a := x.e.memory.accountOf(t)
	return a.bytes, a.kept, a.loaded
}

// Loaded are the bytes that are held, and how many modules are loaded; whole is how many of
// those still hold what their author wrote.
func (x Inspector) Loaded() (bytes int64, modules, whole int) {
	x.e.memory.mu.Lock()
	defer x.e.memory.mu.Unlock()
	for _, l := range x.e.memory.loaded {
		if l.code.wasm.Bytes != nil {
			whole++
		}
	}
	return x.e.memory.bytes, len(x.e.memory.loaded), whole
}

// Bare reports whether code holds nothing of what its author wrote.
func (x Inspector) Bare(c *Code) bool { return c.Script == nil && c.wasm == nil && c.read != nil }

// Drop takes loaded code away, as an eviction does.
func (x Inspector) Drop(c *Code) {
	x.e.memory.mu.Lock()
	defer x.e.memory.mu.Unlock()
	x.e.memory.drop(x.e.memory.loaded[c.key()])
}

// Waiting is how many loads wait.
func (x Inspector) Waiting() int {
	x.e.memory.mu.Lock()
	defer x.e.memory.mu.Unlock()
	return len(x.e.loads.asked)
}

// Settle waits until nothing is to be loaded any more.
func (x Inspector) Settle() {
	for {
		x.e.memory.mu.Lock()
		var r *request
		for _, r = range x.e.loads.asked {
			break
		}
		x.e.memory.mu.Unlock()
		if r == nil {
			return
		}
		<-r.done
	}
}

// Charge counts time of a tenant's plugins; a negative one is as if so much time had passed.
func (x Inspector) Charge(t waxwing.TenantID, took time.Duration) {
	a := x.e.Account(t)
	if took >= 0 {
		a.charge(took)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = a.at.Add(took)
}

// HoldCompiler keeps native code from being made until release is called.
func (x Inspector) HoldCompiler() (release func()) {
	x.e.cache.turn.Lock()
	return x.e.cache.turn.Unlock
}

// TakeSlots takes all slots for good.
func (x Inspector) TakeSlots() {
	x.e.workers.mu.Lock()
	defer x.e.workers.mu.Unlock()
	x.e.workers.free = 0
}

// Tidy removes native code as Engine.Tidy does, at a time, and keeps engine's as if it were
// that of all scripts.
func (x Inspector) Tidy(held map[string]bool, engine string, most int64, now time.Time) (removed int, err error) {
	return x.e.cache.tidy(held, engine, most, now)
}

// Files are those of native code, and of modules as the injector wrote them.
func (x Inspector) Files() (native, instrumented []string) {
	native, _ = filepath.Glob(filepath.Join(x.e.cache.dir, "wazero-*", "*")) // the patterns are good
	instrumented, _ = filepath.Glob(filepath.Join(x.e.cache.kept.dir, "*"))
	return native, instrumented
}

// ForgetInstrumented forgets a module as the injector wrote it.
func (x Inspector) ForgetInstrumented(hash string) { x.e.cache.kept.forget(hash) }
