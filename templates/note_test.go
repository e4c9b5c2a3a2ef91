package templates

import (
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing/locales"
)

// A push message has the merchant as its title, the order's number, and its link apart, in each language.
func TestNote(t *testing.T) {
	s := builtin(t)
	for _, tag := range locales.Tags() {
		o := richOrder(tag)
		in := &Input{Order: o, Brand: acme(t), Locale: locale(t, tag)}
		title, body, url := s.Note(in)
		if title != acme(t).Name || !strings.Contains(body, o.Number) || strings.Contains(body, "http") || url != o.Links.Status || body != strings.TrimSpace(body) {
			t.Errorf("%s: %q, %q, %q", tag, title, body, url)
		}
		nameless := *acme(t)
		nameless.Name = ""
		in.Brand = &nameless
		if title, body, _ := s.Note(in); !strings.Contains(title, o.Number) || body != "" {
			t.Errorf("%s without a name: %q, %q", tag, title, body)
		}
	}
}
