package woocommerce

import (
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop/shoptest"
)

func TestFormat(t *testing.T) {
	shoptest.Run(t, Format, "number", "customer_note", "payment_method_title", "line_items.0.name", "billing.email", "billing.last_name")
}

func FuzzWooCommerce(f *testing.F) { shoptest.Fuzz(f, Format) }
func FuzzMutated(f *testing.F)     { shoptest.FuzzMutated(f, Format) }

const fixture = "testdata/gross-with-coupon.json"

func TestWooRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		path string
		to   any
		want string
	}{
		"no id":          {"id", nil, "id: missing"},
		"id nought":      {"id", 0, "id: missing"},
		"no currency":    {"currency", "", "currency: missing"},
		"no total":       {"total", "", "total: missing"},
		"negative total": {"total", "-1.00", "total: negative"},
		"no lines":       {"line_items", []any{}, "line_items: none"},
		"no quantity":    {"line_items.0.quantity", "1.x", "line_items[0].quantity: not a whole number"},
		"two ids":        {"", nil, ""},
		"price of words": {"line_items.1.subtotal", "x", "line_items[1].subtotal: not a decimal"},
		"bad tax":        {"tax_lines.0.tax_total", "x", "tax_lines[0].tax_total: not a decimal"},
		"bad shipping":   {"shipping_lines.0.total", "1e99", "shipping_lines[0].total"},
	} {
		t.Run(name, func(t *testing.T) {
			raw := shoptest.With(t, shoptest.Payload(t, fixture), c.path, c.to)
			if c.want == "" {
				raw, c.want = append([]byte(`{"id":1,`), raw[1:]...), "id: given twice"
			}
			_, err := Format.Normalise("order.updated", raw)
			if err == nil || !strings.Contains(err.Error(), c.want) || !waxwing.IsPermanent(err) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestWooTolerates(t *testing.T) {
	for path, to := range map[string]any{
		"billing": []any{}, "shipping": nil, "meta_data": shoptest.Null, "line_items.0.meta_data": nil, "line_items.0.image": nil,
		"line_items.0.image.src": false, "line_items.0.subtotal": nil, "line_items.0.price": shoptest.Null, "line_items.0.product_id": "50",
		"tax_lines": nil, "shipping_lines": []any{}, "coupon_lines": shoptest.Null, "refunds": nil, "number": nil, "customer_note": shoptest.Null,
		"date_paid_gmt": "0000-00-00T00:00:00", "date_created_gmt": nil, "payment_method_title": nil, "line_items.0.name": shoptest.Null,
		"total": "99.905", "id": "4711", "prices_include_tax": "yes", "status": "wc-processing", "line_items": nil, "line_items.1.quantity": -2, "line_items.1.total": "-3.00",
	} {
		o, err := Format.Normalise("", shoptest.With(t, shoptest.Payload(t, fixture), path, to))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		shoptest.Invariants(t, o)
	}
}

func TestWooStatuses(t *testing.T) {
	paidAt := "2026-02-01T12:30:05"
	for _, c := range []struct {
		status, method string
		paid           any
		want           waxwing.PaymentStatus
		offline        string
		cancelled      bool
	}{
		{"processing", "stripe", paidAt, waxwing.PaymentPaid, "", false},
		{"processing", "stripe", nil, waxwing.PaymentPaid, "", false},
		{"processing", "cod", nil, waxwing.PaymentPending, "cash_on_delivery", false},
		{"processing", "cod", paidAt, waxwing.PaymentPaid, "cash_on_delivery", false},
		{"completed", "cod", nil, waxwing.PaymentPaid, "cash_on_delivery", false},
		{"completed", "bacs", nil, waxwing.PaymentPaid, "bank_transfer", false},
		{"on-hold", "bacs", nil, waxwing.PaymentPending, "bank_transfer", false},
		{"on-hold", "cheque", nil, waxwing.PaymentPending, "cheque", false},
		{"pending", "stripe", nil, waxwing.PaymentPending, "", false},
		{"failed", "stripe", nil, waxwing.PaymentFailed, "", false},
		{"cancelled", "stripe", paidAt, waxwing.PaymentVoided, "", true},
		{"trash", "stripe", nil, waxwing.PaymentVoided, "", true},
		{"refunded", "stripe", paidAt, waxwing.PaymentRefunded, "", false},
		{"packed", "stripe", paidAt, waxwing.PaymentPaid, "", false},
		{"packed", "stripe", nil, waxwing.PaymentUnknown, "", false},
	} {
		m := shoptest.Payload(t, fixture)
		shoptest.With(t, m, "status", c.status)
		shoptest.With(t, m, "payment_method", c.method)
		shoptest.With(t, m, "date_paid", nil)
		o, err := Format.Normalise("", shoptest.With(t, m, "date_paid_gmt", c.paid))
		if err != nil {
			t.Fatal(err)
		}
		if o.Payment.Status != c.want || o.Payment.Offline != c.offline || !o.Cancelled.IsZero() != c.cancelled {
			t.Errorf("%s %s %v: %+v, cancelled %v", c.status, c.method, c.paid, o.Payment, o.Cancelled)
		}
	}
}

func TestWooKey(t *testing.T) {
	key, err := Format.Key("order.created", shoptest.With(t, shoptest.Payload(t, fixture), "", nil))
	if err != nil || key.OrderID != "4711" || key.Rank != 1 ||
		key.UpdatedAt.UTC().Format(time.RFC3339) != "2026-02-01T12:30:09Z" ||
		key.OccurredAt.UTC().Format(time.RFC3339) != "2026-02-01T12:30:05Z" {
		t.Errorf("%+v %v", key, err)
	}
	if k, err := Format.Key("order.created", []byte(`{"id":1}`)); err != nil || k.Ignore == "" {
		t.Error("a customer taken for an order")
	}
}

// A shop of invoices has orders of fees alone.
func TestWooFeesAlone(t *testing.T) {
	m := shoptest.Payload(t, fixture)
	shoptest.With(t, m, "line_items", []any{})
	o, err := Format.Normalise("", shoptest.With(t, m, "fee_lines", []any{map[string]any{"name": "Donation", "total": "10", "total_tax": "0"}}))
	if err != nil || len(o.Items) != 0 || len(o.Fees) != 1 {
		t.Errorf("%v", err)
	}
}

// Attributes are left out only where the name ends in them or has them before
// a comma.
func TestWooAttributes(t *testing.T) {
	m := shoptest.Payload(t, fixture)
	o, err := Format.Normalise("", shoptest.With(t, m, "line_items.0.name", "T-Shirt"))
	if err != nil {
		t.Fatal(err)
	}
	want := []waxwing.Property{{Name: "Farbe", Value: "Blau"}, {Name: "Größe", Value: "L"}, {Name: "Gravur", Value: `Für "Oma"`}}
	if got := o.Items[0].Properties; len(got) != 4 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("%v", got)
	}
}
