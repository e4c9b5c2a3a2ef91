package shop

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Shopify reads the order webhooks of Shopify's Admin REST API (2019-10 to
// 2025-07 and the older shape): orders/create and orders/paid, and as later
// events of the same order orders/updated and orders/cancelled.
var Shopify = waxwing.Format{
	Name:      "shopify",
	Topic:     func(h http.Header) string { return strings.TrimSpace(h.Get("X-Shopify-Topic")) },
	Verify:    verifyShopify,
	SignedIn:  "X-Shopify-Hmac-Sha256",
	Key:       shopifyKey,
	Normalise: normaliseShopify,
}

func verifyShopify(h http.Header, raw []byte, secrets []waxwing.Secret) bool {
	return signedBy(h, "X-Shopify-Hmac-Sha256", raw, secrets)
}

func shopifyTopic(topic string) bool {
	switch topic {
	case "", "orders/create", "orders/paid", "orders/updated", "orders/cancelled":
		return true
	}
	return false
}

func shopifyKey(topic string, raw []byte) (waxwing.EventKey, error) {
	if !shopifyTopic(topic) {
		return notOrders(topic), nil
	}
	d, err := readDocument(string(raw))
	if err != nil {
		return waxwing.EventKey{}, err
	}
	defer d.release()
	order, other, err := shopifyBody(d)
	if err != nil || other != "" {
		return waxwing.EventKey{Ignore: other}, err
	}
	id, _ := shopifyID(order.get("id"))
	key := waxwing.EventKey{
		OrderID:    strings.Clone(id),
		UpdatedAt:  moment(order.get("updated_at"), time.UTC),
		OccurredAt: shopifyPlaced(order),
	}
	key.Rank = rank(shopifyStatus(order.get("financial_status").trimmed()), moment(order.get("cancelled_at"), time.UTC))
	key.PlacedAt = key.OccurredAt
	// The day of payment is nowhere in the payload, but being paid is what made
	// this event: an order may well be paid days after it was placed.
	if topic == "orders/paid" && key.UpdatedAt.After(key.OccurredAt) {
		key.OccurredAt = key.UpdatedAt
	}
	return key, nil
}

func shopifyPlaced(order value) time.Time {
	if t := moment(order.get("processed_at"), time.UTC); !t.IsZero() {
		return t
	}
	return moment(order.get("created_at"), time.UTC)
}

// shopifyID reads an id, also in the form of the GraphQL API (gid://shopify/Order/1).
func shopifyID(v value) (string, bool) {
	if s := v.text(); strings.HasPrefix(s, "gid://shopify/Order/") {
		s = s[len("gid://shopify/Order/"):]
		return s, s != "" && len(s) <= 20 && s[0] != '0' && digits(s, 0) == len(s)
	}
	return orderID(v)
}

func normaliseShopify(topic string, raw []byte) (*waxwing.Order, error) {
	if !shopifyTopic(topic) {
		return nil, wrong("Shopify", errors.New("the topic is not one of completed orders"))
	}
	d, err := readDocument(string(raw))
	if err != nil {
		return nil, err
	}
	defer d.release()
	v, other, err := shopifyBody(d)
	if err == nil && other != "" {
		err = wrong("Shopify", errors.New("this is "+other))
	}
	if err != nil {
		return nil, err
	}
	shopCur, ok := currency(v.get("currency"))
	if !ok {
		shopCur, ok = currency(v.get("total_price_set").get("shop_money").get("currency_code"))
	}
	if !ok {
		return nil, wrong("Shopify", errNoCurrency)
	}
	seen, ok := currency(v.get("total_price_set").get("presentment_money").get("currency_code"))
	if ok && seen != shopCur {
		r := shopifyReader{v: v, till: till{cur: seen}, presentment: true}
		if o, err := r.order(); err == nil && !r.lacking {
			o.ShopCurrency = shopCur
			return o, nil
		}
	}
	r := shopifyReader{v: v, till: till{cur: shopCur}}
	o, err := r.order()
	if err != nil {
		return nil, wrong("Shopify", err)
	}
	return o, nil
}

