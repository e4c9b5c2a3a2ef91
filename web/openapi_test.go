package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/web/metrics"
)

// intake takes everything and fails on request.
type intake struct{ err error }

func (i intake) Accept(context.Context, *waxwing.Event) (waxwing.Receipt, error) {
	return waxwing.Receipt{ID: 1, State: waxwing.Received, New: true}, i.err
}

func testServer(err error) *Server {
	f := waxwing.Format{Name: "generic", Key: func(string, []byte) (waxwing.EventKey, error) { return waxwing.EventKey{OrderID: "1"}, nil },
		Normalise: func(string, []byte) (*waxwing.Order, error) { return &waxwing.Order{}, nil }}
	return New(Parts{Config: configtest.With(map[string]config.Tenant{"acme": {Keys: []config.BearerKey{{Key: "k"}}}}),
		Formats: map[string]waxwing.Format{"generic": f}, Intake: intake{err}, Schema: []byte("{}"), Meter: metrics.New(nil)})
}

// undocumented are routes that the API's description need not have.
var undocumented = []string{"GET /v1/openapi.json", "GET /v1/openapi", "GET /v1/openapi.js", "GET /v1/schemas/order.json"}

// TestOpenAPIDescribesTheRoutes holds the description against the mux, both ways.
func TestOpenAPIDescribesTheRoutes(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	var described []string
	for path, methods := range doc.Paths {
		for m := range methods {
			if m != "parameters" {
				described = append(described, strings.ToUpper(m)+" "+path)
			}
		}
	}
	mux, _ := testServer(nil).routes().(*http.ServeMux)
	for _, d := range described {
		method, path, _ := strings.Cut(d, " ")
		r := httptest.NewRequest(method, regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(path, "x"), nil)
		if _, pattern := mux.Handler(r); pattern != d {
			t.Errorf("%s is described, but the server has %q", d, pattern)
		}
	}
	// The mux does not list its patterns: the sources do.
	for _, file := range []string{"server.go", "describe.go", "confirmations.go", "people.go", "plugins.go"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`m\.Handle(?:Func)?\("((?:GET|POST|PUT|DELETE|PATCH) [^"]*)"(\+t\+"([^"]*)")?`).FindAllStringSubmatch(string(b), -1) {
			route := m[1]
			if m[2] != "" {
				route += "/v1/tenants/{tenant}" + m[3]
			}
			if !slices.Contains(described, route) && !slices.Contains(undocumented, route) {
				t.Errorf("%s (%s) is not in openapi.json", route, file)
			}
		}
	}
	if len(described) < 9 {
		t.Errorf("only %d routes are described", len(described))
	}
}

// TestErrorsAreProblems: RFC 9457, and nothing that a caller should not see.
func TestErrorsAreProblems(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{waxwing.ErrUnavailable, 503}, {waxwing.ErrStopping, 503}, {fmt.Errorf("x: %w", waxwing.ErrState), 409},
		{waxwing.ErrNotFound, 404}, {waxwing.Permanent(errors.New("no")), 422}, {errors.New("secret of the database"), 500},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/v1/tenants/acme/orders", strings.NewReader("{}"))
		r.Header.Set("Authorization", "Bearer k")
		testServer(c.err).Handler().ServeHTTP(w, r)
		var p struct {
			Title  string
			Status int
			Detail string
		}
		body, ct := w.Body.String(), w.Header().Get("Content-Type")
		if err := json.Unmarshal([]byte(body), &p); err != nil || w.Code != c.want || p.Status != c.want || p.Title == "" || ct != "application/problem+json" {
			t.Errorf("%v: %d %s %s", c.err, w.Code, ct, body)
		}
		if c.want == 503 && w.Header().Get("Retry-After") == "" {
			t.Errorf("%v: no Retry-After", c.err)
		}
		if strings.Contains(body, "secret") {
			t.Errorf("%v: %s", c.err, body)
		}
	}
}

// TestSlowBodyIsHungUpOn: who sends a byte now and then does not keep a place.
func TestSlowBodyIsHungUpOn(t *testing.T) {
	s := testServer(nil)
	if s.http.ReadTimeout <= 0 || s.http.ReadTimeout > 30*time.Second || s.http.ReadHeaderTimeout <= 0 {
		t.Fatalf("read timeouts %s and %s", s.http.ReadTimeout, s.http.ReadHeaderTimeout)
	}
	s.http.ReadTimeout = 200 * time.Millisecond // or the test would take 20 s
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Shutdown(t.Context()) })
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = fmt.Fprint(c, "POST /v1/tenants/acme/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n")
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	b, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 400") {
		t.Fatalf("%q %v", b, err)
	}
}
