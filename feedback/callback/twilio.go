package callback

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio signs by HMAC-SHA1, which is not broken by collisions
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/feedback/bounce"
)

type twilio struct {
	address string
	token   waxwing.Secret
}

// Twilio takes status callbacks, which are posted to address with the text's reference in the query
// and signed by the account's token; nil where there is no address.
func Twilio(address string, token waxwing.Secret) Provider {
	if address == "" || token == "" {
		return nil
	}
	return twilio{address, token}
}

// Refusal is any 4xx: Twilio repeats none of them.
func (twilio) Refusal() int { return http.StatusForbidden }

func (t twilio) Events(_ context.Context, r *Request) ([]Event, string, error) {
	v, err := form(r.Body)
	if err != nil {
		return nil, "", err
	}
	got, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Twilio-Signature"))
	if err != nil || !hmac.Equal(t.sign(r.Query, v), got) {
		return nil, "", ErrForged
	}
	q, err := url.ParseQuery(r.Query)
	if err != nil {
		return nil, "", ErrForged
	}
	e := Event{Reference: q.Get("waxwing_ref"), Recipient: v.Get("To"), Said: Said{Event: clip(v.Get("MessageStatus")), Words: clip(v.Get("ErrorMessage"))}}
	e.Said.Code, _ = strconv.Atoi(v.Get("ErrorCode")) // most have none
	switch v.Get("MessageStatus") {
	case "delivered", "read":
		e.Kind = waxwing.Delivered
	case "undelivered", "failed":
		e.bounced(twilioReason(e.Said.Code))
	}
	return []Event{e}, string(got), nil
}

// sign is over the address with its query and all fields, sorted, each value once.
func (t twilio) sign(query string, v url.Values) []byte {
	h := hmac.New(sha1.New, []byte(t.token.Reveal()))
	text := t.address
	if query != "" {
		text += "?" + query
	}
	names := make([]string, 0, len(v))
	for k := range v {
		names = append(names, k)
	}
	slices.Sort(names)
	_, _ = h.Write([]byte(text))
	for _, k := range names {
		values := slices.Clone(v[k])
		slices.Sort(values)
		for _, s := range slices.Compact(values) {
			_, _ = h.Write([]byte(k + s))
		}
	}
	return h.Sum(nil)
}

// twilioReason is what an error of the delivery means.
func twilioReason(code int) bounce.Reason {
	switch code {
	case 21211, 21214, 21614, 30005: // no such number, or none for texts
		return bounce.UserUnknown
	case 30006: // a landline, or a carrier that is not reached
		return bounce.NoMail
	case 30003: // the handset is off or out of reach
		return bounce.Suspended
	case 30004, 21610: // blocked; its owner said STOP
		return bounce.Rejected
	case 30007: // filtered by the carrier
		return bounce.Filtered
	case 30001, 30009: // the queue ran over, a part got lost
		return bounce.System
	case 30002: // the account is suspended
		return bounce.Mailer
	case 30022, 30023, 30026: // limits of numbers and brands
		return bounce.RateLimited
	case 30010, 30032, 30034, 30035, 30036, 21408: // price, senders that are not registered, time to live
		return bounce.Violation
	case 30019: // larger than the carrier takes
		return bounce.TooLarge
	}
	return bounce.Unknown
}
