package web

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
)

// gate is the listener's door: it lets so many connections in that files and providers
// keep theirs. Where it is full it shuts the ones that only wait: a thousand silent or
// slow clients must not keep a shop's webhook out.
type gate struct {
	max  int
	told func(evicted int) // connections were shut to make room
	now  func() time.Time

	mu     sync.Mutex
	conns  []*conn
	room   chan struct{} // a connection has gone
	shut   chan struct{}
	once   sync.Once
	out    atomic.Int64 // bytes of large answers that are being written
	maxOut int64
}

const (
	// patience is how long a client is waited for when others want in. What a shop sends
	// is there within it.
	patience = time.Second
	// maxOut bounds the large answers that lie in memory for slow readers.
	maxOut = 64 << 20
	// leastConnections is how few make a server still.
	leastConnections = 8
)

func newGate(most int, told func(int)) *gate {
	return &gate{max: max(most, leastConnections), maxOut: maxOut, told: told, now: time.Now, room: make(chan struct{}, 1), shut: make(chan struct{})}
}

// door is a gate around one listener.
type door struct {
	net.Listener
	*gate
}

func (d door) Close() error {
	d.once.Do(func() { close(d.shut) })
	return d.Listener.Close()
}

// Accept lets a connection in, and makes room for it where there is none. Where all
// are at work, newcomers wait in the system's queue.
func (d door) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		switch {
		case err == nil:
		case waxwing.ShortOfResources(err):
			// Somebody else has used descriptors up. Waiting longer and longer, as
			// net/http would, keeps shops out when there are some again.
			d.evict(1)
			if !d.wait(10 * time.Millisecond) {
				return nil, net.ErrClosed
			}
			continue
		default:
			return nil, err
		}
		x := &conn{Conn: c, gate: d.gate}
		x.begin(stranger)
		for !d.enter(x) {
			d.evict(max(d.max/8, 1))
			if d.enter(x) {
				break
			}
			if !d.wait(50 * time.Millisecond) {
				_ = c.Close()
				return nil, net.ErrClosed
			}
		}
		return x, nil
	}
}

// wait waits until a connection has gone, or so long; false: the door is shut.
func (g *gate) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-g.room:
	case <-t.C:
	case <-g.shut:
		return false
	}
	return true
}

func (g *gate) enter(c *conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.conns) >= g.max {
		return false
	}
	c.place = len(g.conns)
	g.conns = append(g.conns, c)
	return true
}

func (g *gate) leave(c *conn) {
	g.mu.Lock()
	if c.place < len(g.conns) && g.conns[c.place] == c {
		last := len(g.conns) - 1
		g.conns[c.place] = g.conns[last]
		g.conns[c.place].place = c.place
		g.conns[last] = nil
		g.conns = g.conns[:last]
	}
	g.mu.Unlock()
	select {
	case g.room <- struct{}{}:
	default:
	}
}

// open is how many connections there are.
func (g *gate) open() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.conns)
}

// evict shuts up to n connections of those that have shown no key and no signature for
// a while. Where there are none, one goes: idle before unproven before one whose client
// does not read or send.
func (g *gate) evict(n int) {
	now := g.now().UnixNano()
	longAgo := now - int64(patience)
	g.mu.Lock()
	var old []*conn
	var idle, young, stuck *conn
	older := func(a, b *conn, at func(*conn) int64) *conn {
		if a == nil || at(b) < at(a) {
			return b
		}
		return a
	}
	since := func(c *conn) int64 { return c.since.Load() }
	waits := func(c *conn) int64 { return c.waits.Load() }
	for _, c := range g.conns {
		w := c.waits.Load()
		switch p := phase(c.phase.Load()); {
		case p == stranger && c.since.Load() < longAgo:
			old = append(old, c)
		case p == between:
			idle = older(idle, c, since)
		case p == stranger:
			young = older(young, c, since)
		case w != 0 && w < longAgo:
			stuck = older(stuck, c, waits)
		}
	}
	g.mu.Unlock()
	slices.SortFunc(old, func(a, b *conn) int { return cmp.Compare(a.since.Load(), b.since.Load()) })
	old = old[:min(len(old), n)]
	if len(old) == 0 {
		for _, c := range []*conn{idle, young, stuck} {
			if c != nil {
				old = append(old, c)
				break
			}
		}
	}
	g.expel(old)
}

// expel shuts connections at once: what lies in the system's buffers for them goes, too.
func (g *gate) expel(cs []*conn) {
	for _, c := range cs {
		if t, ok := c.Conn.(*net.TCPConn); ok {
			_ = t.SetLinger(0)
		}
		_ = c.Close()
	}
	if len(cs) > 0 && g.told != nil {
		g.told(len(cs))
	}
}

// answering takes n bytes of the room for large answers; where there is none, those
// who have not read theirs for longest lose it.
func (g *gate) answering(n int64) {
	if g.out.Add(n) <= g.maxOut {
		return
	}
	longAgo := g.now().Add(-patience).UnixNano()
	var stuck []*conn
	g.mu.Lock()
	for _, c := range g.conns {
		if w := c.waits.Load(); w != 0 && w < longAgo && c.answer.Load() > 0 {
			stuck = append(stuck, c)
		}
	}
	g.mu.Unlock()
	g.expel(stuck)
}

// phase is what a connection is waiting for.
type phase int32

const (
	stranger phase = iota // its request has shown no key and no signature yet
	trusted               // it has
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
	until  atomic.Int64 // the answer's deadline; 0: none
	answer atomic.Int64 // bytes of a large answer under way
	gone   atomic.Bool

	framing framing
}

func (c *conn) begin(p phase) {
	c.since.Store(c.now().UnixNano())
	c.phase.Store(int32(p))
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.framing.see(b[:n])
	return n, err
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

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.until.Store(0)
	if !t.IsZero() {
		c.until.Store(t.UnixNano())
	}
	return c.Conn.SetWriteDeadline(t)
}

func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetWriteDeadline(t); err != nil {
		return err
	}
	return c.Conn.SetReadDeadline(t)
}

// CloseWrite is what net/http ends a refused request with, so that its answer arrives.
func (c *conn) CloseWrite() error {
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
func trust(r *http.Request) {
	if c := connOf(r); c != nil {
		c.begin(trusted)
	}
}

// waiting notes that r's client is waited for, until the func is called.
func waiting(r *http.Request) (over func()) {
	c := connOf(r)
	if c == nil {
		return func() {}
	}
	c.waits.Store(c.now().UnixNano())
	return func() { c.waits.Store(0) }
}
