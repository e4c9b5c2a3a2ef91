package postmark_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/channeltest"
	"github.com/waxwinghq/waxwing/channel/sink"
)

type letter struct {
	From, To, ReplyTo, Subject, TextBody, HTMLBody, MessageStream, TrackLinks string
	TrackOpens                                                                *bool
	Headers                                                                   []struct{ Name, Value string }
	Metadata                                                                  map[string]string
}

func server(truth *sink.Truth, plan sink.Plan, on func(sink.Post)) *httptest.Server {
	return httptest.NewServer(&sink.HTTP{Truth: truth, Plan: plan, OnPost: on,
		Read: func(w http.ResponseWriter, p *sink.Post) bool {
			var l letter
			switch {
			case p.Path != "/email" || p.Header.Get("X-Postmark-Server-Token") != "secret":
				w.WriteHeader(http.StatusUnauthorized)
				return false
			case json.Unmarshal(p.Body, &l) != nil || l.HTMLBody == "" && l.TextBody == "":
				w.WriteHeader(http.StatusUnprocessableEntity)
				return false
			}
			p.To, p.From, p.Key = l.To, l.From, l.Metadata["waxwing"]
			return true
		},
		Took: func(w http.ResponseWriter, _ *sink.Post) {
			_, _ = io.WriteString(w, `{"ErrorCode":0,"Message":"OK","MessageID":"b7bc2f4a-e38e-4336-af7d-e6c392c2f817"}`)
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
		return channeltest.World{Provider: s, Truth: truth, Message: channeltest.Mail, Bad: "ada@x.example, eve@y.example", Stop: srv.Close,
			ID: func(o *waxwing.Outgoing) string { return o.IdempotencyKey }}
	})
}

func TestLetter(t *testing.T) {
	var post sink.Post
	srv := server(nil, nil, func(p sink.Post) { post = p })
	defer srv.Close()
	s, err := open(srv.URL, 0)
	if err != nil {
		t.Fatal(err)
	}
	if a := s.Offer(t.Context(), channeltest.Mail(1), func() error { return nil }); a.Verdict != waxwing.Accepted || a.Ref != "b7bc2f4a-e38e-4336-af7d-e6c392c2f817" {
		t.Fatalf("%+v", a)
	}
	var l letter
	if err := json.Unmarshal(post.Body, &l); err != nil {
		t.Fatal(err)
	}
	if l.From != `"Müller, Söhne" <orders@shop.example>` || l.To != `"Ada" <c1@customer.example>` || l.ReplyTo != "help@shop.example" || l.Subject != "Ihre Bestellung für 12 € #1" {
		t.Errorf("%+v", l)
	}
	if l.TextBody != "Danke für alles\n" || l.HTMLBody != "<p>Danke für <b>alles</b></p>\n" || l.MessageStream != "outbound" || l.TrackLinks != "None" || l.TrackOpens == nil || *l.TrackOpens {
		t.Errorf("%+v", l)
	}
	kept := map[string]string{}
	for _, h := range l.Headers {
		kept[h.Name] = h.Value
	}
	if kept["Message-ID"] != "<m1@shop.example>" || kept["X-PM-KeepID"] != "true" || kept["Auto-Submitted"] != "auto-generated" {
		t.Errorf("%v", kept)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDocumentedAnswers(t *testing.T) {
	left := channeltest.Said{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault, Bad: true}
	policy := channeltest.Said{Verdict: waxwing.Rejected, Fault: waxwing.PolicyFault}
	addr := channeltest.Said{Verdict: waxwing.Rejected, Fault: waxwing.AddressFault}
	unknown := channeltest.Said{Verdict: waxwing.UncertainVerdict, Fault: waxwing.TransportFault, Bad: true}
	said := func(name string, status, code int, message string, want channeltest.Said) channeltest.Said {
		want.Name, want.Status, want.Body = fmt.Sprint(name, " ", code), status, fmt.Sprintf(`{"ErrorCode":%d,"Message":%q}`, code, message)
		return want
	}
	slow := left
	slow.Head, slow.Wait = map[string]string{"Retry-After": "5"}, 5*time.Second
	channeltest.Answers(t, func(url string) (channeltest.Provider, error) { return open(url, 0) }, channeltest.Mail(1), []channeltest.Said{
		said("token", 401, 10, "The Server Token you provided in the X-Postmark-Server-Token request header was invalid.", left),
		said("maintenance", 422, 100, "Maintenance", left),
		said("recipient", 422, 300, "Error parsing 'To': Illegal email address 'c1@customer.example'. It must contain the '@' symbol.", addr),
		said("other request", 422, 300, "Provide either email TextBody or HtmlBody or both.", policy),
		said("sender unknown", 422, 400, "The 'From' address you supplied is not a Sender Signature on your account.", left),
		said("sender not confirmed", 422, 401, "Sender signature not confirmed", left),
		said("JSON", 422, 402, "Invalid JSON", policy),
		said("no credit", 422, 405, "Not allowed to send", left),
		said("inactive", 422, 406, "You tried to send to a recipient that has been marked as inactive: c1@customer.example", addr),
		said("attachment", 422, 411, "Forbidden attachment type", policy),
		said("account pending", 422, 412, "While your account is pending approval, all recipient addresses must share the same domain as the 'From' address.", left),
		said("account may not send", 422, 413, "Account May Not Send", left),
		said("stream", 422, 1235, "The stream provided does not exist", left),
		said("too large", 413, 0, "Payload Too Large", policy),
		said("too fast", 429, 0, "Rate Limit Exceeded", slow),
		said("theirs", 500, 0, "Internal Server Error", unknown),
		said("resting", 503, 0, "Service Unavailable", left),
		said("200 that is none", 200, 300, "Error parsing", channeltest.Said{Verdict: waxwing.UncertainVerdict, Fault: waxwing.TransportFault}),
	})
}
