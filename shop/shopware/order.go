package shopware

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
}

func (r *reader) order() error {
	v := r.v
	o := &waxwing.Order{
		Format:    "shopware",
		ID:        r.id(),
		Number:    shop.Clean(v.Get("orderNumber").Text(), shop.MaxNumber),
		Currency:  r.money.Currency,
		PlacedAt:  r.placed(),
		UpdatedAt: r.updated(),
		Cancelled: r.cancelled(),
		Note:      shop.CleanLines(shop.AsIs(v.Get("customerComment").Text()), shop.MaxNote),
		Billing:   addressOf(r.address(v.Get("billingAddress"), v.Get("billingAddressId"))),
	}
	r.o = o
	if o.Number == "" {
		o.Number = o.ID
	}
	language := v.Get("language")
	for _, code := range []payload.Value{language.Get("locale").Get("code"), language.Get("translationCode").Get("code"), v.Get("locale")} {
		if o.Locale == "" {
			o.Locale = shop.LocaleTag(code.Text())
		}
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

// address is an address that is shown whole, or the one of the order's with that id.
func (r *reader) address(whole, id payload.Value) payload.Value {
	if whole = whole.Object(); whole.Kind() == payload.Object {
		return whole
	}
	for _, a := range r.v.Get("addresses").Items() {
		if id.Trimmed() != "" && a.Get("id").Trimmed() == id.Trimmed() {
			return a
		}
	}
	return payload.Value{}
}

// named is the name of an entity, in the language of the answer where it is translated.
func named(v payload.Value, fields ...string) string {
	s := v.Get("translated").First(fields...)
	if s == "" {
		s = v.First(fields...)
	}
	return shop.Clean(s, shop.MaxName)
}

func addressOf(v payload.Value) *waxwing.Address {
	if v = v.Object(); v.Kind() != payload.Object {
		return nil
	}
	country := v.Get("country")
	a := &waxwing.Address{
		Company:    shop.Clean(v.Get("company").Text(), shop.MaxName),
		Lines:      shop.StreetLines(v.Get("department").Text(), v.Get("street").Text(), v.Get("additionalAddressLine1").Text(), v.Get("additionalAddressLine2").Text()),
		City:       shop.Clean(v.Get("city").Text(), shop.MaxName),
		PostalCode: shop.Clean(v.Get("zipcode").Text(), shop.MaxName),
		Country:    shop.CountryCode(country.Get("iso").Trimmed()),
		Phone:      shop.Clean(v.Get("phoneNumber").Text(), shop.MaxPhone),
	}
	if a.Country == "" {
		a.CountryName = named(country, "name")
	}
	a.Name = shop.PersonName(shop.Clean(v.Get("firstName").Text(), shop.MaxName), shop.Clean(v.Get("lastName").Text(), shop.MaxName), a.Country)
	region := v.Get("countryState")
	name := named(region, "name")
	if code, ok := strings.CutPrefix(region.Get("shortCode").Trimmed(), a.Country+"-"); ok && a.Country != "" && shop.WritesRegionCode(a.Country) {
		name = shop.Clean(code, shop.MaxName)
	}
	a.Region = shop.RegionName(a.Country, name)
	return shop.AddressOrNil(a)
}

// pickups are words in the names of methods by which the customer comes to the shop.
var pickups = []string{"pickup", "pick-up", "pick up", "abholung", "abholer", "click & collect", "click-and-collect", "click_collect", "clickcollect", "click and collect"}

// delivery reads how and where the order goes. A delivery that costs less than nothing is a
// discount on another one.
func (r *reader) delivery() {
	o, shipped, parcels := r.o, true, 0
	for _, d := range r.v.Get("deliveries").Items() {
		if strings.HasPrefix(d.Get("shippingCosts").Get("totalPrice").Trimmed(), "-") {
			continue
		}
		method := d.Get("shippingMethod")
		shipped = shipped && state(d) == "shipped"
		if parcels++; parcels > 1 {
			continue
		}
		o.Delivery.Method = named(method, "name")
		words := strings.ToLower(method.Get("technicalName").Trimmed() + " " + o.Delivery.Method)
		for _, w := range pickups {
			o.Delivery.Pickup = o.Delivery.Pickup || strings.Contains(words, w)
		}
		if !o.Delivery.Pickup { // the address is the customer's
			o.Shipping = addressOf(r.address(d.Get("shippingOrderAddress"), d.Get("shippingOrderAddressId")))
		}
		code, page := d.Get("trackingCodes").At(0).Trimmed(), method.Get("translated").First("trackingUrl")
		if page == "" {
			page = method.Get("trackingUrl").Trimmed()
		}
		if code != "" && strings.Count(page, "%s") == 1 {
			o.Links.Tracking = shop.Link(strings.Replace(page, "%s", url.QueryEscape(code), 1))
		}
	}
	o.Delivery.Shipped = shipped && parcels > 0
}

func (r *reader) customer() {
	c, billing := r.v.Get("orderCustomer"), r.address(r.v.Get("billingAddress"), r.v.Get("billingAddressId"))
	who := waxwing.Customer{
		FirstName: shop.Clean(c.Get("firstName").Text(), shop.MaxName),
		LastName:  shop.Clean(c.Get("lastName").Text(), shop.MaxName),
		Email:     shop.MailAddress(c.Get("email").Text()),
		Phone:     shop.Clean(billing.Get("phoneNumber").Text(), shop.MaxPhone),
		Push:      shop.Push(r.v.Get("customFields")),
		ID:        shop.Clean(c.First("customerNumber", "customerId"), shop.MaxNumber),
	}
	if who.FirstName == "" && who.LastName == "" {
		who.FirstName = shop.Clean(billing.Get("firstName").Text(), shop.MaxName)
		who.LastName = shop.Clean(billing.Get("lastName").Text(), shop.MaxName)
	}
	r.o.Customer = who
}

// payment reads how the order is paid.
func (r *reader) payment() {
	p, method := &r.o.Payment, r.transaction().Get("paymentMethod")
	p.Status, p.Method = r.status(), named(method, "distinguishableName", "name")
	handler := strings.ToLower(method.Get("handlerIdentifier").Trimmed())
	// A default handler's class, or the name that 6.5.7 gave to it.
	words := strings.ToLower(method.Get("technicalName").Trimmed())
	if strings.Contains(handler, `\defaultpayment`) || strings.Contains(handler, `checkout\payment\cart\paymenthandler`) {
		words += handler
	}
	switch {
	case strings.HasPrefix(words, "payment_invoicepayment"), strings.HasSuffix(words, `\invoicepayment`):
		p.Offline = waxwing.Invoice
	case strings.HasPrefix(words, "payment_prepayment"), strings.HasSuffix(words, `\prepayment`):
		p.Offline = waxwing.BankTransfer
	case strings.HasPrefix(words, "payment_cashpayment"), strings.HasSuffix(words, `\cashpayment`):
		p.Offline = waxwing.CashOnDelivery
	case strings.HasSuffix(words, `\defaultpayment`): // the merchant's own: a provider's "invoice" has a handler
		p.Offline = shop.OfflineMethod(p.Method)
	}
	p.Method = shop.OwnWords(p.Method, p.Offline)
}
