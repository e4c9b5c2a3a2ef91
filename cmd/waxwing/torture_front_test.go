package main

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The ways in which a gate treats who comes.
const (
	opened  = iota
	refused // nobody listens, and who is there is thrown out
	dropped // what is sent to it is never answered: it is as if no such machine were there
	mute    // it takes connections and says nothing any more
)

// gate stands before a server, so that it can be away, and come back at the same address.
type gate struct {
	t    *testing.T
	addr string
	to   string
	mode atomic.Int32

	mu    sync.Mutex // guards what is below
	l     net.Listener
	full  []net.Conn // what keeps the queue of a dropped one full
	fd    int
	conns map[net.Conn]bool
}

func newGate(t *testing.T, to string) *gate {
	g := &gate{t: t, to: to, fd: -1, conns: map[net.Conn]bool{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g.addr = l.Addr().String()
	g.serve(l)
	t.Cleanup(func() { g.set(refused) })
	return g
}

func (g *gate) serve(l net.Listener) {
	g.l = l
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go g.pass(c)
		}
	}()
}

// pass carries a connection, as long as the gate is open.
func (g *gate) pass(c net.Conn) {
	up, err := net.Dial("tcp", g.to)
	if err != nil {
		_ = c.Close()
		return
	}
	g.mu.Lock()
	g.conns[c], g.conns[up] = true, true
	g.mu.Unlock()
	carry := func(from, to net.Conn) {
		b := make([]byte, 16<<10)
		for {
			n, err := from.Read(b)
			if err != nil {
				break
			}
			if g.mode.Load() == mute || g.mode.Load() == dropped {
				continue
			}
			if _, err := to.Write(b[:n]); err != nil {
				break
			}
		}
		_, _ = from.Close(), to.Close()
		g.mu.Lock()
		delete(g.conns, from)
		g.mu.Unlock()
	}
	go carry(c, up)
	carry(up, c)
}

// set changes the way from now on, for who is connected, too.
func (g *gate) set(mode int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.mode.Swap(mode)
	if was == mode {
		return
	}
	if mode == opened || mode == refused { // what was silent has forgotten: nobody goes on there
		for c := range g.conns {
			if tc, ok := c.(*net.TCPConn); ok {
				_ = tc.SetLinger(0)
			}
			_ = c.Close()
		}
	}
	listens := func(m int32) bool { return m == opened || m == mute }
	switch {
	case listens(was) && !listens(mode):
		_ = g.l.Close()
	case listens(mode) && !listens(was):
		g.free()
		l, err := net.Listen("tcp", g.addr)
		if err != nil {
			g.t.Error(err)
			return
		}
		g.serve(l)
	}
	switch {
	case mode == dropped:
		g.fill()
	case was == dropped && mode == refused:
		g.free()
	}
}

// fill has a queue of one for who connects, which nobody takes from: the kernel drops what comes then.
func (g *gate) fill() {
	a, err := net.ResolveTCPAddr("tcp", g.addr)
	if err != nil {
		g.t.Error(err)
		return
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		err = errors.Join(syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1),
			syscall.Bind(fd, &syscall.SockaddrInet4{Port: a.Port, Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0))
	}
	if err != nil {
		g.t.Error(err)
		return
	}
	g.fd = fd
	for range 8 {
		c, err := net.DialTimeout("tcp", g.addr, 100*time.Millisecond)
		if err != nil {
			return
		}
		g.full = append(g.full, c)
	}
	g.t.Error("nothing is dropped")
}

func (g *gate) free() {
	for _, c := range g.full {
		_ = c.Close()
	}
	if g.full = nil; g.fd >= 0 {
		_ = syscall.Close(g.fd)
		g.fd = -1
	}
}
