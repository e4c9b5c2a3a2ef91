package mapping

import (
	"slices"
	"strings"
)

// kind is how a field is read.
type kind int

const (
	word     kind = iota // a text or a number, as a text
	lines                // a text with its line breaks
	rows                 // a list of texts
	flag                 // true or false
	moment               // a time
	day                  // a date, or a time
	link                 // an https address, or nothing
	amount               // a decimal, rounded to the currency's places
	reduced              // an amount that is taken off, written with or without a minus
	price                // a decimal with all its places
	share                // a rate: 0.19, or 19 for per cent
	count                // a whole number
	choice               // a word of ours
	locale               // a language
	country              // a country's two letters, or nothing
	currency             // a currency's code
	list                 // a list of objects
)

// field is one of the generic order's.
type field struct {
	kind kind
	// required: without it there is no order.
	required bool
	// known are the words of a choice.
	known []string
}

var (
	statuses = []string{"pending", "partially_paid", "authorized", "paid", "partially_refunded", "refunded", "voided", "failed"}
	offline  = []string{"cash_on_delivery", "bank_transfer", "cheque", "invoice"}
	stocks   = []string{"allocated", "in_stock", "low", "backorder", "preorder", "out_of_stock", "pending"}
	types    = []string{"order", "draft", "cart", "quote", "refund", "subscription", "part"}
	adjusted = []string{"store_credit", "gift_card", "rounding", "surcharge", "adjustment"}
)

// fields are those of the generic order, but for the shop; a test holds them to its schema.
var fields = map[string]field{
	"type": {kind: choice, known: types}, "id": {required: true}, "number": {}, "test": {kind: flag}, "locale": {kind: locale},
	"currency": {kind: currency, required: true}, "shop_currency": {kind: currency},
	"placed_at": {kind: moment, required: true}, "updated_at": {kind: moment}, "cancelled_at": {kind: moment},
	"customer.id": {}, "customer.first_name": {}, "customer.last_name": {}, "customer.email": {}, "customer.phone": {}, "customer.group": {}, "customer.push": {},
	"items": {kind: list, required: true}, "items.sku": {}, "items.product_id": {}, "items.variant_id": {}, "items.name": {required: true}, "items.variant": {},
	"items.properties": {kind: list}, "items.properties.name": {}, "items.properties.value": {},
	"items.quantity": {kind: count, required: true}, "items.unit_price": {kind: price}, "items.total": {kind: amount}, "items.discount": {kind: reduced},
	"items.refunded": {kind: count}, "items.image_url": {kind: link}, "items.url": {kind: link}, "items.gift_card": {kind: flag}, "items.digital": {kind: flag},
	"items.stock": {kind: choice, known: stocks}, "items.bundle": {},
	"taxes_included": {kind: flag}, "tip": {kind: amount},
	"discounts": {kind: list}, "discounts.title": {}, "discounts.amount": {kind: reduced},
	"shipping": {kind: list}, "shipping.title": {}, "shipping.amount": {kind: amount},
	"fees": {kind: list}, "fees.title": {}, "fees.amount": {kind: amount},
	"taxes": {kind: list}, "taxes.title": {}, "taxes.amount": {kind: amount}, "taxes.rate": {kind: share},
	"gift_cards": {kind: list}, "gift_cards.title": {}, "gift_cards.amount": {kind: reduced},
	"adjustments": {kind: list}, "adjustments.kind": {kind: choice, known: adjusted}, "adjustments.title": {}, "adjustments.amount": {kind: amount},
	"totals.subtotal": {kind: amount}, "totals.discount": {kind: reduced}, "totals.shipping": {kind: amount}, "totals.tax": {kind: amount},
	"totals.total": {kind: amount}, "totals.refunded": {kind: reduced},
	"payment.status": {kind: choice, required: true, known: statuses}, "payment.method": {}, "payment.last4": {}, "payment.offline": {kind: choice, known: offline},
	"payment.instructions": {kind: lines}, "payment.reference": {}, "payment.url": {kind: link}, "payment.deposit": {kind: amount}, "payment.due": {kind: amount},
	"stock":         {kind: choice, known: stocks},
	"delivery.from": {kind: day}, "delivery.to": {kind: day}, "delivery.method": {}, "delivery.pickup": {kind: flag}, "delivery.handed_over": {kind: flag}, "delivery.shipped": {kind: flag},
	"links.status": {kind: link}, "links.tracking": {kind: link}, "links.support": {kind: link}, "links.returns": {kind: link}, "links.invoice": {kind: link},
	"note": {kind: lines}, "purchase_order": {},
	"addresses.billing.name": {}, "addresses.billing.company": {}, "addresses.billing.lines": {kind: rows}, "addresses.billing.city": {}, "addresses.billing.region": {},
	"addresses.billing.postal_code": {}, "addresses.billing.country": {kind: country}, "addresses.billing.phone": {},
	"addresses.shipping.name": {}, "addresses.shipping.company": {}, "addresses.shipping.lines": {kind: rows}, "addresses.shipping.city": {}, "addresses.shipping.region": {},
	"addresses.shipping.postal_code": {}, "addresses.shipping.country": {kind: country}, "addresses.shipping.phone": {},
	"addresses.pickup.name": {}, "addresses.pickup.company": {}, "addresses.pickup.lines": {kind: rows}, "addresses.pickup.city": {}, "addresses.pickup.region": {},
	"addresses.pickup.postal_code": {}, "addresses.pickup.country": {kind: country}, "addresses.pickup.phone": {},
}

// fieldNames are all of them, sorted.
func fieldNames() []string {
	out := make([]string, 0, len(fields))
	for name := range fields {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// above is the list that a field is one of each item of; "" none.
func above(name string) string {
	for p := parent(name); p != ""; p = parent(p) {
		if fields[p].kind == list {
			return p
		}
	}
	return ""
}

func parent(name string) string {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[:i]
	}
	return ""
}
