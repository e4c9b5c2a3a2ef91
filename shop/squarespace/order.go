package squarespace

import (
	"errors"
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

// amount reads money; absent is nought, at is the place that an error names.
func (r *reader) amount(v payload.Value, at string) waxwing.Money {
	if code, ok := shop.Currency(v.Get("currency")); v.Get("currency").Given() && (!ok || code != r.money.Currency) {
		r.money.Spoil(at+".currency", shop.ErrMixed)
		return r.money.Zero()
	}
	return r.money.Kept(v.Get("value"), at+".value")
}

func (r *reader) order() error {
	v := r.v
	o := &waxwing.Order{
		Format: "squarespace", ID: r.id(), Currency: r.money.Currency,
		Number:   shop.Clean(v.Get("orderNumber").Text(), shop.MaxNumber),
		Test:     v.Get("testmode").Bool(),
		PlacedAt: timeOf(v.Get("createdOn")), UpdatedAt: timeOf(v.Get("modifiedOn")), Cancelled: r.cancelled(),
		Billing: addressOf(v.Get("billingAddress")),
		Payment: waxwing.Payment{Status: r.status()},
	}
	r.o = o
	if o.Number == "" {
		o.Number = o.ID
	}
	billing := v.Get("billingAddress")
	o.Customer = waxwing.Customer{
		ID:        shop.Clean(v.Get("customerId").Text(), shop.MaxNumber),
		FirstName: shop.Clean(billing.Get("firstName").Text(), shop.MaxName),
		LastName:  shop.Clean(billing.Get("lastName").Text(), shop.MaxName),
		Email:     shop.MailAddress(v.Get("customerEmail").Text()),
		Phone:     shop.Clean(billing.Get("phone").Text(), shop.MaxPhone),
	}
	r.delivery()
	for _, f := range v.Get("formSubmission").Items() { // what the customer was asked at the checkout
		label, value := shop.Clean(f.Get("label").Text(), shop.MaxName), shop.CleanLines(shop.AsIs(f.Get("value").Text()), shop.MaxValue)
		if value != "" && len(o.Note) < shop.MaxNote/2 {
			o.Note = strings.TrimPrefix(o.Note+"\n"+strings.TrimPrefix(label+": "+value, ": "), "\n")
		}
	}
	o.Note = shop.CleanLines(o.Note, shop.MaxNote)
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
		Lines:      shop.StreetLines(v.Get("address1").Text(), v.Get("address2").Text()),
		City:       shop.Clean(v.Get("city").Text(), shop.MaxName),
		PostalCode: shop.Clean(v.Get("postalCode").Text(), shop.MaxName),
		Country:    shop.CountryCode(v.Get("countryCode").Trimmed()),
		Phone:      shop.Clean(v.Get("phone").Text(), shop.MaxPhone),
	}
	a.Name = shop.PersonName(shop.Clean(v.Get("firstName").Text(), shop.MaxName), shop.Clean(v.Get("lastName").Text(), shop.MaxName), a.Country)
	a.Region = shop.RegionName(a.Country, shop.Clean(v.Get("state").Text(), shop.MaxName))
	return shop.AddressOrNil(a)
}

// delivery reads how and where the order goes.
func (r *reader) delivery() {
	v, o := r.v, r.o
	o.Delivery.Shipped = v.Get("fulfillmentStatus").Trimmed() == "FULFILLED"
	o.Delivery.Method = shop.Clean(v.Get("shippingLines").At(0).Get("method").Text(), shop.MaxName)
	words := strings.ToLower(o.Delivery.Method)
	for _, w := range []string{"pickup", "pick up", "pick-up"} {
		o.Delivery.Pickup = o.Delivery.Pickup || strings.Contains(words, w)
	}
	if !o.Delivery.Pickup { // the address is the customer's
		o.Shipping = addressOf(v.Get("shippingAddress"))
	}
	for _, f := range v.Get("fulfillments").Items() {
		if o.Links.Tracking == "" {
			o.Links.Tracking = shop.Link(f.Get("trackingUrl").Text())
		}
	}
}

