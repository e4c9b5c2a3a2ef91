package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
)

// A format whose signature holds the address is told it: the shop's where it has one, and else
// what the request says; never what a client calls so.
func TestPostedTo(t *testing.T) {
	got := ""
	f := waxwing.Format{SignedIn: "X-Signed", Verify: func(h http.Header, _ []byte, _ []waxwing.Secret) bool {
		got = waxwing.PostedTo(h)
		return false
	}}
	c := configtest.With(map[string]config.Tenant{"acme": {Shops: map[string]config.Shop{"a": {Format: "square", Secret: "s"},
		"b": {Format: "square", Secret: "s", URL: "https://shop.example/x/acme/b"}}}})
	s := New(Parts{Config: c, Intake: intake{}, Formats: map[string]waxwing.Format{"square": f}})
	for name, c := range map[string]struct{ path, forwarded, want string }{
		"as it says":          {"/hooks/acme/a", "", "https://waxwing.example/hooks/acme/a"},
		"behind a proxy":      {"/hooks/acme/a", "shop.example", "https://shop.example/hooks/acme/a"},
		"behind two":          {"/hooks/acme/a", "shop.example, inner.example", "https://shop.example/hooks/acme/a"},
		"with a query":        {"/hooks/acme/a?x=1", "", "https://waxwing.example/hooks/acme/a?x=1"},
		"as it is configured": {"/hooks/acme/b", "evil.example", "https://shop.example/x/acme/b"},
		"no such shop":        {"/hooks/acme/c", "", "https://waxwing.example/hooks/acme/c"},
	} {
		ctx, done := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, "POST", "http://waxwing.example"+c.path, strings.NewReader("{}"))
		r.Header[":posted-to"] = []string{"https://evil.example/"}
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-Host", c.forwarded)
		}
		got = ""
		s.Handler().ServeHTTP(httptest.NewRecorder(), r)
		done()
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
