package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/waxwinghq/waxwing"
)

// mostSeries is how many plugins, and how many tenants, have series of their own:
// those that were seen first. The others are counted together, as tenant and plugin
// "other", so that names chosen outside cannot fill the memory of who scrapes.
const mostSeries = 200

const others = "other"

// pluginMeter reads what plugins have taken at each scrape.
type pluginMeter struct {
	uses func() []waxwing.TenantUse

	mu     sync.Mutex
	shown  map[[2]string]bool // tenant and plugin
	tenant map[string]bool
}

// Plugins has what the tenants' plugins take shown.
func (m *Meter) Plugins(uses func() []waxwing.TenantUse) {
	m.reg.MustRegister(&pluginMeter{uses: uses, shown: map[[2]string]bool{}, tenant: map[string]bool{}})
}

func pluginDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("waxwing_plugin_"+name, help, append([]string{"tenant"}, labels...), nil)
}

var (
	pluginCalls   = pluginDesc("calls_total", "Calls of plugins.", "plugin")
	pluginFuel    = pluginDesc("fuel_total", "Fuel that plugins used.", "plugin")
	pluginSeconds = pluginDesc("seconds_total", "Time that calls of plugins took, restoring included.", "plugin")
	pluginFaults  = pluginDesc("faults_total", "Calls without a usable output and orders that went without, by why.", "plugin", "fault")
	pluginRests   = pluginDesc("rests_total", "How often a plugin began to rest after failures.", "plugin")
	pluginLoads   = pluginDesc("loads_total", "How often a plugin was loaded.", "plugin")
	pluginMemory  = pluginDesc("memory_bytes", "Memory of a plugin's loaded code, instances and snapshots.", "plugin")
	tenantSeconds = pluginDesc("tenant_seconds_total", "Time that a tenant's plugins took: calls, restoring and loading.")
	tenantLeftOut = pluginDesc("tenant_left_out_total", "Calls that were not made since the tenant's plugins had used their time.")
	tenantMemory  = pluginDesc("tenant_memory_bytes", "Memory of a tenant's plugins, versions that are kept included.")
)

// Describe is prometheus.Collector's.
func (c *pluginMeter) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{pluginCalls, pluginFuel, pluginSeconds, pluginFaults, pluginRests, pluginLoads, pluginMemory,
		tenantSeconds, tenantLeftOut, tenantMemory} {
		ch <- d
	}
}

// Collect is prometheus.Collector's.
func (c *pluginMeter) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var rest waxwing.PluginUse
	var restOf waxwing.TenantUse
	restPlugins, restTenants := false, false
	for _, u := range c.uses() {
		for i := range u.Plugins {
			p := &u.Plugins[i]
			if named(c.shown, [2]string{string(u.Tenant), p.Plugin}) {
				showPlugin(ch, string(u.Tenant), p.Plugin, p)
			} else {
				add(&rest, p)
				restPlugins = true
			}
		}
		if named(c.tenant, string(u.Tenant)) {
			showTenant(ch, string(u.Tenant), &u)
		} else {
			restOf.Time, restOf.LeftOut, restOf.Memory = restOf.Time+u.Time, restOf.LeftOut+u.LeftOut, restOf.Memory+u.Memory
			restTenants = true
		}
	}
	if restPlugins {
		showPlugin(ch, others, others, &rest)
	}
	if restTenants {
		showTenant(ch, others, &restOf)
	}
}

// named reports whether a thing has series of its own; it has for ever, or sums would
// go back.
func named[K comparable](known map[K]bool, k K) bool {
	if !known[k] && len(known) < mostSeries {
		known[k] = true
	}
	return known[k]
}

func add(sum, p *waxwing.PluginUse) {
	sum.Calls, sum.Fuel, sum.Time = sum.Calls+p.Calls, sum.Fuel+p.Fuel, sum.Time+p.Time
	sum.Rests, sum.Loads, sum.Memory = sum.Rests+p.Rests, sum.Loads+p.Loads, sum.Memory+p.Memory
	if sum.Faults == nil {
		sum.Faults = map[string]int64{}
	}
	for k, n := range p.Faults {
		sum.Faults[k] += n
	}
}

func showPlugin(ch chan<- prometheus.Metric, tenant, plugin string, p *waxwing.PluginUse) {
	counter := func(d *prometheus.Desc, v float64, more ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, append([]string{tenant, plugin}, more...)...)
	}
	counter(pluginCalls, float64(p.Calls))
	counter(pluginFuel, float64(p.Fuel))
	counter(pluginSeconds, p.Time.Seconds())
	counter(pluginRests, float64(p.Rests))
	counter(pluginLoads, float64(p.Loads))
	for k, n := range p.Faults {
		counter(pluginFaults, float64(n), k)
	}
	ch <- prometheus.MustNewConstMetric(pluginMemory, prometheus.GaugeValue, float64(p.Memory), tenant, plugin)
}

func showTenant(ch chan<- prometheus.Metric, tenant string, u *waxwing.TenantUse) {
	ch <- prometheus.MustNewConstMetric(tenantSeconds, prometheus.CounterValue, u.Time.Seconds(), tenant)
	ch <- prometheus.MustNewConstMetric(tenantLeftOut, prometheus.CounterValue, float64(u.LeftOut), tenant)
	ch <- prometheus.MustNewConstMetric(tenantMemory, prometheus.GaugeValue, float64(u.Memory), tenant)
}
