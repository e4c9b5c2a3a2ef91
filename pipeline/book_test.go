package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/delivery"
)

// book is a ledger in memory: it keeps what the pipeline asks of it, in words.
type book struct {
	mu     sync.Mutex
	said   []string
	events []*waxwing.Event
	works  map[waxwing.ID]*waxwing.Work
	drafts map[waxwing.ID]waxwing.Draft // queued, by message
	taken  map[waxwing.ID]bool
	done   map[waxwing.ID]bool // orders that are ready
	// tenants are those of orders that were accepted.
	tenants  map[waxwing.ID]waxwing.TenantID
	found    waxwing.Lookup
	until    time.Time
	sent     *waxwing.Outgoing // what Bytes gives
	rework   error
	bytes    error
	grace    time.Duration // for which no sweep finds a new order: its wake is about to come
	sealedAs []byte        // what a draft becomes
	hear     chan string   // hears what is said, if there is one
}

func newBook() *book {
	return &book{works: map[waxwing.ID]*waxwing.Work{}, drafts: map[waxwing.ID]waxwing.Draft{}, taken: map[waxwing.ID]bool{}, done: map[waxwing.ID]bool{},
		tenants: map[waxwing.ID]waxwing.TenantID{}}
}

func (b *book) say(f string, args ...any) {
	s := fmt.Sprintf(f, args...)
	b.said = append(b.said, s)
	if b.hear != nil {
		b.hear <- s
	}
}

func (b *book) Accept(_ context.Context, ev *waxwing.Event) (waxwing.Receipt, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, ev)
	id := waxwing.ID(64 * len(b.events))
	b.tenants[id] = ev.Tenant
	b.works[id] = &waxwing.Work{ID: id, Tenant: ev.Tenant, Shop: ev.Shop, Format: ev.Format, Topic: ev.Topic, Raw: ev.Raw, State: waxwing.Received, Created: ev.At, Next: 1}
	return waxwing.Receipt{ID: id, State: waxwing.Received, New: true, Work: true}, nil
}

func (b *book) Work(_ context.Context, id waxwing.ID) (*waxwing.Work, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w := b.works[id]; w != nil {
		return w, nil
	}
	return nil, waxwing.ErrState
}

func (b *book) DueWork(_ context.Context, _ time.Time, ahead time.Duration, limit int) (ids []waxwing.ID, _ time.Time, _ error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, w := range b.works {
		if len(ids) < limit && time.Since(w.Created)+ahead > b.grace {
			ids = append(ids, id)
		}
	}
	return ids, time.Time{}, nil
}

func (b *book) DueHolds(context.Context, int) ([]waxwing.ID, error) { return nil, nil }
func (b *book) EndDue(context.Context) (bool, error)                { return false, nil }

func (b *book) Ready(_ context.Context, w *waxwing.Work, drafts []waxwing.Draft, lk waxwing.Lookup, ttl time.Duration) (ids []waxwing.ID, _ error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done[w.ID] {
		return nil, waxwing.ErrState
	}
	delete(b.works, w.ID)
	b.done[w.ID], b.found = true, lk
	for i, d := range drafts {
		ids = append(ids, w.ID+waxwing.ID(1+i))
		b.say("ready %s %s for %s", d.Channel, d.State, ttl)
		if drafts[i].Sealed = b.sealedAs; d.State == waxwing.Queued {
			b.drafts[ids[i]] = d
		}
	}
	return ids, nil
}

func (b *book) Hold(_ context.Context, _ *waxwing.Work, reason string, until time.Time, lk waxwing.Lookup) error {
	b.until, b.found = until, lk
	b.say("hold: %s", reason)
	return nil
}

func (b *book) Quarantine(_ context.Context, _ *waxwing.Work, reason string, lk waxwing.Lookup) error {
	b.found = lk
	b.say("quarantine: %s", reason)
	return nil
}

func (b *book) Cancel(_ context.Context, _ *waxwing.Work, reason string, lk waxwing.Lookup) error {
	b.found = lk
	b.say("cancel: %s", reason)
	return nil
}

func (b *book) claim(id waxwing.ID) *waxwing.Claim {
	d, ok := b.drafts[id]
	if !ok || b.taken[id] {
		return nil
	}
	b.taken[id] = true
	t, ok := b.tenants[id&^63]
	if !ok {
		t = "acme"
	}
	return &waxwing.Claim{Confirmation: id &^ 63, Out: waxwing.Outgoing{Message: id, Tenant: t, Channel: d.Channel, To: d.To, Pipeline: d.Pipeline}}
}

func (b *book) Claim(_ context.Context, id waxwing.ID) (*waxwing.Claim, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.claim(id); c != nil {
		return c, nil
	}
	return nil, waxwing.ErrState
}

func (b *book) ClaimCarried(ctx context.Context, id waxwing.ID, sealed []byte) (*waxwing.Claim, error) {
	c, err := b.Claim(ctx, id)
	if err == nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.say("carried %s", sealed)
	}
	return c, err
}

func (b *book) ClaimDue(_ context.Context, ch waxwing.Channel, limit int) (out []*waxwing.Claim, _ error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, d := range b.drafts {
		if d.Channel == ch && len(out) < limit {
			if c := b.claim(id); c != nil {
				out = append(out, c)
			}
		}
	}
	return out, nil
}

func (b *book) CommitDot(context.Context, *waxwing.Claim, string) error { return nil }

