package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// fields is a JSON object.
type fields map[string]any

// webhook writes the sale as its shop's event.
func (s *sale) webhook() ([]byte, http.Header, error) {
	h := http.Header{"Content-Type": {"application/json"}}
	var event fields
	if s.store.format == "shopify" {
		topic := "orders/paid"
		if s.unpaid {
			topic = "orders/create"
		}
		h.Set("X-Shopify-Topic", topic)
		event = s.shopify()
	} else {
		topic := "order.created"
		if s.updated.Sub(s.placed) > 5*time.Second {
			topic = "order.updated"
		}
		h.Set("X-WC-Webhook-Topic", topic)
		event = s.woo()
	}
	b, err := json.Marshal(event)
	return b, h, err
}

func (s *sale) address() string { return s.mail + "@" + s.domain }

// fullName is as the customer would write it.
func (s *sale) fullName() string {
	switch s.crowd.Country {
	case "JP":
		return s.family + " " + s.given
	case "CN":
		return s.family + s.given
	}
	return s.given + " " + s.family
}

// street gives each customer a house of her own.
func (s *sale) street() string {
	switch s.crowd.Country {
	case "US", "FR", "GB":
		return fmt.Sprintf("%d %s", s.number%90+3, s.crowd.Street)
	}
	return fmt.Sprintf("%s %d", s.crowd.Street, s.number%90+3)
}

func (s *sale) shopify() fields {
	total, discount, tax := s.total()
	at := fields{"first_name": s.given, "last_name": s.family, "name": s.fullName(), "address1": s.street(),
		"city": s.crowd.City, "zip": s.crowd.Post, "province": s.crowd.Region, "country_code": s.crowd.Country}
	status := "paid"
	switch {
	case s.unpaid:
		status = "pending"
	case s.refund:
		status = "partially_refunded"
	}
	e := fields{"id": s.id, "name": fmt.Sprintf("#%d", s.number), "email": s.address(), "currency": s.crowd.Currency,
		"created_at": s.placed.Format(time.RFC3339), "processed_at": s.placed.Format(time.RFC3339), "updated_at": s.updated.Format(time.RFC3339),
		"customer_locale": s.crowd.Locale, "financial_status": status, "confirmed": true, "taxes_included": !s.market.onTop,
		"total_price": s.money(total), "total_discounts": s.money(discount), "total_tax": s.money(tax),
		"payment_gateway_names": []string{s.market.pay}, "order_status_url": fmt.Sprintf("https://%s/orders/%d", domains[s.tenant], s.id),
		"shipping_address": at, "billing_address": at,
		"shipping_lines": []fields{{"title": s.market.ship, "price": s.money(s.shipping)}}}
	if !s.guest {
		e["customer"] = fields{"id": s.id % 100000, "first_name": s.given, "last_name": s.family, "email": s.address()}
	}
	if !s.phoneless {
		e["phone"] = s.phone
	}
	if tax > 0 {
		e["tax_lines"] = []fields{{"title": s.market.tax, "rate": float64(s.market.rate) / 1000, "price": s.money(tax)}}
	}
	if s.percent > 0 {
		e["discount_applications"] = []fields{{"type": "discount_code", "code": s.coupon, "target_type": "line_item", "target_selection": "all"}}
		e["discount_codes"] = []fields{{"code": s.coupon, "amount": s.money(discount), "type": "percentage"}}
	}
	var paid []fields
	if s.giftCard > 0 {
		e["payment_gateway_names"] = []string{"gift_card", s.market.pay}
		paid = append(paid, fields{"kind": "sale", "status": "success", "gateway": "gift_card", "currency": s.crowd.Currency,
			"amount": s.money(s.price(s.giftCard * 100)), "receipt": fields{"gift_card_last_characters": "7k2q"}})
	}
	e["transactions"] = paid
	e["line_items"] = s.shopifyLines()
	if s.refund {
		l := s.lines[0]
		e["refunds"] = []fields{{"refund_line_items": []fields{{"line_item_id": s.id + 1, "quantity": 1}},
			"transactions": []fields{{"kind": "refund", "status": "success", "currency": s.crowd.Currency, "amount": s.money(l.unit - s.off(l.unit))}}}}
	}
	return e
}

