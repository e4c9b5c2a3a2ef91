package address_test

import (
	"errors"
	"net/mail"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing/channel/address"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"bob@example.com": "bob@example.com", "Bob.Smith+tag@Example.COM": "Bob.Smith+tag@example.com",
		"o'brien@example.co.uk": "o'brien@example.co.uk", "a@müller.example": "a@xn--mller-kva.example",
		"a@MÜLLER.example": "a@xn--mller-kva.example", "a@例え.テスト": "a@xn--r8jz45g.xn--zckzah", "dörte@example.com": "dörte@example.com",
		"用户@例子.广告": "用户@xn--fsqu00a.xn--4rr70v", "!#$%&'*+-/=?^_`{|}~@example.com": "!#$%&'*+-/=?^_`{|}~@example.com",
		"a@1.example": "a@1.example", "a@xn--mller-kva.example": "a@xn--mller-kva.example",
		strings.Repeat("a", 64) + "@example.com": strings.Repeat("a", 64) + "@example.com",
	} {
		a, err := address.Parse(in)
		if err != nil || a.String() != want {
			t.Errorf("%q: %q %v, want %q", in, a, err, want)
			continue
		}
		wide, err := address.Envelope(a.String())
		if err != nil || wide != a.UTF8 {
			t.Errorf("%q: Envelope says %v %v", in, wide, err)
		}
		if a.UTF8 != strings.ContainsAny(a.Local, "ö用") {
			t.Errorf("%q: UTF8 %v", in, a.UTF8)
		}
	}
}

// refused holds what net/mail accepts and we do not, among others (S16).
var refused = []string{
	"", "@", "bob", "bob@", "@example.com", "a@b@example.com", `"bob@good.example>"@evil.example`, `" "@x.example`, `"bob"@example.com`,
	strings.Repeat("a", 300) + "@example.com", strings.Repeat("a", 65) + "@example.com", "bob@localhost", "bob@[127.0.0.1]", "bob@[IPv6:::1]",
	"bob@127.0.0.1", "bob@1.2.3.4", "bob@example.123", "b\u202eob@example.com", "bob@exa\u200bmple.com", "b\u200dob@example.com", "bob@example.com.",
	"bob@.example.com", "bob@example..com", "bob@-example.com", "bob@example-.com", ".bob@example.com", "bob.@example.com", "b..ob@example.com",
	" bob@example.com", "bob@example.com ", "Bob <bob@example.com>", "<bob@example.com>", "bob@example.com, eve@example.com", "bob(c)@example.com",
	"bob\r\n@example.com", "bob@example.com\r\nRCPT TO:<eve@example.com>", "bob\x00@example.com", "bob@exam\x00ple.com", "bob@ex_ample.com",
	"bob@xn--a.example", "bob@xn--999999999.example", "bob@" + strings.Repeat("a", 64) + ".com", "bob@" + strings.Repeat("a.", 130) + "com",
	"bob\xff@example.com", "bob@\xff.example", "bob\u00a0x@example.com", "bob\u3000x@example.com", "b\u00adob@example.com", "bob\ufe0f@example.com",
	"bob@exa mple.com", "bob;@example.com", "bob:eve@example.com", "bob\\@example.com", "b\u3164b@example.com", "bob＠example.com", "bob@e\u0338=.example",
}

func TestRefused(t *testing.T) {
	for _, in := range refused {
		if a, err := address.Parse(in); err == nil {
			t.Errorf("%q became %q", in, a)
		} else if in != "" && len(in) > 4 && strings.Contains(err.Error(), in) {
			t.Errorf("the error quotes the address: %v", err)
		}
		// Whether an A-label is what a U-label becomes is Parse's to say.
		if _, err := address.Envelope(in); err == nil && !strings.Contains(in, "xn--") {
			t.Errorf("%q may stand in a command", in)
		}
	}
	if _, err := address.Envelope("bob@müller.example"); !errors.Is(err, address.ErrDomain) {
		t.Error("a U-label may stand in a command")
	}
}

// FuzzParse holds what we accept against net/mail, which must read it as the
// same mailbox, and against what a command line can bear.
func FuzzParse(f *testing.F) {
	for _, s := range refused {
		f.Add(s)
	}
	f.Add("bob@example.com")
	f.Add("dörte@müller.example")
	f.Fuzz(func(t *testing.T, s string) {
		if wide, err := address.Envelope(s); err == nil {
			a, err := address.Parse(s)
			if err == nil && a.UTF8 != wide {
				t.Errorf("%q: two opinions", s)
			}
		}
		a, err := address.Parse(s)
		if err != nil {
			return
		}
		out := a.String()
		if len(a.Local) > 64 || len(out) > 254 || strings.ContainsAny(out, "<>,;:\\\"[]() \t\r\n\x00") || strings.Count(out, "@") != 1 {
			t.Fatalf("%q became %q", s, out)
		}
		m, err := mail.ParseAddress(out)
		if err != nil || m.Address != out || m.Name != "" {
			t.Fatalf("%q: net/mail reads %q as %v, %v", s, out, m, err)
		}
		again, err := address.Parse(out)
		if err != nil || again != a {
			t.Fatalf("%q: %q becomes %v, %v", s, out, again, err)
		}
	})
}
