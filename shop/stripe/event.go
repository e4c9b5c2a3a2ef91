package stripe

import (
	"errors"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// The objects that tell of an order.
const (
	session = "checkout.session"
	intent  = "payment_intent"
	invoice = "invoice"
)

// event is an event that tells of an order, or why it does not.
type event struct {
	v      payload.Value // the session, intent or invoice
	object string
	topic  string    // "checkout.session.completed"; "" where the object came by itself
	at     time.Time // when it happened; zero: unknown
	test   bool
	other  string // why it is no order
}

// topics are the events that tell of an order, and what the others of those objects are.
var topics = map[string]string{
	"checkout.session.completed":               "",
	"checkout.session.async_payment_succeeded": "",
	"checkout.session.async_payment_failed":    "",
	"checkout.session.expired":                 "a checkout that was left, not an order",
	"payment_intent.succeeded":                 "",
	"payment_intent.amount_capturable_updated": "",
	"payment_intent.canceled":                  "",
	"invoice.paid":                             "",
	"invoice.payment_succeeded":                "the same as invoice.paid, which is read",
}

var (
	errNoObject = errors.New("not an object")
	errThin     = errors.New("data: a thin event names an object and does not show it: give the endpoint in Stripe the payload style \"snapshot\"")
	errNoID     = errors.New("id: missing or not one of Stripe's")
)

// eventIn reads what came: an event with the object in data.object, or the object by itself.
// An error is about what is an order and cannot be read.
func eventIn(d *payload.Document) (event, error) {
	v := d.Root().Object()
	if v.Kind() != payload.Object {
		return event{}, shop.PayloadError("Stripe", errNoObject)
	}
	e := event{v: v}
	switch kind := v.Get("object").Trimmed(); {
	case kind == "event":
		e.topic, e.at = v.Get("type").Trimmed(), seconds(v.Get("created"))
		if why, known := topics[e.topic]; why != "" || !known {
			if why == "" {
				why = shop.OtherTopic(e.topic).Ignore
			}
			e.other = why
			return e, nil
		}
		e.v = v.Get("data").Get("object").Object()
	case strings.HasPrefix(kind, "v2.core.event"):
		return e, shop.PayloadError("Stripe", errThin)
	}
	if e.v.Kind() != payload.Object {
		return e, shop.PayloadError("Stripe", errNoObject)
	}
	e.object = e.v.Get("object").Trimmed()
	live := e.v.Get("livemode")
	e.test = live.Kind() == payload.False
	if e.v.Twice("id") || v.Twice("id") {
		return e, shop.PayloadError("Stripe", shop.ErrTwoIDs)
	}
	if e.other = e.whyNone(); e.other == "" && e.orderID() == "" {
		return e, shop.PayloadError("Stripe", errNoID)
	}
	return e, nil
}

// whyNone says why an object is no order, or "".
func (e *event) whyNone() string {
	v := e.v
	switch e.object {
	case session:
		switch {
		case v.Get("mode").Trimmed() == "setup":
			return "a means of payment that was stored, not an order"
		case e.topic == "" && v.Get("status").Given() && v.Get("status").Trimmed() != "complete":
			return "a checkout that is not completed, not an order yet"
		}
	case intent:
		switch s := v.Get("status").Trimmed(); {
		case refID(v.Get("invoice")) != "", strings.HasPrefix(v.Get("payment_details").Get("order_reference").Trimmed(), "in_"):
			return "an invoice's payment: invoice.paid confirms it"
		case s == "succeeded", s == "requires_capture":
		case s == "canceled" && refID(v.Get("latest_charge")) == "" && v.Get("charges").Get("data").Len() == 0:
			return "a payment that was called off before it was made, not an order"
		case s == "canceled":
		default:
			return "a payment that has not succeeded, not an order yet"
		}
		if e.email() == "" && e.cancelled().IsZero() {
			return "a payment without receipt_email: a Checkout's is confirmed by checkout.session.completed"
		}
	case invoice:
		switch n, ok := v.Get("total").Int(); {
		case v.Get("status").Given() && v.Get("status").Trimmed() != "paid":
			return "an invoice that is not paid"
		case ok && n < 0:
			return "a credit, not an order"
		}
	default:
		return "another object of Stripe's, not an order"
	}
	return ""
}

// refID is the id of what is named or shown whole ("expanded"), or "" where it is none.
func refID(v payload.Value) string {
	if o := v.Object(); o.Kind() == payload.Object {
		v = o.Get("id")
	}
	s := v.Trimmed()
	if len(s) < 4 || len(s) > 128 || !strings.Contains(s, "_") {
		return ""
	}
	for _, c := range []byte(s) {
		if c|0x20-'a' > 25 && c-'0' > 9 && c != '_' {
			return ""
		}
	}
	return s
}

// orderID is the invoice's id where there is one, and else the payment's, so that all that tells
// of one payment is one order. An invoice keeps its own: newer versions of the API (2025-03-31)
// leave its payment out of it.
func (e *event) orderID() string {
	own := refID(e.v.Get("id"))
	if own == "" || e.object != session {
		return own
	}
	for _, key := range []string{"invoice", "payment_intent", "subscription"} {
		if id := refID(e.v.Get(key)); id != "" {
			return id
		}
	}
	return own
}

// status tells how far the payment has come.
func (e *event) status() waxwing.PaymentStatus {
	switch e.object {
	case session:
		if e.topic == "checkout.session.async_payment_failed" {
			return waxwing.PaymentFailed
		}
		switch e.v.Get("payment_status").Trimmed() {
		case "paid", "no_payment_required":
			return waxwing.PaymentPaid
		}
		if e.atOnce() {
			return waxwing.PaymentAuthorized // it is complete: what is missing is the capture
		}
		return waxwing.PaymentPending
	case intent:
		switch e.v.Get("status").Trimmed() {
		case "succeeded":
			return waxwing.PaymentPaid
		case "requires_capture":
			return waxwing.PaymentAuthorized
		}
		return waxwing.PaymentVoided
	}
	return waxwing.PaymentPaid
}

// atOnce says that a session could be paid only by what answers at once: complete and unpaid it
// is authorised, and captured later (capture_method: manual), of which no event tells.
func (e *event) atOnce() bool {
	types := e.v.Get("payment_method_types")
	for _, t := range types.Items() {
		switch t.Trimmed() {
		case "card", "link", "paypal", "klarna", "affirm", "afterpay_clearpay", "amazon_pay", "cashapp", "revolut_pay", "mobilepay":
		default:
			return false
		}
	}
	return types.Len() > 0 && e.v.Get("status").Trimmed() == "complete"
}

// cancelled is when the payment was called off; zero: it was not.
func (e *event) cancelled() time.Time {
	if e.object != intent || e.v.Get("status").Trimmed() != "canceled" {
		return time.Time{}
	}
	for _, t := range []time.Time{seconds(e.v.Get("canceled_at")), e.at, seconds(e.v.Get("created"))} {
		if !t.IsZero() {
			return t
		}
	}
	return time.Unix(1, 0).UTC()
}

// email is the customer's address.
func (e *event) email() string {
	v := e.v
	// A payment's is its own alone: the address of its charge is there for a Checkout's, too.
	places := []payload.Value{v.Get("receipt_email"), v.Get("metadata").Get("email")}
	if e.object != intent {
		places = []payload.Value{v.Get("customer_details").Get("email"), v.Get("customer_email"), v.Get("customer").Object().Get("email"), v.Get("metadata").Get("email")}
	}
	for _, at := range places {
		if a := shop.MailAddress(at.Text()); a != "" {
			return a
		}
	}
	return ""
}
