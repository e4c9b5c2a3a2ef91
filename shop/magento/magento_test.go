package magento

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop/shoptest"
)

func TestFormat(t *testing.T) {
	shoptest.Run(t, Format, "increment_id", "customer_email", "customer_note", "items.0.name", "items.0.sku", "shipping_description", "coupon_code",
		"billing_address.firstname", "data.value.customer_note", "data.value.items.3.product_options.options.0.value")
}

func FuzzMagento(f *testing.F) { shoptest.Fuzz(f, Format) }
func FuzzMutated(f *testing.F) { shoptest.FuzzMutated(f, Format) }

const (
	netFile   = "testdata/net-configurable-cheque.json"
	eventFile = "testdata/gross-discount-event.json"
)

func TestSignature(t *testing.T) {
	raw := []byte(`{"entity_id":1}`)
	mac := hmac.New(sha256.New, []byte("new"))
	mac.Write(raw)
	sum := mac.Sum(nil)
	asHex, as64 := hex.EncodeToString(sum), base64.StdEncoding.EncodeToString(sum)
	for name, c := range map[string]struct {
		header, value string
		secrets       []waxwing.Secret
		want          bool
	}{
		"hex":                 {"X-Magento-Signature", asHex, []waxwing.Secret{"new", "old"}, true},
		"capitals":            {"X-Magento-Signature", strings.ToUpper(asHex), []waxwing.Secret{"new"}, true},
		"named":               {"X-Magento-Signature", "sha256=" + asHex, []waxwing.Secret{"old", "new"}, true},
		"base64":              {"X-Magento-Signature", as64, []waxwing.Secret{"new"}, true},
		"the other header":    {"X-Magento-Hmac-Sha256", as64, []waxwing.Secret{"new"}, true},
		"another secret":      {"X-Magento-Signature", asHex, []waxwing.Secret{"old"}, false},
		"no secret":           {"X-Magento-Signature", asHex, nil, false},
		"an empty secret":     {"X-Magento-Signature", asHex, []waxwing.Secret{""}, false},
		"one digit off":       {"X-Magento-Signature", asHex[:63] + string("0123456789abcdef"[(strings.IndexByte("0123456789abcdef", asHex[63])+1)%16]), []waxwing.Secret{"new"}, false},
		"half of it":          {"X-Magento-Signature", asHex[:32], []waxwing.Secret{"new"}, false},
		"more behind it":      {"X-Magento-Signature", asHex + "00", []waxwing.Secret{"new"}, false},
		"no hex, no base64":   {"X-Magento-Signature", "%%%", []waxwing.Secret{"new"}, false},
		"Adobe's is not ours": {"X-Adobe-Commerce-Webhook-Signature", as64, []waxwing.Secret{"new"}, false},
	} {
		h := http.Header{}
		h.Set(c.header, c.value)
		if got := Format.Verify(h, raw, c.secrets); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if Format.Verify(http.Header{}, raw, []waxwing.Secret{"new"}) {
		t.Error("an unsigned webhook is taken")
	}
}

func TestKey(t *testing.T) {
	raw := shoptest.With(t, shoptest.Payload(t, netFile), "", nil)
	k, err := Format.Key("", raw)
	if err != nil || k.OrderID != "3101" || k.Rank != 0 || !k.UpdatedAt.Equal(time.Date(2026, 10, 5, 8, 12, 46, 0, time.UTC)) ||
		!k.PlacedAt.Equal(time.Date(2026, 10, 5, 8, 12, 44, 0, time.UTC)) || !k.OccurredAt.Equal(k.PlacedAt) {
		t.Errorf("%+v %v", k, err)
	}
	for _, wrap := range []string{`{"order":%}`, `{"data":{"order":%}}`, `{"event":{"data":{"key":"a","value":%}}}`, `{"entity":%}`,
		`{"items":[%],"search_criteria":{},"total_count":1}`, `{"eventName":"sales_order_place_after","data":{"order":%}}`,
		`{"type":"com.adobe.commerce.observer.sales_order_save_after","data":{"value":%}}`} {
		got, err := Format.Key("", []byte(strings.Replace(wrap, "%", string(raw), 1)))
		if err != nil || got != k {
			t.Errorf("%s: %+v %v", wrap, got, err)
		}
	}
	gone, err := Format.Key("", shoptest.With(t, shoptest.Payload(t, netFile), "state", "canceled"))
	if err != nil || gone.Rank != 2 {
		t.Errorf("%+v %v", gone, err)
	}
}

func TestNoOrders(t *testing.T) {
	for raw, want := range map[string]string{
		`{"type":"com.adobe.commerce.observer.catalog_product_save_after","data":{"value":{"entity_id":"3","sku":"x"}}}`: "not a topic of completed orders",
		`{"type":"com.adobe.commerce.observer.sales_order_invoice_save_after","data":{"value":{"entity_id":"3"}}}`:       "not a topic of completed orders",
		`{"type":"com.adobe.commerce.observer.sales_order_save_before","data":{"value":{"increment_id":"3"}}}`:           "before the order is kept",
		`{"entity_id":1,"order_id":1,"grand_total":105,"increment_id":"000000001","state":2}`:                            "a part of an order",
		`{"entity_id":1,"reserved_order_id":null,"grand_total":105,"is_active":1,"items_qty":2}`:                         "a cart",
		`{"entity_id":1,"sku":"x"}`: "neither total nor number",
		`{"foo":{}}`:                "neither total nor number",
	} {
		k, err := Format.Key("", []byte(raw))
		if err != nil || !strings.Contains(k.Ignore, want) || k.OrderID != "" {
			t.Errorf("%s: %+v %v, want %s", raw, k, err, want)
		}
	}
	for raw, want := range map[string]string{
		`{"increment_id":"000000001","grand_total":1}`:                     "entity_id: missing",
		`{"entity_id":"x1","grand_total":1}`:                               "entity_id: missing",
		`{"entity_id":1,"entity_id":2,"grand_total":1}`:                    "id: given twice",
		`{"items":[{"entity_id":1},{"entity_id":2}],"search_criteria":{}}`: "several orders",
		`[]`: "not an object",
	} {
		if k, err := Format.Key("", []byte(raw)); err == nil || !strings.Contains(err.Error(), want) || !waxwing.IsPermanent(err) {
			t.Errorf("%s: %+v %v, want %s", raw, k, err, want)
		}
	}
}

func TestRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		path string
		to   any
		want string
	}{
		"no currency":         {"order_currency_code", nil, "order_currency_code: missing"},
		"no total":            {"grand_total", nil, "grand_total: missing"},
		"negative":            {"grand_total", -1, "total: negative"},
		"a total of words":    {"grand_total", "ten", "grand_total: not a decimal"},
		"no lines":            {"items", []any{}, "items: none"},
		"a line is no object": {"items.2", "x", "items[2].(line): not an object"},
		"no quantity":         {"items.2.qty_ordered", shoptest.Null, "items[2].qty_ordered: not a whole number"},
		"a tax of words":      {"tax_amount", "x", "tax_amount: not a decimal"},
	} {
		raw := shoptest.With(t, shoptest.Payload(t, netFile), c.path, c.to)
		_, err := Format.Normalise("", raw)
		if err == nil || !strings.Contains(err.Error(), c.want) || !waxwing.IsPermanent(err) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
			continue
		}
		shoptest.NoData(t, err, raw)
	}
}

