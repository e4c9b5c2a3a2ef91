package shopify

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// object is an object of the REST API that is being written.
type object map[string]any

// What is wrong with answers that hold more than one order, or less.
var (
	errSeveral = errors.New("orders: a list of several orders: send each by itself")
	// A part would be taken for all, and tells not whether lines were taken out.
	errPart = errors.New("a connection has another page (hasNextPage): ask for more of lineItems, shippingLines and discountApplications, such as first: 250, and send the order whole")
)

// read reads an event. An order of the GraphQL Admin API becomes that of the REST API, so that
// both are read by one reader and cannot differ.
func read(raw []byte) (*payload.Document, error) {
	d, err := payload.ReadBytes(raw)
	if err != nil {
		return nil, err
	}
	v, err := graphQL(d.Root())
	if err != nil || v.Kind() == payload.Absent {
		if err != nil {
			d.Release()
			return nil, shop.PayloadError("Shopify", err)
		}
		return d, nil
	}
	rest, err := json.Marshal(restOrder(v))
	d.Release()
	if err != nil {
		return nil, shop.PayloadError("Shopify", errors.New("the order cannot be written anew"))
	}
	return payload.ReadBytes(rest)
}

// graphQL finds an order of the GraphQL API, bare or in an answer; Absent where there is none.
func graphQL(v payload.Value) (payload.Value, error) {
	v = v.Object()
	if w := v.Get("data").Object(); w.Kind() == payload.Object && !v.Get("id").Given() {
		v = w
	}
	if !v.Get("id").Given() {
		if list := v.Get("orders").Object(); list.Get("nodes").Given() || list.Get("edges").Given() {
			found := nodes(list)
			if len(found) > 1 {
				return payload.Value{}, errSeveral
			}
			if len(found) == 1 {
				v = found[0].Object()
			}
		}
		for _, name := range []string{"order", "node"} {
			if w := v.Get(name).Object(); w.Kind() == payload.Object && !v.Get("id").Given() {
				v = w
			}
		}
	}
	if !strings.HasPrefix(v.Get("id").Text(), "gid://shopify/Order/") {
		return payload.Value{}, nil
	}
	for _, only := range []string{"totalPriceSet", "currentTotalPriceSet", "displayFinancialStatus", "currencyCode", "lineItems", "createdAt", "updatedAt", "processedAt"} {
		if v.Get(only).Kind() != payload.Absent {
			if v.Twice("id") {
				return payload.Value{}, shop.ErrTwoIDs
			}
			for _, list := range []string{"lineItems", "shippingLines", "discountApplications"} {
				if v.Get(list).Get("pageInfo").Get("hasNextPage").Bool() {
					return payload.Value{}, errPart
				}
			}
			return v, nil
		}
	}
	return payload.Value{}, nil
}

// nodes are the items of a connection, or of a list.
func nodes(v payload.Value) (out []payload.Value) {
	if v.Kind() == payload.Object {
		switch {
		case v.Get("nodes").Given():
			v = v.Get("nodes")
		case v.Get("edges").Given():
			for _, e := range v.Get("edges").Items() {
				if n := e.Get("node"); n.Given() {
					out = append(out, n)
				}
			}
			return out
		default:
			return nil
		}
	}
	for _, n := range v.Items() {
		out = append(out, n)
	}
	return out
}

// each writes the items of a connection.
func each(v payload.Value, write func(payload.Value) object) []object {
	list := nodes(v)
	out := make([]object, 0, len(list))
	for _, n := range list {
		out = append(out, write(n))
	}
	return out
}

// scalar is a text, a number or a yes or no as the REST API has it; nil where there is none.
func scalar(v payload.Value) any {
	switch v.Kind() {
	case payload.True, payload.False:
		return v.Kind() == payload.True
	case payload.String, payload.Number:
		return v.Text()
	}
	return nil
}

// copied writes the fields that both APIs have, each under its REST name.
func copied(v payload.Value, names ...[2]string) object {
	o := object{}
	for _, n := range names {
		if s := scalar(v.Get(n[0])); s != nil {
			o[n[1]] = s
		}
	}
	return o
}

// number is the number at the end of an id (gid://shopify/LineItem/1), or the id where it is none.
func number(v payload.Value) any {
	s := v.Trimmed()
	if rest, ok := strings.CutPrefix(s, "gid://shopify/"); ok {
		_, s, _ = strings.Cut(rest, "/")
		s, _, _ = strings.Cut(s, "?")
	}
	if s == "" {
		return nil
	}
	return s
}

// lower is an enumeration's word as the REST API writes it.
func lower(v payload.Value) string { return strings.ToLower(v.Trimmed()) }

