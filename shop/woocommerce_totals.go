package shop

import (
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
	r.till.roundsTo(v.get("total"))
	if err := bounded(v, "line_items", "shipping_lines", "fee_lines", "tax_lines", "coupon_lines", "gift_cards"); err != nil {
		return err
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
		if f.nothing() {
			continue
		}
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

func (r *wooReader) shipping() error {
	for i, v := range r.v.get("shipping_lines").items() {
		if v.nothing() {
			continue
		}
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
		if strings.HasPrefix(a.Title, "wc_points_redemption") { // a code that no customer knows
			a.Title = ""
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

// refunds reads what went back. WooCommerce writes it negative.
func (r *wooReader) refunds() {
	o, back := r.o, r.till.zero()
	for _, f := range r.v.get("refunds").items() {
		m := r.till.kept(f.either("total", "amount"), "refunds")
		m.Minor = max(m.Minor, -m.Minor)
		back = r.till.sum("refunds", back, m)
	}
	o.Refunded = back
}
