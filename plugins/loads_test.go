package plugins

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/attack"
)

// manyStore is a Store with one version of the same module for each tenant that is asked for.
type manyStore struct {
	*shelfStore
	of   waxwing.PluginVersion
	read atomic.Int64
}

func (s *manyStore) PluginVersions(ctx context.Context, t waxwing.TenantID) ([]waxwing.PluginVersion, error) {
	v := s.of
	v.Tenant = t
	return []waxwing.PluginVersion{v}, nil
}

func (s *manyStore) PluginModule(ctx context.Context, hash string) ([]byte, error) {
	s.read.Add(1)
	return s.shelfStore.PluginModule(ctx, hash)
}

// A restart with two thousand tenants reads no module itself, keeps to the memory for
// plugins, and an order is answered whose tenant's turn has not come.
func TestRestartWithManyTenants(t *testing.T) {
	first := newShelfStore()
	v := putC(t, host(t, first, nil), "t0", "p", "c", attack.Says(`{"subject":"here"}`))
	s := &manyStore{shelfStore: first, of: v}
	h := host(t, s, func(o *HostOptions) { o.Engine.o.Memory, o.Engine.o.TenantMemory = 64<<20, 16<<20 })
	e := h.o.Engine
	end := blocked(e, "other")
	defer end()
	const tenants = 2000
	began := time.Now()
	for i := range tenants {
		if err := h.Restore(waxwing.TenantID(fmt.Sprint("t", i))); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("restored in %s", time.Since(began))
	if n := s.read.Load(); n != 0 {
		t.Errorf("%d modules were read before anybody asked", n)
	}
	end()
	for _, i := range []int{tenants - 1, 0, tenants / 2} {
		if subject, _, notes := askFor(h, fmt.Sprint("t", i), i); subject != "here" {
			t.Fatal(subject, notes)
		}
	}
	t.Logf("asked after %s, when %d were read", time.Since(began), s.read.Load())
	e.mu.Lock()
	waiting := len(e.asked)
	held, most := e.bytes, e.o.Memory
	e.mu.Unlock()
	if held > most {
		t.Errorf("%d KiB are held, at most %d are allowed", held>>10, most>>10)
	}
	t.Logf("%d wait, %d KiB held", waiting, held>>10)
	for { // what is asked for comes to its end
		e.mu.Lock()
		var r *request
		for _, r = range e.asked {
			break
		}
		e.mu.Unlock()
		if r == nil {
			break
		}
		<-r.done
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.bytes > most || len(e.loaded) == 0 {
		t.Errorf("%d KiB are held of %d plugins", e.bytes>>10, len(e.loaded))
	}
	t.Logf("all after %s: %d loaded, %d KiB", time.Since(began), len(e.loaded), e.bytes>>10)
}

// One order can ask for twenty loads before the first of them is counted: what its
// tenant has no time left for is not loaded, unless a person waits for it.
func TestLoadsEndWithTheTenantsTime(t *testing.T) {
	e := engine(t, func(o *EngineOptions) { o.TenantTime = 6 * time.Second })
	end := blocked(e, "other")
	defer end()
	var read []string
	code := func(name string) *Code {
		c := newCode(LangC, name, Limits{})
		c.Tenant, c.read = "greedy", func() (*Code, error) {
			read = append(read, name)
			return nil, errors.New("not there")
		}
		return c
	}
	a := e.account("greedy")
	for _, name := range []string{"1", "2", "3"} {
		if _, err := e.loadFor(a, code(name), time.Now()); err != errLoading {
			t.Fatal(err)
		}
	}
	e.mu.Lock()
	asked := []*request{e.asked[code("1").key()], e.asked[code("2").key()], e.asked[code("3").key()]}
	asked[1].must = true
	e.mu.Unlock()
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
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.failed[code("1").key()]; ok {
		t.Error("what was not tried counts as failed")
	}
}
