package vendure

import (
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop/shoptest"
)

func TestFormat(t *testing.T) {
	shoptest.Run(t, Format, "customer.firstName", "customer.emailAddress", "shippingAddress.fullName", "shippingAddress.streetLine1", "customFieldsLocale",
		"lines.0.names.en", "lines.0.sku", "shippingLines.0.names.en", "payments.0.method")
}

func FuzzVendure(f *testing.F) { shoptest.Fuzz(f, Format) }
func FuzzMutated(f *testing.F) { shoptest.FuzzMutated(f, Format) }

// with reads the coupon's order with a place changed.
func with(t *testing.T, path string, v any) (waxwing.EventKey, *waxwing.Order) {
	t.Helper()
	raw := shoptest.With(t, shoptest.Payload(t, "testdata/coupon.json"), path, v)
	k, err := Format.Key("", raw)
	if err != nil {
		t.Fatal(err)
	}
	if k.Ignore != "" {
		return k, nil
	}
	o, err := Format.Normalise("", raw)
	if err != nil {
		t.Fatal(err)
	}
	return k, o
}

func TestNoOrders(t *testing.T) {
	for _, c := range []struct {
		path string
		v    any
		want string
	}{{"active", true, "not placed"}, {"orderPlacedAt", shoptest.Null, "not placed"}, {"type", "Seller", "a seller's part"}} {
		if k, _ := with(t, c.path, c.v); !strings.Contains(k.Ignore, c.want) {
			t.Errorf("%s: %+v", c.path, k)
		}
	}
	for raw, want := range map[string]string{
		`[]`:                       "not an object",
		`{"code":"A1","code":"B"}`: "given twice",
		`{"code":"A <b>"}`:         "code: missing",
		`{"id":7}`:                 "code: missing",
	} {
		if k, err := Format.Key("", []byte(raw)); err == nil || !strings.Contains(err.Error(), want) || !waxwing.IsPermanent(err) {
			t.Errorf("%s: %+v %v", raw, k, err)
		}
	}
	if _, err := Format.Normalise("", []byte(`{"code":"A1","orderPlacedAt":"2026-11-26T02:25:07","active":false,"currencyCode":"EUR","subTotal":1,"subTotalWithTax":1,"shipping":0,"shippingWithTax":0}`)); err == nil ||
		!strings.Contains(err.Error(), "lines: missing") {
		t.Error("a row without its lines:", err)
	}
}

// What was paid is told by the payments, as the order's state moves on.
func TestStatus(t *testing.T) {
	pay := func(list ...any) []any {
		var out []any
		for i := 0; i < len(list); i += 2 {
			out = append(out, map[string]any{"state": list[i], "amount": list[i+1], "method": "bank_transfer"})
		}
		return out
	}
	for name, c := range map[string]struct {
		list    []any
		want    waxwing.PaymentStatus
		offline string
	}{
		"settled":            {pay("Settled", 28478), waxwing.PaymentPaid, ""},
		"authorised":         {pay("Authorized", 28478), waxwing.PaymentAuthorized, ""},
		"both":               {pay("Settled", 28000, "Authorized", 478), waxwing.PaymentAuthorized, ""},
		"declined, then not": {pay("Declined", 28478, "Settled", 28478), waxwing.PaymentPaid, ""},
		"text":               {pay("Settled", "28478"), waxwing.PaymentPaid, ""},
		"a part":             {pay("Settled", 100), waxwing.PaymentPartlyPaid, ""},
	} {
		if _, o := with(t, "payments", c.list); o.Payment.Status != c.want || o.Payment.Offline != c.offline {
			t.Errorf("%s: %+v", name, o.Payment)
		}
	}
	m := shoptest.Payload(t, "testdata/coupon.json")
	shoptest.With(t, m, "state", "ArrangingAdditionalPayment")
	o, err := Format.Normalise("", shoptest.With(t, m, "payments", pay("Created", 28478)))
	if err != nil || o.Payment.Status != waxwing.PaymentPending || o.Payment.Offline != waxwing.BankTransfer || o.Payment.Method != "" {
		t.Error(o, err)
	}
	if k, o := with(t, "state", "Cancelled"); k.Rank != 2 || o.Cancelled.IsZero() {
		t.Error(k, o.Cancelled)
	}
}

// Names are in the buyer's language: the shop's own field, the country's name in her address, the channel's.
func TestLanguage(t *testing.T) {
	for _, c := range []struct {
		field  string
		codes  []string
		locale string
		name   string
	}{
		{"de", nil, "de", "Schreibtischlampe"}, {"de_CH", []string{"en"}, "de-CH", "Schreibtischlampe"}, {"", []string{"de"}, "de", "Schreibtischlampe"},
		{"", []string{"de", "en"}, "", "Desk lamp"}, {"", nil, "", "Desk lamp"}, {"ja", nil, "ja", "Desk lamp"},
	} {
		m := shoptest.Payload(t, "testdata/coupon.json")
		shoptest.With(t, m, "customFieldsLocale", c.field)
		list := []any{}
		for _, l := range c.codes {
			list = append(list, map[string]any{"code": l})
		}
		o, err := Format.Normalise("", shoptest.With(t, m, "languages", list))
		if err != nil || o.Locale != c.locale || o.Items[1].Name != c.name {
			t.Errorf("%+v: %v %v", c, o, err)
		}
	}
}

// Hundredths are of every currency, and halves go up, as Vendure computes them.
func TestAmounts(t *testing.T) {
	if _, o := with(t, "currencyCode", "JPY"); o.Total.Decimal() != "285" || o.Total.Minor != 285 {
		t.Error(o.Total)
	}
	for x, want := range map[float64]float64{0.5: 1, -0.5: 0, 1.4999: 1, -1.5: -1, 2.5: 3, 0.49999999999999994: 0} {
		if got := round(x); got != want {
			t.Errorf("%v: %v, want %v", x, got, want)
		}
	}
}
