package square

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop"
)

// api asks Square, at https://connect.squareup.com.
var api = waxwing.ShopAPI{
	Sign:  func(h http.Header, token waxwing.Secret) { h.Set("Authorization", "Bearer "+token.Reveal()) },
	Order: ask,
}

// ask asks for the order, and where it does not say to whom a mail may go, for its customer.
func ask(ctx context.Context, get waxwing.Get, id string) ([]byte, error) {
	raw, err := get(ctx, "/v2/orders/"+url.PathEscape(id))
	if err != nil || len(raw) == 0 {
		return raw, err
	}
	var answer struct {
		Order struct {
			Customer     string `json:"customer_id"`
			Fulfillments []map[string]json.RawMessage
		}
	}
	if json.Unmarshal(raw, &answer) != nil || answer.Order.Customer == "" || len(answer.Order.Fulfillments) == 0 || len(answer.Order.Customer) > 192 {
		return raw, nil // what is wrong with it is the format's to say
	}
	who, err := get(ctx, "/v2/customers/"+url.PathEscape(answer.Order.Customer))
	if errors.Is(err, waxwing.ErrNotFound) || errors.Is(err, waxwing.ErrRefused) || err == nil && len(who) == 0 {
		return raw, nil
	}
	if err != nil {
		return nil, err
	}
	var found struct{ Customer json.RawMessage }
	if json.Unmarshal(who, &found) != nil {
		return raw, nil
	}
	return shop.Parts(raw, map[string][]byte{"customer": found.Customer})
}
