package plugins

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/attack"
)

// TestNotesOfAnOrderAreFew: an order whose plugins all fail leaves some entries in the trail, and not one for each.
func TestNotesOfAnOrderAreFew(t *testing.T) {
	h := host(t, newShelfStore(), nil)
	bad := attack.Says(`{"nothing":"known"}`)
	for i := range 12 {
		putC(t, h, "acme", fmt.Sprintf("p%02d", i), "c", bad)
		_, _, notes := h.Ask("acme", 1, &abi.Question{Order: &waxwing.Order{ID: "1", Shop: "main"}, At: moment, Seed: "s"}, abi.Hooks())
		want := min(i+1, mostNotes+1)
		if len(notes) != want || !strings.HasPrefix(notes[0], "plugin: p00.personalise was left out (") {
			t.Fatalf("%d plugins: %q", i+1, notes)
		}
		if n := i + 1 - mostNotes; n > 1 && notes[mostNotes] != fmt.Sprintf("plugin: %d more calls were left out", n) {
			t.Errorf("%q", notes[mostNotes])
		}
	}
}
