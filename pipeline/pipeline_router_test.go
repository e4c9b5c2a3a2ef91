package pipeline

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// deaf loses every message, and counts them.
type deaf struct{ lost chan string }

func (d *deaf) Publish(topic string, all ...*message.Message) error {
	for range all {
		d.lost <- topic
	}
	return nil
}
func (*deaf) Close() error { return nil }

// hear waits for what comes next.
func hear(t *testing.T, c <-chan string, want string) {
	t.Helper()
	select {
	case got := <-c:
		if got != want {
			t.Fatalf("heard %q, want %q", got, want)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("%q does not come", want)
	}
}

// TestFlow: an event becomes a message at the provider, by the Pub/Sub alone and by the
// sweeper alone; what is refused goes out by the other channel.
func TestFlow(t *testing.T) {
	for name, c := range map[string]struct {
		lost, noSweep bool
		mail          waxwing.Attempt
		want          []string
	}{
		"by the Pub/Sub alone": {noSweep: true, want: []string{"mail ida@mail.example"}},
		"by the sweeper alone": {lost: true, want: []string{"mail ida@mail.example"}},
		"refused, a text instead": {mail: waxwing.Attempt{Verdict: waxwing.Rejected, Fault: waxwing.AddressFault},
			want: []string{"mail ida@mail.example", "texts +4915112345678"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, got := newBook(), make(chan string, 9)
			p := partsOf(b, paid, &taker{name: "mail", got: got, answer: c.mail}, &taker{name: "texts", got: got})
			p.NoSweeper = c.noSweep
			topics := make(chan string, 9)
			if c.lost {
				p.Wrap = func(message.Publisher) message.Publisher { return &deaf{topics} }
			}
			x := newPipeline(t, p)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- x.Run(ctx) }()
			<-x.Running()
			if _, err := x.Accept(ctx, &waxwing.Event{Tenant: "acme", Shop: "shop", Source: "webhook", Raw: []byte("7")}); err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				hear(t, got, want)
			}
			if c.lost {
				hear(t, topics, "waxwing.orders")
				hear(t, topics, "waxwing.mail.email")
			}
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if x.orders.offer(99, "") {
				t.Error("it takes work after its end")
			}
		})
	}
}

// hanging is a provider that answers when its time is over.
type hanging struct {
	at  chan struct{}
	dot bool
}

func (h *hanging) Offer(ctx context.Context, _ *waxwing.Outgoing, commit func() error) waxwing.Attempt {
	if h.dot {
		_ = commit()
		close(h.at)
		select {} // its answer never comes
	}
	close(h.at)
	<-ctx.Done()
	return waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.TransportFault}
}

// TestDrain: who has not passed the commit point goes back to the queue at once; who has
// is waited for until the limit, and is counted.
func TestDrain(t *testing.T) {
	for name, dot := range map[string]bool{"before the commit point": false, "past it": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBook()
			h := &hanging{at: make(chan struct{}), dot: dot}
			p := partsOf(b, paid, h, &taker{})
			p.Config.Limits.Drain, p.NoSweeper = config.Duration(time.Second), true
			x := newPipeline(t, p)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- x.Run(ctx) }()
			<-x.Running()
			if _, err := x.Accept(ctx, &waxwing.Event{Tenant: "acme", Shop: "shop", Source: "webhook", Raw: []byte("7")}); err != nil {
				t.Fatal(err)
			}
			<-h.at
			stop()
			err := <-ended
			if dot {
				if err == nil || !strings.Contains(err.Error(), "1 messages had no verdict") {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Error(err)
			}
			b.want(t, "it goes back", "ready email queued for 24h0m0s", "email queued shutting down")
		})
	}
}

// TestDrainFinishes: what came just now is sent before the end, though it waited for a worker; nobody else has it at hand.
func TestDrainFinishes(t *testing.T) {
	b, at, gate := newBook(), make(chan struct{}, 9), make(chan struct{})
	got := &taker{got: make(chan string, 9)}
	p := partsOf(b, func() (*waxwing.Order, error) {
		at <- struct{}{}
		<-gate
		return paid()
	}, got, &taker{})
	p.Config.Limits.Render, p.NoSweeper = 1, true
	x := newPipeline(t, p)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- x.Run(ctx) }()
	<-x.Running()
	for order := range 4 {
		rc, err := x.Accept(ctx, &waxwing.Event{Tenant: "acme", Shop: "shop", Source: "webhook", Raw: []byte{'1' + byte(order)}})
		if err != nil {
			t.Fatal(err)
		}
		for tick := time.NewTicker(time.Millisecond); x.orders.at(rc.ID).place == nowhere; {
			<-tick.C
		}
	}
	<-at
	stop()
	<-x.sweeper.stop.Begun()
	close(gate)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(got.got) != 4 {
		t.Errorf("%d of 4 orders were sent before the end", len(got.got))
	}
}

