package shop_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop/shopify"
	"github.com/waxwinghq/waxwing/shop/shoptest"
)

// shopifyOrderOf writes an order of n lines; with five it is 5.6 KB, the size
// that the goals speak of.
func shopifyOrderOf(n int) []byte {
	const address = `{"first_name":"Ada","last_name":"Byron","address1":"12 St James Square","address2":"","city":"London","company":null,` +
		`"country":"United Kingdom","country_code":"GB","latitude":51.5,"longitude":-0.13,"name":"Ada Byron","phone":"+441632960123",` +
		`"province":null,"province_code":null,"zip":"SW1Y 4JH"}`
	var b strings.Builder
	fmt.Fprintf(&b, `{"id":5512345678901,"admin_graphql_api_id":"gid://shopify/Order/5512345678901","app_id":580111,"browser_ip":"192.0.2.7",`+
		`"buyer_accepts_marketing":false,"cancel_reason":null,"cancelled_at":null,"cart_token":null,"closed_at":null,"confirmed":true,`+
		`"contact_email":"ada@example.com","created_at":"2026-03-01T12:00:00+00:00","currency":"GBP","presentment_currency":"GBP",`+
		`"customer_locale":"en","email":"ada@example.com","financial_status":"paid","fulfillment_status":null,"name":"#1001","note":null,`+
		`"number":1,"order_number":1001,"order_status_url":"https://shop.example/1/orders/abc/authenticate?key=def",`+
		`"payment_gateway_names":["shopify_payments"],"phone":null,"processed_at":"2026-03-01T12:00:00+00:00","source_name":"web",`+
		`"subtotal_price":"%d.00","tags":"","taxes_included":false,"test":false,"total_discounts":"0.00","total_line_items_price":"%d.00",`+
		`"total_price":"%d.00","total_tax":"0.00","updated_at":"2026-03-01T12:00:01+00:00","discount_codes":[],"discount_applications":[],`+
		`"tax_lines":[],"refunds":[],"fulfillments":[],"line_items":[`, n*20, n*20, n*20+5)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"admin_graphql_api_id":"gid://shopify/LineItem/%d","current_quantity":2,"fulfillable_quantity":2,`+
			`"fulfillment_service":"manual","fulfillment_status":null,"gift_card":false,"grams":250,"name":"Linen shirt no. %d - White / M",`+
			`"price":"10.00","product_exists":true,"product_id":%d,"properties":[{"name":"Monogram","value":"A.B."}],"quantity":2,"requires_shipping":true,"sku":"LS-%d-WM",`+
			`"taxable":true,"title":"Linen shirt no. %d","total_discount":"0.00","variant_id":%d,"variant_inventory_management":"shopify",`+
			`"variant_title":"White / M","vendor":"Acme","tax_lines":[],"duties":[],"discount_allocations":[]}`, 100+i, 100+i, i, 7000+i, i, i, 9000+i)
	}
	b.WriteString(`],"shipping_lines":[{"id":1,"title":"Royal Mail","price":"5.00","code":"rm","discounted_price":"5.00","tax_lines":[],"discount_allocations":[]}],` +
		`"billing_address":` + address + `,"shipping_address":` + address +
		`,"customer":{"id":1,"email":"ada@example.com","first_name":"Ada","last_name":"Byron","phone":null,"default_address":` + address + `}}`)
	return []byte(b.String())
}

func TestBenchmarkOrder(t *testing.T) {
	for _, n := range []int{5, 100} {
		o, err := shopify.Format.Normalise("orders/paid", shopifyOrderOf(n))
		if err != nil {
			t.Fatal(err)
		}
		shoptest.AddsUp(t, o)
	}
}

func benchmark(b *testing.B, lines int, f func(raw []byte) error) {
	benchmarkOf(b, shopifyOrderOf(lines), f)
}

func benchmarkOf(b *testing.B, raw []byte, f func(raw []byte) error) {
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if err := f(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func read(raw []byte) error {
	d, err := payload.Read(string(raw))
	if err == nil {
		d.Release()
	}
	return err
}

func key(raw []byte) error       { _, err := shopify.Format.Key("orders/paid", raw); return err }
func normalise(raw []byte) error { _, err := shopify.Format.Normalise("orders/paid", raw); return err }

func BenchmarkRead(b *testing.B)                { benchmark(b, 5, read) }
func BenchmarkShopifyKey(b *testing.B)          { benchmark(b, 5, key) }
func BenchmarkShopifyNormalise(b *testing.B)    { benchmark(b, 5, normalise) }
func BenchmarkShopifyKey100(b *testing.B)       { benchmark(b, 100, key) }
func BenchmarkShopifyNormalise100(b *testing.B) { benchmark(b, 100, normalise) }

// One in the customer's money, with all amounts in both, discounts and tax lines.
func BenchmarkShopifyPresentment(b *testing.B) {
	raw, err := os.ReadFile("shopify/testdata/presentment.json")
	if err != nil {
		b.Fatal(err)
	}
	benchmarkOf(b, raw, normalise)
}
