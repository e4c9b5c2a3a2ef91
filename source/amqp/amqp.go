// Package amqp reads events from a queue of RabbitMQ that is the shop's.
package amqp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue/amqp"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/source/broker"
)

// Component is the source's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "amqp", Settings: func() config.Block { return &Settings{} },
		Example: "type: amqp\nurl: \"${SHOP_AMQP}\"\nqueue: waxwing.orders\nexchange: orders\nrouting_key: order.completed\ndeclare: true\ntenant: acme\nshop: web",
		Notes:   "AMQP 0-9-1, as RabbitMQ speaks it. The user must be allowed to read the queue; with `declare` also to configure and write it, and to read the exchange. A quorum queue must have no delivery limit that daemons which are killed would reach: what exceeds it is dropped, or goes to a dead-letter exchange."}
}

// Settings are the keys of a queue on a RabbitMQ server.
type Settings struct {
	// URL names the server and the virtual host: amqp://user:password@host:5672/vhost, or amqps:// over TLS.
	URL config.Secret `yaml:"url"`
	// Queue is the queue. What else reads it takes events away from Waxwing: give it one of its own.
	Queue string `yaml:"queue" want:"the queue, such as waxwing.orders"`
	// Declare makes the queue where it is missing, durable, and binds it to exchange. Otherwise it must be there.
	Declare bool `yaml:"declare,omitempty"`
	// Exchange is what the shop publishes to; with declare the queue is bound to it. It must be there.
	Exchange string `yaml:"exchange,omitempty"`
	// RoutingKey is which of the exchange's messages the queue is given: order.completed, or # for all of a topic exchange's.
	RoutingKey string `yaml:"routing_key,omitempty"`
	// Tenant is whose orders they are.
	Tenant string `yaml:"tenant" want:"the tenant whose orders they are"`
	// Shop is the tenant's shop whose format reads them.
	Shop string `yaml:"shop" want:"the tenant's shop, such as web"`
}

// Check reports what is no RabbitMQ, and a binding that is not made.
func (s *Settings) Check(r *config.Report) {
	amqp.CheckURL(r, "url", s.URL)
	if s.Exchange != "" && !s.Declare && !r.Bad("exchange") {
		r.Fail("exchange", r.Path("exchange")+" is given, and nobody binds the queue to it", "Write declare: true beside it, or take it out where the queue is bound already")
	}
	if s.RoutingKey != "" && s.Exchange == "" && !r.Bad("routing_key") {
		r.Fail("routing_key", r.Path("routing_key")+" is given without an exchange", "Write exchange beside it, or take it out")
	}
	broker.CheckRoute(r, s.Tenant, s.Shop)
}

// Open makes the source; it connects in Run.
func (s *Settings) Open(string, *slog.Logger) (*Source, error) {
	return &Source{broker.NewWatch(), *s}, nil
}

// Source is a queue of the shop's.
type Source struct {
	*broker.Watch
	settings Settings
}

// Run is source.Source's.
func (x *Source) Run(ctx context.Context, accept source.Accept) error {
	return broker.Run(ctx, accept, x.Watch, broker.Options{Route: broker.Route{Tenant: waxwing.TenantID(x.settings.Tenant), Shop: waxwing.ShopID(x.settings.Shop)}}, x.dial)
}

// reader is a connection. What asks has a channel of its own, since an error ends one.
type reader struct {
	queue string
	conn  *amqp091.Connection
	in    *amqp091.Channel
	feed  <-chan amqp091.Delivery
	ended chan *amqp091.Error
}

func (x *Source) dial(ctx context.Context) (broker.Reader[uint64], error) {
	return broker.Dialled(ctx, func(context.Context) (broker.Reader[uint64], error) {
		conn, err := amqp091.DialConfig(x.settings.URL.Reveal(), *amqp.Connection())
		if err != nil {
			return nil, amqp.Hidden(err)
		}
		r := &reader{queue: x.settings.Queue, conn: conn, ended: make(chan *amqp091.Error, 1)}
		conn.NotifyClose(r.ended)
		if err := r.consume(&x.settings); err != nil {
			return nil, errors.Join(err, conn.CloseDeadline(time.Now().Add(time.Second)))
		}
		return r, nil
	})
}

