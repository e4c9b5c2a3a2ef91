// Package nats carries a queue's messages over JetStream: a stream a topic, kept in files, with one
// durable consumer that all daemons share.
package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue"
)

// Component is the broker's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "nats", Settings: func() config.Block { return &Settings{} }, Example: "type: nats\nurl: \"${NATS_URL}\"",
		Notes: "NATS 2.9 or newer with JetStream switched on. A server that writes to its disk only now and then (`sync_interval`, two minutes by default) forgets the last messages when its machine fails, and the sweeper finds them."}
}

// Settings are the keys of a NATS server, whose streams carry queues.
type Settings struct {
	// URL names the server: nats://user:password@host:4222, or tls://. Several of a cluster stand behind each other, with commas.
	URL config.Secret `yaml:"url"`
	// Durable is the consumer's name, which all daemons share. It cannot be empty: what comes
	// while no daemon listens must wait for one.
	Durable string `yaml:"durable,omitempty" default:"waxwing"`
	// Storage is where the server keeps messages. In memory they would be gone after its restart.
	Storage string `yaml:"storage,omitempty" enum:"file,memory" default:"file"`
	// Replicas is on how many servers of a cluster each message is kept.
	Replicas int `yaml:"replicas,omitempty" default:"1" min:"1" max:"5"`
}

// Check reports what is no NATS, and settings that lose messages.
func (s *Settings) Check(r *config.Report) {
	CheckURL(r, "url", s.URL)
	switch {
	case r.Bad("durable"):
	case s.Durable == "":
		r.Fail("durable", r.Path("durable")+" is empty: the consumer would end with its daemon, and with it what waits", "Take the line out, or name the consumer that all daemons share")
	default:
		r.Name("durable", s.Durable)
	}
	if s.Storage == "memory" && !r.Bad("storage") {
		r.Fail("storage", r.Path("storage")+" is memory: what waits is gone after the server's restart", "Take the line out: streams are kept in files")
	}
}

// CheckURL reports an address of a NATS server, or of several, that is none.
func CheckURL(r *config.Report, key string, address config.Secret) {
	first, _, _ := strings.Cut(address.Reveal(), ",")
	queue.CheckURL(r, key, config.Secret(first), "nats", "tls")
}

// Open makes the broker; it connects in Dial.
func (s *Settings) Open(string, *slog.Logger) (*Broker, error) {
	return &Broker{*s}, nil
}

// Broker is a NATS server, or a cluster of them.
type Broker struct{ settings Settings }

const (
	dialFor = 5 * time.Second
	// ackWait is how long a message may be with a daemon that says nothing: it is acknowledged as
	// soon as it was handed on, before anything is sent.
	ackWait = 30 * time.Second
	// A stream forgets what is older, or more, and the sweeper finds what it stood for.
	maxAge, maxMessages = 24 * time.Hour, 1_000_000
)

// Name is a topic as a stream, and its subject, may be called.
func Name(topic string) string { return strings.ReplaceAll(topic, ".", "-") }

// Dial is queue.Broker's.
func (b *Broker) Dial(ctx context.Context, topics []string, failed func(error)) (queue.Link, error) {
	conn, js, err := Connect(b.settings.URL, failed)
	if err != nil {
		return nil, err
	}
	l := NewLink(conn, js, b.settings.Durable, failed)
	for _, topic := range topics {
		if err := b.prepare(ctx, js, Name(topic)); err != nil {
			return nil, errors.Join(fmt.Errorf("stream %s: %w", Name(topic), err), l.Close())
		}
	}
	return l, nil
}

// Connect connects to a server with JetStream, once: failed is told, once or often, when the connection is over.
func Connect(address config.Secret, failed func(error)) (*nats.Conn, jetstream.JetStream, error) {
	broken := func(_ *nats.Conn, err error) {
		if err == nil {
			err = nats.ErrConnectionClosed
		}
		failed(err)
	}
	conn, err := nats.Connect(address.Reveal(), nats.Name("waxwing"), nats.NoReconnect(), nats.Timeout(dialFor), nats.PingInterval(5*time.Second),
		nats.DisconnectErrHandler(broken), nats.ClosedHandler(func(c *nats.Conn) { broken(c, c.LastError()) }))
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, js, nil
}

// prepare makes a topic's stream and consumer, or those that there are as they must be.
func (b *Broker) prepare(ctx context.Context, js jetstream.JetStream, name string) error {
	s, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage,
		Replicas: b.settings.Replicas, MaxAge: maxAge, MaxMsgs: maxMessages, Discard: jetstream.DiscardOld, Duplicates: 2 * time.Minute})
	if err != nil {
		return err
	}
	_, err = s.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{Durable: b.settings.Durable, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: 1000})
	return err
}
