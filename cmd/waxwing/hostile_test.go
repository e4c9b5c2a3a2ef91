package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jhillyerd/enmime/v2"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
)

// poisons are what somebody would write into a field to break out of it.
var poisons = map[string]string{
	"header":   "x\r\nBcc: evil@evil.example\r\nX-Evil: 1\r\n\r\n<p>evil</p>",
	"dot":      "x\r\n.\r\nMAIL FROM:<evil@evil.example>\r\n",
	"template": "{{{customer.email}}} {{#items}}{{>evil}}{{/items}} ${7*7}",
	"html":     `"><script>evil()</script><img src=x onerror=evil()><a href="javascript:evil()">`,
	"json-ld":  `</script><script>evil()</script>`,
	"bidi":     "\u202egpj.exe\u2066 \u200b\ufeff",
	"nul":      "a\x00b\x1b[31m\x7f",
	"long":     strings.Repeat("Ä", 40_000),
	"url":      "https://user:pw@evil.example/\"onload=\"evil()",
	"address":  `"jana@example.com, evil"@evil.example`,
}

// stringsIn calls f with a setter for each string in a JSON value.
func stringsIn(v any, path string, f func(path string, set func(any))) {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			if _, ok := v[k].(string); ok {
				f(path+"."+k, func(x any) { v[k] = x })
			}
			stringsIn(v[k], path+"."+k, f)
		}
	case []any:
		for i := range v {
			if _, ok := v[i].(string); ok {
				f(fmt.Sprintf("%s[%d]", path, i), func(x any) { v[i] = x })
			}
			stringsIn(v[i], fmt.Sprintf("%s[%d]", path, i), f)
		}
	}
}

func (r *rig) hook(shop string, body []byte) (int, string) {
	r.t.Helper()
	return r.do("POST", "/hooks/acme/"+shop, "", http.Header{"X-Shopify-Topic": {"orders/paid"}, "X-Wc-Webhook-Topic": {"order.updated"},
		"X-Shopify-Hmac-Sha256": {sign(body, testShopSecret)}, "X-Wc-Webhook-Signature": {sign(body, testShopSecret)}}, body)
}

// model is a payload of a shop that names a recipient and is fresh and paid.
func model(t *testing.T, shop string) map[string]any {
	t.Helper()
	var b []byte
	if shop == "shopify" {
		b = shopifyOrder(1, "jana@example.com", "paid")
	} else {
		var err error
		if b, err = os.ReadFile(filepath.Join("..", "..", "shop", "woocommerce", "testdata", "gross-with-coupon.json")); err != nil {
			t.Fatal(err)
		}
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		t.Fatal(err)
	}
	if shop == "woocommerce" {
		now := time.Now().UTC().Format("2006-01-02T15:04:05")
		for _, k := range []string{"date_created", "date_created_gmt", "date_modified", "date_modified_gmt", "date_paid", "date_paid_gmt"} {
			m[k] = now
		}
		m["status"] = "processing"
		m["billing"].(map[string]any)["email"] = "jana@example.com"
	}
	return m
}

// Acceptance 9: every poison in every string of both shops' payloads. The
// event is taken; what comes of it is a safe mail, or none.
func TestHostileFields(t *testing.T) {
	for _, shop := range []string{"shopify", "woocommerce"} {
		t.Run(shop, func(t *testing.T) {
			r := newRig(t)
			var bodies [][]byte
			var names []string
			id := 10_000
			for _, p := range slices.Sorted(maps.Keys(poisons)) {
				var paths []string
				stringsIn(model(t, shop), "", func(path string, _ func(any)) { paths = append(paths, path) })
				for _, at := range paths {
					m := model(t, shop)
					stringsIn(m, "", func(path string, set func(any)) {
						if path == at {
							set(poisons[p])
						}
					})
					id++
					m["id"] = id
					b, _ := json.Marshal(m)
					bodies, names = append(bodies, b), append(names, p+" in "+at)
				}
			}
			if raceDetector || testing.Short() { // some of them, others each day
				keep := time.Now().YearDay() % 8
				var b [][]byte
				var n []string
				for i := range bodies {
					if i%8 == keep {
						b, n = append(b, bodies[i]), append(n, names[i])
					}
				}
				bodies, names = b, n
			}
			const good = 60
			parallel(len(bodies)+good, 16, func(i int) {
				if i < good {
					r.accepted(shopifyOrder(i+1, fmt.Sprintf("c%d@example.com", i+1), "paid"))
					return
				}
				if code, b := r.hook(shop, bodies[i-good]); code/100 != 2 {
					t.Errorf("%s: %d %s", names[i-good], code, b)
				}
			})
			open := []waxwing.State{waxwing.Received, waxwing.Queued, waxwing.Claimed, waxwing.Dot, waxwing.Uncertain}
			r.poll("all are over", func() bool {
				for _, s := range open {
					if len(r.list("?limit=1&state="+string(s))) > 0 {
						return false
					}
				}
				return true
			})
			r.oneEach(1, good)
			for _, m := range r.allMails() {
				safeMail(t, &m)
			}
			for _, x := range r.allTexts() {
				if len(x.Body) > 700 || strings.ContainsAny(x.Body, "\x00\r\x1b\u202e") {
					t.Errorf("text %q", x.Body)
				}
			}
			poison := len(r.list("?state=quarantined&limit=500"))
			r.verified()
			t.Logf("%d hostile events: %d mails, %d texts, %d quarantined", len(bodies), len(r.allMails())-good, len(r.allTexts()), poison)
			if bytes.Contains(r.logs.Bytes(), []byte("panic")) {
				t.Error("a panic is in the log")
			}
		})
	}
}

