package smtp_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/channel/smtp"
)

func verdicts(t *testing.T, a waxwing.Attempt, v waxwing.Verdict, f waxwing.Fault, p waxwing.Phase) {
	t.Helper()
	if a.Verdict != v || a.Fault != f || a.Phase != p {
		t.Errorf("%s, %s at %s (%v); want %s, %s at %s", a.Verdict, a.Fault, a.Phase, a.Err, v, f, p)
	}
}

func TestGreylisted(t *testing.T) {
	var seen atomic.Int64
	plan := func(q sink.Question) sink.Answer {
		if q.Phase == waxwing.PhaseRcpt && seen.Add(1) == 1 {
			return sink.Answer{Code: 450, Text: "4.7.1 greylisted, come back"}
		}
		return sink.Answer{}
	}
	_, s := start(t, sink.Config{Plan: plan}, smtp.Config{Connections: 1})
	a := s.Offer(t.Context(), mail(1, 100), nothing)
	verdicts(t, a, waxwing.Deferred, waxwing.RecipientFault, waxwing.PhaseRcpt)
	if a.Code != 450 || a.Enhanced != "4.7.1" || a.Reply.Reveal() != "450 4.7.1 greylisted, come back" || strings.Contains(a.Err.Error(), "greylisted") {
		t.Errorf("%+v: %v", a, a.Err)
	}
	verdicts(t, s.Offer(t.Context(), mail(1, 100), nothing), waxwing.Accepted, "", waxwing.PhaseDot)
}

// Test421EachNth: a server that limits messages on a connection says 421 at
// MAIL; on a kept connection that costs nothing but a new one.
func Test421EachNth(t *testing.T) {
	for _, at := range []waxwing.Phase{waxwing.PhaseMail, waxwing.PhaseRcpt, waxwing.PhaseData, waxwing.PhaseDot} {
		for _, lockstep := range []bool{false, true} {
			var seen atomic.Int64
			plan := func(q sink.Question) sink.Answer {
				if q.Phase == at && seen.Add(1)%5 == 0 {
					return sink.Answer{Code: 421, Text: "4.3.2 enough for now"}
				}
				return sink.Answer{}
			}
			srv, s := start(t, sink.Config{Plan: plan, Lockstep: lockstep}, smtp.Config{Connections: 2})
			var wg sync.WaitGroup
			var accepted, deferred atomic.Int64
			for k := range 6 {
				wg.Go(func() {
					for i := range 20 {
						switch a := s.Offer(t.Context(), mail(k*100+i, 500), nothing); {
						case a.Verdict == waxwing.Accepted:
							accepted.Add(1)
						case a.Verdict == waxwing.Deferred && a.Fault == waxwing.RecipientFault && a.Bad && a.Code == 421:
							deferred.Add(1)
						default:
							t.Errorf("%s: %+v", at, a)
						}
					}
				})
			}
			wg.Wait()
			if n := int64(srv.Truth().Total()); n != accepted.Load() || n+deferred.Load() != 120 {
				t.Errorf("%s: %d arrived, %d accepted, %d deferred", at, n, accepted.Load(), deferred.Load())
			}
		}
	}
}

// TestDisconnectedInTheBody cuts the line at twenty places before the dot.
func TestDisconnectedInTheBody(t *testing.T) {
	m := mail(1, 4000)
	for i := range 20 {
		at := i * len(m.Data) / 19
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan string, 1)
		go func() { // a server that takes so many bytes of the body, and goes
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			b := make([]byte, 64<<10)
			fmt.Fprint(c, "220 hi\r\n")
			for _, answer := range []string{"250 hi\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"} {
				if _, err := c.Read(b); err != nil {
					return
				}
				fmt.Fprint(c, answer)
			}
			n := 0
			for n < at {
				k, err := c.Read(b[:at-n])
				if n += k; err != nil {
					break
				}
			}
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
			got <- ""
		}()
		gone := make(chan struct{})
		s := smtp.New(smtp.Config{Name: "mail", Addr: l.Addr().String(), TLS: smtp.NoTLS, Connections: 1,
			Dial: func(ctx context.Context, n, a string) (net.Conn, error) {
				c, err := new(net.Dialer).DialContext(ctx, n, a)
				if err != nil {
					return nil, err
				}
				return &gate{TCPConn: c.(*net.TCPConn), fired: gone, total: 17000, cut: func(int) int { return at }}, nil // stops within this body
			}})
		go func() { <-got; close(gone) }()
		a := s.Offer(t.Context(), m, func() error { t.Errorf("%d: committed", at); return nil })
		verdicts(t, a, waxwing.Deferred, waxwing.TransportFault, waxwing.PhaseBody)
		_ = s.Close(context.Background())
		_ = l.Close()
	}
}

