package compose

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jhillyerd/enmime/v2"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
)

// A plugin's subject is the mail's, on one line, and nothing that it says makes
// a header, a recipient or a part.
func TestPersonalHeaders(t *testing.T) {
	x, err := New(configtest.With(map[string]config.Tenant{"acme": {Name: "Acme", From: "orders@acme.example", Locales: []string{"en"}}}), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	headers := func(p *waxwing.Personal) (keys []string, e *enmime.Envelope) {
		o := inventedOrder()
		o.Personal = p
		d, err := x.Email(&waxwing.Work{Tenant: "acme", Token: "abcdefghijklmnopqrstuvwxyz234567"}, o, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
		if err != nil || len(d.Notes) > 0 || d.To != "ada@example.com" {
			t.Fatal(err, d.Notes, d.To)
		}
		head, _, _ := bytes.Cut(d.Data, []byte("\r\n\r\n"))
		for _, l := range bytes.Split(head, []byte("\r\n")) {
			if k, _, ok := bytes.Cut(l, []byte(":")); ok && l[0] != ' ' && l[0] != '\t' {
				keys = append(keys, string(k))
			}
		}
		if e, err = enmime.ReadEnvelope(bytes.NewReader(d.Data)); err != nil {
			t.Fatal(err)
		}
		return keys, e
	}
	want, _ := headers(nil)
	for name, poison := range poisons {
		p := &waxwing.Personal{Subject: "Hello " + poison, Greeting: poison, Vars: map[string]string{"message": poison},
			Recommended: []waxwing.Candidate{{SKU: poison, Name: "x" + poison, URL: poison, ImageURL: poison, Tags: []string{poison}}}}
		got, e := headers(p)
		if !slices.Equal(got, want) {
			t.Errorf("%s: the headers are %v, not %v", name, got, want)
		}
		s := e.GetHeader("Subject")
		if !strings.HasPrefix(s, "Hello ") || strings.ContainsAny(s, "\r\n\x00\u202e\u2066") || len([]rune(s)) > 150 {
			t.Errorf("%s: subject %q", name, s)
		}
		if len(e.Attachments)+len(e.Inlines)+len(e.OtherParts) > 0 || strings.Contains(e.HTML, "<script>evil") || strings.Contains(e.HTML, "<img src=x") {
			t.Errorf("%s: what a plugin said got out", name)
		}
	}
}

// poisons are what somebody would write into a field to break out of it, as in the
// daemon's own test of hostile orders.
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
