package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// lookup counts how often it was asked, and may be made to wait.
type lookup struct {
	mu    sync.Mutex
	asked int
	wait  chan struct{}
}

func (l *lookup) Find(ctx context.Context, _ *waxwing.Inquiry) (*waxwing.Finding, error) {
	l.mu.Lock()
	l.asked++
	l.mu.Unlock()
	if l.wait != nil {
		select {
		case <-l.wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, errors.New("nothing is known")
}

func (l *lookup) times() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

// stagesFrom are a pipeline's stages in words; ":x" is a queue of that name.
func stagesFrom(words string) (out []config.Stage) {
	for _, w := range strings.Fields(words) {
		var b config.Block
		switch w {
		case "normalise":
			b = &Normalise{}
		case "enrich":
			b = &EnrichStage{}
		case "plugins":
			b = &PluginsStage{Hooks: []string{"filter"}}
		case "render":
			b = &Render{}
		case "send":
			b = &Send{Channel: "email", Providers: []string{"mail"}}
		case "fallback":
			b = &Fallback{Channels: []string{"sms"}, Providers: []string{"texts"}}
		default:
			b = &Queue{Name: w[1:]}
		}
		out = append(out, At(b))
	}
	return out
}

// running starts a pipeline; it ends with the test.
func running(t *testing.T, x *Pipeline) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- x.Run(ctx) }()
	<-x.Running()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func accept(t *testing.T, x *Pipeline, order int) {
	t.Helper()
	if _, err := x.Accept(t.Context(), &waxwing.Event{Tenant: "acme", Shop: "shop", Source: "webhook", Raw: fmt.Append(nil, order)}); err != nil {
		t.Fatal(err)
	}
}

// picky loses messages on some topics.
type picky struct {
	message.Publisher
	loses func(topic string) bool
}

func (p picky) Publish(topic string, all ...*message.Message) error {
	if p.loses(topic) {
		return nil
	}
	return p.Publisher.Publish(topic, all...)
}

// TestQueuesBetweenStages: what stands between two queues is one worker's, in the order of
// the file, and each stage runs once where no message is lost, though the sweeper looks on.
func TestQueuesBetweenStages(t *testing.T) {
	for words, want := range map[string]string{
		"normalise render :mail send":                             "normalised gate rendered",
		"normalise :a render :mail send":                          "normalised gate | rendered",
		"normalise :a enrich :b plugins render :mail send":        "normalised gate | enriched | plugins rendered",
		"normalise plugins :a enrich enrich :b render :mail send": "normalised gate plugins | enriched enriched | rendered",
	} {
		for _, sweeps := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, swept %v", words, sweeps), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b, got, l := newBook(), make(chan string, 99), &lookup{}
					b.grace = 100 * time.Millisecond
					p := partsOf(b, paid, &taker{name: "mail", got: got}, &taker{})
					p.Config.Pipeline, p.Enrichers, p.NoSweeper = stagesFrom(words), map[string]Enricher{"crm": l}, !sweeps
					x := newPipeline(t, p)
					if g := x.flows.all["default"].words(); g != want {
						t.Errorf("%q, want %q", g, want)
					}
					running(t, x)
					for n := range 20 {
						accept(t, x, n)
					}
					time.Sleep(5 * time.Second)
					if len(got) != 20 {
						t.Errorf("%d of 20 were mailed", len(got))
					}
					if n := strings.Count(words, "enrich"); l.times() != 20*n {
						t.Errorf("%d questions of 20 orders by %d stages", l.times(), n)
					}
					for name, left := range x.Queues() {
						if left != 0 {
							t.Errorf("%d jobs are left in the queue %s", left, name)
						}
					}
				})
			})
		}
	}
}

// TestQueueLosesNothing: an order whose message was lost between two stages, or that finds
// no place there, waits in the ledger, and is begun anew.
func TestQueueLosesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		loses  func(string) bool
		orders int
		render int // workers
		slow   bool
	}{
		"every message of a queue is lost": {orders: 20, loses: func(topic string) bool { return topic == "waxwing.a.orders" }},
		"all messages are lost":            {orders: 20, loses: func(string) bool { return true }},
		"the queue is full":                {orders: 40, render: 2, slow: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, got, l := newBook(), make(chan string, 99), &lookup{}
				if c.slow {
					l.wait = make(chan struct{})
				}
				p := partsOf(b, paid, &taker{name: "mail", got: got}, &taker{})
				p.Config.Pipeline, p.Enrichers = stagesFrom("normalise :a enrich render :mail send"), map[string]Enricher{"crm": l}
				p.Config.Pipeline[2].Settings.(*EnrichStage).Deadline = config.Duration(time.Second)
				if c.render > 0 {
					p.Config.Limits.Render = c.render
				}
				var lost atomic.Int64
				if c.loses != nil {
					p.Wrap = func(m message.Publisher) message.Publisher {
						return picky{m, func(topic string) bool {
							return c.loses(topic) && lost.Add(1) <= 200
						}}
					}
				}
				x := newPipeline(t, p)
				running(t, x)
				for n := range c.orders {
					accept(t, x, n)
				}
				most := 0
				for range 3000 {
					time.Sleep(100 * time.Millisecond)
					h := x.hops.named["a"]
					h.mu.Lock()
					most = max(most, len(h.jobs))
					h.mu.Unlock()
				}
				if len(got) != c.orders {
					t.Errorf("%d of %d were mailed", len(got), c.orders)
				}
				if bound := x.hops.named["a"].pool.most * (1 + queuePerWorker); most > bound {
					t.Errorf("%d jobs were kept, and there is room for %d", most, bound)
				}
			})
		})
	}
}

