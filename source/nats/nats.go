// Package nats reads events from a stream of JetStream that is the shop's.
package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	api "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue/nats"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/source/broker"
)

// Component is the source's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "nats", Settings: func() config.Block { return &Settings{} },
		Example: "type: nats\nurl: \"${SHOP_NATS}\"\nstream: ORDERS\nsubject: orders.completed\ntenant: acme\nshop: web",
		Notes:   "NATS 2.9 or newer with JetStream. Where the consumer is missing it is made, with explicit acknowledgements and no limit of deliveries; one that is there and is otherwise is not used, and the log says so."}
}

// Settings are the keys of a stream on a NATS server.
type Settings struct {
	// URL names the server: nats://user:password@host:4222, or tls://. Several of a cluster stand behind each other, with commas.
	URL config.Secret `yaml:"url"`
	// Stream is the stream that has what the shop publishes.
	Stream string `yaml:"stream" want:"the stream, such as ORDERS"`
	// Durable is the consumer's name, which all daemons of a ledger share.
	Durable string `yaml:"durable,omitempty" default:"waxwing"`
	// Subject is which of the stream's subjects are read, where not all: orders.completed, or orders.>. It counts for what is made.
	Subject string `yaml:"subject,omitempty"`
	// Create makes the stream where it is missing, kept in files, of the subject.
	Create bool `yaml:"create,omitempty"`
	// Tenant is whose orders they are.
	Tenant string `yaml:"tenant" want:"the tenant whose orders they are"`
	// Shop is the tenant's shop whose format reads them.
	Shop string `yaml:"shop" want:"the tenant's shop, such as web"`
}

// Check reports what is no NATS, and names that it has not.
func (s *Settings) Check(r *config.Report) {
	nats.CheckURL(r, "url", s.URL)
	for key, name := range map[string]string{"stream": s.Stream, "durable": s.Durable} {
		if !r.Bad(key) && (name == "" && key == "durable" || strings.ContainsAny(name, ".*> /\\\t\r\n")) {
			r.Fail(key, r.Path(key)+" "+r.Quote(key)+" is no name of NATS'", "Leave out blanks and . * > / \\")
		}
	}
	if s.Create && s.Subject == "" && !r.Bad("create") {
		r.Fail("create", r.Path("create")+" is true, and nothing says of which subject the stream is made", "Write subject beside it, such as orders.>")
	}
	broker.CheckRoute(r, s.Tenant, s.Shop)
}

// Open makes the source; it connects in Run.
func (s *Settings) Open(string, *slog.Logger) (*Source, error) {
	return &Source{broker.NewWatch(), *s}, nil
}

// Source is a stream of the shop's.
type Source struct {
	*broker.Watch
	settings Settings
}

const (
	// ackWait is how long a message may be with a daemon that says nothing, and keepEvery how often one that has it in hand says so.
	ackWait, keepEvery = 30 * time.Second, 10 * time.Second
)

// Run is source.Source's.
func (x *Source) Run(ctx context.Context, accept source.Accept) error {
	return broker.Run(ctx, accept, x.Watch, broker.Options{Route: broker.Route{Tenant: waxwing.TenantID(x.settings.Tenant), Shop: waxwing.ShopID(x.settings.Shop)}, Keep: keepEvery}, x.dial)
}

// reader is a connection, and what comes by it, a few ahead.
type reader struct {
	conn     *api.Conn
	consumer jetstream.Consumer
	all      jetstream.MessagesContext
	stream   string
	life     context.Context // which ends with the connection
}

func (x *Source) dial(ctx context.Context) (broker.Reader[jetstream.Msg], error) {
	return broker.Dialled(ctx, func(ctx context.Context) (broker.Reader[jetstream.Msg], error) {
		life, over := context.WithCancelCause(context.Background())
		conn, js, err := nats.Connect(x.settings.URL, over)
		if err != nil {
			return nil, err
		}
		r := &reader{conn: conn, stream: x.settings.Stream, life: life}
		if r.consumer, err = x.settings.consumer(ctx, js); err == nil {
			r.all, err = r.consumer.Messages(jetstream.PullMaxMessages(broker.Ahead))
		}
		if err != nil {
			conn.Close()
			return nil, err
		}
		return r, nil
	})
}

