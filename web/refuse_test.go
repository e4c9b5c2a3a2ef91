package web

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/web/metrics"
)

// toldServer is a server with shops of each kind, whose clock and log the test has.
func toldServer() (s *Server, log *bytes.Buffer, now *time.Time) {
	log, now = &bytes.Buffer{}, new(time.Time)
	*now = time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	f := waxwing.Format{Name: "shopify", SignedIn: "X-Sign",
		Topic: func(http.Header) string { return "" },
		Verify: func(h http.Header, _ []byte, secrets []waxwing.Secret) bool {
			return len(secrets) > 0 && h.Get("X-Sign") == "good"
		}}
	c := configtest.With(map[string]config.Tenant{"acme": {Keys: []config.BearerKey{{Key: "canary-one"}, {Name: "anna", Key: "canary-two"}},
		Shops: map[string]config.Shop{"web": {Format: "shopify", Secret: "s"}, "bare": {Format: "shopify"}, "own": {Format: "generic"}}},
		"bolt": {Keys: []config.BearerKey{{Key: "b"}}}})
	c.HTTP.AdminKeys = []config.BearerKey{{Name: "root", Key: "admin-canary"}}
	s = New(Parts{Config: c, Formats: map[string]waxwing.Format{"shopify": f}, Intake: intake{}, Meter: metrics.New(nil), Log: slog.New(slog.NewTextHandler(log, nil))})
	s.doors.refused.now = func() time.Time { return *now }
	return s, log, now
}

func knock(s *Server, method, path string, header map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader("{}"))
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func metricsOf(s *Server) string {
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.RemoteAddr = "127.0.0.1:1" // where the others of a test have tried too many keys
	r.Header.Set("Authorization", "Bearer admin-canary")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Body.String()
}

// TestRefusedWebhooksAreTold: each reason has its line and its count, of one kind a
// line a minute, and whatever strangers ask for makes neither series nor lines
// without end.
func TestRefusedWebhooksAreTold(t *testing.T) {
	for _, c := range []struct{ path, sign, tenant, shop, reason string }{
		{"/hooks/acme/web", "", "acme", "web", "no signature header"},
		{"/hooks/acme/web", "bad", "acme", "web", "bad signature"},
		{"/hooks/acme/bare", "good", "acme", "bare", "no secret"},
		{"/hooks/acme/own", "good", "acme", "own", "takes no webhooks"},
		{"/hooks/acme/wbe", "good", "acme", "", "no such shop"},
		{"/hooks/nobody/web", "good", "", "", "no such shop"},
	} {
		s, log, now := toldServer()
		h := map[string]string{"X-Sign": c.sign}
		for range 5 {
			if w := knock(s, "POST", c.path, h); w.Code != http.StatusUnauthorized {
				t.Fatalf("%s: %d", c.path, w.Code)
			}
		}
		if n := strings.Count(log.String(), "webhook refused"); n != 1 || !strings.Contains(log.String(), `reason="`+c.reason+`"`) || !strings.Contains(log.String(), "level=WARN") {
			t.Errorf("%s: %d lines: %s", c.path, n, log)
		}
		if c.shop == "" && !strings.Contains(log.String(), strings.TrimPrefix(c.path, "/hooks/acme/")) && c.tenant != "" {
			t.Errorf("the shop that was asked for is not named: %s", log)
		}
		*now = now.Add(61 * time.Second)
		knock(s, "POST", c.path, h)
		if !strings.Contains(log.String(), "left_out=4") {
			t.Errorf("%s: the next line does not count those left out: %s", c.path, log)
		}
		want := `waxwing_webhooks_refused_total{reason="` + c.reason + `",shop="` + c.shop + `",tenant="` + c.tenant + `"} 6`
		if m := metricsOf(s); !strings.Contains(m, want) {
			t.Errorf("%q is not in the metrics", want)
		}
	}
}

