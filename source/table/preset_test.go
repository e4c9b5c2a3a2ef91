package table

import (
	"slices"
	"testing"
)

// TestPresets: each is one that a configuration may have, what it watches can be read, and what is given beside it stays.
func TestPresets(t *testing.T) {
	for name := range presets {
		p, ok := PresetOf(name)
		if !ok || len(p.Watch) == 0 || p.Order.Row == "" || p.Scan == "" {
			t.Errorf("%s: %+v", name, p)
		}
		for _, w := range p.Watch {
			if _, err := ParseWhen(w.When); err != nil {
				t.Errorf("%s: %s: %v", name, w.Table, err)
			}
		}
		got := p.Over(Order{Row: "mine", Lists: map[string]string{"lines": "mine", "more": "mine"}, JSON: []string{"taxLines", "notes"}})
		if got.Row != "mine" || got.Lists["lines"] != "mine" || got.Lists["more"] != "mine" || got.Lists["payments"] != p.Order.Lists["payments"] {
			t.Errorf("%s: %+v", name, got)
		}
		for _, c := range append([]string{"notes"}, p.Order.JSON...) {
			if n := len(slices.DeleteFunc(slices.Clone(got.JSON), func(x string) bool { return x != c })); n != 1 {
				t.Errorf("%s: %s %d times", name, c, n)
			}
		}
	}
	if _, ok := PresetOf("other"); ok {
		t.Error("there is a preset of no name that is known")
	}
}

// TestVendurePlaces: of all that happens to an order the update that places it counts, and once. These are the steps of
// a real one, and of a merchant who then ships it; a seller's part is inserted as placed.
func TestVendurePlaces(t *testing.T) {
	p, _ := PresetOf("vendure")
	w, err := ParseWhen(p.Watch[0].When)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		op       Op
		old, now string
		want     bool
	}{
		{Insert, "", "type=Regular active=true orderPlacedAt=~", false},
		{Update, "type=Regular active=true orderPlacedAt=~ state=ArrangingPayment", "type=Regular active=true orderPlacedAt=~ state=PaymentSettled", false},
		{Update, "type=Regular active=true orderPlacedAt=~", "type=Regular active=false orderPlacedAt=2026", true},
		{Update, "type=Aggregate active=true orderPlacedAt=~", "type=Aggregate active=false orderPlacedAt=2026", true},
		{Update, "type=Regular active=false orderPlacedAt=2026", "type=Regular active=false orderPlacedAt=2026", false},
		{Update, "type=Regular active=true orderPlacedAt=2026", "type=Regular active=false orderPlacedAt=2026", false},
		{Insert, "", "type=Seller active=false orderPlacedAt=2026", false},
	} {
		if got, err := w.Match(c.op, row(c.old), row(c.now)); err != nil || got != c.want {
			t.Errorf("%q to %q: %v %v", c.old, c.now, got, err)
		}
	}
}