// TestAcceptedThenReset loses the reply to 500 dots: each is uncertain, none is
// repeated, and those whose envelope went out with a lost dot are not lost.
func TestAcceptedThenReset(t *testing.T) {
	plan := func(q sink.Question) sink.Answer {
		return sink.Answer{Lost: q.Phase == waxwing.PhaseDot && !strings.HasPrefix(q.MessageID, "9")}
	}
	srv, s := start(t, sink.Config{Plan: plan}, smtp.Config{Connections: 4})
	var wg sync.WaitGroup
	for k := range 10 {
		wg.Go(func() {
			for i := range 100 {
				n, want := 100000+k*1000+i, waxwing.UncertainVerdict
				if i%2 == 1 {
					n, want = n+800000, waxwing.Accepted
				}
				commits := 0
				if a := s.Offer(t.Context(), mail(n, 1000), func() error { commits++; return nil }); a.Verdict != want || commits != 1 {
					t.Errorf("%d: %+v, %d commits", n, a, commits)
				}
			}
		})
	}
	wg.Wait()
	counts := srv.Truth().Counts()
	for id, n := range counts {
		if n != 1 {
			t.Errorf("%s arrived %d times", id, n)
		}
	}
	if len(counts) != 1000 {
		t.Errorf("%d messages arrived, want 1000", len(counts))
	}
}

// TestStaleConnection: a kept connection that died meanwhile is not the
// message's fault.
func TestStaleConnection(t *testing.T) {
	srv := sink.New(sink.Config{})
	var mu sync.Mutex
	var conns []net.Conn
	dial := func(context.Context, string, string) (net.Conn, error) {
		a, b := newWire(0)
		mu.Lock()
		conns = append(conns, b)
		mu.Unlock()
		go srv.ServeConn(b)
		return a, nil
	}
	s := smtp.New(smtp.Config{Name: "mail", TLS: smtp.NoTLS, Connections: 1, Dial: dial, Addr: "mx.example:25"})
	for i := range 5 {
		verdicts(t, s.Offer(t.Context(), mail(i, 100), nothing), waxwing.Accepted, "", waxwing.PhaseDot)
		mu.Lock()
		_ = conns[len(conns)-1].Close()
		mu.Unlock()
	}
	if len(conns) != 5 || srv.Truth().Total() != 5 {
		t.Errorf("%d connections, %d mails", len(conns), srv.Truth().Total())
	}
	_ = s.Close(context.Background())
	_ = srv.Close()
}

