package callback

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/feedback/bounce"
)

type postmark struct{ user, password [32]byte }

// Postmark takes Postmark's webhooks, by the user and password that stand in their address, since
// Postmark signs nothing; nil where there are none.
func Postmark(user string, password waxwing.Secret) Provider {
	if user == "" || password == "" {
		return nil
	}
	return &postmark{sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password.Reveal()))}
}

// Refusal is the one status after which Postmark does not repeat.
func (*postmark) Refusal() int { return http.StatusForbidden }

type postmarkPost struct {
	RecordType  string
	TypeCode    int
	Type        string
	Email       string
	Recipient   string
	Description string
	Details     string
	Metadata    map[string]string
}

func (p *postmark) Events(_ context.Context, r *Request) ([]Event, string, error) {
	user, password, ok := (&http.Request{Header: r.Header}).BasicAuth()
	u, w := sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password))
	same := subtle.ConstantTimeCompare(u[:], p.user[:]) & subtle.ConstantTimeCompare(w[:], p.password[:])
	if !ok || same != 1 {
		return nil, "", ErrForged
	}
	var d postmarkPost
	if json.Unmarshal(r.Body, &d) != nil {
		return nil, "", ErrForged
	}
	return []Event{d.read()}, "", nil
}

// read says what a record means.
func (d *postmarkPost) read() Event {
	words := d.Details
	if words == "" {
		words = d.Description
	}
	e := Event{Reference: d.Metadata["waxwing_ref"], Recipient: d.Email, Said: Said{Event: clip(d.RecordType), Type: clip(d.Type), Code: d.TypeCode, Words: clip(words)}}
	switch d.RecordType {
	case "Delivery":
		e.Recipient, e.Kind = d.Recipient, waxwing.Delivered
	case "SpamComplaint":
		e.complained("abuse")
	case "Bounce":
		d.bounced(&e)
	}
	return e
}

// bounced reads a bounce's TypeCode. What is only late, and what a program answered, tells nothing.
func (d *postmarkPost) bounced(e *Event) {
	by := func(otherwise bounce.Reason) {
		_, r := bounce.Judge("", 0, d.Details)
		if r == bounce.Unknown || r == "" {
			r = otherwise
		}
		e.bounced(r)
	}
	switch d.TypeCode {
	case 1: // HardBounce
		by(bounce.UserUnknown)
	case 4096: // SoftBounce: the mailbox is full, closed, or its server out of room
		if by(bounce.Unknown); e.Class == bounce.Hard {
			e.bounced(bounce.Suspended)
		}
	case 512: // SpamNotification
		e.bounced(bounce.Spam)
	case 2048: // Unknown
		by(bounce.Unknown)
	case 8192: // VirusNotification
		e.bounced(bounce.Virus)
	case 16384: // ChallengeVerification
		e.bounced(bounce.Filtered)
	case 100000: // BadEmailAddress
		e.bounced(bounce.UserUnknown)
	case 100001: // SpamComplaint
		e.complained("abuse")
	case 100002: // ManuallyDeactivated
		e.bounced(bounce.Rejected)
	case 100006: // Blocked
		e.bounced(bounce.Blocked)
	case 100007: // SMTPApiError
		e.bounced(bounce.Mailer)
	case 100009: // DMARCPolicy
		e.bounced(bounce.AuthFailure)
	}
}
