package templates

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/net/html"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/locales"
)

const hostile = `"><script>alert(1)</script>{{{x}}}{{>p}}{{#items}}` + "\r\nBcc: a@b.c\u2028\u202e\x00<!-- https://evil.example www.evil.example"

// structure lists a document's tags and attribute names: what no value may change.
func structure(t *testing.T, doc []byte) string {
	t.Helper()
	var b strings.Builder
	z := html.NewTokenizer(bytes.NewReader(doc))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return b.String()
		case html.CommentToken:
			b.WriteString("<!>")
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			token := z.Token()
			fmt.Fprintf(&b, "<%s%d", token.Data, token.Type)
			for _, a := range token.Attr {
				b.WriteString(" " + a.Key)
				if a.Key == "style" || a.Key == "class" || a.Key == "dir" || a.Key == "lang" {
					b.WriteString("=" + a.Val)
				}
			}
			b.WriteString(">\n")
		}
	}
}

// stringFields visits every string of a value, with its path.
func stringFields(v reflect.Value, path string, visit func(path string, v reflect.Value)) {
	switch v.Kind() {
	case reflect.String:
		visit(path, v)
	case reflect.Pointer:
		if !v.IsNil() {
			stringFields(v.Elem(), path, visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			stringFields(v.Index(i), fmt.Sprintf("%s[%d]", path, i), visit)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			stringFields(v.Field(i), path+"."+v.Type().Field(i).Name, visit)
		}
	}
}

// No string of an order changes the mail's structure, adds a line to its text
// or its subject, or is taken for a template.
func TestHostileValuesStayInPlace(t *testing.T) {
	s := builtin(t)
	for _, tag := range []string{"en", "ar"} {
		var paths []string
		stringFields(reflect.ValueOf(richOrder(tag)).Elem(), "", func(p string, _ reflect.Value) { paths = append(paths, p) })
		if len(paths) < 80 {
			t.Fatalf("only %d fields", len(paths))
		}
		for _, path := range paths {
			render := func(value string) *Mail {
				o := richOrder(tag)
				o.Items[0].ImageURL = "https://cdn.acme.example/1.jpg"
				stringFields(reflect.ValueOf(o).Elem(), "", func(p string, v reflect.Value) {
					if p == path {
						v.SetString(value)
					}
				})
				m := &Mail{}
				if err := s.Render(&Input{Order: o, Brand: acme(t), Locale: locale(t, tag)}, m); err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				return m
			}
			benign := "benign"
			if manyLines.MatchString(path) {
				benign = "two\nlines" // as hostile has
			}
			good, bad := render(benign), render(hostile)
			if g, b := structure(t, good.HTML), structure(t, bad.HTML); g != b {
				t.Errorf("%s %s changes the HTML:\n%s", tag, path, firstDifference(g, b))
			}
			if g, b := bytes.Count(good.Text, []byte("\n")), bytes.Count(bad.Text, []byte("\n")); g != b {
				t.Errorf("%s %s: the text has %d lines, not %d", tag, path, b, g)
			}
			// The number may stand in the tracking address, percent-encoded.
			bad.Text = regexp.MustCompile(`(?m)^https://acme\.example/track/.*$`).ReplaceAll(bad.Text, nil)
			if bytes.Contains(bad.Text, []byte("https://evil")) || bytes.Contains(bad.Text, []byte("www.evil")) {
				t.Errorf("%s %s puts a link into the text", tag, path)
			}
			if bytes.Contains(bad.HTML, []byte("\u202e")) || bytes.ContainsAny(bad.HTML, "\x00\r") {
				t.Errorf("%s %s: control characters in the HTML", tag, path)
			}
			if strings.ContainsFunc(bad.Subject, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' }) || len([]rune(bad.Subject)) > maxSubject {
				t.Errorf("%s %s: subject %q", tag, path, bad.Subject)
			}
			if sms := s.SMS(&Input{Order: func() *waxwing.Order { o := richOrder(tag); o.Number = hostile; return o }(), Brand: acme(t), Locale: locale(t, tag)}); strings.ContainsAny(sms, "\r\n\x00") || strings.Contains(sms, "https://evil") {
				t.Errorf("SMS %q", sms)
			}
		}
	}
}

// manyLines are the fields that keep their line breaks.
var manyLines = regexp.MustCompile(`\.(Note|Instructions)$|Properties\[\d+\]\.Value$`)

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return "want " + x[i] + "\n got " + y[i]
		}
	}
	return "lengths differ"
}

var jsonBlock = regexp.MustCompile(`(?s)<script type="application/ld\+json">(.*?)</script>`)

