package vendure

import (
	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// reader reads one order.
type reader struct {
	event
	money shop.MoneyReader
	o     *waxwing.Order
	// languages are those in which names are looked for, best first.
	languages []string
}

func (r *reader) order() error {
	v := r.v
	if v.Get("lines").Kind() != payload.Array {
		return errNotRead
	}
	if err := shop.CheckLists(v, "lines", "shippingLines", "surcharges", "payments", "languages"); err != nil {
		return err
	}
	r.language()
	r.o = &waxwing.Order{
		Format:   "vendure",
		ID:       r.code(),
		Number:   r.code(),
		Locale:   r.locale(),
		Currency: r.money.Currency,
		PlacedAt: r.placed(), Cancelled: r.cancelled(),
		Payment: waxwing.Payment{Status: r.status()},
	}
	r.people()
	r.payment()
	if err := r.amounts(); err != nil {
		return err
	}
	r.money.SettleRows(r.o)
	return r.money.Err
}

// localeKeys are where shops keep the buyer's language, of which stock Vendure has no column: in a custom field of
// the order, or as a column that a query of the shop's own gives.
var localeKeys = []string{"locale", "customFieldsLocale", "customFieldsLanguage", "customFieldsLanguagecode", "customFieldsLanguageCode"}

func (r *reader) locale() string {
	for _, key := range localeKeys {
		if l := shop.LocaleTag(r.v.Get(key).Trimmed()); l != "" {
			return l
		}
	}
	// Vendure writes the country's name in the buyer's language: where only one language calls it so, that is hers.
	if list := r.v.Get("languages"); list.Len() == 1 {
		return shop.LocaleTag(list.At(0).Get("code").Trimmed())
	}
	return ""
}

// language says in which languages names are shown: the buyer's, and else the channel's.
func (r *reader) language() {
	for _, key := range localeKeys {
		if s := r.v.Get(key).Trimmed(); s != "" {
			r.languages = append(r.languages, s, shop.LocaleTag(s))
		}
	}
	l := r.locale()
	r.languages = append(r.languages, l)
	if len(l) > 2 {
		r.languages = append(r.languages, l[:2])
	}
	r.languages = append(r.languages, r.v.Get("channelLanguage").Trimmed(), "en")
}

// name chooses one of the names that something has by language; without one of these languages the first.
func (r *reader) name(names payload.Value, limit int) string {
	names = names.Object()
	for _, l := range r.languages {
		if s := shop.Clean(names.Get(l).Text(), limit); l != "" && s != "" {
			return s
		}
	}
	for _, n := range names.Members() {
		if s := shop.Clean(n.Text(), limit); s != "" {
			return s
		}
	}
	return ""
}

// people reads who ordered, and where it goes. A guest's row is shared by all who ever gave her address; the name in
// the order's own address is this buyer's.
func (r *reader) people() {
	v, o := r.v, r.o
	who := v.Get("customer").Object()
	o.Customer = waxwing.Customer{
		ID:        shop.Clean(who.Get("id").Text(), shop.MaxNumber),
		FirstName: shop.Clean(who.Get("firstName").Text(), shop.MaxName),
		LastName:  shop.Clean(who.Get("lastName").Text(), shop.MaxName),
		Email:     shop.MailAddress(who.Get("emailAddress").Text()),
		Phone:     shop.Clean(who.Get("phoneNumber").Text(), shop.MaxPhone),
		Push:      shop.Push(v.Get("customFields")),
	}
	o.Shipping, o.Billing = addressOf(v.Get("shippingAddress")), addressOf(v.Get("billingAddress"))
	if o.Billing == nil && o.Shipping != nil { // {}: as the shipping address
		same := *o.Shipping
		o.Billing = &same
	}
	if o.Customer.Phone == "" && o.Shipping != nil {
		o.Customer.Phone = o.Shipping.Phone
	}
}

func addressOf(v payload.Value) *waxwing.Address {
	if v = v.Object(); v.Kind() != payload.Object {
		return nil
	}
	a := &waxwing.Address{
		Name:        shop.Clean(v.Get("fullName").Text(), shop.MaxName),
		Company:     shop.Clean(v.Get("company").Text(), shop.MaxName),
		Lines:       shop.StreetLines(v.Get("streetLine1").Text(), v.Get("streetLine2").Text()),
		City:        shop.Clean(v.Get("city").Text(), shop.MaxName),
		PostalCode:  shop.Clean(v.Get("postalCode").Text(), shop.MaxName),
		Country:     shop.CountryCode(v.Get("countryCode").Trimmed()),
		CountryName: shop.Clean(v.Get("country").Text(), shop.MaxName),
		Phone:       shop.Clean(v.Get("phoneNumber").Text(), shop.MaxPhone),
	}
	a.Region = shop.RegionName(a.Country, shop.Clean(v.Get("province").Text(), shop.MaxName))
	return shop.AddressOrNil(a)
}

// payment names the method of the payment that counts. A code is what a shop's own staff reads: it is shown where it
// has no name.
func (r *reader) payment() {
	p := &r.o.Payment
	for _, v := range r.v.Get("payments").Items() {
		if s := v.Get("state").Trimmed(); s != "Settled" && s != "Authorized" && p.Status != waxwing.PaymentPending {
			continue
		}
		code := shop.Clean(v.Get("method").Text(), shop.MaxName)
		name := r.name(v.Get("names"), shop.MaxName)
		if name == "" {
			name = shop.MethodName(code)
		}
		if p.Offline = shop.OfflineMethod(code); p.Offline == "" {
			p.Offline = shop.OfflineMethod(name)
		}
		p.Method = shop.OwnWords(name, p.Offline)
	}
	if p.Status != waxwing.PaymentPending {
		p.Offline = ""
	}
}
