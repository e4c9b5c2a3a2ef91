package smtp_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/channel/smtp"
)

// offerAll offers n mails at once from as many goroutines as the daemon has slots,
// and wants each taken.
func offerAll(t *testing.T, s *smtp.Sender, n int) time.Duration {
	t.Helper()
	begin := time.Now()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, 256) {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if a := s.Offer(t.Context(), mail(int(i), 2000), nothing); a.Verdict != waxwing.Accepted {
					t.Errorf("mail %d: %s %v", i, a.Verdict, a.Err)
				}
			}
		})
	}
	wg.Wait()
	return time.Since(begin)
}

// TestFewerConnections: a server that takes fewer connections than configured is
// sent as fast as if they were configured so, and not asked again and again, also where
// it counts a connection for a moment after its end. The clock is fake, so that round
// trips count and nothing else.
func TestFewerConnections(t *testing.T) {
	for _, limit := range []int{1, 2, 4, 5, 10} {
		for _, at := range []waxwing.Phase{waxwing.PhaseConnect, waxwing.PhaseBanner, waxwing.PhaseEHLO, waxwing.PhaseMail} {
			for _, c := range []sink.Config{{}, {Renew: 50}, {Renew: 50, Linger: 30 * time.Millisecond}, {Renew: 50, Linger: 300 * time.Millisecond}} {
				c.Limit, c.LimitAt = limit, at
				t.Run(fmt.Sprint(limit, at, c.Renew, c.Linger), func(t *testing.T) { fewerConnections(t, c) })
			}
		}
	}
}

func fewerConnections(t *testing.T, c sink.Config) {
	var took [2]time.Duration
	var came [2]int
	for i, configured := range []int{c.Limit, 32} {
		bubble(t, 5*time.Millisecond, c, smtp.Config{Connections: configured}, func(t *testing.T, srv *sink.Server, s *smtp.Sender) {
			took[i] = offerAll(t, s, 400)
			came[i] = srv.Came()
			if n := srv.Truth().Total(); n != 400 {
				t.Errorf("%d mails arrived", n)
			}
		})
	}
	t.Logf("%s and %d connections, configured: %s and %d", took[1], came[1], took[0], came[0])
	most := 2 * came[0]
	if c.LimitAt == waxwing.PhaseMail {
		most++ // it is known a step later
	}
	if took[1] > took[0]*13/10 || came[1] > most {
		t.Errorf("%s and %d connections, where %d are configured: %s and %d", took[1], came[1], c.Limit, took[0], came[0])
	}
}

// TestConnectionsThatWait: a server whose processes are all busy takes a connection
// and is silent. No message waits with it, and it is not asked for ever more of them.
func TestConnectionsThatWait(t *testing.T) {
	plan := func(q sink.Question) (a sink.Answer) {
		if q.Phase == waxwing.PhaseDot {
			a.Delay = 50 * time.Millisecond
		}
		return a
	}
	for _, limit := range []int{1, 4} {
		var took [2]time.Duration
		var came [2]int
		for i, configured := range []int{limit, 32} {
			bubble(t, 5*time.Millisecond, sink.Config{Limit: limit, LimitWaits: true, Plan: plan}, smtp.Config{Connections: configured},
				func(t *testing.T, srv *sink.Server, s *smtp.Sender) {
					took[i] = offerAll(t, s, 400)
					came[i] = srv.Came()
				})
		}
		t.Logf("limit %d: %s and %d connections, configured: %s and %d", limit, took[1], came[1], took[0], came[0])
		if took[1] > took[0]*13/10 || came[1] > limit+(limit+1)/2*(1+int(took[1]/(5*time.Second))) {
			t.Errorf("limit %d: %s and %d connections, configured: %s and %d", limit, took[1], came[1], took[0], came[0])
		}
	}
}

// TestLimitGoesAway: the number rises again, slowly, when the server takes more.
func TestLimitGoesAway(t *testing.T) {
	plan := func(q sink.Question) (a sink.Answer) {
		if q.Phase == waxwing.PhaseDot {
			a.Delay = 10 * time.Millisecond
		}
		return a
	}
	synctest.Test(t, func(t *testing.T) {
		srv := sink.New(sink.Config{Limit: 2, Plan: plan})
		dial, dials := far(srv, time.Millisecond)
		s := smtp.New(smtp.Config{Name: "mail", Addr: "mx.example:25", TLS: smtp.NoTLS, Connections: 8, Dial: dial,
			Timeouts: smtp.Timeouts{Idle: time.Hour}})
		offerAll(t, s, 50)
		before := dials.Load()
		if n := srv.Open(); n != 2 {
			t.Errorf("%d connections are open, want 2", n)
		}
		for range 60 { // an hour of refusals
			offerAll(t, s, 20)
			time.Sleep(time.Minute)
		}
		if n := dials.Load() - before; n < 3 || n > 8 {
			t.Errorf("%d more connections tried in an hour", n)
		}
		srv.SetLimit(0)
		for range 60 {
			offerAll(t, s, 50)
			time.Sleep(time.Minute)
		}
		if n := srv.Open(); n != 8 {
			t.Errorf("%d connections are open an hour after the limit has gone, want 8", n)
		}
		_ = s.Close(context.Background())
		_ = srv.Close()
		synctest.Wait()
	})
}

// TestStayIsAskedAnew: a message waits for a connection of a server that works only
// for as long as nobody else is known to be faster, which may change while it waits. Without
// a Patience it waits for what is slow once a connection works on it.
func TestStayIsAskedAnew(t *testing.T) {
	for _, patience := range []time.Duration{time.Second, 0} {
		plan := func(q sink.Question) (a sink.Answer) {
			if q.Phase == waxwing.PhaseDot {
				a.Delay = 450 * time.Millisecond // no whole part of the patience: both would end in one instant
				if patience == 0 {
					a.Delay = 3 * time.Second
				}
			}
			return a
		}
		const mails, changes = 20, 3500 * time.Millisecond
		bubble(t, 0, sink.Config{Plan: plan}, smtp.Config{Connections: 1}, func(t *testing.T, srv *sink.Server, s *smtp.Sender) {
			begin := time.Now()
			stay := func() bool { return time.Since(begin) < changes }
			var busy, sent atomic.Int64
			var wg sync.WaitGroup
			for i := range mails {
				wg.Go(func() {
					m := mail(i, 2000)
					m.Patience, m.Stay = patience, stay
					switch a := s.Offer(t.Context(), m, nothing); {
					case a.Verdict == waxwing.Accepted:
						sent.Add(1)
					case a.Busy && time.Since(begin) <= changes+time.Second:
						busy.Add(1)
					default:
						t.Errorf("patience %s, after %s: %s %v", patience, time.Since(begin), a.Verdict, a.Err)
					}
				})
			}
			wg.Wait()
			if sent.Load() < 2 || busy.Load() < 10 {
				t.Errorf("patience %s: %d were sent and %d went elsewhere, of %d", patience, sent.Load(), busy.Load(), mails)
			}
		})
	}
}
