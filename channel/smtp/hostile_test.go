package smtp_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/smtp"
)

func TestHostileMessagesReachNoServer(t *testing.T) {
	s := smtp.New(smtp.Config{Name: "mail", Connections: 1, Dial: func(context.Context, string, string) (net.Conn, error) {
		t.Error("dialled")
		return nil, errors.New("no")
	}})
	for _, to := range []string{
		"", "bob", "bob@", "@example.com", "bob@localhost", "bob@[127.0.0.1]", "bob@127.0.0.1", "a b@example.com", "\"a\"@example.com",
		"bob@example.com\r\nRCPT TO:<eve@example.com>", "bob@example.com>\r\n", "<bob@example.com>", "bob@example.com,eve@example.com",
		"bob\x00@example.com", "a@b@example.com", "bob@exa mple.com", "bob@-example.com", "bob@example..com", ".bob@example.com", "bob.@example.com",
		strings.Repeat("a", 65) + "@example.com", "a@" + strings.Repeat("a.", 130) + "com", "bob@ex\u202eample.com", "b\u200bob@example.com", "bob@müller.example",
	} {
		m := mail(1, 100)
		m.To = to
		verdicts(t, s.Offer(t.Context(), m, nothing), waxwing.Rejected, waxwing.AddressFault, waxwing.PhaseRcpt)
		if to != "" {
			m = mail(1, 100)
			m.From = to
			verdicts(t, s.Offer(t.Context(), m, nothing), waxwing.Rejected, waxwing.PolicyFault, waxwing.PhaseMail)
		}
	}
	for _, data := range []string{"a\nb\r\n", "a\rb\r\n", "a\x00\r\n", "a\n.\r\nMAIL FROM:<x@y.example>\r\n"} {
		m := mail(1, 0)
		m.Data = []byte(data)
		verdicts(t, s.Offer(t.Context(), m, nothing), waxwing.Rejected, waxwing.PolicyFault, waxwing.PhaseBody)
	}
	_ = s.Close(context.Background())
	a := s.Offer(t.Context(), mail(1, 100), nothing)
	if a.Verdict != waxwing.Deferred || !errors.Is(a.Err, waxwing.ErrStopping) {
		t.Errorf("%+v", a)
	}
}

// FuzzRandomServer answers with whatever the fuzzer says. No panic, one
// verdict, and accepted only if the server's last word can have been a 2xx.
func FuzzRandomServer(f *testing.F) {
	f.Add("220 hi\r\n|250 hi\r\n|250 ok\r\n|250 ok\r\n|354 go\r\n|250 ok\r\n")
	f.Add("220 hi\r\n|250-hi\r\n250 PIPELINING\r\n|250 ok\r\n250 ok\r\n354 go\r\n||250 ok\r\n")
	f.Add("220 hi\r\n|250 hi\r\n|550 no\r\n|")
	f.Add("220 \xff\r\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, says string) {
		if len(says) > 4096 {
			return
		}
		var wg sync.WaitGroup
		dial := func(context.Context, string, string) (net.Conn, error) {
			a, b := newWire(0)
			wg.Go(func() {
				defer b.Close()
				buf := make([]byte, 8192)
				for i, w := range strings.Split(says, "|") {
					if i > 0 {
						if _, err := b.Read(buf); err != nil {
							return
						}
					}
					_, _ = b.Write([]byte(w))
				}
			})
			return a, nil
		}
		s := smtp.New(smtp.Config{Name: "mail", TLS: smtp.NoTLS, Connections: 1, Addr: "mx.example:25", Dial: dial, Timeouts: allTimeouts(time.Second)})
		commits := 0
		a := s.Offer(context.Background(), mail(1, 100), func() error { commits++; return nil })
		_ = s.Close(context.Background())
		wg.Wait()
		switch a.Verdict {
		case waxwing.Accepted:
			if commits != 1 || a.Code/100 != 2 || !strings.Contains(says, "354") {
				t.Errorf("%q: %+v", says, a)
			}
		case waxwing.UncertainVerdict:
			if commits != 1 {
				t.Errorf("%q: %+v", says, a)
			}
		case waxwing.Deferred, waxwing.Rejected:
			if commits > 0 && a.Phase != waxwing.PhaseDot {
				t.Errorf("%q: %+v", says, a)
			}
		default:
			t.Errorf("%q: no verdict", says)
		}
	})
}
