package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
)

// confirmations takes orders, shows what became of them, and lets staff act on them.
type confirmations struct {
	api    *api
	intake Intake
	desk   Desk
	books  Books
	reads  *reads
	yield  func() // lets others go first, see Briefs
}

func (x *confirmations) routes(m *http.ServeMux) {
	const t = ofTenant
	m.HandleFunc("POST "+t+"/orders", x.api.of(x.postOrder))
	m.HandleFunc("GET "+t+"/confirmations", x.api.of(x.list))
	m.HandleFunc("GET "+t+"/counts", x.api.of(x.count))
	m.HandleFunc("GET "+t+"/confirmations/{id}", x.api.of(x.get))
	m.HandleFunc("GET "+t+"/confirmations/{id}/message", x.api.of(x.message))
	m.HandleFunc("POST "+t+"/confirmations/{id}/resend", x.api.of(x.resend))
	m.HandleFunc("POST "+t+"/confirmations/{id}/cancel", x.api.of(x.cancel))
	m.HandleFunc("POST "+t+"/confirmations/{id}/retry", x.api.of(x.retry))
}

// postOrder takes the generic order. It is judged whole before it is accepted:
// a client that writes its own JSON is better served by an error now than by a
// quarantined order.
func (x *confirmations) postOrder(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	raw, err := x.api.bodies.take(w, r)
	if err != nil {
		return err
	}
	f := x.api.doors.access().formats["generic"]
	key, err := f.Key("", raw)
	if err != nil {
		return fault{http.StatusUnprocessableEntity, "not an order", err.Error()}
	}
	if err := knownShop(x.api.doors, t, key.Shop); err != nil {
		return err
	}
	if _, err := f.Normalise("", raw); err != nil {
		return fault{http.StatusUnprocessableEntity, "not an order", err.Error()}
	}
	rc, err := x.intake.Accept(r.Context(), &waxwing.Event{Tenant: t, Shop: key.Shop, Source: "api", Topic: "order", Raw: raw})
	if err != nil {
		return err
	}
	receipt(w, rc)
	return nil
}

func (x *confirmations) list(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	v := r.URL.Query()
	q := waxwing.Query{Tenant: t, Order: v.Get("order"), Email: v.Get("email"), State: waxwing.State(v.Get("state")), Brief: true}
	if err := known(v, "order", "email", "state", "before", "limit", "full", "shop", "since", "until"); err != nil {
		return err
	}
	if err := span(v, &q); err != nil {
		return err
	}
	if err := CheckState(q.State); err != nil {
		return fault{http.StatusBadRequest, "unknown state", err.Error()}
	}
	full := false
	switch v.Get("full") {
	case "", "false":
	case "true":
		full = true
	default:
		return fault{http.StatusBadRequest, "bad parameter", "full: true or false"}
	}
	if b := v.Get("before"); b != "" {
		id, err := waxwing.ParseID(b)
		if err != nil {
			return fault{http.StatusBadRequest, "bad parameter", "before: " + err.Error()}
		}
		q.Before = id
	}
	if l := v.Get("limit"); l != "" {
		n, err := strconv.Atoi(l)
		if err != nil || n < 1 || n > 500 {
			return fault{http.StatusBadRequest, "bad parameter", "limit: a number from 1 to 500"}
		}
		q.Limit = n
	}
	done, err := x.reads.enter(r.Context(), t)
	if err != nil {
		return err
	}
	b, err := x.listed(r.Context(), q, t, full)
	done()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b)
	return nil
}

// known refuses a parameter that is not among names: a misspelt one would be passed over.
func known(v url.Values, names ...string) error {
	for k := range v {
		if !slices.Contains(names, k) {
			return fault{http.StatusBadRequest, "unknown parameter", fmt.Sprintf("%.40q; known are %s", k, strings.Join(names, ", "))}
		}
	}
	return nil
}

// span reads the shop and the span of time that a list or a count is about.
func span(v url.Values, q *waxwing.Query) error {
	q.Shop = waxwing.ShopID(v.Get("shop"))
	for name, to := range map[string]*time.Time{"since": &q.Since, "until": &q.Until} {
		s := v.Get(name)
		if s == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return fault{http.StatusBadRequest, "bad parameter", name + ": a time as 2026-01-31T00:00:00Z (RFC 3339); a + in it is written %2B"}
		}
		*to = at
	}
	return nil
}

