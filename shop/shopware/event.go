package shopware

import (
	"errors"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

var (
	errNoObject   = errors.New("not an object")
	errNoID       = errors.New("id: missing or not 32 hexadecimal digits")
	errNoCurrency = errors.New("currency.isoCode: missing or no code: ask the API for the association currency")
	errSeveral    = errors.New("data: a list of several orders: send each by itself")
	errBare       = errors.New("data.payload: it names an order and does not show it: subscribe to checkout.order.placed in order.written's stead")
	errJSONAPI    = errors.New("data.attributes: the JSON:API form: ask the API with Accept: application/json")
)

// liveVersion is the version of every entity that counts; others are drafts of an edit.
const liveVersion = "0fa91ce3e96a4bc2be4bd9ce752c3425"

// event is an event that tells of an order, or why it does not.
type event struct {
	v     payload.Value // the order
	other string        // why it is none
}

// eventIn finds the order in a webhook, in an answer of the Admin API or bare, or why the event is
// none. An error is about what is an order and cannot be read.
func eventIn(d *payload.Document) (event, error) {
	v := d.Root().Object()
	if v.Kind() != payload.Object {
		return event{}, shop.PayloadError("Shopware", errNoObject)
	}
	if data := v.Get("data"); data.Given() && !v.Get("id").Given() {
		if data.Kind() == payload.Array && data.Len() > 1 {
			return event{}, shop.PayloadError("Shopware", errSeveral)
		}
		data = data.Object()
		name := data.Get("event").Trimmed()
		if name != "" && !strings.Contains(name, "order") {
			return event{v: v, other: shop.OtherTopic(name).Ignore}, nil
		}
		if v = data; data.Get("payload").Given() {
			list := data.Get("payload")
			if v = list.Object(); v.Kind() == payload.Array && v.Len() > 0 { // what one transaction wrote
				v = v.At(0).Object()
				for _, w := range list.Items() {
					if w.Get("entity").Trimmed() == "order" {
						v = w
					}
				}
			}
		}
	}
	if w := v.Get("order").Object(); w.Kind() == payload.Object && !v.Get("id").Given() {
		v = w
	}
	if v.Kind() != payload.Object {
		return event{v: v, other: "no order is in it"}, nil
	}
	e := event{v: v}
	switch entity := v.Get("entity").Trimmed(); {
	case entity == "order" && !v.Get("price").Given():
		return e, shop.PayloadError("Shopware", errBare)
	case entity != "" && entity != "order":
		e.other = "another entity of Shopware's, not an order"
		return e, nil
	case v.Get("attributes").Kind() == payload.Object && v.Get("relationships").Given():
		return e, shop.PayloadError("Shopware", errJSONAPI)
	case v.Twice("id"):
		return e, shop.PayloadError("Shopware", shop.ErrTwoIDs)
	}
	switch version := v.Get("versionId").Trimmed(); {
	case version != "" && version != liveVersion:
		e.other = "a version of an order that is being edited: the order itself is confirmed"
	case v.Get("token").Given() && !v.Get("orderNumber").Given():
		e.other = "a cart, not an order"
	case !v.Get("orderNumber").Given() && !v.Get("price").Given() && !v.Get("amountTotal").Given():
		e.other = "neither total nor number: not an order"
	}
	if e.other == "" && e.id() == "" {
		return e, shop.PayloadError("Shopware", errNoID)
	}
	return e, nil
}

// id is the order's id: 32 hexadecimal digits, in small letters. "" where it is none.
func (e *event) id() string {
	s := e.v.Get("id").Trimmed()
	if len(s) != 32 {
		return ""
	}
	for _, c := range []byte(s) {
		if c-'0' > 9 && c-'a' > 5 {
			return ""
		}
	}
	return s
}

func timeOf(v payload.Value) time.Time { return shop.ParseTime(v, time.UTC) }

func (e *event) placed() time.Time {
	if t := timeOf(e.v.Get("orderDateTime")); !t.IsZero() {
		return t
	}
	return timeOf(e.v.Get("createdAt"))
}

// updated is when the order, its payment or its delivery changed last: each is an entity of its own.
func (e *event) updated() time.Time {
	last := timeOf(e.v.Get("createdAt"))
	later := func(v payload.Value) {
		if t := timeOf(v); t.After(last) {
			last = t
		}
	}
	later(e.v.Get("updatedAt"))
	for _, name := range []string{"transactions", "deliveries"} {
		for _, w := range e.v.Get(name).Items() {
			later(w.Get("createdAt"))
			later(w.Get("updatedAt"))
		}
	}
	return last
}

// transaction is the payment that counts: the one that the order names as such (6.7), or the newest.
func (e *event) transaction() (found payload.Value) {
	if p := e.v.Get("primaryOrderTransaction").Object(); p.Kind() == payload.Object {
		return p
	}
	primary, newest := e.v.Get("primaryOrderTransactionId").Trimmed(), time.Time{}
	for _, w := range e.v.Get("transactions").Items() {
		if primary != "" && w.Get("id").Trimmed() == primary {
			return w
		}
		if at := timeOf(w.Get("createdAt")); found.Kind() == payload.Absent || !at.Before(newest) {
			found, newest = w, at
		}
	}
	return found
}

// state is where an entity stands in its state machine.
func state(v payload.Value) string { return v.Get("stateMachineState").Get("technicalName").Trimmed() }

// total is the order's total as it is written.
func (e *event) total() payload.Value {
	if t := e.v.Get("price").Get("totalPrice"); t.Trimmed() != "" {
		return t
	}
	return e.v.Get("amountTotal")
}

// status tells how far the payment has come.
func (e *event) status() waxwing.PaymentStatus {
	if state(e.v) == "cancelled" {
		return waxwing.PaymentVoided
	}
	s := state(e.transaction())
	if t := e.total().Trimmed(); t != "" && !shop.Nonzero(t) && (s == "" || s == "open") {
		return waxwing.PaymentPaid // there is nothing to pay
	}
	switch s {
	case "open", "unconfirmed", "in_progress", "reminded":
		return waxwing.PaymentPending
	case "authorized":
		return waxwing.PaymentAuthorized
	case "paid":
		return waxwing.PaymentPaid
	case "paid_partially":
		return waxwing.PaymentPartlyPaid
	case "refunded":
		return waxwing.PaymentRefunded
	case "refunded_partially":
		return waxwing.PartlyRefunded
	case "cancelled", "chargeback":
		return waxwing.PaymentVoided
	case "failed":
		return waxwing.PaymentFailed
	}
	return waxwing.PaymentUnknown
}

// cancelled is when the order was cancelled, as near as the payload says; zero: it was not.
func (e *event) cancelled() time.Time {
	if state(e.v) != "cancelled" {
		return time.Time{}
	}
	for _, t := range []time.Time{timeOf(e.v.Get("updatedAt")), e.updated(), e.placed()} {
		if !t.IsZero() {
			return t
		}
	}
	return time.Unix(1, 0).UTC()
}
