package templates

import "github.com/waxwinghq/waxwing"

// state is what becomes of an order, as far as the mail's sentences, rows and
// links follow from it.
type state struct {
	refunded bool // in full
	partly   bool // some of the money went back
	unpaid   bool // the shop waits for the money, or will ask for it
	prepay   bool // nothing begins before the money is there: bank transfer, cheque
	deposit  bool // a part is paid
	pickup   bool
	digital  bool // nothing is shipped
	handed   bool // the customer has the goods already
	shipped  bool // all of it is on its way: nothing is got ready any more
	mixed    bool // some of it is digital
	waiting  bool // some of the goods are not there yet
	allWait  bool // none of them is
	nothing  bool // there is nothing to pay
	// due is what the customer still owes; without a currency: unknown.
	due waxwing.Money
}

// stateOf reads the state of an order.
func stateOf(o *waxwing.Order) state {
	s := state{pickup: o.Delivery.Pickup, handed: o.Delivery.HandedOver, shipped: o.Delivery.Shipped}
	s.goods(o)
	p, known := &o.Payment, waxwing.ValidCurrency(o.Total.Currency)
	cards := inCurrency(sum(o.GiftCards), o.Total.Currency)
	back := inCurrency(o.Refunded, o.Total.Currency)
	// The amounts count where there are any: shops call an order refunded, too,
	// whose goods alone were.
	switch all := known && back > 0 && o.Total.Minor > 0 && back+max(cards, 0) >= o.Total.Minor; {
	case p.Status == waxwing.PaymentRefunded:
		s.refunded = back <= 0 || all
		s.partly = !s.refunded
	case back > 0:
		s.refunded = known && o.Total.Minor > 0 && back >= o.Total.Minor
		s.partly = !s.refunded
	default:
		s.partly = p.Status == waxwing.PartlyRefunded
	}
	if s.refunded || s.partly {
		return s
	}
	owed := o.Total.Minor - cards
	s.nothing = known && owed <= 0
	switch p.Status {
	case waxwing.PaymentPartlyPaid:
		s.deposit = !s.nothing
	case waxwing.PaymentAuthorized: // on account, the money comes after the goods
		s.unpaid = p.Offline == waxwing.Invoice && !s.nothing
	case waxwing.PaymentPending, waxwing.PaymentUnknown, waxwing.PaymentFailed, waxwing.PaymentVoided:
		// A shop that says nothing at all may well have the money.
		said := p.Status != waxwing.PaymentUnknown || p.Offline != "" || p.Instructions != "" || o.Links.Pay != ""
		s.unpaid = said && !s.nothing
		s.deposit = s.unpaid && p.Deposit.Minor > 0
		s.prepay = s.unpaid && !s.deposit && (p.Offline == waxwing.BankTransfer || p.Offline == waxwing.Cheque)
	}
	switch {
	case inCurrency(p.Due, o.Total.Currency) > 0 && (s.unpaid || s.deposit):
		s.due = p.Due
	case known && s.deposit && inCurrency(p.Deposit, o.Total.Currency) > 0:
		s.due = waxwing.Money{Minor: owed - p.Deposit.Minor, Currency: o.Total.Currency}
	case known && s.unpaid && !s.deposit:
		s.due = waxwing.Money{Minor: owed, Currency: o.Total.Currency}
	}
	return s
}

// goods reads what is known of the lines. Stock of the whole order counts where
// no line has its own.
func (s *state) goods(o *waxwing.Order) {
	shipped, late, told := 0, 0, false
	for i := range o.Items {
		it := &o.Items[i]
		told = told || it.Stock != waxwing.StockUnknown
		if it.Digital || it.GiftCard {
			continue
		}
		if shipped++; later(it.Stock) {
			late++
		}
	}
	s.digital = len(o.Items) > 0 && shipped == 0 && !s.pickup
	if !told && later(o.Stock) && shipped > 0 {
		late = shipped
	}
	s.waiting = late > 0 && !s.handed && !s.shipped
	s.allWait = s.waiting && late == shipped
	s.mixed = shipped > 0 && shipped < len(o.Items)
}

// later reports whether goods come after the others.
func later(s waxwing.Stock) bool {
	return s == waxwing.StockBackorder || s == waxwing.StockPreorder || s == waxwing.StockOut
}

// inCurrency returns an amount's minor units, 0 where it is of another currency.
func inCurrency(m waxwing.Money, currency string) int64 {
	if m.Currency != currency {
		return 0
	}
	return m.Minor
}

// transfer reports whether the customer sends the money by herself, so that
// nothing is on its way yet.
func (s *state) transfer(p *waxwing.Payment) bool {
	switch p.Offline {
	case waxwing.BankTransfer, waxwing.Cheque, waxwing.Invoice:
		return s.unpaid || s.deposit
	}
	return false
}
