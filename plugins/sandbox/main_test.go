package sandbox

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
)

// TestMain lets the test binary be the compiling child, as the program is.
func TestMain(m *testing.M) {
	if IsCompileChild() {
		os.Exit(CompileChild(os.Args[1], os.Stdin, os.Stderr))
	}
	dir, err := os.MkdirTemp("", "waxwing-plugins-")
	if err != nil {
		panic(err)
	}
	sharedCache = dir
	status := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(status)
}

// sharedCache keeps the JavaScript engine's native code from being made for
// each test anew: it takes seconds with the race detector.
var sharedCache string

// engine makes an engine whose child is this test binary. Its clock is slow: a
// test must not fail because the machine is busy.
func engine(t testing.TB, change func(*EngineOptions)) *Engine {
	t.Helper()
	o := EngineOptions{Cache: sharedCache, Key: []byte("a key of thirty-two bytes for us"), Child: []string{os.Args[0]},
		Limits: abi.Limits{Wall: time.Minute, Order: time.Minute, Start: 10 * time.Second}}
	if change != nil {
		change(&o)
	}
	e, err := NewEngine(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

var moment = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)

const smallInput = `{"abi":1,"hook":"personalise","at":"2026-11-25T10:00:00Z","locale":"en","currency":"EUR","shop":"main"}`

func manifestFor(t testing.TB, lang string, hooks ...waxwing.Hook) *abi.Manifest {
	t.Helper()
	if len(hooks) == 0 {
		hooks = []waxwing.Hook{waxwing.HookPersonalise}
	}
	names, err := json.Marshal(hooks)
	if err != nil {
		t.Fatal(err)
	}
	m, err := abi.ParseManifest(fmt.Appendf(nil, `{"name":"test","version":"1","lang":%q,"hooks":%s}`, lang, names))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// prepared checks and compiles a module or script.
func prepared(t testing.TB, e *Engine, lang string, body []byte, hooks ...waxwing.Hook) *Code {
	t.Helper()
	c, err := Prepare(manifestFor(t, lang, hooks...), body, e.Limits())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Compile(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

// ask calls with time enough for a machine that does other things as well.
func ask(e *Engine, c *Code, h waxwing.Hook, input string) Result {
	return e.Call(c, HookCall{Hook: h, Input: []byte(input), At: moment, Seed: "order", Wall: time.Minute})
}
