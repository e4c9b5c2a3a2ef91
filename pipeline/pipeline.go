// Package pipeline runs confirmations through their stages: one Watermill
// router carries ids, bounded workers do the work, the ledger keeps the truth,
// and a sweeper finds whatever a lost message left behind.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/delivery"
	"github.com/waxwinghq/waxwing/pipeline/fetch"
	"github.com/waxwinghq/waxwing/pipeline/queue"
)

// Pipeline is all that is configured: what runs before a message is queued (orders, by
// their tenants' flows) and behind it (each channel's messages).
type Pipeline struct {
	p        Parts
	settings atomic.Pointer[Settings]
	flows    *flows
	hops     *hops
	wakes    *wakes
	orders   *pool
	intake   *intake
	runner   *runner
	out      *outbound
	sweeper  *sweeper
	desk     *fetch.Desk
	stop     *delivery.Stop
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
	x := &Pipeline{p: p, stop: delivery.NewStop(), hops: newHops(), journal: newJournal(p.Log)}
	var err error
	if x.wakes, err = newWakes(&x.p); err != nil {
		return nil, err
	}
	x.flows = &flows{p: &x.p, hops: x.hops, connect: x.connect}
	x.out = &outbound{p: &x.p, stop: x.stop, journal: x.journal, settings: &x.settings, flows: x.flows, wakes: x.wakes,
		channels: map[waxwing.Channel]*channel{}, senders: map[way]*delivery.Sender{}}
	x.desk = fetch.NewDesk(&fetch.Client{Resolver: p.Resolver}, p.Clock, p.Log)
	x.runner = &runner{desk: x.desk, accept: x.Accept, p: &x.p, stop: x.stop, journal: x.journal, settings: &x.settings, wakes: x.wakes, out: x.out, first: waxwing.Channels[0]}
	x.out.instead = x.runner.instead
	x.orders = newPool(p.Config.Limits.Render, "render", topic+"orders", x.runner.workInTurn)
	x.runner.orders = x.orders
	x.intake = &intake{p: &x.p, journal: x.journal, settings: &x.settings, wakes: x.wakes, orders: x.orders}
	x.sweeper = &sweeper{p: &x.p, stop: x.stop.Earlier(), orders: x.orders, hops: x.hops, channels: x.out.channels, work: x.runner.work, strangers: &x.runner.strangers, desk: x.desk}
	if s := SendOf(p.Config.Pipeline); s != nil && s.Uncertain.Rule(p.Asked).Ask { // it is the same in all pipelines
		x.sweeper.asker = &delivery.Asker{Ledger: p.Ledger, Rule: s.Uncertain.Rule(true), SenderOf: x.out.doubter, Meter: p.Meter, Stop: x.stop, Clock: p.Clock, Log: p.Log}
	}
	if x.p.NoSweeper = x.p.NoSweeper || x.p.SendsOnly; !x.p.SendsOnly {
		x.wakes.to("orders", x.orders)
	}
	if err := x.flows.open(p.Config); err != nil {
		return nil, err
	}
	for _, name := range waxwing.Channels {
		if err := x.out.open(name); err != nil {
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

// connect has the orders of a new queue worked on.
func (x *Pipeline) connect(h *hop) {
	h.pool = newPool(x.p.Config.Limits.Render, "render", topic+h.name+".orders", func(id waxwing.ID) { x.runner.goOn(h, id) })
	x.wakes.handle("queue "+h.name, h.pool.topic, func(id waxwing.ID, _ waxwing.TenantID) {
		if h.pool.feed([]waxwing.ID{id}) == 0 { // no place
			h.take(id)
			x.orders.turnNext()
		}
	})
}

// Run runs until the context ends, then drains: nothing new is claimed, and
// what was claimed gets its verdict, within the drain limit.
func (x *Pipeline) Run(ctx context.Context) error {
	errs := make(chan error, 1)
	go func() { errs <- x.wakes.run(ctx) }()
	<-x.Running()
	if !x.p.NoSweeper {
		x.sweeper.sweep()
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

// Queues says how many orders wait in each queue between stages.
func (x *Pipeline) Queues() map[string]int {
	out := make(map[string]int, len(x.hops.all))
	for _, h := range x.hops.all {
		out[h.name] = h.pool.most*(1+queuePerWorker) - h.room()
	}
	return out
}

// Fetches says how it stands with each shop that was asked for whole orders.
func (x *Pipeline) Fetches() []fetch.Status { return x.desk.Statuses() }

// Brokers says how it stands with each broker that a queue stands on.
func (x *Pipeline) Brokers() map[string]queue.Stats { return x.wakes.relays.Stats() }

// Providers counts each channel's providers, by their names in metrics and their states.
func (x *Pipeline) Providers() map[waxwing.Channel]map[string]map[delivery.ProviderState]int {
	out := map[waxwing.Channel]map[string]map[delivery.ProviderState]int{}
	for name, ch := range x.out.channels {
		out[name] = ch.health.Count()
	}
	return out
}

// aMoment is how long what was taken in just now is worked on at the end, and how long what is offered may
// come to its commit point after that.
const aMoment = time.Second

func (x *Pipeline) drain() error {
	limit := x.p.Config.Limits.Drain.D()
	end := time.Now().Add(limit)
	x.sweeper.stop.Begin()
	x.desk.Close()
	x.wakes.relays.Stop() // what others publish is for those that go on
	pools := []*pool{x.orders}
	for _, h := range x.hops.all {
		pools = append(pools, h.pool)
	}
	before := len(pools)
	for _, ch := range x.out.channels {
		pools = append(pools, ch.pool)
	}
	// Orders that came just now are at nobody else's hand: whoever goes on beside this instance, or is
	// begun after it, would look for them seconds later.
	moment := min(aMoment, limit/5)
	soon := time.Now().Add(moment)
	for _, p := range pools { // each in front of those that it wakes
		x.wakes.land(x.stop, soon)
		_ = p.wait(time.Until(soon))
	}
	x.stop.Begin()
	for _, p := range pools {
		p.stop()
	}
	limit = time.Until(end)
	// What has not reached its commit point by then goes back to the queue;
	// what has waits for its answer as long as the provider's own limit says.
	defer time.AfterFunc(moment, x.stop.Withdraw).Stop()
	defer time.AfterFunc(limit*4/5, x.stop.Cut).Stop()
	defer x.stop.Cut()
	x.sweeper.loops.Wait() // which the ledger may hold up until the cut
	busy := 0
	for _, p := range pools[before:] {
		busy += p.wait(time.Until(end))
	}
	for _, p := range pools[:before] {
		if busy == 0 {
			_ = p.wait(time.Second) // what it renders is rendered at the next start
		}
	}
	x.stop.Withdraw()
	for _, ch := range x.out.channels {
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
func (noMeter) Resolved(waxwing.Channel, waxwing.State, waxwing.Channel)          {}
func (noMeter) Retried(waxwing.Channel)                                           {}
func (noMeter) HeldInDoubt(waxwing.Channel, string)                               {}
func (noMeter) Asked(waxwing.Channel, string, string)                             {}
func (noMeter) ShortOfResources()                                                 {}
func (noMeter) Shed()                                                             {}
func (noMeter) Carried(bool, int)                                                 {}

// Settings are what may change while a pipeline runs. They are made whole and not
// written after Prepare: an event is accepted, an order worked on, and a message offered, with
// those of one moment.
type Settings struct {
	Tenants  map[string]config.Tenant
	Formats  map[string]waxwing.Format
	Composer Composer
	// Own are the tenants' own providers by tenant, in their order, for those who have some. Those of a tenant in
	// sandbox are of the type config.Sandbox, one for each channel.
	Own map[string][]OwnProvider

	members map[waxwing.TenantID]*member
	senders map[waxwing.Channel][]*delivery.Sender // all that there are, the common ones first
}

// OwnProvider is a provider of one tenant's.
type OwnProvider struct {
	Name    string // as its tenant calls it
	Type    string // metrics know it by that alone
	Carries waxwing.Channel
	delivery.Provider
}

// member is a tenant as these settings have it.
type member struct {
	config *config.Tenant
	flow   *flow
	// own are who sends its messages by its own providers, too, by pipeline and channel; what is not in
	// there goes as everybody's does.
	own map[way]*delivery.Sender
}

// way is how a message goes out.
type way struct {
	flow    *flow
	channel waxwing.Channel
}

// OwnName is the name of a tenant's own provider in the trail: no other provider has it.
func OwnName(tenant, name string) string { return tenant + "/" + name }

// name is the provider's in the trail.
func (p *OwnProvider) name(tenant string) string {
	if p.Type == config.Sandbox {
		return config.Sandbox
	}
	return OwnName(tenant, p.Name)
}

// label is what metrics call it.
func (p *OwnProvider) label() string {
	if p.Type == config.Sandbox {
		return config.Sandbox
	}
	return "own:" + p.Type
}

// IsOwn says that a name of a provider is OwnName's: names of the configuration have no slash.
func IsOwn(name string) bool { return strings.Contains(name, "/") }

// Prepare makes settings ready for Use. An error says that they cannot be used; nothing has
// changed then.
func (x *Pipeline) Prepare(s *Settings) error {
	if err := x.flows.members(s); err != nil {
		return err
	}
	return x.out.prepare(s)
}

// Use has events and orders from now on handled by other settings, which were prepared. What
// is being worked on goes on with those that it began with.
func (x *Pipeline) Use(s *Settings) {
	x.settings.Store(s)
	names := map[string]bool{}
	for t, all := range s.Own {
		for _, p := range all {
			names[p.name(t)] = true
		}
	}
	for _, ch := range x.out.channels {
		ch.health.Keep(names)
	}
}
