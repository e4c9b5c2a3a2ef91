package smtp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/channel/smtp"
)

// far returns a dialler to srv over lines of rtt, and counts the calls.
func far(srv *sink.Server, rtt time.Duration) (func(context.Context, string, string) (net.Conn, error), *atomic.Int64) {
	var dialled atomic.Int64
	return func(context.Context, string, string) (net.Conn, error) {
		dialled.Add(1)
		time.Sleep(rtt) // TCP's own handshake
		a, b := newWire(rtt / 2)
		go srv.ServeConn(b)
		return a, nil
	}, &dialled
}

// bubble runs f with a sink and a sender at a distance, on the fake clock.
func bubble(t *testing.T, rtt time.Duration, sc sink.Config, c smtp.Config, f func(*testing.T, *sink.Server, *smtp.Sender)) {
	synctest.Test(t, func(t *testing.T) {
		srv := sink.New(sc)
		if c.Dial == nil {
			c.Dial, _ = far(srv, rtt)
		}
		c.Name, c.Addr, c.TLS = "mail", "mx.example:25", smtp.NoTLS
		s := smtp.New(c)
		f(t, srv, s)
		_ = s.Close(context.Background())
		_ = srv.Close()
		synctest.Wait()
	})
}

// TestOneRoundTripAMail is goal G9: at 20 ms and 20 connections at least 800
// mails a second. The clock is fake, so that only round trips count.
func TestOneRoundTripAMail(t *testing.T) {
	bubble(t, 20*time.Millisecond, sink.Config{}, smtp.Config{Connections: 20}, func(t *testing.T, srv *sink.Server, s *smtp.Sender) {
		const mails = 2000
		begin := time.Now()
		var next atomic.Int64
		var wg sync.WaitGroup
		for range s.MaxInFlight() {
			wg.Go(func() {
				for n := next.Add(1); n <= mails; n = next.Add(1) {
					if a := s.Offer(t.Context(), mail(int(n), 2000), nothing); a.Verdict != waxwing.Accepted {
						t.Errorf("%+v", a)
					}
				}
			})
		}
		wg.Wait()
		rate := mails / time.Since(begin).Seconds()
		t.Logf("%.0f mails/s", rate)
		if rate < 800 {
			t.Errorf("%.0f mails/s, want 800", rate)
		}
		if n := srv.Truth().Total(); n != mails {
			t.Errorf("%d mails arrived", n)
		}
	})
}

func TestPatience(t *testing.T) {
	dead := func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
	mute := func(context.Context, string, string) (net.Conn, error) { a, _ := newWire(0); return a, nil }
	for name, dial := range map[string]func(context.Context, string, string) (net.Conn, error){"no connection": dead, "no banner": mute} {
		for _, patience := range []time.Duration{0, time.Second} {
			t.Run(fmt.Sprint(name, patience), func(t *testing.T) {
				bubble(t, 0, sink.Config{}, smtp.Config{Connections: 1, Dial: dial}, func(t *testing.T, _ *sink.Server, s *smtp.Sender) {
					m := mail(1, 100)
					m.Patience = patience
					begin := time.Now()
					a := s.Offer(t.Context(), m, func() error { t.Error("committed"); return nil })
					took := time.Since(begin)
					if a.Verdict != waxwing.Deferred || a.Fault != waxwing.ProviderFault || !a.Bad {
						t.Errorf("%+v", a)
					}
					if patience > 0 && took != patience || patience == 0 && took < 30*time.Second {
						t.Errorf("left after %s", took)
					}
				})
			})
		}
	}
}

// TestSlowDotHoldsNobodyElse: a message whose envelope went out behind a dot
// that is not answered leaves in time, and the dot's own verdict still comes.
func TestSlowDotHoldsNobodyElse(t *testing.T) {
	plan := func(q sink.Question) (a sink.Answer) {
		if q.Phase == waxwing.PhaseDot && q.MessageID == "1@acme.example" {
			a.Delay = 9 * time.Minute
		}
		return a
	}
	bubble(t, 10*time.Millisecond, sink.Config{Plan: plan}, smtp.Config{Connections: 1}, func(t *testing.T, srv *sink.Server, s *smtp.Sender) {
		slow := make(chan waxwing.Attempt, 1)
		go func() {
			slow <- s.Offer(t.Context(), mail(1, 100), func() error { time.Sleep(time.Second); return nil })
		}()
		time.Sleep(100 * time.Millisecond) // of the fake clock: the first is at its commit
		m := mail(2, 100)
		m.Patience = 2 * time.Second
		a := s.Offer(t.Context(), m, nothing)
		if a.Verdict != waxwing.Deferred || a.Fault != waxwing.ProviderFault || a.Bad || time.Since(a.Began) != m.Patience {
			t.Errorf("%+v", a)
		}
		if a := <-slow; a.Verdict != waxwing.Accepted {
			t.Errorf("%+v", a)
		}
		if a := s.Offer(t.Context(), mail(3, 100), nothing); a.Verdict != waxwing.Accepted {
			t.Errorf("%+v", a)
		}
		if n := srv.Truth().Total(); n != 2 {
			t.Errorf("%d mails, want 2", n)
		}
	})
}

