// Package poll asks shops for their lists of orders now and then: a slow second source beside their webhooks, which both
// Shopify and WooCommerce lose. What is known already is absorbed.
package poll

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/reach"
	"github.com/waxwinghq/waxwing/source"
)

// Common are the keys that all have.
type Common struct {
	// Tenant is whose orders they are, and Shop the tenant's shop, whose format reads them.
	Tenant string `yaml:"tenant"`
	// Shop is the tenant's shop, of the format that this list has.
	Shop string `yaml:"shop"`
	// URL is the shop's address: https://SHOP.myshopify.com, https://shop.example.
	URL string `yaml:"url"`
	// Every is how often the list is asked for. An order whose webhook was lost is found within that, and its mail is so much late.
	Every config.Duration `yaml:"every,omitempty" default:"5m" min:"1s" max:"1d"`
	// Allow are networks, such as 10.1.0.0/16, in which the shop may be. Else it is only asked at public addresses, whatever its
	// name leads to.
	Allow []string `yaml:"allow,omitempty"`
}

// Check reports an address to which no secret should be sent.
func (c *Common) check(r *config.Report) {
	for i, n := range c.Allow {
		at := fmt.Sprintf("allow[%d]", i)
		if _, err := netip.ParsePrefix(n); err != nil && !r.Bad(at) {
			r.Fail(at, fmt.Sprintf("%s %s is no network", r.Path(at), r.Quote(at)), "Write it as 10.1.0.0/16")
		}
	}
	if r.Bad("url") {
		return
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		r.Fail("url", r.Path("url")+" is no https address", "Write https://shop.example, without user and password")
	}
}

