package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/ledger/postgres"
	"github.com/waxwinghq/waxwing/ledger/postgres/postgrestest"
)

func TestResend(t *testing.T) {
	r := newRig(t)
	id := r.accepted(shopifyOrder(1, "jana@exmaple.com", "paid"))
	r.until(id, waxwing.Sent)
	for i, c := range []struct{ body, to string }{{"", "jana@exmaple.com"}, {`{"to":"jana@example.com"}`, "jana@example.com"}} {
		code, b := r.api("POST", "/confirmations/"+id+"/resend", []byte(c.body))
		if code != http.StatusAccepted || !strings.Contains(b, `"queued"`) {
			t.Fatalf("%d %s", code, b)
		}
		r.wait(i + 1)
		r.poll("the resend is sent", func() bool { m := r.get(id).Messages; return m[len(m)-1].State == waxwing.Sent })
		v := r.get(id)
		m := v.Messages[len(v.Messages)-1]
		if len(v.Messages) != i+2 || !m.Resend || m.To != c.to || m.MessageID == v.Messages[0].MessageID {
			t.Fatalf("%+v", v.Messages)
		}
		wantCauses(t, v, "by_person")
	}
	for body, want := range map[string]int{`{"to":"not an address"}`: 422, `{"to":"a@b.example\r\nBcc: c@d.example"}`: 422,
		`{"unknown":1}`: 400, `{"to":"x@example.com"}{}`: 400, `[1]`: 400} {
		if code, b := r.api("POST", "/confirmations/"+id+"/resend", []byte(body)); code != want {
			t.Errorf("%s: %d %s", body, code, b)
		}
	}
	// Both addresses find it now.
	for _, a := range []string{"jana@exmaple.com", "JANA@example.com"} {
		if l := r.list("?email=" + a); len(l) != 1 || l[0].ID.String() != id {
			t.Errorf("%s finds %d", a, len(l))
		}
	}
	r.verified()
}

func TestResendToSuppressed(t *testing.T) {
	r := newRig(t)
	id := r.accepted(shopifyOrder(1, "jana@example.com", "paid"))
	r.until(id, waxwing.Sent)
	if code, b := r.api("POST", "/people/suppress", map[string]string{"address": "Jana@Example.com"}); code != http.StatusOK {
		t.Fatalf("%d %s", code, b)
	}
	code, b := r.api("POST", "/confirmations/"+id+"/resend", nil)
	if code != http.StatusAccepted || !strings.Contains(b, `"suppressed"`) {
		t.Errorf("nothing will be sent, but the answer is %d %s", code, b)
	}
	next := r.accepted(shopifyOrder(2, "jana@example.com", "paid"))
	r.until(next, waxwing.Suppressed)
	r.restart(daemon.Extras{})
	third := r.accepted(shopifyOrder(3, "JANA@example.com", "paid"))
	r.until(third, waxwing.Suppressed)
	r.stop()
	if len(r.allMails()) != 1 {
		t.Fatalf("%d mails", len(r.allMails()))
	}
}

// P6: an address that is suppressed while a mail to it is at its commit point is
// not offered again after the server says "not now".
func TestSuppressedAtTheDot(t *testing.T) {
	clock := &testClock{}
	release, atDot := make(chan struct{}), make(chan struct{}, 8)
	r := newRig(t, withClock(clock), withPlan(func(q sink.Question) sink.Answer {
		if q.Phase == waxwing.PhaseDot {
			atDot <- struct{}{}
			<-release
			return sink.Answer{Code: 451, Text: "4.3.0 not now"}
		}
		return sink.Answer{}
	}))
	letGo := sync.OnceFunc(func() { close(release) })
	t.Cleanup(letGo)
	id := r.accepted(shopifyOrder(1, "jana@example.com", "paid"))
	<-atDot
	if code, b := r.api("POST", "/people/suppress", map[string]string{"address": "jana@example.com"}); code != http.StatusOK {
		t.Fatalf("%d %s", code, b)
	}
	letGo()
	r.poll("the verdict", func() bool { return len(r.get(id).Messages[0].Attempts) == 1 })
	clock.forward(5 * time.Minute)
	v := r.until(id, waxwing.Suppressed)
	if len(v.Messages[0].Attempts) != 1 || len(atDot) != 0 {
		t.Fatalf("%+v", v.Messages[0])
	}
	r.verified()
}

