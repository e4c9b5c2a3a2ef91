package metrics

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Source is how it stands with a source of events.
type Source struct {
	// State is starting, reading, standby, gap or failing; Detail says why, and what to do.
	State  string `json:"state"`
	Detail string `json:"detail,omitempty"`
	// Position is how far it is on disk here, in the words of what it reads from.
	Position string `json:"position,omitempty"`
	// Lag is by how many seconds what was read last is older than the newest, and Behind how many bytes, rows or
	// messages are to be read yet; nil: it is not known.
	Lag    *float64 `json:"lag_seconds,omitempty"`
	Behind *int64   `json:"behind,omitempty"`
	// Heard is when the other side last said anything, and Last when an event was last accepted.
	Heard *time.Time `json:"heard,omitempty"`
	Last  *time.Time `json:"last_event,omitempty"`
	// Events were accepted since the start, by what became of them: new, known (the order's confirmation was there), ignored,
	// held, quarantined.
	Events map[string]int64 `json:"events"`
	// Gaps and Failures were met since the start.
	Gaps     int64 `json:"gaps"`
	Failures int64 `json:"failures"`
	// Without are orders that the shop has and the ledger does not know, when they were last held against it.
	Without []Without `json:"orders_without_confirmation,omitempty"`
}

// Without is how many orders of one shop have no confirmation.
type Without struct {
	Tenant string `json:"tenant"`
	Shop   string `json:"shop"`
	Orders int    `json:"orders"`
}

// Line says it in one line.
func (s Source) Line(now time.Time) string {
	out := s.State
	if s.Lag != nil {
		out += fmt.Sprintf(", %s behind", time.Duration(*s.Lag*float64(time.Second)).Round(100*time.Millisecond))
	}
	if s.Behind != nil {
		out += fmt.Sprintf(", %d to be read", *s.Behind)
	}
	if s.Position != "" {
		out += ", at " + s.Position
	}
	if s.Last != nil {
		out += ", last event " + now.Sub(*s.Last).Round(time.Second).String() + " ago"
	}
	var became []string
	for _, k := range []string{"new", "known", "ignored", "quarantined", "held"} {
		if n := s.Events[k]; n > 0 {
			became = append(became, fmt.Sprintf("%d %s", n, k))
		}
	}
	if len(became) > 0 {
		out += " (" + strings.Join(became, ", ") + ")"
	}
	for _, x := range s.Without {
		if x.Orders > 0 {
			out += fmt.Sprintf(", %d orders of %s/%s without a confirmation", x.Orders, x.Tenant, x.Shop)
		}
	}
	if s.Detail != "" {
		out += ": " + s.Detail
	}
	return out
}

// Sources has shown how it stands with each source, by name.
func (m *Meter) Sources(now func() map[string]Source) { m.reg.MustRegister(sources(now)) }

func ofSource(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("waxwing_source_"+name, help, append([]string{"source"}, labels...), nil)
}

var (
	sourceState    = ofSource("state", "1 for the state that the source is in: starting, reading, standby, gap, failing.", "state")
	sourceLag      = ofSource("lag_seconds", "By how much what was read last is older than the newest that there is.")
	sourceBehind   = ofSource("behind", "Bytes of a log, rows of a table or messages of a broker that are to be read yet.")
	sourceHeard    = ofSource("heard_timestamp_seconds", "When what it reads from last said anything.")
	sourceLast     = ofSource("last_event_timestamp_seconds", "When an event of the source was last accepted.")
	sourceEvents   = ofSource("events_total", "Events that were accepted, by what became of them.", "became")
	sourceGaps     = ofSource("gaps_total", "How often something was missing between where the source stood and where it could go on.")
	sourceWithout  = prometheus.NewDesc("waxwing_orders_without_confirmation", "Orders of the last day that the shop has and the ledger does not know, when they were last held against it.", []string{"source", "tenant", "shop"}, nil)
	sourceFailures = ofSource("failures_total", "How often the source ended with an error and was started again.")
)

// SourceStates are those that a source may be in.
var SourceStates = []string{"starting", "reading", "standby", "gap", "failing"}

// sources looks at them at each scrape.
type sources func() map[string]Source

func (sources) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{sourceState, sourceLag, sourceBehind, sourceHeard, sourceLast, sourceEvents, sourceGaps, sourceFailures, sourceWithout} {
		ch <- d
	}
}

func (f sources) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, n int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	for name, s := range f() {
		for _, state := range SourceStates {
			is := 0.0
			if s.State == state {
				is = 1
			}
			gauge(sourceState, is, name, state)
		}
		if s.Lag != nil {
			gauge(sourceLag, *s.Lag, name)
		}
		if s.Behind != nil {
			gauge(sourceBehind, float64(*s.Behind), name)
		}
		if s.Heard != nil {
			gauge(sourceHeard, float64(s.Heard.UnixMilli())/1e3, name)
		}
		if s.Last != nil {
			gauge(sourceLast, float64(s.Last.UnixMilli())/1e3, name)
		}
		for became, n := range s.Events {
			counter(sourceEvents, n, name, became)
		}
		for _, x := range s.Without {
			gauge(sourceWithout, float64(x.Orders), name, x.Tenant, x.Shop)
		}
		counter(sourceGaps, s.Gaps, name)
		counter(sourceFailures, s.Failures, name)
	}
}

// Silent is a shop from which nothing comes at a time at which orders are usual.
type Silent struct {
	Tenant, Shop string
	// Usual is how many orders come in the time in which none came.
	Usual float64
}

// Silences has shops shown that are silent.
func (m *Meter) Silences(now func() []Silent) { m.reg.MustRegister(silences(now)) }

var silentShop = prometheus.NewDesc("waxwing_shop_silent", "How many orders are usual for the hours in which none came from a shop; there is no sample of a shop from which they come.", []string{"tenant", "shop"}, nil)

type silences func() []Silent

func (silences) Describe(ch chan<- *prometheus.Desc) { ch <- silentShop }

func (f silences) Collect(ch chan<- prometheus.Metric) {
	for _, s := range f() {
		ch <- prometheus.MustNewConstMetric(silentShop, prometheus.GaugeValue, s.Usual, s.Tenant, s.Shop)
	}
}
