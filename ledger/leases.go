package ledger

import (
	"context"
	"slices"
	"time"

	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// How long an instance may be silent before others take it for dead, and how often it is
// heard of. Three beats may fail.
const (
	LeaseFor  = 15 * time.Second
	BeatEvery = 5 * time.Second
)

// After a gap of more than mostGap in all instances' beats nobody is taken for dead for so long:
// who lives tries to connect for a few seconds at most, waits 2 s at most between two tries,
// and beats at the next one.
const (
	mostGap   = 3 * BeatEvery / 2
	patience  = 9 * time.Second
	beatAgain = time.Second
)

// Leases tell which instances of a ledger live, where there may be several: each prolongs
// its own, and takes over what those hold whose lease is over.
type Leases struct {
	p      *shared
	claims *Claims
	// steady is when the database was heard from without a gap, as far as this instance knows.
	// It is the writer's goroutine's.
	steady machine.Span
}

// Beat prolongs this instance's lease, and takes over what dead ones held. It is done by
// itself each WriterParts.Beat. An instance that only sends prolongs its own and looks at no
// other's: were hundreds of them to look at each other, the rows would be locked all the time.
func (x *Leases) Beat(ctx context.Context) error { return x.p.Writer.Do(ctx, x.beat) }

func (x *Leases) beat(ctx context.Context, g *Group) error {
	w := x.p.Writer
	if w.self.Sends {
		return x.prolong(ctx, g)
	}
	s, err := g.Load(ctx, &store.Keys{Instances: []int64{w.self.ID}, Running: true})
	if err != nil {
		return err
	}
	// Where nobody could write, all leases ran out, and those who live come back one after the
	// other: the first of them leaves the others time for that.
	x.steady = machine.Steady(s, x.steady, w.p.Lease, mostGap)
	var dead []int64
	for id := range s.Instances {
		if id != w.self.ID && s.Dead(id) && x.steady.Long() >= patience {
			dead = append(dead, id)
		}
	}
	slices.Sort(dead)
	if err := x.extend(ctx, g, s); err != nil {
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

// prolong is the first thing in a group where the lease is nearly over: this instance lives,
// and a dot that is committed must be written before it is taken for dead.
func (x *Leases) prolong(ctx context.Context, g *Group) error {
	s, err := g.Load(ctx, &store.Keys{})
	if err != nil {
		return err
	}
	return x.extend(ctx, g, s)
}

// extend prolongs this instance's lease.
//
// Loaded: the instance.
func (x *Leases) extend(ctx context.Context, g *Group, s *machine.Set) error {
	w := x.p.Writer
	c, epoch := s.Beat(w.p.Lease)
	until := c.Instances[0].Lease
	g.After(func() {
		w.self.Lease = until
		if epoch != w.self.Epoch {
			w.self.Epoch = epoch
			x.p.Log.Warn("this instance was silent for too long and was taken for dead: others send what it held", "instance", w.self.ID)
		}
	})
	return g.Apply(ctx, &c)
}

// live beats, and says when to beat again.
func (w *Writer) live(ctx context.Context) time.Duration {
	err := w.Now(ctx, w.beat)
	if err != nil && !w.silent {
		w.p.Log.Error("the lease is not prolonged; tried again each second", "err", err)
	}
	if w.silent = err != nil; w.silent {
		return beatAgain
	}
	return w.p.Beat
}

// overdue says that the lease is nearly over: two beats failed.
func (w *Writer) overdue(now time.Time) bool {
	return w.p.Beat > 0 && w.self.Lease != 0 && w.self.Lease-now.UnixMilli() < (w.p.Lease-2*w.p.Beat).Milliseconds()
}

// among is a writer's number among others that may write the ledger; 0: none does.
func among(w *Writer) int64 {
	if w.p.Lease == 0 {
		return 0
	}
	return w.p.Before.Instance
}
