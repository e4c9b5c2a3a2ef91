// Package generic reads the order of POST /v1/tenants/{tenant}/orders, which clients write for
// this program: strictly, with an error that says where and what, so that a client's author
// mends it before a customer gets half a mail.
package generic

import (
	_ "embed"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// Schema is the JSON Schema (2020-12) of the generic order, with a
// description of each field and an example. The reader refuses whatever the
// schema refuses, and beyond that sums that do not agree.
//
//go:embed schema.json
var Schema []byte

// Format reads the order of POST /v1/tenants/{tenant}/orders, which names its
// shop and its id: the same order by webhook is the same confirmation. It is
// strict: an unknown key, a wrong type and a total that does not agree with
// the lines, but for rounding, are errors. It has no webhooks.
var Format = waxwing.Format{
	Name:      "generic",
	Key:       keyOf,
	Normalise: normalise,
}

// The keys of the generic order's objects; a test holds them against the schema.
var (
	orderKeys = []string{"type", "shop", "id", "number", "test", "locale", "currency", "shop_currency", "placed_at",
		"updated_at", "cancelled_at", "customer", "addresses", "items", "taxes_included", "discounts", "shipping",
		"fees", "taxes", "gift_cards", "tip", "adjustments", "totals", "payment", "stock", "delivery", "links", "note",
		"purchase_order"}
	customerKeys  = []string{"id", "first_name", "last_name", "email", "phone", "group", "push"}
	addressesKeys = []string{"billing", "shipping", "pickup"}
	addressKeys   = []string{"name", "company", "lines", "city", "region", "postal_code", "country", "phone"}
	itemKeys      = []string{"sku", "product_id", "variant_id", "name", "variant", "properties", "quantity",
		"unit_price", "total", "discount", "refunded", "image_url", "url", "gift_card", "digital", "stock", "bundle"}
	propertyKeys   = []string{"name", "value"}
	amountKeys     = []string{"title", "amount"}
	adjustmentKeys = []string{"kind", "title", "amount"}
	taxKeys        = []string{"title", "amount", "rate"}
	totalsKeys     = []string{"subtotal", "discount", "shipping", "tax", "total", "refunded"}
	paymentKeys    = []string{"status", "method", "last4", "offline", "instructions", "reference", "url", "deposit", "due"}
	deliveryKeys   = []string{"from", "to", "method", "pickup", "handed_over", "shipped"}
	linksKeys      = []string{"status", "tracking", "support", "returns", "invoice"}

	types    = []string{"order", "draft", "cart", "quote", "refund", "subscription", "part"}
	adjusted = []string{"store_credit", "gift_card", "rounding", "surcharge", "adjustment"}

	statuses = []string{"pending", "partially_paid", "authorized", "paid", "partially_refunded", "refunded",
		"voided", "failed"}
	offlineMethods = []string{"cash_on_delivery", "bank_transfer", "cheque", "invoice"}
	stocks         = []string{"allocated", "in_stock", "low", "backorder", "preorder", "out_of_stock", "pending"}
)

func keyOf(_ string, raw []byte) (waxwing.EventKey, error) {
	d, err := payload.ReadBytes(raw)
	if err != nil {
		return waxwing.EventKey{}, err
	}
	defer d.Release()
	var bad faults
	f := fields{v: d.Root(), bad: &bad}
	if f.v.Kind() != payload.Object {
		bad.add(nil, "want an object")
	}
	if kind := f.choice("type", types); bad.err == nil && kind != "" && kind != "order" {
		return waxwing.EventKey{Ignore: "its type is " + kind + ", not order"}, nil
	}
	for _, k := range []string{"shop", "id"} {
		if f.v.Twice(k) {
			f.fail(k, "given twice")
		}
		for other := range f.v.Members() { // ID beside id
			if other != k && strings.EqualFold(other, k) {
				f.unknown(other, orderKeys)
			}
		}
	}
	key := waxwing.EventKey{
		Shop:       waxwing.ShopID(strings.Clone(shopOf(f))),
		OrderID:    strings.Clone(idOf(f)),
		UpdatedAt:  f.time("updated_at"),
		OccurredAt: f.time("placed_at"),
		Rank: shop.Rank(waxwing.PaymentStatus(f.v.Get("payment").Get("status").Text()),
			f.time("cancelled_at")),
	}
	if bad.err != nil {
		return waxwing.EventKey{}, bad.err
	}
	key.PlacedAt = key.OccurredAt
	if key.Rank == 1 && key.UpdatedAt.After(key.OccurredAt) {
		key.OccurredAt = key.UpdatedAt // as near as the order says when it was paid
	}
	return key, nil
}

// shopOf and idOf are the key of the order: they are taken as they are or refused.
func shopOf(f fields) string {
	v := f.v.Get("shop")
	s := v.Text()
	ok := v.Kind() == payload.String && s != "" && len(s) <= 64
	for _, c := range []byte(s) {
		ok = ok && (c|0x20-'a' < 26 || c-'0' < 10 || c == '-' || c == '_' || c == '.')
	}
	if !ok {
		f.fail("shop", "want the name of a shop: up to 64 letters, digits, - _ .")
	}
	return s
}

func idOf(f fields) string {
	w := f.v.Get("id")
	s := w.Text()
	switch {
	case w.Kind() == payload.String && s != "" && len(s) <= 200 && shop.Clean(s, 200) == s:
	case w.Kind() == payload.Number && len(s) <= 20 && payload.Digits(s, 0) == len(s):
	default:
		f.fail("id", "want the order's id: a string of 1 to 200 characters, or a whole number")
	}
	return s
}

func normalise(_ string, raw []byte) (*waxwing.Order, error) {
	d, err := payload.ReadBytes(raw)
	if err != nil {
		return nil, err
	}
	defer d.Release()
	var bad faults
	o := orderOf(fields{v: d.Root(), bad: &bad})
	if bad.err != nil {
		return nil, bad.err
	}
	return o, nil
}
