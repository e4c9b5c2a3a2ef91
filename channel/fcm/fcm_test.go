package fcm_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/channeltest"
	"github.com/waxwinghq/waxwing/channel/fcm"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/channel/sink"
)

var key, _ = rsa.GenerateKey(rand.Reader, 2048)

// account is a service account whose tokens come from the server at url.
func account(url string) waxwing.Secret {
	der, _ := x509.MarshalPKCS8PrivateKey(key)
	b, _ := json.Marshal(map[string]string{"type": "service_account", "project_id": "shop", "client_email": "fcm@shop.example", "token_uri": url + "/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))})
	return waxwing.Secret(b)
}

// push is the n-th message to try FCM with.
func push(n int) *waxwing.Outgoing {
	return &waxwing.Outgoing{Message: waxwing.ID(n), Channel: waxwing.Push, To: fmt.Sprintf("cVxRegistration:APA91b%010d", n), IdempotencyKey: fmt.Sprintf("key-%d", n),
		Data: []byte(`{"title":"Danke für Ihre Bestellung","body":"#1001","url":"https://shop.example/orders/1"}`)}
}

// grant answers for a token, if the assertion is one.
func grant(t *testing.T, url string, w http.ResponseWriter, form map[string][]string) {
	parts := strings.Split(form["assertion"][0], ".")
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	sig, _ := base64.RawURLEncoding.DecodeString(parts[2])
	if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], sig); err != nil {
		t.Errorf("the assertion's signature: %v", err)
	}
	var claims struct {
		Iss, Aud, Scope string
		Iat, Exp        int64
	}
	b, _ := base64.RawURLEncoding.DecodeString(parts[1])
	if json.Unmarshal(b, &claims) != nil || claims.Iss != "fcm@shop.example" || claims.Aud != url+"/token" || claims.Exp-claims.Iat != 3600 ||
		claims.Scope != "https://www.googleapis.com/auth/firebase.messaging" {
		t.Errorf("claims %s", b)
	}
	_, _ = io.WriteString(w, `{"access_token":"ya29.token","expires_in":3599,"token_type":"Bearer"}`)
}

// serve gives tokens, and has send answer for messages.
func serve(t *testing.T, asked *atomic.Int64, send http.Handler) *httptest.Server {
	var srv *httptest.Server
	srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/token" {
			send.ServeHTTP(w, r)
			return
		}
		asked.Add(1)
		if r.ParseForm() != nil || r.PostForm.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
			t.Errorf("asked with %v", r.PostForm)
			return
		}
		grant(t, srv.URL, w, r.PostForm)
	}))
	return srv
}

type message struct {
	Message struct {
		Token        string
		Notification struct{ Title, Body string }
		Data         map[string]string
		Android      struct {
			Key string `json:"collapse_key"`
		}
	}
}

func TestSuite(t *testing.T) {
	channeltest.Suite(t, func(t *testing.T, plan sink.Plan) channeltest.World {
		truth := sink.NewTruth()
		var asked atomic.Int64
		srv := serve(t, &asked, &sink.HTTP{Truth: truth, Plan: plan,
			Read: func(w http.ResponseWriter, p *sink.Post) bool {
				var m message
				if p.Path != "/v1/projects/shop/messages:send" || p.Header.Get("Authorization") != "Bearer ya29.token" || json.Unmarshal(p.Body, &m) != nil {
					w.WriteHeader(http.StatusUnauthorized)
					return false
				}
				p.To, p.Key = m.Message.Token, m.Message.Data["id"]
				if m.Message.Notification.Title != "Danke für Ihre Bestellung" || m.Message.Data["url"] != "https://shop.example/orders/1" || m.Message.Android.Key != p.Key {
					t.Errorf("%s", p.Body)
				}
				return true
			},
			Took: func(w http.ResponseWriter, _ *sink.Post) {
				_, _ = io.WriteString(w, `{"name":"projects/shop/messages/1"}`)
			}})
		s, err := open(srv.URL, 0)
		if err != nil {
			t.Fatal(err)
		}
		return channeltest.World{Provider: s, Truth: truth, Message: push, Bad: `x","topic":"all`, ID: func(o *waxwing.Outgoing) string { return o.IdempotencyKey },
			Stop: func() {
				srv.Close()
				if asked.Load() > 1 {
					t.Errorf("asked for %d tokens", asked.Load())
				}
			}}
	})
}

