package ledger

import (
	"cmp"
	"context"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// TakeOver frees what dead instances hold: claimed goes back to the queue, dot becomes
// uncertain. It says how many messages that were. dead says which instances are.
func (c *Claims) TakeOver(ctx context.Context, g *Group, dead func(instance int64) bool) (taken int, err error) {
	s, err := g.Load(ctx, &store.Keys{HeldBesides: g.w.chain.Instance})
	if err != nil {
		return 0, err
	}
	var held []store.Claim
	for _, k := range s.Claims {
		if dead(k.Instance) {
			held = append(held, k)
		}
	}
	slices.SortFunc(held, func(a, b store.Claim) int { return cmp.Compare(a.Message, b.Message) })
	for _, k := range held {
		id := k.Message
		if s, err = g.Load(ctx, &store.Keys{Messages: []waxwing.ID{id}, Instances: []int64{k.Instance}}); err != nil {
			return taken, err
		}
		ch, doubt := s.TakeOver(id)
		if doubt {
			c.p.Log.Error("a message is held in doubt: the answer to it was lost too often; send it again or cancel it",
				"confirmation", store.ConfirmationOf(id), "message", id, "provider", k.Provider, "lost", s.Doubts[id]+1)
		}
		if err := g.Apply(ctx, &ch); err != nil {
			return taken, err
		}
		taken++
	}
	return taken, nil
}
