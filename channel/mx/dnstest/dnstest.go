// Package dnstest is a DNS server for tests: it answers what it is told to, over UDP and TCP, on the
// loopback address, and counts what it is asked.
package dnstest

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// Server is one. Make it with New; it ends with the test.
type Server struct {
	// Addr is its host:port.
	Addr string

	mu     sync.Mutex
	zone   map[string][]dns.RR
	rcodes map[string]int
	silent map[string]bool
	asked  map[string]int
	fits   int
}

// New starts a server that knows no name.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{zone: map[string][]dns.RR{}, rcodes: map[string]int{}, silent: map[string]bool{}, asked: map[string]int{}, fits: dns.MaxMsgSize}
	// The same port for both: whichever TCP is free at is free for UDP at almost all times.
	for tries := 0; ; tries++ {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p, err := net.ListenPacket("udp", l.Addr().String())
		if err != nil {
			_ = l.Close()
			if tries > 20 {
				t.Fatal(err)
			}
			continue
		}
		s.Addr = l.Addr().String()
		for _, srv := range []*dns.Server{{Listener: l, Handler: s}, {PacketConn: p, Handler: s}} {
			up := make(chan struct{})
			srv.NotifyStartedFunc = func() { close(up) }
			done := make(chan struct{})
			go func() { defer close(done); _ = srv.ActivateAndServe() }()
			<-up
			t.Cleanup(func() { _ = srv.Shutdown(); <-done })
		}
		return s
	}
}

// Set has the server know these records, in the form of a zone file: "acme.example. 60 IN MX 10 mx.acme.example.".
// They replace those of the same name and kind. A line that is none ends the program.
func (s *Server) Set(lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := map[string]bool{}
	for _, l := range lines {
		rr, err := dns.NewRR(l)
		if err != nil || rr == nil {
			panic(fmt.Sprintf("%q is no record: %v", l, err))
		}
		k := at(rr.Header().Name, rr.Header().Rrtype)
		if !fresh[k] {
			s.zone[k], fresh[k] = nil, true
		}
		s.zone[k] = append(s.zone[k], rr)
	}
}

// Unset has the server forget a name.
func (s *Server) Unset(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.zone {
		if strings.HasPrefix(k, dns.CanonicalName(name)+" ") {
			delete(s.zone, k)
		}
	}
}

// Fail has the server answer questions for a name with an RCODE; dns.RcodeSuccess takes it back.
func (s *Server) Fail(name string, rcode int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rcodes[dns.CanonicalName(name)] = rcode
}

// Silence has the server not answer questions for a name.
func (s *Server) Silence(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent[dns.CanonicalName(name)] = true
}

// Fits has answers of more than n bytes not fit into UDP.
func (s *Server) Fits(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fits = n
}

// Asked is how often a name was asked for records of a kind, such as dns.TypeMX.
func (s *Server) Asked(name string, kind uint16) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[at(name, kind)]
}

func at(name string, kind uint16) string {
	return dns.CanonicalName(name) + " " + dns.TypeToString[kind]
}

// ServeDNS answers one question.
func (s *Server) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	s.mu.Lock()
	name, kind := dns.CanonicalName(q.Question[0].Name), q.Question[0].Qtype
	s.asked[at(name, kind)]++
	m := new(dns.Msg).SetReply(q)
	m.RecursionAvailable = true
	rcode, silent := s.rcodes[name], s.silent[name]
	// An alias leads on, as a resolver would follow it.
	seen := name
	for range 8 {
		alias := s.zone[at(seen, dns.TypeCNAME)]
		if len(alias) == 0 || kind == dns.TypeCNAME {
			break
		}
		m.Answer = append(m.Answer, alias[0])
		seen = dns.CanonicalName(alias[0].(*dns.CNAME).Target)
	}
	m.Answer = append(m.Answer, s.zone[at(seen, kind)]...)
	if len(m.Answer) == 0 && rcode == 0 && !s.known(seen) {
		rcode = dns.RcodeNameError
	}
	fits := s.fits
	s.mu.Unlock()
	if silent {
		return
	}
	if m.Rcode = rcode; rcode != 0 {
		m.Answer = nil
	}
	if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
		size := dns.MinMsgSize
		if o := q.IsEdns0(); o != nil {
			size = int(o.UDPSize())
		}
		m.Truncate(min(size, fits))
	}
	_ = w.WriteMsg(m) // whoever does not hear it asks again
}

// known reports whether there is a name, or one below it.
func (s *Server) known(name string) bool {
	for k := range s.zone {
		n, _, _ := strings.Cut(k, " ")
		if dns.IsSubDomain(name, n) {
			return true
		}
	}
	return false
}
