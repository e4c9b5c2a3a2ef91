// Package shopify reads the orders of Shopify: one reader for each event, in shop money or in
// the money that the customer saw, and never in both.
package shopify

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// Format reads the order webhooks of Shopify's Admin REST API (2019-10 to
// 2025-07 and the older shape): orders/create and orders/paid, and as later
// events of the same order orders/updated and orders/cancelled. The order of the
// GraphQL Admin API is the same order: its key is the number in its id.
var Format = waxwing.Format{
	Name:      "shopify",
	Topic:     func(h http.Header) string { return strings.TrimSpace(h.Get("X-Shopify-Topic")) },
	Verify:    verify,
	SignedIn:  "X-Shopify-Hmac-Sha256",
	Key:       keyOf,
	Normalise: normalise,
}

func verify(h http.Header, raw []byte, secrets []waxwing.Secret) bool {
	return shop.SignedBy(h, "X-Shopify-Hmac-Sha256", raw, secrets)
}

func ofOrders(topic string) bool {
	switch topic {
	case "", "orders/create", "orders/paid", "orders/updated", "orders/cancelled":
		return true
	}
	return false
}

func keyOf(topic string, raw []byte) (waxwing.EventKey, error) {
	if !ofOrders(topic) {
		return shop.OtherTopic(topic), nil
	}
	d, err := read(raw)
	if err != nil {
		return waxwing.EventKey{}, err
	}
	defer d.Release()
	order, other, err := orderIn(d)
	if err != nil || other != "" {
		return waxwing.EventKey{Ignore: other}, err
	}
	id, _ := orderID(order.Get("id"))
	key := waxwing.EventKey{
		OrderID:    strings.Clone(id),
		UpdatedAt:  shop.ParseTime(order.Get("updated_at"), time.UTC),
		OccurredAt: placedAt(order),
	}
	key.Rank = shop.Rank(statusOf(order.Get("financial_status").Trimmed()), shop.ParseTime(order.Get("cancelled_at"), time.UTC))
	key.PlacedAt = key.OccurredAt
	// The day of payment is nowhere in the payload, but being paid is what made
	// this event: an order may well be paid days after it was placed.
	if topic == "orders/paid" && key.UpdatedAt.After(key.OccurredAt) {
		key.OccurredAt = key.UpdatedAt
	}
	return key, nil
}

func placedAt(order payload.Value) time.Time {
	if t := shop.ParseTime(order.Get("processed_at"), time.UTC); !t.IsZero() {
		return t
	}
	return shop.ParseTime(order.Get("created_at"), time.UTC)
}

// OrderID reads an id, also in the form of the GraphQL API (gid://shopify/Order/1).
func orderID(v payload.Value) (string, bool) {
	if s := v.Text(); strings.HasPrefix(s, "gid://shopify/Order/") {
		s = s[len("gid://shopify/Order/"):]
		return s, s != "" && len(s) <= 20 && s[0] != '0' && payload.Digits(s, 0) == len(s)
	}
	return shop.OrderID(v)
}

func normalise(topic string, raw []byte) (*waxwing.Order, error) {
	if !ofOrders(topic) {
		return nil, shop.PayloadError("Shopify", errors.New("the topic is not one of completed orders"))
	}
	d, err := read(raw)
	if err != nil {
		return nil, err
	}
	defer d.Release()
	v, other, err := orderIn(d)
	if err == nil && other != "" {
		err = shop.PayloadError("Shopify", errors.New("this is "+other))
	}
	if err != nil {
		return nil, err
	}
	shopCur, ok := shop.Currency(v.Get("currency"))
	if !ok {
		shopCur, ok = shop.Currency(v.Get("total_price_set").Get("shop_money").Get("currency_code"))
	}
	if !ok {
		return nil, shop.PayloadError("Shopify", shop.ErrNoCurrency)
	}
	seen, ok := shop.Currency(v.Get("total_price_set").Get("presentment_money").Get("currency_code"))
	if ok && seen != shopCur {
		r := reader{v: v, money: shop.MoneyReader{Currency: seen}, presentment: true}
		if o, err := r.order(); err == nil && !r.lacking {
			o.ShopCurrency = shopCur
			return o, nil
		}
	}
	r := reader{v: v, money: shop.MoneyReader{Currency: shopCur}}
	o, err := r.order()
	if err != nil {
		return nil, shop.PayloadError("Shopify", err)
	}
	return o, nil
}

