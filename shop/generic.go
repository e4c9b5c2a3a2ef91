package shop

import (
	_ "embed" // for the schema
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
)

// GenericSchema is the JSON Schema (2020-12) of the generic order, with a
// description of each field and an example. The reader refuses whatever the
// schema refuses, and beyond that sums that do not agree.
//
//go:embed generic.schema.json
var GenericSchema []byte

// Generic reads the order of POST /v1/tenants/{tenant}/orders, which names its
// shop and its id: the same order by webhook is the same confirmation. It is
// strict: an unknown key, a wrong type and a total that does not agree with
// the lines, but for rounding, are errors. It has no webhooks.
var Generic = waxwing.Format{
	Name:      "generic",
	Key:       genericKey,
	Normalise: normaliseGeneric,
}

// The keys of the generic order's objects; a test holds them against the schema.
var (
	genericKeys = []string{"type", "shop", "id", "number", "test", "locale", "currency", "shop_currency", "placed_at",
		"updated_at", "cancelled_at", "customer", "addresses", "items", "taxes_included", "discounts", "shipping",
		"fees", "taxes", "gift_cards", "tip", "adjustments", "totals", "payment", "stock", "delivery", "links", "note",
		"purchase_order"}
	genericCustomerKeys  = []string{"id", "first_name", "last_name", "email", "phone", "group"}
	genericAddressesKeys = []string{"billing", "shipping", "pickup"}
	genericAddressKeys   = []string{"name", "company", "lines", "city", "region", "postal_code", "country", "phone"}
	genericItemKeys      = []string{"sku", "product_id", "variant_id", "name", "variant", "properties", "quantity",
		"unit_price", "total", "discount", "refunded", "image_url", "url", "gift_card", "digital", "stock", "bundle"}
	genericPropertyKeys   = []string{"name", "value"}
	genericAmountKeys     = []string{"title", "amount"}
	genericAdjustmentKeys = []string{"kind", "title", "amount"}
	genericTaxKeys        = []string{"title", "amount", "rate"}
	genericTotalsKeys     = []string{"subtotal", "discount", "shipping", "tax", "total", "refunded"}
	genericPaymentKeys    = []string{"status", "method", "last4", "offline", "instructions", "reference", "url", "deposit", "due"}
	genericDeliveryKeys   = []string{"from", "to", "method", "pickup", "handed_over", "shipped"}
	genericLinksKeys      = []string{"status", "tracking", "support", "returns", "invoice"}

	genericTypes    = []string{"order", "draft", "cart", "quote", "refund", "subscription", "part"}
	genericAdjusted = []string{"store_credit", "gift_card", "rounding", "surcharge", "adjustment"}

	genericStatuses = []string{"pending", "partially_paid", "authorized", "paid", "partially_refunded", "refunded",
		"voided", "failed"}
	genericOffline = []string{"cash_on_delivery", "bank_transfer", "cheque", "invoice"}
	genericStocks  = []string{"allocated", "in_stock", "low", "backorder", "preorder", "out_of_stock", "pending"}
)

func genericKey(_ string, raw []byte) (waxwing.EventKey, error) {
	d, err := readDocument(string(raw))
	if err != nil {
		return waxwing.EventKey{}, err
	}
	defer d.release()
	v, r := d.root(), genericReader{}
	if v.kind() != kindObject {
		r.fail(nil, "want an object")
	}
	if kind := r.choice(v, nil, "type", genericTypes); r.err == nil && kind != "" && kind != "order" {
		return waxwing.EventKey{Ignore: "its type is " + kind + ", not order"}, nil
	}
	for _, k := range []string{"shop", "id"} {
		if v.twice(k) {
			r.failIn(top, k, "given twice")
		}
		for other := range v.members() { // ID beside id
			if other != k && strings.EqualFold(other, k) {
				r.unknown(top, other, genericKeys)
			}
		}
	}
	key := waxwing.EventKey{
		Shop:       waxwing.ShopID(strings.Clone(r.shop(v))),
		OrderID:    strings.Clone(r.id(v)),
		UpdatedAt:  r.moment(v, nil, "updated_at"),
		OccurredAt: r.moment(v, nil, "placed_at"),
		Rank: rank(waxwing.PaymentStatus(v.get("payment").get("status").text()),
			r.moment(v, nil, "cancelled_at")),
	}
	if r.err != nil {
		return waxwing.EventKey{}, r.err
	}
	key.PlacedAt = key.OccurredAt
	if key.Rank == 1 && key.UpdatedAt.After(key.OccurredAt) {
		key.OccurredAt = key.UpdatedAt // as near as the order says when it was paid
	}
	return key, nil
}

