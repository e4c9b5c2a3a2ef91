package shop

import (
	"strings"

	"github.com/waxwinghq/waxwing"
)

func shopifyAddress(v value) *waxwing.Address {
	if v = v.object(); v.kind() != kindObject {
		return nil
	}
	a := &waxwing.Address{
		Name:       clean(v.get("name").text(), capName),
		Company:    clean(v.get("company").text(), capName),
		Lines:      streetLines(v.get("address1").text(), v.get("address2").text()),
		City:       clean(v.get("city").text(), capName),
		Region:     clean(v.get("province").text(), capName),
		PostalCode: clean(v.get("zip").text(), capName),
		Country:    countryCode(v.get("country_code").trimmed()),
		Phone:      clean(v.get("phone").text(), capPhone),
	}
	first, last := clean(v.get("first_name").text(), capName), clean(v.get("last_name").text(), capName)
	// Shopify joins the given name and the family name in this order everywhere.
	if a.Name == "" || a.Name == first+" "+last && eastAsian(first) && eastAsian(last) {
		a.Name = personName(first, last, a.Country)
	}
	a.CountryName = clean(v.first("country", "country_name"), capName)
	code := regionName(a.Country, clean(v.get("province_code").text(), capName))
	if a.Region = regionName(a.Country, a.Region); code != "" && (a.Region == "" || writesRegionCode(a.Country)) {
		a.Region = code
	}
	// Shopify has the prefecture in Latin letters only.
	if len(a.Lines) > 0 && eastAsianAny(a.City, a.Lines[0]) {
		if name := prefecture(strings.TrimPrefix(v.get("province_code").trimmed(), "JP-")); name != "" && a.Country == "JP" {
			a.Region = name
		}
	}
	return settled(a)
}

// shopifyCustomer reads who ordered. A guest has no customer, or one without
// names: then the billing address knows who it is.
func shopifyCustomer(v value, o *waxwing.Order) waxwing.Customer {
	c := v.get("customer")
	who := waxwing.Customer{
		ID:        clean(c.get("id").text(), capNumber),
		FirstName: clean(c.get("first_name").text(), capName),
		LastName:  clean(c.get("last_name").text(), capName),
		Email:     address(v.first("email", "contact_email")),
		Phone:     clean(v.get("phone").text(), capPhone),
	}
	if who.Email == "" {
		who.Email = address(c.get("email").text())
	}
	if who.Phone == "" {
		who.Phone = clean(c.get("phone").text(), capPhone)
	}
	for _, a := range []*waxwing.Address{o.Shipping, o.Billing} {
		if who.Phone == "" && a != nil {
			who.Phone = a.Phone
		}
	}
	for _, key := range []string{"billing_address", "shipping_address"} {
		if who.FirstName == "" && who.LastName == "" {
			a := v.get(key)
			who.FirstName = clean(a.get("first_name").text(), capName)
			who.LastName = clean(a.get("last_name").text(), capName)
		}
	}
	return who
}

