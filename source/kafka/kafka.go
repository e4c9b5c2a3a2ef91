// Package kafka reads events from a topic of Kafka that is the shop's.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue/kafka"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/source/broker"
)

// Component is the source's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "kafka", Settings: func() config.Block { return &Settings{} },
		Example: "type: kafka\nurl: \"${SHOP_KAFKA}\"\ntopic: orders\ntenant: acme\nshop: web",
		Notes:   "Kafka 2.4 or newer. The topic must be there. The user must be allowed to describe and read it, and to read the group. Users are known by SASL PLAIN, which takes kafkas://; SCRAM and Kerberos are not there."}
}

// Settings are the keys of a topic of a Kafka cluster.
type Settings struct {
	// URL names the cluster: kafka://host:9092, or kafkas://user:password@host:9093 over TLS. Several of its brokers stand behind each other, with commas.
	URL config.Secret `yaml:"url"`
	// Topic is what the shop writes to.
	Topic string `yaml:"topic" want:"the topic, such as orders"`
	// Group is the consumers' group, which all daemons of a ledger share, and no other program. A new one begins with the oldest message.
	Group string `yaml:"group,omitempty" default:"waxwing"`
	// Tenant is whose orders they are.
	Tenant string `yaml:"tenant" want:"the tenant whose orders they are"`
	// Shop is the tenant's shop whose format reads them.
	Shop string `yaml:"shop" want:"the tenant's shop, such as web"`
}

// Check reports what is no Kafka.
func (s *Settings) Check(r *config.Report) {
	kafka.CheckURL(r, "url", s.URL)
	if s.Group == "" && !r.Bad("group") {
		r.Fail("group", r.Path("group")+" is empty: offsets are written down by group", "Take the line out, or name the group that all daemons share")
	}
	broker.CheckRoute(r, s.Tenant, s.Shop)
}

// Open makes the source; it connects in Run.
func (s *Settings) Open(string, *slog.Logger) (*Source, error) {
	a, err := kafka.Parse(s.URL)
	if err != nil {
		return nil, err
	}
	return &Source{broker.NewWatch(), *s, a}, nil
}

// Source is a topic of the shop's.
type Source struct {
	*broker.Watch
	settings Settings
	address  kafka.Address
}

// Run is source.Source's.
func (x *Source) Run(ctx context.Context, accept source.Accept) error {
	return broker.Run(ctx, accept, x.Watch, broker.Options{Route: broker.Route{Tenant: waxwing.TenantID(x.settings.Tenant), Shop: waxwing.ShopID(x.settings.Shop)}}, x.dial)
}

const (
	// sessionFor is how long a daemon that was killed keeps its partitions from others.
	sessionFor, beatEvery = 10 * time.Second, 2 * time.Second
	// commitFor bounds the writing of offsets when partitions go to another daemon.
	commitFor = 5 * time.Second
	partFor   = 300 * time.Millisecond
	// bytesAhead is how much is fetched ahead of a partition and of all.
	partitionAhead, bytesAhead = 1 << 20, 16 << 20
)

// reader is a client, which is one of the group.
type reader struct {
	client *kgo.Client
	topic  string
	watch  *broker.Watch

	mu     sync.Mutex
	behind map[int32]int64 // of partitions, when last heard of
}

func (x *Source) dial(ctx context.Context) (broker.Reader[*kgo.Record], error) {
	return broker.Dialled(ctx, func(ctx context.Context) (broker.Reader[*kgo.Record], error) {
		r := &reader{topic: x.settings.Topic, watch: x.Watch, behind: map[int32]int64{}}
		o := []kgo.Opt{kgo.SeedBrokers(x.address.Hosts...), kgo.ClientID("waxwing"), kgo.ConsumerGroup(x.settings.Group), kgo.ConsumeTopics(x.settings.Topic),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxPartitionBytes(partitionAhead), kgo.FetchMaxBytes(bytesAhead), kgo.FetchMaxWait(500 * time.Millisecond),
			kgo.SessionTimeout(sessionFor), kgo.HeartbeatInterval(beatEvery), kgo.DialTimeout(5 * time.Second), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
			// What is on disk here, and nothing else, is written down each second, and when partitions go.
			kgo.AutoCommitMarks(), kgo.AutoCommitInterval(time.Second), kgo.OnPartitionsRevoked(r.revoked), kgo.OnPartitionsLost(r.lost)}
		if x.address.TLS {
			o = append(o, kgo.DialTLS())
		}
		if x.address.User != "" {
			o = append(o, kgo.SASL(plain.Auth{User: x.address.User, Pass: x.address.Password}.AsMechanism()))
		}
		c, err := kgo.NewClient(o...)
		if err != nil {
			return nil, err
		}
		if err := c.Ping(ctx); err != nil {
			c.Close()
			return nil, err
		}
		r.client = c
		return r, nil
	})
}

