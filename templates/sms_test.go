package templates

import (
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing/locales"
)

func TestSegments(t *testing.T) {
	for _, c := range []struct {
		text     string
		encoding Encoding
		n        int
	}{
		{"", GSM7, 1}, {strings.Repeat("a", 160), GSM7, 1}, {strings.Repeat("a", 161), GSM7, 2}, {strings.Repeat("a", 306), GSM7, 2}, {strings.Repeat("a", 307), GSM7, 3},
		{strings.Repeat("€", 80), GSM7, 1}, {strings.Repeat("€", 81), GSM7, 2},
		{strings.Repeat("a", 152) + "€" + strings.Repeat("a", 152), GSM7, 3}, // the escape pair is not torn
		{"ąb", UCS2, 1}, {strings.Repeat("ж", 70), UCS2, 1}, {strings.Repeat("ж", 71), UCS2, 2}, {strings.Repeat("ж", 134), UCS2, 2}, {strings.Repeat("ж", 135), UCS2, 3},
		{strings.Repeat("😀", 35), UCS2, 1}, {strings.Repeat("😀", 36), UCS2, 2}, {strings.Repeat("😀", 67), UCS2, 3},
		{"ñöüÄß§@£$¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæÉ^{}[]~\\|€", GSM7, 1}, {"ç", UCS2, 1}, {"`", UCS2, 1}, {"\t", UCS2, 1},
	} {
		if e, n := Segments(c.text); e != c.encoding || n != c.n {
			t.Errorf("%.20q...: %s in %d, want %s in %d", c.text, e, n, c.encoding, c.n)
		}
	}
}

// However long names and links are, the SMS fits two segments and keeps the
// number; the link goes only when nothing else helps.
func TestSMSShortens(t *testing.T) {
	s := builtin(t)
	for _, tag := range locales.Tags() {
		for _, link := range []int{0, 60, 100, 140, 250, 1500} {
			for _, name := range []string{"Acme", "Żółć & Grzegżółka Sp. z o.o.", strings.Repeat("Langer Name ", 20)} {
				o := richOrder(tag)
				o.Links.Status = "https://acme.example/" + strings.Repeat("x", link)
				b := *acme(t)
				b.Name = name
				sms := s.SMS(&Input{Order: o, Brand: &b, Locale: locale(t, tag)})
				if e, n := Segments(sms); n > maxSegments {
					t.Errorf("%s: %s in %d: %s", tag, e, n, sms)
				}
				if !strings.Contains(sms, o.Number) {
					t.Errorf("%s: no number: %s", tag, sms)
				}
				if link <= 60 && !strings.Contains(sms, o.Links.Status) {
					t.Errorf("%s, %d: no link: %s", tag, link, sms)
				}
				if !strings.Contains(sms, "https://acme.example/") {
					t.Errorf("%s, %d: not even the short link: %s", tag, link, sms)
				}
			}
		}
	}
	if len([]rune(accented)) != len(bare) {
		t.Errorf("%d accented letters, %d bare ones", len([]rune(accented)), len(bare))
	}
}
