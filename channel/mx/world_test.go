package mx_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/mx"
	"github.com/waxwinghq/waxwing/channel/mx/dnstest"
	"github.com/waxwinghq/waxwing/channel/mx/lookup"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config/reach"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a DNS server and mail servers on addresses of the loopback network, all at one port.
type world struct {
	t    *testing.T
	dns  *dnstest.Server
	port int
	cert tls.Certificate
	ca   *x509.CertPool
	n    int
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, dns: dnstest.New(t)}
	w.cert, w.ca = certificate(t, "mx1.acme.example", "mx2.acme.example", "mta-sts.acme.example")
	return w
}

// server runs a mail server at an address.
func (w *world) server(ip string, c sink.Config) *sink.Server {
	w.t.Helper()
	s := sink.New(c)
	w.t.Cleanup(func() { _ = s.Close() })
	for tries := 0; ; tries++ {
		addr, err := s.Listen(net.JoinHostPort(ip, strconv.Itoa(w.port)))
		if err == nil {
			_, p, _ := net.SplitHostPort(addr)
			w.port, _ = strconv.Atoi(p)
			return s
		}
		if tries > 3 {
			w.t.Fatal(err)
		}
	}
}

// sender delivers by this world's DNS; loopback addresses are allowed unless change takes that back.
func (w *world) sender(change func(*mx.Config)) *mx.Sender {
	w.t.Helper()
	dns, err := lookup.New(lookup.Config{Servers: []string{w.dns.Addr}, Timeout: 200 * time.Millisecond})
	if err != nil {
		w.t.Fatal(err)
	}
	c := mx.Config{Name: "direct", Hostname: "mta1.shop.example", Resolver: dns, Guard: reach.Guard{Allow: reach.Loopback()},
		Port: w.port, PolicyPort: w.port + 1, Roots: w.ca, Connections: 8, PerHost: 4}
	if change != nil {
		change(&c)
	}
	s := mx.New(c)
	w.t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			w.t.Error(err)
		}
	})
	return s
}

func mail(n int, to string) *waxwing.Outgoing {
	return &waxwing.Outgoing{Message: waxwing.ID(n), Channel: waxwing.Email, From: "orders@shop.example", To: to,
		Data: fmt.Appendf(nil, "Message-ID: <%d@shop.example>\r\nSubject: x\r\n\r\nyour order\r\n", n)}
}

func nothing() error { return nil }

func (w *world) offer(s *mx.Sender, to string) waxwing.Attempt {
	w.n++
	return s.Offer(w.t.Context(), mail(w.n, to), nothing)
}

// want holds an attempt against what it should be; a destination never speaks against the provider.
func want(t *testing.T, a waxwing.Attempt, v waxwing.Verdict, f waxwing.Fault) {
	t.Helper()
	if a.Verdict != v || a.Fault != f || a.Bad || a.Busy || a.Provider != "direct" {
		t.Errorf("%s, fault %q, bad %t, busy %t at %s (%d %s: %v); want %s, %q", a.Verdict, a.Fault, a.Bad, a.Busy, a.Phase, a.Code, a.Enhanced, a.Err, v, f)
	}
}

// received is how many mails each server has.
func received(t *testing.T, want []int, all ...*sink.Server) {
	t.Helper()
	for i, s := range all {
		if got := s.Truth().Total(); got != want[i] {
			t.Errorf("server %d has %d mails, want %d", i+1, got, want[i])
		}
	}
}

func at(p waxwing.Phase, a sink.Answer) sink.Plan {
	return func(q sink.Question) sink.Answer {
		if q.Phase == p {
			return a
		}
		return sink.Answer{}
	}
}

// certificate is one for some names, which signs itself.
func certificate(t testing.TB, names ...string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func (w *world) tls() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{w.cert}} }
