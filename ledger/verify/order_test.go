package verify

import (
	"testing"

	"github.com/waxwinghq/waxwing"
)

// TestPiecesFitTogether: what chains tell of a thing, each its own part, is one way from its
// beginning to its state, or a problem.
func TestPiecesFitTogether(t *testing.T) {
	type step struct{ from, to waxwing.State }
	queued, claimed, dot := step{"", waxwing.Queued}, step{waxwing.Queued, waxwing.Claimed}, step{waxwing.Claimed, waxwing.Dot}
	back, sent, lost := step{waxwing.Dot, waxwing.Queued}, step{waxwing.Dot, waxwing.Sent}, step{waxwing.Dot, waxwing.Uncertain}
	for name, x := range map[string]struct {
		steps    []step // as they are read, one chain after the other
		beside   bool
		want     waxwing.State
		problems int
	}{
		"one chain":                            {[]step{queued, claimed, dot, sent}, false, waxwing.Sent, 0},
		"made by the second chain":             {[]step{claimed, dot, sent, queued}, true, waxwing.Sent, 0},
		"sent by the first, tried by both":     {[]step{queued, claimed, dot, sent, claimed, dot, back}, true, waxwing.Sent, 0},
		"taken over, and sent late":            {[]step{queued, claimed, dot, {waxwing.Uncertain, waxwing.Sent}, lost}, true, waxwing.Sent, 0},
		"a step is missing":                    {[]step{queued, dot, sent}, true, waxwing.Sent, 1},
		"a step is told twice":                 {[]step{queued, claimed, dot, sent, claimed}, true, waxwing.Claimed, 1},
		"where nobody wrote beside, no pieces": {[]step{claimed, dot, sent, queued}, false, waxwing.Queued, 2},
	} {
		v := &verifier{r: &Report{}, state: map[waxwing.ID]waxwing.State{}, breaks: breaks{beside: x.beside, of: map[waxwing.ID][]gap{}}}
		for _, s := range x.steps {
			v.step(7, &waxwing.TrailEntry{From: s.from, To: s.to})
		}
		v.fit()
		if len(v.r.Problems) != x.problems || x.problems == 0 && v.state[7] != x.want {
			t.Errorf("%s: it is %q, want %q; problems %q", name, v.state[7], x.want, v.r.Problems)
		}
	}
}
