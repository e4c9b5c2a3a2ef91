package compose

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jhillyerd/enmime/v2"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/locales"
	"github.com/waxwinghq/waxwing/shop/shopify"
	"github.com/waxwinghq/waxwing/shop/woocommerce"
)

// formats are the shops whose payloads are read.
var formats = map[string]waxwing.Format{"shopify": shopify.Format, "woocommerce": woocommerce.Format}

// expectation is what a customer must find in her mail, read from the payload
// by other code than the program's.
type expectation struct {
	money []string // decimal amounts
	curr  string
	texts []string
	links []string
}

// Acceptance 2: the shops' real payloads in all twelve languages.
func TestRealPayloadsInAllLanguages(t *testing.T) {
	cat, err := locales.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	cfg := configtest.With(map[string]config.Tenant{})
	for _, tag := range locales.Tags() {
		cfg.Tenants[tag] = config.Tenant{Name: "Acme", From: "orders@acme.example", Locales: []string{tag}}
	}
	x, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	mails, checks := 0, 0
	for kind, format := range formats {
		for name, raw := range realPayloads(t, kind) {
			o, err := format.Normalise("", raw)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			want := expect(t, kind, raw)
			o.Customer.Email = cmp.Or(o.Customer.Email, "jana@example.com") // some have no customer
			for _, tag := range locales.Tags() {
				l, _ := cat.Locale(tag)
				d, err := x.Email(&waxwing.Work{Tenant: waxwing.TenantID(tag), Token: "t"}, o, time.Now())
				if err != nil {
					t.Errorf("%s in %s: %v", name, tag, err)
					continue
				}
				mails++
				e, err := enmime.ReadEnvelope(bytes.NewReader(d.Data))
				if err != nil {
					t.Fatal(err)
				}
				page := html.UnescapeString(e.HTML)
				find := func(s string, inText bool) {
					checks++
					if !strings.Contains(page, s) {
						t.Errorf("%s in %s: the HTML lacks %q", name, tag, s)
					}
					if inText && !strings.Contains(e.Text, s) {
						t.Errorf("%s in %s: the text lacks %q", name, tag, s)
					}
				}
				for _, m := range want.money {
					find(string(l.AppendMoney(nil, minor(t, m, want.curr))), true)
				}
				for _, s := range want.texts {
					find(s, true)
				}
				for _, s := range want.links {
					find(s, true)
				}
			}
		}
	}
	if mails == 0 {
		t.Skip("the real payloads of ../shared/data are not here")
	}
	t.Logf("%d mails, %d checks", mails, checks)
}

func realPayloads(t *testing.T, shop string) map[string][]byte {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join("..", "..", "shared", "data", "shops", shop, "order*.json"))
	out := map[string][]byte{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var many []json.RawMessage
		if json.Unmarshal(raw, &many) != nil {
			var m struct{ Orders []json.RawMessage }
			if json.Unmarshal(raw, &m) == nil && len(m.Orders) > 0 {
				many = m.Orders
			} else {
				many = []json.RawMessage{raw}
			}
		}
		for i, o := range many {
			out[fmt.Sprintf("%s#%d", filepath.Base(f), i)] = o
		}
	}
	return out
}

// minor reads a decimal exactly.
func minor(t *testing.T, s, currency string) waxwing.Money {
	t.Helper()
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatalf("%q is no amount", s)
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(waxwing.Decimals(currency))), nil)
	r.Mul(r, new(big.Rat).SetInt(scale))
	n := r.FloatString(0)
	m, err := json.Number(n).Int64()
	if err != nil {
		t.Fatal(err)
	}
	return waxwing.Money{Minor: m, Currency: currency}
}

func expect(t *testing.T, shop string, raw []byte) (e expectation) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		t.Fatal(err)
	}
	if o, ok := m["order"].(map[string]any); ok {
		m = o
	}
	text := func(v any) string {
		if v == nil {
			return ""
		}
		return strings.TrimSpace(fmt.Sprint(v))
	}
	if c := text(m["presentment_currency"]); c != "" && c != text(m["currency"]) {
		t.Fatalf("a payload in two currencies: extend this test")
	}
	e.curr = text(m["currency"])
	total, number, link := "total_price", text(m["name"]), text(m["order_status_url"])
	if shop == "woocommerce" {
		total, number, link = "total", text(m["number"]), ""
	}
	e.money = append(e.money, text(m[total]))
	e.texts = append(e.texts, number)
	if strings.HasPrefix(link, "https://") {
		e.links = append(e.links, link)
	}
	lines, _ := m["line_items"].([]any)
	for _, v := range lines {
		li := v.(map[string]any)
		name := text(li["title"])
		price := text(li["price"])
		if shop == "woocommerce" {
			name = html.UnescapeString(text(li["name"]))
			price = text(li["subtotal"])
			if inc, _ := m["prices_include_tax"].(bool); inc {
				price = ""
			}
		} else {
			p, _ := new(big.Rat).SetString(price)
			q, _ := new(big.Rat).SetString(text(li["quantity"]))
			if p != nil && q != nil {
				price = p.Mul(p, q).FloatString(6)
			}
		}
		e.texts = append(e.texts, strings.Join(strings.Fields(name), " "))
		if price != "" {
			e.money = append(e.money, price)
		}
		if q := text(li["quantity"]); q != "1" && q != "" {
			e.texts = append(e.texts, q)
		}
	}
	for _, k := range []string{"shipping_address", "shipping"} {
		if a, ok := m[k].(map[string]any); ok {
			for _, f := range []string{"address1", "address_1", "zip", "postcode"} {
				if s := text(a[f]); s != "" {
					e.texts = append(e.texts, s)
				}
			}
		}
	}
	return e
}
