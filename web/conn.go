package web

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// phase is what a connection is waiting for.
type phase int32

const (
	stranger phase = iota // its request has shown no key and no signature yet
	visitor               // it asks for a page that needs none
	working               // it is whole, and being looked at
	trusted               // it has
	leaving               // it was answered for the last time, and lingers so that the answer arrives
	between               // it is between requests, the last of which was trusted
)

// conn is a connection that the gate can judge.
type conn struct {
	net.Conn
	*gate
	place  int          // in gate.conns
	phase  atomic.Int32 // phase
	since  atomic.Int64 // when the phase began, in Unix nanoseconds
	waits  atomic.Int64 // since when its client is waited for in a body or an answer; 0: it is not
	reads  atomic.Int64 // since when a read waits for bytes; 0: none does
	until  atomic.Int64 // the answer's deadline; 0: none
	answer atomic.Int64 // bytes of a large answer under way
	got    atomic.Int64 // bytes that came in this phase
	gone   atomic.Bool
	deaf   atomic.Bool // the next read of one byte is net/http's for a hang-up that changes nothing

	readBy  readBy
	old     atomic.Bool // the system's write deadline is one that was taken back
	framing framing
}

func (c *conn) begin(p phase) {
	c.got.Store(0)
	c.since.Store(c.now().UnixNano())
	c.phase.Store(int32(p))
}

func (c *conn) Read(b []byte) (int, error) {
	if len(b) == 1 && c.deaf.CompareAndSwap(true, false) {
		return 0, nil
	}
	c.reads.Store(c.now().UnixNano())
	c.readBy.begin(c.Conn)
	n, err := c.Conn.Read(b)
	c.readBy.end()
	c.reads.Store(0)
	c.got.Add(int64(n))
	c.framing.see(b[:n])
	return n, err
}

// fairRate is from how many bytes a second on a client is sending, and does not only
// keep its place.
const fairRate = 128 << 10

// sends reports whether a client has sent all the time, as of a time in Unix nanoseconds.
func (c *conn) sends(now int64) bool { return c.rate(now) >= fairRate }

// rate is how many bytes a second have come in this phase.
func (c *conn) rate(now int64) float64 {
	return float64(c.got.Load()) * float64(time.Second) / float64(max(now-c.since.Load(), 1))
}

const (
	// writePart must be taken within writeTime: so slow may a reader be.
	writePart = 64 << 10
	writeTime = 10 * time.Second
)

// Write writes large answers in parts, each with a deadline of its own beside the whole
// answer's.
func (c *conn) Write(b []byte) (n int, err error) {
	c.waits.Store(c.now().UnixNano())
	defer c.waits.Store(0)
	if c.old.Swap(false) {
		if err := c.Conn.SetWriteDeadline(time.Time{}); err != nil {
			return 0, err
		}
	}
	if len(b) <= writePart {
		return c.Conn.Write(b)
	}
	size := int64(len(b))
	c.answer.Store(size)
	c.answering(size)
	defer func() {
		c.answer.Store(0)
		c.out.Add(-size)
	}()
	whole := c.until.Load()
	for n < len(b) && err == nil {
		by := c.now().Add(writeTime)
		if whole != 0 && whole < by.UnixNano() {
			by = time.Unix(0, whole)
		}
		if err = c.Conn.SetWriteDeadline(by); err != nil {
			return n, err
		}
		var m int
		m, err = c.Conn.Write(b[n:min(n+writePart, len(b))])
		n += m
	}
	return n, err
}

// SetWriteDeadline leaves it to the next write to take a deadline back: net/http does so after
// each answer, and mostly has set another one by then.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if t.IsZero() {
		c.until.Store(0)
		c.old.Store(true)
		return nil
	}
	c.until.Store(t.UnixNano())
	c.old.Store(false)
	return c.Conn.SetWriteDeadline(t)
}

// SetReadDeadline has the next read end by then, or the one that is under way.
func (c *conn) SetReadDeadline(t time.Time) error { return c.readBy.set(c.Conn, t) }

func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetWriteDeadline(t); err != nil {
		return err
	}
	return c.SetReadDeadline(t)
}

// readBy is a connection's read deadline, which the system gets when a read begins: net/http
// sets four for a request, and reads twice.
type readBy struct {
	mu      sync.Mutex
	by      time.Time
	moved   bool // the system has another one
	reading bool
}

func (x *readBy) set(c net.Conn, by time.Time) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.by, x.moved = by, !x.reading
	if x.reading {
		return c.SetReadDeadline(by)
	}
	return nil
}

func (x *readBy) begin(c net.Conn) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.reading = true; x.moved {
		x.moved = false
		_ = c.SetReadDeadline(x.by) // where it fails, the read does
	}
}

func (x *readBy) end() {
	x.mu.Lock()
	x.reading = false
	x.mu.Unlock()
}

// CloseWrite is what net/http ends a refused request with, so that its answer arrives.
func (c *conn) CloseWrite() error {
	c.begin(leaving)
	if t, ok := c.Conn.(*net.TCPConn); ok {
		return t.CloseWrite()
	}
	return nil
}

func (c *conn) Close() error {
	err := c.Conn.Close()
	if !c.gone.Swap(true) {
		c.leave(c)
	}
	return err
}

// changed follows the server's view of a connection.
func changed(nc net.Conn, s http.ConnState) {
	c, ok := nc.(*conn)
	if !ok {
		return
	}
	c.deaf.Store(false)
	switch s {
	case http.StateActive:
		c.begin(stranger)
	case http.StateIdle:
		if phase(c.phase.Load()) == trusted {
			c.begin(between)
		} else {
			c.begin(stranger)
		}
	}
}

type connKey struct{}

func withConn(ctx context.Context, nc net.Conn) context.Context {
	if c, ok := nc.(*conn); ok {
		return context.WithValue(ctx, connKey{}, c)
	}
	return ctx
}

// connOf is the request's connection; nil in tests that have none.
func connOf(r *http.Request) *conn {
	c, _ := r.Context().Value(connKey{}).(*conn)
	return c
}

// trust notes that a request has shown a key or a signature.
func trust(r *http.Request) { enter(r, trusted) }

// whole notes that a stranger's request has come: it is our time from here on.
func whole(r *http.Request) {
	if c := connOf(r); c != nil {
		c.phase.CompareAndSwap(int32(stranger), int32(working))
	}
}

// visits notes that a request has no body, and nothing but its answer to come.
func visits(r *http.Request) {
	if c := connOf(r); c != nil && r.ContentLength == 0 {
		c.phase.CompareAndSwap(int32(stranger), int32(visitor))
	}
}

// unheard spares net/http the read by which it notices, from where a request's body has come,
// that its client hangs up: a goroutine that waits in a read of its own and is woken from it.
// It is for requests that are worked on all the same, whose bodies hold no room that others
// may want. net/http begins that read with one byte, and gives it up where none comes.
func unheard(r *http.Request) {
	if c := connOf(r); c != nil && r.ContentLength > 0 && r.ContentLength < freeBody-1 {
		c.deaf.Store(true)
	}
}

func enter(r *http.Request, p phase) {
	if c := connOf(r); c != nil {
		c.begin(p)
	}
}

// await notes that the client is waited for, until over.
func (c *conn) await() {
	if c != nil {
		c.waits.Store(c.now().UnixNano())
	}
}

func (c *conn) over() {
	if c != nil {
		c.waits.Store(0)
	}
}
