package templates_test

import (
	"fmt"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/locales"
	"github.com/waxwinghq/waxwing/templates"
)

func ExampleSet_Render() {
	set, err := templates.Builtin()
	if err != nil {
		fmt.Println(err)
		return
	}
	c, _ := locales.Builtin() // built in
	en, _ := c.Locale("en")
	mug := waxwing.Money{Minor: 1950, Currency: "EUR"}
	order := &waxwing.Order{Number: "#1042", Currency: "EUR", Total: mug, Subtotal: mug, Customer: waxwing.Customer{FirstName: "Ida"},
		Items: []waxwing.Item{{Name: "Mug", Quantity: 1, Total: &mug}}, Payment: waxwing.Payment{Status: waxwing.PaymentPaid}}
	var m templates.Mail
	fmt.Println(set.Render(&templates.Input{Order: order, Locale: en}, &m))
	fmt.Println(m.Subject)
	// Output:
	// <nil>
	// Ida, your order #1042 is confirmed
}

func ExampleSegments() {
	fmt.Println(templates.Segments("Your order #1042 is confirmed."))
	fmt.Println(templates.Segments("注文 #1042 を承りました。"))
	// Output:
	// gsm-7 1
	// ucs-2 1
}
