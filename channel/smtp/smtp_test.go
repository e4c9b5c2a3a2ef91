package smtp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/channel/smtp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mail returns a message with a Message-ID of its own, of about size bytes.
func mail(n, size int) *waxwing.Outgoing {
	b := fmt.Appendf(nil, "Message-ID: <%d@acme.example>\r\nSubject: x\r\n\r\n", n)
	for len(b) < size {
		b = append(b, "The quick brown fox jumps over the lazy dog, once a line, for ever.\r\n"...)
	}
	return &waxwing.Outgoing{
		Message: waxwing.ID(n), Channel: waxwing.Email, Data: b,
		From: "orders@acme.example", To: fmt.Sprintf("customer%d@example.com", n),
	}
}

func nothing() error { return nil }

// start returns a sink and a sender to it; both end with the test.
func start(t testing.TB, sc sink.Config, c smtp.Config) (*sink.Server, *smtp.Sender) {
	t.Helper()
	srv := sink.New(sc)
	addr, err := srv.Listen("")
	if err != nil {
		t.Fatal(err)
	}
	c.Name, c.Addr = "mail", addr
	if c.TLS == "" {
		c.TLS = smtp.NoTLS
	}
	s := smtp.New(c)
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
		_ = srv.Close()
	})
	return srv, s
}

func TestManyArriveOnce(t *testing.T) {
	for _, lockstep := range []bool{false, true} {
		srv, s := start(t, sink.Config{Lockstep: lockstep}, smtp.Config{Connections: 4, PerConnection: 50})
		var commits atomic.Int64
		var wg sync.WaitGroup
		for w := range 16 {
			wg.Go(func() {
				for i := range 50 {
					a := s.Offer(t.Context(), mail(w*1000+i, 3000), func() error { commits.Add(1); return nil })
					if a.Verdict != waxwing.Accepted || a.Code != 250 || a.Phase != waxwing.PhaseDot || a.Err != nil {
						t.Errorf("%+v", a)
					}
				}
			})
		}
		wg.Wait()
		counts := srv.Truth().Counts()
		if len(counts) != 800 || srv.Truth().Total() != 800 || commits.Load() != 800 {
			t.Errorf("lockstep %v: %d messages, %d mails, %d commits; want 800", lockstep, len(counts), srv.Truth().Total(), commits.Load())
		}
	}
}

func TestDotsSurvive(t *testing.T) {
	got := make(chan []byte, 1)
	_, s := start(t, sink.Config{Keep: true, OnMail: func(m sink.Mail) { got <- m.Data }}, smtp.Config{Connections: 1})
	for _, body := range []string{
		"", ".", ".\r\n", "..\r\n.", "a\r\n.\r\nb\r\n", "a\r\n..b\r\n...\r\n", ".a\r\n\r\n.\r\n", "x\r\n.", "no end of line",
	} {
		m := mail(1, 0)
		m.Data = []byte(body)
		if a := s.Offer(t.Context(), m, nothing); a.Verdict != waxwing.Accepted {
			t.Fatalf("%q: %+v", body, a)
		}
		want := body
		if want != "" && !bytes.HasSuffix(m.Data, []byte("\r\n")) {
			want += "\r\n"
		}
		if b := <-got; string(b) != want {
			t.Errorf("%q arrived as %q", body, b)
		}
	}
}

func TestCommitRefused(t *testing.T) {
	srv, s := start(t, sink.Config{}, smtp.Config{Connections: 1})
	refusal := errors.New("suppressed")
	a := s.Offer(t.Context(), mail(1, 100), func() error { return refusal })
	if a.Verdict != waxwing.Deferred || a.Fault != waxwing.LedgerFault || !errors.Is(a.Err, refusal) {
		t.Errorf("%+v", a)
	}
	if a = s.Offer(t.Context(), mail(2, 100), nothing); a.Verdict != waxwing.Accepted {
		t.Errorf("%+v", a)
	}
	if n := srv.Truth().Total(); n != 1 {
		t.Errorf("%d mails, want 1", n)
	}
}

func BenchmarkOffer(b *testing.B) {
	for _, conns := range []int{1, 16} {
		b.Run(fmt.Sprint(conns), func(b *testing.B) {
			_, s := start(b, sink.Config{}, smtp.Config{Connections: conns})
			m := mail(1, 20<<10)
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			b.ResetTimer()
			for range 4 * conns {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						if a := s.Offer(context.Background(), m, nothing); a.Verdict != waxwing.Accepted {
							b.Errorf("%+v", a)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}