func TestTLSFaults(t *testing.T) {
	now := time.Now()
	cert, pool := certificate(t, "mx.example", now.Add(-time.Hour), now.Add(time.Hour))
	old, oldPool := certificate(t, "mx.example", now.Add(-2*time.Hour), now.Add(-time.Hour))
	young, youngPool := certificate(t, "mx.example", now.Add(time.Hour), now.Add(2*time.Hour))
	other, otherPool := certificate(t, "mx.evil.example", now.Add(-time.Hour), now.Add(time.Hour))
	good := &tls.Config{Certificates: []tls.Certificate{cert}}
	for name, c := range map[string]struct {
		server *tls.Config
		client *tls.Config
	}{
		"expired":          {&tls.Config{Certificates: []tls.Certificate{old}}, &tls.Config{RootCAs: oldPool}},
		"not yet valid":    {&tls.Config{Certificates: []tls.Certificate{young}}, &tls.Config{RootCAs: youngPool}},
		"wrong host":       {&tls.Config{Certificates: []tls.Certificate{other}}, &tls.Config{RootCAs: otherPool}},
		"self-signed":      {good, nil},
		"TLS 1.0":          {&tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10}},
		"no shared cipher": {&tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}}, &tls.Config{RootCAs: pool}},
	} {
		for _, mode := range []smtp.TLSMode{smtp.StartTLS, smtp.ImplicitTLS} {
			srv, s := start(t, sink.Config{TLS: c.server, Implicit: mode == smtp.ImplicitTLS},
				smtp.Config{Connections: 1, TLS: mode, ServerName: "mx.example", TLSConfig: c.client, User: "u", Password: "hunter2"})
			a := s.Offer(t.Context(), mail(1, 100), func() error { t.Error("committed"); return nil })
			if a.Verdict != waxwing.Deferred || a.Fault != waxwing.ProviderFault || !a.Bad || srv.Truth().Total() != 0 {
				t.Errorf("%s, %s: %+v", name, mode, a)
			}
		}
	}
	// STARTTLS stripped on the way: never in the clear.
	_, s := start(t, sink.Config{}, smtp.Config{Connections: 1, TLS: smtp.StartTLS, TLSConfig: &tls.Config{RootCAs: pool}})
	verdicts(t, s.Offer(t.Context(), mail(1, 100), nothing), waxwing.Deferred, waxwing.ProviderFault, waxwing.PhaseSTARTTLS)
	// And as it should be, with a login.
	for _, mode := range []smtp.TLSMode{smtp.StartTLS, smtp.ImplicitTLS} {
		sc := sink.Config{TLS: good, Implicit: mode == smtp.ImplicitTLS, User: "u", Password: "p"}
		_, s := start(t, sc, smtp.Config{Connections: 1, TLS: mode, ServerName: "mx.example", TLSConfig: &tls.Config{RootCAs: pool}, User: "u", Password: "p"})
		for i := range 3 {
			verdicts(t, s.Offer(t.Context(), mail(i, 50000), nothing), waxwing.Accepted, "", waxwing.PhaseDot)
		}
	}
}

// chat plays a fixed server: each expected line and its answer.
func chat(t *testing.T, lines ...string) (dial func(context.Context, string, string) (net.Conn, error), wait func()) {
	t.Helper()
	var wg sync.WaitGroup
	return func(context.Context, string, string) (net.Conn, error) {
		a, b := newWire(0)
		wg.Go(func() {
			defer b.Close()
			buf := make([]byte, 64<<10)
			for i := 0; i < len(lines); i += 2 {
				if lines[i] != "" {
					got, want := "", lines[i]+"\r\n"
					for got != want && strings.HasPrefix(want, got) {
						n, err := b.Read(buf)
						if got += string(buf[:n]); err != nil {
							break
						}
					}
					if got != want {
						t.Errorf("got %q, want %q", got, want)
						return
					}
				}
				_, _ = b.Write([]byte(strings.ReplaceAll(lines[i+1], "\n", "\r\n") + "\r\n"))
			}
			_, _ = b.Read(buf) // QUIT, or the end
		})
		return a, nil
	}, wg.Wait
}

func converse(t *testing.T, c smtp.Config, m *waxwing.Outgoing, lines ...string) waxwing.Attempt {
	t.Helper()
	dial, wait := chat(t, lines...)
	c.Name, c.Dial, c.Connections, c.Addr = "mail", dial, 1, "mx.example:25"
	c.Hello = "waxwing.example"
	if c.TLS == "" {
		c.TLS = smtp.NoTLS
	}
	s := smtp.New(c)
	a := s.Offer(t.Context(), m, nothing)
	_ = s.Close(context.Background())
	wait()
	return a
}

