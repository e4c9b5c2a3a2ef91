// Package callback takes what providers tell over HTTP of the messages that they took: delivered,
// bounced, complained. Whoever posts is known by the provider's signature first. Then each event
// must give back the reference that its message was sent with, which only the tenant's ledger can
// make, and name the message's recipient; and the message must have been offered to that very
// provider. What does not fit is answered as what nobody knows, and leaves nothing.
package callback

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/feedback/bounce"
	"github.com/waxwinghq/waxwing/feedback/inbound"
	"github.com/waxwinghq/waxwing/feedback/returnpath"
)

// Request is what a provider posted.
type Request struct {
	Header http.Header
	Query  string // of the address, as it came
	Body   []byte
	Now    time.Time
}

// Event is what a provider tells of a message. It holds personal data.
type Event struct {
	// Reference is what the message's Outgoing.Reference gave the provider. MessageID is the mail's
	// where the provider names it, too.
	Reference, MessageID string
	Recipient            string
	// Kind is empty where it tells nothing that is kept: the message may still arrive.
	Kind   waxwing.AnnotationKind
	Class  bounce.Class
	Reason bounce.Reason
	// Said is the provider's own account of it, as it is kept under seal.
	Said Said
}

// Said is a provider's account of an event, in its own words.
type Said struct {
	Event, Type string `json:",omitempty"`
	Status      string `json:",omitempty"` // enhanced (RFC 3463)
	Code        int    `json:",omitempty"`
	Words       string `json:",omitempty"`
}

// Provider is how one provider's callbacks are known and read. Its methods are called concurrently.
type Provider interface {
	// Events verifies a request and gives what it tells. ErrForged, or an error that wraps it: it is
	// not this provider's, is too old or cannot be read. ErrUnavailable: it is to come again. once is
	// asked at the end, with what no two of its requests have in common.
	Events(ctx context.Context, r *Request) (events []Event, once string, err error)
	// Refusal is the status at which the provider gives up a request that is not believed.
	Refusal() int
}

// ErrForged says that a request is not believed.
var ErrForged = errors.New("it is not believed")

// Books are where messages are looked up and told of.
type Books interface {
	inbound.Teller
	// Offered gives where a message of a tenant's went, and by which providers it was offered.
	// ErrNotFound: there is no such message, or nobody knows any more where it went.
	// ErrUnavailable: it is on its way just now, or cannot be read.
	Offered(ctx context.Context, tenant waxwing.TenantID, message waxwing.ID) (to string, by []string, err error)
}

// Door is one provider's.
type Door struct {
	Provider
	// Name is the provider's in the trail; Tenant whose it is, "" the platform's.
	Name   string
	Tenant waxwing.TenantID
}

// Platform stands in a path for the tenant where a provider is the platform's. It is no tenant's name.
const Platform = "-"

// Desk takes the callbacks of all providers. It is safe for concurrent use.
type Desk struct {
	books    Books
	suppress []string
	now      func() time.Time
	log      *slog.Logger
	seen     seen
	open     atomic.Pointer[doors]
}

type doors struct {
	all  map[string]Door // by tenant/name, or -/name
	tags map[string]waxwing.TenantID
}

// NewDesk returns a desk without doors. suppress are the classes, hard and complaint, that keep an
// address from being written to again.
func NewDesk(books Books, suppress []string, log *slog.Logger) *Desk {
	d := &Desk{books: books, suppress: suppress, now: time.Now, log: log}
	d.Use(nil, nil)
	return d
}

// Use has callbacks from now on taken by these doors, by the last two parts of their paths, and for
// these tenants.
func (d *Desk) Use(all map[string]Door, tenants []waxwing.TenantID) {
	x := &doors{all: all, tags: make(map[string]waxwing.TenantID, len(tenants))}
	if len(all) > 0 {
		for _, t := range tenants {
			x.tags[t.Tag()] = t
		}
	}
	d.open.Store(x)
}

// Take takes a request of POST /feedback/{tenant}/{provider} whose body is raw, and gives the status
// to answer with; believed: it bears the provider's signature.
func (d *Desk) Take(r *http.Request, raw []byte) (status int, believed bool) {
	at := r.PathValue("tenant") + "/" + r.PathValue("provider")
	open := d.open.Load()
	door, ok := open.all[at]
	if !ok {
		return http.StatusNotFound, false
	}
	req := &Request{Header: r.Header, Query: r.URL.RawQuery, Body: raw, Now: d.now()}
	events, once, err := door.Events(r.Context(), req)
	if errors.Is(err, waxwing.ErrUnavailable) {
		return http.StatusServiceUnavailable, false
	}
	if err != nil {
		d.log.Warn("a callback is not believed", "provider", at, "why", err)
		return door.Refusal(), false
	}
	key := sha256.Sum256([]byte(at + "\n" + once))
	if once != "" && d.seen.has(key, req.Now) {
		return door.Refusal(), true
	}
	told, nothing := 0, 0
	// Whoever hangs up sends again; what is begun is told to its end.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 20*time.Second)
	defer cancel()
	for i := range events {
		if events[i].Kind == "" {
			nothing++
			continue
		}
		ok, err := d.tell(ctx, open, &door, &events[i])
		if err != nil {
			d.log.Error("a callback could not be recorded; its provider was told to try again", "provider", at, "err", err)
			return http.StatusServiceUnavailable, true
		}
		if ok {
			told++
		}
	}
	if once != "" {
		d.seen.add(key, req.Now)
	}
	if told == 0 && nothing < len(events) {
		return door.Refusal(), true
	}
	return http.StatusNoContent, true
}

