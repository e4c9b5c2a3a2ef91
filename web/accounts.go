package web

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/web/letter"
)

// accounts takes events of shops from programs that have the tenant's key, and says of orders that a shop has how
// they stand here.
type accounts struct {
	api    *api
	intake Intake
	books  Books
	reads  *reads
}

func (x *accounts) routes(m *http.ServeMux) {
	m.HandleFunc("POST "+ofTenant+"/shops/{shop}/events", x.api.of(x.postEvent))
	m.HandleFunc("POST "+ofTenant+"/reconcile", x.api.of(x.reconcile))
	m.HandleFunc("GET "+ofTenant+"/deliveries", x.api.of(x.deliveries))
}

// sourceImport is the source of events that a person or a program brings, in place of their shop.
const sourceImport = "import"

// postEvent takes an event as the shop would send it. The key stands in for the shop's signature. What cannot be
// read is quarantined, as it is when a webhook brings it.
func (x *accounts) postEvent(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	v := r.URL.Query()
	if err := known(v, "topic"); err != nil {
		return err
	}
	raw, err := x.api.bodies.take(w, r)
	if err != nil {
		return err
	}
	shop := waxwing.ShopID(r.PathValue("shop"))
	if err := knownShop(x.api.doors, t, shop); err != nil {
		return err
	}
	rc, err := x.intake.Accept(r.Context(), &waxwing.Event{Tenant: t, Shop: shop, Source: sourceImport, Topic: v.Get("topic"), Raw: raw})
	if err != nil {
		return err
	}
	receipt(w, rc)
	return nil
}

// mostReconciled is how many orders one request may ask for: a few hundred milliseconds' work.
const mostReconciled = 500

// stood is how one order stands.
type stood struct {
	waxwing.OrderRef
	Standing waxwing.Standing `json:"standing"`
	// Reason is of what is held, suppressed, cancelled or quarantined; Evidence is what a provider said last of what is
	// undeliverable.
	Reason       string      `json:"reason,omitempty"`
	Evidence     string      `json:"evidence,omitempty"`
	Confirmation *waxwing.ID `json:"confirmation,omitempty"`
	// Total is the order's as we read it: where it is missing we cannot read it any more.
	Total *waxwing.Money `json:"total,omitempty"`
	// Resends is how many messages a person has asked for.
	Resends int `json:"resends,omitempty"`
}

// reconcile says of orders how they stand.
func (x *accounts) reconcile(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	var body struct {
		Orders []waxwing.OrderRef `json:"orders"`
	}
	if err := x.api.readSmall(w, r, &body); err != nil {
		return err
	}
	if n := len(body.Orders); n > mostReconciled {
		return fault{http.StatusUnprocessableEntity, "too many orders", fmt.Sprintf("orders: %d, at most %d in one request", n, mostReconciled)}
	}
	for i, o := range body.Orders {
		if o.ID == "" || o.Shop == "" {
			return fault{http.StatusUnprocessableEntity, "not an order", fmt.Sprintf("orders[%d]: want shop and id", i)}
		}
		if err := knownShop(x.api.doors, t, o.Shop); err != nil {
			return err
		}
	}
	done, err := x.reads.enter(r.Context(), t)
	if err != nil {
		return err
	}
	defer done()
	found, err := x.books.Known(r.Context(), t, body.Orders)
	if err != nil {
		return err
	}
	answer := struct {
		Orders []stood `json:"orders"`
	}{make([]stood, len(found))}
	for i, v := range found {
		answer.Orders[i] = x.standing(r, t, body.Orders[i], v)
	}
	return writeJSON(w, http.StatusOK, answer)
}

func (x *accounts) standing(r *http.Request, t waxwing.TenantID, o waxwing.OrderRef, v *waxwing.ConfirmationView) stood {
	out := stood{OrderRef: o, Standing: v.Standing()}
	if v == nil {
		return out
	}
	out.Confirmation, out.Reason = &v.ID, v.Reason
	if out.Standing == waxwing.Confirmed {
		out.Reason = ""
	}
	for i := range v.Messages {
		m := &v.Messages[i]
		if m.Resend {
			out.Resends++
		}
		if n := len(m.Attempts); n > 0 && out.Standing == waxwing.Undeliverable {
			a := &m.Attempts[n-1]
			out.Evidence = fmt.Sprintf("%s by %s at %s: %d %s", a.Verdict, a.Provider, a.Ended.UTC().Format("2006-01-02T15:04:05Z"), a.Code, a.Reply)
		}
	}
	if format, topic, raw, err := x.books.Raw(r.Context(), t, v.ID); err == nil {
		if f := x.api.doors.access().formats[format]; f.Normalise != nil && f.NormaliseWork == nil {
			if read := safely(f, topic, raw); read != nil {
				out.Total = &read.Total
			}
		}
	}
	return out
}

// knownShop refuses a shop that the configuration does not know: a misspelt name
// would make another order of the same number.
func knownShop(d *doors, t waxwing.TenantID, shop waxwing.ShopID) error {
	tenant, ok := d.access().tenants[string(t)]
	if !ok { // a reload took it away after its key was looked at
		return fault{http.StatusUnauthorized, "unauthorized", "the configuration has no such tenant any more"}
	}
	shops := tenant.Shops
	if _, ok := shops[string(shop)]; ok || shop == "" { // "": a format whose events name none
		return nil
	}
	known := slices.Sorted(maps.Keys(shops))
	if len(known) == 0 {
		return fault{http.StatusUnprocessableEntity, "no such shop", fmt.Sprintf("shop: there is no shop %.64q; the configuration knows none yet: add it under tenants.%s.shops, such as {%s: {format: generic}}", shop, t, "web")}
	}
	return fault{http.StatusUnprocessableEntity, "no such shop", fmt.Sprintf("shop: there is no shop %.64q; known are %s", shop, strings.Join(known, ", "))}
}

