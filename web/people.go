package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
)

// maxShown is how many confirmations of an erasure are listed.
const maxShown = 200

// erasureView is what an erasure found and did. Recipients are masked, as in lists.
type erasureView struct {
	Erased int `json:"erased"`
	// Found is how many confirmations name her, and People of how many people they are.
	Found  int `json:"found"`
	People int `json:"people"`
	// Confirmations are these, up to maxShown, where they were asked for or must be
	// confirmed.
	Confirmations []waxwing.ConfirmationView `json:"confirmations,omitempty"`
	scrubView
}

type scrubView struct {
	Done      bool      `json:"done"`
	Since     time.Time `json:"since,omitzero"`
	Remaining string    `json:"remaining,omitempty"`
}

func viewScrub(v waxwing.Scrub) scrubView {
	return scrubView{Done: v.Done, Since: v.Since.UTC(), Remaining: v.Remaining}
}

// people answers what is asked about a person's data.
type people struct {
	api   *api
	books Books
	yield func() // lets others go first, see Briefs
}

func (x *people) routes(m *http.ServeMux) {
	const t = ofTenant
	m.HandleFunc("POST "+t+"/people/erase", x.api.of(x.erase))
	m.HandleFunc("GET "+t+"/people/erase", x.api.of(x.erasures))
	m.HandleFunc("POST "+t+"/people/suppress", x.api.of(x.suppress))
	m.HandleFunc("GET "+t+"/people/suppressions", x.api.of(x.suppressions))
	m.HandleFunc("POST "+t+"/people/suppressions", x.api.of(x.suppressAll))
	m.HandleFunc("POST "+t+"/people/lift", x.api.of(x.lift))
}

// erase erases a person, or shows what that would be. 202 says that copies of what was
// destroyed are still to be removed from the ledger's files.
func (x *people) erase(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	var p struct {
		Address string `json:"address"`
		Reason  string `json:"reason"`
		DryRun  bool   `json:"dry_run"`
		Confirm int    `json:"confirm"`
	}
	if err := x.api.readSmall(w, r, &p); err != nil {
		return err
	}
	act, err := x.api.doors.act(r, t, p.Reason)
	if err != nil {
		return err
	}
	if len(p.Address) > 320 || strings.TrimSpace(p.Address) == "" {
		return fault{http.StatusUnprocessableEntity, "bad address", `want {"address": "an e-mail address or a phone number"}`}
	}
	e, err := x.books.Erase(r.Context(), t, waxwing.Erase{Address: p.Address, Dry: p.DryRun, Confirm: p.Confirm, Act: act})
	v := erasureView{Erased: e.Erased, Found: len(e.Found), People: e.People, scrubView: viewScrub(e.Scrub)}
	switch {
	case waxwing.IsPermanent(err):
		return fault{http.StatusUnprocessableEntity, "bad address", err.Error()}
	case errors.Is(err, waxwing.ErrState) && v.People > 1:
		several, lost := x.shown(r.Context(), t, e.Found)
		if lost != nil {
			return lost
		}
		v.Confirmations = several
		unconfirmed(w, v, err)
		return nil
	case err != nil:
		return err
	case p.DryRun:
		v.Confirmations, err = x.shown(r.Context(), t, e.Found)
		if err != nil {
			return err
		}
		v.scrubView = scrubView{Done: true} // nothing was begun
		return writeJSON(w, http.StatusOK, v)
	}
	x.api.acted("a person was erased", t, 0, act, "confirmations", v.Erased, "done", v.Done)
	if !v.Done {
		return writeJSON(w, http.StatusAccepted, v)
	}
	return writeJSON(w, http.StatusOK, v)
}

// unconfirmed refuses to erase several people's orders, and shows which they are.
func unconfirmed(w http.ResponseWriter, v erasureView, why error) {
	detail, _, _ := strings.Cut(why.Error(), ": "+waxwing.ErrState.Error())
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusConflict)
	_ = json.NewEncoder(w).Encode(struct { // who has hung up gets no answer
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		erasureView
	}{"not confirmed", http.StatusConflict, detail, v})
}

