package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/daemon"
)

// pushed is a message that an app's push service was given.
type pushed struct {
	Token        string
	Notification struct{ Title, Body string }
	Data         map[string]string
}

// app stands in for Firebase, and for a text service that refuses every number.
type app struct {
	*httptest.Server
	mu   sync.Mutex
	all  []pushed
	text int
}

func newApp(t *testing.T) *app {
	a := &app{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		switch {
		case r.URL.Path == "/token":
			_, _ = io.WriteString(w, `{"access_token":"ya29.token","expires_in":3599,"token_type":"Bearer"}`)
		case strings.HasSuffix(r.URL.Path, "messages:send"):
			var m struct{ Message pushed }
			if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
				t.Error(err)
			}
			a.all = append(a.all, m.Message)
			_, _ = io.WriteString(w, `{"name":"projects/shop/messages/1"}`)
		default:
			a.text++
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"code":21211,"message":"Invalid 'To' Phone Number"}`)
		}
	}))
	t.Cleanup(a.Close)
	return a
}

// account is a service account of it.
func (a *app) account(t *testing.T) string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]string{"type": "service_account", "project_id": "shop", "client_email": "fcm@shop.example", "token_uri": a.URL + "/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// pushing is a rig that falls back to texts, which are refused, and then to push messages.
func pushing(t *testing.T, opts ...rigOption) (*rig, *app) {
	a := newApp(t)
	file := strings.Replace(rigConfig, "fallback: {providers: [texts]}", "fallback: {channels: [sms, push], providers: [refusing, apps, browsers]}", 1)
	file = strings.Replace(file, "tenants:\n", fmt.Sprintf("  refusing: {type: twilio, account: AC2, token: t, from: \"+15005550006\", base_url: %q}\n"+
		"  apps: {type: fcm, account: %q, base_url: %q}\n  browsers: {type: webpush, key: yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw, subject: \"mailto:a@acme.example\"}\ntenants:\n", a.URL, a.account(t), a.URL), 1)
	return newRig(t, append(opts, func(r *rig, _ *daemon.Extras) {
		r.cfg = configtest.Load(t, daemon.Components(), fmt.Sprintf(file, t.TempDir(), testShopSecret))
	})...), a
}

const appToken = "cVxRegistration:APA91b0000000001"

var pushAttribute = []any{map[string]any{"name": "waxwing_push", "value": appToken}}

// wantPush wants one push message in German, and its trail.
func (a *app) wantPush(t *testing.T, v *waxwing.ConfirmationView, number string) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.all) != 1 {
		t.Fatalf("%d push messages", len(a.all))
	}
	if x := a.all[0]; x.Token != appToken || x.Notification.Title != "Acme Outfitters" || !strings.Contains(x.Notification.Body, number) || !strings.Contains(x.Notification.Body, "Bestell") ||
		strings.Contains(x.Notification.Body, "http") || x.Data["url"] != "https://acme.example/track/"+number {
		t.Fatalf("%+v", x)
	}
	if m := v.Messages[len(v.Messages)-1]; m.Channel != waxwing.Push || m.State != waxwing.Sent || m.Locale != "de" || m.Attempts[0].Provider != "apps" {
		t.Fatalf("%+v", m)
	}
}

// The mail is refused, and so is the text: the app is told.
func TestRefusedTextBecomesPush(t *testing.T) {
	r, a := pushing(t, withPlan(at(waxwing.PhaseRcpt, sink.Answer{Code: 550, Text: "5.1.1 no such user"})))
	v := r.until(r.accepted(order(71, "nobody@example.com", map[string]any{"note_attributes": pushAttribute})), waxwing.Sent)
	a.wantPush(t, v, "71")
	if len(v.Messages) != 3 || v.Messages[0].State != waxwing.Failed || v.Messages[1].Channel != waxwing.SMS || v.Messages[1].State != waxwing.Failed || a.text != 1 {
		t.Fatalf("%+v, %d texts", v.Messages, a.text)
	}
	wantCauses(t, v, "verdict", "fallback", "verdict", "fallback", "verdict")
	r.verified()
}

// Nobody knows more of a guest than where her app is.
func TestNoAddressBecomesPush(t *testing.T) {
	r, a := pushing(t)
	v := r.until(r.accepted(order(72, "x@example.com", map[string]any{"email": nil, "contact_email": nil, "phone": nil, "customer": nil, "shipping_address": nil,
		"billing_address": nil, "note_attributes": pushAttribute})), waxwing.Sent)
	a.wantPush(t, v, "72")
	if len(v.Messages) != 2 || a.text != 0 {
		t.Fatalf("%+v", v.Messages)
	}
}

// Without an app the text was the last way.
func TestRefusedTextWithoutPushFails(t *testing.T) {
	r, a := pushing(t, withPlan(at(waxwing.PhaseRcpt, sink.Answer{Code: 550, Text: "5.1.1 no such user"})))
	v := r.until(r.accepted(order(73, "nobody@example.com", nil)), waxwing.Failed)
	if len(v.Messages) != 2 || v.Messages[1].Channel != waxwing.SMS || !strings.Contains(v.Messages[1].Reason, "no_fallback_address") || len(a.all) != 0 {
		t.Fatalf("%+v", v.Messages)
	}
}

// A customer's browser subscribes where its shop's daemon listens.
func TestSubscriptionsAreServed(t *testing.T) {
	r, _ := pushing(t)
	for path, want := range map[string]int{"/push/acme/key": http.StatusOK, "/push/nobody/key": http.StatusNotFound} {
		if code, body := r.do("GET", path, "", nil, nil); code != want || code == http.StatusOK && len(body) != 87 {
			t.Errorf("%s: %d %q", path, code, body)
		}
	}
}
