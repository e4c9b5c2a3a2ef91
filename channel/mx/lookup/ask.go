package lookup

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// How long answers are remembered, whatever they say of it themselves.
const (
	leastTTL    = 5 * time.Second
	mostTTL     = time.Hour
	mostNothing = 5 * time.Minute  // that there is nothing (RFC 2308)
	unknownFor  = 30 * time.Second // that there is nothing, where no SOA says for how long
	failureFor  = 5 * time.Second  // that there was no answer (RFC 2308, 7.1: five minutes at most)
	mostRecords = 256              // of one answer: nobody has so many servers
)

// result is what a question came to.
type result struct {
	rrs []dns.RR
	err error
}

// ask gives the records of an answer. Those who ask the same at once share it.
func (r *Resolver) ask(ctx context.Context, name string, kind uint16) ([]dns.RR, error) {
	name = dns.CanonicalName(name)
	if _, ok := dns.IsDomainName(name); !ok || len(name) > 255 {
		return nil, ErrNoDomain
	}
	k := key{name, kind}
	if x, ok := r.cache.get(k); ok {
		return x.rrs, x.err
	}
	ch := r.once.DoChan(name+dns.TypeToString[kind], func() (any, error) {
		// Whoever asked first may leave; the others want the answer still.
		all, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*r.cfg.Timeout*time.Duration(len(r.cfg.Servers)))
		defer cancel()
		x, ttl := r.question(all, k)
		r.cache.put(k, x, ttl)
		return x, nil
	})
	select {
	case got := <-ch:
		x := got.Val.(result)
		return x.rrs, x.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// question asks the servers in turn, twice around, until one has an answer that says something.
func (r *Resolver) question(ctx context.Context, k key) (result, time.Duration) {
	last := ErrResolver
	for range 2 {
		for _, server := range r.cfg.Servers {
			m, err := r.exchange(ctx, server, k)
			switch {
			case err != nil:
				if !unreachable(err) {
					last = ErrTemporary
				}
			case m.Rcode == dns.RcodeSuccess, m.Rcode == dns.RcodeNameError:
				return read(m)
			default:
				last = ErrTemporary
			}
			if ctx.Err() != nil {
				return result{err: ErrTemporary}, failureFor
			}
		}
	}
	return result{err: last}, failureFor
}

// unreachable reports that nobody listens there: silence may be the domain's fault, this is the resolver's.
func unreachable(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH)
}

var errOther = errors.New("the answer is to another question")

func (r *Resolver) exchange(ctx context.Context, server string, k key) (*dns.Msg, error) {
	q := new(dns.Msg)
	q.SetQuestion(k.name, k.kind)
	q.SetEdns0(udpSize, false)
	m, _, err := r.udp.ExchangeContext(ctx, q, server)
	if err == nil && m.Truncated {
		m, _, err = r.tcp.ExchangeContext(ctx, q, server)
	}
	if err != nil {
		return nil, err
	}
	if len(m.Question) != 1 || !strings.EqualFold(m.Question[0].Name, k.name) || m.Question[0].Qtype != k.kind {
		return nil, errOther
	}
	return m, nil
}

// read takes what an answer says and for how long.
func read(m *dns.Msg) (result, time.Duration) {
	var x result
	ttl := mostTTL
	question := m.Question[0]
	for _, rr := range m.Answer {
		h := rr.Header()
		ttl = min(ttl, time.Duration(h.Ttl)*time.Second) // an alias' counts, too
		if h.Rrtype == question.Qtype && len(x.rrs) < mostRecords {
			x.rrs = append(x.rrs, rr)
		}
	}
	if len(x.rrs) > 0 {
		return x, max(ttl, leastTTL)
	}
	if m.Rcode == dns.RcodeNameError {
		x.err = ErrNoDomain
	}
	nothing := unknownFor
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			nothing = time.Duration(min(soa.Minttl, soa.Hdr.Ttl)) * time.Second
		}
	}
	return x, min(max(nothing, leastTTL), mostNothing)
}

func joinPort(host, port string) string {
	if port == "" {
		port = "53"
	}
	return net.JoinHostPort(host, port)
}
