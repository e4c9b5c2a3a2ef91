package mx_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/mx"
	"github.com/waxwinghq/waxwing/channel/mx/lookup"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config/reach"
)

// TestTLSRequired: by policy for all domains or for some, a mail goes under TLS with a certificate for the server's name or not at
// all; where nothing is asked for, with any certificate or without TLS.
func TestTLSRequired(t *testing.T) {
	other, _ := certificate(t, "mx1.acme.example") // of an authority that nobody knows
	wrong, _ := certificate(t, "elsewhere.example")
	all := func(c *mx.Config) { c.TLS = mx.Required }
	some := func(d string) func(*mx.Config) { return func(c *mx.Config) { c.TLSRequired = []string{d} } }
	for name, x := range map[string]struct {
		server func(w *world) *tls.Config
		change func(*mx.Config)
		taken  bool
	}{
		"opportunistic, no TLS":           {nil, nil, true},
		"opportunistic, unknown signer":   {func(*world) *tls.Config { return one(other) }, nil, true},
		"opportunistic, another's name":   {func(*world) *tls.Config { return one(wrong) }, nil, true},
		"opportunistic, TLS that fails":   {func(*world) *tls.Config { return &tls.Config{} }, nil, true},
		"required, good":                  {(*world).tls, all, true},
		"required, no TLS":                {nil, all, false},
		"required, unknown signer":        {func(*world) *tls.Config { return one(other) }, all, false},
		"required, another's name":        {func(*world) *tls.Config { return one(wrong) }, all, false},
		"required, TLS that fails":        {func(*world) *tls.Config { return &tls.Config{} }, all, false},
		"required for this domain, none":  {nil, some("acme.example"), false},
		"required for this domain, good":  {(*world).tls, some("acme.example"), true},
		"required for another domain":     {nil, some("bank.example"), true},
		"required for those below it":     {nil, some("*.example"), false},
		"those below are not it itself":   {nil, some("*.acme.example"), true},
		"nor one with the same last word": {nil, some("*.me.example"), true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var c sink.Config
			if x.server != nil {
				c.TLS = x.server(w)
			}
			srv := w.server("127.0.0.2", c)
			w.dns.Set("acme.example. 60 IN MX 10 mx1.acme.example.", "mx1.acme.example. 60 IN A 127.0.0.2")
			a := w.offer(w.sender(x.change), "bob@acme.example")
			if x.taken {
				want(t, a, waxwing.Accepted, "")
				received(t, []int{1}, srv)
			} else {
				want(t, a, waxwing.Deferred, waxwing.RecipientFault)
				received(t, []int{0}, srv)
			}
		})
	}
}

func one(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }

// host publishes a policy as a domain's web server does.
type host struct {
	answer  func(w http.ResponseWriter, r *http.Request)
	fetched atomic.Int64
}

func (h *host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.fetched.Add(1)
	if r.URL.Path != "/.well-known/mta-sts.txt" || r.Host != "mta-sts.acme.example" {
		http.NotFound(w, r)
		return
	}
	h.answer(w, r)
}

// publish runs the host of acme.example's policy beside the mail servers, and gives the port that it is at.
func (w *world) publish(h *host, cert tls.Certificate) (port int) {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.9:0")
	if err != nil {
		w.t.Fatal(err)
	}
	srv := &http.Server{Handler: h, TLSConfig: one(cert), ReadHeaderTimeout: time.Minute, ErrorLog: quiet()}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.ServeTLS(l, "", "") }()
	w.t.Cleanup(func() { _ = srv.Close(); <-done })
	w.dns.Set("mta-sts.acme.example. 60 IN A 127.0.0.9", `_mta-sts.acme.example. 60 IN TXT "v=STSv1; id=1;"`)
	_, p, _ := net.SplitHostPort(l.Addr().String())
	port, _ = strconv.Atoi(p)
	return port
}

func says(mode, pattern string, age int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "version: STSv1\r\nmode: %s\r\nmx: %s\r\nmax_age: %d\r\n", mode, pattern, age)
	}
}