func (s *sale) shopifyLines() (list []fields) {
	for i, l := range s.lines {
		f := fields{"id": s.id + 1 + int64(i), "sku": l.good.SKU, "title": l.title, "quantity": l.quantity, "price": s.money(l.unit),
			"variant_title": l.good.Variant, "gift_card": l.good.Gift, "requires_shipping": !l.good.Gift}
		if s.percent > 0 {
			f["discount_allocations"] = []fields{{"amount": s.money(s.off(l.unit * l.quantity)), "discount_application_index": 0}}
		}
		list = append(list, f)
	}
	return list
}

func (s *sale) woo() fields {
	total, _, tax := s.total()
	shipNet, shipTax := s.split(s.shipping)
	at := fields{"first_name": s.given, "last_name": s.family, "address_1": s.street(), "city": s.crowd.City,
		"postcode": s.crowd.Post, "state": s.crowd.Region, "country": s.crowd.Country}
	to := fields{"email": s.address()}
	for k, v := range at {
		to[k] = v
	}
	if !s.phoneless {
		to["phone"] = s.phone
	}
	status, paid := "processing", any(s.updated.UTC().Format("2006-01-02T15:04:05"))
	if s.unpaid {
		status, paid = "pending", nil
	}
	e := fields{"id": s.id, "number": fmt.Sprintf("%d", s.number), "status": status, "currency": s.crowd.Currency,
		"prices_include_tax": !s.market.onTop, "date_created_gmt": s.placed.UTC().Format("2006-01-02T15:04:05"),
		"date_modified_gmt": s.updated.UTC().Format("2006-01-02T15:04:05"), "date_paid_gmt": paid,
		"total": s.money(total), "total_tax": s.money(tax), "shipping_total": s.money(shipNet), "shipping_tax": s.money(shipTax),
		"payment_method": "stripe", "payment_method_title": s.market.pay, "billing": to, "shipping": at, "customer_id": s.id % 100000,
		"meta_data":      []fields{{"key": "wpml_language", "value": s.crowd.Locale}, {"key": "_order_stock_reduced", "value": "yes"}},
		"shipping_lines": []fields{{"method_title": s.market.ship, "method_id": "flat_rate", "total": s.money(shipNet), "total_tax": s.money(shipTax)}}}
	if s.guest {
		e["customer_id"] = 0
	}
	if s.broken {
		e["currency"] = ""
	}
	if tax > 0 {
		e["tax_lines"] = []fields{{"label": s.market.tax, "rate_percent": float64(s.market.rate) / 10,
			"tax_total": s.money(tax - shipTax), "shipping_tax_total": s.money(shipTax)}}
	}
	s.wooLines(e)
	if s.refund {
		l := s.lines[0]
		e["refunds"] = []fields{{"id": s.id + 90, "total": "-" + s.money(l.unit-s.off(l.unit))}}
	}
	return e
}

// wooLines adds the lines and what the coupon takes off them.
func (s *sale) wooLines(e fields) {
	var list []fields
	var cut, cutTax int64
	for i, l := range s.lines {
		gross := l.unit * l.quantity
		net, tax := s.split(gross)
		paid, paidTax := s.split(gross - s.off(gross))
		cut, cutTax = cut+net-paid, cutTax+tax-paidTax
		f := fields{"id": s.id + 1 + int64(i), "sku": l.good.SKU, "name": l.title, "quantity": l.quantity, "product_id": 100 + i,
			"subtotal": s.money(net), "subtotal_tax": s.money(tax), "total": s.money(paid), "total_tax": s.money(paidTax)}
		if v := l.good.Variant; v != "" { // WooCommerce writes a variation's attributes behind the name
			f["name"] = l.title + " - " + v
		}
		list = append(list, f)
	}
	e["line_items"] = list
	e["discount_total"], e["discount_tax"] = s.money(cut), s.money(cutTax)
	if s.percent > 0 {
		e["coupon_lines"] = []fields{{"code": s.coupon, "discount": s.money(cut), "discount_tax": s.money(cutTax)}}
	}
}
