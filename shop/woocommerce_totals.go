package shop

import (
	"math/big"
	"strings"

	"github.com/waxwinghq/waxwing"
)

// amounts reads the lines and the totals. WooCommerce keeps net amounts and
// taxes apart, each rounded, so that with gross prices their sum may be off by a
// cent: where the payload has more places they count.
func (r *wooReader) amounts() error {
	v, o := r.v, r.o
	if v.get("total").trimmed() == "" {
		return errNoTotal
	}
	// A shop may keep prices to more places than its currency has. Gateways
	// charge them rounded, half away from zero.
	if o.Total = r.till.kept(v.get("total"), "total"); r.till.err != nil {
		return r.till.err
	}
	if o.Total.Minor < 0 {
		return errNegative
	}
	r.cut, r.extra = r.till.zero(), r.till.zero()
	r.rates = r.taxRates()
	if err := r.items(); err != nil {
		return err
	}
	if err := r.shipping(); err != nil {
		return err
	}
	for i, f := range v.get("fee_lines").items() {
		o.Fees = append(o.Fees, waxwing.Adjustment{
			Title:  wooText(f.either("name", "title"), capName),
			Amount: r.lineAmount(f, "total", 0),
		})
		if r.till.err != nil {
			return within("fee_lines", i, r.till.err)
		}
	}
	if len(o.Items) == 0 && len(o.Fees) == 0 && v.get("line_items").given() {
		return errNoItems
	}
	if err := r.taxes(); err != nil {
		return err
	}
	coupons, err := r.coupons()
	if err != nil {
		return err
	}
	r.totals(coupons)
	r.refunds()
	r.deposit()
	r.till.settleRows(o)
	return r.till.err
}

// totals chooses among what the payload says of each total what adds up, and
// names what is left.
func (r *wooReader) totals(coupons []waxwing.Adjustment) {
	v, o := r.v, r.o
	o.Subtotal = r.till.zero()
	for i := range o.Items {
		if t := o.Items[i].Total; t != nil {
			o.Subtotal = r.till.sum("subtotal", o.Subtotal, *t)
		}
	}
	discounts := []int64{r.cut.Minor}
	if d := v.either("discount_total", "total_discount"); d.trimmed() != "" {
		given := r.till.kept(d, "discount_total")
		if r.gross && v.get("discount_total").given() {
			given = r.till.keptSum("discount_total", d, v.get("discount_tax"))
		}
		discounts = []int64{given.Minor, r.cut.Minor}
		if given.IsZero() || given == r.cut.Sub(r.extra) {
			discounts = []int64{r.cut.Minor, given.Minor} // the lines know what is off and what is on top
		}
	}
	shipping := []int64{r.till.zero().Minor}
	for i := range o.Ship {
		shipping[0] += o.Ship[i].Amount.Minor
	}
	if s := v.either("shipping_total", "total_shipping"); s.trimmed() != "" {
		given := r.till.kept(s, "shipping_total")
		if r.gross {
			given = r.till.keptSum("shipping_total", s, v.get("shipping_tax"))
		}
		if shipping = append(shipping, given.Minor); len(o.Ship) == 0 {
			shipping[0] = given.Minor
		}
	}
	taxes := []int64{0}
	for i := range o.Taxes {
		taxes[0] += o.Taxes[i].Amount.Minor
	}
	if t := v.get("total_tax"); t.trimmed() != "" {
		taxes = []int64{r.till.kept(t, "total_tax").Minor, taxes[0]}
	}
	if r.till.err != nil {
		return
	}
	rest := o.Subtotal
	for i := range o.Fees {
		rest = r.till.sum("fee_lines", rest, o.Fees[i].Amount)
	}
	r.choose(rest, discounts, shipping, taxes)
	o.Discounts = nil
	if !o.DiscountTotal.IsZero() {
		o.Discounts = coupons
	}
	if r.extra.Minor > 0 && o.DiscountTotal == r.cut {
		r.till.remain(o, waxwing.Surcharge, "", r.extra)
	}
	r.nameRest(coupons)
}

