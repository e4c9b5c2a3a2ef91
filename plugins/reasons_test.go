package plugins

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
)

// TestAttacksReasonsAreWordsOfTheList: the trail is for ever, so that only what stood in the manifest before the order came
// may reach it.
func TestAttacksReasonsAreWordsOfTheList(t *testing.T) {
	m, err := abi.ParseManifest([]byte(`{"name":"p","version":"1","lang":"js","hooks":["filter"],"reasons":["large order","vip"]}`))
	if err != nil {
		t.Fatal(err)
	}
	const off = "plugin p: its reason is not on its list; see its run"
	for said, want := range map[string]string{
		"large order": "plugin p: large order", "vip": "plugin p: vip",
		"large order: 60 pieces for ada@example.org": "plugin p: large order",
		"h ada at example.org":                       off, "Large order": off, "large order 60": off, "large  order": off,
		"ada: large order": off, "\u202evip": off, "v\u200bip": off, "vip ": off, "   ": off,
	} {
		for _, action := range []string{"hold", "drop"} {
			r := rulingOf("p", &abi.Answer{Action: action, Reason: m.Reason(said)})
			if r.Hold+r.Drop != want {
				t.Errorf("%q became %+v", said, r)
			}
		}
	}
	h := host(t, newShelfStore(), nil)
	u := &Upload{Tenant: "acme", Name: "p", Now: true, ApproveNeeds: true,
		Manifest: []byte(`{"name":"p","version":"1","lang":"js","hooks":["filter"],"needs":["customer.email"],"reasons":["vip"]}`),
		Code:     []byte(`function filter(x) { return x.at ? {action: "hold", reason: x.customer ? "h " + x.customer.email : "vip"} : {} }`)}
	if _, err := h.Put(t.Context(), u); err != nil {
		t.Skip(err) // without the JavaScript lane
	}
	o := &waxwing.Order{ID: "1", Shop: "main", Customer: waxwing.Customer{Email: "ada@example.org"}}
	r, runs, notes := h.Ask("acme", 1, &abi.Question{Order: o, At: moment, Seed: "s"}, []waxwing.Hook{waxwing.HookFilter})
	if r.Hold != off || len(runs) != 1 || !strings.Contains(string(runs[0].Output), "ada@example.org") || strings.Contains(fmt.Sprint(notes), "ada") {
		t.Errorf("%+v %v, %s", r, notes, runs[0].Output)
	}
}
