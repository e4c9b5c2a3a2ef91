package callback

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/feedback/bounce"
)

// sendGridRepeats is for how long SendGrid posts a request again that was not answered with 2xx.
const sendGridRepeats = 24 * time.Hour

type sendGrid struct{ key *ecdsa.PublicKey }

// SendGrid takes SendGrid's signed event webhook, by its public key; nil where there is none.
func SendGrid(key *ecdsa.PublicKey) Provider {
	if key == nil {
		return nil
	}
	return sendGrid{key}
}

// Refusal is what is answered to everything: SendGrid repeats whatever is answered otherwise, and one
// request tells of many messages.
func (sendGrid) Refusal() int { return http.StatusNoContent }

type sendGridEvent struct {
	Event          string `json:"event"`
	Email          string `json:"email"`
	Type           string `json:"type"`
	Reason         string `json:"reason"`
	Status         string `json:"status"`
	Classification string `json:"bounce_classification"`
	Ref            string `json:"waxwing_ref"`
}

func (s sendGrid) Events(_ context.Context, r *Request) ([]Event, string, error) {
	stamp := r.Header.Get("X-Twilio-Email-Event-Webhook-Timestamp")
	at, err := strconv.ParseInt(stamp, 10, 64)
	sig, serr := base64.StdEncoding.DecodeString(r.Header.Get("X-Twilio-Email-Event-Webhook-Signature"))
	if err != nil || serr != nil || !fresh(time.Unix(at, 0), r.Now, sendGridRepeats) {
		return nil, "", ErrForged
	}
	h := sha256.New()
	_, _ = h.Write([]byte(stamp))
	_, _ = h.Write(r.Body)
	if !ecdsa.VerifyASN1(s.key, h.Sum(nil), sig) {
		return nil, "", ErrForged
	}
	var all []sendGridEvent
	if json.Unmarshal(r.Body, &all) != nil || len(all) > maxEvents {
		return nil, "", ErrForged
	}
	out := make([]Event, len(all))
	for i := range all {
		out[i] = all[i].read()
	}
	// An ECDSA signature can be written in two ways: what is signed is what is known again.
	return out, stamp + string(h.Sum(nil)), nil
}

// read says what an event means. What is deferred may still arrive.
func (d *sendGridEvent) read() Event {
	e := Event{Reference: d.Ref, Recipient: d.Email, Said: Said{Event: clip(d.Event), Type: clip(d.Type), Status: clip(d.Status), Words: clip(d.Reason)}}
	switch d.Event {
	case "delivered":
		e.Kind = waxwing.Delivered
	case "spamreport":
		e.complained("abuse")
	case "bounce":
		e.judged(d.classified())
		if d.Type == "blocked" && e.Class == bounce.Hard { // the address is not the reason, SendGrid says
			e.bounced(bounce.Blocked)
		}
	case "dropped":
		e.bounced(d.dropped())
	}
	return e
}

// classified is the reason by SendGrid's own reading of the answer.
func (d *sendGridEvent) classified() bounce.Reason {
	switch d.Classification {
	case "Invalid Address":
		return bounce.UserUnknown
	case "Mailbox Unavailable":
		return bounce.Suspended
	case "Content":
		return bounce.BadContent
	case "Reputation":
		return bounce.Blocked
	case "Frequency or Volume Too High":
		return bounce.RateLimited
	case "Technical Failure":
		return bounce.System
	}
	if d.Type == "blocked" {
		return bounce.Blocked
	}
	return bounce.Unknown
}

// dropped is why SendGrid did not try.
func (d *sendGridEvent) dropped() bounce.Reason {
	switch strings.ToLower(d.Reason) {
	case "bounced address", "invalid":
		return bounce.UserUnknown
	case "spam reporting address", "unsubscribed address":
		return bounce.Rejected
	case "spam content (if spam checker app enabled)", "spam content":
		return bounce.BadContent
	}
	return bounce.Violation
}
