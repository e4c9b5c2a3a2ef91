package ledger

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Group is one group commit as those see it who change the ledger in it. It is used from
// the writer's goroutine, and not after the function that got it has returned.
type Group struct {
	// Tx is the database's.
	Tx store.Tx
	// Now is the group's time.
	Now time.Time

	w     *Writer
	batch string // this batch's number with a comma, for the trail columns
	after []func()
}

// maxTries is how often a group is run that others are in the way of.
const maxTries = 5

// transact runs ops in one group commit. Its own error means that none of them happened.
func (w *Writer) transact(ctx context.Context, group []*op) (err error) {
	for range maxTries {
		if err = w.try(ctx, group); !errors.Is(err, store.ErrAgain) {
			return err
		}
	}
	return err
}

func (w *Writer) try(ctx context.Context, group []*op) error {
	chain, lastID, batch := w.chain, w.lastID, w.batch
	w.lines = w.lines[:0]
	g := &Group{w: w, Now: w.p.Clock(), batch: strconv.FormatInt(w.batch+1, 36) + ","}
	err := w.p.Store.Group(ctx, func(ctx context.Context, tx store.Tx) error {
		g.Tx = tx
		return g.run(ctx, group)
	})
	if err != nil {
		w.chain, w.lastID, w.batch = chain, lastID, batch
		for _, f := range w.undone {
			f()
		}
		return err
	}
	for _, f := range g.after {
		f()
	}
	return nil
}

// run runs ops, and writes the entries that they made as one batch.
func (g *Group) run(ctx context.Context, group []*op) error {
	w := g.w
	first := w.chain.Seq + 1
	if err := g.ahead(ctx, group); err != nil {
		return err
	}
	if w.overdue(g.Now) {
		if err := w.prolong(ctx, g); err != nil {
			return err
		}
	}
	for _, o := range group {
		if o.unwanted() {
			o.err = errUnwanted
			continue
		}
		if o.err = o.f(ctx, g); o.err != nil && errors.As(o.err, new(store.Fault)) {
			return o.err
		}
	}
	if w.chain.Seq < first {
		return nil
	}
	_, err := g.Tx.Apply(ctx, &store.Changes{Batch: &store.Batch{N: w.batch + 1, Instance: w.chain.Instance, First: int64(first),
		Last: int64(w.chain.Seq), Entries: w.lines, Head: w.chain.Head[:]}})
	w.batch++
	return err
}

// ahead tells the database what the ops will load, where it wants to know that.
func (g *Group) ahead(ctx context.Context, group []*op) error {
	tx, ok := g.Tx.(store.Ahead)
	if !ok {
		return nil
	}
	k := &store.Keys{Instances: []int64{g.w.self.ID}}
	for _, o := range group {
		if o.loads != nil {
			k.Add(o.loads)
		}
	}
	if len(group) == 1 && group[0].loads == nil {
		return nil // it loads what it needs by itself
	}
	if err := tx.Ahead(ctx, k); err != nil {
		return fault(err)
	}
	return nil
}

// Entry adds one line to the trail of this batch.
func (g *Group) Entry(e *machine.Entry) {
	if e.At.IsZero() {
		e.At = g.Now
	}
	g.w.lines = g.w.chain.Append(g.w.lines, e)
}

// After has f called once the group is on disk.
func (g *Group) After(f func()) { g.after = append(g.after, f) }

// Tell has other instances look for work at once when the group is on disk, where the database can tell them.
// It is for the rare group that leaves some to them: all that tell are committed one after the other.
func (g *Group) Tell() {
	if t, ok := g.Tx.(store.Teller); ok {
		t.Tell()
	}
}

// Rows gives rows that no command decides about.
func (g *Group) Rows(ctx context.Context, k *store.Keys) (*store.Set, error) {
	g.w.keys = *k // so that each caller's need no memory of their own
	if g.w.keys.Instances == nil {
		g.w.own[0] = g.w.self.ID // whether it was taken for dead
		g.w.keys.Instances = g.w.own[:]
	}
	rows, err := g.Tx.Load(ctx, &g.w.keys)
	if err != nil {
		return nil, fault(err)
	}
	return rows, nil
}

// Load has the next command decide by the rows that keys name.
func (g *Group) Load(ctx context.Context, k *store.Keys) (*machine.Set, error) {
	rows, err := g.Rows(ctx, k)
	if err != nil {
		return nil, err
	}
	s := g.w.set
	s.Over(rows, g.Now, g.w.chain.Instance, g.w.p.Rule)
	s.Epoch = g.w.self.Epoch
	return s, nil
}

// errLost: a confirmation of this key was made meanwhile.
var errLost = errors.New("the key is taken")

// Apply writes what a command came to, and its entries. A command that was refused comes
// to nothing, so that whatever is returned but errLost is a fault of the database.
func (g *Group) Apply(ctx context.Context, c *machine.Changes) error {
	if c.Empty() {
		return nil
	}
	s := g.w.set
	c.Place(s, g.batch)
	g.w.changes = c.Changes
	lost, err := g.Tx.Apply(ctx, &g.w.changes)
	if err != nil {
		return fault(err)
	}
	if len(lost) > 0 {
		return errLost
	}
	for i := range c.Entries {
		g.Entry(&c.Entries[i])
	}
	s.Take(c)
	return nil
}

// Write writes changes of rows that have no state.
func (g *Group) Write(ctx context.Context, c *store.Changes) error {
	if _, err := g.Tx.Apply(ctx, c); err != nil {
		return fault(err)
	}
	return nil
}

// fault marks an error as the database's.
func fault(err error) error {
	if errors.As(err, new(store.Fault)) {
		return err
	}
	return store.Fault{Err: err}
}

func (g *Group) newID() waxwing.ID {
	g.w.lastID = store.NextID(g.Now, g.w.lastID, g.w.chain.Instance)
	return g.w.lastID
}

// A run's id has, below the milliseconds, 6 bits that count those of one of them, and 4 that
// tell the instance: of two that go on beside each other, whose numbers are apart by a
// multiple of 16, one commit may be undone and done again.
const runSlots = 16

// runIDBits are those of a run's id below the milliseconds. All of it stays
// within what a float64 holds: others read it from JSON.
const runIDBits = 10

func (g *Group) newRunID() int64 {
	own := g.w.self.ID % runSlots
	id := g.Now.UnixMilli()<<runIDBits | own
	if id <= g.w.lastRun {
		id = g.w.lastRun&^(runSlots-1) + runSlots | own
	}
	g.w.lastRun = id
	return id
}