// shown are confirmations as lists show them.
func (x *people) shown(ctx context.Context, t waxwing.TenantID, ids []waxwing.ID) ([]waxwing.ConfirmationView, error) {
	out := []waxwing.ConfirmationView{}
	for _, id := range ids[:min(len(ids), maxShown)] {
		v, err := x.books.Get(ctx, t, id)
		if err != nil {
			return nil, err
		}
		v.Trail = nil
		for i := range v.Messages {
			m := &v.Messages[i]
			m.To, m.MessageID, m.Attempts = "", "", nil
		}
		out = append(out, *v)
	}
	Briefs{Books: x.books, Formats: x.api.doors.access().formats, Yield: x.yield}.addAll(ctx, out, t)
	return out, nil
}

// erasures says how far erasures are.
func (x *people) erasures(w http.ResponseWriter, _ *http.Request, _ waxwing.TenantID) error {
	return writeJSON(w, http.StatusOK, viewScrub(x.books.Scrub()))
}

type person struct {
	Address string `json:"address"`
	Reason  string `json:"reason"`
}

func (x *people) readPerson(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) (string, waxwing.Act, error) {
	var p person
	if err := x.api.readSmall(w, r, &p); err != nil {
		return "", waxwing.Act{}, err
	}
	act, err := x.api.doors.act(r, t, p.Reason)
	if err != nil {
		return "", act, err
	}
	a := strings.TrimSpace(p.Address)
	if len(a) > 320 || !isPerson(a) {
		return "", act, fault{http.StatusBadRequest, "bad address", `want {"address": "an e-mail address or a phone number"}`}
	}
	return a, act, nil
}

// isPerson refuses what may be anybody's: a part of an address, a few digits. Else it
// need be no good address: what a shop sent as one is erased as well.
func isPerson(s string) bool {
	if local, domain, ok := strings.Cut(s, "@"); ok {
		return local != "" && domain != ""
	}
	digits := 0
	for _, r := range s {
		if r >= '0' && r <= '9' {
			digits++
		}
	}
	return digits >= 7
}

func (x *people) suppress(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	a, act, err := x.readPerson(w, r, t)
	if err != nil {
		return err
	}
	if err := x.books.Suppress(r.Context(), t, a, act); err != nil {
		return err
	}
	x.api.acted("an address was suppressed", t, 0, act)
	return writeJSON(w, http.StatusOK, map[string]bool{"suppressed": true})
}

// mostSuppressed is how many addresses one request suppresses, and lists.
const mostSuppressed = 500

// suppressions lists addresses that are not to be mailed, the newest first, as hashes.
func (x *people) suppressions(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	v := r.URL.Query()
	if err := known(v, "address", "id", "before", "limit"); err != nil {
		return err
	}
	q := &waxwing.SuppressionQuery{Tenant: t, Address: strings.TrimSpace(v.Get("address")), Prefix: v.Get("id"), Limit: 50}
	if q.Address != "" && (len(q.Address) > 320 || !isPerson(q.Address)) {
		return fault{http.StatusBadRequest, "bad parameter", "address: an e-mail address or a phone number"}
	}
	if b := v.Get("before"); b != "" {
		at, id, _ := strings.Cut(b, "-")
		n, err := strconv.ParseInt(at, 10, 64)
		q.Before = &waxwing.Suppression{At: time.UnixMilli(n)}
		if errors.Join(err, q.Before.ID.UnmarshalText([]byte(id))) != nil {
			return fault{http.StatusBadRequest, "bad parameter", "before: what the page before gave as next"}
		}
	}
	if l := v.Get("limit"); l != "" {
		n, err := strconv.Atoi(l)
		if err != nil || n < 1 || n > mostSuppressed {
			return fault{http.StatusBadRequest, "bad parameter", "limit: a number from 1 to 500"}
		}
		q.Limit = n
	}
	key, err := x.books.SuppressionKey(t)
	if err != nil {
		return err
	}
	found, err := x.books.Suppressed(r.Context(), q)
	if err != nil {
		return err
	}
	answer := struct {
		Key          string                `json:"key"`
		Suppressions []waxwing.Suppression `json:"suppressions"`
		Next         string                `json:"next,omitempty"`
	}{key, found, ""}
	if len(found) == q.Limit {
		last := found[len(found)-1]
		answer.Next = fmt.Sprintf("%d-%s", last.At.UnixMilli(), last.ID)
	}
	return writeJSON(w, http.StatusOK, answer)
}

// suppressed is one address to suppress: itself, or the id that it is known by under a key.
type suppressed struct {
	Address string                   `json:"address"`
	ID      string                   `json:"id"`
	Class   waxwing.SuppressionClass `json:"class"`
	Reason  string                   `json:"reason"`
}

