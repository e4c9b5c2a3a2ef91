package shop

import (
	"errors"
	"strings"
)

// wooDrafts are the states of what is no order yet, or never was one.
var wooDrafts = map[string]string{
	"checkout-draft": "a draft, not an order yet", "auto-draft": "a draft, not an order yet", "draft": "a draft, not an order yet",
	"inherit":   "a revision, not an order",
	"ywraq-new": "a request for a quote", "ywraq-pending": "a request for a quote", "ywraq-expired": "a request for a quote",
	"ywraq-rejected": "a request for a quote", "quote": "a request for a quote", "quote-request": "a request for a quote",
	"quote-requested": "a request for a quote", "quote-pending": "a request for a quote", "request-quote": "a request for a quote",
}

// wooTypes are the kinds of WordPress posts that are no purchase.
var wooTypes = map[string]string{
	"shop_order_refund": "a refund, not an order", "shop_subscription": "a subscription: each of its orders is confirmed",
	"shop_order_vendor": "a vendor's part of an order: the order itself is confirmed",
	"wcdp_payment":      "a payment of an order that is confirmed itself", "awcdp_payment": "a payment of an order that is confirmed itself",
	"shop_order_draft": "a draft, not an order yet", "shop_coupon": "a coupon, not an order", "product": "a product, not an order",
	"product_variation": "a product, not an order", "shop_quote": "a request for a quote", "addify_quote": "a request for a quote",
	"scheduled-payment": "a payment of an order that is confirmed itself", "shop_cart": "a cart, not an order",
}

// wooOther says why an object is no purchase of its own, or "". Other objects
// come by the same webhook: the parts of an order that a marketplace makes for
// its vendors, subscriptions, refunds, later payments of a deposit, carts.
func wooOther(v value) string {
	if why := wooTypes[v.first("type", "post_type")]; why != "" {
		return why
	}
	switch {
	case v.get("billing_period").given() && v.get("billing_interval").given(), v.get("next_payment_date").kind() != kindAbsent,
		v.get("next_payment_date_gmt").kind() != kindAbsent, wooStatusWord(v) == "pending-cancel":
		return wooTypes["shop_subscription"]
	case v.get("refunded_by").given() || v.get("refunded_payment").given() || v.get("amount").given() && v.get("reason").kind() == kindString:
		return wooTypes["shop_order_refund"]
	case !v.get("total").given() && !v.get("line_items").given():
		if !v.get("id").given() && (v.get("items").given() || v.get("cart_contents").given() || v.get("cart_key").given()) {
			return "a cart, not an order"
		}
		return "neither total nor line items: not an order"
	}
	if why := wooDrafts[wooStatusWord(v)]; why != "" {
		return why
	}
	return wooPart(v)
}

// wooPart says why an order is a part of another one, or "". A renewal, a switch
// or a resubscription is a purchase of its own, though some shops hang it below
// the first order.
func wooPart(v value) string {
	via := strings.ToLower(v.get("created_via").trimmed())
	part, original := false, false
	for _, m := range v.get("meta_data").items() {
		switch m.get("key").text() {
		case "_subscription_renewal", "_subscription_switch", "_subscription_resubscribe":
			if m.get("value").given() {
				return ""
			}
		case "_dokan_parent_order_id", "_wcfm_parent_order", "_wcmp_parent_order_id", "_mvx_parent_order_id", "_vendor_order_parent":
			part = part || m.get("value").trimmed() != "" && m.get("value").trimmed() != "0"
		case "_original_order_id", "_wc_deposits_parent_order_id":
			original = original || m.get("value").trimmed() != ""
		}
	}
	if via == "subscription" || via == "subscriptions" {
		return ""
	}
	parent := v.get("parent_id").trimmed()
	if parent == "0" || parent == "" || digits(parent, 0) != len(parent) || len(parent) > 20 {
		parent = ""
	}
	switch {
	case strings.Contains(via, "deposit") && (parent != "" || original):
		return "a later payment of an order that was confirmed before"
	case parent != "":
		return "a part of order " + parent + ", which is confirmed itself"
	case part || strings.Contains(via, "suborder") || strings.Contains(via, "vendor_order"):
		return "a part of an order that is confirmed itself"
	}
	return ""
}

// wooBody finds the order, or why the event is none: webhooks send it bare, the
// legacy API wraps it. An error is about what is an order and cannot be read.
func wooBody(d *document) (v value, other string, err error) {
	v = d.root()
	if w := v.get("order").object(); w.kind() == kindObject && !v.get("id").given() {
		v = w
	}
	if v = v.object(); v.kind() != kindObject {
		return v, "", wrong("WooCommerce", errors.New("not an object"))
	}
	if v.twice("id") {
		return v, "", wrong("WooCommerce", errTwoIDs)
	}
	if other = wooOther(v); other != "" {
		return v, other, nil
	}
	if _, ok := orderID(v.get("id")); !ok {
		return v, "", wrong("WooCommerce", errNoID)
	}
	return v, "", nil
}
