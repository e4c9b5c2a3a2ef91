package shop

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Foreign is a shop that this program does not know: its events are JSON whose
// order id stands at a JSON pointer (RFC 6901), signed by an HMAC-SHA256 of the
// body in a header, in hex or base64. Normalise is not set: a plugin does that.
// Accepting never depends on the plugin.
func Foreign(orderID, updatedAt, header string) waxwing.Format {
	return waxwing.Format{
		Topic: func(h http.Header) string { return strings.ToLower(h.Get("X-Topic")) },
		Verify: func(h http.Header, raw []byte, secrets []waxwing.Secret) bool {
			return signedEither(h, header, raw, secrets)
		},
		SignedIn: header,
		Key:      func(_ string, raw []byte) (waxwing.EventKey, error) { return foreignKey(orderID, updatedAt, raw) },
	}
}

// signedEither takes hex, with or without "sha256=", and base64.
func signedEither(h http.Header, header string, raw []byte, secrets []waxwing.Secret) bool {
	sign := strings.TrimPrefix(strings.TrimSpace(h.Get(header)), "sha256=")
	want, err := hex.DecodeString(sign)
	if err != nil {
		want, err = base64.StdEncoding.DecodeString(sign)
	}
	if err != nil {
		want = nil
	}
	return signedAs(want, raw, secrets)
}

func foreignKey(orderID, updatedAt string, raw []byte) (k waxwing.EventKey, err error) {
	d, err := readDocument(string(raw))
	if err != nil {
		return k, err
	}
	defer d.release()
	at, twice := pointer(d.root(), orderID)
	if twice {
		return k, waxwing.Permanent(errors.New("the event gives its order id twice at " + orderID))
	}
	id := at.trimmed()
	if id == "" || len(id) > 128 {
		return k, waxwing.Permanent(errors.New("the event has no order id at " + orderID + ": mend the shop's order_id"))
	}
	k.OrderID = strings.Clone(id)
	if at, _ := pointer(d.root(), updatedAt); at.given() {
		k.UpdatedAt = moment(at, time.UTC)
		if s, err := strconv.ParseInt(at.trimmed(), 10, 64); err == nil && s > 0 {
			if s > 1e11 { // milliseconds
				s /= 1000
			}
			k.UpdatedAt = time.Unix(s, 0).UTC()
		}
	}
	return k, nil
}

// pointer follows a JSON pointer, and says whether a key on its way stands in its
// object twice.
func pointer(v value, p string) (at value, twice bool) {
	for p != "" {
		var key string
		key, p, _ = strings.Cut(strings.TrimPrefix(p, "/"), "/")
		key = strings.ReplaceAll(strings.ReplaceAll(key, "~1", "/"), "~0", "~")
		if n, err := strconv.Atoi(key); err == nil && v.kind() == kindArray {
			next := value{}
			for i, e := range v.items() {
				if i == n {
					next = e
				}
			}
			v = next
		} else {
			twice = twice || v.twice(key)
			v = v.get(key)
		}
		if p != "" {
			p = "/" + p
		}
	}
	return v, twice
}