func TestConversations(t *testing.T) {
	m := func(change func(*waxwing.Outgoing)) *waxwing.Outgoing {
		o := &waxwing.Outgoing{From: "orders@acme.example", To: "bob@example.com", Data: []byte("x: y\r\n\r\nbody\r\n")}
		if change != nil {
			change(o)
		}
		return o
	}
	wide := m(func(o *waxwing.Outgoing) { o.To = "dörte@example.com" })
	eight := m(func(o *waxwing.Outgoing) { o.EightBit = true })
	const hello = "EHLO waxwing.example"
	t.Run("size, 8BITMIME and SMTPUTF8 are said where offered and needed", func(t *testing.T) {
		a := converse(t, smtp.Config{}, m(nil), "", "220 hi", hello, "250-hi\n250-SIZE 1000\n250-8BITMIME\n250 SMTPUTF8",
			"MAIL FROM:<orders@acme.example> SIZE=14", "250 ok", "RCPT TO:<bob@example.com>", "250 ok", "DATA", "354 go",
			"x: y\r\n\r\nbody\r\n.", "250 2.0.0 queued", "QUIT", "221 bye")
		verdicts(t, a, waxwing.Accepted, "", waxwing.PhaseDot)
		a = converse(t, smtp.Config{}, wide, "", "220 hi", hello, "250-hi\n250-8BITMIME\n250 SMTPUTF8",
			"MAIL FROM:<orders@acme.example> BODY=8BITMIME SMTPUTF8", "250 ok", "RCPT TO:<dörte@example.com>", "550 5.1.1 dörte unbekannt", "RSET", "250 ok")
		verdicts(t, a, waxwing.Rejected, waxwing.AddressFault, waxwing.PhaseRcpt)
		a = converse(t, smtp.Config{}, eight, "", "220 hi", hello, "250-hi\n250 8BITMIME",
			"MAIL FROM:<orders@acme.example> BODY=8BITMIME", "452 4.3.1 full")
		verdicts(t, a, waxwing.Deferred, waxwing.RecipientFault, waxwing.PhaseMail)
	})
	t.Run("what a server does not offer is not tried", func(t *testing.T) {
		for _, o := range []*waxwing.Outgoing{wide, eight} {
			a := converse(t, smtp.Config{}, o, "", "220 hi", hello, "250 hi")
			verdicts(t, a, waxwing.Rejected, waxwing.PolicyFault, waxwing.PhaseMail)
		}
		a := converse(t, smtp.Config{}, m(nil), "", "220 hi", hello, "250-hi\n250 SIZE 13")
		verdicts(t, a, waxwing.Rejected, waxwing.PolicyFault, waxwing.PhaseMail)
	})
	t.Run("AUTH", func(t *testing.T) {
		login := smtp.Config{User: "user", Password: "pass"}
		a := converse(t, login, m(nil), "", "220 hi", hello, "250-hi\n250 AUTH LOGIN", "AUTH LOGIN", "334 VXNlcm5hbWU6",
			"dXNlcg==", "334 UGFzc3dvcmQ6", "cGFzcw==", "235 ok", "MAIL FROM:<orders@acme.example>", "550 5.7.1 no")
		verdicts(t, a, waxwing.Rejected, waxwing.PolicyFault, waxwing.PhaseMail)
		a = converse(t, login, m(nil), "", "220 hi", hello, "250-hi\n250 AUTH PLAIN LOGIN", "AUTH PLAIN AHVzZXIAcGFzcw==", "535 5.7.8 AHVzZXIAcGFzcw== is wrong")
		verdicts(t, a, waxwing.Deferred, waxwing.ProviderFault, waxwing.PhaseAuth)
		if a.Reply != "" || !a.Bad || a.Code != 535 {
			t.Errorf("%+v, reply %q", a, a.Reply.Reveal())
		}
		a = converse(t, login, m(nil), "", "220 hi", hello, "250-hi\n250 AUTH CRAM-MD5")
		verdicts(t, a, waxwing.Deferred, waxwing.ProviderFault, waxwing.PhaseAuth)
		a = converse(t, login, m(nil), "", "220 hi", hello, "250 hi")
		verdicts(t, a, waxwing.Deferred, waxwing.ProviderFault, waxwing.PhaseAuth)
	})
	t.Run("pipelined", func(t *testing.T) {
		a := converse(t, smtp.Config{}, m(nil), "", "220 hi", hello, "250-hi\n250 PIPELINING",
			"MAIL FROM:<orders@acme.example>\r\nRCPT TO:<bob@example.com>\r\nDATA", "250 ok\n452 4.2.2 full\n503 none", "RSET", "250 ok", "QUIT", "221 bye")
		verdicts(t, a, waxwing.Deferred, waxwing.RecipientFault, waxwing.PhaseRcpt)
	})
}

