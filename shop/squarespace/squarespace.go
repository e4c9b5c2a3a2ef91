// Package squarespace reads the orders of Squarespace's Commerce Orders API. Squarespace's webhooks
// name an order and do not show it: whoever asks the API for it hands it on.
package squarespace

import (
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// signatureHeader carries an HMAC-SHA256 of the body in hex, by a secret that is written in hex.
const signatureHeader = "Squarespace-Signature"

// Format reads orders of the Orders API 1.0.
var Format = waxwing.Format{
	Name:      "squarespace",
	Topic:     func(http.Header) string { return "" }, // the event itself says it
	Verify:    verify,
	SignedIn:  signatureHeader,
	Key:       keyOf,
	Normalise: normalise,
	API:       &api,
}

func verify(h http.Header, raw []byte, secrets []waxwing.Secret) bool {
	sent := strings.TrimSpace(h.Get(signatureHeader))
	want, err := hex.DecodeString(sent[:min(len(sent), 65)]) // a longer one is none, and costs no more than one
	if err != nil {
		want = nil
	}
	keys := make([]waxwing.Secret, len(secrets))
	for i, s := range secrets {
		key, err := hex.DecodeString(s.Reveal())
		if err == nil { // else it stays empty, and opens nothing
			keys[i] = waxwing.Secret(key)
		}
	}
	return shop.SignedAs(want, raw, keys)
}

var (
	errNoObject   = errors.New("not an object")
	errNoID       = errors.New("id: missing or not one of Squarespace's")
	errNoCurrency = errors.New("grandTotal.currency: missing or no code")
	errNoTotal    = errors.New("grandTotal.value: missing")
	errSeveral    = errors.New("result: a list of several orders: send each by itself")
	// errBare tells what Squarespace itself sends.
	errBare = errors.New("data.orderId: a webhook of Squarespace's names an order and does not show it: ask its API for 1.0/commerce/orders/ID and send what it answers; or write api: below the shop, and Waxwing asks")
)

// event is an event that tells of an order, or why it does not.
type event struct {
	v     payload.Value // the order
	other string        // why it is none
	bare  string        // the id of an order that is named only
}

func eventIn(d *payload.Document) (event, error) {
	v := d.Root().Object()
	if v.Kind() != payload.Object {
		return event{}, shop.PayloadError("Squarespace", errNoObject)
	}
	if topic := v.Get("topic").Trimmed(); topic != "" && !v.Get("grandTotal").Given() {
		whole := v.Get("data").Get("order").Object()
		switch {
		case !strings.HasPrefix(topic, "order."):
			return event{v: v, other: shop.OtherTopic(topic).Ignore}, nil
		case whole.Kind() != payload.Object:
			if id := idOf(v.Get("data").Get("orderId")); id != "" && !v.Get("data").Twice("orderId") {
				return event{v: v, bare: id}, nil
			}
			return event{}, shop.PayloadError("Squarespace", errBare)
		}
		v = whole
	}
	if list := v.Get("result"); list.Given() && !v.Get("id").Given() {
		if list.Len() != 1 {
			return event{}, shop.PayloadError("Squarespace", errSeveral)
		}
		v = list.At(0).Object()
	}
	if w := v.Get("order").Object(); w.Kind() == payload.Object && !v.Get("id").Given() {
		v = w
	}
	e := event{v: v}
	switch {
	case v.Kind() != payload.Object:
		return e, shop.PayloadError("Squarespace", errNoObject)
	case v.Twice("id"):
		return e, shop.PayloadError("Squarespace", shop.ErrTwoIDs)
	case !v.Get("grandTotal").Given() && !v.Get("orderNumber").Given():
		e.other = "neither total nor number: not an order"
	case e.id() == "":
		return e, shop.PayloadError("Squarespace", errNoID)
	}
	return e, nil
}

// id is the order's id: letters, digits and hyphens.
func (e *event) id() string { return idOf(e.v.Get("id")) }

func idOf(v payload.Value) string {
	s := v.Trimmed()
	if len(s) < 8 || len(s) > 64 {
		return ""
	}
	for _, c := range []byte(s) {
		if c|0x20-'a' > 25 && c-'0' > 9 && c != '-' {
			return ""
		}
	}
	return s
}

func timeOf(v payload.Value) time.Time { return shop.ParseTime(v, time.UTC) }

// status tells how far the payment has come. An order is there once it is paid; newer answers say
// so, too.
func (e *event) status() waxwing.PaymentStatus {
	switch strings.ToUpper(e.v.Get("paymentState").Trimmed()) {
	case "UNPAID", "PENDING":
		return waxwing.PaymentPending
	case "PARTIALLY_PAID":
		return waxwing.PaymentPartlyPaid
	case "AUTHORIZED":
		return waxwing.PaymentAuthorized
	}
	if e.v.Get("fulfillmentStatus").Trimmed() == "CANCELED" {
		return waxwing.PaymentVoided
	}
	return waxwing.PaymentPaid
}

// cancelled is when the order was cancelled, as near as the payload says; zero: it was not.
func (e *event) cancelled() time.Time {
	if e.v.Get("fulfillmentStatus").Trimmed() != "CANCELED" {
		return time.Time{}
	}
	for _, field := range []string{"modifiedOn", "createdOn"} {
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
	if err != nil || e.other != "" {
		return waxwing.EventKey{Ignore: e.other}, err
	}
	if e.bare != "" {
		return shop.BareKey("Squarespace", e.bare, errBare), nil
	}
	placed := timeOf(e.v.Get("createdOn"))
	return waxwing.EventKey{OrderID: strings.Clone(e.id()), UpdatedAt: timeOf(e.v.Get("modifiedOn")), OccurredAt: placed, PlacedAt: placed, Rank: shop.Rank(e.status(), e.cancelled())}, nil
}

func normalise(_ string, raw []byte) (*waxwing.Order, error) {
	d, err := payload.ReadBytes(raw)
	if err != nil {
		return nil, err
	}
	defer d.Release()
	e, err := eventIn(d)
	if err == nil && e.bare != "" {
		err = shop.BareOrder("Squarespace", e.bare, errBare)
	}
	if err == nil && e.other != "" {
		err = shop.PayloadError("Squarespace", errors.New("this is "+e.other))
	}
	if err != nil {
		return nil, err
	}
	cur, ok := shop.Currency(e.v.Get("grandTotal").Get("currency"))
	if !ok {
		return nil, shop.PayloadError("Squarespace", errNoCurrency)
	}
	r := reader{event: e, money: shop.MoneyReader{Currency: cur}}
	if err := r.order(); err != nil {
		return nil, shop.PayloadError("Squarespace", err)
	}
	return r.o, nil
}
