package medusa

import (
	"errors"
	"math/big"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// Medusa rounds nothing: a total may be 527.946075 USD. What is shown here is computed exactly, each amount is rounded
// once, and the total is the stored one. What the rounded rows differ by is a row of its own.

var errNumber = errors.New("not a number")

// decimal reads an amount in whole units. A list's amounts come as text, with all their digits.
func decimal(v payload.Value) (*big.Rat, error) {
	n := shop.Decimal(v)
	if n == nil || n.Num().BitLen() > 256 || n.Denom().BitLen() > 256 {
		return nil, errNumber
	}
	return n, nil
}

// part is a line or a shipping method. Amounts without tax are net, those with it gross; neither is rounded.
type part struct {
	v          payload.Value
	quantity   int64
	inclusive  bool
	price      *big.Rat // of one, as the shop has it
	factor     *big.Rat // 1 and the rates
	net, gross *big.Rat // before discounts
	taxes      []rate
	off        []off
}

// rate is one of a part's taxes.
type rate struct {
	title, text string
	percent     *big.Rat
}

// off is a discount without tax.
type off struct {
	code string
	net  *big.Rat
}

var hundred = big.NewRat(100, 1)

// cut rounds to so many decimals: what is divided by a rate has no end, and sums of such fractions grow with each.
func cut(n *big.Rat, places int) *big.Rat {
	out, _ := new(big.Rat).SetString(n.FloatString(places)) // it is a decimal
	return out
}

// How many decimals are computed with, which is more than Medusa does, and how many count when an amount is rounded: a
// half that was divided by a rate and multiplied by it is a half again.
const (
	places  = 24
	counted = 9
)

func (r *reader) rounded(at string, n *big.Rat) waxwing.Money {
	return r.money.Rounded(at, cut(n, counted))
}

func partOf(v payload.Value, price payload.Value, quantity int64) (p part, err error) {
	p = part{v: v, quantity: quantity, inclusive: v.Get("is_tax_inclusive").Bool(), factor: big.NewRat(1, 1)}
	if p.price, err = decimal(price); err != nil {
		return p, shop.InField("price", err)
	}
	if err := shop.CheckLists(v, "tax_lines", "adjustments"); err != nil {
		return p, err
	}
	for _, t := range v.Get("tax_lines").Items() {
		x := rate{title: shop.Clean(t.First("description", "code"), shop.MaxName), text: t.Get("rate").Trimmed()}
		if x.percent, err = decimal(t.Get("rate")); err != nil || x.percent.Sign() < 0 || x.percent.Cmp(big.NewRat(1000, 1)) > 0 {
			return p, shop.InField("rate", errNumber)
		}
		p.factor.Add(p.factor, new(big.Rat).Quo(x.percent, hundred))
		p.taxes = append(p.taxes, x)
	}
	all := new(big.Rat).Mul(p.price, new(big.Rat).SetInt64(quantity))
	if p.inclusive {
		p.gross, p.net = all, cut(new(big.Rat).Quo(all, p.factor), places)
	} else {
		p.net, p.gross = all, new(big.Rat).Mul(all, p.factor)
	}
	for _, a := range v.Get("adjustments").Items() {
		n, err := decimal(a.Get("amount"))
		if err != nil {
			return p, shop.InField("adjustments", err)
		}
		if a.Get("is_tax_inclusive").Bool() {
			n = cut(n.Quo(n, p.factor), places)
		}
		p.off = append(p.off, off{shop.Clean(a.First("code", "description"), shop.MaxName), n})
	}
	return p, nil
}

// shown is an amount of the kind that the mail shows.
func (r *reader) shown(p *part, net *big.Rat) *big.Rat {
	if r.o.TaxesIncluded {
		return new(big.Rat).Mul(net, p.factor)
	}
	return net
}

// price is what all of a part costs before discounts.
func (r *reader) price(p *part) *big.Rat {
	if r.o.TaxesIncluded {
		return p.gross
	}
	return p.net
}

// offNet is all that is taken off it, without tax.
func (p *part) offNet() *big.Rat {
	sum := new(big.Rat)
	for _, a := range p.off {
		sum.Add(sum, a.net)
	}
	return sum
}

// amounts reads what the order cost, and for what.
func (r *reader) amounts() error {
	total := r.total()
	if total == nil {
		return shop.ErrNoTotal
	}
	r.o.Total = r.rounded("total", total)
	if r.o.Total.Minor < 0 {
		return shop.ErrNegative
	}
	lines, err := r.lines()
	if err != nil {
		return err
	}
	var ship []part
	for i, v := range r.v.Get("shipping_methods").Items() {
		p, err := partOf(v, v.Get("amount"), 1)
		if err != nil {
			return shop.InItem("shipping_methods", i, err)
		}
		ship = append(ship, p)
	}
	o := r.o
	o.Subtotal, o.DiscountTotal, o.ShippingTotal, o.TaxTotal = r.money.Zero(), r.money.Zero(), r.money.Zero(), r.money.Zero()
	// Prices are shown as the shop shows them. Where some hold the tax and some do not, all are shown with it.
	for _, list := range [][]part{lines, ship} {
		for i := range list {
			o.TaxesIncluded = o.TaxesIncluded || list[i].inclusive
		}
	}
	r.items(lines)
	r.shipping(ship)
	r.discounts(lines, ship)
	r.taxes(lines, ship)
	return r.money.Err
}

func firstDecimal(list ...payload.Value) *big.Rat {
	for _, v := range list {
		if n, err := decimal(v); err == nil {
			return n
		}
	}
	return nil
}

func (r *reader) lines() (out []part, err error) {
	for i, v := range r.v.Get("items").Items() {
		q, err := shop.Quantity(v.Get("quantity"))
		if err != nil || q < 0 {
			return nil, shop.InItem("items", i, shop.InField("quantity", errNumber))
		}
		if q == 0 {
			continue
		}
		p, err := partOf(v, v.Get("unit_price"), q)
		if err != nil {
			return nil, shop.InItem("items", i, err)
		}
		out = append(out, p)
	}
	return out, nil
}

func (r *reader) items(lines []part) {
	o := r.o
	for i := range lines {
		p := &lines[i]
		line := r.rounded("items", r.price(p))
		unit := r.rounded("items", new(big.Rat).Quo(r.price(p), new(big.Rat).SetInt64(p.quantity)))
		it := waxwing.Item{
			SKU:       shop.Clean(p.v.Get("variant_sku").Text(), shop.MaxNumber),
			ProductID: shop.Clean(p.v.Get("product_id").Text(), shop.MaxNumber),
			VariantID: shop.Clean(p.v.Get("variant_id").Text(), shop.MaxNumber),
			Name:      shop.Clean(p.v.Get("title").Text(), shop.MaxItem),
			Variant:   shop.Clean(p.v.Get("variant_title").Text(), shop.MaxItem),
			ImageURL:  shop.Link(p.v.Get("thumbnail").Text()),
			GiftCard:  p.v.Get("is_giftcard").Bool(),
			Quantity:  p.quantity, Unit: &unit, Total: &line,
		}
		if ships := p.v.Get("requires_shipping"); ships.Kind() == payload.False {
			it.Digital = true
		}
		if it.Variant == it.Name || it.Variant == "Default variant" || it.Variant == "Default" {
			it.Variant = ""
		}
		it.Name = shop.ItemName(&it)
		if m := r.rounded("adjustments", r.shown(p, p.offNet())); m.Minor > 0 {
			it.Discount = m
		}
		o.Subtotal = r.money.Sum("items", o.Subtotal, line)
		o.Items = append(o.Items, it)
	}
}

func (r *reader) shipping(ship []part) {
	o := r.o
	for i := range ship {
		p := &ship[i]
		a := waxwing.Adjustment{Title: shop.Clean(p.v.Get("name").Text(), shop.MaxName), Amount: r.rounded("shipping_methods", r.price(p))}
		o.Ship = append(o.Ship, a)
		o.ShippingTotal = r.money.Sum("shipping_methods", o.ShippingTotal, a.Amount)
		if o.Delivery.Method == "" {
			o.Delivery.Method = a.Title
		}
	}
}

// discounts groups them by code. Their sum is rounded once; a row gives way by what rounding leaves.
func (r *reader) discounts(lists ...[]part) {
	var codes []string
	sums := map[string]*big.Rat{}
	for _, list := range lists {
		for i := range list {
			for _, a := range list[i].off {
				if sums[a.code] == nil {
					codes = append(codes, a.code)
					sums[a.code] = new(big.Rat)
				}
				n := r.shown(&list[i], a.net)
				sums[a.code].Add(sums[a.code], n)
				r.off.Add(r.off, n)
			}
		}
	}
	r.o.DiscountTotal = r.rounded("discounts", r.off)
	for _, c := range codes {
		if m := r.rounded("discounts", sums[c]); !m.IsZero() {
			r.o.Discounts = append(r.o.Discounts, waxwing.Adjustment{Title: c, Amount: m})
		}
	}
}

// taxes computes what is stored nowhere: each rate of what is left of its part after discounts.
func (r *reader) taxes(lists ...[]part) {
	type key struct{ title, text string }
	var keys []key
	sums, all := map[key]*big.Rat{}, new(big.Rat)
	for _, list := range lists {
		for i := range list {
			p := &list[i]
			base := new(big.Rat).Sub(p.net, p.offNet())
			for _, t := range p.taxes {
				k := key{t.title, t.text}
				if sums[k] == nil {
					keys = append(keys, k)
					sums[k] = new(big.Rat)
				}
				n := new(big.Rat).Mul(base, new(big.Rat).Quo(t.percent, hundred))
				sums[k].Add(sums[k], n)
				all.Add(all, n)
			}
		}
	}
	r.o.TaxTotal = r.rounded("taxes", all)
	for _, k := range keys {
		if m := r.rounded("taxes", sums[k]); !m.IsZero() {
			r.o.Taxes = append(r.o.Taxes, waxwing.Adjustment{Title: k.title, Amount: m, Rate: shop.Fraction(k.text, 2)})
		}
	}
}