// deliveries tells what became of a span's orders, a piece at a time: so that no request takes long.
func (x *accounts) deliveries(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	v := r.URL.Query()
	if err := known(v, "since", "until", "before"); err != nil {
		return err
	}
	q := waxwing.Query{Tenant: t}
	if err := span(v, &q); err != nil {
		return err
	}
	if q.Since.IsZero() || q.Until.IsZero() {
		return fault{http.StatusBadRequest, "bad parameter", "want since and until"}
	}
	if b := v.Get("before"); b != "" {
		id, err := waxwing.ParseID(b)
		if err != nil {
			return fault{http.StatusBadRequest, "bad parameter", "before: " + err.Error()}
		}
		q.Before = id
	}
	done, err := x.reads.enter(r.Context(), t)
	if err != nil {
		return err
	}
	defer done()
	d, err := x.books.Deliveries(r.Context(), q)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, d)
}

// caught shows what the sandbox caught of a tenant's messages. It knows which they were; what is in them the
// ledger says, so that nothing is shown that was erased.
type caught struct {
	api   *api
	list  func(waxwing.TenantID) []waxwing.Caught
	books Books
	reads *reads
}

func (x *caught) routes(m *http.ServeMux) {
	const t = ofTenant
	m.HandleFunc("GET "+t+"/sandbox", x.api.of(x.letters))
	m.HandleFunc("GET "+t+"/sandbox/{id}", x.api.of(x.letter))
}

// mostCaught is how many are listed at once.
const mostCaught = 50

// caughtLetter is one of them. Text and HTML are its own in the answer to a request for it alone.
type caughtLetter struct {
	Message      waxwing.ID      `json:"message"`
	Confirmation waxwing.ID      `json:"confirmation"`
	N            int             `json:"n"`
	Channel      waxwing.Channel `json:"channel"`
	At           time.Time       `json:"at"`
	From         string          `json:"from,omitempty"`
	To           string          `json:"to,omitempty"`
	Subject      string          `json:"subject,omitempty"`
	Text         string          `json:"text,omitempty"`
	HTML         string          `json:"html,omitempty"`
}

// of is what was caught, as far as the request may ask.
func (x *caught) of(r *http.Request, t waxwing.TenantID) ([]waxwing.Caught, func(), error) {
	if x.list == nil {
		return nil, func() {}, nil
	}
	done, err := x.reads.enter(r.Context(), t)
	return x.list(t), done, err
}

// letters lists the newest, or those before one.
func (x *caught) letters(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	v := r.URL.Query()
	if err := known(v, "before"); err != nil {
		return err
	}
	all, done, err := x.of(r, t)
	if err != nil {
		return err
	}
	defer done()
	if b := v.Get("before"); b != "" {
		id, err := waxwing.ParseID(b)
		if err != nil {
			return fault{http.StatusBadRequest, "bad parameter", "before: " + err.Error()}
		}
		i := slices.IndexFunc(all, func(c waxwing.Caught) bool { return c.Message == id })
		if i < 0 {
			i = len(all) - 1 // so old that it is forgotten, as are those before it
		}
		all = all[i+1:]
	}
	out := struct {
		Sandbox bool           `json:"sandbox"`
		Letters []caughtLetter `json:"letters"`
	}{x.inSandbox(t), []caughtLetter{}}
	for _, c := range all[:min(len(all), mostCaught)] {
		l, err := x.open(r.Context(), t, c)
		if errors.Is(err, waxwing.ErrNotFound) {
			continue // it was erased, or its time is over
		}
		if err != nil {
			return err
		}
		l.Text, l.HTML = "", ""
		out.Letters = append(out.Letters, l)
	}
	return writeJSON(w, http.StatusOK, out)
}

func (x *caught) inSandbox(t waxwing.TenantID) bool {
	c := x.api.doors.access().tenants[string(t)]
	return c.InSandbox()
}

// letter shows one.
func (x *caught) letter(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	id, err := confirmationID(r)
	if err != nil {
		return err
	}
	all, done, err := x.of(r, t)
	if err != nil {
		return err
	}
	defer done()
	i := slices.IndexFunc(all, func(c waxwing.Caught) bool { return c.Message == id })
	if i < 0 {
		return fmt.Errorf("the sandbox has no such message: %w", waxwing.ErrNotFound)
	}
	l, err := x.open(r.Context(), t, all[i])
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, l)
}

// open reads what was caught: ErrNotFound where the ledger has it no more.
func (x *caught) open(ctx context.Context, t waxwing.TenantID, c waxwing.Caught) (l caughtLetter, err error) {
	v, err := x.books.Get(ctx, t, c.Confirmation)
	if err != nil {
		return l, err
	}
	i := slices.IndexFunc(v.Messages, func(m waxwing.MessageView) bool { return m.ID == c.Message })
	if i < 0 || v.Erased {
		return l, waxwing.ErrNotFound
	}
	out, err := x.books.Bytes(ctx, t, c.Confirmation, v.Messages[i].N)
	if err != nil {
		return l, err
	}
	if len(out.Data) == 0 {
		return l, waxwing.ErrNotFound
	}
	l = caughtLetter{Message: c.Message, Confirmation: c.Confirmation, N: v.Messages[i].N, Channel: c.Channel, At: c.At.UTC(), From: out.From, To: out.To, Text: string(out.Data)}
	if c.Channel == waxwing.Email {
		m := letter.Open(out.Data)
		l.From, l.Subject, l.Text, l.HTML = m.From, m.Subject, m.Text, m.HTML
	}
	return l, nil
}