// consume has the server push what the queue has, a few ahead.
func (r *reader) consume(s *Settings) (err error) {
	if r.in, err = r.conn.Channel(); err != nil {
		return err
	}
	if s.Declare {
		if _, err := r.in.QueueDeclare(s.Queue, true, false, false, false, nil); err != nil {
			return fmt.Errorf("the queue %s cannot be made, or is another than a durable one: %w", s.Queue, err)
		}
		if s.Exchange != "" {
			if err := r.in.QueueBind(s.Queue, s.RoutingKey, s.Exchange, false, nil); err != nil {
				return fmt.Errorf("the queue %s cannot be bound to the exchange %s: %w", s.Queue, s.Exchange, err)
			}
		}
	} else if _, err := r.in.QueueDeclarePassive(s.Queue, true, false, false, false, nil); err != nil {
		return fmt.Errorf("the queue %s is not there (declare: true makes it): %w", s.Queue, err)
	}
	if err := r.in.Qos(broker.Ahead, 0, false); err != nil {
		return err
	}
	r.feed, err = r.in.Consume(s.Queue, "", false, false, false, false, nil)
	return err
}

// Next is broker.Reader's.
func (r *reader) Next(ctx context.Context) ([]broker.Delivery[uint64], error) {
	var out []broker.Delivery[uint64]
	select {
	case d, ok := <-r.feed:
		if !ok {
			return nil, r.why()
		}
		out = append(out, r.read(&d))
	case <-ctx.Done():
		return nil, nil
	}
	for len(out) < broker.Batch {
		select {
		case d, ok := <-r.feed:
			if !ok {
				return out, nil
			}
			out = append(out, r.read(&d))
		default:
			return out, nil
		}
	}
	return out, nil
}

// why says why the server pushes no more.
func (r *reader) why() error {
	select {
	case err := <-r.ended:
		if err != nil {
			return err
		}
	case <-time.After(time.Second): // the connection is there
		return fmt.Errorf("the server gives no more of the queue %s: it was deleted, perhaps", r.queue)
	}
	return errors.New("the connection was closed")
}

// read makes a message of what has come. Its place is no name: the server counts anew with each connection.
func (r *reader) read(d *amqp091.Delivery) broker.Delivery[uint64] {
	m := broker.Message{Body: d.Body, ContentType: d.ContentType, Topic: d.Type, Headers: headers(d.Headers), Where: "queue " + r.queue}
	if d.MessageId != "" {
		m.Where += ", message id " + strconv.Quote(d.MessageId)
	}
	return broker.Delivery[uint64]{Message: m, At: d.DeliveryTag}
}

// headers are those that are text. Those of CloudEvents have the prefix cloudEvents: or cloudEvents_.
func headers(t amqp091.Table) map[string]string {
	out := map[string]string{}
	for k, v := range t {
		switch v := v.(type) {
		case string:
			out[strings.ToLower(k)] = v
		case []byte:
			out[strings.ToLower(k)] = string(v)
		}
	}
	return out
}

// Settle is broker.Reader's. The server counts what it gives, so that the last one stands for all before it.
func (r *reader) Settle(_ context.Context, at []uint64) error { return r.in.Ack(at[len(at)-1], true) }

// Keep is broker.Reader's. What was given stays here while the connection lives.
func (*reader) Keep(context.Context, []uint64) error { return nil }

// Behind is broker.Reader's.
func (r *reader) Behind(context.Context) (int64, error) {
	ch, err := r.conn.Channel()
	if err != nil {
		return 0, err
	}
	q, err := ch.QueueDeclarePassive(r.queue, true, false, false, false, nil)
	if err != nil {
		return -1, nil // the user may not ask, or the queue is gone: then Next is told
	}
	return int64(q.Messages), ch.Close()
}

// Close is broker.Reader's. What was not acknowledged goes back by itself.
func (r *reader) Close(context.Context, []uint64) {
	_ = r.conn.CloseDeadline(time.Now().Add(300 * time.Millisecond)) // it may be gone
}
