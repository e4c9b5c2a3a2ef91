package shop

import (
	"math/big"
	"strings"

	"github.com/waxwinghq/waxwing"
)

// amounts reads the lines and holds the totals that are given against them;
// those that are not given are computed. What differs by the rounding of rows
// alone, as shops compute, is settled; what differs by more is an error.
func (r *genericReader) amounts(v value, o *waxwing.Order) {
	lines, priced := r.items(v, o)
	o.Discounts = r.adjustments(v, "discounts", genericAmountKeys)
	o.Ship = r.adjustments(v, "shipping", genericAmountKeys)
	o.Fees = r.adjustments(v, "fees", genericAmountKeys)
	o.Remainder = r.adjustments(v, "adjustments", genericAdjustmentKeys)
	o.Taxes = r.adjustments(v, "taxes", genericTaxKeys)
	o.GiftCards = r.adjustments(v, "gift_cards", genericAmountKeys)
	if tip := r.amount(v, nil, "tip"); tip != nil && !tip.IsZero() {
		o.Tip = *tip
	}
	at := top.in("totals")
	t := v.get("totals")
	r.object(t, at, genericTotalsKeys)
	o.Subtotal = r.agreed(t, at, "subtotal", lines, priced, len(o.Items))
	o.DiscountTotal = r.agreed(t, at, "discount", r.sum(o.Discounts), len(o.Discounts) > 0, len(o.Items)+len(o.Discounts))
	o.ShippingTotal = r.agreed(t, at, "shipping", r.sum(o.Ship), len(o.Ship) > 0, len(o.Ship))
	o.TaxTotal = r.agreed(t, at, "tax", r.sum(o.Taxes), len(o.Taxes) > 0, len(o.Items)+len(o.Taxes))
	if len(o.Discounts) == 0 && !o.DiscountTotal.IsZero() {
		o.Discounts = []waxwing.Adjustment{{Amount: o.DiscountTotal}}
	}
	if len(o.Ship) > 0 && o.Delivery.Method == "" {
		o.Delivery.Method = o.Ship[0].Title
	}
	if !priced && r.amount(t, at, "subtotal") == nil {
		r.failIn(at, "subtotal", "missing, and not every item has a price")
	}
	if !priced && r.positive(o) && lines.Minor > o.Subtotal.Minor {
		r.failIn(at, "subtotal", "less than the items that have a price")
	}
	total := o.Subtotal.Sub(o.DiscountTotal).Add(o.ShippingTotal).Add(r.sum(o.Fees)).Add(o.Tip)
	if !o.TaxesIncluded {
		total = total.Add(o.TaxTotal)
	}
	total = total.Add(r.sum(o.Remainder))
	o.Total = total
	if given := r.amount(t, at, "total"); given != nil {
		fine := total // with what the lines come to, which the shop may have rounded otherwise
		if priced {
			fine = total.Sub(o.Subtotal).Add(lines)
		}
		o.Total = *given
		if !r.till.isRounding(o, given.Sub(total)) && !r.till.isRounding(o, given.Sub(fine)) {
			r.failIn(at, "total", "does not agree with subtotal - discount + shipping + fees + tip"+
				" + adjustments (+ tax, unless taxes_included)")
		}
	}
	r.within(t, at, o)
	r.discounted(o)
	if priced { // what it differs by is rounding, which gets a row
		o.Subtotal = lines
	}
	if r.till.err != nil {
		r.fail(nil, r.till.err.Error())
	}
}

// within holds the parts of a total against it. What is more by rounding alone is
// as much as the total.
func (r *genericReader) within(t value, at *place, o *waxwing.Order) {
	if o.DiscountTotal.Minor < 0 {
		r.failIn(at, "discount", "negative")
	}
	if o.ShippingTotal.Minor < 0 {
		r.failIn(at, "shipping", "negative")
	}
	switch {
	case o.Total.Minor >= 0:
	case r.till.isRounding(o, o.Total):
		o.Total = r.till.zero()
	default:
		r.failIn(at, "total", "negative: the discounts are more than the order")
	}
	if o.TaxesIncluded && o.TaxTotal.Minor > o.Total.Minor {
		r.failIn(at, "tax", "more than the total that includes it")
	}
	if over := r.sum(o.GiftCards).Sub(o.Total); over.Minor > 0 && len(o.GiftCards) > 0 {
		largest := 0
		for i := range o.GiftCards {
			if o.GiftCards[i].Amount.Minor > o.GiftCards[largest].Amount.Minor {
				largest = i
			}
		}
		if a := &o.GiftCards[largest].Amount; r.till.isRounding(o, over) && over.Minor <= a.Minor {
			*a = a.Sub(over)
		} else {
			r.failIn(top, "gift_cards", "more than the total")
		}
	}
	if back := r.amount(t, at, "refunded"); back != nil && !back.IsZero() {
		o.Refunded = r.part(at, "refunded", *back, o)
	}
}