// revoked writes down how far partitions are on disk here, before others are given them. What is under way
// of them comes to those again.
func (r *reader) revoked(ctx context.Context, c *kgo.Client, gone map[string][]int32) {
	ctx, cancel := context.WithTimeout(ctx, commitFor)
	defer cancel()
	_ = c.CommitMarkedOffsets(ctx) // it comes again
	r.lost(ctx, c, gone)
}

func (r *reader) lost(_ context.Context, _ *kgo.Client, gone map[string][]int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range gone[r.topic] {
		delete(r.behind, p)
	}
}

// Next is broker.Reader's.
func (r *reader) Next(ctx context.Context) ([]broker.Delivery[*kgo.Record], error) {
	got := r.client.PollRecords(ctx, broker.Batch)
	if ctx.Err() != nil {
		return nil, nil
	}
	for _, e := range got.Errors() {
		var gap *kgo.ErrDataLoss
		if errors.As(e.Err, &gap) { // it goes on with what there is
			r.watch.Lost(fmt.Sprintf("topic %s, partition %d: Kafka has deleted messages from offset %d to %d before they were read; give the topic a longer retention.ms, and compare the shop's orders with the ledger's", e.Topic, e.Partition, gap.ConsumedTo, gap.ResetTo))
			continue
		}
		return nil, fmt.Errorf("topic %s: %w", r.topic, e.Err)
	}
	var out []broker.Delivery[*kgo.Record]
	r.mu.Lock()
	defer r.mu.Unlock()
	got.EachPartition(func(p kgo.FetchTopicPartition) {
		for _, m := range p.Records {
			out = append(out, broker.Delivery[*kgo.Record]{At: m, Message: read(m)})
			r.behind[m.Partition] = p.HighWatermark - m.Offset - 1
		}
	})
	return out, nil
}

func read(m *kgo.Record) broker.Message {
	h := map[string]string{}
	for _, x := range m.Headers {
		h[strings.ToLower(x.Key)] = string(x.Value)
	}
	return broker.Message{Body: m.Value, Headers: h, Where: fmt.Sprintf("topic %s, partition %d, offset %d", m.Topic, m.Partition, m.Offset)}
}

// Settle is broker.Reader's. A partition's messages come in its order, so that the last one stands for all before it.
func (r *reader) Settle(_ context.Context, at []*kgo.Record) error {
	r.client.MarkCommitRecords(at...)
	return nil
}

// Keep is broker.Reader's. A partition stays here while the client beats.
func (*reader) Keep(context.Context, []*kgo.Record) error { return nil }

// Behind is broker.Reader's. The client connects again by itself and says so to nobody: it is asked here.
func (r *reader) Behind(ctx context.Context) (n int64, err error) {
	if err := r.client.Ping(ctx); err != nil {
		return 0, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for v := range maps.Values(r.behind) {
		n += v
	}
	return n, nil
}

// Close is broker.Reader's.
func (r *reader) Close(ctx context.Context, _ []*kgo.Record) {
	ctx, cancel := context.WithTimeout(ctx, partFor)
	defer cancel()
	_ = r.client.CommitMarkedOffsets(ctx) // it comes again
	_ = r.client.LeaveGroupContext(ctx)   // else the others wait for sessionFor
	closed := make(chan struct{})
	go func() { defer close(closed); r.client.Close() }()
	select {
	case <-closed:
	case <-time.After(partFor): // a cluster that is silent
	}
}
