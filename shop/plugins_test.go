package shop_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop/generic"
	"github.com/waxwinghq/waxwing/shop/shoptest"
)

// What shops' plugins write, and what a customer should read of it.
type object = map[string]any

func wooOrder(change object) object {
	o := object{"id": 90001, "status": "processing", "currency": "USD", "total": "30.00", "date_paid_gmt": "2026-11-26T09:00:30",
		"payment_method": "stripe", "payment_method_title": "Card",
		"billing":    object{"first_name": "Ida", "address_1": "1 Oak Rd", "city": "Erie", "email": "ida@mail.example", "country": "US"},
		"shipping":   object{"first_name": "Ida", "address_1": "1 Oak Rd", "city": "Erie", "country": "US"},
		"line_items": []any{wooItem("Lamp", "30.00", nil)}}
	for k, v := range change {
		o[k] = v
	}
	return o
}

func wooItem(name, total string, change object) object {
	l := object{"id": 1, "name": name, "quantity": 1, "subtotal": total, "total": total, "meta_data": []any{}}
	for k, v := range change {
		l[k] = v
	}
	return l
}

func noted(key string, value any) []any { return []any{object{"key": key, "value": value}} }

func readAs(t *testing.T, format string, order object) *waxwing.Order {
	t.Helper()
	raw, err := json.Marshal(order)
	if err != nil {
		t.Fatal(err)
	}
	o, err := formats[format].Normalise("", raw)
	if err != nil {
		t.Fatal(err)
	}
	shoptest.Invariants(t, o)
	shoptest.AddsUp(t, o)
	return o
}

// A gift card and a deposit both come off what is still to be paid.
func TestDepositBesideGiftCards(t *testing.T) {
	bed := []any{object{"name": "Bed", "quantity": 1, "unit_price": "100.00"}}
	generic := func(payment object) object {
		return object{"shop": "s", "id": 1, "currency": "USD", "placed_at": "2026-03-01T12:00:00Z", "items": bed,
			"gift_cards": []any{object{"amount": "20.00"}}, "payment": payment}
	}
	for name, c := range map[string]struct {
		format       string
		order        object
		deposit, due int64
	}{
		"deposit":          {"generic", generic(object{"status": "partially_paid", "deposit": "30.00"}), 3000, 5000},
		"due":              {"generic", generic(object{"status": "partially_paid", "due": "50.00"}), 3000, 5000},
		"both":             {"generic", generic(object{"status": "partially_paid", "deposit": "30.00", "due": "50.00"}), 3000, 5000},
		"the card is in":   {"generic", generic(object{"status": "partially_paid", "deposit": "50.00", "due": "50.00"}), 3000, 5000},
		"nothing but card": {"generic", generic(object{"status": "partially_paid", "due": "80.00"}), 0, 8000},
		"woocommerce": {"woocommerce", wooOrder(object{"status": "partially-paid", "total": "80.00", "line_items": []any{wooItem("Bed", "100.00", nil)},
			"gift_cards": []any{object{"code": "AAAA-1234", "amount": "20.00"}}, "meta_data": noted("_wc_deposits_deposit_amount", "30.00")}), 3000, 5000},
		"shopify": {"shopify", object{"id": 7, "currency": "USD", "total_price": "100.00", "financial_status": "partially_paid", "total_outstanding": "80.00",
			"line_items":   []any{object{"id": 1, "title": "Bed", "price": "100.00", "quantity": 1}},
			"transactions": []any{object{"kind": "sale", "status": "success", "gateway": "gift_card", "currency": "USD", "amount": "20.00"}}}, 0, 8000},
	} {
		t.Run(name, func(t *testing.T) {
			o := readAs(t, c.format, c.order)
			if p := o.Payment; p.Deposit.Minor != c.deposit || p.Due.Minor != c.due || len(o.GiftCards) != 1 {
				t.Errorf("deposit %v, due %v, cards %v; want %d, %d", p.Deposit, p.Due, o.GiftCards, c.deposit, c.due)
			}
		})
	}
}