// TestNewerEventInAQueue: an event that comes while its order waits between two stages is
// worked on, too, and one confirmation comes of both.
func TestNewerEventInAQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, got, l := newBook(), make(chan string, 99), &lookup{wait: make(chan struct{})}
		p := partsOf(b, paid, &taker{name: "mail", got: got}, &taker{})
		p.Config.Pipeline, p.Enrichers, p.NoSweeper = stagesFrom("normalise :a enrich render :mail send"), map[string]Enricher{"crm": l}, true
		p.Config.Pipeline[2].Settings.(*EnrichStage).Deadline = config.Duration(time.Minute)
		x := newPipeline(t, p)
		running(t, x)
		accept(t, x, 7)
		synctest.Wait()
		x.Wake(64) // as the newer event does
		synctest.Wait()
		close(l.wait)
		synctest.Wait()
		time.Sleep(time.Second)
		if len(got) != 1 || l.times() != 2 {
			t.Errorf("%d mails, asked %d times", len(got), l.times())
		}
	})
}

// TestAnyOrderOfStages: whichever valid order the stages and queues stand in, whatever messages are
// lost, and however often a wake comes, each order is confirmed once.
func TestAnyOrderOfStages(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 11))
		words := []string{"normalise"}
		queues := 0
		queue := func() {
			if last := words[len(words)-1]; r.IntN(2) == 0 && last[0] != ':' {
				words = append(words, fmt.Sprint(":q", queues))
				queues++
			}
		}
		for range r.IntN(5) {
			queue()
			words = append(words, []string{"enrich", "plugins"}[r.IntN(2)])
		}
		queue()
		words = append(words, "render", ":mail", "send")
		if r.IntN(2) == 0 {
			words = append(words, "fallback")
		}
		synctest.Test(t, func(t *testing.T) {
			b, got := newBook(), make(chan string, 999)
			p := partsOf(b, paid, &taker{name: "mail", got: got}, &taker{name: "text", got: got})
			p.Config.Pipeline, p.Enrichers = stagesFrom(strings.Join(words, " ")), map[string]Enricher{"crm": &lookup{}}
			p.Config.Limits.Render, p.Config.Limits.Send = 1+r.IntN(3), 1+r.IntN(4)
			share, draws, mu := r.IntN(4), rand.New(rand.NewPCG(seed, 12)), sync.Mutex{}
			p.Wrap = func(m message.Publisher) message.Publisher {
				return picky{m, func(string) bool { mu.Lock(); defer mu.Unlock(); return draws.IntN(4) < share }}
			}
			x := newPipeline(t, p)
			running(t, x)
			for n := range 30 {
				accept(t, x, n)
				x.Wake(waxwing.ID(64 * (1 + r.IntN(n+1))))
			}
			for range 200 { // where most messages are lost, each of several queues takes its time
				if time.Sleep(time.Minute); len(got) >= 30 {
					break
				}
			}
			time.Sleep(time.Minute) // for one too many
			b.mu.Lock()
			defer b.mu.Unlock()
			ready := 0
			for _, s := range b.said {
				if s == "ready email queued for 24h0m0s" {
					ready++
				}
			}
			if ready != 30 || len(got) != 30 || len(b.works) != 0 || len(b.drafts) != 0 {
				t.Errorf("seed %d, %s: %d confirmations and %d mails of 30 orders; %d orders and %d messages are left", seed, words, ready, len(got), len(b.works), len(b.drafts))
			}
		})
	}
}

// TestSharedQueue: pipelines may have queues of one name, whose workers they share.
func TestSharedQueue(t *testing.T) {
	p := partsOf(newBook(), paid, &taker{}, &taker{})
	p.Config.Pipeline = stagesFrom("normalise :a render :mail send")
	p.Config.Pipelines = map[string][]config.Stage{"other": stagesFrom("normalise :a :b render :fast send")}
	x := newPipeline(t, p)
	var names []string
	for n := range x.hops.named {
		names = append(names, n)
	}
	if slices.Sort(names); !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("%v", names)
	}
	if a, b := x.flows.all["default"].topics[waxwing.Email], x.flows.all["other"].topics[waxwing.Email]; a != "waxwing.mail.email" || b != "waxwing.fast.email" {
		t.Errorf("%s, %s", a, b)
	}
}
