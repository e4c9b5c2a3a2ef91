package compose

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/jhillyerd/enmime/v2"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/locales"
)

// TestExtents: a draft says where the passages of its dictionary stand in its bytes, with
// and without a signature in front, and the customer reads what was rendered.
func TestExtents(t *testing.T) {
	plain := composer(t, nil)
	signing := composer(t, func(c *config.Tenant) {
		c.DKIM = &config.DKIM{Domain: "acme.example", Selector: "s", Key: signingKey(t)}
	})
	for _, x := range []*Composer{plain, signing} {
		for _, tag := range locales.Tags() {
			o := inventedOrder()
			o.Locale, o.Shop = tag, "till"
			d, err := x.Email(&waxwing.Work{Tenant: "acme", Token: "t"}, o, time.Unix(0, 0))
			if err != nil {
				t.Fatal(err)
			}
			passages, between, err := x.Sample("acme", tag)
			if err != nil {
				t.Fatal(err)
			}
			if x == plain && cap(d.Data) > len(d.Data)*9/8 {
				t.Errorf("%s: %d bytes stand in room for %d", tag, len(d.Data), cap(d.Data))
			}
			end, known := 0, 0
			for _, e := range d.Extents {
				if p := passages[e.Passage]; e.At < end || !bytes.HasPrefix(d.Data[e.At:], p) {
					t.Fatalf("%s: passage %d is not at %d", tag, e.Passage, e.At)
				} else {
					end = e.At + len(p)
					known += len(p)
				}
			}
			if known < len(d.Data)/2 {
				t.Errorf("%s: %d of %d bytes are known passages", tag, known, len(d.Data))
			}
			if bytes.Contains(between, passages[0]) {
				t.Errorf("%s: the sample holds a passage", tag)
			}
			v, err := x.Preview("acme", o, "")
			if err != nil {
				t.Fatal(err)
			}
			m, err := v.Mail()
			if err != nil {
				t.Fatal(err)
			}
			e, err := enmime.ReadEnvelope(bytes.NewReader(d.Data))
			if err != nil {
				t.Fatal(err)
			}
			if strings.ReplaceAll(e.HTML, "\r\n", "\n") != string(m.HTML) || strings.ReplaceAll(e.Text, "\r\n", "\n") != string(m.Text) {
				t.Errorf("%s: another mail is read than was rendered", tag)
			}
		}
	}
}

// BenchmarkEmail is one mail of few lines.
func BenchmarkEmail(b *testing.B) {
	x, o := composer(b, nil), inventedOrder()
	w := &waxwing.Work{Tenant: "acme", Token: "abcdefghijklmnopqrstuvwxyz234567"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := x.Email(w, o, o.PlacedAt); err != nil {
			b.Fatal(err)
		}
	}
}