func TestStrangersMakeNoSeries(t *testing.T) {
	s, log, _ := toldServer()
	for i := range 200 {
		path := "/hooks/" + strings.Repeat("x", i%50+1) + "/" + strings.Repeat("y", i+1)
		if i%2 == 0 {
			path = "/hooks/acme/" + strings.Repeat("z", i+1)
		}
		knock(s, "POST", path, nil)
		knock(s, "GET", "/v1/tenants/"+strings.Repeat("q", i+1)+"/confirmations", map[string]string{"Authorization": "Bearer canary-three"})
	}
	m := metricsOf(s)
	if n := strings.Count(m, "waxwing_webhooks_refused_total{"); n != 2 {
		t.Errorf("%d series", n)
	}
	if n := strings.Count(m, "waxwing_keys_refused_total{"); n != 2 { // no such tenant, too many
		t.Errorf("%d series of keys", n)
	}
	if n := strings.Count(log.String(), "\n"); n != 4 || len(log.String()) > 2000 {
		t.Errorf("%d lines: %s", n, log)
	}
}

// TestRefusedKeysAreTold: whose door, why, and nothing of the key.
func TestRefusedKeysAreTold(t *testing.T) {
	for _, c := range []struct{ path, auth, reason string }{
		{"/v1/tenants/acme/confirmations", "", "no key"},
		{"/v1/tenants/acme/confirmations", "Bearer canary-wrong", "wrong key"},
		{"/v1/tenants/acme/confirmations", "canary-one", "wrong key"},
		{"/v1/tenants/nobody/confirmations", "Bearer canary-one", "no such tenant"},
		{"/metrics", "Bearer canary-one", "wrong key"},
	} {
		s, log, _ := toldServer()
		h := map[string]string{}
		if c.auth != "" {
			h["Authorization"] = c.auth
		}
		for range 3 {
			if w := knock(s, "GET", c.path, h); w.Code != http.StatusUnauthorized {
				t.Fatalf("%s: %d", c.path, w.Code)
			}
		}
		if l := log.String(); strings.Count(l, "API key refused") != 1 || !strings.Contains(l, c.reason) || strings.Contains(l, "canary") {
			t.Errorf("%s %s: %s", c.path, c.auth, l)
		}
	}
}

// TestKeysHaveNames: an act is its key's, by the name it was given or its place.
func TestKeysHaveNames(t *testing.T) {
	s, _, _ := toldServer()
	for key, want := range map[string]waxwing.Actor{"canary-one": "key 1", "canary-two": "anna", "admin-canary": "admin/root"} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Authorization", "Bearer "+key)
		if act, err := s.doors.act(r, "acme", " she asked for it "); err != nil || act.By != want || act.Reason != "she asked for it" {
			t.Errorf("%s: %+v %v", key, act, err)
		}
		for _, bad := range []string{"wrote to jana@example.com", "call +49 151 12345678", "two\nlines", strings.Repeat("x", 201), "card 4111-1111-1111-1111"} {
			if _, err := s.doors.act(r, "acme", bad); err == nil {
				t.Errorf("%q may stand in the trail", bad)
			}
		}
	}
}

// TestHomeTellsNoSecrets: a page for whoever opens the address, of which an
// attacker learns nothing.
func TestHomeTellsNoSecrets(t *testing.T) {
	s, _, _ := toldServer()
	s.p.Version = "v1.2.3 <go>"
	w := knock(s, "GET", "/", nil)
	body := w.Body.String()
	if w.Code != http.StatusOK || !strings.Contains(body, "v1.2.3 &lt;go&gt;") || !strings.Contains(body, "/v1/openapi") || !strings.Contains(body, "Takes orders") {
		t.Fatalf("%d %s", w.Code, body)
	}
	for _, secret := range []string{"acme", "bolt", "canary"} {
		if strings.Contains(body, secret) {
			t.Errorf("the page names %q", secret)
		}
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
		t.Error(csp)
	}
	if w := knock(s, "GET", "/nothing", nil); w.Code != http.StatusNotFound {
		t.Error(w.Code)
	}
}
