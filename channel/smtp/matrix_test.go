package smtp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/smtp"
)

// cell is a row of testdata/matrix.tsv.
type cell struct{ phase, fault, verdict, side, bad string }

func matrix(t *testing.T) (cells []cell) {
	t.Helper()
	b, err := os.ReadFile("testdata/matrix.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(b)) {
		if f := strings.Fields(l); len(f) == 5 && f[0] != "#" {
			cells = append(cells, cell{f[0], f[1], f[2], f[3], f[4]})
		}
	}
	if len(cells) != 13*42 {
		t.Fatalf("%d cells in the table, want 546", len(cells))
	}
	return cells
}

// gate is a client's connection that stops in the middle of the body until the
// server has done what it does there, and the client could have seen it.
type gate struct {
	*net.TCPConn
	fired <-chan struct{}
	total int
	open  bool
	cut   func(n int) int // where in a write of n bytes; nil: in the middle
}

func (g *gate) Write(b []byte) (int, error) {
	if g.total += len(b); g.open || g.total < 20000 {
		return g.TCPConn.Write(b)
	}
	g.open = true
	at := len(b) / 2
	if g.cut != nil {
		at = g.cut(len(b))
	}
	n, err := g.TCPConn.Write(b[:at])
	if err != nil {
		return n, err
	}
	<-g.fired
	rc, err := g.SyscallConn()
	if err != nil {
		return n, err
	}
	_ = rc.Read(func(fd uintptr) bool {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return err != syscall.EAGAIN
	})
	m, err := g.TCPConn.Write(b[n:])
	return n + m, err
}

// way is how a cell is played: what encrypts the connection, and whether the server pipelines.
type way struct {
	tls        smtp.TLSMode
	pipelining bool
}

func (w way) String() string {
	if w.pipelining {
		return string(w.tls) + "+pipelining"
	}
	return string(w.tls)
}

// lacks says why a way has no cell of this phase; "": it has.
func (w way) lacks(phase string) string {
	switch {
	case phase == "handshake" && w.tls == smtp.NoTLS:
		return "nothing is encrypted"
	case (phase == "starttls" || phase == "ehlo2") && w.tls != smtp.StartTLS:
		return "STARTTLS is not said"
	}
	return ""
}

