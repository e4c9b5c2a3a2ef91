package shop

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
)

var update = flag.Bool("update", false, "write the goldens anew; read the diff before you believe it")

var formats = map[string]waxwing.Format{"shopify": Shopify, "woocommerce": WooCommerce, "generic": Generic}

// Each payload in testdata becomes the order beside it, and its totals add up.
func TestGoldens(t *testing.T) {
	for name, f := range formats {
		files, err := filepath.Glob("testdata/" + name + "/*.json")
		if err != nil {
			t.Fatal(err)
		}
		if len(files) < 2 {
			t.Errorf("%s: only %d payloads", name, len(files))
		}
		for _, file := range files {
			if strings.HasSuffix(file, ".golden.json") {
				continue
			}
			t.Run(name+"/"+filepath.Base(file), func(t *testing.T) {
				raw, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				o, err := f.Normalise("", raw)
				if err != nil {
					t.Fatal(err)
				}
				invariants(t, o)
				addsUp(t, o)
				got, err := json.MarshalIndent(o, "", " ")
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, '\n')
				golden := strings.TrimSuffix(file, ".json") + ".golden.json"
				if *update {
					if err := os.WriteFile(golden, got, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("another order than %s:\n%s", golden, got)
				}
			})
		}
	}
}

// addsUp holds the order against the arithmetic that doc.go promises, as a
// customer with a calculator would.
func addsUp(t testing.TB, o *waxwing.Order) {
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

// invariants are what holds for every order that a format gives, however
// hostile its payload.
func invariants(t *testing.T, o *waxwing.Order) {
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
		if s := strings.ReplaceAll(v.String(), "\n", ""); !cleanText(s) || utf8.RuneCountInString(s) > capNote {
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

// payload reads a file of testdata as a tree that a test can change.
func payload(t testing.TB, file string) map[string]any {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

// with sets what lies at a path such as "line_items.0.price"; the value nil
// takes it away, null is written json.RawMessage("null"). A path that the
// payload does not have changes nothing.
func with(t testing.TB, m map[string]any, path string, v any) []byte {
	t.Helper()
	if path != "" {
		steps := strings.Split(path, ".")
		var at any = m
		for _, s := range steps[:len(steps)-1] {
			if list, ok := at.([]any); ok {
				i, _ := strconv.Atoi(s)
				at = list[i]
			} else {
				parent, _ := at.(map[string]any)
				at = parent[s]
			}
		}
		switch last := steps[len(steps)-1]; parent := at.(type) {
		case []any:
			i, _ := strconv.Atoi(last)
			parent[i] = v
		case map[string]any:
			if v == nil {
				delete(parent, last)
			} else {
				parent[last] = v
			}
		}
	}
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// spread puts the poison into every string of a tree.
func spread(v any, poison string) any {
	switch w := v.(type) {
	case map[string]any:
		for k, x := range w {
			w[k] = spread(x, poison)
		}
	case []any:
		for i, x := range w {
			w[i] = spread(x, poison)
		}
	case string:
		return w + poison
	}
	return v
}
