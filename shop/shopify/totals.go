package shopify

import (
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// amounts reads the lines and the totals of an order.
func (r *reader) amounts() error {
	if err := shop.CheckLists(r.v, "line_items", "shipping_lines", "tax_lines", "discount_applications", "discount_codes", "additional_fees",
		"transactions"); err != nil {
		return err
	}
	r.discount = r.money.Zero()
	paidBack := r.refunds()
	r.total, r.now = r.find(r.v, fieldTotal), r.find(r.v, fieldNowTotal)
	if r.total.Trimmed() == "" && r.now.Trimmed() == "" {
		if r.money.Err != nil {
			return r.money.Err
		}
		return shop.ErrNoTotal
	}
	total, cut, tax, found := fieldTotal, fieldDiscounts, fieldTax, r.total
	if r.edited = r.wasEdited(paidBack); r.edited {
		total, cut, tax, found = fieldNowTotal, fieldNowDiscounts, fieldNowTax, r.now
	}
	r.o.Total = r.money.Kept(found, total.plain)
	switch {
	case r.money.Err != nil: // before a line is blamed for it
		return r.money.Err
	case r.o.Total.Minor < 0:
		return shop.ErrNegative
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
	taxes := r.find(r.v, tax)
	if r.o.TaxTotal = r.money.Kept(taxes, tax.plain); taxes.Trimmed() == "" {
		for i := range r.o.Taxes {
			r.o.TaxTotal = r.money.Sum("tax_lines", r.o.TaxTotal, r.o.Taxes[i].Amount)
		}
	}
	if tip := r.tip(); !tip.IsZero() {
		r.o.Tip = tip
	}
	b := balance{
		total: r.o.Total,
		rest:  r.money.Sum(total.plain, fees, r.o.Tip),
	}
	if !r.o.TaxesIncluded {
		b.rest = r.money.Sum(total.plain, b.rest, r.o.TaxTotal)
	}
	r.balance(&b, lines, shipping, cut)
	r.o.Subtotal, r.o.DiscountTotal, r.o.ShippingTotal = b.settle()
	r.o.Discounts = r.discountLines()
	r.giftCards()
	r.refunded(paidBack)
	r.outstanding()
	r.cashRounding()
	r.money.SettleRows(r.o)
	return r.money.Err
}

// wasEdited reports whether pieces were taken out of the order before it was
// paid. Only then do the current_* totals count: after a refund the order still
// cost what it cost, and Shopify's test notifications have ones that fit nothing.
func (r *reader) wasEdited(paidBack waxwing.Money) bool {
	if r.total.Trimmed() == "" {
		return true
	}
	status := r.o.Payment.Status
	if r.now.Trimmed() == "" || !paidBack.IsZero() || status == waxwing.PartlyRefunded || status == waxwing.PaymentRefunded ||
		r.money.Kept(r.now, fieldNowTotal.plain) == r.money.Kept(r.total, fieldTotal.plain) {
		return false
	}
	for _, l := range r.v.Get("line_items").Items() {
		was, ok := l.Get("quantity").Int()
		if now, has := l.Get("current_quantity").Int(); ok && has && now < was {
			return true
		}
	}
	return false
}

// balance gathers what the totals may be: first the payload's own, then what
// else the lines say, in case only that adds up.
func (r *reader) balance(b *balance, lines, shipping waxwing.Money, cut amountField) {
	found := r.find(r.v, cut)
	discounts := r.money.Kept(found, cut.plain)
	if found.Trimmed() == "" {
		discounts = r.discount
	}
	b.discounts = [2]waxwing.Money{discounts, r.discount}
	b.shipping = [2]waxwing.Money{shipping, shipping}
	if found := r.find(r.v, fieldShipping); found.Trimmed() != "" {
		given := r.money.Kept(found, fieldShipping.plain)
		b.shipping[1] = given
		if len(r.o.Ship) == 0 {
			b.shipping[0] = given
		}
	}
	given := lines
	switch {
	case r.edited:
	case r.has(r.v, fieldItemsTotal):
		given = r.kept(r.v, fieldItemsTotal)
	case len(r.o.Items) == 0 && r.has(r.v, fieldSubtotal):
		given = r.money.Sum("subtotal_price", r.kept(r.v, fieldSubtotal), discounts)
	}
	b.subtotals = [3]waxwing.Money{lines, given, r.money.Sum("tips", given, r.tips.Neg())}
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
func (r *reader) tip() waxwing.Money {
	if !r.tips.IsZero() {
		return r.tips // the only form that has presentment money
	}
	return r.kept(r.v, fieldTip)
}

// discountLines lists the discounts where they add up to their total, else one
// line of all.
func (r *reader) discountLines() []waxwing.Adjustment {
	total := r.o.DiscountTotal
	if total.IsZero() {
		return nil
	}
	list := make([]waxwing.Adjustment, 0, len(r.cuts))
	sum := r.money.Zero()
	for _, c := range r.cuts {
		if !c.amount.IsZero() {
			sum = r.money.Sum("discount_applications", sum, c.amount)
			list = append(list, waxwing.Adjustment{Title: c.title, Amount: c.amount})
		}
	}
	if sum == total {
		return list
	}
	var titles []string
	codes := r.v.Get("discount_codes")
	sum, list = r.money.Zero(), list[:0]
	for _, c := range codes.Items() {
		title := shop.Clean(c.Get("code").Text(), shop.MaxName)
		if title != "" && len(titles) < 5 {
			titles = append(titles, title)
		}
		if m, err := waxwing.RoundMoney(c.Get("amount").Trimmed(), r.money.Currency); err == nil && m.Minor > 0 && m.Minor <= shop.MaxSum {
			sum = r.money.Sum("discount_codes", sum, m)
			list = append(list, waxwing.Adjustment{Title: title, Amount: m})
		}
	}
	if sum == total && !r.presentment { // codes have no presentment money
		return list
	}
	if len(titles) == 0 {
		for _, c := range r.cuts {
			if c.title != "" && len(titles) < 5 && !slices.Contains(titles, c.title) {
				titles = append(titles, c.title)
			}
		}
	}
	return []waxwing.Adjustment{{Title: shop.Clean(strings.Join(titles, ", "), shop.MaxName), Amount: total}}
}

// giftCards reads what was paid with gift cards, where the payload has the
// transactions.
func (r *reader) giftCards() {
	for _, t := range r.v.Get("transactions").Items() {
		if t.Get("gateway").Text() != "gift_card" || t.Get("status").Text() != "success" {
			continue
		}
		if k := t.Get("kind").Text(); k != "sale" && k != "capture" {
			continue
		}
		m, ok := r.transaction(t)
		if !ok || m.Minor <= 0 {
			continue
		}
		title := shop.Clean(t.Get("receipt").Get("gift_card_last_characters").Text(), 8)
		if title != "" {
			title = "•••• " + title
		}
		r.o.GiftCards = append(r.o.GiftCards, waxwing.Adjustment{Title: title, Amount: m})
	}
}

// transaction reads a transaction's amount, if it is in the order's currency.
func (r *reader) transaction(t payload.Value) (waxwing.Money, bool) {
	code := t.Get("currency").Trimmed()
	if code == r.money.Currency || code == "" && !r.presentment {
		return r.money.Kept(t.Get("amount"), "transactions"), true
	}
	for _, side := range []string{"presentment_money", "shop_money"} {
		m := t.Get("amount_set").Get(side)
		if m.Get("currency_code").Trimmed() == r.money.Currency {
			return r.money.Kept(m.Get("amount"), "transactions"), true
		}
	}
	return r.money.Zero(), false
}

// refunds adds up the money that went back and counts the pieces.
func (r *reader) refunds() waxwing.Money {
	sum := r.money.Zero()
	for _, f := range r.v.Get("refunds").Items() {
		paid, known := r.money.Zero(), true
		for _, t := range f.Get("transactions").Items() {
			if t.Get("kind").Text() != "refund" || t.Get("status").Text() != "success" {
				continue
			}
			m, ok := r.transaction(t)
			known = known && ok
			paid = r.money.Sum("refunds", paid, m)
		}
		lines := r.money.Zero()
		for _, l := range f.Get("refund_line_items").Items() {
			if q, err := shop.Quantity(l.Get("quantity")); err == nil {
				if r.back == nil {
					r.back = make(map[string]int64)
				}
				r.back[l.Get("line_item_id").Text()] += q
			}
			if !known {
				lines = r.money.Sum("refunds", lines, r.kept(l, amountField{"subtotal", "subtotal_set"}))
				lines = r.money.Sum("refunds", lines, r.kept(l, amountField{"total_tax", "total_tax_set"}))
			}
		}
		if !known {
			paid = lines
		}
		sum = r.money.Sum("refunds", sum, paid)
	}
	return sum
}

// refunded settles how much went back in all.
func (r *reader) refunded(paidBack waxwing.Money) {
	if paidBack.IsZero() {
		switch status := r.o.Payment.Status; {
		case status == waxwing.PaymentRefunded:
			paidBack = r.o.Total
		case status == waxwing.PartlyRefunded && r.now.Trimmed() != "":
			paidBack = r.o.Total.Sub(r.money.Kept(r.now, fieldNowTotal.plain))
		}
	}
	if paidBack.Minor <= 0 {
		return
	}
	r.o.Refunded = paidBack
}

// outstanding reads what is still to be paid of an order that is paid in parts.
func (r *reader) outstanding() {
	if r.o.Payment.Status != waxwing.PaymentPartlyPaid || r.presentment && !r.v.Get(fieldOutstanding.set).Given() {
		return // the plain amount is in the shop's currency
	}
	r.o.Payment.Due = r.kept(r.v, fieldOutstanding)
}

// cashRounding names what a total was rounded by to be paid in coins.
func (r *reader) cashRounding() {
	m := r.money.Zero()
	if set := r.v.Get(fieldRounding.set); set.Given() {
		m = r.kept(r.v, fieldRounding)
	}
	if !m.IsZero() && r.money.Rows(r.o).Add(m) == r.o.Total {
		r.money.Remain(r.o, waxwing.Rounding, "", m)
	}
}
