package callback

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"hash"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/feedback/bounce"
)

// vonageRepeats is for how long Vonage posts a receipt again that was not answered with 2xx.
const vonageRepeats = 24 * time.Hour

type vonage struct{ secret waxwing.Secret }

// Vonage takes delivery receipts of the SMS API, by the account's signature secret: as a token with
// the body's hash in the header Authorization, or by the field sig (HMAC-SHA256 or -SHA512; the MD5
// and SHA-1 that Vonage also knows are not believed); nil where there is no secret.
func Vonage(secret waxwing.Secret) Provider {
	if secret == "" {
		return nil
	}
	return vonage{secret}
}

// Refusal is what is answered to everything: Vonage repeats whatever is answered otherwise.
func (vonage) Refusal() int { return http.StatusNoContent }

func (x vonage) Events(_ context.Context, r *Request) ([]Event, string, error) {
	v, err := vonageFields(r)
	if err != nil {
		return nil, "", err
	}
	once, ok := x.byToken(r)
	if !ok {
		if once, ok = x.byFields(v, r.Now); !ok {
			return nil, "", ErrForged
		}
	}
	e := Event{Reference: v.Get("client-ref"), Recipient: v.Get("msisdn"), Said: Said{Event: clip(v.Get("status")), Type: clip(v.Get("err-code"))}}
	e.Said.Code, _ = strconv.Atoi(v.Get("err-code"))
	switch v.Get("status") {
	case "delivered":
		e.Kind = waxwing.Delivered
	case "failed", "rejected", "expired", "undeliverable":
		r := vonageReason(e.Said.Code)
		if r == bounce.Unknown && v.Get("status") == "expired" {
			r = bounce.Expired
		}
		e.bounced(r)
	}
	return []Event{e}, once, nil
}

// vonageFields reads a receipt, which is a form or an object of texts.
func vonageFields(r *Request) (url.Values, error) {
	if b := bytes.TrimLeft(r.Body, " \t\r\n"); len(b) == 0 || b[0] != '{' {
		return form(r.Body)
	}
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(r.Body))
	d.UseNumber()
	if d.Decode(&m) != nil || d.More() || len(m) > 200 {
		return nil, ErrForged
	}
	v := url.Values{}
	for k, x := range m {
		switch x := x.(type) {
		case string:
			v.Set(k, x)
		case json.Number:
			v.Set(k, x.String())
		}
	}
	return v, nil
}

// byToken checks a JSON Web Token (RFC 7519) whose claims have the body's hash: one without would
// cover nothing.
func (x vonage) byToken(r *Request) (once string, ok bool) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	parts := strings.Split(token, ".")
	if !ok || len(parts) != 3 || len(token) > 8<<10 {
		return "", false
	}
	var head struct {
		Alg string `json:"alg"`
	}
	var claims struct {
		At   int64  `json:"iat"`
		ID   string `json:"jti"`
		Hash string `json:"payload_hash"`
	}
	if !part(parts[0], &head) || !part(parts[1], &claims) || head.Alg != "HS256" {
		return "", false
	}
	h := hmac.New(sha256.New, []byte(x.secret.Reveal()))
	_, _ = h.Write([]byte(parts[0] + "." + parts[1]))
	got, err := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256(r.Body)
	if err != nil || !hmac.Equal(h.Sum(nil), got) || subtle.ConstantTimeCompare([]byte(strings.ToLower(claims.Hash)), []byte(hex.EncodeToString(sum[:]))) != 1 {
		return "", false
	}
	return parts[0] + "." + parts[1], fresh(time.Unix(claims.At, 0), r.Now, vonageRepeats)
}

func part(s string, v any) bool {
	b, err := base64.RawURLEncoding.DecodeString(s)
	return err == nil && json.Unmarshal(b, v) == nil
}

// byFields checks the field sig, which is over all others.
func (x vonage) byFields(v url.Values, now time.Time) (once string, ok bool) {
	at, err := strconv.ParseInt(v.Get("timestamp"), 10, 64)
	got, herr := hex.DecodeString(v.Get("sig"))
	if err != nil || herr != nil {
		return "", false
	}
	made := map[int]func() hash.Hash{sha256.Size: sha256.New, sha512.Size: sha512.New}[len(got)]
	if made == nil {
		return "", false
	}
	names := make([]string, 0, len(v))
	for k := range v {
		if k != "sig" {
			names = append(names, k)
		}
	}
	slices.Sort(names)
	h := hmac.New(made, []byte(x.secret.Reveal()))
	for _, k := range names {
		if len(v[k]) != 1 { // which of two is meant, nobody signed
			return "", false
		}
		_, _ = h.Write([]byte("&" + k + "=" + strings.NewReplacer("&", "_", "=", "_").Replace(v.Get(k))))
	}
	return string(got), hmac.Equal(h.Sum(nil), got) && fresh(time.Unix(at, 0), now, vonageRepeats)
}

// vonageReason is what a receipt's err-code means.
func vonageReason(code int) bounce.Reason {
	switch code {
	case 3: // the number is not in use any more
		return bounce.UserUnknown
	case 2, 7: // the handset is away, or busy
		return bounce.Suspended
	case 5, 15: // portability; no credit left
		return bounce.System
	case 8, 11, 12: // the network, no route
		return bounce.Network
	case 4, 9, 14: // barred: by the owner, for this sender, by the carrier
		return bounce.Rejected
	case 6:
		return bounce.Spam
	case 50:
		return bounce.Filtered
	case 10:
		return bounce.BadContent
	case 13, 16, 39: // age, a sender that may not
		return bounce.Violation
	}
	return bounce.Unknown
}
