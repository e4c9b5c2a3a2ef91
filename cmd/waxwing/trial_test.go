package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/demo"
)

// tryOut starts a daemon as serve --mailbox does, around a real mail server that
// must not get anything by itself.
func tryOut(t *testing.T) (r *rig, try *demo.Trial, ask func(method, path, host string, body any, header ...string) (int, string)) {
	r = newRig(t, withTenant(func(t *config.Tenant) {
		t.Shops["own"] = config.Shop{Format: "generic"}
	}))
	r.stop()
	var err error
	if try, err = demo.NewTrial(r.cfg, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(try.Close)
	if filepath.Dir(r.cfg.Data) == r.cfg.Data || !strings.HasSuffix(r.cfg.Data, "-mailbox") {
		t.Fatalf("the trial writes into the ledger of the daemon that sends: %s", r.cfg.Data)
	}
	r.start(daemon.Extras{Pages: try.Pages()})
	try.Open(r.d)
	ask = func(method, path, host string, body any, header ...string) (int, string) {
		t.Helper()
		b, _ := json.Marshal(body)
		req, err := http.NewRequest(method, r.url(path), bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		req.Host = host
		res, err := r.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var out bytes.Buffer
		_, _ = out.ReadFrom(res.Body)
		return res.StatusCode, out.String()
	}
	return r, try, ask
}

type mailboxFeed struct {
	Rows []struct {
		N                             int
		Letter                        bool
		Order, To, Shop, State, Brand string
	}
}

// TestTryItOut: sample orders come by webhook and API, their mails stay in the
// mailbox, and one of them is released to a real address by the real provider,
// byte for byte, and only when it is asked for in so many words.
func TestTryItOut(t *testing.T) {
	r, _, ask := tryOut(t)
	host := r.d.Addr()
	_, s := ask("GET", "/mailbox/settings", host, nil)
	for _, want := range []string{`"shop":"own"`, `"shop":"shopify"`, `"shop":"woocommerce"`, `"release":true`} {
		if !strings.Contains(s, want) {
			t.Errorf("%s is not in %s", want, s)
		}
	}
	shops := []string{"shopify", "woocommerce", "own", "outlet"}
	for _, shop := range shops {
		if code, b := ask("POST", "/mailbox/orders", host, map[string]string{"tenant": "acme", "shop": shop, "locale": "de"}); code != http.StatusOK {
			t.Fatalf("%s: %d %s", shop, code, b)
		}
	}
	var feed mailboxFeed
	r.poll("the mails are in the mailbox", func() bool {
		_, b := ask("GET", "/mailbox/feed?since=0", host, nil)
		feed = mailboxFeed{}
		if err := json.Unmarshal([]byte(b), &feed); err != nil {
			t.Fatal(err)
		}
		sent := 0
		for _, row := range feed.Rows {
			if row.Letter && row.State == "sent" && strings.Contains(row.Order, "TEST-") {
				sent++
			}
		}
		return sent == len(shops)
	})
	if n := len(r.allMails()); n != 0 {
		t.Fatalf("%d mails were sent by themselves", n)
	}
	for body, want := range map[string]int{`{"to":"me@real.example"}`: 422, `{"to":"nonsense","sure":true}`: 422, `[`: 400} {
		if code, b := ask("POST", "/mailbox/letters/1/release", host, json.RawMessage(body)); code != want && body != "[" {
			t.Errorf("%s: %d %s", body, code, b)
		}
	}
	if code, b := ask("POST", "/mailbox/letters/1/release", host, map[string]any{"to": "me@real.example", "sure": true}); code != http.StatusOK {
		t.Fatalf("%d %s", code, b)
	}
	r.wait(1)
	_, source := ask("GET", "/mailbox/letters/1/source", host, nil)
	if m := r.allMails(); len(m) != 1 || m[0].To != "me@real.example" || string(m[0].Data) != source {
		t.Fatalf("%d mails", len(m))
	}
	// A hand that slips, or a script, does not become a spammer.
	refused := 0
	for range 8 {
		if code, _ := ask("POST", "/mailbox/letters/1/release", host, map[string]any{"to": "me@real.example", "sure": true}); code == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 {
		t.Error("releases are not bounded")
	}
	r.verified()
}

// TestOthersSeeNoMailbox: not by a name that points here, nor through a proxy or
// tunnel, nor from another page in the same browser. Webhooks come through all the
// same.
func TestOthersSeeNoMailbox(t *testing.T) {
	r, _, ask := tryOut(t)
	host := r.d.Addr()
	u := url.URL{Host: host}
	for _, c := range []struct {
		method, host string
		header       []string
		want         int
	}{
		{"GET", host, nil, 200}, {"GET", "localhost:" + u.Port(), nil, 200}, {"GET", "evil.example", nil, 403}, {"GET", "127.0.0.1.evil.example", nil, 403},
		{"GET", host, []string{"X-Forwarded-For", "1.2.3.4"}, 403}, {"GET", host, []string{"Forwarded", "for=1.2.3.4"}, 403},
		{"POST", host, []string{"Sec-Fetch-Site", "cross-site"}, 403}, {"POST", host, []string{"Origin", "https://evil.example"}, 403},
		{"POST", host, []string{"Content-Type", "text/plain"}, 415},
	} {
		path := "/mailbox/feed"
		if c.method == "POST" {
			path = "/mailbox/orders"
		}
		if code, b := ask(c.method, path, c.host, map[string]string{"tenant": "acme", "shop": "shopify"}, c.header...); code != c.want {
			t.Errorf("%+v: %d %s", c, code, b)
		}
	}
	body := shopifyOrder(1, "jana@example.com", "paid")
	h := shopifyHeader(body)
	h.Set("X-Forwarded-For", "1.2.3.4")
	if code, b := r.do("POST", "/hooks/acme/shopify", "", h, body); code != http.StatusAccepted {
		t.Errorf("%d %s", code, b)
	}
}
