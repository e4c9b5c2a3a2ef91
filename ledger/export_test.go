package ledger

import (
	"context"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Unfilled takes a message and settles the claim as where reading its content failed.
func (c *Claims) Unfilled(ctx context.Context, id waxwing.ID, failed error) error {
	var m *claimed
	if err := c.p.Writer.Do(ctx, func(ctx context.Context, g *Group) error {
		s, err := g.Load(ctx, &store.Keys{Messages: []waxwing.ID{id}})
		if err != nil {
			return err
		}
		m, err = c.take(ctx, g, s, id)
		return err
	}); err != nil {
		return err
	}
	return c.unfilled(ctx, m, 1, failed)
}

// FaultOf is an error of a group's function that undoes the whole group.
func FaultOf(err error) error { return fault(err) }
