package squarespace

import (
	"context"
	"net/http"
	"net/url"

	"github.com/waxwinghq/waxwing"
)

// api asks the Orders API, whose address is https://api.squarespace.com.
var api = waxwing.ShopAPI{
	Sign: func(h http.Header, token waxwing.Secret) { h.Set("Authorization", "Bearer "+token.Reveal()) },
	Order: func(ctx context.Context, get waxwing.Get, id string) ([]byte, error) {
		return get(ctx, "/1.0/commerce/orders/"+url.PathEscape(id))
	},
}
