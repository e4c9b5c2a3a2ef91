package ledger

import (
	"context"
	"slices"

	"github.com/waxwinghq/waxwing/ledger/store"
)

// Leases tell which instances of a ledger live, where there may be several: each prolongs
// its own, and takes over what those hold whose lease is over.
type Leases struct {
	p      *shared
	claims *Claims
}

// Beat prolongs this instance's lease, and takes over what dead ones held. It is done by
// itself each WriterParts.Beat.
func (x *Leases) Beat(ctx context.Context) error { return x.p.Writer.Do(ctx, x.beat) }

func (x *Leases) beat(ctx context.Context, g *Group) error {
	w := x.p.Writer
	s, err := g.Load(ctx, &store.Keys{Instances: []int64{w.self.ID}, Running: true})
	if err != nil {
		return err
	}
	var dead []int64
	for id := range s.Instances {
		if id != w.self.ID && s.Dead(id) {
			dead = append(dead, id)
		}
	}
	slices.Sort(dead)
	c, epoch := s.Beat(w.p.Lease)
	if epoch != w.self.Epoch {
		g.After(func() {
			w.self.Epoch = epoch
			x.p.Log.Warn("this instance was silent for too long and was taken for dead: others send what it held", "instance", w.self.ID)
		})
	}
	if err := g.Apply(ctx, &c); err != nil {
		return err
	}
	for _, id := range dead {
		c := s.Bury(id)
		if err := g.Apply(ctx, &c); err != nil {
			return err
		}
	}
	if len(dead) == 0 {
		return nil
	}
	taken, err := x.claims.TakeOver(ctx, g, func(instance int64) bool { return slices.Contains(dead, instance) })
	g.After(func() {
		x.p.Log.Warn("instances are dead, since their leases are over: what they held was taken over", "instances", dead, "messages", taken)
	})
	return err
}