var mailHeaders = []string{"From", "To", "Reply-To", "Subject", "Date", "Message-Id", "Mime-Version", "Content-Type", "Content-Language",
	"Auto-Submitted", "X-Entity-Ref-Id", "X-Auto-Response-Suppress", "Content-Transfer-Encoding", "Feedback-Id"}

var (
	anyScript  = regexp.MustCompile(`(?is)<script\b([^>]*)>(.*?)</script`)
	evilInTag  = regexp.MustCompile(`(?is)<[a-z][^>]*\s(on[a-z]+|src=x)\s*=`)
	scriptHref = regexp.MustCompile(`(?is)(href|src)\s*=\s*["']?\s*(javascript|data|vbscript):`)
)

// safeMail reads a mail with other code than wrote it.
func safeMail(t *testing.T, m *sink.Mail) {
	t.Helper()
	e, err := enmime.ReadEnvelope(bytes.NewReader(m.Data))
	if err != nil {
		t.Fatal(err)
	}
	bad := func(format string, args ...any) { t.Errorf("mail to %s: "+format, append([]any{m.To}, args...)...) }
	for _, k := range e.GetHeaderKeys() {
		if !slices.ContainsFunc(mailHeaders, func(h string) bool { return strings.EqualFold(h, k) }) {
			bad("an unexpected header %s", k)
		}
		if n := len(e.GetHeaderValues(k)); n != 1 {
			bad("%d headers %s", n, k)
		}
	}
	to, err := e.AddressList("To")
	if err != nil || len(to) != 1 || !strings.EqualFold(to[0].Address, m.To) {
		bad("To is %v, %v", to, err)
	}
	if from, err := e.AddressList("From"); err != nil || len(from) != 1 || from[0].Address != "orders@acme.example" {
		bad("From is %v, %v", from, err)
	}
	if strings.HasSuffix(m.To, "evil.example") {
		bad("it goes to the wrong one")
	}
	for _, s := range anyScript.FindAllStringSubmatch(e.HTML, -1) {
		if !strings.Contains(s[1], `type="application/ld+json"`) || !json.Valid([]byte(s[2])) {
			bad("a script: %.200s", s[0])
		}
	}
	for _, re := range []*regexp.Regexp{evilInTag, scriptHref} {
		if s := re.FindString(e.HTML); s != "" {
			bad("%.200s", s)
		}
	}
	for _, s := range []string{e.GetHeader("Subject"), e.HTML, e.Text, e.GetHeader("To")} {
		if i := strings.IndexAny(s, "\x00\x1b\x7f\u202e"); i >= 0 {
			bad("%q", s[max(0, i-20):min(len(s), i+20)])
		}
	}
	if len(m.Data) > 200<<10 {
		bad("%d KiB", len(m.Data)>>10)
	}
	for line := range bytes.SplitSeq(m.Data, []byte("\r\n")) {
		if len(line) > 998 || bytes.ContainsAny(line, "\r\n\x00") {
			bad("a line of %d bytes", len(line))
		}
	}
}

// JSON that is made to hurt.
func TestJSONBombs(t *testing.T) {
	r := newRig(t)
	most := 3 * time.Second
	if raceDetector {
		most = 30 * time.Second
	}
	for name, b := range map[string]string{
		"deep arrays":    strings.Repeat("[", 500_000),
		"deep objects":   strings.Repeat(`{"a":`, 150_000),
		"many objects":   "[" + strings.Repeat("{},", 300_000) + "{}]",
		"duplicate keys": `{"id":1,"id":2,"total_price":"1.00","line_items":[]}`,
		"cased keys":     `{"id":71,"ID":72,"total_price":"1.00","line_items":[]}`,
		"huge number":    `{"id":1e400,"total_price":"1.00"}`,
		"many digits":    `{"id":` + strings.Repeat("9", 100_000) + `,"total_price":"1.00"}`,
		"long string":    `{"id":73,"total_price":"` + strings.Repeat("9", 1_000_000) + `"}`,
		"many keys":      `{"id":74,"total_price":"1.00"` + manyKeys(60_000) + `}`,
		"money":          `{"id":77,"currency":"EUR","total_price":"1e99999999","line_items":[]}`,
		"quantity":       `{"id":78,"currency":"EUR","financial_status":"paid","total_price":"1.00","line_items":[{"title":"x","quantity":9223372036854775807,"price":"92233720368547758.07"}]}`,
		"not UTF-8":      "{\"id\":75,\"note\":\"\xff\xfe\"}",
		"lone surrogate": `{"id":79,"note":"\ud800","total_price":"1.00"}`,
		"empty":          "",
		"nothing":        " ",
		"null":           "null",
	} {
		began := time.Now()
		for _, shop := range []string{"shopify", "woocommerce"} {
			code, body := r.hook(shop, []byte(b))
			if code != http.StatusAccepted {
				t.Errorf("%s at %s: %d %.200s", name, shop, code, body)
				continue
			}
			rc := parseReceipt(t, body)
			r.poll(name+" is over", func() bool {
				s := r.get(rc.ID).State
				return s == waxwing.Quarantined || s == waxwing.Held || s == waxwing.Ignored
			})
		}
		if code, body := r.api("POST", "/orders", []byte(b)); code != http.StatusUnprocessableEntity {
			t.Errorf("%s by the API: %d %.200s", name, code, body)
		}
		if took := time.Since(began); took > most {
			t.Errorf("%s took %s", name, took)
		}
	}
	r.until(r.accepted(shopifyOrder(4711, "jana@example.com", "paid")), waxwing.Sent)
	r.verified()
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":1`, i)
	}
	return b.String()
}
