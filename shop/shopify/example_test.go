package shopify_test

import (
	"fmt"

	"github.com/waxwinghq/waxwing/shop/shopify"
)

// A format is pure functions over the raw event: its key, and the order.
func Example() {
	raw := []byte(`{"id": 1042, "name": "#1042", "email": "ida@mail.example", "currency": "EUR", "financial_status": "paid",
		"total_price": "39.00", "subtotal_price": "39.00", "updated_at": "2026-11-24T09:00:00Z",
		"line_items": [{"id": 1, "title": "Mug", "quantity": 2, "price": "19.50"}]}`)
	key, err := shopify.Format.Key("orders/paid", raw)
	if err != nil {
		fmt.Println(err)
		return
	}
	o, err := shopify.Format.Normalise("orders/paid", raw)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(key.OrderID, o.Number, o.Payment.Status, o.Total)
	for _, i := range o.Items {
		fmt.Println(i.Quantity, i.Name, i.Total)
	}
	// Output:
	// 1042 #1042 paid 39.00 EUR
	// 2 Mug 39.00 EUR
}
