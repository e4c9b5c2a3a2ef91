package mailgun

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/httpsend"
)

// Provider is a domain at Mailgun.
type Provider struct {
	*httpsend.Sender
	events string
	auth   waxwing.Secret
	clock  waxwing.Clock
}

// settles is how long after a post its events can be found, usually. Mailgun promises no time: events
// reach their store by several ways, and it calls a range trustworthy half an hour later.
const settles = time.Minute

const (
	// before and after are how far the events looked at may be from the attempts: its clock is not ours.
	before, after = 5 * time.Minute, time.Hour
	// pageOf is how many events a page has; 300 is the most. pages bounds how many are read: of one
	// recipient there are few events in such a time.
	pageOf, pages = 300, 10
)

type page struct {
	Items  []event `json:"items"`
	Paging struct {
		Next string `json:"next"`
	} `json:"paging"`
}

type event struct {
	ID        string `json:"id"`
	Event     string `json:"event"`
	Severity  string `json:"severity"`
	Recipient string `json:"recipient"`
	// Variables is raw, since who sends no variables gets an array in its place.
	Variables json.RawMessage `json:"user-variables"`
}

// Became looks among the domain's events for one of this message, by the recipient and the variable
// that each mail carries. Any event of it means that Mailgun took it, but "rejected", by which it did
// not.
func (p *Provider) Became(ctx context.Context, q *waxwing.Question) (*waxwing.Evidence, error) {
	end := q.Ended.Add(after)
	if now := p.clock().Add(before); now.Before(end) {
		end = now
	}
	next := p.events + "?" + url.Values{"recipient": {q.To}, "begin": {seconds(q.Began.Add(-before))}, "end": {seconds(end)}, "ascending": {"yes"},
		"limit": {strconv.Itoa(pageOf)}}.Encode()
	for range pages {
		var got page
		ans, err := p.Ask(ctx, &httpsend.Request{Method: http.MethodGet, URL: next, Header: http.Header{"Authorization": {p.auth.Reveal()}}})
		if err != nil {
			return nil, fmt.Errorf("mailgun: events: %w", err)
		}
		if ans.Status == http.StatusUnauthorized || ans.Status == http.StatusForbidden { // a sending key
			return nil, fmt.Errorf("mailgun: events: %w: %w", ans.Error(""), waxwing.ErrMayNotAsk)
		}
		if ans.Status != http.StatusOK || !ans.JSON(&got) || got.Items == nil {
			return nil, fmt.Errorf("mailgun: events: %w", ans.Error(""))
		}
		for i := range got.Items {
			if e := &got.Items[i]; e.of(q) && e.Event != "rejected" {
				return e.evidence(), nil
			}
		}
		if len(got.Items) == 0 {
			if p.clock().Sub(q.Ended) < settles {
				return nil, waxwing.ErrEarly
			}
			return nil, nil
		}
		// The account's key goes along: to where it was given for, and nowhere else.
		if next = got.Paging.Next; !strings.HasPrefix(next, p.events+"/") && !strings.HasPrefix(next, p.events+"?") {
			return nil, fmt.Errorf("mailgun: events: the next page is elsewhere")
		}
	}
	return nil, fmt.Errorf("mailgun: events: more than %d pages", pages)
}

// seconds is a time as Mailgun has it.
func seconds(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// of reports whether an event is of the message asked about.
func (e *event) of(q *waxwing.Question) bool {
	var v struct {
		Key string `json:"waxwing"`
		Ref string `json:"waxwing_ref"`
	}
	_ = json.Unmarshal(e.Variables, &v) // without variables it is nobody's
	return q.Reference != "" && v.Ref == q.Reference || q.IdempotencyKey != "" && v.Key == q.IdempotencyKey
}

// evidence names what Mailgun says. Its words are of its own list, or they stay out.
func (e *event) evidence() *waxwing.Evidence {
	what := "event"
	switch e.Event {
	case "accepted", "delivered", "failed", "opened", "clicked", "unsubscribed", "complained", "stored":
		what += " " + e.Event
	}
	if e.Event == "failed" && (e.Severity == "permanent" || e.Severity == "temporary") {
		what += " (" + e.Severity + ")"
	}
	return &waxwing.Evidence{Ref: e.ID, Words: what}
}
