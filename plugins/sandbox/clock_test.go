package sandbox

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/attack"
)

// TestFuelIsExact: a call passes with just the fuel that it takes and not with
// one less, whatever slices the clock made of it.
func TestFuelIsExact(t *testing.T) {
	e := engine(t, nil)
	for what, c := range map[string]*Code{
		"a loop":    prepared(t, e, abi.LangC, attack.Running()["slow, within every limit"].Body),
		"a script":  script(t, e, `function personalise() { let n = 0; for (let i = 0; i < 3000; i++) n += i % 7; return {subject: "a" + n} }`),
		"one value": prepared(t, e, abi.LangC, attack.Says(`{"subject":"a"}`)),
	} {
		full := *c
		first := ask(e, &full, waxwing.HookPersonalise, smallInput)
		if first.Fault != nil {
			t.Fatal(what, first.Fault)
		}
		of := &e.memory.loaded[full.key()].code.limits
		for range 5 {
			of.Fuel = first.Fuel
			if res := ask(e, &full, waxwing.HookPersonalise, smallInput); res.Fault != nil || res.Fuel != first.Fuel || !bytes.Equal(res.Output, first.Output) {
				t.Errorf("%s: %v, %d fuel, then %d", what, res.Fault, first.Fuel, res.Fuel)
			}
			of.Fuel = first.Fuel - 1
			if res := ask(e, &full, waxwing.HookPersonalise, smallInput); res.Fault == nil || res.Fault.Kind != FaultFuel || res.Fuel != first.Fuel-1 {
				t.Errorf("%s: with one less of %d: %v, %d fuel", what, first.Fuel, res.Fault, res.Fuel)
			}
		}
	}
}

// TestGuestsLetTheCollectorWorkAndStop: beside guests that run without an end a
// collection comes to its own, and they end with the engine.
func TestGuestsLetTheCollectorWorkAndStop(t *testing.T) {
	e := engine(t, nil)
	running := attack.Running()
	for _, what := range []string{"endless loop", "storm of zero-length copies", "clock spinning"} {
		c := *prepared(t, e, abi.LangC, running[what].Body)
		c.limits.Fuel = 1 << 55
		done := make(chan Result)
		go func() { done <- ask(e, &c, waxwing.HookPersonalise, smallInput) }()
		for used := 0; used == 0; runtime.Gosched() {
			e.memory.mu.Lock()
			for _, l := range e.memory.loaded {
				used += l.uses
			}
			e.memory.mu.Unlock()
		}
		for range 3 {
			runtime.GC()
		}
		e.Stop()
		if res := <-done; res.Fault == nil || res.Fault.Kind != FaultBusy || Blames(res.Fault.Kind) {
			t.Errorf("%s: %v", what, res.Fault)
		}
		e.opener.stopping.Store(false)
	}
}

// TestTimeIsLookedAtAtTheEnd: a call that is over in one slice, and too late all
// the same, counts as too late.
func TestTimeIsLookedAtAtTheEnd(t *testing.T) {
	e := engine(t, nil)
	c := prepared(t, e, abi.LangC, attack.Says(`{"subject":"a"}`))
	res := e.Call(c, HookCall{Hook: waxwing.HookPersonalise, Input: []byte(smallInput), At: moment, Seed: "order", Wall: time.Nanosecond})
	if res.Fault == nil || res.Fault.Kind != FaultWall || !Blames(res.Fault.Kind) || res.Output != nil {
		t.Errorf("%v %s", res.Fault, res.Output)
	}
}

// TestLogIsCheapWhenFull: what does not fit is not looked at, and what does is
// one line whatever it holds.
func TestLogIsCheapWhenFull(t *testing.T) {
	r := &run{limits: &abi.Limits{Log: 64}}
	r.log(1, []byte("a\nb\n"))
	if got := string(r.logged); got != "info: a\n  b\n  \n" {
		t.Errorf("%q", got)
	}
	flood := []byte(strings.Repeat("\n", 4<<10))
	r.log(3, flood)
	if len(r.logged) != 64 || !r.full {
		t.Errorf("%d bytes", len(r.logged))
	}
	if n := testing.AllocsPerRun(10, func() { r.log(3, flood) }); n > 0 {
		t.Errorf("%v allocations for what is thrown away", n)
	}
}
