package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/ledger/postgres/postgrestest"
	"github.com/waxwinghq/waxwing/pipeline/queue/queuetest"
)

// sending is what the database calls the connections of processes that only send.
const sending = "waxwing-send"

// newCrew is a fleet whose mail queue stands on a broker: daemons that do all, and processes that
// only send.
func newCrew(t *testing.T, server *postgrestest.Server, bus *queuetest.Server, carry string, daemons, workers int, plan func(n *node) sink.Plan) *fleet {
	t.Helper()
	f := newFleet(t, server, 0, 8, plan)
	mailQueue, more := "{name: mail, on: bus, carry: "+carry+"}", fmt.Sprintf("brokers: {bus: {type: redis, url: %q}}\n", bus.URL)
	for range daemons {
		f.add("all", mailQueue, more, 2, plan)
	}
	for range workers {
		f.add(roleSend, mailQueue, more, 8, plan)
	}
	return f
}

// those are the nodes of a role.
func (f *fleet) those(role string) []*node {
	return slices.DeleteFunc(slices.Clone(f.nodes), func(n *node) bool { return n.role != role })
}

// post offers orders to the daemons that take some.
func (f *fleet) post(ctx context.Context, orders <-chan int) *sync.WaitGroup {
	var posting sync.WaitGroup
	to := f.those("all")
	for w := range 12 {
		posting.Go(func() {
			for i := range orders {
				f.order(ctx, i, to[w%len(to):]...)
			}
		})
	}
	return &posting
}

// dots counts what came to the mail servers of a role.
func (f *fleet) dots(role string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.arrivals {
		if a.from.role == role {
			n++
		}
	}
	return n
}

// sentBy is how many connections those who only send have to the database.
func (f *fleet) sentBy(t *testing.T) (connections int) {
	t.Helper()
	if err := f.server.Ask(t.Context(), "postgres", "SELECT count(*)::int FROM pg_stat_activity WHERE application_name = '"+sending+"'", &connections); err != nil {
		t.Fatal(err)
	}
	return connections
}

// onBus is all that a Redis has been given: how many messages, how many of them with content, and
// their bytes. Nothing of a person can be read in it.
func onBus(t *testing.T, url string) (all, content, size int) {
	t.Helper()
	o, err := goredis.ParseURL(url)
	must(t, o, err)
	c := goredis.NewClient(o)
	defer func() { _ = c.Close() }() // it only read
	names, err := c.Keys(t.Context(), "*").Result()
	must(t, names, err)
	for _, name := range names {
		entries, err := c.XRange(t.Context(), name, "-", "+").Result()
		must(t, entries, err)
		for _, e := range entries {
			all++
			for _, v := range e.Values {
				text := fmt.Sprint(v)
				if len(text) > 200 {
					content++
					size += len(text)
				}
				for _, canary := range []string{"@example.com", "example", "Acme", "acme", "Subject", "Jana", "html"} {
					if bytes.Contains([]byte(text), []byte(canary)) {
						t.Fatalf("%q can be read on the broker: %.200q", canary, text)
					}
				}
			}
		}
	}
	return all, content, size
}

