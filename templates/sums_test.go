package templates

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/html"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/locales"
)

var (
	sumsOrders = flag.Int("sums.orders", 500, "how many generated orders of each locale are added up")
	sumsSeed   = flag.Uint64("sums.seed", 1, "what they are generated from")
)

// readAmount reads an amount as a customer with a calculator does: the sign,
// the digits, and which of the marks among them is the decimal one. It knows
// nothing of the tables that wrote it.
func readAmount(t *testing.T, tag, s, currency string) int64 {
	t.Helper()
	decimal := ","
	for _, p := range []string{"en", "ja", "zh", "ar", "es-MX", "de-CH", "fr-CH"} {
		if strings.HasPrefix(tag, p) {
			decimal = "."
		}
	}
	s = strings.TrimFunc(s, func(r rune) bool { return unicode.In(r, unicode.Cf, unicode.Z) })
	if strings.Contains(s, "-") {
		t.Fatalf("%s: %q has a hyphen for a minus", tag, s)
	}
	first, last := strings.IndexAny(s, "0123456789"), strings.LastIndexAny(s, "0123456789")
	if first < 0 {
		t.Fatalf("%s: %q has no digits", tag, s)
	}
	whole, fraction, _ := strings.Cut(s[first:last+1], decimal)
	digits := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r
			}
			if !strings.ContainsRune(".,'’\u00a0\u202f ", r) {
				t.Fatalf("%s: %q stands in %q", tag, r, s)
			}
			return -1
		}, s)
	}
	whole, fraction = digits(whole), digits(fraction)
	for len(fraction) < waxwing.Decimals(currency) {
		fraction += "0"
	}
	n, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err != nil || len(fraction) != waxwing.Decimals(currency) {
		t.Fatalf("%s: %q of %s: %v", tag, s, currency, err)
	}
	if strings.Contains(s, "−") {
		n = -n
	}
	return n
}

// shownSums is what one part of a mail shows of amounts.
type shownSums struct {
	items   []string
	charges []string
	total   string
	below   []string // without the taxes that the total holds
}

// textSums reads the plain text: the rows stand between two rules.
func textSums(t *testing.T, text string, l *locales.Locale, included int) (s shownSums) {
	t.Helper()
	colon := strings.TrimSuffix(strings.TrimPrefix(string(l.Append(nil, locales.MsgLabelled, 0, &locales.Args{locales.ArgTitle: "\x01", locales.ArgValue: "\x02"})), "\x01"), "\x02")
	parts := strings.Split(text, strings.Repeat("-", 40)+"\n")
	if len(parts) != 3 {
		t.Fatalf("%d parts:\n%s", len(parts), text)
	}
	for _, line := range strings.Split(parts[0], "\n") {
		if _, amount, ok := strings.Cut(line, "  =  "); ok {
			s.items = append(s.items, amount)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(parts[1]), "\n") {
		i := strings.LastIndex(line, colon)
		if i < 0 {
			t.Fatalf("%q is no row", line)
		}
		label, amount := line[:i], line[i+len(colon):]
		switch {
		case s.total == "" && label == l.Text(locales.MsgTotal):
			s.total = amount
		case s.total == "":
			s.charges = append(s.charges, amount)
		case included > 0:
			included--
		default:
			s.below = append(s.below, amount)
		}
	}
	return s
}

// htmlSums reads the HTML's rows by their classes.
func htmlSums(t *testing.T, doc []byte) (s shownSums) {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	class := func(n *html.Node) string {
		for _, a := range n.Attr {
			if a.Key == "class" {
				return " " + a.Val + " "
			}
		}
		return ""
	}
	var text func(n *html.Node) string
	text = func(n *html.Node) string {
		if n.Type == html.TextNode {
			return n.Data
		}
		out := ""
		for k := n.FirstChild; k != nil; k = k.NextSibling {
			out += text(k)
		}
		return out
	}
	// amount is the last div or cell of a row.
	amount := func(tr *html.Node) string {
		td := tr.LastChild
		for td.Type != html.ElementNode {
			td = td.PrevSibling
		}
		if last := td.LastChild; last.Type == html.ElementNode && last.Data == "div" {
			return text(last)
		}
		return text(td)
	}
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode && n.Data == "tr" {
			for td := n.FirstChild; td != nil; td = td.NextSibling {
				c := class(td)
				switch {
				case strings.Contains(c, " price "):
					s.items = append(s.items, text(td))
				case strings.Contains(c, " grand "):
					s.total = amount(n)
				case strings.Contains(c, " sum ") && !strings.Contains(c, "sum-amount"):
					if s.total == "" {
						s.charges = append(s.charges, amount(n))
					} else {
						s.below = append(s.below, amount(n))
					}
				}
			}
		}
		for k := n.FirstChild; k != nil; k = k.NextSibling {
			walk(k)
		}
	}
	walk(root)
	return s
}

