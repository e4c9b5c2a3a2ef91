package shopify

import (
	"errors"
	"strings"

	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// otherTypes are the objects of Shopify's that are no order, by the type in
// their GraphQL id, for each something else comes to the same webhook.
var otherTypes = map[string]string{
	"DraftOrder": "a draft, not an order yet", "Refund": "a refund, not an order", "Return": "a return, not an order",
	"SubscriptionContract":       "a subscription: each of its orders is confirmed",
	"SubscriptionBillingAttempt": "a payment of a subscription, not an order", "SubscriptionDraft": "a subscription: each of its orders is confirmed",
	"Checkout": "a checkout, not an order yet", "AbandonedCheckout": "a checkout, not an order yet", "Cart": "a cart, not an order",
	"Fulfillment": "a fulfillment, not an order", "FulfillmentOrder": "a fulfillment, not an order", "OrderTransaction": "a payment, not an order",
	"Customer": "a customer, not an order", "Product": "a product, not an order", "Dispute": "a dispute, not an order",
}

// wrapped are the names under which the REST API wraps what is no order.
var wrapped = [][2]string{{"draft_order", "DraftOrder"}, {"refund", "Refund"}, {"checkout", "Checkout"}, {"cart", "Cart"},
	{"subscription_contract", "SubscriptionContract"}, {"fulfillment", "Fulfillment"}, {"transaction", "OrderTransaction"},
	{"customer", "Customer"}, {"product", "Product"}}

// whyNone says why an object is no order, or "".
func whyNone(v payload.Value) string {
	if rest, ok := strings.CutPrefix(v.First("admin_graphql_api_id", "id"), "gid://shopify/"); ok {
		kind, _, _ := strings.Cut(rest, "/")
		switch why := otherTypes[kind]; {
		case why != "":
			return why
		case kind != "Order":
			return "another object of Shopify's, not an order"
		}
	}
	switch id := v.Get("id").Trimmed(); {
	case v.Get("abandoned_checkout_url").Given():
		return otherTypes["Checkout"]
	case v.Get("invoice_sent_at").Kind() != payload.Absent, strings.HasPrefix(v.Get("name").Trimmed(), "#D") && v.Get("invoice_url").Given():
		return otherTypes["DraftOrder"]
	case isDraft(v):
		return otherTypes["DraftOrder"]
	case v.Get("refund_line_items").Given():
		return otherTypes["Refund"]
	case v.Get("billing_policy").Given() || v.Get("origin_order_id").Given():
		return otherTypes["SubscriptionContract"]
	case v.Get("tracking_company").Kind() != payload.Absent || v.Get("tracking_numbers").Given():
		return otherTypes["Fulfillment"]
	case v.Get("order_id").Given() && !v.Get("total_price").Given() && !v.Get("total_price_set").Given():
		return "a part of an order, not an order"
	case v.Get("total_price").Given() || v.Get("total_price_set").Given():
	case !v.Get("line_items").Given():
		return "neither total nor line items: not an order"
	case id != "" && payload.Digits(id, 0) != len(id) && !strings.HasPrefix(id, "gid:"),
		v.Get("token").Given() && !v.Get("order_number").Given() && !v.Get("financial_status").Given():
		return otherTypes["Cart"]
	}
	return ""
}

// isDraft reports whether an object has a draft's state, which orders do not
// have, and nothing of an order's.
func isDraft(v payload.Value) bool {
	switch v.Get("status").Text() {
	case "open", "invoice_sent", "completed":
		return !v.Get("financial_status").Given() && !v.Get("order_number").Given()
	}
	return false
}

// orderIn finds the order, or why the event is none: webhooks send it bare,
// the REST API wraps it, and so it wraps other things. An error is about what is
// an order and cannot be read.
func orderIn(d *payload.Document) (v payload.Value, other string, err error) {
	v = d.Root().Object()
	if v.Kind() == payload.Object && !v.Get("id").Given() {
		if list := v.Get("orders"); list.Kind() == payload.Array && list.Len() == 1 {
			v = list.Object()
		}
		for _, name := range wrapped {
			if v.Get(name[0]).Object().Kind() == payload.Object && !v.Get("order").Given() && !v.Get("line_items").Given() &&
				!v.Get("total_price").Given() {
				return v, otherTypes[name[1]], nil
			}
		}
		if w := v.Get("order").Object(); w.Kind() == payload.Object {
			v = w
		}
	}
	if v.Kind() != payload.Object {
		return v, "", shop.PayloadError("Shopify", errors.New("not an object"))
	}
	if v.Twice("id") {
		return v, "", shop.PayloadError("Shopify", shop.ErrTwoIDs)
	}
	if other = whyNone(v); other != "" {
		return v, other, nil
	}
	if _, ok := orderID(v.Get("id")); !ok {
		return v, "", shop.PayloadError("Shopify", shop.ErrNoID)
	}
	return v, "", nil
}
