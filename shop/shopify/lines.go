package shopify

import (
	"errors"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// The amounts of Shopify's orders; a field that has no plain form has no name.
var (
	fieldPrice      = amountField{"price", "price_set"}
	fieldAllocated  = amountField{"amount", "amount_set"}
	fieldLineCut    = amountField{"total_discount", "total_discount_set"}
	fieldTotal      = amountField{"total_price", "total_price_set"}
	fieldItemsTotal = amountField{"total_line_items_price", "total_line_items_price_set"}
	fieldSubtotal   = amountField{"subtotal_price", "subtotal_price_set"}
	fieldDiscounts  = amountField{"total_discounts", "total_discounts_set"}
	fieldTax        = amountField{"total_tax", "total_tax_set"}
	fieldShipping   = amountField{"total_shipping_price", "total_shipping_price_set"}
	fieldTip        = amountField{"total_tip_received", "total_tip_received_set"}
	fieldDuties     = amountField{"original_total_duties", "original_total_duties_set"}
	fieldFees       = amountField{"original_total_additional_fees", "original_total_additional_fees_set"}

	fieldOutstanding = amountField{"total_outstanding", "total_outstanding_set"}
	fieldRounding    = amountField{"total_cash_rounding_adjustment", "total_cash_rounding_payment_adjustment_set"}

	fieldNowTotal     = amountField{"current_total_price", "current_total_price_set"}
	fieldNowDiscounts = amountField{"current_total_discounts", "current_total_discounts_set"}
	fieldNowTax       = amountField{"current_total_tax", "current_total_tax_set"}
	fieldNowDuties    = amountField{"current_total_duties", "current_total_duties_set"}
	fieldNowFees      = amountField{"current_total_additional_fees", "current_total_additional_fees_set"}
)

// discount is one discount and what its allocations add up to.
type discount struct {
	title  string
	amount waxwing.Money
	onLine bool // it was given on single lines, not spread over the order
}

// discounts reads which discounts there are; their amounts come with the lines.
func (r *reader) discounts() {
	apps := r.v.Get("discount_applications")
	if n := apps.Len(); n > 0 {
		r.cuts = make([]discount, 0, n)
	}
	for _, a := range apps.Items() {
		r.cuts = append(r.cuts, discount{
			title:  shop.Clean(a.First("code", "title", "description"), shop.MaxName),
			amount: r.money.Zero(),
			onLine: a.Get("target_type").Text() != "shipping_line" && a.Get("target_selection").Text() != "all",
		})
	}
}

// allocate adds what a line was discounted to the discounts and returns the
// part that was given on the line itself.
func (r *reader) allocate(line payload.Value) waxwing.Money {
	own := r.money.Zero()
	for _, a := range line.Get("discount_allocations").Items() {
		m := r.kept(a, fieldAllocated)
		r.discount = r.money.Sum("discount_allocations", r.discount, m)
		i, ok := a.Get("discount_application_index").Int()
		if !ok || i < 0 || i >= int64(len(r.cuts)) {
			continue
		}
		r.cuts[i].amount = r.money.Sum("discount_allocations", r.cuts[i].amount, m)
		if r.cuts[i].onLine {
			own = r.money.Sum("discount_allocations", own, m)
		}
	}
	return own
}

// items reads the lines and returns what they add up to before discounts.
func (r *reader) items() (waxwing.Money, error) {
	sum := r.money.Zero()
	r.tips = r.money.Zero()
	list := r.v.Get("line_items")
	if n := list.Len(); n > 0 {
		r.o.Items = make([]waxwing.Item, 0, n)
		r.prices = make([][2]waxwing.Money, 0, n)
	}
	for i, v := range list.Items() {
		if v.Nothing() {
			continue
		}
		it, tip, err := r.item(v)
		if err == nil {
			err = r.money.Err
		}
		if err != nil {
			return sum, shop.InItem("line_items", i, err)
		}
		switch {
		case tip:
			r.tips = r.money.Sum("price", r.tips, *it.Total)
		case it.Quantity > 0:
			if it.Total != nil {
				sum = r.money.Sum("price", sum, *it.Total)
			}
			r.o.Items = append(r.o.Items, it)
		}
		if r.money.Err != nil {
			return sum, shop.InItem("line_items", i, r.money.Err)
		}
	}
	// A subscription may leave the lines out; none in a list is another matter.
	if len(r.o.Items) == 0 && list.Given() && (list.Kind() != payload.Array || list.Len() == 0 || r.tips.IsZero()) {
		return sum, shop.ErrNoItems
	}
	return sum, nil
}

// item reads one line. Quantity is 0 where the line was removed from the order.
func (r *reader) item(v payload.Value) (it waxwing.Item, tip bool, err error) {
	if v = v.Object(); v.Kind() != payload.Object {
		return it, false, errors.New("(line): not an object")
	}
	if it.Quantity, err = shop.Quantity(v.Get("quantity")); err != nil {
		return it, false, shop.InField("quantity", err)
	}
	back := it.Quantity < 0
	it.Quantity = max(it.Quantity, -it.Quantity)
	ordered := it.Quantity
	now, hasNow := v.Get("current_quantity").Int()
	if hasNow && r.edited && now >= 0 && now < it.Quantity {
		it.Quantity = now
	}
	if it.Quantity == 0 {
		return it, false, nil
	}
	if price := r.find(v, fieldPrice); price.Trimmed() != "" {
		unit := r.money.Kept(price, "price")
		total := r.money.Line("price", price, it.Quantity)
		if back {
			unit, total = unit.Neg(), total.Neg()
		}
		it.Unit, it.Total = r.pair(unit, total)
	}
	// Only tips have the key, be it null.
	if v.Get("tip_payment_gateway").Kind() != payload.Absent && it.Total != nil {
		return it, true, nil
	}
	if !r.edited {
		it.Refunded = min(r.back[v.Get("id").Text()], it.Quantity)
		if it.Refunded == 0 && hasNow && now >= 0 && now < it.Quantity {
			it.Refunded = it.Quantity - now
		}
	}
	if own := r.allocate(v); !own.IsZero() {
		if it.Discount = own; r.edited && hasNow && now < ordered {
			it.Discount = waxwing.Money{} // it is that of all that was ordered
		}
	} else if len(r.cuts) == 0 {
		if m := r.kept(v, fieldLineCut); !m.IsZero() {
			it.Discount = m
		}
	}
	productOf(v, &it)
	return it, false, nil
}

// pair keeps the two amounts of a line beside those of the other lines.
func (r *reader) pair(unit, total waxwing.Money) (u, t *waxwing.Money) {
	r.prices = append(r.prices, [2]waxwing.Money{unit, total})
	both := &r.prices[len(r.prices)-1]
	return &both[0], &both[1]
}

// productOf reads what the line is of.
func productOf(v payload.Value, it *waxwing.Item) {
	it.SKU = shop.Clean(v.Get("sku").Text(), shop.MaxNumber)
	it.ProductID = shop.Clean(v.Get("product_id").Text(), shop.MaxNumber)
	it.VariantID = shop.Clean(v.Get("variant_id").Text(), shop.MaxNumber)
	it.Variant = shop.Clean(v.Get("variant_title").Text(), shop.MaxName)
	it.Name = shop.Clean(v.Get("title").Text(), shop.MaxItem)
	// The name is title and variant; either may be missing.
	switch name := shop.Clean(v.Get("name").Text(), shop.MaxItem); {
	case it.Name == "" && it.Variant != "":
		it.Name = strings.TrimSuffix(name, " - "+it.Variant)
	case it.Name == "":
		it.Name = name
	case it.Variant == "":
		if rest, ok := strings.CutPrefix(name, it.Name+" - "); ok {
			it.Variant = shop.Clean(rest, shop.MaxName)
		}
	}
	if it.Variant == "Default Title" || it.Variant == "Default" {
		it.Variant = ""
	}
	// How often a subscription comes is chosen like a variant.
	if plan := shop.Clean(v.Get("selling_plan_allocation").Get("selling_plan").Get("name").Text(), shop.MaxName); plan != "" && it.Variant != "" {
		it.Variant = shop.Clean(it.Variant+" / "+plan, shop.MaxName)
	} else if plan != "" {
		it.Variant = plan
	}
	it.Name = shop.ItemName(it)
	it.GiftCard = v.Get("gift_card").Bool()
	it.Digital = v.Get("requires_shipping").Kind() == payload.False
	it.ImageURL = shop.Link(v.First("image_url", "image"))
	propertiesOf(v.Get("properties"), it)
	bundleOf(v, it)
}

// propertiesOf reads what the customer chose: a list of names and values,
// or an object of them.
func propertiesOf(list payload.Value, it *waxwing.Item) {
	if list.Kind() == payload.Object && !list.Keyed() && !(list.Get("name").Given() && list.Get("value").Kind() != payload.Absent) {
		for name, p := range list.Members() {
			propertyOf(it, name, p)
		}
		return
	}
	for _, p := range list.Items() {
		if pair := p.Object(); pair.Get("name").Given() {
			propertyOf(it, pair.Get("name").Text(), pair.Get("value"))
		}
	}
	if list.Kind() == payload.Object && list.Keyed() { // a name over an object
		for name, p := range list.Members() {
			if !p.Object().Get("name").Given() && payload.Digits(name, 0) != len(name) {
				propertyOf(it, name, p)
			}
		}
	}
}

func propertyOf(it *waxwing.Item, name string, v payload.Value) {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "_bundle_name", "_bundle_title", "_bundlename", "_bundle name", "bundle_name", "bundle_title":
		if name := shop.Clean(shop.AsIs(v.Text()), shop.MaxItem); name != "" && name != "true" && payload.Digits(name, 0) != len(name) {
			it.Bundle = name
		}
		return
	}
	shop.AddProperty(it, name, shop.Readable(v, shop.AsIs))
}