// randomOrder is an order of random rows that keeps the identity at
// waxwing.Order.Remainder, and whatever else a shop may send.
func randomOrder(r *rand.Rand, currencies []string) *waxwing.Order {
	cur := currencies[r.IntN(len(currencies))]
	scale := []int64{100, 10_000, 1_000_000, 100_000_000_000}[r.IntN(4)]
	money := func() waxwing.Money { return waxwing.Money{Minor: 1 + r.Int64N(scale), Currency: cur} }
	list := func(most int, signed bool) (rows []waxwing.Adjustment, total waxwing.Money) {
		total.Currency = cur
		for i := range r.IntN(most + 1) {
			a := waxwing.Adjustment{Amount: money()}
			if r.IntN(3) > 0 {
				a.Title = fmt.Sprintf("Row %c", 'A'+i)
			}
			if signed && r.IntN(3) == 0 || r.IntN(20) == 0 {
				a.Amount.Minor = -a.Amount.Minor
			}
			if r.IntN(10) == 0 {
				a.Amount.Minor = 0
			}
			total.Minor += a.Amount.Minor
			rows = append(rows, a)
		}
		if r.IntN(6) == 0 { // the shop's total differs from its list, or there is no list
			total.Minor += r.Int64N(5) - 2
			if r.IntN(2) == 0 {
				rows = nil
			}
		}
		return rows, total
	}
	o := &waxwing.Order{Number: "#7", Currency: cur, TaxesIncluded: r.IntN(2) == 0, Payment: waxwing.Payment{Status: waxwing.PaymentPaid, Method: "Visa"}}
	o.Subtotal.Currency = cur
	for i := range 1 + r.IntN(55) {
		unit, n := money(), 1+r.Int64N(9)
		total := unit.Times(n)
		o.Items = append(o.Items, waxwing.Item{Name: fmt.Sprintf("Thing %d", i), Quantity: n, Unit: &unit, Total: &total})
		o.Subtotal = o.Subtotal.Add(total)
	}
	o.Discounts, o.DiscountTotal = list(14, false)
	o.Ship, o.ShippingTotal = list(3, false)
	o.Taxes, o.TaxTotal = list(14, false)
	o.Fees, _ = list(14, true)
	if r.IntN(3) == 0 {
		o.Tip = money()
	}
	o.Total = o.Subtotal.Sub(o.DiscountTotal).Add(o.ShippingTotal).Add(sum(o.Fees)).Add(o.Tip)
	if !o.TaxesIncluded {
		o.Total = o.Total.Add(o.TaxTotal)
	}
	o.Remainder, _ = list(14, true)
	kinds := []waxwing.AdjustmentKind{waxwing.StoreCredit, waxwing.GiftCard, waxwing.Rounding, waxwing.Surcharge, waxwing.OtherAdjustment, ""}
	for i := range o.Remainder {
		o.Remainder[i].Kind = kinds[r.IntN(len(kinds))]
	}
	o.Total = o.Total.Add(sum(o.Remainder))
	switch r.IntN(6) { // how it is settled
	case 0:
		o.GiftCards, _ = list(14, false)
	case 1:
		o.Refunded, o.Payment.Status = money(), waxwing.PartlyRefunded
		o.GiftCards, _ = list(2, false)
	case 2:
		o.Payment = waxwing.Payment{Status: waxwing.PaymentPartlyPaid, Deposit: money()}
	case 3:
		o.Payment = waxwing.Payment{Status: waxwing.PaymentPending, Offline: waxwing.BankTransfer}
		o.GiftCards, _ = list(2, false)
	}
	return o
}

// check adds up what one part of the mail of an order shows.
func (s *shownSums) check(o *waxwing.Order, read func(string) int64) error {
	add := func(list []string) (n int64) {
		for _, x := range list {
			if strings.ContainsAny(x, "0123456789") { // "Free" is a word
				n += read(x)
			}
		}
		return n
	}
	total := read(s.total)
	if got := add(s.charges); got != total || total != o.Total.Minor {
		return fmt.Errorf("rows %q add up to %d, the total %q is %d, of the order %d", s.charges, got, s.total, total, o.Total.Minor)
	}
	if len(s.charges) == 0 || len(s.items) > 0 && add(s.items) != read(s.charges[0]) {
		return fmt.Errorf("lines %q come to %d, the subtotal is %q", s.items, add(s.items), s.charges[:min(1, len(s.charges))])
	}
	// Downwards from the total: what is taken off, then what that leaves.
	left, taken := total, false
	partly := o.Refunded.Minor > 0 && (o.Total.Minor <= 0 || o.Refunded.Minor < o.Total.Minor)
	for i, x := range s.below {
		n := read(x)
		rest := partly && i == 1 || taken && i == len(s.below)-1 && n == left
		switch {
		case rest && n != left:
			return fmt.Errorf("below %q: %q is %d, not %d", s.total, s.below, n, left)
		case rest:
		default:
			left += n
			taken = true
		}
	}
	return nil
}

