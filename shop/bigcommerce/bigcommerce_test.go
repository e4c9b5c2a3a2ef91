package bigcommerce

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop/shoptest"
)

func TestFormat(t *testing.T) {
	shoptest.Run(t, Format, "customer_message", "billing_address.first_name", "billing_address.email", "products.0.name_customer", "coupons.0.code")
}

func FuzzBigCommerce(f *testing.F) { shoptest.Fuzz(f, Format) }
func FuzzMutated(f *testing.F)     { shoptest.FuzzMutated(f, Format) }

const fixture = "testdata/net-coupon.json"

// sign makes the headers that BigCommerce would send.
func sign(id string, at time.Time, raw []byte, secrets ...string) http.Header {
	h, stamp := http.Header{}, strconv.FormatInt(at.Unix(), 10)
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", stamp)
	var list []string
	for _, s := range secrets {
		mac := hmac.New(sha256.New, []byte(s))
		mac.Write([]byte(id + "." + stamp + "."))
		mac.Write(raw)
		list = append(list, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	h.Set("webhook-signature", strings.Join(append([]string{"v1a,ed25519"}, list...), " "))
	return h
}

func TestSignature(t *testing.T) {
	raw, at, live := []byte(`{"id":1}`), time.Unix(1791370502, 0), []waxwing.Secret{"new", "old"}
	changed := func(h http.Header, key, value string) http.Header {
		h.Set(key, value)
		return h
	}
	many := sign("msg_1", at, raw, "new")
	many.Set("webhook-signature", strings.Repeat("v1,AAAA ", 99)+many.Get("webhook-signature"))
	for name, c := range map[string]struct {
		h    http.Header
		raw  string
		want bool
	}{
		"the new secret":  {sign("msg_1", at, raw, "new"), string(raw), true},
		"the old secret":  {sign("msg_1", at, raw, "old"), string(raw), true},
		"both":            {sign("msg_1", at, raw, "gone", "old"), string(raw), true},
		"another secret":  {sign("msg_1", at, raw, "x"), string(raw), false},
		"another body":    {sign("msg_1", at, raw, "new"), string(raw) + " ", false},
		"another time":    {changed(sign("msg_1", at, raw, "new"), "webhook-timestamp", "1791370503"), string(raw), false},
		"another id":      {changed(sign("msg_1", at, raw, "new"), "webhook-id", "msg_2"), string(raw), false},
		"nothing":         {http.Header{}, string(raw), false},
		"too many before": {many, string(raw), false},
	} {
		if got := Format.Verify(c.h, []byte(c.raw), live); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if Format.Verify(sign("m", at, raw, ""), raw, []waxwing.Secret{""}) || Format.Verify(sign("m", at, raw, "new"), raw, nil) {
		t.Error("an empty secret, or none, opens")
	}
	if got := Format.SignedAt(sign("m", at, raw, "new")); !got.Equal(at) {
		t.Error(got)
	}
	for _, bad := range []string{"", "x", "0", "-5", "99999999999999999999"} {
		if got := Format.SignedAt(changed(http.Header{}, "webhook-timestamp", bad)); !got.IsZero() {
			t.Errorf("%q is %v", bad, got)
		}
	}
}

func TestKeyAndOthers(t *testing.T) {
	k, err := Format.Key("", shoptest.With(t, shoptest.Payload(t, fixture), "", nil))
	if err != nil || k.OrderID != "2101" || k.Rank != 1 || !k.UpdatedAt.Equal(time.Date(2026, 10, 6, 15, 45, 4, 0, time.UTC)) || !k.PlacedAt.Equal(time.Date(2026, 10, 6, 15, 45, 0, 0, time.UTC)) {
		t.Errorf("%+v %v", k, err)
	}
	for _, path := range []string{"is_deleted", "status_id"} {
		k, err := Format.Key("", shoptest.With(t, shoptest.Payload(t, fixture), path, map[string]any{"is_deleted": true, "status_id": 5}[path]))
		if err != nil || k.Rank != 2 {
			t.Errorf("%s: %+v %v", path, k, err)
		}
	}
	for raw, want := range map[string]string{
		`{"scope":"store/product/updated","data":{"type":"product","id":3}}`: "not a topic of completed orders store/product/updated",
		`{"id":5,"status_id":0,"total_inc_tax":"1.0000"}`:                    "not completed",
		`{"id":5,"name":"x"}`: "neither status nor total",
	} {
		if k, err := Format.Key("", []byte(raw)); err != nil || !strings.Contains(k.Ignore, want) || k.OrderID != "" {
			t.Errorf("%s: %+v %v, want %s", raw, k, err, want)
		}
	}
	for raw, want := range map[string]string{
		`{"scope":"store/order/created","store_id":"1","data":{"type":"order"},"hash":"3f"}`: "ask its API for v2/orders/ID",
		`[{"id":5,"status_id":1},{"id":6,"status_id":1}]`:                                    "several orders",
		`{"id":0,"status_id":1}`:        "id: missing",
		`{"id":5,"id":6,"status_id":1}`: "id: given twice",
		`"x"`:                           "not an object",
	} {
		if k, err := Format.Key("", []byte(raw)); err == nil || !strings.Contains(err.Error(), want) || !waxwing.IsPermanent(err) {
			t.Errorf("%s: %+v %v, want %s", raw, k, err, want)
		}
	}
	for path, c := range map[string]struct {
		to   any
		want string
	}{"default_currency_code": {"EURO", "default_currency_code: missing"}, "total_inc_tax": {nil, "total_inc_tax: missing"}, "products.0.quantity": {"x", "products[0].quantity: not a whole number"},
		"products": {[]any{}, "products: none"}, "products.1.total_ex_tax": {"x", "products[1].total_ex_tax: not a decimal"}, "discount_amount": {"x", "discount_amount: not a decimal"}} {
		_, err := Format.Normalise("", shoptest.With(t, shoptest.Payload(t, fixture), path, c.to))
		if err == nil || !strings.Contains(err.Error(), c.want) || !waxwing.IsPermanent(err) {
			t.Errorf("%s: got %v, want %q", path, err, c.want)
		}
	}
}

// TestNamed: what BigCommerce sends names an order, whatever of it changed.
func TestNamed(t *testing.T) {
	for raw, want := range map[string]string{
		`{"scope":"store/order/created","store_id":"1","data":{"type":"order","id":250},"hash":"3f"}`:                                 "250",
		`{"scope":"store/order/statusUpdated","data":{"type":"order","id":250,"status":{"previous_status_id":0,"new_status_id":11}}}`: "250",
		`{"scope":"store/order/transaction/created","data":{"type":"transaction","order_id":251,"transaction_id":9}}`:                 "251",
		`{"scope":"store/order/refund/created","data":{"type":"refund","order_id":252,"id":9}}`:                                       "252",
		`{"scope":"store/order/message/created","data":{"type":"order","id":253,"message":{"order_message_id":3}}}`:                   "253",
		`{"scope":"store/order/created","data":{"type":"order","id":"../../v3/customers?x"}}`:                                         "",
		`{"scope":"store/order/created","data":{"type":"order","id":1,"id":2}}`:                                                       "",
		`{"scope":"store/order/refund/created","data":{"type":"refund","id":9}}`:                                                      "",
	} {
		k, err := Format.Key("", []byte(raw))
		var bare *waxwing.BareError
		_, err2 := Format.Normalise("", []byte(raw))
		if named := errors.As(err2, &bare); k.OrderID != want || (want == "") != (err != nil) || named != (want != "") || named && (bare.OrderID != want || k.Bare == "") || err2 == nil {
			t.Errorf("%s: %+v %v, %v", raw, k, err, err2)
		}
	}
}

// TestAsking puts an order together of its parts, over pages and without what there is not.
func TestAsking(t *testing.T) {
	whole := shoptest.Payload(t, fixture)
	part := func(v any) []byte {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	lines, _ := whole["products"].([]any)
	var first []any // a page that is full
	for range perPage {
		first = append(first, lines[0])
	}
	asked := map[string]int{}
	get := func(_ context.Context, path string) ([]byte, error) {
		asked[path]++
		switch path {
		case "/v2/orders/2101?include=fees":
			bare := shoptest.Payload(t, fixture)
			bare["products"] = map[string]any{"url": "https://evil.example", "resource": "/orders/2101/products"}
			delete(bare, "shipping_addresses")
			return part(bare), nil
		case "/v2/orders/2101/products?limit=250&page=1":
			return part(first), nil
		case "/v2/orders/2101/products?limit=250&page=2":
			return part(lines[1:]), nil
		case "/v2/orders/2101/shipping_addresses?limit=250":
			return part(whole["shipping_addresses"]), nil
		case "/v2/orders/2101/coupons?limit=250":
			return nil, nil // 204
		}
		t.Errorf("asked for %s", path)
		return nil, waxwing.ErrNotFound
	}
	raw, err := Format.API.Order(t.Context(), get, "2101")
	if err != nil {
		t.Fatal(err)
	}
	o, err := Format.Normalise("", raw)
	if err != nil {
		t.Fatal(err)
	}
	if len(asked) != 5 || len(o.Items) != perPage+len(lines)-1 || o.Shipping == nil || o.ID != "2101" || o.Total.Decimal() != "97.86" {
		t.Errorf("%d questions, %d lines, to %v, %v", len(asked), len(o.Items), o.Shipping, o.Total)
	}
	for _, bad := range []string{"[]", "<html>", `"x"`} {
		if _, err := Format.API.Order(t.Context(), func(context.Context, string) ([]byte, error) { return []byte(bad), nil }, "2101"); err == nil {
			t.Errorf("%s is an order", bad)
		}
	}
}

func TestPayment(t *testing.T) {
	for name, c := range map[string]struct {
		status       int
		gateway      any
		method, paid string
		want         waxwing.PaymentStatus
		offline      string
	}{
		"a card":                      {11, "stripe", "Credit Card", "", waxwing.PaymentPaid, ""},
		"a card, authorised":          {11, "stripe", "Credit Card", "authorized", waxwing.PaymentAuthorized, ""},
		"a card that is awaited":      {7, "stripe", "Credit Card", "", waxwing.PaymentPending, ""},
		"declined":                    {6, "stripe", "Credit Card", "", waxwing.PaymentFailed, ""},
		"looked at by hand":           {12, "stripe", "Credit Card", "captured", waxwing.PaymentPending, ""},
		"a deposit that is awaited":   {7, "bankdeposit", "Bank Deposit", "", waxwing.PaymentPending, waxwing.BankTransfer},
		"a deposit that came":         {11, "bankdeposit", "Bank Deposit", "", waxwing.PaymentPaid, waxwing.BankTransfer},
		"cash at the door":            {11, "cod", "Cash on Delivery", "", waxwing.PaymentPending, waxwing.CashOnDelivery},
		"cash, by its name":           {11, nil, "Cash on Delivery", "", waxwing.PaymentPending, waxwing.CashOnDelivery},
		"cash at the door, completed": {10, "cod", "Cash on Delivery", "", waxwing.PaymentPaid, waxwing.CashOnDelivery},
		"a check":                     {1, nil, "Check", "", waxwing.PaymentPending, waxwing.Cheque},
		"a provider's invoice":        {1, "klarna", "Invoice", "", waxwing.PaymentPending, ""},
		"refunded":                    {4, "stripe", "Credit Card", "", waxwing.PaymentRefunded, ""},
		"cancelled":                   {5, "stripe", "Credit Card", "captured", waxwing.PaymentVoided, ""},
		"unknown":                     {99, "stripe", "Credit Card", "", waxwing.PaymentUnknown, ""},
	} {
		m := shoptest.Payload(t, fixture)
		m["status_id"], m["payment_provider_id"], m["payment_method"], m["payment_status"] = c.status, c.gateway, c.method, c.paid
		o, err := Format.Normalise("", shoptest.With(t, m, "", nil))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		shoptest.AddsUp(t, o)
		if o.Payment.Status != c.want || o.Payment.Offline != c.offline {
			t.Errorf("%s: %q %q", name, o.Payment.Status, o.Payment.Offline)
		}
	}
}

// TestFees: what the shop adds by a name of its own is a row, with the tax or without it as the other rows are.
func TestFees(t *testing.T) {
	for name, c := range map[string]struct{ file, total, tax, want string }{
		"without the tax": {fixture, "101.1600", "5.1600", "3.00"},
		"with the tax":    {"testdata/gross-certificate-credit.json", "114.3000", "10.3900", "3.30"},
	} {
		m := shoptest.Payload(t, c.file)
		m["fees"] = []any{
			map[string]any{"id": 1, "type": "custom_fee", "name": "cold", "customer_display_name": "Cold pack", "cost": "3.0000", "cost_ex_tax": "3.0000", "cost_inc_tax": "3.3000"},
			map[string]any{"id": 2, "type": "custom_fee", "name": "none", "cost_ex_tax": "0.0000", "cost_inc_tax": "0.0000"},
		}
		m["total_tax"] = c.tax
		o, err := Format.Normalise("", shoptest.With(t, m, "total_inc_tax", c.total))
		if err != nil {
			t.Fatal(err)
		}
		shoptest.AddsUp(t, o)
		if len(o.Notices) != 0 || len(o.Fees) == 0 || o.Fees[len(o.Fees)-1].Title != "Cold pack" || o.Fees[len(o.Fees)-1].Amount.Decimal() != c.want {
			t.Errorf("%s: %+v %v", name, o.Fees, o.Notices)
		}
	}
}

// Certificates and credit, taken off the total or not, pay the same order.
func TestCertificates(t *testing.T) {
	for name, total := range map[string]string{"not taken off": "97.8600", "taken off": "72.8600"} {
		m := shoptest.Payload(t, fixture)
		m["gift_certificate_amount"], m["store_credit_amount"] = "20.0000", "5.0000"
		o, err := Format.Normalise("", shoptest.With(t, m, "total_inc_tax", total))
		if err != nil {
			t.Fatal(err)
		}
		shoptest.AddsUp(t, o)
		if o.Total.Decimal() != "92.86" || len(o.GiftCards) != 1 || o.GiftCards[0].Amount.Decimal() != "20.00" || len(o.Remainder) != 1 || len(o.Notices) != 0 {
			t.Errorf("%s: %v %+v %+v %v", name, o.Total, o.GiftCards, o.Remainder, o.Notices)
		}
	}
}
