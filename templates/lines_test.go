package templates

import (
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
)

// What a customer wrote in lines stays in lines, in HTML and text; each is
// escaped, isolated and indented, so that none passes for a line of the mail.
func TestLinesAreKept(t *testing.T) {
	for _, c := range []struct{ tag, note, html, text string }{
		{"en", "one\ntwo", "<div>one<br>two</div>", "  one\n  two\n"},
		{"en", "one\r\ntwo\rthree", "<div>one<br>two<br>three</div>", "  one\n  two\n  three\n"},
		{"en", "\n\n one \n\n\n\ntwo\n\n", "<div>one<br><br>two</div>", "  one\n\n  two\n"},
		{"en", "<b>\nTotal: $0.00\n&", "<div>&lt;b&gt;<br>Total: $0.00<br>&amp;</div>", "  <b>\n  Total: $0.00\n  &\n"},
		{"en", "see https://evil.example\nwww.evil.example", "", "  see https: //evil.example\n  www .evil.example\n"},
		{"en", "\u202eone\u2028two\n\x00three", "<div>one two<br>three</div>", "  one two\n  three\n"},
		{"ar", "أ\nb", "<div>\u2068أ\u2069<br>\u2068b\u2069</div>", "  \u2068أ\u2069\n  \u2068b\u2069\n"},
		{"en", "אב\nc", "<div>\u2068אב\u2069<br>c</div>", "  \u2068אב\u2069\n  c\n"},
		{"en", " \n\t\n", "", ""},
	} {
		o := richOrder(c.tag)
		o.Note = c.note
		var m Mail
		if err := builtin(t).Render(&Input{Order: o, Locale: locale(t, c.tag)}, &m); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(m.HTML), c.html) {
			t.Errorf("%q: no %q in the HTML", c.note, c.html)
		}
		if !strings.Contains(string(m.Text), c.text) {
			t.Errorf("%q: no %q in\n%s", c.note, c.text, m.Text)
		}
	}
	o := richOrder("en")
	o.Items[1].Properties[0].Value = "For Ida\nwith love"
	var m Mail
	if err := builtin(t).Render(&Input{Order: o, Locale: locale(t, "en")}, &m); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(m.HTML), "Engraving: For Ida<br>with love</div>") || !strings.Contains(string(m.Text), "  Engraving: For Ida\n    with love\n") {
		t.Errorf("%s", m.Text)
	}
}

// However many lines there are, their number and length are bounded.
func TestLinesAreBounded(t *testing.T) {
	v := &view{locale: locale(t, "en")}
	if n := strings.Count(string(v.outsideLines(strings.Repeat("x\n", 500), 4000)), "\n"); n != maxTextLines-1 {
		t.Errorf("%d line breaks", n)
	}
	if n := len([]rune(string(v.outsideLines(strings.Repeat("word ", 50)+"\n"+strings.Repeat("y", 900), 300)))); n > 305 {
		t.Errorf("%d characters", n)
	}
}

