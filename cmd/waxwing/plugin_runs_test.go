package main

import (
	"testing"

	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

// TestReplaysCompareFuelOfOneVersionOnly: runs of before the costs changed are
// not called different for their fuel.
func TestReplaysCompareFuelOfOneVersionOnly(t *testing.T) {
	res := &sandbox.Result{Output: []byte(`{"subject":"a"}`), Fuel: 10}
	for _, c := range []struct {
		run        apiRun
		same, note bool
	}{
		{apiRun{Output: []byte(`{"subject":"a"}`), Fuel: 10, Costs: sandbox.CostVersion}, true, false},
		{apiRun{Output: []byte(`{"subject":"a"}`), Fuel: 11, Costs: sandbox.CostVersion}, false, false},
		{apiRun{Output: []byte(`{"subject":"b"}`), Fuel: 10, Costs: sandbox.CostVersion}, false, false},
		{apiRun{Output: []byte(`{"subject":"a"}`), Fuel: 11}, true, true},
		{apiRun{Output: []byte(`{"subject":"b"}`), Fuel: 11}, false, true},
	} {
		if same, note := sameRun(&c.run, res); same != c.same || (note != "") != c.note {
			t.Errorf("%+v: %v %q", c.run, same, note)
		}
	}
}