// What a plugin took off behind the taxes has its name.
func TestWooCredits(t *testing.T) {
	for name, c := range map[string]struct {
		change object
		card   string
		credit bool
	}{
		"WooCommerce": {object{"gift_cards": []any{object{"code": "ABCD-1234", "amount": "10.00"}}}, "•••• 1234", false},
		"PW":          {object{"pw_gift_card_lines": []any{object{"card_number": "ABCD-1234", "amount": 10}}}, "•••• 1234", false},
		"YITH":        {object{"meta_data": noted("_ywgc_applied_gift_cards", object{"ABCD": 4, "EFGH": "6.00"})}, "", false},
		"Smart Coupons": {object{"coupon_lines": []any{object{"code": "credit-1", "discount": "0"}},
			"meta_data": noted("smart_coupons_contribution", object{"credit-1": 10})}, "", true},
		"Advanced Coupons": {object{"meta_data": noted("acfw_store_credits_order_paid", object{"amount": 10, "cart_total": "30.00"})}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			c.change["total"] = "20.00"
			o := readAs(t, "woocommerce", wooOrder(c.change))
			switch {
			case c.credit && (len(o.Remainder) != 1 || o.Remainder[0].Kind != waxwing.StoreCredit || o.Total.Minor != 2000):
				t.Errorf("%+v of %v", o.Remainder, o.Total)
			case !c.credit && (len(o.GiftCards) != 1 || o.GiftCards[0].Title != c.card || o.GiftCards[0].Amount.Minor != 1000 || o.Total.Minor != 3000):
				t.Errorf("%+v of %v", o.GiftCards, o.Total)
			}
		})
	}
	o := readAs(t, "woocommerce", wooOrder(object{"total": "25.00", "discount_total": "5.00", "line_items": []any{wooItem("Lamp", "30.00", object{"total": "25.00"})},
		"coupon_lines": []any{object{"code": "ywpar_discount_1764151200", "discount": "5.00"}}}))
	if len(o.Discounts) != 1 || o.Discounts[0].Title != "" {
		t.Errorf("a code that nobody knows: %+v", o.Discounts)
	}
}

// A place has a name that people know; neither an id nor a seller is one, and
// where a part is sent there is an address.
func TestWooPickupPlaces(t *testing.T) {
	here := object{"method_id": "local_pickup", "method_title": "Local pickup", "total": "0"}
	sent := object{"method_id": "flat_rate", "method_title": "Post", "total": "0"}
	for name, c := range map[string]struct {
		change object
		place  string // "": none
		pickup bool
	}{
		"name":   {object{"shipping_lines": []any{here}, "meta_data": noted("pickup_store", "Store B")}, "Store B", true},
		"id":     {object{"shipping_lines": []any{here}, "meta_data": noted("pickup_location", "12")}, "", true},
		"number": {object{"shipping_lines": []any{here}, "meta_data": noted("_pickup_store", 7)}, "", true},
		"seller": {object{"shipping_lines": []any{here}, "line_items": []any{wooItem("Lamp", "30.00", object{"meta_data": noted("store_name", "Vendor Ltd")})}},
			"", true},
		"line": {object{"shipping_lines": []any{here}, "line_items": []any{wooItem("Lamp", "30.00", object{"meta_data": noted("_pickup_location_name", "Store C")})}},
			"Store C", true},
		"title":       {object{"shipping_lines": []any{object{"method_id": "free_shipping", "method_title": "Abholung im Laden &amp; gratis", "total": "0"}}}, "", true},
		"parcel shop": {object{"shipping_lines": []any{object{"method_id": "flat_rate", "method_title": "Pickup point DHL", "total": "0"}}}, "Ida", false},
		"both":        {object{"shipping_lines": []any{sent, here}, "meta_data": noted("pickup_store", "Store B")}, "Ida", false},
	} {
		t.Run(name, func(t *testing.T) {
			o := readAs(t, "woocommerce", wooOrder(c.change))
			got := ""
			if o.Shipping != nil {
				got = o.Shipping.Name
			}
			if got != c.place || o.Delivery.Pickup != c.pickup {
				t.Errorf("%q, pickup %v; want %q, %v", got, o.Delivery.Pickup, c.place, c.pickup)
			}
		})
	}
}