// TestMTASTSEnforce: a domain that asks for it gets its mail at servers that its policy names, under TLS with a certificate for their
// names, and at no others (RFC 8461, 5).
func TestMTASTSEnforce(t *testing.T) {
	other, _ := certificate(t, "mx1.acme.example")
	for name, x := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		server bool // has a good certificate
		bad    bool // the policy's own host has none
		got    []int
	}{
		"enforced, named":                    {answer: says("enforce", "mx1.acme.example", 86400), server: true, got: []int{1, 0}},
		"enforced, named by a wildcard":      {answer: says("enforce", "*.acme.example", 86400), server: true, got: []int{1, 0}},
		"enforced, only the second is named": {answer: says("enforce", "mx2.acme.example", 86400), server: true, got: []int{0, 1}},
		"enforced, none is named":            {answer: says("enforce", "mail.acme.example", 86400), server: true, got: []int{0, 0}},
		"a wildcard is one label":            {answer: says("enforce", "*.example", 86400), server: true, got: []int{0, 0}},
		"enforced, no certificate":           {answer: says("enforce", "*.acme.example", 86400), got: []int{0, 0}},
		"testing, no certificate":            {answer: says("testing", "*.acme.example", 86400), got: []int{1, 0}},
		"testing, none is named":             {answer: says("testing", "mail.acme.example", 86400), server: true, got: []int{1, 0}},
		"none":                               {answer: says("none", "*.acme.example", 86400), got: []int{1, 0}},
		"a policy that redirects is none": {answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/.well-known/mta-sts.txt", http.StatusFound)
		}, got: []int{1, 0}},
		"a policy of another kind is none": {answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "version: STSv1\nmode: enforce\nmx: no.example\nmax_age: 86400\n")
		}, got: []int{1, 0}},
		"a host without a certificate": {answer: says("enforce", "no.example", 86400), bad: true, got: []int{1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			cert, web := other, w.cert
			if x.server {
				cert = w.cert
			}
			if x.bad {
				web = other
			}
			first, second := w.server("127.0.0.2", sink.Config{TLS: one(cert)}), w.server("127.0.0.3", sink.Config{TLS: one(cert)})
			w.dns.Set("acme.example. 60 IN MX 10 mx1.acme.example.", "acme.example. 60 IN MX 20 mx2.acme.example.",
				"mx1.acme.example. 60 IN A 127.0.0.2", "mx2.acme.example. 60 IN A 127.0.0.3")
			h := &host{answer: x.answer}
			port := w.publish(h, web)
			s := w.sender(func(c *mx.Config) { c.PolicyPort = port })
			a := w.offer(s, "bob@acme.example")
			if x.got[0]+x.got[1] == 0 {
				want(t, a, waxwing.Deferred, waxwing.RecipientFault)
			} else {
				want(t, a, waxwing.Accepted, "")
			}
			received(t, x.got, first, second)
			if n := h.fetched.Load(); n != 1 && !x.bad {
				t.Errorf("the policy was fetched %d times, want once, and no redirect followed", n)
			}
		})
	}
}

// TestMTASTSOutlivesALie: a policy that is known holds until its time is over, though DNS denies it, does not answer, or leads
// elsewhere; then it is over.
func TestMTASTSOutlivesALie(t *testing.T) {
	w := newWorld(t)
	real, fake := w.server("127.0.0.2", sink.Config{TLS: w.tls(), Renew: 1}), w.server("127.0.0.3", sink.Config{})
	w.dns.Set("acme.example. 60 IN MX 10 mx1.acme.example.", "mx1.acme.example. 60 IN A 127.0.0.2")
	h := &host{answer: says("enforce", "mx1.acme.example", 86400)}
	port := w.publish(h, w.cert)
	now := newClock()
	r, err := lookup.New(lookup.Config{Servers: []string{w.dns.Addr}, Clock: now.read, Timeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s := w.sender(func(c *mx.Config) { c.PolicyPort, c.Resolver, c.Clock = port, r, now.read })
	want(t, w.offer(s, "bob@acme.example"), waxwing.Accepted, "")
	for _, lie := range []func(){
		func() { w.dns.Unset("_mta-sts.acme.example") },
		func() { w.dns.Fail("_mta-sts.acme.example", dns.RcodeServerFailure) },
		func() { // another id, and a host that does not say why
			w.dns.Fail("_mta-sts.acme.example", dns.RcodeSuccess)
			w.dns.Set(`_mta-sts.acme.example. 60 IN TXT "v=STSv1; id=2;"`)
			h.answer = func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
		},
	} {
		lie()
		w.dns.Set("acme.example. 60 IN MX 10 evil.example.", "evil.example. 60 IN A 127.0.0.3")
		now.pass(time.Hour)
		want(t, w.offer(s, "bob@acme.example"), waxwing.Deferred, waxwing.RecipientFault)
		w.dns.Set("acme.example. 60 IN MX 10 mx1.acme.example.", "mx1.acme.example. 60 IN A 127.0.0.3") // has no certificate
		now.pass(time.Hour)
		want(t, w.offer(s, "bob@acme.example"), waxwing.Deferred, waxwing.RecipientFault)
	}
	received(t, []int{1, 0}, real, fake)
	now.pass(24 * time.Hour)
	want(t, w.offer(s, "bob@acme.example"), waxwing.Accepted, "")
	received(t, []int{1, 1}, real, fake)
}

// TestAPolicysHostIsNotInside: whoever publishes a policy may not have us ask our own network for it.
func TestAPolicysHostIsNotInside(t *testing.T) {
	w := newWorld(t)
	srv := w.server("127.0.0.2", sink.Config{})
	w.dns.Set("acme.example. 60 IN MX 10 mx1.acme.example.", "mx1.acme.example. 60 IN A 127.0.0.2")
	h := &host{answer: says("enforce", "no.example", 86400)}
	port := w.publish(h, w.cert)
	s := w.sender(func(c *mx.Config) {
		c.PolicyPort, c.Guard = port, reach.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}}
	})
	want(t, w.offer(s, "bob@acme.example"), waxwing.Accepted, "")
	received(t, []int{1}, srv)
	if n := h.fetched.Load(); n != 0 {
		t.Errorf("the host inside was asked %d times", n)
	}
}
