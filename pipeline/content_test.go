package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/delivery"
	"github.com/waxwinghq/waxwing/pipeline/queue"
)

// TestContentsAreBounded: what nobody takes any more makes room, and what has none is not kept.
func TestContentsAreBounded(t *testing.T) {
	block := make(chan struct{})
	p := newPool(1, "send", "t", func(waxwing.ID) { <-block })
	defer p.close()
	defer close(block)
	c := newContents(p)
	big := make([]byte, queue.MostCarried)
	for i := range waxwing.ID(2 * mostAside / queue.MostCarried) {
		c.put(i, big)
	}
	if c.bytes > mostAside {
		t.Errorf("%d bytes are kept", c.bytes)
	}
	c.put(1000, big)
	p.feed([]waxwing.ID{1000})
	for i := range waxwing.ID(2 * mostAside / queue.MostCarried) {
		c.put(2000+i, big)
	}
	if c.take(1000) == nil {
		t.Error("what is being worked on was dropped")
	}
	if got := c.take(1000); got != nil {
		t.Errorf("it is given twice: %d bytes", len(got))
	}
	c.put(1, []byte("one"))
	before := c.bytes
	c.put(1, []byte("two and more"))
	if c.bytes-before != len("two and more")-len("one") || string(c.take(1)) != "two and more" {
		t.Errorf("%d bytes, before %d", c.bytes, before)
	}
}

// bus is a broker in memory: it gives each message to one of those who ask.
type bus struct {
	mu   sync.Mutex
	all  map[string]chan *message.Message
	gave [][]byte
}

func (b *bus) topic(name string) chan *message.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil {
		b.all = map[string]chan *message.Message{}
	}
	if b.all[name] == nil {
		b.all[name] = make(chan *message.Message, 1000)
	}
	return b.all[name]
}

func (b *bus) Dial(context.Context, []string, func(error)) (queue.Link, error) {
	return &busLink{bus: b, over: make(chan struct{})}, nil
}

type busLink struct {
	*bus
	over chan struct{}
	once sync.Once
}

func (l *busLink) Publish(topic string, all ...*message.Message) error {
	for _, m := range all {
		l.mu.Lock()
		l.gave = append(l.gave, m.Payload)
		l.mu.Unlock()
		l.topic(topic) <- message.NewMessage(m.UUID, m.Payload)
	}
	return nil
}

func (l *busLink) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	out := make(chan *message.Message)
	go func() {
		defer close(out)
		for {
			select {
			case m := <-l.topic(topic):
				select {
				case out <- m:
				case <-ctx.Done():
					l.topic(topic) <- m
					return
				case <-l.over:
					l.topic(topic) <- m
					return
				}
			case <-ctx.Done():
				return
			case <-l.over:
				return
			}
		}
	}()
	return out, nil
}

func (l *busLink) Close() error { l.once.Do(func() { close(l.over) }); return nil }

// overBus is a pipeline whose mail queue carries content on a bus.
func overBus(b *book, at *bus, mail delivery.Provider, carry string) Parts {
	p := partsOf(b, paid, mail, mail)
	r := registryOf(waxwing.Format{Name: "f"})
	r.Brokers = []config.Component{{Name: "any", Settings: func() config.Block { return &mailer{} }}}
	p.Config = configtest.Must(r, "providers: {mail: {type: post}, texts: {type: talk}}\ntenants: {acme: {name: Acme, from: a@acme.example, shops: {shop: {format: f}}}}\n"+
		"brokers: {bus: {type: any}}\npipeline: [normalise, render, {queue: {name: mail, on: bus, carry: "+carry+"}}, {send: {providers: [mail], retry: [1m]}}, {fallback: {providers: [texts]}}]\n")
	p.Brokers, p.Tag = map[string]queue.Broker{"bus": at}, "tag"
	return p
}

// post is a taker that may be kept waiting.
type post struct {
	taker
	free chan struct{} // nil: at once
}

func (p *post) Offer(ctx context.Context, out *waxwing.Outgoing, commit func() error) waxwing.Attempt {
	if p.free != nil {
		<-p.free
	}
	return p.taker.Offer(ctx, out, commit)
}

