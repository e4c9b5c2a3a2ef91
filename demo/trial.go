package demo

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/address"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/channel/smtp"
	"github.com/waxwinghq/waxwing/channel/twilio"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/pipeline"
	"github.com/waxwinghq/waxwing/web/mailbox"
)

// Trial is serve with stand-ins for its providers: the merchant's own
// configuration, shops and templates, and a mailbox in place of the customers. It is
// the step from the demonstration to sending.
type Trial struct {
	cfg     *config.Config
	real    map[string]config.Provider // as the file has them, for a release
	mailbox *mailbox.Mailbox
	mail    *sink.Server
	texts   *http.Server
	log     *slog.Logger
	client  *http.Client
	nth     atomic.Int64 // of the sample orders

	smtp, twilio string // where the stand-ins are
	token        waxwing.Secret
}

// NewTrial starts the stand-ins and puts them into the configuration.
func NewTrial(cfg *config.Config, log *slog.Logger) (t *Trial, err error) {
	host, _, _ := net.SplitHostPort(cfg.HTTP.Listen)
	if a, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !a.IsLoopback()) {
		return nil, fmt.Errorf("serve --mailbox shows customers' mails to whoever opens its page, so it listens on this machine only: set http.listen to 127.0.0.1:8080 (it is %q)", cfg.HTTP.Listen)
	}
	t = &Trial{cfg: cfg, real: maps.Clone(cfg.Providers), log: log, client: &http.Client{Timeout: 10 * time.Second},
		mailbox: mailbox.New(mailbox.Config{Formats: daemon.Formats(), Pictures: true})}
	defer func() {
		if err != nil {
			t.Close()
		}
	}()
	t.mail = sink.New(sink.Config{Hello: "mailbox.example", Keep: true, OnMail: func(m sink.Mail) {
		t.mailbox.Take(mailbox.Letter{Channel: waxwing.Email, ID: m.MessageID, From: m.From, To: m.To, Data: m.Data, At: m.At})
	}})
	mail, err := t.mail.Listen("")
	if err != nil {
		return t, fmt.Errorf("the mailbox's mail server: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return t, fmt.Errorf("the mailbox's text service: %w", err)
	}
	var token [16]byte
	_, _ = rand.Read(token[:]) // never fails (crypto/rand)
	secret := waxwing.Secret(hex.EncodeToString(token[:]))
	t.texts = &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: &sink.Twilio{Account: "ACmailbox", Token: secret, OnText: func(x sink.Text) {
		t.mailbox.Take(mailbox.Letter{Channel: waxwing.SMS, ID: x.Key, From: x.From, To: x.To, Data: []byte(x.Body), At: x.At})
	}}}
	go func() { _ = t.texts.Serve(l) }() // ends by close
	t.smtp, t.twilio, t.token = mail, "http://"+l.Addr().String(), secret
	return t, t.Fit(cfg)
}

// Fit puts the stand-ins into a configuration.
func (t *Trial) Fit(cfg *config.Config) error {
	before := cfg.Providers
	providers, err := t.standIns(before)
	if err != nil {
		return err
	}
	cfg.Providers = providers
	// A ledger of its own: what counts as sent here was not, and must not keep a
	// daemon that sends from sending it.
	cfg.Data, cfg.Ledger, cfg.Ledgers = TrialData(cfg.Data), nil, nil
	cfg.Tenants = maps.Clone(cfg.Tenants)
	for name, x := range cfg.Tenants {
		x.Ledger, x.Mode = "", "" // all that there is here catches
		if x.Providers, err = t.standIns(x.Providers); err != nil {
			return fmt.Errorf("tenant %s: %w", name, err)
		}
		cfg.Tenants[name] = x
	}
	// Nor may it take from a broker what is for them.
	cfg.Brokers = nil
	pipeline.KeepQueues(cfg)
	pipeline.WithoutPush(cfg, func(p string) waxwing.Channel { return daemon.Carries(before[p]) })
	return nil
}

// standIns are the providers with the mailbox in place of each: mails come to it by SMTP and texts as
// to Twilio, whatever would carry them.
func (t *Trial) standIns(from map[string]config.Provider) (map[string]config.Provider, error) {
	providers := maps.Clone(from)
	for name, p := range providers {
		switch s := p.Settings.(type) {
		case *smtp.Settings:
			own := *s
			own.Addr, own.TLS, own.Auth, own.CAFile, own.Pool = t.smtp, string(smtp.NoTLS), nil, "", s.Unbound()
			p.Settings = &own
		case *twilio.Settings:
			own := *s
			own.BaseURL, own.Account, own.Token, own.Pool = t.twilio, "ACmailbox", t.token, s.Unbound()
			p.Settings = &own
		default:
			pool := config.Pool{Connections: max(p.MaxConnections(), 1)}
			switch daemon.Carries(p) {
			case waxwing.Email:
				p.Type, p.Settings = "smtp", &smtp.Settings{Addr: t.smtp, TLS: string(smtp.NoTLS), Pool: pool}
			case waxwing.SMS:
				p.Type, p.Settings = "twilio", &twilio.Settings{BaseURL: t.twilio, Account: "ACmailbox", Token: t.token, From: "+15005550006", Pool: pool}
			default: // pipeline.WithoutPush has taken it out where it was named
				delete(providers, name)
				continue
			}
		}
		providers[name] = p
	}
	return providers, nil
}

