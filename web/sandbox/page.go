// Package sandbox is the page on which a tenant in sandbox looks at what was caught instead of sent. The page
// itself holds nothing of anybody's: it asks the API, with the tenant's key.
package sandbox

import (
	"embed"
	"net/http"

	"github.com/waxwinghq/waxwing/web"
)

//go:embed page.html app.js app.css
var assets embed.FS

// csp lets the page run its own script. A mail is shown in a frame without rights, which has the
// page's policy besides: its styles stand in it, and its pictures are the merchant's.
const csp = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' https:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Pages are its routes, for web.Parts.
func Pages() map[string]http.Handler {
	asset := func(name, ct string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			b, err := assets.ReadFile(name)
			if err != nil {
				http.Error(w, "there is no such file", http.StatusNotFound)
				return
			}
			web.Secure(w.Header(), ct, csp)
			_, _ = w.Write(b) // who asked may be gone
		})
	}
	return map[string]http.Handler{
		"GET /sandbox/{$}":     asset("page.html", "text/html; charset=utf-8"),
		"GET /sandbox/app.js":  asset("app.js", "text/javascript; charset=utf-8"),
		"GET /sandbox/app.css": asset("app.css", "text/css; charset=utf-8"),
	}
}
