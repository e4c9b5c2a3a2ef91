package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// keyring is a door's bearer keys, as sums, with their owners' names.
type keyring struct {
	sums  [][32]byte
	names []waxwing.Actor
}

// newKeyring names keys that have no name by their place in the configuration:
// "key 2".
func newKeyring(prefix string, keys []config.BearerKey) (k keyring) {
	for i, b := range keys {
		name := b.Name
		if name == "" {
			name = fmt.Sprintf("key %d", i+1)
		}
		k.sums = append(k.sums, sha256.Sum256([]byte(b.Key.Reveal())))
		k.names = append(k.names, waxwing.Actor(prefix+name))
	}
	return k
}

// find compares with every key, in constant time, and says whose it is.
func (k keyring) find(r *http.Request) (who waxwing.Actor, ok bool) {
	b, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	b = strings.TrimSpace(b)
	sum := sha256.Sum256([]byte(b))
	at := -1
	for i := range k.sums {
		at = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], k.sums[i][:]), i, at)
	}
	if !ok || b == "" || at < 0 {
		return "", false
	}
	return k.names[at], true
}

func (k keyring) opens(r *http.Request) bool {
	_, ok := k.find(r)
	return ok
}

// act is who makes a request, and why she says that she does.
func (s *Server) act(r *http.Request, t waxwing.TenantID, reason string) (waxwing.Act, error) {
	reason = strings.TrimSpace(reason)
	if err := waxwing.CheckReason(reason); err != nil {
		return waxwing.Act{}, fault{http.StatusBadRequest, "bad reason", err.Error()}
	}
	who, ok := s.keys[t].find(r)
	if !ok {
		who, _ = s.admin.find(r) // one of them let the request in
	}
	return waxwing.Act{By: who, Reason: reason}, nil
}

// readAct reads a body that says no more than why.
func (s *Server) readAct(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) (waxwing.Act, error) {
	var body struct {
		Reason string `json:"reason"`
	}
	if err := s.readSmall(w, r, &body); err != nil {
		return waxwing.Act{}, err
	}
	return s.act(r, t, body.Reason)
}

// acted logs what a person did. Her reason stands in the trail.
func (s *Server) acted(what string, t waxwing.TenantID, id waxwing.ID, act waxwing.Act, more ...any) {
	args := []any{"tenant", t, "by", act.By}
	if id != 0 {
		args = append(args, "confirmation", id)
	}
	s.p.Log.Info(what, append(args, more...)...)
}
