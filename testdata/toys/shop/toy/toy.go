// Package toy reads the orders of a shop that has hardly a word for them.
package toy

import (
	"errors"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Format reads a line: number, address, language and SKU, with spaces between.
var Format = waxwing.Format{Name: "toy", Key: toyKey, Normalise: toyOrder}

func toyWords(raw []byte) ([]string, error) {
	w := strings.Fields(string(raw))
	if len(w) != 4 {
		return nil, waxwing.Permanent(errors.New("a toy order has four words"))
	}
	return w, nil
}

func toyKey(_ string, raw []byte) (waxwing.EventKey, error) {
	w, err := toyWords(raw)
	if err != nil {
		return waxwing.EventKey{}, err
	}
	return waxwing.EventKey{OrderID: w[0]}, nil
}

func toyOrder(_ string, raw []byte) (*waxwing.Order, error) {
	w, err := toyWords(raw)
	if err != nil {
		return nil, err
	}
	price := waxwing.Money{Minor: 1250, Currency: "EUR"}
	return &waxwing.Order{Format: "toy", ID: w[0], Number: "TOY-" + w[0], Locale: w[2], Currency: "EUR", PlacedAt: time.Now(),
		Customer: waxwing.Customer{FirstName: "Aino", Email: w[1]}, Payment: waxwing.Payment{Status: waxwing.PaymentPaid},
		Items:    []waxwing.Item{{SKU: w[3], Name: w[3], Quantity: 1, Unit: &price, Total: &price}},
		Subtotal: price, Total: price}, nil
}