// A suppressed phone number stops a text that is under way, wherever in the
// order the number stood.
func TestSuppressedPhone(t *testing.T) {
	r := newRig(t, withPlan(at(waxwing.PhaseRcpt, sink.Answer{Code: 550, Text: "5.1.1 no"})))
	if code, b := r.api("POST", "/people/suppress", map[string]string{"address": "+49 (151) 12345678"}); code != http.StatusOK {
		t.Fatalf("%d %s", code, b)
	}
	id := r.accepted(shopifyOrder(1, "jana@example.com", "paid"))
	v := r.until(id, waxwing.Suppressed)
	if len(v.Messages) != 2 || len(r.allTexts()) != 0 {
		t.Fatalf("%+v", v.Messages)
	}
}

func TestCancel(t *testing.T) {
	release := make(chan struct{})
	reached := make(chan struct{}, 8)
	r := newRig(t, withPlan(func(q sink.Question) sink.Answer {
		if q.Phase == waxwing.PhaseData {
			reached <- struct{}{}
			<-release
		}
		return sink.Answer{}
	}))
	letGo := sync.OnceFunc(func() { close(release) })
	t.Cleanup(letGo)
	id := r.accepted(shopifyOrder(1, "jana@example.com", "paid"))
	<-reached // claimed, before the dot
	code, b := r.api("POST", "/confirmations/"+id+"/cancel", nil)
	if code != http.StatusOK || !strings.Contains(b, `"cancelled"`) {
		t.Fatalf("%d %s", code, b)
	}
	letGo()
	other := r.accepted(shopifyOrder(2, "other@example.com", "paid"))
	r.until(other, waxwing.Sent)
	if code, b := r.api("POST", "/confirmations/"+other+"/cancel", nil); code != http.StatusConflict || !strings.Contains(b, "not possible now") {
		t.Errorf("after it was sent: %d %s", code, b)
	}
	if code, _ := r.api("POST", "/confirmations/"+id+"/cancel", nil); code != http.StatusConflict {
		t.Errorf("twice: %d", code)
	}
	r.verified()
	r.stop()
	if n := len(r.mailsTo("jana@example.com")); n != 0 {
		t.Fatalf("%d mails after the cancellation", n)
	}
}

func TestQuarantineAndRetry(t *testing.T) {
	r := newRig(t)
	code, rc := r.shopify("shopify", order(1, "jana@example.com", map[string]any{"line_items": "none"}))
	if code != http.StatusAccepted {
		t.Fatalf("%d %+v", code, rc)
	}
	v := r.until(rc.ID, waxwing.Quarantined)
	if !strings.Contains(v.Reason, "line_items") {
		t.Fatalf("%q", v.Reason)
	}
	if code, b := r.api("POST", "/confirmations/"+rc.ID+"/resend", nil); code != http.StatusConflict {
		t.Errorf("resend of a quarantined one: %d %s", code, b)
	}
	if code, b := r.api("POST", "/confirmations/"+rc.ID+"/retry", nil); code != http.StatusAccepted {
		t.Fatalf("%d %s", code, b)
	}
	r.poll("quarantined again", func() bool {
		v := r.get(rc.ID)
		return v.State == waxwing.Quarantined && strings.Contains(causes(v), "by_person")
	})
	// The shop mends the order.
	r.event("orders/updated", order(1, "jana@example.com", map[string]any{"updated_at": ahead(time.Second)}))
	r.until(rc.ID, waxwing.Sent)
	if code, _ := r.api("POST", "/confirmations/"+rc.ID+"/retry", nil); code != http.StatusConflict {
		t.Errorf("retry of a sent one: %d", code)
	}
}

