package queuetest

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"

	"github.com/waxwinghq/waxwing/pipeline/queue"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// Conform runs Watermill's own suite on links of a broker, which open makes with a group of
// consumers of this name.
func Conform(t *testing.T, features tests.Features, open func(group string) queue.Broker) {
	make := func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
		return &dialled{t: t, b: open(group)}, &dialled{t: t, b: open(group)} // of which the suite closes one before the other
	}
	tests.TestPubSub(t, features, func(t *testing.T) (message.Publisher, message.Subscriber) { return make(t, "waxwing") }, make)
}

// dialled is a link that knows its topics as they come, as Watermill's suite wants it.
type dialled struct {
	t      *testing.T
	b      queue.Broker
	mu     sync.Mutex
	links  map[string]queue.Link
	closed bool
}

func (d *dialled) of(topic string) (queue.Link, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, fmt.Errorf("closed")
	}
	if l := d.links[topic]; l != nil {
		return l, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	l, err := d.b.Dial(ctx, []string{topic}, func(error) {})
	if err == nil {
		if d.links == nil {
			d.links = map[string]queue.Link{}
		}
		d.links[topic] = l
	}
	return l, err
}

// SubscribeInitialize has the broker keep what is published from now on.
func (d *dialled) SubscribeInitialize(topic string) error {
	_, err := d.of(topic)
	return err
}

func (d *dialled) Publish(topic string, m ...*message.Message) error {
	l, err := d.of(topic)
	if err != nil {
		return err
	}
	return l.Publish(topic, m...)
}

func (d *dialled) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	l, err := d.of(topic)
	if err != nil {
		return nil, err
	}
	return l.Subscribe(ctx, topic)
}

func (d *dialled) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, l := range d.links {
		if err := l.Close(); err != nil {
			d.t.Log(err)
		}
	}
	d.links = nil
	return nil
}

// Survive kills the broker under a relay, again and again: whatever is published meanwhile is
// handed over, by the broker or in this process, and the relay finds it again each time.
func Survive(t *testing.T, s *Server, b queue.Broker) {
	const rounds, each = 5, 200
	got := make(chan string, rounds*each*4)
	r := queue.NewRelay("bus", b, slog.New(slog.NewTextHandler(t.Output(), nil)))
	r.Handle("waxwing.test.mail", func(p []byte) { got <- string(p) })
	over := make(chan struct{})
	go func() { defer close(over); r.Run() }()
	defer func() { r.Stop(); <-over }()
	seen := map[string]bool{}
	until := func(what string, ok func() bool) {
		t.Helper()
		limit := time.After(patience)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for !ok() {
			select {
			case id := <-got:
				seen[id] = true
			case <-tick.C:
			case <-limit:
				t.Fatalf("not in time: %s; %+v; %d handed over", what, r.Stats(), len(seen))
			}
		}
	}
	publish := func(from, n int) {
		for i := from; i < from+n; i++ {
			id := fmt.Sprintf("id-%d", i)
			_ = r.Publish("waxwing.test.mail", message.NewMessage(watermill.NewUUID(), []byte(id))) // it never fails
		}
	}
	for round := range rounds {
		until("the broker is there", func() bool { return r.Stats().Connected })
		before := r.Stats()
		publish(round*each, each/2)
		until("messages come from the broker", func() bool { return r.Stats().Received > before.Received+each/8 })
		s.Kill()
		publish(round*each+each/2, each/2)
		until("the relay sees that the broker is away", func() bool { return !r.Stats().Connected })
		s.Start()
	}
	until("the broker is there", func() bool { return r.Stats().Connected })
	lost := func() (n int) {
		for i := range rounds * each {
			if !seen[fmt.Sprintf("id-%d", i)] {
				n++
			}
		}
		return n
	}
	limit := time.Now().Add(10 * time.Second)
	until("what is there comes", func() bool { return lost() == 0 || time.Now().After(limit) })
	st := r.Stats()
	t.Logf("%d messages, the broker killed %d times: %d never came; %+v", rounds*each, rounds, lost(), st)
	if st.Lost != rounds || st.Received == 0 || st.Published == 0 || st.Kept == 0 {
		t.Errorf("the trial tries nothing: %+v", st)
	}
	// A server that dies may have said that it has a message and not have written it: the sweeper is for that.
	if lost() > rounds*publishedAtOnce {
		t.Errorf("%d of %d messages never came", lost(), rounds*each)
	}
}

// publishedAtOnce is how many messages may be at their last step when a server is killed.
const publishedAtOnce = 16

// Fills holds a broker that keeps five messages of a topic at most to that: it is full with the fifth, and is
// not once some were taken.
func Fills(t *testing.T, b queue.Broker) {
	t.Helper()
	l, err := b.Dial(t.Context(), []string{"a"}, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // what it holds is not asked for
	fill := func(n int) {
		t.Helper()
		for i := range n {
			if err := l.Publish("a", message.NewMessage(strconv.Itoa(i), []byte("x"))); err != nil {
				t.Fatal(err)
			}
		}
	}
	is := func(want bool) {
		t.Helper()
		limit, tick := time.After(time.Minute), time.NewTicker(10*time.Millisecond)
		defer tick.Stop()
		for {
			got, err := l.(queue.Bounded).Full(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			if got == want {
				return
			}
			select {
			case <-tick.C:
			case <-limit:
				t.Fatalf("full is %v, want %v", got, want)
			}
		}
	}
	is(false)
	fill(4)
	is(false)
	fill(1)
	is(true)
	in, err := l.Subscribe(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		(<-in).Ack()
	}
	is(false)
}