func TestPayment(t *testing.T) {
	for name, c := range map[string]struct {
		set  map[string]any
		want waxwing.PaymentStatus
	}{
		"a cheque to come":             {nil, waxwing.PaymentPending},
		"a cheque, shipped at once":    {map[string]any{"state": "processing"}, waxwing.PaymentPending},
		"a cheque that came":           {map[string]any{"state": "processing", "total_paid": 127.04}, waxwing.PaymentPaid},
		"a card, authorised":           {map[string]any{"state": "processing", "payment": map[string]any{"method": "braintree"}}, waxwing.PaymentAuthorized},
		"a card, captured in part":     {map[string]any{"state": "processing", "total_paid": 50, "payment": map[string]any{"method": "braintree"}}, waxwing.PaymentAuthorized},
		"a card, authorised, new":      {map[string]any{"payment": map[string]any{"method": "adyen_cc", "amount_authorized": 127.04}}, waxwing.PaymentAuthorized},
		"at the bank's page":           {map[string]any{"state": "pending_payment", "payment": map[string]any{"method": "adyen_hpp"}}, waxwing.PaymentPending},
		"under review":                 {map[string]any{"state": "payment_review", "payment": map[string]any{"method": "braintree", "amount_authorized": 127.04}}, waxwing.PaymentPending},
		"held":                         {map[string]any{"state": "holded", "hold_before_state": "processing"}, waxwing.PaymentPending},
		"held, paid":                   {map[string]any{"state": "holded", "total_paid": "127.0400"}, waxwing.PaymentPaid},
		"a deposit":                    {map[string]any{"total_paid": 27.04}, waxwing.PaymentPartlyPaid},
		"complete":                     {map[string]any{"state": "complete"}, waxwing.PaymentPaid},
		"closed":                       {map[string]any{"state": "closed"}, waxwing.PaymentRefunded},
		"refunded in part":             {map[string]any{"state": "complete", "total_refunded": 10}, waxwing.PartlyRefunded},
		"cancelled":                    {map[string]any{"state": "canceled"}, waxwing.PaymentVoided},
		"a merchant's status, a state": {map[string]any{"status": "waiting_for_stock"}, waxwing.PaymentPending},
		"a module's state":             {map[string]any{"state": "vendor_state"}, waxwing.PaymentUnknown},
		"a module's state, paid":       {map[string]any{"state": "vendor_state", "total_paid": 127.04}, waxwing.PaymentPaid},
		"no state, but a status":       {map[string]any{"state": nil, "status": "pending"}, waxwing.PaymentPending},
	} {
		m := shoptest.Payload(t, netFile)
		for k, v := range c.set {
			shoptest.With(t, m, k, v)
		}
		o, err := Format.Normalise("", shoptest.With(t, m, "", nil))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		shoptest.AddsUp(t, o)
		if o.Payment.Status != c.want {
			t.Errorf("%s: %q, want %q", name, o.Payment.Status, c.want)
		}
	}
}

