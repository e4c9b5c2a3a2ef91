package square

import (
	"errors"
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
}

// amount reads money as Square writes it: a whole number of the smallest unit, and its currency.
func (r *reader) amount(v payload.Value, at string) waxwing.Money {
	n := v.Get("amount")
	if !n.Given() || n.Trimmed() == "" {
		return r.money.Zero()
	}
	if code, ok := shop.Currency(v.Get("currency")); v.Get("currency").Given() && (!ok || code != r.money.Currency) {
		r.money.Spoil(at+".currency", shop.ErrMixed)
		return r.money.Zero()
	}
	minor, ok := n.Int()
	if !ok || minor > shop.MaxSum || minor < -shop.MaxSum {
		r.money.Spoil(at, waxwing.ErrAmount)
		return r.money.Zero()
	}
	return waxwing.Money{Minor: minor, Currency: r.money.Currency}
}

func (r *reader) order() error {
	v := r.v
	r.o = &waxwing.Order{Format: "square", ID: r.id(), Currency: r.money.Currency, PlacedAt: timeOf(v.Get("created_at")), UpdatedAt: timeOf(v.Get("updated_at")), Cancelled: r.cancelled()}
	o := r.o
	if o.Number = shop.Clean(v.First("reference_id", "ticket_name", "receipt_number"), shop.MaxNumber); o.Number == "" {
		o.Number = o.ID
	}
	o.Payment.Status = r.status()
	if r.total().Get("amount").Trimmed() == "" {
		return errNoTotal
	}
	o.Total = r.amount(r.total(), "total_money")
	switch {
	case r.money.Err != nil:
		return r.money.Err
	case o.Total.Minor < 0:
		return shop.ErrNegative
	}
	o.Subtotal, o.DiscountTotal, o.ShippingTotal, o.TaxTotal = r.money.Zero(), r.money.Zero(), r.money.Zero(), r.money.Zero()
	o.Customer.ID, o.Customer.Email = idOf(v.Get("customer_id")), r.email()
	if r.object == payment {
		r.payment()
	} else if err := r.whole(); err != nil {
		return err
	}
	r.money.SettleRows(o)
	return r.money.Err
}

// payment reads a payment by itself, which knows a sum and no lines.
func (r *reader) payment() {
	v, o := r.v, r.o
	if tip := r.amount(v.Get("tip_money"), "tip_money"); !tip.IsZero() {
		o.Tip = tip
	}
	o.Subtotal = o.Total.Sub(o.Tip)
	o.Refunded = r.amount(v.Get("refunded_money"), "refunded_money")
	o.Billing, o.Shipping = addressOf(v.Get("billing_address"), ""), addressOf(v.Get("shipping_address"), "")
	for _, a := range []payload.Value{v.Get("billing_address"), v.Get("shipping_address")} {
		if o.Customer.FirstName == "" && o.Customer.LastName == "" {
			o.Customer.FirstName = shop.Clean(a.Get("first_name").Text(), shop.MaxName)
			o.Customer.LastName = shop.Clean(a.Get("last_name").Text(), shop.MaxName)
		}
	}
	o.Note = shop.CleanLines(shop.AsIs(v.Get("note").Text()), shop.MaxNote)
	o.Links.Invoice = shop.Link(v.Get("receipt_url").Text())
	r.paidBy(v.Get("card_details").Get("card"), v.Get("source_type").Trimmed(), v.Get("wallet_details").Get("brand").Trimmed()+v.Get("buy_now_pay_later_details").Get("brand").Trimmed())
}

// paidBy reads the way to pay as a customer knows it.
func (r *reader) paidBy(card payload.Value, source, brand string) {
	p := &r.o.Payment
	p.Last4 = shop.LastFour(card.Get("last_4").Text())
	switch {
	case card.Get("card_brand").Given():
		brand = card.Get("card_brand").Trimmed()
	case source == "CASH", source == "BANK_ACCOUNT" && brand == "", brand == "UNKNOWN":
		return
	}
	if brand == "OTHER_BRAND" || brand == "SQUARE_GIFT_CARD" {
		return
	}
	p.Method = shop.MethodName(shop.Clean(strings.ToLower(brand), shop.MaxName))
}

