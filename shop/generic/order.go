package generic

import (
	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// orderOf reads an order, which is worth something only where f's faults are none.
func orderOf(f fields) *waxwing.Order {
	if !f.object(orderKeys) {
		return nil
	}
	o := &waxwing.Order{
		Format:        "generic",
		Shop:          waxwing.ShopID(shopOf(f)),
		ID:            idOf(f),
		Number:        f.word("number", shop.MaxNumber),
		Test:          f.flag("test"),
		Locale:        f.locale("locale"),
		Currency:      f.currency("currency"),
		ShopCurrency:  f.currency("shop_currency"),
		PlacedAt:      f.time("placed_at"),
		UpdatedAt:     f.time("updated_at"),
		Cancelled:     f.time("cancelled_at"),
		TaxesIncluded: f.flag("taxes_included"),
		Stock:         waxwing.Stock(f.choice("stock", stocks)),
		Note:          f.lines("note", shop.MaxNote),
		PurchaseOrder: f.word("purchase_order", shop.MaxNumber),
		Customer:      customerOf(f.in("customer")),
		Payment:       paymentOf(f.in("payment")),
		Delivery:      deliveryOf(f.in("delivery")),
		Links:         linksOf(f.in("links")),
	}
	for _, key := range []string{"currency", "placed_at", "payment", "items"} {
		if !f.v.Get(key).Given() {
			f.fail(key, "missing")
		}
	}
	if o.Number == "" {
		o.Number = o.ID
	}
	if o.ShopCurrency == o.Currency {
		o.ShopCurrency = ""
	}
	if kind := f.choice("type", types); kind != "" && kind != "order" {
		f.fail("type", "not an order")
	}
	o.Links.Pay = f.in("payment").link("url")
	if a := f.in("addresses"); a.object(addressesKeys) {
		o.Billing = addressOf(a.in("billing"))
		o.Shipping = addressOf(a.in("shipping"))
		place := addressOf(a.in("pickup"))
		if o.Delivery.Pickup { // the customer's own address is not where
			o.Shipping = place
		} else if place != nil {
			a.fail("pickup", "only with delivery.pickup: true")
		}
	}
	s := sums{f: f, o: o, money: shop.MoneyReader{Currency: o.Currency}}
	if f.bad.err == nil {
		s.amounts()
	}
	if f.bad.err == nil {
		s.parts()
	}
	if f.bad.err == nil {
		s.money.SettleRows(o)
	}
	if s.money.Err != nil {
		f.bad.add(nil, s.money.Err.Error())
	}
	return o
}

func customerOf(f fields) (c waxwing.Customer) {
	if !f.object(customerKeys) {
		return c
	}
	c.ID = f.word("id", shop.MaxNumber)
	c.FirstName = f.text("first_name", shop.MaxName)
	c.LastName = f.text("last_name", shop.MaxName)
	c.Phone = f.text("phone", shop.MaxPhone)
	c.Group = f.text("group", shop.MaxName)
	f.text("email", shop.MaxEmail)
	f.text("push", shop.MaxPush)
	if c.Push = shop.PushRecipient(f.v.Get("push").Text()); c.Push == "" && f.v.Get("push").Trimmed() != "" {
		f.fail("push", "no recipient of push messages: want what /push answered, or an app's registration token")
	}
	c.Email = shop.MailAddress(f.v.Get("email").Text())
	return c
}

func addressOf(f fields) *waxwing.Address {
	if !f.object(addressKeys) {
		return nil
	}
	a := &waxwing.Address{
		Name:       f.text("name", shop.MaxName),
		Company:    f.text("company", shop.MaxName),
		City:       f.text("city", shop.MaxName),
		PostalCode: f.word("postal_code", shop.MaxName),
		Phone:      f.text("phone", shop.MaxPhone),
	}
	if s := f.text("country", shop.MaxName); s != "" {
		if a.Country = shop.CountryCode(s); a.Country == "" {
			f.fail("country", "want two letters (ISO 3166-1 alpha-2)")
		}
	}
	a.Region = shop.RegionName(a.Country, f.text("region", shop.MaxName))
	for l := range f.list("lines", 6) {
		if l.v.Kind() != payload.String {
			l.bad.add(l.at, "want a string")
		}
		if s := shop.Clean(l.v.Text(), shop.MaxName); s != "" {
			a.Lines = append(a.Lines, s)
		}
	}
	return shop.AddressOrNil(a)
}

func paymentOf(f fields) (p waxwing.Payment) {
	if !f.object(paymentKeys) {
		return p
	}
	p.Status = waxwing.PaymentStatus(f.choice("status", statuses))
	p.Offline = f.choice("offline", offlineMethods)
	p.Method = shop.OwnWords(f.text("method", shop.MaxName), p.Offline)
	if p.Last4 = f.text("last4", 8); p.Last4 != "" && (len(p.Last4) != 4 || shop.LastFour(p.Last4) == "") {
		f.fail("last4", "want four digits in a string")
	}
	if p.Status == "" {
		f.fail("status", "missing")
	}
	p.Instructions = f.lines("instructions", shop.MaxNote)
	p.Reference = f.word("reference", shop.MaxNumber)
	return p
}

func deliveryOf(f fields) (d waxwing.Delivery) {
	if !f.object(deliveryKeys) {
		return d
	}
	d.From, d.To = f.day("from"), f.day("to")
	d.Method = f.text("method", shop.MaxName)
	d.Pickup = f.flag("pickup")
	d.HandedOver = f.flag("handed_over")
	d.Shipped = f.flag("shipped")
	if !d.To.IsZero() && d.To.Before(d.From) {
		f.fail("to", "before from")
	}
	return d
}

func linksOf(f fields) (l waxwing.Links) {
	if !f.object(linksKeys) {
		return l
	}
	l.Status = f.link("status")
	l.Tracking = f.link("tracking")
	l.Support = f.link("support")
	l.Returns = f.link("returns")
	l.Invoice = f.link("invoice")
	return l
}