// TestContentGoesToWorkers: one that only sends gets the content of what another has rendered, and
// where the queue carries references, or the content is too large, the id.
func TestContentGoesToWorkers(t *testing.T) {
	for _, c := range []struct {
		what, carry string
		size        int
		carried     string // what the worker was given, "": nothing of it
		only        bool   // there is a worker
	}{
		{"content", "content", 9, "carried " + strings.Repeat("s", 9), true},
		{"the largest", "content", queue.MostCarried, "carried " + strings.Repeat("s", queue.MostCarried), true},
		{"larger", "content", queue.MostCarried + 1, "", true},
		{"references", "reference", 9, "", false},
	} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, at := newBook(), &bus{}
				b.sealedAs = bytes.Repeat([]byte("s"), c.size)
				b.grace = time.Hour
				mail := &post{}
				p := overBus(b, at, mail, c.carry)
				x := newPipeline(t, p)
				if c.only { // it takes what comes: the one that renders has no worker free for a while
					x.out.channels[waxwing.Email].pool.behind = true
					x.p.NoSweeper = true
				}
				running(t, x)
				p.SendsOnly, p.Composer = true, nil
				worker := newPipeline(t, p)
				running(t, worker)
				synctest.Wait()
				for i := range 4 { // of which two may wait at the other for room
					if _, err := x.Accept(t.Context(), &waxwing.Event{Tenant: "acme", Shop: "shop", Format: "f", Raw: fmt.Append(nil, i), At: time.Now()}); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(3 * time.Second)
				b.mu.Lock()
				said := strings.Join(b.said, "; ")
				b.mu.Unlock()
				if c.carried != "" && !strings.Contains(said, c.carried) || c.carried == "" && strings.Contains(said, "carried") || strings.Count(said, "email sent ") < 2 {
					t.Errorf("%.200s", said)
				}
				if got := worker.Brokers()["bus"].Received > 0; got != c.only {
					t.Errorf("by the worker came something: %v", got)
				}
			})
		})
	}
}

// TestWorkersLeaveFallbacks to those who render: a message that is refused goes back to the queue.
func TestWorkersLeaveFallbacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, at := newBook(), &bus{}
		b.drafts[65] = waxwing.Draft{Channel: waxwing.Email, State: waxwing.Queued, To: "ida@mail.example"}
		p := overBus(b, at, &post{taker: taker{answer: waxwing.Attempt{Verdict: waxwing.Rejected, Fault: waxwing.AddressFault, Phase: waxwing.PhaseRcpt}}}, "content")
		p.SendsOnly, p.Composer = true, nil
		x := newPipeline(t, p)
		running(t, x)
		synctest.Wait()
		at.topic("waxwing.tag.mail.email") <- message.NewMessage("1", queue.Carrying(65, []byte("sealed")))
		synctest.Wait()
		b.want(t, "refused", "carried sealed", "email queued rejected, left to a daemon that renders the fallback")
	})
}

// TestWorkersTakeWhatTheyCan: while all of its workers are busy, or its provider is down, a process
// that only sends leaves what comes to the broker; it goes on by itself when that is over.
func TestWorkersTakeWhatTheyCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, at := newBook(), &bus{}
		const n = 40
		for i := range waxwing.ID(n) {
			b.drafts[64*i+65] = waxwing.Draft{Channel: waxwing.Email, State: waxwing.Queued, To: fmt.Sprintf("c%d@mail.example", i)}
		}
		mail := &post{free: make(chan struct{})}
		p := overBus(b, at, mail, "content")
		p.Config.Limits.Send = 4
		p.SendsOnly, p.Composer = true, nil
		x := newPipeline(t, p)
		running(t, x)
		synctest.Wait()
		topic := at.topic("waxwing.tag.mail.email")
		for i := range waxwing.ID(n) {
			topic <- message.NewMessage("m", queue.Carrying(64*i+65, []byte("sealed")))
		}
		time.Sleep(time.Second)
		if left := len(topic); left < n-4-4-2 {
			t.Errorf("%d of %d are left for others, with 4 workers", left, n)
		}
		close(mail.free)
		time.Sleep(10 * time.Second)
		b.mu.Lock()
		defer b.mu.Unlock()
		if sent := strings.Count(strings.Join(b.said, "; "), "email sent"); sent != n || len(topic) != 0 {
			t.Errorf("%d of %d are sent, and %d left", sent, n, len(topic))
		}
	})
}

