// Package medusa reads a Medusa shop's orders as its tables hold them: the row of "order", with its
// addresses and totals, and its items, shipping methods and payments as lists. The preset of
// source/table delivers them so. Medusa has no webhooks of its own.
package medusa

import (
	"errors"
	"math/big"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// Format reads orders of Medusa 2. An order's id is its id (order_01...).
var Format = waxwing.Format{
	Name:      "medusa",
	Key:       keyOf,
	Normalise: normalise,
}

var (
	errNoObject = errors.New("not an object")
	errNoID     = errors.New("id: missing or not one of Medusa's (order_01...)")
	errNotRead  = errors.New("items: missing: the event must hold the order's items beside its row")
)

// event is an order's row with its lists, or why it is no order.
type event struct {
	v     payload.Value
	other string
}

func eventIn(d *payload.Document) (event, error) {
	v := d.Root().Object()
	if v.Kind() != payload.Object {
		return event{}, shop.PayloadError("Medusa", errNoObject)
	}
	e := event{v: v}
	switch {
	case v.Twice("id"):
		return e, shop.PayloadError("Medusa", shop.ErrTwoIDs)
	case e.id() == "":
		return e, shop.PayloadError("Medusa", errNoID)
	case v.Get("is_draft_order").Bool() || v.Get("status").Trimmed() == "draft":
		e.other = "a draft"
	}
	return e, nil
}

// id is the order's: order_ and letters and digits.
func (e *event) id() string {
	s := e.v.Get("id").Trimmed()
	if len(s) < 8 || len(s) > 64 {
		return ""
	}
	for _, c := range []byte(s) {
		if c|0x20-'a' > 25 && c-'0' > 9 && c != '_' && c != '-' {
			return ""
		}
	}
	return s
}

func timeOf(v payload.Value) time.Time { return shop.ParseTime(v, time.UTC) }

// cancelled is when it was; zero: it was not.
func (e *event) cancelled() time.Time {
	if t := timeOf(e.v.Get("canceled_at")); !t.IsZero() || e.v.Get("status").Trimmed() != "canceled" {
		return t
	}
	return timeOf(e.v.Get("created_at"))
}

// total is the stored one; nil: there is none.
func (e *event) total() *big.Rat {
	t := e.v.Get("totals")
	return firstDecimal(t.Get("raw_current_order_total").Get("value"), t.Get("current_order_total"))
}

// status tells how far the payment has come. A collection's `awaiting` says only that there is no money yet: its
// session tells a payment that comes later from one that was refused.
func (e *event) status() waxwing.PaymentStatus {
	list := e.v.Get("payments")
	if n := e.total(); n != nil && n.Sign() == 0 {
		return waxwing.PaymentPaid // no bank was asked, whatever session was begun
	}
	best, refunded := waxwing.PaymentPending, false
	for _, p := range list.Items() {
		var s waxwing.PaymentStatus
		switch p.Get("status").Trimmed() {
		case "completed":
			s = waxwing.PaymentPaid
		case "authorized", "partially_captured":
			s = waxwing.PaymentAuthorized
		case "partially_authorized":
			s = waxwing.PaymentPartlyPaid
		case "canceled":
			s = waxwing.PaymentVoided
		case "failed":
			s = waxwing.PaymentFailed
		default:
			s = waxwing.PaymentPending
			if session := p.Get("session").Trimmed(); session == "authorized" || session == "captured" {
				s = waxwing.PaymentAuthorized // the collection follows in a transaction of its own
			}
		}
		if weight[s] > weight[best] {
			best = s
		}
		back := shop.Decimal(p.Get("refunded_amount"))
		refunded = refunded || back != nil && back.Sign() > 0
	}
	if refunded && best == waxwing.PaymentPaid {
		return waxwing.PartlyRefunded
	}
	return best
}

// weight says which of several payments tells most of an order.
var weight = map[waxwing.PaymentStatus]int{waxwing.PaymentPending: 2, waxwing.PaymentFailed: 1, waxwing.PaymentVoided: 3, waxwing.PaymentPartlyPaid: 4,
	waxwing.PaymentAuthorized: 5, waxwing.PaymentPaid: 6}

func keyOf(_ string, raw []byte) (waxwing.EventKey, error) {
	d, err := payload.ReadBytes(raw)
	if err != nil {
		return waxwing.EventKey{}, err
	}
	defer d.Release()
	e, err := eventIn(d)
	if err != nil || e.other != "" {
		return waxwing.EventKey{Ignore: e.other}, err
	}
	at := timeOf(e.v.Get("created_at"))
	return waxwing.EventKey{OrderID: strings.Clone(e.id()), UpdatedAt: timeOf(e.v.Get("updated_at")), OccurredAt: at, PlacedAt: at, Rank: shop.Rank(e.status(), e.cancelled())}, nil
}

func normalise(_ string, raw []byte) (*waxwing.Order, error) {
	d, err := payload.ReadBytes(raw)
	if err != nil {
		return nil, err
	}
	defer d.Release()
	e, err := eventIn(d)
	if err == nil && e.other != "" {
		err = shop.PayloadError("Medusa", errors.New("this is "+e.other))
	}
	if err != nil {
		return nil, err
	}
	cur, ok := shop.Currency(e.v.Get("currency_code"))
	if !ok {
		return nil, shop.PayloadError("Medusa", shop.ErrNoCurrency)
	}
	r := reader{event: e, money: shop.MoneyReader{Currency: cur}, off: new(big.Rat)}
	if err := r.order(); err != nil {
		return nil, shop.PayloadError("Medusa", err)
	}
	return r.o, nil
}
