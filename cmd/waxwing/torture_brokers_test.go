package main

import (
	"bufio"
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue"
	"github.com/waxwinghq/waxwing/pipeline/queue/amqp"
	wxkafka "github.com/waxwinghq/waxwing/pipeline/queue/kafka"
	wxnats "github.com/waxwinghq/waxwing/pipeline/queue/nats"
	"github.com/waxwinghq/waxwing/pipeline/queue/queuetest"
	"github.com/waxwinghq/waxwing/pipeline/queue/redis"
	wxsql "github.com/waxwinghq/waxwing/pipeline/queue/sql"
)

var tortureBrokers = flag.Bool("torture.brokers", false, "run each broker at its full size: 10,000 orders, 20 kills of it and 20 of the daemon")

// brokerEnv has a child's mail queue stand on a broker: its type and its address.
const brokerEnv = "WAXWING_TORTURE_BROKER"

// brokerTrial is a kind of broker, set up as it must be and as somebody careless does.
type brokerTrial struct {
	name     string
	typ      string // of its settings, where that is another
	server   func(t *testing.T, careless bool) *queuetest.Server
	open     func(url config.Secret) (queue.Broker, error)
	careless func(t *testing.T, url string) (message.Publisher, func(killed bool) message.Subscriber)
	how      string // what is careless
	// same is the careful side of a trial that is more than a publisher, and a subscriber afterwards.
	same func(t *testing.T, url string) (message.Publisher, func(killed bool) message.Subscriber)
}

func brokerTrials() []brokerTrial {
	return []brokerTrial{
		{"redis", "", queuetest.Redis, func(u config.Secret) (queue.Broker, error) { return filled(&redis.Settings{URL: u}).Open("", nil) },
			carelessRedis, "server without appendonly", nil},
		{"amqp", "", func(t *testing.T, _ bool) *queuetest.Server { return queuetest.RabbitMQ(t) }, func(u config.Secret) (queue.Broker, error) { return filled(&amqp.Settings{URL: u}).Open("", nil) },
			carelessAMQP, "no confirms: NewDurableQueueConfig as it is", nil},
		{"nats", "", func(t *testing.T, _ bool) *queuetest.Server { return queuetest.NATS(t) }, func(u config.Secret) (queue.Broker, error) { return filled(&wxnats.Settings{URL: u}).Open("", nil) },
			carelessNATS, "storage: memory", nil},
		{"kafka", "", func(t *testing.T, _ bool) *queuetest.Server { return queuetest.Kafka(t) }, func(u config.Secret) (queue.Broker, error) { return filled(&wxkafka.Settings{URL: u}).Open("", nil) },
			carelessKafka, "newest offset (DefaultSaramaSubscriberConfig), daemon killed as well", nil},
		{"postgres", "sql", queuetest.Postgres, func(u config.Secret) (queue.Broker, error) { return filled(&wxsql.Settings{URL: u}).Open("", nil) },
			carelessPostgres, "synchronous_commit=off", nil},
		{"mariadb", "sql", queuetest.MariaDB, func(u config.Secret) (queue.Broker, error) { return filled(&wxsql.Settings{URL: u}).Open("", nil) },
			carelessMariaDB, "innodb_flush_log_at_trx_commit=0", nil},
		{"sqs", "", func(t *testing.T, _ bool) *queuetest.Server { return queuetest.SQS(t, false) }, nil, carelessSQS, "maxReceiveCount: 1, daemon killed as well", carefulSQS},
	}
}

// kind is the type of its settings.
func (b brokerTrial) kind() string { return cmp.Or(b.typ, b.name) }

// filled is a block with its defaults.
func filled[B config.Block](b B) B {
	config.Fill(b)
	return b
}

