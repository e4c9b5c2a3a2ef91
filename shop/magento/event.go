package magento

import (
	"errors"
	"math/big"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

var (
	errNoObject   = errors.New("not an object")
	errNoID       = errors.New("entity_id: missing or not a whole number: an order that is only being placed has none, so take the event sales_order_save_commit_after, and its field entity_id")
	errSeveral    = errors.New("items: a list of several orders: send each by itself")
	errNoCurrency = errors.New("order_currency_code: missing or no code of three to eight letters and digits")
	errNoTotal    = errors.New("grand_total: missing: an event has the fields that it was told to have, so take all of the order's")
)

// event is an event that tells of an order, or why it does not.
type event struct {
	v     payload.Value // the order
	other string        // why it is none
}

// wrappers are what modules, Adobe Commerce's webhooks and Adobe I/O Events put around an order,
// in the order in which they are looked for.
var wrappers = []string{"order", "entity", "value", "data", "event"}

// parts are words in the names of events that tell of something that belongs to an order.
var parts = []string{"invoice", "shipment", "creditmemo", "credit_memo", "order_item", "order_address", "order_payment", "order_tax", "status_history"}

// eventIn finds the order, or why the event is none. An error is about what is an order and cannot
// be read.
func eventIn(d *payload.Document) (event, error) {
	v := d.Root().Object()
	if v.Kind() != payload.Object {
		return event{}, shop.PayloadError("Magento", errNoObject)
	}
	if why := whyOther(v.First("type", "event_code", "eventName", "event_name")); why != "" {
		return event{v: v, other: why}, nil
	}
	for range len(wrappers) {
		if v.Get("entity_id").Given() || v.Get("grand_total").Given() || v.Get("increment_id").Given() {
			break
		}
		if v.Get("search_criteria").Kind() != payload.Absent {
			list := v.Get("items")
			if list.Len() != 1 {
				return event{}, shop.PayloadError("Magento", errSeveral)
			}
			v = list.At(0).Object()
			break
		}
		inner := payload.Value{}
		for _, name := range wrappers {
			if w := v.Get(name).Object(); w.Kind() == payload.Object && inner.Kind() == payload.Absent {
				inner = w
			}
		}
		if inner.Kind() != payload.Object {
			break
		}
		v = inner
	}
	if v.Kind() != payload.Object {
		return event{}, shop.PayloadError("Magento", errNoObject)
	}
	e := event{v: v}
	if v.Twice("entity_id") {
		return e, shop.PayloadError("Magento", shop.ErrTwoIDs)
	}
	if e.other = whyNone(v); e.other != "" {
		return e, nil
	}
	if _, ok := shop.OrderID(v.Get("entity_id")); !ok {
		return e, shop.PayloadError("Magento", errNoID)
	}
	return e, nil
}

// whyOther says why an event of this name tells of no order, or "". An event without a name is
// judged by what it holds.
func whyOther(name string) string {
	word := strings.ReplaceAll(strings.ToLower(name), ".", "_")
	switch {
	case word == "":
		return ""
	case !strings.Contains(word, "order"):
		return shop.OtherTopic(name).Ignore
	case strings.HasSuffix(word, "_before"):
		return "an event before the order is kept: sales_order_save_commit_after confirms it"
	}
	for _, p := range parts {
		if strings.Contains(word, p) {
			return shop.OtherTopic(name).Ignore
		}
	}
	return ""
}

// whyNone says why an object is no order, or "": invoices, shipments, credit memos and carts have
// totals and numbers, too.
func whyNone(v payload.Value) string {
	switch {
	case v.Get("order_id").Given():
		return "a part of an order (an invoice, a shipment, a credit memo), not an order"
	case v.Get("reserved_order_id").Kind() != payload.Absent, v.Get("items_qty").Given() && v.Get("is_active").Given():
		return "a cart, not an order"
	case !v.Get("grand_total").Given() && !v.Get("increment_id").Given():
		return "neither total nor number: not an order"
	}
	return ""
}

// state is the order's state, in Magento's words. Its status is a word of the merchant's own.
func (e *event) state() string {
	s := e.v.Get("state").Trimmed()
	if s == "" {
		s = e.v.Get("status").Trimmed()
		if s == "pending" {
			s = "new"
		}
	}
	return s
}

// status tells how far the payment has come. Magento keeps what was paid and authorised beside
// what the order costs.
func (e *event) status() waxwing.PaymentStatus {
	total, paid := e.number("grand_total"), e.number("total_paid")
	all := total.Sign() == 0 || paid.Sign() > 0 && paid.Cmp(total) >= 0
	switch state := e.state(); state {
	case "canceled":
		return waxwing.PaymentVoided
	case "closed":
		return waxwing.PaymentRefunded
	case "complete":
		return waxwing.PaymentPaid
	case "processing":
		switch {
		case all:
			return waxwing.PaymentPaid
		case offlineMethod(e.v) != "":
			return waxwing.PaymentPending // the shop works on it, and waits for the money
		}
		return waxwing.PaymentAuthorized
	case "pending_payment", "payment_review":
		if total.Sign() > 0 && all {
			return waxwing.PaymentPaid
		}
		return waxwing.PaymentPending
	case "new", "holded":
		held := shop.Decimal(e.v.Get("payment").Get("amount_authorized"))
		switch {
		case all:
			return waxwing.PaymentPaid
		case state == "new" && held != nil && held.Sign() > 0 && held.Cmp(total) >= 0:
			return waxwing.PaymentAuthorized
		case state == "new" && paid.Sign() > 0:
			return waxwing.PaymentPartlyPaid
		}
		return waxwing.PaymentPending
	}
	if total.Sign() > 0 && all { // a state of a module's own
		return waxwing.PaymentPaid
	}
	return waxwing.PaymentUnknown
}

// number reads an amount of the order as it is written; nought where there is none.
func (e *event) number(field string) *big.Rat {
	if n := shop.Decimal(e.v.Get(field)); n != nil {
		return n
	}
	return new(big.Rat)
}

// cancelled is when the order was cancelled, as near as the payload says; zero: it was not.
func (e *event) cancelled() time.Time {
	if e.state() != "canceled" {
		return time.Time{}
	}
	for _, field := range []string{"updated_at", "created_at"} {
		if t := timeOf(e.v.Get(field)); !t.IsZero() {
			return t
		}
	}
	return time.Unix(1, 0).UTC()
}

// timeOf reads a time, which Magento writes in UTC and without saying so.
func timeOf(v payload.Value) time.Time { return shop.ParseTime(v, time.UTC) }
