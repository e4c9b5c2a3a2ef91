package templates

import (
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

func acme(t testing.TB) *Brand {
	t.Helper()
	b, err := NewBrand(Brand{
		Name: "Acme Outfitters", Color: "#0f6b5c", SupportURL: "https://acme.example/help",
		TrackingURL: "https://acme.example/track/{order}", HomeURL: "https://acme.example/",
		Address: []string{"14 Harbour Street, Portland, ME 04101"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// richOrder is an order with everything that a mail can show, as a customer of
// the locale would place it.
func richOrder(tag string) *waxwing.Order {
	cur := map[string]string{"en": "USD", "ja": "JPY", "ar": "SAR", "pt-BR": "BRL", "pl": "PLN", "sv": "SEK", "zh-Hans": "CNY"}[tag]
	if cur == "" {
		cur = "EUR"
	}
	money := func(minor int64) waxwing.Money {
		if cur == "JPY" {
			return waxwing.Money{Minor: minor * 3 / 2, Currency: cur}
		}
		return waxwing.Money{Minor: minor, Currency: cur}
	}
	pointer := func(minor int64) *waxwing.Money { m := money(minor); return &m }
	at := time.Date(2026, 3, 9, 22, 41, 0, 0, time.FixedZone("", 9*3600))
	o := &waxwing.Order{
		Shop: "shopify", Format: "shopify", ID: "820982911946154508", Number: "#1042", Locale: tag, Currency: cur,
		PlacedAt: at, UpdatedAt: at,
		Customer: waxwing.Customer{FirstName: "Anna", LastName: "Lindqvist", Email: "anna@example.com", Phone: "+15551234567"},
		Items: []waxwing.Item{
			{SKU: "AW-100", Name: "Alpine Wool Jacket", Variant: "Forest green / M", Quantity: 1, Unit: pointer(18900), Total: pointer(18900), URL: "https://acme.example/products/alpine-wool-jacket", Stock: waxwing.StockAllocated},
			{SKU: "TR-22", Name: "Trail Bottle 750 ml", Quantity: 2, Unit: pointer(3400), Total: pointer(6800), Discount: money(500), Properties: []waxwing.Property{{Name: "Engraving", Value: "A. L."}, {Name: "_id", Value: "77"}}, Stock: waxwing.StockBackorder},
			{SKU: "BK-7", Name: "Field Notes, set of three", Quantity: 1, Unit: pointer(1495), Total: pointer(1495), Digital: true},
		},
		Subtotal: money(27195), Discounts: []waxwing.Adjustment{{Title: "SPRING10", Amount: money(2720)}}, DiscountTotal: money(2720),
		Ship: []waxwing.Adjustment{{Title: "DHL Express", Amount: money(1290)}}, ShippingTotal: money(1290),
		Taxes: []waxwing.Adjustment{{Title: "VAT", Amount: money(4093), Rate: "0.19"}}, TaxTotal: money(4093), TaxesIncluded: tag != "en",
		GiftCards: []waxwing.Adjustment{{Title: "•••• 9QK2", Amount: money(5000)}},
		Payment:   waxwing.Payment{Status: waxwing.PaymentPaid, Method: "Visa", Last4: "4242"},
		Delivery:  waxwing.Delivery{From: time.Date(2026, 3, 12, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC), Method: "DHL Express"},
		Links:     waxwing.Links{Status: "https://acme.example/orders/1042?key=5f2a&lang=" + tag},
		Note:      "Please leave the parcel with the neighbours if nobody is at home.",
	}
	if tag == "en" {
		o.Total = money(27195 - 2720 + 1290 + 4093)
		o.Taxes = []waxwing.Adjustment{{Title: "Sales tax", Amount: money(4093), Rate: "0.0775"}}
	} else {
		o.Total = money(27195 - 2720 + 1290)
	}
	o.Shipping = &waxwing.Address{Name: "Anna Lindqvist", Lines: []string{"512 Birch Lane", "Apt 4B"}, City: "Portland", Region: "OR", PostalCode: "97205", Country: "US"}
	localise(o, tag)
	o.Billing = &waxwing.Address{}
	*o.Billing = *o.Shipping
	return o
}

// localise gives the order's values the language of its customer.
func localise(o *waxwing.Order, tag string) {
	switch tag {
	case "ja":
		o.Customer.FirstName, o.Customer.LastName = "美咲", "山田"
		o.Items[0].Name, o.Items[0].Variant = "アルパイン ウールジャケット", "フォレストグリーン / M"
		o.Items[1].Name, o.Items[1].Properties[0] = "トレイルボトル 750 ml", waxwing.Property{Name: "刻印", Value: "M.Y."}
		o.Items[2].Name = "フィールドノート 3冊セット"
		o.Ship[0].Title, o.Delivery.Method, o.Taxes[0].Title, o.Taxes[0].Rate = "ヤマト運輸", "ヤマト運輸", "消費税", "0.1"
		o.Note = "不在の場合は宅配ボックスに入れてください。"
		o.Shipping = &waxwing.Address{Name: "山田 美咲", Lines: []string{"神宮前1-2-3", "ウッドハイツ 402"}, City: "渋谷区", Region: "東京都", PostalCode: "150-0001", Country: "JP"}
	case "zh-Hans":
		o.Customer.FirstName, o.Customer.LastName = "小明", "王"
		o.Items[0].Name, o.Items[0].Variant = "高山羊毛夹克", "森林绿 / M"
		o.Shipping = &waxwing.Address{Name: "王小明", Lines: []string{"中关村大街27号"}, City: "海淀区", Region: "北京市", PostalCode: "100080", Country: "CN"}
		o.Taxes[0].Title = "增值税"
	case "ar":
		o.Customer.FirstName, o.Customer.LastName = "ليلى", "الحربي"
		o.Items[0].Name, o.Items[0].Variant = "سترة صوف جبلية", "أخضر غابة / M"
		o.Items[1].Name, o.Items[1].Properties[0] = "قارورة رحلات 750 مل", waxwing.Property{Name: "نقش", Value: "ل. ح."}
		o.Items[2].Name = "Field Notes (3 دفاتر)"
		o.Ship[0].Title, o.Delivery.Method, o.Taxes[0].Title, o.Taxes[0].Rate = "أرامكس السريع", "أرامكس السريع", "ضريبة القيمة المضافة", "0.15"
		o.Note = "يرجى ترك الطرد لدى الجيران إن لم يكن أحد في المنزل."
		o.Shipping = &waxwing.Address{Name: "ليلى الحربي", Lines: []string{"شارع الأمير سلطان 128"}, City: "الرياض", PostalCode: "12241", Country: "SA"}
	case "de":
		o.Customer.FirstName, o.Customer.LastName = "Jörg", "Müller"
		o.Taxes[0].Title = "MwSt."
		o.Shipping = &waxwing.Address{Name: "Jörg Müller", Lines: []string{"Königstraße 12"}, City: "Stuttgart", PostalCode: "70173", Country: "DE"}
	case "it":
		o.Shipping = &waxwing.Address{Name: "Giulia Conti", Lines: []string{"Via Roma 5"}, City: "Torino", Region: "TO", PostalCode: "10121", Country: "IT"}
		o.Customer.FirstName, o.Customer.LastName = "Giulia", "Conti"
	}
}
