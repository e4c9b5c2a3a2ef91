package stripe

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop/shoptest"
)

func TestFormat(t *testing.T) {
	shoptest.Run(t, Format, "data.object.customer_details.name", "data.object.customer_details.email", "data.object.client_reference_id", "data.object.locale",
		"data.object.line_items.data.0.description", "data.object.metadata.order_number")
}

func FuzzStripe(f *testing.F)  { shoptest.Fuzz(f, Format) }
func FuzzMutated(f *testing.F) { shoptest.FuzzMutated(f, Format) }

// sign makes the header that Stripe would send.
func sign(at time.Time, raw []byte, secrets ...string) http.Header {
	t := strconv.FormatInt(at.Unix(), 10)
	header := "t=" + t
	for _, s := range secrets {
		mac := hmac.New(sha256.New, []byte(s))
		mac.Write([]byte(t + "."))
		mac.Write(raw)
		header += ",v1=" + hex.EncodeToString(mac.Sum(nil))
	}
	h := http.Header{}
	h.Set(signatureHeader, header+",v0="+strings.Repeat("6f", 32))
	return h
}

// The example of Stripe's own libraries' tests: a fixed time, body and secret.
func TestSignature(t *testing.T) {
	raw, at := []byte(`{"id": "evt_1", "object": "event"}`), time.Unix(1769421730, 0)
	live := []waxwing.Secret{"whsec_new", "whsec_old"}
	for name, c := range map[string]struct {
		h    http.Header
		raw  string
		want bool
	}{
		"the new secret":         {sign(at, raw, "whsec_new"), string(raw), true},
		"the old secret":         {sign(at, raw, "whsec_old"), string(raw), true},
		"both, the wrong first":  {sign(at, raw, "whsec_gone", "whsec_old"), string(raw), true},
		"another secret":         {sign(at, raw, "whsec_x"), string(raw), false},
		"another body":           {sign(at, raw, "whsec_new"), string(raw) + " ", false},
		"no header":              {http.Header{}, string(raw), false},
		"another time":           {http.Header{signatureHeader: {strings.Replace(sign(at, raw, "whsec_new").Get(signatureHeader), "t=1769421730", "t=1769421731", 1)}}, string(raw), false},
		"v0 alone":               {http.Header{signatureHeader: {strings.ReplaceAll(sign(at, raw, "whsec_new").Get(signatureHeader), "v1=", "v0=")}}, string(raw), false},
		"no hex":                 {http.Header{signatureHeader: {"t=1769421730,v1=zz"}}, string(raw), false},
		"nothing":                {http.Header{signatureHeader: {"t=1769421730,v1="}}, string(raw), false},
		"too many, the right 99": {http.Header{signatureHeader: {"t=1769421730" + strings.Repeat(",v1=00", 98) + strings.TrimPrefix(sign(at, raw, "whsec_new").Get(signatureHeader), "t=1769421730")}}, string(raw), false},
	} {
		if got := verify(c.h, []byte(c.raw), live); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if verify(sign(at, raw, ""), raw, []waxwing.Secret{""}) || verify(sign(at, raw, "whsec_new"), raw, nil) {
		t.Error("an empty secret, or none, opens")
	}
	if got := signedAt(sign(at, raw, "s")); !got.Equal(at) {
		t.Error(got)
	}
	for _, bad := range []string{"", "t=", "t=x", "t=-5", "t=0", "t=99999999999999999999", "v1=00"} {
		if got := signedAt(http.Header{signatureHeader: {bad}}); !got.IsZero() {
			t.Errorf("%q is %v", bad, got)
		}
	}
}

// What tells of one payment is one order, whichever event comes first.
func TestOneOrder(t *testing.T) {
	const pi, in = "pi_3RkQ2qB7WZ01zgkW1c9VtYxa", "in_1RkRa0B7WZ01zgkWu9fdqL6I"
	for raw, want := range map[string]string{
		`{"object":"checkout.session","id":"cs_1","status":"complete","mode":"payment","payment_intent":"` + pi + `"}`:                        pi,
		`{"object":"checkout.session","id":"cs_1","status":"complete","payment_intent":{"id":"` + pi + `","object":"payment_intent"}}`:        pi,
		`{"object":"payment_intent","id":"` + pi + `","status":"succeeded","receipt_email":"a@example.com"}`:                                  pi,
		`{"object":"checkout.session","id":"cs_1","mode":"payment","status":"complete","payment_intent":"` + pi + `","invoice":"` + in + `"}`: in,
		`{"object":"invoice","id":"` + in + `","billing_reason":"manual","payment_intent":"` + pi + `"}`:                                      in,
		`{"object":"invoice","id":"` + in + `","payments":{"data":[{"payment":{"payment_intent":"` + pi + `"}}]}}`:                            in,
		`{"object":"checkout.session","id":"cs_1","mode":"subscription","payment_intent":null,"invoice":"` + in + `","subscription":"sub_1"}`: in,
		`{"object":"invoice","id":"` + in + `","billing_reason":"subscription_cycle","payment_intent":"` + pi + `","status":"paid"}`:          in,
		`{"object":"checkout.session","id":"cs_free","payment_status":"no_payment_required","payment_intent":null,"invoice":null}`:            "cs_free",
	} {
		k, err := Format.Key("", []byte(raw))
		if err != nil || k.OrderID != want || k.Ignore != "" {
			t.Errorf("%s: %+v %v, want %s", raw, k, err, want)
		}
	}
}

func TestNoOrders(t *testing.T) {
	for raw, want := range map[string]string{
		`{"object":"event","id":"evt_1","type":"customer.created","data":{"object":{"object":"customer","id":"cus_1"}}}`:                            "not a topic of completed orders customer.created",
		`{"object":"event","id":"evt_1","type":"checkout.session.expired","data":{"object":{"object":"checkout.session","id":"cs_1"}}}`:             "a checkout that was left",
		`{"object":"event","id":"evt_1","type":"invoice.payment_succeeded","data":{"object":{"object":"invoice","id":"in_1"}}}`:                     "the same as invoice.paid",
		`{"object":"checkout.session","id":"cs_1","mode":"setup","status":"complete"}`:                                                              "a means of payment that was stored",
		`{"object":"checkout.session","id":"cs_1","mode":"payment","status":"open"}`:                                                                "a checkout that is not completed",
		`{"object":"payment_intent","id":"pi_1","status":"requires_payment_method","receipt_email":"a@example.com"}`:                                "a payment that has not succeeded",
		`{"object":"payment_intent","id":"pi_1","status":"succeeded","receipt_email":null}`:                                                         "a payment without receipt_email",
		`{"object":"payment_intent","id":"pi_1","status":"succeeded","receipt_email":"a@example.com","invoice":"in_1"}`:                             "an invoice's payment",
		`{"object":"payment_intent","id":"pi_1","status":"succeeded","receipt_email":"a@example.com","payment_details":{"order_reference":"in_1"}}`: "an invoice's payment",
		`{"object":"payment_intent","id":"pi_1","status":"succeeded","charges":{"data":[{"billing_details":{"email":"a@example.com"}}]}}`:           "a payment without receipt_email",
		`{"object":"payment_intent","id":"pi_1","status":"canceled","cancellation_reason":"abandoned","latest_charge":null}`:                        "a payment that was called off before it was made",
		`{"object":"invoice","id":"in_1","status":"open"}`:                                                                                          "an invoice that is not paid",
		`{"object":"invoice","id":"in_1","status":"paid","total":-1250}`:                                                                            "a credit, not an order",
		`{"object":"refund","id":"re_1"}`: "another object of Stripe's",
	} {
		k, err := Format.Key("", []byte(raw))
		if err != nil || !strings.Contains(k.Ignore, want) || k.OrderID != "" {
			t.Errorf("%s: %+v %v, want %s", raw, k, err, want)
		}
	}
	for raw, want := range map[string]string{
		`{"object":"v2.core.event","id":"evt_1","type":"v1.billing.meter.error"}`:        "thin event",
		`{"object":"event","id":"evt_1","type":"invoice.paid","data":{"object":"in_1"}}`: "not an object",
		`{"object":"checkout.session","id":12}`:                                          "id: missing",
		`{"object":"checkout.session","id":"cs_1","id":"cs_2"}`:                          "id: given twice",
		`{"object":"checkout.session","id":"cs_1 <b>"}`:                                  "id: missing",
		`[]`: "not an object",
	} {
		if k, err := Format.Key("", []byte(raw)); err == nil || !strings.Contains(err.Error(), want) || !waxwing.IsPermanent(err) {
			t.Errorf("%s: %+v %v, want %s", raw, k, err, want)
		}
	}
}

// A payment that comes days later makes the order certain; one that fails, or is called off,
// does not.
func TestLaterEvents(t *testing.T) {
	read := func(topic, path string, v any) (waxwing.EventKey, *waxwing.Order) {
		t.Helper()
		m := shoptest.Payload(t, "testdata/session.json")
		m["type"] = topic
		raw := shoptest.With(t, m, path, v)
		k, err := Format.Key("", raw)
		if err != nil {
			t.Fatal(err)
		}
		o, err := Format.Normalise("", raw)
		if err != nil {
			t.Fatal(err)
		}
		return k, o
	}
	if k, o := read("checkout.session.completed", "data.object.payment_status", "unpaid"); o.Payment.Status != waxwing.PaymentAuthorized || k.Rank != 1 {
		t.Error("by card, captured later:", k.Rank, o.Payment.Status)
	}
	m := shoptest.Payload(t, "testdata/session.json")
	shoptest.With(t, m, "data.object.payment_status", "unpaid")
	for _, types := range [][]any{{"card", "sepa_debit"}, {"boleto"}, {}, {"customer_balance"}, {"us_bank_account"}} {
		o, err := Format.Normalise("", shoptest.With(t, m, "data.object.payment_method_types", types))
		if err != nil || o.Payment.Status != waxwing.PaymentPending || o.Payment.Offline != "" {
			t.Errorf("%v: %v %v", types, o, err)
		}
	}
	if k, o := read("checkout.session.async_payment_succeeded", "", nil); o.Payment.Status != waxwing.PaymentPaid || k.Rank != 1 {
		t.Error(k.Rank, o.Payment.Status)
	}
	if _, o := read("checkout.session.async_payment_failed", "data.object.payment_status", "unpaid"); o.Payment.Status != waxwing.PaymentFailed {
		t.Error(o.Payment.Status)
	}
	off := `{"object":"event","id":"evt_9","created":1769421999,"type":"payment_intent.canceled","data":{"object":{"object":"payment_intent","id":"pi_1","amount":100,"currency":"usd","status":"canceled","latest_charge":"ch_1","canceled_at":1769421998}}}`
	k, err := Format.Key("", []byte(off))
	o, err2 := Format.Normalise("", []byte(off))
	if err != nil || err2 != nil || k.Rank != 2 || o.Cancelled.Unix() != 1769421998 {
		t.Error(k, o, err, err2)
	}
}

// Whole numbers of the smallest unit, as Stripe counts it: not always as ISO 4217 does.
func TestPlaces(t *testing.T) {
	for currency, want := range map[string]string{"usd": "12345.00 of 1234500", "jpy": "1234500 of 1234500", "ISK": "12345 of 1234500", "ugx": "12345 of 1234500",
		"kwd": "1234.500 of 1234500", "MGA": "1234500.00 of 1234500", "huf": "12345.00 of 1234500", "twd": "12345.00 of 1234500", "iqd": "12345.000 of 1234500"} {
		raw := `{"object":"payment_intent","id":"pi_1","status":"succeeded","receipt_email":"a@example.com","amount":1234500,"currency":"` + currency + `"}`
		o, err := Format.Normalise("", []byte(raw))
		if err != nil || o.Total.Decimal()+" of 1234500" != want {
			t.Errorf("%s: %v %v, want %s", currency, o, err, want)
			continue
		}
		shoptest.AddsUp(t, o)
	}
}

func TestTaxes(t *testing.T) {
	for name, c := range map[string]struct {
		total, subtotal, tax int
		included             bool
		want                 string
	}{
		"on top":   {1190, 1000, 190, false, "1.90"},
		"in it":    {1190, 1190, 190, true, "1.90"},
		"both":     {1100, 1000, 150, false, "1.00"},
		"neither":  {1500, 1000, 190, false, "1.90"},
		"no tax":   {1000, 1000, 0, false, "0.00"},
		"a credit": {900, 1000, 190, false, "1.90"},
	} {
		raw, _ := json.Marshal(map[string]any{"object": "checkout.session", "id": "cs_1", "currency": "eur", "amount_total": c.total, "amount_subtotal": c.subtotal,
			"total_details": map[string]any{"amount_tax": c.tax}})
		o, err := Format.Normalise("", raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		shoptest.AddsUp(t, o)
		if o.TaxesIncluded != c.included || o.TaxTotal.Decimal() != c.want {
			t.Errorf("%s: included %v, %s", name, o.TaxesIncluded, o.TaxTotal.Decimal())
		}
	}
}

// What she was charged, where that is not what the payment or the invoice came to.
func TestCharged(t *testing.T) {
	for raw, want := range map[string]string{
		`{"object":"payment_intent","id":"pi_1","status":"succeeded","receipt_email":"a@example.com","amount":10000,"amount_received":6000,"currency":"usd"}`:    "60.00",
		`{"object":"invoice","id":"in_1","status":"paid","subtotal":500,"total":500,"amount_due":0,"amount_paid":0,"starting_balance":-500,"currency":"usd"}`:    "0.00 store_credit -5.00",
		`{"object":"invoice","id":"in_1","status":"paid","subtotal":500,"total":500,"amount_due":800,"amount_paid":800,"starting_balance":300,"currency":"usd"}`: "8.00 adjustment 3.00",
		`{"object":"invoice","id":"in_1","status":"paid","subtotal":1200,"total":1200,"amount_due":1200,"currency":"usd",
			"lines":{"has_more":true,"data":[{"description":"one of twelve","quantity":1,"amount":100}]}}`: "12.00",
	} {
		o, err := Format.Normalise("", []byte(raw))
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		shoptest.AddsUp(t, o)
		got := o.Total.Decimal()
		for _, r := range o.Remainder {
			got += " " + string(r.Kind) + " " + r.Amount.Decimal()
		}
		if got != want || len(o.Items) != 0 {
			t.Errorf("%s: %s with %d lines, want %s", raw, got, len(o.Items), want)
		}
	}
}

// Stripe's own fixtures: shapes of every version, mostly empty. None may be a fault of ours.
func TestStripesOwn(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "data", "shops", "stripe")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("Stripe's fixtures are not here: ", err)
	}
	for file, want := range map[string]string{"checkout.session.json": "a checkout that is not completed", "payment_intent.json": "a payment that has not succeeded",
		"invoice.json": "an invoice that is not paid", "event.json": "not a topic", "charge.json": "another object", "customer.json": "another object"} {
		raw, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if k, err := Format.Key("", raw); err != nil || !strings.Contains(k.Ignore, want) {
			t.Errorf("%s: %+v %v", file, k, err)
		}
	}
	m := shoptest.Payload(t, filepath.Join(dir, "invoice.json"))
	m["status"] = "paid"
	o, err := Format.Normalise("", shoptest.With(t, m, "", nil))
	if err != nil || o.Total.Decimal() != "10.00" || len(o.Items) != 1 || o.Items[0].Name != "My First Invoice Item (created for API docs)" {
		t.Fatal(o, err)
	}
	shoptest.Invariants(t, o)
	shoptest.AddsUp(t, o)
}
