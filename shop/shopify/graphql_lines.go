package shopify

import (
	"encoding/json"

	"github.com/waxwinghq/waxwing/payload"
)

// restLines writes what was ordered: lines, discounts, shipping, taxes, fees, and what came back.
func restLines(v payload.Value, o object) {
	if list := v.Get("lineItems"); list.Given() {
		tip := v.Get("totalTipReceivedSet")
		o["line_items"] = each(list, func(l payload.Value) object { return restLine(l, tip) })
	}
	shipping := v.Get("shippingLines")
	if one := v.Get("shippingLine"); !shipping.Given() && one.Kind() == payload.Object {
		o["shipping_lines"] = []object{restShipping(one)}
	} else {
		o["shipping_lines"] = each(shipping, restShipping)
	}
	o["discount_applications"] = restDiscounts(v.Get("discountApplications"))
	codes := make([]object, 0)
	for _, c := range nodes(v.Get("discountCodes")) {
		codes = append(codes, object{"code": c.Text()})
	}
	if one := v.Get("discountCode").Trimmed(); one != "" && len(codes) == 0 {
		codes = append(codes, object{"code": one})
	}
	o["discount_codes"] = codes
	o["tax_lines"] = each(v.Get("taxLines"), restTax)
	o["additional_fees"] = each(v.Get("additionalFees"), func(f payload.Value) object {
		fee := copied(f, [2]string{"name", "name"})
		fee["price_set"] = money(f.Get("price"))
		return fee
	})
	o["refunds"] = each(v.Get("refunds"), restRefund)
	o["fulfillments"] = each(v.Get("fulfillments"), restFulfillment)
	restPickup(v, o)
}

func restLine(v, tip payload.Value) object {
	l := copied(v, [2]string{"title", "title"}, [2]string{"name", "name"}, [2]string{"variantTitle", "variant_title"}, [2]string{"sku", "sku"},
		[2]string{"quantity", "quantity"}, [2]string{"currentQuantity", "current_quantity"}, [2]string{"requiresShipping", "requires_shipping"},
		[2]string{"isGiftCard", "gift_card"})
	l["id"] = number(v.Get("id"))
	product, variant := v.Get("product"), v.Get("variant")
	l["product_id"], l["variant_id"] = number(product.Either("id", "legacyResourceId")), number(variant.Either("id", "legacyResourceId"))
	if s := variant.First("title"); l["variant_title"] == nil && s != "" {
		l["variant_title"] = s
	}
	if s := variant.First("sku"); l["sku"] == nil && s != "" {
		l["sku"] = s
	}
	if s := v.Get("image").First("url", "originalSrc", "src"); s != "" {
		l["image_url"] = s
	}
	if p := money(v.Get("originalUnitPriceSet")); p != nil {
		l["price_set"] = p
	} else if p := money(v.Get("discountedUnitPriceSet")); p != nil {
		l["price_set"] = p
	}
	l["properties"] = each(v.Get("customAttributes"), restAttribute)
	l["discount_allocations"] = each(v.Get("discountAllocations"), restAllocation)
	if s := v.Get("sellingPlan").First("name"); s != "" {
		l["selling_plan_allocation"] = object{"selling_plan": object{"name": s}}
	}
	if s := v.Get("lineItemGroup").First("title"); s != "" {
		l["line_item_group"] = object{"title": s}
	}
	// The REST API tells a tip by a key of its own.
	if title := v.Get("title").Trimmed(); title == "Tip" && !product.Given() && !variant.Given() && sameMoney(v.Get("originalUnitPriceSet"), tip) {
		l["tip_payment_gateway"] = nil
	}
	return l
}

// sameMoney reports whether two amounts are the same and something.
func sameMoney(a, b payload.Value) bool {
	for _, side := range []string{"shopMoney", "presentmentMoney"} {
		if s := a.Get(side).Get("amount").Trimmed(); s != "" && s == b.Get(side).Get("amount").Trimmed() {
			return true
		}
	}
	return false
}

func restAllocation(v payload.Value) object {
	a := object{"amount_set": money(v.Get("allocatedAmountSet"))}
	if i := scalar(v.Get("discountApplication").Get("index")); i != nil {
		a["discount_application_index"] = i
	}
	return a
}

