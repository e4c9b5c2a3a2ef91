package pipeline

import (
	"bytes"
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/delivery"
	"github.com/waxwinghq/waxwing/pipeline/queue"
)

// wakes carries ids to pools over a Pub/Sub. An id that is not published, lost or repeated
// does no harm: the sweeper finds the row.
type wakes struct {
	relays *queue.Relays
	pubsub *gochannel.GoChannel
	pub    message.Publisher
	router *message.Router
	always bool // whatever the backlog: nobody sweeps
	log    *slog.Logger
	near   map[string]bool // topics that are handled in this process by way of nothing else
	flying atomic.Int64    // ids of those that are published, and not handed on yet
}

// newWakes makes the Pub/Sub and its router, and the relays to brokers. Parts.Wrap, if any, stands
// between the stages and both.
func newWakes(p *Parts) (*wakes, error) {
	log := p.Log
	// Publish must not wait for a handler, and the buffer keeps some wakes
	// from parking a goroutine an id.
	pubsub := gochannel.NewGoChannel(gochannel.Config{OutputChannelBuffer: 1 << 10}, quiet{log})
	w := &wakes{relays: queue.NewRelays(p.Brokers, p.Tag, pubsub, log), pubsub: pubsub, always: p.NoSweeper, log: log, near: map[string]bool{}}
	if w.pub = w.relays; p.Wrap != nil {
		w.pub = p.Wrap(w.pub)
	}
	// In-flight handlers only hand over, so closing need not wait for them.
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: 5 * time.Second}, quiet{log})
	w.router = router
	return w, err
}

// to has a pool's topic handled by the pool.
func (w *wakes) to(name string, p *pool) {
	w.handle(name, p.topic, func(id waxwing.ID, t waxwing.TenantID) { p.offer(id, t) })
}

// handle has a topic's ids handed on. take never waits, and the handler acks at once: an
// ack says that an id was handed on or turned away, the ledger says what became of it.
func (w *wakes) handle(name, topic string, take func(waxwing.ID, waxwing.TenantID)) {
	w.near[topic] = true
	w.router.AddConsumerHandler(name, topic, w.pubsub, func(m *message.Message) error {
		defer w.flying.Add(-1)
		w.hand(m.Payload, take)
		return nil
	})
}

// hand gives an id to whoever takes it, with its tenant, where that stands behind it.
func (w *wakes) hand(payload []byte, take func(waxwing.ID, waxwing.TenantID)) {
	var id waxwing.ID
	text, tenant, _ := bytes.Cut(payload, behindID)
	if err := id.UnmarshalText(text); err != nil {
		w.log.Error("a message that is no id was dropped; the ledger knows better", "err", err)
		return
	}
	take(id, waxwing.TenantID(tenant))
}

// behindID stands between an id and its tenant.
var behindID = []byte{' '}

// over is handle for a queue's topic that stands on a broker.
func (w *wakes) over(broker, topic string, take func(waxwing.ID, waxwing.TenantID)) error {
	return w.relays.Handle(broker, topic, func(payload []byte) { w.hand(payload, take) }, nil)
}

// wake publishes an id of a tenant for a pool, unless that has a backlog in front of it; "": whose it is is not known.
func (w *wakes) wake(p *pool, id waxwing.ID, tenant waxwing.TenantID) {
	w.wakeBy(p.topic, p, id, tenant)
}

// wakeBy is wake by one of several topics that the pool handles.
func (w *wakes) wakeBy(topic string, p *pool, id waxwing.ID, tenant waxwing.TenantID) {
	if w.always || !p.refuses(tenant) {
		w.publish(topic, id, tenant)
	}
}

// publish says whether it went well. Where it did not, the sweeper takes the id. What leaves
// this process names nobody, and is an id as ever: other versions read it.
func (w *wakes) publish(topic string, id waxwing.ID, tenant waxwing.TenantID) bool {
	b, _ := id.MarshalText() // never fails
	if tenant != "" && w.near[topic] {
		b = append(append(b, behindID...), tenant...)
	}
	return w.send(topic, id, b)
}

// send publishes what stands for an id.
func (w *wakes) send(topic string, id waxwing.ID, payload []byte) bool {
	if w.near[topic] {
		w.flying.Add(1)
	}
	err := w.pub.Publish(topic, message.NewMessage(id.String(), payload))
	if err != nil {
		if w.near[topic] {
			w.flying.Add(-1)
		}
		w.log.Debug("wake not published; the sweeper takes it", "topic", topic, "err", err)
	}
	return err == nil
}

// land waits until what is published is handed on, for so long at most: it may be lost.
func (w *wakes) land(stop *delivery.Stop, until time.Time) {
	for w.flying.Load() > 0 && time.Now().Before(until) {
		pause(stop, time.Millisecond, nil)
	}
}

// run takes messages until close.
func (w *wakes) run(ctx context.Context) error {
	w.relays.Run()
	return w.router.Run(context.WithoutCancel(ctx))
}

func (w *wakes) close() error {
	w.relays.Stop()
	w.relays.Wait()
	err := w.router.Close()
	if e := w.pubsub.Close(); err == nil {
		err = e
	}
	return err
}

// quiet passes Watermill's errors on and drops its chatter, whose fields cost
// allocations on the hot path.
type quiet struct{ log *slog.Logger }

func (q quiet) Error(msg string, err error, _ watermill.LogFields) {
	q.log.Error("watermill: "+msg, "err", err)
}
func (quiet) Info(string, watermill.LogFields)                   {}
func (quiet) Debug(string, watermill.LogFields)                  {}
func (quiet) Trace(string, watermill.LogFields)                  {}
func (q quiet) With(watermill.LogFields) watermill.LoggerAdapter { return q }
