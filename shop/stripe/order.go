package stripe

import (
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
	// bare: the customer paid in another currency than the lines are in, so that they have no
	// prices.
	bare bool
}

// numbers are the metadata in which shops keep the number that the customer knows.
var numbers = []string{"order_number", "order_no", "order_id", "order", "orderNumber", "orderId"}

func (r *reader) order() error {
	v := r.v
	r.o = &waxwing.Order{
		Format:   "stripe",
		ID:       r.orderID(),
		Test:     r.test,
		Currency: r.money.Currency,
		PlacedAt: seconds(v.Get("created")), UpdatedAt: r.at, Cancelled: r.cancelled(),
		Payment: waxwing.Payment{Status: r.status()},
	}
	if r.o.Number = shop.Clean(v.First("client_reference_id", "number"), shop.MaxNumber); r.o.Number == "" {
		r.o.Number = shop.Clean(v.Get("metadata").First(numbers...), shop.MaxNumber)
	}
	if r.o.Number == "" {
		r.o.Number = r.o.ID
	}
	r.people()
	r.payment()
	seen, ok := shop.Currency(v.Get("presentment_details").Get("presentment_currency"))
	if ok && seen != r.money.Currency {
		r.o.ShopCurrency, r.o.Currency, r.bare = r.money.Currency, seen, true
		r.money.Currency = seen
	}
	if err := r.amounts(); err != nil {
		return err
	}
	r.money.SettleRows(r.o)
	return r.money.Err
}

// people reads who ordered, and where it goes.
func (r *reader) people() {
	v, o := r.v, r.o
	who := v.Get("customer_details")
	o.Customer = waxwing.Customer{ID: refID(v.Get("customer")), Email: r.email(),
		FirstName: shop.Clean(firstOf(who.Get("individual_name"), who.Get("name"), v.Get("customer_name"), v.Get("shipping").Get("name")), shop.MaxName),
		Phone:     shop.Clean(firstOf(who.Get("phone"), v.Get("customer_phone"), v.Get("shipping").Get("phone")), shop.MaxPhone),
		Push:      shop.Push(v.Get("metadata"))}
	billing := who
	if r.object == invoice {
		billing = payload.Value{}
		o.Billing = addressOf(v.Get("customer_address"), v.Get("customer_name"), v.Get("customer_phone"))
	}
	if billing.Given() {
		o.Billing = addressOf(billing.Get("address"), billing.Get("name"), billing.Get("phone"))
		if o.Billing != nil {
			o.Billing.Company = shop.Clean(billing.Get("business_name").Text(), shop.MaxName)
		}
	}
	for _, at := range []payload.Value{v.Get("collected_information").Get("shipping_details"), v.Get("shipping_details"), v.Get("customer_shipping"), v.Get("shipping")} {
		if o.Shipping == nil {
			o.Shipping = addressOf(at.Get("address"), at.Get("name"), at.Get("phone"))
		}
	}
	if l := v.Get("locale").Trimmed(); l != "auto" {
		o.Locale = shop.LocaleTag(l)
	}
	for _, f := range v.Get("custom_fields").Items() {
		label := shop.Clean(firstOf(f.Get("label").Get("custom"), f.Get("key"), f.Get("name")), shop.MaxName)
		value := shop.Clean(firstOf(f.Get("text").Get("value"), f.Get("dropdown").Get("value"), f.Get("numeric").Get("value"), f.Get("value")), shop.MaxValue)
		if label != "" && value != "" && len(o.Note) < shop.MaxNote/2 {
			o.Note = strings.TrimPrefix(o.Note+"\n"+label+": "+value, "\n")
		}
	}
	o.Note = shop.CleanLines(o.Note, shop.MaxNote)
}

func firstOf(list ...payload.Value) string {
	for _, v := range list {
		if s := v.Trimmed(); s != "" {
			return s
		}
	}
	return ""
}

func addressOf(v, name, phone payload.Value) *waxwing.Address {
	if v = v.Object(); v.Kind() != payload.Object {
		return nil
	}
	a := &waxwing.Address{
		Lines:      shop.StreetLines(v.Get("line1").Text(), v.Get("line2").Text()),
		City:       shop.Clean(v.Get("city").Text(), shop.MaxName),
		PostalCode: shop.Clean(v.Get("postal_code").Text(), shop.MaxName),
		Country:    shop.CountryCode(v.Get("country").Trimmed()),
	}
	a.Region = shop.RegionName(a.Country, shop.Clean(v.Get("state").Text(), shop.MaxName))
	if shop.AddressOrNil(a) == nil {
		return nil // a name alone is no address
	}
	a.Name, a.Phone = shop.Clean(name.Text(), shop.MaxName), shop.Clean(phone.Text(), shop.MaxPhone)
	return a
}

// payment reads how it was paid. A session says only what could be chosen; one of one means it.
func (r *reader) payment() {
	v, p := r.v, &r.o.Payment
	charge := v.Get("latest_charge").Object()
	if charge.Kind() != payload.Object {
		charge = v.Get("charges").Get("data").At(0)
	}
	how := charge.Get("payment_method_details")
	if card := how.Get("card"); card.Given() {
		p.Method, p.Last4 = shop.MethodName(shop.Clean(card.Get("brand").Text(), shop.MaxName)), shop.LastFour(card.Get("last4").Text())
		return
	}
	types := v.Get("payment_method_types")
	name := how.Get("type").Trimmed()
	if name == "" && types.Len() == 1 {
		name = types.At(0).Trimmed()
	}
	switch name {
	case "", "card": // "card" tells a customer nothing
	case "customer_balance": // a transfer to an account that Stripe told her: the merchant's own would be a wrong one
	case "us_bank_account":
		p.Method = "ACH" // a debit, and nothing that she has to do
	default:
		p.Method = shop.MethodName(shop.Clean(name, shop.MaxName))
	}
	r.o.Links.Invoice = shop.Link(v.Get("hosted_invoice_url").Text())
}
