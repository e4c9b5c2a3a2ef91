package shop

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
)

// net reads an amount with the tax that stands beside it, which counts where
// the shop's prices include the tax.
func (r *wooReader) net(v value, amount, tax string) waxwing.Money {
	if r.gross {
		return r.till.keptSum(amount, v.get(amount), v.get(tax))
	}
	return r.till.kept(v.get(amount), amount)
}

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
	subtotal, err := r.items()
	if err != nil {
		return err
	}
	o.Subtotal = subtotal
	if o.ShippingTotal = r.net(v, "shipping_total", "shipping_tax"); !v.get("shipping_total").given() {
		o.ShippingTotal = r.till.kept(v.get("total_shipping"), "total_shipping")
	}
	if o.DiscountTotal = r.net(v, "discount_total", "discount_tax"); !v.get("discount_total").given() {
		o.DiscountTotal = r.till.kept(v.get("total_discount"), "total_discount")
	}
	o.TaxTotal = r.till.kept(v.get("total_tax"), "total_tax")
	if err := r.shipping(); err != nil {
		return err
	}
	for i, f := range v.get("fee_lines").items() {
		o.Fees = append(o.Fees, waxwing.Adjustment{
			Title:  wooText(f.either("name", "title"), capName),
			Amount: r.net(f, "total", "total_tax"),
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
	if o.Discounts, err = r.coupons(); err != nil {
		return err
	}
	r.giftCards()
	back := r.till.zero()
	for _, f := range v.get("refunds").items() {
		m := r.till.kept(f.get("total"), "refunds")
		m.Minor = max(m.Minor, -m.Minor) // WooCommerce writes them negative
		back = r.till.sum("refunds", back, m)
	}
	if o.Payment.Status == waxwing.PaymentRefunded && back.IsZero() {
		back = o.Total
	}
	if !back.IsZero() {
		o.Refunded = back
		if o.Payment.Status == waxwing.PaymentPaid {
			if o.Payment.Status = waxwing.PartlyRefunded; back.Minor >= o.Total.Minor {
				o.Payment.Status = waxwing.PaymentRefunded
			}
		}
	}
	return r.till.err
}

// items reads the lines and returns what they add up to before discounts.
func (r *wooReader) items() (waxwing.Money, error) {
	sum := r.till.zero()
	list := r.v.get("line_items")
	if n := list.len(); n > 0 {
		r.o.Items = make([]waxwing.Item, 0, n)
	}
	coupons := r.v.get("coupon_lines").len() > 0
	for i, v := range list.items() {
		it, err := r.item(v, coupons)
		if err == nil {
			err = r.till.err
		}
		if err != nil {
			return sum, within("line_items", i, err)
		}
		if it.Quantity == 0 {
			continue // taken out of the order by an editor
		}
		if it.Total != nil {
			if sum = r.till.sum("subtotal", sum, *it.Total); r.till.err != nil {
				return sum, within("line_items", i, r.till.err)
			}
		}
		r.o.Items = append(r.o.Items, it)
	}
	return sum, nil
}

func (r *wooReader) item(v value, coupons bool) (it waxwing.Item, err error) {
	if v.kind() != kindObject {
		return it, errors.New("(line): not an object")
	}
	measure := fractional(v.get("quantity"))
	if measure != "" {
		it.Quantity = 1
	} else if it.Quantity, err = quantity(v.get("quantity")); err != nil || it.Quantity == 0 {
		return it, inField("quantity", err)
	}
	r.price(v, &it, coupons)
	it.SKU = wooText(v.get("sku"), capNumber)
	if id := clean(v.get("product_id").text(), capNumber); id != "0" {
		it.ProductID = id
	}
	if id := clean(v.get("variation_id").text(), capNumber); id != "0" {
		it.VariantID = id
	}
	it.Name = wooText(v.get("name"), capItem)
	it.Name = nameOf(&it)
	if measure != "" {
		it.Name += " × " + measure
	}
	it.ImageURL = link(v.get("image").get("src").text())
	for _, m := range v.either("meta_data", "meta").items() {
		r.choice(m, &it)
	}
	return it, nil
}

// fractional returns a quantity that is no whole number, as it is written:
// shops that sell by the metre or the kilogram have such. The line then counts
// as one piece, of that measure. Anything else is "".
func fractional(v value) string {
	s := v.trimmed()
	whole, frac, _ := strings.Cut(s, ".")
	frac = strings.TrimRight(frac, "0")
	if whole == "" || frac == "" || len(s) > 12 || digits(whole, 0) != len(whole) || digits(frac, 0) != len(frac) {
		return ""
	}
	return whole + "." + frac
}

// price reads a line's prices before discounts: subtotal is what the line
// costs, total what is left after coupons.
func (r *wooReader) price(v value, it *waxwing.Item, coupons bool) {
	amount, tax := "subtotal", "subtotal_tax"
	if v.get(amount).trimmed() == "" {
		amount, tax = "total", "total_tax"
	}
	price := v.get("price")
	switch {
	case v.get(amount).trimmed() != "":
		total := r.net(v, amount, tax)
		unit := waxwing.Money{Minor: divide(total.Minor, it.Quantity), Currency: r.till.cur}
		it.Unit, it.Total = &unit, &total
	case price.trimmed() != "" && fractional(v.get("quantity")) == "":
		unit, total := r.till.kept(price, "price"), r.till.line("price", price, it.Quantity)
		it.Unit, it.Total = &unit, &total
	default:
		return
	}
	// Without a coupon the difference is a discount that was given by hand.
	if !coupons && amount == "subtotal" && v.get("total").trimmed() != "" {
		if cut := it.Total.Sub(r.net(v, "total", "total_tax")); cut.Minor > 0 {
			it.Discount = cut
		}
	}
}

// divide rounds half away from zero; n is positive.
func divide(m, n int64) int64 {
	if m < 0 {
		return -divide(-m, n)
	}
	return (m + n/2) / n
}

// choice reads one entry of a line's meta data: a variation's attribute or
// what a plugin let the customer choose. As WooCommerce itself does, an
// attribute that the name already tells is left out.
func (r *wooReader) choice(m value, it *waxwing.Item) {
	key := m.get("key").text()
	if key == "" || strings.HasPrefix(key, "_") {
		return
	}
	if key == "Backordered" {
		it.Stock = waxwing.StockBackorder
		return
	}
	text := wooPlain(m.either("display_value", "value").text())
	if strings.TrimSpace(text) == "" {
		text = wooPlain(m.get("value").text())
	}
	name := wooPlain(m.either("display_key", "label").text())
	if name == "" || strings.HasPrefix(name, "pa_") {
		name = attributeName(key)
	}
	if it.VariantID != "" && inName(it.Name, clean(text, capValue)) {
		return
	}
	addProperty(it, name, text)
}

// inName reports whether a product's name ends in the attribute, or has it
// before a comma, as the names of variations do.
func inName(name, attribute string) bool {
	name, attribute = strings.ToLower(name), " "+strings.ToLower(attribute)
	return strings.HasSuffix(name, attribute) || strings.Contains(name, attribute+",")
}

// attributeName makes a label of a key such as "pa_shoe-size".
func attributeName(key string) string {
	key = strings.TrimPrefix(strings.TrimPrefix(key, "attribute_"), "pa_")
	key = strings.TrimSpace(strings.NewReplacer("_", " ", "-", " ").Replace(key))
	r, n := utf8.DecodeRuneInString(key)
	return string(unicode.ToUpper(r)) + key[n:]
}

func (r *wooReader) shipping() error {
	for i, v := range r.v.get("shipping_lines").items() {
		a := waxwing.Adjustment{
			Title:  wooText(v.get("method_title"), capName),
			Amount: r.net(v, "total", "total_tax"),
		}
		if r.till.err != nil {
			return within("shipping_lines", i, r.till.err)
		}
		if len(r.o.Ship) == 0 {
			method := v.get("method_id").text()
			r.o.Delivery.Method = a.Title
			r.o.Delivery.Pickup = strings.HasPrefix(method, "local_pickup") || strings.HasPrefix(method, "pickup_location")
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

// coupons lists the discounts where they add up to their total, else one line
// of all.
func (r *wooReader) coupons() ([]waxwing.Adjustment, error) {
	var list []waxwing.Adjustment
	sum, titles := r.till.zero(), []string(nil)
	for i, v := range r.v.get("coupon_lines").items() {
		a := waxwing.Adjustment{
			Title:  wooText(v.get("code"), capName),
			Amount: r.net(v, "discount", "discount_tax"),
		}
		if !v.get("discount").given() {
			a.Amount = r.till.kept(v.get("amount"), "amount")
		}
		sum = r.till.sum("discount", sum, a.Amount)
		if r.till.err != nil {
			return nil, within("coupon_lines", i, r.till.err)
		}
		if a.Title != "" && len(titles) < 5 {
			titles = append(titles, a.Title)
		}
		if !a.Amount.IsZero() { // a coupon for free shipping takes nothing off
			list = append(list, a)
		}
	}
	switch total := r.o.DiscountTotal; {
	case total.IsZero():
		return nil, nil
	case sum == total:
		return list, nil
	default:
		return []waxwing.Adjustment{{Title: clean(strings.Join(titles, ", "), capName), Amount: total}}, nil
	}
}

// giftCards reads what WooCommerce's Gift Cards took off the total: the order
// costs what the lines say, and what is left is the payload's total.
func (r *wooReader) giftCards() {
	paid := r.till.zero()
	var list []waxwing.Adjustment
	for _, v := range r.v.get("gift_cards").items() {
		m := r.till.kept(v.get("amount"), "gift_cards")
		if m.Minor <= 0 {
			continue
		}
		paid = r.till.sum("gift_cards", paid, m)
		title := clean(v.get("code").text(), capNumber)
		if n := len(title); n > 4 && tidy(title) {
			title = "•••• " + title[n-4:] // who has the code has the money
		}
		list = append(list, waxwing.Adjustment{Title: title, Amount: m})
	}
	o := r.o
	cost := r.till.sum("gift_cards", o.Subtotal.Sub(o.DiscountTotal), o.ShippingTotal)
	for i := range o.Fees {
		cost = r.till.sum("gift_cards", cost, o.Fees[i].Amount)
	}
	if !o.TaxesIncluded {
		cost = r.till.sum("gift_cards", cost, o.TaxTotal)
	}
	switch {
	case paid.IsZero() || r.till.err != nil:
	case cost == o.Total:
		o.GiftCards = list // they are a way to pay
	case cost == o.Total.Add(paid):
		o.GiftCards, o.Total = list, cost
	}
}