// TestWorkersLeaveMailToOthers while their provider is down, but for a few that find out when it is back.
func TestWorkersLeaveMailToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, at := newBook(), &bus{}
		mail := &sickly{}
		mail.ill.Store(true)
		p := overBus(b, at, mail, "content")
		p.SendsOnly, p.Composer = true, nil
		x := newPipeline(t, p)
		running(t, x)
		synctest.Wait()
		topic := at.topic("waxwing.tag.mail.email")
		const n = 500
		for i := range waxwing.ID(n) {
			b.mu.Lock()
			b.drafts[64*i+65] = waxwing.Draft{Channel: waxwing.Email, State: waxwing.Queued, To: fmt.Sprintf("c%d@mail.example", i)}
			b.mu.Unlock()
			topic <- message.NewMessage("m", queue.Carrying(64*i+65, []byte("sealed")))
			time.Sleep(100 * time.Millisecond)
		}
		if left := len(topic); left < n/2 {
			t.Errorf("of %d only %d are left for others", n, left)
		}
		mail.ill.Store(false)
		time.Sleep(10 * time.Minute)
		b.mu.Lock()
		defer b.mu.Unlock()
		if sent := strings.Count(strings.Join(b.said, "; "), "email sent"); len(topic) != 0 || sent < n/2 {
			t.Errorf("when it is back %d are sent, and %d wait", sent, len(topic))
		}
	})
}

// TestWorkersLeaveStrangers: a message of a tenant that came after the process did goes back to the queue: it
// may send by providers of its own alone.
func TestWorkersLeaveStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, at := newBook(), &bus{}
		b.drafts[65] = waxwing.Draft{Channel: waxwing.Email, State: waxwing.Queued, To: "ida@mail.example"}
		b.tenants[64] = "late"
		mail := &post{}
		p := overBus(b, at, mail, "content")
		p.SendsOnly, p.Composer = true, nil
		x := newPipeline(t, p)
		running(t, x)
		synctest.Wait()
		at.topic("waxwing.tag.mail.email") <- message.NewMessage("1", queue.Carrying(65, []byte("sealed")))
		synctest.Wait()
		b.want(t, "a stranger's", "carried sealed", "email queued not offered")
	})
}

// frail is a ledger that is away at times.
type frail struct {
	*book
	away atomic.Bool
}

func (f *frail) Healthy() error {
	if f.away.Load() {
		return waxwing.ErrUnavailable
	}
	return nil
}

// TestNothingIsTakenWithoutALedger: whoever cannot claim leaves what is on the broker to those who can.
func TestNothingIsTakenWithoutALedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, at := &frail{book: newBook()}, &bus{}
		b.away.Store(true)
		const n = 20
		topic := at.topic("waxwing.tag.mail.email")
		for i := range waxwing.ID(n) {
			b.drafts[64*i+65] = waxwing.Draft{Channel: waxwing.Email, State: waxwing.Queued, To: fmt.Sprintf("c%d@mail.example", i)}
			topic <- message.NewMessage("m", queue.Carrying(64*i+65, []byte("sealed")))
		}
		p := overBus(b.book, at, &post{}, "content")
		p.Ledger, p.SendsOnly, p.Composer = b, true, nil
		x := newPipeline(t, p)
		running(t, x)
		time.Sleep(time.Minute)
		if left := len(topic); left < n-2 {
			t.Errorf("%d of %d are left", left, n)
		}
		b.away.Store(false)
		time.Sleep(10 * time.Second)
		if len(topic) != 0 {
			t.Errorf("%d are left where the ledger is there again", len(topic))
		}
	})
}
