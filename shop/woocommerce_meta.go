package shop

import (
	"cmp"
	"strings"

	"github.com/waxwinghq/waxwing"
)

// meta reads what plugins note on the order: its language (WPML, Polylang,
// TranslatePress, Weglot), whether the stock was taken, test payments, the
// buyer's own number, links.
func (r *wooReader) meta() {
	o := r.o
	o.Locale = localeTag(r.v.get("lang").text())
	if o.Locale == "" {
		o.Locale = localeTag(r.v.first("locale", "language"))
	}
	o.PurchaseOrder = wooText(r.v.either("po_number", "purchase_order_number"), capNumber)
	o.Links.Invoice = link(r.v.first("invoice_url", "invoice_link"))
	told, other := "", "" // by the keys of known plugins, and by others
	for _, m := range r.v.get("meta_data").items() {
		key, v := m.get("key").text(), m.get("value")
		switch key {
		case "wpml_language", "_wpml_language", "pll_language", "_pll_language", "trp_language", "_trp_language",
			"weglot_language", "_wc_order_language", "order_language", "_order_language", "_order_locale", "_locale", "locale",
			"_customer_locale", "customer_locale", "_language", "language", "wcml_language", "_wcml_language", "user_locale", "_user_locale":
			told = cmp.Or(told, localeTag(wooLanguage(key, v.text())))
		case "_order_stock_reduced":
			if v.bool() {
				o.Stock = waxwing.StockAllocated
			}
		case "_wcpay_mode":
			o.Test = o.Test || v.text() == "test"
		case "_po_number", "po_number", "_billing_po_number", "billing_po_number", "purchase_order_number", "_purchase_order_number",
			"_purchase_order", "purchase_order", "_wc_po_number", "_customer_po_number", "b2bking_purchase_order_number":
			if o.PurchaseOrder == "" {
				o.PurchaseOrder = wooText(v, capNumber)
			}
		default:
			if other == "" && wooLanguageKey(key) {
				if l := localeTag(v.text()); len(l) == 2 || len(l) > 2 && l[2] == '-' { // not "yes"
					other = l
				}
			}
			if o.Links.Invoice == "" && wooInvoiceKey(key) {
				o.Links.Invoice = link(v.text())
			}
		}
	}
	o.Locale = cmp.Or(o.Locale, told, other)
}