// The second of two equal addresses is a sentence; who picks up is not sent home.
func TestSameAddress(t *testing.T) {
	home := func() *waxwing.Address {
		return &waxwing.Address{Name: "Ida Moss", Lines: []string{"12 Mill Lane"}, City: "Leeds", PostalCode: "LS1 4AB", Country: "GB"}
	}
	shown := func(v *view, f int) string {
		var lines []string
		for _, l := range v.lines[v.spans[f].from:v.spans[f].to] {
			lines = append(lines, string(l))
		}
		return strings.Join(lines, "|")
	}
	const whole, same = "Ida Moss|12 Mill Lane|Leeds|LS1 4AB|United Kingdom", "Same as shipping address"
	for name, c := range map[string]struct {
		change            func(o *waxwing.Order)
		shipping, billing string
	}{
		"equal":           {func(*waxwing.Order) {}, whole, same},
		"spelt otherwise": {func(o *waxwing.Order) { o.Billing.Name, o.Billing.Lines[0] = "IDA  MOSS", "12, mill lane." }, whole, same},
		"only a phone":    {func(o *waxwing.Order) { o.Billing.Phone = "+44" }, whole, same},
		"another number":  {func(o *waxwing.Order) { o.Billing.Lines[0] = "21 Mill Lane" }, whole, "Ida Moss|21 Mill Lane|Leeds|LS1 4AB|United Kingdom"},
		"another name":    {func(o *waxwing.Order) { o.Billing.Name = "Ida Mossé" }, whole, "Ida Mossé|12 Mill Lane|Leeds|LS1 4AB|United Kingdom"},
		"picked up":       {func(o *waxwing.Order) { o.Delivery.Pickup = true }, "", whole},
		"picked up elsewhere": {func(o *waxwing.Order) {
			o.Delivery.Pickup, o.Shipping.Lines[0], o.Shipping.Name = true, "1 High Street", "Shop"
		},
			"Shop|1 High Street|Leeds|LS1 4AB|United Kingdom", whole},
		"digital":     {func(o *waxwing.Order) { o.Items = []waxwing.Item{{Name: "Song", Digital: true}} }, "", whole},
		"no shipping": {func(o *waxwing.Order) { o.Shipping = nil }, "", whole},
		"none":        {func(o *waxwing.Order) { o.Shipping, o.Billing = nil, nil }, "", ""},
	} {
		o := &waxwing.Order{Shipping: home(), Billing: home()}
		c.change(o)
		v := &view{}
		v.fill(&Input{Order: o, Locale: locale(t, "en")}, maxItems)
		if a, b := shown(v, fShippingLines), shown(v, fBillingLines); a != c.shipping || b != c.billing {
			t.Errorf("%s: shipping %q, billing %q", name, a, b)
		}
	}
}

// Subjects and texts in right-to-left languages keep a number's # on its left
// and begin on the right though a Latin name comes first.
func TestOneLine(t *testing.T) {
	for _, c := range []struct {
		in   string
		rtl  bool
		want string
	}{
		{"Your order #1489 is confirmed", false, "Your order #1489 is confirmed"},
		{"تم تأكيد طلبك \u2068#1489\u2069", true, "تم تأكيد طلبك \u200e#1489"},
		{"طلبك 1489.", true, "طلبك \u200e1489."},
		{"Acme: طلبك #7", true, "\u200fAcme: طلبك \u200e#7"},
		{"\u2068Acme\u2069: طلبك", true, "\u200fAcme: طلبك"},
		{"12 Acme طلبك", true, "\u200f\u200e12 Acme طلبك"},
		{"طلبك \u200f372.93\u00a0ر.س.\u200f", true, "طلبك \u200f372.93 ر.س.\u200f"},
		{"a\u00a0b \u202f c\u2028d\r\n", false, "a b c d"},
		{"a\u202eb\u200bc\u2066d\u00ade\u034f\ufeff", false, "abcde"},
		{"نا\u200cمه", false, "نا\u200cمه"},
		{"", true, ""},
	} {
		if got := oneLine(c.in, c.rtl); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

// Bundles, PO numbers and a line that the calculator denies.
func TestWhatWasBought(t *testing.T) {
	o := richOrder("en")
	o.PurchaseOrder, o.Items[0].Bundle = "PO-77", "Winter set"
	o.Items[1].Unit = &waxwing.Money{Minor: 1, Currency: "USD"} // x 2 is not 68.00
	var m Mail
	if err := builtin(t).Render(&Input{Order: o, Locale: locale(t, "en")}, &m); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"PO number: PO-77\n", "* Alpine Wool Jacket\n  Part of Winter set\n", "Qty 2  =  $68.00\n"} {
		if !strings.Contains(string(m.Text), want) {
			t.Errorf("no %q in\n%s", want, m.Text)
		}
	}
	for _, want := range []string{"PO-77</p>", ">Part of Winter set</div>", ">Qty 2</div>"} {
		if !strings.Contains(string(m.HTML), want) {
			t.Errorf("no %q in the HTML", want)
		}
	}
}
