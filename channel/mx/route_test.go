package mx_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/mx"
	"github.com/waxwinghq/waxwing/channel/mx/lookup"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config/reach"
)

// TestFallbackOrder: the best server takes the mail; where it is not to be had, or says 421, the next one, and
// so on by preference. What a server says of the recipient holds for all of them.
func TestFallbackOrder(t *testing.T) {
	for name, x := range map[string]struct {
		first   *sink.Config // nil: nobody listens
		second  sink.Config
		verdict waxwing.Verdict
		fault   waxwing.Fault
		got     []int // of the second and third server
	}{
		"the first takes it":              {&sink.Config{}, sink.Config{}, waxwing.Accepted, "", []int{0, 0}},
		"nobody at the first":             {nil, sink.Config{}, waxwing.Accepted, "", []int{1, 0}},
		"the first is busy at its banner": {&sink.Config{Plan: at(waxwing.PhaseBanner, sink.Answer{Code: 421, Text: "4.3.2 busy"})}, sink.Config{}, waxwing.Accepted, "", []int{1, 0}},
		"the first refuses us at once":    {&sink.Config{Plan: at(waxwing.PhaseBanner, sink.Answer{Code: 554, Text: "5.7.1 go away"})}, sink.Config{}, waxwing.Accepted, "", []int{1, 0}},
		"the first breaks at MAIL":        {&sink.Config{Plan: at(waxwing.PhaseMail, sink.Answer{Drop: true})}, sink.Config{}, waxwing.Accepted, "", []int{1, 0}},
		"the first breaks at DATA":        {&sink.Config{Plan: at(waxwing.PhaseData, sink.Answer{Drop: true})}, sink.Config{}, waxwing.Accepted, "", []int{1, 0}},
		"the first is short of space":     {&sink.Config{Plan: at(waxwing.PhaseMail, sink.Answer{Code: 452, Text: "4.3.1 full"})}, sink.Config{}, waxwing.Accepted, "", []int{1, 0}},
		"two are down":                    {nil, sink.Config{Plan: at(waxwing.PhaseMail, sink.Answer{Code: 421, Text: "4.3.2 busy"})}, waxwing.Accepted, "", []int{0, 1}},
		"the first knows no such user":    {&sink.Config{Plan: at(waxwing.PhaseRcpt, sink.Answer{Code: 550, Text: "5.1.1 who"})}, sink.Config{}, waxwing.Rejected, waxwing.AddressFault, []int{0, 0}},
		"the mailbox is full":             {&sink.Config{Plan: at(waxwing.PhaseRcpt, sink.Answer{Code: 452, Text: "4.2.2 full"})}, sink.Config{}, waxwing.Deferred, waxwing.RecipientFault, []int{0, 0}},
		"greylisted":                      {&sink.Config{Plan: at(waxwing.PhaseRcpt, sink.Answer{Code: 450, Text: "4.7.1 later"})}, sink.Config{}, waxwing.Deferred, waxwing.RecipientFault, []int{0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			second, third := w.server("127.0.0.3", x.second), w.server("127.0.0.4", sink.Config{})
			var first *sink.Server
			if x.first != nil {
				first = w.server("127.0.0.2", *x.first)
			}
			w.dns.Set("acme.example. 60 IN MX 30 mx3.acme.example.", "acme.example. 60 IN MX 10 mx1.acme.example.", "acme.example. 60 IN MX 20 mx2.acme.example.",
				"mx1.acme.example. 60 IN A 127.0.0.2", "mx2.acme.example. 60 IN A 127.0.0.3", "mx3.acme.example. 60 IN A 127.0.0.4")
			want(t, w.offer(w.sender(nil), "bob@acme.example"), x.verdict, x.fault)
			received(t, x.got, second, third)
			if total := x.got[0] + x.got[1]; first != nil && x.verdict == waxwing.Accepted && first.Truth().Total() != 1-total {
				t.Errorf("the first server has %d mails", first.Truth().Total())
			}
		})
	}
}

