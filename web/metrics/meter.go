// Package metrics counts what the daemon does, and shows it to Prometheus.
package metrics

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/waxwinghq/waxwing"
)

// Waiting is what waits in the ledger.
type Waiting struct {
	Orders, Messages int64
	// Erasing is since when an erasure is not complete; zero: none is.
	Erasing time.Time
	// Oldest is when the oldest due message was due; zero: none is.
	Oldest time.Time
}

// Meter keeps the daemon's metrics.
type Meter struct {
	reg                   *prometheus.Registry
	received              *prometheus.CounterVec
	rendered              prometheus.Histogram
	attempts              *prometheus.CounterVec
	accepted              *prometheus.HistogramVec
	released              *prometheus.HistogramVec
	retries               *prometheus.CounterVec
	resolved, instead     *prometheus.CounterVec
	feedback              *prometheus.CounterVec
	held, asked           *prometheus.CounterVec
	hooks                 *prometheus.CounterVec
	keys                  *prometheus.CounterVec
	shut                  prometheus.Counter
	short                 prometheus.Counter
	carried, carriedBytes *prometheus.CounterVec
	shed                  prometheus.Counter
	waiting               func() (Waiting, error)
}

var (
	orders   = prometheus.NewDesc("waxwing_queue_orders", "Confirmations that wait at the gate or for normalise..render (counted up to 100,000).", nil, nil)
	messages = prometheus.NewDesc("waxwing_queue_messages", "Messages that wait to be offered, retries among them (counted up to 100,000).", nil, nil)
	erasing  = prometheus.NewDesc("waxwing_erasure_pending_seconds", "How long the oldest erasure has not been complete: a reader of the ledger keeps copies in its log.", nil, nil)
	oldest   = prometheus.NewDesc("waxwing_queue_oldest_due_seconds", "How long the oldest due message has been due.", nil, nil)
)

// New makes the metrics. waiting is asked at each scrape.
func New(waiting func() (Waiting, error)) *Meter {
	m := &Meter{reg: prometheus.NewRegistry(), waiting: waiting}
	buckets := []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2, 3, 5, 10, 30, 60, 300, 900, 3600, 86400}
	m.received = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waxwing_events_total", Help: "Events accepted, by the state they led to."}, []string{"state", "new"})
	m.rendered = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "waxwing_render_seconds", Help: "From the event to the queued message.", Buckets: buckets[:10]})
	m.attempts = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waxwing_attempts_total", Help: "Attempts by verdict and the phase that decided."}, []string{"channel", "provider", "verdict", "phase"})
	m.accepted = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "waxwing_accepted_to_sent_seconds", Help: "From accepting the event to the provider's 250.", Buckets: buckets}, []string{"channel"})
	m.released = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "waxwing_released_to_sent_seconds", Help: "From the gate's release to the provider's 250.", Buckets: buckets}, []string{"channel"})
	m.retries = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waxwing_retries_total", Help: "Messages put back to be offered again."}, []string{"channel"})
	m.resolved = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waxwing_messages_total", Help: "Messages by the state that an offer led to: sent, failed, cancelled (unreachable), queued and uncertain (they are offered again)."}, []string{"channel", "state"})
	m.instead = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waxwing_fallbacks_total", Help: "Messages queued on a channel in place of one that could not be delivered on another."}, []string{"channel", "instead_of"})
	m.feedback = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waxwing_feedback_total", Help: "What became known of sent messages, each once: delivered, bounced, complained, by who tells it and, of bounces, the class."}, []string{"provider", "kind", "class"})
	m.held = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waxwing_held_in_doubt_total", Help: "Messages that were offered as often as allowed without an answer, and wait for a person."}, []string{"channel", "provider"})
	m.hooks = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waxwing_webhooks_refused_total", Help: "Webhooks refused, by the shop that the configuration knows (empty: unknown) and the reason."}, []string{"tenant", "shop", "reason"})
	m.keys = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waxwing_keys_refused_total", Help: "Requests to the API refused for their key, by the tenant that the configuration knows and the reason."}, []string{"tenant", "reason"})
	m.shut = prometheus.NewCounter(prometheus.CounterOpts{Name: "waxwing_http_connections_shut_total", Help: "Connections shut to make room for others: their clients only waited."})
	m.short = prometheus.NewCounter(prometheus.CounterOpts{Name: "waxwing_short_of_resources_total", Help: "Offers that this machine had no file descriptor, memory or port for."})
	m.shed = prometheus.NewCounter(prometheus.CounterOpts{Name: "waxwing_events_shed_total", Help: "Events turned away with 503, since recording them would have taken longer than 2 s."})
	m.carried = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waxwing_carried_total", Help: "Messages given to a queue that carries content: with it, or as a reference, since it is too large."}, []string{"as"})
	m.carriedBytes = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waxwing_carried_bytes_total", Help: "Bytes of those messages."}, []string{"as"})
	m.asked = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waxwing_doubts_asked_total", Help: "What providers said of messages whose answers were lost: taken, absent or unknown."}, []string{"channel", "provider", "said"})
	m.reg.MustRegister(clock(), m.asked, m.resolved, m.instead, m.feedback, m.carried, m.carriedBytes, m.shut, m.short, m.shed, m.received, m.hooks, m.keys, m.rendered, m.attempts, m.accepted, m.released, m.retries, m.held, depth{m},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, s := range []waxwing.State{waxwing.Received, waxwing.Held, waxwing.Quarantined, waxwing.Ignored} {
		for _, isNew := range []string{"true", "false"} {
			m.received.WithLabelValues(string(s), isNew) // from 0: what begins with its first event shows no increase by it
		}
	}
	return m
}

