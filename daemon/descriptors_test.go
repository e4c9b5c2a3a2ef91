package daemon

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/web"
)

// askingFor is a configuration of so many client connections, providers of so many
// connections each, and lookups; 0: what is the default.
func askingFor(t *testing.T, clients int, providers []int, lookups int) *config.Config {
	t.Helper()
	b := strings.Builder{}
	b.WriteString("tenants: {acme: {name: Acme, from: orders@acme.example}}\n")
	if clients > 0 {
		fmt.Fprintf(&b, "http: {max_connections: %d}\n", clients)
	}
	b.WriteString("providers:\n")
	for i, n := range providers {
		fmt.Fprintf(&b, "  p%d: {type: smtp, addr: \"mail.example:25\"", i)
		if n > 0 {
			fmt.Fprintf(&b, ", connections: %d", n)
		}
		b.WriteString("}\n")
	}
	for i := range lookups {
		if i == 0 {
			b.WriteString("enrich:\n")
		}
		fmt.Fprintf(&b, "  l%d: {type: sql, dsn: \"file:shop.db\", customer: select 1}\n", i)
	}
	return configtest.Load(t, Components(), b.String())
}

// What is shared out is never more than there is, everybody has something, and whoever
// has less than was asked for is named.
func TestDescriptorsAreShared(t *testing.T) {
	for _, providers := range [][]int{{32}, {1}, {0}, {1000}, {32, 8, 4}, {1000, 1, 1}} {
		for _, lookups := range []int{0, 3} {
			for _, twice := range []bool{false, true} {
				for _, asked := range []int{0, 8, 5000} {
					c := askingFor(t, asked, providers, lookups)
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
							want := c.Providers[name].MaxConnections()
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
						if fit := d.fit(c); fit.Providers["p0"].MaxConnections() != d.providers["p0"] || c.Providers["p0"].MaxConnections() != cmp.Or(providers[0], 32) {
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
	if d, err := shareDescriptors(configtest.With(nil), 0, false); err != nil || d.clients != web.DefaultConnections {
		t.Errorf("where nobody says how many there are: %+v, %v", d, err)
	}
}
