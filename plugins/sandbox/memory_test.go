package sandbox

import (
	"flag"
	"fmt"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/attack"
)

var tenants = flag.Int("plugins.tenants", 150, "tenants with a plugin of their own (acceptance: 1000)")

// TestManyTenantsShareTheMemory: more plugins than fit are called in turn, twice;
// what is loaded stays within the limit, and each answers with its own words.
func TestManyTenantsShareTheMemory(t *testing.T) {
	const limit = 16 << 20
	e := engine(t, func(o *EngineOptions) { o.Memory, o.Child = limit, nil })
	var codes []*Code
	for i := range *tenants {
		codes = append(codes, prepared(t, e, abi.LangC, attack.Says(fmt.Sprintf(`{"subject":"of tenant %d"}`, i))))
	}
	most := int64(0)
	for range 2 {
		for i, c := range codes {
			res := ask(e, c, waxwing.HookPersonalise, smallInput)
			if res.Fault != nil || string(res.Output) != fmt.Sprintf(`{"subject":"of tenant %d"}`, i) {
				t.Fatalf("tenant %d: %v %s", i, res.Fault, res.Output)
			}
			held, _ := e.Usage()
			most = max(most, held)
		}
	}
	held, n := e.Usage()
	if most > limit+1<<20 || n >= len(codes) || n == 0 {
		t.Errorf("%d bytes at most, %d now, %d of %d loaded", most, held, n, len(codes))
	}
	t.Logf("%d plugins, %d loaded, %d KiB held at most", len(codes), n, most>>10)
}