// count tells how many confirmations came to each outcome.
func (x *confirmations) count(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	v, q := r.URL.Query(), waxwing.Query{Tenant: t}
	if err := known(v, "shop", "since", "until"); err != nil {
		return err
	}
	if err := span(v, &q); err != nil {
		return err
	}
	done, err := x.reads.enter(r.Context(), t)
	if err != nil {
		return err
	}
	n, err := x.books.Count(r.Context(), q)
	done()
	if err != nil {
		return err
	}
	answer := struct {
		Total    int64                   `json:"total"`
		Outcomes map[waxwing.State]int64 `json:"outcomes"`
	}{Outcomes: n}
	for _, k := range n {
		answer.Total += k
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(answer)
}

// listed is the answer to a list.
func (x *confirmations) listed(ctx context.Context, q waxwing.Query, t waxwing.TenantID, full bool) ([]byte, error) {
	found, err := x.books.List(ctx, q)
	if err != nil {
		return nil, err
	}
	Briefs{Books: x.books, Formats: x.api.doors.access().formats, Full: full, Yield: x.yield}.addAll(ctx, found, t)
	answer := struct {
		Confirmations []waxwing.ConfirmationView `json:"confirmations"`
		Before        *waxwing.ID                `json:"before,omitempty"`
	}{Confirmations: found}
	if limit := max(q.Limit, 1); len(found) >= limit && (q.Limit > 0 || len(found) == 50) {
		answer.Before = &found[len(found)-1].ID
	}
	b, err := json.Marshal(answer)
	return append(b, '\n'), err
}

// states are all that a list can be asked for.
var states = []waxwing.State{waxwing.Received, waxwing.Held, waxwing.Quarantined, waxwing.Ignored, waxwing.Ready, waxwing.Queued, waxwing.Claimed,
	waxwing.Dot, waxwing.Uncertain, waxwing.Sent, waxwing.Failed, waxwing.Suppressed, waxwing.Cancelled}

// CheckState refuses a state that there is not, and names those that there are.
// Empty means any.
func CheckState(s waxwing.State) error {
	if s == "" || slices.Contains(states, s) {
		return nil
	}
	names := make([]string, len(states))
	for i := range states {
		names[i] = string(states[i])
	}
	return fmt.Errorf("there is no state %.40q; states: %s", s, strings.Join(names, ", "))
}

func confirmationID(r *http.Request) (waxwing.ID, error) {
	id, err := waxwing.ParseID(r.PathValue("id"))
	if err != nil {
		return 0, fmt.Errorf("confirmation: %w", waxwing.ErrNotFound)
	}
	return id, nil
}

func (x *confirmations) get(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	id, err := confirmationID(r)
	if err != nil {
		return err
	}
	v, err := x.books.Get(r.Context(), t, id)
	if err != nil {
		return err
	}
	if format, topic, raw, err := x.books.Raw(r.Context(), t, id); err == nil {
		f := x.api.doors.access().formats[format]
		if f.Normalise != nil {
			if o := safely(f, topic, raw); o != nil {
				o.Shop = v.Shop
				v.Order, v.Number = o, o.Number
			}
		}
		if v.Order == nil && !v.Erased { // quarantined: by what all shops call it
			v.Number, v.To, _ = gist(waxwing.Format{}, topic, raw)
		}
	}
	return writeJSON(w, http.StatusOK, v)
}

// message gives the exact bytes of the newest e-mail, or of the n-th message.
func (x *confirmations) message(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	id, err := confirmationID(r)
	if err != nil {
		return err
	}
	n := 0
	if v := r.URL.Query().Get("n"); v != "" {
		if n, err = strconv.Atoi(v); err != nil || n < 1 {
			return fault{http.StatusBadRequest, "bad parameter", "n: the number of a message, from 1"}
		}
	}
	out, err := x.books.Bytes(r.Context(), t, id, n)
	if err != nil {
		return err
	}
	if len(out.Data) == 0 {
		return fmt.Errorf("message: nothing was rendered: %w", waxwing.ErrNotFound)
	}
	ct, ext := "message/rfc822", "eml"
	if out.Channel != waxwing.Email {
		ct, ext = "text/plain; charset=utf-8", "txt"
	}
	h := w.Header()
	h.Set("Content-Type", ct)
	h.Set("Content-Disposition", `attachment; filename="`+out.Message.String()+"."+ext+`"`)
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(out.Data)
	return nil
}

func (x *confirmations) resend(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	id, err := confirmationID(r)
	if err != nil {
		return err
	}
	var body struct {
		To     string `json:"to"`
		Render bool   `json:"render"`
		Reason string `json:"reason"`
	}
	if err := x.api.readSmall(w, r, &body); err != nil {
		return err
	}
	act, err := x.api.doors.act(r, t, body.Reason)
	if err != nil {
		return err
	}
	v, err := x.books.Get(r.Context(), t, id)
	if err != nil {
		return err
	}
	switch v.State {
	case waxwing.Received, waxwing.Held, waxwing.Quarantined:
		return fault{http.StatusConflict, "not possible now", "it is " + string(v.State) + " and was never rendered: use retry (waxwing release) to let it go"}
	case waxwing.Ignored:
		return fault{http.StatusConflict, "not possible now", "this event makes no confirmation"}
	}
	msg, rendered, err := x.desk.Resend(r.Context(), t, id, waxwing.Resend{To: body.To, Render: body.Render, Act: act})
	if err != nil {
		return err
	}
	x.api.acted("sent again by hand", t, id, act, "message", msg, "rendered", rendered)
	state := waxwing.Queued
	if v, err = x.books.Get(r.Context(), t, id); err == nil {
		for i := range v.Messages {
			if m := &v.Messages[i]; m.ID == msg && m.State == waxwing.Suppressed {
				state = m.State // nothing will be sent: say so
			}
		}
	}
	return writeJSON(w, http.StatusAccepted, map[string]any{"id": id, "message": msg, "state": state, "rendered": rendered})
}

func (x *confirmations) cancel(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	id, err := confirmationID(r)
	if err != nil {
		return err
	}
	act, err := x.api.readAct(w, r, t)
	if err != nil {
		return err
	}
	if err := x.books.Stop(r.Context(), t, id, act); err != nil {
		return err
	}
	x.api.acted("cancelled by hand", t, id, act)
	return x.stateNow(r.Context(), w, t, id, http.StatusOK)
}

func (x *confirmations) retry(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	id, err := confirmationID(r)
	if err != nil {
		return err
	}
	act, err := x.api.readAct(w, r, t)
	if err != nil {
		return err
	}
	if err := x.books.Release(r.Context(), t, id, act); err != nil {
		return err
	}
	x.api.acted("released by hand", t, id, act)
	x.desk.Wake(id)
	return x.stateNow(r.Context(), w, t, id, http.StatusAccepted)
}

func (x *confirmations) stateNow(ctx context.Context, w http.ResponseWriter, t waxwing.TenantID, id waxwing.ID, status int) error {
	v, err := x.books.Get(ctx, t, id)
	if err != nil {
		return err
	}
	return writeJSON(w, status, map[string]any{"id": id, "state": v.State})
}
