package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/delivery"
)

// Pipeline is one configured flow: what runs before the queue (orders) and
// behind it (each channel's messages).
type Pipeline struct {
	p      Parts
	plan   plan
	stages []Stage // before the queue

	settings atomic.Pointer[Settings]
	// Those of the stages that others ask for, too.
	normalise *normaliser
	render    *renderer

	shed     shedder
	wakes    *wakes
	orders   *pool
	channels map[waxwing.Channel]*channel // all that there are, configured or not
	stop     *delivery.Stop
	sweeper  sync.WaitGroup
	swept    time.Time // sweepOrders': up to when what is due was found; zero: it begins anew
	still    int       // sweepOrders': sweeps since swept has moved
	journal  *journal
}

// channel is who sends a channel's messages. Each has workers of its own, and is swept by
// its own providers' health: none waits for another's.
type channel struct {
	name   waxwing.Channel
	pool   *pool
	sender *delivery.Sender
}

// topic is the part of all topics' names that is the same.
const topic = "waxwing."

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
	x := &Pipeline{p: p, plan: plan, stop: delivery.NewStop(), channels: map[waxwing.Channel]*channel{}, journal: newJournal(p.Log)}
	if x.wakes, err = newWakes(p.Log, p.NoSweeper, p.Wrap); err != nil {
		return nil, err
	}
	x.Use(&Settings{p.Config.Tenants, p.Formats, p.Composer})
	x.stages = x.stagesOf()
	x.orders = newPool(orDefault(p.Config.Limits.Render, 64), "render", topic+"orders", x.workInTurn)
	x.wakes.to("normalise..render", x.orders)
	for _, name := range waxwing.Channels {
		if err := x.open(name); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// open makes a channel as it is configured: by a send stage, as a fallback, or not at all.
// What an older configuration left behind of the latter fails.
func (x *Pipeline) open(name waxwing.Channel) error {
	c := delivery.Config{Channel: name, Doubt: x.plan.send.Uncertain.Rule(), Outbox: x.p.Ledger, Meter: x.p.Meter, Journal: x.journal,
		Stop: x.stop, Clock: x.p.Clock, Log: x.p.Log, Queued: x.wake}
	for _, d := range x.plan.send.Retry {
		c.Retry = append(c.Retry, d.D())
	}
	for _, n := range x.plan.providers[name] {
		p := x.p.Providers[n]
		if p == nil {
			return fmt.Errorf("pipeline: provider %q is not defined", n)
		}
		c.Providers = append(c.Providers, delivery.Named{Provider: p, Name: n})
	}
	if f := x.plan.fallback; f != nil && name == x.plan.channel {
		c.Fallback = &delivery.Fallback{After: f.After, Unreachable: orDuration(f.Unreachable.D(), 5*time.Minute), Make: x.instead}
	}
	s, err := delivery.New(c)
	if err != nil {
		return fmt.Errorf("pipeline: %s: %w", name, err)
	}
	n := orDefault(x.p.Config.Limits.Send, 256)
	if len(c.Providers) == 0 {
		n = unconfigured
	}
	ch := &channel{name: name, sender: s, pool: newPool(n, "send", topic+x.plan.queue.Name+"."+string(name), s.Wake)}
	x.channels[name] = ch
	x.wakes.to("send "+string(name), ch.pool)
	return nil
}

// unconfigured is how many workers a channel has that nothing is sent by.
const unconfigured = 4

// wake has a message sent, which is in the queue of its channel.
func (x *Pipeline) wake(ch waxwing.Channel, id waxwing.ID) { x.wakes.wake(x.channels[ch].pool, id) }

func orDefault(n, d int) int {
	if n <= 0 {
		return d
	}
	return n
}

func orDuration(d, def time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return def
}

// Run runs until the context ends, then drains: nothing new is claimed, and
// what was claimed gets its verdict, within the drain limit.
func (x *Pipeline) Run(ctx context.Context) error {
	errs := make(chan error, 1)
	go func() { errs <- x.wakes.run(ctx) }()
	<-x.Running()
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
func (x *Pipeline) Running() <-chan struct{} { return x.wakes.router.Running() }

func (x *Pipeline) drain() error {
	x.stop.Begin()
	pools := []*pool{x.orders}
	for _, ch := range x.channels {
		pools = append(pools, ch.pool)
	}
	for _, p := range pools {
		p.stop()
	}
	x.sweeper.Wait()
	limit := x.p.Config.Limits.Drain.D()
	if limit <= 0 {
		limit = 25 * time.Second
	}
	// What has not reached its commit point by then goes back to the queue;
	// what has waits for its answer as long as the provider's own limit says.
	defer time.AfterFunc(min(time.Second, limit/5), x.stop.Withdraw).Stop()
	defer time.AfterFunc(limit*4/5, x.stop.Cut).Stop()
	defer x.stop.Cut()
	end, busy := time.Now().Add(limit), 0
	for _, p := range pools[1:] {
		busy += p.wait(time.Until(end))
	}
	if busy == 0 {
		_ = x.orders.wait(time.Second) // what it renders is rendered at the next start
	}
	x.stop.Withdraw()
	for _, ch := range x.channels {
		ch.sender.Wait()
	}
	err := x.wakes.close()
	for _, p := range pools {
		p.close()
	}
	if busy > 0 {
		err = errors.Join(err, fmt.Errorf("%d messages had no verdict after %s: they are uncertain and are resolved at the next start", busy, limit))
	}
	return err
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
