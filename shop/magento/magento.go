// Package magento reads the orders of Magento 2 and Adobe Commerce: the order of the REST API
// (V1/orders/ID), as modules post it by webhook, and as Adobe I/O Events and Adobe Commerce's
// webhooks wrap it. All amounts are those of the order's own currency; the base_ ones, which the
// merchant books in, are never mixed in.
package magento

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// The headers that modules for webhooks sign in. Magento has no webhooks of its own, and Adobe's
// are signed by RSA with keys that would have to be fetched: of these no signature is believed.
const (
	signatureHeader = "X-Magento-Signature"   // hex or base64: Async Events and others
	hmacHeader      = "X-Magento-Hmac-Sha256" // base64
)

// Format reads orders of Magento 2.0 to 2.4.
var Format = waxwing.Format{
	Name:      "magento",
	Topic:     func(http.Header) string { return "" }, // the event itself says it
	Verify:    verify,
	SignedIn:  signatureHeader,
	Key:       keyOf,
	Normalise: normalise,
}

// verify takes an HMAC-SHA256 of the body in one of the two headers.
func verify(h http.Header, raw []byte, secrets []waxwing.Secret) bool {
	sent := strings.TrimSpace(h.Get(signatureHeader))
	if sent == "" {
		sent = strings.TrimSpace(h.Get(hmacHeader))
	}
	sent = strings.TrimPrefix(sent, "sha256=")
	sent = sent[:min(len(sent), 65)] // a longer one is none, and costs no more than one
	want, err := hex.DecodeString(sent)
	if err != nil {
		if want, err = base64.StdEncoding.DecodeString(sent); err != nil {
			want = nil
		}
	}
	return shop.SignedAs(want, raw, secrets)
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
	id, _ := shop.OrderID(e.v.Get("entity_id"))
	placed := timeOf(e.v.Get("created_at"))
	return waxwing.EventKey{
		OrderID:    strings.Clone(id),
		UpdatedAt:  timeOf(e.v.Get("updated_at")),
		OccurredAt: placed,
		PlacedAt:   placed,
		Rank:       shop.Rank(e.status(), e.cancelled()),
	}, nil
}

func normalise(_ string, raw []byte) (*waxwing.Order, error) {
	d, err := payload.ReadBytes(raw)
	if err != nil {
		return nil, err
	}
	defer d.Release()
	e, err := eventIn(d)
	if err == nil && e.other != "" {
		err = shop.PayloadError("Magento", errors.New("this is "+e.other))
	}
	if err != nil {
		return nil, err
	}
	cur, ok := shop.Currency(e.v.Get("order_currency_code"))
	if !ok {
		return nil, shop.PayloadError("Magento", errNoCurrency)
	}
	r := reader{event: e, money: shop.MoneyReader{Currency: cur}}
	if err := r.order(); err != nil {
		return nil, shop.PayloadError("Magento", err)
	}
	return r.o, nil
}
