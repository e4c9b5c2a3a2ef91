package postgres

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/waxwinghq/waxwing"
)

// differences collects what is not the same.
type differences []string

func (d *differences) text(what, want, got string) {
	if want != got {
		*d = append(*d, fmt.Sprintf("%s: API %q, here %q", what, want, got))
	}
}

// money holds an amount in whole units against ours, rounded to the currency's places.
func (d *differences) money(what string, want float64, got waxwing.Money) {
	scale := math.Pow10(waxwing.Decimals(got.Currency))
	n, _ := strconv.ParseFloat(got.Decimal(), 64)
	// An amount that lies on a half is rounded either way by binary fractions.
	if off := math.Abs(want*scale - n*scale); off > 0.5+1e-6 {
		*d = append(*d, fmt.Sprintf("%s: API %v, here %s", what, want, got.Decimal()))
	}
}

func (d *differences) cents(what string, want int64, got waxwing.Money) {
	if got.Minor != want {
		*d = append(*d, fmt.Sprintf("%s: API %d, here %d", what, want, got.Minor))
	}
}

// rows finds what rounding left between the shown rows and the total; more than a minor unit a row is no rounding.
func (d *differences) rows(o *waxwing.Order) {
	if len(o.Notices) > 0 {
		*d = append(*d, strings.Join(o.Notices, ", "))
	}
	for _, r := range o.Remainder {
		if r.Kind != waxwing.Rounding {
			*d = append(*d, fmt.Sprintf("a row %s of %s", r.Kind, r.Amount.Decimal()))
		}
	}
}

func sameVendure(o *waxwing.Order, told json.RawMessage) (d []string) {
	var a struct {
		Code, Locale, CurrencyCode, State    string
		Total, TotalWithTax, ShippingWithTax int64
		Customer                             struct{ EmailAddress, FirstName, LastName string }
		ShippingAddress                      struct{ FullName, StreetLine1, City, PostalCode, CountryCode string }
		BillingAddress                       struct{ FullName string }
		Lines                                []struct {
			Quantity                           int64
			UnitPriceWithTax, LinePriceWithTax int64
			ProductVariant                     struct{ SKU, Name string }
		}
		Discounts []struct {
			Description   string
			AmountWithTax int64
		}
		Surcharges []struct {
			Description  string
			PriceWithTax int64
		}
		ShippingLines []struct {
			ShippingMethod                       struct{ Name string }
			PriceWithTax, DiscountedPriceWithTax int64
		}
		TaxSummary []struct {
			Description string
			TaxTotal    int64
		}
	}
	if err := json.Unmarshal(told, &a); err != nil {
		return []string{err.Error()}
	}
	var x differences
	defer func() { d = x }()
	x.text("id", a.Code, o.ID)
	x.text("locale", a.Locale, o.Locale)
	x.text("currency", a.CurrencyCode, o.Currency)
	x.text("e-mail", a.Customer.EmailAddress, o.Customer.Email)
	x.text("name", a.Customer.FirstName+" "+a.Customer.LastName, o.Customer.FullName())
	x.text("address", strings.Join([]string{a.ShippingAddress.FullName, a.ShippingAddress.StreetLine1, a.ShippingAddress.City, a.ShippingAddress.PostalCode, a.ShippingAddress.CountryCode}, "|"),
		strings.Join([]string{o.Shipping.Name, strings.Join(o.Shipping.Lines, " "), o.Shipping.City, o.Shipping.PostalCode, o.Shipping.Country}, "|"))
	if a.BillingAddress.FullName != "" {
		x.text("billing name", a.BillingAddress.FullName, o.Billing.Name)
	}
	x.text("payment", map[string]string{"PaymentSettled": "paid", "PaymentAuthorized": "authorized"}[a.State], string(o.Payment.Status))
	x.cents("total", a.TotalWithTax, o.Total)
	x.cents("tax", a.TotalWithTax-a.Total, o.TaxTotal)
	if len(a.Lines) != len(o.Items) || len(a.Surcharges) != len(o.Fees) || len(a.ShippingLines) != len(o.Ship) || len(a.Discounts) != len(o.Discounts) {
		x = append(x, "another number of rows")
		return nil
	}
	for i, l := range a.Lines {
		it := o.Items[i]
		x.text("sku", l.ProductVariant.SKU, it.SKU)
		x.text("product", l.ProductVariant.Name, it.Name)
		x.cents("quantity", l.Quantity, waxwing.Money{Minor: it.Quantity})
		x.cents("line", l.LinePriceWithTax, *it.Total)
		if it.Unit != nil {
			x.cents("unit", l.UnitPriceWithTax, *it.Unit)
		}
	}
	off := int64(0)
	for i, l := range a.Discounts {
		off -= l.AmountWithTax
		x.text("discount", l.Description, o.Discounts[i].Title)
		x.cents("discount", -l.AmountWithTax, o.Discounts[i].Amount)
	}
	x.cents("discounts", off, o.DiscountTotal)
	for i, l := range a.Surcharges {
		x.text("surcharge", l.Description, o.Fees[i].Title)
		x.cents("surcharge", l.PriceWithTax, o.Fees[i].Amount)
	}
	for i, l := range a.ShippingLines {
		x.text("shipping", l.ShippingMethod.Name, o.Ship[i].Title)
		x.cents("shipping", l.PriceWithTax, o.Ship[i].Amount)
	}
	for _, l := range a.TaxSummary {
		for _, r := range o.Taxes {
			if r.Title == l.Description {
				x.cents("tax of "+l.Description, l.TaxTotal, r.Amount)
			}
		}
	}
	x.rows(o)
	return nil
}

