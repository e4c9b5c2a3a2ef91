package sandbox

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/attack"
	"github.com/waxwinghq/waxwing/plugins/wasm"
)

func TestAttacksRefusedAtOnce(t *testing.T) {
	for what, a := range attack.AtOnce() {
		t.Run(what, func(t *testing.T) {
			_, err := Prepare(manifestFor(t, abi.LangC), a.Body, abi.Limits{})
			if err == nil {
				t.Fatal("it was taken")
			}
			if !waxwing.IsPermanent(err) {
				t.Error("the refusal is not permanent")
			}
			var bs wasm.Breaches
			if a.Limit != "" && (!errors.As(err, &bs) || !bs.Has(a.Limit)) {
				t.Errorf("want the limit %q, got: %v", a.Limit, err)
			}
			if len(err.Error()) > 8<<10 {
				t.Errorf("the refusal has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestAttacksSurvived(t *testing.T) {
	e := engine(t, nil)
	good := prepared(t, e, abi.LangC, attack.Says(`{"subject":"good"}`))
	for what, a := range attack.Running() {
		t.Run(what, func(t *testing.T) {
			c := prepared(t, e, abi.LangC, a.Body)
			for range 3 {
				res := ask(e, c, waxwing.HookPersonalise, smallInput)
				if res.Fault == nil {
					if _, err := abi.Decode(waxwing.HookPersonalise, res.Output, nil); err != nil {
						res.Fault = &Fault{FaultOutput, err.Error()}
					}
				}
				kind := ""
				if res.Fault != nil {
					kind = res.Fault.Kind
				}
				// A slow machine may see the clock before the fuel.
				if kind != a.Fault && a.Fault != "" && (a.Fault != FaultFuel || kind != FaultWall) {
					t.Fatalf("want %q, got %v (output %q)", a.Fault, res.Fault, res.Output)
				}
				if len(res.Log) > 8<<10 {
					t.Errorf("a log of %d bytes", len(res.Log))
				}
			}
			if res := ask(e, good, waxwing.HookPersonalise, smallInput); res.Fault != nil || string(res.Output) != `{"subject":"good"}` {
				t.Fatalf("the neighbour: %v %q", res.Fault, res.Output)
			}
		})
	}
	if n, _ := e.Usage(); n > 64<<20 {
		t.Errorf("%d bytes are held", n)
	}
}

func TestStateNeverLeaks(t *testing.T) {
	e := engine(t, nil)
	c := prepared(t, e, abi.LangC, attack.Counter())
	first := ask(e, c, waxwing.HookPersonalise, smallInput)
	if first.Fault != nil || !strings.Contains(string(first.Output), "2") {
		t.Fatal(first.Fault, string(first.Output))
	}
	for range 100 {
		again := ask(e, c, waxwing.HookPersonalise, smallInput)
		if !bytes.Equal(again.Output, first.Output) || again.Fuel != first.Fuel {
			t.Fatalf("%s, %d fuel; before %s, %d", again.Output, again.Fuel, first.Output, first.Fuel)
		}
	}
}

func TestScriptsAttack(t *testing.T) {
	e := engine(t, nil)
	good := script(t, e, `function personalise(x) { return {subject: "good " + JSON.stringify([1]) + ({}).polluted} }`)
	for what, a := range attack.Scripts() {
		t.Run(what, func(t *testing.T) {
			c := script(t, e, string(a.Body))
			var first *Result
			for range 2 {
				res := ask(e, c, waxwing.HookPersonalise, smallInput)
				kind := ""
				if res.Fault != nil {
					kind = res.Fault.Kind
				}
				if a.Fault != "any" && kind != a.Fault && (a.Fault != FaultFuel || kind != FaultWall) {
					t.Fatalf("want %q, got %v (%q)", a.Fault, res.Fault, res.Output)
				}
				if strings.Contains(string(res.Log), "\nforged") {
					t.Error("a forged line in the log")
				}
				if first == nil {
					first = &res
				} else if kind != FaultWall && first.Fuel != res.Fuel && (first.Fault == nil || first.Fault.Kind != FaultWall) {
					t.Errorf("fuel %d, then %d", first.Fuel, res.Fuel)
				}
			}
			if res := ask(e, good, waxwing.HookPersonalise, smallInput); res.Fault != nil || string(res.Output) != `{"subject":"good [1]undefined"}` {
				t.Fatalf("the neighbour: %v %q", res.Fault, res.Output)
			}
		})
	}
}

func script(t testing.TB, e *Engine, code string) *Code {
	t.Helper()
	c, err := Prepare(manifestFor(t, abi.LangJS), []byte(code), e.Limits())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Compile(t.Context(), c); err != nil {
		t.Skip(err) // the lane is off
	}
	return c
}

func TestCacheIsSealed(t *testing.T) {
	dir := t.TempDir()
	with := func(key string) *Engine {
		return engine(t, func(o *EngineOptions) { o.Cache, o.Key = dir, []byte(key) })
	}
	body := attack.Says(`{"subject":"a"}`)
	e := with("the key with which it was written")
	c := prepared(t, e, abi.LangC, body)
	native, err := filepath.Glob(filepath.Join(dir, "native-*", "wazero-*", "*"))
	if err != nil || len(native) != 1 {
		t.Fatal(native, err)
	}
	if _, err := e.cache.has(c.wasm.Bytes); err != nil {
		t.Fatal(err)
	}
	if _, err := with("another key, which nobody has here").cache.has(c.wasm.Bytes); err == nil {
		t.Error("a seal by another key was taken")
	}
	c = prepared(t, e, abi.LangC, body) // it was removed, and is compiled again
	b, err := os.ReadFile(native[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(native[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	if res := ask(e, c, waxwing.HookPersonalise, smallInput); res.Fault == nil || res.Fault.Kind != FaultOff {
		t.Errorf("changed code was loaded: %+v", res)
	}
	if st, err := os.Stat(filepath.Dir(filepath.Dir(native[0]))); err != nil || st.Mode().Perm() != 0o700 {
		t.Error(st.Mode(), err)
	}
}

func TestGrowthIsTakenBack(t *testing.T) {
	e := engine(t, nil)
	c := prepared(t, e, abi.LangC, attack.Grower())
	for range 80 { // more than the limit has pages
		if res := ask(e, c, waxwing.HookPersonalise, smallInput); string(res.Output) != `{"subject":"3"}` {
			t.Fatalf("%v %s", res.Fault, res.Output)
		}
	}
}

// TestPanicOfOurs: a fault in a host function ends the call, not the daemon.
func TestPanicOfOurs(t *testing.T) {
	e := engine(t, nil)
	c := prepared(t, e, abi.LangC, attack.Running()["endless loop"].Body)
	l, err := e.loads.load(c, time.Time{}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer e.memory.release(l)
	in, err := l.get()
	if err != nil {
		t.Fatal(err)
	}
	defer in.close()
	in.run = nil // yield will fall over it
	if err := in.call(exportOf(waxwing.HookPersonalise), []uint64{0, 0}); err == nil {
		t.Fatal("it went through")
	}
}

// TestFailedStartIsRemembered: it burns its fuel once, not for each order.
func TestFailedStartIsRemembered(t *testing.T) {
	e := engine(t, nil)
	c := prepared(t, e, abi.LangC, attack.Running()["a hanging _initialize"].Body)
	first := ask(e, c, waxwing.HookPersonalise, smallInput)
	again := ask(e, c, waxwing.HookPersonalise, smallInput)
	if first.Fault == nil || first.Fault != again.Fault {
		t.Errorf("%v, then %v", first.Fault, again.Fault)
	}
}