func TestListing(t *testing.T) {
	r := newRig(t)
	const n = 23
	r.storm(1, n)
	r.wait(n)
	held := r.accepted(shopifyOrder(900, "held@example.com", "pending"))
	r.until(held, waxwing.Held)
	r.poll("all sent", func() bool { return len(r.list("?state=sent&limit=500")) == n })
	for _, q := range []string{"", "&state=sent"} {
		seen := map[string]bool{}
		last := ""
		before := ""
		for page := 0; page < 20; page++ {
			code, b := r.api("GET", "/confirmations?limit=5"+q+before, nil)
			var v struct {
				Confirmations []struct{ ID string }
				Before        string
			}
			if json.Unmarshal([]byte(b), &v) != nil || code != http.StatusOK {
				t.Fatalf("%d %s", code, b)
			}
			for _, c := range v.Confirmations {
				if seen[c.ID] || last != "" && c.ID >= last {
					t.Fatalf("%q: %s is out of order", q, c.ID)
				}
				seen[c.ID], last = true, c.ID
			}
			if v.Before == "" {
				break
			}
			before = "&before=" + v.Before
		}
		if want := n + 1 - len(q)/11; len(seen) != want {
			t.Errorf("%q lists %d of %d", q, len(seen), want)
		}
	}
	for q, want := range map[string]int{"?order=900": 1, "?order=%23900": 1, "?email=held@example.com": 1, "?email=HELD@Example.com": 1,
		"?state=held": 1, "?state=failed": 0, "?order=900&state=sent": 0, "?email=nobody@example.com": 0, "?email=%2B4915112345678&limit=500": n + 1} {
		if got := len(r.list(q)); got != want {
			t.Errorf("%s lists %d, not %d", q, got, want)
		}
	}
	for _, q := range []string{"?state=gone", "?limit=0", "?limit=501", "?limit=x", "?before=zz", "?colour=red"} {
		if code, _ := r.api("GET", "/confirmations"+q, nil); code != http.StatusBadRequest {
			t.Errorf("%s: %d", q, code)
		}
	}
	code, b := r.api("GET", "/counts?shop=shopify&since=2020-01-01T00:00:00Z", nil)
	var counts struct {
		Total    int
		Outcomes map[string]int
	}
	if err := json.Unmarshal([]byte(b), &counts); err != nil || code != http.StatusOK || counts.Total != n+1 || counts.Outcomes["sent"] != n || counts.Outcomes["held"] != 1 {
		t.Errorf("counts: %d %s", code, b)
	}
	if got := len(r.list("?shop=nowhere")) + len(r.list("?until=2020-01-01T00:00:00Z")); got != 0 {
		t.Errorf("%d are of no shop or before all", got)
	}
	for _, bad := range []string{"?since=yesterday", "?state=sent"} {
		if code, b := r.api("GET", "/counts"+bad, nil); code != http.StatusBadRequest {
			t.Errorf("counts%s: %d %s", bad, code, b)
		}
	}
}

// S32: every route with every object of another tenant. Neither the status nor
// the body tells whether something is there.
func TestAnotherTenantSeesNothing(t *testing.T) { anotherSeesNothing(t) }

// TestPostgresAnotherTenantSeesNothing: likewise where row-level security stands below the routes.
func TestPostgresAnotherTenantSeesNothing(t *testing.T) {
	s := postgrestest.Own(t)
	for range 2 {
		dsn := s.Database(t)
		anotherSeesNothing(t, func(r *rig, _ *daemon.Extras) {
			r.cfg.Keys.Master = config.Secret(strings.Repeat("5a", 32))
			r.cfg.Ledger = &config.Store{Type: "postgres", Settings: &postgres.Settings{DSN: config.Secret(dsn.Reveal())}}
		})
	}
}

func anotherSeesNothing(t *testing.T, opts ...rigOption) {
	t.Helper()
	r := newRig(t, append(opts, func(r *rig, _ *daemon.Extras) {
		other := r.cfg.Tenants["acme"]
		other.Name, other.Keys = "Other", []config.BearerKey{{Key: "other-key"}}
		r.cfg.Tenants["other"] = other
	})...)
	sent := r.accepted(shopifyOrder(1, "jana@example.com", "paid"))
	r.until(sent, waxwing.Sent)
	held := r.accepted(shopifyOrder(2, "held@example.com", "pending"))
	r.until(held, waxwing.Held)
	_, poison := r.shopify("shopify", []byte("{"))
	objects := []string{sent, held, poison.ID, r.get(sent).Messages[0].ID.String(), "0000000000000", "zzz", "%2e%2e"}
	routes := []struct{ method, path string }{{"GET", ""}, {"GET", "/message"}, {"GET", "/message?n=1"}, {"POST", "/resend"}, {"POST", "/cancel"}, {"POST", "/retry"}}
	probes := 0
	for _, o := range objects {
		for _, rt := range routes {
			path := "/confirmations/" + o + rt.path
			ask := func(tenant, key string) (int, string) {
				probes++
				return r.do(rt.method, "/v1/tenants/"+tenant+path, key, nil, nil)
			}
			code, body := ask("other", "other-key")
			nothing, none := r.do(rt.method, "/v1/tenants/other/confirmations/0000000000001"+rt.path, "other-key", nil, nil)
			if code != http.StatusNotFound || code != nothing || body != none {
				t.Errorf("%s %s by another tenant: %d %s; of nothing: %d %s", rt.method, path, code, body, nothing, none)
			}
			var first string
			for i, c := range [][2]string{{"acme", "other-key"}, {"acme", ""}, {"acme", "wrong"}, {"nobody", "acme-key"}, {"nobody", ""}} {
				code, body := ask(c[0], c[1])
				if i == 0 {
					first = body
				}
				if c[1] == "wrong" && code == http.StatusTooManyRequests {
					continue // so many wrong ones are slowed; nobody's key is no guess
				}
				if code != http.StatusUnauthorized || body != first {
					t.Errorf("%s %s as %v: %d %s", rt.method, path, c, code, body)
				}
			}
		}
	}
	for _, rt := range []struct{ method, path, body string }{{"GET", "/confirmations", ""}, {"GET", "/confirmations?email=jana@example.com", ""},
		{"GET", "/confirmations?order=1", ""}, {"POST", "/orders", "{}"}, {"POST", "/people/erase", `{"address":"jana@example.com"}`},
		{"POST", "/people/suppress", `{"address":"held@example.com"}`}} {
		for _, c := range [][2]string{{"acme", "other-key"}, {"nobody", "acme-key"}} {
			probes++
			if code, _ := r.do(rt.method, "/v1/tenants/"+c[0]+rt.path, c[1], nil, []byte(rt.body)); code != http.StatusUnauthorized {
				t.Errorf("%s %s as %v: %d", rt.method, rt.path, c, code)
			}
		}
		if _, b := r.do(rt.method, "/v1/tenants/other"+rt.path, "other-key", nil, []byte(rt.body)); strings.Contains(b, sent) || strings.Contains(b, `"erased":1`) {
			t.Errorf("%s %s: %s", rt.method, rt.path, b)
		}
	}
	// Nothing of it happened.
	r.until(sent, waxwing.Sent)
	r.event("orders/paid", order(2, "held@example.com", map[string]any{"updated_at": ahead(time.Second)}))
	r.until(held, waxwing.Sent)
	t.Log(probes, "probes")
}

