package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/delivery"
)

// channel is who sends a channel's messages. Each has workers of its own, and is swept by
// its own providers' health: none waits for another's.
type channel struct {
	name   waxwing.Channel
	pool   *pool
	health *delivery.Health
	// senders are all who send by it now, sender is who sends a message.
	senders  func() []*delivery.Sender
	sender   func(*waxwing.Claim) *delivery.Sender
	contents *contents // of what came with it
	only     bool      // nobody sweeps: this process only sends
	knows    func(waxwing.TenantID) bool
	well     func() error // why the ledger cannot be written just now
}

// outbound is how messages go out: each channel with its workers, and who sends what by which
// providers.
type outbound struct {
	p        *Parts
	stop     *delivery.Stop
	journal  *journal
	settings *atomic.Pointer[Settings]
	flows    *flows
	wakes    *wakes
	channels map[waxwing.Channel]*channel // all that there are, configured or not
	senders  map[way]*delivery.Sender     // those who send by the common providers
	// instead renders what is sent where a message of a pipeline cannot be delivered.
	instead func(*flow, *waxwing.Claim) (waxwing.Draft, error)
}

// unconfigured is how many workers a channel has that nothing is sent by.
const unconfigured = 4

// open makes a channel as it is configured: by a send stage, as a fallback, or not at all.
// What an older configuration left behind of the latter fails.
func (x *outbound) open(name waxwing.Channel) error {
	ch := &channel{name: name, only: x.p.SendsOnly, health: delivery.NewHealth(x.p.Clock, x.stop), sender: x.senderOf,
		senders: func() []*delivery.Sender { return x.settings.Load().senders[name] },
		knows:   func(t waxwing.TenantID) bool { return x.settings.Load().members[t] != nil },
		well:    func() error { return nil }}
	if l, ok := x.p.Ledger.(interface{ Healthy() error }); ok {
		ch.well = l.Healthy
	}
	x.channels[name] = ch
	n := unconfigured
	topics := map[string]*flow{} // with a pipeline that each is of
	for _, f := range x.flows.all {
		for _, p := range f.providers[name] {
			if x.p.Providers[p] == nil {
				return fmt.Errorf("pipeline: provider %q is not defined", p)
			}
		}
		s, err := x.newSender(f, name, x.commonOf(f, name))
		if err != nil {
			return err
		}
		x.senders[way{f, name}] = s
		if len(f.providers[name]) > 0 {
			n = x.p.Config.Limits.Send
		}
		if t := f.topics[name]; topics[t] == nil || f.carries {
			topics[t] = f
		}
	}
	first := x.flows.all[config.DefaultPipeline].topics[name]
	ch.pool = newPool(n, "send", first, ch.sendNew)
	ch.contents = newContents(ch.pool)
	for _, t := range sortedKeys(topics) {
		if err := x.listen(ch, t, topics[t]); err != nil {
			return fmt.Errorf("pipeline: %w", err)
		}
	}
	return nil
}

// listen has a channel take what comes by a topic of a pipeline's.
func (x *outbound) listen(ch *channel, topic string, f *flow) error {
	take := func(id waxwing.ID, t waxwing.TenantID) { ch.pool.offer(id, t) }
	switch {
	case f.carries:
		return x.wakes.relays.Handle(f.on, topic, func(payload []byte) { ch.take(payload, x.p.Log) }, ch.room)
	case x.p.SendsOnly:
		return nil
	case f.on == "":
		x.wakes.handle("send "+topic, topic, take)
		return nil
	}
	return x.wakes.over(f.on, topic, take)
}

// commonOf are the providers that a pipeline names for a channel.
func (x *outbound) commonOf(f *flow, ch waxwing.Channel) (out []delivery.Named) {
	for _, n := range f.providers[ch] {
		out = append(out, delivery.Named{Provider: x.p.Providers[n], Name: n})
	}
	return out
}

// newSender makes who sends a pipeline's messages by these providers.
func (x *outbound) newSender(f *flow, ch waxwing.Channel, by []delivery.Named) (*delivery.Sender, error) {
	c := delivery.Config{Channel: ch, Providers: by, Health: x.channels[ch].health, Doubt: f.send.Uncertain.Rule(x.p.Asked), Outbox: byMode{x.p.Ledger, x.settings, len(by) > 0 && by[0].Name == config.Sandbox}, Meter: x.p.Meter,
		Journal: x.journal, Stop: x.stop, Clock: x.p.Clock, Log: x.p.Log, Queued: func(ch waxwing.Channel, id waxwing.ID) { x.wake(f, ch, id, "") }}
	for _, d := range f.send.Retry {
		c.Retry = append(c.Retry, d.D())
	}
	if len(by) > 0 && by[0].Own {
		c.Most = max(x.p.Config.Limits.Send/ownPart, 1)
	}
	if b := f.fallback; b != nil && (ch == f.channel || slices.Contains(f.instead, ch)) && len(f.beyond(ch)) > 0 {
		c.Fallback = &delivery.Fallback{After: b.After, Unreachable: b.Unreachable.D()}
		if !x.p.SendsOnly {
			c.Fallback.Make = func(c *waxwing.Claim) (waxwing.Draft, error) { return x.instead(f, c) }
		}
	}
	s, err := delivery.New(c)
	if err != nil {
		return nil, fmt.Errorf("pipeline: %s: %w", ch, err)
	}
	return s, nil
}

