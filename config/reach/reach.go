// Package reach keeps the program from speaking to what stands beside it, where a tenant, a customer or a
// shop's DNS says where to connect: it tells the public internet from the rest, and lets through what the
// operator allows. It has one list of special networks for all that connect by somebody else's word.
package reach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// ErrInside is an address that a Guard does not let through. It does not say which: whoever can have us
// connect may not look around with us.
var ErrInside = errors.New("the name leads to an address that is not of the public internet")

// inside are the ranges of the registries of special addresses (RFC 6890) that netip has no word
// for: this network, between carriers, for tests and documents, and what carries an address of
// IPv4 in one of IPv6, by which a translator would be asked to reach it.
var inside = prefixes(
	"0.0.0.0/8", "100.64.0.0/10" /* CGNAT */, "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24" /* 6to4 */, "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"::/96" /* IPv4-compatible */, "::ffff:0:0:0/96" /* IPv4-translated */, "64:ff9b::/96", "64:ff9b:1::/48" /* NAT64 */, "100::/64",
	"2001::/23" /* Teredo and others */, "2001:db8::/32", "2002::/16" /* 6to4 */, "3fff::/20", "5f00::/16", "fec0::/10",
)

func prefixes(all ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(all))
	for i, s := range all {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// Public reports whether an address is one of the public internet: neither of this machine, nor of its network
// or its link, nor one that hides such an address. An address of IPv4 that is written as one of IPv6 is taken
// for what it is.
func Public(a netip.Addr) bool {
	a = a.Unmap()
	if a.Zone() != "" || !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range inside {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// Guard lets connections through to public addresses, and to those of networks that the operator allows.
type Guard struct{ Allow []netip.Prefix }

// Loopback is this machine itself, for an Allow where the operator has written its name.
func Loopback() []netip.Prefix { return prefixes("127.0.0.0/8", "::1/128") }

// Control is net.Dialer's: it sees the very address that is about to be connected to, so that neither a name
// that points inside nor one that changes between look and use gets there. The error is ErrInside.
func (g Guard) Control(network, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connect by %s: no address: %w", network, ErrInside)
	}
	if Public(at.Addr()) {
		return nil
	}
	bare := at.Addr().Unmap().WithZone("")
	for _, p := range g.Allow {
		if p.Contains(bare) {
			return nil
		}
	}
	return ErrInside
}

// Dial connects as net.Dialer's DialContext does, within timeout (0: no limit of its own), by the guard's leave.
func (g Guard) Dial(timeout time.Duration) func(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second, Control: g.Control}
	return d.DialContext
}
