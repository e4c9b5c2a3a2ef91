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

// erase erases a person, or shows what that would be. 202 says that copies of what was
// destroyed are still to be removed from the ledger's files.
func (s *Server) erase(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	var p struct {
		Address string `json:"address"`
		Reason  string `json:"reason"`
		DryRun  bool   `json:"dry_run"`
		Confirm int    `json:"confirm"`
	}
	if err := s.readSmall(w, r, &p); err != nil {
		return err
	}
	act, err := s.act(r, t, p.Reason)
	if err != nil {
		return err
	}
	if len(p.Address) > 320 || strings.TrimSpace(p.Address) == "" {
		return fault{http.StatusUnprocessableEntity, "bad address", `want {"address": "an e-mail address or a phone number"}`}
	}
	e, err := s.p.Books.Erase(r.Context(), t, waxwing.Erase{Address: p.Address, Dry: p.DryRun, Confirm: p.Confirm, Act: act})
	v := erasureView{Erased: e.Erased, Found: len(e.Found), People: e.People, scrubView: viewScrub(e.Scrub)}
	switch {
	case waxwing.IsPermanent(err):
		return fault{http.StatusUnprocessableEntity, "bad address", err.Error()}
	case errors.Is(err, waxwing.ErrState) && v.People > 1:
		return s.unconfirmed(r.Context(), w, t, v, e.Found, err)
	case err != nil:
		return err
	case p.DryRun:
		v.Confirmations, err = s.shown(r.Context(), t, e.Found)
		if err != nil {
			return err
		}
		v.scrubView = scrubView{Done: true} // nothing was begun
		return writeJSON(w, http.StatusOK, v)
	}
	s.acted("a person was erased", t, 0, act, "confirmations", v.Erased, "done", v.Done)
	if !v.Done {
		return writeJSON(w, http.StatusAccepted, v)
	}
	return writeJSON(w, http.StatusOK, v)
}

// unconfirmed refuses to erase several people's orders, and shows which they are.
func (s *Server) unconfirmed(ctx context.Context, w http.ResponseWriter, t waxwing.TenantID, v erasureView, ids []waxwing.ID, why error) (err error) {
	if v.Confirmations, err = s.shown(ctx, t, ids); err != nil {
		return err
	}
	detail, _, _ := strings.Cut(why.Error(), ": "+waxwing.ErrState.Error())
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusConflict)
	_ = json.NewEncoder(w).Encode(struct { // who has hung up gets no answer
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		erasureView
	}{"not confirmed", http.StatusConflict, detail, v})
	return nil
}

// shown are confirmations as lists show them.
func (s *Server) shown(ctx context.Context, t waxwing.TenantID, ids []waxwing.ID) ([]waxwing.ConfirmationView, error) {
	out := []waxwing.ConfirmationView{}
	for _, id := range ids[:min(len(ids), maxShown)] {
		v, err := s.p.Books.Get(ctx, t, id)
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
	briefs(ctx, out, t, s.p.Books, s.access().formats, false, s.gate.yield)
	return out, nil
}

// erasures says how far erasures are.
func (s *Server) erasures(w http.ResponseWriter, _ *http.Request, _ waxwing.TenantID) error {
	return writeJSON(w, http.StatusOK, viewScrub(s.p.Books.Scrub()))
}
