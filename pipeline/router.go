package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// Pipeline is one configured flow: what runs before the queue (orders) and
// behind it (messages), each as one handler of one router.
type Pipeline struct {
	p      Parts
	plan   plan
	stages []Stage // before the queue
	// Those of the stages that others ask for, too.
	normalise *normaliser
	render    *renderer
	pub       message.Publisher
	channels  *gochannel.GoChannel
	router    *message.Router

	shed     shedder
	orders   *pool
	messages map[waxwing.Channel]*pool // each channel's own: none waits for another's
	routes   map[waxwing.Channel]*routes

	stopping chan struct{}
	stopOnce sync.Once
	sweeper  sync.WaitGroup
	hard     context.Context // ends when the drain limit is over
	cut      context.CancelFunc
	soon     context.Context // ends a moment after the stop: what is not at its commit point goes back
	leave    context.CancelFunc
	running  atomic.Bool
	debug    bool // each step is logged
	shortage shortage
}

const (
	topicOrders = "waxwing.orders"
	topicMail   = "waxwing."
)

// New checks the stages and puts them together. Run starts them.
func New(p Parts) (*Pipeline, error) {
	if p.Clock == nil {
		p.Clock = waxwing.SystemClock
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if p.Meter == nil {
		p.Meter = noMeter{}
	}
	plan, err := planOf(p.Config)
	if err != nil {
		return nil, err
	}
	x := &Pipeline{p: p, plan: plan, stopping: make(chan struct{}), routes: map[waxwing.Channel]*routes{}}
	x.debug = p.Log.Enabled(context.Background(), slog.LevelDebug)
	x.hard, x.cut = context.WithCancel(context.Background())
	x.soon, x.leave = context.WithCancel(x.hard)
	x.stages = x.stagesOf()
	if err := x.makeRoutes(); err != nil {
		return nil, err
	}
	x.orders = newPool(orDefault(p.Config.Limits.Render, 64), "render", x.workInTurn)
	x.messages = map[waxwing.Channel]*pool{}
	for _, ch := range waxwing.Channels {
		n := orDefault(p.Config.Limits.Send, 256)
		if x.routes[ch] == nil {
			n = probes // only what an older configuration left behind
		}
		x.messages[ch] = newPool(n, "send", func(id waxwing.ID) { x.claimAndSend(ch, id) })
	}
	return x, x.wire()
}

func orDefault(n, d int) int {
	if n <= 0 {
		return d
	}
	return n
}

func (x *Pipeline) makeRoutes() error {
	add := func(ch waxwing.Channel, names []string) error {
		r := &routes{clock: x.p.Clock, over: x.soon}
		for _, n := range names {
			pr := x.p.Providers[n]
			if pr == nil {
				return fmt.Errorf("pipeline: provider %q is not defined", n)
			}
			r.all = append(r.all, &route{name: n, p: pr})
		}
		x.routes[ch] = r
		return nil
	}
	if err := add(waxwing.Email, x.plan.send.Providers); err != nil {
		return err
	}
	if f := x.plan.fallback; f != nil {
		return add(waxwing.SMS, f.Providers)
	}
	return nil
}

// wire makes the router. A handler hands the id to a pool and acks at once: an ack says
// that it was handed on or turned away, the ledger says what became of it.
func (x *Pipeline) wire() (err error) {
	log := quiet{x.p.Log}
	// Publish must not wait for a handler, and the buffer keeps some wakes
	// from parking a goroutine an id.
	x.channels = gochannel.NewGoChannel(gochannel.Config{OutputChannelBuffer: 1 << 10}, log)
	x.pub = shared{x.channels}
	if x.p.Wrap != nil {
		x.pub = x.p.Wrap(x.pub)
	}
	// In-flight handlers only hand over, so closing need not wait for them.
	if x.router, err = message.NewRouter(message.RouterConfig{CloseTimeout: 5 * time.Second}, log); err != nil {
		return err
	}
	x.router.AddConsumerHandler("normalise..render", topicOrders, x.channels, x.handler(x.orders))
	for ch := range x.routes {
		x.router.AddConsumerHandler("send "+string(ch), x.topicOf(ch), x.channels, x.handler(x.messages[ch]))
	}
	return nil
}

// topicOf is where a channel's messages are woken.
func (x *Pipeline) topicOf(ch waxwing.Channel) string {
	t := topicMail + x.plan.queue.Name
	if ch != waxwing.Email {
		t += "." + string(ch)
	}
	return t
}

func (x *Pipeline) handler(p *pool) message.NoPublishHandlerFunc {
	return func(m *message.Message) error {
		var id waxwing.ID
		if err := id.UnmarshalText(m.Payload); err != nil {
			x.p.Log.Error("a message that is no id was dropped; the ledger knows better", "err", err)
			return nil
		}
		p.offer(id)
		return nil
	}
}

// wake publishes an id for a pool, unless that has a backlog. An id that is not
// published, or lost, is no loss: the sweeper finds the row.
func (x *Pipeline) wake(p *pool, topic string, id waxwing.ID) {
	if !x.p.NoSweeper && p.refuses() {
		return
	}
	b, _ := id.MarshalText() // never fails
	if err := x.pub.Publish(topic, message.NewMessage(string(b), b)); err != nil {
		x.p.Log.Debug("wake not published; the sweeper takes it", "topic", topic, "err", err)
	}
}

// Run runs until the context ends, then drains: nothing new is claimed, and
// what was claimed gets its verdict, within the drain limit.
func (x *Pipeline) Run(ctx context.Context) error {
	errs := make(chan error, 1)
	go func() { errs <- x.router.Run(context.WithoutCancel(ctx)) }()
	<-x.router.Running()
	x.running.Store(true)
	if !x.p.NoSweeper {
		x.sweep()
	}
	select {
	case <-ctx.Done():
	case err := <-errs:
		return errors.Join(err, x.drain())
	}
	return errors.Join(x.drain(), <-errs)
}

// Running is closed when the router takes messages.
func (x *Pipeline) Running() <-chan struct{} { return x.router.Running() }

func (x *Pipeline) drain() error {
	x.running.Store(false)
	x.stopOnce.Do(func() {
		close(x.stopping)
		x.orders.stop()
		for _, p := range x.messages {
			p.stop()
		}
	})
	x.sweeper.Wait()
	limit := x.p.Config.Limits.Drain.D()
	if limit <= 0 {
		limit = 25 * time.Second
	}
	// What has not reached its commit point by then goes back to the queue;
	// what has waits for its answer as long as the provider's own limit says.
	defer time.AfterFunc(min(time.Second, limit/5), x.leave).Stop()
	defer time.AfterFunc(limit*4/5, x.cut).Stop()
	defer x.cut()
	end, busy := time.Now().Add(limit), 0
	for _, p := range x.messages {
		busy += p.wait(time.Until(end))
	}
	if busy == 0 {
		_ = x.orders.wait(time.Second) // what it renders is rendered at the next start
	}
	x.leave()
	for _, rs := range x.routes {
		rs.checks.Wait()
	}
	err := errors.Join(x.router.Close(), x.channels.Close())
	x.orders.close()
	for _, p := range x.messages {
		p.close()
	}
	if busy > 0 {
		err = errors.Join(err, fmt.Errorf("%d messages had no verdict after %s: they are uncertain and are resolved at the next start", busy, limit))
	}
	return err
}

func (x *Pipeline) isStopping() bool {
	select {
	case <-x.stopping:
		return true
	default:
		return false
	}
}

// shared keeps a stopping handler from closing the publisher that all share
// (Watermill issue 446).
type shared struct{ message.Publisher }

func (shared) Close() error { return nil }

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

// plan is the configuration's list of stages, sorted out.
type plan struct {
	hooks    []waxwing.Hook // of the plugins stage
	queue    config.Queue
	send     config.Send
	fallback *config.Fallback
}

// planOf reads the stages. Their order was checked with the file; the checks
// here are for configurations made in code.
func planOf(c *config.Config) (plan, error) {
	var p plan
	seen := map[string]bool{}
	for _, s := range c.Pipeline {
		switch {
		case s.Normalise != nil:
			seen["normalise"] = true
		case s.Plugins != nil:
			for _, h := range s.Plugins.Hooks {
				p.hooks = append(p.hooks, waxwing.Hook(h))
			}
		case s.Render != nil:
			seen["render"] = true
		case s.Queue != nil:
			p.queue, seen["queue"] = *s.Queue, true
		case s.Send != nil:
			p.send, seen["send"] = *s.Send, true
		case s.Fallback != nil:
			p.fallback = s.Fallback
		}
	}
	for _, must := range []string{"normalise", "render", "queue", "send"} {
		if !seen[must] {
			return p, fmt.Errorf("pipeline: the stage %q is missing", must)
		}
	}
	return p, nil
}

type noMeter struct{}

func (noMeter) Received(waxwing.State, bool)                                      {}
func (noMeter) Rendered(time.Duration)                                            {}
func (noMeter) Attempted(waxwing.Channel, string, waxwing.Verdict, waxwing.Phase) {}
func (noMeter) Sent(waxwing.Channel, time.Duration, time.Duration)                {}
func (noMeter) Retried(waxwing.Channel)                                           {}
func (noMeter) HeldInDoubt(waxwing.Channel, string)                               {}
func (noMeter) ShortOfResources()                                                 {}
func (noMeter) Shed()                                                             {}
