package sandbox

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/attack"
	"github.com/waxwinghq/waxwing/plugins/quickjs"
)

// A script that takes much memory must not cost another tenant's script its calls.
func TestStateOfALargeScriptHarmsNoOther(t *testing.T) {
	if _, err := quickjs.Module(); err != nil {
		t.Skip(err)
	}
	e := engine(t, nil)
	small := prepared(t, e, abi.LangJS, []byte(`function personalise() { return {subject: "small"} }`))
	large := prepared(t, e, abi.LangJS, []byte(`var kept = new Uint8Array(6 << 20)
function personalise() { return {subject: "large " + kept.length} }`))
	later := prepared(t, e, abi.LangJS, []byte(`function personalise() { return {subject: "later"} }`))
	for i, c := range []*Code{small, large, small, large, later, small} {
		if res := e.Call(c, HookCall{Hook: waxwing.HookPersonalise, Input: []byte(smallInput), At: moment, Seed: "order", Wall: time.Minute}); res.Fault != nil {
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
	c := prepared(t, e, abi.LangC, body)
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

// blocked has the loader load something until the function is called.
func blocked(e *Engine, tenant waxwing.TenantID) (end func()) {
	open, begun := make(chan struct{}), make(chan struct{})
	c := newCode(abi.LangC, "blocked", abi.Limits{})
	c.Tenant, c.read = tenant, func() (*Code, error) {
		close(begun)
		<-open
		return nil, &Fault{FaultHost, "it was never there"}
	}
	e.WarmLater(c, nil)
	<-begun
	return sync.OnceFunc(func() { close(open) })
}

// Others' loads, one of which may initialise for long, cost an order no more
// than its own time.
func TestAttacksLoadsOfOthersAreNotWaitedForBeyondTheOrdersTime(t *testing.T) {
	e := engine(t, nil)
	c := prepared(t, e, abi.LangC, attack.Says(`{"subject":"good"}`))
	end := blocked(e, "other")
	defer end()
	if l, err := e.loads.load(c, time.Now(), true); l != nil || loadFault(err).Kind != FaultLoad {
		t.Errorf("%v %v", l, err)
	}
	end()
	if res := ask(e, c, waxwing.HookPersonalise, smallInput); res.Fault != nil {
		t.Error(res.Fault)
	}
}

func TestStateOfOneModuleInTwoLanguages(t *testing.T) {
	e := engine(t, nil)
	body := attack.Says(`{"subject":"good"}`)
	for _, lang := range []string{abi.LangGo, abi.LangC, abi.LangGo} {
		c := prepared(t, e, lang, body)
		if res := ask(e, c, waxwing.HookPersonalise, smallInput); res.Fault != nil {
			t.Fatal(res.Fault)
		}
		if l := e.memory.loaded[c.key()]; l == nil || l.code.pages != c.pages {
			t.Errorf("%s runs by another's limits", lang)
		}
	}
	e.Forget(prepared(t, e, abi.LangC, body).Hash)
	if n, m := e.Usage(); n != 0 || m != 0 {
		t.Errorf("%d bytes, %d modules are left", n, m)
	}
}
