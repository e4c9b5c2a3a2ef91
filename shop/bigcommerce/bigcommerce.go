// Package bigcommerce reads the orders of BigCommerce's V2 API. BigCommerce's webhooks name an
// order and do not show it: whoever asks the API for it puts its products, its shipping addresses
// and its coupons into it and hands it on.
package bigcommerce

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// The headers of Standard Webhooks, by which BigCommerce signs with the client secret of the API
// account that made the webhook.
const (
	signatureHeader = "Webhook-Signature" // "v1,BASE64 v1,BASE64"
	idHeader        = "Webhook-Id"
	timeHeader      = "Webhook-Timestamp" // Unix seconds
)

// mostSignatures is how many signatures of one header are looked at.
const mostSignatures = 8

// Format reads orders of the V2 API.
var Format = waxwing.Format{
	Name:      "bigcommerce",
	Topic:     func(http.Header) string { return "" }, // the event itself says it
	Verify:    verify,
	SignedIn:  signatureHeader,
	SignedAt:  signedAt,
	Key:       keyOf,
	Normalise: normalise,
	API:       &api,
}

func signedAt(h http.Header) time.Time {
	s, err := strconv.ParseInt(h.Get(timeHeader), 10, 64)
	if err != nil || s <= 0 || s > 1<<40 {
		return time.Time{}
	}
	return time.Unix(s, 0)
}

func verify(h http.Header, raw []byte, secrets []waxwing.Secret) bool {
	var wants [][]byte
	for part := range strings.SplitSeq(h.Get(signatureHeader), " ") {
		sent, ok := strings.CutPrefix(part, "v1,")
		if !ok || len(wants) == mostSignatures {
			continue
		}
		if want, err := base64.StdEncoding.DecodeString(sent[:min(len(sent), 45)]); err == nil { // a longer one is none
			wants = append(wants, want)
		}
	}
	id, at := h.Get(idHeader), h.Get(timeHeader)
	if len(id) > 256 || len(at) > 20 {
		wants, id, at = nil, "", ""
	}
	return shop.SignedAsAny(wants, secrets, []byte(id), []byte("."), []byte(at), []byte("."), raw)
}

var (
	errNoObject   = errors.New("not an object")
	errNoCurrency = errors.New("default_currency_code: missing or no code of three to eight letters and digits")
	errNoTotal    = errors.New("total_inc_tax: missing")
	errSeveral    = errors.New("a list of several orders: send each by itself")
	// errBare tells what BigCommerce itself sends.
	errBare = errors.New("data: a webhook of BigCommerce's names an order and does not show it: ask its API for v2/orders/ID, put products, shipping_addresses and coupons into it, and send that; or write api: below the shop, and Waxwing asks")
)

// event is an event that tells of an order, or why it does not.
type event struct {
	v     payload.Value // the order
	other string        // why it is none
	bare  string        // the id of an order that is named only
}

func eventIn(d *payload.Document) (event, error) {
	v := d.Root()
	if v.Kind() == payload.Array && v.Len() > 1 {
		return event{}, shop.PayloadError("BigCommerce", errSeveral)
	}
	if v = v.Object(); v.Kind() != payload.Object {
		return event{}, shop.PayloadError("BigCommerce", errNoObject)
	}
	if scope := v.Get("scope").Trimmed(); scope != "" && !v.Get("total_inc_tax").Given() {
		if !strings.HasPrefix(scope, "store/order/") {
			return event{v: v, other: shop.OtherTopic(scope).Ignore}, nil
		}
		whole := v.Get("data").Get("order").Object()
		if whole.Kind() != payload.Object {
			return named(v)
		}
		v = whole
	}
	if w := v.Get("order").Object(); w.Kind() == payload.Object && !v.Get("id").Given() {
		v = w
	}
	e := event{v: v}
	switch {
	case v.Twice("id"):
		return e, shop.PayloadError("BigCommerce", shop.ErrTwoIDs)
	case !v.Get("status_id").Given() && !v.Get("total_inc_tax").Given():
		e.other = "neither status nor total: not an order"
	case v.Get("status_id").Trimmed() == "0":
		e.other = "a checkout that is not completed, not an order yet"
	}
	if _, ok := shop.OrderID(v.Get("id")); !ok && e.other == "" {
		return e, shop.PayloadError("BigCommerce", shop.ErrNoID)
	}
	return e, nil
}

// named is an event as BigCommerce sends it: it names an order, or a payment or message of one.
func named(v payload.Value) (event, error) {
	data := v.Get("data")
	at := data.Get("id")
	if kind := data.Get("type").Trimmed(); kind != "" && kind != "order" || data.Get("order_id").Given() {
		at = data.Get("order_id")
	}
	if id, ok := shop.OrderID(at); ok && !data.Twice("id") {
		return event{v: v, bare: id}, nil
	}
	return event{}, shop.PayloadError("BigCommerce", errBare)
}

// timeOf reads a time as mails have it, as BigCommerce writes it, or as ISO 8601.
func timeOf(v payload.Value) time.Time {
	if t, err := time.Parse(time.RFC1123Z, v.Trimmed()); err == nil && t.Year() >= 1970 {
		return t
	}
	return shop.ParseTime(v, time.UTC)
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
		return shop.BareKey("BigCommerce", e.bare, errBare), nil
	}
	id, _ := shop.OrderID(e.v.Get("id"))
	status, _ := e.status()
	placed := timeOf(e.v.Get("date_created"))
	return waxwing.EventKey{OrderID: strings.Clone(id), UpdatedAt: timeOf(e.v.Get("date_modified")), OccurredAt: placed, PlacedAt: placed, Rank: shop.Rank(status, e.cancelled())}, nil
}

func normalise(_ string, raw []byte) (*waxwing.Order, error) {
	d, err := payload.ReadBytes(raw)
	if err != nil {
		return nil, err
	}
	defer d.Release()
	e, err := eventIn(d)
	if err == nil && e.bare != "" {
		err = shop.BareOrder("BigCommerce", e.bare, errBare)
	}
	if err == nil && e.other != "" {
		err = shop.PayloadError("BigCommerce", errors.New("this is "+e.other))
	}
	if err != nil {
		return nil, err
	}
	// Amounts are in the currency that is paid in, which is not always the one that was shown.
	cur, ok := shop.Currency(e.v.Get("default_currency_code"))
	if !ok && !e.v.Get("default_currency_code").Given() {
		cur, ok = shop.Currency(e.v.Get("currency_code"))
	}
	if !ok {
		return nil, shop.PayloadError("BigCommerce", errNoCurrency)
	}
	r := reader{event: e, money: shop.MoneyReader{Currency: cur}}
	if err := r.order(); err != nil {
		return nil, shop.PayloadError("BigCommerce", err)
	}
	return r.o, nil
}
