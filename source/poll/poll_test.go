package poll

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/source/sourcetest"
)

// shop is a platform's API with orders in memory.
type shop struct {
	t      *testing.T
	srv    *httptest.Server
	kind   string
	mu     sync.Mutex
	orders []listed
	later  int // how many requests are told to come later
	asked  int
	book   memory
	// onPage is called before each answer.
	onPage func(*shop)
}

type listed struct {
	name    string
	id      int
	changed time.Time
}

// memory is a book.
type memory struct {
	mu   sync.Mutex
	page []byte
}

func (m *memory) Read(context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.page), nil
}

func (m *memory) Write(_ context.Context, b []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.page = slices.Clone(b)
	return nil
}

func newShop(t *testing.T, kind string) *shop {
	s := &shop{t: t, kind: kind}
	s.book.page = []byte(time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
	s.srv = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.srv.Close)
	return s
}

func (s *shop) answer(w http.ResponseWriter, r *http.Request) {
	if s.onPage != nil {
		s.onPage(s)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.later > 0 {
		s.later--
		w.Header().Set("Retry-After", "0.01")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	q := r.URL.Query()
	user, pass, _ := r.BasicAuth()
	if s.kind == "shopify" && r.Header.Get("X-Shopify-Access-Token") != "shpat_1" || s.kind == "woocommerce" && user+pass != "ck_1cs_1" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	all := slices.Clone(s.orders)
	slices.SortStableFunc(all, func(a, b listed) int { return a.changed.Compare(b.changed) })
	var some []string
	if s.kind == "shopify" {
		from, _ := time.Parse(time.RFC3339, q.Get("updated_at_min"))
		skip, _ := strconv.Atoi(q.Get("page_info"))
		left := slices.DeleteFunc(all, func(o listed) bool { return o.changed.Before(from) })
		for i, o := range left {
			if i >= skip && i < skip+7 {
				some = append(some, fmt.Sprintf(`{"id":%d,"name":%q,"updated_at":%q}`, o.id, o.name, o.changed.Format(time.RFC3339Nano)))
			}
		}
		if len(left) > skip+7 {
			w.Header().Set("Link", fmt.Sprintf(`<%s?page_info=1>; rel="previous", <%s%s?page_info=%d&updated_at_min=%s>; rel="next"`, s.srv.URL, s.srv.URL, r.URL.Path, skip+7, url.QueryEscape(q.Get("updated_at_min"))))
		}
		_, _ = fmt.Fprintf(w, `{"orders":[%s]}`, strings.Join(some, ","))
		return
	}
	from, err := time.Parse(wooTime, q.Get("modified_after"))
	n, _ := strconv.Atoi(q.Get("page"))
	if err != nil || q.Get("dates_are_gmt") != "true" || n < 1 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	slices.SortFunc(all, func(a, b listed) int { return a.id - b.id })
	if q.Get("orderby") != "id" || q.Get("order") != "asc" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	i := 0
	for _, o := range all {
		if !o.changed.Truncate(time.Second).After(from) {
			continue
		}
		if i >= (n-1)*wooPage && i < n*wooPage {
			some = append(some, fmt.Sprintf(`{"id":%d,"number":%q,"date_modified_gmt":%q}`, o.id, o.name, o.changed.UTC().Format(wooTime)))
		}
		i++
	}
	_, _ = fmt.Fprintf(w, `[%s]`, strings.Join(some, ","))
}

// Place is sourcetest.Shop's.
func (s *shop) Place(_ *testing.T, names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range names {
		s.orders = append(s.orders, listed{n, len(s.orders) + 1, time.Now()})
	}
}

// Open is sourcetest.Shop's.
func (s *shop) Open(t *testing.T) source.Source {
	p, err := s.settings(t)
	if err != nil {
		t.Fatal(err)
	}
	p.Keep(&s.book)
	return p
}

func (s *shop) settings(t *testing.T) (*Poller, error) {
	t.Helper()
	c := Common{Tenant: "acme", Shop: "web", URL: s.srv.URL + "/", Every: config.Duration(20 * time.Millisecond)}
	if s.kind == "shopify" {
		x := &ShopifySettings{Common: c, Token: "shpat_1", Version: "2025-10"}
		return x.Open("", nil)
	}
	x := &WooSettings{Common: c, Key: "ck_1", Secret: "cs_1"}
	return x.Open("", nil)
}

// Taken is sourcetest.Shop's: nothing is acknowledged to a list.
func (s *shop) Taken(*testing.T) bool { return true }

// Again is sourcetest.Repeater's.
func (s *shop) Again() string {
	return "the list is asked for from ten minutes before the last round on"
}

func TestConforms(t *testing.T) {
	for _, kind := range []string{"shopify", "woocommerce"} {
		t.Run(kind, func(t *testing.T) {
			sourcetest.Conform(t, func(t *testing.T) sourcetest.Shop { return newShop(t, kind) })
		})
	}
}

// gather runs one source until it has asked for a while after all names came.
func gather(t *testing.T, s *shop, want int, stop func(map[string]int) bool) map[string]int {
	t.Helper()
	got := map[string]int{}
	var mu sync.Mutex
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	x := s.Open(t)
	err := x.Run(ctx, func(_ context.Context, tenant waxwing.TenantID, at waxwing.ShopID, topic string, raw []byte) (waxwing.Receipt, error) {
		var o struct{ Name, Number string }
		if err := json.Unmarshal(raw, &o); err != nil || tenant != "acme" || at != "web" || topic == "" {
			t.Errorf("%s/%s %s: %s", tenant, at, topic, raw)
		}
		mu.Lock()
		defer mu.Unlock()
		got[o.Name+o.Number]++
		if stop(got) {
			cancel()
		}
		return waxwing.Receipt{}, nil
	})
	if err != nil || len(got) < want {
		t.Errorf("%d of %d came: %v", len(got), want, err)
	}
	return got
}

// TestAllPages: more orders than a page has come all, also those of one second, and while others are changed.
func TestAllPages(t *testing.T) {
	for _, kind := range []string{"shopify", "woocommerce"} {
		t.Run(kind, func(t *testing.T) {
			s := newShop(t, kind)
			var names []string
			for i := range 450 {
				names = append(names, fmt.Sprintf("o%d", i))
			}
			s.Place(t, names[:260]) // of one second, or nearly
			s.mu.Lock()
			for i := range s.orders {
				s.orders[i].changed = time.Now().Add(-time.Minute).Truncate(time.Second)
				if i >= 150 {
					s.orders[i].changed = s.orders[i].changed.Add(time.Duration(i) * 100 * time.Millisecond)
				}
			}
			s.later = 3
			s.mu.Unlock()
			s.Place(t, names[260:])
			n := 0
			s.onPage = func(s *shop) { // an order of the first page is changed while the others are read
				s.mu.Lock()
				defer s.mu.Unlock()
				if n++; n > 2 && n < 8 {
					s.orders[n].changed = time.Now()
				}
			}
			gather(t, s, 450, func(got map[string]int) bool { return len(got) == 450 })
		})
	}
}

// TestEachChangeOnce: what was not changed since the last round is not brought again.
func TestEachChangeOnce(t *testing.T) {
	s := newShop(t, "shopify")
	s.Place(t, []string{"a", "b"})
	rounds := 0
	s.onPage = func(s *shop) {
		if rounds++; rounds == 6 {
			s.Place(t, []string{"c"})
		}
	}
	got := gather(t, s, 3, func(got map[string]int) bool { return got["c"] > 0 })
	if fmt.Sprint(got) != "map[a:1 b:1 c:1]" {
		t.Error(got)
	}
	if b, _ := s.book.Read(t.Context()); len(b) == 0 {
		t.Error("nothing is noted")
	}
}

// TestRefusals: what a shop refuses says what to do, and names neither key nor address.
func TestRefusals(t *testing.T) {
	for status, want := range map[int]string{401: "the right to read orders", 403: "the right to read orders", 302: "write its final address", 500: "500"} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://elsewhere.example/")
			w.WriteHeader(status)
		}))
		x := &WooSettings{Common: Common{URL: srv.URL, Every: config.Duration(time.Hour)}, Key: "ck_secret", Secret: "cs_secret"}
		p, _ := x.Open("", nil)
		err := p.Run(t.Context(), nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%d: %v", status, err)
		}
		srv.Close()
		if err := p.Run(t.Context(), nil); err == nil || strings.Contains(err.Error(), "modified_after") {
			t.Errorf("%v", err)
		}
	}
}

