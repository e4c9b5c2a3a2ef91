package templates

import (
	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/locales"
)

// settle makes the rows below the total: what went back and what is left then,
// gift cards and deposits, and what they leave to pay. Read from the total
// downwards they add up as well.
func (v *view) settle() {
	o, from := v.order, len(v.rows)
	if back := o.Refunded; back.Minor > 0 && back.Currency != "" {
		v.row(v.own(v.locale.Text(locales.MsgRefunded)), back.Neg())
		if v.state.partly && back.Currency == o.Total.Currency {
			v.row(v.own(v.locale.Text(locales.MsgNet)), o.Total.Sub(back))
		}
	}
	left, cards := v.giftCards()
	if !v.state.refunded && !v.state.partly {
		v.leftToPay(left, cards)
	}
	v.spans[fSettlements] = indexes{from, len(v.rows)}
}

// giftCards makes a row for each card and returns what they leave of the total.
func (v *view) giftCards() (left waxwing.Money, cards bool) {
	o := v.order
	paid := sum(o.GiftCards)
	list := o.GiftCards
	if !listed(list, paid) {
		list = []waxwing.Adjustment{{Amount: paid}}
	}
	for i := range list {
		if a := &list[i]; a.Amount.Minor != 0 {
			v.row(v.label(a.Title, locales.MsgGiftCard, locales.MsgGiftCardTitled), a.Amount.Neg()).saving = a.Amount.Minor > 0
		}
	}
	if paid.Currency != o.Total.Currency {
		return o.Total, false
	}
	return o.Total.Sub(paid), paid.Minor > 0
}

// leftToPay says how the rest of the total is paid, or that it is still due.
func (v *view) leftToPay(left waxwing.Money, cards bool) {
	s, p, l := &v.state, &v.order.Payment, v.locale
	switch {
	case s.deposit:
		if d := p.Deposit; d.Minor > 0 && d.Add(s.due) == left {
			v.row(v.own(l.Text(locales.MsgDepositPaid)), d.Neg())
		}
		v.amountDue()
	case s.unpaid:
		v.amountDue()
	case !cards || left.Minor < 0:
	case left.Minor == 0:
		v.row(v.own(l.Text(locales.MsgAmountDue)), left)
	case len(v.paidBy) > 0:
		v.row(v.paidBy, left)
	default:
		v.row(v.own(l.Text(locales.MsgRemaining)), left)
	}
}

// amountDue makes the row of what is still to be paid, where that is not simply
// the total.
func (v *view) amountDue() {
	if due := v.state.due; due.Currency != "" && due != v.order.Total {
		v.root[fAmountDue] = v.row(v.own(v.locale.Text(locales.MsgAmountDue)), due).text[rAmount]
	}
}

// offlineMessages are the words for the offline methods.
var offlineMessages = map[string]locales.Message{
	waxwing.CashOnDelivery: locales.MsgCashOnDelivery, waxwing.BankTransfer: locales.MsgBankTransfer,
	waxwing.Cheque: locales.MsgCheque, waxwing.Invoice: locales.MsgInvoice,
}

// paymentStates are said behind the method.
var paymentStates = map[waxwing.PaymentStatus]locales.Message{
	waxwing.PaymentPartlyPaid: locales.MsgPayPartly, waxwing.PartlyRefunded: locales.MsgPayPartlyRefunded,
	waxwing.PaymentRefunded: locales.MsgPayRefunded,
}

// fillPayment says how the order was or will be paid. It claims "paid" only of
// what is paid.
func (v *view) fillPayment() {
	p, l := &v.order.Payment, v.locale
	text := v.paymentMethod()
	v.paidBy = text
	if v.state.nothing {
		switch {
		case sum(v.order.GiftCards).Minor <= 0:
			text = v.own(l.Text(locales.MsgNothingToPay))
		case len(v.args[locales.ArgMethod]) == 0:
			text = v.own(l.Text(locales.MsgGiftCard))
		}
		v.root[fPayment] = text
		return
	}
	m, known := paymentStates[p.Status]
	switch {
	case p.Status == waxwing.PaymentPending && p.Offline == "":
		m, known = locales.MsgPayPending, true
	case p.Status == waxwing.PaymentRefunded && v.state.partly:
		m = locales.MsgPayPartlyRefunded
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

// paymentMethod names the method, with "paid" where it is. The method alone
// stays in the arguments.
func (v *view) paymentMethod() []byte {
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
	switch {
	case len(method) == 0 && paid:
		return v.own(l.Text(locales.MsgPaid))
	case len(method) == 0:
		return nil
	case paid && isOffline: // "paid with cash on delivery" is said by nobody
		return v.since(func(b []byte) []byte {
			b = append(append(b, method...), " · "...)
			return append(b, l.Text(locales.MsgPaid)...)
		})
	case paid && last4 != "":
		return v.compose(locales.MsgPaidWithEnding, 0)
	case paid:
		return v.compose(locales.MsgPaidWith, 0)
	case last4 != "":
		return v.compose(locales.MsgCardEnding, 0)
	}
	return method
}

// fillPay says how and where to pay what is not paid: as the shop wrote it for
// this order, else as the tenant does for the method.
func (v *view) fillPay() {
	s, p := &v.state, &v.order.Payment
	if !s.unpaid && !s.deposit {
		return
	}
	text := p.Instructions
	if text == "" {
		text = v.filled(v.brand.Instructions[p.Offline].in(v.locale))
	}
	v.root[fInstructions] = v.outsideLines(text, maxNote)
	if v.root[fInstructions] == nil && !s.transfer(p) {
		return
	}
	v.flags.pay = true
	if s.due.Currency != "" {
		v.root[fPayAmount] = v.named(s.due, v.money(s.due))
	}
	reference := p.Reference
	if reference == "" && s.transfer(p) {
		reference = v.order.Number
	}
	v.root[fPayReference] = v.outside(reference, 60)
}
