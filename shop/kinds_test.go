package shop_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop/generic"
	"github.com/waxwinghq/waxwing/shop/shopify"
	"github.com/waxwinghq/waxwing/shop/shoptest"
	"github.com/waxwinghq/waxwing/shop/woocommerce"
)

// Payloads that say something of everything.
const (
	shopifyFull = "shopify/testdata/presentment.json"
	wooFull     = "woocommerce/testdata/gross-with-coupon.json"
	genericFull = "generic/testdata/full.json"
)

type obj = map[string]any

// wooOf is a small WooCommerce order with changes; nil takes a key away.
func wooOf(t testing.TB, changes obj) []byte {
	t.Helper()
	m := obj{"id": 90001, "parent_id": 0, "number": "90001", "status": "processing", "currency": "USD", "date_created_gmt": "2026-11-26T09:00:00",
		"total": "30.00", "total_tax": "0.00", "discount_total": "0.00", "shipping_total": "0.00", "prices_include_tax": false, "payment_method": "stripe",
		"billing":    obj{"first_name": "Ida", "last_name": "Moss", "address_1": "1 Oak Rd", "city": "Erie", "state": "PA", "country": "US", "email": "ida@mail.example"},
		"shipping":   obj{"first_name": "Ida", "last_name": "Moss", "address_1": "1 Oak Rd", "city": "Erie", "state": "PA", "country": "US"},
		"line_items": []any{wooLine(nil)}}
	return changed(t, m, changes)
}

func wooLine(changes obj) obj {
	m := obj{"id": 7, "name": "Lamp", "product_id": 17, "variation_id": 0, "quantity": 1, "subtotal": "30.00", "total": "30.00", "price": 30}
	maps.Copy(m, changes)
	return m
}

// shopifyOf is a small Shopify order with changes.
func shopifyOf(t testing.TB, changes obj) []byte {
	t.Helper()
	address := obj{"first_name": "Ida", "last_name": "Moss", "address1": "1 Oak Rd", "city": "Erie", "province": "Pennsylvania", "province_code": "PA",
		"country": "United States", "country_code": "US", "zip": "16501"}
	m := obj{"id": 7001, "admin_graphql_api_id": "gid://shopify/Order/7001", "name": "#7001", "order_number": 7001, "currency": "USD", "financial_status": "paid",
		"total_price": "48.00", "total_line_items_price": "48.00", "total_discounts": "0.00", "total_tax": "0.00", "created_at": "2026-11-25T19:40:20-05:00",
		"email": "ida@mail.example", "billing_address": address, "shipping_address": address, "line_items": []any{shopifyLine(nil)}}
	return changed(t, m, changes)
}

func shopifyLine(changes obj) obj {
	m := obj{"id": 9, "title": "Chair", "quantity": 1, "price": "48.00", "requires_shipping": true}
	maps.Copy(m, changes)
	return m
}

