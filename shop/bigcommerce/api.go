package bigcommerce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop"
)

// api asks the V2 API, whose address is https://api.bigcommerce.com/stores/HASH.
var api = waxwing.ShopAPI{
	Sign:  func(h http.Header, token waxwing.Secret) { h.Set("X-Auth-Token", token.Reveal()) },
	Order: ask,
}

// perPage is how many products a page has, and mostPages how many pages are asked for.
const (
	perPage   = 250
	mostPages = 8
)

// ask puts an order together from what the API gives in parts.
func ask(ctx context.Context, get waxwing.Get, id string) ([]byte, error) {
	path := "/v2/orders/" + url.PathEscape(id)
	order, err := get(ctx, path+"?include=fees")
	if err != nil {
		return nil, err
	}
	if len(order) == 0 {
		return nil, waxwing.ErrNotFound
	}
	parts := map[string][]byte{}
	if parts["products"], err = products(ctx, get, path); err != nil {
		return nil, err
	}
	for _, name := range []string{"shipping_addresses", "coupons"} {
		part, err := get(ctx, path+"/"+name+"?limit=250")
		if err != nil && !errors.Is(err, waxwing.ErrNotFound) {
			return nil, err
		}
		if len(part) == 0 { // 204: there are none
			part = []byte("[]")
		}
		parts[name] = part
	}
	return shop.Parts(order, parts)
}

// products are those of all pages.
func products(ctx context.Context, get waxwing.Get, path string) ([]byte, error) {
	all := []json.RawMessage{}
	for page := 1; ; page++ {
		b, err := get(ctx, fmt.Sprintf("%s/products?limit=%d&page=%d", path, perPage, page))
		if err != nil {
			return nil, err
		}
		var some []json.RawMessage
		if len(bytes.TrimSpace(b)) > 0 && json.Unmarshal(b, &some) != nil {
			return nil, errors.New("what the shop's API answers for products is no list")
		}
		switch all = append(all, some...); {
		case len(some) < perPage:
			return json.Marshal(all)
		case page == mostPages:
			return nil, waxwing.Permanent(fmt.Errorf("the order has more than %d products", perPage*mostPages))
		}
	}
}