// shopifyReader reads one order, with all amounts in presentment money or all
// in shop money.
type shopifyReader struct {
	v           value
	till        till
	o           *waxwing.Order
	presentment bool
	// lacking: an amount that is not nought has no presentment money, so the
	// order must be read in shop money.
	lacking bool
	// edited: lines were removed before they were paid, so that the current_*
	// totals are what the order costs.
	edited   bool
	back     map[string]int64 // by line item's id, how many came back
	cuts     []shopifyCut
	discount waxwing.Money // what the cuts add up to
	tips     waxwing.Money // of tips that are lines
}

// shopifyAmount names an amount's field and the one that has it in both currencies.
type shopifyAmount struct{ plain, set string }

// find returns the amount in the reader's currency, or none.
func (r *shopifyReader) find(v value, a shopifyAmount) value {
	set := v.get(a.set)
	if inner := set.get(a.set); inner.given() {
		set = inner // Shopify's own documentation nests original_total_duties_set
	}
	if r.presentment {
		m := set.get("presentment_money")
		if amount := m.get("amount"); amount.trimmed() != "" {
			if m.get("currency_code").trimmed() != r.till.cur {
				r.lacking = true
			}
			return amount
		}
		if nonzero(v.get(a.plain).text()) || nonzero(set.get("shop_money").get("amount").text()) {
			r.lacking = true
		}
		return value{}
	}
	m := set.get("shop_money")
	if code := m.get("currency_code").trimmed(); code != "" && !strings.EqualFold(code, r.till.cur) && nonzero(m.get("amount").text()) {
		r.till.spoil(a.set+".shop_money.currency_code", errMixed)
	}
	if plain := v.get(a.plain); plain.trimmed() != "" {
		return plain
	}
	return m.get("amount")
}

// kept reads an amount as the till does, has says whether there is one.
func (r *shopifyReader) kept(v value, a shopifyAmount) waxwing.Money {
	return r.till.kept(r.find(v, a), a.plain)
}

func (r *shopifyReader) has(v value, a shopifyAmount) bool {
	return r.find(v, a).trimmed() != ""
}

func (r *shopifyReader) order() (*waxwing.Order, error) {
	v := r.v
	id, _ := shopifyID(v.get("id"))
	o := &waxwing.Order{
		Format:        "shopify",
		ID:            id,
		Number:        clean(v.first("name", "order_number", "number"), capNumber),
		Test:          v.get("test").bool(),
		Locale:        localeTag(v.get("customer_locale").text()),
		Currency:      r.till.cur,
		PlacedAt:      shopifyPlaced(v),
		UpdatedAt:     moment(v.get("updated_at"), time.UTC),
		Cancelled:     moment(v.get("cancelled_at"), time.UTC),
		Note:          cleanLines(asIs(v.get("note").text()), capNote),
		PurchaseOrder: shopifyPurchaseOrder(v),
		TaxesIncluded: v.get("taxes_included").bool(),
		Billing:       shopifyAddress(v.get("billing_address")),
		Shipping:      shopifyAddress(v.get("shipping_address")),
		Payment:       shopifyPayment(v),
	}
	r.o = o
	if o.Number == "" {
		o.Number = id
	}
	if v.get("confirmed").kind() == kindTrue {
		o.Stock = waxwing.StockAllocated // "whether inventory has been reserved"
	}
	o.Customer = shopifyCustomer(v, o)
	o.Named = shopifyNamed(v, &o.Customer)
	o.Links.Status = link(v.get("order_status_url").text())
	o.Links.Tracking = shopifyTracking(v.get("fulfillments"))
	if err := r.amounts(); err != nil {
		return nil, err
	}
	r.pickup()
	return o, nil
}
