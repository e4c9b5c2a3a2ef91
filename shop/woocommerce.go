package shop

import (
	"bytes"
	"errors"
	"html"
	"math/big"
	"net/http"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
)

// WooCommerce reads the order webhooks of WooCommerce's REST API (v1 to v3) and
// of the legacy API before it: order.created and order.updated, and
// order.restored as a later event.
var WooCommerce = waxwing.Format{
	Name:      "woocommerce",
	Topic:     func(h http.Header) string { return strings.TrimSpace(h.Get("X-WC-Webhook-Topic")) },
	Verify:    verifyWooCommerce,
	SignedIn:  "X-WC-Webhook-Signature",
	Ping:      WooCommercePing,
	Key:       wooKey,
	Normalise: normaliseWoo,
}

func verifyWooCommerce(h http.Header, raw []byte, secrets []waxwing.Secret) bool {
	return signedBy(h, "X-WC-Webhook-Signature", raw, secrets)
}

// WooCommercePing reports whether raw is what WooCommerce posts when a webhook
// is saved: the form webhook_id=N, without topic and signature. It says nothing
// about an order, so whoever answers it 200, for every tenant alike, gives
// nothing away.
func WooCommercePing(raw []byte) bool {
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

func wooTopic(topic string) bool {
	switch topic {
	case "", "order.created", "order.updated", "order.restored":
		return true
	}
	return false
}

func wooKey(topic string, raw []byte) (waxwing.EventKey, error) {
	if WooCommercePing(raw) {
		return waxwing.EventKey{Ignore: "ping"}, nil
	}
	if !wooTopic(topic) {
		return notOrders(topic), nil
	}
	d, err := readDocument(string(raw))
	if err != nil {
		return waxwing.EventKey{}, err
	}
	defer d.release()
	v, other, err := wooBody(d)
	if err != nil || other != "" {
		return waxwing.EventKey{Ignore: other}, err
	}
	id, _ := orderID(v.get("id"))
	status, _ := wooStatus(v)
	key := waxwing.EventKey{
		OrderID:    strings.Clone(id),
		UpdatedAt:  wooUpdated(v),
		OccurredAt: shopTime(v.get("date_paid"), v.get("date_paid_gmt")),
		Rank:       rank(status, wooCancelled(v)),
	}
	key.PlacedAt = wooPlaced(v)
	if placed := key.PlacedAt; placed.After(key.OccurredAt) {
		key.OccurredAt = placed
	}
	return key, nil
}

func wooPlaced(v value) time.Time {
	if t := shopTime(v.get("date_created"), v.get("date_created_gmt")); !t.IsZero() {
		return t
	}
	return moment(v.get("created_at"), time.UTC)
}

func wooUpdated(v value) time.Time {
	if t := shopTime(v.get("date_modified"), v.get("date_modified_gmt")); !t.IsZero() {
		return t
	}
	return moment(v.get("updated_at"), time.UTC)
}

func wooStatusWord(v value) string {
	return strings.TrimPrefix(v.get("status").trimmed(), "wc-")
}

// wooCancelled returns when the order was cancelled or thrown away, as near as
// the payload says.
func wooCancelled(v value) time.Time {
	switch wooStatusWord(v) {
	case "cancelled", "trash":
		if t := wooUpdated(v); !t.IsZero() {
			return t
		}
		return wooPlaced(v)
	}
	return time.Time{}
}

// wooStatus tells how far the payment has come, and the offline method.
// WooCommerce's status is that of the order: "processing" means paid, but for
// cash on delivery, where date_paid stays empty until the order is completed.
func wooStatus(v value) (waxwing.PaymentStatus, string) {
	offline := wooOffline(v)
	paid := !shopTime(v.get("date_paid"), v.get("date_paid_gmt")).IsZero() || v.get("payment_details").get("paid").bool()
	switch wooStatusWord(v) {
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

func wooOffline(v value) string {
	switch wooMethod(v).trimmed() {
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

func normaliseWoo(topic string, raw []byte) (*waxwing.Order, error) {
	if !wooTopic(topic) {
		return nil, wrong("WooCommerce", errors.New("the topic is not one of completed orders"))
	}
	d, err := readDocument(string(raw))
	if err != nil {
		return nil, err
	}
	defer d.release()
	v, other, err := wooBody(d)
	if err == nil && other != "" {
		err = wrong("WooCommerce", errors.New("this is "+other))
	}
	if err != nil {
		return nil, err
	}
	cur, ok := currency(v.get("currency"))
	if !ok {
		return nil, wrong("WooCommerce", errNoCurrency)
	}
	r := wooReader{v: v, till: till{cur: cur}, gross: v.get("prices_include_tax").bool()}
	o, err := r.order()
	if err != nil {
		return nil, wrong("WooCommerce", err)
	}
	return o, nil
}

// wooReader reads one order.
type wooReader struct {
	v    value
	till till
	o    *waxwing.Order
	// gross: the shop's prices include the tax, so the tax that WooCommerce
	// always keeps apart is put back into each line.
	gross bool
	// cut is what lines cost less than their subtotals after discounts, extra what
	// others cost more.
	cut, extra waxwing.Money
	rates      map[string]*big.Rat // of taxes, as fractions, by their ids
}

func (r *wooReader) order() (*waxwing.Order, error) {
	v := r.v
	id, _ := orderID(v.get("id"))
	o := &waxwing.Order{
		Format:        "woocommerce",
		ID:            id,
		Number:        wooText(v.either("number", "order_number"), capNumber),
		Currency:      r.till.cur,
		PlacedAt:      wooPlaced(v),
		UpdatedAt:     wooUpdated(v),
		Cancelled:     wooCancelled(v),
		Note:          wooNote(v.either("customer_note", "note")),
		TaxesIncluded: r.gross,
		Billing:       wooAddress(wooBilling(v)),
	}
	r.o = o
	if o.Number == "" {
		o.Number = id
	}
	o.Payment.Status, o.Payment.Offline = wooStatus(v)
	title := v.get("payment_method_title")
	if !title.given() {
		title = v.get("payment_details").get("method_title")
	}
	if o.Payment.Method = wooText(title, capName); o.Payment.Method == "" && o.Payment.Offline == "" {
		o.Payment.Method = methodName(clean(wooMethod(v).text(), capName))
	}
	o.Payment.Method = ownWords(o.Payment.Method, o.Payment.Offline)
	o.Customer = wooCustomer(v)
	r.meta()
	if strings.HasPrefix(wooStatusWord(v), "pre") {
		o.Stock = waxwing.StockPreorder
	}
	if err := r.amounts(); err != nil {
		return nil, err
	}
	if r.pickup(); !o.Delivery.Pickup {
		o.Shipping = wooAddress(wooShipping(v))
	}
	r.paying()
	return o, r.till.err
}

func wooAddress(v value) *waxwing.Address {
	if v = v.object(); v.kind() != kindObject {
		return nil
	}
	a := &waxwing.Address{
		Company:    wooText(v.get("company"), capName),
		Lines:      wooStreet(v),
		City:       wooText(v.get("city"), capName),
		PostalCode: wooText(v.get("postcode"), capName),
		Country:    countryCode(v.get("country").trimmed()),
		Phone:      wooText(v.get("phone"), capPhone),
	}
	if a.Country == "" {
		a.CountryName = wooText(v.get("country"), capName)
	}
	a.Name = personName(wooText(v.get("first_name"), capName), wooText(v.get("last_name"), capName), a.Country)
	a.Region = regionName(a.Country, wooText(v.get("state"), capName))
	return settled(a)
}

func wooCustomer(v value) waxwing.Customer {
	b, s := wooBilling(v), wooShipping(v)
	who := waxwing.Customer{
		FirstName: wooText(b.get("first_name"), capName),
		LastName:  wooText(b.get("last_name"), capName),
		Email:     address(html.UnescapeString(b.get("email").text())),
		Phone:     wooText(b.get("phone"), capPhone),
	}
	if id := clean(v.get("customer_id").text(), capNumber); id != "0" {
		who.ID = id
	}
	if who.FirstName == "" && who.LastName == "" {
		who.FirstName, who.LastName = wooText(s.get("first_name"), capName), wooText(s.get("last_name"), capName)
	}
	if who.Phone == "" {
		who.Phone = wooText(s.get("phone"), capPhone)
	}
	return who
}
