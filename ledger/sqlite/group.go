package sqlite

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/sqlite/guard"
	"github.com/waxwinghq/waxwing/ledger/sqlite/sums"
	"github.com/waxwinghq/waxwing/ledger/store"
	"github.com/waxwinghq/waxwing/ledger/trail"
)

// database is the file as its one writer sees it: what it wrote last, what proves its rows,
// and whether it may still be written. The writer alone uses it, but for broken and full.
type database struct {
	mu     sync.Mutex // held by the group under way, and by whoever looks at what groups use
	o      *Options
	w      *db.Conn
	broken atomic.Pointer[error]
	full   atomic.Bool
	rows   rowCache
	recent recent
	// segmentSize is the constant, but for tests.
	segmentSize int
	// instances are rows as they were last written or read.
	instances  map[int64]store.Instance
	loaded     *store.Set  // by the last Load
	packed     []byte      // lines of the trail, used again
	at         store.Batch // the newest that is on disk, without its entries
	sums       *sums.Sums
	guard      guard.Guard
	commits    int    // since Open
	name       string // the ledger's own, from its first start on
	witness    []*witness
	anchored   trailPlace // the newest anchor's entry
	suppressed map[seal.Hash]struct{}
	scrubs     scrubber
}

// dbTx is one group commit under way.
type dbTx struct {
	d     *database
	c     *db.Conn
	wrote *store.Batch // in this group; nil: none yet
	after []func()     // once it is on disk
	// contents are those that the group has yet to write.
	contents []store.Content
	// renamed are confirmations whose hashes are written with the rest of their rows.
	renamed []waxwing.ID
	// barred are addresses that the group has suppressed, or lifted.
	barred map[store.Hash]bool
	// marked says that the file tells of something deleted that must be in no file, traces
	// that the time to overwrite it is right after the group.
	marked, traces bool
}

// file is the database as the ledger has it: one that commits groups, and those that read.
type file struct {
	*database
	*readers
}

// Group runs f in one transaction.
func (f file) Group(ctx context.Context, do func(context.Context, store.Tx) error) error {
	return f.group(ctx, func(ctx context.Context, t *dbTx) error { return do(ctx, t) })
}

