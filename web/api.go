package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/waxwinghq/waxwing"
)

// postOrder takes the generic order. It is judged whole before it is accepted:
// a client that writes its own JSON is better served by an error now than by a
// quarantined order.
func (s *Server) postOrder(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	raw, err := s.readBody(w, r)
	if err != nil {
		return err
	}
	f := s.p.Formats["generic"]
	key, err := f.Key("", raw)
	if err != nil {
		return fault{http.StatusUnprocessableEntity, "not an order", err.Error()}
	}
	if _, err := f.Normalise("", raw); err != nil {
		return fault{http.StatusUnprocessableEntity, "not an order", err.Error()}
	}
	rc, err := s.p.Intake.Accept(t, key.Shop, "api", "order", raw)
	if err != nil {
		return err
	}
	s.receipt(w, rc)
	return nil
}

func (s *Server) list(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	v := r.URL.Query()
	q := waxwing.Query{Tenant: t, Order: v.Get("order"), Email: v.Get("email"), State: waxwing.State(v.Get("state"))}
	for k := range v {
		switch k {
		case "order", "email", "state", "before", "limit":
		default:
			return fault{http.StatusBadRequest, "unknown parameter", fmt.Sprintf("%.40q; known are order, email, state, before, limit", k)}
		}
	}
	if q.State != "" && !knownState(q.State) {
		return fault{http.StatusBadRequest, "unknown state", "states: received, held, quarantined, ignored, ready, queued, claimed, dot, uncertain, sent, failed, suppressed, cancelled"}
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
	found, err := s.p.Books.List(q)
	if err != nil {
		return err
	}
	answer := struct {
		Confirmations []waxwing.ConfirmationView `json:"confirmations"`
		Before        *waxwing.ID                `json:"before,omitempty"`
	}{Confirmations: found}
	if limit := max(q.Limit, 1); len(found) >= limit && (q.Limit > 0 || len(found) == 50) {
		answer.Before = &found[len(found)-1].ID
	}
	return writeJSON(w, http.StatusOK, answer)
}

func knownState(s waxwing.State) bool {
	switch s {
	case waxwing.Received, waxwing.Held, waxwing.Quarantined, waxwing.Ignored, waxwing.Ready, waxwing.Queued, waxwing.Claimed,
		waxwing.Dot, waxwing.Uncertain, waxwing.Sent, waxwing.Failed, waxwing.Suppressed, waxwing.Cancelled:
		return true
	}
	return false
}

func confirmationID(r *http.Request) (waxwing.ID, error) {
	id, err := waxwing.ParseID(r.PathValue("id"))
	if err != nil {
		return 0, fmt.Errorf("confirmation: %w", waxwing.ErrNotFound)
	}
	return id, nil
}

func (s *Server) get(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	id, err := confirmationID(r)
	if err != nil {
		return err
	}
	v, err := s.p.Books.Get(t, id)
	if err != nil {
		return err
	}
	if format, topic, raw, err := s.p.Books.Raw(t, id); err == nil {
		if f, ok := s.p.Formats[format]; ok {
			if o, err := f.Normalise(topic, raw); err == nil {
				o.Shop = v.Shop
				v.Order = o
			}
		}
	}
	return writeJSON(w, http.StatusOK, v)
}

// message gives the exact bytes of the newest e-mail, or of the n-th message.
func (s *Server) message(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
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
	out, err := s.p.Books.Bytes(t, id, n)
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

// readSmall reads a small JSON object without unknown keys; an empty body is
// an empty object.
func (s *Server) readSmall(w http.ResponseWriter, r *http.Request, v any) error {
	raw, err := s.readBody(w, r)
	if err != nil || len(strings.TrimSpace(string(raw))) == 0 {
		return err
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil || dec.More() {
		return fault{http.StatusBadRequest, "bad body", "want a JSON object as /v1/openapi describes"}
	}
	return nil
}

func (s *Server) resend(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	id, err := confirmationID(r)
	if err != nil {
		return err
	}
	var body struct {
		To string `json:"to"`
	}
	if err := s.readSmall(w, r, &body); err != nil {
		return err
	}
	v, err := s.p.Books.Get(t, id)
	if err != nil {
		return err
	}
	switch v.State {
	case waxwing.Received, waxwing.Held, waxwing.Quarantined:
		return fault{http.StatusConflict, "not possible now", "it is " + string(v.State) + " and was never rendered: use retry to release it"}
	case waxwing.Ignored:
		return fault{http.StatusConflict, "not possible now", "this event makes no confirmation"}
	}
	msg, err := s.p.Desk.Resend(t, id, body.To)
	if err != nil {
		return err
	}
	state := waxwing.Queued
	if v, err = s.p.Books.Get(t, id); err == nil {
		for i := range v.Messages {
			if m := &v.Messages[i]; m.ID == msg && m.State == waxwing.Suppressed {
				state = m.State // nothing will be sent: say so
			}
		}
	}
	return writeJSON(w, http.StatusAccepted, map[string]any{"id": id, "message": msg, "state": state})
}

func (s *Server) cancel(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	id, err := confirmationID(r)
	if err != nil {
		return err
	}
	if err := s.p.Books.Stop(t, id); err != nil {
		return err
	}
	return s.stateNow(w, t, id, http.StatusOK)
}

func (s *Server) retry(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	id, err := confirmationID(r)
	if err != nil {
		return err
	}
	if err := s.p.Books.Release(t, id); err != nil {
		return err
	}
	s.p.Desk.Wake(id)
	return s.stateNow(w, t, id, http.StatusAccepted)
}

func (s *Server) stateNow(w http.ResponseWriter, t waxwing.TenantID, id waxwing.ID, status int) error {
	v, err := s.p.Books.Get(t, id)
	if err != nil {
		return err
	}
	return writeJSON(w, status, map[string]any{"id": id, "state": v.State})
}

type person struct {
	Address string `json:"address"`
}

func (s *Server) readPerson(w http.ResponseWriter, r *http.Request) (string, error) {
	var p person
	if err := s.readSmall(w, r, &p); err != nil {
		return "", err
	}
	a := strings.TrimSpace(p.Address)
	if len(a) < 3 || len(a) > 320 || !strings.ContainsAny(a, "@0123456789") {
		return "", fault{http.StatusBadRequest, "bad address", `want {"address": "an e-mail address or a phone number"}`}
	}
	return a, nil
}

func (s *Server) erase(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	a, err := s.readPerson(w, r)
	if err != nil {
		return err
	}
	n, err := s.p.Books.Erase(t, a)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]int{"erased": n})
}

func (s *Server) suppress(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	a, err := s.readPerson(w, r)
	if err != nil {
		return err
	}
	if err := s.p.Books.Suppress(t, a); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]bool{"suppressed": true})
}
