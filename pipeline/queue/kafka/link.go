package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/waxwinghq/waxwing/pipeline/queue"
)

// Broker is a Kafka cluster.
type Broker struct {
	Settings
	hosts   []string
	config  *sarama.Config
	log     *slog.Logger
	keepFor time.Duration
}

// Dial is queue.Broker's.
func (b *Broker) Dial(_ context.Context, topics []string, failed func(error)) (queue.Link, error) {
	c, err := sarama.NewClient(b.hosts, b.config)
	if err != nil {
		return nil, err
	}
	give := func(err error) (queue.Link, error) { return nil, errors.Join(err, c.Close()) }
	if n := len(c.Brokers()); b.OneBroker && n > 1 {
		return give(fmt.Errorf("the cluster has %d brokers, and one_broker says that it has one: take that line out", n))
	}
	admin, err := sarama.NewClusterAdminFromClient(c) // which is closed with the client
	if err != nil {
		return give(err)
	}
	for _, topic := range topics {
		if err := b.prepare(admin, topic); err != nil {
			return give(fmt.Errorf("topic %s: %w", topic, err))
		}
	}
	if len(topics) > 0 {
		if err := c.RefreshMetadata(topics...); err != nil { // which waits for who leads
			return give(err)
		}
	}
	pub, err := kafka.NewPublisher(kafka.PublisherConfig{Brokers: b.hosts, Marshaler: kafka.DefaultMarshaler{}, OverwriteSaramaConfig: b.config}, queue.Logger())
	if err != nil {
		return give(err)
	}
	l := &link{Broker: b, client: c, topics: topics, pub: pub, failed: failed, over: make(chan struct{})}
	l.says = newReporter(b.log, l.over)
	l.work.Go(l.watch)
	return l, nil
}

// prepare makes a topic, or says why one that is there would lose messages.
func (b *Broker) prepare(admin sarama.ClusterAdmin, topic string) error {
	say := func(v int64) *string { s := strconv.FormatInt(v, 10); return &s }
	err := admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: int32(b.Partitions), ReplicationFactor: int16(b.Replication),
		ConfigEntries: map[string]*string{"min.insync.replicas": say(int64(b.MinInsync)), "retention.ms": say(maxAge.Milliseconds())}}, false)
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, sarama.ErrTopicAlreadyExists):
		return err
	}
	all, err := admin.DescribeTopics([]string{topic})
	if err != nil {
		return err
	}
	for _, t := range all {
		if t.Err != sarama.ErrNoError {
			return t.Err
		}
		for _, p := range t.Partitions {
			if len(p.Replicas) < b.Replication {
				return fmt.Errorf("it is kept on %d brokers, and replication is %d: move it with kafka-reassign-partitions.sh, or delete it, so that it is made anew", len(p.Replicas), b.Replication)
			}
		}
	}
	found, err := admin.DescribeConfigs([]*sarama.ConfigResource{{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{"min.insync.replicas"}}}, sarama.DescribeConfigsOptions{})
	if err != nil {
		return err
	}
	for _, of := range found {
		if of.ErrorCode != sarama.ErrNoError {
			return of.ErrorCode
		}
		for _, e := range of.Configs {
			if n, err := strconv.Atoi(e.Value); e.Name == "min.insync.replicas" && err == nil && n < b.MinInsync {
				return fmt.Errorf("its min.insync.replicas is %d, and min_insync is %d: kafka-configs.sh --alter --topic %s --add-config min.insync.replicas=%d", n, b.MinInsync, topic, b.MinInsync)
			}
		}
	}
	return nil
}

// link is the adapter's publisher, and a subscriber for each topic, in a group of the topic's name:
// in one group for all a topic's daemons would wait for another topic's.
type link struct {
	*Broker
	client sarama.Client
	topics []string // of ours: a cluster has others, whose trouble is not ours
	pub    *kafka.Publisher
	failed func(error)
	says   watermill.LoggerAdapter
	over   chan struct{}
	once   sync.Once
	work   sync.WaitGroup

	mu   sync.RWMutex // read by who publishes or joins, so that Close waits
	done bool
}

var errOver = errors.New("the link is over")

// lookEvery is how often an idle link asks whether the cluster is there: the adapter connects again
// by itself, and says so to nobody.
const lookEvery = 2 * time.Second

func (l *link) watch() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.over:
			return
		case <-tick.C:
			if err := l.client.RefreshMetadata(l.topics...); err != nil {
				l.failed(err)
				return
			}
		}
	}
}

// Publish is queue.Link's.
func (l *link) Publish(topic string, messages ...*message.Message) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.done {
		return errOver
	}
	return l.pub.Publish(topic, messages...)
}

// Subscribe is queue.Link's. A message that nobody here has room for within keepFor is left to others, with the
// partitions: the link leaves the group, and joins it again when there is room.
func (l *link) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	l.mu.RLock() // until the work has begun, which Close waits for
	defer l.mu.RUnlock()
	sub, in, err := l.join(ctx, topic)
	if err != nil {
		return nil, err
	}
	out := make(chan *message.Message)
	l.work.Go(func() {
		defer close(out)
		for {
			held := l.hand(ctx, in, out)
			_ = sub.Close() // it gives no error
			if held == nil {
				return
			}
			select {
			case <-held.Acked():
			case <-held.Nacked():
			case <-ctx.Done():
				return
			case <-l.over:
				return
			}
			l.mu.RLock()
			sub, in, err = l.join(ctx, topic)
			l.mu.RUnlock()
			if err != nil {
				if !errors.Is(err, errOver) {
					l.failed(err)
				}
				return
			}
		}
	})
	return out, nil
}

// join becomes one of a topic's group. mu is held for reading.
func (l *link) join(ctx context.Context, topic string) (*kafka.Subscriber, <-chan *message.Message, error) {
	if l.done {
		return nil, nil, errOver
	}
	sub, err := kafka.NewSubscriber(kafka.SubscriberConfig{Brokers: l.hosts, Unmarshaler: kafka.DefaultMarshaler{}, OverwriteSaramaConfig: l.config, ConsumerGroup: topic,
		ReconnectRetrySleep: 200 * time.Millisecond, NackResendSleep: 50 * time.Millisecond}, l.says)
	if err != nil {
		return nil, nil, err
	}
	in, err := sub.Subscribe(ctx, topic)
	if err != nil {
		return nil, nil, errors.Join(err, sub.Close())
	}
	return sub, in, nil
}

// hand hands messages on, each when the one before was acknowledged. It gives the one that was not for too long;
// nil: the subscription is over.
func (l *link) hand(ctx context.Context, in <-chan *message.Message, out chan<- *message.Message) (held *message.Message) {
	limit := time.NewTimer(l.keepFor)
	defer limit.Stop()
	for {
		var m *message.Message
		select {
		case m = <-in:
		case <-l.over:
		case <-ctx.Done():
		}
		if m == nil {
			return nil
		}
		select {
		case out <- m:
		case <-l.over:
			return nil
		case <-ctx.Done():
			return nil
		}
		limit.Reset(l.keepFor)
		select {
		case <-m.Acked():
		case <-m.Nacked():
		case <-limit.C:
			return m
		case <-l.over:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// Close is queue.Link's. The subscribers end beside each other: each says good-bye to its group.
func (l *link) Close() error {
	l.once.Do(func() { close(l.over) })
	l.mu.Lock()
	was := l.done
	l.done = true
	l.mu.Unlock()
	if was {
		return nil
	}
	err := l.pub.Close()
	l.work.Wait()
	return errors.Join(err, l.client.Close())
}