// bundleOf reads of which set the line is a part.
func bundleOf(v payload.Value, it *waxwing.Item) {
	group := v.Either("line_item_group", "sales_line_item_group", "bundle").Object()
	name := shop.Clean(group.First("title", "name"), shop.MaxItem)
	if name == "" {
		name = shop.Clean(v.First("bundle_title", "bundle_name", "bundle"), shop.MaxItem)
	}
	if name != "" && name != it.Name {
		it.Bundle = name
	}
}

// shipping reads the shipping lines and returns their sum before discounts.
func (r *reader) shipping() (waxwing.Money, error) {
	sum := r.money.Zero()
	for i, v := range r.v.Get("shipping_lines").Items() {
		if v.Kind() != payload.Object || v.Get("is_removed").Bool() {
			continue
		}
		a := waxwing.Adjustment{
			Title:  shop.Clean(v.First("title", "code"), shop.MaxName),
			Amount: r.kept(v, fieldPrice),
		}
		r.allocate(v)
		sum = r.money.Sum("price", sum, a.Amount)
		if r.money.Err != nil {
			return sum, shop.InItem("shipping_lines", i, r.money.Err)
		}
		if len(r.o.Ship) == 0 {
			r.o.Delivery.Method = a.Title
		}
		r.o.Ship = append(r.o.Ship, a)
	}
	return sum, nil
}