// TrialData is the data folder of a trial, beside the one of a configuration.
func TrialData(data string) string { return filepath.Clean(data) + "-mailbox" }

// Pages are the mailbox's, for browsers on this machine.
func (t *Trial) Pages() map[string]http.Handler { return mailbox.Local(t.mailbox.Pages()) }

// Open joins the mailbox to the running daemon.
func (t *Trial) Open(d *daemon.Daemon) {
	t.mailbox.Act(mailbox.Acts{Title: "trial mailbox", Shops: sampleShops(t.cfg, d.Formats()), Release: t.release,
		Order: func(ctx context.Context, tenant, shop, locale string) error {
			return t.order(ctx, d, tenant, shop, locale)
		}})
	t.mailbox.Open(t.cfg, d.Books())
}

// Close ends the stand-ins; the daemon is stopped before.
func (t *Trial) Close() {
	if t.texts != nil {
		_ = t.texts.Close() // nothing is kept that could be lost
	}
	if t.mail != nil {
		_ = t.mail.Close()
	}
	t.client.CloseIdleConnections()
}

// written are the formats whose events this program can write as well as read.
var written = []string{"shopify", "woocommerce", "generic"}

// sampleShops are those whose events this program can write as well as read.
func sampleShops(c *config.Config, known map[string]waxwing.Format) (out []mailbox.SampleShop) {
	for _, tenant := range slices.Sorted(maps.Keys(c.Tenants)) {
		tc := c.Tenants[tenant]
		for _, shop := range slices.Sorted(maps.Keys(tc.Shops)) {
			f := config.FormatOf(tenant, shop, tc.Shops[shop].Format)
			if _, ok := known[f]; ok && slices.Contains(written, f) {
				out = append(out, mailbox.SampleShop{Tenant: tenant, Name: tc.Name, Shop: shop, Locales: tc.Locales})
			}
		}
	}
	return out
}

