// Package stripe reads what Stripe says when somebody has paid: a finished Checkout, a paid
// invoice, a payment by itself. Several may tell of one payment; it is one order, whose id is the
// invoice's (in_...) where there is one, and else the payment's (pi_...).
package stripe

import (
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// signatureHeader carries "t=1492774577,v1=5257a8...,v1=...": when it was signed, and a
// signature for each secret of the endpoint that is live.
const signatureHeader = "Stripe-Signature"

// mostSignatures is how many signatures of one header are looked at: Stripe has two while a
// secret is being rolled.
const mostSignatures = 8

// Format reads Stripe's snapshot events (API versions 2019 to 2026) about Checkout sessions,
// payment intents and invoices, and those objects by themselves.
var Format = waxwing.Format{
	Name:      "stripe",
	Topic:     func(http.Header) string { return "" }, // the event itself says it
	Verify:    verify,
	SignedIn:  signatureHeader,
	SignedAt:  signedAt,
	Key:       keyOf,
	Normalise: normalise,
}

// signature is a Stripe-Signature header in its parts.
type signature struct {
	t  string   // as it was signed: Unix seconds
	v1 []string // hex; v0 is for tests of Stripe's own and counts for nothing
}

func signatureIn(h http.Header) (s signature) {
	for part := range strings.SplitSeq(h.Get(signatureHeader), ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(part), "="); {
		case name == "t" && s.t == "":
			s.t = value
		case name == "v1" && len(s.v1) < mostSignatures:
			s.v1 = append(s.v1, value)
		}
	}
	return s
}

func signedAt(h http.Header) time.Time {
	s, err := strconv.ParseInt(signatureIn(h).t, 10, 64)
	if err != nil || s <= 0 || s > 1<<40 {
		return time.Time{}
	}
	return time.Unix(s, 0)
}

func verify(h http.Header, raw []byte, secrets []waxwing.Secret) bool {
	s := signatureIn(h)
	wants := make([][]byte, 0, len(s.v1))
	for _, v := range s.v1 {
		if want, err := hex.DecodeString(v[:min(len(v), 65)]); err == nil { // a longer one is none, and costs no more than one
			wants = append(wants, want)
		}
	}
	return shop.SignedAsAny(wants, secrets, []byte(s.t), []byte("."), raw)
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
	k := waxwing.EventKey{OrderID: strings.Clone(e.orderID()), UpdatedAt: e.at, OccurredAt: e.at, PlacedAt: seconds(e.v.Get("created"))}
	if k.OccurredAt.IsZero() {
		k.OccurredAt = k.PlacedAt
	}
	if k.Rank = shop.Rank(e.status(), e.cancelled()); e.object == intent && k.Rank == 1 {
		k.Rank = 0 // of one second, what tells more counts
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
		err = shop.PayloadError("Stripe", errors.New("this is "+e.other))
	}
	if err != nil {
		return nil, err
	}
	cur, ok := shop.Currency(e.v.Get("currency"))
	if !ok {
		return nil, shop.PayloadError("Stripe", shop.ErrNoCurrency)
	}
	r := reader{event: e, money: shop.MoneyReader{Currency: cur}}
	if err := r.order(); err != nil {
		return nil, shop.PayloadError("Stripe", err)
	}
	return r.o, nil
}

// seconds reads a time as Stripe gives it; zero where there is none.
func seconds(v payload.Value) time.Time {
	s, ok := v.Int()
	if !ok || s <= 0 || s > 1<<40 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}
