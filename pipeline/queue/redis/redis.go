// Package redis carries a queue's messages over streams of Redis, one a topic, with a consumer
// group that all daemons share.
package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue"
)

// Component is the broker's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "redis", Settings: func() config.Block { return &Settings{} }, Example: "type: redis\nurl: \"${REDIS_URL}\"",
		Notes: "Redis 6.2 or newer. It must not evict: with a `maxmemory-policy` of `allkeys-...` it is not used, and the log says so. Without `appendonly yes` it forgets what it has when it crashes, with `appendfsync everysec` the last two seconds, and the sweeper finds it."}
}

// Settings are the keys of a Redis server, whose streams carry queues.
type Settings struct {
	// URL names the server: redis://user:password@host:6379/0, or rediss:// over TLS.
	URL config.Secret `yaml:"url"`
	// ClaimIdle is how long a message may be with a daemon that does not acknowledge it, before
	// another takes it: a minute or more.
	ClaimIdle config.Duration `yaml:"claim_idle,omitempty" default:"5m"`
	// MaxLen is about how many messages a stream keeps, those that were taken among them. Older
	// ones are dropped, and the sweeper finds what they stood for.
	MaxLen int64 `yaml:"maxlen,omitempty" default:"100000" min:"10000" max:"100000000"`
}

// Check reports what is no Redis, and a time to claim that takes messages from daemons that are at work.
func (s *Settings) Check(r *config.Report) {
	CheckURL(r, "url", s.URL)
	if !r.Bad("claim_idle") && s.ClaimIdle.D() < time.Minute {
		r.Fail("claim_idle", r.Path("claim_idle")+" "+r.Quote("claim_idle")+" is shorter than a slow daemon may take: its messages would be given to another one, too",
			"Write 1m or more, or leave it out")
	}
}

// CheckURL reports an address of a Redis server that is none.
func CheckURL(r *config.Report, key string, address config.Secret) {
	queue.CheckURL(r, key, address, "redis", "rediss")
	if !r.Bad(key) {
		if _, err := redis.ParseURL(address.Reveal()); err != nil {
			r.Fail(key, r.Path(key)+" is no address of a Redis server", "Write redis://user:password@host:6379/0")
		}
	}
}

// Options are how we connect to such an address: nothing is tried again by the client.
func Options(address config.Secret) (*redis.Options, error) {
	o, err := redis.ParseURL(address.Reveal())
	if err != nil {
		return nil, errors.New("url is no address of a Redis server") // the error has the password in it
	}
	o.MaxRetries, o.DialTimeout, o.ReadTimeout, o.WriteTimeout = -1, dialFor, answerFor, answerFor
	o.ContextTimeoutEnabled = true
	return o, nil
}

// Open makes the broker; it connects in Dial.
func (s *Settings) Open(string, *slog.Logger) (*Broker, error) {
	o, err := Options(s.URL)
	if err != nil {
		return nil, err
	}
	return &Broker{options: o, claimIdle: s.ClaimIdle.D(), maxLen: s.MaxLen}, nil
}

// Broker is a Redis server.
type Broker struct {
	options   *redis.Options
	claimIdle time.Duration
	maxLen    int64
}

const (
	dialFor, answerFor = 5 * time.Second, 3 * time.Second
	// group is the consumers that share the messages: all daemons of a ledger, whose topics are their own.
	group = "waxwing"
	// blockFor is how long a read waits for a message; one that comes meanwhile ends it.
	blockFor = time.Second
)

// Dial is queue.Broker's.
func (b *Broker) Dial(ctx context.Context, topics []string, _ func(error)) (queue.Link, error) {
	o := *b.options
	o.PoolSize = 16 + 8*len(topics)
	client, reader := redis.NewClient(&o), redis.NewClient(&o)
	give := func(err error) (queue.Link, error) { return nil, errors.Join(err, client.Close(), reader.Close()) }
	if err := client.Ping(ctx).Err(); err != nil {
		return give(err)
	}
	if err := evicts(ctx, client); err != nil {
		return give(err)
	}
	pub, err := redisstream.NewPublisher(redisstream.PublisherConfig{Client: client, DefaultMaxlen: b.maxLen}, queue.Logger())
	if err != nil {
		return give(err)
	}
	sub, err := redisstream.NewSubscriber(redisstream.SubscriberConfig{Client: reader, ConsumerGroup: group, OldestId: "0", BlockTime: blockFor,
		DisableIndefiniteInitialBlock: true, MaxIdleTime: b.claimIdle, ClaimInterval: min(b.claimIdle/4, 30*time.Second),
		// Reading ends at the first error, and the relay begins anew: also where the server has forgotten the group.
		ShouldStopOnReadErrors: func(error) bool { return true }}, queue.Logger())
	if err != nil {
		return give(err)
	}
	return &link{pub, sub}, nil
}

// evicts says that a server throws streams away when its memory is full. One that does not tell is believed.
func evicts(ctx context.Context, c *redis.Client) error {
	info, err := c.Info(ctx, "memory").Result()
	if err != nil {
		return nil
	}
	for line := range strings.Lines(info) {
		if policy, ok := strings.CutPrefix(strings.TrimSpace(line), "maxmemory_policy:"); ok && strings.HasPrefix(policy, "allkeys-") {
			return fmt.Errorf("redis evicts streams under its maxmemory-policy %s: CONFIG SET maxmemory-policy noeviction", policy)
		}
	}
	return nil
}

// link is a publisher and a subscriber, each with connections of its own.
type link struct {
	message.Publisher
	sub *redisstream.Subscriber
}

// Subscribe is queue.Link's.
func (l *link) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	return l.sub.Subscribe(ctx, topic)
}

// Close is queue.Link's.
func (l *link) Close() error { return errors.Join(l.Publisher.Close(), l.sub.Close()) }
