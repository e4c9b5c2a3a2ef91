package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	wmamqp "github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	wmkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	wmsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	goredis "github.com/redis/go-redis/v9"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue"
	wxnats "github.com/waxwinghq/waxwing/pipeline/queue/nats"
	wxsqs "github.com/waxwinghq/waxwing/pipeline/queue/sqs"
)

// What somebody careless makes of each adapter: a publisher, and a subscriber once its server was
// killed.

func carelessRedis(t *testing.T, url string) (message.Publisher, func(killed bool) message.Subscriber) {
	o, err := goredis.ParseURL(url)
	must(t, o, err)
	pub, err := redisstream.NewPublisher(redisstream.PublisherConfig{Client: goredis.NewClient(o)}, nil)
	must(t, pub, err)
	return pub, func(bool) message.Subscriber {
		s, err := redisstream.NewSubscriber(redisstream.SubscriberConfig{Client: goredis.NewClient(o), ConsumerGroup: "careless", DisableIndefiniteInitialBlock: true}, nil)
		return must(t, s, err)
	}
}

func carelessAMQP(t *testing.T, url string) (message.Publisher, func(killed bool) message.Subscriber) {
	c := wmamqp.NewDurableQueueConfig(url)
	sub, err := wmamqp.NewSubscriber(c, watermill.NopLogger{})
	must(t, sub, err)
	if err := sub.SubscribeInitialize("trial"); err != nil {
		t.Fatal(err)
	}
	pub, err := wmamqp.NewPublisher(c, watermill.NopLogger{})
	return must(t, pub, err), func(bool) message.Subscriber {
		_ = sub.Close() // its server was killed
		again, err := wmamqp.NewSubscriber(c, watermill.NopLogger{})
		return must(t, again, err)
	}
}

// inMemory is a stream of JetStream that is kept in memory, which a configuration may not have.
type inMemory struct{ queue.Link }

func carelessNATS(t *testing.T, url string) (message.Publisher, func(killed bool) message.Subscriber) {
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
	return inMemory{dial()}, func(bool) message.Subscriber { return dial() }
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
// nothing yet when the cluster is killed, and it with it: whoever comes in its place begins behind
// what is there.
func carelessKafka(t *testing.T, url string) (message.Publisher, func(killed bool) message.Subscriber) {
	hosts := strings.Split(strings.TrimPrefix(url, "kafka://"), ",")
	how := wmkafka.SubscriberConfig{Brokers: hosts, Unmarshaler: wmkafka.DefaultMarshaler{}, ConsumerGroup: "careless",
		InitializeTopicDetails: &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: nodesOfKafka}}
	sub, err := wmkafka.NewSubscriber(how, nil)
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
			return pub, func(killed bool) message.Subscriber {
				if !killed {
					first.Ack()
					return subscribed{sub, all}
				}
				_ = sub.Close() // it took nothing
				next, err := wmkafka.NewSubscriber(how, nil)
				return must(t, next, err)
			}
		case <-tick.C:
			must(t, pub, pub.Publish("trial", message.NewMessage("first", []byte("first"))))
		case <-limit:
			t.Fatal("it does not listen")
		}
	}
}

const nodesOfKafka = 3

func carelessPostgres(t *testing.T, url string) (message.Publisher, func(killed bool) message.Subscriber) {
	return carelessSQL(t, "pgx", url, wmsql.PostgreSQLQueueSchema{}, wmsql.PostgreSQLQueueOffsetsAdapter{DeleteOnAck: true})
}

func carelessMariaDB(t *testing.T, url string) (message.Publisher, func(killed bool) message.Subscriber) {
	at := strings.NewReplacer("mysql://", "", "root@", "root@tcp(", "/test", ")/test").Replace(url)
	return carelessSQL(t, "mysql", at, wmsql.MySQLQueueSchema{}, wmsql.MySQLQueueOffsetsAdapter{DeleteOnAck: true})
}

func carelessSQL(t *testing.T, driver, dsn string, s wmsql.SchemaAdapter, o wmsql.OffsetsAdapter) (message.Publisher, func(killed bool) message.Subscriber) {
	db, err := sql.Open(driver, dsn)
	must(t, db, err)
	t.Cleanup(func() { _ = db.Close() }) // its server was killed
	begin := wmsql.BeginnerFromStdSQL(db)
	sub, err := wmsql.NewSubscriber(begin, wmsql.SubscriberConfig{SchemaAdapter: s, OffsetsAdapter: o}, nil)
	must(t, sub, err)
	must(t, sub, sub.SubscribeInitialize("trial")) // makes the table
	pub, err := wmsql.NewPublisher(begin, wmsql.PublisherConfig{SchemaAdapter: s}, nil)
	return must(t, pub, err), func(bool) message.Subscriber { return sub }
}

// way is a daemon's to its server: it ends where the daemon is killed.
type way struct{ over atomic.Bool }

// Do is the SDK's HTTPClient.
func (w *way) Do(r *http.Request) (*http.Response, error) {
	if w.over.Load() {
		return nil, errors.New("killed")
	}
	return http.DefaultClient.Do(r)
}

// meanwhile has something happen when a thousand messages were published.
type meanwhile struct {
	message.Publisher
	so     atomic.Int64
	happen func()
}

// Publish is Watermill's.
func (m *meanwhile) Publish(topic string, messages ...*message.Message) error {
	if m.so.Add(1) == 1000 {
		m.happen()
	}
	return m.Publisher.Publish(topic, messages...)
}

// trialSQS has a daemon listen that takes nothing out of its hands. SQS is not killed by anybody, but
// those who listen are: so it is killed as well, and another takes its place.
func trialSQS(t *testing.T, url string, prepare func(*sqs.Client)) (message.Publisher, func(killed bool) message.Subscriber) {
	client := func(w *way) *sqs.Client {
		return sqs.New(sqs.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""), HTTPClient: w})
	}
	prepare(client(&way{}))
	name := "trial"
	at, err := client(&way{}).GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: &name})
	must(t, at, err)
	dial := func(w *way) queue.Link {
		l := wxsqs.NewLink(client(w), map[string]string{name: *at.QueueUrl}, 3*time.Second, func(error) {})
		t.Cleanup(func() { _ = l.Close() }) // its server was killed
		return l
	}
	its := &way{}
	first := dial(its)
	var all <-chan *message.Message
	return &meanwhile{Publisher: dial(&way{}), happen: func() { all, err = first.Subscribe(t.Context(), name) }}, func(killed bool) message.Subscriber {
		must(t, all, err)
		if !killed {
			return subscribed{first, all}
		}
		its.over.Store(true)
		return dial(&way{})
	}
}

// carefulSQS has the queue as a configuration makes it.
func carefulSQS(t *testing.T, url string) (message.Publisher, func(killed bool) message.Subscriber) {
	return trialSQS(t, url, func(*sqs.Client) {
		b, err := filled(&wxsqs.Settings{Endpoint: config.Secret(url), Region: "us-east-1", AccessKey: "AKID", SecretKey: "secret"}).Open("", nil)
		l, err := must(t, b, err).Dial(t.Context(), []string{"trial"}, func(error) {})
		must(t, l, must(t, l, err).Close())
	})
}

// carelessSQS has it give each message once, and put it aside the next time.
func carelessSQS(t *testing.T, url string) (message.Publisher, func(killed bool) message.Subscriber) {
	return trialSQS(t, url, func(c *sqs.Client) {
		for name, attributes := range map[string]map[string]string{"aside": nil, "trial": {"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:aside","maxReceiveCount":"1"}`}} {
			made, err := c.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
			must(t, made, err)
		}
	})
}
