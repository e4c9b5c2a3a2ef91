package pipeline

import (
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

// What this machine had no descriptor for says nothing of a provider: it does not rest,
// and it has not been down for however long we could not ask it.
func TestOwnFaultsRestNobody(t *testing.T) {
	now := time.Unix(1e9, 0)
	r := &route{name: "mail"}
	rs := &routes{clock: func() time.Time { return now }, all: []*route{r}}
	own := &waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.OwnFault}
	rs.note(r, &waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault}, 0, now)
	if r.down.IsZero() {
		t.Fatal("a fault of its own was not noted")
	}
	for range 100 {
		now = now.Add(time.Minute)
		if rests, _ := rs.note(r, own, 0, now); rests != 0 || !r.well() || first(rs) != r {
			t.Fatal("it rests")
		}
	}
	if !rs.downSince().IsZero() {
		t.Error("it counts as down since", rs.downSince())
	}
}