// The JSON-LD parses and says what the order says, whatever the values hold.
func TestJSONLD(t *testing.T) {
	o := richOrder("en")
	o.Items[0].Name, o.Items[0].URL = hostile, "javascript:alert(1)"
	var m Mail
	if err := builtin(t).Render(&Input{Order: o, Brand: acme(t), Locale: locale(t, "en")}, &m); err != nil {
		t.Fatal(err)
	}
	blocks := jsonBlock.FindAllSubmatch(m.HTML, -1)
	if len(blocks) != 1 || bytes.Count(m.HTML, []byte("<script")) != 1 {
		t.Fatalf("%d blocks", len(blocks))
	}
	var got struct {
		Context       string `json:"@context"`
		Type          string `json:"@type"`
		OrderNumber   string
		OrderDate     time.Time
		Price         string
		PriceCurrency string
		Merchant      struct{ Name string }
		Customer      struct{ Name string }
		URL           string
		AcceptedOffer []struct {
			ItemOffered      struct{ Name, URL, SKU string }
			Price            string
			EligibleQuantity struct{ Value int64 }
		}
		OrderDelivery struct {
			DeliveryAddress     struct{ PostalCode, StreetAddress string }
			ExpectedArrivalFrom string
		}
	}
	if err := json.Unmarshal(blocks[0][1], &got); err != nil {
		t.Fatalf("%v\n%s", err, blocks[0][1])
	}
	if got.Context != "https://schema.org" || got.Type != "Order" || got.OrderNumber != "#1042" || !got.OrderDate.Equal(o.PlacedAt) ||
		got.Price != "298.58" || got.PriceCurrency != "USD" || got.Merchant.Name != "Acme Outfitters" || got.Customer.Name != "Anna Lindqvist" ||
		got.URL != o.Links.Status || len(got.AcceptedOffer) != 3 || got.AcceptedOffer[1].EligibleQuantity.Value != 2 ||
		got.AcceptedOffer[1].Price != "34.00" || got.AcceptedOffer[0].ItemOffered.URL != "" || got.AcceptedOffer[0].ItemOffered.Name != hostile ||
		got.OrderDelivery.DeliveryAddress.PostalCode != "97205" || got.OrderDelivery.ExpectedArrivalFrom != "2026-03-12" {
		t.Errorf("%+v", got)
	}
}

// Addresses that are not plainly https never become links or pictures.
func TestOnlySafeLinks(t *testing.T) {
	for _, u := range []string{
		"javascript:alert(1)", "http://acme.example/", "//acme.example/", "/orders/1", "https://", "https:///x", "https://user@acme.example/",
		"https://acme.example@evil.example/", "https://acme.example/\"onload=x", "https://acme.example/ x", "https://acme.example/\r\nX", "HTTPS:/x",
		"https://acme.example\\@evil.example", "data:text/html,x", "https://acme.example/\u202ex", "https://.example/", "https://:443/", "vbscript:x", "https://a\xff.example",
	} {
		if safeURL(u) {
			t.Errorf("%q passes", u)
		}
		o := richOrder("en")
		o.Links = waxwing.Links{Status: u, Tracking: u, Support: u}
		o.Items[0].URL, o.Items[0].ImageURL = u, u
		var m Mail
		if err := builtin(t).Render(&Input{Order: o, Brand: acme(t), Locale: locale(t, "en")}, &m); err != nil {
			t.Fatal(err)
		}
		checkLinks(t, m.HTML)
		if bytes.Contains(m.HTML, []byte(`"`+u+`"`)) {
			t.Errorf("%q is a link", u)
		}
	}
	for _, u := range []string{"https://acme.example", "https://acme.example/a?b=c&d=%20#e", "https://bücher.example/x", "https://cdn.shopify.com/s/files/1/a_b.png?v=1", "HTTPS://acme.example:8443/"} {
		if !safeURL(u) {
			t.Errorf("%q is refused", u)
		}
	}
}

// checkLinks demands absolute https addresses everywhere.
func checkLinks(t *testing.T, doc []byte) (n int) {
	t.Helper()
	z := html.NewTokenizer(bytes.NewReader(doc))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return n
		case html.StartTagToken, html.SelfClosingTagToken:
			for _, a := range z.Token().Attr {
				if a.Key == "href" || a.Key == "src" {
					if n++; !strings.HasPrefix(a.Val, "https://") && !strings.HasPrefix(a.Val, "HTTPS://") {
						t.Errorf("%s=%q is not absolute https", a.Key, a.Val)
					}
				}
			}
		}
	}
}

