package templates

import (
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/locales"
)

func (v *view) fillItems() {
	o := v.order
	for i := range o.Items {
		if i >= v.limit {
			break
		}
		v.addItem(&o.Items[i])
	}
	if rest := o.Items[len(v.items):]; len(rest) > 0 {
		// Pieces, as everywhere: the preheader counts them too.
		v.root[fMoreItems] = v.compose(locales.MsgMoreItems, pieces(rest))
		v.root[fMoreTotal] = v.unlisted(rest)
	}
	v.root[fItemCount] = v.number(v.bought)
}

// unlisted is what the lines that the mail does not list come to, nil where one
// of them is unknown.
func (v *view) unlisted(items []waxwing.Item) []byte {
	var m waxwing.Money
	for i := range items {
		t := items[i].Total
		if !known(t) || m.Currency != "" && t.Currency != m.Currency {
			return nil
		}
		m = m.Add(*t)
	}
	return v.money(m)
}

// pieces counts what was bought.
func pieces(items []waxwing.Item) (n int64) {
	for i := range items {
		n += max(items[i].Quantity, 0)
	}
	return n
}

func (v *view) addItem(it *waxwing.Item) {
	v.items = append(v.items, itemView{digital: it.Digital && !it.GiftCard})
	x := &v.items[len(v.items)-1]
	x.text[iName] = v.outside(it.Name, maxValue)
	if len(x.text[iName]) == 0 {
		x.text[iName] = v.outside(it.SKU, maxValue)
	}
	x.text[iURL], x.text[iImage] = v.url(it.URL), v.url(it.ImageURL)
	if x.text[iImage] != nil {
		// Short: with pictures blocked it stands in a narrow column.
		x.text[iAlt] = v.outside(it.Name, maxAlt)
	}
	if bundle := v.outside(it.Bundle, maxValue); bundle != nil {
		v.args[locales.ArgTitle] = bundle
		x.text[iBundle] = v.compose(locales.MsgPartOf, 0)
	}
	x.text[iInitial] = v.initial(it.Name)
	x.text[iVariant] = v.outside(it.Variant, maxValue)
	x.text[iSKU] = v.outside(it.SKU, 60)
	if it.Quantity > 0 {
		v.args[locales.ArgQuantity] = v.number(it.Quantity)
		x.text[iQuantity] = v.compose(locales.MsgQuantity, it.Quantity)
		x.text[iQuantityPrice] = x.text[iQuantity]
		// A unit price that nobody's calculator makes the line's is not shown.
		if known(it.Unit) && (!known(it.Total) || it.Unit.Times(it.Quantity) == *it.Total) {
			x.text[iUnit] = v.money(*it.Unit)
			x.text[iQuantityPrice] = v.since(func(b []byte) []byte {
				b = append(b, v.args[locales.ArgQuantity]...)
				b = append(b, " × "...)
				return append(b, x.text[iUnit]...)
			})
		}
	}
	if known(it.Total) {
		x.text[iTotal] = v.money(*it.Total)
	}
	if it.Discount.Minor > 0 && waxwing.ValidCurrency(it.Discount.Currency) {
		v.args[locales.ArgAmount] = v.money(it.Discount)
		x.text[iSaving] = v.compose(locales.MsgLineSaving, 0)
	}
	if it.Refunded > 0 {
		x.text[iRefunded] = v.compose(locales.MsgItemsRefunded, it.Refunded)
	}
	if m, good, ok := stockMessage(it.Stock); ok {
		f := iStockWait
		if good {
			f = iStockGood
		}
		x.text[f] = v.own(v.locale.Text(m))
	}
	x.props.from = len(v.props)
	for i := range it.Properties {
		p := &it.Properties[i]
		// Shops mark what is not for the customer's eyes by a leading underscore.
		if i >= maxProperties || strings.HasPrefix(p.Name, "_") {
			continue
		}
		if value := v.outsideLines(p.Value, maxValue); len(value) > 0 {
			v.props = append(v.props, [numProperty][]byte{v.outside(p.Name, 80), value})
		}
	}
	x.props.to = len(v.props)
}

func known(m *waxwing.Money) bool { return m != nil && waxwing.ValidCurrency(m.Currency) }

// stockMessage returns the words for a stock state, and whether it is good news.
// That little is left (StockLow) is nothing to whoever has bought.
func stockMessage(s waxwing.Stock) (m locales.Message, good, ok bool) {
	switch s {
	case waxwing.StockAllocated:
		return locales.MsgStockAllocated, true, true
	case waxwing.StockInStock:
		return locales.MsgStockInStock, true, true
	case waxwing.StockBackorder:
		return locales.MsgStockBackorder, false, true
	case waxwing.StockPreorder:
		return locales.MsgStockPreorder, false, true
	case waxwing.StockOut:
		return locales.MsgStockOutOfStock, false, true
	case waxwing.StockPending:
		return locales.MsgStockPending, false, true
	}
	return 0, false, false
}
