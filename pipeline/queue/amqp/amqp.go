// Package amqp carries a queue's messages over durable queues of RabbitMQ, one a topic, each
// publishing confirmed.
package amqp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/ThreeDotsLabs/watermill/message"
	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue"
)

// Component is the broker's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "amqp", Settings: func() config.Block { return &Settings{} }, Example: "type: amqp\nurl: \"${AMQP_URL}\"",
		Notes: "AMQP 0-9-1, as RabbitMQ speaks it. The user must be allowed to configure, write and read `waxwing.*`, and to write to the default exchange."}
}

// Settings are the keys of a RabbitMQ server, whose queues carry ours.
type Settings struct {
	// URL names the server and the virtual host: amqp://user:password@host:5672/vhost, or amqps:// over TLS.
	URL config.Secret `yaml:"url"`
	// Confirms is whether the server says of each message that it has it. Without, nobody
	// knows what was lost: it cannot be switched off.
	Confirms bool `yaml:"confirms,omitempty" default:"true"`
	// Durable is whether queues and messages outlast the server's restart. It cannot be switched off.
	Durable bool `yaml:"durable,omitempty" default:"true"`
	// MaxLen is about how many messages of a queue are kept, as after hours in which no provider works. What comes
	// then waits in the ledger alone, and is sent by the sweeper.
	MaxLen int64 `yaml:"maxlen,omitempty" default:"100000" min:"10000" max:"100000000"`
}

// Check reports what is no RabbitMQ, and settings that lose messages.
func (s *Settings) Check(r *config.Report) {
	CheckURL(r, "url", s.URL)
	if !s.Confirms && !r.Bad("confirms") {
		r.Fail("confirms", r.Path("confirms")+" is false: what the server has not written is lost at its crash, and nobody is told", "Take the line out: publishing is always confirmed")
	}
	if !s.Durable && !r.Bad("durable") {
		r.Fail("durable", r.Path("durable")+" is false: the queue and all that is in it are gone after the server's restart", "Take the line out: queues are always durable")
	}
}

// CheckURL reports an address of a RabbitMQ server that is none.
func CheckURL(r *config.Report, key string, address config.Secret) {
	queue.CheckURL(r, key, address, "amqp", "amqps")
	if !r.Bad(key) && address != "" {
		if _, err := amqp091.ParseURI(address.Reveal()); err != nil {
			r.Fail(key, r.Path(key)+" is no address of a RabbitMQ server", "Write amqp://user:password@host:5672/vhost")
		}
	}
}

// Open makes the broker; it connects in Dial.
func (s *Settings) Open(string, *slog.Logger) (*Broker, error) {
	if !s.Confirms || !s.Durable {
		return nil, errors.New("confirms and durable cannot be switched off")
	}
	return &Broker{s.URL, s.MaxLen}, nil
}

// Broker is a RabbitMQ server.
type Broker struct {
	url  config.Secret
	most int64 // messages of a queue
}

const (
	dialFor   = 5 * time.Second
	heartbeat = 10 * time.Second
	channels  = 16 // to publish on at once
	prefetch  = 64
)

// config is the adapter's, as it is safe: the default exchange, which is durable and cannot be
// missing, durable queues, persistent messages, and confirms.
func (b *Broker) config(once *atomic.Bool) amqp.Config {
	c := amqp.NewDurableQueueConfig(b.url.Reveal())
	c.Publish.ConfirmDelivery, c.Publish.ChannelPoolSize = true, channels
	c.Consume.Qos.PrefetchCount = prefetch
	// The relay connects anew, with another link: an adapter that did so by itself would be heard
	// of by nobody, and may leave a connection behind that is made while it is closed.
	dial := func(network, addr string) (net.Conn, error) {
		if once.Swap(true) {
			return nil, errors.New("the link is over")
		}
		return amqp091.DefaultDial(dialFor)(network, addr)
	}
	c.Connection.AmqpConfig = Connection()
	c.Connection.AmqpConfig.Dial = dial
	return c
}

// Connection is how we connect, and by which name: within five seconds, and with a heartbeat.
func Connection() *amqp091.Config {
	return &amqp091.Config{Heartbeat: heartbeat, Locale: "en_US", Dial: amqp091.DefaultDial(dialFor),
		Properties: amqp091.Table{"connection_name": "waxwing", "product": "Waxwing"}}
}

// Dial is queue.Broker's.
func (b *Broker) Dial(_ context.Context, topics []string, failed func(error)) (queue.Link, error) {
	var first, second atomic.Bool
	pub, err := amqp.NewPublisher(b.config(&first), queue.Logger())
	if err != nil {
		return nil, Hidden(err)
	}
	sub, err := amqp.NewSubscriber(b.config(&second), queue.Logger())
	if err != nil {
		return nil, errors.Join(Hidden(err), pub.Close())
	}
	l := &link{pub, sub, []*amqp091.Connection{pub.Connection(), sub.Connection()}, b.most}
	for _, topic := range topics { // before anybody publishes: what is sent to a queue that is not there is lost
		if err := sub.SubscribeInitialize(topic); err != nil {
			return nil, errors.Join(fmt.Errorf("declare %s: %w", topic, err), l.Close())
		}
	}
	for _, c := range l.connections {
		gone := c.NotifyClose(make(chan *amqp091.Error, 1))
		go func() {
			if err := <-gone; err != nil {
				failed(err)
			} else {
				failed(errors.New("the connection was closed"))
			}
		}()
	}
	return l, nil
}

// Hidden is an error without the address, which has a password in it.
func Hidden(err error) error {
	var n net.Error
	var a *amqp091.Error
	switch {
	case errors.As(err, &a):
		return a
	case errors.As(err, &n):
		return n
	}
	return errors.New("no connection to RabbitMQ")
}

// link is a publisher and a subscriber, each with a connection of its own: RabbitMQ slows those
// down that publish, and acknowledgements must not wait for that.
type link struct {
	*amqp.Publisher
	sub         *amqp.Subscriber
	connections []*amqp091.Connection
	most        int64
}

// Full is queue.Bounded's. It goes by what waits, and not by the server's own bound of a queue, which could not be
// changed for one that is there.
func (l *link) Full(_ context.Context, topic string) (bool, error) {
	ch, err := l.connections[1].Channel()
	if err != nil {
		return false, err
	}
	q, err := ch.QueueDeclarePassive(topic, true, false, false, false, nil)
	return int64(q.Messages) >= l.most, errors.Join(err, ch.Close())
}

// Subscribe is queue.Link's.
func (l *link) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	return l.sub.Subscribe(ctx, topic)
}

// Close is queue.Link's. The connections end first: the adapter would wait for whoever publishes.
func (l *link) Close() error {
	for _, c := range l.connections {
		_ = c.CloseDeadline(time.Now().Add(time.Second)) // it may be gone
	}
	return errors.Join(l.Publisher.Close(), l.sub.Close())
}
