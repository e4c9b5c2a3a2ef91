package httpsend

import (
	"context"
	"net"
	"net/http/httptrace"
	"sync"
	"sync/atomic"

	"github.com/waxwinghq/waxwing/channel/wire"
)

// counted is a connection that knows how many bytes were written to it, below
// TLS, and can be sealed against more.
type counted struct {
	net.Conn
	written atomic.Int64
	mu      sync.Mutex // held during a write
	sealed  atomic.Bool
	suspect atomic.Bool // kept: look before the next write
}

// Write counts before it writes: what may have left has left.
func (c *counted) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sealed.Load() {
		return 0, net.ErrClosed
	}
	if c.suspect.Swap(false) {
		// A request that goes into a connection which the server has closed
		// would be uncertain for nothing.
		if some, gone := wire.Pending(c.Conn); some || gone {
			return 0, net.ErrClosed
		}
	}
	c.written.Add(int64(len(b)))
	return c.Conn.Write(b)
}

// seal ends the connection and returns how much was written in all.
func (c *counted) seal() int64 {
	c.sealed.Store(true)
	_ = c.Conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.written.Load()
}

func (s *Sender) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := s.cfg.Dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &counted{Conn: c}, nil
}

// proof follows one request and can say whether any of it was written.
type proof struct {
	mu     sync.Mutex
	conn   *counted
	before int64 // written to conn when the request got it
	got    bool
	reused bool
	gaveUp bool
}

func (p *proof) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		c := i.Conn
		if t, ok := c.(interface{ NetConn() net.Conn }); ok {
			c = t.NetConn() // below TLS
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.got, p.reused = true, i.Reused
		if p.conn, _ = c.(*counted); p.conn != nil {
			p.before = p.conn.written.Load()
			p.conn.suspect.Store(i.Reused)
		}
	}}
}

// giveUp reports whether the request has no connection yet and may be ended.
func (p *proof) giveUp() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gaveUp = !p.got
	return p.gaveUp
}

// seal ends the request's connection and reports whether it had one, whether
// that was a kept one, and whether nothing of the request was written to it.
func (p *proof) seal() (got, reused, clean bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.got {
		return false, false, true
	}
	return true, p.reused, p.conn != nil && p.conn.seal() == p.before
}
