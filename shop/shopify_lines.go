package shop

import (
	"errors"
	"strings"

	"github.com/waxwinghq/waxwing"
)

// The amounts of Shopify's orders; a field that has no plain form has no name.
var (
	shopifyPrice      = shopifyAmount{"price", "price_set"}
	shopifyAllocated  = shopifyAmount{"amount", "amount_set"}
	shopifyLineCut    = shopifyAmount{"total_discount", "total_discount_set"}
	shopifyTotal      = shopifyAmount{"total_price", "total_price_set"}
	shopifyItemsTotal = shopifyAmount{"total_line_items_price", "total_line_items_price_set"}
	shopifySubtotal   = shopifyAmount{"subtotal_price", "subtotal_price_set"}
	shopifyDiscounts  = shopifyAmount{"total_discounts", "total_discounts_set"}
	shopifyTax        = shopifyAmount{"total_tax", "total_tax_set"}
	shopifyShipping   = shopifyAmount{"total_shipping_price", "total_shipping_price_set"}
	shopifyTip        = shopifyAmount{"total_tip_received", "total_tip_received_set"}
	shopifyDuties     = shopifyAmount{"original_total_duties", "original_total_duties_set"}
	shopifyFees       = shopifyAmount{"original_total_additional_fees", "original_total_additional_fees_set"}

	shopifyOutstanding = shopifyAmount{"total_outstanding", "total_outstanding_set"}
	shopifyRounding    = shopifyAmount{"total_cash_rounding_adjustment", "total_cash_rounding_payment_adjustment_set"}

	shopifyNowTotal     = shopifyAmount{"current_total_price", "current_total_price_set"}
	shopifyNowDiscounts = shopifyAmount{"current_total_discounts", "current_total_discounts_set"}
	shopifyNowTax       = shopifyAmount{"current_total_tax", "current_total_tax_set"}
	shopifyNowDuties    = shopifyAmount{"current_total_duties", "current_total_duties_set"}
	shopifyNowFees      = shopifyAmount{"current_total_additional_fees", "current_total_additional_fees_set"}
)

// shopifyCut is one discount and what its allocations add up to.
type shopifyCut struct {
	title  string
	amount waxwing.Money
	onLine bool // it was given on single lines, not spread over the order
}

// discounts reads which discounts there are; their amounts come with the lines.
func (r *shopifyReader) discounts() {
	apps := r.v.get("discount_applications")
	if n := apps.len(); n > 0 {
		r.cuts = make([]shopifyCut, 0, n)
	}
	for _, a := range apps.items() {
		r.cuts = append(r.cuts, shopifyCut{
			title:  clean(a.first("code", "title", "description"), capName),
			amount: r.till.zero(),
			onLine: a.get("target_type").text() != "shipping_line" && a.get("target_selection").text() != "all",
		})
	}
}

// allocate adds what a line was discounted to the discounts and returns the
// part that was given on the line itself.
func (r *shopifyReader) allocate(line value) waxwing.Money {
	own := r.till.zero()
	for _, a := range line.get("discount_allocations").items() {
		m := r.kept(a, shopifyAllocated)
		r.discount = r.till.sum("discount_allocations", r.discount, m)
		i, ok := a.get("discount_application_index").int()
		if !ok || i < 0 || i >= int64(len(r.cuts)) {
			continue
		}
		r.cuts[i].amount = r.till.sum("discount_allocations", r.cuts[i].amount, m)
		if r.cuts[i].onLine {
			own = r.till.sum("discount_allocations", own, m)
		}
	}
	return own
}

