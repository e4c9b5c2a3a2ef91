package reach

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestPublic goes through the registries of special addresses, and what hides an address of IPv4 in one of IPv6.
func TestPublic(t *testing.T) {
	for s, want := range map[string]bool{
		"1.1.1.1": true, "8.8.8.8": true, "93.184.216.34": true, "2606:4700:4700::1111": true, "100.63.255.255": true, "172.15.0.1": true,
		"172.32.0.1": true, "192.88.98.1": true, "::ffff:8.8.8.8": true,
		"127.0.0.1": false, "127.9.9.9": false, "0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "192.0.0.8": false, "192.0.2.1": false, "192.88.99.1": false, "198.18.0.1": false, "198.51.100.1": false,
		"203.0.113.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::1": false, "::": false, "fe80::1": false, "fc00::1": false, "fd00:ec2::254": false, "ff02::1": false, "fec0::1": false, "fe80::1%eth0": false,
		"2606:4700:4700::1111%eth0": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:169.254.169.254": false, "::127.0.0.1": false, "::a00:1": false,
		"::ffff:0:127.0.0.1": false, "64:ff9b::7f00:1": false, "64:ff9b::a00:1": false, "64:ff9b:1::a00:1": false, "100::1": false, "2002:7f00:1::1": false,
		"2001::1": false, "2001:db8::1": false, "3fff::1": false, "5f00::1": false,
	} {
		if got := Public(netip.MustParseAddr(s)); got != want {
			t.Errorf("%s: %v", s, got)
		}
	}
	if Public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

func TestGuard(t *testing.T) {
	g := Guard{Allow: prefixes("10.1.0.0/16")}
	for at, want := range map[string]bool{"10.1.2.3:443": true, "10.2.2.3:443": false, "[::ffff:10.1.2.3]:443": true, "[fe80::1%lo]:80": false, "1.1.1.1:25": true, "x": false} {
		if err := g.Control("tcp", at, nil); (err == nil) != want || !want && !errors.Is(err, ErrInside) {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// TestDial: what counts is where a name leads, and this machine is reached by nobody whom the operator did not let.
func TestDial(t *testing.T) {
	here, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = here.Close() }()
	_, port, _ := net.SplitHostPort(here.Addr().String())
	for _, host := range []string{"127.0.0.1", "localhost", "::ffff:127.0.0.1", "0.0.0.0", "127.1"} {
		c, err := Guard{}.Dial(5*time.Second)(t.Context(), "tcp4", net.JoinHostPort(host, port))
		if err == nil {
			_ = c.Close()
			t.Errorf("%s: let in", host)
		}
	}
	c, err := Guard{Allow: Loopback()}.Dial(5*time.Second)(t.Context(), "tcp", here.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}
