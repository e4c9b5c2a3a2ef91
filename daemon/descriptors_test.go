package daemon

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/web"
)

// What is shared out is never more than there is, everybody has something, and whoever
// has less than was asked for is named.
func TestDescriptorsAreShared(t *testing.T) {
	for _, providers := range [][]int{{32}, {1}, {0}, {1000}, {32, 8, 4}, {1000, 1, 1}} {
		for _, lookups := range []int{0, 3} {
			for _, twice := range []bool{false, true} {
				for _, asked := range []int{0, 8, 5000} {
					c := &config.Config{HTTP: config.HTTP{MaxConnections: asked}, Providers: map[string]config.Provider{}, Enrich: config.Enrich{}}
					for i, n := range providers {
						c.Providers[fmt.Sprint("p", i)] = config.Provider{Connections: n}
					}
					for i := range lookups {
						c.Enrich[fmt.Sprint("l", i)] = config.Lookup{}
					}
					starts := false
					for limit := 1; limit < 4096; limit += 1 + limit/16 {
						d, err := shareDescriptors(c, limit, twice)
						if err != nil {
							if starts || !strings.Contains(err.Error(), "needs ") || !strings.Contains(err.Error(), "LimitNOFILE") {
								t.Fatalf("%d: %v", limit, err)
							}
							continue
						}
						starts = true
						sum, lowered := 0, 0
						for name, n := range d.providers {
							want := c.Providers[name].Connections
							if want == 0 {
								want = 32
							}
							if n < 1 || n > want {
								t.Fatalf("%d: %s has %d of %d", limit, name, n, want)
							}
							if n < want {
								lowered++
							}
							if sum += n; twice {
								sum += n
							}
						}
						fixed := ownFiles + ledgerFiles + childFiles + lookupFiles*lookups + askFiles*len(providers)
						if d.clients < leastClients || sum+d.clients+fixed > limit {
							t.Fatalf("%d: %d clients, %d for providers, %d set apart", limit, d.clients, sum, fixed)
						}
						told := strings.Join(d.lowered, ", ")
						if strings.Count(told, "providers.") != lowered || strings.Contains(told, "max_connections") != (asked > d.clients) {
							t.Fatalf("%d: %+v", limit, d)
						}
						if fit := d.fit(c); fit.Providers["p0"].Connections != d.providers["p0"] || c.Providers["p0"].Connections != providers[0] {
							t.Fatal("the copy is not one")
						}
					}
					if !starts {
						t.Errorf("%v with %d lookups does not start with 4096", providers, lookups)
					}
				}
			}
		}
	}
	if d, err := shareDescriptors(&config.Config{}, 0, false); err != nil || d.clients != web.DefaultConnections {
		t.Errorf("where nobody says how many there are: %+v, %v", d, err)
	}
}
