package prestashop

import (
	"net/url"
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
	gross bool // prices are shown with the tax in them
}

func (r *reader) order() error {
	v := r.v
	id, _ := shop.OrderID(v.Get("id"))
	o := &waxwing.Order{
		Format: "prestashop", ID: id, Currency: r.money.Currency,
		Number:   shop.Clean(v.Get("reference").Text(), shop.MaxNumber),
		Locale:   r.locale(),
		PlacedAt: r.time("date_add"), UpdatedAt: r.time("date_upd"), Cancelled: r.cancelled(),
		Billing: r.address("invoice"),
	}
	r.o = o
	if o.Number == "" {
		o.Number = id
	}
	if flag(v.Get("gift")) {
		o.Note = shop.CleanLines(plain(v.Get("gift_message").Text()), shop.MaxNote)
	}
	r.customer()
	r.payment()
	r.delivery()
	if err := r.amounts(); err != nil {
		return err
	}
	r.money.SettleRows(o)
	return r.money.Err
}

// locale is the customer's language, as the shop's language packs name it.
func (r *reader) locale() string {
	lang := r.part("language", "language")
	for _, field := range []string{"locale", "language_code", "iso_code"} {
		if tag := shop.LocaleTag(lang.Get(field).Text()); tag != "" {
			return tag
		}
	}
	return ""
}

// customer reads who ordered; guests are customers of PrestaShop's, too.
func (r *reader) customer() {
	c := r.part("customer", "customer")
	r.o.Customer = waxwing.Customer{
		FirstName: shop.Clean(c.Get("firstname").Text(), shop.MaxName),
		LastName:  shop.Clean(c.Get("lastname").Text(), shop.MaxName),
		Email:     shop.MailAddress(c.Get("email").Text()),
	}
	if id, ok := shop.OrderID(c.Get("id")); ok && !flag(c.Get("is_guest")) {
		r.o.Customer.ID = id
	}
	for _, name := range []string{"invoice", "delivery"} {
		a := r.part("address_"+name, "address")
		if r.o.Customer.Phone == "" {
			r.o.Customer.Phone = shop.Clean(a.First("phone_mobile", "phone"), shop.MaxPhone)
		}
	}
}

func (r *reader) address(name string) *waxwing.Address {
	v := r.part("address_"+name, "address")
	if v.Kind() != payload.Object || flag(v.Get("deleted")) && v.Get("address1").Trimmed() == "" {
		return nil
	}
	country := r.part("country_"+name, "country")
	a := &waxwing.Address{
		Company:     shop.Clean(v.Get("company").Text(), shop.MaxName),
		Lines:       shop.StreetLines(v.Get("address1").Text(), v.Get("address2").Text()),
		City:        shop.Clean(v.Get("city").Text(), shop.MaxName),
		PostalCode:  shop.Clean(v.Get("postcode").Text(), shop.MaxName),
		Country:     shop.CountryCode(country.Get("iso_code").Trimmed()),
		CountryName: shop.Clean(r.words(country.Get("name")), shop.MaxName),
		Phone:       shop.Clean(v.First("phone", "phone_mobile"), shop.MaxPhone),
	}
	a.Name = shop.PersonName(shop.Clean(v.Get("firstname").Text(), shop.MaxName), shop.Clean(v.Get("lastname").Text(), shop.MaxName), a.Country)
	region := r.part("state_"+name, "state")
	if shop.WritesRegionCode(a.Country) {
		a.Region = shop.RegionName(a.Country, shop.Clean(region.First("iso_code", "name"), shop.MaxName))
	} else {
		a.Region = shop.Clean(r.words(region.Get("name")), shop.MaxName)
	}
	return shop.AddressOrNil(a)
}

// payment reads how the order is paid.
func (r *reader) payment() {
	p := &r.o.Payment
	p.Status, p.Offline = r.status(), r.offline()
	p.Method = shop.OwnWords(shop.MethodName(shop.Clean(plain(r.v.Get("payment").Text()), shop.MaxName)), p.Offline)
	if p.Offline != "" {
		p.Method = "" // the module's own word for it, in the language of whoever set it up
	}
}

// delivery reads how and where the order goes.
func (r *reader) delivery() {
	o, carrier := r.o, r.part("carrier", "carrier")
	o.Delivery.Shipped = flag(r.part("state", "order_state").Get("shipped"))
	if name := shop.Clean(plain(r.words(carrier.Get("name"))), shop.MaxName); name != "0" { // which stands for the shop's own name
		o.Delivery.Method = name
	}
	words := strings.ToLower(o.Delivery.Method + " " + r.words(carrier.Get("delay")))
	for _, w := range []string{"pickup", "pick up", "pick-up", "click and collect", "click & collect", "retrait en magasin", "retrait sur place", "abholung", "recogida en tienda", "ritiro in negozio"} {
		o.Delivery.Pickup = o.Delivery.Pickup || strings.Contains(words, w)
	}
	if !o.Delivery.Pickup { // the address is the customer's
		o.Shipping = r.address("delivery")
	}
	number := r.v.Get("shipping_number").Trimmed()
	if at := carrier.Get("url").Trimmed(); number != "" && len(number) <= 128 && strings.Contains(at, "@") {
		o.Links.Tracking = shop.Link(strings.ReplaceAll(at, "@", url.PathEscape(number)))
	}
}
