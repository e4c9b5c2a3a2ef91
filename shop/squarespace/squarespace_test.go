package squarespace

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop/shoptest"
)

func TestFormat(t *testing.T) {
	shoptest.Run(t, Format, "orderNumber", "customerEmail", "billingAddress.firstName", "lineItems.0.productName", "lineItems.0.customizations.0.value", "formSubmission.0.value")
}

func FuzzSquarespace(f *testing.F) { shoptest.Fuzz(f, Format) }
func FuzzMutated(f *testing.F)     { shoptest.FuzzMutated(f, Format) }

const fixture = "testdata/exclusive-promo.json"

func TestSignature(t *testing.T) {
	raw, key := []byte(`{"topic":"order.create"}`), []byte{0x1f, 0, 0xff, 7}
	sum := func(key []byte) string {
		mac := hmac.New(sha256.New, key)
		mac.Write(raw)
		return hex.EncodeToString(mac.Sum(nil))
	}
	good := sum(key)
	for name, c := range map[string]struct {
		sent    string
		secrets []waxwing.Secret
		want    bool
	}{
		"right":               {good, []waxwing.Secret{"1f00ff07"}, true},
		"capitals":            {strings.ToUpper(good), []waxwing.Secret{"1F00FF07"}, true},
		"the second":          {good, []waxwing.Secret{"aa", "1f00ff07"}, true},
		"another secret":      {good, []waxwing.Secret{"1f00ff08"}, false},
		"by the secret's hex": {sum([]byte("1f00ff07")), []waxwing.Secret{"1f00ff07"}, false},
		"a secret not in hex": {sum([]byte("secret")), []waxwing.Secret{"secret"}, false},
		"by nothing":          {sum(nil), []waxwing.Secret{""}, false},
		"by nothing, no hex":  {sum(nil), []waxwing.Secret{"zz"}, false},
		"no secret":           {good, nil, false},
		"half":                {good[:32], []waxwing.Secret{"1f00ff07"}, false},
		"more behind it":      {good + "00", []waxwing.Secret{"1f00ff07"}, false},
		"none":                {"", []waxwing.Secret{"1f00ff07"}, false},
	} {
		h := http.Header{}
		h.Set("Squarespace-Signature", c.sent)
		if got := Format.Verify(h, raw, c.secrets); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestKeyAndOthers(t *testing.T) {
	raw := shoptest.With(t, shoptest.Payload(t, fixture), "", nil)
	k, err := Format.Key("", raw)
	if err != nil || k.OrderID != "585d498fdee9f31a60284a37" || k.Rank != 1 || !k.UpdatedAt.Equal(time.Date(2026, 10, 6, 15, 53, 9, 1e6, time.UTC)) || k.PlacedAt.IsZero() {
		t.Errorf("%+v %v", k, err)
	}
	for _, wrap := range []string{`{"order":%}`, `{"result":[%]}`, `{"topic":"order.create","data":{"order":%}}`} {
		if got, err := Format.Key("", []byte(strings.Replace(wrap, "%", string(raw), 1))); err != nil || got != k {
			t.Errorf("%s: %+v %v", wrap, got, err)
		}
	}
	gone, err := Format.Key("", shoptest.With(t, shoptest.Payload(t, fixture), "fulfillmentStatus", "CANCELED"))
	if err != nil || gone.Rank != 2 {
		t.Errorf("%+v %v", gone, err)
	}
	for in, want := range map[string]string{
		`{"topic":"extension.uninstall","data":{}}`: "not a topic of completed orders extension.uninstall",
		`{"id":"585d498fdee9f31a60284a37"}`:         "neither total nor number",
	} {
		if k, err := Format.Key("", []byte(in)); err != nil || !strings.Contains(k.Ignore, want) || k.OrderID != "" {
			t.Errorf("%s: %+v %v, want %s", in, k, err, want)
		}
	}
	bare := []byte(`{"id":"n","topic":"order.create","data":{"orderId":"585d498fdee9f31a60284a37"}}`)
	var named *waxwing.BareError
	if k, err := Format.Key("", bare); err != nil || k.OrderID != "585d498fdee9f31a60284a37" || !strings.Contains(k.Bare, "ask its API") {
		t.Errorf("%+v %v", k, err)
	}
	if _, err := Format.Normalise("", bare); !errors.As(err, &named) || named.OrderID != "585d498fdee9f31a60284a37" {
		t.Error(err)
	}
	for in, want := range map[string]string{
		`{"id":"n","topic":"order.create","data":{"orderId":"../../x?y"}}`: "ask its API",
		`{"result":[` + string(raw) + `,` + string(raw) + `]}`:             "several orders",
		`{"id":"a b c d e f","orderNumber":"1"}`:                           "id: missing",
		`{"id":"585d498fdee9","id":"585d498fdee8","orderNumber":"1"}`:      "id: given twice",
		`[]`: "not an object",
	} {
		if k, err := Format.Key("", []byte(in)); err == nil || !strings.Contains(err.Error(), want) || !waxwing.IsPermanent(err) {
			t.Errorf("%s: %+v %v, want %s", in, k, err, want)
		}
	}
	for path, c := range map[string]struct {
		to   any
		want string
	}{"grandTotal.currency": {"", "grandTotal.currency: missing"}, "grandTotal.value": {nil, "grandTotal.value: missing"}, "lineItems.1.quantity": {1.5, "lineItems[1].quantity: not a whole number"},
		"lineItems": {[]any{}, "lineItems: none"}, "lineItems.0.unitPricePaid.currency": {"EUR", "more than one currency"}, "taxTotal.value": {"x", "taxTotal.value: not a decimal"}} {
		_, err := Format.Normalise("", shoptest.With(t, shoptest.Payload(t, fixture), path, c.to))
		if err == nil || !strings.Contains(err.Error(), c.want) || !waxwing.IsPermanent(err) {
			t.Errorf("%s: got %v, want %q", path, err, c.want)
		}
	}
	for state, want := range map[string]waxwing.PaymentStatus{"PAID": waxwing.PaymentPaid, "": waxwing.PaymentPaid, "UNPAID": waxwing.PaymentPending, "PARTIALLY_PAID": waxwing.PaymentPartlyPaid} {
		o, err := Format.Normalise("", shoptest.With(t, shoptest.Payload(t, fixture), "testmode", true))
		m := shoptest.Payload(t, fixture)
		m["paymentState"] = state
		p, err2 := Format.Normalise("", shoptest.With(t, m, "", nil))
		if err != nil || err2 != nil || !o.Test || p.Test || p.Payment.Status != want {
			t.Errorf("%s: %v %v", state, err, err2)
		}
	}
}
