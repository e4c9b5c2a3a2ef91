package shoptest

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop"
)

// AddsUp holds the order against the arithmetic that doc.go promises, as a
// customer with a calculator would.
func AddsUp(t testing.TB, o *waxwing.Order) {
	t.Helper()
	sum := func(list []waxwing.Adjustment) (n int64) {
		for _, a := range list {
			n += a.Amount.Minor
		}
		return n
	}
	for name, c := range map[string]struct {
		list  []waxwing.Adjustment
		total waxwing.Money
	}{"discounts": {o.Discounts, o.DiscountTotal}, "shipping": {o.Ship, o.ShippingTotal}, "taxes": {o.Taxes, o.TaxTotal}} {
		if got := sum(c.list); (len(c.list) > 0 || name == "discounts") && got != c.total.Minor {
			t.Errorf("%s: the rows are %d, their total %v", name, got, c.total)
		}
	}
	lines, priced := int64(0), true
	for i, it := range o.Items {
		if it.Total == nil {
			priced = false
			continue
		}
		if lines += it.Total.Minor; it.Unit != nil && it.Unit.Minor*it.Quantity != it.Total.Minor {
			t.Errorf("item %d: %d x %v is not %v", i, it.Quantity, it.Unit, it.Total)
		}
	}
	if priced && len(o.Items) > 0 && lines != o.Subtotal.Minor && len(o.Notices) == 0 {
		t.Errorf("lines are %d, subtotal %v", lines, o.Subtotal)
	}
	total := o.Subtotal.Minor - o.DiscountTotal.Minor + o.ShippingTotal.Minor + sum(o.Fees) + o.Tip.Minor + sum(o.Remainder)
	if !o.TaxesIncluded {
		total += o.TaxTotal.Minor
	}
	if total != o.Total.Minor {
		t.Errorf("adds up to %d, total is %v", total, o.Total)
	}
	if o.DiscountTotal.Minor < 0 || o.Refunded.Minor < 0 || o.Refunded.Minor > o.Total.Minor || sum(o.GiftCards) > o.Total.Minor {
		t.Errorf("discounts %v, refunded %v or gift cards %v of %v", o.DiscountTotal, o.Refunded, o.GiftCards, o.Total)
	}
	for _, r := range o.Remainder {
		if r.Kind == "" || r.Amount.IsZero() {
			t.Errorf("a remainder without a kind or an amount: %+v", r)
		}
	}
	saved := int64(0)
	for _, it := range o.Items {
		saved += it.Discount.Minor
	}
	if saved > o.DiscountTotal.Minor {
		t.Errorf("saved %d on lines, and %v in all", saved, o.DiscountTotal)
	}
	if p := o.Payment; !p.Deposit.IsZero() && (p.Deposit.Add(p.Due).Minor+sum(o.GiftCards) != o.Total.Minor || p.Due.Minor <= 0) {
		t.Errorf("deposit %v and due %v of %v", p.Deposit, p.Due, o.Total)
	}
}

// Invariants are what holds for every order that a format gives, however
// hostile its payload.
func Invariants(t *testing.T, o *waxwing.Order) {
	t.Helper()
	if o.ID == "" || o.Number == "" || !waxwing.ValidCurrency(o.Currency) || o.Total.Minor < 0 || o.Total.Currency != o.Currency {
		t.Fatal("no id, number, currency or total")
	}
	for _, l := range []string{o.Links.Status, o.Links.Tracking, o.Links.Invoice, o.Links.Returns, o.Links.Pay} {
		if l != "" && !strings.HasPrefix(l, "https://") {
			t.Fatal("a link that is not https")
		}
	}
	for _, s := range []string{o.ID, o.Number, o.Locale, o.Customer.Email, o.Customer.FirstName, o.Customer.Phone, o.PurchaseOrder,
		o.Payment.Method, o.Payment.Reference, o.Delivery.Method, strings.Join(o.Notices, "")} {
		if strings.Contains(s, "\n") {
			t.Fatalf("a line break in %q", s)
		}
	}
	for _, it := range o.Items {
		if strings.Contains(it.Name+it.SKU+it.Bundle+it.Variant, "\n") {
			t.Fatal("a line break in an item")
		}
	}
	for _, it := range o.Items {
		if it.Name == "" || it.Quantity <= 0 || it.Refunded < 0 || it.Refunded > it.Quantity {
			t.Fatal("an item without name or quantity")
		}
	}
	if _, err := json.Marshal(o); err != nil {
		t.Fatal(err)
	}
	walk(t, reflect.ValueOf(*o), o.Currency)
}

func walk(t *testing.T, v reflect.Value, cur string) {
	t.Helper()
	if m, ok := v.Interface().(waxwing.Money); ok {
		if m.Currency != cur && m != (waxwing.Money{}) {
			t.Fatalf("money in %q, the order is in %q", m.Currency, cur)
		}
		return
	}
	switch v.Kind() {
	case reflect.String:
		// Notes, engravings and instructions keep their lines.
		if s := strings.ReplaceAll(v.String(), "\n", ""); !cleanText(s) || utf8.RuneCountInString(s) > shop.MaxNote {
			t.Fatalf("unclean text %q", s)
		}
	case reflect.Struct:
		if strings.HasPrefix(v.Type().String(), "time.") {
			return
		}
		for i := range v.NumField() {
			walk(t, v.Field(i), cur)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walk(t, v.Index(i), cur)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			walk(t, v.Elem(), cur)
		}
	}
}

func cleanText(s string) bool {
	for _, r := range s {
		if unicode.Is(unicode.Cc, r) || r == 0x2028 || r == 0x2029 || unicode.Is(unicode.Bidi_Control, r) ||
			unicode.Is(unicode.Cf, r) && r != 0x200C && r != 0x200D && !unicode.Is(unicode.Prepended_Concatenation_Mark, r) {
			return false
		}
	}
	return utf8.ValidString(s)
}

// NoData fails if an error repeats a string of the payload.
func NoData(t *testing.T, err error, raw []byte) {
	t.Helper()
	for _, s := range []string{"zoe", "Zoë", "Regenjas", "example.nl", "bob@"} {
		if strings.Contains(err.Error(), s) && strings.Contains(string(raw), s) {
			t.Errorf("%v holds data of the payload", err)
		}
	}
}
