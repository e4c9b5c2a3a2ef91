package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/locales"
)

// cases are small payloads after public fault reports, each with what is right.
var cases = filepath.Join("..", "..", "..", "shared", "cases")

// shown is one case as "waxwing preview" shows it in one language.
type shown struct {
	t               *testing.T
	locale          *locales.Locale
	order           waxwing.Order
	text, html, sms string
	rows            []shownRow // of amounts, from the text
	lines           []int64    // what the items cost, from the text
}

// shownRow is one row of amounts, in minor units.
type shownRow struct {
	label  string
	amount int64
}

// TestCases holds every file of ../shared/cases to what its line in the README
// there says, in HTML, text and SMS, in three languages.
func TestCases(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(cases, "*.json"))
	if len(files) == 0 {
		t.Skip("the cases of ../shared are not here")
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		check, known := caseChecks[name]
		if !known {
			t.Errorf("%s: nothing is said of what is right", name)
			continue
		}
		for _, tag := range []string{"en", "de", "ja"} {
			t.Run(name+"/"+tag, func(t *testing.T) {
				if strings.Contains(name, "suborder") {
					_, err := showCase(t, file, "text", tag, "")
					if err == nil || !strings.Contains(err.Error(), "would be ignored: a part of order 500") {
						t.Errorf("a sub-order is not ignored: %v", err)
					}
					return
				}
				s := showAll(t, file, tag)
				s.addsUp()
				s.saysTheSameEverywhere()
				check(s)
			})
		}
	}
}

