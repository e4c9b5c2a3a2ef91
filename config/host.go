package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// BadHostPort says what is wrong with an address, "" if nothing is; a listener's may do
// without a host and have port 0.
func BadHostPort(s string, listen bool) string {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "is not host:port"
	}
	n, err := strconv.ParseUint(port, 10, 16)
	switch {
	case err != nil:
		return "has no port from 1 to 65535"
	case n == 0 && !listen:
		return "has no port from 1 to 65535"
	case host == "" && !listen:
		return "has no host"
	case host != "" && !IsHost(host):
		return "has no valid host"
	}
	return ""
}

// IsHost reports whether s is an IP address or has the form of a host's name in ASCII.
func IsHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	if len(s) > 253 {
		return false
	}
	for l := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for _, r := range l {
			if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
				return false
			}
		}
	}
	return true
}

// IsLoopback reports whether a host is this machine.
func IsLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}