func normaliseGeneric(_ string, raw []byte) (*waxwing.Order, error) {
	d, err := readDocument(string(raw))
	if err != nil {
		return nil, err
	}
	defer d.release()
	r := genericReader{}
	o := r.order(d.root())
	if r.err != nil {
		return nil, r.err
	}
	return o, nil
}

func (r *genericReader) order(v value) *waxwing.Order {
	if !r.object(v, nil, genericKeys) {
		return nil
	}
	o := &waxwing.Order{
		Format:        "generic",
		Shop:          waxwing.ShopID(r.shop(v)),
		ID:            r.id(v),
		Number:        r.word(v, nil, "number", capNumber),
		Test:          r.flag(v, nil, "test"),
		Locale:        r.locale(v, nil, "locale"),
		Currency:      r.currency(v, nil, "currency"),
		ShopCurrency:  r.currency(v, nil, "shop_currency"),
		PlacedAt:      r.moment(v, nil, "placed_at"),
		UpdatedAt:     r.moment(v, nil, "updated_at"),
		Cancelled:     r.moment(v, nil, "cancelled_at"),
		TaxesIncluded: r.flag(v, nil, "taxes_included"),
		Stock:         waxwing.Stock(r.choice(v, nil, "stock", genericStocks)),
		Note:          r.lines(v, nil, "note", capNote),
		PurchaseOrder: r.word(v, nil, "purchase_order", capNumber),
		Customer:      r.customer(v.get("customer")),
		Payment:       r.payment(v.get("payment")),
		Delivery:      r.delivery(v.get("delivery")),
		Links:         r.links(v.get("links")),
	}
	for _, key := range []string{"currency", "placed_at", "payment", "items"} {
		if !v.get(key).given() {
			r.failIn(top, key, "missing")
		}
	}
	if o.Number == "" {
		o.Number = o.ID
	}
	if o.ShopCurrency == o.Currency {
		o.ShopCurrency = ""
	}
	if kind := r.choice(v, nil, "type", genericTypes); kind != "" && kind != "order" {
		r.failIn(top, "type", "not an order")
	}
	o.Links.Pay = r.link(v.get("payment"), top.in("payment"), "url")
	if a, at := v.get("addresses"), top.in("addresses"); r.object(a, at, genericAddressesKeys) {
		o.Billing = r.address(a.get("billing"), at.in("billing"))
		o.Shipping = r.address(a.get("shipping"), at.in("shipping"))
		place := r.address(a.get("pickup"), at.in("pickup"))
		if o.Delivery.Pickup { // the customer's own address is not where
			o.Shipping = place
		} else if place != nil {
			r.failIn(at, "pickup", "only with delivery.pickup: true")
		}
	}
	r.till = till{cur: o.Currency}
	if r.err == nil {
		r.amounts(v, o)
	}
	if r.err == nil {
		r.parts(v.get("payment"), o)
	}
	if r.err == nil {
		r.till.settleRows(o)
	}
	if r.till.err != nil {
		r.fail(nil, r.till.err.Error())
	}
	return o
}

// parts reads how much of an order was paid and how much is still to be paid.
func (r *genericReader) parts(v value, o *waxwing.Order) {
	at := top.in("payment")
	deposit, due := r.amount(v, at, "deposit"), r.amount(v, at, "due")
	cards := r.sum(o.GiftCards)
	if deposit != nil {
		o.Payment.Deposit = r.part(at, "deposit", *deposit, o)
	}
	if due != nil {
		o.Payment.Due = r.part(at, "due", *due, o)
	}
	if deposit == nil || due == nil {
		return
	}
	// The deposit may be what was paid with the cards too.
	switch off := o.Total.Sub(*deposit).Sub(*due); {
	case off.Minor >= -1 && off.Minor <= 1 && !cards.IsZero():
		o.Payment.Deposit = deposit.Sub(cards)
	case off.Minor >= -1 && off.Minor <= 1:
	case off.Minor < cards.Minor-1 || off.Minor > cards.Minor+1:
		r.failIn(at, "due", "does not agree with the total less deposit and gift_cards")
	}
}

