// Package vendure reads a Vendure shop's orders as its tables hold them: the row of "order", with
// its lines, shipping lines, surcharges and payments as lists. The preset of source/table delivers
// them so. Vendure has no webhooks of its own.
package vendure

import (
	"errors"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// Format reads orders of Vendure 3. An order's id is its code, which an outbox of the shop's own knows, too.
var Format = waxwing.Format{
	Name:      "vendure",
	Key:       keyOf,
	Normalise: normalise,
}

var (
	errNoObject = errors.New("not an object")
	errNoCode   = errors.New("code: missing or not one of Vendure's")
	errNotRead  = errors.New("lines: missing: the event must hold the order's lines beside its row")
)

// event is an order's row with its lists, or why it is no order.
type event struct {
	v     payload.Value
	other string
}

func eventIn(d *payload.Document) (event, error) {
	v := d.Root().Object()
	if v.Kind() != payload.Object {
		return event{}, shop.PayloadError("Vendure", errNoObject)
	}
	e := event{v: v}
	switch {
	case v.Twice("code"):
		return e, shop.PayloadError("Vendure", shop.ErrTwoIDs)
	case e.code() == "":
		return e, shop.PayloadError("Vendure", errNoCode)
	case v.Get("type").Trimmed() == "Seller":
		e.other = "a seller's part of an order"
	case v.Get("active").Bool() || !v.Get("orderPlacedAt").Given():
		e.other = "an order that is not placed"
	}
	return e, nil
}

// code is the order's: letters, digits and what a shop's own OrderCodeStrategy may add.
func (e *event) code() string {
	s := e.v.Get("code").Trimmed()
	if s == "" || len(s) > 64 {
		return ""
	}
	for _, c := range []byte(s) {
		if c|0x20-'a' > 25 && c-'0' > 9 && strings.IndexByte("-_./#", c) < 0 {
			return ""
		}
	}
	return s
}

// placed is when it was ordered. The column itself is in the server's local time; placedAt, of the preset, by
// the database's clock.
func (e *event) placed() time.Time {
	if t := shop.ParseTime(e.v.Get("placedAt"), time.UTC); !t.IsZero() {
		return t
	}
	return shop.ParseTime(e.v.Get("orderPlacedAt"), time.UTC)
}

// cancelled is when it was found to be cancelled; the rows do not say when it was.
func (e *event) cancelled() time.Time {
	if e.v.Get("state").Trimmed() == "Cancelled" {
		return e.placed()
	}
	return time.Time{}
}

// status tells how far the payment has come. The order's state moves on to Shipped and the like, so the payments say
// it; what they do not cover is owed. Declined and failed tries stay as rows.
func (e *event) status() waxwing.PaymentStatus {
	var settled, authorized int64
	for _, p := range e.v.Get("payments").Items() {
		n, _ := p.Get("amount").Int()
		n = max(0, min(n, shop.MaxSum))
		switch p.Get("state").Trimmed() {
		case "Settled":
			settled = min(settled+n, shop.MaxSum)
		case "Authorized":
			authorized = min(authorized+n, shop.MaxSum)
		}
	}
	total := e.total()
	switch state := e.v.Get("state").Trimmed(); {
	case settled >= total:
		return waxwing.PaymentPaid // also where nothing is to be paid
	case settled+authorized >= total:
		return waxwing.PaymentAuthorized
	case state == "Cancelled":
		return waxwing.PaymentVoided
	case settled > 0:
		return waxwing.PaymentPartlyPaid
	case state == "PaymentSettled":
		return waxwing.PaymentPaid // the shop's own process says so
	case state == "PaymentAuthorized":
		return waxwing.PaymentAuthorized
	}
	return waxwing.PaymentPending
}

// total is what the order costs, in hundredths; the table has no column for it.
func (e *event) total() int64 {
	goods, _ := e.v.Get("subTotalWithTax").Int()
	shipping, _ := e.v.Get("shippingWithTax").Int()
	return max(-shop.MaxSum, min(goods, shop.MaxSum)) + max(-shop.MaxSum, min(shipping, shop.MaxSum))
}

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
	at := e.placed()
	return waxwing.EventKey{OrderID: strings.Clone(e.code()), OccurredAt: at, PlacedAt: at, Rank: shop.Rank(e.status(), e.cancelled())}, nil
}

func normalise(_ string, raw []byte) (*waxwing.Order, error) {
	d, err := payload.ReadBytes(raw)
	if err != nil {
		return nil, err
	}
	defer d.Release()
	e, err := eventIn(d)
	if err == nil && e.other != "" {
		err = shop.PayloadError("Vendure", errors.New("this is "+e.other))
	}
	if err != nil {
		return nil, err
	}
	cur, ok := shop.Currency(e.v.Get("currencyCode"))
	if !ok {
		return nil, shop.PayloadError("Vendure", shop.ErrNoCurrency)
	}
	r := reader{event: e, money: shop.MoneyReader{Currency: cur}}
	if err := r.order(); err != nil {
		return nil, shop.PayloadError("Vendure", err)
	}
	return r.o, nil
}