// TestPlan: what must be there, and which channel each provider serves.
func TestPlan(t *testing.T) {
	parts := func(change func(*config.Config)) Parts {
		p := partsOf(newBook(), paid, &taker{}, &taker{})
		change(p.Config)
		return p
	}
	drop := func(i int) func(*config.Config) {
		return func(c *config.Config) {
			c.Pipeline = append(append([]config.Stage{}, c.Pipeline[:i]...), c.Pipeline[i+1:]...)
		}
	}
	for name, c := range map[string]struct {
		change func(*config.Config)
		want   string
	}{
		"whole":             {func(*config.Config) {}, ""},
		"no fallback":       {drop(4), ""},
		"no normalise":      {drop(0), `the stage "normalise" is missing`},
		"no render":         {drop(1), `the stage "render" is missing`},
		"no queue":          {drop(2), `the stage "queue" is missing`},
		"no send":           {drop(3), `the stage "send" is missing`},
		"unknown provider":  {func(c *config.Config) { c.Pipeline[3].Settings.(*Send).Providers = []string{"mule"} }, `provider "mule" is not defined`},
		"unknown, for text": {func(c *config.Config) { c.Pipeline[4].Settings.(*Fallback).Providers = []string{"mule"} }, `provider "mule" is not defined`},
		"too many": {func(c *config.Config) {
			c.Pipeline[3].Settings.(*Send).Providers = strings.Split(strings.Repeat("mail ", 64)+"mail", " ")
		}, "at most 64"},
	} {
		_, err := New(parts(c.change))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	x := newPipeline(t, parts(func(c *config.Config) {
		c.Pipeline[3].Settings.(*Send).Channel, c.Pipeline[4].Settings.(*Fallback).Channels = "", nil // as configurations made in code leave them
	}))
	for ch, workers := range map[waxwing.Channel]int{waxwing.Email: 256, waxwing.SMS: 256, waxwing.Push: unconfigured} {
		if p := x.out.channels[ch].pool; p.most != workers || p.topic != "waxwing.mail."+string(ch) {
			t.Errorf("%s: %d workers for %s", ch, p.most, p.topic)
		}
	}
}

// TestWakeIsDropped while there is a backlog, unless nobody sweeps.
func TestWakeIsDropped(t *testing.T) {
	for _, always := range []bool{false, true} {
		d := &deaf{make(chan string, 9)}
		w, err := newWakes(&Parts{Log: nobody, NoSweeper: always, Wrap: func(message.Publisher) message.Publisher { return d }})
		if err != nil {
			t.Fatal(err)
		}
		p := newPool(1, "test", "topic", nil)
		w.wake(p, 64, "")
		hear(t, d.lost, "topic")
		p.behind = true
		w.wake(p, 128, "")
		if got := len(d.lost) == 1; got != always || p.turned == 1 == always {
			t.Errorf("always %v: published %v, %d turned away", always, got, p.turned)
		}
		_ = w.pubsub.Close()
	}
}

// TestOddMessages: what is no id is dropped.
func TestOddMessages(t *testing.T) {
	got := make(chan string, 1)
	w, err := newWakes(&Parts{Log: nobody, NoSweeper: true})
	if err != nil {
		t.Fatal(err)
	}
	p := newPool(1, "test", "topic", func(id waxwing.ID) { got <- id.String() })
	w.to("test", p)
	ended := make(chan error, 1)
	go func() { ended <- w.run(t.Context()) }()
	<-w.router.Running()
	if err := w.pub.Publish("topic", message.NewMessage("x", []byte("no id"))); err != nil {
		t.Fatal(err)
	}
	w.wake(p, 64, "")
	hear(t, got, waxwing.ID(64).String())
	if err := w.close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	p.close()
}