// reader reads one order, with all amounts in presentment money or all
// in shop money.
type reader struct {
	v           payload.Value
	money       shop.MoneyReader
	o           *waxwing.Order
	total, now  payload.Value // the total as it was, and as it is now
	presentment bool
	// lacking: an amount that is not nought has no presentment money, so the
	// order must be read in shop money.
	lacking bool
	// edited: lines were removed before they were paid, so that the current_*
	// totals are what the order costs.
	edited   bool
	back     map[string]int64   // by line item's id, how many came back
	prices   [][2]waxwing.Money // of the lines: a piece, and the line
	cuts     []discount
	discount waxwing.Money // what the cuts add up to
	tips     waxwing.Money // of tips that are lines
}

// amountField names an amount's field and the one that has it in both currencies.
type amountField struct{ plain, set string }

// find returns the amount in the reader's currency, or none.
func (r *reader) find(v payload.Value, a amountField) payload.Value {
	set := v.Get(a.set)
	if inner := set.Get(a.set); inner.Given() {
		set = inner // Shopify's own documentation nests original_total_duties_set
	}
	if r.presentment {
		m := set.Get("presentment_money")
		if amount := m.Get("amount"); amount.Trimmed() != "" {
			if m.Get("currency_code").Trimmed() != r.money.Currency {
				r.lacking = true
			}
			return amount
		}
		if shop.Nonzero(v.Get(a.plain).Text()) || shop.Nonzero(set.Get("shop_money").Get("amount").Text()) {
			r.lacking = true
		}
		return payload.Value{}
	}
	m := set.Get("shop_money")
	if code := m.Get("currency_code").Trimmed(); code != "" && !strings.EqualFold(code, r.money.Currency) && shop.Nonzero(m.Get("amount").Text()) {
		r.money.Spoil(a.set+".shop_money.currency_code", shop.ErrMixed)
	}
	if plain := v.Get(a.plain); plain.Trimmed() != "" {
		return plain
	}
	return m.Get("amount")
}

// kept reads an amount as the money reader does, has says whether there is one.
func (r *reader) kept(v payload.Value, a amountField) waxwing.Money {
	return r.money.Kept(r.find(v, a), a.plain)
}

func (r *reader) has(v payload.Value, a amountField) bool {
	return r.find(v, a).Trimmed() != ""
}

func (r *reader) order() (*waxwing.Order, error) {
	v := r.v
	id, _ := orderID(v.Get("id"))
	o := &waxwing.Order{
		Format:        "shopify",
		ID:            id,
		Number:        shop.Clean(v.First("name", "order_number", "number"), shop.MaxNumber),
		Test:          v.Get("test").Bool(),
		Locale:        shop.LocaleTag(v.Get("customer_locale").Text()),
		Currency:      r.money.Currency,
		PlacedAt:      placedAt(v),
		UpdatedAt:     shop.ParseTime(v.Get("updated_at"), time.UTC),
		Cancelled:     shop.ParseTime(v.Get("cancelled_at"), time.UTC),
		Note:          shop.CleanLines(shop.AsIs(v.Get("note").Text()), shop.MaxNote),
		PurchaseOrder: purchaseOrder(v),
		TaxesIncluded: v.Get("taxes_included").Bool(),
		Billing:       addressOf(v.Get("billing_address")),
		Shipping:      addressOf(v.Get("shipping_address")),
		Payment:       paymentOf(v),
	}
	r.o = o
	if o.Number == "" {
		o.Number = id
	}
	if v.Get("confirmed").Kind() == payload.True {
		o.Stock = waxwing.StockAllocated // "whether inventory has been reserved"
	}
	o.Customer = customerOf(v, o)
	o.Named = namedIn(v, &o.Customer)
	o.Links.Status = shop.Link(v.Get("order_status_url").Text())
	o.Links.Tracking = trackingOf(v.Get("fulfillments"))
	if err := r.amounts(); err != nil {
		return nil, err
	}
	r.pickup()
	return o, nil
}
