package abi

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

var sampled = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)

var two = []waxwing.Candidate{{SKU: "A"}, {SKU: "B"}}

func TestDecodeTakes(t *testing.T) {
	for _, c := range []struct {
		h   waxwing.Hook
		out string
	}{
		{waxwing.HookPersonalise, `{}`},
		{waxwing.HookPersonalise, ` { "subject" : "Grüße 🎁 \u00e9\ud83d\ude00" , "vars":{"a_1":"two\nlines"}, "blocks":{"x":false} } `},
		{waxwing.HookRecommend, `{"skus":["B","A"]}`},
		{waxwing.HookRecommend, `{"skus":[]}`},
		{waxwing.HookPredictDelay, `{"p50_hours":0,"p90_hours":7.2e2,"reason":"weather"}`},
		{waxwing.HookPredictDelay, `{}`},
		{waxwing.HookFilter, `{"action":"pass"}`},
		{waxwing.HookFilter, `{"action":"hold","reason":"a person should look"}`},
		{waxwing.HookNormalise, `{"id":"1"}`},
	} {
		if _, err := Decode(c.h, []byte(c.out), two); err != nil {
			t.Errorf("%s %s: %v", c.h, c.out, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		h         waxwing.Hook
		out, with string
	}{
		{waxwing.HookRecommend, `{"skus":["A","C"]}`, "not among the candidates"},
		{waxwing.HookRecommend, `{"skus":["A","A"]}`, "twice"},
		{waxwing.HookRecommend, `{"skus":"A"}`, "list"},
		{waxwing.HookRecommend, `{"subject":"A"}`, "does not know"},
		{waxwing.HookPersonalise, `{"vars":{"../etc":"x"}}`, "name"},
		{waxwing.HookPersonalise, `{"vars":{"a":1}}`, "text"},
		{waxwing.HookPersonalise, `{"blocks":{"a":"true"}}`, "true or false"},
		{waxwing.HookPersonalise, `{"subject":"` + strings.Repeat("ü", 201) + `"}`, "more than 200"},
		{waxwing.HookPersonalise, `{"subject":"a\u2028b"}`, "line break"},
		{waxwing.HookPersonalise, "{\"subject\":\"a\tb\"}", "control"},
		{waxwing.HookPersonalise, `{"subject":null}`, "text"},
		{waxwing.HookPersonalise, `{"subject":"a",}`, "text"},
		{waxwing.HookPersonalise, `[]`, "object"},
		{waxwing.HookPersonalise, ``, "object"},
		{waxwing.HookPersonalise, `{"subject":"a"`, ","},
		{waxwing.HookPredictDelay, `{"p50_hours":1}`, "both"},
		{waxwing.HookPredictDelay, `{"p50_hours":9,"p90_hours":8}`, "p50_hours <= p90_hours"},
		{waxwing.HookPredictDelay, `{"p50_hours":1,"p90_hours":721}`, "720"},
		{waxwing.HookPredictDelay, `{"p50_hours":01,"p90_hours":2}`, "number"},
		{waxwing.HookPredictDelay, `{"p50_hours":NaN,"p90_hours":2}`, "number"},
		{waxwing.HookPredictDelay, `{"p50_hours":1,"p90_hours":2,"reason":"aliens"}`, "reason"},
		{waxwing.HookFilter, `{"action":"send"}`, "pass, hold or drop"},
		{waxwing.HookFilter, `{"action":"hold"}`, "reason"},
		{waxwing.HookNormalise, `{"id":"1","id":"2"}`, "twice"},
	} {
		if _, err := Decode(c.h, []byte(c.out), two); err == nil || !strings.Contains(err.Error(), c.with) {
			t.Errorf("%s %s: %v, want %q", c.h, c.out, err, c.with)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{}`, `{"subject":"a\ud83d\ude00","vars":{"a":"b"}}`, `{"skus":["A"]}`, `{"p50_hours":1e2,"p90_hours":2e2}`, `{"action":"hold","reason":"x"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, h := range Hooks() {
			a, err := Decode(h, b, two)
			if err != nil {
				continue
			}
			if !json.Valid(b) {
				t.Fatalf("%s took what is no JSON: %q", h, b)
			}
			if strings.ContainsAny(a.Subject+a.Greeting+a.Reason, "\r\n\x00") {
				t.Fatalf("%s let a line break through: %q", h, b)
			}
		}
	})
}

// TestInputHoldsWhatIsNeeded: each need adds its own fields, and nothing of an
// order is there without one.
func TestInputHoldsWhatIsNeeded(t *testing.T) {
	o := order("CANARY", "CANARY", 2)
	o.Number, o.Note, o.Customer.ID, o.Customer.Email, o.Customer.Phone = "CANARY", "CANARY", "CANARY", "CANARY@example.com", "CANARY"
	o.Shipping = &waxwing.Address{Name: "NEVER", Lines: []string{"NEVER"}, Company: "NEVER", Country: "CANARY", Region: "CANARY", City: "CANARY", PostalCode: "CANARY"}
	o.Billing = &waxwing.Address{Name: "NEVER"}
	o.Payment.Last4, o.Payment.Method = "NEVER", "CANARY"
	o.Customer.LastName = "CANARY"
	q := &Question{Order: o, Locale: "en", At: sampled}
	base := AppendInput(nil, waxwing.HookPersonalise, q, 0, nil)
	if strings.Contains(string(base), "CANARY") || strings.Contains(string(base), "SKU") {
		t.Errorf("without needs: %s", base)
	}
	for _, e := range needTable {
		in := AppendInput(nil, waxwing.HookPersonalise, q, e.bits, nil)
		if !json.Valid(in) {
			t.Fatalf("%s: %s", e.name, in)
		}
		var v map[string]json.RawMessage
		if err := json.Unmarshal(in, &v); err != nil {
			t.Fatal(err)
		}
		top, _, _ := strings.Cut(e.name, ".")
		for k := range v {
			switch k {
			case "abi", "hook", "at", "locale", "currency", "shop", top:
			default:
				t.Errorf("the need %s shows %s", e.name, k)
			}
		}
		if strings.Contains(string(in), "NEVER") {
			t.Errorf("the need %s shows what nobody may see: %s", e.name, in)
		}
	}
}

func TestManifest(t *testing.T) {
	good := `{"name":"a","version":"1","lang":"js","hooks":["filter"],"needs":["items.name"],"reasons":["large order"],"config":{"k":"v"}}`
	if m, err := ParseManifest([]byte(good)); err != nil || !m.NeedSet.Has(needItems) || !m.Fills(waxwing.HookFilter) {
		t.Fatal(m, err)
	}
	for bad, with := range map[string]string{
		`{`: "plugin.json",
		`{"name":"A b","version":"1","lang":"js","hooks":["filter"]}`:                    "name",
		`{"name":"a","version":"","lang":"js","hooks":["filter"]}`:                       "version",
		`{"name":"a","version":"1","lang":"perl","hooks":["filter"]}`:                    "lang",
		`{"name":"a","version":"1","lang":"js","hooks":[]}`:                              "hooks",
		`{"name":"a","version":"1","lang":"js","hooks":["send_time"]}`:                   "follow-ups",
		`{"name":"a","version":"1","lang":"js","hooks":["filter","filter"]}`:             "twice",
		`{"name":"a","version":"1","lang":"js","hooks":["filter"],"needs":["customer"]}`: "needs are",
		`{"name":"a","version":"1","lang":"js","hooks":["filter"],"config":{"A":"1"}}`:   "config",
		`{"name":"a","name":"b","version":"1","lang":"js","hooks":["filter"]}`:           "twice",
		`{"name":"a","version":"1","lang":"js","hooks":["filter"],"memory":"all"}`:       `the key "memory" is not known`,
	} {
		if _, err := ParseManifest([]byte(bad)); err == nil || !waxwing.IsPermanent(err) && !strings.Contains(err.Error(), with) || !strings.Contains(err.Error(), with) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
