package magento

import (
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// reader reads one order.
type reader struct {
	event
	money shop.MoneyReader
	o     *waxwing.Order
	// gross: prices are shown with the tax in them, as the shop's catalogue has them.
	gross bool
}

func (r *reader) order() error {
	v := r.v
	id, _ := shop.OrderID(v.Get("entity_id"))
	o := &waxwing.Order{
		Format:    "magento",
		ID:        id,
		Number:    shop.Clean(v.Get("increment_id").Text(), shop.MaxNumber),
		Currency:  r.money.Currency,
		Locale:    shop.LocaleTag(v.First("locale", "store_locale", "language")),
		PlacedAt:  timeOf(v.Get("created_at")),
		UpdatedAt: timeOf(v.Get("updated_at")),
		Cancelled: r.cancelled(),
		Note:      shop.CleanLines(shop.AsIs(v.Get("customer_note").Text()), shop.MaxNote),
		Billing:   addressOf(r.address("billing")),
	}
	r.o = o
	if o.Number == "" {
		o.Number = id
	}
	if base, ok := shop.Currency(v.Get("base_currency_code")); ok && base != o.Currency {
		o.ShopCurrency = base
	}
	r.delivery()
	r.customer()
	r.payment()
	if err := r.amounts(); err != nil {
		return err
	}
	r.money.SettleRows(o)
	return r.money.Err
}

// more is a field of Adobe Commerce's or of a module's: extension_attributes has it in the REST
// API, and the order itself in an event.
func (r *reader) more(key string) payload.Value {
	if x := r.v.Get("extension_attributes").Get(key); x.Given() {
		return x
	}
	return r.v.Get(key)
}

// assigned is how the order is sent: to one address, for several make several orders.
func (r *reader) assigned() payload.Value {
	return r.more("shipping_assignments").At(0).Get("shipping")
}

// address finds the address of a type ("billing", "shipping").
func (r *reader) address(kind string) payload.Value {
	if kind == "shipping" {
		if a := r.assigned().Get("address").Object(); a.Kind() == payload.Object {
			return a
		}
	}
	if a := r.v.Get(kind + "_address").Object(); a.Kind() == payload.Object {
		return a
	}
	for _, a := range r.v.Get("addresses").Items() {
		if a.Get("address_type").Trimmed() == kind {
			return a
		}
	}
	return payload.Value{}
}

func addressOf(v payload.Value) *waxwing.Address {
	if v = v.Object(); v.Kind() != payload.Object {
		return nil
	}
	a := &waxwing.Address{
		Company:    shop.Clean(v.Get("company").Text(), shop.MaxName),
		City:       shop.Clean(v.Get("city").Text(), shop.MaxName),
		PostalCode: shop.Clean(v.Get("postcode").Text(), shop.MaxName),
		Country:    shop.CountryCode(v.Get("country_id").Trimmed()),
		Phone:      shop.Clean(v.Get("telephone").Text(), shop.MaxPhone),
	}
	lines := []string{v.Get("street").Text()}
	for i, s := range v.Get("street").Items() {
		if i < 8 {
			lines = append(lines, s.Text())
		}
	}
	a.Lines = shop.StreetLines(lines...)
	first := shop.Clean(v.Get("firstname").Text(), shop.MaxName)
	if middle := shop.Clean(v.Get("middlename").Text(), shop.MaxName); middle != "" && !shop.EastAsian(first) {
		first = shop.Clean(first+" "+middle, shop.MaxName)
	}
	a.Name = shop.PersonName(first, shop.Clean(v.Get("lastname").Text(), shop.MaxName), a.Country)
	name, code := shop.Clean(v.Get("region").Text(), shop.MaxName), shop.Clean(v.Get("region_code").Text(), shop.MaxName)
	if name == "" || code != "" && shop.WritesRegionCode(a.Country) {
		name = code
	}
	a.Region = shop.RegionName(a.Country, name)
	return shop.AddressOrNil(a)
}

// delivery reads how and where to the order goes.
func (r *reader) delivery() {
	v, o := r.v, r.o
	method := strings.ToLower(r.assigned().Get("method").Trimmed())
	if method == "" {
		method = strings.ToLower(v.Get("shipping_method").Trimmed())
	}
	o.Delivery.Method = shop.Clean(v.Get("shipping_description").Text(), shop.MaxName)
	o.Delivery.Shipped = r.state() == "complete" && !v.Get("is_virtual").Bool()
	if v.Get("is_virtual").Bool() {
		return
	}
	place := addressOf(r.address("shipping"))
	switch {
	case strings.HasPrefix(method, "instore"):
		// Magento's own puts the place there, in the address's stead.
		o.Delivery.Pickup, o.Shipping = true, place
	case strings.Contains(method, "pickup"), strings.Contains(method, "click_and_collect"), strings.Contains(method, "clickandcollect"):
		o.Delivery.Pickup = true // a module's: the address may be the customer's home
	default:
		o.Shipping = place
	}
}

// customer reads who ordered. Guests have their names in the billing address alone.
func (r *reader) customer() {
	v, o := r.v, r.o
	billing, shipping := r.address("billing"), r.address("shipping")
	who := waxwing.Customer{
		FirstName: shop.Clean(v.Get("customer_firstname").Text(), shop.MaxName),
		LastName:  shop.Clean(v.Get("customer_lastname").Text(), shop.MaxName),
		Email:     shop.MailAddress(v.Get("customer_email").Text()),
		Phone:     shop.Clean(billing.Get("telephone").Text(), shop.MaxPhone),
		Push:      shop.Push(v.Get("extension_attributes"), v.Get("custom_attributes")),
	}
	if id, ok := shop.OrderID(v.Get("customer_id")); ok {
		who.ID = id
	}
	if who.FirstName == "" && who.LastName == "" {
		who.FirstName = shop.Clean(billing.Get("firstname").Text(), shop.MaxName)
		who.LastName = shop.Clean(billing.Get("lastname").Text(), shop.MaxName)
	}
	for _, a := range []payload.Value{billing, shipping} {
		mail := shop.MailAddress(a.Get("email").Text())
		if who.Email == "" {
			who.Email = mail
		}
		if mail != "" && mail != who.Email && !slices.Contains(o.Named, mail) {
			o.Named = append(o.Named, mail)
		}
	}
	o.Customer = who
}

// cards are the brands by Magento's codes.
var cards = map[string]string{"AE": "American Express", "VI": "Visa", "MC": "Mastercard", "DI": "Discover", "JCB": "JCB", "DN": "Diners Club",
	"UN": "UnionPay", "MI": "Maestro", "MD": "Maestro", "ELO": "Elo", "HC": "Hipercard", "AU": "Aura"}

// offlineMethod is the offline method by Magento's code of it, or "".
func offlineMethod(order payload.Value) string {
	switch m := order.Get("payment").Object().Get("method").Trimmed(); m {
	case "checkmo":
		return waxwing.Cheque
	case "banktransfer":
		return waxwing.BankTransfer
	case "cashondelivery", "phoenix_cashondelivery", "msp_cashondelivery":
		return waxwing.CashOnDelivery
	case "purchaseorder", "companycredit":
		return waxwing.Invoice
	default:
		return shop.OfflineMethod(m)
	}
}

// payment reads how the order is paid. The REST API has what was kept of a payment as a bare list;
// its names stand in payment_additional_info, and in an event beside the values.
func (r *reader) payment() {
	p, pay := &r.o.Payment, r.v.Get("payment").Object()
	p.Status, p.Offline = r.status(), offlineMethod(r.v)
	r.o.PurchaseOrder = shop.Clean(pay.Get("po_number").Text(), shop.MaxNumber)
	kept := pay.Get("additional_information")
	told := func(key string) string {
		for _, x := range r.more("payment_additional_info").Items() {
			if x.Get("key").Trimmed() == key && x.Get("value").Trimmed() != "null" {
				return x.Get("value").Text()
			}
		}
		if kept.Kind() == payload.Object {
			return kept.Get(key).Text()
		}
		return ""
	}
	p.Last4 = shop.LastFour(pay.Get("cc_last4").Text())
	title := shop.Clean(told("method_title"), shop.MaxName)
	if brand := cards[strings.ToUpper(pay.Get("cc_type").Trimmed())]; brand != "" && p.Last4 != "" {
		title = brand
	}
	if method := pay.Get("method").Trimmed(); title == "" && p.Offline == "" && method != "free" {
		title = shop.MethodName(shop.Clean(method, shop.MaxName))
	}
	p.Method = shop.OwnWords(title, p.Offline)
	if p.Status != waxwing.PaymentPending && p.Status != waxwing.PaymentPartlyPaid && p.Status != waxwing.PaymentUnknown {
		return
	}
	text := told("instructions")
	if p.Offline == waxwing.Cheque {
		text = strings.TrimSpace(told("payable_to") + "\n" + told("mailing_address"))
	}
	p.Instructions = shop.CleanLines(shop.AsIs(text), shop.MaxNote)
}