func (r *reader) taxes() error {
	list := r.v.Get("tax_lines")
	if n := list.Len(); n > 0 {
		r.o.Taxes = make([]waxwing.Adjustment, 0, n)
	}
	for i, v := range list.Items() {
		a := waxwing.Adjustment{
			Title:  shop.Clean(v.Get("title").Text(), shop.MaxName),
			Amount: r.kept(v, fieldPrice),
			Rate:   shop.Fraction(v.Get("rate").Trimmed(), 0),
		}
		if r.money.Err != nil {
			return shop.InItem("tax_lines", i, r.money.Err)
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
func (r *reader) fees() (waxwing.Money, error) {
	duties, fees := fieldDuties, fieldFees
	if r.edited {
		duties, fees = fieldNowDuties, fieldNowFees
	}
	sum := r.money.Zero()
	add := func(title string, m waxwing.Money) {
		if !m.IsZero() {
			sum = r.money.Sum("fees", sum, m)
			r.o.Fees = append(r.o.Fees, waxwing.Adjustment{Title: title, Amount: m})
		}
	}
	add("Duties", r.kept(r.v, duties))
	named := r.v.Get("additional_fees")
	for _, v := range named.Items() {
		add(shop.Clean(v.Get("name").Text(), shop.MaxName), r.kept(v, fieldPrice))
	}
	if named.Len() == 0 {
		add("", r.kept(r.v, fees))
	}
	return sum, r.money.Err
}
