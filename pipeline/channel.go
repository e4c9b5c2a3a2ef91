package pipeline

import (
	"fmt"

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
	senders func() []*delivery.Sender
	sender  func(*waxwing.Claim) *delivery.Sender
}

// unconfigured is how many workers a channel has that nothing is sent by.
const unconfigured = 4

// open makes a channel as it is configured: by a send stage, as a fallback, or not at all.
// What an older configuration left behind of the latter fails.
func (x *Pipeline) open(name waxwing.Channel) error {
	ch := &channel{name: name, health: delivery.NewHealth(x.p.Clock, x.stop), sender: x.senderOf,
		senders: func() []*delivery.Sender { return x.now().senders[name] }}
	x.channels[name] = ch
	n := unconfigured
	topics := map[string]bool{}
	for _, f := range x.flows {
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
		topics[f.topics[name]] = true
	}
	first := x.flows[config.DefaultPipeline].topics[name]
	ch.pool = newPool(n, "send", first, ch.sendNew)
	for _, t := range sortedKeys(topics) {
		x.wakes.handle("send "+t, t, func(id waxwing.ID) { ch.pool.offer(id) })
	}
	return nil
}

// commonOf are the providers that a pipeline names for a channel.
func (x *Pipeline) commonOf(f *flow, ch waxwing.Channel) (out []delivery.Named) {
	for _, n := range f.providers[ch] {
		out = append(out, delivery.Named{Provider: x.p.Providers[n], Name: n})
	}
	return out
}

// newSender makes who sends a pipeline's messages by these providers.
func (x *Pipeline) newSender(f *flow, ch waxwing.Channel, by []delivery.Named) (*delivery.Sender, error) {
	c := delivery.Config{Channel: ch, Providers: by, Health: x.channels[ch].health, Doubt: f.send.Uncertain.Rule(), Outbox: x.p.Ledger, Meter: x.p.Meter,
		Journal: x.journal, Stop: x.stop, Clock: x.p.Clock, Log: x.p.Log, Queued: func(ch waxwing.Channel, id waxwing.ID) { x.wake(f, ch, id) }}
	for _, d := range f.send.Retry {
		c.Retry = append(c.Retry, d.D())
	}
	if len(by) > 0 && by[0].Own {
		c.Most = max(x.p.Config.Limits.Send/ownPart, 1)
	}
	if b := f.fallback; b != nil && ch == f.channel {
		c.Fallback = &delivery.Fallback{After: b.After, Unreachable: b.Unreachable.D(),
			Make: func(c *waxwing.Claim) (waxwing.Draft, error) { return x.instead(f, c) }}
	}
	s, err := delivery.New(c)
	if err != nil {
		return nil, fmt.Errorf("pipeline: %s: %w", ch, err)
	}
	return s, nil
}

// ownPart is of how many parts of a channel's workers one is what a tenant with providers of
// its own may take: however slow those are, there are workers for all others.
const ownPart = 8

// wake has a message sent, which is in the queue of its channel.
func (x *Pipeline) wake(f *flow, ch waxwing.Channel, id waxwing.ID) {
	x.wakes.wakeBy(f.topics[ch], x.channels[ch].pool, id)
}

// sendNew claims a message that somebody has queued, and sends it. While no provider
// works it does nothing: the sweeper tries one message at a time, and nobody else piles
// up claims.
func (ch *channel) sendNew(id waxwing.ID) {
	all := ch.senders()
	if !healthy(all) {
		return
	}
	if c := all[0].Claim(id); c != nil {
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

// healthy reports whether anybody can send.
func healthy(all []*delivery.Sender) bool {
	for _, s := range all {
		if s.Healthy() {
			return true
		}
	}
	return false
}
