// Package prestashop reads the orders of PrestaShop's webservice, of 1.7 and later. PrestaShop has no webhooks of its own: modules
// send the id of an order, and the list of orders gives it; what belongs to an order stands in a dozen resources, which the call
// back puts into one document.
package prestashop

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
	"github.com/waxwinghq/waxwing/shop/foreign"
)

// signatureHeader carries an HMAC-SHA256 of the body, in hex or base64, as a module sends it.
const signatureHeader = "X-Signature"

// signed is how modules sign.
var signed = foreign.Signed(signatureHeader)

// Format reads an order of the webservice with what belongs to it, and the id of one.
var Format = waxwing.Format{
	Name:      "prestashop",
	Topic:     func(http.Header) string { return "" }, // the event itself says it
	Verify:    signed.Verify,
	SignedIn:  signatureHeader,
	Key:       keyOf,
	Normalise: normalise,
	API:       &api,
}

var (
	errNoObject   = errors.New("not an object")
	errNoCurrency = errors.New("currency.iso_code: missing or no code of three to eight letters and digits")
	errNoTotal    = errors.New("order.total_paid_tax_incl: missing")
	errBare       = errors.New("id_order: it names an order and does not show it: ask the webservice for api/orders/ID, put customer, currency, state (its order state) and the addresses beside it, and send that; or write api: below the shop, and Waxwing asks")
)

// event is an event that tells of an order, or why it does not.
type event struct {
	doc   payload.Value // with the parts
	v     payload.Value // the order
	zone  *time.Location
	other string // why it is none
	bare  string // the id of an order that is named only
}

func eventIn(d *payload.Document) (event, error) {
	doc := d.Root().Object()
	if doc.Kind() != payload.Object {
		return event{}, shop.PayloadError("PrestaShop", errNoObject)
	}
	e := event{doc: doc, v: doc.Get("order").Object()}
	if e.v.Kind() != payload.Object || doc.Get("currency").Object().Kind() != payload.Object {
		// Modules send what they like of an order, and its id.
		for _, in := range []struct {
			v   payload.Value
			key string
		}{{doc, "id_order"}, {e.v, "id"}, {e.v, "id_order"}} {
			if id, ok := shop.OrderID(in.v.Get(in.key)); ok && !in.v.Twice(in.key) {
				e.bare = id
				return e, nil
			}
		}
		e.other = "neither an order nor id_order: not an order"
		return e, nil
	}
	switch _, ok := shop.OrderID(e.v.Get("id")); {
	case e.v.Twice("id"), doc.Twice("order"):
		return e, shop.PayloadError("PrestaShop", shop.ErrTwoIDs)
	case !ok:
		return e, shop.PayloadError("PrestaShop", shop.ErrNoID)
	}
	e.zone = zoneOf(doc.Get("timezone").Trimmed())
	return e, nil
}

