package templates

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/locales"
)

var casesDir = flag.String("cases", "", "write the hard cases' HTML into this folder (make phone)")

// hardCase is a mail that is hard to lay out on a phone.
type hardCase struct {
	name  string
	tag   string
	order *waxwing.Order
	brand *Brand
}

// longWord is a word of n letters that nothing breaks.
func longWord(tag string, n int) string {
	word := []rune(map[string]string{
		"ar": "والاستشاراتالتجاريةوالمستودعات", "ja": "トレイルボトルアルパインウール", "de": "Fahrradersatzteilkatalogbestellnummernverzeichnis",
	}[tag])
	if len(word) == 0 {
		word = []rune("PneumonoultramicroscopicSilicovolcanoconiosis")
	}
	out := make([]rune, n)
	for i := range out {
		out[i] = word[i%len(word)]
	}
	return string(out)
}

// notWords are the fields of an order that hold codes, or that say what it is.
func notWords(path string) bool {
	for _, end := range []string{"Currency", "Status", "Stock", "Offline", "Rate", "Country", "Kind", "Locale", "Format", "Shop", "URL", "Last4", "Reason"} {
		if strings.HasSuffix(path, end) {
			return true
		}
	}
	return strings.Contains(path, ".Links.")
}

// wordy is an order with a long word in every field that a mail shows.
func wordy(tag string, n int) hardCase {
	o := stateOrder(tag, "prepay")
	o.PurchaseOrder, o.Items[1].Bundle = "PO", "Set"
	o.Remainder = []waxwing.Adjustment{{Title: "R", Amount: o.Total}}
	o.Total = o.Total.Add(o.Total)
	o.Fees = []waxwing.Adjustment{{Title: "F", Amount: waxwing.Money{Currency: o.Currency, Minor: 1}}}
	o.Payment.Reference, o.Payment.Method = "R", "M"
	o.Items[0].ImageURL = "https://cdn.acme.example/" + strings.Repeat("x", n) + ".jpg"
	o.Links.Returns, o.Links.Invoice = "https://acme.example/"+strings.Repeat("r", n), "https://acme.example/"+strings.Repeat("i", n)
	o.Personal = &waxwing.Personal{Vars: map[string]string{"message": "M"},
		Recommended: []waxwing.Candidate{{Name: "R", SKU: "S", Price: o.Items[0].Unit, URL: "https://acme.example/r"}},
		Delay:       &waxwing.Delay{P50: 30 * time.Hour, P90: 80 * time.Hour}}
	word := longWord(tag, n)
	stringFields(reflect.ValueOf(o).Elem(), "", func(p string, v reflect.Value) {
		if !notWords(p) {
			v.SetString(word)
		}
	})
	o.Personal.Vars["message"] = word
	text := Text{Default: word}
	b := Brand{Name: word, Color: "#0f6b5c", Footer: word, Address: []string{word, word}, HomeURL: "https://acme.example/",
		SupportURL: "https://acme.example/help", Deliveries: []Delivery{{Name: word, URL: "https://acme.example/d/{order}"}},
		Legal: &Legal{Seller: text, Register: text, VAT: text, Text: text, Terms: Text{Default: "https://acme.example/t"},
			Withdrawal: Text{Default: "https://acme.example/w"}, Privacy: Text{Default: "https://acme.example/p"}}}
	return hardCase{fmt.Sprintf("word%d", n), tag, o, mustBrand(b)}
}

func mustBrand(b Brand) *Brand {
	p, err := NewBrand(b)
	if err != nil {
		panic(err)
	}
	return p
}

// costly is an order of amounts as long as any currency's are.
func costly(tag string, factor int64) hardCase {
	o := stateOrder(tag, "deposit")
	scale := func(m *waxwing.Money) { m.Minor *= factor }
	var visit func(v reflect.Value)
	visit = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				visit(v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				visit(v.Index(i))
			}
		case reflect.Struct:
			if m, ok := v.Addr().Interface().(*waxwing.Money); ok {
				scale(m)
				return
			}
			if v.Type() != reflect.TypeFor[time.Time]() {
				for i := range v.NumField() {
					visit(v.Field(i))
				}
			}
		}
	}
	visit(reflect.ValueOf(o).Elem())
	return hardCase{fmt.Sprintf("amounts%d", factor), tag, o, stateBrand()}
}

