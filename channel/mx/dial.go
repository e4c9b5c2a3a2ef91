package mx

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing/channel/smtp"
)

// open makes the pool of one server.
func (s *Sender) open(k key) *smtp.Sender {
	c := smtp.Config{Name: s.cfg.Name, Addr: net.JoinHostPort(k.host, port(s.cfg.Port)), TLS: k.mode, Hello: s.cfg.Hostname,
		Connections: s.cfg.PerHost, PerConnection: 100, Timeouts: s.cfg.Timeouts, Clock: s.cfg.Clock, TLSConfig: s.trust(k)}
	c.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		if err := s.socket(ctx); err != nil {
			return nil, err
		}
		nc, err := s.dial(ctx, k.host, s.cfg.Port)
		if err != nil {
			<-s.sockets
			return nil, err
		}
		t, ok := nc.(*net.TCPConn)
		if !ok {
			<-s.sockets
			_ = nc.Close() // nothing was said on it
			return nil, errors.New("not a TCP connection")
		}
		return &socket{TCPConn: t, back: sync.OnceFunc(func() { <-s.sockets })}, nil
	}
	return smtp.New(c)
}

// socket is a connection that counts against the bound on all.
type socket struct {
	*net.TCPConn
	back func()
}

// Close gives its place back.
func (c *socket) Close() error {
	defer c.back()
	return c.TCPConn.Close()
}

var errSockets = errors.New("no connection was free for the server")

// socket waits for a place among the open connections, and has those hung up that nobody uses.
func (s *Sender) socket(ctx context.Context) error {
	for {
		select {
		case s.sockets <- struct{}{}:
			return nil
		default:
		}
		s.pools.spare()
		t := time.NewTimer(100 * time.Millisecond)
		select {
		case s.sockets <- struct{}{}:
			t.Stop()
			return nil
		case <-ctx.Done():
			t.Stop()
			return errSockets
		case <-t.C:
		}
	}
}

// dial connects to a host's addresses in turn. Each goes through the guard as it is connected to, so that what DNS said a moment ago
// does not count. Its error is ErrInside only where each address was refused by the guard.
func (s *Sender) dial(ctx context.Context, host string, at int) (net.Conn, error) {
	all, err := s.cfg.Resolver.Addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errUnknown
	}
	dial := s.cfg.Guard.Dial(perAddress)
	var first, other error
	for _, a := range choose(all, rand.Shuffle) {
		nc, err := dial(ctx, "tcp", netip.AddrPortFrom(a, uint16(at)).String())
		if err == nil {
			return nc, nil
		}
		if err = plain(err); isInside(err) {
			first = err
		} else {
			other = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	if other != nil {
		return nil, fmt.Errorf("connect: %w", other)
	}
	return nil, first
}

// choose puts a host's addresses in the order of trying: those of IPv4 and of IPv6 in turn, IPv4 first, since a server asks more of
// those who come by IPv6; of each kind at random.
func choose(all []netip.Addr, shuffle func(n int, swap func(i, j int))) []netip.Addr {
	var kinds [2][]netip.Addr
	for _, a := range all {
		i := 0
		if a.Is6() {
			i = 1
		}
		kinds[i] = append(kinds[i], a)
	}
	for _, k := range kinds {
		shuffle(len(k), func(i, j int) { k[i], k[j] = k[j], k[i] })
	}
	var out []netip.Addr
	for i := 0; len(out) < min(len(all), mostAddresses); i++ {
		for _, k := range kinds {
			if i < len(k) && len(out) < mostAddresses {
				out = append(out, k[i])
			}
		}
	}
	return out
}