// order has a test order come by the way that the shop's real ones come: a signed
// webhook over HTTP, or the API's intake for a shop that posts for itself.
func (t *Trial) order(ctx context.Context, d *daemon.Daemon, tenant, shop, locale string) error {
	tc, ok := t.cfg.Tenants[tenant]
	s, known := tc.Shops[shop]
	if !ok || !known {
		return waxwing.Permanent(fmt.Errorf("there is no shop %.40q of tenant %.40q", shop, tenant))
	}
	format := config.FormatOf(tenant, shop, s.Format)
	body, header, err := testOrder(format, cmp.Or(locale, tc.Locales[0]), t.nth.Add(1), time.Now())
	if err != nil {
		return err
	}
	if format == "generic" {
		body, err = withShop(body, shop)
		if err == nil {
			_, err = d.Accept(ctx, &waxwing.Event{Tenant: waxwing.TenantID(tenant), Shop: waxwing.ShopID(shop), Source: "api", Topic: "order", Raw: body})
		}
		return err
	}
	secret := s.Secret
	if secret == "" && len(s.Secrets) > 0 {
		secret = s.Secrets[len(s.Secrets)-1]
	}
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write(body)
	header.Set(d.Formats()[format].SignedIn, base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+d.Addr()+"/hooks/"+tenant+"/"+shop, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = header
	res, err := t.client.Do(req)
	if err != nil {
		return fmt.Errorf("the webhook was not taken: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	b, _ := io.ReadAll(io.LimitReader(res.Body, 500)) // as much as came
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("the webhook was refused: %s %s", res.Status, b)
	}
	return nil
}

// testNote is what the mail of a test order says where a customer's note stands.
const testNote = "This is a test order from the Waxwing mailbox. Nothing was bought, and nobody is charged."

// testOrder writes an invented order as a shop of this format sends it, marked as
// a test wherever the format has room.
func testOrder(format, locale string, n int64, now time.Time) ([]byte, http.Header, error) {
	s := testSale(locale, n, now)
	if format == "generic" {
		b, err := json.Marshal(s.generic(fmt.Sprintf("TEST-%d", n)))
		return b, nil, err
	}
	s.store = storefront{format: format}
	body, header, err := s.webhook()
	if err != nil {
		return nil, nil, err
	}
	var e fields
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, nil, err
	}
	delete(e, "order_status_url") // of an invented shop
	if format == "shopify" {
		e["name"], e["note"], e["test"] = fmt.Sprintf("#TEST-%d", n), testNote, true
	} else {
		e["number"], e["customer_note"] = fmt.Sprintf("TEST-%d", n), testNote
	}
	body, err = json.Marshal(e)
	return body, header, err
}

// testSale draws a customer of the language, or who speaks English.
func testSale(locale string, n int64, now time.Time) *sale {
	people := assortment().people
	who := &people[0]
	for i := range people {
		if p := &people[i]; strings.EqualFold(p.Locale, locale) || p.Locale[:2] == locale[:min(2, len(locale))] && who.Locale[:2] != p.Locale[:2] {
			if who = p; strings.EqualFold(p.Locale, locale) {
				break
			}
		}
	}
	s := newSale(int(n), counter{tenant: who.Tenants[0], locale: who.Locale}, now, mathrand.New(mathrand.NewPCG(uint64(n), 7)))
	crowd := *who
	crowd.Locale = locale
	s.crowd, s.mail, s.domain = &crowd, "test-order", "customer.example"
	return s
}

// generic writes the sale as a shop of the merchant's own posts it.
func (s *sale) generic(number string) fields {
	total, _, tax := s.total()
	at := fields{"name": s.fullName(), "lines": []string{s.street()}, "city": s.crowd.City, "postal_code": s.crowd.Post, "country": s.crowd.Country}
	var items []fields
	var sum int64
	for _, l := range s.lines {
		net, t := s.split(l.unit * l.quantity)
		sum += net + t
		items = append(items, fields{"sku": l.good.SKU, "name": l.title, "variant": l.good.Variant, "quantity": l.quantity, "unit_price": s.money((net + t) / l.quantity), "total": s.money(net + t)})
	}
	e := fields{"id": number, "number": number, "locale": s.crowd.Locale, "currency": s.crowd.Currency, "placed_at": s.placed.UTC().Format(time.RFC3339),
		"customer": fields{"first_name": s.given, "last_name": s.family, "email": s.address(), "phone": s.phone}, "note": testNote, "test": true,
		"addresses": fields{"shipping": at, "billing": at}, "items": items, "payment": fields{"status": "paid", "method": s.market.pay},
		"shipping": []fields{{"title": s.market.ship, "amount": s.money(total - sum)}},
		"totals":   fields{"subtotal": s.money(sum), "shipping": s.money(total - sum), "tax": s.money(tax), "total": s.money(total)}}
	if tax > 0 {
		e["taxes"], e["taxes_included"] = []fields{{"title": s.market.tax, "amount": s.money(tax)}}, true
	}
	return e
}

func withShop(body []byte, shop string) ([]byte, error) {
	var e fields
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, err
	}
	e["shop"] = shop
	return json.Marshal(e)
}

// release sends a kept mail to a real address by the first provider of the
// configuration that the pipeline sends mails by: its bytes as they are, so that
// a real mail program shows what a customer's would.
func (t *Trial) release(ctx context.Context, l mailbox.Letter, to string) error {
	a, err := address.Parse(strings.TrimSpace(to))
	if err != nil {
		return waxwing.Permanent(fmt.Errorf("to: %w", err))
	}
	wide, err := address.Envelope(a.String())
	if err != nil {
		return waxwing.Permanent(fmt.Errorf("to: %w", err))
	}
	name := t.firstMailer()
	p, ok := t.real[name]
	if !ok {
		return waxwing.Permanent(errors.New("the configuration has no provider of mails"))
	}
	made, err := daemon.OpenProvider(name, p, nil)
	if err != nil {
		return err
	}
	defer daemon.CloseNow(made)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	high := bytes.ContainsFunc(l.Data, func(r rune) bool { return r >= 0x80 })
	out := &waxwing.Outgoing{Channel: waxwing.Email, From: l.From, To: a.String(), Data: l.Data, IdempotencyKey: rand.Text(),
		SMTPUTF8: wide || high, EightBit: high}
	got := made.Offer(ctx, out, func() error { return nil }) // no ledger hangs on it
	t.log.Info("a mail was released to a real address by hand", "provider", name, "verdict", got.Verdict, "phase", got.Phase, "code", got.Code)
	if got.Verdict == waxwing.Accepted {
		return nil
	}
	why := strings.TrimSpace(got.Reply.Reveal())
	if why == "" && got.Err != nil {
		why = got.Err.Error()
	}
	return fmt.Errorf("the provider %s did not take it: %s at %s: %s", name, got.Verdict, got.Phase, why)
}

func (t *Trial) firstMailer() string {
	return daemon.FirstMailer(t.cfg)
}