// TestNoOtherServerAfterTheDot: where the answer to the whole message is lost nobody else is asked; where it is a refusal for
// now, neither.
func TestNoOtherServerAfterTheDot(t *testing.T) {
	for _, x := range []struct {
		answer  sink.Answer
		verdict waxwing.Verdict
		fault   waxwing.Fault
		first   int
	}{{sink.Answer{Lost: true}, waxwing.UncertainVerdict, waxwing.TransportFault, 1}, {sink.Answer{Code: 421, Text: "4.3.2 no"}, waxwing.Deferred, waxwing.RecipientFault, 0}} {
		w := newWorld(t)
		first, second := w.server("127.0.0.2", sink.Config{Plan: at(waxwing.PhaseDot, x.answer)}), w.server("127.0.0.3", sink.Config{})
		w.dns.Set("acme.example. 60 IN MX 10 mx1.acme.example.", "acme.example. 60 IN MX 20 mx2.acme.example.",
			"mx1.acme.example. 60 IN A 127.0.0.2", "mx2.acme.example. 60 IN A 127.0.0.3")
		commits := 0
		a := w.sender(nil).Offer(t.Context(), mail(1, "bob@acme.example"), func() error { commits++; return nil })
		want(t, a, x.verdict, x.fault)
		received(t, []int{x.first, 0}, first, second)
		if commits != 1 || second.Came() != 0 {
			t.Errorf("%d commits, %d connections to the second server", commits, second.Came())
		}
	}
}

// TestWhereMailGoes: what DNS says of a domain, by RFC 5321, 5.1 and RFC 7505.
func TestWhereMailGoes(t *testing.T) {
	w := newWorld(t)
	srv := w.server("127.0.0.2", sink.Config{})
	w.dns.Set("null.example. 60 IN MX 0 .", "null.example. 60 IN A 127.0.0.2",
		"implicit.example. 60 IN A 127.0.0.2",
		"alias.example. 60 IN CNAME implicit.example.",
		"aliased.example. 60 IN MX 10 there.aliased.example.", "there.aliased.example. 60 IN CNAME implicit.example.",
		"xn--mller-kva.example. 60 IN MX 10 implicit.example.",
		"nowhere.example. 60 IN TXT \"only text\"",
		"unknown.example. 60 IN MX 10 mx.gone.example.",
		"literal.example. 60 IN MX 10 127.0.0.2.",
		"ill.example. 60 IN MX 10 implicit.example.", "silent.example. 60 IN MX 10 implicit.example.",
		"loop.example. 60 IN MX 10 mta1.shop.example.", "loop.example. 60 IN MX 10 implicit.example.", "loop.example. 60 IN MX 20 implicit.example.",
		"better.example. 60 IN MX 10 MTA1.shop.example.", "better.example. 60 IN MX 5 implicit.example.",
		"mta1.shop.example. 60 IN A 127.0.0.2")
	w.dns.Fail("ill.example", dns.RcodeServerFailure)
	w.dns.Silence("silent.example")
	s := w.sender(nil)
	for _, x := range []struct {
		domain   string
		verdict  waxwing.Verdict
		fault    waxwing.Fault
		enhanced string
		got      int
	}{
		{"null.example", waxwing.Rejected, waxwing.AddressFault, "5.1.10", 0},
		{"implicit.example", waxwing.Accepted, "", "", 1},
		{"alias.example", waxwing.Accepted, "", "", 1},
		{"aliased.example", waxwing.Accepted, "", "", 1},
		{"xn--mller-kva.example", waxwing.Accepted, "", "", 1},
		{"nowhere.example", waxwing.Rejected, waxwing.AddressFault, "5.1.2", 0},
		{"nothing.example", waxwing.Rejected, waxwing.AddressFault, "5.1.2", 0},
		{"unknown.example", waxwing.Deferred, waxwing.RecipientFault, "", 0},
		{"literal.example", waxwing.Deferred, waxwing.RecipientFault, "", 0},
		{"ill.example", waxwing.Deferred, waxwing.RecipientFault, "4.4.3", 0},
		{"silent.example", waxwing.Deferred, waxwing.RecipientFault, "4.4.3", 0},
		{"loop.example", waxwing.Rejected, waxwing.PolicyFault, "5.4.6", 0},
		{"better.example", waxwing.Accepted, "", "", 1},
	} {
		before := srv.Truth().Total()
		a := w.offer(s, "bob@"+x.domain)
		t.Run(x.domain, func(t *testing.T) {
			want(t, a, x.verdict, x.fault)
			if x.enhanced != "" && a.Enhanced != x.enhanced || srv.Truth().Total()-before != x.got {
				t.Errorf("%s with %d mails, want %s with %d", a.Enhanced, srv.Truth().Total()-before, x.enhanced, x.got)
			}
		})
	}
}

