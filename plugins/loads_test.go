package plugins

import (
	"context"
	"fmt"
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
	h := host(t, s, func(o *HostOptions) {
		o.Engine.Inspect().Options().Memory, o.Engine.Inspect().Options().TenantMemory = 64<<20, 16<<20
	})
	e := h.o.Engine
	end := blocked(t, e, "other")
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
	waiting, most := e.Inspect().Waiting(), e.Inspect().Options().Memory
	held, _, _ := e.Inspect().Loaded()
	if held > most {
		t.Errorf("%d KiB are held, at most %d are allowed", held>>10, most>>10)
	}
	t.Logf("%d wait, %d KiB held", waiting, held>>10)
	e.Inspect().Settle() // what is asked for comes to its end
	held, loaded, _ := e.Inspect().Loaded()
	if held > most || loaded == 0 {
		t.Errorf("%d KiB are held of %d plugins", held>>10, loaded)
	}
	t.Logf("all after %s: %d loaded, %d KiB", time.Since(began), loaded, held>>10)
}
