// Package foreign reads who an order is from the events of shops that only a plugin knows: the
// order itself is what the plugin says.
package foreign

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// Format is a shop that this program does not know: its events are JSON whose
// order id stands at a JSON pointer (RFC 6901), signed by an HMAC-SHA256 of the
// body in a header, in hex or base64. Normalise is not set: a plugin does that.
// Accepting never depends on the plugin.
func Format(orderID, updatedAt, header string) waxwing.Format {
	f := Signed(header)
	f.Key = func(_ string, raw []byte) (waxwing.EventKey, error) { return keyOf(orderID, updatedAt, raw) }
	return f
}

// Signed is what a format has of a shop whose webhooks are signed so, and no more: their topic stands in X-Topic.
func Signed(header string) waxwing.Format {
	return waxwing.Format{
		Topic: func(h http.Header) string { return strings.ToLower(h.Get("X-Topic")) },
		Verify: func(h http.Header, raw []byte, secrets []waxwing.Secret) bool {
			return signedEither(h, header, raw, secrets)
		},
		SignedIn: header,
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
	return shop.SignedAs(want, raw, secrets)
}

func keyOf(orderID, updatedAt string, raw []byte) (k waxwing.EventKey, err error) {
	d, err := payload.ReadBytes(raw)
	if err != nil {
		return k, err
	}
	defer d.Release()
	at, twice := pointer(d.Root(), orderID)
	if twice {
		return k, waxwing.Permanent(errors.New("the event gives its order id twice at " + orderID))
	}
	id := at.Trimmed()
	if id == "" || len(id) > 128 {
		return k, waxwing.Permanent(errors.New("the event has no order id at " + orderID + ": mend the shop's order_id"))
	}
	k.OrderID = strings.Clone(id)
	if at, _ := pointer(d.Root(), updatedAt); at.Given() {
		k.UpdatedAt = shop.ParseTime(at, time.UTC)
		if s, err := strconv.ParseInt(at.Trimmed(), 10, 64); err == nil && s > 0 {
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
func pointer(v payload.Value, p string) (at payload.Value, twice bool) {
	for p != "" {
		var key string
		key, p, _ = strings.Cut(strings.TrimPrefix(p, "/"), "/")
		key = strings.ReplaceAll(strings.ReplaceAll(key, "~1", "/"), "~0", "~")
		if n, err := strconv.Atoi(key); err == nil && v.Kind() == payload.Array {
			next := payload.Value{}
			for i, e := range v.Items() {
				if i == n {
					next = e
				}
			}
			v = next
		} else {
			twice = twice || v.Twice(key)
			v = v.Get(key)
		}
		if p != "" {
			p = "/" + p
		}
	}
	return v, twice
}
