package sandbox

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/plugins/abi"
)

// One order can ask for twenty loads before the first of them is counted: what its
// tenant has no time left for is not loaded, unless a person waits for it.
func TestLoadsEndWithTheTenantsTime(t *testing.T) {
	e := engine(t, func(o *EngineOptions) { o.TenantTime = 6 * time.Second })
	end := blocked(e, "other")
	defer end()
	var read []string
	code := func(name string) *Code {
		c := newCode(abi.LangC, name, abi.Limits{})
		c.Tenant, c.read = "greedy", func() (*Code, error) {
			read = append(read, name)
			return nil, errors.New("not there")
		}
		return c
	}
	a := e.Account("greedy")
	for _, name := range []string{"1", "2", "3"} {
		if _, err := e.loads.loadFor(a, code(name), time.Now()); err != errLoading {
			t.Fatal(err)
		}
	}
	e.memory.mu.Lock()
	asked := []*request{e.loads.asked[code("1").key()], e.loads.asked[code("2").key()], e.loads.asked[code("3").key()]}
	asked[1].must = true
	e.memory.mu.Unlock()
	a.charge(time.Hour)
	end()
	for i, r := range asked {
		<-r.done
		if (r.err == errQuota) != (i != 1) {
			t.Errorf("load %d: %v", i+1, r.err)
		}
	}
	if !slices.Equal(read, []string{"2"}) || a.over.Load() != 2 {
		t.Errorf("%v were loaded, %d left out", read, a.over.Load())
	}
	e.memory.mu.Lock()
	defer e.memory.mu.Unlock()
	if _, ok := e.loads.failed[code("1").key()]; ok {
		t.Error("what was not tried counts as failed")
	}
}
