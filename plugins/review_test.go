package plugins

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/attack"
	"github.com/waxwinghq/waxwing/plugins/quickjs"
)

// A script that takes much memory must not cost another tenant's script its calls.
func TestStateOfALargeScriptHarmsNoOther(t *testing.T) {
	if _, err := quickjs.Module(); err != nil {
		t.Skip(err)
	}
	e := engine(t, nil)
	small := prepared(t, e, LangJS, []byte(`function personalise() { return {subject: "small"} }`))
	large := prepared(t, e, LangJS, []byte(`var kept = new Uint8Array(6 << 20)
function personalise() { return {subject: "large " + kept.length} }`))
	later := prepared(t, e, LangJS, []byte(`function personalise() { return {subject: "later"} }`))
	for i, c := range []*Code{small, large, small, large, later, small} {
		if res := e.Call(c, waxwing.HookPersonalise, []byte(smallInput), moment, "order", time.Minute); res.Fault != nil {
			t.Errorf("call %d: %v", i, res.Fault)
		}
	}
}

// reserved is how much address space the process has, in MiB.
func reserved(t *testing.T) int {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	var pages int
	if _, err := fmt.Sscan(string(b), &pages); err != nil {
		t.Fatal(err)
	}
	return pages * 4 >> 10
}

// A data segment outside of the memory makes the instance fail after its memory
// was reserved.
func TestAttacksFailedInstancesGiveTheirMemoryBack(t *testing.T) {
	e := engine(t, nil)
	body := attack.DataOutside()
	c := prepared(t, e, LangC, body)
	ask(e, c, waxwing.HookPersonalise, smallInput)
	before := reserved(t)
	for range 50 {
		if res := ask(e, c, waxwing.HookPersonalise, smallInput); res.Fault == nil {
			t.Fatal("it ran")
		}
	}
	if after := reserved(t); after > before+100 {
		t.Errorf("%d MiB before, %d after", before, after)
	}
}

// A run may find that a canary fails while the step before is being recorded:
// by then the version that it judged has been replaced by its next step.
func TestWorseVersionsAreStoppedBetweenSteps(t *testing.T) {
	s := newShelfStore()
	h := host(t, s, nil)
	if _, err := put(t, h, "p", oldVersion, true); err != nil {
		t.Fatal(err)
	}
	if _, err := put(t, h, "p", oldVersion+"\n// 2", false); err != nil {
		t.Fatal(err)
	}
	p, err := h.find("acme", "p")
	if err != nil {
		t.Fatal(err)
	}
	h.changes.Lock()
	defer h.changes.Unlock()
	judged := p.slots.Load().candidate
	h.promote(p, judged, -1)
	p.trial.decided = true
	h.end(p, judged, waxwing.PluginStopped, "it failed")
	if v := s.state(2); v.State != waxwing.PluginStopped {
		t.Errorf("the canary goes on: %+v, decided %v", v, p.trial.decided)
	}
}

// blocked has the loader load something until the function is called.
func blocked(e *Engine, tenant waxwing.TenantID) (end func()) {
	open, begun := make(chan struct{}), make(chan struct{})
	c := newCode(LangC, "blocked", Limits{})
	c.Tenant, c.read = tenant, func() (*Code, error) {
		close(begun)
		<-open
		return nil, &Fault{FaultHost, "it was never there"}
	}
	e.warm(c, nil)
	<-begun
	return sync.OnceFunc(func() { close(open) })
}

// Others' loads, one of which may initialise for long, cost an order no more
// than its own time.
func TestAttacksLoadsOfOthersAreNotWaitedForBeyondTheOrdersTime(t *testing.T) {
	e := engine(t, nil)
	c := prepared(t, e, LangC, attack.Says(`{"subject":"good"}`))
	end := blocked(e, "other")
	defer end()
	if l, err := e.load(c, time.Now()); l != nil || loadFault(err).Kind != FaultLoad {
		t.Errorf("%v %v", l, err)
	}
	end()
	if res := ask(e, c, waxwing.HookPersonalise, smallInput); res.Fault != nil {
		t.Error(res.Fault)
	}
}