func (r *genericReader) customer(v value) (c waxwing.Customer) {
	at := top.in("customer")
	if !r.object(v, at, genericCustomerKeys) {
		return c
	}
	c.ID = r.word(v, at, "id", capNumber)
	c.FirstName = r.text(v, at, "first_name", capName)
	c.LastName = r.text(v, at, "last_name", capName)
	c.Phone = r.text(v, at, "phone", capPhone)
	c.Group = r.text(v, at, "group", capName)
	r.text(v, at, "email", capEmail)
	c.Email = address(v.get("email").text())
	return c
}

func (r *genericReader) address(v value, at *place) *waxwing.Address {
	if !r.object(v, at, genericAddressKeys) {
		return nil
	}
	a := &waxwing.Address{
		Name:       r.text(v, at, "name", capName),
		Company:    r.text(v, at, "company", capName),
		City:       r.text(v, at, "city", capName),
		PostalCode: r.word(v, at, "postal_code", capName),
		Phone:      r.text(v, at, "phone", capPhone),
	}
	if s := r.text(v, at, "country", capName); s != "" {
		if a.Country = countryCode(s); a.Country == "" {
			r.failIn(at, "country", "want two letters (ISO 3166-1 alpha-2)")
		}
	}
	a.Region = regionName(a.Country, r.text(v, at, "region", capName))
	for i, l := range r.list(v, at, "lines", 6) {
		here := at.in("lines").at(i)
		if l.kind() != kindString {
			r.fail(here, "want a string")
		}
		if s := clean(l.text(), capName); s != "" {
			a.Lines = append(a.Lines, s)
		}
	}
	return settled(a)
}

func (r *genericReader) payment(v value) (p waxwing.Payment) {
	at := top.in("payment")
	if !r.object(v, at, genericPaymentKeys) {
		return p
	}
	p.Status = waxwing.PaymentStatus(r.choice(v, at, "status", genericStatuses))
	p.Offline = r.choice(v, at, "offline", genericOffline)
	p.Method = ownWords(r.text(v, at, "method", capName), p.Offline)
	if p.Last4 = r.text(v, at, "last4", 8); p.Last4 != "" && (len(p.Last4) != 4 || lastFour(p.Last4) == "") {
		r.failIn(at, "last4", "want four digits in a string")
	}
	if p.Status == "" {
		r.failIn(at, "status", "missing")
	}
	p.Instructions = r.lines(v, at, "instructions", capNote)
	p.Reference = r.word(v, at, "reference", capNumber)
	return p
}

func (r *genericReader) delivery(v value) (d waxwing.Delivery) {
	at := top.in("delivery")
	if !r.object(v, at, genericDeliveryKeys) {
		return d
	}
	d.From, d.To = r.day(v, at, "from"), r.day(v, at, "to")
	d.Method = r.text(v, at, "method", capName)
	d.Pickup = r.flag(v, at, "pickup")
	d.HandedOver = r.flag(v, at, "handed_over")
	d.Shipped = r.flag(v, at, "shipped")
	if !d.To.IsZero() && d.To.Before(d.From) {
		r.failIn(at, "to", "before from")
	}
	return d
}

func (r *genericReader) links(v value) (l waxwing.Links) {
	at := top.in("links")
	if !r.object(v, at, genericLinksKeys) {
		return l
	}
	l.Status = r.link(v, at, "status")
	l.Tracking = r.link(v, at, "tracking")
	l.Support = r.link(v, at, "support")
	l.Returns = r.link(v, at, "returns")
	l.Invoice = r.link(v, at, "invoice")
	return l
}

// day reads a date, or a time as RFC 3339 has it.
func (r *genericReader) day(v value, at *place, key string) time.Time {
	if s := v.get(key).text(); len(s) == len("2006-01-02") {
		if t, err := time.Parse("2006-01-02", s); err == nil && t.Year() >= 1970 {
			return t
		}
	}
	return r.moment(v, at, key)
}
