package callback

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// notPublic are networks that no shop on the internet answers from, beside those that package netip knows:
// the registries for special purposes of IANA (RFC 6890), and what leads into IPv4 from IPv6.
var notPublic = prefixes(
	"0.0.0.0/8", "100.64.0.0/10" /* CGNAT */, "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"::/96" /* IPv4-compatible */, "64:ff9b::/96", "64:ff9b:1::/48" /* NAT64 */, "100::/64", "2001::/23" /* Teredo and others */, "2001:db8::/32", "2002::/16" /* 6to4 */, "3fff::/20", "5f00::/16", "fec0::/10",
)

func prefixes(all ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(all))
	for i, s := range all {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// Public reports whether an address is one of the internet's: neither of this machine, nor of a private
// network, nor one that hides such an address.
func Public(a netip.Addr) bool {
	if a.Is4In6() || a.Zone() != "" || !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// errNotPublic does not say which address it is: whoever can have us ask may not look around with us.
var errNotPublic = errors.New("the name leads to an address that is not public; where that is right, name its network under allow")

// Guard lets connections through to public addresses, and to those of networks that the operator allows.
type Guard struct{ Allow []netip.Prefix }

// Control is net.Dialer's: it sees the very address that is about to be connected to, so that a name that
// leads elsewhere at its second look-up is of no use.
func (g Guard) Control(network, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connect by %s: no address", network)
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
	return errNotPublic
}
