package bigcommerce

import (
	"errors"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// sums are the order's totals with the tax in them or without.
type sums struct {
	subtotal, shipping, handling, wrapping, tax waxwing.Money
	fees                                        []waxwing.Adjustment
}

// field reads an amount of the order.
func (r *reader) field(name string) waxwing.Money { return r.money.Kept(r.v.Get(name), name) }

// sumsOf reads the totals: suffix is "ex_tax" or "inc_tax".
func (r *reader) sumsOf(suffix string) sums {
	return sums{subtotal: r.field("subtotal_" + suffix), shipping: r.field("shipping_cost_" + suffix), handling: r.field("handling_cost_" + suffix),
		wrapping: r.field("wrapping_cost_" + suffix), tax: r.field("total_tax"), fees: r.fees(suffix)}
}

// fees are what the shop or an app adds by a name of its own; they stand in the order where it was asked for with them.
func (r *reader) fees(suffix string) (out []waxwing.Adjustment) {
	for _, f := range r.list("fees").Items() {
		a := waxwing.Adjustment{Title: shop.Clean(f.First("customer_display_name", "display_name_customer", "name"), shop.MaxName),
			Amount: r.money.Kept(f.Either("cost_"+suffix, "cost"), "fees.cost_"+suffix)}
		if !a.Amount.IsZero() && len(out) < 100 {
			out = append(out, a)
		}
	}
	return out
}

// rows is what the totals come to.
func (r *reader) rows(s sums, gross bool, cut waxwing.Money) int64 {
	n := s.subtotal.Minor + s.shipping.Minor + s.handling.Minor + s.wrapping.Minor - cut.Minor
	for i := range s.fees {
		n += s.fees[i].Amount.Minor
	}
	if !gross {
		n += s.tax.Minor
	}
	return n
}

// amounts reads what the order cost, and for what. Each total is there with the tax and without;
// discounts are in the one of the two ways in which the shop enters its prices, and so only one
// comes to the total where there are any.
func (r *reader) amounts() error {
	v, o := r.v, r.o
	if v.Get("total_inc_tax").Trimmed() == "" {
		return errNoTotal
	}
	total := r.field("total_inc_tax")
	switch {
	case r.money.Err != nil:
		return r.money.Err
	case total.Minor < 0:
		return shop.ErrNegative
	}
	if err := shop.CheckLists(v, "products", "coupons", "shipping_addresses", "fees"); err != nil {
		return err
	}
	coupons, other := r.field("coupon_discount"), r.field("discount_amount")
	cut := r.money.Sum("discount_amount", coupons, other)
	cards, credit := r.field("gift_certificate_amount"), r.field("store_credit_amount")
	paid := r.money.Sum("store_credit_amount", cards, credit)
	net, gross := r.sumsOf("ex_tax"), r.sumsOf("inc_tax")
	if r.money.Err != nil {
		return r.money.Err
	}
	// Certificates and credit are ways to pay: the total is what the rows come to before them.
	whole, fits := total.Minor, func(n int64) bool { return n == total.Minor || n == total.Minor+paid.Minor }
	a, b := r.rows(net, false, cut), r.rows(gross, true, cut)
	s := net
	if fits(b) && (!fits(a) || r.showsGross()) {
		s, r.gross, a = gross, true, b
	}
	if a == total.Minor+paid.Minor {
		whole = a
	}
	o.TaxesIncluded = r.gross
	o.Subtotal, o.DiscountTotal, o.ShippingTotal, o.TaxTotal = s.subtotal, cut, s.shipping, s.tax
	o.Total = waxwing.Money{Minor: whole - credit.Minor, Currency: r.money.Currency}
	if !credit.IsZero() {
		r.money.Remain(o, waxwing.StoreCredit, "", credit.Neg())
	}
	if !cards.IsZero() {
		o.GiftCards = []waxwing.Adjustment{{Amount: cards}}
	}
	if o.Total.Minor < 0 {
		return shop.ErrNegative
	}
	for _, f := range []waxwing.Money{s.handling, s.wrapping} {
		if !f.IsZero() {
			o.Fees = append(o.Fees, waxwing.Adjustment{Amount: f})
		}
	}
	o.Fees = append(o.Fees, s.fees...)
	r.discounts(coupons, other)
	if o.Delivery.Method != "" || !o.ShippingTotal.IsZero() {
		o.Ship = []waxwing.Adjustment{{Title: o.Delivery.Method, Amount: o.ShippingTotal}}
	}
	o.Refunded = r.field("refunded_amount")
	return r.items()
}

// discounts lists the coupons by their codes, and what else was taken off.
func (r *reader) discounts(coupons, other waxwing.Money) {
	if !coupons.IsZero() {
		var codes []string
		for _, c := range r.list("coupons").Items() {
			if s := shop.Clean(c.Get("code").Text(), shop.MaxName); s != "" && len(codes) < 5 {
				codes = append(codes, s)
			}
		}
		r.o.Discounts = append(r.o.Discounts, waxwing.Adjustment{Title: shop.Clean(strings.Join(codes, ", "), shop.MaxName), Amount: coupons})
	}
	if !other.IsZero() {
		r.o.Discounts = append(r.o.Discounts, waxwing.Adjustment{Amount: other})
	}
}

// showsGross tells whether the shop enters its prices with the tax: base_price is as it was entered.
func (r *reader) showsGross() bool {
	votes := 0
	for i, v := range r.list("products").Items() {
		if i == 50 {
			break
		}
		base, net, gross := shop.Decimal(v.Get("base_price")), shop.Decimal(v.Get("price_ex_tax")), shop.Decimal(v.Get("price_inc_tax"))
		if base == nil || net == nil || gross == nil || net.Cmp(gross) == 0 {
			continue
		}
		switch {
		case base.Cmp(gross) == 0:
			votes++
		case base.Cmp(net) == 0:
			votes--
		}
	}
	return votes > 0
}

func (r *reader) items() error {
	list, names := r.list("products"), map[string]string{}
	for _, v := range list.Items() {
		names[v.Get("id").Trimmed()] = shop.Clean(v.First("name_customer", "name"), shop.MaxItem)
	}
	for i, v := range list.Items() {
		it, err := r.item(v.Object())
		if err == nil {
			err = r.money.Err
		}
		if err != nil {
			return shop.InItem("products", i, err)
		}
		if it.Quantity == 0 {
			continue
		}
		if set := v.Get("parent_order_product_id").Trimmed(); set != "" && set != "0" {
			it.Bundle = names[set]
		}
		r.o.Items = append(r.o.Items, it)
	}
	if len(r.o.Items) == 0 && list.Given() {
		return errors.New("products: none is left to confirm")
	}
	return r.money.Err
}

func (r *reader) item(v payload.Value) (it waxwing.Item, err error) {
	if v.Kind() != payload.Object {
		return it, errors.New("(product): not an object")
	}
	if it.Quantity, err = shop.Quantity(v.Get("quantity")); err != nil {
		return it, shop.InField("quantity", err)
	}
	if it.Quantity = max(it.Quantity, 0); it.Quantity == 0 {
		return it, nil
	}
	suffix := "ex_tax"
	if r.gross {
		suffix = "inc_tax"
	}
	price, whole := v.Get("price_"+suffix), v.Get("total_"+suffix)
	if price.Trimmed() != "" {
		unit := r.money.Kept(price, "price_"+suffix)
		it.Unit = &unit
	}
	switch {
	case whole.Trimmed() != "":
		total := r.money.Kept(whole, "total_"+suffix)
		it.Total = &total
	case price.Trimmed() != "":
		total := r.money.Line("price_"+suffix, price, it.Quantity)
		it.Total = &total
	}
	it.SKU = shop.Clean(v.Get("sku").Text(), shop.MaxNumber)
	if id, ok := shop.OrderID(v.Get("product_id")); ok {
		it.ProductID = id
	}
	if id, ok := shop.OrderID(v.Get("variant_id")); ok {
		it.VariantID = id
	}
	it.Name = shop.Clean(v.First("name_customer", "name"), shop.MaxItem)
	it.Name = shop.ItemName(&it)
	kind := v.Get("type").Trimmed()
	it.GiftCard, it.Digital = kind == "giftcertificate", kind == "digital" || kind == "giftcertificate"
	if n, err := shop.Quantity(v.Get("quantity_refunded")); err == nil && n > 0 {
		it.Refunded = min(n, it.Quantity)
	}
	for _, c := range v.Get("product_options").Items() {
		name := c.First("display_name_customer", "display_name", "name")
		value := c.Either("display_value_customer", "display_value", "value")
		shop.AddProperty(&it, name, shop.Readable(value, shop.AsIs))
	}
	return it, nil
}