// Whatever rows an order has, however many and of whichever sign: what the mail
// shows adds up to the total, in the format of every locale, in HTML and text.
func TestShownAmountsAddUp(t *testing.T) {
	for _, tag := range locales.Tags() {
		l := locale(t, tag)
		r := rand.New(rand.NewPCG(*sumsSeed, uint64(len(tag))<<8|uint64(tag[0])))
		var currencies []string
		for _, cur := range []string{"USD", "EUR", "GBP", "JPY", "KWD", "SEK", "SAR", "BRL", "CNY", "PLN", "CHF", "CLF", "CAD", "INR", "HUF", "TND"} {
			// A locale that rounds a currency's minor unit away cannot show sums of it.
			if strings.Contains(string(l.AppendMoney(nil, waxwing.Money{Minor: 1, Currency: cur})), "1") {
				currencies = append(currencies, cur)
			}
		}
		var m Mail
		for i := range *sumsOrders {
			o := randomOrder(r, currencies)
			if err := builtin(t).Render(&Input{Order: o, Locale: l}, &m); err != nil {
				t.Fatal(err)
			}
			if !m.Unbalanced.IsZero() {
				t.Fatalf("%s %d: unbalanced by %s", tag, i, m.Unbalanced)
			}
			read := func(s string) int64 {
				return readAmount(t, tag, strings.TrimSuffix(s, "\u00a0"+o.Currency), o.Currency)
			}
			included := 0
			if o.TaxesIncluded {
				v := &view{}
				v.fill(&Input{Order: o, Locale: l}, maxItems)
				included = v.spans[fIncluded].to - v.spans[fIncluded].from
			}
			text, page := textSums(t, string(m.Text), l, included), htmlSums(t, m.HTML)
			for part, s := range map[string]*shownSums{"text": &text, "HTML": &page} {
				if err := s.check(o, read); err != nil {
					t.Fatalf("%s, order %d, %s: %v\n%s", tag, i, part, err, m.Text)
				}
			}
			if fmt.Sprint(text.charges, text.below) != fmt.Sprint(page.charges, page.below) {
				t.Fatalf("%s, order %d: text has %q, HTML %q", tag, i, text, page)
			}
		}
	}
}

// An order that does not add up is mailed, and says by how much it does not.
func TestUnbalanced(t *testing.T) {
	other := waxwing.Money{Minor: 300, Currency: "USD"}
	for name, c := range map[string]struct {
		order waxwing.Order
		want  string
	}{
		"balanced":             {waxwing.Order{Subtotal: eur(100), Total: eur(100)}, "0.00 EUR"},
		"a cent short":         {waxwing.Order{Subtotal: eur(100), Total: eur(101)}, "0.01 EUR"},
		"a cent over":          {waxwing.Order{Subtotal: eur(100), Total: eur(99)}, "-0.01 EUR"},
		"a fee of another":     {waxwing.Order{Subtotal: eur(100), Fees: []waxwing.Adjustment{{Amount: other}}, Total: eur(100)}, "0.00 EUR"},
		"no subtotal":          {waxwing.Order{Tip: eur(5), Total: eur(100)}, "0.00 "},
		"lines in its place":   {waxwing.Order{Items: []waxwing.Item{{Total: &waxwing.Money{Minor: 90, Currency: "EUR"}}}, Tip: eur(5), Total: eur(100)}, "0.05 EUR"},
		"remainder settles it": {waxwing.Order{Subtotal: eur(100), Remainder: []waxwing.Adjustment{{Kind: waxwing.StoreCredit, Amount: eur(-30)}}, Total: eur(70)}, "0.00 EUR"},
		"only a total":         {waxwing.Order{Total: eur(70)}, "0.00 "},
	} {
		var m Mail
		if err := builtin(t).Render(&Input{Order: &c.order, Locale: locale(t, "en")}, &m); err != nil {
			t.Fatal(err)
		}
		if got := m.Unbalanced.String(); got != c.want {
			t.Errorf("%s: %s, want %s\n%s", name, got, c.want, m.Text)
		}
	}
}
