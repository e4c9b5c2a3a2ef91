package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/channel/smtp"
	"github.com/waxwinghq/waxwing/channel/twilio"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/daemon"
)

// rig is a daemon with a mail server and a text service around it.
type rig struct {
	t      *testing.T
	d      *daemon.Daemon
	cfg    *config.Config
	sink   *sink.Server
	truth  *sink.Truth
	mu     sync.Mutex
	mails  []sink.Mail
	texts  []sink.Text
	arrive chan struct{} // one for each mail and text
	logs   bytes.Buffer
	log    lockedWriter // writes them
	plan   sink.Plan
	watch  func(sink.Mail) // sees each mail, besides
	level  slog.Level      // of the log

	endsBadly bool // the test itself stops the daemon, which fails at it
	client    *http.Client
}

type rigOption func(*rig, *daemon.Extras)

const testShopSecret = "shop-secret"

func newRig(t *testing.T, opts ...rigOption) *rig {
	t.Helper()
	r := &rig{t: t, arrive: make(chan struct{}, 1<<20), truth: sink.NewTruth(), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	x := daemon.Extras{}
	r.cfg = testConfig(t)
	for _, o := range opts {
		o(r, &x)
	}
	r.sink = sink.New(sink.Config{Truth: r.truth, Keep: true, Plan: r.plan, OnMail: func(m sink.Mail) {
		m.Data = bytes.Clone(m.Data)
		r.mu.Lock()
		r.mails = append(r.mails, m)
		r.mu.Unlock()
		r.arrive <- struct{}{}
		if r.watch != nil {
			r.watch(m)
		}
	}})
	addr, err := r.sink.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tw := httptest.NewServer(&sink.Twilio{Truth: r.truth, OnText: func(x sink.Text) {
		r.mu.Lock()
		r.texts = append(r.texts, x)
		r.mu.Unlock()
		r.arrive <- struct{}{}
	}})
	smtpOf(r.cfg, "mail").Addr = addr
	r.cfg.Providers["texts"].Settings.(*twilio.Settings).BaseURL = tw.URL
	t.Cleanup(func() {
		tw.Close()
		_ = r.sink.Close()
		r.client.CloseIdleConnections()
	})
	r.start(x)
	t.Cleanup(r.stop)
	return r
}

// rigConfig is the file of a rig, but for the folder and the shops' secret.
const rigConfig = `data: %q
http: {listen: "127.0.0.1:0", max_body: 1048576}
providers:
  mail: {type: smtp, addr: "127.0.0.1:25", tls: none, connections: 16}
  texts: {type: twilio, account: AC1, token: t, from: "+15005550006"}
tenants:
  acme:
    name: Acme Outfitters
    from: orders@acme.example
    support_url: https://acme.example/help
    tracking_url: https://acme.example/track/{order}
    locales: [en, de, fr, ja, ar]
    offline: []
    keys: [acme-key]
    shops:
      shopify: &signed {format: shopify, secret: %q}
      outlet: *signed
      woocommerce: {secret: %[2]q}
pipeline:
  - normalise
  - enrich
  - render
  - queue: {name: mail}
  - send: {providers: [mail], retry: [1m], uncertain: {after: 1m}}
  - fallback: {providers: [texts]}
`

func testConfig(t *testing.T) *config.Config {
	return configtest.Load(t, daemon.Components(), fmt.Sprintf(rigConfig, t.TempDir(), testShopSecret))
}

// testConfigWith is the same with a further section.
func testConfigWith(t *testing.T, section string) *config.Config {
	return configtest.Load(t, daemon.Components(), fmt.Sprintf(rigConfig, t.TempDir(), testShopSecret)+section)
}

// provider is one that the loader makes of its keys.
func provider(keys string) config.Provider { return configtest.Provider(daemon.Components(), keys) }

// mailer is a provider of type smtp without TLS.
func mailer(addr string, connections int) config.Provider {
	return provider(fmt.Sprintf("type: smtp, addr: %q, tls: none, connections: %d", addr, connections))
}

// smtpOf are the settings of a provider, which may be changed until the daemon starts.
func smtpOf(c *config.Config, name string) *smtp.Settings {
	return c.Providers[name].Settings.(*smtp.Settings)
}

func (r *rig) start(x daemon.Extras) {
	r.t.Helper()
	r.log.w = &r.logs
	log := slog.New(slog.NewTextHandler(io.MultiWriter(&r.log, testWriter{r.t}), &slog.HandlerOptions{Level: r.level}))
	d, err := daemon.Start(r.cfg, log, x)
	if err != nil {
		r.t.Fatal(err)
	}
	r.d = d
}

func (r *rig) stop() {
	r.t.Helper()
	if err := r.d.Stop(); err != nil && !r.endsBadly {
		r.t.Error(err)
	}
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// logged is how often the log says something so far.
func (r *rig) logged(what string) int {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	return bytes.Count(r.logs.Bytes(), []byte(what))
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Logf("daemon: %s", bytes.TrimSpace(b))
	return len(b), nil
}

// wait waits until n mails and texts have come in.
func (r *rig) wait(n int) {
	r.t.Helper()
	limit := time.After(2 * time.Minute)
	for range n {
		select {
		case <-r.arrive:
		case <-limit:
			r.t.Fatalf("only %d mails and %d texts came", len(r.mails), len(r.texts))
		}
	}
}

func (r *rig) url(path string) string { return "http://" + r.d.Addr() + path }

func (r *rig) do(method, path, key string, header http.Header, body []byte) (int, string) {
	r.t.Helper()
	req, err := http.NewRequest(method, r.url(path), bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func sign(body []byte, secret string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write(body)
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

func (r *rig) shopify(shop string, body []byte) (int, receipt) {
	r.t.Helper()
	code, b := r.do("POST", "/hooks/acme/"+shop, "", shopifyHeader(body), body)
	return code, parseReceipt(r.t, b)
}

func shopifyHeader(body []byte) http.Header {
	return http.Header{"X-Shopify-Topic": {"orders/paid"}, "X-Shopify-Hmac-Sha256": {sign(body, testShopSecret)},
		"Content-Type": {"application/json"}}
}

type receipt struct {
	ID    string `json:"id"`
	State string `json:"state"`
}

func parseReceipt(t *testing.T, s string) (rc receipt) {
	t.Helper()
	if err := json.Unmarshal([]byte(s), &rc); err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return rc
}

// shopifyOrder is an order as a shop sends it, written for these tests.
func shopifyOrder(id int, email, status string) []byte {
	now := time.Now().UTC().Format(time.RFC3339)
	return fmt.Appendf(nil, `{"id":%d,"name":"#%d","email":%q,"created_at":%q,"updated_at":%q,"currency":"EUR","financial_status":%q,
"customer_locale":"de-DE","subtotal_price":"39.00","total_price":"43.90","total_tax":"7.01","total_discounts":"0.00","taxes_included":true,
"customer":{"id":1,"first_name":"Jana","last_name":"Muster","email":%q,"phone":"+4915112345678"},
"line_items":[{"id":1,"sku":"MUG","title":"Becher","quantity":2,"price":"19.50","requires_shipping":true}],
"shipping_lines":[{"title":"Standard","price":"4.90"}],"tax_lines":[{"title":"MwSt","rate":0.19,"price":"7.01"}],
"shipping_address":{"name":"Jana Muster","address1":"Hauptstr. 1","city":"Berlin","zip":"10115","country_code":"DE"}}`,
		id, id, email, now, now, status, email)
}
