package vonage_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/channeltest"
	"github.com/waxwinghq/waxwing/channel/sink"
)

func server(truth *sink.Truth, plan sink.Plan, on func(url.Values)) *httptest.Server {
	return httptest.NewServer(&sink.HTTP{Truth: truth, Plan: plan,
		Read: func(w http.ResponseWriter, p *sink.Post) bool {
			v, err := url.ParseQuery(string(p.Body))
			if err != nil || p.Path != "/sms/json" || v.Get("api_key") != "abcd" || v.Get("api_secret") != "secret" {
				_, _ = io.WriteString(w, `{"message-count":"1","messages":[{"status":"4","error-text":"Bad Credentials"}]}`)
				return false
			}
			if on != nil {
				on(v)
			}
			p.To, p.From, p.Key = v.Get("to"), v.Get("from"), v.Get("client-ref")
			return true
		},
		Took: func(w http.ResponseWriter, _ *sink.Post) {
			_, _ = io.WriteString(w, `{"message-count":"1","messages":[{"message-id":"0A","status":"0"}]}`)
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
		return channeltest.World{Provider: s, Truth: truth, Message: channeltest.Text, Bad: "+49 170 &to=+1900", Stop: srv.Close,
			ID: func(o *waxwing.Outgoing) string { return o.IdempotencyKey }}
	})
}

// A text beyond the usual alphabet says so; numbers go without a plus.
func TestForm(t *testing.T) {
	var got url.Values
	srv := server(nil, nil, func(v url.Values) { got = v })
	defer srv.Close()
	s, err := open(srv.URL, 0)
	if err != nil {
		t.Fatal(err)
	}
	for text, kind := range map[string]string{"Danke für 12 €": "", "ありがとう": "unicode", "Σ{~}": "", "ŝ": "unicode"} {
		m := channeltest.Text(1)
		m.Data = []byte(text)
		if a := s.Offer(t.Context(), m, func() error { return nil }); a.Verdict != waxwing.Accepted || a.Ref != "0A" {
			t.Errorf("%+v", a)
		}
		if got.Get("type") != kind || got.Get("text") != text || got.Get("to") != "491700000001" || got.Get("from") != "447700900000" {
			t.Errorf("%q: %v", text, got)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDocumentedAnswers(t *testing.T) {
	left := channeltest.Said{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault, Bad: true}
	policy := channeltest.Said{Verdict: waxwing.Rejected, Fault: waxwing.PolicyFault}
	addr := channeltest.Said{Verdict: waxwing.Rejected, Fault: waxwing.AddressFault}
	unknown := channeltest.Said{Verdict: waxwing.UncertainVerdict, Fault: waxwing.TransportFault}
	broken := unknown
	broken.Bad = true
	said := func(name, statuses string, want channeltest.Said) channeltest.Said {
		var parts []string
		for s := range strings.SplitSeq(statuses, " ") {
			parts = append(parts, `{"to":"491700000001","message-id":"x","status":"`+s+`"}`)
		}
		want.Name, want.Status, want.Body = name, 200, `{"messages":[`+strings.Join(parts, ",")+`]}`
		return want
	}
	http500, http401 := broken, left
	http500.Name, http500.Status = "500", 500
	http401.Name, http401.Status = "401", 401
	channeltest.Answers(t, func(url string) (channeltest.Provider, error) { return open(url, 0) }, channeltest.Text(1), []channeltest.Said{
		said("taken, in three parts", "0 0 0", channeltest.Said{Verdict: waxwing.Accepted}),
		said("half taken", "0 1", unknown),
		said("throttled", "1", left),
		said("missing parameter", "2", policy),
		said("wrong parameter", "3", policy),
		said("credentials", "4", left),
		said("internal", "5", broken),
		said("no such prefix", "6", addr),
		said("barred", "7", addr),
		said("account barred", "8", left),
		said("no credit", "9", left),
		said("binds", "10", left),
		said("no HTTP", "11", left),
		said("too long", "12", policy),
		said("signature", "14", left),
		said("sender", "15", left),
		said("trial: not on the list", "29", left),
		said("not documented", "77", unknown),
		http500, http401,
	})
}