// reads plays a server's lines to a sender's first message and returns the
// attempt and what the server read afterwards, until the line's end and how it ended.
func reads(t *testing.T, commit func() error, answers ...string) (a waxwing.Attempt, after string, end error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			end = err
			return
		}
		defer c.Close()
		b := make([]byte, 64<<10)
		for i, w := range answers {
			if i > 0 {
				_, _ = c.Read(b)
			}
			_, _ = fmt.Fprint(c, w)
		}
		for end == nil {
			var n int
			n, end = c.Read(b)
			after += string(b[:n])
		}
	}()
	s := smtp.New(smtp.Config{Name: "mail", Addr: l.Addr().String(), TLS: smtp.NoTLS, Connections: 1})
	a = s.Offer(t.Context(), mail(1, 100), commit)
	_ = s.Close(context.Background())
	<-done
	return a, after, end
}

// TestNoBodyForNobody: RCPT is refused and DATA answered with 354 all the same.
// The server gets nothing more, not even an empty message.
func TestNoBodyForNobody(t *testing.T) {
	a, after, end := reads(t, nothing, "220 hi\r\n", "250-hi\r\n250 PIPELINING\r\n", "250 ok\r\n550 5.1.1 no\r\n354 go\r\n")
	verdicts(t, a, waxwing.Rejected, waxwing.AddressFault, waxwing.PhaseRcpt)
	if after != "" || !errors.Is(end, syscall.ECONNRESET) {
		t.Errorf("the server read %q, then %v", after, end)
	}
}

// TestRefusedCommitResets: the server has the body, no dot, no QUIT, a reset.
func TestRefusedCommitResets(t *testing.T) {
	a, after, end := reads(t, func() error { return errors.New("no") }, "220 hi\r\n", "250-hi\r\n250 PIPELINING\r\n", "250 ok\r\n250 ok\r\n354 go\r\n")
	verdicts(t, a, waxwing.Deferred, waxwing.LedgerFault, waxwing.PhaseDot)
	if strings.Contains(after, "\r\n.\r\n") || strings.Contains(after, "QUIT") || !errors.Is(end, syscall.ECONNRESET) {
		t.Errorf("the server read %q, then %v", after, end)
	}
}

// TestOffersInTheClearDoNotCount: what EHLO said before TLS is forgotten.
func TestOffersInTheClearDoNotCount(t *testing.T) {
	cert, pool := certificate(t, "mx.example", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	srv := &script{tls: &tls.Config{Certificates: []tls.Certificate{cert}}, startTLS: true, offers: "250-SIZE 10\r\n250-PIPELINING\r\n"}
	s := smtp.New(smtp.Config{Name: "mail", Addr: srv.listen(t), TLS: smtp.StartTLS, ServerName: "mx.example", Connections: 1, TLSConfig: &tls.Config{RootCAs: pool}})
	verdicts(t, s.Offer(t.Context(), mail(1, 100), nothing), waxwing.Accepted, "", waxwing.PhaseDot)
	_ = s.Close(context.Background())
	srv.close()
}

// far4 is a line to another machine.
type far4 struct{ net.Conn }

func (far4) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 25} }

func TestPasswordsStayHere(t *testing.T) {
	dial, wait := chat(t, "", "220 hi", "EHLO waxwing.example", "250-hi\n250 AUTH PLAIN")
	s := smtp.New(smtp.Config{Name: "mail", TLS: smtp.NoTLS, User: "u", Password: "p", Connections: 1, Hello: "waxwing.example", Addr: "192.0.2.1:25",
		Dial: func(ctx context.Context, n, a string) (net.Conn, error) {
			c, err := dial(ctx, n, a)
			return far4{c}, err
		}})
	verdicts(t, s.Offer(t.Context(), mail(1, 100), nothing), waxwing.Deferred, waxwing.ProviderFault, waxwing.PhaseAuth)
	_ = s.Close(context.Background())
	wait()
}
