package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

// approach makes a request from an address, with headers by pairs.
func approach(s *Server, from, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.RemoteAddr = from + ":4711"
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

// Who tries keys is slowed, and nobody else with him.
func TestGuessesAreSlowed(t *testing.T) {
	const path = "/v1/tenants/nobody/confirmations"
	door := "/v1/tenants/acme/plugins" // plugins are off: 404 with a right key
	s, _, now := toldServer()
	s.doors.guesses.now = func() time.Time { return *now }
	wrong := func(from string, n int) (codes map[int]int) {
		codes = map[int]int{}
		for i := range n {
			w := approach(s, from, "GET", []string{path, door}[i%2], "Authorization", fmt.Sprintf("Bearer guess-%d", i))
			codes[w.Code]++
			if w.Code == http.StatusTooManyRequests && (w.Header().Get("Retry-After") == "" || w.Header().Get("Connection") != "close") {
				t.Fatal("429 without Retry-After, or the connection is kept")
			}
		}
		return codes
	}
	right := func(from string) int {
		return approach(s, from, "GET", door, "Authorization", "Bearer canary-one").Code
	}
	for _, from := range []string{"127.0.0.1", "192.168.1.1", "203.0.113.7", "[2001:db8::1]"} {
		if c := wrong(from, 100); c[http.StatusUnauthorized] != freeGuesses || c[http.StatusTooManyRequests] != 100-freeGuesses {
			t.Errorf("%s: %v", from, c)
		}
	}
	for from, want := range map[string]int{"127.0.0.1": 404, "192.168.1.1": 404, "203.0.113.8": 404, "203.0.113.7": 429, "[2001:db8::2]": 429, "[2001:db8:1::1]": 404} {
		if c := right(from); c != want {
			t.Errorf("a right key from %s: %d, want %d", from, c, want)
		}
	}
	*now = now.Add(time.Minute)
	if c := right("203.0.113.7"); c != 404 {
		t.Errorf("a minute later: %d", c)
	}
	if wrong("203.0.113.7", 100); right("203.0.113.7") != 404 {
		t.Error("where a right key came from, right keys pass")
	}
	// No key at all, and another tenant's, are no guesses.
	for range 50 {
		if c := approach(s, "203.0.113.9", "GET", door).Code; c != http.StatusUnauthorized {
			t.Fatal("no key:", c)
		}
		if c := approach(s, "203.0.113.9", "GET", door, "Authorization", "Bearer b").Code; c != http.StatusUnauthorized {
			t.Fatal("another tenant's key:", c)
		}
	}
}

// Wrong signatures likewise; a right one is taken from wherever it comes.
func TestForgedWebhooksAreSlowed(t *testing.T) {
	s, _, now := toldServer()
	s.doors.guesses.now = func() time.Time { return *now }
	for _, path := range []string{"/hooks/acme/web", "/hooks/acme/none", "/hooks/none/none"} {
		*now = now.Add(time.Minute)
		codes := map[int]int{}
		for range 50 {
			codes[approach(s, "203.0.113.7", "POST", path, "X-Sign", "bad").Code]++
			if c := approach(s, "203.0.113.7", "POST", "/hooks/acme/web", "X-Sign", "good").Code; c != http.StatusAccepted {
				t.Fatal("a right signature:", c)
			}
			if c := approach(s, "203.0.113.8", "POST", path).Code; c != http.StatusUnauthorized {
				t.Fatal("no signature:", c)
			}
		}
		if codes[http.StatusUnauthorized] != freeGuesses || codes[http.StatusTooManyRequests] != 50-freeGuesses {
			t.Errorf("%s: %v", path, codes)
		}
	}
}

// A million addresses take no more memory than the first of them.
func TestGuessersAreBounded(t *testing.T) {
	now := time.Unix(1e9, 0)
	g := guesses{now: func() time.Time { return now }}
	r := httptest.NewRequest("GET", "/", nil)
	for i := range 1_000_000 {
		r.RemoteAddr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{20, byte(i >> 16), byte(i >> 8), byte(i)}), 1).String()
		if g.missed(r); i%3 == 0 {
			g.hit(r)
		}
	}
	if len(g.wrong) > mostGuessers || len(g.proven) > mostProven {
		t.Errorf("%d wrong, %d proven", len(g.wrong), len(g.proven))
	}
	if !g.missed(r) {
		t.Error("one more of so many is told that there are too many")
	}
	now = now.Add(time.Minute)
	if g.missed(r) || len(g.wrong) != 1 {
		t.Error("the minute does not end")
	}
}

// The scheme's name has no case, and what follows it is found behind any space.
func TestBearerInAnyCase(t *testing.T) {
	s, _, _ := toldServer()
	for v, want := range map[string]int{
		"Bearer canary-one": 404, "bearer canary-one": 404, "BEARER canary-one": 404, "bEaReR   canary-one": 404, "Bearer\tcanary-one ": 404,
		"Bearer \t canary-one\t": 404, "Bearercanary-one": 401, "Basic canary-one": 401, "Bearer": 401, "Bearer ": 401, "": 401, "canary-one": 401,
		"Bearer canary-one x": 401, "Bearer  ": 401,
	} {
		if c := approach(s, "127.0.0.1", "GET", "/v1/tenants/acme/plugins", "Authorization", v).Code; c != want {
			t.Errorf("%q: %d, want %d", v, c, want)
		}
	}
	if c := approach(s, "127.0.0.1", "GET", "/v1/tenants/acme/plugins", "Authorization", "Bearer canary-one", "Authorization", "Bearer canary-one").Code; c != 401 {
		t.Error("two headers:", c)
	}
}
