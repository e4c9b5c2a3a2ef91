package web

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
)

// The work of refusing a webhook is the same whether tenant and shop exist, whatever
// the format, the secrets and the headers, for small bodies and large: measured as
// what the formats are given to hash.
func TestRefusingIsTheSameWork(t *testing.T) {
	var work int
	format := func(header string) waxwing.Format {
		return waxwing.Format{SignedIn: header, Topic: func(http.Header) string { return "" },
			Verify: func(_ http.Header, raw []byte, secrets []waxwing.Secret) bool {
				work += len(raw) * len(secrets)
				return false
			}}
	}
	c := configtest.With(map[string]config.Tenant{
		"acme": {Shops: map[string]config.Shop{"a": {Format: "shopify", Secret: "s"}, "b": {Format: "woocommerce", Secret: "s"},
			"rotating": {Format: "woocommerce", Secrets: []config.Secret{"new", "old", "older"}}, "api": {Format: "generic"},
			"kiosk": {Format: "plugin", Secret: "s"}, "none": {Format: "shopify"}}},
		"bolt": {}})
	s := New(Parts{Config: c, Intake: intake{}, Formats: map[string]waxwing.Format{"shopify": format("X-Shopify"), "woocommerce": format("X-Woo"),
		"plugin:acme/kiosk": format("X-Kiosk"), "generic": {}}})
	for _, size := range []int{2, 5 << 10, 1<<20 - 1, 6 << 20} {
		body := bytes.Repeat([]byte("x"), size)
		first := -1
		for _, path := range []string{"acme/a", "acme/b", "acme/rotating", "acme/api", "acme/kiosk", "acme/none", "acme/nothing", "bolt/a", "nobody/a"} {
			for _, header := range []string{"", "X-Shopify", "X-Woo", "X-Kiosk"} {
				work = 0
				ctx, done := context.WithCancel(t.Context())
				r := httptest.NewRequestWithContext(ctx, "POST", "/hooks/"+path, bytes.NewReader(body))
				if header != "" {
					r.Header.Set(header, "bad")
				}
				s.Handler().ServeHTTP(httptest.NewRecorder(), r)
				done()
				if first < 0 {
					first = work
				}
				if work != first || work < size {
					t.Errorf("%s with %q, %d bytes: %d hashed, want %d", path, header, size, work, first)
				}
			}
		}
	}
	if s.doors.access().mostSecrets != 3 {
		t.Error(s.doors.access().mostSecrets)
	}
}