// part returns an amount that is a part of the total.
func (r *genericReader) part(at *place, key string, m waxwing.Money, o *waxwing.Order) waxwing.Money {
	switch over := m.Sub(o.Total); {
	case over.Minor <= 0:
	case r.till.isRounding(o, over):
		return o.Total
	default:
		r.failIn(at, key, "more than the total")
	}
	return m
}

// discounted holds the discounts on lines against those of the order, which
// include them but for rounding.
func (r *genericReader) discounted(o *waxwing.Order) {
	cut, largest, n := r.till.zero(), 0, 0
	for i := range o.Items {
		it := &o.Items[i]
		if cut = r.till.sum("items", cut, it.Discount); !it.Discount.IsZero() {
			n++
		}
		if it.Discount.Minor > o.Items[largest].Discount.Minor {
			largest = i
		}
		if it.Total != nil && it.Discount.Minor > max(it.Total.Minor, 0) {
			r.fail(top.in("items").at(i).in("discount"), "more than the line")
		}
	}
	switch over := cut.Sub(o.DiscountTotal); {
	case over.Minor <= 0:
	case over.Minor <= int64(n) && over.Minor <= o.Items[largest].Discount.Minor:
		o.Items[largest].Discount = o.Items[largest].Discount.Sub(over)
	default:
		r.failIn(top, "discounts", "less than the discounts on the items, which they must include")
	}
}

// positive reports whether no line takes anything off.
func (r *genericReader) positive(o *waxwing.Order) bool {
	for i := range o.Items {
		if t := o.Items[i].Total; t != nil && t.Minor < 0 {
			return false
		}
	}
	return true
}

// agreed reads a total. Where the lines say what it must be, another is an error
// unless it differs by no more than the rounding of so many rows.
func (r *genericReader) agreed(t value, at *place, key string, lines waxwing.Money, known bool, rows int) waxwing.Money {
	given := r.signed(t, at, key)
	if given == nil {
		return lines
	}
	if off := given.Sub(lines).Minor; known && max(off, -off) > int64(rows) {
		r.failIn(at, key, "does not agree with the lines")
	}
	return *given
}

func (r *genericReader) sum(list []waxwing.Adjustment) waxwing.Money {
	sum := r.till.zero()
	for _, a := range list {
		sum = r.till.sum("amounts", sum, a.Amount)
	}
	return sum
}

func (r *genericReader) adjustments(v value, key string, keys []string) []waxwing.Adjustment {
	var list []waxwing.Adjustment
	for i, w := range r.list(v, nil, key, 100) {
		at := top.in(key).at(i)
		if !r.object(w, at, keys) {
			r.fail(at, "want an object")
			break
		}
		a := waxwing.Adjustment{Title: r.text(w, at, "title", capName)}
		if rate := w.get("rate"); rate.given() {
			if a.Rate = fraction(rate.text(), 0); rate.kind() == kindString && !plainDecimal(rate.text()) ||
				a.Rate == "" && (nonzero(rate.text()) || rate.text() == "" || rate.text()[0] == '-') {
				r.failIn(at, "rate", `want a decimal fraction such as "0.19"`)
			}
		}
		read := r.amount
		if key == "fees" || key == "taxes" || key == "adjustments" {
			read = r.signed
		}
		if key == "adjustments" {
			if a.Kind = waxwing.AdjustmentKind(r.choice(w, at, "kind", genericAdjusted)); a.Kind == "" {
				a.Kind = waxwing.OtherAdjustment
			}
		}
		m := read(w, at, "amount")
		if m == nil {
			r.failIn(at, "amount", "missing")
			break
		}
		a.Amount = *m
		list = append(list, a)
	}
	return list
}

