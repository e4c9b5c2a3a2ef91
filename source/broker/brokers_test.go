package broker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sqsapi "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	natsapi "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	amqp091 "github.com/rabbitmq/amqp091-go"
	redisapi "github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue/queuetest"
	queuesqs "github.com/waxwinghq/waxwing/pipeline/queue/sqs"
	"github.com/waxwinghq/waxwing/shop/generic"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/source/amqp"
	"github.com/waxwinghq/waxwing/source/broker"
	"github.com/waxwinghq/waxwing/source/kafka"
	"github.com/waxwinghq/waxwing/source/nats"
	"github.com/waxwinghq/waxwing/source/redis"
	"github.com/waxwinghq/waxwing/source/sourcetest"
	"github.com/waxwinghq/waxwing/source/sqs"
)

// kind is one of the brokers.
type kind struct {
	// serve starts one.
	serve func(t *testing.T) *queuetest.Server
	// open makes the source that reads what is called name.
	open func(url, name string) (source.Source, error)
	// prepare makes what is called name, where the source does not, and gives how a shop publishes there.
	prepare func(t *testing.T, url, name string) *feed
}

// feed is a shop's side of a broker.
type feed struct {
	// publish hands a body over with headers, which are as a CloudEvent's binding to the protocol writes them.
	publish func(ctx context.Context, body string, headers map[string]string) error
	// left is how many messages are not acknowledged.
	left func(ctx context.Context) (int64, error)
	// prefix is how attributes of CloudEvents begin there, and largest what a message may have, where that is less than we take.
	prefix  string
	largest int
}

var kinds = map[string]kind{
	"amqp":  {queuetest.RabbitMQ, openAMQP, feedAMQP},
	"nats":  {queuetest.NATS, openNATS, feedNATS},
	"kafka": {queuetest.Kafka, openKafka, feedKafka},
	"redis": {func(t *testing.T) *queuetest.Server { return queuetest.Redis(t, false) }, openRedis, feedRedis},
	"sqs":   {func(t *testing.T) *queuetest.Server { return queuetest.SQS(t, false) }, openSQS, feedSQS},
}

// TestMain is also the Kafka of tests, and a source that is killed.
func TestMain(m *testing.M) {
	queuetest.KafkaChild()
	sourcetest.Child(func(told string) (source.Source, error) {
		part := strings.Split(told, "\n")
		return kinds[part[0]].open(part[1], part[2])
	}, key)
	os.Exit(m.Run())
}

// key reads an order as a shop of the format generic does.
func key(topic string, raw []byte) (string, error) {
	k, err := generic.Format.Key(topic, raw)
	return k.OrderID, err
}

func order(id string) string {
	return `{"shop":"web","id":"` + id + `","items":[],"total":"1.00"}`
}

func openAMQP(url, name string) (source.Source, error) {
	s := &amqp.Settings{URL: config.Secret(url), Queue: name, Declare: true, Exchange: "amq.topic", RoutingKey: name + ".#", Tenant: "acme", Shop: "web"}
	config.Fill(s)
	return s.Open("shop", nil)
}

func feedAMQP(t *testing.T, url, name string) *feed {
	// One connection as long as it lasts: a shop's publisher has its confirms.
	var mu sync.Mutex
	var conn *amqp091.Connection
	var ch *amqp091.Channel
	dial := func() error {
		if conn != nil && !conn.IsClosed() && !ch.IsClosed() {
			return nil
		}
		var err error
		if conn, err = amqp091.Dial(url); err != nil {
			return err
		}
		if ch, err = conn.Channel(); err != nil {
			return err
		}
		if _, err := ch.QueueDeclare(name, true, false, false, false, nil); err != nil {
			return err
		}
		if err := ch.QueueBind(name, name+".#", "amq.topic", false, nil); err != nil {
			return err
		}
		return ch.Confirm(false)
	}
	t.Cleanup(func() {
		if conn != nil {
			_ = conn.Close()
		}
	})
	return &feed{prefix: "cloudEvents:", largest: 64 << 20, publish: func(ctx context.Context, body string, headers map[string]string) error {
		mu.Lock()
		defer mu.Unlock()
		if err := dial(); err != nil {
			return err
		}
		p := amqp091.Publishing{DeliveryMode: amqp091.Persistent, Body: []byte(body), Headers: amqp091.Table{}}
		for k, v := range headers {
			if p.Headers[k] = v; k == "content-type" {
				p.ContentType = v
			}
		}
		c, err := ch.PublishWithDeferredConfirmWithContext(ctx, "amq.topic", name+".completed", true, false, p)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		if ok, err := c.WaitContext(ctx); err != nil || !ok {
			return errors.Join(errors.New("not confirmed"), err)
		}
		return nil
	}, left: func(context.Context) (int64, error) {
		// The server counts what is ready: what is in hand comes back when its reader goes, and is asked for then.
		c, err := amqp091.Dial(url)
		if err != nil {
			return 0, err
		}
		defer c.Close()
		h, err := c.Channel()
		if err != nil {
			return 0, err
		}
		q, err := h.QueueDeclarePassive(name, true, false, false, false, nil)
		return int64(q.Messages), err
	}}
}

