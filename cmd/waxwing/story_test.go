package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
	"github.com/waxwinghq/waxwing/pipeline"
)

// stops says how often the story that repeats itself is told.
var stops = flag.Int("stops", 10, "how often SIGTERM comes under load (acceptance: 50)")

// testClock is the machine's clock, put forward at will: what must pass by
// itself still does, and what takes minutes need not be waited for.
type testClock struct{ ahead atomic.Int64 }

func (c *testClock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *testClock) forward(d time.Duration) { c.ahead.Add(int64(d)) }

func withClock(c *testClock) rigOption {
	return func(_ *rig, x *daemon.Extras) { x.Clock = c.now }
}

func withPlan(p sink.Plan) rigOption {
	return func(r *rig, _ *daemon.Extras) { r.plan = p }
}

// withTenant changes acme.
func withTenant(f func(*config.Tenant)) rigOption {
	return func(r *rig, _ *daemon.Extras) {
		t := r.cfg.Tenants["acme"]
		f(&t)
		r.cfg.Tenants["acme"] = t
	}
}

// withSend changes the send stage.
func withSend(f func(*pipeline.Send)) rigOption {
	return func(r *rig, _ *daemon.Extras) { f(r.sendStage()) }
}

func (r *rig) sendStage() *pipeline.Send {
	for i := range r.cfg.Pipeline {
		if s, ok := r.cfg.Pipeline[i].Settings.(*pipeline.Send); ok {
			return s
		}
	}
	return nil
}

// restart stops the daemon and starts another one on the same ledger.
func (r *rig) restart(x daemon.Extras) {
	r.t.Helper()
	r.stop()
	r.start(x)
}

// api calls the API with acme's key.
func (r *rig) api(method, path string, body any) (int, string) {
	r.t.Helper()
	var b []byte
	switch v := body.(type) {
	case nil:
	case []byte:
		b = v
	default:
		b, _ = json.Marshal(v) // the tests' own values
	}
	return r.do(method, "/v1/tenants/acme"+path, "acme-key", http.Header{"Content-Type": {"application/json"}}, b)
}

func (r *rig) get(id string) *waxwing.ConfirmationView {
	r.t.Helper()
	code, body := r.api("GET", "/confirmations/"+id, nil)
	if code != http.StatusOK {
		r.t.Fatalf("GET %s: %d %s", id, code, body)
	}
	var v waxwing.ConfirmationView
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		r.t.Fatalf("%s: %v", body, err)
	}
	return &v
}

func (r *rig) list(query string) []waxwing.ConfirmationView {
	r.t.Helper()
	code, body := r.api("GET", "/confirmations"+query, nil)
	var v struct {
		Confirmations []waxwing.ConfirmationView `json:"confirmations"`
	}
	if err := json.Unmarshal([]byte(body), &v); code != http.StatusOK || err != nil {
		r.t.Fatalf("list %s: %d %s", query, code, body)
	}
	return v.Confirmations
}

// poll asks until ok: where the daemon has no signal to wait for.
func (r *rig) poll(what string, ok func() bool) {
	r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			r.t.Fatalf("not within a minute: %s", what)
		}
	}
}

// until waits for a state.
func (r *rig) until(id string, state waxwing.State) *waxwing.ConfirmationView {
	r.t.Helper()
	var v *waxwing.ConfirmationView
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for {
		if v = r.get(id); v.State == state {
			return v
		}
		select {
		case <-tick.C:
		case <-limit:
			b, _ := json.MarshalIndent(v, "", " ")
			r.t.Fatalf("%s is not %s: %s", id, state, b)
		}
	}
}

// accepted posts an order and wants a new confirmation.
func (r *rig) accepted(body []byte) string {
	r.t.Helper()
	code, rc := r.shopify("shopify", body)
	if code != http.StatusAccepted {
		r.t.Fatalf("%d %+v", code, rc)
	}
	return rc.ID
}

func (r *rig) mailsTo(to string) (out []sink.Mail) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.mails {
		if m.To == to {
			out = append(out, m)
		}
	}
	return out
}

func (r *rig) allMails() []sink.Mail {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.mails)
}

func (r *rig) allTexts() []sink.Text {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.texts)
}

// verified wants the trail whole.
func (r *rig) verified() {
	r.t.Helper()
	rep, err := r.d.Ledger().(*sqlite.Ledger).Verify(context.Background(), "")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, p := range rep.Problems {
		r.t.Error("verify:", p)
	}
}

// order is a Shopify order with changes: nil removes a field.
func order(id int, email string, changes map[string]any) []byte {
	var m map[string]any
	if err := json.Unmarshal(shopifyOrder(id, email, "paid"), &m); err != nil {
		panic(err) // the test's own text
	}
	m["id"] = id // not 1e+06
	for k, v := range changes {
		if v == nil {
			delete(m, k)
		} else {
			m[k] = v
		}
	}
	b, _ := json.Marshal(m)
	return b
}

// genericOrder is the same order by the API.
func genericOrder(shop string, id int, email string) map[string]any {
	return map[string]any{"shop": shop, "id": fmt.Sprint(id), "number": fmt.Sprint("#", id), "currency": "EUR", "locale": "de",
		"placed_at": time.Now().UTC().Format(time.RFC3339), "customer": map[string]any{"first_name": "Jana", "email": email},
		"items":   []any{map[string]any{"name": "Becher", "quantity": 2, "unit_price": "19.50"}},
		"totals":  map[string]any{"total": "39.00"},
		"payment": map[string]any{"status": "paid"}}
}

func causes(v *waxwing.ConfirmationView) string {
	var s []string
	for _, e := range v.Trail {
		s = append(s, e.Cause)
	}
	return strings.Join(s, " ")
}

func wantCauses(t *testing.T, v *waxwing.ConfirmationView, want ...string) {
	t.Helper()
	all := causes(v)
	for _, w := range want {
		if !slices.Contains(strings.Fields(all), w) {
			t.Errorf("the trail lacks %s: %s", w, all)
		}
	}
}

// parallel runs f for 0..n-1 on so many goroutines.
func parallel(n, workers int, f func(int)) {
	var wg sync.WaitGroup
	var next atomic.Int64
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// dial opens a plain connection that the test's end closes.
func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
