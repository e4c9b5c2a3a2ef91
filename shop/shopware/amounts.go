package shopware

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

var errNoTotal = errors.New("price.totalPrice: missing")

// amounts reads what the order cost, and for what. Lines and shipping are with the tax where
// taxStatus is "gross", and without it where it is "net" or "tax-free".
func (r *reader) amounts() error {
	v, o := r.v, r.o
	if r.total().Trimmed() == "" {
		return errNoTotal
	}
	o.Total = r.money.Kept(r.total(), "price.totalPrice")
	switch {
	case r.money.Err != nil:
		return r.money.Err
	case o.Total.Minor < 0:
		return shop.ErrNegative
	}
	if err := shop.CheckLists(v, "lineItems", "deliveries", "transactions"); err != nil {
		return err
	}
	price := v.Get("price")
	taxes := price.Get("taxStatus").Trimmed()
	if taxes == "" {
		taxes = v.Get("taxStatus").Trimmed()
	}
	o.TaxesIncluded = taxes == "gross"
	o.Subtotal, o.DiscountTotal, o.ShippingTotal, o.TaxTotal = r.money.Zero(), r.money.Zero(), r.money.Zero(), r.money.Zero()
	if err := r.lines(); err != nil {
		return err
	}
	if err := r.shipping(); err != nil {
		return err
	}
	if taxes != "tax-free" {
		r.taxes(price.Get("calculatedTaxes"))
	}
	if raw := price.Get("rawTotal"); raw.Trimmed() != "" { // a total that is rounded to be paid in coins
		if off := o.Total.Sub(r.money.Kept(raw, "price.rawTotal")); !off.IsZero() && r.money.Rows(o).Add(off) == o.Total {
			r.money.Remain(o, waxwing.Rounding, "", off)
		}
	}
	return r.money.Err
}

// taxes lists the taxes by their rates, which have no names.
func (r *reader) taxes(list payload.Value) {
	o := r.o
	for i, t := range list.Items() {
		a := waxwing.Adjustment{Amount: r.money.Kept(t.Get("tax"), "price.calculatedTaxes"), Rate: shop.Fraction(t.Get("taxRate").Trimmed(), 2)}
		if o.TaxTotal = r.money.Sum("price.calculatedTaxes", o.TaxTotal, a.Amount); !a.Amount.IsZero() && i < 100 {
			o.Taxes = append(o.Taxes, a)
		}
	}
}

// shipping reads what each delivery costs. What a promotion takes off it is a delivery of its own,
// which costs less than nothing.
func (r *reader) shipping() error {
	o, v := r.o, r.v
	for i, d := range v.Get("deliveries").Items() {
		m := r.money.Kept(d.Get("shippingCosts").Get("totalPrice"), "shippingCosts.totalPrice")
		if r.money.Err != nil {
			return shop.InItem("deliveries", i, r.money.Err)
		}
		if m.Minor < 0 {
			r.discount("", m.Neg())
			continue
		}
		o.ShippingTotal = r.money.Sum("deliveries", o.ShippingTotal, m)
		o.Ship = append(o.Ship, waxwing.Adjustment{Title: named(d.Get("shippingMethod"), "name"), Amount: m})
	}
	if len(o.Ship) == 0 { // without the association
		all := v.Get("shippingCosts").Get("totalPrice")
		if all.Trimmed() == "" {
			all = v.Get("shippingTotal")
		}
		o.ShippingTotal = r.money.Kept(all, "shippingTotal")
	}
	return r.money.Err
}

func (r *reader) discount(title string, m waxwing.Money) {
	r.o.DiscountTotal = r.money.Sum("discounts", r.o.DiscountTotal, m)
	r.o.Discounts = append(r.o.Discounts, waxwing.Adjustment{Title: title, Amount: m})
}

// line is a line with the lines that it is made of.
type line struct {
	at       int // its place in the payload
	position int64
	v        payload.Value
	kids     []*line
}

// tree puts the lines below those that they are a part of, in the order of their positions.
func tree(list payload.Value) []*line {
	all, ids := make([]*line, 0, list.Len()), map[string]*line{}
	for i, v := range list.Items() {
		if v = v.Object(); v.Nothing() {
			continue
		}
		l := &line{at: i, v: v}
		l.position, _ = v.Get("position").Int()
		all = append(all, l)
		if id := v.Get("id").Trimmed(); id != "" && ids[id] == nil {
			ids[id] = l
		}
	}
	slices.SortStableFunc(all, func(a, b *line) int { return cmp.Compare(a.position, b.position) })
	roots := make([]*line, 0, len(all))
	for _, l := range all {
		over := ids[l.v.Get("parentId").Trimmed()]
		if over == nil || over == l || over.v.Get("parentId").Trimmed() == l.v.Get("id").Trimmed() {
			roots = append(roots, l)
			continue
		}
		over.kids = append(over.kids, l)
	}
	return roots
}

