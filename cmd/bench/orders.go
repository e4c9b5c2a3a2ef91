package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

const secret = "bench-secret"

var (
	localeTags = []string{"en", "de", "fr", "es", "it", "pt-BR", "nl", "pl", "sv", "ja", "zh-Hans", "ar"}
	currencies = []string{"USD", "EUR", "EUR", "EUR", "EUR", "BRL", "EUR", "PLN", "SEK", "JPY", "CNY", "SAR"}
	names      = []string{"Linen shirt", "Canvas bag", "Enamel mug", "Wool socks", "Oak board", "Brass lamp", "Tea towel"}
)

// orderJSON is order n as Shopify would send it: about 5.6 KB at five lines.
func orderJSON(n, lines int, at time.Time) []byte {
	i := n % len(localeTags)
	cur := currencies[i]
	dec := func(cents int) string {
		if cur == "JPY" {
			return fmt.Sprint(cents)
		}
		return fmt.Sprintf("%d.%02d", cents/100, cents%100)
	}
	unit := dec(1950)
	var b strings.Builder
	ts := at.UTC().Format(time.RFC3339)
	fmt.Fprintf(&b, `{"id":%d,"admin_graphql_api_id":"gid://shopify/Order/%d","name":"#%d","number":%d,"order_number":%d,"email":"c%d@example.com","contact_email":"c%d@example.com","created_at":%q,"updated_at":%q,"processed_at":%q,"currency":%q,"presentment_currency":%q,"financial_status":"paid","fulfillment_status":null,"confirmed":true,"test":false,"taxes_included":true,"customer_locale":%q,"gateway":"shopify_payments","payment_gateway_names":["shopify_payments"],"source_name":"web","tags":"","token":"b1946ac92492d2347c6235b4d2611184","cart_token":"68778783ad298f1c80c3bafcddeea02f","browser_ip":"192.0.2.1","landing_site":"/","referring_site":"","note":null,"note_attributes":[],`,
		n, n, n, n, n, n, n, ts, ts, ts, cur, cur, localeTags[i])
	sub := 1950 * 2 * lines
	total := sub + 490
	fmt.Fprintf(&b, `"subtotal_price":%q,"total_line_items_price":%q,"total_discounts":"0","total_price":%q,"total_tax":%q,"order_status_url":"https://shop.example/orders/%d/status",`,
		dec(sub), dec(sub), dec(total), dec(total/6), n)
	fmt.Fprintf(&b, `"tax_lines":[{"title":"VAT","price":%q,"rate":0.2}],"discount_codes":[],"shipping_lines":[{"id":1,"title":"Standard","code":"STD","price":%q,"source":"shopify","tax_lines":[]}],`, dec(total/6), dec(490))
	address := `{"first_name":"Jana","last_name":"Example","name":"Jana Example","company":null,"address1":"Example Street 12","address2":"","city":"Berlin","province":null,"province_code":null,"zip":"10115","country":"Germany","country_code":"DE","phone":"+4915112345678","latitude":52.53,"longitude":13.38}`
	fmt.Fprintf(&b, `"customer":{"id":7,"email":"c%d@example.com","first_name":"Jana","last_name":"Example","phone":"+4915112345678","state":"enabled","verified_email":true,"tax_exempt":false,"default_address":%s},"billing_address":%s,"shipping_address":%s,"line_items":[`, n, address, address, address)
	for l := range lines {
		if l > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"admin_graphql_api_id":"gid://shopify/LineItem/%d","product_id":%d,"variant_id":%d,"sku":"SKU-%d","title":%q,"name":%q,"variant_title":"Blue / M","vendor":"Example","quantity":2,"current_quantity":2,"fulfillable_quantity":2,"fulfillment_service":"manual","fulfillment_status":null,"gift_card":false,"grams":200,"price":%q,"total_discount":"0","requires_shipping":true,"taxable":true,"product_exists":true,"variant_inventory_management":"shopify","properties":[],"discount_allocations":[],"duties":[],"tax_lines":[{"title":"VAT","price":%q,"rate":0.2}]}`,
			l+1, l+1, l+100, l+200, l, names[l%len(names)], names[l%len(names)]+" - Blue / M", unit, dec(650))
	}
	b.WriteString(`],"fulfillments":[],"refunds":[]}`)
	return []byte(b.String())
}

func signature(body []byte) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write(body)
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// request is a whole HTTP request, ready to be written.
func request(body []byte, host string) []byte {
	return append(fmt.Appendf(nil, "POST /hooks/acme/shopify HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nX-Shopify-Topic: orders/paid\r\nX-Shopify-Hmac-Sha256: %s\r\nContent-Length: %d\r\n\r\n",
		host, signature(body), len(body)), body...)
}