// choose sets the totals to the first of their candidates that add up, with
// what lines cost above their subtotal, or else to the first of each.
func (r *wooReader) choose(rest waxwing.Money, discounts, shipping, taxes []int64) {
	o := r.o
	on := taxes
	if o.TaxesIncluded {
		on = []int64{0}
	}
	pick := []int64{discounts[0], shipping[0], taxes[0]}
search:
	for _, d := range discounts {
		extra := int64(0)
		if d == r.cut.Minor {
			extra = r.extra.Minor
		}
		for _, s := range shipping {
			for _, t := range on {
				if rest.Minor-d+extra+s+t == o.Total.Minor {
					if pick = []int64{d, s, t}; o.TaxesIncluded {
						pick[2] = taxes[0]
					}
					break search
				}
			}
		}
	}
	money := func(minor int64) waxwing.Money { return waxwing.Money{Minor: minor, Currency: r.till.cur} }
	o.DiscountTotal, o.ShippingTotal, o.TaxTotal = money(pick[0]), money(pick[1]), money(pick[2])
}

// lineAmount reads what a line costs the customer: net, or with the tax where
// prices include it. Of the fields that say the same that with the most places
// counts, rounded once. quantity is 0 where a line has no price of one.
func (r *wooReader) lineAmount(v value, amount string, quantity int64) waxwing.Money {
	tax := amount + "_tax"
	if !r.gross {
		return r.till.kept(v.get(amount), amount)
	}
	rounded := r.till.keptSum(amount, v.get(amount), v.get(tax))
	if r.till.err != nil {
		return rounded
	}
	net, on := decimal(v.get(amount)), r.lineTax(v, amount)
	if given := decimal(v.get(tax)); on == nil || given != nil && !r.near(on, given) {
		on = given
	}
	if net == nil {
		return rounded
	}
	if on == nil {
		on = new(big.Rat)
	}
	if finer := r.fineNet(v, amount, quantity, net); finer != nil {
		net = finer
	}
	sum := new(big.Rat).Add(net, on)
	// Prices are kept as floats: what a millionth is off is not meant.
	sum.SetString(sum.FloatString(6))
	return r.till.rounded(amount, sum)
}

// near reports whether two amounts differ by less than one and a half minor units.
func (r *wooReader) near(a, b *big.Rat) bool {
	off := new(big.Rat).Sub(a, b)
	unit := new(big.Rat).SetFrac64(3, 2)
	for range waxwing.Decimals(r.till.cur) {
		unit.Mul(unit, big.NewRat(1, 10))
	}
	return off.Abs(off).Cmp(unit) < 0
}

// lineTax adds up the taxes of a line as they were computed.
func (r *wooReader) lineTax(v value, amount string) *big.Rat {
	var sum *big.Rat
	r.eachTax(v, amount, func(_ string, t *big.Rat) {
		if sum == nil {
			sum = new(big.Rat)
		}
		sum.Add(sum, t)
	})
	return sum
}

// eachTax yields the taxes of a line by rate, in both forms that they have: a
// list of rates, or PHP's {"total": {"1": "1.66"}}.
func (r *wooReader) eachTax(v value, amount string, f func(rate string, t *big.Rat)) {
	taxes := v.get("taxes")
	if by := taxes.get(amount); by.kind() == kindObject {
		for rate, w := range by.members() {
			if t := decimal(w); t != nil {
				f(rate, t)
			}
		}
		return
	}
	for _, w := range taxes.items() {
		if t := decimal(w.get(amount)); t != nil {
			f(w.first("id", "rate_id"), t)
		}
	}
}

// fineNet returns a line's net amount to more places than the line has it: from
// the price of one, or from a tax and its rate. Nil where neither agrees with
// the line.
func (r *wooReader) fineNet(v value, amount string, quantity int64, net *big.Rat) *big.Rat {
	if price := decimal(v.get("price")); price != nil && quantity > 0 && fractional(v.get("quantity")) == "" {
		// The price is that after discounts.
		undiscounted := v.get("subtotal").trimmed() == v.get("total").trimmed()
		if fine := price.Mul(price, new(big.Rat).SetInt64(quantity)); (amount == "total" || undiscounted) && r.near(fine, net) {
			return fine
		}
	}
	var best, top *big.Rat
	r.eachTax(v, amount, func(id string, t *big.Rat) {
		rate := r.rates[id]
		if rate == nil && len(r.rates) == 1 {
			for _, only := range r.rates {
				rate = only
			}
		}
		if rate != nil && t.Sign() != 0 && (top == nil || rate.Cmp(top) > 0) {
			top, best = rate, new(big.Rat).Quo(t, rate)
		}
	})
	if best != nil && r.near(best, net) {
		return best
	}
	return nil
}

