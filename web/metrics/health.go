package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Ledger is how it stands with one ledger of a daemon's.
type Ledger struct {
	// Name is the configuration's; "" is the only one's.
	Name string
	// Writes says that orders can be taken.
	Writes bool
	// AnchorFailures is how often an anchor could not be written since the start.
	AnchorFailures int64
}

// Health is what a process has shown of how it is.
type Health struct {
	Version string
	Dir     string // the data folder: how full its disk is, where the system tells
	// Ledgers and Providers are asked at each scrape.
	Ledgers   func() []Ledger
	Providers func() []Provider
}

// Health has shown how the process, its disk, ledgers and providers are.
func (m *Meter) Health(h Health) {
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "waxwing_build_info", Help: "1, with the program's version."}, []string{"version"})
	info.WithLabelValues(h.Version).Set(1)
	m.reg.MustRegister(info, ledgers(h.Ledgers), providers(h.Providers))
	if _, _, ok := space(h.Dir); ok {
		m.reg.MustRegister(disk(h.Dir))
	}
}

var (
	ledgerUp      = prometheus.NewDesc("waxwing_ledger_up", "1 while the ledger can be written, 0 while no order of its tenants is taken.", []string{"ledger"}, nil)
	ledgerAnchors = prometheus.NewDesc("waxwing_ledger_anchor_failures_total", "Anchors of the trail that could not be written.", []string{"ledger"}, nil)
)

// ledgers looks at them at each scrape.
type ledgers func() []Ledger

func (ledgers) Describe(ch chan<- *prometheus.Desc) { ch <- ledgerUp; ch <- ledgerAnchors }

func (f ledgers) Collect(ch chan<- prometheus.Metric) {
	for _, l := range f() {
		up := 0.0
		if l.Writes {
			up = 1
		}
		ch <- prometheus.MustNewConstMetric(ledgerUp, prometheus.GaugeValue, up, l.Name)
		ch <- prometheus.MustNewConstMetric(ledgerAnchors, prometheus.CounterValue, float64(l.AnchorFailures), l.Name)
	}
}

// Provider is how many providers of one name are in a state: 0 or 1 for a common one of a daemon
// with one ledger, more for tenants' own ones, which have a name together.
type Provider struct {
	Channel, Name, State string
	N                    int
}

var providerState = prometheus.NewDesc("waxwing_provider_state", "How many providers of this name are healthy, slow (others go first) or resting (nothing is offered to them), by the ledgers' pipelines.",
	[]string{"channel", "provider", "state"}, nil)

// providers looks at them at each scrape.
type providers func() []Provider

func (providers) Describe(ch chan<- *prometheus.Desc) { ch <- providerState }

func (f providers) Collect(ch chan<- prometheus.Metric) {
	for _, p := range f() {
		ch <- prometheus.MustNewConstMetric(providerState, prometheus.GaugeValue, float64(p.N), p.Channel, p.Name, p.State)
	}
}

var (
	diskFree = prometheus.NewDesc("waxwing_data_free_bytes", "Bytes that this user may still write to the disk of the data folder.", nil, nil)
	diskSize = prometheus.NewDesc("waxwing_data_size_bytes", "Size of that disk.", nil, nil)
)

// disk asks the system at each scrape.
type disk string

func (disk) Describe(ch chan<- *prometheus.Desc) { ch <- diskFree; ch <- diskSize }

func (d disk) Collect(ch chan<- prometheus.Metric) {
	free, size, ok := space(string(d))
	if !ok {
		return
	}
	ch <- prometheus.MustNewConstMetric(diskFree, prometheus.GaugeValue, float64(free))
	ch <- prometheus.MustNewConstMetric(diskSize, prometheus.GaugeValue, float64(size))
}

// clock shows what time it is here: held against Prometheus' own, it tells a wrong clock.
func clock() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "waxwing_time_seconds", Help: "The time by this machine's clock, in seconds since 1970."},
		func() float64 { return float64(time.Now().UnixMilli()) / 1e3 })
}