// items reads the lines and returns what they add up to before discounts.
func (r *shopifyReader) items() (waxwing.Money, error) {
	sum := r.till.zero()
	r.tips = r.till.zero()
	list := r.v.get("line_items")
	if n := list.len(); n > 0 {
		r.o.Items = make([]waxwing.Item, 0, n)
	}
	for i, v := range list.items() {
		if v.nothing() {
			continue
		}
		it, tip, err := r.item(v)
		if err == nil {
			err = r.till.err
		}
		if err != nil {
			return sum, within("line_items", i, err)
		}
		switch {
		case tip:
			r.tips = r.till.sum("price", r.tips, *it.Total)
		case it.Quantity > 0:
			if it.Total != nil {
				sum = r.till.sum("price", sum, *it.Total)
			}
			r.o.Items = append(r.o.Items, it)
		}
		if r.till.err != nil {
			return sum, within("line_items", i, r.till.err)
		}
	}
	// A subscription may leave the lines out; none in a list is another matter.
	if len(r.o.Items) == 0 && list.given() && (list.kind() != kindArray || list.len() == 0 || r.tips.IsZero()) {
		return sum, errNoItems
	}
	return sum, nil
}

// item reads one line. Quantity is 0 where the line was removed from the order.
func (r *shopifyReader) item(v value) (it waxwing.Item, tip bool, err error) {
	if v = v.object(); v.kind() != kindObject {
		return it, false, errors.New("(line): not an object")
	}
	if it.Quantity, err = quantity(v.get("quantity")); err != nil {
		return it, false, inField("quantity", err)
	}
	back := it.Quantity < 0
	it.Quantity = max(it.Quantity, -it.Quantity)
	now, hasNow := v.get("current_quantity").int()
	if hasNow && r.edited && now >= 0 && now < it.Quantity {
		it.Quantity = now
	}
	if it.Quantity == 0 {
		return it, false, nil
	}
	if price := r.find(v, shopifyPrice); price.trimmed() != "" {
		unit := r.till.kept(price, "price")
		total := r.till.line("price", price, it.Quantity)
		if back {
			unit, total = unit.Neg(), total.Neg()
		}
		it.Unit, it.Total = &unit, &total
	}
	// Only tips have the key, be it null.
	if v.get("tip_payment_gateway").kind() != kindAbsent && it.Total != nil {
		return it, true, nil
	}
	if !r.edited {
		it.Refunded = min(r.back[v.get("id").text()], it.Quantity)
		if it.Refunded == 0 && hasNow && now >= 0 && now < it.Quantity {
			it.Refunded = it.Quantity - now
		}
	}
	if own := r.allocate(v); !own.IsZero() {
		it.Discount = own
	} else if len(r.cuts) == 0 {
		if m := r.kept(v, shopifyLineCut); !m.IsZero() {
			it.Discount = m
		}
	}
	shopifyProduct(v, &it)
	return it, false, nil
}

// shopifyProduct reads what the line is of.
func shopifyProduct(v value, it *waxwing.Item) {
	it.SKU = clean(v.get("sku").text(), capNumber)
	it.ProductID = clean(v.get("product_id").text(), capNumber)
	it.VariantID = clean(v.get("variant_id").text(), capNumber)
	it.Variant = clean(v.get("variant_title").text(), capName)
	it.Name = clean(v.get("title").text(), capItem)
	// The name is title and variant; either may be missing.
	switch name := clean(v.get("name").text(), capItem); {
	case it.Name == "" && it.Variant != "":
		it.Name = strings.TrimSuffix(name, " - "+it.Variant)
	case it.Name == "":
		it.Name = name
	case it.Variant == "":
		if rest, ok := strings.CutPrefix(name, it.Name+" - "); ok {
			it.Variant = clean(rest, capName)
		}
	}
	if it.Variant == "Default Title" || it.Variant == "Default" {
		it.Variant = ""
	}
	it.Name = nameOf(it)
	it.GiftCard = v.get("gift_card").bool()
	it.Digital = v.get("requires_shipping").kind() == kindFalse
	it.ImageURL = link(v.first("image_url", "image"))
	shopifyProperties(v.get("properties"), it)
	shopifyBundle(v, it)
}