// money writes an amount in both currencies; nil where there is none.
func money(v payload.Value) any {
	if v.Kind() != payload.Object {
		return nil
	}
	bag := object{}
	for _, side := range [][2]string{{"shopMoney", "shop_money"}, {"presentmentMoney", "presentment_money"}} {
		if m := v.Get(side[0]); m.Kind() == payload.Object {
			bag[side[1]] = copied(m, [2]string{"amount", "amount"}, [2]string{"currencyCode", "currency_code"})
		}
	}
	return bag
}

// restOrder writes an order as the REST API has it.
func restOrder(v payload.Value) object {
	o := copied(v, [2]string{"id", "id"}, [2]string{"name", "name"}, [2]string{"number", "order_number"}, [2]string{"test", "test"},
		[2]string{"customerLocale", "customer_locale"}, [2]string{"currencyCode", "currency"}, [2]string{"createdAt", "created_at"},
		[2]string{"updatedAt", "updated_at"}, [2]string{"processedAt", "processed_at"}, [2]string{"cancelledAt", "cancelled_at"},
		[2]string{"note", "note"}, [2]string{"poNumber", "po_number"}, [2]string{"taxesIncluded", "taxes_included"}, [2]string{"confirmed", "confirmed"},
		[2]string{"email", "email"}, [2]string{"phone", "phone"}, [2]string{"statusPageUrl", "order_status_url"}, [2]string{"sourceName", "source_name"})
	for _, f := range [][2]string{{"totalPriceSet", "total_price_set"}, {"subtotalPriceSet", "subtotal_price_set"}, {"totalDiscountsSet", "total_discounts_set"},
		{"totalTaxSet", "total_tax_set"}, {"totalShippingPriceSet", "total_shipping_price_set"}, {"totalTipReceivedSet", "total_tip_received_set"},
		{"originalTotalDutiesSet", "original_total_duties_set"}, {"originalTotalAdditionalFeesSet", "original_total_additional_fees_set"},
		{"totalOutstandingSet", "total_outstanding_set"}, {"currentTotalPriceSet", "current_total_price_set"},
		{"currentTotalDiscountsSet", "current_total_discounts_set"}, {"currentTotalTaxSet", "current_total_tax_set"},
		{"currentTotalDutiesSet", "current_total_duties_set"}, {"currentTotalAdditionalFeesSet", "current_total_additional_fees_set"}} {
		if m := money(v.Get(f[0])); m != nil {
			o[f[1]] = m
		}
	}
	if m := money(v.Get("totalCashRoundingAdjustment").Get("paymentSet")); m != nil {
		o["total_cash_rounding_payment_adjustment_set"] = m
	}
	o["financial_status"] = lower(v.Get("displayFinancialStatus"))
	switch s := lower(v.Get("displayFulfillmentStatus")); s {
	case "fulfilled":
		o["fulfillment_status"] = s
	case "partially_fulfilled":
		o["fulfillment_status"] = "partial"
	}
	restPeople(v, o)
	restLines(v, o)
	restPayment(v, o)
	return o
}

func restPeople(v payload.Value, o object) {
	for _, a := range [][2]string{{"billingAddress", "billing_address"}, {"shippingAddress", "shipping_address"}} {
		if w := v.Get(a[0]); w.Kind() == payload.Object {
			o[a[1]] = restAddress(w)
		}
	}
	if c := v.Get("customer"); c.Kind() == payload.Object {
		who := copied(c, [2]string{"firstName", "first_name"}, [2]string{"lastName", "last_name"}, [2]string{"email", "email"}, [2]string{"phone", "phone"})
		who["id"] = number(c.Get("id"))
		if s := c.Get("defaultEmailAddress").First("emailAddress"); s != "" {
			who["email"] = s
		}
		if s := c.Get("defaultPhoneNumber").First("phoneNumber"); s != "" {
			who["phone"] = s
		}
		o["customer"] = who
	}
	o["note_attributes"] = each(v.Get("customAttributes"), restAttribute)
}

func restAttribute(v payload.Value) object {
	return copied(v, [2]string{"key", "name"}, [2]string{"value", "value"})
}

func restAddress(v payload.Value) object {
	a := copied(v, [2]string{"name", "name"}, [2]string{"firstName", "first_name"}, [2]string{"lastName", "last_name"}, [2]string{"company", "company"},
		[2]string{"address1", "address1"}, [2]string{"address2", "address2"}, [2]string{"city", "city"}, [2]string{"province", "province"},
		[2]string{"provinceCode", "province_code"}, [2]string{"zip", "zip"}, [2]string{"country", "country"}, [2]string{"phone", "phone"})
	a["country_code"] = v.First("countryCodeV2", "countryCode")
	return a
}
