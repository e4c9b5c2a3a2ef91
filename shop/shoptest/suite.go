// Package shoptest is what every format of shops passes: payloads that become the orders
// beside them, hostile input, and what holds for each order whatever it came from. A
// format's tests call Run, and a fuzz target Fuzz.
package shoptest

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
)

var update = flag.Bool("update", false, "write the goldens anew; read the diff before you believe it")

// Run holds a format to what all keep to. Its payloads are the package's testdata/*.json,
// with the order that each becomes beside it as *.golden.json; paths are places in them
// that a customer may fill, such as "line_items.0.name".
func Run(t *testing.T, f waxwing.Format, paths ...string) {
	files := payloads(t)
	if len(files) < 1 {
		t.Error("there are no payloads")
	}
	t.Run("goldens", func(t *testing.T) {
		for _, file := range files {
			t.Run(filepath.Base(file), func(t *testing.T) { golden(t, f, file) })
		}
	})
	t.Run("hostile", func(t *testing.T) { hostile(t, f, files, paths) })
	t.Run("bombs", func(t *testing.T) { bombs(t, f) })
}

// payloads are the files of the package under test, in one order.
func payloads(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, ".golden.json") })
}

// golden: a payload becomes the order beside it, and its totals add up.
func golden(t *testing.T, f waxwing.Format, file string) {
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	o, err := f.Normalise("", raw)
	if err != nil {
		t.Fatal(err)
	}
	Invariants(t, o)
	AddsUp(t, o)
	got, err := json.MarshalIndent(o, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	name := strings.TrimSuffix(file, ".json") + ".golden.json"
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("another order than %s:\n%s", name, got)
	}
}

// hostile: poison in every string of every payload is neutralised or refused.
func hostile(t *testing.T, f waxwing.Format, files, paths []string) {
	for _, poison := range []string{"\r\nBcc: evil@example.com", "\x00", "\x1b[2J", "\u202e\u2066", "{{{x}}}<script>alert(1)</script>",
		"\u2028\u0085", "=?utf-8?q?x?=", strings.Repeat("Z\u0351", 5000), "\U000E0041\ufeff\u200b"} {
		for _, file := range files {
			raw, err := json.Marshal(spread(Payload(t, file), poison))
			if err != nil {
				t.Fatal(err)
			}
			if o, err := f.Normalise("", raw); err == nil {
				Invariants(t, o)
			} else if p := strings.TrimSpace(poison); p != "" && strings.Contains(err.Error(), p) {
				t.Errorf("%s: the error repeats the poison", file)
			}
			_, _ = f.Key("", raw)
			for _, path := range paths {
				if o, err := f.Normalise("", With(t, Payload(t, file), path, "Jo"+poison)); err == nil {
					Invariants(t, o)
				}
			}
		}
	}
}

// spread puts the poison into every string of a tree.
func spread(v any, poison string) any {
	switch w := v.(type) {
	case map[string]any:
		for k, x := range w {
			w[k] = spread(x, poison)
		}
	case []any:
		for i, x := range w {
			w[i] = spread(x, poison)
		}
	case string:
		return w + poison
	}
	return v
}

// bombs are deep, wide and long, and no order.
func bombs(t *testing.T, f waxwing.Format) {
	for name, bomb := range map[string]string{
		"depth":   strings.Repeat(`{"a":`, 100_000),
		"arrays":  strings.Repeat("[", 500_000) + strings.Repeat("]", 500_000),
		"objects": "[" + strings.Repeat("{},", 300_000) + "{}]",
		"string":  `{"id":"` + strings.Repeat("1", 1<<20) + `"}`,
		"number":  `{"id":` + strings.Repeat("1", 1<<20) + `}`,
	} {
		if k, err := f.Key("", []byte(bomb)); err == nil && k.Ignore == "" {
			t.Errorf("%s got a key", name)
		}
		if _, err := f.Normalise("", []byte(bomb)); err == nil {
			t.Errorf("%s became an order", name)
		}
	}
}

// Fuzz reads whatever comes: no format panics, and what it accepts is a sound order of
// the key that it gives.
func Fuzz(f *testing.F, format waxwing.Format) {
	for _, file := range payloads(f) {
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
		Invariants(t, o)
		AddsUp(t, o)
	})
}

// FuzzMutated changes a few places of a payload that is right, by a seed. Whatever comes,
// the format does not panic, and what it accepts is a sound order.
func FuzzMutated(f *testing.F, format waxwing.Format) {
	for i := range uint64(300) {
		f.Add(i)
	}
	files := payloads(f)
	f.Fuzz(func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 1))
		m := Payload(t, files[seed%uint64(len(files))])
		for range 1 + rng.IntN(4) {
			mutate(rng, m)
		}
		raw, err := json.Marshal(m)
		if err != nil {
			t.Skip()
		}
		key, keyErr := format.Key("", raw)
		o, err := format.Normalise("", raw)
		if err != nil {
			return
		}
		if keyErr != nil || key.Ignore == "" && key.OrderID != o.ID {
			t.Fatalf("the order has another key: %v\n%s", keyErr, raw)
		}
		Invariants(t, o)
		AddsUp(t, o)
	})
}

// odd are the values that shops, plugins and attackers put where others belong.
var odd = []any{nil, Null, "", "0", 0, -1, 1, 1.5, "1e30", json.Number("1e400"), json.Number("9007199254740993"), true, false,
	"-0.00", "0.005", "12.345", "9999999999999999999999", "4503599627370495", "USD", "EUR", "JPY", "x", " ", "\u0000", "\u202e", "https://a.example/",
	"http://a", "0000-00-00", "9999-12-31T23:59:59Z", "2026-02-30T00:00:00Z", []any{}, []any{nil}, []any{[]any{}}, map[string]any{}, map[string]any{"": ""},
	map[string]any{"amount": "1", "currency_code": "CAD"}, strings.Repeat("é", 3000), "refunded", "partially_refunded", "processing", "gid://shopify/Order/"}

// mutate sets one place, at any depth, to an odd value.
func mutate(rng *rand.Rand, at any) {
	for {
		var set func(any)
		var child any
		switch v := at.(type) {
		case map[string]any:
			if len(v) == 0 {
				return
			}
			keys := slices.Sorted(maps.Keys(v))
			k := keys[rng.IntN(len(keys))]
			child, set = v[k], func(x any) { v[k] = x }
		case []any:
			if len(v) == 0 {
				return
			}
			i := rng.IntN(len(v))
			child, set = v[i], func(x any) { v[i] = x }
		default:
			return
		}
		_, isMap := child.(map[string]any)
		_, isList := child.([]any)
		if (isMap || isList) && rng.IntN(4) > 0 {
			at = child
			continue
		}
		set(odd[rng.IntN(len(odd))])
		return
	}
}
