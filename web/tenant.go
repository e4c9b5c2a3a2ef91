package web

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"

	"github.com/waxwinghq/waxwing"
)

// api is what every route of a tenant's has in common: her key, small bodies, and who acts.
type api struct {
	doors    *doors
	bodies   *bodies
	problems *problems
	log      *slog.Logger
}

// handler answers a request of a tenant's. What it returns is told to whoever asked.
type handler func(http.ResponseWriter, *http.Request, waxwing.TenantID) error

// ofTenant is where the tenants' routes begin.
const ofTenant = "/v1/tenants/{tenant}"

// of checks the tenant's key and turns errors into RFC 9457 answers. An
// unknown tenant looks like a wrong key.
func (x *api) of(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if x.doors.barred(w, r) {
			return
		}
		t := waxwing.TenantID(r.PathValue("tenant"))
		a := x.doors.access()
		if _, known := a.tenants[string(t)]; !a.keys[t].opens(r) && (!known || !a.admin.opens(r)) {
			x.doors.refuseKey(r, t, known)
			x.doors.unauthorized(w, r, "send the tenant's key: Authorization: Bearer ...")
			return
		}
		x.doors.proven(r)
		if !strings.HasSuffix(r.Pattern, "/orders") {
			if !x.doors.desks.enter(t) {
				w.Header().Set("Retry-After", "1")
				Problem(w, http.StatusTooManyRequests, "too many at once", "other requests of this tenant are under way: wait for their answers")
				return
			}
			defer x.doors.desks.leave(t)
		}
		if err := h(w, r, t); err != nil {
			x.problems.answer(w, r, err)
		}
	}
}

// readSmall reads a small JSON object without unknown keys; an empty body is
// an empty object.
func (x *api) readSmall(w http.ResponseWriter, r *http.Request, v any) error {
	raw, err := x.bodies.take(w, r)
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

// readAct reads a body that says no more than why.
func (x *api) readAct(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) (waxwing.Act, error) {
	var body struct {
		Reason string `json:"reason"`
	}
	if err := x.readSmall(w, r, &body); err != nil {
		return waxwing.Act{}, err
	}
	return x.doors.act(r, t, body.Reason)
}

// acted logs what a person did. Her reason stands in the trail.
func (x *api) acted(what string, t waxwing.TenantID, id waxwing.ID, act waxwing.Act, more ...any) {
	args := []any{"tenant", t, "by", act.By}
	if id != 0 {
		args = append(args, "confirmation", id)
	}
	x.log.Info(what, append(args, more...)...)
}
