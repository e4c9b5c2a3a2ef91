package callback

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/feedback/bounce"
)

// snsRepeats is for how long SNS posts a notification again, at most, by a topic's delivery policy.
const snsRepeats = time.Hour

type ses struct {
	topic, region string
	certificates  *Certificates
}

// SES takes what SES publishes to a topic of SNS that this daemon is subscribed to; nil where there is
// no topic. A subscription of that topic is confirmed.
func SES(topic string, c *Certificates) Provider {
	parts := strings.Split(topic, ":") // arn:aws:sns:REGION:ACCOUNT:NAME
	if len(parts) != 6 {
		return nil
	}
	return &ses{topic, parts[3], c}
}

// Refusal is any 4xx but 429: SNS repeats none of them.
func (*ses) Refusal() int { return http.StatusForbidden }

func (s *ses) Events(ctx context.Context, r *Request) ([]Event, string, error) {
	var p snsPost
	if json.Unmarshal(r.Body, &p) != nil {
		return nil, "", ErrForged
	}
	at, err := time.Parse(time.RFC3339, p.Timestamp)
	if err != nil || p.TopicArn != s.topic || p.MessageId == "" || !fresh(at, r.Now, snsRepeats) {
		return nil, "", fmt.Errorf("%w: it is of another topic, or too old", ErrForged)
	}
	if err := s.certificates.verify(ctx, &p, s.region, r.Now); err != nil {
		return nil, "", err
	}
	switch p.Type {
	case "SubscriptionConfirmation":
		return nil, p.MessageId, s.certificates.confirm(ctx, &p, s.region)
	case "UnsubscribeConfirmation": // its SubscribeURL would take the topic up again
		return nil, p.MessageId, nil
	}
	var d sesEvent
	if json.Unmarshal([]byte(p.Message), &d) != nil { // SES says "Successfully validated" in words
		return nil, p.MessageId, nil
	}
	return d.read(), p.MessageId, nil
}

type sesRecipient struct {
	EmailAddress   string `json:"emailAddress"`
	Action         string `json:"action"`
	Status         string `json:"status"`
	DiagnosticCode string `json:"diagnosticCode"`
}

type sesEvent struct {
	EventType        string `json:"eventType"`
	NotificationType string `json:"notificationType"`
	Mail             struct {
		Destination []string            `json:"destination"`
		Tags        map[string][]string `json:"tags"`
	} `json:"mail"`
	Bounce struct {
		Type       string         `json:"bounceType"`
		SubType    string         `json:"bounceSubType"`
		Recipients []sesRecipient `json:"bouncedRecipients"`
	} `json:"bounce"`
	Complaint struct {
		Type       string         `json:"complaintFeedbackType"`
		SubType    string         `json:"complaintSubType"`
		Recipients []sesRecipient `json:"complainedRecipients"`
	} `json:"complaint"`
	Delivery struct {
		Recipients []string `json:"recipients"`
		Response   string   `json:"smtpResponse"`
	} `json:"delivery"`
	Reject struct {
		Reason string `json:"reason"`
	} `json:"reject"`
}

// read gives an event for each recipient. A DeliveryDelay tells nothing yet.
func (d *sesEvent) read() (out []Event) {
	kind := d.EventType
	if kind == "" {
		kind = d.NotificationType
	}
	ref := ""
	if v := d.Mail.Tags["waxwing_ref"]; len(v) == 1 {
		ref = v[0]
	}
	add := func(to string, said Said, judge func(e *Event)) {
		if len(out) >= maxEvents {
			return
		}
		said.Event = clip(kind)
		e := Event{Reference: ref, Recipient: to, Said: said}
		judge(&e)
		out = append(out, e)
	}
	switch kind {
	case "Delivery":
		for _, to := range d.Delivery.Recipients {
			add(to, Said{Words: clip(d.Delivery.Response)}, func(e *Event) { e.Kind = waxwing.Delivered })
		}
	case "Bounce":
		for _, r := range d.Bounce.Recipients {
			add(r.EmailAddress, Said{Type: clip(d.Bounce.Type + "/" + d.Bounce.SubType), Status: clip(r.Status), Words: clip(r.DiagnosticCode)},
				func(e *Event) { d.bounced(e, &r) })
		}
	case "Complaint":
		for _, r := range d.Complaint.Recipients {
			add(r.EmailAddress, Said{Type: clip(d.Complaint.Type + "/" + d.Complaint.SubType)}, d.complained)
		}
	case "Reject":
		for _, to := range d.Mail.Destination {
			add(to, Said{Words: clip(d.Reject.Reason)}, func(e *Event) { e.bounced(bounce.Virus) })
		}
	}
	return out
}

// bounced reads a bounce's type and subtype. Transient ones are final, too: SES tried for as long as
// it does. Those without a report are mostly what a program answered.
func (d *sesEvent) bounced(e *Event, r *sesRecipient) {
	switch d.Bounce.Type + "/" + d.Bounce.SubType {
	case "Permanent/NoEmail", "Permanent/Suppressed":
		e.bounced(bounce.UserUnknown)
	case "Permanent/OnAccountSuppressionList", "Permanent/UnsubscribedRecipient":
		e.bounced(bounce.Rejected)
	case "Transient/MailboxFull":
		e.bounced(bounce.MailboxFull)
	case "Transient/MessageTooLarge":
		e.bounced(bounce.TooLarge)
	case "Transient/ContentRejected", "Transient/AttachmentRejected":
		e.bounced(bounce.BadContent)
	case "Transient/CustomTimeoutExceeded":
		e.bounced(bounce.Expired)
	default:
		switch {
		case d.Bounce.Type == "Permanent":
			e.judged(bounce.UserUnknown)
		case r.Action != "failed" && r.DiagnosticCode == "":
		default:
			if e.judged(bounce.Unknown); e.Class == bounce.Hard { // SES does not call it for good
				e.bounced(bounce.Unknown)
			}
		}
	}
}

// complained reads a complaint. One of the account's list is a mail that SES did not send.
func (d *sesEvent) complained(e *Event) {
	switch {
	case d.Complaint.SubType == "OnAccountSuppressionList":
		e.bounced(bounce.Rejected)
	case d.Complaint.Type == "not-spam" || d.Complaint.Type == "auth-failure": // nobody complained
	case d.Complaint.Type == "":
		e.complained("abuse")
	default:
		e.complained(d.Complaint.Type)
	}
}
