package queue

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
)

// prefix is the part of all topics' names on brokers that is the same.
const prefix = "waxwing."

// Relays publish, on brokers where a topic stands on one, else in this process. Their methods are
// safe for concurrent use, but for Handle, which comes before Run.
type Relays struct {
	message.Publisher // in this process
	brokers           map[string]Broker
	tag               string
	log               *slog.Logger
	by                map[string]*Relay // by the broker's name
	on                map[string]stand  // by topic

	mu      sync.Mutex
	running sync.WaitGroup
	over    bool
}

// stand is where a topic is published.
type stand struct {
	relay *Relay
	topic string // as the broker knows it
}

// NewRelays makes the relays to brokers, of which each connects if a topic stands on it. tag is
// part of the topics' names there, so that daemons of other ledgers have topics of their own.
// local publishes what stands on none; it is not closed.
func NewRelays(brokers map[string]Broker, tag string, local message.Publisher, log *slog.Logger) *Relays {
	return &Relays{Publisher: local, brokers: brokers, tag: tag, log: log, by: map[string]*Relay{}, on: map[string]stand{}}
}

// TopicOn is the topic of a name that stands on a broker: one of the same name on another broker, or
// in this process, is another topic.
func TopicOn(broker, name string) string { return broker + "/" + name }

// Handle has what comes of a topic that TopicOn gave for this broker handed to take, which must not wait.
// room, if any, is waited for before each message: see Relay.Await.
func (x *Relays) Handle(broker, topic string, take func(payload []byte), room func(ctx context.Context)) error {
	r := x.by[broker]
	if r == nil {
		b := x.brokers[broker]
		if b == nil {
			return fmt.Errorf("broker %q is not defined", broker)
		}
		r = NewRelay(broker, b, x.log)
		x.by[broker] = r
	}
	s := stand{r, prefix + x.tag + "." + strings.TrimPrefix(topic, TopicOn(broker, ""))}
	x.on[topic] = s
	r.Handle(s.topic, take)
	if room != nil {
		r.Await(s.topic, room)
	}
	return nil
}

// Publish is message.Publisher's.
func (x *Relays) Publish(topic string, messages ...*message.Message) error {
	if s, ok := x.on[topic]; ok {
		return s.relay.Publish(s.topic, messages...)
	}
	return x.Publisher.Publish(topic, messages...)
}

// Close does nothing: a handler of Watermill's that stops would close the publisher that all share
// (Watermill issue 446).
func (*Relays) Close() error { return nil }

// Run connects to the brokers, unless Stop was called.
func (x *Relays) Run() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over {
		return
	}
	for _, r := range x.by {
		x.running.Go(r.Run)
	}
}

// Stop ends the connections, once or often, and does not wait for that. What is published later is
// handed over in this process.
func (x *Relays) Stop() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.over = true
	for _, r := range x.by {
		r.Stop()
	}
}

// Wait waits until they have ended, after Stop.
func (x *Relays) Wait() { x.running.Wait() }

// Stats are those of each broker that a topic stands on, by its name.
func (x *Relays) Stats() map[string]Stats {
	out := make(map[string]Stats, len(x.by))
	for name, r := range x.by {
		out[name] = r.Stats()
	}
	return out
}
