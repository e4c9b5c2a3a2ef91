package prestashop

import (
	"errors"
	"html"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// plain undoes the entities that PrestaShop's texts have where somebody typed < or &.
func plain(s string) string { return html.UnescapeString(shop.AsIs(s)) }

// total reads one of the order's totals, as the customer saw it: each is there with the tax and without.
func (r *reader) total(name string) waxwing.Money {
	if r.gross {
		return r.money.Kept(r.v.Either(name+"_tax_incl", name), "order."+name+"_tax_incl")
	}
	return r.money.Kept(r.v.Either(name+"_tax_excl", name), "order."+name+"_tax_excl")
}

// amounts reads what the order cost, and for what.
func (r *reader) amounts() error {
	v, o := r.v, r.o
	with := v.Either("total_paid_tax_incl", "total_paid")
	if with.Trimmed() == "" {
		return errNoTotal
	}
	o.Total = r.money.Kept(with, "order.total_paid_tax_incl")
	switch {
	case r.money.Err != nil:
		return r.money.Err
	case o.Total.Minor < 0:
		return shop.ErrNegative
	}
	if err := shop.CheckLists(r.doc, "details", "cart_rules"); err != nil {
		return err
	}
	if err := shop.CheckLists(v.Get("associations"), "order_rows"); err != nil {
		return err
	}
	if net := v.Get("total_paid_tax_excl"); net.Trimmed() != "" {
		o.TaxTotal = o.Total.Sub(r.money.Kept(net, "order.total_paid_tax_excl"))
	} else {
		o.TaxTotal = r.money.Zero()
	}
	if o.TaxTotal.Minor < 0 {
		o.TaxTotal = r.money.Zero()
	}
	// A group of customers is shown prices without the tax, where the shop wants that: companies', and all in some countries.
	r.gross = r.part("group", "group").Get("price_display_method").Trimmed() != "1"
	o.TaxesIncluded = r.gross
	products := "total_products"
	if r.gross {
		products = "total_products_wt"
	}
	o.Subtotal = r.money.Kept(v.Get(products), "order."+products)
	o.ShippingTotal, o.DiscountTotal = r.total("total_shipping"), r.total("total_discounts")
	if wrap := r.total("total_wrapping"); !wrap.IsZero() {
		o.Fees = append(o.Fees, waxwing.Adjustment{Amount: wrap})
	}
	if o.Delivery.Method != "" || !o.ShippingTotal.IsZero() {
		o.Ship = []waxwing.Adjustment{{Title: o.Delivery.Method, Amount: o.ShippingTotal}}
	}
	r.discounts()
	if o.Payment.Status == waxwing.PaymentPartlyPaid {
		o.Payment.Deposit = r.money.Kept(v.Get("total_paid_real"), "order.total_paid_real")
	}
	return r.items()
}

// listed are the entries of a list beside the order, also as the webservice wraps it.
func (r *reader) listed(name, wrapped string) payload.Value {
	v := r.doc.Get(name)
	if w := v.Get(wrapped); w.Kind() == payload.Array {
		return w
	}
	if v.Kind() == payload.Array {
		return v
	}
	return payload.Value{}
}

// discounts lists the cart rules that were used.
func (r *reader) discounts() {
	for i, c := range r.listed("cart_rules", "order_cart_rules").Items() {
		if i == 100 || flag(c.Get("deleted")) {
			continue
		}
		amount := c.Get("value")
		if !r.gross {
			amount = c.Either("value_tax_excl", "value")
		}
		a := waxwing.Adjustment{Title: shop.Clean(plain(r.words(c.Get("name"))), shop.MaxName), Amount: r.money.Kept(amount, "cart_rules.value")}
		if !a.Amount.IsZero() && !r.o.DiscountTotal.IsZero() {
			r.o.Discounts = append(r.o.Discounts, a)
		}
	}
}

// items reads the lines: of the order's details where they are there, which know what each line comes to, else of its rows.
func (r *reader) items() error {
	list, name := r.listed("details", "order_details"), "details"
	if list.Len() == 0 {
		list, name = r.v.Get("associations").Get("order_rows"), "order_rows"
	}
	refunded := r.money.Zero()
	for i, v := range list.Items() {
		v = v.Object()
		it, err := r.item(v)
		if err == nil {
			refunded = r.money.Sum("total_refunded_tax_incl", refunded, r.money.Kept(v.Get("total_refunded_tax_incl"), "total_refunded_tax_incl"))
			err = r.money.Err
		}
		if err != nil {
			return shop.InItem(name, i, err)
		}
		if it.Quantity > 0 {
			r.o.Items = append(r.o.Items, it)
		}
	}
	if len(r.o.Items) == 0 && list.Given() {
		return errors.New(name + ": none is left to confirm")
	}
	refunded = r.money.Sum("total_refunded_tax_incl", refunded, r.money.Kept(r.v.Get("total_shipping_refunded_tax_incl"), "total_shipping_refunded_tax_incl"))
	if r.o.Payment.Status == waxwing.PaymentPaid || r.o.Payment.Status == waxwing.PaymentRefunded {
		r.o.Refunded = refunded
	}
	return r.money.Err
}

func (r *reader) item(v payload.Value) (it waxwing.Item, err error) {
	if v.Kind() != payload.Object {
		return it, errors.New("(row): not an object")
	}
	if it.Quantity, err = shop.Quantity(v.Get("product_quantity")); err != nil {
		return it, shop.InField("product_quantity", err)
	}
	if it.Quantity = max(it.Quantity, 0); it.Quantity == 0 {
		return it, nil
	}
	suffix := "_tax_excl"
	if r.gross {
		suffix = "_tax_incl"
	}
	price, whole := v.Either("unit_price"+suffix, "product_price"), v.Get("total_price"+suffix)
	if price.Trimmed() != "" {
		unit := r.money.Kept(price, "unit_price"+suffix)
		it.Unit = &unit
	}
	switch {
	case whole.Trimmed() != "":
		total := r.money.Kept(whole, "total_price"+suffix)
		it.Total = &total
	case price.Trimmed() != "":
		total := r.line("unit_price"+suffix, price, it.Quantity)
		it.Total = &total
	}
	it.SKU = shop.Clean(v.Get("product_reference").Text(), shop.MaxNumber)
	if id, ok := shop.OrderID(v.Get("product_id")); ok {
		it.ProductID = id
	}
	if id, ok := shop.OrderID(v.Get("product_attribute_id")); ok {
		it.VariantID = id
	}
	it.Name = shop.Clean(plain(v.Get("product_name").Text()), shop.MaxItem)
	it.Name = shop.ItemName(&it)
	it.Digital = v.Get("download_hash").Trimmed() != ""
	if n, err := shop.Quantity(v.Get("product_quantity_refunded")); err == nil && n > 0 {
		it.Refunded = min(n, it.Quantity)
	}
	return it, nil
}

// line is what a row comes to, rounded as the shop says: each piece (1), or each line.
func (r *reader) line(at string, price payload.Value, n int64) waxwing.Money {
	if r.v.Get("round_type").Trimmed() == "1" {
		return r.money.Times(at, r.money.Kept(price, at), n)
	}
	return r.money.Line(at, price, n)
}
