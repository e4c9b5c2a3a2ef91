package templates

import (
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/locales"
)

// fillTotals makes the rows of amounts: what makes up the total, the taxes that
// it holds, and how it is settled. The first add up to the total in every case;
// where an order's amounts do not, v.off says by how much.
func (v *view) fillTotals() {
	o := v.order
	charges := len(v.rows)
	v.sum = waxwing.Money{Currency: o.Total.Currency}
	if o.Subtotal.Currency != "" {
		v.charge(v.own(v.locale.Text(locales.MsgSubtotal)), o.Subtotal, false)
	} else {
		v.sum.Minor, v.sumUnknown = itemsTotal(o)
	}
	v.discounts()
	v.shipping()
	v.titled(o.Fees, waxwing.Money{}, func(a *waxwing.Adjustment) []byte { return v.label(a.Title, locales.MsgFee, 0) })
	if !o.TaxesIncluded {
		v.taxes(0, v.charge)
	}
	if o.Tip.Minor != 0 {
		v.charge(v.own(v.locale.Text(locales.MsgTip)), o.Tip, false)
	}
	v.remainders()
	v.spans[fCharges] = indexes{charges, len(v.rows)}
	if o.Total.Currency != "" {
		v.root[fTotalPlain] = v.money(o.Total)
		v.root[fTotal] = v.named(o.Total, v.root[fTotalPlain])
		v.args[locales.ArgTotal] = v.root[fTotalPlain]
	}
	if waxwing.ValidCurrency(o.Total.Currency) && !v.sumUnknown && len(v.rows) > charges {
		v.off = o.Total.Sub(v.sum)
	}
	included := len(v.rows)
	if o.TaxesIncluded {
		v.taxes(locales.MsgTaxIncluded, func(label []byte, m waxwing.Money, _ bool) { v.row(label, m) })
	}
	v.spans[fIncluded] = indexes{included, len(v.rows)}
	v.settle()
}

// itemsTotal adds the lines of an order without a subtotal.
func itemsTotal(o *waxwing.Order) (minor int64, unknown bool) {
	for i := range o.Items {
		t := o.Items[i].Total
		if !known(t) || t.Currency != o.Total.Currency {
			return 0, true
		}
		minor += t.Minor
	}
	return minor, len(o.Items) == 0
}

func sum(list []waxwing.Adjustment) (m waxwing.Money) {
	for i := range list {
		m = m.Add(list[i].Amount)
	}
	return m
}

// row adds a row. The amount of an unknown currency is no amount.
func (v *view) row(label []byte, m waxwing.Money) *rowView {
	if !waxwing.ValidCurrency(m.Currency) {
		return &rowView{}
	}
	v.rows = append(v.rows, rowView{text: [rSaving][]byte{label, v.money(m)}})
	return &v.rows[len(v.rows)-1]
}

// charge adds a row of what makes up the total.
func (v *view) charge(label []byte, m waxwing.Money, saving bool) {
	if !waxwing.ValidCurrency(m.Currency) {
		return
	}
	v.row(label, m).saving = saving
	v.sum.Minor += inCurrency(m, v.sum.Currency)
}

// titled makes a row for each titled amount, or one for their sum where they
// do not add up to it or are too many to list. Zero amounts are left out.
func (v *view) titled(list []waxwing.Adjustment, total waxwing.Money, label func(*waxwing.Adjustment) []byte) {
	if total.Currency == "" {
		total = sum(list)
	}
	if !listed(list, total) {
		if total.Minor != 0 {
			v.charge(label(&waxwing.Adjustment{Amount: total}), total, false)
		}
		return
	}
	for i := range list {
		if a := &list[i]; a.Amount.Minor != 0 {
			v.charge(label(a), a.Amount, false)
		}
	}
}

// listed reports whether the amounts can stand one by one for their sum.
func listed(list []waxwing.Adjustment, total waxwing.Money) bool {
	if len(list) == 0 || len(list) > maxRows || sum(list).Minor != total.Minor {
		return false
	}
	for i := range list {
		if a := &list[i].Amount; a.Minor != 0 && a.Currency != total.Currency {
			return false
		}
	}
	return true
}

// discounts makes the rows of what is taken off. A negative discount is a
// surcharge: it makes the order dearer.
func (v *view) discounts() {
	o := v.order
	total := o.DiscountTotal
	if total.Currency == "" {
		total = sum(o.Discounts)
	}
	list := o.Discounts
	if !listed(list, total) {
		list = []waxwing.Adjustment{{Amount: total}}
	}
	for i := range list {
		switch a := &list[i]; {
		case a.Amount.Minor > 0:
			v.charge(v.label(a.Title, locales.MsgDiscount, locales.MsgDiscountTitled), a.Amount.Neg(), true)
		case a.Amount.Minor < 0:
			title := a.Title
			if strings.EqualFold(title, "Discount") { // the word of the shops' readers
				title = ""
			}
			v.charge(v.label(title, locales.MsgSurcharge, 0), a.Amount.Neg(), false)
		}
	}
}