func addressOf(v payload.Value, name string) *waxwing.Address {
	if v = v.Object(); v.Kind() != payload.Object {
		return nil
	}
	a := &waxwing.Address{
		Lines:      shop.StreetLines(v.Get("address_line_1").Text(), v.Get("address_line_2").Text(), v.Get("address_line_3").Text()),
		City:       shop.Clean(v.Get("locality").Text(), shop.MaxName),
		PostalCode: shop.Clean(v.Get("postal_code").Text(), shop.MaxName),
		Country:    shop.CountryCode(v.Get("country").Trimmed()),
		Name:       name,
	}
	if a.Name == "" {
		a.Name = shop.PersonName(shop.Clean(v.Get("first_name").Text(), shop.MaxName), shop.Clean(v.Get("last_name").Text(), shop.MaxName), a.Country)
	}
	a.Region = shop.RegionName(a.Country, shop.Clean(v.Get("administrative_district_level_1").Text(), shop.MaxName))
	return shop.AddressOrNil(a)
}

// whole reads an order of the Orders API.
func (r *reader) whole() error {
	v, o := r.v, r.o
	if err := shop.CheckLists(v, "line_items", "taxes", "discounts", "service_charges", "tenders"); err != nil {
		return err
	}
	kind, details := r.fulfillment()
	who := details.Get("recipient")
	name := shop.Clean(who.Get("display_name").Text(), shop.MaxName)
	o.Customer.Push = shop.Push(v.Get("metadata"))
	o.Customer.FirstName, o.Customer.Phone = name, shop.Clean(who.Get("phone_number").Text(), shop.MaxPhone)
	if o.Delivery.Pickup = kind == "pickup" || kind == "in_store"; !o.Delivery.Pickup && kind != "digital" {
		o.Shipping = addressOf(who.Get("address"), name)
	}
	o.Delivery.Method = shop.Clean(details.First("shipping_type", "carrier"), shop.MaxName)
	o.Links.Tracking = shop.Link(details.Get("tracking_url").Text())
	o.Note = shop.CleanLines(shop.AsIs(details.First("note", "shipping_note")), shop.MaxNote)
	if err := r.items(); err != nil {
		return err
	}
	for i, d := range v.Get("discounts").Items() {
		a := waxwing.Adjustment{Title: shop.Clean(d.Get("name").Text(), shop.MaxName), Amount: r.amount(d.Get("applied_money"), "discounts")}
		if !a.Amount.IsZero() && i < 100 {
			o.Discounts = append(o.Discounts, a)
		}
	}
	o.DiscountTotal = r.amount(v.Get("total_discount_money"), "total_discount_money")
	for _, c := range v.Get("service_charges").Items() {
		m := r.amount(c.Get("applied_money"), "service_charges")
		if !c.Get("applied_money").Given() {
			m = r.amount(c.Get("amount_money"), "service_charges")
		}
		if !m.IsZero() {
			o.Fees = append(o.Fees, waxwing.Adjustment{Title: shop.Clean(c.Get("name").Text(), shop.MaxName), Amount: m})
		}
	}
	r.taxes()
	for _, f := range v.Get("refunds").Items() {
		if s := f.Get("status").Trimmed(); s == "APPROVED" || s == "PENDING" {
			o.Refunded = r.money.Sum("refunds", o.Refunded, r.amount(f.Get("amount_money"), "refunds"))
		}
	}
	if o.Payment.Status == waxwing.PaymentPartlyPaid {
		for _, t := range v.Get("tenders").Items() {
			o.Payment.Deposit = r.money.Sum("tenders", o.Payment.Deposit, r.amount(t.Get("amount_money"), "tenders"))
		}
	}
	if tenders := v.Get("tenders"); tenders.Len() == 1 {
		r.paidBy(tenders.At(0).Get("card_details").Get("card"), tenders.At(0).Get("type").Trimmed(), "")
	}
	return r.money.Err
}