// consumer finds or makes the consumer, and the stream where that is wanted. One that would lose messages is not used.
func (s *Settings) consumer(ctx context.Context, js jetstream.JetStream) (jetstream.Consumer, error) {
	stream, err := js.Stream(ctx, s.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) && s.Create {
		stream, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: s.Stream, Subjects: []string{s.Subject}, Storage: jetstream.FileStorage})
	}
	if err != nil {
		return nil, fmt.Errorf("the stream %s: %w", s.Stream, err)
	}
	c, err := stream.Consumer(ctx, s.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		c, err = stream.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: s.Durable, FilterSubject: s.Subject, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait,
			DeliverPolicy: jetstream.DeliverAllPolicy, MaxDeliver: -1, MaxAckPending: 1000})
	}
	if err != nil {
		return nil, fmt.Errorf("the consumer %s of the stream %s: %w", s.Durable, s.Stream, err)
	}
	switch is := c.CachedInfo().Config; {
	case is.AckPolicy != jetstream.AckExplicitPolicy:
		return nil, fmt.Errorf("the consumer %s of the stream %s takes no acknowledgement of each message: nats consumer rm %s %s, and it is made anew, or name another durable", s.Durable, s.Stream, s.Stream, s.Durable)
	case is.MaxDeliver > 0:
		return nil, fmt.Errorf("the consumer %s of the stream %s gives a message up after %d deliveries: nats consumer edit %s %s --max-deliver=-1", s.Durable, s.Stream, is.MaxDeliver, s.Stream, s.Durable)
	case is.AckWait < ackWait:
		return nil, fmt.Errorf("the consumer %s of the stream %s waits %s for an acknowledgement: nats consumer edit %s %s --wait=%s", s.Durable, s.Stream, is.AckWait, s.Stream, s.Durable, ackWait)
	}
	return c, nil
}

// Next is broker.Reader's.
func (r *reader) Next(ctx context.Context) ([]broker.Delivery[jetstream.Msg], error) {
	both, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.life, cancel)()
	m, err := r.all.Next(jetstream.NextContext(both))
	switch {
	case err == nil:
		return []broker.Delivery[jetstream.Msg]{r.read(m)}, nil
	case ctx.Err() != nil:
		return nil, nil
	case r.life.Err() != nil:
		return nil, context.Cause(r.life)
	}
	return nil, err
}

func (r *reader) read(m jetstream.Msg) broker.Delivery[jetstream.Msg] {
	h := map[string]string{}
	for k, v := range m.Headers() {
		if len(v) > 0 {
			h[strings.ToLower(k)] = v[0]
		}
	}
	where := "stream " + r.stream + ", subject " + m.Subject()
	if meta, err := m.Metadata(); err == nil {
		where = fmt.Sprintf("stream %s, sequence %d", r.stream, meta.Sequence.Stream)
	}
	return broker.Delivery[jetstream.Msg]{At: m, Message: broker.Message{Body: m.Data(), Headers: h, Where: where}}
}

// Settle is broker.Reader's. An acknowledgement that is lost has its message come again.
func (r *reader) Settle(_ context.Context, at []jetstream.Msg) error {
	return all(at, jetstream.Msg.Ack)
}

// Keep is broker.Reader's.
func (r *reader) Keep(_ context.Context, at []jetstream.Msg) error {
	return all(at, jetstream.Msg.InProgress)
}

func all(at []jetstream.Msg, do func(jetstream.Msg) error) error {
	for _, m := range at {
		if err := do(m); err != nil && !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
			return err
		}
	}
	return nil
}

// Behind is broker.Reader's.
func (r *reader) Behind(ctx context.Context) (int64, error) {
	info, err := r.consumer.Info(ctx)
	if err != nil {
		return 0, err
	}
	return int64(info.NumPending) + int64(info.NumAckPending), nil
}

// Close is broker.Reader's. What was on its way is given back, too, and nothing before the server gives us no more: it would
// give it to us again.
func (r *reader) Close(ctx context.Context, at []jetstream.Msg) {
	r.all.Drain()
	ctx, cancel := context.WithTimeout(ctx, partFor)
	defer cancel()
	for r.life.Err() == nil {
		m, err := r.all.Next(jetstream.NextContext(ctx))
		if err != nil {
			break
		}
		at = append(at, m)
	}
	_ = all(at, func(m jetstream.Msg) error { return m.NakWithDelay(soon) }) // lost, they come again by themselves, later
	_ = r.conn.FlushTimeout(partFor)
	r.conn.Close()
}

const (
	// partFor is how long each step of parting may take.
	partFor = 200 * time.Millisecond
	// soon is when what was given back is to be given to others: a server of 2.9 would give the first of it to who has just gone.
	soon = 50 * time.Millisecond
)
