package medusa

import (
	"math/big"
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
	off   *big.Rat // all discounts, not rounded
}

func (r *reader) order() error {
	v := r.v
	if v.Get("items").Kind() != payload.Array {
		return errNotRead
	}
	if err := shop.CheckLists(v, "items", "shipping_methods", "payments"); err != nil {
		return err
	}
	r.o = &waxwing.Order{
		Format:   "medusa",
		ID:       r.id(),
		Number:   shop.Clean(v.First("custom_display_id", "display_id"), shop.MaxNumber),
		Locale:   shop.LocaleTag(v.Get("locale").Trimmed()),
		Currency: r.money.Currency,
		PlacedAt: timeOf(v.Get("created_at")), UpdatedAt: timeOf(v.Get("updated_at")), Cancelled: r.cancelled(),
		Payment: waxwing.Payment{Status: r.status()},
	}
	if r.o.Number == "" {
		r.o.Number = r.o.ID
	}
	r.people()
	r.payment()
	if err := r.amounts(); err != nil {
		return err
	}
	r.money.SettleRows(r.o)
	return r.money.Err
}

// people reads who ordered, and where it goes. A guest's customer has only her address, so her name is the parcel's.
func (r *reader) people() {
	v, o := r.v, r.o
	ship, bill := v.Get("shipping_address").Object(), v.Get("billing_address").Object()
	who := bill
	if ship.Get("first_name").Trimmed() != "" || ship.Get("last_name").Trimmed() != "" {
		who = ship
	}
	o.Customer = waxwing.Customer{
		ID:        shop.Clean(v.Get("customer_id").Text(), shop.MaxNumber),
		FirstName: shop.Clean(who.Get("first_name").Text(), shop.MaxName),
		LastName:  shop.Clean(who.Get("last_name").Text(), shop.MaxName),
		Email:     shop.MailAddress(v.Get("email").Text()),
		Phone:     shop.Clean(who.Get("phone").Text(), shop.MaxPhone),
		Push:      shop.Push(v.Get("metadata")),
	}
	o.Shipping, o.Billing = addressOf(ship), addressOf(bill)
}

func addressOf(v payload.Value) *waxwing.Address {
	if v.Kind() != payload.Object {
		return nil
	}
	a := &waxwing.Address{
		Company:    shop.Clean(v.Get("company").Text(), shop.MaxName),
		Lines:      shop.StreetLines(v.Get("address_1").Text(), v.Get("address_2").Text()),
		City:       shop.Clean(v.Get("city").Text(), shop.MaxName),
		PostalCode: shop.Clean(v.Get("postal_code").Text(), shop.MaxName),
		Country:    shop.CountryCode(v.Get("country_code").Trimmed()),
		Phone:      shop.Clean(v.Get("phone").Text(), shop.MaxPhone),
	}
	a.Name = shop.PersonName(shop.Clean(v.Get("first_name").Text(), shop.MaxName), shop.Clean(v.Get("last_name").Text(), shop.MaxName), a.Country)
	a.Region = shop.RegionName(a.Country, shop.Clean(v.Get("province").Text(), shop.MaxName))
	return shop.AddressOrNil(a)
}

// payment names the provider of the session that counts: pp_PROVIDER_ID, of which customers know some.
func (r *reader) payment() {
	p := &r.o.Payment
	for _, v := range r.v.Get("payments").Items() {
		switch v.Get("session").Trimmed() {
		case "authorized", "captured", "pending_authorization":
		default:
			continue
		}
		name := strings.TrimPrefix(shop.Clean(v.Get("provider_id").Text(), shop.MaxName), "pp_")
		if i := strings.LastIndexByte(name, '_'); i > 0 {
			name = name[:i]
		}
		if p.Offline = shop.OfflineMethod(name); p.Status != waxwing.PaymentPending {
			p.Offline = ""
		}
		if name = strings.TrimPrefix(name, "stripe-"); name == "system" { // "by hand": it says nothing
			name = ""
		}
		p.Method = shop.OwnWords(shop.MethodName(name), p.Offline)
	}
}
