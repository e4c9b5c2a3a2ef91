package prestashop

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop/shoptest"
)

func TestFormat(t *testing.T) {
	shoptest.Run(t, Format, "order.gift_message", "customer.firstname", "customer.email", "details.0.product_name", "cart_rules.0.name", "carrier.name")
}

func FuzzPrestaShop(f *testing.F) { shoptest.Fuzz(f, Format) }
func FuzzMutated(f *testing.F)    { shoptest.FuzzMutated(f, Format) }

const fixture = "testdata/euro-cart-rules-gift.json"

func order(t *testing.T, file string, set map[string]any) *waxwing.Order {
	t.Helper()
	m := shoptest.Payload(t, file)
	raw := shoptest.With(t, m, "", nil)
	for path, v := range set {
		raw = shoptest.With(t, m, path, v)
	}
	o, err := Format.Normalise("", raw)
	if err != nil {
		t.Fatal(err)
	}
	shoptest.AddsUp(t, o)
	return o
}

// TestToTheCent: what three orders cost, worked out by hand.
func TestToTheCent(t *testing.T) {
	for file, want := range map[string]string{
		// 45.89 + 9.91 - 5.46 - 7.00 + 7.00 + 3.00 = 53.34, of which 8.89 are tax
		fixture: "55.80 EUR - 12.46 EUR + 7.00 EUR + 3.00 EUR = 53.34 EUR, tax 8.89 EUR, included true",
		// 4 x 8.50 + 6.00 + 3.27 = 43.27
		"testdata/dollars-net-guest.json": "34.00 USD - 0.00 USD + 6.00 USD +  = 43.27 USD, tax 3.27 USD, included false",
		// 3 x 1100 + 660 = 3960
		"testdata/yen-cash-on-delivery.json": "3300 JPY - 0 JPY + 660 JPY +  = 3960 JPY, tax 360 JPY, included true",
	} {
		o, fees := order(t, file, nil), ""
		if len(o.Fees) == 1 {
			fees = o.Fees[0].Amount.String()
		}
		got := fmt.Sprintf("%v - %v + %v + %s = %v, tax %v, included %v", o.Subtotal, o.DiscountTotal, o.ShippingTotal, fees, o.Total, o.TaxTotal, o.TaxesIncluded)
		if got != want || len(o.Remainder)+len(o.Notices) > 0 {
			t.Errorf("%s:\n got %s %v %v\nwant %s", file, got, o.Remainder, o.Notices, want)
		}
	}
}

// TestStates: what a state means its flags say, whatever its number.
func TestStates(t *testing.T) {
	for name, c := range map[string]struct {
		set     map[string]any
		status  waxwing.PaymentStatus
		offline string
	}{
		"a state of the merchant's own that is paid": {map[string]any{"order.current_state": "99", "state.template": ""}, waxwing.PaymentPaid, ""},
		"not paid yet":                  {map[string]any{"state.paid": "0", "order.total_paid_real": "0"}, waxwing.PaymentPending, ""},
		"a part is paid":                {map[string]any{"state.paid": "0", "order.total_paid_real": "20.00"}, waxwing.PaymentPartlyPaid, ""},
		"cancelled":                     {map[string]any{"state.paid": "0", "state.template": "order_canceled"}, waxwing.PaymentVoided, ""},
		"failed":                        {map[string]any{"state.paid": "0", "state.template": "payment_error"}, waxwing.PaymentFailed, ""},
		"refunded":                      {map[string]any{"state.template": "refund"}, waxwing.PaymentRefunded, ""},
		"bank wire":                     {map[string]any{"state.paid": "0", "order.module": "ps_wirepayment", "order.total_paid_real": "0"}, waxwing.PaymentPending, waxwing.BankTransfer},
		"a cheque, by its state":        {map[string]any{"state.paid": "0", "state.template": "cheque", "order.module": "", "order.total_paid_real": "0"}, waxwing.PaymentPending, waxwing.Cheque},
		"nobody may read the state":     {map[string]any{"state": nil}, waxwing.PaymentPaid, ""},
		"nor is it paid":                {map[string]any{"state": nil, "order.total_paid_real": "0"}, waxwing.PaymentPending, ""},
		"nor is it there any more":      {map[string]any{"state": nil, "order.current_state": "6"}, waxwing.PaymentVoided, ""},
		"flags as true and false":       {map[string]any{"state.paid": true, "order.total_paid_real": "0"}, waxwing.PaymentPaid, ""},
		"number 6 is another in a shop": {map[string]any{"order.current_state": "6"}, waxwing.PaymentPaid, ""},
		"nothing to pay":                {map[string]any{"state.paid": "0", "order.total_paid_tax_incl": "0", "order.total_paid_tax_excl": "0"}, waxwing.PaymentPaid, ""},
	} {
		o := order(t, fixture, c.set)
		if o.Payment.Status != c.status || o.Payment.Offline != c.offline || o.Cancelled.IsZero() == (c.status == waxwing.PaymentVoided) {
			t.Errorf("%s: %+v, cancelled %v", name, o.Payment, o.Cancelled)
		}
	}
}

