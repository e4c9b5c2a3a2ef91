package web

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

// counted is a listener that counts what is asked of its connections.
type counted struct {
	net.Listener
	reads, deadlines atomic.Int64
}

func (l *counted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &countedConn{c, l}, err
}

type countedConn struct {
	net.Conn
	l *counted
}

func (c *countedConn) Read(b []byte) (int, error) {
	c.l.reads.Add(1)
	return c.Conn.Read(b)
}

func (c *countedConn) SetReadDeadline(t time.Time) error {
	c.l.deadlines.Add(1)
	return c.Conn.SetReadDeadline(t)
}

func (c *countedConn) SetWriteDeadline(t time.Time) error {
	c.l.deadlines.Add(1)
	return c.Conn.SetWriteDeadline(t)
}

// A webhook that comes at once costs one read, and no deadline that nothing meets.
func TestAWebhookIsReadNoFurther(t *testing.T) {
	s, _ := crowd(t, 16)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &counted{Listener: tcp}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = tcp.Close() })
	const hooks = 10
	c := talk(t, tcp.Addr().String(), "")
	for range hooks {
		if _, err := io.WriteString(c, goodHook); err != nil {
			t.Fatal(err)
		}
		if code := said(c); code != http.StatusAccepted {
			t.Fatal(code)
		}
	}
	// The next read may have begun.
	if n := l.reads.Load(); n > hooks+1 {
		t.Errorf("%d reads", n)
	}
	if n := l.deadlines.Load(); n > 2*hooks+2 {
		t.Errorf("%d deadlines", n)
	}
}

// untilGone takes an event when its request is over.
type untilGone struct{ entered chan struct{} }

func (i untilGone) Accept(ctx context.Context, _ *waxwing.Event) (waxwing.Receipt, error) {
	close(i.entered)
	<-ctx.Done()
	return waxwing.Receipt{}, waxwing.ErrUnavailable
}

// Where a request is given up when its client is gone, or holds room until then, that it is gone is
// noticed while the request is worked on.
func TestWhoHangsUpIsNoticed(t *testing.T) {
	long := strings.Repeat("x", freeBody)
	for name, send := range map[string]string{
		"a large webhook": "POST /hooks/acme/web HTTP/1.1\r\nHost: a\r\nX-Sign: good\r\nContent-Length: 32768\r\n\r\n" + long,
		"one in chunks":   "POST /hooks/acme/web HTTP/1.1\r\nHost: a\r\nX-Sign: good\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			i := untilGone{make(chan struct{})}
			s, addr := crowd(t, 16, func(p *Parts) { p.Intake = i })
			// The same connection had a webhook before, of which nobody would have noticed.
			c := talk(t, addr, strings.Replace(goodHook, "good", "bad", 1))
			if code := said(c); code != http.StatusUnauthorized {
				t.Fatal(code)
			}
			if _, err := io.WriteString(c, send); err != nil {
				t.Fatal(err)
			}
			<-i.entered
			_ = c.Close()
			if err := s.Shutdown(t.Context()); err != nil { // waits for the request
				t.Error(err)
			}
		})
	}
}

// Deadlines hold, though the system learns of them late.
func TestDeadlinesHold(t *testing.T) {
	ours, theirs := net.Pipe()
	defer func() { _ = theirs.Close() }()
	c := &conn{Conn: ours, gate: newGate(1, nil)}
	defer func() { _ = ours.Close() }()
	past, got := time.Now().Add(-time.Second), make([]byte, 8)
	late := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_ = c.SetReadDeadline(past)
	_, err := c.Read(got)
	late("a read after its deadline", err)
	_ = c.SetReadDeadline(time.Time{})
	var reading sync.WaitGroup
	reading.Go(func() { _, err = c.Read(got) })
	for c.reads.Load() == 0 {
		runtime.Gosched()
	}
	_ = c.SetReadDeadline(past)
	reading.Wait()
	late("a read under way at its deadline", err)
	_ = c.SetWriteDeadline(past)
	_, err = c.Write(got)
	late("a write after its deadline", err)
	_ = c.SetDeadline(time.Time{})
	reading.Go(func() { _, err = theirs.Read(got) })
	if _, err := c.Write(got); err != nil {
		t.Errorf("a write whose deadline was taken back: %v", err)
	}
	if reading.Wait(); err != nil {
		t.Error(err)
	}
}
