package web

import (
	_ "embed"
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
