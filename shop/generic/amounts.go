package generic

import (
	"math/big"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// sums reads the amounts of one order and holds them against each other.
type sums struct {
	f     fields // of the order
	o     *waxwing.Order
	money shop.MoneyReader
}

// amounts reads the lines and holds the totals that are given against them;
// those that are not given are computed. What differs by the rounding of rows
// alone, as shops compute, is settled; what differs by more is an error.
func (s *sums) amounts() {
	f, o := s.f, s.o
	lines, priced := s.items()
	o.Discounts = s.adjustments("discounts", amountKeys)
	o.Ship = s.adjustments("shipping", amountKeys)
	o.Fees = s.adjustments("fees", amountKeys)
	o.Remainder = s.adjustments("adjustments", adjustmentKeys)
	o.Taxes = s.adjustments("taxes", taxKeys)
	o.GiftCards = s.adjustments("gift_cards", amountKeys)
	if tip := f.amount("tip", o.Currency); tip != nil && !tip.IsZero() {
		o.Tip = *tip
	}
	t := f.in("totals")
	t.object(totalsKeys)
	o.Subtotal = s.agreed(t, "subtotal", lines, priced, len(o.Items))
	o.DiscountTotal = s.agreed(t, "discount", s.sum(o.Discounts), len(o.Discounts) > 0, len(o.Items)+len(o.Discounts))
	o.ShippingTotal = s.agreed(t, "shipping", s.sum(o.Ship), len(o.Ship) > 0, len(o.Ship))
	o.TaxTotal = s.agreed(t, "tax", s.sum(o.Taxes), len(o.Taxes) > 0, len(o.Items)+len(o.Taxes))
	if len(o.Discounts) == 0 && !o.DiscountTotal.IsZero() {
		o.Discounts = []waxwing.Adjustment{{Amount: o.DiscountTotal}}
	}
	if len(o.Ship) > 0 && o.Delivery.Method == "" {
		o.Delivery.Method = o.Ship[0].Title
	}
	if !priced && t.amount("subtotal", o.Currency) == nil {
		t.fail("subtotal", "missing, and not every item has a price")
	}
	if !priced && s.positive() && lines.Minor > o.Subtotal.Minor {
		t.fail("subtotal", "less than the items that have a price")
	}
	total := o.Subtotal.Sub(o.DiscountTotal).Add(o.ShippingTotal).Add(s.sum(o.Fees)).Add(o.Tip)
	if !o.TaxesIncluded {
		total = total.Add(o.TaxTotal)
	}
	total = total.Add(s.sum(o.Remainder))
	o.Total = total
	if given := t.amount("total", o.Currency); given != nil {
		fine := total // with what the lines come to, which the shop may have rounded otherwise
		if priced {
			fine = total.Sub(o.Subtotal).Add(lines)
		}
		o.Total = *given
		if !s.money.IsRounding(o, given.Sub(total)) && !s.money.IsRounding(o, given.Sub(fine)) {
			t.fail("total", "does not agree with subtotal - discount + shipping + fees + tip"+
				" + adjustments (+ tax, unless taxes_included)")
		}
	}
	s.within(t)
	s.discounted()
	if priced { // what it differs by is rounding, which gets a row
		o.Subtotal = lines
	}
	if s.money.Err != nil {
		s.f.bad.add(nil, s.money.Err.Error())
	}
}

// within holds the parts of a total against it. What is more by rounding alone is
// as much as the total.
func (s *sums) within(t fields) {
	o := s.o
	if o.DiscountTotal.Minor < 0 {
		t.fail("discount", "negative")
	}
	if o.ShippingTotal.Minor < 0 {
		t.fail("shipping", "negative")
	}
	switch {
	case o.Total.Minor >= 0:
	case s.money.IsRounding(o, o.Total):
		o.Total = s.money.Zero()
	default:
		t.fail("total", "negative: the discounts are more than the order")
	}
	if o.TaxesIncluded && o.TaxTotal.Minor > o.Total.Minor {
		t.fail("tax", "more than the total that includes it")
	}
	if over := s.sum(o.GiftCards).Sub(o.Total); over.Minor > 0 && len(o.GiftCards) > 0 {
		largest := 0
		for i := range o.GiftCards {
			if o.GiftCards[i].Amount.Minor > o.GiftCards[largest].Amount.Minor {
				largest = i
			}
		}
		if a := &o.GiftCards[largest].Amount; s.money.IsRounding(o, over) && over.Minor <= a.Minor {
			*a = a.Sub(over)
		} else {
			s.f.fail("gift_cards", "more than the total")
		}
	}
	if back := t.amount("refunded", o.Currency); back != nil && !back.IsZero() {
		o.Refunded = s.part(t, "refunded", *back)
	}
}

// part returns an amount that is a part of the total.
func (s *sums) part(f fields, key string, m waxwing.Money) waxwing.Money {
	switch over := m.Sub(s.o.Total); {
	case over.Minor <= 0:
	case s.money.IsRounding(s.o, over):
		return s.o.Total
	default:
		f.fail(key, "more than the total")
	}
	return m
}

// discounted holds the discounts on lines against those of the order, which
// include them but for rounding.
func (s *sums) discounted() {
	o := s.o
	cut, largest, n := s.money.Zero(), 0, 0
	for i := range o.Items {
		it := &o.Items[i]
		if cut = s.money.Sum("items", cut, it.Discount); !it.Discount.IsZero() {
			n++
		}
		if it.Discount.Minor > o.Items[largest].Discount.Minor {
			largest = i
		}
		if it.Total != nil && it.Discount.Minor > max(it.Total.Minor, 0) {
			s.f.bad.add(s.f.at.in("items").at(i).in("discount"), "more than the line")
		}
	}
	switch over := cut.Sub(o.DiscountTotal); {
	case over.Minor <= 0:
	case over.Minor <= int64(n) && over.Minor <= o.Items[largest].Discount.Minor:
		o.Items[largest].Discount = o.Items[largest].Discount.Sub(over)
	default:
		s.f.fail("discounts", "less than the discounts on the items, which they must include")
	}
}

// positive reports whether no line takes anything off.
func (s *sums) positive() bool {
	for i := range s.o.Items {
		if t := s.o.Items[i].Total; t != nil && t.Minor < 0 {
			return false
		}
	}
	return true
}

// agreed reads a total. Where the lines say what it must be, another is an error
// unless it differs by no more than the rounding of so many rows.
func (s *sums) agreed(t fields, key string, lines waxwing.Money, known bool, rows int) waxwing.Money {
	given := t.signed(key, s.money.Currency)
	if given == nil {
		return lines
	}
	if off := given.Sub(lines).Minor; known && max(off, -off) > int64(rows) {
		t.fail(key, "does not agree with the lines")
	}
	return *given
}

func (s *sums) sum(list []waxwing.Adjustment) waxwing.Money {
	sum := s.money.Zero()
	for _, a := range list {
		sum = s.money.Sum("amounts", sum, a.Amount)
	}
	return sum
}

func (s *sums) adjustments(key string, keys []string) []waxwing.Adjustment {
	var list []waxwing.Adjustment
	for w := range s.f.list(key, 100) {
		if !w.object(keys) {
			w.bad.add(w.at, "want an object")
			break
		}
		a := waxwing.Adjustment{Title: w.text("title", shop.MaxName)}
		if rate := w.v.Get("rate"); rate.Given() {
			if a.Rate = shop.Fraction(rate.Text(), 0); rate.Kind() == payload.String && !plainDecimal(rate.Text()) ||
				a.Rate == "" && (shop.Nonzero(rate.Text()) || rate.Text() == "" || rate.Text()[0] == '-') {
				w.fail("rate", `want a decimal fraction such as "0.19"`)
			}
		}
		read := w.amount
		if key == "fees" || key == "taxes" || key == "adjustments" {
			read = w.signed
		}
		if key == "adjustments" {
			if a.Kind = waxwing.AdjustmentKind(w.choice("kind", adjusted)); a.Kind == "" {
				a.Kind = waxwing.OtherAdjustment
			}
		}
		m := read("amount", s.money.Currency)
		if m == nil {
			w.fail("amount", "missing")
			break
		}
		a.Amount = *m
		list = append(list, a)
	}
	return list
}

// items reads the lines. It returns what they add up to before discounts and
// whether every one has a price.
func (s *sums) items() (sum waxwing.Money, priced bool) {
	o := s.o
	sum, priced = s.money.Zero(), true
	for w := range s.f.list("items", 1000) {
		if !w.object(itemKeys) {
			w.bad.add(w.at, "want an object")
			break
		}
		it := s.item(w)
		if it.Total != nil {
			sum = s.money.Sum("items", sum, *it.Total)
		} else {
			priced = false
		}
		o.Items = append(o.Items, it)
		if w.bad.err != nil {
			break
		}
	}
	if len(o.Items) == 0 {
		s.f.fail("items", "want at least one")
	}
	return sum, priced
}

func (s *sums) item(f fields) waxwing.Item {
	it := waxwing.Item{
		SKU:       f.word("sku", shop.MaxNumber),
		ProductID: f.word("product_id", shop.MaxNumber),
		VariantID: f.word("variant_id", shop.MaxNumber),
		Name:      f.text("name", shop.MaxItem),
		Variant:   f.text("variant", shop.MaxName),
		ImageURL:  f.link("image_url"),
		URL:       f.link("url"),
		GiftCard:  f.flag("gift_card"),
		Digital:   f.flag("digital"),
		Stock:     waxwing.Stock(f.choice("stock", stocks)),
		Bundle:    f.text("bundle", shop.MaxItem),
	}
	if it.Name == "" {
		f.fail("name", "missing")
	}
	q, err := shop.Quantity(f.v.Get("quantity"))
	if err != nil || q == 0 || q > 1_000_000 || f.v.Get("quantity").Kind() != payload.Number {
		f.fail("quantity", "want a whole number from 1 to 1000000")
		return it
	}
	it.Quantity = q
	if back := f.v.Get("refunded"); back.Given() {
		n, err := shop.Quantity(back)
		if it.Refunded = n; err != nil || n > q || back.Kind() != payload.Number {
			f.fail("refunded", "want a whole number, not more than quantity")
		}
	}
	s.prices(f, &it)
	for p := range f.list("properties", shop.MaxProperties) {
		if !p.object(propertyKeys) {
			p.bad.add(p.at, "want an object")
			break
		}
		prop := waxwing.Property{Name: p.text("name", shop.MaxName), Value: shop.CleanLines(shop.Readable(p.v.Get("value"), shop.AsIs), shop.MaxValue)}
		if prop.Name == "" {
			p.fail("name", "missing")
		}
		if prop.Value != "" {
			it.Properties = append(it.Properties, prop)
		}
	}
	return it
}

// prices reads unit price and line total, of which either may be missing. The
// unit price may have more places than the currency: the line is then rounded once.
func (s *sums) prices(f fields, it *waxwing.Item) {
	it.Unit = f.decimal("unit_price", s.money.Currency, waxwing.RoundMoney)
	it.Total = f.signed("total", s.money.Currency)
	if it.Unit != nil {
		line := s.money.Line("items", f.v.Get("unit_price"), it.Quantity)
		switch {
		case s.money.Err != nil:
			f.bad.add(f.at, "amount too large")
		case it.Total == nil:
			it.Total = &line
		case *it.Total == line:
		case s.roundedUnit(f.v.Get("unit_price"), it.Total.Sub(line), it.Quantity):
			it.Unit = nil // it is rounded, and the line is not
		default:
			f.fail("total", "does not agree with unit_price times quantity")
		}
	} else if it.Total != nil && it.Total.Minor%it.Quantity == 0 {
		unit := waxwing.Money{Minor: it.Total.Minor / it.Quantity, Currency: s.money.Currency}
		it.Unit = &unit
	}
	if cut := f.amount("discount", s.money.Currency); cut != nil {
		it.Discount = *cut
	}
}

// roundedUnit reports whether a line is off by what a unit price loses when it is
// rounded to the places that it has: half of the last one for each piece, and a
// minor unit for the line.
func (s *sums) roundedUnit(unit payload.Value, off waxwing.Money, quantity int64) bool {
	_, frac, _ := strings.Cut(unit.Text(), ".")
	if strings.ContainsAny(frac, "eE") {
		frac = ""
	}
	lost := big.NewRat(quantity, 2)
	for range len(frac) - waxwing.Decimals(s.money.Currency) {
		lost.Mul(lost, big.NewRat(1, 10))
	}
	lost.Add(lost, big.NewRat(1, 1))
	return lost.Cmp(new(big.Rat).SetInt64(max(off.Minor, -off.Minor))) >= 0
}

// parts reads how much of an order was paid and how much is still to be paid.
func (s *sums) parts() {
	f, o := s.f.in("payment"), s.o
	deposit, due := f.amount("deposit", s.money.Currency), f.amount("due", s.money.Currency)
	cards := s.sum(o.GiftCards)
	if deposit != nil {
		o.Payment.Deposit = s.part(f, "deposit", *deposit)
	}
	if due != nil {
		o.Payment.Due = s.part(f, "due", *due)
	}
	if deposit == nil || due == nil {
		return
	}
	// The deposit may be what was paid with the cards too.
	switch off := o.Total.Sub(*deposit).Sub(*due); {
	case off.Minor >= -1 && off.Minor <= 1 && !cards.IsZero():
		o.Payment.Deposit = deposit.Sub(cards)
	case off.Minor >= -1 && off.Minor <= 1:
	case off.Minor < cards.Minor-1 || off.Minor > cards.Minor+1:
		f.fail("due", "does not agree with the total less deposit and gift_cards")
	}
}