func (b *book) Resolve(_ context.Context, c *waxwing.Claim, r *waxwing.Resolution) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.taken, c.Out.Message)
	if r.To != waxwing.Queued {
		delete(b.drafts, c.Out.Message)
	}
	for i, d := range r.Fallback {
		b.drafts[c.Out.Message+waxwing.ID(1+i)] = d
	}
	b.say("%s %s %s", c.Out.Channel, r.To, r.Reason)
	return nil
}

func (b *book) ReworkOf(_ context.Context, t waxwing.TenantID, id waxwing.ID) (*waxwing.Work, error) {
	return &waxwing.Work{ID: id, Tenant: t, Format: "f", Raw: []byte("{}"), Next: 2}, b.rework
}

func (b *book) Add(_ context.Context, w *waxwing.Work, d *waxwing.Draft, _ time.Duration) (waxwing.ID, error) {
	b.say("add %s %s to %s, asked %v, notes %q", d.Channel, d.State, d.To, w.Asked, d.Notes)
	return w.ID | waxwing.ID(w.Next), nil
}

func (b *book) Bytes(context.Context, waxwing.TenantID, waxwing.ID, int) (*waxwing.Outgoing, error) {
	return b.sent, b.bytes
}

// letters composes a mail to whom an order names, and a text likewise.
type letters struct {
	again error
}

func (*letters) Compose(ch waxwing.Channel, _ *waxwing.Work, o *waxwing.Order, _ time.Time) (waxwing.Draft, error) {
	d := waxwing.Draft{Channel: ch, To: o.Customer.Email, Notes: []string{"composed"}}
	if ch == waxwing.SMS {
		d.To = o.Customer.Phone
	}
	if d.To == "" || ch == waxwing.Push {
		return d, waxwing.ErrNotFound
	}
	return d, nil
}

func (l *letters) Again(_ *waxwing.Work, sent *waxwing.Outgoing, to string, _ time.Time) (waxwing.Draft, error) {
	if to == "" {
		to = sent.To
	}
	return waxwing.Draft{Channel: waxwing.Email, To: to, Notes: []string{"again"}}, l.again
}

// taker takes every message, or answers as it is told.
type taker struct {
	name   string
	got    chan string
	answer waxwing.Attempt
}

func (p *taker) Offer(_ context.Context, out *waxwing.Outgoing, commit func() error) waxwing.Attempt {
	if p.got != nil {
		p.got <- p.name + " " + out.To
	}
	if p.answer.Verdict != "" {
		return p.answer
	}
	if commit() != nil {
		return waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.LedgerFault}
	}
	return waxwing.Attempt{Verdict: waxwing.Accepted, Phase: waxwing.PhaseDot}
}

// registryOf has the stages, some formats, and a provider of each channel and a lookup
// without keys.
func registryOf(formats ...waxwing.Format) config.Registry {
	block := func() config.Block { return &mailer{} }
	return config.Registry{Stages: Components(), Hooks: []string{"filter", "personalise"}, Locales: []string{"en"}, Lookups: []config.Component{{Name: "any", Settings: block}}, Formats: formats,
		Providers: []config.Component{{Name: "post", Carries: waxwing.Email, Settings: block}, {Name: "talk", Carries: waxwing.SMS, Settings: block}}}
}

// partsOf is a pipeline of one tenant, whose orders the given format reads; e-mail by "mail",
// texts by "texts".
func partsOf(b *book, normalise func() (*waxwing.Order, error), mail, texts delivery.Provider) Parts {
	f := waxwing.Format{Name: "f",
		Key: func(_ string, raw []byte) (waxwing.EventKey, error) {
			return waxwing.EventKey{OrderID: string(raw)}, nil
		},
		Normalise: func(string, []byte) (*waxwing.Order, error) { return normalise() }}
	c := configtest.Must(registryOf(f), "providers: {mail: {type: post}, texts: {type: talk}}\ntenants: {acme: {name: Acme, from: a@acme.example, shops: {shop: {format: f}}}}\n"+
		"pipeline: [normalise, render, {queue: {name: mail}}, {send: {providers: [mail], retry: [1m]}}, {fallback: {providers: [texts]}}]\n")
	return Parts{Config: c, Ledger: b, Formats: map[string]waxwing.Format{"f": f}, Composer: &letters{},
		Providers: map[string]delivery.Provider{"mail": mail, "texts": texts}}
}

func newPipeline(t *testing.T, p Parts) *Pipeline {
	t.Helper()
	x, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// use has other settings used.
func use(t *testing.T, x *Pipeline, s *Settings) {
	t.Helper()
	if err := x.Prepare(s); err != nil {
		t.Fatal(err)
	}
	x.Use(s)
}

// paid is an order that may be confirmed by mail and by text.
func paid() (*waxwing.Order, error) {
	return &waxwing.Order{ID: "7", Number: "#7", Customer: waxwing.Customer{Email: "ida@mail.example", Phone: "+4915112345678"},
		Payment: waxwing.Payment{Status: waxwing.PaymentPaid}}, nil
}

func (b *book) want(t *testing.T, what string, said ...string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if got, want := strings.Join(b.said, "; "), strings.Join(said, "; "); got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
	b.said = nil
}

var nobody = slog.New(slog.DiscardHandler)

// Doubts is the ledger's: nobody is asked about here.
func (b *book) Doubts(context.Context, int) ([]*waxwing.Doubt, error) { return nil, nil }

func (b *book) Answered(context.Context, *waxwing.Doubt, *waxwing.Reply) (bool, error) {
	return false, waxwing.ErrState
}
