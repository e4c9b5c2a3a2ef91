package address

import "testing"

func TestSlip(t *testing.T) {
	for domain, want := range map[string]string{
		"gmial.com": "gmail.com", "gmal.com": "gmail.com", "gmaill.com": "gmail.com", "gnail.com": "gmail.com", "gmail.con": "gmail.com", "gmail.co": "gmail.com", "gmailcom": "gmail.com",
		"gmail.cmo": "gmail.com", "hotmial.com": "hotmail.com", "hotmai.com": "hotmail.com", "hotmil.com": "hotmail.com", "outlok.com": "outlook.com", "outllook.com": "outlook.com",
		"yaho.com": "yahoo.com", "yahooo.com": "yahoo.com", "yhaoo.com": "yahoo.com", "iclould.com": "icloud.com", "icloud.co": "icloud.com", "t-onlin.de": "t-online.de", "t-oline.de": "t-online.de",
		"wanadoo.ft": "wanadoo.fr", "yahoo.co.jo": "yahoo.co.jp", "docomo.ne.jo": "docomo.ne.jp", "hotmail.co.ik": "hotmail.co.uk", "googlemial.com": "googlemail.com",
		// As they are.
		"gmail.com": "", "hotmail.de": "", "hotmail.es": "", "yahoo.es": "", "yahoo.de": "", "ymail.com": "", "email.com": "", "mail.com": "", "outlook.it": "", "hotmail.ch": "", "yahoo.se": "",
		"acme.example": "", "gmx.de": "", "gmx.dk": "", "web.de": "", "live.com": "", "": "", "xn--mller-kva.example": "", "gml.com": "", "gmail.example.com": "", "maigl.com": "",
	} {
		if got := Slip(domain); got != want {
			t.Errorf("%s: %q, want %q", domain, got, want)
		}
	}
	for _, d := range much {
		if got := Slip(d); got != "" {
			t.Errorf("%s is taken for %s", d, got)
		}
		if honest[d] {
			t.Errorf("%s stands in both lists", d)
		}
	}
	a, err := Parse("Jana@GMIAL.com")
	if err != nil || a.Slip() != "gmail.com" || a.Domain != "gmial.com" {
		t.Errorf("%v %v", a, err)
	}
}

func BenchmarkSlip(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Slip("example-shop.com")
	}
}