func sameMedusa(o *waxwing.Order, told json.RawMessage) (d []string) {
	type address struct {
		FirstName  string `json:"first_name"`
		LastName   string `json:"last_name"`
		Company    string
		Address1   string `json:"address_1"`
		Address2   string `json:"address_2"`
		City       string
		PostalCode string `json:"postal_code"`
		Country    string `json:"country_code"`
	}
	var a struct {
		Pay   string
		Order struct {
			ID, Email                string
			Currency                 string `json:"currency_code"`
			Total                    float64
			TaxTotal                 float64 `json:"tax_total"`
			DiscountTotal            float64 `json:"discount_total"`
			DiscountSubtotal         float64 `json:"discount_subtotal"`
			OriginalShippingTotal    float64 `json:"original_shipping_total"`
			OriginalShippingSubtotal float64 `json:"original_shipping_subtotal"`
			Shipping                 address `json:"shipping_address"`
			Billing                  address `json:"billing_address"`
			Items                    []struct {
				Title, ID        string
				VariantTitle     string `json:"variant_title"`
				SKU              string `json:"variant_sku"`
				Quantity         int64
				OriginalTotal    float64 `json:"original_total"`
				OriginalSubtotal float64 `json:"original_subtotal"`
			}
		}
	}
	if err := json.Unmarshal(told, &a); err != nil {
		return []string{err.Error()}
	}
	var x differences
	defer func() { d = x }()
	x.text("id", a.Order.ID, o.ID)
	x.text("currency", strings.ToUpper(a.Order.Currency), o.Currency)
	x.text("e-mail", a.Order.Email, o.Customer.Email)
	x.text("name", a.Order.Shipping.FirstName+" "+a.Order.Shipping.LastName, o.Customer.FullName())
	for what, c := range map[string]struct {
		told address
		got  *waxwing.Address
	}{"shipping": {a.Order.Shipping, o.Shipping}, "billing": {a.Order.Billing, o.Billing}} {
		x.text(what, strings.TrimSpace(strings.Join([]string{c.told.Company, c.told.Address1, c.told.Address2, c.told.City, c.told.PostalCode, strings.ToUpper(c.told.Country)}, " ")),
			strings.TrimSpace(strings.Join([]string{c.got.Company, c.got.Lines[0], strings.Join(c.got.Lines[1:], " "), c.got.City, c.got.PostalCode, c.got.Country}, " ")))
	}
	x.text("payment", map[string]string{"authorize": "authorized", "capture": "paid", "defer": "pending"}[a.Pay], string(o.Payment.Status))
	off, ship := a.Order.DiscountTotal, a.Order.OriginalShippingTotal
	if !o.TaxesIncluded {
		off, ship = a.Order.DiscountSubtotal, a.Order.OriginalShippingSubtotal
	}
	x.money("total", a.Order.Total, o.Total)
	x.money("tax", a.Order.TaxTotal, o.TaxTotal)
	x.money("discount", off, o.DiscountTotal)
	x.money("shipping", ship, o.ShippingTotal)
	if len(a.Order.Items) != len(o.Items) {
		x = append(x, "another number of items")
		return nil
	}
	for _, l := range a.Order.Items {
		found := false
		for _, it := range o.Items {
			if it.SKU != l.SKU {
				continue
			}
			found = true
			x.text("title", l.Title, it.Name)
			x.text("variant", l.VariantTitle, it.Variant)
			x.cents("quantity", l.Quantity, waxwing.Money{Minor: it.Quantity})
			line := l.OriginalTotal
			if !o.TaxesIncluded {
				line = l.OriginalSubtotal
			}
			x.money("line", line, *it.Total)
		}
		if !found {
			x = append(x, "no line "+l.SKU)
		}
	}
	x.rows(o)
	return nil
}
