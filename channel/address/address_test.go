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

// What people and shops write around an address, or into it, is mended where
// only one address can be meant.
func TestMends(t *testing.T) {
	for in, want := range map[string]string{
		"ida..moss.@mail.example": `"ida..moss."@mail.example`, "ida..moss@docomo.ne.jp": `"ida..moss"@docomo.ne.jp`, ".ida@mail.example": `".ida"@mail.example`,
		"ida.@mail.example": `"ida."@mail.example`, `"ida..moss"@docomo.ne.jp`: `"ida..moss"@docomo.ne.jp`, `"ida.moss"@mail.example`: "ida.moss@mail.example",
		`"ida"@mail.example`: "ida@mail.example", "dörte..x@mail.example": `"dörte..x"@mail.example`,
		"ida@mail.example.": "ida@mail.example", "Ida@Mail.Example. ": "Ida@mail.example",
		"\u200bida@mail.example": "ida@mail.example", "ida@mail.example\ufeff": "ida@mail.example", "\u00a0ida@mail.example\u3000": "ida@mail.example",
		"\u202aida@mail.example\u202c": "ida@mail.example", " ida@mail.example\r\n": "ida@mail.example", "\u2066ida@mail.example\u2069\u200e": "ida@mail.example",
		"Ida <ida@mail.example>": "ida@mail.example", "<ida@mail.example>": "ida@mail.example", `"Moss, Ida" <ida@mail.example>`: "ida@mail.example",
		"Ida Moss (home) <ida@mail.example> (x)": "ida@mail.example", "ida(work)@mail.example": "ida@mail.example", "ida@mail.example (Ida (Moss))": "ida@mail.example",
		"Ida <\u200bida@mail.example>": "ida@mail.example", "イダ <ida@mail.example>": "ida@mail.example", "Ida < ida@mail.example >": "ida@mail.example",
		"ida@mail.example, ida@mail.example": "ida@mail.example", "ida@mail.example;IDA@Mail.example;": "ida@mail.example", "ida@mail.example,": "ida@mail.example",
		"Ida <ida@mail.example>, ida@mail.example": "ida@mail.example", "ida@mail.example ida@mail.example": "ida@mail.example",
		"ida@mail.example <ida@mail.example>": "ida@mail.example", `"ida@mail.example" <Ida@mail.example>`: "Ida@mail.example",
		"mailto:ida@mail.example": "ida@mail.example", "MAILTO:ida@mail.example?subject=x": "ida@mail.example", "<mailto:ida@mail.example>": "ida@mail.example",
		"mailto:ida%40mail.example": "ida@mail.example", "ida＠mail.example": "ida@mail.example", "ｉｄａ＠ｍａｉｌ．ｅｘａｍｐｌｅ": "ida@mail.example",
		"ida@mail。example": "ida@mail.example", "ida﹫mail.example": "ida@mail.example", "ida @ mail.example": "ida@mail.example", "ida@ mail.example": "ida@mail.example",
	} {
		a, err := address.Parse(in)
		if err != nil || a.String() != want {
			t.Errorf("%q: %q %v, want %q", in, a, err, want)
			continue
		}
		if _, err := address.Envelope(a.String()); err != nil {
			t.Errorf("%q may not stand in a command: %v", a, err)
		}
	}
}

