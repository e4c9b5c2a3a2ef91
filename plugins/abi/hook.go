package abi

import (
	"slices"

	"github.com/waxwinghq/waxwing"
)

// kinds are the hooks: a new one is a file with its answer, its schemas in sdk/schema and a
// line here, in the order in which the stage plugins asks them.
var kinds = []kind{
	{waxwing.HookNormalise, nil},
	{waxwing.HookFilter, filter},
	{waxwing.HookRecommend, recommend},
	{waxwing.HookPredictDelay, predictDelay},
	{waxwing.HookPersonalise, personalise},
}

// kind is one hook.
type kind struct {
	name waxwing.Hook
	// begin gives what reads an answer of this hook into a; candidates are the SKUs that the
	// hook was given. Nil: the answer is the generic order.
	begin func(a *Answer, candidates []waxwing.Candidate) said
}

// said reads one answer of a hook, and knows what becomes of it.
type said interface {
	// key reads the value of a key; false: the hook's answers have no such key.
	key(r *reader, k string) bool
	// whole says what is wrong with values that belong together, when all keys are read.
	whole() error
	// apply adds the answer to what was said of the order before; false: there is nothing to show.
	apply(p *waxwing.Personal, o *waxwing.Order) bool
}

func kindOf(h waxwing.Hook) (kind, bool) {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == h })
	if i < 0 {
		return kind{}, false
	}
	return kinds[i], true
}

// Hooks are all of them.
func Hooks() []waxwing.Hook {
	out := make([]waxwing.Hook, len(kinds))
	for i, k := range kinds {
		out[i] = k.name
	}
	return out
}

// OfOrders are the hooks that are asked about an order, by their names in a
// configuration: all but the one that makes an order of an event.
func OfOrders() []string {
	var out []string
	for _, k := range kinds {
		if k.begin != nil {
			out = append(out, string(k.name))
		}
	}
	return out
}