// taxes reads the taxes, and finds out by the total which are in the prices, and whether the tip
// is in it.
func (r *reader) taxes() {
	v, o := r.v, r.o
	o.TaxTotal = r.amount(v.Get("total_tax_money"), "total_tax_money")
	var onTop []waxwing.Adjustment
	added := r.money.Zero()
	for _, t := range v.Get("taxes").Items() {
		a := waxwing.Adjustment{Title: shop.Clean(t.Get("name").Text(), shop.MaxName), Amount: r.amount(t.Get("applied_money"), "taxes"), Rate: shop.Fraction(t.Get("percentage").Trimmed(), 2)}
		if a.Amount.IsZero() || len(o.Taxes) == 100 {
			continue
		}
		o.Taxes = append(o.Taxes, a)
		if t.Get("type").Trimmed() != "INCLUSIVE" {
			onTop, added = append(onTop, a), r.money.Sum("taxes", added, a.Amount)
		}
	}
	tip := r.amount(v.Get("total_tip_money"), "total_tip_money")
	if r.money.Err != nil {
		return
	}
	rest := o.Total.Sub(o.Subtotal).Add(o.DiscountTotal)
	for i := range o.Fees {
		rest = rest.Sub(o.Fees[i].Amount)
	}
	if !tip.IsZero() && rest != o.TaxTotal && !(rest.IsZero() && added.IsZero()) {
		o.Tip, rest = tip, rest.Sub(tip)
	}
	switch {
	case o.TaxTotal.IsZero():
		o.Taxes = nil
	case rest == o.TaxTotal:
	case rest.IsZero():
		o.TaxesIncluded = true
	case rest == added: // some are in the prices, and some are not: these are what is added
		o.TaxTotal, o.Taxes = added, onTop
	}
}

func (r *reader) items() error {
	list := r.v.Get("line_items")
	for i, v := range list.Items() {
		it, err := r.item(v.Object())
		if err == nil {
			err = r.money.Err
		}
		if err != nil {
			return shop.InItem("line_items", i, err)
		}
		if it.Quantity > 0 {
			r.o.Items = append(r.o.Items, it)
			r.o.Subtotal = r.money.Sum("line_items", r.o.Subtotal, *it.Total)
		}
	}
	if len(r.o.Items) == 0 && list.Given() {
		return shop.ErrNoItems
	}
	return r.money.Err
}

func (r *reader) item(v payload.Value) (it waxwing.Item, err error) {
	if v.Kind() != payload.Object {
		return it, errors.New("(line): not an object")
	}
	count := shop.Decimal(v.Get("quantity"))
	if count == nil || count.Sign() < 0 {
		return it, shop.InField("quantity", errors.New("not a number"))
	}
	measured := !count.IsInt()
	if it.Quantity = 1; !measured {
		if it.Quantity, err = shop.Quantity(v.Get("quantity")); err != nil {
			return it, shop.InField("quantity", err)
		}
	}
	if it.Quantity == 0 {
		return it, nil
	}
	total := r.amount(v.Get("variation_total_price_money"), "variation_total_price_money")
	if !v.Get("variation_total_price_money").Given() {
		base := r.amount(v.Get("base_price_money"), "base_price_money")
		total = r.money.Rounded("base_price_money", new(big.Rat).Mul(count, units(base)))
	}
	chosen := make([]string, 0, 4)
	if s := shop.Clean(v.Get("variation_name").Text(), shop.MaxName); s != "" && s != "Regular" { // Square's own word for the only one
		chosen = append(chosen, s)
	}
	for _, m := range v.Get("modifiers").Items() {
		price := r.amount(m.Get("total_price_money"), "modifiers")
		total = r.money.Sum("modifiers", total, price)
		name := shop.Clean(m.Get("name").Text(), shop.MaxName)
		if n := m.Get("quantity").Trimmed(); n != "" && n != "1" && name != "" {
			name += " × " + n
		}
		if name != "" && len(chosen) < 8 {
			chosen = append(chosen, name)
		}
	}
	it.Total = &total
	if total.Minor%it.Quantity == 0 {
		it.Unit = &waxwing.Money{Minor: total.Minor / it.Quantity, Currency: total.Currency}
	}
	it.ProductID = idOf(v.Get("catalog_object_id"))
	it.Name = shop.Clean(v.Get("name").Text(), shop.MaxItem)
	it.Name = shop.ItemName(&it)
	it.Variant = shop.Clean(strings.Join(chosen, " / "), shop.MaxName)
	it.GiftCard = v.Get("item_type").Trimmed() == "GIFT_CARD"
	if measured {
		it.Name += " × " + strings.TrimRight(strings.TrimRight(v.Get("quantity").Trimmed(), "0"), ".")
	}
	return it, nil
}

// units is an amount as a decimal of its currency.
func units(m waxwing.Money) *big.Rat {
	n := new(big.Rat).SetInt64(m.Minor)
	for range waxwing.Decimals(m.Currency) {
		n.Mul(n, big.NewRat(1, 10))
	}
	return n
}
