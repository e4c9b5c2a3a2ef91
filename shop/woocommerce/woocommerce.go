// Package woocommerce reads the orders of WooCommerce and of the many plugins that write into
// them. Its amounts are net with the tax beside it; where a shop shows gross prices they are
// put together before they are rounded.
package woocommerce

import (
	"bytes"
	"errors"
	"html"
	"net/http"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// Format reads the order webhooks of WooCommerce's REST API (v1 to v3) and
// of the legacy API before it: order.created and order.updated, and
// order.restored as a later event.
var Format = waxwing.Format{
	Name:      "woocommerce",
	Topic:     func(h http.Header) string { return strings.TrimSpace(h.Get("X-WC-Webhook-Topic")) },
	Verify:    verify,
	SignedIn:  "X-WC-Webhook-Signature",
	Ping:      Ping,
	Key:       keyOf,
	Normalise: normalise,
}

func verify(h http.Header, raw []byte, secrets []waxwing.Secret) bool {
	return shop.SignedBy(h, "X-WC-Webhook-Signature", raw, secrets)
}

// Ping reports whether raw is what WooCommerce posts when a webhook
// is saved: the form webhook_id=N, without topic and signature. It says nothing
// about an order, so whoever answers it 200, for every tenant alike, gives
// nothing away.
func Ping(raw []byte) bool {
	id, ok := bytes.CutPrefix(bytes.TrimSpace(raw), []byte("webhook_id="))
	if !ok || len(id) == 0 || len(id) > 20 {
		return false
	}
	for _, c := range id {
		if c-'0' > 9 {
			return false
		}
	}
	return true
}

func ofOrders(topic string) bool {
	switch topic {
	case "", "order.created", "order.updated", "order.restored":
		return true
	}
	return false
}

func keyOf(topic string, raw []byte) (waxwing.EventKey, error) {
	if Ping(raw) {
		return waxwing.EventKey{Ignore: "ping"}, nil
	}
	if !ofOrders(topic) {
		return shop.OtherTopic(topic), nil
	}
	d, err := payload.ReadBytes(raw)
	if err != nil {
		return waxwing.EventKey{}, err
	}
	defer d.Release()
	v, other, err := orderIn(d)
	if err != nil || other != "" {
		return waxwing.EventKey{Ignore: other}, err
	}
	id, _ := shop.OrderID(v.Get("id"))
	status, _ := statusOf(v)
	key := waxwing.EventKey{
		OrderID:    strings.Clone(id),
		UpdatedAt:  updatedAt(v),
		OccurredAt: shop.LocalTime(v.Get("date_paid"), v.Get("date_paid_gmt")),
		Rank:       shop.Rank(status, cancelledAt(v)),
	}
	key.PlacedAt = placedAt(v)
	if placed := key.PlacedAt; placed.After(key.OccurredAt) {
		key.OccurredAt = placed
	}
	return key, nil
}

func placedAt(v payload.Value) time.Time {
	if t := shop.LocalTime(v.Get("date_created"), v.Get("date_created_gmt")); !t.IsZero() {
		return t
	}
	return shop.ParseTime(v.Get("created_at"), time.UTC)
}

func updatedAt(v payload.Value) time.Time {
	if t := shop.LocalTime(v.Get("date_modified"), v.Get("date_modified_gmt")); !t.IsZero() {
		return t
	}
	return shop.ParseTime(v.Get("updated_at"), time.UTC)
}

func statusWord(v payload.Value) string {
	return strings.TrimPrefix(v.Get("status").Trimmed(), "wc-")
}

// cancelledAt returns when the order was cancelled or thrown away, as near as
// the payload says.
func cancelledAt(v payload.Value) time.Time {
	switch statusWord(v) {
	case "cancelled", "trash":
		if t := updatedAt(v); !t.IsZero() {
			return t
		}
		return placedAt(v)
	}
	return time.Time{}
}

// statusOf tells how far the payment has come, and the offline method.
// WooCommerce's status is that of the order: "processing" means paid, but for
// cash on delivery, where date_paid stays empty until the order is completed.
func statusOf(v payload.Value) (waxwing.PaymentStatus, string) {
	offline := offlineMethod(v)
	paid := !shop.LocalTime(v.Get("date_paid"), v.Get("date_paid_gmt")).IsZero() || v.Get("payment_details").Get("paid").Bool()
	switch statusWord(v) {
	case "processing":
		if offline == waxwing.CashOnDelivery && !paid {
			return waxwing.PaymentPending, offline
		}
		if offline == waxwing.Invoice {
			// WooCommerce counts an order on account as paid once the shop works
			// on it, though the invoice is still to come.
			return waxwing.PaymentAuthorized, offline
		}
		return waxwing.PaymentPaid, offline
	case "completed":
		return waxwing.PaymentPaid, offline
	case "pre-ordered", "preordered", "pre-order":
		if !paid {
			return waxwing.PaymentAuthorized, offline // it is charged when the goods come
		}
		return waxwing.PaymentPaid, offline
	case "pending", "on-hold", "checkout-draft":
		return waxwing.PaymentPending, offline
	case "failed":
		return waxwing.PaymentFailed, offline
	case "refunded":
		return waxwing.PaymentRefunded, offline
	case "cancelled", "trash":
		return waxwing.PaymentVoided, offline
	case "partially-paid", "partial-payment", "partial-paid", "deposit-paid", "deposit", "partially-payed":
		return waxwing.PaymentPartlyPaid, offline
	}
	if paid { // a status of a merchant's own, such as "shipped"
		return waxwing.PaymentPaid, offline
	}
	return waxwing.PaymentUnknown, offline
}

func offlineMethod(v payload.Value) string {
	switch gatewayOf(v).Trimmed() {
	case "bacs":
		return waxwing.BankTransfer
	case "cheque":
		return waxwing.Cheque
	case "cod":
		return waxwing.CashOnDelivery
	case "invoice", "german_market_purchase_on_account", "woocommerce_gateway_purchase_order", "purchase_order",
		"wc_purchase_order", "wc-purchase-order", "purchaseorder", "b2bking-purchase-order-gateway", "b2bking-invoice-gateway":
		return waxwing.Invoice
	}
	return ""
}

func normalise(topic string, raw []byte) (*waxwing.Order, error) {
	if !ofOrders(topic) {
		return nil, shop.PayloadError("WooCommerce", errors.New("the topic is not one of completed orders"))
	}
	d, err := payload.ReadBytes(raw)
	if err != nil {
		return nil, err
	}
	defer d.Release()
	v, other, err := orderIn(d)
	if err == nil && other != "" {
		err = shop.PayloadError("WooCommerce", errors.New("this is "+other))
	}
	if err != nil {
		return nil, err
	}
	cur, ok := shop.Currency(v.Get("currency"))
	if !ok {
		return nil, shop.PayloadError("WooCommerce", shop.ErrNoCurrency)
	}
	r := reader{v: v, money: shop.MoneyReader{Currency: cur}}
	r.tax = taxed{money: &r.money, gross: v.Get("prices_include_tax").Bool()}
	o, err := r.order()
	if err != nil {
		return nil, shop.PayloadError("WooCommerce", err)
	}
	return o, nil
}

// reader reads one order.
type reader struct {
	v     payload.Value
	money shop.MoneyReader
	o     *waxwing.Order
	tax   taxed
	// cut is what lines cost less than their subtotals after discounts, extra what
	// others cost more.
	cut, extra waxwing.Money
}

func (r *reader) order() (*waxwing.Order, error) {
	v := r.v
	id, _ := shop.OrderID(v.Get("id"))
	o := &waxwing.Order{
		Format:        "woocommerce",
		ID:            id,
		Number:        plainText(v.Either("number", "order_number"), shop.MaxNumber),
		Currency:      r.money.Currency,
		PlacedAt:      placedAt(v),
		UpdatedAt:     updatedAt(v),
		Cancelled:     cancelledAt(v),
		Note:          noteOf(v.Either("customer_note", "note")),
		TaxesIncluded: r.tax.gross,
		Billing:       addressOf(billingOf(v)),
	}
	r.o = o
	if o.Number == "" {
		o.Number = id
	}
	o.Payment.Status, o.Payment.Offline = statusOf(v)
	title := v.Get("payment_method_title")
	if !title.Given() {
		title = v.Get("payment_details").Get("method_title")
	}
	if o.Payment.Method = plainText(title, shop.MaxName); o.Payment.Method == "" && o.Payment.Offline == "" {
		o.Payment.Method = shop.MethodName(shop.Clean(gatewayOf(v).Text(), shop.MaxName))
	}
	o.Payment.Method = shop.OwnWords(o.Payment.Method, o.Payment.Offline)
	o.Customer = customerOf(v)
	r.meta()
	if strings.HasPrefix(statusWord(v), "pre") {
		o.Stock = waxwing.StockPreorder
	}
	if err := r.amounts(); err != nil {
		return nil, err
	}
	if r.pickup(); !o.Delivery.Pickup {
		o.Shipping = addressOf(shippingOf(v))
	}
	r.paying()
	return o, r.money.Err
}

func addressOf(v payload.Value) *waxwing.Address {
	if v = v.Object(); v.Kind() != payload.Object {
		return nil
	}
	a := &waxwing.Address{
		Company:    plainText(v.Get("company"), shop.MaxName),
		Lines:      streetOf(v),
		City:       plainText(v.Get("city"), shop.MaxName),
		PostalCode: plainText(v.Get("postcode"), shop.MaxName),
		Country:    shop.CountryCode(v.Get("country").Trimmed()),
		Phone:      plainText(v.Get("phone"), shop.MaxPhone),
	}
	if a.Country == "" {
		a.CountryName = plainText(v.Get("country"), shop.MaxName)
	}
	a.Name = shop.PersonName(plainText(v.Get("first_name"), shop.MaxName), plainText(v.Get("last_name"), shop.MaxName), a.Country)
	a.Region = shop.RegionName(a.Country, plainText(v.Get("state"), shop.MaxName))
	return shop.AddressOrNil(a)
}

func customerOf(v payload.Value) waxwing.Customer {
	b, s := billingOf(v), shippingOf(v)
	who := waxwing.Customer{
		FirstName: plainText(b.Get("first_name"), shop.MaxName),
		LastName:  plainText(b.Get("last_name"), shop.MaxName),
		Email:     shop.MailAddress(html.UnescapeString(b.Get("email").Text())),
		Phone:     plainText(b.Get("phone"), shop.MaxPhone),
		Push:      shop.Push(v.Get("meta_data")),
	}
	if id := shop.Clean(v.Get("customer_id").Text(), shop.MaxNumber); id != "0" {
		who.ID = id
	}
	if who.FirstName == "" && who.LastName == "" {
		who.FirstName, who.LastName = plainText(s.Get("first_name"), shop.MaxName), plainText(s.Get("last_name"), shop.MaxName)
	}
	if who.Phone == "" {
		who.Phone = plainText(s.Get("phone"), shop.MaxPhone)
	}
	return who
}