// Wrong and missing signatures, unknown tenants and shops: one answer.
func TestUnknownAndUnsignedLookTheSame(t *testing.T) {
	r := newRig(t)
	body := shopifyOrder(1, "jana@example.com", "paid")
	var first string
	for i, c := range []struct{ path, sig string }{
		{"acme/shopify", ""}, {"acme/shopify", "x"}, {"acme/shopify", sign(body, "wrong")}, {"acme/shopify", sign(append(bytes.Clone(body), ' '), testShopSecret)},
		{"acme/nothing", sign(body, testShopSecret)}, {"nobody/shopify", sign(body, testShopSecret)}, {"nobody/shopify", sign(body, "no such shop")},
		{"acme/generic", sign(body, testShopSecret)}, {"acme/shopify", sign(body, "")},
		{"acme%2Fshopify/x", sign(body, testShopSecret)},
	} {
		code, b := r.do("POST", "/hooks/"+c.path, "", http.Header{"X-Shopify-Topic": {"orders/paid"}, "X-Shopify-Hmac-Sha256": {c.sig}, "X-Wc-Webhook-Signature": {c.sig}}, body)
		if i == 0 {
			first = b
		}
		if code != http.StatusUnauthorized || b != first {
			t.Errorf("%v: %d %s", c, code, b)
		}
	}
	for _, path := range []string{"acme/woocommerce", "acme/shopify", "acme/nothing", "nobody/woocommerce"} {
		if code, b := r.do("POST", "/hooks/"+path, "", nil, []byte("webhook_id=12")); code != http.StatusOK || b != "" {
			t.Errorf("ping at %s: %d %q", path, code, b)
		}
	}
	if n := len(r.list("?state=received")) + len(r.list("?state=sent")); n != 0 {
		t.Errorf("%d confirmations", n)
	}
}

func TestBodiesThatAreTooMuch(t *testing.T) {
	r := newRig(t)
	big := bytes.Repeat([]byte(" "), 1<<20+1)
	for _, path := range []string{"/hooks/acme/shopify", "/v1/tenants/acme/orders", "/v1/tenants/acme/people/erase"} {
		if code, b := r.do("POST", path, "acme-key", nil, big); code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d %s", path, code, b)
		}
		if code, b := r.do("POST", path, "acme-key", http.Header{"Content-Encoding": {"gzip"}}, []byte("{}")); code != http.StatusUnsupportedMediaType {
			t.Errorf("%s: %d %s", path, code, b)
		}
		// The same without saying how long it is.
		c := dial(t, r.d.Addr())
		_, _ = fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer acme-key\r\nTransfer-Encoding: chunked\r\n\r\n", path)
		go func() {
			for range 40 {
				if _, err := fmt.Fprintf(c, "10000\r\n%s\r\n", big[:0x10000]); err != nil {
					return
				}
			}
		}()
		answer := make([]byte, 12)
		if _, err := c.Read(answer); err != nil || string(answer) != "HTTP/1.1 413" {
			t.Errorf("%s in chunks: %q %v", path, answer, err)
		}
	}
}
