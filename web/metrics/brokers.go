package metrics

import "github.com/prometheus/client_golang/prometheus"

// Broker is how it stands with a broker that queues stand on.
type Broker struct {
	Connected bool
	// Published were taken by it, Received came from it, and Kept were handed over in this
	// process, since it was away or slow.
	Published, Received, Kept int64
	// Failed were not published, or not in time, and Lost is how often the connection broke.
	Failed, Lost int64
}

// Brokers has shown how it stands with each broker, by name.
func (m *Meter) Brokers(now func() map[string]Broker) { m.reg.MustRegister(brokers(now)) }

func ofBroker(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("waxwing_broker_"+name, help, []string{"broker"}, nil)
}

var (
	connected       = ofBroker("connected", "1 while the broker is there, 0 while it is away and messages are handed over in this process.")
	published       = ofBroker("published_total", "Messages that the broker has taken.")
	receivedFrom    = ofBroker("received_total", "Messages that came from the broker.")
	kept            = ofBroker("kept_total", "Messages that were handed over in this process, since the broker was away or slow.")
	failed          = ofBroker("failures_total", "Messages that could not be published, or not in time.")
	connectionsLost = ofBroker("connections_lost_total", "How often the connection to the broker broke.")
)

// brokers looks at them at each scrape.
type brokers func() map[string]Broker

func (brokers) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{connected, published, receivedFrom, kept, failed, connectionsLost} {
		ch <- d
	}
}

func (f brokers) Collect(ch chan<- prometheus.Metric) {
	for name, b := range f() {
		up := 0.0
		if b.Connected {
			up = 1
		}
		ch <- prometheus.MustNewConstMetric(connected, prometheus.GaugeValue, up, name)
		for d, n := range map[*prometheus.Desc]int64{published: b.Published, receivedFrom: b.Received, kept: b.Kept, failed: b.Failed, connectionsLost: b.Lost} {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), name)
		}
	}
}
