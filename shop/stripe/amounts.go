package stripe

import (
	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// amounts reads what the order cost, and for what.
func (r *reader) amounts() error {
	v := r.v
	total := v.Get("amount_total")
	switch {
	case r.bare:
		total = v.Get("presentment_details").Get("presentment_amount")
	case r.object == invoice:
		total = v.Get("total")
	case r.object == intent:
		total = v.Get("amount")
		if got := v.Get("amount_received"); v.Get("status").Trimmed() == "succeeded" && shop.Nonzero(got.Trimmed()) {
			total = got // a part may have been captured
		}
	}
	if total.Trimmed() == "" {
		return shop.ErrNoTotal
	}
	r.o.Total = r.amount(total, "total")
	switch {
	case r.money.Err != nil:
		return r.money.Err
	case r.o.Total.Minor < 0:
		return shop.ErrNegative
	}
	o := r.o
	o.Subtotal, o.DiscountTotal, o.ShippingTotal, o.TaxTotal = o.Total, r.money.Zero(), r.money.Zero(), r.money.Zero()
	if err := r.items(); err != nil {
		return err
	}
	if r.bare {
		return nil
	}
	switch r.object {
	case session:
		r.sessionSums()
	case invoice:
		r.invoiceSums()
	case intent:
		r.intentSums()
	}
	r.taxes()
	r.balance()
	return r.money.Err
}

// balance takes what a customer's credit paid of an invoice off its total, and adds what she
// owed: the total is what she was charged.
func (r *reader) balance() {
	due := r.v.Get("amount_due")
	if r.object != invoice || !due.Given() {
		return
	}
	charged := r.amount(due, "amount_due")
	off := charged.Sub(r.o.Total)
	if off.IsZero() || charged.Minor < 0 {
		return
	}
	kind := waxwing.StoreCredit
	if off.Minor > 0 {
		kind = waxwing.OtherAdjustment
	}
	r.money.Remain(r.o, kind, "", off)
	r.o.Total = charged
}

func (r *reader) sessionSums() {
	v, o := r.v, r.o
	sums := v.Get("total_details")
	if s := v.Get("amount_subtotal"); s.Given() {
		o.Subtotal = r.amount(s, "amount_subtotal")
	}
	o.DiscountTotal = r.amount(sums.Get("amount_discount"), "total_details.amount_discount")
	o.TaxTotal = r.amount(sums.Get("amount_tax"), "total_details.amount_tax")
	ship := sums.Get("amount_shipping")
	if !ship.Given() {
		ship = v.Get("shipping_cost").Get("amount_subtotal")
	}
	r.shipping(ship)
	for _, d := range sums.Get("breakdown").Get("discounts").Items() {
		o.Discounts = append(o.Discounts, waxwing.Adjustment{Title: couponName(d.Get("discount")), Amount: r.amount(d.Get("amount"), "discounts")})
	}
	for _, t := range sums.Get("breakdown").Get("taxes").Items() {
		r.tax(t.Get("amount"), t.Get("rate").Object(), t.Get("rate").Object().Get("inclusive").Bool())
	}
}

func (r *reader) invoiceSums() {
	v, o := r.v, r.o
	if s := v.Get("subtotal"); s.Given() {
		o.Subtotal = r.amount(s, "subtotal")
	}
	for _, d := range v.Get("total_discount_amounts").Items() {
		m := r.amount(d.Get("amount"), "total_discount_amounts")
		o.DiscountTotal = r.money.Sum("total_discount_amounts", o.DiscountTotal, m)
		o.Discounts = append(o.Discounts, waxwing.Adjustment{Title: couponName(d.Get("discount")), Amount: m})
	}
	r.shipping(v.Get("shipping_cost").Get("amount_subtotal"))
	list := v.Get("total_taxes")
	if !list.Given() {
		list = v.Get("total_tax_amounts")
	}
	for _, t := range list.Items() {
		r.tax(t.Get("amount"), t.Get("tax_rate").Object(), t.Get("inclusive").Bool() || t.Get("tax_behavior").Trimmed() == "inclusive")
		o.TaxTotal = r.money.Sum("total_taxes", o.TaxTotal, r.amount(t.Get("amount"), "total_taxes"))
	}
	if list.Len() == 0 {
		o.TaxTotal = r.amount(v.Get("tax"), "tax")
	}
}

// intentSums reads what a payment says of itself, which is little.
func (r *reader) intentSums() {
	o, d := r.o, r.v.Get("amount_details")
	o.Tip = r.amount(d.Get("tip").Get("amount"), "amount_details.tip")
	if o.Tip.IsZero() {
		o.Tip = waxwing.Money{}
	}
	r.shipping(d.Get("shipping").Get("amount"))
	o.TaxTotal = r.amount(d.Get("tax").Get("total_tax_amount"), "amount_details.tax")
	o.DiscountTotal = r.amount(d.Get("discount_amount"), "amount_details.discount_amount")
	o.Subtotal = o.Total.Sub(o.ShippingTotal).Sub(o.TaxTotal).Add(o.DiscountTotal)
	if !o.Tip.IsZero() {
		o.Subtotal = o.Subtotal.Sub(o.Tip)
	}
}

func (r *reader) shipping(v payload.Value) {
	r.o.ShippingTotal = r.amount(v, "shipping_cost")
	cost := r.v.Get("shipping_cost").Object()
	if cost.Kind() != payload.Object && r.o.ShippingTotal.IsZero() {
		return
	}
	title := shop.Clean(cost.Get("shipping_rate").Object().Get("display_name").Text(), shop.MaxName)
	r.o.Ship = []waxwing.Adjustment{{Title: title, Amount: r.o.ShippingTotal}}
	r.o.Delivery.Method = title
}

// tax adds a row of tax; whether rows are in the prices is settled by taxes.
func (r *reader) tax(amount, rate payload.Value, inclusive bool) {
	a := waxwing.Adjustment{Title: shop.Clean(rate.Get("display_name").Text(), shop.MaxName), Amount: r.amount(amount, "taxes"),
		Rate: shop.Fraction(rate.Get("percentage").Trimmed(), 2)}
	if a.Amount.IsZero() {
		return
	}
	if inclusive {
		a.Kind = waxwing.OtherAdjustment // a mark until taxes has looked
	}
	r.o.Taxes = append(r.o.Taxes, a)
}

// taxes finds out whether the tax is in the prices: where the rows come to the total without it,
// it is. Where some of it is, the rest alone is shown, so that the rows add up.
func (r *reader) taxes() {
	o := r.o
	rest := o.Total.Sub(o.Subtotal).Add(o.DiscountTotal).Sub(o.ShippingTotal)
	if !o.Tip.IsZero() {
		rest = rest.Sub(o.Tip)
	}
	if o.TaxTotal.IsZero() {
		o.Taxes = nil
		return
	}
	var onTop []waxwing.Adjustment
	for i := range o.Taxes {
		inclusive := o.Taxes[i].Kind != ""
		o.Taxes[i].Kind = ""
		if !inclusive {
			onTop = append(onTop, o.Taxes[i])
		}
	}
	switch {
	case rest.IsZero():
		o.TaxesIncluded = true
	case rest.Minor > 0 && rest.Minor < o.TaxTotal.Minor:
		o.TaxTotal, o.Taxes = rest, onTop
	}
}

// couponName is what a discount is called, where the event shows it whole.
func couponName(v payload.Value) string {
	v = v.Object()
	if code := v.Get("promotion_code").Object().Get("code").Text(); code != "" {
		return shop.Clean(code, shop.MaxName)
	}
	c := v.Get("coupon").Object()
	if c.Kind() != payload.Object {
		c = v.Get("source").Get("coupon").Object()
	}
	return shop.Clean(c.Get("name").Text(), shop.MaxName)
}

// items reads the lines. A session has them only where whoever sends the event put them in
// (line_items); a payment has what amount_details holds.
func (r *reader) items() error {
	const name = "data"
	holder := r.v.Get("line_items")
	switch r.object {
	case invoice:
		holder = r.v.Get("lines")
	case intent:
		holder = r.v.Get("amount_details").Get("line_items")
	}
	if err := shop.CheckLists(holder, name); err != nil {
		return err
	}
	if holder.Get("has_more").Bool() {
		return nil // an event has the first ten: a part of them would be taken for all
	}
	for i, v := range holder.Get(name).Items() {
		it, err := r.item(v.Object())
		if err == nil {
			err = r.money.Err
		}
		if err != nil {
			return shop.InItem("lines", i, err)
		}
		if it.Quantity > 0 {
			r.o.Items = append(r.o.Items, it)
		}
	}
	return nil
}

func (r *reader) item(v payload.Value) (it waxwing.Item, err error) {
	it.Quantity = 1
	if q := v.Get("quantity"); q.Given() {
		if it.Quantity, err = shop.Quantity(q); err != nil {
			return it, shop.InField("quantity", err)
		}
	}
	if it.Quantity < 0 {
		it.Quantity = 1
	}
	price := v.Get("price").Object()
	product := price.Get("product").Object()
	it.ProductID = shop.Clean(firstOf(v.Get("pricing").Get("price_details").Get("product"), price.Get("product"), v.Get("product_code")), shop.MaxNumber)
	if product.Kind() == payload.Object {
		it.ProductID = refID(product.Get("id"))
		it.ImageURL = shop.Link(product.Get("images").At(0).Text())
		it.URL = shop.Link(product.Get("url").Text())
	}
	it.SKU = shop.Clean(firstOf(v.Get("metadata").Get("sku"), product.Get("metadata").Get("sku")), shop.MaxNumber)
	it.Name = shop.Clean(firstOf(v.Get("description"), v.Get("product_name"), product.Get("name"), price.Get("nickname")), shop.MaxItem)
	it.Name = shop.ItemName(&it)
	if r.bare || it.Quantity == 0 {
		return it, nil
	}
	amount := v.Get("amount_subtotal")
	if r.object == invoice {
		amount = v.Get("amount")
	}
	one := firstGiven(price.Get("unit_amount_decimal"), price.Get("unit_amount"), v.Get("pricing").Get("unit_amount_decimal"), v.Get("unit_cost"))
	if one.Given() {
		m := r.amount(one, "unit_amount")
		it.Unit = &m
	}
	switch {
	case amount.Given():
		m := r.amount(amount, "amount")
		it.Total = &m
		if it.Unit == nil && m.Minor%it.Quantity == 0 {
			each := waxwing.Money{Currency: m.Currency, Minor: m.Minor / it.Quantity}
			it.Unit = &each
		}
	case it.Unit != nil:
		m := r.money.Times("unit_amount", *it.Unit, it.Quantity)
		it.Total = &m
	}
	it.Discount = r.amount(v.Get("amount_discount"), "amount_discount")
	for _, d := range v.Get("discount_amounts").Items() {
		it.Discount = r.money.Sum("discount_amounts", it.Discount, r.amount(d.Get("amount"), "discount_amounts"))
	}
	if it.Discount.IsZero() {
		it.Discount = waxwing.Money{}
	}
	return it, nil
}

func firstGiven(list ...payload.Value) payload.Value {
	for _, v := range list {
		if v.Given() && v.Trimmed() != "" {
			return v
		}
	}
	return payload.Value{}
}