// byMode keeps messages from going by providers that are not of their tenant's mode any more, since it
// was changed while they were offered: they go back to the queue, and by the others.
type byMode struct {
	delivery.Outbox
	settings *atomic.Pointer[Settings]
	sandbox  bool // its providers are those of tenants in sandbox
}

var errMode = errors.New("the tenant's mode has changed")

// CommitDot is delivery.Outbox's.
func (x byMode) CommitDot(ctx context.Context, c *waxwing.Claim, provider string) error {
	if m := x.settings.Load().members[c.Out.Tenant]; m != nil && m.config.InSandbox() != x.sandbox {
		return errMode
	}
	return x.Outbox.CommitDot(ctx, c, provider)
}

// ownPart is of how many parts of a channel's workers one is what a tenant with providers of
// its own may take: however slow those are, there are workers for all others.
const ownPart = 8

// wake has a message of a tenant sent, which is in the queue of its channel.
func (x *outbound) wake(f *flow, ch waxwing.Channel, id waxwing.ID, tenant waxwing.TenantID) {
	x.wakes.wakeBy(f.topics[ch], x.channels[ch].pool, id, tenant)
}

// sendNew claims a message that somebody has queued, and sends it. While no provider
// works it does nothing: the sweeper tries one message at a time, and nobody else piles
// up claims. Who has no sweeper tries by itself.
func (ch *channel) sendNew(id waxwing.ID) {
	sealed := ch.contents.take(id)
	all := ch.senders()
	if !healthy(all) && (!ch.only || ch.limit() == 0) {
		return
	}
	c := all[0].Claim(id, sealed)
	switch {
	case c == nil:
	case ch.only && !ch.knows(c.Out.Tenant): // it came after this process did, and may send by providers of its own alone
		_ = all[0].GiveBack(c) // it says so itself where that fails
	default:
		ch.sender(c).Send(c)
	}
}

// limit says of how many due messages, at most, something can become now.
func (ch *channel) limit() (n int) {
	for _, s := range ch.senders() {
		if n = max(n, s.Limit(ch.pool.most)); n == ch.pool.most {
			break
		}
	}
	return n
}

// sweepEvery is how often a look is taken for what is due.
func (ch *channel) sweepEvery() time.Duration {
	for _, s := range ch.senders() {
		if len(s.Providers) > 0 {
			return sweepEvery
		}
	}
	return unsentEvery
}

// healthy reports whether anybody can send.
func healthy(all []*delivery.Sender) bool {
	for _, s := range all {
		if s.Healthy() {
			return true
		}
	}
	return false
}

// prepare finds who sends by these settings.
func (x *outbound) prepare(s *Settings) error {
	s.senders = map[waxwing.Channel][]*delivery.Sender{}
	for _, ch := range waxwing.Channels {
		var idle []*delivery.Sender // without a provider: what is theirs fails whenever somebody looks
		for _, name := range sortedKeys(x.flows.all) {
			f := x.flows.all[name]
			if made := x.senders[way{f, ch}]; len(f.providers[ch]) > 0 {
				s.senders[ch] = append(s.senders[ch], made)
			} else {
				idle = append(idle, made)
			}
		}
		if len(s.senders[ch]) == 0 {
			s.senders[ch] = idle
		}
	}
	for name := range s.Tenants {
		if len(s.Own[name]) > 0 {
			if err := x.own(s, name, s.members[waxwing.TenantID(name)]); err != nil {
				return fmt.Errorf("tenants.%s.providers: %w", name, err)
			}
		}
	}
	return nil
}

// senderOf is who sends a message.
func (x *outbound) senderOf(c *waxwing.Claim) *delivery.Sender {
	m := x.settings.Load().members[c.Out.Tenant]
	w := way{x.flows.ofMessage(m, c.Out.Pipeline), c.Out.Channel}
	if m != nil {
		if s := m.own[w]; s != nil {
			return s
		}
	}
	return x.senders[w]
}

// doubter is who would send a message in doubt again.
func (x *outbound) doubter(d *waxwing.Doubt) *delivery.Sender {
	return x.senderOf(&waxwing.Claim{Out: waxwing.Outgoing{Message: d.Message, Tenant: d.Tenant, Channel: d.Channel, Pipeline: d.Pipeline}})
}

// own makes who sends a tenant's messages by its own providers.
func (x *outbound) own(s *Settings, tenant string, m *member) error {
	m.own = map[way]*delivery.Sender{}
	own := map[waxwing.Channel][]delivery.Named{}
	for _, p := range s.Own[tenant] {
		own[p.Carries] = append(own[p.Carries], delivery.Named{Provider: p.Provider, Name: p.name(tenant), Label: p.label(), Own: true})
	}
	for _, ch := range waxwing.Channels {
		if len(own[ch]) == 0 {
			continue
		}
		for _, name := range sortedKeys(x.flows.all) {
			f := x.flows.all[name]
			all := own[ch]
			if !m.config.OwnProvidersOnly && !m.config.InSandbox() {
				all = append(slices.Clone(all), x.commonOf(f, ch)...)
			}
			made, err := x.newSender(f, ch, all)
			if err != nil {
				return err
			}
			m.own[way{f, ch}] = made
			s.senders[ch] = append(s.senders[ch], made)
		}
	}
	return nil
}
