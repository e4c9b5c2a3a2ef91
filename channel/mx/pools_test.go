package mx_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/channeltest"
	"github.com/waxwinghq/waxwing/channel/mx"
	"github.com/waxwinghq/waxwing/channel/sink"
)

func quiet() *log.Logger { return log.New(&bytes.Buffer{}, "", 0) }

// TestSuite holds direct delivery to what every provider promises.
func TestSuite(t *testing.T) {
	channeltest.Suite(t, func(t *testing.T, plan sink.Plan) channeltest.World {
		w := newWorld(t)
		srv := w.server("127.0.0.2", sink.Config{Plan: plan})
		w.dns.Set("acme.example. 60 IN MX 10 mx1.acme.example.", "mx1.acme.example. 60 IN A 127.0.0.2")
		return channeltest.World{
			Provider: w.sender(nil),
			Truth:    srv.Truth(),
			Message:  func(n int) *waxwing.Outgoing { return mail(n, "bob@acme.example") },
			ID:       func(o *waxwing.Outgoing) string { return sink.MessageID(o.Data) },
			Bad:      "bob@acme.example> SIZE=1\r\nRCPT TO:<eve@evil.example",
			Stop:     func() { _ = srv.Close() },
		}
	})
}

// TestConnectionsAreBounded: those to one server by per_host, all of them by connections, and kept ones make room for others.
func TestConnectionsAreBounded(t *testing.T) {
	w := newWorld(t)
	var open, most atomic.Int64
	plan := func(q sink.Question) sink.Answer {
		switch q.Phase {
		case waxwing.PhaseMail:
			n := open.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
		case waxwing.PhaseDot:
			open.Add(-1)
		}
		return sink.Answer{}
	}
	const hosts = 12
	var all []*sink.Server
	for i := range hosts {
		all = append(all, w.server(fmt.Sprintf("127.0.2.%d", i+1), sink.Config{Plan: plan}))
		w.dns.Set(fmt.Sprintf("d%d.example. 60 IN A 127.0.2.%d", i, i+1))
	}
	s := w.sender(func(c *mx.Config) { c.Connections, c.PerHost = 4, 2 })
	var wg sync.WaitGroup
	var taken atomic.Int64
	for k := range 24 {
		wg.Go(func() {
			for i := range 5 {
				if a := s.Offer(t.Context(), mail(1000+k*5+i, fmt.Sprintf("bob@d%d.example", k%hosts)), nothing); a.Verdict == waxwing.Accepted {
					taken.Add(1)
				} else if a.Verdict != waxwing.Deferred {
					t.Errorf("%+v", a)
				}
			}
		})
	}
	wg.Wait()
	sum, connections := 0, 0
	for i, x := range all {
		sum += x.Truth().Total()
		connections += x.Open()
		if n := x.Open(); n > 2 {
			t.Errorf("%d connections to server %d, want two at most", n, i)
		}
	}
	if n := most.Load(); n > 4 {
		t.Errorf("%d mails at once, want four at most", n)
	}
	if int64(sum) != taken.Load() || sum < 100 {
		t.Errorf("%d mails arrived, and %d were taken; want about all of 120", sum, taken.Load())
	}
}

// TestAnIllDomainLeavesTheOthersAlone: one that asks for time gets it, and is not even asked meanwhile; the others go on, and so
// does it once its time is over.
func TestAnIllDomainLeavesTheOthersAlone(t *testing.T) {
	for name, x := range map[string]sink.Plan{
		"421 at the banner": at(waxwing.PhaseBanner, sink.Answer{Code: 421, Text: "4.3.2 too many"}),
		"421 at MAIL":       at(waxwing.PhaseMail, sink.Answer{Code: 421, Text: "4.7.28 rate limited"}),
		"4.7.x at RCPT":     at(waxwing.PhaseRcpt, sink.Answer{Code: 450, Text: "4.7.1 slow down"}),
		"4.7.x at the dot":  at(waxwing.PhaseDot, sink.Answer{Code: 451, Text: "4.7.650 slow down"}),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var ill atomic.Bool
			ill.Store(true)
			sick := w.server("127.0.0.2", sink.Config{Plan: func(q sink.Question) sink.Answer {
				if ill.Load() {
					return x(q)
				}
				return sink.Answer{}
			}})
			well := w.server("127.0.0.3", sink.Config{})
			w.dns.Set("sick.example. 6000 IN A 127.0.0.2", "well.example. 6000 IN A 127.0.0.3")
			now := newClock()
			s := w.sender(func(c *mx.Config) { c.Clock = now.read })
			rest := 10 * time.Second
			for range 3 { // twice as long each time
				a := w.offer(s, "bob@sick.example")
				want(t, a, waxwing.Deferred, waxwing.RecipientFault)
				if a.Code == 0 || a.RetryAfter != rest {
					t.Errorf("%d, again after %s, want after %s", a.Code, a.RetryAfter, rest)
				}
				came := sick.Came()
				now.pass(rest / 2)
				a = w.offer(s, "eve@sick.example")
				want(t, a, waxwing.Deferred, waxwing.RecipientFault)
				if a.Code != 0 || a.RetryAfter != rest/2 || sick.Came() != came {
					t.Errorf("while it rests: %d, again after %s, and it was asked %d times", a.Code, a.RetryAfter, sick.Came()-came)
				}
				want(t, w.offer(s, "bob@well.example"), waxwing.Accepted, "")
				now.pass(rest / 2)
				rest *= 2
			}
			received(t, []int{0, 3}, sick, well)
			ill.Store(false)
			want(t, w.offer(s, "bob@sick.example"), waxwing.Accepted, "")
		})
	}
}

// TestADeadServerIsPassedBy: whoever has just found that it is not there has the next message begin with another.
func TestADeadServerIsPassedBy(t *testing.T) {
	w := newWorld(t)
	var came atomic.Int64
	plan := func(q sink.Question) sink.Answer {
		if q.Phase == waxwing.PhaseBanner {
			came.Add(1)
			return sink.Answer{Drop: true}
		}
		return sink.Answer{}
	}
	w.server("127.0.0.2", sink.Config{Plan: plan})
	second := w.server("127.0.0.3", sink.Config{})
	w.dns.Set("acme.example. 60 IN MX 10 mx1.acme.example.", "acme.example. 60 IN MX 20 mx2.acme.example.",
		"mx1.acme.example. 60 IN A 127.0.0.2", "mx2.acme.example. 60 IN A 127.0.0.3")
	s := w.sender(nil)
	for range 10 {
		want(t, w.offer(s, "bob@acme.example"), waxwing.Accepted, "")
	}
	received(t, []int{10}, second)
	if n := came.Load(); n != 1 {
		t.Errorf("the first server was tried %d times, want once", n)
	}
}

// TestCloseWhileItLooks: a message whose domain is still being looked for ends when Close begins.
func TestCloseWhileItLooks(t *testing.T) {
	w := newWorld(t)
	w.dns.Silence("acme.example")
	s := w.sender(nil)
	done := make(chan waxwing.Attempt)
	go func() { done <- s.Offer(context.Background(), mail(1, "bob@acme.example"), nothing) }()
	for w.dns.Asked("acme.example", 15) == 0 {
		<-time.After(time.Millisecond)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if a := <-done; a.Verdict != waxwing.Deferred || !errors.Is(a.Err, waxwing.ErrStopping) || a.Bad {
		t.Errorf("%+v", a)
	}
	if a := s.Offer(t.Context(), mail(2, "bob@acme.example"), nothing); !errors.Is(a.Err, waxwing.ErrStopping) {
		t.Errorf("%+v", a)
	}
}
