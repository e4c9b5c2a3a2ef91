package sendgrid_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/channeltest"
	"github.com/waxwinghq/waxwing/channel/sink"
)

type letter struct {
	Personalizations []struct {
		To []struct{ Email, Name string }
	}
	From    struct{ Email, Name string }
	ReplyTo struct{ Email string } `json:"reply_to"`
	Subject string
	Content []struct{ Type, Value string }
	Headers map[string]string
	Args    map[string]string `json:"custom_args"`
	Tracks  map[string]struct {
		Enable *bool
	} `json:"tracking_settings"`
}

func server(truth *sink.Truth, plan sink.Plan, on func(sink.Post)) *httptest.Server {
	return httptest.NewServer(&sink.HTTP{Truth: truth, Plan: plan, OnPost: on,
		Read: func(w http.ResponseWriter, p *sink.Post) bool {
			var l letter
			switch {
			case p.Path != "/v3/mail/send" || p.Header.Get("Authorization") != "Bearer secret":
				w.WriteHeader(http.StatusUnauthorized)
				return false
			case json.Unmarshal(p.Body, &l) != nil || len(l.Personalizations) != 1 || len(l.Personalizations[0].To) != 1 || len(l.Content) == 0:
				w.WriteHeader(http.StatusBadRequest)
				return false
			}
			p.To, p.From, p.Key = l.Personalizations[0].To[0].Email, l.From.Email, l.Args["waxwing"]
			return true
		},
		Took: func(w http.ResponseWriter, _ *sink.Post) {
			w.Header().Set("X-Message-Id", "abc123")
			w.WriteHeader(http.StatusAccepted)
		}})
}

func TestSuite(t *testing.T) {
	channeltest.Suite(t, func(t *testing.T, plan sink.Plan) channeltest.World {
		truth := sink.NewTruth()
		srv := server(truth, plan, nil)
		s, err := open(srv.URL, 0)
		if err != nil {
			t.Fatal(err)
		}
		return channeltest.World{Provider: s, Truth: truth, Message: channeltest.Mail, Bad: "ada", Stop: srv.Close,
			ID: func(o *waxwing.Outgoing) string { return o.IdempotencyKey }}
	})
}

// What SendGrid lets a mail keep is kept, and nothing of it is measured.
func TestLetter(t *testing.T) {
	var posts []sink.Post
	srv := server(nil, nil, func(p sink.Post) { posts = append(posts, p) })
	defer srv.Close()
	s, err := open(srv.URL, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if a := s.Offer(t.Context(), channeltest.Mail(1), func() error { return nil }); a.Verdict != waxwing.Accepted || a.Ref != "abc123" {
			t.Fatalf("%+v", a)
		}
	}
	if string(posts[0].Body) != string(posts[1].Body) {
		t.Error("the same mail was written in other bytes")
	}
	var l letter
	if err := json.Unmarshal(posts[0].Body, &l); err != nil {
		t.Fatal(err)
	}
	if l.Subject != "Ihre Bestellung für 12 € #1" || l.From.Name != "Müller, Söhne" || l.From.Email != "orders@shop.example" || l.ReplyTo.Email != "help@shop.example" {
		t.Errorf("%+v", l)
	}
	if len(l.Content) != 2 || l.Content[0].Type != "text/plain" || l.Content[1].Type != "text/html" || l.Content[1].Value != "<p>Danke für <b>alles</b></p>\n" {
		t.Errorf("%+v", l.Content)
	}
	if l.Headers["Message-ID"] != "<m1@shop.example>" || l.Headers["Auto-Submitted"] != "auto-generated" || l.Headers["Feedback-ID"] == "" || l.Headers["Content-Language"] != "" {
		t.Errorf("%v", l.Headers)
	}
	for _, k := range []string{"click_tracking", "open_tracking", "subscription_tracking"} {
		if on := l.Tracks[k].Enable; on == nil || *on {
			t.Errorf("%s is not turned off", k)
		}
	}
	m := channeltest.Mail(1)
	m.Data = []byte("no mail at all")
	if a := s.Offer(t.Context(), m, func() error { t.Error("committed"); return nil }); a.Verdict != waxwing.Rejected || a.Fault != waxwing.PolicyFault {
		t.Errorf("%+v", a)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDocumentedAnswers(t *testing.T) {
	left := channeltest.Said{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault, Bad: true}
	policy := channeltest.Said{Verdict: waxwing.Rejected, Fault: waxwing.PolicyFault}
	unknown := channeltest.Said{Verdict: waxwing.UncertainVerdict, Fault: waxwing.TransportFault, Bad: true}
	said := func(name string, status int, field, message string, want channeltest.Said) channeltest.Said {
		b, _ := json.Marshal(map[string]any{"errors": []map[string]string{{"field": field, "message": message}}})
		want.Name, want.Status, want.Body = name, status, string(b)
		return want
	}
	slow := left
	slow.Head, slow.Wait = map[string]string{"Retry-After": "12"}, 12*time.Second
	channeltest.Answers(t, func(url string) (channeltest.Provider, error) { return open(url, 0) }, channeltest.Mail(1), []channeltest.Said{
		said("key", 401, "", "The provided authorization grant is invalid, expired, or revoked", left),
		said("no credit", 401, "", "Maximum credits exceeded", left),
		said("sender not verified", 403, "from", "The from address does not match a verified Sender Identity.", left),
		said("not there", 404, "", "not found", left),
		said("no recipient", 400, "personalizations.0.to.0.email", "Does not contain a valid address: c1@customer.example", channeltest.Said{Verdict: waxwing.Rejected, Fault: waxwing.AddressFault}),
		said("no sender", 400, "from.email", "The from email does not contain a valid address.", left),
		said("other", 400, "content", "The content value must be a string at least one character in length.", policy),
		said("too large", 413, "", "The JSON payload you have included in your request is too large.", policy),
		said("Accept", 406, "", "Missing Accept header", left),
		said("too fast", 429, "", "too many requests", slow),
		said("theirs", 500, "", "", unknown),
		said("resting", 503, "", "", left),
		said("checked, not sent", 200, "", "", channeltest.Said{Verdict: waxwing.UncertainVerdict, Fault: waxwing.TransportFault}),
	})
}