// What is ambiguous says why.
func TestSaysWhy(t *testing.T) {
	for in, want := range map[string]error{
		"": address.ErrEmpty, " \u200b": address.ErrEmpty, ",": address.ErrEmpty, "Ida <>": address.ErrEmpty, "ida": address.ErrNoAt, "ida@x@mail.example": address.ErrNoAt,
		"ida@mail.example, ben@mail.example": address.ErrList, "ida@mail.example ben@mail.example": address.ErrList, "ida@mail.example;ida@other.example": address.ErrList,
		"Ida <ida@mail.example>, Ben <ben@mail.example>": address.ErrList, "ida moss@mail.example": address.ErrSpace, "ida@mail example": address.ErrSpace,
		"i\u200bda@mail.example": address.ErrUnicode, "ida@ma\u200bil.example": address.ErrUnicode, "ida@localhost": address.ErrDomain, "ida@[127.0.0.1]": address.ErrDomain,
		"ida@mail..example": address.ErrDomain, "ida@mail.example..": address.ErrDomain, `"ida@mail.example`: address.ErrQuote, "Ida <ida@mail.example": address.ErrQuote,
		"ben@mail.example <ida@mail.example>": address.ErrList, `"ben@mail.example" <ida@mail.example>`: address.ErrList, "ida@mail.example\nben@mail.example": address.ErrUnicode,
		"x\ufffd\ufffdMAIL FROM:<ida@mail.example>": address.ErrUnicode, "MAIL FROM:<ida@mail.example>": address.ErrQuote, "Ida \u0000<ida@mail.example>": address.ErrUnicode,
		"ida(@mail.example": address.ErrQuote, `"a\"b"@mail.example`: address.ErrQuote, `"a b"@mail.example`: address.ErrSpace, "..@mail.example": address.ErrLocal,
		strings.Repeat("a.", 40) + ".@mail.example": address.ErrLong, "i:da@mail.example": address.ErrLocal,
	} {
		a, err := address.Parse(in)
		if !errors.Is(err, want) {
			t.Errorf("%q: %q %v, want %v", in, a, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "resend") {
			t.Errorf("%v names no remedy", err)
		}
	}
}

// refused holds what net/mail accepts and we do not, among others.
var refused = []string{
	"", "@", "bob", "bob@", "@example.com", "a@b@example.com", `"bob@good.example>"@evil.example`, `" "@x.example`, `"bob\\"@example.com`, `""@example.com`,
	strings.Repeat("a", 300) + "@example.com", strings.Repeat("a", 65) + "@example.com", "bob@localhost", "bob@[127.0.0.1]", "bob@[IPv6:::1]",
	"bob@127.0.0.1", "bob@1.2.3.4", "bob@example.123", "b\u202eob@example.com", "bob@exa\u200bmple.com", "b\u200dob@example.com", "bob@example.com..",
	"bob@.example.com", "bob@example..com", "bob@-example.com", "bob@example-.com", ".@example.com", `".."@example.com`, `b"o"b@example.com`,
	"bob@example.com eve@example.com", "Bob <bob@example.com> <eve@example.com>", "<<bob@example.com>>", "bob@example.com, eve@example.com", "bob)c(@example.com",
	"bob\r\n@evil\r\n.com", "x\ufffd\ufffd.\ufffdMAIL FROM:<eve@example.com>", "bob@example.com\r\nRCPT TO:<eve@example.com>", "bob\x00@example.com", "bob@exam\x00ple.com", "bob@ex_ample.com",
	"bob@xn--a.example", "bob@xn--999999999.example", "bob@" + strings.Repeat("a", 64) + ".com", "bob@" + strings.Repeat("a.", 130) + "com",
	"bob\xff@example.com", "bob@\xff.example", "bob\u00a0x@example.com", "bob\u3000x@example.com", "b\u00adob@example.com", "bo\ufe0fb@example.com",
	"bob@exa mple.com", "bob@example.com bob", "bob:eve@example.com", "bob\\@example.com", "b\u3164b@example.com", "bob＠a@example.com", "bob@e\u0338=.example",
	"bob\r\nx@example.com", "friends: bob@example.com;", "bob@example.com>", "bob@good.example\u0000@evil.example",
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
	f.Add(`Ida (x) <"ida..moss"@docomo.ne.jp>, mailto:ida@x.example;`)
	f.Add("\u200bida.@ｍａｉｌ。example.")
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
		if len(a.Local) > 64 || len(out) > 254 || strings.ContainsAny(strings.Trim(a.Local, `"`)+a.Domain, "<>,;:\\\"[]() \t\r\n\x00@") || strings.Count(out, "@") != 1 {
			t.Fatalf("%q became %q", s, out)
		}
		if _, err := address.Envelope(out); err != nil {
			t.Fatalf("%q: %q may not stand in a command: %v", s, out, err)
		}
		m, err := mail.ParseAddress(out)
		if err != nil || m.Address != strings.Trim(a.Local, `"`)+"@"+a.Domain || m.Name != "" {
			t.Fatalf("%q: net/mail reads %q as %v, %v", s, out, m, err)
		}
		again, err := address.Parse(out)
		if err != nil || again != a {
			t.Fatalf("%q: %q becomes %v, %v", s, out, again, err)
		}
	})
}
