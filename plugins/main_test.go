package plugins

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

// TestMain lets the test binary be the compiling child, as the program is.
func TestMain(m *testing.M) {
	if sandbox.IsCompileChild() {
		os.Exit(sandbox.CompileChild(os.Args[1], os.Stdin, os.Stderr))
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
func engine(t testing.TB, change func(*sandbox.EngineOptions)) *sandbox.Engine {
	t.Helper()
	o := sandbox.EngineOptions{Cache: sharedCache, Key: []byte("a key of thirty-two bytes for us"), Child: []string{os.Args[0]},
		Limits: abi.Limits{Wall: time.Minute, Order: time.Minute}}
	if change != nil {
		change(&o)
	}
	e, err := sandbox.NewEngine(o)
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
func prepared(t testing.TB, e *sandbox.Engine, lang string, body []byte, hooks ...waxwing.Hook) *sandbox.Code {
	t.Helper()
	c, err := sandbox.Prepare(manifestFor(t, lang, hooks...), body, e.Limits())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Compile(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

// ask calls with time enough for a machine that does other things as well.
func ask(e *sandbox.Engine, c *sandbox.Code, h waxwing.Hook, input string) sandbox.Result {
	return e.Call(c, sandbox.HookCall{Hook: h, Input: []byte(input), At: moment, Seed: "order", Wall: time.Minute})
}

func script(t testing.TB, e *sandbox.Engine, code string) *sandbox.Code {
	t.Helper()
	c, err := sandbox.Prepare(manifestFor(t, abi.LangJS), []byte(code), e.Limits())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Compile(t.Context(), c); err != nil {
		t.Skip(err) // the lane is off
	}
	return c
}

// blocked has the loader load something until the function is called.
func blocked(t testing.TB, e *sandbox.Engine, tenant waxwing.TenantID) (end func()) {
	open, begun := make(chan struct{}), make(chan struct{})
	c := e.Stored(manifestFor(t, abi.LangC), sandbox.Facts{Tenant: tenant, Hash: "blocked"}, func() ([]byte, error) {
		close(begun)
		<-open
		return nil, errors.New("it was never there")
	})
	e.WarmLater(c, nil)
	<-begun
	return sync.OnceFunc(func() { close(open) })
}
