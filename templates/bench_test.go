package templates

import (
	"fmt"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/locales"
)

// longOrder has n lines.
func longOrder(tag string, n int) *waxwing.Order {
	o := richOrder(tag)
	some := o.Items
	o.Items = nil
	for i := range n {
		it := some[i%len(some)]
		it.Name = fmt.Sprintf("%s %d", it.Name, i+1)
		it.ImageURL = fmt.Sprintf("https://cdn.acme.example/pictures/%d_144x.jpg?v=1700000000", i+1)
		o.Items = append(o.Items, it)
	}
	return o
}

func builtin(t testing.TB) *Set {
	t.Helper()
	s, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func locale(t testing.TB, tag string) *locales.Locale {
	t.Helper()
	c, err := locales.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	l, ok := c.Locale(tag)
	if !ok {
		t.Fatalf("no locale %s", tag)
	}
	return l
}

func BenchmarkRender(b *testing.B) {
	for _, tag := range locales.Tags() {
		benchmarkRender(b, tag, 5)
	}
	benchmarkRender(b, "en", 1)
	benchmarkRender(b, "en", 100)
}

func benchmarkRender(b *testing.B, tag string, lines int) {
	b.Run(fmt.Sprintf("%s/%d", tag, lines), func(b *testing.B) {
		in := &Input{Order: longOrder(tag, lines), Brand: acme(b), Locale: locale(b, tag)}
		s := builtin(b)
		var m Mail
		b.ReportAllocs()
		for b.Loop() {
			if err := s.Render(in, &m); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(m.HTML)), "B-html")
	})
}

func BenchmarkLoad(b *testing.B) {
	catalogue, _ := locales.Builtin()
	for b.Loop() {
		files, err := defaults()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := compileSet(files, catalogue); err != nil {
			b.Fatal(err)
		}
	}
}
