package shop

import (
	"errors"
	"strings"
)

// shopifyTypes are the objects of Shopify's that are no order, by the type in
// their GraphQL id, for each something else comes to the same webhook.
var shopifyTypes = map[string]string{
	"DraftOrder": "a draft, not an order yet", "Refund": "a refund, not an order", "Return": "a return, not an order",
	"SubscriptionContract":       "a subscription: each of its orders is confirmed",
	"SubscriptionBillingAttempt": "a payment of a subscription, not an order", "SubscriptionDraft": "a subscription: each of its orders is confirmed",
	"Checkout": "a checkout, not an order yet", "AbandonedCheckout": "a checkout, not an order yet", "Cart": "a cart, not an order",
	"Fulfillment": "a fulfillment, not an order", "FulfillmentOrder": "a fulfillment, not an order", "OrderTransaction": "a payment, not an order",
	"Customer": "a customer, not an order", "Product": "a product, not an order", "Dispute": "a dispute, not an order",
}

// shopifyWrapped are the names under which the REST API wraps what is no order.
var shopifyWrapped = [][2]string{{"draft_order", "DraftOrder"}, {"refund", "Refund"}, {"checkout", "Checkout"}, {"cart", "Cart"},
	{"subscription_contract", "SubscriptionContract"}, {"fulfillment", "Fulfillment"}, {"transaction", "OrderTransaction"},
	{"customer", "Customer"}, {"product", "Product"}}

// shopifyOther says why an object is no order, or "".
func shopifyOther(v value) string {
	if rest, ok := strings.CutPrefix(v.first("admin_graphql_api_id", "id"), "gid://shopify/"); ok {
		kind, _, _ := strings.Cut(rest, "/")
		switch why := shopifyTypes[kind]; {
		case why != "":
			return why
		case kind != "Order":
			return "another object of Shopify's, not an order"
		}
	}
	switch id := v.get("id").trimmed(); {
	case v.get("abandoned_checkout_url").given():
		return shopifyTypes["Checkout"]
	case v.get("invoice_sent_at").kind() != kindAbsent, strings.HasPrefix(v.get("name").trimmed(), "#D") && v.get("invoice_url").given():
		return shopifyTypes["DraftOrder"]
	case shopifyDraft(v):
		return shopifyTypes["DraftOrder"]
	case v.get("refund_line_items").given():
		return shopifyTypes["Refund"]
	case v.get("billing_policy").given() || v.get("origin_order_id").given():
		return shopifyTypes["SubscriptionContract"]
	case v.get("tracking_company").kind() != kindAbsent || v.get("tracking_numbers").given():
		return shopifyTypes["Fulfillment"]
	case v.get("order_id").given() && !v.get("total_price").given() && !v.get("total_price_set").given():
		return "a part of an order, not an order"
	case v.get("total_price").given() || v.get("total_price_set").given():
	case !v.get("line_items").given():
		return "neither total nor line items: not an order"
	case id != "" && digits(id, 0) != len(id) && !strings.HasPrefix(id, "gid:"),
		v.get("token").given() && !v.get("order_number").given() && !v.get("financial_status").given():
		return shopifyTypes["Cart"]
	}
	return ""
}

// shopifyDraft reports whether an object has a draft's state, which orders do not
// have, and nothing of an order's.
func shopifyDraft(v value) bool {
	switch v.get("status").text() {
	case "open", "invoice_sent", "completed":
		return !v.get("financial_status").given() && !v.get("order_number").given()
	}
	return false
}

// shopifyBody finds the order, or why the event is none: webhooks send it bare,
// the REST API wraps it, and so it wraps other things. An error is about what is
// an order and cannot be read.
func shopifyBody(d *document) (v value, other string, err error) {
	v = d.root().object()
	if v.kind() == kindObject && !v.get("id").given() {
		if list := v.get("orders"); list.kind() == kindArray && list.len() == 1 {
			v = list.object()
		}
		for _, name := range shopifyWrapped {
			if v.get(name[0]).object().kind() == kindObject && !v.get("order").given() && !v.get("line_items").given() &&
				!v.get("total_price").given() {
				return v, shopifyTypes[name[1]], nil
			}
		}
		if w := v.get("order").object(); w.kind() == kindObject {
			v = w
		}
	}
	if v.kind() != kindObject {
		return v, "", wrong("Shopify", errors.New("not an object"))
	}
	if v.twice("id") {
		return v, "", wrong("Shopify", errTwoIDs)
	}
	if other = shopifyOther(v); other != "" {
		return v, other, nil
	}
	if _, ok := shopifyID(v.get("id")); !ok {
		return v, "", wrong("Shopify", errNoID)
	}
	return v, "", nil
}