// TestLateAnswers: 250 after 1, 30 and 600 seconds is a 250; after 601 nobody
// is there to hear it.
func TestLateAnswers(t *testing.T) {
	for after, want := range map[time.Duration]waxwing.Verdict{
		time.Second: waxwing.Accepted, 30 * time.Second: waxwing.Accepted,
		599 * time.Second: waxwing.Accepted, 601 * time.Second: waxwing.UncertainVerdict,
	} {
		plan := func(q sink.Question) (a sink.Answer) {
			if q.Phase == waxwing.PhaseDot {
				a.Delay = after
			}
			return a
		}
		bubble(t, 0, sink.Config{Plan: plan}, smtp.Config{Connections: 1}, func(t *testing.T, srv *sink.Server, s *smtp.Sender) {
			if a := s.Offer(t.Context(), mail(1, 100), nothing); a.Verdict != want {
				t.Errorf("after %s: %+v", after, a)
			}
		})
	}
}

func TestLateCommitIsUncertain(t *testing.T) {
	bubble(t, 0, sink.Config{}, smtp.Config{Connections: 1}, func(t *testing.T, srv *sink.Server, s *smtp.Sender) {
		a := s.Offer(t.Context(), mail(1, 100), func() error { time.Sleep(6 * time.Second); return nil })
		if a.Verdict != waxwing.UncertainVerdict || srv.Truth().Total() != 0 {
			t.Errorf("%+v", a)
		}
		if a := s.Offer(t.Context(), mail(2, 100), nothing); a.Verdict != waxwing.Accepted {
			t.Errorf("%+v", a)
		}
	})
}

// TestWithdrawn ends the context at each step: nothing is offered before the
// commit, and a verdict comes after it.
func TestWithdrawn(t *testing.T) {
	for _, at := range []waxwing.Phase{waxwing.PhaseBanner, waxwing.PhaseMail, waxwing.PhaseRcpt, waxwing.PhaseData, waxwing.PhaseDot} {
		for _, lockstep := range []bool{false, true} {
			ctx, cancel := context.WithCancel(t.Context())
			plan := func(q sink.Question) (a sink.Answer) {
				if q.Phase == at && q.To != "customer2@example.com" {
					cancel()
					a.Delay = 20 * time.Second
				}
				return a
			}
			bubble(t, 0, sink.Config{Plan: plan, Lockstep: lockstep}, smtp.Config{Connections: 1}, func(t *testing.T, srv *sink.Server, s *smtp.Sender) {
				commits := 0
				a := s.Offer(ctx, mail(1, 100), func() error { commits++; return nil })
				if at == waxwing.PhaseDot {
					if a.Verdict != waxwing.Accepted {
						t.Errorf("%s: %+v", at, a)
					}
				} else if a.Verdict != waxwing.Deferred || commits != 0 || srv.Truth().Total() != 0 || !errors.Is(a.Err, context.Canceled) {
					t.Errorf("%s: %+v, %d commits", at, a, commits)
				} else if d := a.Ended.Sub(a.Began); d > 0 {
					t.Errorf("%s: left only after %s", at, d)
				}
				if a := s.Offer(t.Context(), mail(2, 100), nothing); a.Verdict != waxwing.Accepted {
					t.Errorf("%s, next: %+v", at, a)
				}
			})
		}
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	bubble(t, 0, sink.Config{}, smtp.Config{Connections: 1}, func(t *testing.T, srv *sink.Server, s *smtp.Sender) {
		if a := s.Offer(t.Context(), mail(1, 100), nothing); a.Verdict != waxwing.Accepted {
			t.Errorf("%+v", a)
		}
		time.Sleep(29 * time.Second)
		if n := srv.Open(); n != 1 {
			t.Errorf("%d connections before the idle time is over", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := srv.Open(); n != 0 {
			t.Errorf("%d connections after the idle time", n)
		}
	})
}

func TestCloseCutsWhatDoesNotEnd(t *testing.T) {
	plan := func(q sink.Question) (a sink.Answer) {
		if q.Phase == waxwing.PhaseDot {
			a.Delay = 9 * time.Minute
		}
		return a
	}
	bubble(t, 0, sink.Config{Plan: plan}, smtp.Config{Connections: 1}, func(t *testing.T, srv *sink.Server, s *smtp.Sender) {
		got := make(chan waxwing.Attempt, 1)
		go func() { got <- s.Offer(context.Background(), mail(1, 100), nothing) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
		if a := <-got; a.Verdict != waxwing.UncertainVerdict || time.Since(a.Began) != 25*time.Second {
			t.Errorf("%+v", a)
		}
	})
}

// TestUnattendedSetupEnds: a connection that its impatient message has left is
// not waited for as long as the standard allows.
func TestUnattendedSetupEnds(t *testing.T) {
	var dials atomic.Int64
	mute := func(context.Context, string, string) (net.Conn, error) {
		dials.Add(1)
		a, _ := newWire(0)
		return a, nil
	}
	bubble(t, 0, sink.Config{}, smtp.Config{Connections: 1, Dial: mute}, func(t *testing.T, _ *sink.Server, s *smtp.Sender) {
		// The second hears of the connection that the first has left: 30 s are all it gets.
		for _, c := range []struct{ patience, took time.Duration }{{time.Second, time.Second}, {40 * time.Second, 29 * time.Second}} {
			m := mail(1, 100)
			m.Patience = c.patience
			if a := s.Offer(t.Context(), m, nothing); a.Verdict != waxwing.Deferred || a.Ended.Sub(a.Began) != c.took {
				t.Errorf("%+v", a)
			}
		}
		if dials.Load() != 1 {
			t.Errorf("%d connections, want 1", dials.Load())
		}
	})
}
