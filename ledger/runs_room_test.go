package ledger

import (
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/seal"
)

// TestNoRunsCostNothing: most orders are no plugin's business.
func TestNoRunsCostNothing(t *testing.T) {
	w, g, x := &waxwing.Work{}, &Group{}, &Plugins{p: &shared{}}
	dek := seal.NewKey()
	if n := testing.AllocsPerRun(100, func() {
		runs, err := x.sealRuns(nil, w, &dek)
		if err != nil || x.insertRuns(t.Context(), g, nil, 1, runs) != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
