package shopify

import (
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

func addressOf(v payload.Value) *waxwing.Address {
	if v = v.Object(); v.Kind() != payload.Object {
		return nil
	}
	a := &waxwing.Address{
		Name:       shop.Clean(v.Get("name").Text(), shop.MaxName),
		Company:    shop.Clean(v.Get("company").Text(), shop.MaxName),
		Lines:      shop.StreetLines(v.Get("address1").Text(), v.Get("address2").Text()),
		City:       shop.Clean(v.Get("city").Text(), shop.MaxName),
		Region:     shop.Clean(v.Get("province").Text(), shop.MaxName),
		PostalCode: shop.Clean(v.Get("zip").Text(), shop.MaxName),
		Country:    shop.CountryCode(v.Get("country_code").Trimmed()),
		Phone:      shop.Clean(v.Get("phone").Text(), shop.MaxPhone),
	}
	first, last := shop.Clean(v.Get("first_name").Text(), shop.MaxName), shop.Clean(v.Get("last_name").Text(), shop.MaxName)
	// Shopify joins the given name and the family name in this order everywhere.
	if a.Name == "" || a.Name == first+" "+last && shop.EastAsian(first) && shop.EastAsian(last) {
		a.Name = shop.PersonName(first, last, a.Country)
	}
	a.CountryName = shop.Clean(v.First("country", "country_name"), shop.MaxName)
	code := shop.RegionName(a.Country, shop.Clean(v.Get("province_code").Text(), shop.MaxName))
	if a.Region = shop.RegionName(a.Country, a.Region); code != "" && (a.Region == "" || shop.WritesRegionCode(a.Country)) {
		a.Region = code
	}
	// Shopify has the prefecture in Latin letters only.
	if len(a.Lines) > 0 && shop.EastAsian(a.City, a.Lines[0]) {
		if name := shop.Prefecture(strings.TrimPrefix(v.Get("province_code").Trimmed(), "JP-")); name != "" && a.Country == "JP" {
			a.Region = name
		}
	}
	return shop.AddressOrNil(a)
}

// customerOf reads who ordered. A guest has no customer, or one without
// names: then the billing address knows who it is.
func customerOf(v payload.Value, o *waxwing.Order) waxwing.Customer {
	c := v.Get("customer")
	who := waxwing.Customer{
		ID:        shop.Clean(c.Get("id").Text(), shop.MaxNumber),
		FirstName: shop.Clean(c.Get("first_name").Text(), shop.MaxName),
		LastName:  shop.Clean(c.Get("last_name").Text(), shop.MaxName),
		Email:     shop.MailAddress(v.First("email", "contact_email")),
		Phone:     shop.Clean(v.Get("phone").Text(), shop.MaxPhone),
		Push:      shop.Push(v.Get("note_attributes")),
	}
	if who.Email == "" {
		who.Email = shop.MailAddress(c.Get("email").Text())
	}
	if who.Phone == "" {
		who.Phone = shop.Clean(c.Get("phone").Text(), shop.MaxPhone)
	}
	for _, a := range []*waxwing.Address{o.Shipping, o.Billing} {
		if who.Phone == "" && a != nil {
			who.Phone = a.Phone
		}
	}
	for _, key := range []string{"billing_address", "shipping_address"} {
		if who.FirstName == "" && who.LastName == "" {
			a := v.Get(key)
			who.FirstName = shop.Clean(a.Get("first_name").Text(), shop.MaxName)
			who.LastName = shop.Clean(a.Get("last_name").Text(), shop.MaxName)
		}
	}
	return who
}

// namedIn are the addresses and numbers that an order names beside those of who.
func namedIn(v payload.Value, who *waxwing.Customer) (out []string) {
	c := v.Get("customer")
	for _, s := range []string{v.Get("email").Text(), v.Get("contact_email").Text(), c.Get("email").Text()} {
		if a := shop.MailAddress(s); a != "" && a != who.Email && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	for _, s := range []string{v.Get("phone").Text(), c.Get("phone").Text(), c.Get("default_address").Get("phone").Text()} {
		if n := shop.Clean(s, shop.MaxPhone); n != "" && n != who.Phone && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// trackingOf returns the first https tracking page of a parcel that is on
// its way.
func trackingOf(fulfillments payload.Value) string {
	for _, f := range fulfillments.Items() {
		switch f.Get("status").Text() {
		case "cancelled", "error", "failure":
			continue
		}
		if l := shop.Link(f.Get("tracking_url").Text()); l != "" {
			return l
		}
		for _, u := range f.Get("tracking_urls").Items() {
			if l := shop.Link(u.Text()); l != "" {
				return l
			}
		}
	}
	return ""
}

func paymentOf(v payload.Value) waxwing.Payment {
	p := waxwing.Payment{Status: statusOf(v.Get("financial_status").Trimmed())}
	card := v.Get("payment_details")
	p.Last4 = shop.LastFour(card.Get("credit_card_number").Text())
	names := v.Get("payment_gateway_names")
	var methods []string
	gift := false
	for _, n := range names.Items() {
		s := shop.Clean(n.Text(), shop.MaxName)
		if s == "gift_card" {
			gift = true
			continue
		}
		if p.Offline == "" {
			p.Offline = shop.OfflineMethod(s)
		}
		if m := shop.MethodName(s); m != "" && len(methods) < 3 && !slices.Contains(methods, m) {
			methods = append(methods, m)
		}
	}
	if len(methods) == 0 && !gift {
		if s := shop.Clean(v.Get("gateway").Text(), shop.MaxName); s != "" {
			p.Offline = shop.OfflineMethod(s)
			methods = append(methods, shop.MethodName(s))
		}
	}
	p.Method = strings.Join(methods, ", ")
	if company := shop.Clean(card.Get("credit_card_company").Text(), shop.MaxName); company != "" {
		p.Method = company
		if lower := strings.ToLower(company); lower == company || strings.ToUpper(company) == company {
			p.Method = shop.MethodName(lower) // the gateway's word, not the brand's
		}
	} else if p.Method == "" && gift {
		p.Method = "Gift card"
	}
	if p.Offline == "" && v.Get("payment_terms").Kind() == payload.Object {
		p.Offline = waxwing.Invoice
		if p.Method == "" && p.Status != waxwing.PaymentPaid { // "Net 30" says more than "invoice"
			p.Method = shop.Clean(v.Get("payment_terms").Get("payment_terms_name").Text(), shop.MaxName)
		}
	}
	p.Method = shop.OwnWords(p.Method, p.Offline)
	if s := p.Status; s == waxwing.PaymentPending || s == waxwing.PaymentPartlyPaid || s == waxwing.PaymentUnknown {
		terms := v.Get("payment_terms")
		text := v.First("payment_instructions", "additional_payment_instructions")
		for _, t := range v.Get("transactions").Items() {
			if text == "" {
				text = t.Get("receipt").First("payment_instructions", "instructions")
			}
		}
		for _, text := range []string{text, terms.First("instructions"), card.First("instructions", "payment_instructions")} {
			if p.Instructions == "" {
				p.Instructions = shop.CleanLines(shop.AsIs(text), shop.MaxNote)
			}
		}
		p.Reference = shop.Clean(v.Get("payment_reference").Text(), shop.MaxNumber)
	}
	return p
}

// wordsOf writes the names of attributes in one way.
var wordsOf = strings.NewReplacer(" ", "_", "-", "_", ".", "")

// purchaseOrder reads the buyer's own number: Shopify's field, or an
// attribute of the order that a theme calls so.
func purchaseOrder(v payload.Value) string {
	if s := shop.Clean(v.Get("po_number").Text(), shop.MaxNumber); s != "" {
		return s
	}
	for _, a := range v.Get("note_attributes").Items() {
		switch wordsOf.Replace(strings.ToLower(strings.TrimSpace(a.Get("name").Text()))) {
		case "po_number", "po", "po_no", "purchase_order", "purchase_order_number", "customer_po", "po#":
			return shop.Clean(shop.AsIs(a.Get("value").Text()), shop.MaxNumber)
		}
	}
	return ""
}

// pickup finds out whether the order is picked up, and where: at the location
// that the payload names, or that the shipping line is called by. The customer's
// address is never the place.
func (r *reader) pickup() {
	o, name := r.o, ""
	// Sold over the counter, and taken home.
	o.Delivery.HandedOver = r.v.Get("source_name").Text() == "pos" && r.v.Get("fulfillment_status").Text() == "fulfilled" && o.Shipping == nil
	o.Delivery.Shipped = r.v.Get("fulfillment_status").Text() == "fulfilled" && !o.Delivery.HandedOver
	picked, sent := false, false
	for _, l := range r.v.Get("shipping_lines").Items() {
		if l.Kind() != payload.Object || l.Get("is_removed").Bool() {
			continue
		}
		words := strings.ToLower(l.First("title") + " " + l.First("code"))
		word := strings.Contains(words, "pickup") || strings.Contains(words, "pick up") || strings.Contains(words, "pick-up")
		switch {
		case strings.Contains(strings.ToLower(l.Get("delivery_category").Text()), "pick"):
		case word && o.Shipping == nil && !strings.Contains(words, "point"):
		case r.collected(l):
		default:
			sent = true
			continue
		}
		if picked = true; !word && name == "" {
			name = shop.Clean(l.First("title", "code"), shop.MaxName)
		}
	}
	// Where a part of it is sent, there is an address to show.
	if o.Delivery.Pickup = picked && !sent; !o.Delivery.Pickup {
		return
	}
	place := r.v.Either("pickup_location", "location")
	for _, f := range r.v.Get("fulfillments").Items() {
		if !place.Given() {
			place = f.Either("location", "assigned_location")
		}
	}
	for _, l := range r.v.Get("line_items").Items() {
		if !place.Given() {
			place = l.Get("origin_location")
		}
	}
	if o.Shipping = addressOf(place); o.Shipping == nil && name != "" {
		o.Shipping = &waxwing.Address{Name: name}
	}
}

// collected reports whether a line of Shopify's own, which then is called by the
// location, stands for local pickup: goods that are to be had, for nothing, and
// nowhere to send them, though who pays lives somewhere. (An app that may not see
// addresses gets none at all.)
func (r *reader) collected(line payload.Value) bool {
	goods := false
	for i := range r.o.Items {
		goods = goods || !r.o.Items[i].Digital && !r.o.Items[i].GiftCard
	}
	return goods && r.o.Shipping == nil && r.o.Billing != nil && len(r.o.Billing.Lines) > 0 && line.Get("source").Text() == "shopify" && !shop.Nonzero(line.Get("price").Text()) &&
		!line.Get("delivery_category").Given() && !line.Get("carrier_identifier").Given() && line.First("title", "code") != ""
}

func statusOf(s string) waxwing.PaymentStatus {
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