// unusable says why one of several cannot be suppressed.
type unusable struct {
	Index int    `json:"index"`
	Why   string `json:"why"`
}

// suppressAll suppresses several addresses. What cannot be is named, and keeps the others from nothing.
func (x *people) suppressAll(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	var body struct {
		Class        waxwing.SuppressionClass `json:"class"`
		Reason       string                   `json:"reason"`
		Key          string                   `json:"key"`
		Suppressions []suppressed             `json:"suppressions"`
	}
	if err := x.api.readSmall(w, r, &body); err != nil {
		return err
	}
	if n := len(body.Suppressions); n == 0 || n > mostSuppressed {
		return fault{http.StatusUnprocessableEntity, "bad suppressions", fmt.Sprintf("suppressions: %d, want 1 to %d in one request", n, mostSuppressed)}
	}
	act, err := x.api.doors.act(r, t, body.Reason)
	if err != nil {
		return err
	}
	key, err := x.books.SuppressionKey(t)
	if err != nil {
		return err
	}
	if body.Key != "" && body.Key != key {
		return fault{http.StatusUnprocessableEntity, "other ids", "these ids are of a ledger with another key: in this one they are nobody's"}
	}
	var all []waxwing.Suppress
	bad := []unusable{}
	for i, s := range body.Suppressions {
		o, err := s.read(body.Class, act, body.Key != "")
		if err != nil {
			bad = append(bad, unusable{i, err.Error()})
			continue
		}
		all = append(all, o)
	}
	added, err := x.books.SuppressAll(r.Context(), t, all)
	if err != nil {
		return err
	}
	x.api.acted("addresses were suppressed", t, 0, act, "new", added, "known", len(all)-added)
	return writeJSON(w, http.StatusOK, map[string]any{"new": added, "known": len(all) - added, "bad": bad})
}

// read checks one of several; keyed: ids may be given.
func (s *suppressed) read(class waxwing.SuppressionClass, act waxwing.Act, keyed bool) (waxwing.Suppress, error) {
	o := waxwing.Suppress{Address: strings.TrimSpace(s.Address), Class: s.Class, Act: act}
	if o.Class == "" {
		o.Class = class
	}
	if s.Reason != "" {
		o.Act.Reason = strings.TrimSpace(s.Reason)
	}
	switch {
	case (o.Address == "") == (s.ID == ""):
		return o, errors.New("want an address or an id")
	case s.ID != "" && !keyed:
		return o, errors.New("an id is suppressed only with the key that it was exported with")
	case s.ID != "":
		if err := o.ID.UnmarshalText([]byte(s.ID)); err != nil {
			return o, err
		}
	case len(o.Address) > 320 || !isPerson(o.Address):
		return o, errors.New("no e-mail address and no phone number")
	}
	return o, errors.Join(waxwing.CheckSuppressionClass(o.Class), waxwing.CheckReason(o.Act.Reason))
}

// lift has an address be mailed again. An id may be given by how it begins.
func (x *people) lift(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	var p struct {
		person
		ID string `json:"id"`
	}
	if err := x.api.readSmall(w, r, &p); err != nil {
		return err
	}
	act, err := x.api.doors.act(r, t, p.Reason)
	if err != nil {
		return err
	}
	o := &waxwing.Suppress{Address: strings.TrimSpace(p.Address), Act: act}
	if (o.Address == "") == (p.ID == "") || o.Address != "" && (len(o.Address) > 320 || !isPerson(o.Address)) || p.ID != "" && len(p.ID) < 6 {
		return fault{http.StatusBadRequest, "bad address", `want {"address": "an e-mail address or a phone number"}, or {"id": "6 digits of its id, or more"}`}
	}
	lifted := false
	if p.ID != "" {
		found, err := x.books.Suppressed(r.Context(), &waxwing.SuppressionQuery{Tenant: t, Prefix: p.ID, Limit: 2})
		switch {
		case err != nil:
			return err
		case len(found) > 1:
			return fault{http.StatusConflict, "not one", "several suppressions begin so: give more of the id"}
		case len(found) == 1:
			o.ID = found[0].ID
		}
	}
	if o.Address != "" || o.ID != (waxwing.SuppressionID{}) {
		if lifted, err = x.books.Lift(r.Context(), t, o); err != nil {
			return err
		}
	}
	if lifted {
		x.api.acted("a suppression was lifted", t, 0, act)
	}
	return writeJSON(w, http.StatusOK, map[string]bool{"lifted": lifted})
}
