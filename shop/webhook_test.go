package shop_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop/generic"
	"github.com/waxwinghq/waxwing/shop/shopify"
	"github.com/waxwinghq/waxwing/shop/woocommerce"
)

func signature(raw, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(raw))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func TestVerify(t *testing.T) {
	const raw = `{"id":1} `
	for name, f := range map[string]struct {
		format waxwing.Format
		header string
	}{"shopify": {shopify.Format, "X-Shopify-Hmac-Sha256"}, "woocommerce": {woocommerce.Format, "X-WC-Webhook-Signature"}} {
		for what, c := range map[string]struct {
			sig     string
			body    string
			secrets []waxwing.Secret
			want    bool
		}{
			"right":              {signature(raw, "new"), raw, []waxwing.Secret{"new"}, true},
			"the older secret":   {signature(raw, "old"), raw, []waxwing.Secret{"new", "old"}, true},
			"another secret":     {signature(raw, "evil"), raw, []waxwing.Secret{"new", "old"}, false},
			"no secrets":         {signature(raw, ""), raw, nil, false},
			"an empty secret":    {signature(raw, ""), raw, []waxwing.Secret{""}, false},
			"no signature":       {"", raw, []waxwing.Secret{"new"}, false},
			"not base64":         {"%%%", raw, []waxwing.Secret{"new"}, false},
			"cut off":            {signature(raw, "new")[:20], raw, []waxwing.Secret{"new"}, false},
			"one byte different": {signature(raw, "new"), `{"id":1}`, []waxwing.Secret{"new"}, false},
		} {
			h := http.Header{}
			h.Set(f.header, c.sig)
			if got := f.format.Verify(h, []byte(c.body), c.secrets); got != c.want {
				t.Errorf("%s, %s: %v", name, what, got)
			}
		}
	}
	if generic.Format.Verify != nil || generic.Format.Topic != nil {
		t.Error("the generic format has webhooks")
	}
}

func TestTopics(t *testing.T) {
	h := http.Header{}
	h.Set("X-Shopify-Topic", "orders/paid")
	h.Set("X-WC-Webhook-Topic", "order.created")
	if shopify.Format.Topic(h) != "orders/paid" || woocommerce.Format.Topic(h) != "order.created" {
		t.Error("topic")
	}
	for topic, want := range map[string]string{
		"products/create":    "not a topic of completed orders products/create",
		"orders/edited":      "not a topic of completed orders orders/edited",
		"a@b.example":        "not a topic of completed orders",
		"x\r\ny":             "not a topic of completed orders",
		"customers/redact\t": "not a topic of completed orders",
	} {
		if key, err := shopify.Format.Key(topic, []byte("not even JSON")); err != nil || key.Ignore != want {
			t.Errorf("%q: %v %v", topic, key, err)
		}
	}
	for raw, topic := range map[string]string{"webhook_id=12": "", "webhook_id=7\n": "order.created", `{"id":1}`: "order.deleted",
		`{"id":7,"total":"1","status":"checkout-draft"}`: "order.created"} {
		if key, err := woocommerce.Format.Key(topic, []byte(raw)); err != nil || key.Ignore == "" || key.OrderID != "" {
			t.Errorf("%q: %v %v", raw, key, err)
		}
	}
	for _, raw := range []string{"webhook_id=", "webhook_id=x", "webhook_id=1&a=b", "id=1", "{}"} {
		if woocommerce.Ping([]byte(raw)) {
			t.Errorf("%q is a ping", raw)
		}
	}
}
