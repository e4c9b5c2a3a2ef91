package callback

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/feedback/bounce"
)

// mailgunRepeats is for how long Mailgun posts a request again that was not answered with 200 or 406.
const mailgunRepeats = 8 * time.Hour

type mailgun struct{ key waxwing.Secret }

// Mailgun takes Mailgun's webhooks, by the account's signing key; nil where there is none. The
// signature is over a time and a token only: what an event tells is bound by its reference alone.
func Mailgun(key waxwing.Secret) Provider {
	if key == "" {
		return nil
	}
	return mailgun{key}
}

func (mailgun) Refusal() int { return http.StatusNotAcceptable }

type mailgunPost struct {
	Signature struct {
		Timestamp string `json:"timestamp"`
		Token     string `json:"token"`
		Signature string `json:"signature"`
	} `json:"signature"`
	Data mailgunEvent `json:"event-data"`
}

type mailgunEvent struct {
	Event     string `json:"event"`
	Severity  string `json:"severity"`
	Reason    string `json:"reason"`
	Recipient string `json:"recipient"`
	Message   struct {
		Headers struct {
			ID string `json:"message-id"`
		} `json:"headers"`
	} `json:"message"`
	// Variables is raw, since who sends no variables gets an array in its place.
	Variables json.RawMessage `json:"user-variables"`
	Status    struct {
		Code     json.Number `json:"code"`
		Enhanced string      `json:"enhanced-code"`
		Message  string      `json:"message"`
		Words    string      `json:"description"`
		Bounce   string      `json:"bounce-type"`
	} `json:"delivery-status"`
}

func (m mailgun) Events(_ context.Context, r *Request) ([]Event, string, error) {
	var p mailgunPost
	if json.Unmarshal(r.Body, &p) != nil {
		return nil, "", ErrForged
	}
	s := &p.Signature
	at, err := strconv.ParseInt(s.Timestamp, 10, 64)
	got, herr := hex.DecodeString(s.Signature)
	if err != nil || herr != nil || len(s.Token) < 16 || len(s.Token) > 128 {
		return nil, "", ErrForged
	}
	h := hmac.New(sha256.New, []byte(m.key.Reveal()))
	_, _ = h.Write([]byte(s.Timestamp + s.Token))
	if !hmac.Equal(h.Sum(nil), got) || !fresh(time.Unix(at, 0), r.Now, mailgunRepeats) {
		return nil, "", ErrForged
	}
	return []Event{p.Data.read()}, s.Token, nil
}

// read says what an event means. What is sent on (failed, temporary) tells nothing yet.
func (d *mailgunEvent) read() Event {
	var vars struct {
		Ref string `json:"waxwing_ref"`
	}
	_ = json.Unmarshal(d.Variables, &vars) // without a reference it is nobody's
	code, _ := d.Status.Code.Int64()
	words := d.Status.Message
	if words == "" {
		words = d.Status.Words
	}
	e := Event{Reference: vars.Ref, MessageID: d.Message.Headers.ID, Recipient: d.Recipient,
		Said: Said{Event: clip(d.Event), Type: clip(d.Reason), Status: clip(d.Status.Enhanced), Code: int(code), Words: clip(words)}}
	switch {
	case d.Event == "delivered":
		e.Kind = waxwing.Delivered
	case d.Event == "complained":
		e.complained("abuse")
	case d.Event == "failed" && d.Severity == "permanent":
		d.failed(&e)
	}
	return e
}

func (d *mailgunEvent) failed(e *Event) {
	switch d.Reason {
	case "suppress-bounce": // it bounced hard before: Mailgun did not try again
		e.bounced(bounce.UserUnknown)
	case "suppress-complaint", "suppress-unsubscribe":
		e.bounced(bounce.Rejected)
	case "espblock":
		e.bounced(bounce.Blocked)
	case "old":
		e.bounced(bounce.Expired)
	default:
		otherwise := bounce.Unknown
		if d.Status.Bounce == "hard" {
			otherwise = bounce.UserUnknown
		}
		e.judged(otherwise)
	}
}
