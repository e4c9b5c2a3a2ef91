package shop

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// odd are the values that shops, plugins and attackers put where others belong.
var odd = []any{nil, null, "", "0", 0, -1, 1, 1.5, "1e30", json.Number("1e400"), json.Number("9007199254740993"), true, false,
	"-0.00", "0.005", "12.345", "9999999999999999999999", "4503599627370495", "USD", "EUR", "JPY", "x", " ", "\u0000", "\u202e", "https://a.example/",
	"http://a", "0000-00-00", "9999-12-31T23:59:59Z", "2026-02-30T00:00:00Z", []any{}, []any{nil}, []any{[]any{}}, map[string]any{}, map[string]any{"": ""},
	map[string]any{"amount": "1", "currency_code": "CAD"}, strings.Repeat("é", 3000), "refunded", "partially_refunded", "processing", "gid://shopify/Order/"}

// FuzzMutated changes a few places of a payload that is right. Whatever comes,
// no format panics, and what it accepts is a sound order.
func FuzzMutated(f *testing.F) {
	for i := range uint64(300) {
		f.Add(i)
	}
	var fixtures []string // in one order, so that a seed is always the same payload
	for _, name := range slices.Sorted(maps.Keys(formats)) {
		files, _ := filepath.Glob("testdata/" + name + "/*.json")
		for _, file := range files {
			if !strings.HasSuffix(file, ".golden.json") {
				fixtures = append(fixtures, name+"/"+filepath.Base(file))
			}
		}
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 1))
		file := fixtures[seed%uint64(len(fixtures))]
		format := formats[strings.Split(file, "/")[0]]
		m := payload(t, file)
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
		invariants(t, o)
		addsUp(t, o)
	})
}

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
