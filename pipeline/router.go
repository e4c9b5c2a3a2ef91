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

// Pipeline is all that is configured: what runs before a message is queued (orders, by
// their tenants' flows) and behind it (each channel's messages).
type Pipeline struct {
	p       Parts
	flows   map[string]*flow // by name
	hops    map[string]*hop  // by the queue's name
	queues  []*hop           // the same, as orders come along
	first   waxwing.Channel  // what rendering waits for
	senders map[way]*delivery.Sender

	settings atomic.Pointer[Settings]

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
	x := &Pipeline{p: p, stop: delivery.NewStop(), channels: map[waxwing.Channel]*channel{}, hops: map[string]*hop{}, first: waxwing.Channels[0],
		senders: map[way]*delivery.Sender{}, journal: newJournal(p.Log)}
	var err error
	if x.wakes, err = newWakes(p.Log, p.NoSweeper, p.Wrap); err != nil {
		return nil, err
	}
	x.orders = newPool(p.Config.Limits.Render, "render", topic+"orders", x.workInTurn)
	x.wakes.to("orders", x.orders)
	if err := x.flowsOf(p.Config); err != nil {
		return nil, err
	}
	for _, name := range waxwing.Channels {
		if err := x.open(name); err != nil {
			return nil, err
		}
	}
	s := &Settings{Tenants: p.Config.Tenants, Formats: p.Formats, Composer: p.Composer, Own: p.Own}
	if err := x.Prepare(s); err != nil {
		return nil, err
	}
	x.Use(s)
	return x, nil
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
	for _, h := range x.queues {
		pools = append(pools, h.pool)
	}
	before := len(pools)
	for _, ch := range x.channels {
		pools = append(pools, ch.pool)
	}
	for _, p := range pools {
		p.stop()
	}
	x.sweeper.Wait()
	limit := x.p.Config.Limits.Drain.D()
	// What has not reached its commit point by then goes back to the queue;
	// what has waits for its answer as long as the provider's own limit says.
	defer time.AfterFunc(min(time.Second, limit/5), x.stop.Withdraw).Stop()
	defer time.AfterFunc(limit*4/5, x.stop.Cut).Stop()
	defer x.stop.Cut()
	end, busy := time.Now().Add(limit), 0
	for _, p := range pools[before:] {
		busy += p.wait(time.Until(end))
	}
	for _, p := range pools[:before] {
		if busy == 0 {
			_ = p.wait(time.Second) // what it renders is rendered at the next start
		}
	}
	x.stop.Withdraw()
	for _, ch := range x.channels {
		ch.health.Wait()
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