// stateBrand is a brand with all that a mail shows of one.
func stateBrand() *Brand {
	return mustBrand(Brand{
		Name: "Acme Outfitters", Color: "#0f6b5c", SupportURL: "https://acme.example/help", HomeURL: "https://acme.example/",
		TrackingURL: "https://acme.example/track/{order}", ReturnsURL: "https://acme.example/returns/{order}",
		InvoiceURL: "https://acme.example/invoices/{order}", Address: []string{"14 Harbour Street, Portland, ME 04101"},
		Instructions: map[string]Text{waxwing.BankTransfer: {Default: "Please transfer {total} to\nAcme Outfitters Ltd\nIBAN GB33 BUKB 2020 1555 5555 55\nand quote {order}.",
			Locales: map[string]string{"de": "Bitte überweisen Sie {total} an\nAcme Outfitters GmbH\nIBAN DE02 1203 0000 0000 2020 51", "ja": "下記の口座に{total}をお振り込みください。\n三菱UFJ銀行 渋谷支店\n普通 1234567 アクメ（カ", "ar": "يرجى تحويل {total} إلى\nAcme Outfitters\nIBAN SA03 8000 0000 6080 1016 7519"}}},
		Legal: &Legal{Seller: Text{Default: "Acme Outfitters Ltd\n14 Harbour Street, Portland"}, Register: Text{Default: "No. 123456"}, VAT: Text{Default: "GB123456789"},
			Terms: Text{Default: "https://acme.example/terms"}, Withdrawal: Text{Default: "https://acme.example/withdrawal"}, Privacy: Text{Default: "https://acme.example/privacy"},
			Text: Text{Default: "You may send goods back within 14 days.\nSee the link above."}},
	})
}

// stateOrder is a rich order in one of the states that the mail tells apart.
func stateOrder(tag, state string) *waxwing.Order {
	o := richOrder(tag)
	o.GiftCards = nil
	part := func(n, of int64) waxwing.Money {
		return waxwing.Money{Minor: o.Total.Minor * n / of, Currency: o.Currency}
	}
	switch state {
	case "paid":
		o.Items[1].Stock = waxwing.StockAllocated
	case "refunded":
		o.Payment.Status, o.Refunded = waxwing.PaymentRefunded, o.Total
	case "partly":
		o.Payment.Status, o.Refunded = waxwing.PartlyRefunded, part(1, 4)
		o.Items[1].Refunded = 1
	case "prepay":
		o.Payment = waxwing.Payment{Status: waxwing.PaymentPending, Offline: waxwing.BankTransfer, Reference: "AC-1042-7"}
		o.Links.Pay = "https://acme.example/pay/1042"
	case "cheque":
		o.Payment = waxwing.Payment{Status: waxwing.PaymentPending, Offline: waxwing.Cheque}
	case "invoice":
		o.Payment = waxwing.Payment{Status: waxwing.PaymentPending, Offline: waxwing.Invoice, Instructions: "Net 30 days.\nPlease quote the number."}
	case "cod":
		o.Payment = waxwing.Payment{Status: waxwing.PaymentPending, Offline: waxwing.CashOnDelivery}
	case "deposit":
		o.Payment.Status, o.Payment.Deposit = waxwing.PaymentPartlyPaid, part(1, 5)
		o.Payment.Due = o.Total.Sub(o.Payment.Deposit)
	case "pickup":
		o.Delivery.Pickup, o.Delivery.Method = true, "Pick up in the shop"
		o.Shipping = &waxwing.Address{Name: "Acme Outfitters", Lines: []string{"14 Harbour Street"}, City: "Portland", Region: "ME", PostalCode: "04101", Country: "US"}
	case "pickup-nowhere":
		o.Delivery.Pickup, o.Shipping = true, nil
	case "digital":
		for i := range o.Items {
			o.Items[i].Digital, o.Items[i].Stock = true, waxwing.StockUnknown
		}
	case "backorder", "backorder-mixed":
		for i := range o.Items {
			if o.Items[i].Digital = o.Items[i].Digital && state != "backorder"; !o.Items[i].Digital {
				o.Items[i].Stock = waxwing.StockBackorder
			}
		}
	case "handed":
		o.Delivery.HandedOver, o.Shipping, o.Ship = true, nil, nil
		o.ShippingTotal.Minor = 0
	case "shipped":
		o.Delivery.Shipped = true
	case "zero":
		o.Discounts = []waxwing.Adjustment{{Title: "GIFT", Amount: o.DiscountTotal.Add(o.Total)}}
		o.DiscountTotal = o.DiscountTotal.Add(o.Total)
		o.Total.Minor = 0
		o.Payment = waxwing.Payment{Status: waxwing.PaymentPending}
	case "some-wait":
	default:
		panic(state)
	}
	return o
}

