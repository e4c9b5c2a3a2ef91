package webpush_test

import (
	"context"
	"crypto/ecdh"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/channeltest"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/channel/webpush"
	"github.com/waxwinghq/waxwing/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	vapid = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
	keys  = `"keys":{"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4","auth":"BTBZMqHH6r4Tts7J_aSIgg"}`
)

// push makes messages to a browser whose push service is at url.
func push(url string) func(int) *waxwing.Outgoing {
	return func(n int) *waxwing.Outgoing {
		return &waxwing.Outgoing{Message: waxwing.ID(n), Channel: waxwing.Push, To: fmt.Sprintf(`{"endpoint":"%s/push/%d",%s}`, url, n, keys),
			Data: []byte(`{"title":"Danke für Ihre Bestellung","body":"#1001"}`), IdempotencyKey: fmt.Sprintf("key-%d", n)}
	}
}

func sender(c httpsend.Config) (channeltest.Provider, error) {
	c.Name, c.Connections, c.Clock = "out", 4, func() time.Time { return channeltest.Now }
	return webpush.New(&webpush.Settings{Key: vapid, Subject: "mailto:push@example.com", TTL: config.Duration(time.Hour)}, c)
}

func server(truth *sink.Truth, plan sink.Plan, on func(sink.Post)) *httptest.Server {
	return httptest.NewServer(&sink.HTTP{Truth: truth, Plan: plan, OnPost: on,
		Read: func(w http.ResponseWriter, p *sink.Post) bool {
			if p.Header.Get("Content-Encoding") != "aes128gcm" || p.Header.Get("Ttl") != "3600" || !strings.HasPrefix(p.Header.Get("Authorization"), "vapid t=") {
				w.WriteHeader(http.StatusBadRequest)
				return false
			}
			p.Key = strings.TrimPrefix(p.Path, "/push/")
			return true
		},
		Took: func(w http.ResponseWriter, _ *sink.Post) { w.WriteHeader(http.StatusCreated) }})
}

func TestSuite(t *testing.T) {
	channeltest.Suite(t, func(t *testing.T, plan sink.Plan) channeltest.World {
		truth := sink.NewTruth()
		srv := server(truth, plan, nil)
		s, err := sender(httpsend.Config{})
		if err != nil {
			t.Fatal(err)
		}
		return channeltest.World{Provider: s, Truth: truth, Message: push(srv.URL), Bad: `{"endpoint":"` + srv.URL + `/push/1"}`, Stop: srv.Close,
			ID: func(o *waxwing.Outgoing) string { return strings.TrimPrefix(o.IdempotencyKey, "key-") }}
	})
}

// The message's address is the server's: each cell has a message of its own.
func TestMatrix(t *testing.T) {
	channeltest.Matrix{Message: push("http://localhost")(1), NoRef: true, Made: "", No: "no", Open: func(url string, timeout time.Duration) (channeltest.Provider, error) {
		s, err := sender(httpsend.Config{Timeout: timeout, ConnectTimeout: timeout})
		return at{s, url}, err
	}}.Run(t, "testdata/matrix.tsv")
}

// at offers to the push service at url.
type at struct {
	channeltest.Provider
	url string
}

func (p at) Offer(ctx context.Context, _ *waxwing.Outgoing, commit func() error) waxwing.Attempt {
	return p.Provider.Offer(ctx, push(p.url)(1), commit)
}

// Offering a message again writes the same bytes, for its browser only.
func TestSameBytes(t *testing.T) {
	var posts []sink.Post
	srv := server(nil, nil, func(p sink.Post) { posts = append(posts, p) })
	defer srv.Close()
	s, err := sender(httpsend.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if a := s.Offer(t.Context(), push(srv.URL)(1), func() error { return nil }); a.Verdict != waxwing.Accepted {
			t.Fatalf("%+v", a)
		}
	}
	if string(posts[0].Body) != string(posts[1].Body) || posts[0].Header.Get("Topic") != posts[1].Header.Get("Topic") || len(posts[0].Header.Get("Topic")) != 32 {
		t.Error("the same message was written in other bytes")
	}
	if strings.Contains(string(posts[0].Body), "Bestellung") {
		t.Error("a push service can read it")
	}
	key, err := ecdh.P256().NewPublicKey(posts[0].Body[21:86])
	if err != nil || base64.RawURLEncoding.EncodeToString(key.Bytes()) == "" {
		t.Error(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDocumentedAnswers(t *testing.T) {
	left := channeltest.Said{Verdict: waxwing.Deferred, Fault: waxwing.RecipientFault} // of this push service only
	said := func(status int, want channeltest.Said) channeltest.Said {
		want.Name, want.Status = fmt.Sprint(status), status
		return want
	}
	policy := channeltest.Said{Verdict: waxwing.Rejected, Fault: waxwing.PolicyFault}
	gone := channeltest.Said{Verdict: waxwing.Rejected, Fault: waxwing.AddressFault}
	slow := said(429, left)
	slow.Head, slow.Wait = map[string]string{"Retry-After": "9"}, 9*time.Second
	channeltest.Answers(t, func(url string) (channeltest.Provider, error) {
		s, err := sender(httpsend.Config{})
		return at{s, url}, err
	}, push("http://localhost")(1), []channeltest.Said{
		said(201, channeltest.Said{Verdict: waxwing.Accepted}), said(202, channeltest.Said{Verdict: waxwing.Accepted}),
		said(400, policy), said(401, left), said(403, left), said(404, gone), said(410, gone), said(413, policy), slow,
		said(500, channeltest.Said{Verdict: waxwing.UncertainVerdict, Fault: waxwing.TransportFault}), said(503, left),
	})
}

// Whoever subscribes names the address: it must not be one beside this program.
func TestSubscriptions(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("was asked") }))
	defer srv.Close()
	s, err := (&webpush.Settings{Key: vapid, Subject: "mailto:push@example.com"}).Open("out", nil)
	if err != nil {
		t.Fatal(err)
	}
	if a := s.Offer(t.Context(), push(srv.URL)(1), func() error { return nil }); a.Verdict != waxwing.Deferred || a.Phase != waxwing.PhaseConnect {
		t.Errorf("%+v", a)
	}
	for _, to := range []string{"", "null", "[]", `{"endpoint":"http://push.example/1",` + keys + "}", `{"endpoint":"https://a:b@push.example/1",` + keys + "}",
		`{"endpoint":"https://push.example/1","keys":{"p256dh":"AAAA","auth":"BTBZMqHH6r4Tts7J_aSIgg"}}`, strings.Repeat("x", 5000)} {
		m := push(srv.URL)(1)
		m.To = to
		if a := s.Offer(t.Context(), m, func() error { t.Error("committed"); return nil }); a.Verdict != waxwing.Rejected || a.Fault != waxwing.AddressFault {
			t.Errorf("%.60s: %+v", to, a)
		}
	}
	for _, data := range []string{"", "{}", `{"title":"` + strings.Repeat("x", 4000) + `"}`} {
		m := push(srv.URL)(1)
		m.Data = []byte(data)
		if a := s.Offer(t.Context(), m, func() error { t.Error("committed"); return nil }); a.Verdict != waxwing.Rejected || a.Fault != waxwing.PolicyFault {
			t.Errorf("%.60s: %+v", data, a)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	for _, k := range []waxwing.Secret{"", "AAAA", "!"} {
		if _, err := webpush.New(&webpush.Settings{Key: k}, httpsend.Config{}); err == nil {
			t.Error("accepted")
		}
	}
}