// TestNullMX: a domain that says so takes no mail, for good, and nobody is connected to (RFC 7505).
func TestNullMX(t *testing.T) {
	w := newWorld(t)
	srv := w.server("127.0.0.2", sink.Config{})
	w.dns.Set("null.example. 60 IN MX 0 .", "null.example. 60 IN A 127.0.0.2")
	want(t, w.offer(w.sender(nil), "bob@null.example"), waxwing.Rejected, waxwing.AddressFault)
	if srv.Came() != 0 {
		t.Errorf("%d connections", srv.Came())
	}
}

// TestAResolverThatIsAway speaks against the provider: it says nothing of any domain.
func TestAResolverThatIsAway(t *testing.T) {
	w := newWorld(t)
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	r, err := lookup.New(lookup.Config{Servers: []string{l.LocalAddr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	s := w.sender(func(c *mx.Config) { c.Resolver = r })
	if a := w.offer(s, "bob@acme.example"); a.Verdict != waxwing.Deferred || a.Fault != waxwing.ProviderFault || !a.Bad {
		t.Errorf("%+v", a)
	}
	if a := s.Probe(t.Context()); a.Verdict != waxwing.Deferred || !errors.Is(a.Err, lookup.ErrResolver) {
		t.Errorf("probe: %+v", a)
	}
}

// TestAHundredMX: one attempt tries five of them, those that are best, and the next attempt others, since those that were not to be
// had come last for a while: in the end the one that works is found.
func TestAHundredMX(t *testing.T) {
	w := newWorld(t)
	good := w.server("127.0.1.100", sink.Config{})
	var lines []string
	for i := range 100 {
		lines = append(lines, fmt.Sprintf("acme.example. 60 IN MX %d mx%d.acme.example.", i, i), fmt.Sprintf("mx%d.acme.example. 60 IN A 127.0.1.%d", i, i+1))
	}
	w.dns.Set(lines...)
	w.dns.Fits(512) // the answer comes by TCP
	s := w.sender(nil)
	want(t, w.offer(s, "bob@acme.example"), waxwing.Deferred, waxwing.RecipientFault)
	asked := 0
	for i := range 100 {
		asked += w.dns.Asked(fmt.Sprintf("mx%d.acme.example", i), dns.TypeA)
	}
	if asked != 5 || w.dns.Asked("mx0.acme.example", dns.TypeA) != 1 || w.dns.Asked("mx5.acme.example", dns.TypeA) != 0 {
		t.Errorf("%d servers were looked up, want the five best", asked)
	}
	attempts := 1
	for a := (waxwing.Attempt{}); a.Verdict != waxwing.Accepted && attempts < 30; attempts++ {
		a = w.offer(s, "bob@acme.example")
	}
	received(t, []int{1}, good)
	if attempts != 20 {
		t.Errorf("after %d attempts, want 20 of five servers each", attempts)
	}
}

// TestLoops: an MX that is this machine, by whatever letters, leads back here, and those that are no better with it.
func TestLoops(t *testing.T) {
	w := newWorld(t)
	srv := w.server("127.0.0.2", sink.Config{})
	w.dns.Set("acme.example. 60 IN MX 10 Mta1.Shop.Example.", "acme.example. 60 IN MX 10 mx1.acme.example.", "acme.example. 60 IN MX 20 mx1.acme.example.",
		"mx1.acme.example. 60 IN A 127.0.0.2", "mta1.shop.example. 60 IN A 127.0.0.2")
	s := w.sender(nil)
	want(t, w.offer(s, "bob@acme.example"), waxwing.Rejected, waxwing.PolicyFault)
	if srv.Came() != 0 {
		t.Errorf("%d connections", srv.Came())
	}
	want(t, w.offer(s, "bob@mta1.shop.example"), waxwing.Rejected, waxwing.PolicyFault) // the implicit MX is this machine
}

// TestIPv6Only: a server that has no address of IPv4.
func TestIPv6Only(t *testing.T) {
	w := newWorld(t)
	srv := w.server("::1", sink.Config{})
	w.dns.Set("acme.example. 60 IN MX 10 mx1.acme.example.", "mx1.acme.example. 60 IN AAAA ::1", "six.example. 60 IN AAAA ::1")
	s := w.sender(nil)
	want(t, w.offer(s, "bob@acme.example"), waxwing.Accepted, "")
	want(t, w.offer(s, "bob@six.example"), waxwing.Accepted, "")
	received(t, []int{2}, srv)
}

// TestPrivateAddressesAreRefused, whatever leads to them, unless the operator allows their network.
func TestPrivateAddressesAreRefused(t *testing.T) {
	for _, ip := range []string{"127.0.0.2", "10.1.2.3", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "fe80::1", "fc00::1", "::ffff:127.0.0.2", "64:ff9b::7f00:2"} {
		t.Run(ip, func(t *testing.T) {
			w := newWorld(t)
			srv := w.server("127.0.0.2", sink.Config{})
			kind := "A"
			if netip.MustParseAddr(ip).Is6() {
				kind = "AAAA"
			}
			w.dns.Set("acme.example. 60 IN MX 10 mx1.acme.example.", "mx1.acme.example. 60 IN "+kind+" "+ip, "implicit.example. 60 IN "+kind+" "+ip)
			s := w.sender(func(c *mx.Config) { c.Guard = reach.Guard{} })
			for _, to := range []string{"bob@acme.example", "bob@implicit.example"} {
				a := w.offer(s, to)
				want(t, a, waxwing.Rejected, waxwing.PolicyFault)
				if !errors.Is(a.Err, reach.ErrInside) {
					t.Errorf("%v", a.Err)
				}
			}
			if srv.Came() != 0 {
				t.Errorf("%d connections", srv.Came())
			}
		})
	}
	t.Run("allowed", func(t *testing.T) {
		w := newWorld(t)
		srv := w.server("127.0.0.2", sink.Config{})
		w.dns.Set("acme.example. 60 IN MX 10 mx1.acme.example.", "mx1.acme.example. 60 IN A 127.0.0.2", "other.example. 60 IN A 127.0.0.3")
		s := w.sender(func(c *mx.Config) {
			c.Guard = reach.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}}
		})
		want(t, w.offer(s, "bob@acme.example"), waxwing.Accepted, "")
		want(t, w.offer(s, "bob@other.example"), waxwing.Rejected, waxwing.PolicyFault)
		received(t, []int{1}, srv)
	})
}

// TestRebinding: a name that led to one place when it was looked at and leads to another when it is connected to. The guard sees the
// address that is connected to, whatever was said before: here it is allowed at first and inside from then on.
func TestRebinding(t *testing.T) {
	w := newWorld(t)
	open, inner := w.server("127.0.0.2", sink.Config{Renew: 1}), w.server("127.0.0.3", sink.Config{})
	w.dns.Set("acme.example. 0 IN MX 10 mx1.acme.example.", "mx1.acme.example. 0 IN A 127.0.0.2")
	now := newClock()
	r, err := lookup.New(lookup.Config{Servers: []string{w.dns.Addr}, Clock: now.read})
	if err != nil {
		t.Fatal(err)
	}
	s := w.sender(func(c *mx.Config) {
		c.Resolver = r
		c.Guard = reach.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}}
	})
	want(t, w.offer(s, "bob@acme.example"), waxwing.Accepted, "")
	w.dns.Set("mx1.acme.example. 0 IN A 127.0.0.3")
	now.pass(keepsFor)
	want(t, w.offer(s, "bob@acme.example"), waxwing.Rejected, waxwing.PolicyFault)
	received(t, []int{1, 0}, open, inner)
	if inner.Came() != 0 {
		t.Errorf("%d connections inside", inner.Came())
	}
	// One address of each: the one that is open is used.
	w.dns.Set("mx1.acme.example. 0 IN A 127.0.0.3", "mx1.acme.example. 0 IN A 127.0.0.2")
	now.pass(keepsFor)
	for range 5 {
		want(t, w.offer(s, "bob@acme.example"), waxwing.Accepted, "")
	}
	if inner.Came() != 0 {
		t.Errorf("%d connections inside", inner.Came())
	}
}
