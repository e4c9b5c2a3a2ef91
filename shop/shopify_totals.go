package shop

import (
	"strings"

	"github.com/waxwinghq/waxwing"
)

// amounts reads the lines and the totals of an order.
func (r *shopifyReader) amounts() error {
	if err := bounded(r.v, "line_items", "shipping_lines", "tax_lines", "discount_applications", "discount_codes", "additional_fees",
		"transactions"); err != nil {
		return err
	}
	r.discount = r.till.zero()
	paidBack := r.refunds()
	if !r.has(r.v, shopifyTotal) && !r.has(r.v, shopifyNowTotal) {
		if r.till.err != nil {
			return r.till.err
		}
		return errNoTotal
	}
	total, cut, tax := shopifyTotal, shopifyDiscounts, shopifyTax
	if r.edited = r.wasEdited(paidBack); r.edited {
		total, cut, tax = shopifyNowTotal, shopifyNowDiscounts, shopifyNowTax
	}
	r.o.Total = r.kept(r.v, total)
	if r.o.Total.Minor < 0 {
		return errNegative
	}
	r.discounts()
	lines, err := r.items()
	if err != nil {
		return err
	}
	shipping, err := r.shipping()
	if err != nil {
		return err
	}
	if err := r.taxes(); err != nil {
		return err
	}
	fees, err := r.fees()
	if err != nil {
		return err
	}
	if r.o.TaxTotal = r.kept(r.v, tax); !r.has(r.v, tax) {
		for i := range r.o.Taxes {
			r.o.TaxTotal = r.till.sum("tax_lines", r.o.TaxTotal, r.o.Taxes[i].Amount)
		}
	}
	if tip := r.tip(); !tip.IsZero() {
		r.o.Tip = tip
	}
	b := balance{
		total: r.o.Total,
		rest:  r.till.sum(total.plain, fees, r.o.Tip),
	}
	if !r.o.TaxesIncluded {
		b.rest = r.till.sum(total.plain, b.rest, r.o.TaxTotal)
	}
	r.balance(&b, lines, shipping, cut)
	r.o.Subtotal, r.o.DiscountTotal, r.o.ShippingTotal = b.settle()
	r.o.Discounts = r.discountLines()
	r.giftCards()
	r.refunded(paidBack)
	r.outstanding()
	r.cashRounding()
	r.till.settleRows(r.o)
	return r.till.err
}

// wasEdited reports whether pieces were taken out of the order before it was
// paid. Only then do the current_* totals count: after a refund the order still
// cost what it cost, and Shopify's test notifications have ones that fit nothing.
func (r *shopifyReader) wasEdited(paidBack waxwing.Money) bool {
	if !r.has(r.v, shopifyTotal) {
		return true
	}
	status := r.o.Payment.Status
	if !r.has(r.v, shopifyNowTotal) || !paidBack.IsZero() || status == waxwing.PartlyRefunded ||
		status == waxwing.PaymentRefunded || r.kept(r.v, shopifyNowTotal) == r.kept(r.v, shopifyTotal) {
		return false
	}
	for _, l := range r.v.get("line_items").items() {
		was, ok := l.get("quantity").int()
		if now, has := l.get("current_quantity").int(); ok && has && now < was {
			return true
		}
	}
	return false
}

// balance gathers what the totals may be: first the payload's own, then what
// else the lines say, in case only that adds up.
func (r *shopifyReader) balance(b *balance, lines, shipping waxwing.Money, cut shopifyAmount) {
	discounts := r.kept(r.v, cut)
	if !r.has(r.v, cut) {
		discounts = r.discount
	}
	b.discounts = [2]waxwing.Money{discounts, r.discount}
	b.shipping = [2]waxwing.Money{shipping, shipping}
	if r.has(r.v, shopifyShipping) {
		given := r.kept(r.v, shopifyShipping)
		b.shipping[1] = given
		if len(r.o.Ship) == 0 {
			b.shipping[0] = given
		}
	}
	given := lines
	switch {
	case r.edited:
	case r.has(r.v, shopifyItemsTotal):
		given = r.kept(r.v, shopifyItemsTotal)
	case len(r.o.Items) == 0 && r.has(r.v, shopifySubtotal):
		given = r.till.sum("subtotal_price", r.kept(r.v, shopifySubtotal), discounts)
	}
	b.subtotals = [3]waxwing.Money{lines, given, r.till.sum("tips", given, r.tips.Neg())}
	for i := range r.o.Items {
		if r.o.Items[i].Total == nil {
			b.subtotals[0] = given // the lines do not tell
		}
	}
	if len(r.o.Items) == 0 {
		b.subtotals[0] = given
	}
}

// balance finds the totals that add up among those that a payload offers.
type balance struct {
	total, rest waxwing.Money // rest: fees, tip and the tax that comes on top
	subtotals   [3]waxwing.Money
	discounts   [2]waxwing.Money
	shipping    [2]waxwing.Money
}

// settle returns the first that add up to the total, or the first of each.
func (b *balance) settle() (subtotal, discount, shipping waxwing.Money) {
	for _, s := range b.subtotals {
		for _, d := range b.discounts {
			for _, h := range b.shipping {
				if s.Minor-d.Minor+h.Minor+b.rest.Minor == b.total.Minor {
					return s, d, h
				}
			}
		}
	}
	return b.subtotals[0], b.discounts[0], b.shipping[0]
}

// tip reads what was given on top, be it a total or a line.
func (r *shopifyReader) tip() waxwing.Money {
	if !r.tips.IsZero() {
		return r.tips // the only form that has presentment money
	}
	return r.kept(r.v, shopifyTip)
}