// lines reads what was ordered, and what promotions and credits take off: lines that cost less
// than nothing.
func (r *reader) lines() error {
	list := r.v.Get("lineItems")
	for _, l := range tree(list) {
		total := r.money.Kept(amount(l.v, "totalPrice"), "totalPrice")
		if r.money.Err != nil {
			return shop.InItem("lineItems", l.at, r.money.Err)
		}
		if kind := l.v.Get("type").Trimmed(); kind == "promotion" || kind == "discount" || kind == "credit" || total.Minor < 0 && !l.v.Get("productId").Given() {
			title := shop.Clean(l.v.Get("label").Text(), shop.MaxName)
			switch {
			case total.Minor < 0:
				r.discount(title, total.Neg())
			case total.Minor > 0:
				r.o.Fees = append(r.o.Fees, waxwing.Adjustment{Title: title, Amount: total})
			}
			continue
		}
		if err := r.add(l, "", 0); err != nil {
			return err
		}
	}
	if len(r.o.Items) == 0 && len(r.o.Fees) == 0 && list.Given() {
		return errors.New("lineItems: none is left to confirm")
	}
	for i := range r.o.Items {
		if t := r.o.Items[i].Total; t != nil {
			r.o.Subtotal = r.money.Sum("lineItems", r.o.Subtotal, *t)
		}
	}
	if len(r.o.Items) == 0 {
		r.o.Subtotal = r.money.Sum("price.positionPrice", r.money.Kept(r.v.Get("price").Get("positionPrice"), "price.positionPrice"), r.o.DiscountTotal)
	}
	return r.money.Err
}

// add adds a line: where its parts make its price, these with their prices, and else itself, and
// they below it for nothing.
func (r *reader) add(l *line, set string, depth int) error {
	it, err := r.item(l.v)
	if err == nil {
		err = r.money.Err
	}
	if err != nil {
		return shop.InItem("lineItems", l.at, err)
	}
	it.Bundle = set
	if len(l.kids) > 0 && depth < 8 {
		sum := r.money.Zero()
		for _, k := range l.kids {
			sum = r.money.Sum("totalPrice", sum, r.money.Kept(amount(k.v, "totalPrice"), "totalPrice"))
		}
		if r.money.Err != nil {
			return shop.InItem("lineItems", l.at, r.money.Err)
		}
		if it.Total != nil && *it.Total == sum && !sum.IsZero() {
			name := it.Name
			if set != "" {
				name = set
			}
			for _, k := range l.kids {
				if err := r.add(k, name, depth+1); err != nil {
					return err
				}
			}
			return nil
		}
	}
	if it.Quantity > 0 {
		r.o.Items = append(r.o.Items, it)
	}
	if set == "" {
		set = it.Name
	}
	return r.free(l.kids, set, depth)
}

// free adds lines that are paid for by the one that they are a part of.
func (r *reader) free(kids []*line, set string, depth int) error {
	for _, k := range kids {
		it, err := r.item(k.v)
		if err != nil {
			return shop.InItem("lineItems", k.at, err)
		}
		nothing := [2]waxwing.Money{r.money.Zero(), r.money.Zero()}
		it.Bundle, it.Unit, it.Total = set, &nothing[0], &nothing[1]
		if it.Quantity > 0 {
			r.o.Items = append(r.o.Items, it)
		}
		if depth < 8 {
			if err := r.free(k.kids, set, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// amount is a price of a line, which stands in its price and beside it.
func amount(v payload.Value, field string) payload.Value {
	if p := v.Get("price").Get(field); p.Trimmed() != "" {
		return p
	}
	return v.Get(field)
}

func (r *reader) item(v payload.Value) (it waxwing.Item, err error) {
	if v.Kind() != payload.Object {
		return it, errors.New("(line): not an object")
	}
	if it.Quantity, err = shop.Quantity(v.Get("quantity")); err != nil {
		return it, shop.InField("quantity", err)
	}
	it.Quantity = max(it.Quantity, 0)
	if t := amount(v, "totalPrice"); t.Trimmed() != "" {
		total := r.money.Kept(t, "totalPrice")
		it.Total = &total
	}
	if u := amount(v, "unitPrice"); u.Trimmed() != "" {
		unit := r.money.Kept(u, "unitPrice")
		if it.Unit = &unit; it.Total == nil {
			total := r.money.Line("unitPrice", u, it.Quantity)
			it.Total = &total
		}
	}
	more := v.Get("payload")
	it.SKU = shop.Clean(more.Get("productNumber").Text(), shop.MaxNumber)
	it.ProductID = shop.Clean(v.First("productId", "referencedId"), shop.MaxNumber)
	it.Name = shop.Clean(v.Get("label").Text(), shop.MaxItem)
	it.Name = shop.ItemName(&it)
	it.ImageURL = shop.Link(v.Get("cover").Get("url").Text())
	var chosen []string
	for _, c := range more.Get("options").Items() {
		if s := shop.Clean(c.Get("option").Text(), shop.MaxName); s != "" && len(chosen) < 5 {
			chosen = append(chosen, s)
		}
	}
	it.Variant = shop.Clean(strings.Join(chosen, " / "), shop.MaxName)
	for _, s := range v.Get("states").Items() {
		it.Digital = it.Digital || s.Trimmed() == "is-download"
	}
	it.Digital = it.Digital || more.Get("productType").Trimmed() == "digital"
	return it, nil
}