// shopifyNamed are the addresses and numbers that an order names beside those of who.
func shopifyNamed(v value, who *waxwing.Customer) (out []string) {
	c := v.get("customer")
	for _, s := range []string{v.get("email").text(), v.get("contact_email").text(), c.get("email").text()} {
		if a := address(s); a != "" && a != who.Email && !contains(out, a) {
			out = append(out, a)
		}
	}
	for _, s := range []string{v.get("phone").text(), c.get("phone").text(), c.get("default_address").get("phone").text()} {
		if n := clean(s, capPhone); n != "" && n != who.Phone && !contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// shopifyTracking returns the first https tracking page of a parcel that is on
// its way.
func shopifyTracking(fulfillments value) string {
	for _, f := range fulfillments.items() {
		switch f.get("status").text() {
		case "cancelled", "error", "failure":
			continue
		}
		if l := link(f.get("tracking_url").text()); l != "" {
			return l
		}
		for _, u := range f.get("tracking_urls").items() {
			if l := link(u.text()); l != "" {
				return l
			}
		}
	}
	return ""
}

func shopifyPayment(v value) waxwing.Payment {
	p := waxwing.Payment{Status: shopifyStatus(v.get("financial_status").trimmed())}
	card := v.get("payment_details")
	p.Last4 = lastFour(card.get("credit_card_number").text())
	names := v.get("payment_gateway_names")
	var methods []string
	gift := false
	for _, n := range names.items() {
		s := clean(n.text(), capName)
		if s == "gift_card" {
			gift = true
			continue
		}
		if p.Offline == "" {
			p.Offline = offlineMethod(s)
		}
		if m := methodName(s); m != "" && len(methods) < 3 && !contains(methods, m) {
			methods = append(methods, m)
		}
	}
	if len(methods) == 0 && !gift {
		if s := clean(v.get("gateway").text(), capName); s != "" {
			p.Offline = offlineMethod(s)
			methods = append(methods, methodName(s))
		}
	}
	p.Method = strings.Join(methods, ", ")
	if company := clean(card.get("credit_card_company").text(), capName); company != "" {
		p.Method = company
		if lower := strings.ToLower(company); lower == company || strings.ToUpper(company) == company {
			p.Method = methodName(lower) // the gateway's word, not the brand's
		}
	} else if p.Method == "" && gift {
		p.Method = "Gift card"
	}
	if p.Offline == "" && v.get("payment_terms").kind() == kindObject {
		p.Offline = waxwing.Invoice
		if p.Method == "" && p.Status != waxwing.PaymentPaid { // "Net 30" says more than "invoice"
			p.Method = clean(v.get("payment_terms").get("payment_terms_name").text(), capName)
		}
	}
	p.Method = ownWords(p.Method, p.Offline)
	if s := p.Status; s == waxwing.PaymentPending || s == waxwing.PaymentPartlyPaid || s == waxwing.PaymentUnknown {
		terms := v.get("payment_terms")
		text := v.first("payment_instructions", "additional_payment_instructions")
		for _, t := range v.get("transactions").items() {
			if text == "" {
				text = t.get("receipt").first("payment_instructions", "instructions")
			}
		}
		for _, text := range []string{text, terms.first("instructions"), card.first("instructions", "payment_instructions")} {
			if p.Instructions == "" {
				p.Instructions = cleanLines(asIs(text), capNote)
			}
		}
		p.Reference = clean(v.get("payment_reference").text(), capNumber)
	}
	return p
}

// shopifyPurchaseOrder reads the buyer's own number: Shopify's field, or an
// attribute of the order that a theme calls so.
func shopifyPurchaseOrder(v value) string {
	if s := clean(v.get("po_number").text(), capNumber); s != "" {
		return s
	}
	for _, a := range v.get("note_attributes").items() {
		name := strings.NewReplacer(" ", "_", "-", "_", ".", "").Replace(strings.ToLower(strings.TrimSpace(a.get("name").text())))
		switch name {
		case "po_number", "po", "po_no", "purchase_order", "purchase_order_number", "customer_po", "po#":
			return clean(asIs(a.get("value").text()), capNumber)
		}
	}
	return ""
}

// pickup finds out whether the order is picked up, and where: at the location
// that the payload names, or that the shipping line is called by. The customer's
// address is never the place.
func (r *shopifyReader) pickup() {
	o, name := r.o, ""
	// Sold over the counter, and taken home.
	o.Delivery.HandedOver = r.v.get("source_name").text() == "pos" && r.v.get("fulfillment_status").text() == "fulfilled" && o.Shipping == nil
	o.Delivery.Shipped = r.v.get("fulfillment_status").text() == "fulfilled" && !o.Delivery.HandedOver
	picked, sent := false, false
	for _, l := range r.v.get("shipping_lines").items() {
		if l.kind() != kindObject || l.get("is_removed").bool() {
			continue
		}
		words := strings.ToLower(l.first("title") + " " + l.first("code"))
		word := strings.Contains(words, "pickup") || strings.Contains(words, "pick up") || strings.Contains(words, "pick-up")
		switch {
		case strings.Contains(strings.ToLower(l.get("delivery_category").text()), "pick"):
		case word && o.Shipping == nil && !strings.Contains(words, "point"):
		case r.collected(l):
		default:
			sent = true
			continue
		}
		if picked = true; !word && name == "" {
			name = clean(l.first("title", "code"), capName)
		}
	}
	// Where a part of it is sent, there is an address to show.
	if o.Delivery.Pickup = picked && !sent; !o.Delivery.Pickup {
		return
	}
	place := r.v.either("pickup_location", "location")
	for _, f := range r.v.get("fulfillments").items() {
		if !place.given() {
			place = f.either("location", "assigned_location")
		}
	}
	for _, l := range r.v.get("line_items").items() {
		if !place.given() {
			place = l.get("origin_location")
		}
	}
	if o.Shipping = shopifyAddress(place); o.Shipping == nil && name != "" {
		o.Shipping = &waxwing.Address{Name: name}
	}
}

// collected reports whether a line of Shopify's own, which then is called by the
// location, stands for local pickup: goods that are to be had, for nothing, and
// nowhere to send them, though who pays lives somewhere. (An app that may not see
// addresses gets none at all.)
func (r *shopifyReader) collected(line value) bool {
	goods := false
	for i := range r.o.Items {
		goods = goods || !r.o.Items[i].Digital && !r.o.Items[i].GiftCard
	}
	return goods && r.o.Shipping == nil && r.o.Billing != nil && len(r.o.Billing.Lines) > 0 && line.get("source").text() == "shopify" && !nonzero(line.get("price").text()) &&
		!line.get("delivery_category").given() && !line.get("carrier_identifier").given() && line.first("title", "code") != ""
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func shopifyStatus(s string) waxwing.PaymentStatus {
	switch s {
	case "pending":
		return waxwing.PaymentPending
	case "authorized":
		return waxwing.PaymentAuthorized
	case "partially_paid":
		return waxwing.PaymentPartlyPaid
	case "paid":
		return waxwing.PaymentPaid
	case "partially_refunded":
		return waxwing.PartlyRefunded
	case "refunded":
		return waxwing.PaymentRefunded
	case "voided":
		return waxwing.PaymentVoided
	case "expired":
		return waxwing.PaymentFailed
	}
	return waxwing.PaymentUnknown
}

// lastFour returns the digits that a masked card number ends in.
func lastFour(s string) string {
	s = strings.TrimSpace(s)
	if n := len(s) - 4; n >= 0 && digits(s, n) == len(s) {
		return s[n:]
	}
	return ""
}
