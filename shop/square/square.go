// Package square reads what Square says when somebody has paid online: its payment events, which
// hold the payment, and the orders of its Orders API, which no event holds. What tells of one
// order has one key, the order's id.
package square

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// signatureHeader carries a base64 HMAC-SHA256 of the address that was posted to and the body.
const signatureHeader = "X-Square-Hmacsha256-Signature"

// Format reads events of payments and orders of the Orders API, of 2020 and later.
var Format = waxwing.Format{
	Name:      "square",
	Topic:     func(http.Header) string { return "" }, // the event itself says it
	Verify:    verify,
	SignedIn:  signatureHeader,
	Key:       keyOf,
	Normalise: normalise,
	API:       &api,
}

func verify(h http.Header, raw []byte, secrets []waxwing.Secret) bool {
	want, err := base64.StdEncoding.DecodeString(strings.TrimSpace(h.Get(signatureHeader)))
	if err != nil {
		want = nil
	}
	return shop.SignedAsAny([][]byte{want}, secrets, []byte(waxwing.PostedTo(h)), raw)
}

// The objects that tell of an order.
const (
	payment = "payment"
	order   = "order"
)

var (
	errNoObject   = errors.New("not an object")
	errNoID       = errors.New("id: missing or not one of Square's")
	errNoCurrency = errors.New("total_money.currency: missing or no code")
	errNoTotal    = errors.New("total_money.amount: missing")
	errBare       = errors.New("an event that names an order and does not show it: payment.updated tells of its payment, or write api: below the shop, and Waxwing asks for the order")
)

// event is an event that tells of an order, or why it does not.
type event struct {
	v      payload.Value // the payment or the order
	object string
	other  string // why it is none
	bare   string // the id of an order that is named only
	// customer is whom the order names by id, where whoever asked the API put it beside the order.
	customer payload.Value
}

// eventIn reads what came: an event of a payment, or a payment or an order by itself.
func eventIn(d *payload.Document) (event, error) {
	v := d.Root().Object()
	if v.Kind() != payload.Object {
		return event{}, shop.PayloadError("Square", errNoObject)
	}
	e := event{v: v}
	if topic := v.Get("type").Trimmed(); topic != "" && v.Get("data").Kind() == payload.Object {
		switch {
		case strings.HasPrefix(topic, "order."):
			e.other, e.bare = errBare.Error(), named(v.Get("data"))
		case topic != "payment.created" && topic != "payment.updated":
			e.other = shop.OtherTopic(topic).Ignore
		}
		if e.other != "" {
			return e, nil
		}
		v = v.Get("data").Get("object")
	}
	for _, name := range []string{payment, order} {
		if w := v.Get(name).Object(); w.Kind() == payload.Object && !v.Get("id").Given() {
			e.v, e.object, e.customer = w, name, v.Get("customer")
		}
	}
	if e.object == "" {
		switch e.v = v.Object(); {
		case v.Get("amount_money").Given() && (v.Get("source_type").Given() || v.Get("order_id").Given()):
			e.object = payment
		case v.Get("line_items").Given(), v.Get("net_amounts").Given(), v.Get("tenders").Given():
			e.object = order
		default:
			e.other = "another object of Square's, not an order"
			return e, nil
		}
	}
	if e.v.Twice("id") || e.v.Twice("order_id") {
		return e, shop.PayloadError("Square", shop.ErrTwoIDs)
	}
	if e.other = e.whyNone(); e.other == "" && e.id() == "" {
		return e, shop.PayloadError("Square", errNoID)
	}
	return e, nil
}

// named is the id of the order in an order's event: it stands in an object named as the event is.
func named(data payload.Value) string {
	for _, name := range []string{"order_created", "order_updated", "order_fulfillment_updated"} {
		if id := idOf(data.Get("object").Get(name).Get("order_id")); id != "" {
			return id
		}
	}
	return idOf(data.Get("id"))
}

// whyNone says why an object is no order, or "".
func (e *event) whyNone() string {
	v := e.v
	if e.object == order {
		switch {
		case v.Get("state").Trimmed() == "DRAFT":
			return "a draft, not an order yet"
		case e.email() == "":
			return "an order without an e-mail address, as one over the counter"
		}
		return ""
	}
	switch s := v.Get("status").Trimmed(); {
	case s == "FAILED":
		return "a payment that failed, not an order"
	case s == "CANCELED" && v.Get("card_details").Get("status").Trimmed() != "VOIDED":
		return "a payment that was called off before it was made, not an order"
	case e.email() == "":
		return "a payment without buyer_email_address, as one over the counter"
	}
	return ""
}

// id is the order's id, also of a payment; of a payment without an order its own.
func (e *event) id() string {
	if e.object == payment {
		if id := idOf(e.v.Get("order_id")); id != "" {
			return id
		}
	}
	return idOf(e.v.Get("id"))
}

// idOf reads an id of Square's: letters, digits, - and _.
func idOf(v payload.Value) string {
	s := v.Trimmed()
	if len(s) < 4 || len(s) > 192 {
		return ""
	}
	for _, c := range []byte(s) {
		if c|0x20-'a' > 25 && c-'0' > 9 && c != '_' && c != '-' {
			return ""
		}
	}
	return s
}

