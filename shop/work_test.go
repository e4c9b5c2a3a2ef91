package shop_test

import (
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"net/http"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop"
	"github.com/waxwinghq/waxwing/shop/foreign"
	"github.com/waxwinghq/waxwing/shop/magento"
	"github.com/waxwinghq/waxwing/shop/shopify"
	"github.com/waxwinghq/waxwing/shop/shopware"
	"github.com/waxwinghq/waxwing/shop/square"
	"github.com/waxwinghq/waxwing/shop/squarespace"
	"github.com/waxwinghq/waxwing/shop/woocommerce"
)

// counting is a hash that counts.
type counting struct {
	hash.Hash
	n *int
}

func (c counting) Write(b []byte) (int, error) {
	*c.n += len(b)
	return c.Hash.Write(b)
}

// Each format hashes the whole body once a secret, whatever its header holds.
func TestVerifyDoesTheSameWork(t *testing.T) {
	n := 0
	shop.SetHash(func() hash.Hash { return counting{sha256.New(), &n} })
	defer shop.SetHash(sha256.New)
	raw := make([]byte, 1<<20)
	first := -1
	for name, f := range map[string]struct {
		format waxwing.Format
		header string
	}{"shopify": {shopify.Format, "X-Shopify-Hmac-Sha256"}, "woocommerce": {woocommerce.Format, "X-WC-Webhook-Signature"}, "magento": {magento.Format, "X-Magento-Signature"}, "shopware": {shopware.Format, "Shopware-Shop-Signature"},
		"square": {square.Format, "X-Square-Hmacsha256-Signature"}, "squarespace": {squarespace.Format, "Squarespace-Signature"}, "plugin": {foreign.Format("/id", "/updated_at", "X-Signature"), "X-Signature"}} {
		for _, sig := range []string{"", "%%%", "YQ==", base64.StdEncoding.EncodeToString(make([]byte, 32)), "sha256=00"} {
			for _, other := range []bool{false, true} {
				h := http.Header{}
				if h.Set(f.header, sig); other {
					h = http.Header{"X-Other": {sig}}
				}
				n = 0
				if f.format.Verify(h, raw, []waxwing.Secret{"one", "two"}) {
					t.Errorf("%s takes %q", name, sig)
				}
				if first < 0 {
					first = n
				}
				if n != first || n < 2*len(raw) {
					t.Errorf("%s with %q: %d bytes hashed, want %d", name, sig, n, first)
				}
			}
		}
	}
}
