package magento

import (
	"errors"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// line is a line that the customer chose, with the lines of what it is made of: the one variant
// of a configurable product, the pieces of a bundle.
type line struct {
	at   int // its place in the payload
	v    payload.Value
	kids []line
}

// linesOf puts each line that is a part of another below that one.
func linesOf(list payload.Value) []line {
	out, places := make([]line, 0, list.Len()), map[string]int{}
	parts := make([]line, 0)
	for i, v := range list.Items() {
		if v = v.Object(); v.Nothing() {
			continue
		}
		if parentOf(v) != "" {
			parts = append(parts, line{at: i, v: v})
			continue
		}
		if id := v.Get("item_id").Trimmed(); id != "" {
			places[id] = len(out)
		}
		out = append(out, line{at: i, v: v})
	}
	for _, p := range parts {
		if at, ok := places[parentOf(p.v)]; ok {
			out[at].kids = append(out[at].kids, p)
		} else {
			out = append(out, p) // of what is not there
		}
	}
	return out
}

// parentOf is the id of the line that this one is a part of, or "".
func parentOf(v payload.Value) string {
	id := v.Get("parent_item_id").Trimmed()
	if id == "" {
		id = v.Get("parent_item").Get("item_id").Trimmed()
	}
	if id == "0" {
		return ""
	}
	return id
}

// items reads the lines. What a line is made of is shown once: a variant as such, the pieces of a
// bundle with their own prices where these make its price, and else for nothing below it.
func (r *reader) items() error {
	list := r.v.Get("items")
	for _, l := range linesOf(list) {
		it, err := r.item(l.v)
		if err == nil {
			err = r.money.Err
		}
		if err != nil {
			return shop.InItem("items", l.at, err)
		}
		if it.Quantity == 0 {
			continue
		}
		if l.v.Get("product_type").Trimmed() != "bundle" || len(l.kids) == 0 {
			if len(l.kids) > 0 && it.Variant == "" {
				it.Variant = variantIn(it.Name, l.kids[0].v)
			}
			if len(l.kids) == 1 && it.SKU == "" {
				it.SKU = shop.Clean(l.kids[0].v.Get("sku").Text(), shop.MaxNumber)
			}
			r.o.Items = append(r.o.Items, it)
			continue
		}
		if err := r.bundle(it, l.kids); err != nil {
			return err
		}
	}
	if len(r.o.Items) == 0 && list.Given() {
		return errors.New("items: none is left to confirm")
	}
	return nil
}

// bundle adds the pieces of a bundle, and the bundle where it has a price of its own.
func (r *reader) bundle(whole waxwing.Item, kids []line) error {
	sum, pieces := r.money.Zero(), make([]waxwing.Item, 0, len(kids))
	for _, k := range kids {
		it, err := r.item(k.v)
		if err == nil {
			err = r.money.Err
		}
		if err != nil {
			return shop.InItem("items", k.at, err)
		}
		if it.Quantity == 0 {
			continue
		}
		if it.Total != nil {
			sum = r.money.Sum("row_total", sum, *it.Total)
		}
		it.Bundle = whole.Name
		pieces = append(pieces, it)
	}
	if r.money.Err != nil {
		return r.money.Err
	}
	if whole.Total != nil && !sum.IsZero() {
		if off := whole.Total.Sub(sum).Minor; off <= int64(len(pieces)) && off >= -int64(len(pieces)) {
			r.o.Items = append(r.o.Items, pieces...)
			return nil
		}
	}
	r.o.Items = append(r.o.Items, whole)
	for _, it := range pieces {
		free := [2]waxwing.Money{r.money.Zero(), r.money.Zero()}
		it.Unit, it.Total = &free[0], &free[1]
		r.o.Items = append(r.o.Items, it)
	}
	return nil
}

// item reads one line. Quantity is 0 where there is nothing of it.
func (r *reader) item(v payload.Value) (it waxwing.Item, err error) {
	if v.Kind() != payload.Object {
		return it, errors.New("(line): not an object")
	}
	ordered := v.Get("qty_ordered")
	measure := fractional(ordered)
	if it.Quantity = 1; measure == "" {
		if it.Quantity, err = shop.Quantity(ordered); err != nil {
			return it, shop.InField("qty_ordered", err)
		}
	}
	if it.Quantity <= 0 {
		it.Quantity = 0
		return it, nil
	}
	r.price(v, &it, measure != "")
	it.SKU = shop.Clean(v.Get("sku").Text(), shop.MaxNumber)
	it.ProductID = shop.Clean(v.Get("product_id").Text(), shop.MaxNumber)
	it.Name = shop.Clean(v.Get("name").Text(), shop.MaxItem)
	it.Name = shop.ItemName(&it)
	kind := v.Get("product_type").Trimmed()
	it.GiftCard = kind == "giftcard"
	it.Digital = v.Get("is_virtual").Bool() || kind == "virtual" || kind == "downloadable"
	if back, err := shop.Quantity(v.Get("qty_refunded")); err == nil && back > 0 && measure == "" {
		it.Refunded = min(back, it.Quantity)
	}
	if n, ok := v.Get("qty_backordered").Int(); ok && n > 0 {
		it.Stock = waxwing.StockBackorder
	}
	r.choices(v.Get("product_options"), &it)
	if measure != "" {
		it.Name += " × " + measure
	}
	return it, nil
}

// price reads what the line costs before discounts.
func (r *reader) price(v payload.Value, it *waxwing.Item, measured bool) {
	unit, row := v.Get("price"), v.Get("row_total")
	if r.gross {
		if g := v.Get("price_incl_tax"); g.Trimmed() != "" {
			unit = g
		}
		row = v.Get("row_total_incl_tax")
	}
	var total waxwing.Money
	switch {
	case row.Trimmed() != "":
		total = r.money.Kept(row, "row_total")
	case r.gross && v.Get("row_total").Trimmed() != "":
		total = r.money.KeptSum("row_total", v.Get("row_total"), v.Get("tax_amount"), v.Get("discount_tax_compensation_amount"))
	case unit.Trimmed() != "" && !measured:
		total = r.money.Line("price", unit, it.Quantity)
	default:
		return
	}
	it.Total = &total
	each := total
	if !measured {
		if each = r.money.Kept(unit, "price"); unit.Trimmed() == "" {
			return
		}
	}
	it.Unit = &each
}

// choices reads what the customer chose, which events have and the REST API does not: it has the
// choices' numbers alone.
func (r *reader) choices(v payload.Value, it *waxwing.Item) {
	var chosen []string
	for _, a := range v.Get("attributes_info").Items() {
		if s := shop.Clean(a.First("print_value", "value"), shop.MaxName); s != "" && len(chosen) < 5 {
			chosen = append(chosen, s)
		}
	}
	it.Variant = shop.Clean(strings.Join(chosen, " / "), shop.MaxName)
	for _, list := range []string{"options", "additional_options"} {
		for _, c := range v.Get(list).Items() {
			w := c.Get("print_value")
			if !w.Given() || w.Trimmed() == "" {
				w = c.Get("value")
			}
			shop.AddProperty(it, c.Get("label").Text(), shop.Readable(w, shop.AsIs))
		}
	}
}

// variantIn is what the name of a variant says beyond that of its product: Magento makes it of
// both ("Hoodie-XS-Black").
func variantIn(name string, kid payload.Value) string {
	rest, ok := strings.CutPrefix(shop.Clean(kid.Get("name").Text(), shop.MaxItem), name+"-")
	if !ok {
		return ""
	}
	return shop.Clean(rest, shop.MaxName)
}

// fractional returns a quantity that is no whole number as it is written, without the noughts at
// its end: what is sold by the metre has such. Anything else is "".
func fractional(v payload.Value) string {
	s := v.Trimmed()
	whole, frac, _ := strings.Cut(s, ".")
	frac = strings.TrimRight(frac, "0")
	if whole == "" || frac == "" || len(s) > 12 || payload.Digits(whole, 0) != len(whole) || payload.Digits(frac, 0) != len(frac) {
		return ""
	}
	return whole + "." + frac
}
