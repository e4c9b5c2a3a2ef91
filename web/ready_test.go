package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/web/metrics"
)

const adminKey = "an-admin-key-of-enough-letters"

// TestReadyVerbose: a source that fails is shown and does not make the daemon unready; where there are admin keys only they see it.
func TestReadyVerbose(t *testing.T) {
	last, lag := time.Now().Add(-time.Minute), 1.5
	c := configtest.With(map[string]config.Tenant{})
	c.HTTP.AdminKeys = []config.BearerKey{{Key: adminKey}}
	s := New(Parts{Config: c, Sources: func() map[string]metrics.Source {
		return map[string]metrics.Source{"b": {State: "gap", Detail: "the slot is lost"},
			"a": {State: "reading", Lag: &lag, Last: &last, Position: "0/16B3748", Events: map[string]int64{"new": 3, "known": 1}}}
	}})
	ask := func(path, accept, key string) (int, string) {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Accept", accept)
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	if code, said := ask("/readyz", "", ""); code != http.StatusOK || said != "ready\n" {
		t.Errorf("%d %q", code, said)
	}
	if code, said := ask("/readyz?verbose", "", ""); code != http.StatusUnauthorized {
		t.Errorf("without a key: %d %q", code, said)
	}
	want := "ready\nsource a: reading, 1.5s behind, at 0/16B3748, last event 1m0s ago (3 new, 1 known)\nsource b: gap: the slot is lost\n"
	if code, said := ask("/readyz?verbose", "", adminKey); code != http.StatusOK || said != want {
		t.Errorf("%d %q", code, said)
	}
	var got struct {
		Ready   bool
		Sources map[string]metrics.Source
	}
	if code, said := ask("/readyz?verbose=1", "application/json", adminKey); code != http.StatusOK || json.Unmarshal([]byte(said), &got) != nil || !got.Ready || got.Sources["b"].State != "gap" {
		t.Errorf("%d %q", code, strings.TrimSpace(said))
	}
}