func changed(t testing.TB, m, changes obj) []byte {
	t.Helper()
	for k, v := range changes {
		if m[k] = v; v == nil {
			delete(m, k)
		}
	}
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func metas(list ...any) []any {
	var out []any
	for i := 0; i+1 < len(list); i += 2 {
		out = append(out, obj{"id": i, "key": list[i], "value": list[i+1]})
	}
	return out
}

func read1(t testing.TB, f waxwing.Format, raw []byte) *waxwing.Order {
	t.Helper()
	if k, err := f.Key("", raw); err != nil || k.Ignore != "" {
		t.Fatalf("no key: %v %q\n%s", err, k.Ignore, raw)
	}
	o, err := f.Normalise("", raw)
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	return o
}

// What is no purchase of the customer's own is ignored with its reason; what is
// one is not.
func TestOnePurchase(t *testing.T) {
	type event struct {
		format waxwing.Format
		raw    []byte
		why    string // "" an order
	}
	woo := func(c obj, why string) event { return event{woocommerce.Format, wooOf(t, c), why} }
	ofShopify := func(c obj, why string) event { return event{shopify.Format, shopifyOf(t, c), why} }
	for name, e := range map[string]event{
		"woo":                            woo(nil, ""),
		"woo, one vendor":                woo(obj{"created_via": "checkout", "meta_data": metas("_dokan_vendor_id", "7")}, ""),
		"woo, dokan":                     woo(obj{"parent_id": 500, "created_via": "dokan"}, "a part of order 500"),
		"woo, parent as text":            woo(obj{"parent_id": "500"}, "a part of order 500"),
		"woo, mvx":                       woo(obj{"parent_id": 0, "created_via": "mvx_vendor_order"}, "a part of an order"),
		"woo, yith":                      woo(obj{"created_via": "yith_wcmv_vendor_suborder"}, "a part of an order"),
		"woo, wc vendors":                woo(obj{"type": "shop_order_vendor"}, "a vendor's part"),
		"woo, renewal":                   woo(obj{"created_via": "subscription", "meta_data": metas("_subscription_renewal", "44")}, ""),
		"woo, renewal below its first":   woo(obj{"parent_id": 44, "meta_data": metas("_subscription_renewal", "44")}, ""),
		"woo, resubscription":            woo(obj{"parent_id": 44, "meta_data": metas("_subscription_resubscribe", "44")}, ""),
		"woo, subscription":              woo(obj{"billing_period": "month", "billing_interval": "1"}, "a subscription"),
		"woo, subscription by type":      woo(obj{"type": "shop_subscription"}, "a subscription"),
		"woo, subscription's days":       woo(obj{"status": "active", "next_payment_date_gmt": "2026-12-01T00:00:00"}, "a subscription"),
		"woo, subscription ending":       woo(obj{"status": "wc-pending-cancel"}, "a subscription"),
		"woo, refund":                    {woocommerce.Format, []byte(`{"id":91,"parent_id":90,"amount":"10.00","reason":"","refunded_by":1,"line_items":[]}`), "a refund"},
		"woo, refund by type":            woo(obj{"type": "shop_order_refund", "total": "-30.00"}, "a refund"),
		"woo, second payment":            woo(obj{"parent_id": 44, "created_via": "wc_deposits"}, "a later payment"),
		"woo, partial payment":           woo(obj{"type": "wcdp_payment"}, "a payment of an order"),
		"woo, draft":                     woo(obj{"status": "checkout-draft"}, "a draft"),
		"woo, auto-draft":                woo(obj{"status": "wc-auto-draft"}, "a draft"),
		"woo, quote":                     woo(obj{"status": "ywraq-new"}, "a request for a quote"),
		"woo, cart":                      {woocommerce.Format, []byte(`{"cart_key":"a","items":[{"name":"x"}],"totals":{}}`), "a cart"},
		"woo, customer":                  {woocommerce.Format, []byte(`{"id":1,"email":"a@b.example"}`), "not an order"},
		"woo, nothing":                   {woocommerce.Format, []byte(`{}`), "not an order"},
		"shopify":                        ofShopify(nil, ""),
		"shopify, of a subscription":     ofShopify(obj{"source_name": "subscription_contract"}, ""),
		"shopify, draft":                 ofShopify(obj{"admin_graphql_api_id": "gid://shopify/DraftOrder/1"}, "a draft"),
		"shopify, draft by its state":    ofShopify(obj{"admin_graphql_api_id": nil, "status": "open", "financial_status": nil, "order_number": nil}, "a draft"),
		"shopify, draft with an invoice": ofShopify(obj{"admin_graphql_api_id": nil, "invoice_sent_at": shoptest.Null}, "a draft"),
		"shopify, checkout":              ofShopify(obj{"admin_graphql_api_id": nil, "abandoned_checkout_url": "https://a.example/c"}, "a checkout"),
		"shopify, cart":                  {shopify.Format, []byte(`{"id":"eeafa272cebf","token":"eeafa272cebf","line_items":[{"quantity":1}]}`), "a cart"},
		"shopify, refund":                {shopify.Format, []byte(`{"id":5,"order_id":7001,"refund_line_items":[],"transactions":[]}`), "a refund"},
		"shopify, wrapped refund":        {shopify.Format, []byte(`{"refund":{"id":5}}`), "a refund"},
		"shopify, contract":              {shopify.Format, []byte(`{"admin_graphql_api_id":"gid://shopify/SubscriptionContract/1","id":1,"origin_order_id":7}`), "a subscription"},
		"shopify, fulfillment":           {shopify.Format, []byte(`{"id":5,"order_id":7001,"tracking_company":"UPS","line_items":[]}`), "a fulfillment"},
		"shopify, transaction":           {shopify.Format, []byte(`{"id":5,"order_id":7001,"kind":"sale","gateway":"x"}`), "a part of an order"},
		"shopify, nothing":               {shopify.Format, []byte(`{}`), "not an order"},
		"generic, draft":                 {generic.Format, []byte(`{"type":"draft","shop":"s","id":"1"}`), "its type is draft"},
		"generic, part":                  {generic.Format, []byte(`{"type":"part"}`), "its type is part"},
	} {
		k, err := e.format.Key("", e.raw)
		if err != nil || e.why == "" && (k.Ignore != "" || k.OrderID == "") || e.why != "" && (!strings.Contains(k.Ignore, e.why) || k.OrderID != "") {
			t.Errorf("%s: %+v %v, want %q", name, k, err, e.why)
		}
		if o, err := e.format.Normalise("", e.raw); (err == nil) != (e.why == "") {
			t.Errorf("%s: an order %v, %v", name, o, err)
		}
	}
	for name, e := range map[string]event{ // orders that cannot be read are for somebody to look at
		"woo without an id": woo(obj{"id": nil}, ""), "woo without a total": woo(obj{"total": ""}, ""), "shopify without an id": ofShopify(obj{"id": nil}, ""),
		"shopify without money": ofShopify(obj{"currency": nil}, ""),
	} {
		if k, err := e.format.Key("", e.raw); err == nil && k.Ignore != "" {
			t.Errorf("%s is ignored: %s", name, k.Ignore)
		}
		if _, err := e.format.Normalise("", e.raw); err == nil || !waxwing.IsPermanent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A pick-up shows the place or none, never the customer's home.
func TestPickupPlaces(t *testing.T) {
	ship := func(method string, meta ...any) obj {
		return obj{"shipping_lines": []any{obj{"method_id": method, "method_title": "Local pickup", "total": "0.00", "meta_data": metas(meta...)}}}
	}
	for name, c := range map[string]struct {
		f    waxwing.Format
		raw  []byte
		want string // name|lines|city; "" none
	}{
		"nowhere":        {woocommerce.Format, wooOf(t, ship("local_pickup")), ""},
		"with instance":  {woocommerce.Format, wooOf(t, ship("local_pickup:3")), ""},
		"block":          {woocommerce.Format, wooOf(t, ship("pickup_location", "pickup_location", "Main store", "pickup_address", "12 High St, London", "pickup_details", "ring")), "Main store|12 High St, London|"},
		"plus":           {woocommerce.Format, wooOf(t, ship("local_pickup_plus", "_pickup_location_id", "3", "_pickup_location_name", "Depot", "_pickup_location_address", obj{"address_1": "Dock 4", "city": "Erie", "country": "US", "state": "PA"})), "Depot|Dock 4|Erie"},
		"of the order":   {woocommerce.Format, wooOf(t, obj{"shipping_lines": ship("local_pickup")["shipping_lines"], "meta_data": metas("_pickup_location_name", "Depot &amp; Co")}), "Depot & Co||"},
		"place as list":  {woocommerce.Format, wooOf(t, ship("local_pickup", "pickup_location", []any{obj{"name": "Depot", "address": obj{"address_1": "Dock 4", "city": "Erie"}}})), "Depot|Dock 4|Erie"},
		"shopify, line":  {shopify.Format, shopifyOf(t, obj{"shipping_lines": []any{obj{"title": "Main store", "price": "0.00", "delivery_category": "pickup"}}}), "Main store||"},
		"shopify, word":  {shopify.Format, shopifyOf(t, obj{"shipping_address": nil, "shipping_lines": []any{obj{"title": "Local pickup", "price": "0.00"}}}), ""},
		"shopify, place": {shopify.Format, shopifyOf(t, obj{"shipping_lines": []any{obj{"title": "Pick up", "price": "0.00", "delivery_category": "local_pickup"}}, "line_items": []any{shopifyLine(obj{"origin_location": obj{"name": "Depot", "address1": "Dock 4", "city": "Erie", "country_code": "US", "province_code": "PA"}})}}), "Depot|Dock 4|Erie"},
	} {
		o := read1(t, c.f, c.raw)
		got := ""
		if a := o.Shipping; a != nil {
			got = strings.Join([]string{a.Name, strings.Join(a.Lines, ";"), a.City}, "|")
		}
		if !o.Delivery.Pickup || got != c.want || o.Billing == nil {
			t.Errorf("%s: pickup %v at %q, want %q", name, o.Delivery.Pickup, got, c.want)
		}
	}
	if o := read1(t, woocommerce.Format, wooOf(t, obj{"shipping_lines": []any{obj{"method_id": "flat_rate", "method_title": "Post", "total": "0"}}})); o.Delivery.Pickup || o.Shipping == nil {
		t.Error("a parcel is picked up")
	}
	full := shoptest.Payload(t, genericFull)
	shoptest.With(t, full, "delivery.pickup", true)
	if o := read1(t, generic.Format, shoptest.With(t, full, "", nil)); o.Shipping != nil {
		t.Error("generic: the home is the place")
	}
	full["addresses"].(obj)["pickup"] = obj{"company": "Laden", "city": "Köln"}
	if o := read1(t, generic.Format, shoptest.With(t, full, "", nil)); o.Shipping == nil || o.Shipping.Company != "Laden" {
		t.Errorf("generic: %+v", o.Shipping)
	}
}

// What the customer chose is readable, whatever it is.
func TestWhatWasBought(t *testing.T) {
	line := func(c obj) []byte { return wooOf(t, obj{"line_items": []any{wooLine(c)}}) }
	variant := func(name string, parent any, more ...any) []byte {
		return line(obj{"name": name, "parent_name": parent, "variation_id": 8, "meta_data": metas(more...)})
	}
	prop := func(value any) []byte {
		return shopifyOf(t, obj{"line_items": []any{shopifyLine(obj{"properties": []any{obj{"name": "P", "value": value}, obj{"name": "_hidden", "value": 1}}})}})
	}
	for name, c := range map[string]struct {
		f    waxwing.Format
		raw  []byte
		want string
	}{
		"variant in a name":         {woocommerce.Format, variant("Sock set in S, M, L", "Sock set in S, M, L", "pa_size", "M"), "Size=M"},
		"name ends in the variant":  {woocommerce.Format, variant("Hat Snapback", "Hat Snapback", "pa_style", "Snapback"), "Style=Snapback"},
		"told behind the name":      {woocommerce.Format, variant("Hat - Snapback", "Hat", "pa_style", "Snapback"), ""},
		"told, several":             {woocommerce.Format, variant("Hat - Red, L", "Hat", "pa_colour", "Red", "pa_size", "L", "Engraving", "Ida"), "Engraving=Ida"},
		"told, with a comma":        {woocommerce.Format, variant("Hat - Red, white", "Hat", "pa_colour", "Red, white"), ""},
		"not what is told":          {woocommerce.Format, variant("Hat - Red", "Hat", "pa_size", "L"), "Size=L"},
		"a dash of the product":     {woocommerce.Format, variant("Tea - Green", "Tea - Green", "pa_kind", "Green"), "Kind=Green"},
		"no parent's name":          {woocommerce.Format, variant("Hat - Snapback", nil, "pa_style", "Snapback"), ""},
		"not a variation":           {woocommerce.Format, line(obj{"name": "Hat - Red", "meta_data": metas("Colour", "Red")}), "Colour=Red"},
		"entities once":             {woocommerce.Format, line(obj{"meta_data": metas("Wrap (+&#36;2.00)", "R&amp;amp;D &lt;b&gt;")}), "Wrap (+$2.00)=R&amp;D <b>"},
		"markup of display values":  {woocommerce.Format, line(obj{"meta_data": []any{obj{"key": "k", "display_key": "<b>Card</b>", "display_value": "<p>A<br />\nB</p>\n"}}}), "Card=A\nB"},
		"woo, true and false":       {woocommerce.Format, line(obj{"meta_data": metas("Gift", true, "No", false, "None", nil)}), "Gift=✓"},
		"woo, list":                 {woocommerce.Format, line(obj{"meta_data": metas("Colours", []any{"red", "blue", nil, ""})}), "Colours=red, blue"},
		"woo, object":               {woocommerce.Format, line(obj{"meta_data": metas("Board", obj{"front": "Ida", "back": obj{"text": "Ben"}})}), "Board=back: text: Ben, front: Ida"},
		"woo, pairs":                {woocommerce.Format, line(obj{"meta_data": metas("Extras", []any{obj{"label": "Lid", "value": "oak"}, obj{"name": "Feet", "value": 4}})}), "Extras=Lid: oak, Feet: 4"},
		"woo, serialised":           {woocommerce.Format, line(obj{"meta_data": metas("Data", `a:1:{s:1:"a";i:1;}`)}), ""},
		"woo, hidden":               {woocommerce.Format, line(obj{"meta_data": metas("_reduced_stock", 1)}), ""},
		"woo, metas as an object":   {woocommerce.Format, line(obj{"meta_data": obj{"0": obj{"key": "Size", "value": "M"}, "3": obj{"key": "Cut", "value": "slim"}}}), "Size=M; Cut=slim"},
		"shopify, true":             {shopify.Format, prop(true), "P=✓"},
		"shopify, false":            {shopify.Format, prop(false), ""},
		"shopify, list":             {shopify.Format, prop([]any{"red", "blue"}), "P=red, blue"},
		"shopify, nested":           {shopify.Format, prop(obj{"a": obj{"b": []any{1, true}}}), "P=a: b: 1, ✓"},
		"shopify, lines":            {shopify.Format, prop("Anna\r\nBen"), "P=Anna\nBen"},
		"shopify, as an object":     {shopify.Format, shopifyOf(t, obj{"line_items": []any{shopifyLine(obj{"properties": obj{"Wrap": true, "Text": "a"}})}}), "Text=a; Wrap=✓"},
		"shopify, one pair":         {shopify.Format, shopifyOf(t, obj{"line_items": []any{shopifyLine(obj{"properties": obj{"name": "Wrap", "value": "red"}})}}), "Wrap=red"},
		"shopify, an object each":   {shopify.Format, shopifyOf(t, obj{"line_items": []any{shopifyLine(obj{"properties": obj{"Board": obj{"front": "Ida"}}})}}), "Board=front: Ida"},
		"shopify, list of one list": {shopify.Format, prop([]any{[]any{"a", "b"}, "c"}), "P=a, b, c"},
	} {
		var got []string
		for _, p := range read1(t, c.f, c.raw).Items[0].Properties {
			got = append(got, p.Name+"="+p.Value)
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: %q, want %q", name, s, c.want)
		}
	}
}

// Shopify's variants are shown, wherever the payload has them.
func TestShopifyVariants(t *testing.T) {
	for want, c := range map[string]obj{
		"Chair|Red / L": {"variant_title": "Red / L", "name": "Chair - Red / L"},
		"Chair|Red":     {"variant_title": nil, "name": "Chair - Red"},
		"Chair|":        {"variant_title": "Default Title", "name": "Chair"},
		"Stool|Red":     {"title": "", "variant_title": "Red", "name": "Stool - Red"},
		"Bench - Red|":  {"title": nil, "name": "Bench - Red"},
		"Sofa|":         {"title": "Sofa", "name": "Sofa - Default Title"},
	} {
		it := read1(t, shopify.Format, shopifyOf(t, obj{"line_items": []any{shopifyLine(c)}})).Items[0]
		if got := it.Name + "|" + it.Variant; got != want {
			t.Errorf("%v: %q, want %q", c, got, want)
		}
	}
}

func TestBundles(t *testing.T) {
	set := wooLine(obj{"id": 1, "name": "Picnic set", "product_id": 50, "meta_data": metas("_bundle_cart_key", "k1")})
	part := func(c obj) []byte {
		c["id"], c["name"], c["subtotal"], c["total"] = 2, "Cup", "0.00", "0.00"
		return wooOf(t, obj{"line_items": []any{set, wooLine(c)}})
	}
	for name, c := range map[string]struct {
		f   waxwing.Format
		raw []byte
	}{
		"product bundles":      {woocommerce.Format, part(obj{"bundled_by": 1})},
		"product bundles, key": {woocommerce.Format, part(obj{"meta_data": metas("_bundled_by", "k1")})},
		"composite":            {woocommerce.Format, part(obj{"composite_parent": "1"})},
		"mix and match":        {woocommerce.Format, part(obj{"mnm_child_of": 1})},
		"wpc":                  {woocommerce.Format, part(obj{"meta_data": metas("_woosb_parent_id", "50")})},
		"by name":              {woocommerce.Format, part(obj{"meta_data": metas("_bundle_name", "Picnic set")})},
		"shopify": {shopify.Format, shopifyOf(t, obj{"total_price": "96.00", "total_line_items_price": "96.00",
			"line_items": []any{shopifyLine(nil), shopifyLine(obj{"line_item_group": obj{"id": 1, "title": "Picnic set"}})}})},
		"shopify, property": {shopify.Format, shopifyOf(t, obj{"total_price": "96.00", "total_line_items_price": "96.00",
			"line_items": []any{shopifyLine(nil), shopifyLine(obj{"properties": []any{obj{"name": "_bundle_name", "value": "Picnic set"}}})}})},
	} {
		o := read1(t, c.f, c.raw)
		if o.Items[0].Bundle != "" || o.Items[1].Bundle != "Picnic set" || len(o.Items[1].Properties) > 0 {
			t.Errorf("%s: %+v", name, o.Items)
		}
	}
}

func TestPurchaseOrders(t *testing.T) {
	for name, o := range map[string]*waxwing.Order{
		"woo":                read1(t, woocommerce.Format, wooOf(t, obj{"meta_data": metas("_po_number", "PO-1")})),
		"woo, billing":       read1(t, woocommerce.Format, wooOf(t, obj{"meta_data": metas("_billing_po_number", "PO-1")})),
		"woo, top":           read1(t, woocommerce.Format, wooOf(t, obj{"po_number": "PO-1"})),
		"shopify":            read1(t, shopify.Format, shopifyOf(t, obj{"po_number": "PO-1"})),
		"shopify, attribute": read1(t, shopify.Format, shopifyOf(t, obj{"note_attributes": []any{obj{"name": "PO Number", "value": "PO-1"}}})),
		"generic":            read1(t, generic.Format, shoptest.With(t, shoptest.Payload(t, genericFull), "purchase_order", "PO-1")),
	} {
		if o.PurchaseOrder != "PO-1" {
			t.Errorf("%s: %q", name, o.PurchaseOrder)
		}
	}
	if o := read1(t, woocommerce.Format, wooOf(t, obj{"payment_method": "woocommerce_gateway_purchase_order", "status": "on-hold"})); o.Payment.Offline != waxwing.Invoice {
		t.Errorf("%+v", o.Payment)
	}
}

// How far the payment has come, and what is still to be paid and how.
func TestStates(t *testing.T) {
	pay := func(o *waxwing.Order) string {
		p := o.Payment
		return fmt.Sprintf("%s refunded %d deposit %d due %d %q %q %s", p.Status, o.Refunded.Minor, p.Deposit.Minor, p.Due.Minor, p.Instructions, p.Reference, o.Links.Pay)
	}
	for name, c := range map[string]struct {
		o    *waxwing.Order
		want string
	}{
		"paid":                   {read1(t, woocommerce.Format, wooOf(t, obj{"payment_url": "https://a.example/pay"})), `paid refunded 0 deposit 0 due 0 "" "" `},
		"refunded":               {read1(t, woocommerce.Format, wooOf(t, obj{"status": "refunded"})), `refunded refunded 3000 deposit 0 due 0 "" "" `},
		"refunded, still paid":   {read1(t, woocommerce.Format, wooOf(t, obj{"refunds": []any{obj{"total": "-30.00"}}})), `refunded refunded 3000 deposit 0 due 0 "" "" `},
		"partly refunded":        {read1(t, woocommerce.Format, wooOf(t, obj{"refunds": obj{"0": obj{"total": "-10.00"}, "2": obj{"total": "-5.00"}}})), `partially_refunded refunded 1500 deposit 0 due 0 "" "" `},
		"refunded, in part":      {read1(t, woocommerce.Format, wooOf(t, obj{"status": "refunded", "refunds": []any{obj{"total": "-10.00"}}})), `partially_refunded refunded 1000 deposit 0 due 0 "" "" `},
		"generic, refunded":      {read1(t, generic.Format, shoptest.With(t, shoptest.Payload(t, genericFull), "payment.status", "refunded")), `refunded refunded 3289 deposit 0 due 0 "" "" `},
		"more than it cost":      {read1(t, woocommerce.Format, wooOf(t, obj{"refunds": []any{obj{"total": "-99.00"}}})), `refunded refunded 3000 deposit 0 due 0 "" "" `},
		"pending":                {read1(t, woocommerce.Format, wooOf(t, obj{"status": "pending", "payment_url": "https://a.example/pay"})), `pending refunded 0 deposit 0 due 0 "" "" https://a.example/pay`},
		"deposit":                {read1(t, woocommerce.Format, wooOf(t, obj{"status": "partially-paid", "meta_data": metas("_wc_deposits_deposit_amount", "10", "_wc_deposits_second_payment", "20")})), `partially_paid refunded 0 deposit 1000 due 2000 "" "" `},
		"deposit, the rest":      {read1(t, woocommerce.Format, wooOf(t, obj{"status": "wc-partial-payment", "meta_data": metas("_awcdp_deposits_second_payment", 20.0)})), `partially_paid refunded 0 deposit 1000 due 2000 "" "" `},
		"deposit, unknown":       {read1(t, woocommerce.Format, wooOf(t, obj{"status": "partially-paid"})), `partially_paid refunded 0 deposit 0 due 0 "" "" `},
		"transfer":               {read1(t, woocommerce.Format, wooOf(t, obj{"status": "on-hold", "payment_method": "bacs", "payment_url": "https://a.example/pay", "meta_data": metas("_payment_instructions", "<p>Pay <b>soon</b><br>please</p>", "_payment_reference", "RF18", "_bacs_accounts", []any{obj{"account_name": "Acme", "bank_name": "Bank", "iban": "DE02", "bic": "X"}})})), `pending refunded 0 deposit 0 due 0 "Pay soon\nplease\n\nAcme\nBank\nIBAN: DE02\nBIC: X" "RF18" `},
		"transfer, paid":         {read1(t, woocommerce.Format, wooOf(t, obj{"payment_method": "bacs", "payment_instructions": "pay"})), `paid refunded 0 deposit 0 due 0 "" "" `},
		"shopify, deposit":       {read1(t, shopify.Format, shopifyOf(t, obj{"financial_status": "partially_paid", "total_outstanding": "38.00"})), `partially_paid refunded 0 deposit 1000 due 3800 "" "" `},
		"shopify, refunds, paid": {read1(t, shopify.Format, shopifyOf(t, obj{"refunds": []any{obj{"transactions": []any{obj{"kind": "refund", "status": "success", "amount": "8.00"}}}}})), `partially_refunded refunded 800 deposit 0 due 0 "" "" `},
		"shopify, manual":        {read1(t, shopify.Format, shopifyOf(t, obj{"financial_status": "pending", "payment_gateway_names": []any{"Bank Deposit"}, "payment_instructions": "IBAN\nDE02"})), `pending refunded 0 deposit 0 due 0 "IBAN\nDE02" "" `},
		"generic": {read1(t, generic.Format, shoptest.With(t, shoptest.Payload(t, genericFull), "payment", obj{"status": "partially_paid", "deposit": "10.00", "instructions": "IBAN\r\nDE02", "reference": 7, "url": "https://a.example/pay"})),
			`partially_paid refunded 0 deposit 1000 due 2289 "IBAN\nDE02" "7" https://a.example/pay`},
	} {
		if got := pay(c.o); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

func TestLinesOnOrderAndDigital(t *testing.T) {
	line := func(c obj) waxwing.Item {
		return read1(t, woocommerce.Format, wooOf(t, obj{"line_items": []any{wooLine(c)}})).Items[0]
	}
	for name, m := range map[string][]any{"core": metas("Backordered", "1"), "hidden": metas("_backordered", 2), "de": metas("Lieferrückstand", "1"), "entity": metas("Lieferr&uuml;ckstand", 1),
		"display": {obj{"key": "backorder_x", "value": "1", "display_key": "Nabestelling"}}} {
		if it := line(obj{"meta_data": m}); it.Stock != waxwing.StockBackorder || len(it.Properties) > 0 {
			t.Errorf("%s: %+v", name, it)
		}
	}
	if it := line(obj{"meta_data": metas("En attente", "Ida")}); it.Stock != "" || len(it.Properties) != 1 {
		t.Errorf("an engraving is on backorder: %+v", it)
	}
	for name, c := range map[string]obj{"virtual": {"virtual": true}, "download": {"downloadable": "yes"}, "meta": {"meta_data": metas("_virtual", "yes")}} {
		if !line(c).Digital {
			t.Errorf("%s: not digital", name)
		}
	}
	if line(nil).Digital {
		t.Error("a lamp is digital")
	}
}

// What is odd and shown nowhere costs no mail.
func TestOddPayloads(t *testing.T) {
	raw := string(wooOf(t, nil))
	for name, odd := range map[string]string{
		"a key twice": `"zz":1,"zz":2,`, "keys by case": `"ID":9,"Total":"x","LINE_ITEMS":[],`, "a surrogate": `"x":"\ud83d","customer_note":"\udc00 hi",`,
		"long": `"x":"` + strings.Repeat("y", 1<<20) + `",`, "deep": `"meta_data":[{"key":"_d","value":` + nested(5000) + `}],`,
		"many": `"x":[` + strings.Repeat("0,", 200_000) + `0],`, "objects as lists": `"meta_data":{},"shipping_lines":false,"fee_lines":"","tax_lines":null,"coupon_lines":{},`,
		"lists as objects": `"billing":[],"shipping":false,"refunds":{"a":{"total":"0"}},`, "not UTF-8": "\"x\":\"\xff\xfe\",", "a huge number": `"x":1e999999,"y":` + strings.Repeat("9", 5000) + `,`,
		"the status twice": `"status":"trash",`,
	} {
		o := read1(t, woocommerce.Format, []byte("{"+odd+raw[1:]))
		if o.Total.Decimal() != "30.00" || o.ID != "90001" || !o.Cancelled.IsZero() {
			t.Errorf("%s: %v %s", name, o.Total, o.ID)
		}
		shoptest.AddsUp(t, o)
	}
	for code, want := range map[string]string{"BTC": "0.00012500", "usdt": "0.00012500", "DOGE": "0.00012500", "XTS": "0.00", "JPY": "0", "KWD": "0.000"} {
		o := read1(t, woocommerce.Format, wooOf(t, obj{"currency": code, "total": "0.000125", "line_items": []any{wooLine(obj{"subtotal": "0.000125", "total": "0.000125", "price": 0.000125})}}))
		if o.Total.Decimal() != want || o.Currency != strings.ToUpper(code) {
			t.Errorf("%s: %v, want %s", code, o.Total, want)
		}
	}
	for name, o := range map[string]*waxwing.Order{
		"woo":     read1(t, woocommerce.Format, wooOf(t, obj{"line_items": []any{shoptest.Null, wooLine(nil), false, "", []any{}}, "fee_lines": []any{shoptest.Null}, "shipping_lines": []any{false}})),
		"shopify": read1(t, shopify.Format, shopifyOf(t, obj{"line_items": []any{shoptest.Null, shopifyLine(nil)}, "shipping_lines": []any{shoptest.Null}, "tax_lines": []any{shoptest.Null}})),
	} {
		if shoptest.AddsUp(t, o); len(o.Items) != 1 || len(o.Fees)+len(o.Ship)+len(o.Taxes) != 0 {
			t.Errorf("%s: holes in lists: %+v", name, o)
		}
	}
	o := read1(t, woocommerce.Format, wooOf(t, obj{"total": "15.00", "line_items": []any{wooLine(nil), wooLine(obj{"name": "Trade-in", "quantity": -1, "subtotal": "-15.00", "total": "-15.00"}),
		wooLine(obj{"name": "Gift", "subtotal": "0.00", "total": "0.00"}), wooLine(obj{"name": "Gone", "quantity": 0, "subtotal": "0", "total": "0"})}}))
	if shoptest.AddsUp(t, o); len(o.Items) != 3 || o.Items[1].Total.Decimal() != "-15.00" || o.Items[1].Quantity != 1 {
		t.Errorf("%+v", o.Items)
	}
}

// Differences are named for what they are.
func TestRemainders(t *testing.T) {
	one := func(cur, line, total string) obj {
		return obj{"currency": cur, "total": total, "line_items": []any{wooLine(obj{"subtotal": line, "total": line})}}
	}
	with := func(c, more obj) obj { maps.Copy(c, more); return c }
	for name, c := range map[string]struct {
		changes obj
		want    string // kind and amount of each, then the number of notices
	}{
		"a cent":                    {one("USD", "30.00", "30.01"), "rounding 0.01, 0"},
		"coins":                     {one("CHF", "29.97", "29.95"), "rounding -0.02, 0"},
		"whole crowns":              {one("SEK", "299.70", "300.00"), "rounding 0.30, 0"},
		"two decimals of three":     {one("KWD", "30.125", "30.13"), "rounding 0.005, 0"},
		"no decimals of two":        {one("EUR", "29.60", "30"), "rounding 0.40, 0"},
		"nobody knows":              {one("USD", "30.00", "25.00"), "adjustment -5.00, 1"},
		"a coupon behind the taxes": {with(one("USD", "30.00", "20.00"), obj{"coupon_lines": []any{obj{"code": "c", "discount": "10.00"}}}), "store_credit -10.00, 0"},
		"funds":                     {with(one("USD", "30.00", "20.00"), obj{"meta_data": metas("_funds_used", "10.00")}), "store_credit -10.00, 0"},
		"credits by code":           {with(one("USD", "30.00", "20.00"), obj{"meta_data": metas("smart_coupons_contribution", obj{"A": 4, "B": 6})}), "store_credit -10.00, 0"},
		"a gift card in meta":       {with(one("USD", "30.00", "20.00"), obj{"meta_data": metas("_ywgc_applied_gift_cards", obj{"CODE": 10})}), "0"},
		"by weight":                 {obj{"total": "32.50", "line_items": []any{wooLine(obj{"total": "32.50"})}}, "surcharge 2.50, 0"},
		"a negative discount":       {obj{"total": "32.50", "discount_total": "-2.50", "line_items": []any{wooLine(obj{"total": "32.50"})}}, "surcharge 2.50, 0"},
	} {
		o := read1(t, woocommerce.Format, wooOf(t, c.changes))
		shoptest.AddsUp(t, o)
		var got []string
		for _, r := range o.Remainder {
			got = append(got, string(r.Kind)+" "+r.Amount.Decimal())
		}
		if s := strings.Join(append(got, fmt.Sprint(len(o.Notices))), ", "); s != c.want {
			t.Errorf("%s: %s, want %s", name, s, c.want)
		}
	}
}

// The largest order that Shopify allows, with all that it writes, is read.
func TestLargestOrder(t *testing.T) {
	set := func(s string) obj {
		m := obj{"amount": s, "currency_code": "USD"}
		return obj{"shop_money": m, "presentment_money": m}
	}
	var lines []any
	for i := range 499 {
		var taxes []any
		for j := range 10 {
			taxes = append(taxes, obj{"channel_liable": false, "price": "0.10", "price_set": set("0.10"), "rate": 0.01, "title": fmt.Sprintf("Tax of level %d", j)})
		}
		var props []any
		for j := range 20 {
			props = append(props, obj{"name": fmt.Sprintf("Choice %d", j), "value": strings.Repeat("x", 60)})
		}
		lines = append(lines, shopifyLine(obj{"id": 1 + i, "price": "10.00", "price_set": set("10.00"), "total_discount_set": set("0.00"), "tax_lines": taxes, "properties": props,
			"discount_allocations": []any{}, "duties": []any{}, "vendor": "Acme", "sku": fmt.Sprint("S-", i)}))
	}
	raw := shopifyOf(t, obj{"line_items": lines, "total_line_items_price": "4990.00", "total_tax": "499.00", "total_price": "5489.00", "total_price_set": set("5489.00")})
	if len(raw) > 8<<20 {
		t.Fatalf("%d bytes are more than max_body", len(raw))
	}
	o := read1(t, shopify.Format, raw)
	if shoptest.AddsUp(t, o); len(o.Items) != 499 || o.Total.Decimal() != "5489.00" || len(o.Notices) > 0 {
		t.Errorf("%d items, %v, %q", len(o.Items), o.Total, o.Notices)
	}
	t.Logf("%d bytes", len(raw))
}

// Hostile lists are refused before they fill the memory.
func TestTooManyLines(t *testing.T) {
	lines := "[" + strings.Repeat(`{"quantity":1},`, 20_000) + `{"quantity":1}]`
	for name, raw := range map[string]string{"woocommerce": `{"id":1,"currency":"USD","total":"1","line_items":` + lines + `}`,
		"shopify": `{"id":1,"currency":"USD","total_price":"1","line_items":` + lines + `}`} {
		if _, err := formats[name].Normalise("", []byte(raw)); err == nil || !strings.Contains(err.Error(), "more than 10000") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