// Shopify calls the line of local pickup by the location, with no other sign.
func TestShopifyCollected(t *testing.T) {
	home := object{"name": "Ida", "address1": "1 Oak Rd", "city": "Erie", "country_code": "US"}
	for name, c := range map[string]struct {
		change object
		pickup bool
	}{
		"no address":        {object{}, true},
		"address":           {object{"shipping_address": home}, false},
		"no address at all": {object{"billing_address": nil}, false},
		"digital":           {object{"line_items": []any{object{"title": "E-book", "price": "48.00", "quantity": 1, "requires_shipping": false}}}, false},
		"not free":          {object{"shipping_lines": []any{object{"title": "Main St", "source": "shopify", "price": "5.00"}}, "total_price": "53.00"}, false},
		"of an app":         {object{"shipping_lines": []any{object{"title": "Main St", "source": "ups", "price": "0.00"}}}, false},
		"a part of it is sent": {object{"shipping_address": home, "shipping_lines": []any{object{"title": "Main St", "delivery_category": "pick_up", "price": "0.00"},
			object{"title": "Post", "price": "0.00"}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			order := object{"id": 7, "currency": "USD", "total_price": "48.00", "financial_status": "paid", "billing_address": home,
				"line_items":     []any{object{"id": 1, "title": "Mug", "price": "48.00", "quantity": 1, "requires_shipping": true}},
				"shipping_lines": []any{object{"title": "Main St", "code": "Main St", "source": "shopify", "price": "0.00", "delivery_category": nil}}}
			for k, v := range c.change {
				order[k] = v
			}
			o := readAs(t, "shopify", order)
			if o.Delivery.Pickup != c.pickup || c.pickup && (o.Shipping == nil || o.Shipping.Name != "Main St" || len(o.Shipping.Lines) > 0) {
				t.Errorf("pickup %v at %+v", o.Delivery.Pickup, o.Shipping)
			}
		})
	}
}

// What an order on account or a pre-order is not: paid.
func TestWooPaidLater(t *testing.T) {
	o := readAs(t, "woocommerce", wooOrder(object{"payment_method": "invoice", "payment_method_title": "Kauf auf Rechnung"}))
	if o.Payment.Status != waxwing.PaymentAuthorized || o.Payment.Offline != waxwing.Invoice || !o.Payment.Verified(nil) {
		t.Errorf("on account: %+v", o.Payment)
	}
	o = readAs(t, "woocommerce", wooOrder(object{"status": "pre-ordered", "date_paid_gmt": nil}))
	if o.Payment.Status != waxwing.PaymentAuthorized || o.Stock != waxwing.StockPreorder {
		t.Errorf("a pre-order: %+v %s", o.Payment, o.Stock)
	}
}

func TestWooLanguages(t *testing.T) {
	for key, want := range map[string]string{"gt_lang": "de", "_gtranslate_language": "de", "_wcml_order_language": "de", "language_code": "de",
		"wpml_lang": "de", "linguise_language": "de", "admin_language": "", "_product_locale": "", "description": "", "slang": ""} {
		o := readAs(t, "woocommerce", wooOrder(object{"meta_data": []any{object{"key": "accepted_language", "value": "yes"}, object{"key": key, "value": "de"}}}))
		if o.Locale != want {
			t.Errorf("%s: %q, want %q", key, o.Locale, want)
		}
	}
	o := readAs(t, "woocommerce", wooOrder(object{"meta_data": []any{object{"key": "x_language", "value": "fr"}, object{"key": "wpml_language", "value": "de"}}}))
	if o.Locale != "de" {
		t.Errorf("%q: a plugin that is known comes first", o.Locale)
	}
}

// What is no text of the customer's is not shown.
func TestWooMarkupOfPlugins(t *testing.T) {
	for value, want := range map[string]string{
		`<a href="https://x.example/f.pdf"><svg width="4"><path d="M0"/></svg> f.pdf</a>`: "f.pdf", `<button type="button">Edit</button> Blue`: "Edit Blue",
		`<!-- note -->Red`: "Red", `<script>alert("<b>")</SCRIPT><style>.a{b:c}</style>Green`: "Green", `<input type="hidden" value="z">Text`: "Text",
		`{"id":5,"nonce":"abc"}`: "", `[{"name":"a","value":"b"}]`: "", `a:1:{i:0;s:1:"x";}`: "", `{"Ida"}`: `{"Ida"}`, `[1]`: "[1]",
		"5 < 6 & 7 > 3": "5 < 6 & 7 > 3", "<script>": "<script>", "İ<script>x</script>İ": "İİ", "<3": "<3",
	} {
		o := readAs(t, "woocommerce", wooOrder(object{"line_items": []any{wooItem("Lamp", "30.00", object{"meta_data": noted("Choice", value)})}}))
		got := ""
		for _, p := range o.Items[0].Properties {
			got = p.Value
		}
		if got != want {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
	}
	hostile := strings.Repeat("<script", 9000)
	readAs(t, "woocommerce", wooOrder(object{"line_items": []any{wooItem("Lamp", "30.00", object{"meta_data": noted("Choice", hostile)})}}))
}

// Quantities that are odd and still say how much there is.
func TestWooQuantities(t *testing.T) {
	for _, c := range []struct {
		quantity any
		pieces   int64
		name     string
	}{{nil, 1, "Lamp"}, {"", 1, "Lamp"}, {-1.5, 1, "Lamp × 1.5"}, {2_000_000, 2_000_000, "Lamp"}, {"2.50", 1, "Lamp × 2.5"}} {
		o := readAs(t, "woocommerce", wooOrder(object{"line_items": []any{wooItem("Lamp", "30.00", object{"quantity": c.quantity})}}))
		if o.Items[0].Quantity != c.pieces || o.Items[0].Name != c.name {
			t.Errorf("%v: %d of %s", c.quantity, o.Items[0].Quantity, o.Items[0].Name)
		}
	}
}

// What was sold over the counter is neither packed nor sent.
func TestSoldOverTheCounter(t *testing.T) {
	pos := object{"id": 7, "currency": "USD", "total_price": "48.00", "financial_status": "paid", "source_name": "pos", "fulfillment_status": "fulfilled",
		"line_items": []any{object{"id": 1, "title": "Mug", "price": "48.00", "quantity": 1}}}
	if o := readAs(t, "shopify", pos); !o.Delivery.HandedOver {
		t.Error("Shopify POS: not handed over")
	}
	pos["fulfillment_status"] = nil
	if o := readAs(t, "shopify", pos); o.Delivery.HandedOver {
		t.Error("Shopify POS: to be sent, and handed over")
	}
	if o := readAs(t, "woocommerce", wooOrder(object{"created_via": "woocommerce-pos", "status": "completed"})); !o.Delivery.HandedOver {
		t.Error("WooCommerce POS: not handed over")
	}
	if o := readAs(t, "woocommerce", wooOrder(object{"created_via": "checkout", "status": "completed"})); o.Delivery.HandedOver || !o.Delivery.Shipped {
		t.Error("WooCommerce: sent, and handed over")
	}
	sent := object{"id": 8, "currency": "USD", "total_price": "48.00", "financial_status": "paid", "source_name": "web", "fulfillment_status": "fulfilled",
		"line_items": []any{object{"id": 1, "title": "Mug", "price": "48.00", "quantity": 1}}}
	if o := readAs(t, "shopify", sent); o.Delivery.HandedOver || !o.Delivery.Shipped {
		t.Error("Shopify: not sent")
	}
	sent["fulfillment_status"] = "partial"
	if o := readAs(t, "shopify", sent); o.Delivery.Shipped {
		t.Error("Shopify: sent in part is not sent")
	}
	o := readAs(t, "generic", object{"shop": "s", "id": 1, "currency": "USD", "placed_at": "2026-03-01T12:00:00Z", "payment": object{"status": "paid"},
		"items": []any{object{"name": "Mug", "quantity": 1, "unit_price": "4.00"}}, "delivery": object{"handed_over": true}})
	if !o.Delivery.HandedOver {
		t.Error("generic: not handed over")
	}
}

// The money and the gift cards together are all that was paid.
func TestRefundedToTheCards(t *testing.T) {
	for back, want := range map[string]waxwing.PaymentStatus{"80.00": waxwing.PaymentRefunded, "79.00": waxwing.PartlyRefunded, "100.00": waxwing.PaymentRefunded} {
		o := readAs(t, "generic", object{"shop": "s", "id": 1, "currency": "USD", "placed_at": "2026-03-01T12:00:00Z", "payment": object{"status": "refunded"},
			"items": []any{object{"name": "Bed", "quantity": 1, "unit_price": "100.00"}}, "gift_cards": []any{object{"amount": "20.00"}},
			"totals": object{"refunded": back}})
		if o.Payment.Status != want {
			t.Errorf("%s back: %s, want %s", back, o.Payment.Status, want)
		}
	}
}

// An order that was cut after it was discounted says no more of savings than its
// discounts do, and what was chosen stays.
func TestShopifyEditedDiscounts(t *testing.T) {
	order := func(current any) object {
		return object{"id": 7, "currency": "USD", "total_price": "27.00", "current_total_price": "9.00", "total_discounts": "3.00", "current_total_discounts": "1.00",
			"financial_status": "paid", "discount_applications": []any{object{"title": "Cut", "target_type": "line_item", "target_selection": "explicit"}},
			"line_items": []any{object{"id": 1, "title": "Mug", "price": "10.00", "quantity": 3, "current_quantity": current, "variant_title": "L",
				"selling_plan_allocation": object{"selling_plan": object{"name": "Every month"}},
				"discount_allocations":    []any{object{"discount_application_index": 0, "amount": "3.00"}}}}}
	}
	o := readAs(t, "shopify", order(1))
	if it := o.Items[0]; it.Quantity != 1 || !it.Discount.IsZero() || o.DiscountTotal.Minor != 100 || o.Total.Minor != 900 {
		t.Errorf("%d, saved %v of %v, total %v", it.Quantity, it.Discount, o.DiscountTotal, o.Total)
	}
	if got := o.Items[0].Variant; got != "L / Every month" {
		t.Errorf("variant %q", got)
	}
	o = readAs(t, "shopify", order(3))
	if it := o.Items[0]; it.Quantity != 3 || it.Discount.Minor != 300 {
		t.Errorf("%d, saved %v", it.Quantity, it.Discount)
	}
}

// Payment terms say when, and are no way to have paid.
func TestShopifyTerms(t *testing.T) {
	for status, want := range map[string]string{"pending": "Net 30", "paid": ""} {
		o := readAs(t, "shopify", object{"id": 7, "currency": "USD", "total_price": "10.00", "financial_status": status, "po_number": "PO 7",
			"payment_terms": object{"payment_terms_name": "Net 30", "due_in_days": 30}, "line_items": []any{object{"title": "Mug", "price": "10.00", "quantity": 1}}})
		if o.Payment.Method != want || o.Payment.Offline != waxwing.Invoice || o.PurchaseOrder != "PO 7" {
			t.Errorf("%s: %+v %q", status, o.Payment, o.PurchaseOrder)
		}
	}
}

// A region is in the script of the rest of the address, whatever the shop keeps.
func TestRegionsInTheAddressesScript(t *testing.T) {
	for _, c := range []struct{ format, country, state, city, want string }{
		{"woocommerce", "JP", "JP13", "Shibuya-ku", "Tokyo"}, {"woocommerce", "JP", "JP13", "渋谷区", "東京都"},
		{"woocommerce", "CN", "CN20", "深圳市", "广东省"}, {"woocommerce", "CN", "CN20", "Shenzhen", "Guangdong"},
		{"woocommerce", "HK", "KOWLOON", "旺角", "九龍"}, {"woocommerce", "HK", "KOWLOON", "Mong Kok", "Kowloon"},
		{"shopify", "JP", "Ōsaka", "Osaka-shi", "Ōsaka"}, {"shopify", "JP", "Osaka", "大阪市", "大阪府"},
		{"shopify", "CN", "Beijing", "朝阳区", "北京市"}, {"shopify", "KR", "Seoul", "강남구", "서울특별시"}, {"shopify", "KR", "Seoul", "Gangnam-gu", "Seoul"},
	} {
		o := wooOrder(object{"shipping": object{"first_name": "A", "address_1": "1", "city": c.city, "country": c.country, "state": c.state}})
		if c.format == "shopify" {
			o = object{"id": 7, "currency": "USD", "total_price": "10.00", "line_items": []any{object{"title": "Mug", "price": "10.00", "quantity": 1}},
				"shipping_address": object{"name": "A", "address1": "1", "city": c.city, "country_code": c.country, "province": c.state}}
		}
		if got := readAs(t, c.format, o).Shipping.Region; got != c.want {
			t.Errorf("%s %s in %s: %q, want %q", c.country, c.state, c.city, got, c.want)
		}
	}
}

// A part that is a cent more than the whole is the whole, and one that is a euro
// more is an error.
func TestGenericPartsOfTheTotal(t *testing.T) {
	order := func(change object) object {
		o := object{"shop": "s", "id": 1, "currency": "EUR", "placed_at": "2026-03-01T12:00:00Z", "payment": object{"status": "paid"},
			"items": []any{object{"name": "Tea", "quantity": 2, "unit_price": "12.50"}}}
		for k, v := range change {
			o[k] = v
		}
		return o
	}
	change := map[string]func(amount string) object{
		"gift card": func(a string) object { return object{"gift_cards": []any{object{"amount": a}}} },
		"refund":    func(a string) object { return object{"totals": object{"refunded": a}} },
		"deposit":   func(a string) object { return object{"payment": object{"status": "partially_paid", "deposit": a}} },
		"due":       func(a string) object { return object{"payment": object{"status": "partially_paid", "due": a}} },
		"discount":  func(a string) object { return object{"discounts": []any{object{"amount": a}}} },
	}
	for name, f := range change {
		o := readAs(t, "generic", order(f("25.01")))
		paid := o.Refunded.Minor
		for _, g := range o.GiftCards {
			paid += g.Amount.Minor
		}
		if want := o.Total.Minor; (name == "gift card" || name == "refund") && paid != want || name == "discount" && want != 0 {
			t.Errorf("%s: %d of %v", name, paid, o.Total)
		}
		raw, err := json.Marshal(order(f("26.01")))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := generic.Format.Normalise("", raw); err == nil || !strings.Contains(err.Error(), "more than the") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