// Handler serves the metrics in Prometheus' text format. They are read five times a
// second at most, however many ask: reading counts what waits in the ledger.
func (m *Meter) Handler() http.Handler {
	return promhttp.HandlerFor(prometheus.GathererFunc(sparing(5, m.reg.Gather)), promhttp.HandlerOpts{})
}

// sparing asks f so often a second at most, one at a time, and gives what it gave last
// to whoever asks besides.
func sparing[T any](most int, f func() (T, error)) func() (T, error) {
	var mu sync.Mutex
	var last T
	var wrong error
	var second int64
	n := 0
	return func() (T, error) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now().Unix(); now != second {
			second, n = now, 0
		}
		if n++; n <= most {
			last, wrong = f()
		}
		return last, wrong
	}
}

// Received counts an event.
func (m *Meter) Received(s waxwing.State, isNew bool) {
	n := "false"
	if isNew {
		n = "true"
	}
	m.received.WithLabelValues(string(s), n).Inc()
}

// Rendered observes normalise..render.
func (m *Meter) Rendered(d time.Duration) { m.rendered.Observe(d.Seconds()) }

// Attempted counts an attempt.
func (m *Meter) Attempted(c waxwing.Channel, provider string, v waxwing.Verdict, p waxwing.Phase) {
	m.attempts.WithLabelValues(string(c), provider, string(v), string(p)).Inc()
}

// Sent observes a message that a provider took.
func (m *Meter) Sent(c waxwing.Channel, sinceAccepted, sinceReleased time.Duration) {
	if sinceAccepted >= 0 { // else a person's resend
		m.accepted.WithLabelValues(string(c)).Observe(sinceAccepted.Seconds())
	}
	m.released.WithLabelValues(string(c)).Observe(sinceReleased.Seconds())
}

// WebhookRefused counts a webhook that was refused. Tenant and shop are names of
// the configuration or empty, so that hostile paths make no series.
func (m *Meter) WebhookRefused(tenant, shop, reason string) {
	m.hooks.WithLabelValues(tenant, shop, reason).Inc()
}

// KeyRefused counts a request whose key opens nothing.
func (m *Meter) KeyRefused(tenant, reason string) { m.keys.WithLabelValues(tenant, reason).Inc() }

