package vendure

import (
	"errors"
	"math"
	"math/big"
	"strconv"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// Vendure counts in hundredths of every currency, computes with binary fractions, and rounds halves up. Its answers are
// what the buyer saw, so this does the same in the same sequence, each product rounded by itself as JavaScript does.

// round is Math.round.
func round(x float64) float64 {
	if f := math.Floor(x); x-f >= 0.5 {
		return f + 1
	}
	return math.Floor(x)
}

// netOf is Vendure's netPriceOf.
func netOf(gross, rate float64) float64 {
	tax := gross - gross/((100+rate)/100)
	return gross - tax
}

// grossOf is its grossPriceOf. The conversion keeps a processor from adding without rounding the product.
func grossOf(net, rate float64) float64 { return net + float64(net*(rate/100)) }

// priced is a row that has a price: a line, a shipping line, a surcharge.
type priced struct {
	v        payload.Value
	list     float64
	included bool
	rate     float64
	taxes    []tax
	off      []off
	quantity float64
	// over is by how many pieces a discount is divided.
	over float64
	// net and gross are what is paid for it.
	net, gross float64
}

// tax is one of a row's.
type tax struct {
	title string
	rate  float64
	text  string
}

// off is a discount on a row, in the kind that the list price is in.
type off struct {
	amount        float64
	source, title string
	own           bool // the line's, and not its share of one on the order
}

var errNumber = errors.New("not a number")

func number(v payload.Value) (float64, error) {
	s := v.Trimmed()
	if s == "" || len(s) > 40 {
		return 0, errNumber
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.Abs(f) > float64(shop.MaxSum) || math.IsNaN(f) {
		return 0, errNumber
	}
	return f, nil
}

// row reads what all rows have.
func row(v payload.Value) (p priced, err error) {
	p = priced{v: v, included: v.Get("listPriceIncludesTax").Bool(), quantity: 1, over: 1}
	if p.list, err = number(v.Get("listPrice")); err != nil {
		return p, shop.InField("listPrice", err)
	}
	if err := shop.CheckLists(v, "taxLines", "adjustments"); err != nil {
		return p, err
	}
	for _, t := range v.Get("taxLines").Items() {
		x := tax{title: shop.Clean(t.Get("description").Text(), shop.MaxName), text: t.Get("taxRate").Trimmed()}
		if x.rate, err = number(t.Get("taxRate")); err != nil || x.rate < 0 || x.rate > 1000 {
			return p, shop.InField("taxRate", errNumber)
		}
		p.rate += x.rate
		p.taxes = append(p.taxes, x)
	}
	for _, a := range v.Get("adjustments").Items() {
		x := off{source: a.Get("adjustmentSource").Trimmed(), title: shop.Clean(a.Get("description").Text(), shop.MaxName), own: a.Get("type").Trimmed() == "PROMOTION"}
		if x.amount, err = number(a.Get("amount")); err != nil {
			return p, shop.InField("adjustments", err)
		}
		p.off = append(p.off, x)
	}
	return p, nil
}

// both gives an amount of the list price's kind without tax and with it.
func (p *priced) both(x float64) (net, gross float64) {
	if p.included {
		return netOf(x, p.rate), x
	}
	return x, grossOf(x, p.rate)
}

// pay computes what is paid for it after all discounts.
func (p *priced) pay() {
	each := 0.0
	for _, a := range p.off {
		each += a.amount / p.over
	}
	net, gross := p.both(p.list + each)
	p.net, p.gross = round(net*p.quantity), round(gross*p.quantity)
}

// rows are those of a list.
func (r *reader) rows(list string) (out []priced, err error) {
	for i, v := range r.v.Get(list).Items() {
		p, err := row(v)
		if err != nil {
			return nil, shop.InItem(list, i, err)
		}
		if list == "lines" {
			q, err := shop.Quantity(v.Get("quantity"))
			if err != nil || q < 0 {
				return nil, shop.InItem(list, i, shop.InField("quantity", errNumber))
			}
			placed, _ := shop.Quantity(v.Get("orderPlacedQuantity"))
			if q == 0 {
				continue // taken out again, or cancelled
			}
			p.quantity, p.over = float64(q), float64(max(q, placed))
		}
		p.pay()
		out = append(out, p)
	}
	return out, nil
}

// hundredths turns them into the order's currency.
func (r *reader) hundredths(at string, x float64) waxwing.Money {
	if math.IsNaN(x) || math.Abs(x) > float64(shop.MaxSum) {
		r.money.Spoil(at, waxwing.ErrOverflow)
		return r.money.Zero()
	}
	return r.money.Rounded(at, new(big.Rat).SetFrac64(int64(x), 100))
}

// amounts reads what the order cost, and for what. All is shown with its tax.
func (r *reader) amounts() error {
	lines, err := r.rows("lines")
	if err != nil {
		return err
	}
	ship, err := r.rows("shippingLines")
	if err != nil {
		return err
	}
	extra, err := r.rows("surcharges")
	if err != nil {
		return err
	}
	o, v := r.o, r.v
	o.TaxesIncluded = true
	for _, key := range []string{"subTotal", "subTotalWithTax", "shipping", "shippingWithTax"} {
		if _, ok := v.Get(key).Int(); !ok {
			return shop.InField(key, errNumber)
		}
	}
	total := float64(r.total())
	o.Total = r.hundredths("total", total)
	if o.Total.Minor < 0 {
		return shop.ErrNegative
	}
	o.Subtotal, o.ShippingTotal = r.money.Zero(), r.money.Zero()
	r.items(lines)
	r.shipping(ship)
	for i := range extra {
		_, gross := extra[i].both(extra[i].list)
		fee := waxwing.Adjustment{Title: shop.Clean(extra[i].v.Get("description").Text(), shop.MaxName), Amount: r.hundredths("surcharges", round(gross))}
		if fee.Amount.Minor < 0 { // it takes something off
			r.money.Remain(o, waxwing.OtherAdjustment, fee.Title, fee.Amount)
			continue
		}
		o.Fees = append(o.Fees, fee)
	}
	r.discounts(lines, ship)
	net, _ := v.Get("subTotal").Int()
	netShip, _ := v.Get("shipping").Int()
	o.TaxTotal = r.hundredths("tax", total-float64(net)-float64(netShip))
	r.taxes(lines, ship, extra)
	return r.money.Err
}

func (r *reader) items(lines []priced) {
	o := r.o
	for i := range lines {
		p := &lines[i]
		_, each := p.both(p.list)
		unit, line := r.hundredths("unitPrice", round(each)), r.hundredths("linePrice", round(each*p.quantity))
		it := waxwing.Item{
			SKU:       shop.Clean(p.v.Get("sku").Text(), shop.MaxNumber),
			ProductID: shop.Clean(p.v.Get("productId").Text(), shop.MaxNumber),
			VariantID: shop.Clean(p.v.Get("productVariantId").Text(), shop.MaxNumber),
			Name:      r.name(p.v.Get("names"), shop.MaxItem),
			Quantity:  int64(p.quantity), Unit: &unit, Total: &line,
		}
		it.Name = shop.ItemName(&it)
		saved := 0.0
		for _, a := range p.off {
			if a.own {
				_, gross := p.both(a.amount / p.over * p.quantity)
				saved -= round(gross)
			}
		}
		if m := r.hundredths("adjustments", saved); m.Minor > 0 {
			it.Discount = m
		}
		o.Subtotal = r.money.Sum("lines", o.Subtotal, line)
		o.Items = append(o.Items, it)
	}
}

func (r *reader) shipping(ship []priced) {
	o := r.o
	for i := range ship {
		_, gross := ship[i].both(ship[i].list)
		a := waxwing.Adjustment{Title: r.name(ship[i].v.Get("names"), shop.MaxName), Amount: r.hundredths("shippingLines", round(gross))}
		o.Ship = append(o.Ship, a)
		o.ShippingTotal = r.money.Sum("shippingLines", o.ShippingTotal, a.Amount)
		if o.Delivery.Method == "" {
			o.Delivery.Method = a.Title
		}
	}
}

// discounts groups them by what gave them, as Order.discounts does.
func (r *reader) discounts(lists ...[]priced) {
	type sum struct {
		title string
		with  float64
	}
	var sums []sum
	at := map[string]int{}
	for _, list := range lists {
		for i := range list {
			p := &list[i]
			// Within a line what comes first from a source is rounded, and the rest of it is not.
			of := map[string]float64{}
			var order []off
			for _, a := range p.off {
				_, gross := p.both(a.amount / p.over * p.quantity)
				if _, ok := of[a.source]; !ok {
					gross = round(gross)
					order = append(order, a)
				}
				of[a.source] += gross
			}
			for _, a := range order {
				k, ok := at[a.source]
				if !ok {
					k = len(sums)
					at[a.source] = k
					sums = append(sums, sum{title: a.title})
				}
				sums[k].with += of[a.source]
			}
		}
	}
	o := r.o
	o.DiscountTotal = r.money.Zero()
	for _, s := range sums {
		a := waxwing.Adjustment{Title: s.title, Amount: r.hundredths("discounts", -round(s.with))}
		if a.Amount.IsZero() {
			continue
		}
		o.Discounts = append(o.Discounts, a)
		o.DiscountTotal = r.money.Sum("discounts", o.DiscountTotal, a.Amount)
	}
}

// taxes are Order.taxSummary, without rows of nothing.
func (r *reader) taxes(lists ...[]priced) {
	type sum struct {
		tax
		amount float64
	}
	var sums []sum
	at := map[tax]int{}
	for _, list := range lists {
		for i := range list {
			p := &list[i]
			for _, t := range p.taxes {
				k, ok := at[t]
				if !ok {
					k = len(sums)
					at[t] = k
					sums = append(sums, sum{tax: t})
				}
				if t.rate > 0 {
					sums[k].amount += round((p.gross - p.net) * (t.rate / p.rate))
				}
			}
		}
	}
	for _, s := range sums {
		a := waxwing.Adjustment{Title: s.title, Amount: r.hundredths("taxLines", s.amount), Rate: shop.Fraction(s.text, 2)}
		if !a.Amount.IsZero() {
			r.o.Taxes = append(r.o.Taxes, a)
		}
	}
}