func loopback(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

// page is one answer of a shop.
type page struct {
	orders []json.RawMessage
	// next asks for the one after it; nil: there is none.
	next *url.URL
	// at is the shop's clock.
	at time.Time
}

// platform is how one kind of shop is asked.
type platform struct {
	topic string
	// first asks for the orders that were changed since a time, the longest ago first.
	first func(since time.Time) *url.URL
	// read takes an answer to u apart.
	read func(u *url.URL, h http.Header, body []byte) (page, error)
	// sign adds what opens the list.
	sign func(*http.Request)
	// id names an order; "" where it cannot be read.
	id func(order []byte) string
}

const (
	// overlap is by how much each round begins before the last one's end: a shop's list may lag behind.
	overlap = 10 * time.Minute
	// underWay is how many orders are accepted at once.
	underWay = 16
	// mostBody bounds an answer.
	mostBody = 64 << 20
	// remembered is how many orders are known not to be asked about again: those of some rounds.
	remembered = 20_000
)

// Poller asks one shop.
type Poller struct {
	c    Common
	p    platform
	log  *slog.Logger
	http *http.Client
	now  waxwing.Clock
	book source.Book

	knownMu sync.Mutex
	known   map[string][sha256.Size]byte // orders that were accepted as they are, by id

	mu     sync.Mutex
	status source.Status
}

func newPoller(c Common, p platform, log *slog.Logger) *Poller {
	return &Poller{c: c, p: p, log: log, now: waxwing.SystemClock, http: c.client(), known: map[string][sha256.Size]byte{},
		status: source.Status{State: source.Starting, Lag: -1, Behind: -1}}
}

// client goes nowhere else than where it is sent: the shop's secret is in each request. It connects to public addresses, to networks
// that are allowed, and to this machine where that is what the operator has written.
func (c *Common) client() *http.Client {
	var g reach.Guard
	for _, s := range c.Allow {
		if p, err := netip.ParsePrefix(s); err == nil { // it was checked
			g.Allow = append(g.Allow, p)
		}
	}
	if u, err := url.Parse(c.URL); err == nil && loopback(u.Hostname()) {
		g.Allow = append(g.Allow, reach.Loopback()...)
	}
	return &http.Client{Timeout: time.Minute,
		Transport:     &http.Transport{Proxy: nil, DialContext: g.Dial(10 * time.Second), TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 50 * time.Second, MaxIdleConnsPerHost: 1, IdleConnTimeout: 30 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Keep is source.Keeper's.
func (x *Poller) Keep(b source.Book) { x.book = b }

// Status is source.Reporter's.
func (x *Poller) Status() source.Status {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.status
}

func (x *Poller) say(f func(*source.Status)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f(&x.status)
}

// Run asks until ctx ends. What was changed before its very first start is not asked for.
func (x *Poller) Run(ctx context.Context, accept source.Accept) error {
	since, err := x.begin(ctx)
	if err != nil {
		return err
	}
	defer x.say(func(s *source.Status) { s.State = source.Starting })
	for {
		reached, err := x.round(ctx, since, accept)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if since = reached; x.book != nil {
			if err := x.book.Write(ctx, []byte(since.UTC().Format(time.RFC3339))); err != nil && ctx.Err() == nil {
				return err
			}
		}
		again := time.NewTimer(x.c.Every.D())
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return nil
		}
	}
}

// begin is from when on orders are asked for.
func (x *Poller) begin(ctx context.Context) (time.Time, error) {
	if x.book == nil {
		return x.now(), nil
	}
	b, err := x.book.Read(ctx)
	if err == nil && len(b) == 0 { // noted before the first answer, so that a wrong key costs no orders
		b = []byte(x.now().UTC().Format(time.RFC3339))
		err = x.book.Write(ctx, b)
	}
	if err != nil {
		return time.Time{}, err
	}
	at, err := time.Parse(time.RFC3339, string(b))
	if err != nil {
		return at, fmt.Errorf("the ledger's note of how far the list was read: %w", err)
	}
	return at, nil
}

// round asks for all that was changed, and returns when it is on disk, and until when the next one need not look.
func (x *Poller) round(ctx context.Context, since time.Time, accept source.Accept) (reached time.Time, err error) {
	fresh := 0
	w := source.NewWindow(ctx, func(ctx context.Context, t waxwing.TenantID, shop waxwing.ShopID, topic string, raw []byte) (waxwing.Receipt, error) {
		rc, err := accept(ctx, t, shop, topic, raw)
		if err == nil {
			x.know(raw)
		}
		return rc, err
	}, underWay, func(struct{}) {})
	err = x.list(w.Context(), since.Add(-overlap), func(order []byte) error {
		if x.knows(order) {
			return nil
		}
		fresh++
		return w.Put(struct{}{}, source.Event{Tenant: waxwing.TenantID(x.c.Tenant), Shop: waxwing.ShopID(x.c.Shop), Topic: x.p.topic, Raw: order})
	}, &reached)
	if err == nil {
		err = w.Wait()
	}
	if closed := w.Close(); err == nil || closed != nil && ctx.Err() == nil {
		err = closed
	}
	if err != nil || ctx.Err() != nil {
		return since, err
	}
	now := x.now()
	x.say(func(s *source.Status) {
		s.State, s.Detail, s.Heard, s.Position = source.Reading, "", now, "changes until "+reached.UTC().Format(time.RFC3339)
		if fresh > 0 {
			s.LastEvent = now
		}
	})
	return reached, nil
}

// know notes that an order was accepted as it is: by all of it, since two changes within a second have one time.
func (x *Poller) know(order []byte) {
	id := x.p.id(order)
	if id == "" {
		return
	}
	x.knownMu.Lock()
	defer x.knownMu.Unlock()
	if len(x.known) > remembered {
		clear(x.known)
	}
	x.known[id] = sha256.Sum256(order)
}

func (x *Poller) knows(order []byte) bool {
	id := x.p.id(order)
	x.knownMu.Lock()
	defer x.knownMu.Unlock()
	sum, ok := x.known[id]
	return ok && sum == sha256.Sum256(order)
}

// list calls each with every order that was changed since a time, page by page. reached becomes the shop's time of the first
// answer.
func (x *Poller) list(ctx context.Context, since time.Time, each func([]byte) error, reached *time.Time) error {
	asked := map[string]bool{}
	for u := x.p.first(since); u != nil; {
		if asked[u.String()] {
			return errors.New("the shop's list of orders leads back to itself")
		}
		asked[u.String()] = true
		p, err := x.get(ctx, u)
		if err != nil {
			return err
		}
		if reached.IsZero() {
			*reached = p.at
		}
		for _, o := range p.orders {
			if err := each(o); err != nil {
				return err
			}
		}
		u = p.next
	}
	return nil
}

// get asks for one page, and once more where the shop wants it later.
func (x *Poller) get(ctx context.Context, u *url.URL) (p page, err error) {
	for try := 0; ; try++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
		if err != nil {
			return p, err
		}
		req.Header.Set("Accept", "application/json")
		x.p.sign(req)
		res, err := x.http.Do(req)
		if err != nil {
			return p, bare(err)
		}
		body, err := io.ReadAll(io.LimitReader(res.Body, mostBody+1))
		_ = res.Body.Close() // it was read
		switch {
		case err != nil:
			return p, fmt.Errorf("the shop's list of orders: %w", err)
		case res.StatusCode == http.StatusTooManyRequests && try < 5:
			if err := pause(ctx, after(res.Header)); err != nil {
				return p, err
			}
			continue
		case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
			return p, fmt.Errorf("the shop refuses its list of orders (%s): give the key the right to read orders", res.Status)
		case res.StatusCode/100 == 3:
			return p, fmt.Errorf("the shop sends us elsewhere (%s): write its final address as url", res.Status)
		case res.StatusCode != http.StatusOK:
			return p, fmt.Errorf("the shop's list of orders: %s", res.Status)
		case len(body) > mostBody:
			return p, fmt.Errorf("the shop's list of orders is longer than %d MiB a page", mostBody>>20)
		}
		if p, err = x.p.read(u, res.Header, body); err != nil {
			return p, fmt.Errorf("the shop's list of orders: %w", err)
		}
		if p.at, err = http.ParseTime(res.Header.Get("Date")); err != nil {
			p.at = x.now()
		}
		if p.next != nil && (p.next.Host != u.Host || p.next.Scheme != u.Scheme) {
			return p, errors.New("the shop's list of orders goes on at another host")
		}
		return p, nil
	}
}

// bare leaves out the address, which may hold a key.
func bare(err error) error {
	var u *url.Error
	if errors.Is(err, reach.ErrInside) {
		return fmt.Errorf("the shop's list of orders: %w; where that is right, name its network under allow", reach.ErrInside)
	}
	if errors.As(err, &u) {
		return fmt.Errorf("the shop's list of orders: %w", u.Err)
	}
	return err
}

// after is how long a shop wants us to wait (RFC 9110 10.2.3): a minute at most.
func after(h http.Header) time.Duration {
	s, err := strconv.ParseFloat(strings.TrimSpace(h.Get("Retry-After")), 64)
	if err != nil || s < 0 {
		s = 2
	}
	return min(time.Duration(s*float64(time.Second)), time.Minute)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// all gives the orders that were changed since a time, for source.Lister.
func (x *Poller) all(ctx context.Context, since time.Time, each func(source.Event) error) error {
	var at time.Time
	return x.list(ctx, since, func(order []byte) error {
		return each(source.Event{Tenant: waxwing.TenantID(x.c.Tenant), Shop: waxwing.ShopID(x.c.Shop), Topic: x.p.topic, Raw: order})
	}, &at)
}
