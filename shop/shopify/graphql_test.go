package shopify

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop/shoptest"
)

// The same order is the same whichever of Shopify's two APIs it was read from: its key, and what
// its mail would say.
func TestGraphQLIsTheSameOrder(t *testing.T) {
	for _, name := range []string{"presentment", "edited", "refunded", "japan-cash-on-delivery"} {
		t.Run(name, func(t *testing.T) {
			rest, err := os.ReadFile("testdata/" + name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			graph, err := os.ReadFile("testdata/graphql-" + name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			want, err := Format.Key("", rest)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := Format.Key("", graph); err != nil || got != want {
				t.Errorf("the key is %+v %v, want %+v", got, err, want)
			}
			a, err := Format.Normalise("", rest)
			if err != nil {
				t.Fatal(err)
			}
			b, err := Format.Normalise("", graph)
			if err != nil {
				t.Fatal(err)
			}
			for i := range a.Items {
				if name == "refunded" { // discounts of lines that the GraphQL API does not tell from those of the order
					a.Items[i].Discount = waxwing.Money{}
				}
			}
			if !reflect.DeepEqual(a, b) {
				x, _ := json.MarshalIndent(a, "", " ")
				y, _ := json.MarshalIndent(b, "", " ")
				t.Errorf("REST:\n%s\nGraphQL:\n%s", x, y)
			}
		})
	}
}

const graphFixture = "testdata/graphql-edited.json"

func TestGraphQLAnswers(t *testing.T) {
	raw := string(shoptest.With(t, shoptest.Payload(t, graphFixture), "", nil))
	for _, wrap := range []string{`%`, `{"data":{"order":%}}`, `{"data":{"node":%}}`, `{"data":{"orders":{"edges":[{"node":%}]}}}`, `{"orders":{"nodes":[%]}}`, `{"order":%}`} {
		k, err := Format.Key("", []byte(strings.Replace(wrap, "%", raw, 1)))
		if err != nil || k.OrderID != "9090" || k.Ignore != "" {
			t.Errorf("%s: %+v %v", wrap, k, err)
		}
	}
	for in, want := range map[string]string{
		`{"data":{"orders":{"nodes":[` + raw + `,` + raw + `]}}}`:                                                "several orders",
		`{"id":"gid://shopify/Order/0","createdAt":"2026-01-01T00:00:00Z","totalPriceSet":{}}`:                   "id: missing",
		`{"id":"gid://shopify/Order/1","id":"gid://shopify/Order/2","createdAt":"2026-01-01T00:00:00Z"}`:         "id: given twice",
		`{"data":{"order":{"id":"gid://shopify/Order/1","\u0069d":"gid://shopify/Order/2","totalPriceSet":{}}}}`: "id: given twice",
	} {
		if k, err := Format.Key("", []byte(in)); err == nil || !strings.Contains(err.Error(), want) || !waxwing.IsPermanent(err) {
			t.Errorf("%s: %+v %v, want %s", in, k, err, want)
		}
	}
	for in, want := range map[string]string{
		`{"data":{"draftOrder":{"id":"gid://shopify/DraftOrder/1","totalPriceSet":{}}}}`:      "neither total nor line items",
		`{"id":"gid://shopify/DraftOrder/1","totalPriceSet":{"shopMoney":{"amount":"1.0"}}}`:  "a draft",
		`{"id":"gid://shopify/LineItem/1","quantity":1,"__parentId":"gid://shopify/Order/1"}`: "another object of Shopify's",
		`{"id":"gid://shopify/Order/1","createdAt":"2026-01-01T00:00:00Z"}`:                   "neither total nor line items",
		`{"data":{"order":null}}`:          "neither total nor line items",
		`{"data":{"orders":{"nodes":[]}}}`: "neither total nor line items",
	} {
		if k, err := Format.Key("", []byte(in)); err != nil || !strings.Contains(k.Ignore, want) {
			t.Errorf("%s: %+v %v, want %s", in, k, err, want)
		}
	}
}

func TestGraphQLEdges(t *testing.T) {
	with := func(changes map[string]any) *waxwing.Order {
		t.Helper()
		m := shoptest.Payload(t, graphFixture)
		for k, v := range changes {
			shoptest.With(t, m, k, v)
		}
		o, err := Format.Normalise("", shoptest.With(t, m, "", nil))
		if err != nil {
			t.Fatal(err)
		}
		shoptest.Invariants(t, o)
		shoptest.AddsUp(t, o)
		return o
	}
	part := shoptest.With(t, shoptest.Payload(t, graphFixture), "lineItems.pageInfo", map[string]any{"hasNextPage": true})
	if _, err := Format.Key("", part); err == nil || !strings.Contains(err.Error(), "another page") {
		t.Errorf("a part of the lines is taken for all: %v", err)
	}
	if o := with(map[string]any{"displayFinancialStatus": "PAID", "cancelledAt": "2026-01-06T10:00:00Z"}); o.Cancelled.IsZero() || o.Payment.Status != waxwing.PaymentPaid {
		t.Error(o.Cancelled, o.Payment.Status)
	}
	for word, want := range map[string]waxwing.PaymentStatus{"AUTHORIZED": waxwing.PaymentAuthorized, "PARTIALLY_PAID": waxwing.PaymentPartlyPaid, "EXPIRED": waxwing.PaymentFailed,
		"VOIDED": waxwing.PaymentVoided, "": waxwing.PaymentUnknown} {
		if o := with(map[string]any{"displayFinancialStatus": word}); o.Payment.Status != want {
			t.Errorf("%s: %s", word, o.Payment.Status)
		}
	}
	place := map[string]any{"name": "Souq", "address1": "Block 1", "city": "Kuwait City", "countryCode": "KW"}
	o := with(map[string]any{"shippingLines": map[string]any{"nodes": []any{map[string]any{"title": "Souq", "originalPriceSet": nil}}},
		"fulfillmentOrders": map[string]any{"nodes": []any{map[string]any{"deliveryMethod": map[string]any{"methodType": "PICK_UP"}, "assignedLocation": place}}}})
	if !o.Delivery.Pickup || o.Shipping == nil || o.Shipping.Name != "Souq" || o.Shipping.City != "Kuwait City" {
		t.Errorf("%+v %+v", o.Delivery, o.Shipping)
	}
	// A tip that stands among the lines, too, counts once.
	tip := map[string]any{"shopMoney": map[string]any{"amount": "1.000", "currencyCode": "KWD"}}
	m := shoptest.Payload(t, graphFixture)
	lines := m["lineItems"].(map[string]any)
	lines["nodes"] = append(lines["nodes"].([]any), map[string]any{"id": "gid://shopify/LineItem/9", "title": "Tip", "quantity": 1, "product": nil, "variant": nil, "originalUnitPriceSet": tip})
	total := map[string]any{"shopMoney": map[string]any{"amount": "13.500", "currencyCode": "KWD"}}
	m["totalTipReceivedSet"], m["totalPriceSet"], m["currentTotalPriceSet"] = tip, total, total
	o, err := Format.Normalise("", shoptest.With(t, m, "", nil))
	if err != nil || o.Tip.Decimal() != "1.000" || len(o.Items) != 2 || len(o.Notices) != 0 || o.Total.Decimal() != "13.500" {
		t.Errorf("%v %+v", err, o)
	}
}