func must[T any](t *testing.T, x T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// told publishes n messages, kills the server as soon as it has said of the last that it has it, and
// counts which of those that it said so of never come. Nil is a server that is not killed.
func told(t *testing.T, s *queuetest.Server, n int, pub message.Publisher, again func(killed bool) message.Subscriber) (said, lost int) {
	t.Helper()
	var mu sync.Mutex
	open := map[string]bool{}
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := w; i < n; i += 16 {
				id := strconv.Itoa(i)
				if err := pub.Publish("trial", message.NewMessage(watermill.NewUUID(), []byte(id))); err == nil {
					mu.Lock()
					open[id] = true
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if s != nil {
		s.Kill()
		s.Start()
	}
	said = len(open)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sub := again(s != nil)
	all, err := sub.Subscribe(ctx, "trial")
	must(t, all, err)
	quiet := time.NewTimer(15 * time.Second) // a group of Kafka waits for members that were killed
	for len(open) > 0 {
		select {
		case m := <-all:
			delete(open, string(m.Payload))
			m.Ack()
			quiet.Reset(4 * time.Second) // SQS shows after three what a killed daemon had in hand
			continue
		case <-quiet.C:
		}
		break
	}
	return said, len(open)
}

// careful is told for a broker as a configuration has it.
func (b brokerTrial) careful(t *testing.T, n int) (said, lost int) {
	t.Helper()
	s := b.server(t, false)
	if b.same != nil {
		pub, again := b.same(t, s.URL)
		return told(t, s, n, pub, again)
	}
	made, err := b.open(config.Secret(s.URL))
	must(t, made, err)
	dial := func() queue.Link {
		l, err := made.Dial(t.Context(), []string{"trial"}, func(error) {})
		must(t, l, err)
		t.Cleanup(func() { _ = l.Close() }) // its server was killed
		return l
	}
	return told(t, s, n, dial(), func(bool) message.Subscriber { return dial() })
}

// brokerRow is a line of the table.
type brokerRow struct {
	judgement
	orders, brokerKills, daemonKills          int
	published, received, kept                 int
	carefulSaid, carefulLost, said, naiveGone int
}

// TestTortureBrokers has each broker carry the mail queue of a daemon, kills now the one and now the
// other while orders come, and counts by the truth server's books; beside it stands what the
// broker forgets at one kill of what it had said it has, as it must be set up and as it must not.
func TestTortureBrokers(t *testing.T) {
	queuetest.Wanted(t)
	orders, kills, alone := 400, 3, 3000
	if *tortureBrokers {
		orders, kills = 10_000, 20
	}
	seed := cmp.Or(*tortureSeed, uint64(time.Now().UnixNano()))
	t.Logf("seed %d", seed)
	var table strings.Builder
	fmt.Fprintf(&table, "\n%-8s %7s %7s %7s %6s %9s %7s | %9s %9s %7s | %18s | %18s  %s\n", "broker", "orders", "broker", "daemon", "lost", "unmarked", "marked", "taken by", "came from", "kept",
		"careful: lost of", "careless: lost of", "careless is")
	fmt.Fprintf(&table, "%-8s %7s %7s %7s %6s %9s %7s | %9s %9s %7s |\n", "", "", "kills", "kills", "", "twice", "twice", "broker", "broker", "here")
	for i, b := range brokerTrials() {
		t.Run(b.name, func(t *testing.T) {
			r := b.storm(t, rand.New(rand.NewPCG(seed, uint64(i))), orders, kills)
			if *tortureBrokers { // it tells of brokers, and not of us
				b.compare(t, &r, alone)
			}
			fmt.Fprintf(&table, "%-8s %7d %7d %7d %6d %9d %7d | %9d %9d %7d | %9d of %5d | %9d of %5d  %s\n", b.name, r.orders, r.brokerKills, r.daemonKills, r.lost, r.silent, r.marked,
				r.published, r.received, r.kept, r.carefulLost, r.carefulSaid, r.naiveGone, r.said, b.how)
			if r.received < orders/10 {
				t.Errorf("of %d orders only %d came by the broker", orders, r.received)
			}
		})
	}
	t.Log(table.String())
}

// compare fills in what careful and careless settings lose without a daemon.
func (b brokerTrial) compare(t *testing.T, r *brokerRow, alone int) {
	t.Helper()
	r.carefulSaid, r.carefulLost = b.careful(t, alone)
	s := b.server(t, true)
	pub, again := b.careless(t, s.URL)
	if said, lost := told(t, nil, alone, pub, again); lost > 0 || said < alone { // careless, it works as long as nothing happens
		t.Errorf("without a kill %d of %d never came", lost, said)
	}
	for range 5 { // how much is lost is a matter of luck, and it may be nothing
		s = b.server(t, true)
		pub, again = b.careless(t, s.URL)
		said, gone := told(t, s, alone, pub, again)
		if r.said, r.naiveGone = r.said+said, r.naiveGone+gone; gone > 0 {
			break
		}
	}
	if r.naiveGone == 0 {
		t.Errorf("nothing was lost of %d that a careless setup had said it has: the trial tries nothing", r.said)
	}
}

// storm is one broker's.
func (b brokerTrial) storm(t *testing.T, rng *rand.Rand, orders, kills int) (row brokerRow) {
	t.Helper()
	s := b.server(t, false)
	t.Setenv(brokerEnv, b.kind()+" "+s.URL)
	x := newTorture(t, sink.Faults{Seed: rng.Uint64(), LostReply: .02, Dropped: .02, DeferRcpt: .025, DeferDot: .025})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute+time.Duration(kills)*30*time.Second+time.Duration(orders)*20*time.Millisecond)
	defer cancel()
	start := func() {
		x.spawn()
		if !x.up(ctx) {
			t.Fatalf("the daemon did not come up: %s", x.stderr.String())
		}
	}
	start()
	next, posting := make(chan int), sync.WaitGroup{}
	for range 16 {
		posting.Go(func() {
			for i := range next {
				x.order(ctx, i)
			}
		})
	}
	offered := 0
	offer := func(upTo int) {
		for ; offered < upTo; offered++ {
			next <- offered
		}
	}
	for round := range 2 * kills {
		x.connected(ctx)
		// Some of the round's orders come before the kill, some while it happens, some after.
		end, at := orders*(round+1)/(2*kills), time.Duration(20+rng.IntN(200))*time.Millisecond
		offer((offered + end) / 2)
		var rest sync.WaitGroup
		rest.Go(func() { offer(end) })
		time.Sleep(at)
		if round%2 == 0 {
			s.Kill()
			row.brokerKills++
			time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond)
			s.Start()
		} else {
			row.add(x.relayed())
			_ = x.end(syscall.SIGKILL) // "signal: killed" is what is wanted
			row.daemonKills++
			start()
		}
		rest.Wait()
	}
	close(next)
	posting.Wait()
	x.connected(ctx)
	if !x.settled(ctx) {
		x.dump(1)
		t.Fatalf("not all confirmations are over: %s", x.stderr.String())
	}
	row.add(x.relayed())
	if err := x.end(syscall.SIGTERM); err != nil {
		t.Errorf("SIGTERM: %v: %s", err, x.stderr.String())
	}
	row.orders, row.judgement = orders, x.judge(orders)
	return row
}

func (r *brokerRow) add(now map[string]int) {
	r.published += now["published_total"]
	r.received += now["received_total"]
	r.kept += now["kept_total"]
}

// connected waits until the daemon says that its broker is there.
func (x *torture) connected(ctx context.Context) {
	x.t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for x.relayed()["connected"] != 1 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			x.t.Fatalf("the daemon did not find its broker: %s", x.stderr.String())
		}
	}
}

// relayed is what the metrics say of the broker.
func (x *torture) relayed() map[string]int {
	res, err := x.client.Get("http://" + x.listen + "/metrics")
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	return ofBrokers(res)
}

func ofBrokers(res *http.Response) map[string]int {
	out := map[string]int{}
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "waxwing_broker_"); ok {
			name, value, _ := strings.Cut(rest, `{broker="bus"} `)
			n, _ := strconv.ParseFloat(value, 64)
			out[name] = int(n)
		}
	}
	return out
}
