package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
)

// timed is a format that signs the time in a header X-At.
var timed = waxwing.Format{SignedIn: "X-Sign", Topic: func(http.Header) string { return "" },
	Verify: func(h http.Header, _ []byte, secrets []waxwing.Secret) bool {
		return len(secrets) == 1 && h.Get("X-Sign") == string(secrets[0])
	},
	SignedAt: func(h http.Header) time.Time {
		s, err := strconv.ParseInt(h.Get("X-At"), 10, 64)
		if err != nil {
			return time.Time{}
		}
		return time.Unix(s, 0)
	}}

// What was signed more than five minutes ago, or as much ahead of our clock, is refused, at the
// edge by the second: whoever recorded a webhook could send it for ever.
func TestOldSignaturesAreRefused(t *testing.T) {
	now := time.Unix(1_800_000_000, 999_999_999)
	for off, want := range map[string]bool{"0": true, "-299": true, "-300": true, "-301": false, "300": true, "301": false, "-86400": false, "none": false} {
		h := http.Header{}
		if s, err := strconv.ParseInt(off, 10, 64); err == nil {
			h.Set("X-At", strconv.FormatInt(now.Unix()+s, 10))
		}
		if got := fresh(timed, h, now); got != want {
			t.Errorf("signed %s s from now: %v", off, got)
		}
	}
	if !fresh(waxwing.Format{}, http.Header{}, now) {
		t.Error("a format that signs no time is refused")
	}
	c := configtest.With(map[string]config.Tenant{"acme": {Shops: map[string]config.Shop{"a": {Format: "timed", Secret: "s"}}}})
	log := &strings.Builder{}
	s := New(Parts{Config: c, Intake: intake{}, Formats: map[string]waxwing.Format{"timed": timed}, Log: slog.New(slog.NewTextHandler(log, nil))})
	for at, want := range map[int64]int{time.Now().Unix(): http.StatusAccepted, time.Now().Unix() - 3600: http.StatusUnauthorized} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/hooks/acme/a", strings.NewReader("{}"))
		r.Header.Set("X-Sign", "s")
		r.Header.Set("X-At", strconv.FormatInt(at, 10))
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("signed at %d: %d %s", at, w.Code, w.Body)
		}
	}
	if !strings.Contains(log.String(), oldSignature) {
		t.Errorf("the operator is not told why: %s", log)
	}
}
