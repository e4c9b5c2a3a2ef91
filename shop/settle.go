package shop

import (
	"errors"
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
)

// cashSteps is to what currencies are rounded where cash is paid, in minor
// units; shops round to the same for cards too.
var cashSteps = map[string]int64{
	"AUD": 5, "CAD": 5, "CHF": 5, "CZK": 100, "DKK": 50, "EUR": 5, "HUF": 500, "ILS": 10, "NOK": 100, "NZD": 10,
	"PLN": 5, "SEK": 100, "SGD": 5, "ZAR": 10,
}

// maxRows is how many entries a list of an order may have: some twenty times
// what any shop's platform allows, so that a hostile body stays small in memory.
const maxRows = 10_000

// CheckLists returns an error where one of the lists is longer than any shop's.
func CheckLists(v payload.Value, lists ...string) error {
	for _, name := range lists {
		if v.Get(name).Len() > maxRows {
			return errors.New(name + ": more than 10000 entries")
		}
	}
	return nil
}

// SettleRows makes what a customer adds up with a calculator come to the total:
// the identity at waxwing.Order.Remainder, and that each list adds up to its
// sum. What is left is a row of its own; what cannot be explained is said in
// the trail too. Every normaliser ends with it.
func (t *MoneyReader) SettleRows(o *waxwing.Order) {
	o.Remainder = slices.DeleteFunc(o.Remainder, func(a waxwing.Adjustment) bool { return a.Amount.IsZero() })
	t.settleItems(o)
	if o.DiscountTotal.Minor < 0 { // no discount, but more to pay
		t.Remain(o, waxwing.Surcharge, "", o.DiscountTotal.Neg())
		o.DiscountTotal, o.Discounts = t.Zero(), nil
	}
	if len(o.Discounts) == 0 && !o.DiscountTotal.IsZero() {
		o.Discounts = []waxwing.Adjustment{{Amount: o.DiscountTotal}}
	}
	o.Discounts = t.agree(o.Discounts, o.DiscountTotal)
	t.settleSavings(o)
	o.Ship = t.agree(o.Ship, o.ShippingTotal)
	o.Taxes = t.agree(o.Taxes, o.TaxTotal)
	rows := t.Rows(o)
	if rest := o.Total.Sub(rows); !rest.IsZero() && t.Err == nil {
		kind := waxwing.OtherAdjustment
		if t.IsRounding(o, rest) {
			kind = waxwing.Rounding
		} else {
			o.Notices = append(o.Notices, "amounts do not add up: the rows come to "+rows.String()+", the total is "+o.Total.String())
		}
		t.Remain(o, kind, "", rest)
	}
	t.settlePaid(o)
}

// Rows adds up what stands above the total.
func (t *MoneyReader) Rows(o *waxwing.Order) waxwing.Money {
	sum := t.Sum("subtotal", o.Subtotal, o.DiscountTotal.Neg())
	sum = t.Sum("shipping", sum, o.ShippingTotal)
	for i := range o.Fees {
		sum = t.Sum("fees", sum, o.Fees[i].Amount)
	}
	if !o.TaxesIncluded {
		sum = t.Sum("tax", sum, o.TaxTotal)
	}
	for i := range o.Remainder {
		sum = t.Sum("remainder", sum, o.Remainder[i].Amount)
	}
	return t.Sum("tip", sum, o.Tip)
}

// Remain adds a row to the remainder.
func (t *MoneyReader) Remain(o *waxwing.Order, kind waxwing.AdjustmentKind, title string, m waxwing.Money) {
	o.Remainder = append(o.Remainder, waxwing.Adjustment{Kind: kind, Title: title, Amount: m})
}

// settleItems takes unit prices away that times the quantity are not the line,
// and lets the subtotal be what the lines add up to.
func (t *MoneyReader) settleItems(o *waxwing.Order) {
	sum, priced := t.Zero(), true
	for i := range o.Items {
		it := &o.Items[i]
		if it.Total == nil {
			priced = false
			continue
		}
		if it.Unit != nil && t.Times("unit_price", *it.Unit, it.Quantity) != *it.Total {
			it.Unit = nil
		}
		sum = t.Sum("subtotal", sum, *it.Total)
	}
	switch {
	case !priced || len(o.Items) == 0 || sum == o.Subtotal:
	case !o.Subtotal.IsZero() && t.Rows(o) == o.Total:
		// The shop contradicts itself, and its totals agree with one another.
		o.Notices = append(o.Notices, "amounts do not add up: the lines come to "+sum.String()+", the subtotal is "+o.Subtotal.String())
	default:
		o.Subtotal = sum
	}
}

