// Package lookup asks DNS where a domain's mail goes, and remembers the answers for as long as they
// say, within bounds. It asks a resolver that looks up by itself (RFC 1034, 5.3.1), over UDP and,
// where an answer does not fit, over TCP (RFC 7766).
//
// It is not net.Resolver since that tells neither how long an answer holds nor that a name is there
// without records of the kind: no domain is a refusal for good, and no MX is not.
package lookup

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/singleflight"

	"github.com/waxwinghq/waxwing"
)

// What a question may come to beside an answer. They name no domain, which may be a person's.
var (
	// ErrNoDomain: there is no such name (NXDOMAIN).
	ErrNoDomain = errors.New("DNS knows no such domain")
	// ErrTemporary: there is no answer now: SERVFAIL, a refusal, or silence.
	ErrTemporary = errors.New("DNS gives no answer for the domain")
	// ErrResolver: the resolver itself cannot be reached, so that nothing is known of any domain.
	ErrResolver = errors.New("the DNS resolver cannot be reached")
)

// Config says whom to ask. The zero value asks the system's resolvers.
type Config struct {
	// Servers are resolvers' host:port, asked one after the other; none: those of /etc/resolv.conf.
	Servers []string
	// Timeout bounds each question to one server (3 s).
	Timeout time.Duration
	// Entries is how many answers are remembered at most (20 000).
	Entries int
	// Clock tells how old an answer is; nil: the system's.
	Clock waxwing.Clock
}

// MX is one mail server of a domain (RFC 5321, 5.1).
type MX struct {
	Host       string // without the last dot, in lower case; "" is the null MX's (RFC 7505)
	Preference uint16 // the lower, the sooner
}

// Resolver answers questions. It is safe for concurrent use. Make it with New.
type Resolver struct {
	cfg   Config
	udp   *dns.Client
	tcp   *dns.Client
	cache *cache
	once  singleflight.Group
}

// New returns a Resolver. Its error says that the system's list of resolvers cannot be read.
func New(c Config) (*Resolver, error) {
	if len(c.Servers) == 0 {
		sys, err := dns.ClientConfigFromFile("/etc/resolv.conf")
		if err != nil {
			return nil, errors.New("no resolver: /etc/resolv.conf cannot be read")
		}
		for _, s := range sys.Servers {
			c.Servers = append(c.Servers, joinPort(s, sys.Port))
		}
		if len(c.Servers) == 0 {
			return nil, errors.New("no resolver: /etc/resolv.conf names none")
		}
	}
	c.Timeout = cmp.Or(max(c.Timeout, 0), 3*time.Second)
	c.Entries = cmp.Or(max(c.Entries, 0), 20_000)
	if c.Clock == nil {
		c.Clock = waxwing.SystemClock
	}
	return &Resolver{cfg: c, cache: newCache(c.Entries, c.Clock),
		udp: &dns.Client{Net: "udp", Timeout: c.Timeout, UDPSize: udpSize},
		tcp: &dns.Client{Net: "tcp", Timeout: c.Timeout}}, nil
}

// udpSize is what fits without fragments (DNS flag day 2020).
const udpSize = 1232

// MX gives a domain's mail servers in no order, none where it has no MX records. The errors are the
// package's.
func (r *Resolver) MX(ctx context.Context, domain string) ([]MX, error) {
	a, err := r.ask(ctx, domain, dns.TypeMX)
	if err != nil {
		return nil, err
	}
	var out []MX
	for _, rr := range a {
		if m, ok := rr.(*dns.MX); ok {
			out = append(out, MX{Host: bare(m.Mx), Preference: m.Preference})
		}
	}
	return out, nil
}

// Addresses gives a host's addresses, those of IPv4 first, without repeats. There may be none.
// Where one of the two kinds could not be had, what is known of the other counts.
func (r *Resolver) Addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	four := make(chan result, 1)
	go func() {
		a, err := r.ask(ctx, host, dns.TypeA)
		four <- result{a, err}
	}()
	six, err6 := r.ask(ctx, host, dns.TypeAAAA)
	x := <-four
	var out []netip.Addr
	for _, rr := range slices.Concat(x.rrs, six) {
		var ip []byte
		switch a := rr.(type) {
		case *dns.A:
			ip = a.A
		case *dns.AAAA:
			ip = a.AAAA
		}
		if a, ok := netip.AddrFromSlice(ip); ok && !slices.Contains(out, a.Unmap()) {
			out = append(out, a.Unmap())
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	return nil, cmp.Or(worse(x.err, err6), x.err, err6)
}

// worse is the error that leaves more open: a host of which one question has no answer may be there.
func worse(all ...error) error {
	for _, open := range []error{ErrResolver, ErrTemporary} {
		for _, err := range all {
			if errors.Is(err, open) {
				return err
			}
		}
	}
	return nil
}

// TXT gives the texts of a name, each with its strings joined.
func (r *Resolver) TXT(ctx context.Context, name string) ([]string, error) {
	a, err := r.ask(ctx, name, dns.TypeTXT)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, rr := range a {
		if t, ok := rr.(*dns.TXT); ok {
			out = append(out, strings.Join(t.Txt, ""))
		}
	}
	return out, nil
}

func bare(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
