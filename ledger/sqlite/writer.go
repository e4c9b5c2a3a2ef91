package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"strconv"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// op is one transition waiting for a group commit. Its function gets the group's context:
// what has begun is not given up for one of those who wait. An op that returns an error
// must have changed nothing, or return a fault of the database itself.
type op struct {
	f    func(context.Context, *tx) error
	gone <-chan struct{} // closed when nobody wants it any more; nil: never
	err  error
	done chan struct{}
}

// unwanted reports whether whoever submitted it has left before its group began.
func (o *op) unwanted() bool {
	select {
	case <-o.gone:
		return true
	default:
		return false
	}
}

// tx is a group as its ops see it.
type tx struct {
	*dbTx
	l     *Ledger
	now   time.Time
	batch string // this batch's number with a comma, for the trail columns
	after []func()
}

const (
	maxGroup    = 512
	anchorEvery = time.Minute

	// Under load a commit waits this long for company: a group of 64 costs a
	// fifth of what groups of 8 do, for the sync and the pages it writes are
	// shared. A group that came with fewer than gatherFrom is not load, and
	// nobody waits.
	gather       = time.Millisecond
	gatherFrom   = 4
	gatherEnough = 128
)

// do submits an op and waits until it is on disk. Where ctx ends before the op's group
// begins, nothing happens and the error is the context's; from then on the answer is
// waited for, a few milliseconds, since only it says whether the change is there.
func (l *Ledger) do(ctx context.Context, f func(context.Context, *tx) error) error {
	if l.o.ReadOnly {
		return fmt.Errorf("it was opened to be read: %w", waxwing.ErrUnavailable)
	}
	if ctx.Err() != nil {
		return notBegun(ctx)
	}
	o := &op{f: f, gone: ctx.Done(), done: make(chan struct{})}
	select {
	case l.ops <- o:
	case <-l.stop:
		return waxwing.ErrStopping
	case <-ctx.Done():
		return notBegun(ctx)
	}
	select {
	case <-o.done:
		if errors.Is(o.err, errUnwanted) {
			return notBegun(ctx)
		}
		return o.err
	case <-l.done:
		select {
		case <-o.done:
			return o.err
		default:
			return waxwing.ErrStopping
		}
	}
}

// errUnwanted is the error of an op that nobody waited for any more as its group began.
var errUnwanted = errors.New("nobody waits for it")

// notBegun is the error of what was not done because its context had ended.
func notBegun(ctx context.Context) error {
	return fmt.Errorf("ledger: not begun: %w: %w", waxwing.ErrUnavailable, context.Cause(ctx))
}

// write is the one goroutine that changes the file. Batches form by
// themselves: whatever came while the last one was being synced is the next.
func (l *Ledger) write() {
	defer close(l.done)
	pprof.SetGoroutineLabels(pprof.WithLabels(bg, pprof.Labels("part", "ledger")))
	tick := time.NewTicker(anchorEvery)
	defer tick.Stop()
	look := time.NewTicker(guardEvery)
	defer look.Stop()
	group := make([]*op, 0, maxGroup)
	busy := false
	for {
		group = group[:0]
		select {
		case o := <-l.ops:
			group = append(group, o)
		case <-tick.C:
			if err := l.anchor(); err != nil {
				l.o.Log.Error("anchor not written", "err", err)
			}
			continue
		case <-look.C:
			if err := l.guard.look(); err != nil {
				l.judge(err)
			}
			continue
		case <-l.stop:
			if len(l.ops) == 0 {
				return
			}
			group = append(group, <-l.ops)
		}
		if busy && len(l.ops) < gatherEnough {
			time.Sleep(gather)
		}
		group = l.fill(group)
		busy = len(group) >= gatherFrom
		l.commit(group)
	}
}

func (l *Ledger) fill(group []*op) []*op {
	for len(group) < maxGroup {
		select {
		case o := <-l.ops:
			group = append(group, o)
		default:
			return group
		}
	}
	return group
}

// commit runs a group; if it fails as a whole, each op is tried alone, so that
// one that cannot be written does not spoil its neighbours.
func (l *Ledger) commit(group []*op) {
	err := l.transact(group)
	if err != nil && len(group) > 1 && l.broken.Load() == nil {
		for _, o := range group {
			if err := l.transact([]*op{o}); err != nil {
				o.err = err
			}
			close(o.done)
		}
		return
	}
	for _, o := range group {
		if err != nil {
			o.err = err
		}
		close(o.done)
	}
}

// transact runs ops in one group commit. Its own error means that none of them
// happened.
func (l *Ledger) transact(group []*op) error {
	chain, lastID, batch := l.chain, l.lastID, l.batch
	l.lines = l.lines[:0]
	t := &tx{l: l, now: l.o.Clock(), batch: strconv.FormatInt(l.batch+1, 36) + ","}
	err := l.group(bg, func(ctx context.Context, d *dbTx) error {
		t.dbTx = d
		return t.run(ctx, group)
	})
	if err != nil {
		l.chain, l.lastID, l.batch = chain, lastID, batch
		clear(l.runDays)
		return err
	}
	for _, f := range t.after {
		f()
	}
	l.checkpoint()
	return nil
}

// run runs ops, and writes the entries that they made as one batch.
func (t *tx) run(ctx context.Context, group []*op) error {
	l := t.l
	first := l.chain.Seq + 1
	for _, o := range group {
		if o.unwanted() {
			o.err = errUnwanted
			continue
		}
		if o.err = o.f(ctx, t); ofDatabase(o.err) {
			return o.err
		}
	}
	if l.chain.Seq < first {
		return nil
	}
	_, err := t.Apply(ctx, &store.Changes{Batch: &store.Batch{N: l.batch + 1, Instance: l.instance, First: int64(first), Last: int64(l.chain.Seq),
		Entries: l.lines, Head: l.chain.Head[:]}})
	l.batch++
	return err
}

// entry adds one line to the trail of this batch.
func (t *tx) entry(e *machine.Entry) {
	if e.At.IsZero() {
		e.At = t.now
	}
	t.l.lines = t.l.chain.Append(t.l.lines, e)
}

// Sync waits until everything submitted before it is on disk.
func (l *Ledger) Sync(ctx context.Context) error {
	return l.do(ctx, func(_ context.Context, _ *tx) error { return nil })
}

// Anchor writes a signed head now.
func (l *Ledger) Anchor(ctx context.Context) error {
	var err error
	if e := l.do(ctx, func(ctx context.Context, t *tx) error {
		t.after = append(t.after, func() { err = l.anchor() })
		return nil
	}); e != nil {
		return e
	}
	return err
}