// The mail stays below what Gmail clips, says what it left out, and costs
// little more for a hundred lines.
func TestLongOrders(t *testing.T) {
	for _, tag := range locales.Tags() {
		for _, n := range []int{1, 39, 40, 41, 100, 1000} {
			o := longOrder(tag, n)
			var m Mail
			if err := builtin(t).Render(&Input{Order: o, Brand: acme(t), Locale: locale(t, tag)}, &m); err != nil {
				t.Fatal(err)
			}
			if len(m.HTML) > 100_000 {
				t.Errorf("%s: %d lines make %d bytes", tag, n, len(m.HTML))
			}
			checkLinks(t, m.HTML)
			if want := max(n-maxItems, 0); m.Shortened != want {
				t.Errorf("%s: %d of %d lines left out", tag, m.Shortened, n)
			}
			if tag != "en" || n != 100 {
				continue
			}
			// Items are pieces, here as in the preheader.
			more := fmt.Sprintf("and %d more items", pieces(o.Items[maxItems:]))
			all := fmt.Sprintf("%d items, ", pieces(o.Items))
			if !bytes.Contains(m.HTML, []byte(more)) || !bytes.Contains(m.Text, []byte(more)) || !bytes.Contains(m.HTML, []byte(all)) {
				t.Errorf("the mail does not say %q and %q", more, all)
			}
		}
	}
	// Monstrous values make the list shorter, never the mail larger.
	o := longOrder("en", 200)
	stringFields(reflect.ValueOf(o).Elem(), "", func(p string, v reflect.Value) {
		if !strings.HasSuffix(p, "Currency") {
			v.SetString(strings.Repeat(`"'&<`, 3000))
		}
	})
	var m Mail
	if err := builtin(t).Render(&Input{Order: o, Brand: acme(t), Locale: locale(t, "en")}, &m); err != nil {
		t.Fatal(err)
	}
	if len(m.HTML) > 100_000 || m.Shortened <= 160 {
		t.Errorf("%d bytes, %d lines left out", len(m.HTML), m.Shortened)
	}
}

var emptyLabel = regexp.MustCompile(`(?m)^[^\n]*[:：]\s*$`)

// What is not known leaves no trace: no empty label, no zero.
func TestMissingData(t *testing.T) {
	for _, tag := range locales.Tags() {
		for name, o := range map[string]*waxwing.Order{
			"nothing":   {},
			"the least": {Number: "7", Items: []waxwing.Item{{Name: "Thing"}, {Quantity: 2, SKU: "S"}}, Shipping: &waxwing.Address{}, Billing: &waxwing.Address{City: "Bern"}},
		} {
			var m Mail
			if err := builtin(t).Render(&Input{Order: o, Locale: locale(t, tag)}, &m); err != nil {
				t.Fatal(err)
			}
			text := string(m.Text)
			for _, label := range emptyLabel.FindAllString(text, -1) {
				if strings.TrimSpace(label) == locale(t, tag).Text(locales.MsgGreetingPlain) {
					continue // Spanish greets with a colon
				}
				if i := strings.Index(text, label); i+len(label)+1 >= len(text) || text[i+len(label)+1] != ' ' {
					t.Errorf("%s, %s: %q has no value", tag, name, label)
				}
			}
			for _, wrong := range []string{"0.00", "0,00", "{{", "<nil>", "%!", "0001"} {
				if strings.Contains(text, wrong) {
					t.Errorf("%s, %s: the text holds %q:\n%s", tag, name, wrong, text)
				}
			}
			if m.Subject == "" || m.Preheader == "" {
				t.Errorf("%s, %s: subject %q, preheader %q", tag, name, m.Subject, m.Preheader)
			}
		}
	}
}

// Whatever an order holds, there is a mail, small enough, with the structure of
// its like.
func FuzzRender(f *testing.F) {
	f.Add("Anna", "#1042", "Wool Jacket", "https://acme.example/x", int64(2), int64(1999), "USD", uint8(0))
	f.Add(hostile, hostile, hostile, hostile, int64(-1), int64(-1<<62), "\x00", uint8(11))
	f.Add("ליאת", "\u202e1", "ｱ\xff", "https://a\u200b.b", int64(1<<62), int64(1<<62), "KWD", uint8(7))
	f.Fuzz(func(t *testing.T, name, number, item, link string, quantity, minor int64, currency string, which uint8) {
		if len(name)+len(number)+len(item)+len(link) > 4000 {
			return
		}
		tag := locales.Tags()[int(which)%len(locales.Tags())]
		render := func(name, number, item string) *Mail {
			o := richOrder(tag)
			money := waxwing.Money{Minor: minor, Currency: currency}
			o.Customer.FirstName, o.Number, o.Note = name, number, item
			o.Items[0] = waxwing.Item{Name: item, SKU: "s", Variant: "v", Quantity: quantity, Unit: &money, Total: &money, Discount: money, URL: link, ImageURL: link}
			o.Total, o.Tip, o.Links.Status = money, money, link
			m := &Mail{}
			if err := builtin(t).Render(&Input{Order: o, Brand: acme(t), Locale: locale(t, tag)}, m); err != nil {
				t.Fatal(err)
			}
			return m
		}
		m := render(name, number, item)
		if len(m.HTML) > 100_000 {
			t.Errorf("%d bytes", len(m.HTML))
		}
		if strings.ContainsFunc(m.Subject, unicode.IsControl) {
			t.Errorf("subject %q", m.Subject)
		}
		visible := func(s string) bool { return len(appendClean(nil, s, 9)) > 0 }
		if visible(name) && visible(number) && visible(item) {
			// The note keeps its lines.
			br := func(s string) string { return strings.ReplaceAll(s, "<br2>\n", "") }
			if a, b := br(structure(t, m.HTML)), br(structure(t, render("n", "1", "i").HTML)); a != b {
				t.Errorf("a value changes the structure:\n%s", firstDifference(a, b))
			}
		}
		checkLinks(t, m.HTML)
	})
}
