package httpsend

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// ErrInside is an address that Public does not connect to.
var ErrInside = errors.New("the address is not one of the public internet")

// Public dials only what the public internet can reach, for addresses that a tenant or a customer
// named: nobody outside may have this program speak to what stands beside it. What is looked at is
// the address of each connection, so that neither a name that points inside nor one that changes
// between look and use gets there.
func Public(timeout time.Duration) func(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: timeout, ControlContext: func(_ context.Context, _, addr string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(addr)
		if err != nil || !IsPublic(a.Addr()) {
			return ErrInside
		}
		return nil
	}}
	return d.DialContext
}

// inside are the ranges of the registries of special addresses (RFC 6890) that netip has no word
// for: this network, between carriers, for tests and documents, and what carries an address of
// IPv4 in one of IPv6, by which a translator would be asked to reach it.
var inside = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"),
}

// IsPublic reports whether an address is one of the public internet, not of this machine, its
// network or its link.
func IsPublic(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsValid() || !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.Zone() != "" {
		return false
	}
	for _, p := range inside {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