// restDiscounts writes the discounts in the places by which the lines name them.
func restDiscounts(v payload.Value) []object {
	list := nodes(v)
	out := make([]object, len(list))
	for i, n := range list {
		if at, ok := n.Get("index").Int(); ok && at >= 0 && at < int64(len(list)) && out[at] == nil {
			i = int(at)
		}
		for out[i] != nil {
			i = (i + 1) % len(out)
		}
		a := copied(n, [2]string{"code", "code"}, [2]string{"title", "title"}, [2]string{"description", "description"})
		a["target_type"], a["target_selection"] = lower(n.Get("targetType")), lower(n.Get("targetSelection"))
		out[i] = a
	}
	return out
}

func restShipping(v payload.Value) object {
	s := copied(v, [2]string{"title", "title"}, [2]string{"code", "code"}, [2]string{"source", "source"}, [2]string{"isRemoved", "is_removed"},
		[2]string{"deliveryCategory", "delivery_category"}, [2]string{"carrierIdentifier", "carrier_identifier"})
	if p := money(v.Get("originalPriceSet")); p != nil {
		s["price_set"] = p
		s["discount_allocations"] = each(v.Get("discountAllocations"), restAllocation)
	} else if p := money(v.Get("discountedPriceSet")); p != nil {
		s["price_set"] = p
	}
	return s
}

func restTax(v payload.Value) object {
	t := copied(v, [2]string{"title", "title"}, [2]string{"rate", "rate"})
	t["price_set"] = money(v.Get("priceSet"))
	return t
}

func restRefund(v payload.Value) object {
	return object{
		"transactions": each(v.Get("transactions"), restTransaction),
		"refund_line_items": each(v.Get("refundLineItems"), func(l payload.Value) object {
			o := copied(l, [2]string{"quantity", "quantity"})
			o["line_item_id"] = number(l.Get("lineItem").Get("id"))
			o["subtotal_set"], o["total_tax_set"] = money(l.Get("subtotalSet")), money(l.Get("totalTaxSet"))
			return o
		}),
	}
}

func restTransaction(v payload.Value) object {
	t := copied(v, [2]string{"gateway", "gateway"})
	t["kind"], t["status"] = lower(v.Get("kind")), lower(v.Get("status"))
	set := v.Get("amountSet")
	t["amount_set"] = money(set)
	m := set.Either("shopMoney", "presentmentMoney")
	t["amount"], t["currency"] = scalar(m.Get("amount")), scalar(m.Get("currencyCode"))
	if s := v.Get("receiptJson").Text(); json.Valid([]byte(s)) && len(s) < 8<<10 {
		t["receipt"] = json.RawMessage(s)
	}
	return t
}

func restFulfillment(v payload.Value) object {
	urls := make([]string, 0)
	for _, t := range nodes(v.Get("trackingInfo")) {
		if s := t.First("url"); s != "" {
			urls = append(urls, s)
		}
	}
	return object{"status": lower(v.Get("status")), "tracking_urls": urls}
}

// restPickup writes that an order is picked up, and where, which only its fulfillment orders tell.
func restPickup(v payload.Value, o object) {
	for _, f := range nodes(v.Get("fulfillmentOrders")) {
		if lower(f.Get("deliveryMethod").Get("methodType")) != "pick_up" {
			continue
		}
		for _, s := range o["shipping_lines"].([]object) {
			if s["delivery_category"] == nil {
				s["delivery_category"] = "pick-up"
			}
		}
		if place := f.Get("assignedLocation"); place.Kind() == payload.Object {
			o["pickup_location"] = restAddress(place)
		}
		return
	}
}

// restPayment writes how the order was paid.
func restPayment(v payload.Value, o object) {
	names := make([]string, 0)
	for _, n := range nodes(v.Get("paymentGatewayNames")) {
		names = append(names, n.Text())
	}
	o["payment_gateway_names"] = names
	if t := v.Get("paymentTerms"); t.Kind() == payload.Object {
		o["payment_terms"] = copied(t, [2]string{"paymentTermsName", "payment_terms_name"})
	}
	list := v.Get("transactions")
	o["transactions"] = each(list, restTransaction)
	for _, t := range nodes(list) {
		card := t.Get("paymentDetails")
		if kind := lower(t.Get("kind")); kind == "refund" || kind == "void" || lower(t.Get("status")) != "success" || !card.Get("company").Given() {
			continue
		}
		o["payment_details"] = copied(card, [2]string{"company", "credit_card_company"}, [2]string{"number", "credit_card_number"})
		return
	}
}
