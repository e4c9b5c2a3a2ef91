package main

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	wmamqp "github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	wmkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	wmsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	goredis "github.com/redis/go-redis/v9"

	"github.com/waxwinghq/waxwing/pipeline/queue"
	wxnats "github.com/waxwinghq/waxwing/pipeline/queue/nats"
)

// What somebody careless makes of each adapter: a publisher, and a subscriber once its server was
// killed.

func carelessRedis(t *testing.T, url string) (message.Publisher, func() message.Subscriber) {
	o, err := goredis.ParseURL(url)
	must(t, o, err)
	pub, err := redisstream.NewPublisher(redisstream.PublisherConfig{Client: goredis.NewClient(o)}, nil)
	must(t, pub, err)
	return pub, func() message.Subscriber {
		s, err := redisstream.NewSubscriber(redisstream.SubscriberConfig{Client: goredis.NewClient(o), ConsumerGroup: "careless", DisableIndefiniteInitialBlock: true}, nil)
		return must(t, s, err)
	}
}

func carelessAMQP(t *testing.T, url string) (message.Publisher, func() message.Subscriber) {
	c := wmamqp.NewDurableQueueConfig(url)
	sub, err := wmamqp.NewSubscriber(c, watermill.NopLogger{})
	must(t, sub, err)
	if err := sub.SubscribeInitialize("trial"); err != nil {
		t.Fatal(err)
	}
	pub, err := wmamqp.NewPublisher(c, watermill.NopLogger{})
	return must(t, pub, err), func() message.Subscriber {
		_ = sub.Close() // its server was killed
		again, err := wmamqp.NewSubscriber(c, watermill.NopLogger{})
		return must(t, again, err)
	}
}

// inMemory is a stream of JetStream that is kept in memory, which a configuration may not have.
type inMemory struct{ queue.Link }

func carelessNATS(t *testing.T, url string) (message.Publisher, func() message.Subscriber) {
	dial := func() queue.Link {
		c, err := nats.Connect(url)
		js, err := jetstream.New(must(t, c, err))
		must(t, js, err)
		s, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "trial", Subjects: []string{"trial"}, Storage: jetstream.MemoryStorage})
		_, err = must(t, s, err).CreateOrUpdateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: "careless", AckPolicy: jetstream.AckExplicitPolicy})
		must(t, s, err)
		t.Cleanup(c.Close)
		return wxnats.NewLink(c, js, "careless", func(error) {})
	}
	return inMemory{dial()}, func() message.Subscriber { return dial() }
}

// subscribed is a subscriber that has subscribed already.
type subscribed struct {
	message.Subscriber
	all <-chan *message.Message
}

func (s subscribed) Subscribe(context.Context, string) (<-chan *message.Message, error) {
	return s.all, nil
}

// carelessKafka listens before anything is published, as it must to get anything, and has taken
// nothing yet when the cluster is killed.
func carelessKafka(t *testing.T, url string) (message.Publisher, func() message.Subscriber) {
	hosts := strings.Split(strings.TrimPrefix(url, "kafka://"), ",")
	sub, err := wmkafka.NewSubscriber(wmkafka.SubscriberConfig{Brokers: hosts, Unmarshaler: wmkafka.DefaultMarshaler{}, ConsumerGroup: "careless",
		InitializeTopicDetails: &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: nodesOfKafka}}, nil)
	must(t, sub, err)
	must(t, sub, sub.SubscribeInitialize("trial"))
	all, err := sub.Subscribe(t.Context(), "trial")
	must(t, all, err)
	pub, err := wmkafka.NewPublisher(wmkafka.PublisherConfig{Brokers: hosts, Marshaler: wmkafka.DefaultMarshaler{}}, nil)
	must(t, pub, err)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for {
		select {
		case first := <-all: // it listens
			return pub, func() message.Subscriber {
				first.Ack()
				return subscribed{sub, all}
			}
		case <-tick.C:
			must(t, pub, pub.Publish("trial", message.NewMessage("first", []byte("first"))))
		case <-limit:
			t.Fatal("it does not listen")
		}
	}
}

const nodesOfKafka = 3

func carelessPostgres(t *testing.T, url string) (message.Publisher, func() message.Subscriber) {
	return carelessSQL(t, "pgx", url, wmsql.PostgreSQLQueueSchema{}, wmsql.PostgreSQLQueueOffsetsAdapter{DeleteOnAck: true})
}

func carelessMariaDB(t *testing.T, url string) (message.Publisher, func() message.Subscriber) {
	at := strings.NewReplacer("mysql://", "", "root@", "root@tcp(", "/test", ")/test").Replace(url)
	return carelessSQL(t, "mysql", at, wmsql.MySQLQueueSchema{}, wmsql.MySQLQueueOffsetsAdapter{DeleteOnAck: true})
}

func carelessSQL(t *testing.T, driver, dsn string, s wmsql.SchemaAdapter, o wmsql.OffsetsAdapter) (message.Publisher, func() message.Subscriber) {
	db, err := sql.Open(driver, dsn)
	must(t, db, err)
	t.Cleanup(func() { _ = db.Close() }) // its server was killed
	begin := wmsql.BeginnerFromStdSQL(db)
	sub, err := wmsql.NewSubscriber(begin, wmsql.SubscriberConfig{SchemaAdapter: s, OffsetsAdapter: o}, nil)
	must(t, sub, err)
	must(t, sub, sub.SubscribeInitialize("trial")) // makes the table
	pub, err := wmsql.NewPublisher(begin, wmsql.PublisherConfig{SchemaAdapter: s}, nil)
	return must(t, pub, err), func() message.Subscriber { return sub }
}