func TestKeyAndOthers(t *testing.T) {
	raw, err := os.ReadFile(fixture)
	if err != nil {
		t.Fatal(err)
	}
	k, err := Format.Key("", raw)
	if err != nil || k.OrderID != "1042" || k.Rank != 1 || k.UpdatedAt.UTC().Format("15:04:05") != "09:02:05" || k.Bare != "" {
		t.Errorf("%+v %v", k, err)
	}
	for event, want := range map[string]string{
		`{"id_order": 1042}`: "bare 1042",
		`{"id_order":"1042","hook":"actionValidateOrder"}`:  "bare 1042",
		`{"event_id":"x","order":{"id":7,"reference":"A"}}`: "bare 7",
		`{"id_order":"../1042"}`:                            "not an order",
		`{"id_order":"1042?x=1"}`:                           "not an order",
		`{"id_order":1,"id_order":2}`:                       "not an order",
		`{"product":{"id":1}}`:                              "not an order",
		`[]`:                                                "not an object",
	} {
		k, err := Format.Key("", []byte(event))
		got := k.Ignore
		switch {
		case err != nil:
			got = err.Error()
		case k.Bare != "":
			got = "bare " + k.OrderID
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", event, got, want)
		}
		var bare *waxwing.BareError
		if _, err := Format.Normalise("", []byte(event)); err == nil || errors.As(err, &bare) != strings.HasPrefix(want, "bare") {
			t.Errorf("%s: %v", event, err)
		}
	}
}

func TestSignature(t *testing.T) {
	body := []byte(`{"id_order":1}`)
	mac := hmac.New(sha256.New, []byte("old"))
	mac.Write(body)
	h := http.Header{"X-Signature": {"sha256=" + hex.EncodeToString(mac.Sum(nil))}}
	if !Format.Verify(h, body, []waxwing.Secret{"new", "old"}) || Format.Verify(h, body, []waxwing.Secret{"new"}) || Format.Verify(h, append(body, ' '), []waxwing.Secret{"old"}) || Format.Verify(h, body, nil) {
		t.Error("a signature is not what it should be")
	}
}

