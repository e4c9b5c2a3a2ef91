package plugins

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/attack"
	"github.com/waxwinghq/waxwing/plugins/quickjs"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

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
	p, err := h.shelves.find("acme", "p")
	if err != nil {
		t.Fatal(err)
	}
	h.life.changes.Lock()
	defer h.life.changes.Unlock()
	judged := p.slots.Load().candidate
	h.life.promote(p, judged, -1)
	p.trial.decided = true
	h.life.end(p, judged, waxwing.PluginStopped, "it failed")
	if v := s.state(2); v.State != waxwing.PluginStopped {
		t.Errorf("the canary goes on: %+v, decided %v", v, p.trial.decided)
	}
}

// Orders that find no native code start one compilation, not one each.
func TestAttacksOrdersStartOneCompilation(t *testing.T) {
	e := engine(t, nil)
	c, err := sandbox.Prepare(manifestFor(t, abi.LangC), attack.Says(`{"subject":"good"}`), abi.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	h := NewHost(HostOptions{Engine: e})
	v := &version{code: c, manifest: manifestFor(t, abi.LangC)}
	release := e.Inspect().HoldCompiler()
	before := runtime.NumGoroutine()
	for range 100 {
		h.compile.again(v, moment)
	}
	after := runtime.NumGoroutine()
	release()
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
	h := host(t, newShelfStore(), func(o *HostOptions) { o.Engine.Inspect().Options().Limits.Order = 20 * time.Millisecond })
	m := `{"name":"n","version":"1","lang":"js","hooks":["normalise"]}`
	u := &Upload{Tenant: "acme", Name: "n", Manifest: []byte(m), Code: []byte(`function normalise(x) { throw new Error("no") }`), Now: true}
	if _, err := h.Put(t.Context(), u); errors.Is(err, quickjs.ErrOff) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	if err := h.o.Engine.Warm(h.shelves.of("acme").plugins[0].slots.Load().active.code); err != nil {
		t.Fatal(err)
	}
	q := &abi.Question{Shop: "main", Topic: "orders", Raw: []byte(`{}`), At: moment, Seed: "acme/main"}
	if _, _, err := h.Normalise("acme", "n", q); err == nil || errors.Is(err, waxwing.ErrUnavailable) {
		t.Errorf("its own fault: %v", err)
	}
	h.o.Engine.Inspect().TakeSlots()
	if _, _, err := h.Normalise("acme", "n", q); !errors.Is(err, waxwing.ErrUnavailable) {
		t.Errorf("no worker: %v", err)
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