// taxRates returns the rates as fractions by their ids; none where one is
// computed on top of others.
func (r *wooReader) taxRates() map[string]*big.Rat {
	rates := map[string]*big.Rat{}
	for _, t := range r.v.get("tax_lines").items() {
		if t.get("compound").bool() {
			return nil
		}
		if rate := decimal(t.get("rate_percent")); rate != nil && rate.Sign() > 0 {
			rates[t.first("rate_id", "id")] = rate.Quo(rate, big.NewRat(100, 1))
		}
	}
	return rates
}

func (r *wooReader) shipping() error {
	for i, v := range r.v.get("shipping_lines").items() {
		a := waxwing.Adjustment{
			Title:  wooText(v.get("method_title"), capName),
			Amount: r.lineAmount(v, "total", 0),
		}
		if r.till.err != nil {
			return within("shipping_lines", i, r.till.err)
		}
		if len(r.o.Ship) == 0 {
			r.o.Delivery.Method = a.Title
		}
		r.o.Ship = append(r.o.Ship, a)
	}
	return nil
}

func (r *wooReader) taxes() error {
	for i, v := range r.v.get("tax_lines").items() {
		a := waxwing.Adjustment{
			Title:  wooText(v.either("label", "title"), capName),
			Amount: r.till.keptSum("tax_total", v.either("tax_total", "total"), v.get("shipping_tax_total")),
			Rate:   fraction(v.get("rate_percent").trimmed(), 2),
		}
		if r.till.err != nil {
			return within("tax_lines", i, r.till.err)
		}
		if !a.Amount.IsZero() {
			r.o.Taxes = append(r.o.Taxes, a)
		}
	}
	return nil
}

// coupons lists what each coupon took off.
func (r *wooReader) coupons() (list []waxwing.Adjustment, err error) {
	for i, v := range r.v.get("coupon_lines").items() {
		a := waxwing.Adjustment{
			Title:  wooText(v.get("code"), capName),
			Amount: r.till.kept(v.either("discount", "amount"), "discount"),
		}
		if r.gross && v.get("discount").given() {
			a.Amount = r.till.keptSum("discount", v.get("discount"), v.get("discount_tax"))
		}
		if r.till.err != nil {
			return nil, within("coupon_lines", i, r.till.err)
		}
		if !a.Amount.IsZero() { // a coupon for free shipping takes nothing off
			list = append(list, a)
		}
	}
	return list, nil
}

// nameRest names what is left between the rows and the total: gift cards, which
// are a way to pay, and store credit, which plugins take off behind the taxes
// and keep as a coupon or in meta data.
func (r *wooReader) nameRest(coupons []waxwing.Adjustment) {
	o := r.o
	cards, paid := r.giftCards()
	rest := r.till.rows(o).Sub(o.Total)
	switch {
	case r.till.err != nil:
	case paid.Minor > 0 && rest.IsZero():
		o.GiftCards = cards
	case paid.Minor > 0 && rest == paid:
		o.GiftCards, o.Total = cards, o.Total.Add(paid)
	case rest.Minor <= 0:
	default:
		if !r.creditCoupons(coupons, rest) {
			r.creditNoted(rest)
		}
	}
}

