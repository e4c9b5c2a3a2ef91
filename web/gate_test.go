package web

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/web/metrics"
)

// crowd is a server with few connections. change may make it another one.
func crowd(t *testing.T, most int, change ...func(*Parts)) (s *Server, addr string) {
	f := waxwing.Format{Name: "shopify", SignedIn: "X-Sign", Topic: func(http.Header) string { return "" },
		Verify: func(h http.Header, _ []byte, _ []waxwing.Secret) bool { return h.Get("X-Sign") == "good" }}
	p := Parts{Config: configtest.With(map[string]config.Tenant{"acme": {Keys: []config.BearerKey{{Key: "k"}}, Shops: map[string]config.Shop{"web": {Format: "shopify", Secret: "s"}}}}),
		Formats: map[string]waxwing.Format{"shopify": f}, Intake: intake{}, Meter: metrics.New(nil), Connections: most}
	for _, f := range change {
		f(&p)
	}
	s = New(p)
	return s, listen(t, s)
}

const goodHook = "POST /hooks/acme/web HTTP/1.1\r\nHost: a\r\nX-Sign: good\r\nContent-Length: 2\r\n\r\n{}"

// talk sends on a new connection and leaves it open.
func talk(t *testing.T, addr, send string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, send); err != nil {
		t.Fatal(err)
	}
	return c
}

// said is the status of the next answer; 0: the connection ended.
func said(c net.Conn) int {
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// Whatever holds the connections, a shop's webhook is taken.
func TestGateMakesRoomForShops(t *testing.T) {
	const most = 16
	for name, send := range map[string]string{
		"silent":         "",
		"a slow header":  "POST /hooks/acme/web HTTP/1.1\r\nHost:",
		"a promise":      "POST /hooks/acme/web HTTP/1.1\r\nHost: a\r\nContent-Length: 8388608\r\n\r\n{",
		"a keyed one":    "POST /v1/tenants/acme/orders HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\nContent-Length: 80000\r\n\r\n{",
		"kept and known": goodHook,
		"kept":           "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			s, addr := crowd(t, most)
			for range 3 * most {
				talk(t, addr, send)
			}
			for i := range 3 * most {
				if code := said(talk(t, addr, goodHook)); code != http.StatusAccepted {
					t.Fatalf("webhook %d: %d", i, code)
				}
			}
			if n := s.gate.open(); n > most {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// A connection whose request is being worked on is not shut for another.
func TestGateKeepsWhoWorks(t *testing.T) {
	const most = leastConnections
	entered, leave := make(chan struct{}, most), make(chan struct{})
	s, addr := crowd(t, most, func(p *Parts) { p.Intake = slowIntake{entered, leave} })
	var busy []net.Conn
	for range most {
		busy = append(busy, talk(t, addr, goodHook))
		<-entered
	}
	// They are older than a client is waited for, and none of them waits for one.
	old := s.gate.now().Add(-time.Minute).UnixNano()
	s.gate.mu.Lock()
	for _, c := range s.gate.conns {
		c.since.Store(old)
	}
	s.gate.mu.Unlock()
	late := talk(t, addr, goodHook)
	s.gate.evict(most)
	if n := s.gate.open(); n != most {
		t.Fatalf("%d of %d are left", n, most)
	}
	close(leave)
	for _, c := range append(busy, late) {
		if code := said(c); code != http.StatusAccepted {
			t.Errorf("%d", code)
		}
		_ = c.Close()
	}
}

type slowIntake struct{ entered, leave chan struct{} }

func (i slowIntake) Accept(context.Context, *waxwing.Event) (waxwing.Receipt, error) {
	i.entered <- struct{}{}
	<-i.leave
	return waxwing.Receipt{ID: 1, State: waxwing.Received, New: true}, nil
}

// Who does not read a large answer does not keep it in memory.
func TestSlowReadersLoseTheirAnswers(t *testing.T) {
	g := newGate(64, nil)
	var later atomic.Int64
	g.now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := door{l, g}
	defer d.Close()
	var over []chan error
	const large = 16 << 20
	for range maxOut/large + 1 {
		talk(t, l.Addr().String(), "") // and does not read
		c, err := d.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if len(over) == maxOut/large {
			later.Store(int64(2 * patience)) // the others have waited for long
		}
		done := make(chan error, 1)
		go func() { _, err := c.Write(make([]byte, large)); done <- err }()
		for c.(*conn).answer.Load() == 0 { // until it is counted
			select {
			case err := <-done:
				t.Fatal(err)
			default:
			}
		}
		over = append(over, done)
	}
	for _, done := range over[:len(over)-1] {
		if err := <-done; err == nil {
			t.Error("an answer that nobody reads was written")
		}
	}
	for limit := time.Now().Add(10 * time.Second); g.open() != 1; runtime.Gosched() { // the last one is leaving
		if time.Now().After(limit) {
			t.Fatalf("%d connections are left", g.open())
		}
	}
}

// Nobody takes longer over a large answer than the whole answer has.
func TestAnswersHaveDeadlines(t *testing.T) {
	g := newGate(64, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := door{l, g}
	defer d.Close()
	talk(t, l.Addr().String(), "") // and does not read
	c, err := d.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	began := time.Now()
	if _, err := c.Write(make([]byte, 32<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	if took := time.Since(began); took > writeTime/2 {
		t.Errorf("it took %s", took)
	}
	_ = c.Close()
	_ = c.Close()
	if g.open() != 0 || g.out.Load() != 0 {
		t.Errorf("%d connections, %d bytes", g.open(), g.out.Load())
	}
}

// slowBooks lists when it is let to.
type slowBooks struct {
	Books
	entered chan struct{}
	leave   chan struct{}
}

func (b slowBooks) List(context.Context, waxwing.Query) ([]waxwing.ConfirmationView, error) {
	b.entered <- struct{}{}
	<-b.leave
	return nil, nil
}

// A tenant's lists, which are read one after the other, do not fill the door: beyond a
// few they are told to wait, and orders come in beside them.
func TestListsDoNotFillTheDoor(t *testing.T) {
	const most = 64
	books := slowBooks{entered: make(chan struct{}, most), leave: make(chan struct{})}
	s, addr := crowd(t, most, func(p *Parts) { p.Books = books })
	var told, wait int
	var kept []net.Conn
	for range 2 * most {
		c := talk(t, addr, "GET /v1/tenants/acme/confirmations HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n\r\n")
		if len(kept) < s.doors.desks.each { // until all places are taken
			kept = append(kept, c)
			for limit := time.Now().Add(10 * time.Second); s.doors.desks.under() < len(kept); runtime.Gosched() {
				if time.Now().After(limit) {
					t.Fatal("it did not come in")
				}
			}
			wait++
			continue
		}
		if code := said(c); code != http.StatusTooManyRequests {
			t.Fatalf("list %d: %d", wait, code)
		}
		told++
		if code := said(talk(t, addr, goodHook)); code != http.StatusAccepted {
			t.Fatalf("a webhook beside %d lists: %d", wait, code)
		}
	}
	close(books.leave)
	for _, c := range kept {
		if code := said(c); code != http.StatusOK {
			t.Errorf("a list that waited: %d", code)
		}
	}
	if len(books.entered) != len(kept) || told == 0 {
		t.Errorf("%d were read, %d were told to wait", len(books.entered), told)
	}
}

func (d *desks) under() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sum
}
