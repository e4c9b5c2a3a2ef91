package webpush_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/channel/webpush"
)

const otherKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

func subscriptions() *webpush.Subscriptions {
	s, set := webpush.NewSubscriptions(), &webpush.Settings{Key: vapid}
	s.Use(map[waxwing.TenantID]*webpush.Settings{"acme": set, "globex": set, "initech": {Key: otherKey}, "broken": {Key: "no key"}})
	return s
}

// subscribe posts what a browser would, and gives the status and the recipient.
func subscribe(t *testing.T, s http.Handler, tenant, body string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/push/"+tenant+"/subscriptions", strings.NewReader(body)))
	var answer struct{ Recipient string }
	if w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		if w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Error("the shop's page cannot read it")
		}
	}
	return w.Code, answer.Recipient
}

// browser is a subscription as long as those of Chromium are.
func browser(n int) string {
	return fmt.Sprintf(`{"endpoint":"https://fcm.googleapis.com/fcm/send/%s%04d","expirationTime":null,%s}`, strings.Repeat("dKp_Q:APA91b", 14), n, keys)
}

func TestSubscribe(t *testing.T) {
	s := subscriptions()
	code, recipient := subscribe(t, s, "acme", browser(1))
	if code != http.StatusOK || !strings.HasPrefix(recipient, "wxp1.") || len(recipient) > 500 {
		t.Fatalf("%d, %d characters: %s", code, len(recipient), recipient)
	}
	if _, again := subscribe(t, s, "acme", browser(1)); again != recipient {
		t.Error("the same subscription has two recipients: what was suppressed comes back")
	}
	for name, other := range map[string][2]string{"another tenant's": {"globex", browser(1)}, "another browser's": {"acme", browser(2)}, "another key's": {"initech", browser(1)}} {
		if _, r := subscribe(t, s, other[0], other[1]); r == "" || r == recipient {
			t.Errorf("%s: %q", name, r)
		}
	}
	for body, want := range map[string]int{
		"": 422, "{}": 422, "[]": 422, `{"endpoint":"https://push.example/1"}`: 422,
		`{"endpoint":"http://push.example/1",` + keys + `}`: 422, `{"endpoint":"https://127.0.0.1/1",` + keys + `}`: 422,
		`{"endpoint":"https://[::ffff:10.0.0.1]/1",` + keys + `}`: 422, `{"endpoint":"https://localhost/1",` + keys + `}`: 422,
		`{"endpoint":"https://a:b@push.example/1",` + keys + `}`: 422, `{"endpoint":"file:///etc/passwd",` + keys + `}`: 422,
		`{"endpoint":"https://push.example/1","keys":{"p256dh":"AAAA","auth":"BTBZMqHH6r4Tts7J_aSIgg"}}`: 422,
		`{"endpoint":"https://push.example/` + strings.Repeat("x", 5000) + `",` + keys + `}`:             413,
	} {
		if code, _ := subscribe(t, s, "acme", body); code != want {
			t.Errorf("%.80s: %d, want %d", body, code, want)
		}
	}
	for _, tenant := range []string{"nobody", "broken"} {
		if code, _ := subscribe(t, s, tenant, browser(1)); code != http.StatusNotFound {
			t.Errorf("%s: %d", tenant, code)
		}
	}
}

func TestScripts(t *testing.T) {
	s := subscriptions()
	for path, want := range map[string]string{"key": "B", "worker.js": "showNotification", "subscribe.js": "export async function waxwingPush"} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/push/acme/"+path, nil))
		if body, _ := io.ReadAll(w.Body); w.Code != http.StatusOK || !strings.Contains(string(body), want) || w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %s", path, w.Code, body)
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/push/acme/elsewhere", nil))
	if w.Code != http.StatusNotFound {
		t.Error(w.Code)
	}
}

// What a page subscribes by is what messages are sent by, for its tenant alone, and whoever alters it
// sends to nobody. Another provider may know what this one does not.
func TestSealedRecipient(t *testing.T) {
	truth := sink.NewTruth()
	srv := server(truth, nil, nil)
	defer srv.Close()
	s, err := sender(httpsend.Config{})
	if err != nil {
		t.Fatal(err)
	}
	sealed := webpush.Sealed(t, vapid, "acme", push(srv.URL)(1).To)
	offer := func(tenant waxwing.TenantID, to string) waxwing.Attempt {
		out := push(srv.URL)(1)
		out.Tenant, out.To = tenant, to
		return s.Offer(t.Context(), out, func() error { return nil })
	}
	if a := offer("acme", sealed); a.Verdict != waxwing.Accepted {
		t.Fatalf("%+v", a)
	}
	altered := sealed[:40] + "A" + sealed[41:]
	if altered == sealed {
		altered = sealed[:40] + "B" + sealed[41:]
	}
	for name, a := range map[string]waxwing.Attempt{"another tenant": offer("globex", sealed), "altered": offer("acme", altered), "cut": offer("acme", sealed[:60]),
		"another key": offer("acme", webpush.Sealed(t, otherKey, "acme", push(srv.URL)(1).To)), "an app's token": offer("acme", "dKp_Q:APA91bdKp_Q:APA91b")} {
		if a.Verdict != waxwing.Rejected || a.Fault != waxwing.PolicyFault || a.Phase.Committed() {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if a := offer("acme", `{"endpoint":"https://push.example/1"}`); a.Fault != waxwing.AddressFault {
		t.Errorf("%+v", a)
	}
}