// creditCoupons finds the coupons that were taken off behind the taxes: those
// that no discount of the order accounts for.
func (r *wooReader) creditCoupons(coupons []waxwing.Adjustment, rest waxwing.Money) bool {
	o := r.o
	all := r.till.zero()
	for i := range coupons {
		all = r.till.sum("coupon_lines", all, coupons[i].Amount)
	}
	var credit, discount []waxwing.Adjustment
	switch {
	case all == rest && o.DiscountTotal.IsZero():
		credit = coupons
	case all == rest.Add(o.DiscountTotal):
		for i := range coupons {
			if len(credit) == 0 && coupons[i].Amount == rest {
				credit = coupons[i : i+1]
			} else {
				discount = append(discount, coupons[i])
			}
		}
		if len(credit) == 0 {
			credit, discount = []waxwing.Adjustment{{Amount: rest}}, coupons
		}
		o.Discounts = discount
	default:
		return false
	}
	for _, c := range credit {
		title := "" // the mail's own word says it; a code only tells several apart
		if len(credit) > 1 {
			title = maskedCode(c.Title)
		}
		r.till.remain(o, waxwing.StoreCredit, title, c.Amount.Neg())
	}
	return true
}

// creditNoted looks for the amount in what plugins note on the order.
func (r *wooReader) creditNoted(rest waxwing.Money) {
	o := r.o
	for _, m := range r.v.get("meta_data").items() {
		key := strings.ToLower(m.get("key").text())
		gift := strings.Contains(key, "gift")
		if !gift && !strings.Contains(key, "credit") && !strings.Contains(key, "wallet") && !strings.Contains(key, "funds") &&
			!strings.Contains(key, "points") && !strings.Contains(key, "smart_coupons") && !strings.Contains(key, "loyalty") {
			continue
		}
		if r.noted(m.get("value")).Minor != rest.Minor {
			continue
		}
		if gift {
			o.GiftCards, o.Total = []waxwing.Adjustment{{Amount: rest}}, o.Total.Add(rest)
		} else {
			r.till.remain(o, waxwing.StoreCredit, "", rest.Neg())
		}
		return
	}
}

// noted returns the amount of a value: a number, an object's amount, or what
// the members of an object add up to ({"CODE": 20}).
func (r *wooReader) noted(v value) waxwing.Money {
	sum := r.till.zero()
	add := func(w value) {
		if m, err := waxwing.RoundMoney(w.trimmed(), r.till.cur); err == nil {
			if m.Minor = max(m.Minor, -m.Minor); m.Minor <= maxSum && sum.Minor <= maxSum {
				sum = sum.Add(m)
			}
		}
	}
	if v.kind() != kindObject && v.kind() != kindArray {
		add(v)
		return sum
	}
	if w := v.get("amount"); w.given() {
		add(w)
		return sum
	}
	for _, w := range v.items() {
		if inner := w.either("amount", "used", "value"); inner.given() {
			add(inner)
		}
	}
	if sum.IsZero() {
		for _, w := range v.members() {
			add(w)
		}
	}
	return sum
}

// giftCards reads what WooCommerce's Gift Cards took off the total.
func (r *wooReader) giftCards() (list []waxwing.Adjustment, paid waxwing.Money) {
	paid = r.till.zero()
	for _, v := range r.v.get("gift_cards").items() {
		m := r.till.kept(v.get("amount"), "gift_cards")
		if m.Minor <= 0 {
			continue
		}
		paid = r.till.sum("gift_cards", paid, m)
		list = append(list, waxwing.Adjustment{Title: maskedCode(clean(v.get("code").text(), capNumber)), Amount: m})
	}
	return list, paid
}

// maskedCode shows the end of a code alone: who has the code has the money.
func maskedCode(code string) string {
	if n := len(code); n > 4 && tidy(code) {
		return "•••• " + code[n-4:]
	}
	return code
}

// refunds reads what went back. WooCommerce writes it negative.
func (r *wooReader) refunds() {
	o, back := r.o, r.till.zero()
	for _, f := range r.v.get("refunds").items() {
		m := r.till.kept(f.either("total", "amount"), "refunds")
		m.Minor = max(m.Minor, -m.Minor)
		back = r.till.sum("refunds", back, m)
	}
	if o.Payment.Status == waxwing.PaymentRefunded && back.IsZero() {
		back = o.Total
	}
	if back.IsZero() || r.till.err != nil {
		return
	}
	o.Refunded = back
	if o.Payment.Status == waxwing.PaymentPaid {
		if o.Payment.Status = waxwing.PartlyRefunded; back.Minor >= o.Total.Minor {
			o.Payment.Status = waxwing.PaymentRefunded
		}
	}
}