// A token is asked for again before its end, and when it was taken back; where none is to be had
// nothing is committed.
func TestTokens(t *testing.T) {
	var asked atomic.Int64
	var refuse atomic.Bool
	srv := serve(t, &asked, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if refuse.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"name":"projects/shop/messages/1"}`)
	}))
	now := channeltest.Now
	s, err := fcm.New(&fcm.Settings{BaseURL: srv.URL, Account: account(srv.URL)}, httpsend.Config{Name: "out", Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	offer := func(want waxwing.Verdict, tokens int64) {
		t.Helper()
		if a := s.Offer(t.Context(), push(1), func() error { return nil }); a.Verdict != want || asked.Load() != tokens {
			t.Errorf("%s (%v) with %d tokens", a.Verdict, a.Err, asked.Load())
		}
	}
	offer(waxwing.Accepted, 1)
	offer(waxwing.Accepted, 1)
	now = now.Add(55 * time.Minute)
	offer(waxwing.Accepted, 2)
	refuse.Store(true)
	offer(waxwing.Deferred, 2)
	refuse.Store(false)
	offer(waxwing.Accepted, 3)
	srv.Close()
	now = now.Add(time.Hour)
	a := s.Offer(t.Context(), push(1), func() error { t.Error("committed"); return nil })
	if a.Verdict != waxwing.Deferred || a.Fault != waxwing.ProviderFault || !a.Bad || strings.Contains(a.Err.Error(), "127.0.0.1") {
		t.Errorf("%+v", a)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNoAccount(t *testing.T) {
	for _, s := range []waxwing.Secret{"", "{}", `{"project_id":"a/b","client_email":"x","private_key":"x","token_uri":"https://x"}`} {
		if _, err := fcm.New(&fcm.Settings{Account: s}, httpsend.Config{}); err == nil {
			t.Error("accepted")
		}
	}
}

func TestDocumentedAnswers(t *testing.T) {
	left := channeltest.Said{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault, Bad: true}
	policy := channeltest.Said{Verdict: waxwing.Rejected, Fault: waxwing.PolicyFault}
	addr := channeltest.Said{Verdict: waxwing.Rejected, Fault: waxwing.AddressFault}
	unknown := channeltest.Said{Verdict: waxwing.UncertainVerdict, Fault: waxwing.TransportFault, Bad: true}
	said := func(status int, kind, code, text string, want channeltest.Said) channeltest.Said {
		want.Name, want.Status = kind+" "+code+text, status
		want.Body = fmt.Sprintf(`{"error":{"code":%d,"message":%q,"status":%q,"details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":%q}]}}`, status, text, kind, code)
		return want
	}
	table := []channeltest.Said{
		said(404, "NOT_FOUND", "UNREGISTERED", "", addr),
		said(404, "NOT_FOUND", "", "no such project", left),
		said(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH", "", addr),
		said(403, "PERMISSION_DENIED", "", "", left),
		said(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR", "", left),
		said(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "The registration token is not a valid FCM registration token", addr),
		said(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "Message is too big", policy),
		said(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", "", left),
		said(500, "INTERNAL", "INTERNAL", "", unknown),
		said(503, "UNAVAILABLE", "UNAVAILABLE", "", left),
	}
	channeltest.Answers(t, func(url string) (channeltest.Provider, error) {
		var asked atomic.Int64
		tokens := serve(t, &asked, http.NotFoundHandler())
		t.Cleanup(tokens.Close)
		return fcm.New(&fcm.Settings{BaseURL: url, Account: account(tokens.URL)}, httpsend.Config{Name: "out"})
	}, push(1), table)
}