// remainderWords name what is left where the shop does not.
var remainderWords = map[waxwing.AdjustmentKind]locales.Message{
	waxwing.StoreCredit: locales.MsgStoreCredit, waxwing.GiftCard: locales.MsgGiftCard,
	waxwing.Rounding: locales.MsgRounding, waxwing.Surcharge: locales.MsgSurcharge,
}

// remainders makes the rows of what is left up to the total; too many become
// one for each kind.
func (v *view) remainders() {
	list := v.order.Remainder
	if len(list) > maxRows {
		var kinds []waxwing.Adjustment
	next:
		for _, a := range list {
			for i := range kinds {
				if k := &kinds[i]; k.Kind == a.Kind && k.Amount.Currency == a.Amount.Currency {
					k.Amount.Minor += a.Amount.Minor
					continue next
				}
			}
			kinds = append(kinds, waxwing.Adjustment{Kind: a.Kind, Amount: a.Amount})
		}
		list = kinds
	}
	for i := range list {
		a := &list[i]
		if a.Amount.Minor == 0 {
			continue
		}
		word, ok := remainderWords[a.Kind]
		if !ok {
			word = locales.MsgAdjustment
		}
		v.charge(v.label(a.Title, word, 0), a.Amount, a.Amount.Minor < 0)
	}
}

// label names a row: the title in its frame ("Discount (SPRING)"), the title
// alone where there is no frame, the plain word where there is no title.
func (v *view) label(title string, plain, titled locales.Message) []byte {
	t := v.outside(title, 80)
	switch {
	case len(t) == 0 || plain == locales.MsgDiscount && strings.EqualFold(title, "Discount"):
		return v.own(v.locale.Text(plain))
	case plain == locales.MsgFee && title == "Duties": // the word of Shopify's reader
		return v.own(v.locale.Text(locales.MsgDuties))
	case titled == 0:
		return t
	}
	v.args[locales.ArgTitle] = t
	return v.compose(titled, 0)
}

// shipping makes the rows of what the delivery costs; free is a word, not 0.00.
// The order's total of it counts, where the shop gives one.
func (v *view) shipping() {
	o := v.order
	cost := o.ShippingTotal
	if cost.Currency == "" {
		cost = sum(o.Ship)
	}
	label := func(a *waxwing.Adjustment) []byte {
		return v.label(a.Title, locales.MsgShipping, locales.MsgShippingTitled)
	}
	if cost.Minor != 0 {
		v.titled(o.Ship, cost, label)
		return
	}
	if len(o.Ship) > 0 && !o.Delivery.Pickup {
		v.rows = append(v.rows, rowView{text: [rSaving][]byte{label(&o.Ship[0]), v.own(v.locale.Text(locales.MsgFree))}})
	}
}

// taxes makes a row for each tax, in the given frame.
func (v *view) taxes(frame locales.Message, add func(label []byte, m waxwing.Money, saving bool)) {
	o, l := v.order, v.locale
	list, total := o.Taxes, o.TaxTotal
	if total.Currency == "" {
		total = sum(list)
	}
	if !listed(list, total) {
		list = []waxwing.Adjustment{{Amount: total}}
	}
	for i := range list {
		if t := &list[i]; t.Amount.Minor != 0 && t.Amount.Currency != "" {
			title := v.outside(t.Title, 80)
			if len(title) == 0 {
				title = v.own(l.Text(locales.MsgTax))
			}
			add(v.taxLabel(title, t.Rate, frame), t.Amount, false)
		}
	}
}

func (v *view) taxLabel(title []byte, rate string, frame locales.Message) []byte {
	percent := v.since(func(b []byte) []byte {
		for _, c := range title {
			if c == '%' { // the shop wrote the rate into the title
				return b
			}
		}
		b, _ = v.locale.AppendPercent(b, rate)
		return b
	})
	v.args[locales.ArgTitle] = title
	if len(percent) > 0 {
		v.args[locales.ArgRate] = percent
		v.args[locales.ArgTitle] = v.compose(locales.MsgTaxRated, 0)
	}
	if frame == 0 {
		return v.args[locales.ArgTitle]
	}
	return v.compose(frame, 0)
}
