package machine

import (
	"testing"

	"github.com/waxwinghq/waxwing"
)

// TestMachine walks the table: terminal states have no way out, and all states
// are reachable.
func TestMachine(t *testing.T) {
	reached := map[waxwing.State]bool{}
	for from, tos := range next {
		for _, to := range tos {
			reached[to] = true
			if from.Terminal() {
				t.Errorf("%s is terminal and leads to %s", from, to)
			}
		}
	}
	for _, s := range []waxwing.State{waxwing.Received, waxwing.Held, waxwing.Quarantined, waxwing.Ignored, waxwing.Ready, waxwing.Queued,
		waxwing.Claimed, waxwing.Dot, waxwing.Uncertain, waxwing.Sent, waxwing.Failed, waxwing.Suppressed, waxwing.Cancelled} {
		if !reached[s] {
			t.Errorf("%s is never reached", s)
		}
	}
	if Allowed(waxwing.Queued, waxwing.Sent) || Allowed(waxwing.Claimed, waxwing.Sent) || Allowed(waxwing.Dot, waxwing.Suppressed) {
		t.Error("sent without a commit point, or suppressed after it")
	}
	if got := Outcome(waxwing.Ready, []waxwing.State{waxwing.Failed, waxwing.Sent}); got != waxwing.Sent {
		t.Error(got)
	}
	if got := Outcome(waxwing.Held, nil); got != waxwing.Held {
		t.Error(got)
	}
}
