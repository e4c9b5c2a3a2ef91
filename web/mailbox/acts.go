package mailbox

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/web"
)

// SampleShop is a shop that the mailbox can have an order from.
type SampleShop struct {
	Tenant  string   `json:"tenant"`
	Name    string   `json:"name"` // the tenant's, as customers read it
	Shop    string   `json:"shop"`
	Locales []string `json:"locales"`
}

// Acts are what the mailbox can do beside showing. Their errors are shown to
// whoever pressed the button; waxwing.Permanent ones are her mistake.
type Acts struct {
	// Title stands beside the name: "demo mailbox".
	Title string
	// Shops can be asked for a sample order, and Order has one come from a shop, in
	// a language, by the way that real ones come. Nil: there is no such button.
	Shops []SampleShop
	Order func(ctx context.Context, tenant, shop, locale string) error
	// Release sends a mail's bytes to a real address. Nil: there is no such button.
	Release func(ctx context.Context, l Letter, to string) error
	// Breaker breaks a provider.
	Breaker *Breaker
}

// paced lets a few acts a minute through.
type paced struct {
	mu   sync.Mutex
	most int
	at   []time.Time
}

func (p *paced) pass(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.at[:0]
	for _, t := range p.at {
		if now.Sub(t) < time.Minute {
			kept = append(kept, t)
		}
	}
	p.at = kept
	if len(p.at) >= p.most {
		return false
	}
	p.at = append(p.at, now)
	return true
}

const (
	ordersAMinute   = 30
	releasesAMinute = 5
)

// Act gives the mailbox its buttons; before it is served.
func (m *Mailbox) Act(a Acts) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.acts = a
}

func (m *Mailbox) actsNow() Acts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.acts
}

func (m *Mailbox) settings(w http.ResponseWriter, _ *http.Request) {
	a := m.actsNow()
	out := struct {
		Title   string       `json:"title"`
		Shops   []SampleShop `json:"shops"`
		Release bool         `json:"release"`
	}{a.Title, []SampleShop{}, a.Release != nil}
	if a.Order != nil {
		out.Shops = append(out.Shops, a.Shops...)
	}
	m.json(w, out)
}

// order has a sample order sent.
func (m *Mailbox) order(w http.ResponseWriter, r *http.Request) {
	var ask struct{ Tenant, Shop, Locale string }
	a := m.actsNow()
	if !readAsk(w, r, &ask) {
		return
	}
	if a.Order == nil {
		web.Problem(w, http.StatusNotFound, "not found", "this mailbox sends no orders")
		return
	}
	if !m.orders.pass(time.Now()) {
		web.Problem(w, http.StatusTooManyRequests, "too many", "one order after the other: wait a moment")
		return
	}
	m.done(w, a.Order(r.Context(), ask.Tenant, ask.Shop, ask.Locale))
}

// release sends a mail on to a real address. It asks for a word of consent of its
// own, so that no slip of a finger mails anybody.
func (m *Mailbox) release(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		To   string
		Sure bool
	}
	a := m.actsNow()
	if !readAsk(w, r, &ask) {
		return
	}
	if a.Release == nil {
		web.Problem(w, http.StatusNotFound, "not found", "this mailbox releases nothing")
		return
	}
	l := m.letterOf(w, r)
	if l == nil {
		return
	}
	switch {
	case l.Channel != waxwing.Email:
		web.Problem(w, http.StatusUnprocessableEntity, "not a mail", "only mails are released")
	case !ask.Sure:
		web.Problem(w, http.StatusUnprocessableEntity, "not confirmed", `say "sure": true: it sends a real mail`)
	case !m.releases.pass(time.Now()):
		web.Problem(w, http.StatusTooManyRequests, "too many", "five a minute are released at most: wait a minute")
	default:
		m.done(w, a.Release(r.Context(), *l, ask.To))
	}
}

func (m *Mailbox) done(w http.ResponseWriter, err error) {
	switch {
	case err == nil:
		m.json(w, map[string]bool{"done": true})
	case waxwing.IsPermanent(err):
		web.Problem(w, http.StatusUnprocessableEntity, "not possible", err.Error())
	default:
		web.Problem(w, http.StatusBadGateway, "it did not work", err.Error())
	}
}

// readAsk reads a small JSON body. It wants the content type of a script of ours:
// no form of another page's can send that.
func readAsk(w http.ResponseWriter, r *http.Request, v any) bool {
	if ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); ct != "application/json" {
		web.Problem(w, http.StatusUnsupportedMediaType, "not JSON", "send application/json")
		return false
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<10))
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		web.Problem(w, http.StatusBadRequest, "bad body", "want a small JSON object")
		return false
	}
	return true
}

// Local wraps pages that hold real customers' mails: they are shown to browsers on
// this machine only. A name that an attacker's DNS points here, a proxy or a tunnel
// in front (which a shop's webhooks may well come through) get none of it.
func Local(pages map[string]http.Handler) map[string]http.Handler {
	same := http.NewCrossOriginProtection()
	out := map[string]http.Handler{}
	for pattern, h := range pages {
		guarded := same.Handler(h)
		out[pattern] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !isLocal(r) {
				http.Error(w, "The mailbox is shown on the machine that it runs on only.", http.StatusForbidden)
				return
			}
			guarded.ServeHTTP(w, r)
		})
	}
	return out
}

func isLocal(r *http.Request) bool {
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via", "Cf-Connecting-Ip"} {
		if r.Header.Get(h) != "" {
			return false
		}
	}
	return loopback(r.Host) && (r.RemoteAddr == "" || loopback(r.RemoteAddr))
}

// loopback reports whether a host, with or without its port, is this machine.
func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && a.IsLoopback()
}