// email is the customer's address.
func (e *event) email() string {
	if e.object == payment {
		return shop.MailAddress(e.v.Get("buyer_email_address").Text())
	}
	if a := shop.MailAddress(e.recipient().Get("email_address").Text()); a != "" {
		return a
	}
	if e.v.Get("fulfillments").Len() > 0 { // else it was sold over the counter
		return shop.MailAddress(e.customer.Get("email_address").Text())
	}
	return ""
}

// fulfillment is how the order is handed over: the first one that was not given up, or the first
// of an order that was itself.
func (e *event) fulfillment() (kind string, details payload.Value) {
	for _, f := range e.v.Get("fulfillments").Items() {
		given := f.Get("state").Trimmed()
		if up := given == "CANCELED" || given == "FAILED"; up && kind != "" {
			continue
		}
		kind = strings.ToLower(f.Get("type").Trimmed())
		if details = f.Get(kind + "_details"); given != "CANCELED" && given != "FAILED" {
			break
		}
	}
	return kind, details
}

func (e *event) recipient() payload.Value {
	_, details := e.fulfillment()
	return details.Get("recipient")
}

func timeOf(v payload.Value) time.Time { return shop.ParseTime(v, time.UTC) }

// status tells how far the payment has come.
func (e *event) status() waxwing.PaymentStatus {
	if e.object == payment {
		switch e.v.Get("status").Trimmed() {
		case "COMPLETED":
			return waxwing.PaymentPaid
		case "APPROVED":
			return waxwing.PaymentAuthorized
		case "CANCELED":
			return waxwing.PaymentVoided
		}
		return waxwing.PaymentPending
	}
	if e.v.Get("state").Trimmed() == "CANCELED" {
		return waxwing.PaymentVoided
	}
	total, _ := e.v.Get("total_money").Get("amount").Int()
	paid, held := int64(0), int64(0)
	for _, t := range e.v.Get("tenders").Items() {
		n, ok := t.Get("amount_money").Get("amount").Int()
		if !ok || n <= 0 || n > shop.MaxSum {
			continue
		}
		switch t.Get("card_details").Get("status").Trimmed() {
		case "AUTHORIZED":
			held += n
		case "VOIDED", "FAILED":
		default:
			paid += n
		}
	}
	switch due := e.v.Get("net_amount_due_money").Get("amount"); {
	case total == 0, paid >= total, due.Given() && !shop.Nonzero(due.Trimmed()) && held == 0:
		return waxwing.PaymentPaid
	case paid+held >= total:
		return waxwing.PaymentAuthorized
	case paid > 0:
		return waxwing.PaymentPartlyPaid
	}
	return waxwing.PaymentPending
}

// cancelled is when the order, or its payment, was called off; zero: it was not.
func (e *event) cancelled() time.Time {
	state := "state"
	if e.object == payment {
		state = "status"
	}
	if e.v.Get(state).Trimmed() != "CANCELED" {
		return time.Time{}
	}
	for _, field := range []string{"closed_at", "updated_at", "created_at"} {
		if t := timeOf(e.v.Get(field)); !t.IsZero() {
			return t
		}
	}
	return time.Unix(1, 0).UTC()
}

func keyOf(_ string, raw []byte) (waxwing.EventKey, error) {
	d, err := payload.ReadBytes(raw)
	if err != nil {
		return waxwing.EventKey{}, err
	}
	defer d.Release()
	e, err := eventIn(d)
	if err == nil && e.bare != "" {
		k := shop.BareKey("Square", e.bare, errBare)
		k.Ignore = e.other
		return k, nil
	}
	if err != nil || e.other != "" {
		return waxwing.EventKey{Ignore: e.other}, err
	}
	placed := timeOf(e.v.Get("created_at"))
	return waxwing.EventKey{OrderID: strings.Clone(e.id()), UpdatedAt: timeOf(e.v.Get("updated_at")), OccurredAt: placed, PlacedAt: placed, Rank: shop.Rank(e.status(), e.cancelled())}, nil
}

func normalise(_ string, raw []byte) (*waxwing.Order, error) {
	d, err := payload.ReadBytes(raw)
	if err != nil {
		return nil, err
	}
	defer d.Release()
	e, err := eventIn(d)
	if err == nil && e.bare != "" {
		err = shop.BareOrder("Square", e.bare, errBare)
	}
	if err == nil && e.other != "" {
		err = shop.PayloadError("Square", errors.New("this is "+e.other))
	}
	if err != nil {
		return nil, err
	}
	cur, ok := shop.Currency(e.total().Get("currency"))
	if !ok {
		return nil, shop.PayloadError("Square", errNoCurrency)
	}
	r := reader{event: e, money: shop.MoneyReader{Currency: cur}}
	if err := r.order(); err != nil {
		return nil, shop.PayloadError("Square", err)
	}
	return r.o, nil
}

// total is what the object costs in all, with the tip.
func (e *event) total() payload.Value {
	if t := e.v.Get("total_money"); t.Given() {
		return t
	}
	return e.v.Get("amount_money")
}
