package sqlite

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/pprof"
	"strconv"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
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

// tx is one group commit under way.
type tx struct {
	l     *Ledger
	c     *conn
	now   time.Time
	batch string // this batch's number with a comma, for the trail columns
	after []func()
}

// fault is an error of the database, after which the whole batch is undone.
type fault struct{ err error }

func (f fault) Error() string { return "ledger: " + f.err.Error() }
func (f fault) Unwrap() error { return f.err }

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

// transact runs ops in one transaction. Its own error means that none of them
// happened.
func (l *Ledger) transact(group []*op) error {
	if e := l.broken.Load(); e != nil {
		// For good: whoever would try again need not.
		return fmt.Errorf("%w: %w: %w", waxwing.ErrUnavailable, waxwing.ErrStopping, *e)
	}
	chain, lastID, batch, rows := l.chain, l.lastID, l.batch, maps.Clone(l.sums.tables)
	l.sums.moved, l.sums.err = false, nil
	t := &tx{l: l, c: l.w, now: l.o.Clock(), batch: strconv.FormatInt(l.batch+1, 36) + ","}
	l.lines = l.lines[:0]
	err := l.guard.check()
	if err == nil {
		err = t.run(group)
	}
	if err == nil {
		l.full.Store(false)
		l.noteWitnesses()
		for _, f := range t.after {
			f()
		}
		l.checkpoint()
		return nil
	}
	l.chain, l.lastID, l.batch, l.sums.tables = chain, lastID, batch, rows
	l.rows.forget()
	clear(l.runDays)
	_, _ = l.w.exec("ROLLBACK") // fails where BEGIN did, or SQLite undid it itself
	l.judge(err)
	return fmt.Errorf("%w: %w", waxwing.ErrUnavailable, err)
}

func (t *tx) run(group []*op) error {
	if _, err := t.c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	first := t.l.chain.Seq + 1
	for _, o := range group {
		if o.unwanted() {
			o.err = errUnwanted
			continue
		}
		if o.err = o.f(bg, t); ofDatabase(o.err) {
			return o.err
		}
	}
	entries := t.l.chain.Seq >= first
	if entries {
		_, err := t.c.exec("INSERT INTO trail (batch, instance, first, last, entries, head) VALUES (?,?,?,?,?,?)",
			t.l.batch+1, t.l.instance, int64(first), int64(t.l.chain.Seq), t.l.lines, t.l.chain.Head[:])
		if err != nil {
			return err
		}
		t.l.batch++
	}
	if err := t.keepSums(entries); err != nil {
		return err
	}
	_, err := t.c.exec("COMMIT")
	return err
}

// ofDatabase reports whether an op's error is the database's: SQLite may have undone
// the transaction by itself then, and what follows would be committed alone.
func ofDatabase(err error) bool {
	return errors.As(err, new(fault)) || faultOf(err) != noDiskFault
}

// judge tells a full disk, which passes, from a broken one, after which no
// write may be trusted again.
func (l *Ledger) judge(err error) {
	if errors.Is(err, errMoved) {
		l.breakOff("the ledger's file is lost: nothing is accepted or sent any more", err)
		return
	}
	switch faultOf(err) {
	case diskBroken:
		l.breakOff("the ledger's disk has failed: nothing is written any more", err)
	case diskFull:
		l.full.Store(true)
		l.o.Log.Error("the ledger's disk is full: nothing is accepted or sent until there is room")
	}
}

// breakOff ends all writing, once.
func (l *Ledger) breakOff(what string, err error) {
	if !l.broken.CompareAndSwap(nil, &err) {
		return
	}
	l.o.Log.Error(what, "err", err)
	if l.o.Fatal != nil {
		l.o.Fatal(err)
	}
}

// exec runs a statement within an op.
func (t *tx) exec(q string, args ...any) (int64, error) {
	n, err := t.c.exec(q, args...)
	if err != nil {
		return 0, fault{err}
	}
	return n, nil
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
