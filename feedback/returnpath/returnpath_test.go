package returnpath

import (
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

func TestThereAndBack(t *testing.T) {
	id := waxwing.NewID(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), 0, 7)
	token := strings.Repeat("abcdefg2", 4)
	base := strings.Repeat("b", MaxLocal) + "@mail.example.com"
	a := Write(base, "acme", id, token)
	if local, _, _ := strings.Cut(a, "@"); len(local) > 64 || !strings.HasPrefix(a, strings.Repeat("b", MaxLocal)+"+") {
		t.Errorf("%d bytes before the @ of %s", len(local), a)
	}
	for _, as := range []string{a, strings.ToUpper(a)} {
		if p, ok := Read(as); !ok || p != (Path{Tag("acme"), id, token[:TokenLength]}) {
			t.Errorf("%s: %+v %t", as, p, ok)
		}
	}
	if MaxLocal != 22 {
		t.Errorf("a return_path may have %d bytes before the @: config/check_tenant.go has another number", MaxLocal)
	}
	if Tag("acme") == Tag("bolt") {
		t.Error("two tenants have one tag")
	}
	for _, bad := range []string{"", "b@mail.example.com", "b+x@mail.example.com", a[:len(a)-18], strings.Replace(a, "@", "x@", 1), strings.Replace(a, "+", "-", 1), "+@"} {
		if p, ok := Read(bad); ok {
			t.Errorf("%q is read as %+v", bad, p)
		}
	}
	if Write("nothing", "acme", id, token) != "nothing" || Write("b@c.example", "acme", id, "short") != "b@c.example" {
		t.Error("an address was made of what makes none")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(Write("b@c.example", "acme", 77, strings.Repeat("a", 32)))
	f.Fuzz(func(t *testing.T, s string) {
		p, ok := Read(s)
		if ok && (len(p.Token) != TokenLength || len(p.Tag) != 8) {
			t.Errorf("%q: %+v", s, p)
		}
	})
}
