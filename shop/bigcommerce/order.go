package bigcommerce

import (
	"slices"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// providers are BigCommerce's own words for payment that comes outside the shop.
var providers = map[string]string{"cod": waxwing.CashOnDelivery, "bankdeposit": waxwing.BankTransfer, "cheque": waxwing.Cheque, "moneyorder": waxwing.Cheque}

// offlineMethod is the offline method. What a provider of another kind calls so is none.
func (e *event) offlineMethod() string {
	id, name := strings.ToLower(e.v.Get("payment_provider_id").Trimmed()), strings.ToLower(e.v.Get("payment_method").Trimmed())
	switch {
	case providers[id] != "":
		return providers[id]
	case id != "":
		return ""
	case name == "check":
		return waxwing.Cheque
	}
	return shop.OfflineMethod(name)
}

// status tells how far the payment has come, and the offline method. payment_status is that of the
// gateway and often empty; the order's own says that it was paid by what comes next.
func (e *event) status() (waxwing.PaymentStatus, string) {
	offline := e.offlineMethod()
	state := e.v.Get("status_id").Trimmed()
	switch state {
	case "5":
		return waxwing.PaymentVoided, offline
	case "6":
		return waxwing.PaymentFailed, offline
	case "4":
		return waxwing.PaymentRefunded, offline
	case "14":
		return waxwing.PartlyRefunded, offline
	case "12": // to be looked at by hand
		return waxwing.PaymentPending, offline
	}
	switch strings.ToLower(e.v.Get("payment_status").Trimmed()) {
	case "authorized", "capture pending":
		return waxwing.PaymentAuthorized, offline
	case "captured", "paid":
		return waxwing.PaymentPaid, offline
	case "partially refunded":
		return waxwing.PartlyRefunded, offline
	case "refunded":
		return waxwing.PaymentRefunded, offline
	case "void", "void pending":
		return waxwing.PaymentVoided, offline
	case "declined":
		return waxwing.PaymentFailed, offline
	case "pending", "held for review":
		return waxwing.PaymentPending, offline
	}
	switch state {
	case "1", "7":
		if t := e.v.Get("total_inc_tax").Trimmed(); t != "" && !shop.Nonzero(t) {
			return waxwing.PaymentPaid, offline // there is nothing to pay
		}
		return waxwing.PaymentPending, offline
	case "3", "8", "9", "11", "13":
		if offline == waxwing.CashOnDelivery {
			return waxwing.PaymentPending, offline
		}
		return waxwing.PaymentPaid, offline
	case "2": // shipped
		if offline == waxwing.CashOnDelivery {
			return waxwing.PaymentPending, offline
		}
		return waxwing.PaymentPaid, offline
	case "10":
		return waxwing.PaymentPaid, offline
	}
	return waxwing.PaymentUnknown, offline
}

// cancelled is when the order was cancelled or thrown away, as near as the payload says.
func (e *event) cancelled() time.Time {
	if e.v.Get("status_id").Trimmed() != "5" && !e.v.Get("is_deleted").Bool() {
		return time.Time{}
	}
	for _, field := range []string{"date_modified", "date_created"} {
		if t := timeOf(e.v.Get(field)); !t.IsZero() {
			return t
		}
	}
	return time.Unix(1, 0).UTC()
}

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
	billing := v.Get("billing_address").Object()
	o := &waxwing.Order{
		Format: "bigcommerce", ID: id, Number: id, Currency: r.money.Currency,
		Locale:   shop.LocaleTag(v.Get("customer_locale").Text()),
		PlacedAt: timeOf(v.Get("date_created")), UpdatedAt: timeOf(v.Get("date_modified")), Cancelled: r.cancelled(),
		Note:    shop.CleanLines(shop.AsIs(v.Get("customer_message").Text()), shop.MaxNote),
		Billing: addressOf(billing),
		Customer: waxwing.Customer{
			FirstName: shop.Clean(billing.Get("first_name").Text(), shop.MaxName),
			LastName:  shop.Clean(billing.Get("last_name").Text(), shop.MaxName),
			Email:     shop.MailAddress(billing.Get("email").Text()),
			Phone:     shop.Clean(billing.Get("phone").Text(), shop.MaxPhone),
		},
	}
	r.o = o
	if customer, ok := shop.OrderID(v.Get("customer_id")); ok {
		o.Customer.ID = customer
	}
	if base, ok := shop.Currency(v.Get("store_default_currency_code")); ok && base != o.Currency {
		o.ShopCurrency = base
	}
	o.Payment.Status, o.Payment.Offline = r.status()
	o.Payment.Method = shop.OwnWords(shop.MethodName(shop.Clean(v.Get("payment_method").Text(), shop.MaxName)), o.Payment.Offline)
	if o.Payment.Method == "Manual" || strings.EqualFold(o.Payment.Method, "check") {
		o.Payment.Method = "" // a word of the merchant's, or of the offline method's
	}
	r.delivery()
	if err := r.amounts(); err != nil {
		return err
	}
	r.money.SettleRows(o)
	return r.money.Err
}

func addressOf(v payload.Value) *waxwing.Address {
	if v = v.Object(); v.Kind() != payload.Object {
		return nil
	}
	a := &waxwing.Address{
		Company:     shop.Clean(v.Get("company").Text(), shop.MaxName),
		Lines:       shop.StreetLines(v.Get("street_1").Text(), v.Get("street_2").Text()),
		City:        shop.Clean(v.Get("city").Text(), shop.MaxName),
		PostalCode:  shop.Clean(v.Get("zip").Text(), shop.MaxName),
		Country:     shop.CountryCode(v.Get("country_iso2").Trimmed()),
		CountryName: shop.Clean(v.Get("country").Text(), shop.MaxName),
		Phone:       shop.Clean(v.Get("phone").Text(), shop.MaxPhone),
	}
	a.Name = shop.PersonName(shop.Clean(v.Get("first_name").Text(), shop.MaxName), shop.Clean(v.Get("last_name").Text(), shop.MaxName), a.Country)
	a.Region = shop.RegionName(a.Country, shop.Clean(v.Get("state").Text(), shop.MaxName))
	return shop.AddressOrNil(a)
}

// list is what stands under a name as a list; a link to it is none.
func (r *reader) list(name string) payload.Value {
	if v := r.v.Get(name); v.Kind() == payload.Array {
		return v
	}
	return payload.Value{}
}

// delivery reads how and where the order goes.
func (r *reader) delivery() {
	o, state := r.o, r.v.Get("status_id").Trimmed()
	o.Delivery.Shipped = (state == "2" || state == "10") && !r.v.Get("order_is_digital").Bool()
	first := r.list("shipping_addresses").At(0)
	o.Delivery.Method = shop.Clean(first.Get("shipping_method").Text(), shop.MaxName)
	words := strings.ToLower(o.Delivery.Method)
	o.Delivery.Pickup = state == "8" || slices.ContainsFunc([]string{"pickup", "pick up", "pick-up", "click and collect", "click & collect"}, func(w string) bool { return strings.Contains(words, w) })
	if !o.Delivery.Pickup { // the address is the customer's
		o.Shipping = addressOf(first)
	}
}
