package templates

import (
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/locales"
)

// fillTotals makes the rows of amounts: what makes up the total, the taxes that
// it holds, and how it is settled.
func (v *view) fillTotals() {
	o := v.order
	charges := len(v.rows)
	if o.Subtotal.Currency != "" {
		v.row(v.own(v.locale.Text(locales.MsgSubtotal)), o.Subtotal)
	}
	v.titled(o.Discounts, o.DiscountTotal, locales.MsgDiscount, locales.MsgDiscountTitled, true)
	v.shipping()
	v.titled(o.Fees, waxwing.Money{}, locales.MsgFee, 0, false)
	if !o.TaxesIncluded {
		v.taxes(0)
	}
	if o.Tip.Minor > 0 {
		v.row(v.own(v.locale.Text(locales.MsgTip)), o.Tip)
	}
	v.spans[fCharges] = indexes{charges, len(v.rows)}
	if o.Total.Currency != "" {
		v.root[fTotal] = v.money(o.Total)
		v.args[locales.ArgTotal] = v.root[fTotal]
	}
	included := len(v.rows)
	if o.TaxesIncluded {
		v.taxes(locales.MsgTaxIncluded)
	}
	v.spans[fIncluded] = indexes{included, len(v.rows)}
	v.settle()
}

// settle makes the rows below the total: gift cards, what they leave, refunds.
func (v *view) settle() {
	o, from := v.order, len(v.rows)
	paid := sum(o.GiftCards)
	v.titled(o.GiftCards, waxwing.Money{}, locales.MsgGiftCard, locales.MsgGiftCardTitled, true)
	if paid.Minor > 0 && paid.Currency == o.Total.Currency && paid.Minor <= o.Total.Minor {
		v.row(v.own(v.locale.Text(locales.MsgRemaining)), o.Total.Sub(paid))
	}
	if o.Refunded.Minor > 0 && o.Refunded.Currency != "" {
		v.row(v.own(v.locale.Text(locales.MsgRefunded)), o.Refunded.Neg())
	}
	v.spans[fSettlements] = indexes{from, len(v.rows)}
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

// titled makes a row for each titled amount, or one for their sum where they
// do not add up to it or are too many to list. Zero amounts are left out.
func (v *view) titled(list []waxwing.Adjustment, total waxwing.Money, plain, titled locales.Message, saving bool) {
	add := func(label []byte, m waxwing.Money) {
		if saving {
			m = m.Neg()
		}
		v.row(label, m).saving = saving
	}
	s := sum(list)
	if total.Currency == "" {
		total = s
	}
	if s.Minor != total.Minor || len(list) > maxRows {
		if total.Minor > 0 {
			add(v.own(v.locale.Text(plain)), total)
		}
		return
	}
	for i := range list {
		a := &list[i]
		if a.Amount.Minor == 0 || a.Amount.Currency == "" {
			continue
		}
		add(v.label(a.Title, plain, titled), a.Amount)
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
	if cost.Minor != 0 {
		v.titled(o.Ship, cost, locales.MsgShipping, locales.MsgShippingTitled, false)
		return
	}
	if len(o.Ship) > 0 && !o.Delivery.Pickup {
		v.rows = append(v.rows, rowView{text: [rSaving][]byte{
			v.label(o.Ship[0].Title, locales.MsgShipping, locales.MsgShippingTitled),
			v.own(v.locale.Text(locales.MsgFree)),
		}})
	}
}

// taxes makes a row for each tax, in the given frame.
func (v *view) taxes(frame locales.Message) {
	o, l := v.order, v.locale
	list := o.Taxes
	if s := sum(list); len(list) == 0 || len(list) > maxRows || o.TaxTotal.Currency != "" && s.Minor != o.TaxTotal.Minor {
		if o.TaxTotal.Minor <= 0 {
			return
		}
		v.row(v.taxLabel(v.own(l.Text(locales.MsgTax)), "", frame), o.TaxTotal)
		return
	}
	for i := range list {
		if t := &list[i]; t.Amount.Minor != 0 && t.Amount.Currency != "" {
			title := v.outside(t.Title, 80)
			if len(title) == 0 {
				title = v.own(l.Text(locales.MsgTax))
			}
			v.row(v.taxLabel(title, t.Rate, frame), t.Amount)
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

// offlineMessages are the words for the offline methods.
var offlineMessages = map[string]locales.Message{
	waxwing.CashOnDelivery: locales.MsgCashOnDelivery, waxwing.BankTransfer: locales.MsgBankTransfer,
	waxwing.Cheque: locales.MsgCheque, waxwing.Invoice: locales.MsgInvoice,
}

// fillPayment says how the order was or will be paid. It claims "paid" only of
// what is paid.
func (v *view) fillPayment() {
	p, l := &v.order.Payment, v.locale
	method := v.outside(p.Method, 80)
	offline, isOffline := offlineMessages[p.Offline]
	switch {
	case p.Method == "Gift card": // the word of Shopify's reader
		method = v.own(l.Text(locales.MsgGiftCard))
	case len(method) == 0 && isOffline:
		method = v.own(l.Text(offline))
	}
	last4 := p.Last4
	if len(last4) != 4 {
		last4 = ""
	}
	for i := range len(last4) {
		if last4[i] < '0' || last4[i] > '9' {
			last4 = ""
			break
		}
	}
	v.args[locales.ArgMethod], v.args[locales.ArgLast4] = method, v.own(last4)
	paid := p.Status == waxwing.PaymentPaid
	var text []byte
	switch {
	case len(method) == 0 && paid:
		text = v.own(l.Text(locales.MsgPaid))
	case len(method) == 0:
	case paid && isOffline: // "paid with cash on delivery" is said by nobody
		text = v.since(func(b []byte) []byte {
			b = append(append(b, method...), " · "...)
			return append(b, l.Text(locales.MsgPaid)...)
		})
	case paid && last4 != "":
		text = v.compose(locales.MsgPaidWithEnding, 0)
	case paid:
		text = v.compose(locales.MsgPaidWith, 0)
	case last4 != "":
		text = v.compose(locales.MsgCardEnding, 0)
	default:
		text = method
	}
	status := map[waxwing.PaymentStatus]locales.Message{
		waxwing.PaymentPartlyPaid: locales.MsgPayPartly, waxwing.PartlyRefunded: locales.MsgPayPartlyRefunded,
		waxwing.PaymentRefunded: locales.MsgPayRefunded,
	}
	m, known := status[p.Status]
	if p.Status == waxwing.PaymentPending && p.Offline == "" {
		m, known = locales.MsgPayPending, true
	}
	if !known {
		v.root[fPayment] = text
		return
	}
	v.root[fPayment] = v.since(func(b []byte) []byte {
		if b = append(b, text...); len(text) > 0 {
			b = append(b, " · "...)
		}
		return append(b, l.Text(m)...)
	})
}