// TestMatrix has each phase with each fault over plain text, STARTTLS and implicit TLS, each with
// PIPELINING and without. The table holds in all six: where a phase is not to be had in a way, its
// cells are counted as such, by the reason, so that none is left out unseen.
func TestMatrix(t *testing.T) {
	cert, pool := certificate(t, "mx.example", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	server := &tls.Config{Certificates: []tls.Certificate{cert}}
	var ran, right atomic.Int64
	lacking := map[string]int{}
	cells := matrix(t)
	for _, mode := range []smtp.TLSMode{smtp.NoTLS, smtp.StartTLS, smtp.ImplicitTLS} {
		for _, pipelining := range []bool{false, true} {
			w := way{mode, pipelining}
			t.Run(w.String(), func(t *testing.T) {
				slots := make(chan struct{}, 12)
				var wg sync.WaitGroup
				for _, c := range cells {
					if why := w.lacks(c.phase); why != "" {
						lacking[why]++
						continue
					}
					slots <- struct{}{}
					wg.Go(func() {
						defer func() { <-slots }()
						ran.Add(1)
						if runCell(t, w, c, server, pool) {
							right.Add(1)
						}
					})
				}
				wg.Wait()
			})
		}
	}
	t.Logf("%d of %d cells right; not to be had: %v", right.Load(), ran.Load(), lacking)
	// 13 phases of 42 faults, in six ways; two phases are STARTTLS's own, and one is TLS's.
	if want := int64(42 * (6*10 + 2*2 + 4)); !t.Failed() && (ran.Load() != want || right.Load() != want) {
		t.Errorf("%d cells ran and %d were right, want %d", ran.Load(), right.Load(), want)
	}
	if lacking["STARTTLS is not said"] != 42*2*4 || lacking["nothing is encrypted"] != 42*2 {
		t.Errorf("not to be had: %v", lacking)
	}
}

// runCell plays one cell and reports whether it came out as the table says.
func runCell(t *testing.T, mode way, c cell, server *tls.Config, pool *x509.CertPool) bool {
	s := &script{phase: c.phase, fault: c.fault, tls: server, implicit: mode.tls == smtp.ImplicitTLS, startTLS: mode.tls == smtp.StartTLS,
		pipelining: mode.pipelining, auth: c.phase == "auth"}
	cfg := smtp.Config{
		Name: "mail", Addr: s.listen(t), TLS: mode.tls, ServerName: "mx.example", Connections: 1, Hello: "waxwing.example",
		TLSConfig: &tls.Config{RootCAs: pool}, Timeouts: allTimeouts(20 * time.Second),
	}
	defer s.close()
	if s.auth {
		cfg.User, cfg.Password = "user", "password"
	}
	m := mail(1, 300)
	still := c.fault == "stall" || c.fault == "slow-loris"
	if still {
		shorten(&cfg.Timeouts, c.phase, 300*time.Millisecond)
	}
	switch {
	case c.phase == "connect" && still:
		cfg.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
	case c.phase == "body" && still:
		m = mail(1, 8<<20)
	case c.phase == "body":
		m = mail(1, 40<<10)
		cfg.Dial = func(ctx context.Context, n, a string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, n, a)
			if err != nil {
				return nil, err
			}
			return &gate{TCPConn: c.(*net.TCPConn), fired: s.fired}, nil
		}
	}
	snd := smtp.New(cfg)
	defer func() { _ = snd.Close(context.Background()) }()
	commits := 0
	commit := func() error { commits++; return nil }
	if c.phase == "reset" { // its first message is refused, whatever RSET comes to
		if a := snd.Offer(context.Background(), m, commit); a.Verdict != waxwing.Rejected || a.Phase != waxwing.PhaseRcpt {
			t.Errorf("reset %s: before it %+v", c.fault, a)
		}
	}
	a := snd.Offer(context.Background(), m, commit)
	side, bad := string(a.Fault), "-"
	if side == "" {
		side = "-"
	}
	if a.Bad {
		bad = "bad"
	}
	n, ok := s.accepted.Load(), true
	if got := (cell{c.phase, c.fault, string(a.Verdict), side, bad}); got != c {
		t.Errorf("%s: got %v, want %v (at %s: %v)", mode, got, c, a.Phase, a.Err)
		ok = false
	}
	switch {
	case a.Verdict == waxwing.Accepted && n != 1, a.Verdict == waxwing.UncertainVerdict && n > 1,
		(a.Verdict == waxwing.Deferred || a.Verdict == waxwing.Rejected) && n != 0:
		t.Errorf("%s %s %s: %s, but the server has it %d times", mode, c.phase, c.fault, a.Verdict, n)
		ok = false
	}
	if dot := c.phase == "dot" || a.Verdict == waxwing.Accepted; dot && commits != 1 || !dot && commits != 0 {
		t.Errorf("%s %s %s: %d commits", mode, c.phase, c.fault, commits)
		ok = false
	}
	return ok
}

func allTimeouts(d time.Duration) smtp.Timeouts {
	return smtp.Timeouts{Connect: d, Banner: d, Hello: d, TLS: d, Auth: d, Mail: d, Rcpt: d, Data: d, Block: d, Dot: d, Reset: d}
}

func shorten(t *smtp.Timeouts, phase string, d time.Duration) {
	switch phase {
	case "connect":
		t.Connect = d
	case "banner":
		t.Banner = d
	case "ehlo", "ehlo2", "starttls":
		t.Hello = d
	case "handshake":
		t.TLS = d
	case "auth":
		t.Auth = d
	case "mail":
		t.Mail = d
	case "reset":
		t.Reset = d
	case "rcpt":
		t.Rcpt = d
	case "data":
		t.Data = d
	case "body":
		t.Block = d
	case "dot":
		t.Dot = d
	}
}
