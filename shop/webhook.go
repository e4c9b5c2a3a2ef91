package shop

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
)

// SignedBy checks a header's base64 HMAC-SHA256 over the raw bytes with each of
// the secrets, in constant time. No secrets means no.
func SignedBy(h http.Header, header string, raw []byte, secrets []waxwing.Secret) bool {
	want, err := base64.StdEncoding.DecodeString(strings.TrimSpace(h.Get(header)))
	if err != nil {
		want = nil
	}
	return SignedAs(want, raw, secrets)
}

// newHash is replaced by tests that count what is hashed.
var newHash = sha256.New

// SignedAs holds an HMAC-SHA256 over the raw bytes against each secret's. It hashes the
// bytes for each of them whatever want is: the time of an answer must not tell which
// shop, or which format, a body was meant for.
func SignedAs(want, raw []byte, secrets []waxwing.Secret) bool {
	return SignedAsAny([][]byte{want}, secrets, raw)
}

// SignedAsAny is SignedAs for shops that send several signatures, one for each secret that is
// live, and that sign something before the body as well: the parts, one behind the other.
func SignedAsAny(wants [][]byte, secrets []waxwing.Secret, parts ...[]byte) bool {
	ok := false
	for _, s := range secrets {
		mac := hmac.New(newHash, []byte(s.Reveal()))
		for _, p := range parts {
			mac.Write(p)
		}
		sum := mac.Sum(nil)
		for _, want := range wants {
			if hmac.Equal(sum, want) && s != "" { // an empty secret is a missing one
				ok = true
			}
		}
	}
	return ok
}

// OtherTopic says why an event of another topic is ignored. The topic comes
// from outside: one that is not a plain word is not repeated.
func OtherTopic(topic string) waxwing.EventKey {
	if len(topic) > 64 {
		topic = ""
	}
	for _, c := range []byte(topic) {
		if c|0x20-'a' > 25 && c-'0' > 9 && c != '/' && c != '.' && c != '_' && c != '-' {
			topic = ""
			break
		}
	}
	return waxwing.EventKey{Ignore: strings.TrimSpace("not a topic of completed orders " + topic)}
}

// Rank orders events of one second: a cancellation over verified payment over
// the rest. It is EventKey.Rank.
func Rank(status waxwing.PaymentStatus, cancelled time.Time) int {
	switch {
	case !cancelled.IsZero():
		return 2
	case waxwing.Payment{Status: status}.Verified(nil):
		return 1
	}
	return 0
}

// BareKey is the key of an event that names its order and does not show it; err says what to do about that.
func BareKey(format, id string, err error) waxwing.EventKey {
	return waxwing.EventKey{OrderID: strings.Clone(id), Bare: PayloadError(format, err).Error()}
}

// BareOrder is the error of such an event in an order's stead.
func BareOrder(format, id string, err error) error {
	return PayloadError(format, &waxwing.BareError{OrderID: strings.Clone(id), Text: err.Error()})
}

// Parts puts an order's parts, each a JSON value, into the object that the order is, by name. What is empty is left out.
func Parts(order []byte, parts map[string][]byte) ([]byte, error) {
	whole := map[string]json.RawMessage{}
	if err := json.Unmarshal(order, &whole); err != nil {
		return nil, errors.New("what the shop's API answers is no object")
	}
	for name, part := range parts {
		if len(part) == 0 {
			continue
		}
		if !json.Valid(part) {
			return nil, errors.New("what the shop's API answers for " + name + " is no JSON")
		}
		whole[name] = part
	}
	return json.Marshal(whole)
}

// OrderID reads an id that is a whole number or its digits, however large, and says whether it
// is one.
func OrderID(v payload.Value) (string, bool) {
	s := v.Trimmed()
	if len(s) == 0 || len(s) > 20 || s[0] == '0' || payload.Digits(s, 0) != len(s) {
		return "", false
	}
	return s, true
}

// InItem puts the place of an item before the error that was met in it.
func InItem(list string, i int, err error) error {
	return fmt.Errorf("%s[%d].%w", list, i, err)
}

// InField puts a field before the error that was met in it.
func InField(field string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", field, err)
}

// PayloadError is a permanent error of a payload, whose message begins with a place.
func PayloadError(format string, err error) error {
	return waxwing.Permanent(fmt.Errorf("%s order: %w", format, err))
}

// Errors that several formats share. Each names what must be mended.
var (
	ErrNoID       = errors.New("id: missing or not a whole number")
	ErrTwoIDs     = errors.New("id: given twice")
	ErrNoCurrency = errors.New("currency: missing or no code of three to eight letters and digits")
	ErrNoTotal    = errors.New("total: missing")
	ErrNegative   = errors.New("total: negative")
	ErrNoItems    = errors.New("line_items: none is left to confirm")
	ErrMixed      = errors.New("amounts in more than one currency")
)