// amounts reads what the order cost, and for what.
func (r *reader) amounts() error {
	v, o := r.v, r.o
	if v.Get("grandTotal").Get("value").Trimmed() == "" {
		return errNoTotal
	}
	o.Total = r.amount(v.Get("grandTotal"), "grandTotal")
	switch {
	case r.money.Err != nil:
		return r.money.Err
	case o.Total.Minor < 0:
		return shop.ErrNegative
	}
	if err := shop.CheckLists(v, "lineItems", "discountLines", "shippingLines"); err != nil {
		return err
	}
	o.Subtotal, o.ShippingTotal = r.amount(v.Get("subtotal"), "subtotal"), r.amount(v.Get("shippingTotal"), "shippingTotal")
	o.DiscountTotal, o.TaxTotal = r.amount(v.Get("discountTotal"), "discountTotal"), r.amount(v.Get("taxTotal"), "taxTotal")
	o.Refunded = r.amount(v.Get("refundedTotal"), "refundedTotal")
	for i, d := range v.Get("discountLines").Items() {
		a := waxwing.Adjustment{Title: shop.Clean(d.First("promoCode", "name", "description"), shop.MaxName), Amount: r.amount(d.Get("amount"), "discountLines")}
		if !a.Amount.IsZero() && i < 100 && !o.DiscountTotal.IsZero() {
			o.Discounts = append(o.Discounts, a)
		}
	}
	for i, s := range v.Get("shippingLines").Items() {
		if a := (waxwing.Adjustment{Title: shop.Clean(s.Get("method").Text(), shop.MaxName), Amount: r.amount(s.Get("amount"), "shippingLines")}); i < 100 {
			o.Ship = append(o.Ship, a)
		}
	}
	o.TaxesIncluded = strings.EqualFold(v.Get("priceTaxInterpretation").Trimmed(), "INCLUSIVE")
	if !o.TaxesIncluded && !v.Get("priceTaxInterpretation").Given() && r.money.Err == nil {
		// Older answers do not say whether prices hold the tax: the total does.
		o.TaxesIncluded = !o.TaxTotal.IsZero() && r.money.Rows(o).Sub(o.TaxTotal) == o.Total
	}
	return r.items()
}

func (r *reader) items() error {
	list := r.v.Get("lineItems")
	for i, v := range list.Items() {
		it, err := r.item(v.Object())
		if err == nil {
			err = r.money.Err
		}
		if err != nil {
			return shop.InItem("lineItems", i, err)
		}
		if it.Quantity > 0 {
			r.o.Items = append(r.o.Items, it)
		}
	}
	if len(r.o.Items) == 0 && list.Given() {
		return errors.New("lineItems: none is left to confirm")
	}
	return r.money.Err
}

func (r *reader) item(v payload.Value) (it waxwing.Item, err error) {
	if v.Kind() != payload.Object {
		return it, errors.New("(line): not an object")
	}
	if it.Quantity, err = shop.Quantity(v.Get("quantity")); err != nil {
		return it, shop.InField("quantity", err)
	}
	if it.Quantity = max(it.Quantity, 0); it.Quantity == 0 {
		return it, nil
	}
	if price := v.Get("unitPricePaid"); price.Get("value").Trimmed() != "" {
		unit := r.amount(price, "unitPricePaid")
		total := r.money.Line("unitPricePaid.value", price.Get("value"), it.Quantity)
		it.Unit, it.Total = &unit, &total
	}
	it.SKU = shop.Clean(v.Get("sku").Text(), shop.MaxNumber)
	it.ProductID, it.VariantID = shop.Clean(v.Get("productId").Text(), shop.MaxNumber), shop.Clean(v.Get("variantId").Text(), shop.MaxNumber)
	it.Name = shop.Clean(v.Get("productName").Text(), shop.MaxItem)
	it.Name = shop.ItemName(&it)
	it.ImageURL = shop.Link(v.Get("imageUrl").Text())
	kind := v.Get("lineItemType").Trimmed()
	it.GiftCard, it.Digital = kind == "GIFT_CARD", kind == "DIGITAL" || kind == "GIFT_CARD" || kind == "SERVICE" || kind == "PAYWALL_PRODUCT"
	var chosen []string
	for _, c := range v.Get("variantOptions").Items() {
		if s := shop.Clean(c.Get("value").Text(), shop.MaxName); s != "" && len(chosen) < 6 {
			chosen = append(chosen, s)
		}
	}
	it.Variant = shop.Clean(strings.Join(chosen, " / "), shop.MaxName)
	for _, c := range v.Get("customizations").Items() {
		shop.AddProperty(&it, c.Get("label").Text(), shop.Readable(c.Get("value"), shop.AsIs))
	}
	return it, nil
}
