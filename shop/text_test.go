package shop

import (
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/payload"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"":                            "",
		"  Jo  ":                      "Jo",
		"a\r\nBcc: x@y":               "a Bcc: x@y",
		"a\x00b\x1b[31mc\x7f":         "ab[31mc",
		"\u202egnp.exe\u202c":         "gnp.exe",
		"a\u2066b\u2069\u200e\u061cc": "abc",
		"a\u200bb\ufeffc\u00add":      "abcd",
		"a\u2028b\u0085c\u0090d":      "a b cd",
		"👩\u200d👩\u200d👧":             "👩\u200d👩\u200d👧",
		"می\u200cخواهم":               "می\u200cخواهم",
		"{{x}} <b>&amp;":              "{{x}} <b>&amp;",
		"a\U000E0041b\uFFFEc":         "abc",
	} {
		if got := Clean(in, 100); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Notes and engravings keep their lines, whatever broke them.
func TestCleanLines(t *testing.T) {
	for in, want := range map[string]string{
		"one line": "one line",
		"Ring twice.\nLeave at no. 7,\n\nnot in the shed.": "Ring twice.\nLeave at no. 7,\n\nnot in the shed.",
		"a\r\nb\rc\u2028d\u2029e\u0085f\vg\fh":             "a\nb\nc\nd\ne\nf\ng\nh",
		"\n\n a \n \n\n\t\n b\n\n":                         "a\n\nb",
		"a\x00b\u202e\nc":                                  "ab\nc",
		"\n\r\n":                                           "",
	} {
		if got := CleanLines(in, 100); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := CleanLines(strings.Repeat("x\n", 5000), MaxNote); strings.Count(got, "\n") != maxLines-1 || !strings.HasSuffix(got, "x…") {
		t.Errorf("%d lines", strings.Count(got, "\n"))
	}
	if got := CleanLines("12345\n7890\n23", 10); got != "12345\n789…" {
		t.Errorf("%q", got)
	}
}

func TestCleanShortens(t *testing.T) {
	for in, want := range map[string]string{
		"1234567890":              "1234567890",
		"12345678901":             "123456789…",
		"12345678 01":             "12345678…",
		"ééééééééééé":             "ééééééééé…",
		"12345678e\u0301e\u0301e": "12345678…",
		"1234567👩\u200d👩\u200d👧\u200d👦": "1234567…",
	} {
		if got := Clean(in, 10); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestLink(t *testing.T) {
	for in, want := range map[string]string{
		"https://a.example/x?y=1&z=[]#f":                 "https://a.example/x?y=1&z=%5B%5D#f",
		" HTTPS://A.example:8443/ ":                      "https://A.example:8443/",
		"https://a.example/größe 1.jpg":                  "https://a.example/gr%C3%B6%C3%9Fe%201.jpg",
		"https://a.example/100%/%41":                     "https://a.example/100%25/%41",
		"https://a.example/\"><script>":                  "https://a.example/%22%3E%3Cscript%3E",
		"https://a.example/{{x}}":                        "https://a.example/%7B%7Bx%7D%7D",
		"https://a.example":                              "https://a.example",
		"http://a.example/":                              "",
		"https://":                                       "",
		"https:///x":                                     "",
		"https://user:pw@a.example/":                     "",
		"https://a.example\\@b.example/":                 "",
		"https://a.example/\\b":                          "",
		"https://a.example/a\nb":                         "",
		"https://a.example:port/":                        "",
		"https://a..example/":                            "",
		"https://[::1]/":                                 "",
		"https://münchen.example/":                       "",
		"javascript:alert(1)":                            "",
		"//a.example/":                                   "",
		"data:text/html,x":                               "",
		"https://a.example/" + strings.Repeat("x", 2048): "",
	} {
		if got := Link(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestAddressKeepsOrSpoils(t *testing.T) {
	for in, want := range map[string]string{
		" a@b.example\n": "a@b.example",
		"\u200b\ufeff\u00a0a@b.example\u202c\u3000": "a@b.example",
		"a@b.example\r\nBcc: c@d.example":           "a@b.example\ufffd\ufffdBcc: c@d.example",
		"a\u200b@b.example":                         "a\ufffd@b.example",
		"jörg@müller.example":                       "jörg@müller.example",
		`"a b"@c.example, d@e.example`:              `"a b"@c.example, d@e.example`,
	} {
		if got := MailAddress(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := MailAddress(strings.Repeat("a", 2000) + "@b.example"); len(got) > 1100 || !strings.HasSuffix(got, "…") {
		t.Error("a long address was not cut visibly")
	}
}

func TestSmallWords(t *testing.T) {
	for in, want := range map[string]string{"en": "en", "pt_BR": "pt-BR", "zh-Hans-CN": "zh-Hans-CN", "x": "", "de DE": "", "e1": "", "{{": "",
		"de_CH_informal": "de-CH", "de_DE_formal": "de-DE", "pt_PT_ao90": "pt-PT", "zh_TW": "zh-TW", "sr_RS@latin": "sr-Latn-RS", "en_GB.UTF-8": "en-GB",
		"de_formal": "de", "nl_NL_formal": "nl-NL", "DE_at": "de-AT", "ZH_HANT_hk": "zh-Hant-HK", "zh-hans": "zh-Hans", "es-419": "es-419", "ca_ES@valencia": "ca-ES",
		"en-GB-oxendict": "en-GB", "en-u-ca-gregory-GB": "en", "fr-CA,fr;q=0.8": "fr-CA", "enGB": "en-GB", "de_DE_formal_x": "de-DE", "sl-rozaj-IT-1994": "sl-IT",
		"en_US_POSIX": "en-US", "C": "", "english": "", "fil_PH": "fil-PH", "-de": "", "": "", "ja_JP.eucJP@euro": "ja-JP", strings.Repeat("de-", 50): ""} {
		if got := LocaleTag(in); got != want {
			t.Errorf("locale %q: %q", in, got)
		}
	}
	for in, want := range map[string]string{"19": "0.19", "7.7000": "0.077", "100": "1", "0": "", "x": "", "-1": "", "1e2": "", "0.5": "0.005"} {
		if got := Fraction(in, 2); got != want {
			t.Errorf("rate %q: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"paypal": "PayPal", "authorize_net": "Authorize.Net", "my_own-pay": "My Own Pay", "Kauf auf Rechnung": "Kauf auf Rechnung", "_é": "é", "": ""} {
		if got := MethodName(in); got != want {
			t.Errorf("method %q: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"Cash on Delivery (COD)": "cash_on_delivery", "Bank Deposit": "bank_transfer", "Money Order": "cheque", "Rechnung": "invoice", "paypal": ""} {
		if got := OfflineMethod(in); got != want {
			t.Errorf("offline %q: %q, want %q", in, got, want)
		}
	}
	if PersonName("太郎", "山田", "JP") != "山田 太郎" || PersonName("伟", "王", "CN") != "王伟" || PersonName("Ann", "Lee", "CN") != "Ann Lee" || PersonName("", "Lee", "") != "Lee" {
		t.Error("names")
	}
	for in, want := range map[string]string{
		"JP JP13": "東京都", "JP 13": "東京都", "DE DE-BY": "Bayern", "US CA": "CA", "US ca": "CA", "CN CN2": "Beijing", "TR TR34": "İstanbul",
		"ES B": "Barcelona", "IT MI": "MI", "PH 00": "Metro Manila", "IN MH": "Maharashtra", "MX JA": "Jalisco", "MX DF": "Ciudad de México",
		"AR C": "Ciudad Autónoma de Buenos Aires", "IE KY": "Co. Kerry", "TH TH-10": "Bangkok", "RO CJ": "Cluj", "GR I": "Attica", "AU NSW": "NSW",
		"BR SP": "SP", "CA QC": "QC", "GB Kent": "Kent", "GB KNT": "", "FR 00": "", "FR 75": "", "NL NH": "", "XX B": "", " B": "", "ES ": "", "ES ZZ": "",
		"ES Barcelona": "Barcelona", "HK KOWLOON": "Kowloon", "CN CN99": "", "NZ AUK": "Auckland", "ZA KZN": "KwaZulu-Natal", "MY SGR": "Selangor",
		"US California": "California", "CH BE": "Bern", "BG BG-22": "Sofia-Grad", "IT Milano": "Milano", "JP 東京都": "東京都",
	} {
		country, state, _ := strings.Cut(in, " ")
		if got := RegionName(country, state); got != want {
			t.Errorf("region %s: %q, want %q", in, got, want)
		}
	}
}

func TestMoments(t *testing.T) {
	for in, want := range map[string]string{
		`"2026-01-02T03:04:05+09:00"`: "2026-01-02T03:04:05+09:00",
		`"2026-01-02T03:04:05"`:       "2026-01-02T03:04:05Z",
		`"2026-01-02 03:04:05"`:       "2026-01-02T03:04:05Z",
		`"2008-01-10 11:00:00 -0500"`: "2008-01-10T11:00:00-05:00",
		`"2026-01-02"`:                "2026-01-02T00:00:00Z",
		`"0000-00-00 00:00:00"`:       "",
		`"0001-01-01T00:00:00Z"`:      "",
		`"yesterday, at noon"`:        "",
		`1767323045`:                  "",
		`null`:                        "",
	} {
		d, err := payload.Read(in)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if m := ParseTime(d.Root(), time.UTC); !m.IsZero() {
			got = m.Format(time.RFC3339)
		}
		if d.Release(); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