// zoneOf is the shop's time zone, in which it writes its times; UTC where nobody said.
func zoneOf(name string) *time.Location {
	if name == "" || name == "Local" || len(name) > 64 {
		return time.UTC
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return zone
}

// part is what stands beside the order, also as the webservice wraps it.
func (e *event) part(name, wrapped string) payload.Value {
	v := e.doc.Get(name).Object()
	if w := v.Get(wrapped).Object(); w.Kind() == payload.Object {
		return w
	}
	return v
}

func (e *event) time(field string) time.Time { return shop.ParseTime(e.v.Get(field), e.zone) }

// words are a text in the customer's language: the webservice gives it as a text where it was asked for one language, else as
// a list with a text for each.
func (e *event) words(v payload.Value) string {
	if v.Kind() != payload.Array {
		return v.Text()
	}
	lang := e.v.Get("id_lang").Trimmed()
	for i, w := range v.Items() {
		if i < 100 && w.Get("id").Trimmed() == lang {
			return w.Get("value").Text()
		}
	}
	return v.At(0).Get("value").Text()
}

// flag reads one of PrestaShop's: "1" and "0", or true and false.
func flag(v payload.Value) bool { return v.Trimmed() == "1" || v.Bool() }

// offlines are the methods of PrestaShop's own modules, old and new, and of its states' mails.
var offlines = map[string]string{
	"ps_wirepayment": waxwing.BankTransfer, "bankwire": waxwing.BankTransfer,
	"ps_checkpayment": waxwing.Cheque, "cheque": waxwing.Cheque,
	"ps_cashondelivery": waxwing.CashOnDelivery, "cashondelivery": waxwing.CashOnDelivery,
}

// offline is the offline method: by the module that took the order, whatever its state is called.
func (e *event) offline() string {
	module := strings.ToLower(e.v.Get("module").Trimmed())
	if m := offlines[module]; m != "" || module != "" {
		return m
	}
	return offlines[strings.ToLower(e.words(e.part("state", "order_state").Get("template")))]
}

// status tells how far the payment has come. States are the merchant's own: what one means its flags say, and the mail that
// PrestaShop sends on it.
func (e *event) status() waxwing.PaymentStatus {
	state := e.part("state", "order_state")
	mail := strings.ToLower(strings.TrimSpace(e.words(state.Get("template"))))
	total, paid := shop.Decimal(e.v.Either("total_paid_tax_incl", "total_paid")), shop.Decimal(e.v.Get("total_paid_real"))
	number := ""
	if state.Kind() != payload.Object { // nobody may read it: the numbers that PrestaShop is installed with
		number = e.v.Get("current_state").Trimmed()
	}
	switch {
	case mail == "order_canceled", number == "6":
		return waxwing.PaymentVoided
	case mail == "refund", number == "7":
		return waxwing.PaymentRefunded
	case mail == "payment_error", number == "8":
		return waxwing.PaymentFailed
	case flag(state.Get("paid")), total != nil && total.Sign() == 0:
		return waxwing.PaymentPaid
	case number != "" && paid != nil && total != nil && paid.Cmp(total) >= 0:
		return waxwing.PaymentPaid
	case paid != nil && total != nil && paid.Sign() > 0 && paid.Cmp(total) < 0:
		return waxwing.PaymentPartlyPaid
	}
	return waxwing.PaymentPending
}

// cancelled is when the order was cancelled, as near as the payload says; zero: it was not.
func (e *event) cancelled() time.Time {
	if e.status() != waxwing.PaymentVoided {
		return time.Time{}
	}
	for _, field := range []string{"date_upd", "date_add"} {
		if t := e.time(field); !t.IsZero() {
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
	switch {
	case err != nil || e.other != "":
		return waxwing.EventKey{Ignore: e.other}, err
	case e.bare != "":
		return shop.BareKey("PrestaShop", e.bare, errBare), nil
	}
	id, _ := shop.OrderID(e.v.Get("id"))
	placed := e.time("date_add")
	return waxwing.EventKey{OrderID: strings.Clone(id), UpdatedAt: e.time("date_upd"), OccurredAt: placed, PlacedAt: placed, Rank: shop.Rank(e.status(), e.cancelled())}, nil
}

func normalise(_ string, raw []byte) (*waxwing.Order, error) {
	d, err := payload.ReadBytes(raw)
	if err != nil {
		return nil, err
	}
	defer d.Release()
	e, err := eventIn(d)
	switch {
	case err != nil:
		return nil, err
	case e.bare != "":
		return nil, shop.BareOrder("PrestaShop", e.bare, errBare)
	case e.other != "":
		return nil, shop.PayloadError("PrestaShop", errors.New("this is "+e.other))
	}
	cur, ok := shop.Currency(e.part("currency", "currency").Get("iso_code"))
	if !ok {
		return nil, shop.PayloadError("PrestaShop", errNoCurrency)
	}
	r := reader{event: e, money: shop.MoneyReader{Currency: cur}}
	if err := r.order(); err != nil {
		return nil, shop.PayloadError("PrestaShop", err)
	}
	return r.o, nil
}