func openNATS(url, name string) (source.Source, error) {
	s := &nats.Settings{URL: config.Secret(url), Stream: name, Subject: name + ".>", Create: true, Tenant: "acme", Shop: "web"}
	config.Fill(s)
	return s.Open("shop", nil)
}

func feedNATS(t *testing.T, url, name string) *feed {
	c, err := natsapi.Connect(url, natsapi.MaxReconnects(-1), natsapi.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}}); err != nil {
		t.Fatal(err)
	}
	return &feed{prefix: "ce-", largest: 1 << 20, publish: func(ctx context.Context, body string, headers map[string]string) error {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		m := natsapi.NewMsg(name + ".completed")
		m.Data = []byte(body)
		for k, v := range headers {
			m.Header.Set(k, v)
		}
		_, err := js.PublishMsg(ctx, m)
		return err
	}, left: func(ctx context.Context) (int64, error) {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		c, err := js.Consumer(ctx, name, "waxwing")
		if err != nil {
			return 0, err
		}
		i := c.CachedInfo()
		return int64(i.NumPending) + int64(i.NumAckPending), nil
	}}
}

func openKafka(url, name string) (source.Source, error) {
	s := &kafka.Settings{URL: config.Secret(url), Topic: name, Tenant: "acme", Shop: "web", Group: "waxwing-" + name}
	config.Fill(s)
	return s.Open("shop", nil)
}

const kafkaPartitions = 3

func feedKafka(t *testing.T, url, name string) *feed {
	hosts := strings.Split(strings.TrimPrefix(url, "kafka://"), ",")
	c, err := kgo.NewClient(kgo.SeedBrokers(hosts...), kgo.DefaultProduceTopic(name), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.ProducerLinger(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ask := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, kafkaPartitions, 3
	ask.Topics = append(ask.Topics, topic)
	if _, err := ask.RequestWith(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return &feed{prefix: "ce_", largest: 1000 << 10, publish: func(ctx context.Context, body string, headers map[string]string) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		m := &kgo.Record{Value: []byte(body)}
		for k, v := range headers {
			m.Headers = append(m.Headers, kgo.RecordHeader{Key: k, Value: []byte(v)})
		}
		return c.ProduceSync(ctx, m).FirstErr()
	}, left: func(ctx context.Context) (left int64, err error) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		offsets := kmsg.NewPtrListOffsetsRequest()
		offsets.ReplicaID = -1
		of := kmsg.NewListOffsetsRequestTopic()
		of.Topic = name
		committed := kmsg.NewPtrOffsetFetchRequest()
		committed.Group = "waxwing-" + name
		by := kmsg.NewOffsetFetchRequestTopic()
		by.Topic = name
		for p := range int32(kafkaPartitions) {
			x := kmsg.NewListOffsetsRequestTopicPartition()
			x.Partition, x.Timestamp = p, -1
			of.Partitions, by.Partitions = append(of.Partitions, x), append(by.Partitions, p)
		}
		offsets.Topics, committed.Topics = append(offsets.Topics, of), append(committed.Topics, by)
		for _, shard := range c.RequestSharded(ctx, offsets) {
			if shard.Err != nil {
				return 0, shard.Err
			}
			for _, t := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
				for _, p := range t.Partitions {
					left += p.Offset
				}
			}
		}
		got, err := committed.RequestWith(ctx, c)
		if err != nil {
			return 0, err
		}
		for _, x := range got.Topics { // the client asks as old servers are asked, or puts it here, too
			for _, p := range x.Partitions {
				left -= max(p.Offset, 0)
			}
		}
		return left, nil
	}}
}