// group runs f in one transaction, which is on disk when it returns nil. With an error
// nothing of it has happened: ErrUnavailable, and with ErrStopping where it never will.
func (d *database) group(ctx context.Context, f func(context.Context, *dbTx) error) error {
	if e := d.broken.Load(); e != nil {
		// For good: whoever would try again need not.
		return fmt.Errorf("%w: %w: %w", waxwing.ErrUnavailable, waxwing.ErrStopping, *e)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	tables := maps.Clone(d.sums.Tables)
	d.sums.Moved, d.sums.Err = false, nil
	t := &dbTx{d: d, c: d.w}
	err := d.guard.Check()
	if err == nil {
		err = t.run(ctx, f)
	}
	if err != nil {
		d.sums.Tables = tables
		d.rows.forget()
		d.recent.forget()
		clear(d.instances)
		_, _ = d.w.Exec("ROLLBACK") // fails where BEGIN did, or SQLite undid it itself
		d.judge(err)
		return fmt.Errorf("%w: %w", waxwing.ErrUnavailable, err)
	}
	d.full.Store(false)
	d.at = *t.newest()
	d.noteWitnesses()
	if t.traces {
		d.scrubs.begin(d.o.Clock())
	}
	for _, f := range t.after {
		f()
	}
	d.checkpoint()
	return nil
}

func (t *dbTx) run(ctx context.Context, f func(context.Context, *dbTx) error) error {
	if _, err := t.c.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := f(ctx, t); err != nil {
		return err
	}
	if err := putContents(t); err != nil {
		return err
	}
	if err := (indexing{t}).makeSegment(); err != nil {
		return err
	}
	if err := t.keepSums(); err != nil {
		return err
	}
	_, err := t.c.Exec("COMMIT")
	return err
}

// exec runs a statement within a group.
func (t *dbTx) exec(q string, args ...any) (int64, error) {
	n, err := t.c.Exec(q, args...)
	if err != nil {
		return 0, store.Fault{Err: err}
	}
	return n, nil
}

// within has f change the file itself in a group. What SQLite complains of undoes the
// group: it may have undone the transaction by itself, and what follows would be committed
// alone.
func within(f func(context.Context, *dbTx) error) func(context.Context, *ledger.Group) error {
	return func(ctx context.Context, g *ledger.Group) error {
		err := f(ctx, g.Tx.(*dbTx)) //nolint:errcheck // the groups of a file's writer are the file's
		if db.FaultOf(err) != db.NoFault && !errors.As(err, new(store.Fault)) {
			err = store.Fault{Err: err}
		}
		return err
	}
}

// do has the writer change the file itself.
func (l *Ledger) do(ctx context.Context, f func(context.Context, *dbTx) error) error {
	return l.Do(ctx, within(f))
}

// judge tells a full disk, which passes, from a broken one, after which no
// write may be trusted again.
func (d *database) judge(err error) {
	if errors.Is(err, guard.ErrMoved) {
		d.breakOff("the ledger's file is lost: nothing is accepted or sent any more", err)
		return
	}
	switch db.FaultOf(err) {
	case db.Broken:
		d.breakOff("the ledger's disk has failed: nothing is written any more", err)
	case db.Full:
		d.full.Store(true)
		d.o.Log.Error("the ledger's disk is full: nothing is accepted or sent until there is room")
	}
}

// breakOff ends all writing, once.
func (d *database) breakOff(what string, err error) {
	if !d.broken.CompareAndSwap(nil, &err) {
		return
	}
	d.o.Log.Error(what, "err", err)
	if d.o.Fatal != nil {
		d.o.Fatal(err)
	}
}

// keepSums writes the sums into the transaction, if anything moved.
func (t *dbTx) keepSums() error {
	s := t.d.sums
	if s.Err != nil {
		return fmt.Errorf("a changed row could not be read: %w", s.Err)
	}
	if !s.Moved && t.wrote == nil {
		return nil
	}
	at := t.newest()
	var head trail.Head
	copy(head[:], at.Head)
	_, err := t.c.Exec("INSERT INTO meta (k,v) VALUES ('"+sums.Row+"',?) ON CONFLICT (k) DO UPDATE SET v=excluded.v",
		s.Sealed(at.N, head))
	return err
}

// newest is the batch of the greatest number, which the sums are sealed at.
func (t *dbTx) newest() *store.Batch {
	if t.wrote != nil && t.wrote.N > t.d.at.N {
		return t.wrote
	}
	return &t.d.at
}

// checkpoint follows a commit. The writer calls it.
func (d *database) checkpoint() {
	if d.commits++; d.commits%askEvery != 0 {
		return
	}
	busy, pages, moved, err := d.w.Checkpointed("NOOP")
	if err != nil || busy || pages-moved < checkpointAt {
		return // asked again soon
	}
	_ = d.guard.During(func() error { // a reader that is in the way now is not so later
		d.noteWitnesses() // that the file is being written
		_, _, _, err := d.w.Checkpointed("PASSIVE")
		return err
	})
}

// noteWitnesses tells them of the newest commit. The writer calls it.
func (d *database) noteWitnesses() {
	if len(d.witness) == 0 {
		return
	}
	m := mark{Ledger: d.name, Instance: d.at.Instance, Seq: uint64(d.at.Last), Head: hex.EncodeToString(d.at.Head), At: d.o.Clock(), file: d.guard.Stand()}
	if d.anchored.instance == m.Instance {
		m.anchored = uint64(d.anchored.seq)
	}
	for _, w := range d.witness {
		if err := w.note(&m); err != nil && !w.failed {
			w.failed = true
			d.o.Log.Error("the witness cannot be written", "file", w.path, "err", err)
		}
	}
}

// The log is moved to the database when it has this many pages (40 MB). How many it
// has is asked after some commits: a checkpoint must be one that we know of.
const (
	checkpointAt = 10_000
	askEvery     = 16
)

// Healthy says why the ledger cannot write; nil: it can.
func (l *Ledger) Healthy() error {
	if e := l.broken.Load(); e != nil {
		return fmt.Errorf("ledger: the disk has failed: %w", *e)
	}
	if l.Stopped() {
		return waxwing.ErrStopping
	}
	if e := l.full.Load(); e {
		return fmt.Errorf("ledger: the disk is full: %w", waxwing.ErrUnavailable)
	}
	return nil
}