// TestBrokerWorkers: an order that a daemon takes in is sent by a process that only sends, which has
// one connection to the database; beside it daemons that share a queue of references, and of contents.
func TestBrokerWorkers(t *testing.T) {
	queuetest.Wanted(t)
	postgrestest.Wanted(t)
	server := postgrestest.Own(t)
	for _, c := range []struct {
		carry            string
		daemons, workers int
	}{{"reference", 2, 0}, {"content", 2, 0}, {"content", 1, 2}} {
		t.Run(fmt.Sprintf("%s, %d daemons, %d that only send", c.carry, c.daemons, c.workers), func(t *testing.T) {
			t.Parallel()
			bus := queuetest.Redis(t, false)
			// Those who do all are slow to send.
			f := newCrew(t, server, bus, c.carry, c.daemons, c.workers, func(n *node) sink.Plan {
				x := sink.Faults{Latency: time.Millisecond}
				if n.role == "all" && c.workers > 0 {
					x.Latency = time.Second
				}
				return x.Plan()
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			f.start(ctx)
			const orders = 120
			next := make(chan int)
			posting := f.post(ctx, next)
			for i := range orders {
				next <- i
			}
			close(next)
			posting.Wait()
			f.settle(ctx, f.nodes[0])
			connections := 0
			if c.workers > 0 {
				connections = f.sentBy(t)
			}
			all, content, size := onBus(t, bus.URL)
			f.end(syscall.SIGTERM)
			v := f.judge(orders)
			by := f.dots(roleSend)
			if v.lost+v.silent > 0 || connections != c.workers || c.workers > 0 && by < orders/2 || (content > 0) != (c.carry == "content") || all < orders/2 {
				t.Errorf("%+v; %d connections, %d of %d sent by those who only send, %d messages of which %d with content", v, connections, by, orders, all, content)
			}
			t.Logf("%d orders: %d sent by those who only send, over %d connections; %d messages on the broker, %d with content, of %d bytes each", orders, by, connections, all, content, size/max(content, 1))
		})
	}
}

// TestTortureBrokersWorkers kills processes that only send, and now and then the broker, while
// orders come: none is lost, and none sent twice without a mark.
func TestTortureBrokersWorkers(t *testing.T) {
	queuetest.Wanted(t)
	postgrestest.Wanted(t)
	orders, kills, brokerKills, limit := 400, 4, 1, 2*time.Minute
	if *tortureBrokers {
		orders, kills, brokerKills, limit = 10_000, 20, 5, 15*time.Minute
	}
	rng, seed := tortureSeeded(t)
	faults := sink.Faults{Seed: seed, LostReply: .02, Dropped: .02, DeferRcpt: .025, DeferDot: .025}
	bus := queuetest.Redis(t, false)
	f := newCrew(t, postgrestest.Own(t), bus, "content", 1, 3, func(n *node) sink.Plan {
		x := faults
		x.Latency = 5 * time.Millisecond
		if n.role == "all" { // it leaves most to the others
			x.Latency = 300 * time.Millisecond
		}
		return x.Plan()
	})
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	f.start(ctx)
	began, workers := time.Now(), f.those(roleSend)
	next := make(chan int, orders)
	posting := f.post(ctx, next)
	events := make([]bool, kills+brokerKills) // true: the broker's
	for i := range brokerKills {
		events[i] = true
	}
	rng.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	offered := 0
	for i, broker := range events {
		before := f.dots(roleSend)
		for ; offered < orders*(i+1)/len(events); offered++ {
			next <- offered
		}
		f.until(ctx, "those who only send have some, or the daemon has sent all", func() bool { return f.dots(roleSend) > before || f.dots("all") >= offered-before })
		time.Sleep(time.Duration(20+rng.IntN(400)) * time.Millisecond)
		if !broker {
			workers[rng.IntN(len(workers))].signal(syscall.SIGKILL)
			continue
		}
		bus.Kill()
		time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond)
		bus.Start()
	}
	close(next)
	posting.Wait()
	f.settle(ctx, f.nodes[0])
	took := time.Since(began)
	by := f.dots(roleSend)
	f.end(syscall.SIGTERM)
	v := f.judge(orders)
	if by < orders/4 {
		t.Errorf("of %d orders those who only send sent %d: the trial tries little", orders, by)
	}
	t.Logf("%d orders, %d kills of those who only send, %d of the broker, within %s: %d lost, %d silent duplicates, %d duplicates with %d marks; the trail of %d entries verifies; "+
		"%d dots by those who only send, %d by the daemon, %d taken over from the dead, %d contents that were not the ledger's", orders, kills, brokerKills, took.Round(time.Second),
		v.lost, v.silent, v.doubled, v.marked, v.entries, by, f.dots("all"), f.said("instances are dead"), f.said("content that came by a queue is not the ledger's"))
}
