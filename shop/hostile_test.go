package shop

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Poison in every string of every payload is neutralised or refused.
func TestHostileInput(t *testing.T) {
	for _, poison := range []string{"\r\nBcc: evil@example.com", "\x00", "\x1b[2J", "\u202e\u2066", "{{{x}}}<script>alert(1)</script>",
		"\u2028\u0085", "=?utf-8?q?x?=", strings.Repeat("Z\u0351", 5000), "\U000E0041\ufeff\u200b"} {
		for name, f := range formats {
			files, _ := filepath.Glob("testdata/" + name + "/*.json")
			for _, file := range files {
				if strings.HasSuffix(file, ".golden.json") {
					continue
				}
				m := payload(t, name+"/"+filepath.Base(file))
				raw, err := json.Marshal(spread(m, poison))
				if err != nil {
					t.Fatal(err)
				}
				if o, err := f.Normalise("", raw); err == nil {
					invariants(t, o)
				} else if p := strings.TrimSpace(poison); p != "" && strings.Contains(err.Error(), p) {
					t.Errorf("%s: the error repeats the poison", file)
				}
				_, _ = f.Key("", raw)
				for _, path := range hostilePaths[name] {
					m := payload(t, name+"/"+filepath.Base(file))
					if o, err := f.Normalise("", with(t, m, path, "Jo"+poison)); err == nil {
						invariants(t, o)
					}
				}
			}
		}
	}
}

var hostilePaths = map[string][]string{
	"shopify":     {"email", "name", "note", "customer_locale", "order_status_url", "line_items.0.title", "customer.first_name"},
	"woocommerce": {"number", "customer_note", "payment_method_title", "line_items.0.name", "billing.email", "billing.last_name"},
	"generic":     {"number", "note", "items.0.name", "customer.email"},
}

func TestJSONBombs(t *testing.T) {
	for name, bomb := range map[string]string{
		"depth":   strings.Repeat(`{"a":`, 100_000),
		"arrays":  strings.Repeat("[", 500_000) + strings.Repeat("]", 500_000),
		"objects": "[" + strings.Repeat("{},", 300_000) + "{}]",
		"string":  `{"id":"` + strings.Repeat("1", 1<<20) + `"}`,
		"number":  `{"id":` + strings.Repeat("1", 1<<20) + `}`,
	} {
		for shop, f := range formats {
			if k, err := f.Key("", []byte(bomb)); err == nil && k.Ignore == "" {
				t.Errorf("%s: %s got a key", shop, name)
			}
			if _, err := f.Normalise("", []byte(bomb)); err == nil {
				t.Errorf("%s: %s became an order", shop, name)
			}
		}
	}
}

func fuzzFormat(f *testing.F, name string) {
	format := formats[name]
	files, _ := filepath.Glob("testdata/" + name + "/*.json")
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"id":1,"currency":"JPY","total":1e3,"total_price":"-0","line_items":[{"quantity":"1"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		key, keyErr := format.Key("", raw)
		if keyErr == nil && key.Ignore == "" && key.OrderID == "" {
			t.Fatal("no id and no reason")
		}
		o, err := format.Normalise("", raw)
		if err != nil {
			return
		}
		if keyErr != nil {
			t.Fatalf("an order without a key: %v", keyErr)
		}
		if key.Ignore == "" && key.OrderID != o.ID {
			t.Fatal("the key names another order")
		}
		invariants(t, o)
		addsUp(t, o)
	})
}

func FuzzShopify(f *testing.F)     { fuzzFormat(f, "shopify") }
func FuzzWooCommerce(f *testing.F) { fuzzFormat(f, "woocommerce") }
func FuzzGeneric(f *testing.F)     { fuzzFormat(f, "generic") }
