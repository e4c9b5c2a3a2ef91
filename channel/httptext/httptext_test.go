package httptext_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/channeltest"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/channel/httptext"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config/reach"
)

// gateway is one that says by its answer's body what became of a text.
func gateway(url string) *httptext.Settings {
	return &httptext.Settings{URL: url + "/send?ref={id}", Method: "POST", ContentType: "application/json", From: "+15005550006", Private: true,
		Headers: []httptext.Header{{Name: "X-Key", Value: "secret"}}, Body: `{"to": "{to}", "from": "{from}", "text": "{text}", "id": "{id}"}`,
		Accepted: &httptext.Rule{Pointer: "/ok", Values: []string{"true"}}, Ref: "/id",
		Rejected: &httptext.Rule{Statuses: []int{400}, Pointer: "/errors/0/code", Values: []string{"17"}},
		Deferred: &httptext.Rule{Pointer: "/error/a~1b", Values: []string{"busy"}}}
}

func TestSuite(t *testing.T) {
	channeltest.Suite(t, func(t *testing.T, plan sink.Plan) channeltest.World {
		truth := sink.NewTruth()
		srv := httptest.NewServer(&sink.HTTP{Truth: truth, Plan: plan,
			Read: func(w http.ResponseWriter, p *sink.Post) bool {
				var b struct{ To, From, Text, ID string }
				if json.Unmarshal(p.Body, &b) != nil || p.Header.Get("X-Key") != "secret" || p.Path != "/send?ref="+b.ID {
					w.WriteHeader(http.StatusForbidden)
					return false
				}
				p.To, p.From, p.Key = b.To, b.From, b.ID
				return true
			},
			Took: func(w http.ResponseWriter, _ *sink.Post) { _, _ = io.WriteString(w, `{"ok":true,"id":"g-1"}`) }})
		s, err := open(srv.URL, 0)
		if err != nil {
			t.Fatal(err)
		}
		return channeltest.World{Provider: s, Truth: truth, Message: channeltest.Text, Bad: `+49","to":"+1900`, Stop: srv.Close,
			ID: func(o *waxwing.Outgoing) string { return o.IdempotencyKey }}
	})
}

func TestRules(t *testing.T) {
	left := channeltest.Said{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault, Bad: true}
	said := func(name string, status int, body string, want channeltest.Said) channeltest.Said {
		want.Name, want.Status, want.Body = name, status, body
		return want
	}
	channeltest.Answers(t, func(url string) (channeltest.Provider, error) { return open(url, 0) }, channeltest.Text(1), []channeltest.Said{
		said("taken", 200, `{"ok":true,"id":7}`, channeltest.Said{Verdict: waxwing.Accepted}),
		said("200 that says no", 200, `{"ok":false}`, channeltest.Said{Verdict: waxwing.UncertainVerdict, Fault: waxwing.TransportFault}),
		said("no such number", 400, `{"errors":[{"code":17}]}`, channeltest.Said{Verdict: waxwing.Rejected, Fault: waxwing.AddressFault}),
		said("another error", 400, `{"errors":[{"code":18}]}`, channeltest.Said{Verdict: waxwing.Rejected, Fault: waxwing.PolicyFault}),
		said("busy, in a 200", 200, `{"error":{"a/b":"busy"}}`, left),
		said("key", 401, `{}`, left),
		said("theirs", 500, `{}`, channeltest.Said{Verdict: waxwing.UncertainVerdict, Fault: waxwing.TransportFault, Bad: true}),
	})
}

// No text can end the place that it stands in.
func TestValuesStayInTheirPlace(t *testing.T) {
	evil := `", "to": "+1900` + "\r\nX: y&to=+1900</text><to>+1900</to>"
	for contentType, c := range map[string]struct{ body, want string }{
		"application/json":                  {`{"t": "{text}"}`, `{"t": "\", \"to\": \"+1900\r\nX: y\u0026to=+1900\u003c/text\u003e\u003cto\u003e+1900\u003c/to\u003e"}`},
		"application/x-www-form-urlencoded": {"t={text}", "t=%22%2C+%22to%22%3A+%22%2B1900%0D%0AX%3A+y%26to%3D%2B1900%3C%2Ftext%3E%3Cto%3E%2B1900%3C%2Fto%3E"},
		"text/xml; charset=utf-8":           {"<t>{text}</t>", "<t>&#34;, &#34;to&#34;: &#34;+1900&#xD;&#xA;X: y&amp;to=+1900&lt;/text&gt;&lt;to&gt;+1900&lt;/to&gt;</t>"},
	} {
		var got, query string
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			got, query = string(b), r.URL.RawQuery
			_, _ = io.WriteString(w, `{"ok":true}`)
		}))
		set := gateway(srv.URL)
		set.URL, set.ContentType, set.Body = srv.URL+"/?t={text}&n={to_digits}", contentType, c.body
		s, err := httptext.New(set, httpsend.Config{Name: "out"})
		if err != nil {
			t.Fatal(err)
		}
		m := channeltest.Text(1)
		m.Data = []byte(evil)
		if a := s.Offer(t.Context(), m, func() error { return nil }); a.Verdict != waxwing.Accepted {
			t.Errorf("%+v", a)
		}
		if got != c.want || strings.Count(query, "&") != 1 || !strings.HasSuffix(query, "&n=491700000001") || strings.Contains(query, "+") {
			t.Errorf("%s: %s, %s", contentType, got, query)
		}
		_ = s.Close(t.Context())
		srv.Close()
	}
}

// What is not private reaches the public internet only.
func TestPublicOnly(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("was asked") }))
	defer srv.Close()
	set := gateway(srv.URL)
	set.Private = false
	s, err := set.Open("out", nil)
	if err != nil {
		t.Fatal(err)
	}
	a := s.Offer(t.Context(), channeltest.Text(1), func() error { return nil })
	if a.Verdict != waxwing.Deferred || a.Phase != waxwing.PhaseConnect || !errors.Is(a.Err, reach.ErrInside) {
		t.Errorf("%+v", a)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