// Whether prices hold the tax no field says. Whatever is chosen comes to the total.
func TestNetOrGross(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		set  map[string]any
		want string
	}{
		"net":                                {netFile, nil, "net 115.00 - 11.50 + 15.00 + 8.54"},
		"gross":                              {eventFile, nil, "gross 195.18 - 19.52 + 5.95 + 29.00"},
		"gross sums are missing":             {eventFile, map[string]any{"data.value.subtotal_incl_tax": nil, "data.value.shipping_incl_tax": nil}, "net 164.02 - 16.41 + 5.00 + 29.00"},
		"no discount, the catalogue tells":   {eventFile, map[string]any{"data.value.discount_amount": "0", "data.value.discount_tax_compensation_amount": "0", "data.value.grand_total": "201.13", "data.value.tax_amount": "32.11"}, "gross 195.18 - 0.00 + 5.95 + 32.11"},
		"a catalogue's price that tells net": {netFile, map[string]any{"discount_amount": 0, "grand_total": 138.54}, "net 115.00 - 0.00 + 15.00 + 8.54"},
	} {
		m := shoptest.Payload(t, c.file)
		for k, v := range c.set {
			shoptest.With(t, m, k, v)
		}
		o, err := Format.Normalise("", shoptest.With(t, m, "", nil))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		shoptest.AddsUp(t, o)
		got := map[bool]string{true: "gross ", false: "net "}[o.TaxesIncluded] + o.Subtotal.Decimal() + " - " + o.DiscountTotal.Decimal() + " + " + o.ShippingTotal.Decimal() + " + " + o.TaxTotal.Decimal()
		if got != c.want || len(o.Notices) != 0 {
			t.Errorf("%s: %s %v, want %s", name, got, o.Notices, c.want)
		}
	}
}

// What a module adds and no field names is said, and never hidden in another row.
func TestUnknownFee(t *testing.T) {
	m := shoptest.Payload(t, netFile)
	o, err := Format.Normalise("", shoptest.With(t, m, "grand_total", 130.04))
	if err != nil || len(o.Remainder) != 1 || o.Remainder[0].Kind != waxwing.OtherAdjustment || o.Remainder[0].Amount.Decimal() != "3.00" || len(o.Notices) != 1 {
		t.Fatalf("%v %+v", err, o.Remainder)
	}
	m["extension_attributes"].(map[string]any)["fooman_total_group"] = map[string]any{"items": []any{map[string]any{"label": "Handling", "amount": 3, "tax_amount": 0}}}
	o, err = Format.Normalise("", shoptest.With(t, m, "", nil))
	if err != nil || len(o.Remainder) != 0 || len(o.Notices) != 0 || len(o.Fees) != 1 || o.Fees[0].Title != "Handling" {
		t.Fatalf("%v %+v %+v", err, o.Remainder, o.Fees)
	}
}
