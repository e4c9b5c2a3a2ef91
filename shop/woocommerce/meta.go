package woocommerce

import (
	"cmp"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// meta reads what plugins note on the order: its language (WPML, Polylang,
// TranslatePress, Weglot), whether the stock was taken, test payments, the
// buyer's own number, links.
func (r *reader) meta() {
	o := r.o
	o.Locale = shop.LocaleTag(r.v.Get("lang").Text())
	if o.Locale == "" {
		o.Locale = shop.LocaleTag(r.v.First("locale", "language"))
	}
	o.PurchaseOrder = plainText(r.v.Either("po_number", "purchase_order_number"), shop.MaxNumber)
	o.Links.Invoice = shop.Link(r.v.First("invoice_url", "invoice_link"))
	told, other := "", "" // by the keys of known plugins, and by others
	for _, m := range r.v.Get("meta_data").Items() {
		key, v := m.Get("key").Text(), m.Get("value")
		switch key {
		case "wpml_language", "_wpml_language", "pll_language", "_pll_language", "trp_language", "_trp_language",
			"weglot_language", "_wc_order_language", "order_language", "_order_language", "_order_locale", "_locale", "locale",
			"_customer_locale", "customer_locale", "_language", "language", "wcml_language", "_wcml_language", "user_locale", "_user_locale":
			told = cmp.Or(told, shop.LocaleTag(languageOf(key, v.Text())))
		case "_order_stock_reduced":
			if v.Bool() {
				o.Stock = waxwing.StockAllocated
			}
		case "_wcpay_mode":
			o.Test = o.Test || v.Text() == "test"
		case "_po_number", "po_number", "_billing_po_number", "billing_po_number", "purchase_order_number", "_purchase_order_number",
			"_purchase_order", "purchase_order", "_wc_po_number", "_customer_po_number", "b2bking_purchase_order_number":
			if o.PurchaseOrder == "" {
				o.PurchaseOrder = plainText(v, shop.MaxNumber)
			}
		default:
			if other == "" && isLanguageKey(key) {
				if l := shop.LocaleTag(v.Text()); len(l) == 2 || len(l) > 2 && l[2] == '-' { // not "yes"
					other = l
				}
			}
			if o.Links.Invoice == "" && isInvoiceKey(key) {
				o.Links.Invoice = shop.Link(v.Text())
			}
		}
	}
	o.Locale = cmp.Or(o.Locale, told, other)
}

// isLanguageKey reports whether a key that nobody listed tells the language of
// the order: GTranslate, Linguise and others have keys of their own.
func isLanguageKey(key string) bool {
	key = strings.ToLower(strings.Trim(key, "_"))
	for _, not := range [...]string{"admin", "site", "shop", "store", "default", "product", "vendor", "currency", "invoice", "script"} {
		if strings.Contains(key, not) {
			return false
		}
	}
	for _, end := range [...]string{"language", "language_code", "lang", "lang_code", "locale"} {
		if key == end || strings.HasSuffix(key, "_"+end) {
			return true
		}
	}
	return false
}

// languageOf maps the two codes of Weglot's that mean another language elsewhere.
func languageOf(key, code string) string {
	switch {
	case key != "weglot_language":
	case code == "br":
		return "pt-BR"
	case code == "tw":
		return "zh-Hant"
	}
	return code
}

func isInvoiceKey(key string) bool {
	key = strings.ToLower(strings.TrimLeft(key, "_"))
	if !strings.Contains(key, "invoice") && key != "wcpdf_document_link" {
		return false
	}
	for _, end := range [...]string{"url", "link", "pdf"} {
		if strings.HasSuffix(key, end) {
			return true
		}
	}
	return false
}

// pickup finds out whether the order is picked up, and where: the place stands
// in the shipping line's meta data or the order's, or nowhere. WooCommerce
// copies the billing address into the shipping address, which is the customer's
// home and never the place.
func (r *reader) pickup() {
	o := r.o
	lines := r.v.Get("shipping_lines")
	switch strings.ToLower(r.v.Get("created_via").Trimmed()) {
	case "pos", "woocommerce-pos", "woocommerce_pos", "wc_pos", "wc-pos", "wcpos", "wepos", "oliver-pos", "oliver_pos", "pos-rest-api":
		// Sold over the counter, and taken home.
		o.Delivery.HandedOver = statusWord(r.v) == "completed" && lines.Len() == 0
	}
	// WooCommerce's "completed" is what a merchant says when it is on its way.
	o.Delivery.Shipped = statusWord(r.v) == "completed" && !o.Delivery.HandedOver
	picked, sent := false, false
	for _, l := range lines.Items() {
		id := strings.ToLower(l.Get("method_id").Text())
		here := strings.HasPrefix(id, "local_pickup") || strings.HasPrefix(id, "pickup_location") ||
			strings.HasPrefix(id, "legacy_local_pickup") || strings.Contains(id, "pickup_store") || strings.Contains(id, "store_pickup") ||
			strings.Contains(id, "click_and_collect") || strings.Contains(id, "click-and-collect") || id == "in_store_pickup" || id == "pickup" ||
			calledPickup(plainText(l.Get("method_title"), shop.MaxName))
		picked, sent = picked || here, sent || !here && !l.Nothing()
	}
	// Where a part of it is sent, there is an address to show.
	if o.Delivery.Pickup = picked && !sent; !o.Delivery.Pickup {
		return
	}
	var a waxwing.Address
	for _, l := range lines.Items() {
		for _, m := range l.Either("meta_data", "meta").Items() {
			readPlace(&a, m)
		}
	}
	for _, m := range r.v.Get("meta_data").Items() {
		readPlace(&a, m)
	}
	for _, l := range r.v.Get("line_items").Items() { // Local Pickup Plus notes it on each line
		for _, m := range l.Get("meta_data").Items() {
			// A line's store is the seller of a marketplace.
			if strings.HasPrefix(strings.TrimLeft(m.Get("key").Text(), "_"), "pickup_") {
				readPlace(&a, m)
			}
		}
	}
	if a.Name != "" || len(a.Lines) > 0 || a.City != "" {
		o.Shipping = &a
	}
}

// pickupTitles are what shops call a method of their own, such as free shipping,
// by which the customer comes to the shop. Parcel shops are another matter.
var pickupTitles = []string{"click & collect", "click and collect", "click&collect", "local pickup", "store pickup", "in-store pickup",
	"in store pickup", "pick up in store", "pickup in store", "collect in store", "collect from store", "selbstabholung", "selbstabholer",
	"abholung im laden", "abholung in der filiale", "abholung vor ort", "abholung im geschäft", "retrait en magasin", "retrait en boutique",
	"ritiro in negozio", "ritiro in sede", "recogida en tienda", "recoger en tienda", "afhalen in de winkel", "afhalen in winkel",
	"odbiór osobisty", "odbiór w sklepie", "hämta i butik", "retirada na loja", "retirar na loja", "levantamento em loja", "recolha em loja",
	"店頭受取", "店頭受け取り", "店舗受取", "到店自取", "门店自提", "上门自提", "門市自取", "الاستلام من المتجر"}

func calledPickup(title string) bool {
	title = strings.ToLower(title)
	for _, t := range pickupTitles {
		if strings.Contains(title, t) {
			return true
		}
	}
	return false
}

// readPlace reads one entry of meta data that tells of the place; the first that
// tells a thing counts.
func readPlace(a *waxwing.Address, m payload.Value) {
	key := strings.ToLower(strings.TrimLeft(m.Get("key").Text(), "_"))
	v := m.Get("value")
	switch key {
	case "pickup_location_name", "pickup_store_name", "pickup_store", "store_name", "pickup_point_name", "pickup_name":
		fillName(&a.Name, v)
	case "pickup_location":
		if w := v.Object(); w.Kind() == payload.Object {
			readPlaceObject(a, w)
		} else {
			fillName(&a.Name, v)
		}
	case "pickup_location_address", "pickup_address", "pickup_store_address", "pickup_point_address", "store_address":
		if w := v.Object(); w.Kind() == payload.Object {
			readPlaceObject(a, w)
		} else if s := v.Trimmed(); len(a.Lines) == 0 && a.City == "" && payload.Digits(s, 0) != len(s) && !shop.Serialised(s) {
			a.Lines = shop.StreetLines(plainLines(s))
		}
	case "pickup_location_phone", "pickup_phone", "pickup_store_phone":
		fillText(&a.Phone, plainText(v, shop.MaxPhone))
	}
}

// readPlaceObject reads a place that is an object, with the names that addresses
// have in WooCommerce.
func readPlaceObject(a *waxwing.Address, v payload.Value) {
	if w := v.Get("address").Object(); w.Kind() == payload.Object {
		fillText(&a.Name, plainText(v.Either("name", "title", "location_name"), shop.MaxName))
		v = w
	}
	fillText(&a.Name, plainText(v.Either("name", "title", "location_name", "company"), shop.MaxName))
	if len(a.Lines) > 0 || a.City != "" {
		return
	}
	a.Lines = shop.StreetLines(plainLines(v.Either("address_1", "address", "street").Text()), plainLines(v.Get("address_2").Text()))
	a.City = plainText(v.Get("city"), shop.MaxName)
	a.PostalCode = plainText(v.Either("postcode", "zip", "postal_code"), shop.MaxName)
	a.Country = shop.CountryCode(v.Get("country").Trimmed())
	a.Region = shop.RegionName(a.Country, plainText(v.Get("state"), shop.MaxName))
	fillText(&a.Phone, plainText(v.Get("phone"), shop.MaxPhone))
}

// fillName reads the name of a place. A number is its id, which names nothing.
func fillName(to *string, v payload.Value) {
	if s := v.Trimmed(); payload.Digits(s, 0) != len(s) && !shop.Serialised(s) {
		fillText(to, plainText(v, shop.MaxName))
	}
}

func fillText(to *string, s string) {
	if *to == "" {
		*to = s
	}
}

// paying reads how and where an order that is not paid yet is paid: what the
// gateway tells the customer, the accounts of a bank transfer, the page.
func (r *reader) paying() {
	o := r.o
	switch o.Payment.Status {
	case waxwing.PaymentPending, waxwing.PaymentUnknown, waxwing.PaymentPartlyPaid, waxwing.PaymentFailed, waxwing.PaymentAuthorized:
	default:
		return
	}
	accounts := r.v.Either("bacs_accounts", "bank_accounts")
	text := plainLines(r.v.First("payment_instructions", "instructions"))
	if text == "" {
		text = plainLines(r.v.Get("payment_details").First("instructions"))
	}
	reference := plainText(r.v.Get("payment_reference"), shop.MaxNumber)
	for _, m := range r.v.Get("meta_data").Items() {
		v := m.Get("value")
		switch strings.ToLower(strings.TrimLeft(m.Get("key").Text(), "_")) {
		case "payment_instructions", "bacs_instructions", "gateway_instructions", "payment_method_instructions", "cheque_instructions":
			if text == "" {
				text = plainLines(v.Text())
			}
		case "bacs_accounts", "bacs_account_details", "bank_accounts", "bank_account_details":
			if !accounts.Given() {
				accounts = v
			}
		case "payment_reference", "bank_reference", "bacs_reference", "transfer_reference", "payment_ref":
			if reference == "" {
				reference = plainText(v, shop.MaxNumber)
			}
		}
	}
	parts := make([]string, 0, 4)
	if text = shop.CleanLines(text, shop.MaxNote); text != "" {
		parts = append(parts, text)
	}
	for i, a := range accounts.Items() {
		if s := accountOf(a); s != "" && i < 5 {
			parts = append(parts, s)
		}
	}
	o.Payment.Instructions, o.Payment.Reference = shop.CleanLines(strings.Join(parts, "\n\n"), shop.MaxNote), reference
	payable := statusWord(r.v) != "on-hold" && o.Payment.Offline == ""
	if needs := r.v.Get("needs_payment"); needs.Kind() == payload.True || needs.Kind() == payload.False {
		payable = needs.Bool()
	}
	if payable {
		o.Links.Pay = shop.Link(r.v.Get("payment_url").Text())
	}
}

// accountOf writes a bank account, a line each for what banks ask for. IBAN and
// BIC are the same words everywhere.
func accountOf(v payload.Value) string {
	if v.Kind() != payload.Object {
		return shop.CleanLines(plainLines(v.Text()), shop.MaxNote)
	}
	var lines []string
	add := func(label string, keys ...string) {
		if s := shop.Clean(plainLines(v.First(keys...)), shop.MaxName); s != "" {
			lines = append(lines, label+s)
		}
	}
	add("", "account_name", "account_holder", "name")
	add("", "bank_name", "bank")
	sort, number := v.First("sort_code", "routing_number"), v.First("account_number", "number")
	if sort != "" && number != "" {
		sort += " / "
	}
	if s := shop.Clean(plainLines(sort+number), shop.MaxName); s != "" {
		lines = append(lines, s)
	}
	add("IBAN: ", "iban", "IBAN")
	add("BIC: ", "bic", "BIC", "swift")
	return strings.Join(lines, "\n")
}

// deposit reads how much of an order has been paid, as the plugins for deposits
// note it.
func (r *reader) deposit() {
	p := &r.o.Payment
	if p.Status != waxwing.PaymentPartlyPaid {
		return
	}
	read := func(to *waxwing.Money, v payload.Value) {
		if m, err := waxwing.RoundMoney(v.Trimmed(), r.money.Currency); err == nil && m.Minor > 0 && m.Minor <= shop.MaxSum && to.IsZero() {
			*to = m
		}
	}
	for _, m := range r.v.Get("meta_data").Items() {
		key := strings.ToLower(m.Get("key").Text())
		if !strings.Contains(key, "deposit") && !strings.Contains(key, "partial") {
			continue
		}
		switch v := m.Get("value"); {
		case strings.HasSuffix(key, "deposit_amount"), strings.HasSuffix(key, "deposits_deposit"), strings.HasSuffix(key, "amount_paid"),
			strings.HasSuffix(key, "_paid_amount"):
			read(&p.Deposit, v)
		case strings.HasSuffix(key, "second_payment"), strings.HasSuffix(key, "remaining"), strings.HasSuffix(key, "remaining_amount"),
			strings.HasSuffix(key, "future_payments"), strings.HasSuffix(key, "amount_due"), strings.HasSuffix(key, "balance"):
			read(&p.Due, v)
		}
	}
	read(&p.Deposit, r.v.Either("amount_paid", "deposit_amount"))
	read(&p.Due, r.v.Either("amount_due", "remaining_amount"))
}
