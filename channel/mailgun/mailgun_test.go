package mailgun_test

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/url"
	"strings"
	"testing"
	"time"

	mock "github.com/mailgun/mailgun-go/v4"
	"github.com/mailgun/mailgun-go/v4/events"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/channeltest"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/channel/mailgun"
	"github.com/waxwinghq/waxwing/channel/sink"
)

// form reads the fields of a post, and the mail in it.
func form(p *sink.Post) (fields map[string]string, data []byte) {
	fields = map[string]string{}
	_, params, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
	r := multipart.NewReader(bytes.NewReader(p.Body), params["boundary"])
	for {
		part, err := r.NextPart()
		if err != nil {
			return fields, data
		}
		b, _ := io.ReadAll(part) // what is missing, a test sees
		if part.FormName() == "message" {
			data = b
			continue
		}
		fields[part.FormName()] = string(b)
	}
}

// server stands in for Mailgun's MIME endpoint.
func server(truth *sink.Truth, plan sink.Plan, on func(sink.Post)) *httptest.Server {
	return httptest.NewServer(&sink.HTTP{Truth: truth, Plan: plan, OnPost: on,
		Read: func(w http.ResponseWriter, p *sink.Post) bool {
			if p.Path != "/v3/mg.shop.example/messages.mime" || p.Header.Get("Authorization") != "Basic YXBpOnNlY3JldA==" {
				w.WriteHeader(http.StatusUnauthorized)
				return false
			}
			f, data := form(p)
			m, err := mail.ReadMessage(bytes.NewReader(data))
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return false
			}
			p.To, p.Key = f["to"], m.Header.Get("Message-ID")
			return true
		},
		Took: func(w http.ResponseWriter, p *sink.Post) {
			_, _ = io.WriteString(w, `{"id":"`+p.Key+`","message":"Queued. Thank you."}`)
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
		return channeltest.World{Provider: s, Truth: truth, Message: channeltest.Mail, Bad: "ada@x.example>,<eve@y.example", Stop: srv.Close,
			ID: func(o *waxwing.Outgoing) string {
				return "<m" + strings.TrimPrefix(o.IdempotencyKey, "key-") + "@shop.example>"
			}}
	})
}

// The bytes are ours, and are the same when the mail is offered again.
func TestBytesStayOurs(t *testing.T) {
	var posts []sink.Post
	srv := server(nil, nil, func(p sink.Post) { posts = append(posts, p) })
	defer srv.Close()
	s, err := open(srv.URL, 0)
	if err != nil {
		t.Fatal(err)
	}
	m := channeltest.Mail(1)
	for range 2 {
		if a := s.Offer(t.Context(), m, func() error { return nil }); a.Verdict != waxwing.Accepted || a.Ref != "m1@shop.example" {
			t.Fatalf("%+v", a)
		}
	}
	f, data := form(&posts[0])
	if !bytes.Equal(data, m.Data) || f["to"] != m.To || f["o:tracking"] != "no" || f["v:waxwing"] != m.IdempotencyKey {
		t.Errorf("%v, %d of %d bytes", f, len(data), len(m.Data))
	}
	if !bytes.Equal(posts[0].Body, posts[1].Body) {
		t.Error("the same mail was written in other bytes")
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// mailgun-go's own stand-in takes what is posted: it has no MIME endpoint, but one that takes a
// form of the same fields.
func TestMailgunsOwnStandIn(t *testing.T) {
	theirs := mock.NewMockServer()
	defer theirs.Stop()
	at, err := url.Parse(theirs.URL4())
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Scheme, r.URL.Host, r.RequestURI = at.Scheme, at.Host, ""
		r.URL.Path = strings.TrimSuffix(r.URL.Path, ".mime")
		res, err := client.Do(r)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = res.Body.Close() }()
		w.WriteHeader(res.StatusCode)
		_, _ = io.Copy(w, res.Body)
	}))
	defer srv.Close()
	s, err := open(srv.URL, 0)
	if err != nil {
		t.Fatal(err)
	}
	before := len(theirs.Events())
	a := s.Offer(t.Context(), channeltest.Mail(1), func() error { return nil })
	if a.Verdict != waxwing.Accepted || !strings.HasPrefix(a.Ref, "ID-") {
		t.Fatalf("%+v", a)
	}
	got := theirs.Events()
	if len(got) != before+1 {
		t.Fatalf("%d events more", len(got)-before)
	}
	e, ok := got[before].(*events.Accepted)
	if !ok || e.Recipient != "c1@customer.example" || len(e.Message.Attachments) != 1 || e.ID != a.Ref {
		t.Errorf("%+v", got[before])
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDocumentedAnswers(t *testing.T) {
	left := channeltest.Said{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault, Bad: true}
	said := func(name string, status int, body string, want channeltest.Said) channeltest.Said {
		want.Name, want.Status, want.Body = name, status, body
		return want
	}
	policy := channeltest.Said{Verdict: waxwing.Rejected, Fault: waxwing.PolicyFault}
	unknown := channeltest.Said{Verdict: waxwing.UncertainVerdict, Fault: waxwing.TransportFault, Bad: true}
	slow := left
	slow.Head, slow.Wait = map[string]string{"Retry-After": "30"}, 30*time.Second
	channeltest.Answers(t, func(url string) (channeltest.Provider, error) { return open(url, 0) }, channeltest.Mail(1), []channeltest.Said{
		said("the key is wrong", 401, "Forbidden", left),
		said("the key may not send", 403, `{"message":"Forbidden"}`, left),
		said("no credit", 402, `{"message":"Request failed"}`, left),
		said("no such domain, or not yet", 404, `{"message":"Domain not found: mg.shop.example"}`, left),
		said("sandbox", 403, `{"message":"Domain sandbox1.mailgun.org is not allowed to send: Free accounts are for test purposes only. Please upgrade or add the address to authorized recipients."}`, left),
		said("sandbox, as it was", 400, `{"message":"Sandbox subdomains are for test purposes only. Please add your own domain or add the address to authorized recipients in domain settings."}`, left),
		said("account disabled", 400, `{"message":"Domain mg.shop.example is not allowed to send: The account is disabled"}`, left),
		said("no recipient", 400, `{"message":"'to' parameter is not a valid address. please check documentation"}`, channeltest.Said{Verdict: waxwing.Rejected, Fault: waxwing.AddressFault}),
		said("other", 400, `{"message":"'from' parameter is missing for c1@customer.example"}`, policy),
		said("too large", 413, `Request Entity Too Large`, policy),
		said("too fast", 429, `{"message":"Too many requests"}`, slow),
		said("theirs", 500, `{"message":"Internal Server Error"}`, unknown),
		said("on the way", 502, ``, unknown),
		said("resting", 503, ``, left),
		said("the recipient is suppressed", 200, `{"id":"<a@b>","message":"Queued. Thank you."}`, channeltest.Said{Verdict: waxwing.Accepted}),
	})
}

func TestRegions(t *testing.T) {
	for _, s := range []mailgun.Settings{{}, {Domain: "a/b"}, {Domain: "a.example", BaseURL: "ftp://x"}} {
		if _, err := mailgun.New(&s, httpsend.Config{}); err == nil {
			t.Errorf("accepted %+v", s)
		}
	}
}
