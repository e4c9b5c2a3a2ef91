// Package shopware reads the orders of Shopware 6: the order entity, as the events of its webhooks
// carry it and as the Admin API gives it with its associations. What an order costs with, without
// or on top of tax is said by the order itself (taxStatus).
package shopware

import (
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// signatureHeader carries an HMAC-SHA256 of the body by the secret that the app was registered
// with, in hex.
const signatureHeader = "Shopware-Shop-Signature"

// Format reads orders of Shopware 6.4 to 6.7.
var Format = waxwing.Format{
	Name:      "shopware",
	Topic:     func(http.Header) string { return "" }, // the event itself says it
	Verify:    verify,
	SignedIn:  signatureHeader,
	Key:       keyOf,
	Normalise: normalise,
}

func verify(h http.Header, raw []byte, secrets []waxwing.Secret) bool {
	sent := strings.TrimSpace(h.Get(signatureHeader))
	want, err := hex.DecodeString(sent[:min(len(sent), 65)]) // a longer one is none, and costs no more than one
	if err != nil {
		want = nil
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
	status, placed := e.status(), e.placed()
	k := waxwing.EventKey{OrderID: strings.Clone(e.id()), UpdatedAt: e.updated(), OccurredAt: placed, PlacedAt: placed, Rank: shop.Rank(status, e.cancelled())}
	if paid := timeOf(e.transaction().Get("updatedAt")); k.Rank == 1 && paid.After(placed) {
		k.OccurredAt = paid
	}
	return k, nil
}

func normalise(_ string, raw []byte) (*waxwing.Order, error) {
	d, err := payload.ReadBytes(raw)
	if err != nil {
		return nil, err
	}
	defer d.Release()
	e, err := eventIn(d)
	if err == nil && e.other != "" {
		err = shop.PayloadError("Shopware", errors.New("this is "+e.other))
	}
	if err != nil {
		return nil, err
	}
	cur, ok := shop.Currency(e.v.Get("currency").Get("isoCode"))
	if !ok {
		return nil, shop.PayloadError("Shopware", errNoCurrency)
	}
	r := reader{event: e, money: shop.MoneyReader{Currency: cur}}
	if err := r.order(); err != nil {
		return nil, shop.PayloadError("Shopware", err)
	}
	return r.o, nil
}