// items reads the lines. It returns what they add up to before discounts and
// whether every one has a price.
func (r *genericReader) items(v value, o *waxwing.Order) (sum waxwing.Money, priced bool) {
	sum, priced = r.till.zero(), true
	for i, w := range r.list(v, nil, "items", 1000) {
		at := top.in("items").at(i)
		if !r.object(w, at, genericItemKeys) {
			r.fail(at, "want an object")
			break
		}
		it := r.item(w, at)
		if it.Total != nil {
			sum = r.till.sum("items", sum, *it.Total)
		} else {
			priced = false
		}
		o.Items = append(o.Items, it)
		if r.err != nil {
			break
		}
	}
	if len(o.Items) == 0 {
		r.failIn(top, "items", "want at least one")
	}
	return sum, priced
}

func (r *genericReader) item(v value, at *place) waxwing.Item {
	it := waxwing.Item{
		SKU:       r.word(v, at, "sku", capNumber),
		ProductID: r.word(v, at, "product_id", capNumber),
		VariantID: r.word(v, at, "variant_id", capNumber),
		Name:      r.text(v, at, "name", capItem),
		Variant:   r.text(v, at, "variant", capName),
		ImageURL:  r.link(v, at, "image_url"),
		URL:       r.link(v, at, "url"),
		GiftCard:  r.flag(v, at, "gift_card"),
		Digital:   r.flag(v, at, "digital"),
		Stock:     waxwing.Stock(r.choice(v, at, "stock", genericStocks)),
		Bundle:    r.text(v, at, "bundle", capItem),
	}
	if it.Name == "" {
		r.failIn(at, "name", "missing")
	}
	q, err := quantity(v.get("quantity"))
	if err != nil || q == 0 || q > 1_000_000 || v.get("quantity").kind() != kindNumber {
		r.failIn(at, "quantity", "want a whole number from 1 to 1000000")
		return it
	}
	it.Quantity = q
	if back := v.get("refunded"); back.given() {
		n, err := quantity(back)
		if it.Refunded = n; err != nil || n > q || back.kind() != kindNumber {
			r.failIn(at, "refunded", "want a whole number, not more than quantity")
		}
	}
	r.prices(v, at, &it)
	for i, p := range r.list(v, at, "properties", maxProperties) {
		here := at.in("properties").at(i)
		if !r.object(p, here, genericPropertyKeys) {
			r.fail(here, "want an object")
			break
		}
		prop := waxwing.Property{Name: r.text(p, here, "name", capName), Value: cleanLines(readable(p.get("value"), asIs), capValue)}
		if prop.Name == "" {
			r.failIn(here, "name", "missing")
		}
		if prop.Value != "" {
			it.Properties = append(it.Properties, prop)
		}
	}
	return it
}

// prices reads unit price and line total, of which either may be missing. The
// unit price may have more places than the currency: the line is then rounded once.
func (r *genericReader) prices(v value, at *place, it *waxwing.Item) {
	it.Unit = r.decimal(v, at, "unit_price", waxwing.RoundMoney)
	it.Total = r.signed(v, at, "total")
	if it.Unit != nil {
		line := r.till.line("items", v.get("unit_price"), it.Quantity)
		switch {
		case r.till.err != nil:
			r.fail(at, "amount too large")
		case it.Total == nil:
			it.Total = &line
		case *it.Total == line:
		case r.roundedUnit(v.get("unit_price"), it.Total.Sub(line), it.Quantity):
			it.Unit = nil // it is rounded, and the line is not
		default:
			r.failIn(at, "total", "does not agree with unit_price times quantity")
		}
	} else if it.Total != nil && it.Total.Minor%it.Quantity == 0 {
		unit := waxwing.Money{Minor: it.Total.Minor / it.Quantity, Currency: r.till.cur}
		it.Unit = &unit
	}
	if cut := r.amount(v, at, "discount"); cut != nil {
		it.Discount = *cut
	}
}

// roundedUnit reports whether a line is off by what a unit price loses when it is
// rounded to the places that it has: half of the last one for each piece, and a
// minor unit for the line.
func (r *genericReader) roundedUnit(unit value, off waxwing.Money, quantity int64) bool {
	_, frac, _ := strings.Cut(unit.text(), ".")
	if strings.ContainsAny(frac, "eE") {
		frac = ""
	}
	lost := big.NewRat(quantity, 2)
	for range len(frac) - waxwing.Decimals(r.till.cur) {
		lost.Mul(lost, big.NewRat(1, 10))
	}
	lost.Add(lost, big.NewRat(1, 1))
	return lost.Cmp(new(big.Rat).SetInt64(max(off.Minor, -off.Minor))) >= 0
}
