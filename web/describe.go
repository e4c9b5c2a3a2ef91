package web

import (
	_ "embed"
	"html/template"
	"net/http"
)

// openAPI describes every route; a test holds it against the mux.
//
//go:embed openapi.json
var openAPI []byte

//go:embed openapi.html
var openAPIPage []byte

func (s *Server) describe(m *http.ServeMux) {
	serve := func(ct string, b []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			h := w.Header()
			h.Set("Content-Type", ct)
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'")
			_, _ = w.Write(b)
		}
	}
	m.HandleFunc("GET /v1/openapi.json", serve("application/json", openAPI))
	m.HandleFunc("GET /v1/openapi", serve("text/html; charset=utf-8", openAPIPage))
	m.HandleFunc("GET /v1/openapi.js", serve("text/javascript; charset=utf-8", openAPIScript))
	m.HandleFunc("GET /v1/schemas/order.json", serve("application/schema+json", s.p.Schema))
}

//go:embed openapi.js
var openAPIScript []byte

// home is the page of a daemon without a mailbox.
const home = "GET /{$}"

//go:embed home.html
var homePage string

var homeTemplate = template.Must(template.New("home").Parse(homePage))

// homeCSP lets the page show itself and nothing else.
const homeCSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// home shows who answers here and where things are: nothing of any tenant, and
// nothing that a visitor could not find out by asking.
func (s *Server) home(w http.ResponseWriter, _ *http.Request) {
	page := struct {
		Version string
		Ready   bool
		Locked  bool // /metrics wants a key
	}{s.p.Version, s.p.Ready == nil || s.p.Ready() == nil, len(s.doors.access().admin.sums) > 0}
	Secure(w.Header(), "text/html; charset=utf-8", homeCSP)
	_ = homeTemplate.Execute(w, page) // whoever hung up reads no error
}

// Secure sets the headers of a page whose content may be anybody's: its type, what it may load and
// run (csp), and that browsers neither guess, keep nor pass on anything of it.
func Secure(h http.Header, ct, csp string) {
	h.Set("Content-Type", ct)
	h.Set("Content-Security-Policy", csp)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}
