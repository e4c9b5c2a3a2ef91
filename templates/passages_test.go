package templates

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/waxwinghq/waxwing/locales"
)

// marked holds a mail's marks to the passages that they name, and says how many bytes of
// the HTML these are.
func marked(t *testing.T, s *Set, tag string, m *Mail) (known int) {
	t.Helper()
	passages, end := s.Passages(locale(t, tag).RTL()), 0
	for _, e := range m.Marks {
		if e.At < end || !strings.HasPrefix(string(m.HTML[e.At:]), passages[e.Passage]) {
			t.Fatalf("%s: passage %d is not at %d", tag, e.Passage, e.At)
		}
		end = e.At + len(passages[e.Passage])
		known += len(passages[e.Passage])
	}
	return known
}

// TestMarks: most of a mail is passages of its set, and each stands where its mark says.
func TestMarks(t *testing.T) {
	s, m := builtin(t), Mail{}
	for _, tag := range locales.Tags() {
		for _, lines := range []int{1, 5, 100} {
			if err := s.Render(&Input{Order: longOrder(tag, lines), Brand: acme(t), Locale: locale(t, tag)}, &m); err != nil {
				t.Fatal(err)
			}
			if known := marked(t, s, tag, &m); known < len(m.HTML)*6/10 {
				t.Errorf("%s, %d lines: %d of %d bytes are known passages", tag, lines, known, len(m.HTML))
			}
		}
	}
	seen := map[string]bool{}
	for _, p := range s.Passages(false) {
		if seen[p] || len(p) < minPassage {
			t.Errorf("passage %q is short, or there twice", p)
		}
		seen[p] = true
	}
}

// TestMarksOfFallback: where the built-in set has made the mail the marks are its own.
func TestMarksOfFallback(t *testing.T) {
	s, err := Load(fstest.MapFS{htmlFile: {Data: []byte("<html><body>" + strings.Repeat("<p>"+strings.Repeat("x", 500)+"</p>\n", 220) + "</body></html>")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var m Mail
	var fallback *FallbackError
	if err := s.Render(&Input{Order: richOrder("en"), Brand: acme(t), Locale: locale(t, "en")}, &m); !errors.As(err, &fallback) {
		t.Fatal(err)
	}
	if marked(t, builtin(t), "en", &m) == 0 {
		t.Error("no passage is marked")
	}
}

// TestPassagesAreBounded: what a set says beyond the limit is printed all the same.
func TestPassagesAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range 160 {
		fmt.Fprintf(&b, "<p>%03d%s</p>{{#test}}{{/test}}{{order.number}}\n", i, strings.Repeat("x", 490))
	}
	s, err := Load(fstest.MapFS{htmlFile: {Data: []byte("<html><body>" + b.String() + "</body></html>")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, p := range s.Passages(false) {
		size += len(p)
	}
	if size > mostBytes || size < mostBytes-1000 {
		t.Errorf("%d bytes of passages", size)
	}
	var m Mail
	if err := s.Render(&Input{Order: richOrder("en"), Brand: acme(t), Locale: locale(t, "en")}, &m); err != nil {
		t.Fatal(err)
	}
	if known := marked(t, s, "en", &m); known != size || !strings.Contains(string(m.HTML), "<p>159xxx") {
		t.Errorf("%d bytes are marked", known)
	}
}