func openRedis(url, name string) (source.Source, error) {
	s := &redis.Settings{URL: config.Secret(url), Stream: name, Tenant: "acme", Shop: "web"}
	config.Fill(s)
	s.ClaimIdle = config.Duration(2 * time.Second)
	return s.Open("shop", nil)
}

func feedRedis(t *testing.T, url, name string) *feed {
	o, err := redisapi.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c := redisapi.NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return &feed{prefix: "ce_", largest: 64 << 20, publish: func(ctx context.Context, body string, headers map[string]string) error {
		values := map[string]any{"data": body}
		for k, v := range headers {
			values[k] = v
		}
		return c.XAdd(ctx, &redisapi.XAddArgs{Stream: name, Values: values}).Err()
	}, left: func(ctx context.Context) (int64, error) {
		groups, err := c.XInfoGroups(ctx, name).Result()
		if err != nil || len(groups) != 1 {
			return 0, fmt.Errorf("%d groups: %w", len(groups), err)
		}
		return groups[0].Lag + groups[0].Pending, nil
	}}
}

func openSQS(url, name string) (source.Source, error) {
	s := &sqs.Settings{Queue: name, Endpoint: config.Secret(url), Region: "us-east-1", AccessKey: "AKID", SecretKey: "hunter2", Tenant: "acme", Shop: "web"}
	config.Fill(s)
	s.Visibility = config.Duration(3 * time.Second)
	return s.Open("shop", nil)
}

