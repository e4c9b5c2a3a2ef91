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
	b, ok := bearer(r)
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

// bearer is the key that a request shows. The scheme's name is written in any case, and
// spaces and tabs stand behind it (RFC 9110, 11.1 and 11.4). Of two headers none counts.
func bearer(r *http.Request) (key string, ok bool) {
	all := r.Header.Values("Authorization")
	if len(all) != 1 {
		return "", false
	}
	const scheme = "bearer"
	s := strings.Trim(all[0], " \t")
	if len(s) <= len(scheme) || !strings.EqualFold(s[:len(scheme)], scheme) {
		return "", false
	}
	key = strings.TrimLeft(s[len(scheme):], " \t")
	return key, len(key) < len(s)-len(scheme)
}

func (k keyring) opens(r *http.Request) bool {
	_, ok := k.find(r)
	return ok
}

// barred answers those who have tried too many keys.
func (s *Server) barred(w http.ResponseWriter, r *http.Request) bool {
	if !s.guesses.bars(r) {
		return false
	}
	s.refused.key("", "", tooManyKeys, r.Pattern)
	s.guesses.tooMany(w)
	return true
}

// proven notes that a request has shown a right key.
func (s *Server) proven(r *http.Request) {
	trust(r)
	s.guesses.hit(r)
}

// unauthorized answers a request whose key opens nothing here. No key is no guess, and
// one that opens another door is a mistake.
func (s *Server) unauthorized(w http.ResponseWriter, r *http.Request, detail string) {
	if key, ok := bearer(r); ok && !s.access().issued[sha256.Sum256([]byte(key))] && s.guesses.missed(r) {
		s.guesses.tooMany(w)
		return
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	problem(w, http.StatusUnauthorized, "unauthorized", detail)
}

// act is who makes a request, and why she says that she does.
func (s *Server) act(r *http.Request, t waxwing.TenantID, reason string) (waxwing.Act, error) {
	reason = strings.TrimSpace(reason)
	if err := waxwing.CheckReason(reason); err != nil {
		return waxwing.Act{}, fault{http.StatusBadRequest, "bad reason", err.Error()}
	}
	who, ok := s.access().keys[t].find(r)
	if !ok {
		who, _ = s.access().admin.find(r) // one of them let the request in
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
