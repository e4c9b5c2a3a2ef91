package shopware

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
	shoptest.Run(t, Format, "data.payload.order.orderNumber", "data.payload.order.customerComment", "data.payload.order.lineItems.1.label",
		"data.payload.order.orderCustomer.email", "data.payload.order.lineItems.1.payload.options.0.option", "orderNumber", "orderCustomer.firstName")
}

func FuzzShopware(f *testing.F) { shoptest.Fuzz(f, Format) }
func FuzzMutated(f *testing.F)  { shoptest.FuzzMutated(f, Format) }

const (
	webhook = "testdata/gross-promotion-webhook.json"
	bare    = "testdata/tax-free-rounded-francs.json"
)

func TestSignature(t *testing.T) {
	raw := []byte(`{"data":{}}`)
	mac := hmac.New(sha256.New, []byte("new"))
	mac.Write(raw)
	sum := mac.Sum(nil)
	good := hex.EncodeToString(sum)
	for name, c := range map[string]struct {
		sent    string
		secrets []waxwing.Secret
		want    bool
	}{
		"right":           {good, []waxwing.Secret{"new"}, true},
		"the second":      {good, []waxwing.Secret{"old", "new"}, true},
		"capitals":        {strings.ToUpper(good), []waxwing.Secret{"new"}, true},
		"another secret":  {good, []waxwing.Secret{"old"}, false},
		"no secret":       {good, nil, false},
		"an empty secret": {good, []waxwing.Secret{""}, false},
		"base64":          {base64.StdEncoding.EncodeToString(sum), []waxwing.Secret{"new"}, false},
		"half":            {good[:32], []waxwing.Secret{"new"}, false},
		"more behind it":  {good + "00", []waxwing.Secret{"new"}, false},
		"none":            {"", []waxwing.Secret{"new"}, false},
		"another body's":  {hex.EncodeToString(make([]byte, 32)), []waxwing.Secret{"new"}, false},
	} {
		h := http.Header{}
		if c.sent != "" {
			h.Set("shopware-shop-signature", c.sent)
		}
		if got := Format.Verify(h, raw, c.secrets); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestKey(t *testing.T) {
	raw := shoptest.With(t, shoptest.Payload(t, bare), "", nil)
	k, err := Format.Key("", raw)
	if err != nil || len(k.OrderID) != 32 || k.Rank != 0 || k.PlacedAt.Format(time.RFC3339Nano) != "2026-10-07T11:02:33.107Z" || !k.OccurredAt.Equal(k.PlacedAt) ||
		k.UpdatedAt.Format(time.RFC3339Nano) != "2026-10-07T11:02:33.2Z" {
		t.Errorf("%+v %v", k, err)
	}
	for _, wrap := range []string{`{"order":%}`, `{"data":%}`, `{"data":[%],"total":1}`, `{"data":{"payload":{"order":%},"event":"checkout.order.placed"}}`,
		`{"data":{"payload":[{"order":%}],"event":"checkout.order.placed"}}`, `{"data":{"payload":[%],"event":"checkout.order.placed"}}`} {
		got, err := Format.Key("", []byte(strings.Replace(wrap, "%", string(raw), 1)))
		if err != nil || got != k {
			t.Errorf("%s: %+v %v", wrap, got, err)
		}
	}
	paid, err := Format.Key("", shoptest.With(t, shoptest.Payload(t, webhook), "", nil))
	if err != nil || paid.Rank != 1 || paid.OccurredAt.Format(time.RFC3339Nano) != "2026-10-07T11:05:01.5Z" || !paid.UpdatedAt.Equal(paid.OccurredAt) {
		t.Errorf("%+v %v", paid, err)
	}
	gone, err := Format.Key("", shoptest.With(t, shoptest.Payload(t, webhook), "data.payload.order.stateMachineState.technicalName", "cancelled"))
	if err != nil || gone.Rank != 2 || gone.OrderID != paid.OrderID {
		t.Errorf("%+v %v", gone, err)
	}
}

func TestNoOrders(t *testing.T) {
	const id = `"id":"0123456789abcdef0123456789abcdef"`
	for raw, want := range map[string]string{
		`{"data":{"payload":[{"entity":"product","operation":"update","primaryKey":"a"}],"event":"product.written"}}`: "not a topic of completed orders product.written",
		`{"data":{"payload":[{"entity":"order_line_item","operation":"insert"}],"event":"order_line_item.written"}}`:  "another entity",
		`{"data":{"payload":[],"event":"order.deleted"}}`:                                                             "no order is in it",
		`{` + id + `,"versionId":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","orderNumber":"1","price":{}}`:                    "being edited",
		`{"token":"x","price":{"totalPrice":1}}`:                                                                      "a cart",
		`{` + id + `,"technicalName":"open"}`:                                                                         "neither total nor number",
	} {
		k, err := Format.Key("", []byte(raw))
		if err != nil || !strings.Contains(k.Ignore, want) || k.OrderID != "" {
			t.Errorf("%s: %+v %v, want %s", raw, k, err, want)
		}
	}
	for raw, want := range map[string]string{
		`{"data":{"payload":[{"entity":"order","operation":"insert","primaryKey":"a"}],"event":"order.written"}}`:               "does not show it",
		`{"data":{"payload":[{"entity":"order_transaction"},{"entity":"order","operation":"insert"}],"event":"order.written"}}`: "does not show it",
		`{"data":{"type":"order",` + id + `,"attributes":{"orderNumber":"1"},"relationships":{"currency":{}}}}`:                 "JSON:API",
		`{"data":[{` + id + `},{` + id + `}],"total":2}`:                                                                        "several orders",
		`{"id":"12","orderNumber":"1"}`:             "id: missing",
		`{` + id + `,` + id + `,"orderNumber":"1"}`: "id: given twice",
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
		"no currency":         {"currency", nil, "association currency"},
		"negative":            {"price.totalPrice", -1, "total: negative"},
		"a total of words":    {"price.totalPrice", "ten", "totalPrice: not a decimal"},
		"no lines":            {"lineItems", []any{}, "lineItems: none"},
		"a line is no object": {"lineItems.0", "x", "lineItems[0].(line): not an object"},
		"half a piece":        {"lineItems.0.quantity", 1.5, "lineItems[0].quantity: not a whole number"},
		"a price of words":    {"lineItems.2.price.totalPrice", "x", "lineItems[2].totalPrice: not a decimal"},
	} {
		raw := shoptest.With(t, shoptest.Payload(t, bare), c.path, c.to)
		_, err := Format.Normalise("", raw)
		if err == nil || !strings.Contains(err.Error(), c.want) || !waxwing.IsPermanent(err) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
			continue
		}
		shoptest.NoData(t, err, raw)
	}
}

func TestPayment(t *testing.T) {
	const tech, handler, name = "transactions.0.paymentMethod.technicalName", "transactions.0.paymentMethod.handlerIdentifier", "transactions.0.paymentMethod.translated.distinguishableName"
	const of = `Shopware\Core\Checkout\Payment\Cart\PaymentHandler\`
	for what, c := range map[string]struct {
		set     map[string]any
		status  waxwing.PaymentStatus
		offline string
	}{
		"in advance":                          {nil, waxwing.PaymentPending, waxwing.BankTransfer},
		"before 6.5.7":                        {map[string]any{tech: nil}, waxwing.PaymentPending, waxwing.BankTransfer},
		"on account":                          {map[string]any{tech: nil, handler: of + "InvoicePayment"}, waxwing.PaymentPending, waxwing.Invoice},
		"cash":                                {map[string]any{tech: "payment_cashpayment", handler: ""}, waxwing.PaymentPending, waxwing.CashOnDelivery},
		"a debit that the shop makes":         {map[string]any{tech: "payment_debitpayment", handler: of + "DebitPayment"}, waxwing.PaymentPending, ""},
		"the merchant's own":                  {map[string]any{tech: "payment_own", handler: of + "DefaultPayment", name: "Kauf auf Rechnung"}, waxwing.PaymentPending, waxwing.Invoice},
		"a provider's invoice is not offline": {map[string]any{tech: "swag_paypal_pay_upon_invoice", handler: `Swag\PayPal\PUI`, name: "Rechnungskauf"}, waxwing.PaymentPending, ""},
		"under way":                           {map[string]any{"transactions.0.stateMachineState.technicalName": "in_progress"}, waxwing.PaymentPending, waxwing.BankTransfer},
		"authorised":                          {map[string]any{"transactions.0.stateMachineState.technicalName": "authorized"}, waxwing.PaymentAuthorized, waxwing.BankTransfer},
		"failed":                              {map[string]any{"transactions.0.stateMachineState.technicalName": "failed"}, waxwing.PaymentFailed, waxwing.BankTransfer},
		"given up":                            {map[string]any{"transactions.0.stateMachineState.technicalName": "cancelled"}, waxwing.PaymentVoided, waxwing.BankTransfer},
		"taken back":                          {map[string]any{"transactions.0.stateMachineState.technicalName": "chargeback"}, waxwing.PaymentVoided, waxwing.BankTransfer},
		"refunded":                            {map[string]any{"transactions.0.stateMachineState.technicalName": "refunded"}, waxwing.PaymentRefunded, waxwing.BankTransfer},
		"cancelled, though paid":              {map[string]any{"transactions.0.stateMachineState.technicalName": "paid", "stateMachineState.technicalName": "cancelled"}, waxwing.PaymentVoided, waxwing.BankTransfer},
		"no association":                      {map[string]any{"transactions": nil}, waxwing.PaymentUnknown, ""},
	} {
		m := shoptest.Payload(t, bare)
		for k, v := range c.set {
			shoptest.With(t, m, k, v)
		}
		o, err := Format.Normalise("", shoptest.With(t, m, "", nil))
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		shoptest.AddsUp(t, o)
		if o.Payment.Status != c.status || o.Payment.Offline != c.offline {
			t.Errorf("%s: %q %q, want %q %q", what, o.Payment.Status, o.Payment.Offline, c.status, c.offline)
		}
	}
	m := shoptest.Payload(t, bare)
	m["price"] = map[string]any{"totalPrice": 0, "taxStatus": "gross", "calculatedTaxes": []any{}}
	m["lineItems"] = []any{map[string]any{"id": "a", "label": "Gratisprobe", "type": "product", "quantity": 1, "unitPrice": 0, "totalPrice": 0}}
	m["deliveries"] = []any{}
	delete(m, "shippingCosts")
	o, err := Format.Normalise("", shoptest.With(t, m, "shippingTotal", 0))
	if err != nil || o.Payment.Status != waxwing.PaymentPaid || !o.Total.IsZero() || len(o.Notices) != 0 {
		t.Errorf("an order over nothing waits for money: %v", err)
	}
}

// What the lines' parts cost is counted once.
func TestParts(t *testing.T) {
	line := func(id, parent string, quantity int, total float64) map[string]any {
		return map[string]any{"id": id, "parentId": parent, "label": id, "type": "product", "quantity": quantity, "totalPrice": total, "unitPrice": total / float64(quantity)}
	}
	for name, c := range map[string]struct {
		lines []any
		want  string
	}{
		"parts make the price":   {[]any{line("set", "", 1, 30), line("a", "set", 1, 10), line("b", "set", 2, 20)}, "a 10.00 of set, b 20.00 of set"},
		"the whole has a price":  {[]any{line("set", "", 1, 30), line("a", "set", 1, 40), line("b", "set", 2, 0)}, "set 30.00, a 0.00 of set, b 0.00 of set"},
		"parts of parts":         {[]any{line("set", "", 1, 30), line("a", "set", 1, 10), line("b", "set", 1, 20), line("c", "b", 1, 15), line("d", "b", 1, 5)}, "a 10.00 of set, c 15.00 of set, d 5.00 of set"},
		"a part of what is away": {[]any{line("a", "gone", 1, 30)}, "a 30.00"},
	} {
		m := shoptest.Payload(t, bare)
		m["lineItems"] = c.lines
		m["price"] = map[string]any{"totalPrice": 39, "taxStatus": "tax-free"}
		o, err := Format.Normalise("", shoptest.With(t, m, "", nil))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		shoptest.AddsUp(t, o)
		var got []string
		for _, it := range o.Items {
			s := it.Name + " " + it.Total.Decimal()
			if it.Bundle != "" {
				s += " of " + it.Bundle
			}
			got = append(got, s)
		}
		if s := strings.Join(got, ", "); s != c.want || len(o.Notices) != 0 {
			t.Errorf("%s: %s %v, want %s", name, s, o.Notices, c.want)
		}
	}
}
