package sandbox

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPages: what is served without a key is the same for everybody, may run its own script only, and is framed by nobody.
func TestPages(t *testing.T) {
	m := http.NewServeMux()
	for pattern, h := range Pages() {
		m.Handle(pattern, h)
	}
	for path, want := range map[string]string{"/sandbox/": "text/html; charset=utf-8", "/sandbox/app.js": "text/javascript; charset=utf-8", "/sandbox/app.css": "text/css; charset=utf-8"} {
		w := httptest.NewRecorder()
		m.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		h := w.Header()
		if w.Code != http.StatusOK || h.Get("Content-Type") != want || w.Body.Len() < 500 || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", path, w.Code, h)
		}
		if p := h.Get("Content-Security-Policy"); !strings.Contains(p, "script-src 'self';") || !strings.Contains(p, "frame-ancestors 'none'") || !strings.Contains(p, "default-src 'none'") {
			t.Errorf("%s: %s", path, p)
		}
	}
	for _, path := range []string{"/sandbox/acme", "/sandbox/page.go"} {
		w := httptest.NewRecorder()
		m.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