// discountLines lists the discounts where they add up to their total, else one
// line of all.
func (r *shopifyReader) discountLines() []waxwing.Adjustment {
	total := r.o.DiscountTotal
	if total.IsZero() {
		return nil
	}
	list := make([]waxwing.Adjustment, 0, len(r.cuts))
	sum := r.till.zero()
	for _, c := range r.cuts {
		if !c.amount.IsZero() {
			sum = r.till.sum("discount_applications", sum, c.amount)
			list = append(list, waxwing.Adjustment{Title: c.title, Amount: c.amount})
		}
	}
	if sum == total {
		return list
	}
	var titles []string
	codes := r.v.get("discount_codes")
	sum, list = r.till.zero(), list[:0]
	for _, c := range codes.items() {
		title := clean(c.get("code").text(), capName)
		if title != "" && len(titles) < 5 {
			titles = append(titles, title)
		}
		if m, err := waxwing.RoundMoney(c.get("amount").trimmed(), r.till.cur); err == nil && m.Minor > 0 && m.Minor <= maxSum {
			sum = r.till.sum("discount_codes", sum, m)
			list = append(list, waxwing.Adjustment{Title: title, Amount: m})
		}
	}
	if sum == total && !r.presentment { // codes have no presentment money
		return list
	}
	if len(titles) == 0 {
		for _, c := range r.cuts {
			if c.title != "" && len(titles) < 5 && !contains(titles, c.title) {
				titles = append(titles, c.title)
			}
		}
	}
	return []waxwing.Adjustment{{Title: clean(strings.Join(titles, ", "), capName), Amount: total}}
}

// giftCards reads what was paid with gift cards, where the payload has the
// transactions.
func (r *shopifyReader) giftCards() {
	for _, t := range r.v.get("transactions").items() {
		if t.get("gateway").text() != "gift_card" || t.get("status").text() != "success" {
			continue
		}
		if k := t.get("kind").text(); k != "sale" && k != "capture" {
			continue
		}
		m, ok := r.transaction(t)
		if !ok || m.Minor <= 0 {
			continue
		}
		title := clean(t.get("receipt").get("gift_card_last_characters").text(), 8)
		if title != "" {
			title = "•••• " + title
		}
		r.o.GiftCards = append(r.o.GiftCards, waxwing.Adjustment{Title: title, Amount: m})
	}
}

// transaction reads a transaction's amount, if it is in the order's currency.
func (r *shopifyReader) transaction(t value) (waxwing.Money, bool) {
	code := t.get("currency").trimmed()
	if code == r.till.cur || code == "" && !r.presentment {
		return r.till.kept(t.get("amount"), "transactions"), true
	}
	for _, side := range []string{"presentment_money", "shop_money"} {
		m := t.get("amount_set").get(side)
		if m.get("currency_code").trimmed() == r.till.cur {
			return r.till.kept(m.get("amount"), "transactions"), true
		}
	}
	return r.till.zero(), false
}

// refunds adds up the money that went back and counts the pieces.
func (r *shopifyReader) refunds() waxwing.Money {
	sum := r.till.zero()
	for _, f := range r.v.get("refunds").items() {
		paid, known := r.till.zero(), true
		for _, t := range f.get("transactions").items() {
			if t.get("kind").text() != "refund" || t.get("status").text() != "success" {
				continue
			}
			m, ok := r.transaction(t)
			known = known && ok
			paid = r.till.sum("refunds", paid, m)
		}
		lines := r.till.zero()
		for _, l := range f.get("refund_line_items").items() {
			if q, err := quantity(l.get("quantity")); err == nil {
				if r.back == nil {
					r.back = make(map[string]int64)
				}
				r.back[l.get("line_item_id").text()] += q
			}
			if !known {
				lines = r.till.sum("refunds", lines, r.kept(l, shopifyAmount{"subtotal", "subtotal_set"}))
				lines = r.till.sum("refunds", lines, r.kept(l, shopifyAmount{"total_tax", "total_tax_set"}))
			}
		}
		if !known {
			paid = lines
		}
		sum = r.till.sum("refunds", sum, paid)
	}
	return sum
}

// refunded settles how much went back in all.
func (r *shopifyReader) refunded(paidBack waxwing.Money) {
	if paidBack.IsZero() {
		switch status := r.o.Payment.Status; {
		case status == waxwing.PaymentRefunded:
			paidBack = r.o.Total
		case status == waxwing.PartlyRefunded && r.has(r.v, shopifyNowTotal):
			paidBack = r.o.Total.Sub(r.kept(r.v, shopifyNowTotal))
		}
	}
	if paidBack.Minor <= 0 {
		return
	}
	r.o.Refunded = paidBack
}

// outstanding reads what is still to be paid of an order that is paid in parts.
func (r *shopifyReader) outstanding() {
	if r.o.Payment.Status != waxwing.PaymentPartlyPaid || r.presentment && !r.v.get(shopifyOutstanding.set).given() {
		return // the plain amount is in the shop's currency
	}
	r.o.Payment.Due = r.kept(r.v, shopifyOutstanding)
}

// cashRounding names what a total was rounded by to be paid in coins.
func (r *shopifyReader) cashRounding() {
	m := r.till.zero()
	if set := r.v.get(shopifyRounding.set); set.given() {
		m = r.kept(r.v, shopifyRounding)
	}
	if !m.IsZero() && r.till.rows(r.o).Add(m) == r.o.Total {
		r.till.remain(r.o, waxwing.Rounding, "", m)
	}
}