var allStates = []string{"paid", "refunded", "partly", "prepay", "cheque", "invoice", "cod", "deposit", "pickup", "pickup-nowhere", "digital", "backorder", "backorder-mixed", "handed", "shipped", "some-wait", "zero"}

var imgTag = regexp.MustCompile(`<img[^>]*>`)

// hardCases are what the phone's script lays out at 320, 375 and 600 px.
func hardCases() (list []hardCase) {
	for _, tag := range []string{"en", "de", "ja", "ar"} {
		for _, n := range []int{30, 60, 300} {
			list = append(list, wordy(tag, n))
		}
		for _, factor := range []int64{100, 1_000_000, 10_000_000_000} {
			list = append(list, costly(tag, factor))
		}
		many := stateOrder(tag, "paid")
		many.Items = longOrder(tag, 60).Items
		list = append(list, hardCase{"many", tag, many, stateBrand()})
	}
	for _, tag := range locales.Tags() {
		for _, s := range allStates {
			list = append(list, hardCase{s, tag, stateOrder(tag, s), stateBrand()})
		}
	}
	return list
}

// The hard cases are mails, below what clients clip, and each of their texts
// stands where long words break.
func TestHardCases(t *testing.T) {
	for _, c := range hardCases() {
		var m Mail
		if err := builtin(t).Render(&Input{Order: c.order, Brand: c.brand, Locale: locale(t, c.tag)}, &m); err != nil {
			t.Fatalf("%s %s: %v", c.name, c.tag, err)
		}
		if len(m.HTML) > maxHTML {
			t.Errorf("%s %s: %d bytes", c.name, c.tag, len(m.HTML))
		}
		if !bytes.Contains(m.HTML, []byte("overflow-wrap:anywhere")) {
			t.Errorf("%s %s: long words do not break", c.name, c.tag)
		}
		// A picture that is blocked keeps its place, and does not repeat the name.
		if n := bytes.Count(m.HTML, []byte(`class="tile" height="72"`)); n != min(len(c.order.Items), maxItems) && c.name != "word300" {
			t.Errorf("%s %s: %d tiles for %d items", c.name, c.tag, n, len(c.order.Items))
		}
		for _, img := range imgTag.FindAll(m.HTML, -1) {
			if bytes.Contains(img, []byte(`class="image"`)) && !bytes.Contains(img, []byte(`alt=""`)) {
				t.Errorf("%s %s: %s", c.name, c.tag, img)
			}
		}
		if *casesDir != "" {
			file := filepath.Join(*casesDir, c.name+"-"+c.tag+".html")
			if err := os.WriteFile(file, m.HTML, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(strings.TrimSuffix(file, ".html")+".txt", []byte(m.Subject+"\n\n"+string(m.Text)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