// Orders that find no native code start one compilation, not one each.
func TestAttacksOrdersStartOneCompilation(t *testing.T) {
	e := engine(t, nil)
	c, err := Prepare(manifestFor(t, LangC), attack.Says(`{"subject":"good"}`), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	h := NewHost(HostOptions{Engine: e})
	v := &version{code: c, manifest: manifestFor(t, LangC)}
	e.cache.turn.Lock()
	before := runtime.NumGoroutine()
	for range 100 {
		h.compileAgain(v, moment)
	}
	after := runtime.NumGoroutine()
	e.cache.turn.Unlock()
	h.work.Wait()
	if after > before+1 {
		t.Errorf("%d goroutines, then %d", before, after)
	}
	if res := ask(e, c, waxwing.HookPersonalise, smallInput); res.Fault != nil {
		t.Error(res.Fault)
	}
	h.Close()
}

// A worker that others hold is no reason to quarantine an order.
func TestStateOfAnEventThatNoWorkerWasFreeFor(t *testing.T) {
	h := host(t, newShelfStore(), func(o *HostOptions) { o.Engine.o.Limits.Order = 20 * time.Millisecond })
	m := `{"name":"n","version":"1","lang":"js","hooks":["normalise"]}`
	u := &Upload{Tenant: "acme", Name: "n", Manifest: []byte(m), Code: []byte(`function normalise(x) { throw new Error("no") }`), Now: true}
	if _, err := h.Put(t.Context(), u); errors.Is(err, quickjs.ErrOff) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	if err := h.o.Engine.Warm(h.shelf("acme").plugins[0].slots.Load().active.code); err != nil {
		t.Fatal(err)
	}
	q := &Question{Shop: "main", Topic: "orders", Raw: []byte(`{}`), At: moment, Seed: "acme/main"}
	if _, _, err := h.Normalise("acme", "n", q); err == nil || errors.Is(err, waxwing.ErrUnavailable) {
		t.Errorf("its own fault: %v", err)
	}
	w := h.o.Engine.workers
	w.mu.Lock()
	w.free = 0
	w.mu.Unlock()
	if _, _, err := h.Normalise("acme", "n", q); !errors.Is(err, waxwing.ErrUnavailable) {
		t.Errorf("no worker: %v", err)
	}
}

func TestStateOfOneModuleInTwoLanguages(t *testing.T) {
	e := engine(t, nil)
	body := attack.Says(`{"subject":"good"}`)
	for _, lang := range []string{LangGo, LangC, LangGo} {
		c := prepared(t, e, lang, body)
		if res := ask(e, c, waxwing.HookPersonalise, smallInput); res.Fault != nil {
			t.Fatal(res.Fault)
		}
		if l := e.loaded[c.key()]; l == nil || l.code.pages != c.pages {
			t.Errorf("%s runs by another's limits", lang)
		}
	}
	e.Forget(prepared(t, e, LangC, body).Hash)
	if n, m := e.Usage(); n != 0 || m != 0 {
		t.Errorf("%d bytes, %d modules are left", n, m)
	}
}

func TestRollBackIsKnownAfterARestart(t *testing.T) {
	s := newShelfStore()
	h := host(t, s, nil)
	m, code := []byte(`{"name":"p","version":"1","lang":"c","hooks":["personalise"]}`), attack.Says(`{"subject":"good"}`)
	if _, err := h.Put(t.Context(), &Upload{Tenant: "acme", Name: "p", Manifest: m, Code: code, Now: true}); err != nil {
		t.Fatal(err)
	}
	if h.RolledBack("acme", "p", m, code) {
		t.Error("it serves")
	}
	if _, err := h.RollBack("acme", "p"); err != nil {
		t.Fatal(err)
	}
	if again := NewHost(h.o); !again.RolledBack("acme", "p", m, code) || again.RolledBack("acme", "p", m, code[1:]) {
		t.Error("what was rolled back is not known")
	}
}

func TestAttacksRefusedCodeIsNotKept(t *testing.T) {
	s := newShelfStore()
	h := host(t, s, nil)
	m := []byte(`{"name":"p","version":"1","lang":"c","hooks":["personalise"]}`)
	v, err := h.Put(t.Context(), &Upload{Tenant: "acme", Name: "p", Manifest: m, Code: []byte("no module")})
	if !waxwing.IsPermanent(err) || v.State != waxwing.PluginRefused || len(s.versions) != 1 || len(s.modules) != 0 {
		t.Errorf("%v %v, %d versions, %d modules", v.State, err, len(s.versions), len(s.modules))
	}
}
