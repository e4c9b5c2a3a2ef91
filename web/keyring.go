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