// shopifyProperties reads what the customer chose: a list of names and values,
// or an object of them.
func shopifyProperties(list value, it *waxwing.Item) {
	if list.kind() == kindObject && !list.keyed() && !(list.get("name").given() && list.get("value").kind() != kindAbsent) {
		for name, p := range list.members() {
			shopifyProperty(it, name, p)
		}
		return
	}
	for _, p := range list.items() {
		if pair := p.object(); pair.get("name").given() {
			shopifyProperty(it, pair.get("name").text(), pair.get("value"))
		}
	}
	if list.kind() == kindObject && list.keyed() { // a name over an object
		for name, p := range list.members() {
			if !p.object().get("name").given() && digits(name, 0) != len(name) {
				shopifyProperty(it, name, p)
			}
		}
	}
}

func shopifyProperty(it *waxwing.Item, name string, v value) {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "_bundle_name", "_bundle_title", "_bundlename", "_bundle name", "bundle_name", "bundle_title":
		if name := clean(asIs(v.text()), capItem); name != "" && name != "true" && digits(name, 0) != len(name) {
			it.Bundle = name
		}
		return
	}
	addProperty(it, name, readable(v, asIs))
}

// shopifyBundle reads of which set the line is a part.
func shopifyBundle(v value, it *waxwing.Item) {
	group := v.either("line_item_group", "sales_line_item_group", "bundle").object()
	name := clean(group.first("title", "name"), capItem)
	if name == "" {
		name = clean(v.first("bundle_title", "bundle_name", "bundle"), capItem)
	}
	if name != "" && name != it.Name {
		it.Bundle = name
	}
}

// shipping reads the shipping lines and returns their sum before discounts.
func (r *shopifyReader) shipping() (waxwing.Money, error) {
	sum := r.till.zero()
	for i, v := range r.v.get("shipping_lines").items() {
		if v.kind() != kindObject || v.get("is_removed").bool() {
			continue
		}
		a := waxwing.Adjustment{
			Title:  clean(v.first("title", "code"), capName),
			Amount: r.kept(v, shopifyPrice),
		}
		r.allocate(v)
		sum = r.till.sum("price", sum, a.Amount)
		if r.till.err != nil {
			return sum, within("shipping_lines", i, r.till.err)
		}
		if len(r.o.Ship) == 0 {
			r.o.Delivery.Method = a.Title
		}
		r.o.Ship = append(r.o.Ship, a)
	}
	return sum, nil
}

func (r *shopifyReader) taxes() error {
	list := r.v.get("tax_lines")
	if n := list.len(); n > 0 {
		r.o.Taxes = make([]waxwing.Adjustment, 0, n)
	}
	for i, v := range list.items() {
		a := waxwing.Adjustment{
			Title:  clean(v.get("title").text(), capName),
			Amount: r.kept(v, shopifyPrice),
			Rate:   fraction(v.get("rate").trimmed(), 0),
		}
		if r.till.err != nil {
			return within("tax_lines", i, r.till.err)
		}
		if !a.Amount.IsZero() {
			r.o.Taxes = append(r.o.Taxes, a)
		}
	}
	if len(r.o.Taxes) == 0 {
		r.o.Taxes = nil
	}
	return nil
}

// fees reads duties and the fees that merchants add, and returns their sum.
func (r *shopifyReader) fees() (waxwing.Money, error) {
	duties, fees := shopifyDuties, shopifyFees
	if r.edited {
		duties, fees = shopifyNowDuties, shopifyNowFees
	}
	sum := r.till.zero()
	add := func(title string, m waxwing.Money) {
		if !m.IsZero() {
			sum = r.till.sum("fees", sum, m)
			r.o.Fees = append(r.o.Fees, waxwing.Adjustment{Title: title, Amount: m})
		}
	}
	add("Duties", r.kept(r.v, duties))
	named := r.v.get("additional_fees")
	for _, v := range named.items() {
		add(clean(v.get("name").text(), capName), r.kept(v, shopifyPrice))
	}
	if named.len() == 0 {
		add("", r.kept(r.v, fees))
	}
	return sum, r.till.err
}