// ConnectionsShut counts connections that were shut to make room.
func (m *Meter) ConnectionsShut(n int) { m.shut.Add(float64(n)) }

// ShortOfResources counts an offer that this machine had no descriptor, memory or port for.
func (m *Meter) ShortOfResources() { m.short.Inc() }

// Shed counts an event that was turned away, since recording it would have taken too long.
func (m *Meter) Shed() { m.shed.Inc() }

// Carried counts a message that was given to a queue which carries content.
func (m *Meter) Carried(content bool, bytes int) {
	as := "reference"
	if content {
		as = "content"
	}
	m.carried.WithLabelValues(as).Inc()
	m.carriedBytes.WithLabelValues(as).Add(float64(bytes))
}

// Connections has the number of open connections of the listener shown.
func (m *Meter) Connections(open func() int) {
	m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "waxwing_http_connections", Help: "Clients' connections that are open."},
		func() float64 { return float64(open()) }))
}

// Queues has shown how many orders wait in each queue between stages.
func (m *Meter) Queues(waiting func() map[string]int) { m.reg.MustRegister(stageQueues(waiting)) }

var waitingBehind = prometheus.NewDesc("waxwing_stage_queue_orders", "Orders that wait in a queue between stages.", []string{"queue"}, nil)

// stageQueues looks into the queues at each scrape.
type stageQueues func() map[string]int

func (stageQueues) Describe(ch chan<- *prometheus.Desc) { ch <- waitingBehind }

func (q stageQueues) Collect(ch chan<- prometheus.Metric) {
	for name, n := range q() {
		ch <- prometheus.MustNewConstMetric(waitingBehind, prometheus.GaugeValue, float64(n), name)
	}
}

// Resolved counts what an attempt led to.
func (m *Meter) Resolved(c waxwing.Channel, to waxwing.State, instead waxwing.Channel) {
	m.resolved.WithLabelValues(string(c), string(to)).Inc()
	if instead != "" {
		m.instead.WithLabelValues(string(instead), string(c)).Inc()
	}
}

// FedBack counts what became known of a message. provider is who tells it, by a name of the
// configuration; class is feedback/bounce's, or empty.
func (m *Meter) FedBack(provider string, kind waxwing.AnnotationKind, class string) {
	m.feedback.WithLabelValues(provider, string(kind), class).Inc()
}

// Retried counts a message that goes round again.
func (m *Meter) Retried(c waxwing.Channel) { m.retries.WithLabelValues(string(c)).Inc() }

// HeldInDoubt counts a message that waits for a person.
func (m *Meter) HeldInDoubt(c waxwing.Channel, provider string) {
	m.held.WithLabelValues(string(c), provider).Inc()
}

// Asked counts what a provider said of a message in doubt.
func (m *Meter) Asked(c waxwing.Channel, provider, said string) {
	m.asked.WithLabelValues(string(c), provider, said).Inc()
}

// depth reads the ledger at each scrape.
type depth struct{ m *Meter }

func (d depth) Describe(ch chan<- *prometheus.Desc) {
	ch <- orders
	ch <- messages
	ch <- oldest
	ch <- erasing
}

func (d depth) Collect(ch chan<- prometheus.Metric) {
	if d.m.waiting == nil {
		return
	}
	w, err := d.m.waiting()
	if err != nil {
		return
	}
	age, pending := 0.0, 0.0
	if !w.Oldest.IsZero() {
		age = time.Since(w.Oldest).Seconds()
	}
	if !w.Erasing.IsZero() {
		pending = time.Since(w.Erasing).Seconds()
	}
	ch <- prometheus.MustNewConstMetric(erasing, prometheus.GaugeValue, pending)
	ch <- prometheus.MustNewConstMetric(orders, prometheus.GaugeValue, float64(w.Orders))
	ch <- prometheus.MustNewConstMetric(messages, prometheus.GaugeValue, float64(w.Messages))
	ch <- prometheus.MustNewConstMetric(oldest, prometheus.GaugeValue, age)
}