// tell records an event, if it is of a message that the provider was offered, and of its recipient.
func (d *Desk) tell(ctx context.Context, open *doors, door *Door, e *Event) (ok bool, err error) {
	p, ok := returnpath.ReadReference(strings.ToLower(e.Reference))
	tenant, known := open.tags[p.Tag]
	ok = ok && known && (door.Tenant == "" || door.Tenant == tenant) && d.books.Checks(tenant, p.Message, p.Token) && names(e.MessageID, p.Token)
	// The ledger is asked even so: how long that takes is no answer to who guesses.
	to, by, err := d.books.Offered(ctx, tenant, p.Message)
	switch {
	case !ok || errors.Is(err, waxwing.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case !Same(to, e.Recipient) || !slices.Contains(by, door.Name):
		return false, nil
	}
	evidence, err := json.Marshal(e.Said)
	if err != nil { // it is texts and numbers
		return false, nil
	}
	t := &inbound.Told{Tenant: tenant, Message: p.Message, By: door.Name, Kind: e.Kind, Class: string(e.Class), Reason: string(e.Reason), Evidence: evidence}
	class := string(e.Class)
	if e.Kind == waxwing.Complained {
		class, t.Class = "complaint", "complaint"
	}
	t.Suppress = (class == "hard" || class == "complaint") && slices.Contains(d.suppress, class)
	if err := d.books.Tell(ctx, t); err != nil {
		return false, err
	}
	d.log.Info("a provider told of a message", "provider", door.Name, "tenant", tenant, "message", p.Message, "kind", string(t.Kind), "class", t.Class, "reason", t.Reason)
	return true, nil
}

// names reports whether a Message-ID, if there is one, is the message's: its left side is the token.
func names(id, token string) bool {
	return id == "" || strings.HasPrefix(strings.ToLower(strings.TrimLeft(id, "< ")), token)
}

// Same reports whether two addresses, or two telephone numbers, are the same recipient's: in
// whatever case an address is written, and with or without a number's plus.
func Same(a, b string) bool {
	a, b = strings.ToLower(strings.TrimSpace(a)), strings.ToLower(strings.TrimSpace(b))
	if !strings.Contains(a, "@") {
		a, b = strings.TrimPrefix(a, "+"), strings.TrimPrefix(b, "+")
	}
	return a != "" && a == b
}

// bounced makes an event of a bounce for a reason.
func (e *Event) bounced(r bounce.Reason) {
	e.Kind, e.Class, e.Reason = waxwing.Bounced, bounce.ClassOf(r), r
}

// judged makes an event of a bounce by what a server said of it; otherwise is the reason where that
// tells none.
func (e *Event) judged(otherwise bounce.Reason) {
	_, r := bounce.Judge(e.Said.Status, e.Said.Code, e.Said.Words)
	if r == bounce.Unknown || r == "" {
		r = otherwise
	}
	e.bounced(r)
}

// complained makes an event of a complaint, of a type of RFC 5965 or "".
func (e *Event) complained(kind string) {
	e.Kind, e.Reason = waxwing.Complained, bounce.Reason(inbound.Complaint(kind))
}

// Bounds on what is kept of an event, and on how many one request may tell.
const (
	maxWords  = 1000
	maxEvents = 2000
)

// clip bounds a text of a provider's in bytes, and makes it text.
func clip(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxWords)], "")
}

// fresh reports whether a time is at most old ago, and not ahead of now by more than a clock's fault.
func fresh(at, now time.Time, old time.Duration) bool {
	d := now.Sub(at)
	return d <= old+tolerance && d >= -tolerance
}

// tolerance is how wrong clocks may be, and how long a request may be on its way. For how long a
// provider repeats one, which is signed once perhaps, each adds.
const tolerance = 15 * time.Minute

// form reads a form, or refuses it.
func form(body []byte) (url.Values, error) {
	v, err := url.ParseQuery(string(body))
	if err != nil || len(v) > 200 {
		return nil, ErrForged
	}
	return v, nil
}
