package woocommerce

import (
	"errors"
	"strings"

	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// drafts are the states of what is no order yet, or never was one.
var drafts = map[string]string{
	"checkout-draft": "a draft, not an order yet", "auto-draft": "a draft, not an order yet", "draft": "a draft, not an order yet",
	"inherit":   "a revision, not an order",
	"ywraq-new": "a request for a quote", "ywraq-pending": "a request for a quote", "ywraq-expired": "a request for a quote",
	"ywraq-rejected": "a request for a quote", "quote": "a request for a quote", "quote-request": "a request for a quote",
	"quote-requested": "a request for a quote", "quote-pending": "a request for a quote", "request-quote": "a request for a quote",
}

// postTypes are the kinds of WordPress posts that are no purchase.
var postTypes = map[string]string{
	"shop_order_refund": "a refund, not an order", "shop_subscription": "a subscription: each of its orders is confirmed",
	"shop_order_vendor": "a vendor's part of an order: the order itself is confirmed",
	"wcdp_payment":      "a payment of an order that is confirmed itself", "awcdp_payment": "a payment of an order that is confirmed itself",
	"shop_order_draft": "a draft, not an order yet", "shop_coupon": "a coupon, not an order", "product": "a product, not an order",
	"product_variation": "a product, not an order", "shop_quote": "a request for a quote", "addify_quote": "a request for a quote",
	"scheduled-payment": "a payment of an order that is confirmed itself", "shop_cart": "a cart, not an order",
}

// whyNone says why an object is no purchase of its own, or "". Other objects
// come by the same webhook: the parts of an order that a marketplace makes for
// its vendors, subscriptions, refunds, later payments of a deposit, carts.
func whyNone(v payload.Value) string {
	if why := postTypes[v.First("type", "post_type")]; why != "" {
		return why
	}
	switch {
	case v.Get("billing_period").Given() && v.Get("billing_interval").Given(), v.Get("next_payment_date").Kind() != payload.Absent,
		v.Get("next_payment_date_gmt").Kind() != payload.Absent, statusWord(v) == "pending-cancel":
		return postTypes["shop_subscription"]
	case v.Get("refunded_by").Given() || v.Get("refunded_payment").Given() || v.Get("amount").Given() && v.Get("reason").Kind() == payload.String:
		return postTypes["shop_order_refund"]
	case !v.Get("total").Given() && !v.Get("line_items").Given():
		if !v.Get("id").Given() && (v.Get("items").Given() || v.Get("cart_contents").Given() || v.Get("cart_key").Given()) {
			return "a cart, not an order"
		}
		return "neither total nor line items: not an order"
	}
	if why := drafts[statusWord(v)]; why != "" {
		return why
	}
	return whyPart(v)
}

// whyPart says why an order is a part of another one, or "". A renewal, a switch
// or a resubscription is a purchase of its own, though some shops hang it below
// the first order.
func whyPart(v payload.Value) string {
	via := strings.ToLower(v.Get("created_via").Trimmed())
	part, original := false, false
	for _, m := range v.Get("meta_data").Items() {
		switch m.Get("key").Text() {
		case "_subscription_renewal", "_subscription_switch", "_subscription_resubscribe":
			if m.Get("value").Given() {
				return ""
			}
		case "_dokan_parent_order_id", "_wcfm_parent_order", "_wcmp_parent_order_id", "_mvx_parent_order_id", "_vendor_order_parent":
			part = part || m.Get("value").Trimmed() != "" && m.Get("value").Trimmed() != "0"
		case "_original_order_id", "_wc_deposits_parent_order_id":
			original = original || m.Get("value").Trimmed() != ""
		}
	}
	if via == "subscription" || via == "subscriptions" {
		return ""
	}
	parent := v.Get("parent_id").Trimmed()
	if parent == "0" || parent == "" || payload.Digits(parent, 0) != len(parent) || len(parent) > 20 {
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

// orderIn finds the order, or why the event is none: webhooks send it bare, the
// legacy API wraps it. An error is about what is an order and cannot be read.
func orderIn(d *payload.Document) (v payload.Value, other string, err error) {
	v = d.Root()
	if w := v.Get("order").Object(); w.Kind() == payload.Object && !v.Get("id").Given() {
		v = w
	}
	if v = v.Object(); v.Kind() != payload.Object {
		return v, "", shop.PayloadError("WooCommerce", errors.New("not an object"))
	}
	if v.Twice("id") {
		return v, "", shop.PayloadError("WooCommerce", shop.ErrTwoIDs)
	}
	if other = whyNone(v); other != "" {
		return v, other, nil
	}
	if _, ok := shop.OrderID(v.Get("id")); !ok {
		return v, "", shop.PayloadError("WooCommerce", shop.ErrNoID)
	}
	return v, "", nil
}