func feedSQS(t *testing.T, url, name string) *feed {
	c, err := (&queuesqs.Settings{Endpoint: config.Secret(url), Region: "us-east-1", AccessKey: "AKID", SecretKey: "hunter2"}).Client()
	if err != nil {
		t.Fatal(err)
	}
	made, err := c.CreateQueue(t.Context(), &sqsapi.CreateQueueInput{QueueName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return &feed{prefix: "ce-", largest: 256 << 10, publish: func(ctx context.Context, body string, headers map[string]string) error {
		in := &sqsapi.SendMessageInput{QueueUrl: made.QueueUrl, MessageBody: aws.String(body), MessageAttributes: map[string]types.MessageAttributeValue{}}
		for k, v := range headers {
			in.MessageAttributes[k] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(v)}
		}
		_, err := c.SendMessage(ctx, in)
		return err
	}, left: func(ctx context.Context) (n int64, err error) {
		got, err := c.GetQueueAttributes(ctx, &sqsapi.GetQueueAttributesInput{QueueUrl: made.QueueUrl, AttributeNames: []types.QueueAttributeName{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"}})
		if err != nil {
			return 0, err
		}
		for _, v := range got.Attributes {
			var k int64
			if _, err := fmt.Sscan(v, &k); err != nil {
				return 0, err
			}
			n += k
		}
		return n, nil
	}}
}

// shop is a broker as sourcetest has it.
type shop struct {
	kind
	*feed
	url, name string
}

// Place is sourcetest.Shop's.
func (s *shop) Place(t *testing.T, names []string) {
	t.Helper()
	for _, n := range names {
		if err := s.publish(t.Context(), order(n), nil); err != nil {
			t.Fatal(err)
		}
	}
}

// Open is sourcetest.Shop's.
func (s *shop) Open(t *testing.T) source.Source {
	t.Helper()
	x, err := s.open(s.url, s.name)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// Taken is sourcetest.Shop's.
func (s *shop) Taken(t *testing.T) bool {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); <-time.After(10 * time.Millisecond) {
		if n, err := s.left(t.Context()); err != nil {
			t.Fatal(err)
		} else if n == 0 {
			return true
		}
	}
	return false
}

func each(t *testing.T, do func(t *testing.T, name string, k kind)) {
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		t.Run(name, func(t *testing.T) { do(t, name, kinds[name]) })
	}
}

func TestConforms(t *testing.T) {
	each(t, func(t *testing.T, name string, k kind) {
		if name == "sqs" { // whose files do not take a message back that somebody waits for
			k.serve = func(t *testing.T) *queuetest.Server { return queuetest.SQS(t, true) }
		}
		s := k.serve(t)
		n := 0
		sourcetest.Conform(t, func(t *testing.T) sourcetest.Shop {
			n++
			name := fmt.Sprintf("orders%d", n)
			return &shop{k, k.prepare(t, s.URL, name), s.URL, name}
		})
	})
}

// TestTorture: acceptance 4.
func TestTorture(t *testing.T) {
	each(t, func(t *testing.T, name string, k kind) {
		s := k.serve(t)
		f := k.prepare(t, s.URL, "orders")
		trial := sourcetest.Trial{Settings: name + "\n" + s.URL + "\norders", Orders: 400, Kills: 3, Ends: 2, Body: order, Left: f.left, End: func() { s.Kill(); s.Start() },
			Publish: func(ctx context.Context, body string) error {
				if name == "sqs" { // which takes text alone, and no empty one
					if body = strings.ToValidUTF8(strings.ReplaceAll(body, "\x00", ""), ""); body == "" {
						body = " "
					}
				}
				return f.publish(ctx, body, nil)
			}}
		if name == "sqs" {
			trial.Poisons = []string{"poison %d is no JSON", `{"poison":%d}`, ""}
		}
		if sourcetest.Full() {
			trial.Orders, trial.Kills, trial.Ends = 5000, 10, 10
		}
		sourcetest.Torture(t, trial)
	})
}

// got is what a source hands on.
type got struct{ topic, raw string }

func heard(t *testing.T, x source.Source) <-chan got {
	t.Helper()
	out := make(chan got, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := x.Run(ctx, func(_ context.Context, tenant waxwing.TenantID, shop waxwing.ShopID, topic string, raw []byte) (waxwing.Receipt, error) {
			if tenant != "acme" || shop != "web" {
				t.Errorf("%s/%s", tenant, shop)
			}
			out <- got{topic, string(bytes.Clone(raw))}
			return waxwing.Receipt{New: true}, nil
		}); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return out
}

func next(t *testing.T, from <-chan got) got {
	t.Helper()
	select {
	case g := <-from:
		return g
	case <-time.After(time.Minute):
		t.Fatal("no event came")
		return got{}
	}
}

// TestBindings: CloudEvents as each protocol writes them, a topic in a header, what is larger than the ledger is given, and how the
// source says that it is.
func TestBindings(t *testing.T) {
	each(t, func(t *testing.T, name string, k kind) {
		s := k.serve(t)
		f := k.prepare(t, s.URL, "orders")
		x, err := k.open(s.URL, "orders")
		if err != nil {
			t.Fatal(err)
		}
		from := heard(t, x)
		put := func(body string, headers map[string]string) got {
			t.Helper()
			if err := f.publish(t.Context(), body, headers); err != nil {
				t.Fatal(err)
			}
			return next(t, from)
		}
		if g := put(order("1"), map[string]string{f.prefix + "specversion": "1.0", f.prefix + "type": "order.completed", f.prefix + "source": "/shop", f.prefix + "id": "1", "content-type": "application/json"}); g != (got{"order.completed", order("1")}) {
			t.Errorf("binary: %+v", g)
		}
		if g := put(`{"specversion":"1.0","type":"order.completed","source":"/shop","id":"1","data":`+order("2")+`}`, map[string]string{"content-type": "application/cloudevents+json"}); g != (got{"order.completed", order("2")}) {
			t.Errorf("structured: %+v", g)
		}
		if g := put(order("3"), map[string]string{"topic": "orders/paid"}); g != (got{"orders/paid", order("3")}) {
			t.Errorf("with a topic: %+v", g)
		}
		if g := put(order("4"), nil); g != (got{"", order("4")}) {
			t.Errorf("as it is: %+v", g)
		}
		if f.largest > broker.Largest {
			if g := put(`{"id":"`+strings.Repeat("x", broker.Largest)+`"}`, nil); !strings.Contains(g.raw, `"why":"it is larger than 8 MiB","where":"`) || !strings.Contains(g.raw, "orders") {
				t.Errorf("larger than we take: %.300s", g.raw)
			}
		} else if g := put(`{"id":"`+strings.Repeat("x", f.largest*9/10)+`"}`, nil); len(g.raw) < f.largest*9/10 {
			t.Errorf("large: %d bytes", len(g.raw))
		}
		r := x.(source.Reporter)
		for end := time.Now().Add(time.Minute); ; <-time.After(10 * time.Millisecond) {
			st := r.Status()
			if st.State == source.Reading && strings.Contains(st.Position, "orders") && !st.LastEvent.IsZero() && !st.Heard.IsZero() && st.Behind >= 0 {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%+v", st)
			}
		}
	})
}

// TestNobodyThere: a broker that does not answer, or has no such queue, is an error without the password, and soon.
func TestNobodyThere(t *testing.T) {
	for name, url := range map[string]string{"amqp": "amqp://u:hunter2@127.0.0.1:1/", "nats": "nats://u:hunter2@127.0.0.1:1", "kafka": "kafka://127.0.0.1:1",
		"redis": "redis://u:hunter2@127.0.0.1:1/0", "sqs": "http://127.0.0.1:1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, err := kinds[name].open(url, "orders")
			if err != nil {
				t.Fatal(err)
			}
			if st := x.(source.Reporter).Status(); st.State != source.Starting || st.Behind != -1 {
				t.Errorf("%+v", st)
			}
			err = x.Run(t.Context(), nil)
			if st := x.(source.Reporter).Status(); err == nil || strings.Contains(err.Error(), "hunter2") || st.State != source.Failing || st.Detail != err.Error() {
				t.Errorf("%v, %+v", err, st)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := x.Run(ctx, nil); err != nil {
				t.Errorf("its context ended: %v", err)
			}
		})
	}
}

// TestTwoReaders: of two sources that read the same, either may come or go: each message comes to one of them at least, and
// none is left.
func TestTwoReaders(t *testing.T) {
	each(t, func(t *testing.T, name string, k kind) {
		s := k.serve(t)
		f := k.prepare(t, s.URL, "orders")
		seen := make(chan string, 10_000)
		run := func() (stop func()) {
			x, err := k.open(s.URL, "orders")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				if err := x.Run(ctx, sourcetest.Heard(seen)); err != nil {
					t.Error(err)
				}
			}()
			return sync.OnceFunc(func() { cancel(); <-ended })
		}
		missing := map[string]bool{}
		publish := func(part string) {
			for i := range 100 {
				body := order(fmt.Sprintf("%s-%d", part, i))
				missing[body] = true
				if err := f.publish(t.Context(), body, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		until := func(n int) {
			t.Helper()
			for limit := time.After(2 * time.Minute); len(missing) > n; {
				select {
				case body := <-seen:
					delete(missing, body)
				case <-limit:
					t.Fatalf("%d of the messages never came", len(missing))
				}
			}
		}
		first := run()
		defer first()
		publish("one")
		until(0)
		second := run()
		defer second()
		publish("both")
		until(60) // in the middle of it
		first()
		publish("other")
		until(0)
		third := run()
		defer third()
		publish("again")
		until(0)
		if !(&shop{k, f, s.URL, "orders"}).Taken(t) {
			t.Error("messages were left")
		}
	})
}

// TestSilent: a source whose broker takes the connection and says nothing ends with its context.
func TestSilent(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			called := make(chan struct{}, 100)
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					defer c.Close()
					select {
					case called <- struct{}{}:
					default:
					}
				}
			}()
			scheme := map[string]string{"sqs": "http"}[name]
			if scheme == "" {
				scheme = name
			}
			x, err := kinds[name].open(scheme+"://"+l.Addr().String(), "orders")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- x.Run(ctx, sourcetest.Heard(make(chan string))) }()
			<-called
			cancel()
			select {
			case err := <-ended:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(2500 * time.Millisecond): // below what each client takes to give up by itself
				t.Error("it waits for the broker")
			}
		})
	}
}
