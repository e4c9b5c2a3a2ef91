package verify

import (
	"fmt"
	"maps"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
)

// The chains of instances that were alone follow each other, so that the trail tells of
// each thing in the order in which it happened. Of those that wrote beside others each tells
// its own part, one chain after the other: then what is told of a thing are pieces, which
// must fit together to one way from its beginning to the state that it is in.

// breaks are where what is told of a thing does not go on from what was told before.
type breaks struct {
	beside bool // a chain began beside others
	of     map[waxwing.ID][]gap
	// complaints are told where no chain began beside others.
	complaints []string
}

// gap is a place where one piece ends and the next one that is told begins.
type gap struct{ end, begin waxwing.State }

func (b *breaks) complain(format string, args ...any) {
	if len(b.complaints) < maxProblems {
		b.complaints = append(b.complaints, fmt.Sprintf(format, args...))
	}
}

// step follows one entry's step of a thing.
func (v *verifier) step(owner waxwing.ID, e *waxwing.TrailEntry) {
	have := v.state[owner]
	switch {
	case have != e.From:
		v.breaks.of[owner] = append(v.breaks.of[owner], gap{have, e.From})
		v.breaks.complain("trail: entry %d of chain %d takes %s from %q, but it was %q", e.Seq, v.chain.Instance, owner, e.From, have)
	case !machine.Allowed(e.From, e.To):
		v.r.Problem("trail: entry %d of chain %d: %q may not follow %q", e.Seq, v.chain.Instance, e.To, e.From)
	}
	v.state[owner] = e.To
}

// fit fits the pieces together, when the whole trail is read: each piece but the first
// begins where another one ends, and where the one that is left ends the thing is.
func (v *verifier) fit() {
	if !v.breaks.beside {
		for _, c := range v.breaks.complaints {
			v.r.Problem("%s", c)
		}
		return
	}
	for _, owner := range slices.Sorted(maps.Keys(v.breaks.of)) {
		open := map[waxwing.State]int{v.state[owner]: 1}
		for _, g := range v.breaks.of[owner] {
			open[g.end]++
			open[g.begin]--
		}
		maps.DeleteFunc(open, func(_ waxwing.State, n int) bool { return n == 0 })
		last := slices.Collect(maps.Keys(open))
		if len(last) != 1 || open[last[0]] != 1 {
			v.r.Problem("trail: what the chains tell of %s does not fit together", owner)
			continue
		}
		v.state[owner] = last[0]
	}
}
