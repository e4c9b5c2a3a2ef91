package demo

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/web/mailbox"
)

// trouble is what somebody at the mailbox has the first mail server suffer from.
type trouble struct {
	now         atomic.Pointer[mailbox.Trouble]
	first, next atomic.Int64 // how many mails each server took
}

func newTrouble() *trouble {
	x := &trouble{}
	x.now.Store(&mailbox.Trouble{})
	return x
}

// plan is the first server's: what it suffers from, and else as the other one's.
func (x *trouble) plan(usual sink.Plan) sink.Plan {
	return func(q sink.Question) sink.Answer {
		t := *x.now.Load()
		hit := func(percent int) bool { return rand.IntN(100) < percent }
		switch {
		case (q.Phase == waxwing.PhaseBanner || q.Phase == waxwing.PhaseMail) && hit(t.Refused):
			return sink.Answer{Code: 421, Text: "4.3.2 out of order, as somebody at the mailbox wants it"}
		case q.Phase == waxwing.PhaseDot:
			a := usual(q)
			a.Delay += time.Duration(t.Delay) * time.Millisecond
			a.Lost = a.Lost || a.Code == 0 && hit(t.Lost)
			return a
		}
		return usual(q)
	}
}

// breaker is the panel's view of it.
func (x *trouble) breaker(d *daemon.Daemon) *mailbox.Breaker {
	return &mailbox.Breaker{Trouble: func() mailbox.Trouble { return *x.now.Load() }, Make: func(t mailbox.Trouble) { x.now.Store(&t) },
		Providers: func() []mailbox.ProviderView {
			out := []mailbox.ProviderView{{Name: "relay", Taken: x.first.Load()}, {Name: "spare", Taken: x.next.Load()}}
			for _, p := range daemon.Providers(d) {
				for i := range out {
					if p.Name == out[i].Name && p.N > 0 {
						out[i].State = p.State
					}
				}
			}
			return out
		}}
}
