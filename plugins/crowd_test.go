package plugins

import (
	"flag"
	"fmt"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/attack"
)

var tenants = flag.Int("plugins.tenants", 40, "tenants with a plugin of their own (acceptance: 1000)")

// TestManyTenantsTrapping: every call of all but one tenant's plugins traps. The
// one's are answered all the same, and the others' breakers open.
func TestManyTenantsTrapping(t *testing.T) {
	s := newShelfStore()
	h := host(t, s, nil)
	s.changed = make(chan struct{}, 1<<20)
	manifest := []byte(`{"name":"p","version":"1","lang":"c","hooks":["personalise"]}`)
	put := func(tenant string, body []byte) {
		if _, err := h.Put(t.Context(), &Upload{Tenant: waxwing.TenantID(tenant), Name: "p", Manifest: manifest, Code: body, Now: true, ApproveNeeds: true}); err != nil {
			t.Fatal(err)
		}
	}
	trap := attack.Running()["unreachable"].Body
	for i := range *tenants {
		put(fmt.Sprint("t", i), trap)
	}
	put("good", attack.Says(`{"subject":"good"}`))
	asked := 0
	for n := range 10 {
		for i := range *tenants {
			o := &waxwing.Order{ID: fmt.Sprint(n), Currency: "EUR"}
			_, runs, notes := h.Ask(waxwing.TenantID(fmt.Sprint("t", i)), 1, &abi.Question{Order: o, At: moment}, abi.Hooks())
			if asked += len(runs); o.Personal != nil || len(notes) != 1 {
				t.Fatal(o.Personal, notes)
			}
		}
		o := &waxwing.Order{ID: fmt.Sprint(n), Currency: "EUR"}
		if h.Ask("good", 1, &abi.Question{Order: o, At: moment}, abi.Hooks()); o.Personal == nil || o.Personal.Subject != "good" {
			t.Fatal("the good tenant got nothing")
		}
	}
	if asked != rowToOpen**tenants {
		t.Errorf("%d calls, %d tenants", asked, *tenants)
	}
}