// showCase is what "waxwing preview" prints.
func showCase(t *testing.T, file, format, tag, more string) (string, error) {
	t.Helper()
	conf := filepath.Join(cases, "config.yaml")
	if more != "" { // the same tenant, with more keys
		b, err := os.ReadFile(conf)
		if err != nil {
			t.Fatal(err)
		}
		conf = filepath.Join(t.TempDir(), "config.yaml")
		b = bytes.Replace(b, []byte("    shops:\n"), []byte(more+"    shops:\n"), 1)
		if err := os.WriteFile(conf, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shop := "woocommerce"
	if strings.HasPrefix(filepath.Base(file), "shopify") {
		shop = "shopify"
	}
	c := previewCmd{Event: file, Tenant: "acme", Shop: shop, Format: format, Locale: tag}
	c.Config = conf
	var out, errs bytes.Buffer
	err := c.Run(streams{in: strings.NewReader(""), out: &out, err: &errs})
	if errs.Len() > 0 {
		t.Errorf("preview warns: %s", errs.String())
	}
	return out.String(), err
}

func showAll(t *testing.T, file, tag string) *shown { return showWith(t, file, tag, "") }

func showWith(t *testing.T, file, tag, more string) *shown {
	t.Helper()
	s := &shown{t: t}
	for _, f := range []struct {
		format string
		to     *string
	}{{"text", &s.text}, {"html", &s.html}, {"sms", &s.sms}, {"json", new(string)}} {
		out, err := showCase(t, file, f.format, tag, more)
		if err != nil {
			t.Fatal(err)
		}
		if *f.to = out; f.format == "json" {
			if err := json.Unmarshal([]byte(out), &s.order); err != nil {
				t.Fatal(err)
			}
		}
	}
	cat, err := locales.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	if tag == "" {
		tag = "de"
	}
	s.locale, _ = cat.Locale(tag)
	s.html = visible(s.html)
	_, totals, _ := strings.Cut(s.text, "\n----------------------------------------\n")
	totals, _, _ = strings.Cut(totals, "\n----------------------------------------\n")
	for _, line := range strings.Split(totals, "\n") {
		i := strings.LastIndexAny(line, ":：")
		if i < 0 {
			continue
		}
		if m, ok := s.amount(line[i:]); ok {
			s.rows = append(s.rows, shownRow{line[:i], m})
		}
	}
	for _, line := range strings.Split(s.text, "\n") {
		if _, price, ok := strings.Cut(line, "  =  "); ok {
			m, _ := s.amount(price)
			s.lines = append(s.lines, m)
		}
	}
	return s
}

var (
	styles = regexp.MustCompile(`(?is)<(style|script|head)\b.*?</(style|script|head)>|<!--.*?-->`)
	breaks = regexp.MustCompile(`(?i)<(br|/?tr|/?p|/?div|/?h[1-6])\b[^>]*>`)
	tags   = regexp.MustCompile(`<[^>]*>`)
)

// visible is the text that an HTML mail shows.
func visible(s string) string {
	s = tags.ReplaceAllString(breaks.ReplaceAllString(styles.ReplaceAllString(s, ""), "\n"), "")
	return html.UnescapeString(s)
}

// amount reads an amount as its language writes it, in minor units.
func (s *shown) amount(text string) (minor int64, ok bool) {
	decimal := "."
	if strings.HasPrefix(s.locale.Tag(), "de") {
		decimal = ","
	}
	after := -1
	for _, r := range text {
		switch {
		case r == '−' || r == '-':
			defer func() { minor = -minor }()
		case r >= '0' && r <= '9':
			if minor, ok = minor*10+int64(r-'0'), true; after >= 0 {
				after++
			}
		case string(r) == decimal && ok:
			after = 0
		}
	}
	for d := waxwing.Decimals(s.order.Currency); after < d; d-- {
		minor *= 10
	}
	return minor, ok
}

// money writes an amount as the mail does.
func (s *shown) money(decimal string) string {
	m, err := waxwing.ParseMoney(decimal, s.order.Currency)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(s.locale.AppendMoney(nil, m))
}

// row returns the rows with an amount.
func (s *shown) row(decimal string) (found []shownRow) {
	m, err := waxwing.ParseMoney(decimal, s.order.Currency)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, r := range s.rows {
		if r.amount == m.Minor {
			found = append(found, r)
		}
	}
	return found
}

func (s *shown) wantRow(decimal string) {
	s.t.Helper()
	if len(s.row(decimal)) == 0 {
		s.t.Errorf("no row of %s in %v", decimal, s.rows)
	}
}

// addsUp adds up what is shown with a calculator: the items to the first row,
// the rows to the total.
func (s *shown) addsUp() {
	s.t.Helper()
	label := strings.TrimRight(s.locale.Text(locales.MsgTotal), ":： ")
	lines, rows, total := int64(0), int64(0), -1
	for _, m := range s.lines {
		lines += m
	}
	for i, r := range s.rows {
		if r.label == label {
			total = i
			break
		}
		rows += r.amount
	}
	switch {
	case total <= 0 || len(s.lines) == 0:
		s.t.Fatalf("no items, no rows or no total %q in\n%s", label, s.text)
	case s.rows[0].amount != lines:
		s.t.Errorf("the items are %d, the subtotal %d", lines, s.rows[0].amount)
	case rows != s.rows[total].amount:
		s.t.Errorf("the rows are %d, the total %d: %v", rows, s.rows[total].amount, s.rows)
	case s.rows[total].amount != s.order.Total.Minor:
		s.t.Errorf("the total is %v, shown as %d", s.order.Total, s.rows[total].amount)
	}
	for _, it := range s.order.Items {
		if it.Unit != nil && it.Unit.Minor*it.Quantity != it.Total.Minor {
			s.t.Errorf("%d x %v = %v", it.Quantity, it.Unit, it.Total)
		}
	}
}

// saysTheSameEverywhere holds HTML and SMS to the text: the total, each item,
// the order's number.
func (s *shown) saysTheSameEverywhere() {
	s.t.Helper()
	s.both(s.order.Number)
	for _, r := range s.rows {
		if !strings.Contains(s.html, r.label) {
			s.t.Errorf("the HTML has no row %q", r.label)
		}
	}
	s.both(string(s.locale.AppendMoney(nil, s.order.Total)))
	for _, it := range s.order.Items {
		s.both(it.Name)
	}
	if !strings.Contains(s.sms, s.order.Number) || strings.Count(s.sms, "\n") != 1 {
		s.t.Errorf("the SMS is %q", s.sms)
	}
}

// both wants a text in the HTML and in the plain part.
func (s *shown) both(want string) {
	s.t.Helper()
	for part, text := range map[string]string{"text": s.text, "HTML": s.html} {
		if !strings.Contains(text, want) {
			s.t.Errorf("the %s does not say %q", part, want)
		}
	}
}

// neither wants it in no part.
func (s *shown) neither(bad ...string) {
	s.t.Helper()
	for part, text := range map[string]string{"text": s.text, "HTML": s.html, "SMS": s.sms} {
		for _, b := range bad {
			if strings.Contains(text, b) {
				s.t.Errorf("the %s says %q", part, b)
			}
		}
	}
}

// word is a word of the mail in the case's language.
func (s *shown) word(en, de, ja string) string {
	return map[string]string{"en": en, "de": de, "ja": ja}[s.locale.Tag()]
}

// calm are the sentences that promise that the order is being prepared.
var calm = []string{"getting it ready", "bereiten sie nun vor", "商品の準備を進めて"}

var caseChecks = map[string]func(s *shown){
	"woo-marketplace-1-parent":     func(s *shown) { s.both("Rug") },
	"woo-marketplace-2-suborder":   nil,
	"woo-meta-keys-differ-in-case": func(s *shown) { s.neither("designer", "ID") },
	"woo-lone-surrogate":           func(s *shown) { s.both("Smile �") },
	"woo-local-pickup-home-address": func(s *shown) {
		// Her home is where the bill goes, and nothing else.
		if n := strings.Count(s.text, "1 Oak Rd"); n != 1 {
			s.t.Errorf("the home address is shown %d times", n)
		}
		s.neither(s.locale.Text(locales.MsgPickupAddress))
		if s.order.Shipping != nil || !s.order.Delivery.Pickup {
			s.t.Errorf("%+v %+v", s.order.Shipping, s.order.Delivery)
		}
	},
	"woo-gross-20-percent-cent": func(s *shown) {
		if len(s.lines) != 1 || s.lines[0] != 999 {
			s.t.Errorf("the line is %v, the shop charged 9.99", s.lines)
		}
		if len(s.order.Remainder) > 0 {
			s.t.Errorf("%+v", s.order.Remainder)
		}
	},
	"woo-store-credit-after-tax": func(s *shown) {
		s.wantRow("-50.00")
		s.both(s.word("Store credit", "Guthaben", "ストアクレジット"))
	},
	"woo-line-total-above-subtotal": func(s *shown) {
		s.wantRow("2.50")
		s.both(s.word("Surcharge", "Zuschlag", "追加料金"))
		s.neither(s.locale.Text(locales.MsgDiscount))
	},
	"woo-unit-price-four-decimals": func(s *shown) {
		s.both("Screw")
		s.neither("× "+s.money("0.01"), "× "+s.money("0.00"))
	},
	"woo-attribute-in-product-name": func(s *shown) {
		for _, want := range [][2]string{{"Size", "M"}, {"Style", "Snapback"}} {
			found := false
			for _, it := range s.order.Items {
				for _, p := range it.Properties {
					found = found || p.Name == want[0] && p.Value == want[1]
				}
			}
			if s.both(want[0]); !found {
				s.t.Errorf("%v is dropped", want)
			}
		}
	},
	"woo-locale-formal": func(s *shown) {
		own := showAll(s.t, filepath.Join(cases, "woo-locale-formal.json"), "")
		if own.order.Locale != "de-CH" {
			s.t.Errorf("the locale is %q", own.order.Locale)
		}
		de, _ := mustBuiltin(s.t).Locale("de")
		own.both(de.Text(locales.MsgSubtotal))
	},
	"woo-long-word-in-property": func(s *shown) { s.both("0123456789abcdef.jpg") },
	"woo-line-breaks": func(s *shown) {
		for _, part := range []string{s.text, s.html} {
			for _, lines := range [][2]string{{"Ring twice.", "Leave at no. 7,"}, {"Leave at no. 7,", "not in the shed."}, {"Anna", "Ben"}, {"Ben", "2026"}} {
				from := strings.Index(part, lines[0])
				to := strings.Index(part[max(from, 0):], lines[1])
				if from < 0 || to < 0 || !strings.Contains(part[from:from+to], "\n") {
					s.t.Errorf("%q and %q are on one line", lines[0], lines[1])
				}
			}
		}
	},
	"woo-region-codes": func(s *shown) {
		s.both("Barcelona")
		for _, line := range strings.Split(s.text, "\n") {
			if l := strings.TrimSpace(line); l == "00" || strings.HasSuffix(l, "Sitges, B") {
				s.t.Errorf("a code is shown: %q", line)
			}
		}
	},
	"woo-refunded-before-mail": func(s *shown) {
		s.neither(calm...)
		s.wantRow("-30.00")
	},
	"woo-address-double-dot": func(s *shown) {
		eml, err := showCase(s.t, filepath.Join(cases, "woo-address-double-dot.json"), "eml", s.locale.Tag(), "")
		if err != nil || !strings.Contains(eml, `<"ida..moss."@mail.example>`) {
			s.t.Errorf("%v: not sent to the address in quotation marks", err)
		}
	},
	"woo-entity-in-meta-key": func(s *shown) {
		s.both("Gift wrap (+$2.00)")
		s.neither("&#36;", "&amp;")
	},
	"woo-deposit-partially-paid": func(s *shown) {
		if s.order.Payment.Status != waxwing.PaymentPartlyPaid {
			s.t.Errorf("%+v", s.order.Payment)
		}
		s.both(s.locale.Text(locales.MsgPayPartly))
		s.neither(s.word("Paid with Card", "Bezahlt mit Card", "Cardでお支払い済み"))
	},
	"woo-bank-transfer": func(s *shown) {
		s.neither("/track/")
		s.neither(calm...)
		s.both(s.locale.Text(locales.MsgBankTransfer))
		own := showWith(s.t, filepath.Join(cases, "woo-bank-transfer.json"), s.locale.Tag(),
			"    payment_instructions: {bank_transfer: {text: \"Transfer {total} to IBAN GB33 BUKB 2020 1555 5555 55\"}}\n")
		own.both("IBAN GB33 BUKB 2020 1555 5555 55")
		own.both("90001")
	},
	"shopify-properties-not-text-po-number": func(s *shown) {
		for _, want := range []string{"Gift wrap", "✓", "Colours", "red, blue", "PO-77812"} {
			s.both(want)
		}
	},
}

func mustBuiltin(t *testing.T) *locales.Catalogue {
	t.Helper()
	cat, err := locales.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

// One purchase by two objects on one webhook is one confirmation, and the other
// stands in the ledger with its reason.
func TestOnePurchaseOneConfirmation(t *testing.T) {
	var events [][]byte
	for _, name := range []string{"woo-marketplace-1-parent", "woo-marketplace-2-suborder"} {
		raw, err := os.ReadFile(filepath.Join(cases, name+".json"))
		if err != nil {
			t.Skip("the cases of ../shared are not here")
		}
		events = append(events, fresh(raw))
	}
	r := newRig(t, withTenant(func(c *config.Tenant) {
		c.Shops["market"] = config.Shop{Format: "woocommerce", Secret: testShopSecret}
	}))
	var ids []string
	for _, raw := range events {
		code, body := r.do("POST", "/hooks/acme/market", "", map[string][]string{"X-Wc-Webhook-Topic": {"order.created"},
			"X-Wc-Webhook-Signature": {sign(raw, testShopSecret)}}, raw)
		rc := parseReceipt(t, body)
		if code/100 != 2 {
			t.Fatalf("%d %s", code, body)
		}
		ids = append(ids, rc.ID)
	}
	r.until(ids[0], waxwing.Sent)
	if v := r.until(ids[1], waxwing.Ignored); !strings.Contains(v.Reason, "a part of order 500") {
		t.Errorf("ignored because of %q", v.Reason)
	}
	if n := len(r.allMails()); n != 1 {
		t.Errorf("%d mails", n)
	}
}

// A deposit passes where the tenant lets it, and waits elsewhere.
func TestDepositPassesWhereItMay(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(cases, "woo-deposit-partially-paid.json"))
	if err != nil {
		t.Skip("the cases of ../shared are not here")
	}
	raw = fresh(raw)
	for _, deposits := range []bool{true, false} {
		t.Run(fmt.Sprint(deposits), func(t *testing.T) {
			r := newRig(t, withTenant(func(c *config.Tenant) {
				c.Deposits = deposits
				c.Shops["woo"] = config.Shop{Format: "woocommerce", Secret: testShopSecret}
			}))
			_, body := r.do("POST", "/hooks/acme/woo", "", map[string][]string{"X-Wc-Webhook-Topic": {"order.created"},
				"X-Wc-Webhook-Signature": {sign(raw, testShopSecret)}}, raw)
			rc := parseReceipt(t, body)
			if deposits {
				r.until(rc.ID, waxwing.Sent)
			} else if v := r.until(rc.ID, waxwing.Held); v.Reason != "payment partially_paid" {
				t.Errorf("held because of %q", v.Reason)
			}
		})
	}
}

// fresh moves a payload's days to now, so that it is not too old to be mailed.
func fresh(raw []byte) []byte {
	for _, was := range []string{"2026-11-26T10", "2026-11-26T09"} {
		raw = bytes.ReplaceAll(raw, []byte(was), []byte(ago(0)[:13]))
	}
	return raw
}

// A local part whose dots need quotation marks goes in them through SMTP, to
// one recipient, and the person is found by the address that the shop wrote.
func TestQuotedAddressIsMailed(t *testing.T) {
	r := newRig(t)
	id := r.accepted(order(1, "ida..moss.@mail.example", nil))
	v := r.until(id, waxwing.Sent)
	r.stop()
	mails := r.allMails()
	if len(mails) != 1 || mails[0].To != `"ida..moss."@mail.example` {
		t.Fatalf("%d mails, %+v", len(mails), mails)
	}
	if got := v.Messages[0].To; got != `"ida..moss."@mail.example` {
		t.Errorf("the trail has %q", got)
	}
}

// A body far over a mebibyte, most of which no mail shows, goes the whole way.
func TestLargeBodyIsMailed(t *testing.T) {
	r := newRig(t)
	r.cfg.HTTP.MaxBody = 8 << 20
	r.restart(daemon.Extras{})
	body := order(1, "jana@example.com", map[string]any{"x_designer": strings.Repeat("é", 2<<20), "x_list": make([]int, 500_000)})
	id := r.accepted(body)
	r.until(id, waxwing.Sent)
	r.verified()
	if len(r.allMails()) != 1 {
		t.Fatalf("%d mails for %d bytes", len(r.allMails()), len(body))
	}
}
