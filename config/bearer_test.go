package config

import (
	"strings"
	"testing"
)

// TestBearerKeys: a key is a text, or has a name; a short one is warned of.
func TestBearerKeys(t *testing.T) {
	const text = `
http: {admin_keys: [{name: root, key: "${LONG}"}, other-admin-key-0123]}
providers: {mail: {type: smtp, addr: "127.0.0.1:25", tls: none}}
tenants:
  acme:
    name: Acme
    from: orders@acme.example
    keys:
      - {name: anna, key: anna-anna-anna-anna}
      - plain-plain-plain
      - name: till
        key: "${SHORT}"
    shops: {shopify: {secret: shop-shop-shop-shop}}
`
	env := map[string]string{"LONG": "0123456789abcdef", "SHORT": "hush"}
	c, err := Parse("x.yaml", []byte(text), func(k string) (string, bool) { v, ok := env[k]; return v, ok }, Components)
	if err != nil {
		t.Fatal(err)
	}
	want := []BearerKey{{"anna", "anna-anna-anna-anna"}, {"", "plain-plain-plain"}, {"till", "hush"}}
	for i, k := range c.Tenants["acme"].Keys {
		if k.Name != want[i].Name || k.Key.Reveal() != want[i].Key.Reveal() {
			t.Errorf("%d: %s %s", i, k.Name, k.Key.Reveal())
		}
	}
	if a := c.HTTP.AdminKeys; len(a) != 2 || a[0].Name != "root" || a[0].Key.Reveal() != "0123456789abcdef" || a[1].Name != "" {
		t.Errorf("%+v", a)
	}
	w := c.Warnings()
	if len(w) != 1 || !strings.HasPrefix(w[0], "tenants.acme.keys[2] has 4 characters") || strings.Contains(w[0], "hush") {
		t.Errorf("%q", w)
	}
}
