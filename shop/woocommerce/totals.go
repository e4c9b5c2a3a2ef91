package woocommerce

import (
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop"
)

// amounts reads the lines and the totals. WooCommerce keeps net amounts and
// taxes apart, each rounded, so that with gross prices their sum may be off by a
// cent: where the payload has more places they count.
func (r *reader) amounts() error {
	v, o := r.v, r.o
	if v.Get("total").Trimmed() == "" {
		return shop.ErrNoTotal
	}
	// A shop may keep prices to more places than its currency has. Gateways
	// charge them rounded, half away from zero.
	if o.Total = r.money.Kept(v.Get("total"), "total"); r.money.Err != nil {
		return r.money.Err
	}
	if o.Total.Minor < 0 {
		return shop.ErrNegative
	}
	r.money.RoundsTo(v.Get("total"))
	if err := shop.CheckLists(v, "line_items", "shipping_lines", "fee_lines", "tax_lines", "coupon_lines", "gift_cards"); err != nil {
		return err
	}
	r.cut, r.extra = r.money.Zero(), r.money.Zero()
	r.tax.rates = taxRates(v)
	if err := r.items(); err != nil {
		return err
	}
	if err := r.shipping(); err != nil {
		return err
	}
	for i, f := range v.Get("fee_lines").Items() {
		if f.Nothing() {
			continue
		}
		o.Fees = append(o.Fees, waxwing.Adjustment{
			Title:  plainText(f.Either("name", "title"), shop.MaxName),
			Amount: r.tax.line(f, "total", 0),
		})
		if r.money.Err != nil {
			return shop.InItem("fee_lines", i, r.money.Err)
		}
	}
	if len(o.Items) == 0 && len(o.Fees) == 0 && v.Get("line_items").Given() {
		return shop.ErrNoItems
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
	r.money.SettleRows(o)
	return r.money.Err
}

// totals chooses among what the payload says of each total what adds up, and
// names what is left.
func (r *reader) totals(coupons []waxwing.Adjustment) {
	v, o := r.v, r.o
	o.Subtotal = r.money.Zero()
	for i := range o.Items {
		if t := o.Items[i].Total; t != nil {
			o.Subtotal = r.money.Sum("subtotal", o.Subtotal, *t)
		}
	}
	discounts := []int64{r.cut.Minor}
	if d := v.Either("discount_total", "total_discount"); d.Trimmed() != "" {
		given := r.money.Kept(d, "discount_total")
		if r.tax.gross && v.Get("discount_total").Given() {
			given = r.money.KeptSum("discount_total", d, v.Get("discount_tax"))
		}
		discounts = []int64{given.Minor, r.cut.Minor}
		if given.IsZero() || given == r.cut.Sub(r.extra) {
			discounts = []int64{r.cut.Minor, given.Minor} // the lines know what is off and what is on top
		}
	}
	shipping := []int64{r.money.Zero().Minor}
	for i := range o.Ship {
		shipping[0] += o.Ship[i].Amount.Minor
	}
	if s := v.Either("shipping_total", "total_shipping"); s.Trimmed() != "" {
		given := r.money.Kept(s, "shipping_total")
		if r.tax.gross {
			given = r.money.KeptSum("shipping_total", s, v.Get("shipping_tax"))
		}
		if shipping = append(shipping, given.Minor); len(o.Ship) == 0 {
			shipping[0] = given.Minor
		}
	}
	taxes := []int64{0}
	for i := range o.Taxes {
		taxes[0] += o.Taxes[i].Amount.Minor
	}
	if t := v.Get("total_tax"); t.Trimmed() != "" {
		taxes = []int64{r.money.Kept(t, "total_tax").Minor, taxes[0]}
	}
	if r.money.Err != nil {
		return
	}
	rest := o.Subtotal
	for i := range o.Fees {
		rest = r.money.Sum("fee_lines", rest, o.Fees[i].Amount)
	}
	r.choose(rest, discounts, shipping, taxes)
	o.Discounts = nil
	if !o.DiscountTotal.IsZero() {
		o.Discounts = coupons
	}
	if r.extra.Minor > 0 && o.DiscountTotal == r.cut {
		r.money.Remain(o, waxwing.Surcharge, "", r.extra)
	}
	r.nameRest(coupons)
}

// choose sets the totals to the first of their candidates that add up, with
// what lines cost above their subtotal, or else to the first of each.
func (r *reader) choose(rest waxwing.Money, discounts, shipping, taxes []int64) {
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
	money := func(minor int64) waxwing.Money { return waxwing.Money{Minor: minor, Currency: r.money.Currency} }
	o.DiscountTotal, o.ShippingTotal, o.TaxTotal = money(pick[0]), money(pick[1]), money(pick[2])
}

func (r *reader) shipping() error {
	for i, v := range r.v.Get("shipping_lines").Items() {
		if v.Nothing() {
			continue
		}
		a := waxwing.Adjustment{
			Title:  plainText(v.Get("method_title"), shop.MaxName),
			Amount: r.tax.line(v, "total", 0),
		}
		if r.money.Err != nil {
			return shop.InItem("shipping_lines", i, r.money.Err)
		}
		if len(r.o.Ship) == 0 {
			r.o.Delivery.Method = a.Title
		}
		r.o.Ship = append(r.o.Ship, a)
	}
	return nil
}

func (r *reader) taxes() error {
	for i, v := range r.v.Get("tax_lines").Items() {
		a := waxwing.Adjustment{
			Title:  plainText(v.Either("label", "title"), shop.MaxName),
			Amount: r.money.KeptSum("tax_total", v.Either("tax_total", "total"), v.Get("shipping_tax_total")),
			Rate:   shop.Fraction(v.Get("rate_percent").Trimmed(), 2),
		}
		if r.money.Err != nil {
			return shop.InItem("tax_lines", i, r.money.Err)
		}
		if !a.Amount.IsZero() {
			r.o.Taxes = append(r.o.Taxes, a)
		}
	}
	return nil
}

// coupons lists what each coupon took off.
func (r *reader) coupons() (list []waxwing.Adjustment, err error) {
	for i, v := range r.v.Get("coupon_lines").Items() {
		a := waxwing.Adjustment{
			Title:  plainText(v.Get("code"), shop.MaxName),
			Amount: r.money.Kept(v.Either("discount", "amount"), "discount"),
		}
		if madeCode(a.Title) {
			a.Title = ""
		}
		if r.tax.gross && v.Get("discount").Given() {
			a.Amount = r.money.KeptSum("discount", v.Get("discount"), v.Get("discount_tax"))
		}
		if r.money.Err != nil {
			return nil, shop.InItem("coupon_lines", i, r.money.Err)
		}
		if !a.Amount.IsZero() { // a coupon for free shipping takes nothing off
			list = append(list, a)
		}
	}
	return list, nil
}

// refunds reads what went back. WooCommerce writes it negative.
func (r *reader) refunds() {
	o, back := r.o, r.money.Zero()
	for _, f := range r.v.Get("refunds").Items() {
		m := r.money.Kept(f.Either("total", "amount"), "refunds")
		m.Minor = max(m.Minor, -m.Minor)
		back = r.money.Sum("refunds", back, m)
	}
	o.Refunded = back
}

// madeCode reports whether a coupon's code was made by a plugin for points or
// credit, so that no customer knows it.
func madeCode(code string) bool {
	code = strings.ToLower(code)
	for _, by := range [...]string{"wc_points_redemption", "ywpar_", "wps_wpr_", "mwb_wpr_", "wlr-", "wlr_", "wllp_",
		"acfw_store_credit", "acfw-store-credit"} {
		if strings.HasPrefix(code, by) {
			return true
		}
	}
	return false
}
