package metrics

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

func scraped(m *Meter) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func TestMetricsOfPlugins(t *testing.T) {
	m := New(nil)
	m.Plugins(func() []waxwing.TenantUse {
		return []waxwing.TenantUse{{Tenant: "acme", Time: 1500 * time.Millisecond, LeftOut: 3, Memory: 9000, Plugins: []waxwing.PluginUse{
			{Plugin: "hello", Calls: 7, Fuel: 1234, Time: time.Second, Faults: map[string]int64{"wall": 2}, Rests: 1, Loads: 4, Memory: 4096}}}}
	})
	got := scraped(m)
	for _, want := range []string{`waxwing_plugin_calls_total{plugin="hello",tenant="acme"} 7`, `waxwing_plugin_fuel_total{plugin="hello",tenant="acme"} 1234`,
		`waxwing_plugin_seconds_total{plugin="hello",tenant="acme"} 1`, `waxwing_plugin_faults_total{fault="wall",plugin="hello",tenant="acme"} 2`,
		`waxwing_plugin_rests_total{plugin="hello",tenant="acme"} 1`, `waxwing_plugin_loads_total{plugin="hello",tenant="acme"} 4`,
		`waxwing_plugin_memory_bytes{plugin="hello",tenant="acme"} 4096`, `waxwing_plugin_tenant_seconds_total{tenant="acme"} 1.5`,
		`waxwing_plugin_tenant_left_out_total{tenant="acme"} 3`, `waxwing_plugin_tenant_memory_bytes{tenant="acme"} 9000`} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("%s is missing", want)
		}
	}
}

// Names that others choose make so many series and no more, and what is counted
// together is the sum of all that have none of their own.
func TestMetricsOfPluginsAreBounded(t *testing.T) {
	m := New(nil)
	m.Plugins(func() (out []waxwing.TenantUse) {
		for i := range 1000 {
			out = append(out, waxwing.TenantUse{Tenant: waxwing.TenantID(fmt.Sprint("t", i)), LeftOut: 1,
				Plugins: []waxwing.PluginUse{{Plugin: fmt.Sprint("p", i), Calls: 2, Faults: map[string]int64{"fuel": 1}}}})
		}
		return out
	})
	got := scraped(m)
	for name, want := range map[string]string{"calls_total": `{plugin="other",tenant="other"} 1600`, "tenant_left_out_total": `{tenant="other"} 800`,
		"faults_total": `{fault="fuel",plugin="other",tenant="other"} 800`} {
		if n := strings.Count(got, "\nwaxwing_plugin_"+name+"{"); n != mostSeries+1 || !strings.Contains(got, "waxwing_plugin_"+name+want+"\n") {
			t.Errorf("%s: %d series, want %d and %s", name, n, mostSeries+1, want)
		}
	}
}
