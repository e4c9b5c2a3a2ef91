package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
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