// TestInside: a name that leads to what is not public is not asked, unless the operator names the network; and the refusal does not
// say where it leads.
func TestInside(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { asked++; w.WriteHeader(http.StatusTeapot) }))
	defer srv.Close()
	for allow, want := range map[string]string{"": "name its network under allow", "0.0.0.0/32": "418"} {
		x := &WooSettings{Common: Common{URL: strings.Replace(srv.URL, "127.0.0.1", "0.0.0.0", 1), Every: config.Duration(time.Hour), Allow: []string{allow}}, Key: "ck_secret", Secret: "cs_secret"}
		p, _ := x.Open("", nil)
		if err := p.Run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "0.0.0.0") {
			t.Errorf("%q: %v", allow, err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

// TestSettings: where no secret may be sent.
func TestSettings(t *testing.T) {
	for address, want := range map[string]bool{"https://acme.myshopify.com": true, "https://acme.example/shop/": true, "http://127.0.0.1:8080": true, "http://acme.example": false, "acme.example": false,
		"https://user:p@acme.example": false, "ftp://acme.example": false} {
		_, err := config.Parse("x.yaml", []byte(`sources: {s: {type: shopify, url: "`+address+`", token: shpat_1, tenant: acme, shop: web}}`), func(string) (string, bool) { return "", false },
			config.Registry{Sources: []config.Component{Shopify(), WooCommerce()}})
		if strings.Contains(fmt.Sprint(err), "is no https address") == want {
			t.Errorf("%s: %v", address, err)
		}
	}
}
