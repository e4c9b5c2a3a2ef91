package machinetest

import (
	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Options say how a history is played.
type Options struct {
	// First is the id below the history's first: two in one ledger have ids far apart.
	First waxwing.ID
	// Sabotage spoils what a command came to, so that the checks can be checked; nil: none.
	Sabotage func(w *World, c *machine.Changes)
	// Commit is told what each command came to, with its places in the trail; nil: nobody is.
	// They are valid until it returns.
	Commit func(c *store.Changes)
}

// Play plays the history of a seed, and gives what is wrong with it: an order that has two
// confirmations, a copy without a mark, a mail to whom none may go, rows that do not say what
// their trail says, what never ends.
func Play(seed uint64, o Options) []string {
	w := newWorld(seed, o)
	for range 40 + w.rng.IntN(160) {
		w.step()
		check(w)
		if len(w.wrong) > 0 {
			return w.wrong
		}
	}
	settle(w)
	check(w)
	return w.wrong
}

// Fresh is the next confirmation's id.
func (w *World) Fresh() waxwing.ID {
	w.next += store.IDStep
	return w.next
}

// Known is a confirmation as it stands.
func (w *World) Known(id waxwing.ID) store.Confirmation { return w.s.Confirmations[id] }