// wooLanguageKey reports whether a key that nobody listed tells the language of
// the order: GTranslate, Linguise and others have keys of their own.
func wooLanguageKey(key string) bool {
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

// wooLanguage maps the two codes of Weglot's that mean another language elsewhere.
func wooLanguage(key, code string) string {
	switch {
	case key != "weglot_language":
	case code == "br":
		return "pt-BR"
	case code == "tw":
		return "zh-Hant"
	}
	return code
}

func wooInvoiceKey(key string) bool {
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
func (r *wooReader) pickup() {
	o := r.o
	lines := r.v.get("shipping_lines")
	switch strings.ToLower(r.v.get("created_via").trimmed()) {
	case "pos", "woocommerce-pos", "woocommerce_pos", "wc_pos", "wc-pos", "wcpos", "wepos", "oliver-pos", "oliver_pos", "pos-rest-api":
		// Sold over the counter, and taken home.
		o.Delivery.HandedOver = wooStatusWord(r.v) == "completed" && lines.len() == 0
	}
	// WooCommerce's "completed" is what a merchant says when it is on its way.
	o.Delivery.Shipped = wooStatusWord(r.v) == "completed" && !o.Delivery.HandedOver
	picked, sent := false, false
	for _, l := range lines.items() {
		id := strings.ToLower(l.get("method_id").text())
		here := strings.HasPrefix(id, "local_pickup") || strings.HasPrefix(id, "pickup_location") ||
			strings.HasPrefix(id, "legacy_local_pickup") || strings.Contains(id, "pickup_store") || strings.Contains(id, "store_pickup") ||
			strings.Contains(id, "click_and_collect") || strings.Contains(id, "click-and-collect") || id == "in_store_pickup" || id == "pickup" ||
			calledPickup(wooText(l.get("method_title"), capName))
		picked, sent = picked || here, sent || !here && !l.nothing()
	}
	// Where a part of it is sent, there is an address to show.
	if o.Delivery.Pickup = picked && !sent; !o.Delivery.Pickup {
		return
	}
	var a waxwing.Address
	for _, l := range lines.items() {
		for _, m := range l.either("meta_data", "meta").items() {
			wooPlace(&a, m)
		}
	}
	for _, m := range r.v.get("meta_data").items() {
		wooPlace(&a, m)
	}
	for _, l := range r.v.get("line_items").items() { // Local Pickup Plus notes it on each line
		for _, m := range l.get("meta_data").items() {
			// A line's store is the seller of a marketplace.
			if strings.HasPrefix(strings.TrimLeft(m.get("key").text(), "_"), "pickup_") {
				wooPlace(&a, m)
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

// wooPlace reads one entry of meta data that tells of the place; the first that
// tells a thing counts.
func wooPlace(a *waxwing.Address, m value) {
	key := strings.ToLower(strings.TrimLeft(m.get("key").text(), "_"))
	v := m.get("value")
	switch key {
	case "pickup_location_name", "pickup_store_name", "pickup_store", "store_name", "pickup_point_name", "pickup_name":
		fillName(&a.Name, v)
	case "pickup_location":
		if w := v.object(); w.kind() == kindObject {
			wooPlaceObject(a, w)
		} else {
			fillName(&a.Name, v)
		}
	case "pickup_location_address", "pickup_address", "pickup_store_address", "pickup_point_address", "store_address":
		if w := v.object(); w.kind() == kindObject {
			wooPlaceObject(a, w)
		} else if s := v.trimmed(); len(a.Lines) == 0 && a.City == "" && digits(s, 0) != len(s) && !serialised(s) {
			a.Lines = streetLines(wooLines(s))
		}
	case "pickup_location_phone", "pickup_phone", "pickup_store_phone":
		fillText(&a.Phone, wooText(v, capPhone))
	}
}

// wooPlaceObject reads a place that is an object, with the names that addresses
// have in WooCommerce.
func wooPlaceObject(a *waxwing.Address, v value) {
	if w := v.get("address").object(); w.kind() == kindObject {
		fillText(&a.Name, wooText(v.either("name", "title", "location_name"), capName))
		v = w
	}
	fillText(&a.Name, wooText(v.either("name", "title", "location_name", "company"), capName))
	if len(a.Lines) > 0 || a.City != "" {
		return
	}
	a.Lines = streetLines(wooLines(v.either("address_1", "address", "street").text()), wooLines(v.get("address_2").text()))
	a.City = wooText(v.get("city"), capName)
	a.PostalCode = wooText(v.either("postcode", "zip", "postal_code"), capName)
	a.Country = countryCode(v.get("country").trimmed())
	a.Region = regionName(a.Country, wooText(v.get("state"), capName))
	fillText(&a.Phone, wooText(v.get("phone"), capPhone))
}

// fillName reads the name of a place. A number is its id, which names nothing.
func fillName(to *string, v value) {
	if s := v.trimmed(); digits(s, 0) != len(s) && !serialised(s) {
		fillText(to, wooText(v, capName))
	}
}

func fillText(to *string, s string) {
	if *to == "" {
		*to = s
	}
}

// paying reads how and where an order that is not paid yet is paid: what the
// gateway tells the customer, the accounts of a bank transfer, the page.
func (r *wooReader) paying() {
	o := r.o
	switch o.Payment.Status {
	case waxwing.PaymentPending, waxwing.PaymentUnknown, waxwing.PaymentPartlyPaid, waxwing.PaymentFailed, waxwing.PaymentAuthorized:
	default:
		return
	}
	accounts := r.v.either("bacs_accounts", "bank_accounts")
	text := wooLines(r.v.first("payment_instructions", "instructions"))
	if text == "" {
		text = wooLines(r.v.get("payment_details").first("instructions"))
	}
	reference := wooText(r.v.get("payment_reference"), capNumber)
	for _, m := range r.v.get("meta_data").items() {
		v := m.get("value")
		switch strings.ToLower(strings.TrimLeft(m.get("key").text(), "_")) {
		case "payment_instructions", "bacs_instructions", "gateway_instructions", "payment_method_instructions", "cheque_instructions":
			if text == "" {
				text = wooLines(v.text())
			}
		case "bacs_accounts", "bacs_account_details", "bank_accounts", "bank_account_details":
			if !accounts.given() {
				accounts = v
			}
		case "payment_reference", "bank_reference", "bacs_reference", "transfer_reference", "payment_ref":
			if reference == "" {
				reference = wooText(v, capNumber)
			}
		}
	}
	parts := make([]string, 0, 4)
	if text = cleanLines(text, capNote); text != "" {
		parts = append(parts, text)
	}
	for i, a := range accounts.items() {
		if s := wooAccount(a); s != "" && i < 5 {
			parts = append(parts, s)
		}
	}
	o.Payment.Instructions, o.Payment.Reference = cleanLines(strings.Join(parts, "\n\n"), capNote), reference
	payable := wooStatusWord(r.v) != "on-hold" && o.Payment.Offline == ""
	if needs := r.v.get("needs_payment"); needs.kind() == kindTrue || needs.kind() == kindFalse {
		payable = needs.bool()
	}
	if payable {
		o.Links.Pay = link(r.v.get("payment_url").text())
	}
}

// wooAccount writes a bank account, a line each for what banks ask for. IBAN and
// BIC are the same words everywhere.
func wooAccount(v value) string {
	if v.kind() != kindObject {
		return cleanLines(wooLines(v.text()), capNote)
	}
	var lines []string
	add := func(label string, keys ...string) {
		if s := clean(wooLines(v.first(keys...)), capName); s != "" {
			lines = append(lines, label+s)
		}
	}
	add("", "account_name", "account_holder", "name")
	add("", "bank_name", "bank")
	sort, number := v.first("sort_code", "routing_number"), v.first("account_number", "number")
	if sort != "" && number != "" {
		sort += " / "
	}
	if s := clean(wooLines(sort+number), capName); s != "" {
		lines = append(lines, s)
	}
	add("IBAN: ", "iban", "IBAN")
	add("BIC: ", "bic", "BIC", "swift")
	return strings.Join(lines, "\n")
}

// deposit reads how much of an order has been paid, as the plugins for deposits
// note it.
func (r *wooReader) deposit() {
	p := &r.o.Payment
	if p.Status != waxwing.PaymentPartlyPaid {
		return
	}
	read := func(to *waxwing.Money, v value) {
		if m, err := waxwing.RoundMoney(v.trimmed(), r.till.cur); err == nil && m.Minor > 0 && m.Minor <= maxSum && to.IsZero() {
			*to = m
		}
	}
	for _, m := range r.v.get("meta_data").items() {
		key := strings.ToLower(m.get("key").text())
		if !strings.Contains(key, "deposit") && !strings.Contains(key, "partial") {
			continue
		}
		switch v := m.get("value"); {
		case strings.HasSuffix(key, "deposit_amount"), strings.HasSuffix(key, "deposits_deposit"), strings.HasSuffix(key, "amount_paid"),
			strings.HasSuffix(key, "_paid_amount"):
			read(&p.Deposit, v)
		case strings.HasSuffix(key, "second_payment"), strings.HasSuffix(key, "remaining"), strings.HasSuffix(key, "remaining_amount"),
			strings.HasSuffix(key, "future_payments"), strings.HasSuffix(key, "amount_due"), strings.HasSuffix(key, "balance"):
			read(&p.Due, v)
		}
	}
	read(&p.Deposit, r.v.either("amount_paid", "deposit_amount"))
	read(&p.Due, r.v.either("amount_due", "remaining_amount"))
}