// settleSavings holds what is said to be saved on single lines against the
// discounts, of which it is a part: where it is more, none of it is said.
func (t *MoneyReader) settleSavings(o *waxwing.Order) {
	saved := t.Zero()
	for i := range o.Items {
		saved = t.Sum("discounts", saved, o.Items[i].Discount)
	}
	if saved.Minor <= o.DiscountTotal.Minor {
		return
	}
	for i := range o.Items {
		o.Items[i].Discount = waxwing.Money{}
	}
}

// IsRounding reports whether a difference is no more than the rounding of each
// row, or of a total that can be paid in coins.
func (t *MoneyReader) IsRounding(o *waxwing.Order, rest waxwing.Money) bool {
	off := max(rest.Minor, -rest.Minor)
	if n := len(o.Items) + len(o.Discounts) + len(o.Ship) + len(o.Taxes) + len(o.Fees); off <= int64(max(n, 1))*max(t.step/2, 1) {
		return true
	}
	step := cashSteps[t.Currency]
	return step > 0 && o.Total.Minor%step == 0 && off <= step/2
}

// agree makes a list add up to its total: a difference of no more than a minor
// unit for each row is rounding and goes to the largest, else one row stands for
// all. An empty list stays empty.
func (t *MoneyReader) agree(list []waxwing.Adjustment, total waxwing.Money) []waxwing.Adjustment {
	if len(list) == 0 {
		return list
	}
	sum, largest := t.Zero(), 0
	var titles []string
	for i := range list {
		a := &list[i]
		sum = t.Sum("amounts", sum, a.Amount)
		if max(a.Amount.Minor, -a.Amount.Minor) > max(list[largest].Amount.Minor, -list[largest].Amount.Minor) {
			largest = i
		}
		if a.Title != "" && len(titles) < 5 && !slices.Contains(titles, a.Title) {
			titles = append(titles, a.Title)
		}
	}
	off := total.Sub(sum)
	switch n := int64(len(list)); {
	case off.IsZero():
		return list
	case off.Minor <= n && off.Minor >= -n && !sum.IsZero():
		list[largest].Amount = list[largest].Amount.Add(off)
		return list
	}
	return []waxwing.Adjustment{{Title: Clean(strings.Join(titles, ", "), MaxName), Amount: total}}
}

// settlePaid holds what stands below the total against it: gift cards, refunds
// and a deposit are parts of it.
func (t *MoneyReader) settlePaid(o *waxwing.Order) {
	paid := t.Zero()
	for i := range o.GiftCards {
		paid = t.Sum("gift_cards", paid, o.GiftCards[i].Amount)
	}
	if paid.Minor > o.Total.Minor {
		o.Notices = append(o.Notices, "gift cards are more than the total and are left out: "+paid.String()+" of "+o.Total.String())
		o.GiftCards, paid = nil, t.Zero()
	}
	if o.Refunded.Minor > o.Total.Minor {
		o.Notices = append(o.Notices, "more was refunded than the order cost: "+o.Refunded.String()+" of "+o.Total.String())
		o.Refunded = o.Total
	}
	if o.Refunded.Minor <= 0 {
		o.Refunded = waxwing.Money{}
	}
	p := &o.Payment
	switch p.Status { // and the state says what the amounts say
	case waxwing.PaymentPaid, waxwing.PartlyRefunded, waxwing.PaymentRefunded:
		switch {
		case o.Refunded.IsZero() && p.Status == waxwing.PaymentRefunded && !o.Total.IsZero():
			o.Refunded = o.Total
		case o.Refunded.IsZero():
		case o.Refunded == o.Total:
			p.Status = waxwing.PaymentRefunded
		case p.Status == waxwing.PaymentRefunded && paid.Minor > 0 && o.Refunded.Add(paid).Minor >= o.Total.Minor:
			// The rest went back to the gift cards.
		default:
			p.Status = waxwing.PartlyRefunded
		}
	}
	owed := o.Total.Sub(paid) // what the gift cards leave
	switch {
	case p.Status != waxwing.PaymentPartlyPaid:
		p.Deposit, p.Due = waxwing.Money{}, waxwing.Money{}
	case p.Deposit.Minor > 0 && p.Deposit.Minor < owed.Minor:
		p.Due = owed.Sub(p.Deposit)
	case p.Due.Minor > 0 && p.Due.Minor < owed.Minor:
		p.Deposit = owed.Sub(p.Due)
	case p.Due.Minor > 0 && p.Due == owed && paid.Minor > 0: // the cards are what was paid
		p.Deposit = waxwing.Money{}
	default:
		p.Deposit, p.Due = waxwing.Money{}, waxwing.Money{}
	}
}
