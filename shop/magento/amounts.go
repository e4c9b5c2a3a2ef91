package magento

import (
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// sums are the order's totals in one of the two ways in which a shop shows them.
type sums struct {
	subtotal, discount, shipping, tax waxwing.Money
	fees                              []waxwing.Adjustment
}

// amounts reads what the order cost, and for what.
func (r *reader) amounts() error {
	v, o := r.v, r.o
	if v.Get("grand_total").Trimmed() == "" {
		return errNoTotal
	}
	due := r.field("grand_total") // what is left to pay after cards and credit
	switch {
	case r.money.Err != nil:
		return r.money.Err
	case due.Minor < 0:
		return shop.ErrNegative
	}
	if err := shop.CheckLists(v, "items"); err != nil {
		return err
	}
	r.cards()
	o.Total = due
	for i := range o.GiftCards {
		o.Total = r.money.Sum("gift_cards", o.Total, o.GiftCards[i].Amount)
	}
	rows := o.Total // what the rows come to, before credit
	for _, field := range []string{"customer_balance_amount", "reward_currency_amount"} {
		if m := r.money.Kept(r.more(field), field); !m.IsZero() {
			if m.Minor < 0 {
				m = m.Neg()
			}
			rows = r.money.Sum(field, rows, m)
			r.money.Remain(o, waxwing.StoreCredit, "", m.Neg())
		}
	}
	net, gross := r.net(), r.withTax()
	if r.money.Err != nil {
		return r.money.Err
	}
	s := net
	if offNet, offGross := r.off(net, false, rows), r.off(gross, true, rows); offGross == 0 && (offNet != 0 || r.showsGross()) {
		s, r.gross = gross, true
	}
	o.TaxesIncluded = r.gross
	o.Subtotal, o.DiscountTotal, o.ShippingTotal, o.TaxTotal, o.Fees = s.subtotal, s.discount, s.shipping, s.tax, s.fees
	if !o.DiscountTotal.IsZero() {
		title := shop.Clean(v.First("coupon_code", "discount_description"), shop.MaxName)
		o.Discounts = []waxwing.Adjustment{{Title: title, Amount: o.DiscountTotal}}
	}
	if !v.Get("is_virtual").Bool() && (v.Get("shipping_amount").Given() || o.Delivery.Method != "") {
		o.Ship = []waxwing.Adjustment{{Title: o.Delivery.Method, Amount: o.ShippingTotal}}
	}
	r.taxes()
	if err := r.items(); err != nil {
		return err
	}
	r.productTaxes(rows)
	if o.Payment.Status == waxwing.PaymentPartlyPaid {
		o.Payment.Deposit = r.field("total_paid")
	}
	o.Refunded = r.field("total_refunded")
	return r.money.Err
}

// field reads an amount of the order in its own currency.
func (r *reader) field(name string) waxwing.Money { return r.money.Kept(r.v.Get(name), name) }

// compensation is the tax in a discount where prices hold the tax: Magento takes the discount off
// with it, and keeps the difference in the totals.
func (r *reader) compensation() waxwing.Money {
	return r.money.Sum("discount_tax_compensation_amount", r.field("discount_tax_compensation_amount"), r.field("shipping_discount_tax_compensation_amount"))
}

// net are the totals without the tax, and the tax as a row of its own.
func (r *reader) net() sums {
	s := sums{subtotal: r.field("subtotal"), shipping: r.field("shipping_amount"), tax: r.field("tax_amount"), fees: r.fees(false)}
	s.discount = r.money.Sum("discount_amount", r.field("discount_amount"), r.compensation()).Neg()
	return s
}

// withTax are the totals with the tax in them.
func (r *reader) withTax() sums {
	s := sums{subtotal: r.field("subtotal"), shipping: r.field("shipping_amount"), tax: r.field("tax_amount"), fees: r.fees(true)}
	s.discount = r.field("discount_amount").Neg()
	if v := r.v.Get("subtotal_incl_tax"); v.Trimmed() != "" {
		s.subtotal = r.money.Kept(v, "subtotal_incl_tax")
	}
	if v := r.v.Get("shipping_incl_tax"); v.Trimmed() != "" {
		s.shipping = r.money.Kept(v, "shipping_incl_tax")
	}
	return s
}

// off is by how much totals miss what they should come to; nought also where it is no more than
// the rounding of rows.
func (r *reader) off(s sums, gross bool, rows waxwing.Money) int64 {
	sum := s.subtotal.Minor - s.discount.Minor + s.shipping.Minor
	if !gross {
		sum += s.tax.Minor
	}
	for _, f := range s.fees {
		sum += f.Amount.Minor
	}
	n := int64(1)
	if gross {
		n = int64(max(r.v.Get("items").Len(), 1))
	}
	if off := rows.Minor - sum; off > n || off < -n {
		return off
	}
	return 0
}

// showsGross tells whether the shop's prices hold the tax, which no field says: what it left in
// the discount, the catalogue's price beside the two of the line, and whether the price without
// the tax has more places than the currency. Where nothing tells, prices are without, as Magento
// shows them itself.
func (r *reader) showsGross() bool {
	if !r.compensation().IsZero() {
		return true
	}
	votes := 0
	for i, v := range r.v.Get("items").Items() {
		if i == 50 {
			break
		}
		net, gross, listed := shop.Decimal(v.Get("price")), shop.Decimal(v.Get("price_incl_tax")), shop.Decimal(v.Get("original_price"))
		if net == nil || gross == nil || parentOf(v) != "" || net.Cmp(gross) == 0 {
			continue
		}
		_, err := waxwing.ParseMoney(v.Get("price").Trimmed(), r.money.Currency)
		switch {
		case listed != nil && listed.Cmp(gross) == 0:
			votes++
		case listed != nil && listed.Cmp(net) == 0:
			votes--
		case err != nil:
			votes++
		}
	}
	return votes > 0
}

// fees are the wrapping of gifts, and what the most common module adds.
func (r *reader) fees(gross bool) (out []waxwing.Adjustment) {
	add := func(title string, m waxwing.Money) {
		if !m.IsZero() {
			out = append(out, waxwing.Adjustment{Title: title, Amount: m})
		}
	}
	for _, field := range []string{"gw_price", "gw_items_price", "gw_card_price"} {
		v := r.more(field)
		if g := r.more(field + "_incl_tax"); gross && g.Trimmed() != "" {
			v = g
		}
		add("", r.money.Kept(v, field))
	}
	for _, v := range r.more("fooman_total_group").Get("items").Items() {
		m := r.money.Kept(v.Get("amount"), "fooman_total_group")
		if gross {
			m = r.money.KeptSum("fooman_total_group", v.Get("amount"), v.Get("tax_amount"))
		}
		add(shop.Clean(v.Get("label").Text(), shop.MaxName), m)
	}
	return out
}

// productTaxes adds the taxes on single products (FPT, as for the disposal of devices), which
// Magento adds to the total and keeps with the lines alone.
func (r *reader) productTaxes(rows waxwing.Money) {
	sum := r.money.Zero()
	for _, v := range r.v.Get("items").Items() {
		if parentOf(v) == "" {
			sum = r.money.Sum("weee_tax_applied_row_amount", sum, r.money.Kept(v.Get("weee_tax_applied_row_amount"), "weee_tax_applied_row_amount"))
		}
	}
	s := sums{r.o.Subtotal, r.o.DiscountTotal, r.o.ShippingTotal, r.o.TaxTotal, r.o.Fees}
	if off := r.off(s, r.gross, rows); !sum.IsZero() && off == sum.Minor {
		r.o.Fees = append(r.o.Fees, waxwing.Adjustment{Amount: sum})
	}
}

// taxes lists the taxes by their names.
func (r *reader) taxes() {
	for _, v := range r.more("applied_taxes").Items() {
		a := waxwing.Adjustment{Title: shop.Clean(v.First("title", "code"), shop.MaxName), Amount: r.money.Kept(v.Get("amount"), "applied_taxes"),
			Rate: shop.Fraction(v.Get("percent").Trimmed(), 2)}
		if !a.Amount.IsZero() && len(r.o.Taxes) < 100 {
			r.o.Taxes = append(r.o.Taxes, a)
		}
	}
	if r.o.TaxTotal.IsZero() {
		r.o.Taxes = nil
	}
}

// cards reads what gift cards paid of the order.
func (r *reader) cards() {
	sum, paid := r.money.Zero(), r.money.Kept(r.more("gift_cards_amount"), "gift_cards_amount")
	var list []waxwing.Adjustment
	for _, v := range giftCardsIn(r.more("gift_cards")) {
		m := r.money.Kept(v.Either("amount", "a"), "gift_cards")
		if m.Minor > 0 && len(list) < 100 {
			sum = r.money.Sum("gift_cards", sum, m)
			list = append(list, waxwing.Adjustment{Title: masked(v.First("code", "c")), Amount: m})
		}
	}
	switch {
	case paid.Minor < 0:
		paid = paid.Neg()
	case paid.IsZero():
		paid = sum
	}
	if paid.IsZero() {
		return
	}
	if sum != paid {
		list = []waxwing.Adjustment{{Amount: paid}}
	}
	r.o.GiftCards = list
}

// giftCardsIn are the cards of a list; an event has them as text, of which only the sum is read.
func giftCardsIn(v payload.Value) (out []payload.Value) {
	if v.Kind() != payload.Array {
		return nil
	}
	for _, w := range v.Items() {
		out = append(out, w)
	}
	return out
}

// masked shows the end of a code alone: who has the code has the money.
func masked(code string) string {
	if code = shop.Clean(strings.TrimSpace(code), shop.MaxNumber); len(code) > 4 && shop.Tidy(code) {
		return "•••• " + code[len(code)-4:]
	}
	return ""
}