// webservice answers as PrestaShop does, from a document.
func webservice(t *testing.T, refused ...string) (get waxwing.Get, asked func() []string) {
	var mu sync.Mutex
	var paths []string
	answers := map[string]string{
		"/api/orders/1042?": `{"order":{"id":1042,"id_customer":"9","id_currency":"1","id_lang":"2","id_carrier":"0","current_state":2,"id_address_invoice":"9","id_address_delivery":"9","reference":"X",
			"total_paid_tax_incl":"10.00","total_products_wt":"10.00","date_add":"2026-03-01 10:00:00","date_upd":"2026-03-01 10:00:00",
			"associations":{"order_rows":[{"product_id":"1","product_quantity":"1","product_name":"Mug","unit_price_tax_incl":"10.00"}]}}}`,
		"/api/customers/9?": `{"customer":{"id":9,"id_default_group":"3","email":"z@example.fr","firstname":"Z","lastname":"L"}}`, "/api/currencies/1?": `{"currency":{"id":1,"iso_code":"EUR"}}`,
		"/api/order_states/2?": `{"order_state":{"paid":"1"}}`, "/api/languages/2?": `{"language":{"locale":"fr-FR"}}`, "/api/addresses/9?": `{"address":{"id_country":"8","id_state":"0","address1":"1 rue","city":"Paris"}}`,
		"/api/order_details?": `[]`, "/api/order_cart_rules?": `[]`, "/api/configurations?": `{"configurations":[{"value":"Europe\/Paris"}]}`,
		"/api/groups/3?": `{"group":{"price_display_method":"0"}}`, "/api/countries/8?": `{"country":{"iso_code":"FR"}}`,
	}
	return func(_ context.Context, path string) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			paths = append(paths, path)
			for _, r := range refused {
				if strings.HasPrefix(path, r) {
					return nil, waxwing.ErrRefused
				}
			}
			for p, a := range answers {
				if strings.HasPrefix(path, p) {
					return []byte(a), nil
				}
			}
			return nil, waxwing.ErrNotFound
		}, func() []string {
			mu.Lock()
			defer mu.Unlock()
			return paths
		}
}

// TestAsking: a dozen resources become one order; what the key may not read is done without, but for what a mail cannot be without.
func TestAsking(t *testing.T) {
	get, _ := webservice(t)
	raw, err := Format.API.Order(t.Context(), get, "1042")
	if err != nil {
		t.Fatal(err)
	}
	o, err := Format.Normalise("", raw)
	if err != nil {
		t.Fatal(err)
	}
	if o.ID != "1042" || o.Customer.Email != "z@example.fr" || o.Total.String() != "10.00 EUR" || o.Locale != "fr-FR" || o.Payment.Status != waxwing.PaymentPaid ||
		o.Billing == nil || o.Billing.Country != "FR" || o.PlacedAt.UTC().Format("15:04") != "09:00" {
		t.Errorf("%+v", o)
	}
	get, _ = webservice(t, "/api/languages", "/api/countries", "/api/groups", "/api/order_details", "/api/configurations")
	if raw, err = Format.API.Order(t.Context(), get, "1042"); err != nil {
		t.Fatal(err)
	}
	if o, err = Format.Normalise("", raw); err != nil || o.Total.String() != "10.00 EUR" {
		t.Error(o, err)
	}
	for _, must := range []string{"/api/orders", "/api/customers", "/api/currencies", "/api/order_states"} {
		get, _ = webservice(t, must)
		if _, err = Format.API.Order(t.Context(), get, "1042"); !errors.Is(err, waxwing.ErrRefused) {
			t.Errorf("%s: %v", must, err)
		}
	}
	get, asked := webservice(t)
	hostile := func(ctx context.Context, path string) ([]byte, error) {
		raw, err := get(ctx, path)
		return []byte(strings.NewReplacer(`"id_customer":"9"`, `"id_customer":"../../x?y"`).Replace(string(raw))), err
	}
	if _, err = Format.API.Order(t.Context(), hostile, "1042"); err != nil {
		t.Fatal(err)
	}
	for _, p := range asked() {
		if strings.Contains(p, "..") || strings.Contains(p, "customers") {
			t.Errorf("asked for %s", p)
		}
	}
	for _, bad := range []string{"<html>", "[]", "{}", `{"order":7}`, ""} {
		if _, err := Format.API.Order(t.Context(), func(context.Context, string) ([]byte, error) { return []byte(bad), nil }, "1042"); err == nil {
			t.Errorf("%q is an order", bad)
		}
	}
}
