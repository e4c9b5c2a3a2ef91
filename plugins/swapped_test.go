package plugins

import (
	"testing"

	"github.com/waxwinghq/waxwing/plugins/attack"
)

func TestCodeSwappedInTheStore(t *testing.T) {
	s := newShelfStore()
	h := host(t, s, nil)
	manifest := []byte(`{"name":"p","version":"1","lang":"c","hooks":["personalise"]}`)
	v, err := h.Put(t.Context(), &Upload{Tenant: "acme", Name: "p", Manifest: manifest, Code: attack.Says(`{"subject":"good"}`), Now: true, ApproveNeeds: true})
	if err != nil {
		t.Fatal(err)
	}
	s.modules[v.Hash] = attack.Says(`{"subject":"evil"}`)
	again := host(t, s, nil)
	if err := again.Restore("acme"); err != nil {
		t.Fatal(err)
	}
	if got := sell(again, 1); got != "" {
		t.Errorf("swapped code said %q", got)
	}
}
