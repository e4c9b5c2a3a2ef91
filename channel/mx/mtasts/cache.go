package mtasts

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/waxwinghq/waxwing"
)

// Config says how policies are found.
type Config struct {
	// TXT gives the texts of a name. Its error, whatever it is, means that nothing is known.
	TXT func(ctx context.Context, name string) ([]string, error)
	// Dial connects to a policy's host, which its domain names: it must not lead inside.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Roots are whom certificates are to be signed by; nil: the system's.
	Roots *x509.CertPool
	// Entries is how many policies are kept (10 000).
	Entries int
	// Timeout bounds a fetch (10 s).
	Timeout time.Duration
	// Clock tells how old a policy is; nil: the system's.
	Clock waxwing.Clock
}

// Policies fetches policies and keeps them for as long as they hold, also where DNS has forgotten them
// meanwhile: whoever can make DNS lie must not take a domain's TLS away (RFC 8461, 10.2). It keeps them in
// memory only. It is safe for concurrent use. Make it with New.
type Policies struct {
	cfg  Config
	web  *http.Client
	once singleflight.Group
	mu   sync.Mutex
	all  map[string]*known
}

// known is what is known of one domain.
type known struct {
	policy  Policy
	id      string
	fetched time.Time
	until   time.Time // the policy's end; zero: there is no policy, only a failure
	failed  time.Time // when it was last fetched in vain
	failing string    // of which id
}

// How often what is known is looked at again.
const (
	again   = 24 * time.Hour  // a policy whose id has not changed is fetched anew after that, or after half of its time
	failFor = 5 * time.Minute // after a fetch in vain (RFC 8461, 3.3)
)

// New returns an empty set.
func New(c Config) *Policies {
	c.Entries = cmp.Or(max(c.Entries, 0), 10_000)
	c.Timeout = cmp.Or(max(c.Timeout, 0), 10*time.Second)
	if c.Clock == nil {
		c.Clock = waxwing.SystemClock
	}
	return &Policies{cfg: c, all: map[string]*known{}, web: &http.Client{
		Timeout:       c.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // RFC 8461, 3.3
		Transport: &http.Transport{DialContext: c.Dial, TLSHandshakeTimeout: c.Timeout, MaxResponseHeaderBytes: 16 << 10,
			DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12}},
	}}
}

// Get gives a domain's policy, the zero one where it has none or none could be had. It fetches where it has to,
// within ctx.
func (p *Policies) Get(ctx context.Context, domain string) Policy {
	texts, err := p.cfg.TXT(ctx, "_mta-sts."+domain)
	id := ""
	if err == nil {
		id = ID(texts)
	}
	now := p.cfg.Clock()
	k, had := p.held(domain, now)
	if id == "" || had && k.id == id && now.Sub(k.fetched) < min(again, k.policy.MaxAge/2) || k.failing == id && now.Sub(k.failed) < failFor {
		return k.policy
	}
	ch := p.once.DoChan(domain+" "+id, func() (any, error) {
		all, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.cfg.Timeout)
		defer cancel()
		fresh, err := p.fetch(all, domain)
		return p.learn(domain, id, fresh, err), nil
	})
	select {
	case got := <-ch:
		return got.Val.(Policy)
	case <-ctx.Done():
		return k.policy
	}
}

// held is what is known of a domain: its policy is the zero one, where it holds no longer.
func (p *Policies) held(domain string, now time.Time) (known, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.all[domain]
	if k == nil {
		return known{}, false
	}
	if !now.Before(k.until) {
		k.policy, k.id = Policy{}, ""
	}
	return *k, k.id != ""
}

// learn notes what a fetch came to, and gives the policy that holds now: where there was no other one, that of before.
func (p *Policies) learn(domain, id string, fresh Policy, err error) Policy {
	now := p.cfg.Clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.all[domain]
	if k == nil {
		p.room(now)
		k = &known{}
		p.all[domain] = k
	}
	if err != nil {
		k.failed, k.failing = now, id
		return k.policy
	}
	*k = known{policy: fresh, id: id, fetched: now, until: now.Add(fresh.MaxAge)}
	return fresh
}

// room makes room for one more: first goes what is over, then what matters least, and among equals what is over first.
func (p *Policies) room(now time.Time) {
	if len(p.all) < p.cfg.Entries {
		return
	}
	least, rank := "", 0
	for d, k := range p.all {
		if !now.Before(k.until) && now.Sub(k.failed) >= failFor {
			delete(p.all, d)
			continue
		}
		r := 2 // a failure
		switch {
		case k.policy.Mode == Enforce:
			r = 0
		case now.Before(k.until):
			r = 1
		}
		if least == "" || r > rank || r == rank && k.until.Before(p.all[least].until) {
			least, rank = d, r
		}
	}
	if len(p.all) >= p.cfg.Entries {
		delete(p.all, least)
	}
}

// Len is how many domains something is known of.
func (p *Policies) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all)
}

// fetch reads a policy from where it has to stand (RFC 8461, 3.3).
func (p *Policies) fetch(ctx context.Context, domain string) (Policy, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://mta-sts."+domain+"/.well-known/mta-sts.txt", nil)
	if err != nil {
		return Policy{}, err
	}
	a, err := p.web.Do(r)
	if err != nil {
		return Policy{}, err
	}
	defer func() { _ = a.Body.Close() }() // only read
	if a.StatusCode != http.StatusOK {
		return Policy{}, fmt.Errorf("the policy's host answers %d", a.StatusCode)
	}
	if kind, _, err := mime.ParseMediaType(a.Header.Get("Content-Type")); err != nil || kind != "text/plain" {
		return Policy{}, errors.New("the policy is not text/plain")
	}
	b, err := io.ReadAll(io.LimitReader(a.Body, MaxBytes+1))
	if err != nil {
		return Policy{}, err
	}
	return Parse(b)
}
