package ledger

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"runtime/pprof"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/store"
	"github.com/waxwinghq/waxwing/ledger/trail"
)

// Writer is the one goroutine of an instance that changes a database: it commits what
// waits in groups, and owns the instance's chain of the trail and its ids. Its methods are
// safe for concurrent use.
type Writer struct {
	p       WriterParts
	ops     chan *op
	hurry   chan struct{} // a hint that somebody waits who should not
	stop    chan struct{}
	done    chan struct{}
	closed  atomic.Bool
	running atomic.Bool
	missed  atomic.Int64 // anchors that could not be written

	// What follows is of the goroutine alone.
	self     store.Instance
	chain    trail.Chain
	anchored uint64 // the chain's newest entry that an anchor names
	silent   bool   // the last beat failed
	lastID   waxwing.ID
	lastRun  int64
	batch    int64
	lines    []byte
	set      *machine.Set // of the command under way
	undone   []func()     // called after a group that was undone
	beat     func(context.Context, *Group) error
	prolong  func(context.Context, *Group) error
	keys     store.Keys // of the rows being loaded
	own      [1]int64
	changes  store.Changes
}

// WriterParts are what a Writer writes by.
type WriterParts struct {
	Store store.Store
	Clock waxwing.Clock
	Log   *slog.Logger
	// Rule says what becomes of attempts whose answer was lost.
	Rule waxwing.DoubtRule
	// Anchor keeps a signed head of a chain elsewhere. The writer's goroutine calls it, once
	// a minute, where the chain has moved.
	Anchor func(c *trail.Chain) error
	// Lease is how long nobody may take this instance for dead after it was last heard of, and
	// Beat how often it is heard of; Beat 0: when Leases.Beat is called. Lease 0: the store
	// makes certain that there is no other.
	Lease, Beat time.Duration
	// Sends says that it is an instance that only sends: see Options.
	Sends bool
	// Look is called each LookEvery, by the writer's goroutine, where nothing else is to do;
	// nil: nothing is.
	Look      func()
	LookEvery time.Duration
	// Before is where this instance goes on.
	Before Before
}

// Before is what stands in a database that an instance goes on from.
type Before struct {
	// Instance is the number of the one that begins: no other had it.
	Instance int64
	// ID and Run are the greatest of confirmations and plugin runs.
	ID  waxwing.ID
	Run int64
	// Last is the newest batch of the trail; N is 0 where there is none.
	Last store.Batch
	// Rows says how the rows are proved; empty: they are not.
	Rows string
	// Beside are instances that go on meanwhile: the last batch of theirs is no end of a chain,
	// and this instance numbers its batches apart from theirs.
	Beside []int64
}

// batch is the number before the instance's first one.
func (b *Before) batch() int64 {
	if len(b.Beside) == 0 {
		return b.Last.N
	}
	return FirstBatch(b.Instance) - 1
}

// batchBits are those of a batch's number below its instance, of an instance that began
// beside others. The numbers of those that were alone follow each other from 1 on.
const batchBits = 32

// FirstBatch is the number of the first batch of an instance that began beside others.
func FirstBatch(instance int64) int64 { return instance<<batchBits + 1 }

// follows says in the first entry of a chain what it follows.
func (b *Before) follows() [][2]string {
	d := [][2]string{{"instance", strconv.FormatInt(b.Instance, 10)}}
	if b.Rows != "" {
		d = append(d, [2]string{"rows", b.Rows})
	}
	if b.Last.N == 0 {
		if len(b.Beside) > 0 { // they have begun, and written nothing yet
			d = append(d, [2]string{"beside", fmt.Sprint(b.Beside)})
		}
		return d
	}
	d = append(d, [2]string{"after", strconv.FormatInt(b.Last.Instance, 10)}, [2]string{"entry", strconv.FormatInt(b.Last.Last, 10)},
		[2]string{"head", hex.EncodeToString(b.Last.Head)})
	if len(b.Beside) > 0 {
		d = append(d, [2]string{"batch", strconv.FormatInt(b.Last.N, 10)}, [2]string{"beside", fmt.Sprint(b.Beside)})
	}
	return d
}

// NewWriter returns a writer, whose groups are committed by whoever calls Now until Run
// begins.
func NewWriter(p WriterParts) *Writer {
	return &Writer{p: p, ops: make(chan *op, 1024), hurry: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
		self:  store.Instance{ID: p.Before.Instance, Epoch: 1, Sends: p.Sends},
		chain: trail.Chain{Instance: p.Before.Instance}, lastID: p.Before.ID, lastRun: p.Before.Run, batch: p.Before.batch(),
		set: machine.NewSet(time.Time{}, 0, waxwing.DoubtRule{})}
}

// op is one transition waiting for a group commit. Its function gets the group's context:
// what has begun is not given up for one of those who wait. An op that returns an error
// must have changed nothing, or return a fault of the database itself.
type op struct {
	f func(context.Context, *Group) error
	// loads are rows that f will load; nil: they are not known before.
	loads *store.Keys
	gone  <-chan struct{} // closed when nobody wants it any more; nil: never
	// stage says whether a group has begun it, or whoever submitted it has left before.
	stage atomic.Int32
	err   error
	done  chan struct{}
}

// The stages of an op.
const (
	submitted = iota
	begun
	left
)

// unwanted reports whether whoever submitted it has left before its group began.
func (o *op) unwanted() bool {
	if !o.stage.CompareAndSwap(submitted, begun) && o.stage.Load() == left {
		return true
	}
	select {
	case <-o.gone:
		return true
	default:
		return false
	}
}

const (
	maxGroup    = 512
	anchorEvery = time.Minute
)

// Do submits what changes the ledger and waits until it is on disk. Where ctx ends before
// its group begins, nothing happens and the error is the context's; from then on the answer
// is waited for, a few milliseconds, since only it says whether the change is there.
func (w *Writer) Do(ctx context.Context, f func(context.Context, *Group) error) error {
	return w.do(ctx, &op{f: f}, false)
}

// DoFor is Do for what is known to load these rows: a database that is a round trip away
// reads those of a whole group at once. They are not changed any more.
func (w *Writer) DoFor(ctx context.Context, loads *store.Keys, f func(context.Context, *Group) error) error {
	return w.do(ctx, &op{f: f, loads: loads}, false)
}

// DoNow is DoFor for what should not wait for others to share its commit.
func (w *Writer) DoNow(ctx context.Context, loads *store.Keys, f func(context.Context, *Group) error) error {
	return w.do(ctx, &op{f: f, loads: loads}, true)
}

func (w *Writer) do(ctx context.Context, o *op, hurry bool) error {
	if !w.running.Load() {
		return fmt.Errorf("it was opened to be read: %w", waxwing.ErrUnavailable)
	}
	if ctx.Err() != nil {
		return store.NotBegun(ctx)
	}
	o.gone, o.done = ctx.Done(), make(chan struct{})
	select {
	case w.ops <- o:
	case <-w.stop:
		return waxwing.ErrStopping
	case <-ctx.Done():
		return store.NotBegun(ctx)
	}
	if hurry {
		select {
		case w.hurry <- struct{}{}:
		default: // the next group is in a hurry already
		}
	}
	select {
	case <-o.done:
	case <-o.gone: // the group before it may take as long as the database is away
		if o.stage.CompareAndSwap(submitted, left) {
			return store.NotBegun(ctx)
		}
	case <-w.done:
	}
	select {
	case <-o.done:
		if errors.Is(o.err, errUnwanted) {
			return store.NotBegun(ctx)
		}
		return o.err
	case <-w.done:
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

// Run begins the goroutine; from then on Do alone changes the ledger.
func (w *Writer) Run() {
	w.running.Store(true)
	go w.write()
}

// write commits groups. They form by themselves: whatever came while the last one was being
// synced is the next.
func (w *Writer) write() {
	defer close(w.done)
	ctx := pprof.WithLabels(context.Background(), pprof.Labels("part", "ledger"))
	pprof.SetGoroutineLabels(ctx)
	tick := time.NewTicker(anchorEvery)
	defer tick.Stop()
	var look <-chan time.Time
	if w.p.Look != nil {
		t := time.NewTicker(w.p.LookEvery)
		defer t.Stop()
		look = t.C
	}
	beat := time.NewTicker(cmp.Or(w.p.Beat, time.Hour))
	defer beat.Stop()
	if w.p.Beat == 0 {
		beat.Stop()
	}
	group := make([]*op, 0, maxGroup)
	var r rhythm
	for {
		group = group[:0]
		select {
		case o := <-w.ops:
			group = append(group, o)
		case <-tick.C:
			if err := w.AnchorNow(); err != nil {
				w.p.Log.Error("anchor not written", "err", err)
			}
			continue
		case <-beat.C:
			beat.Reset(w.live(ctx))
			continue
		case <-look:
			w.p.Look()
			continue
		case <-w.stop:
			if len(w.ops) == 0 {
				return
			}
			group = append(group, <-w.ops)
		}
		waited := w.wait(r.wait(time.Now(), len(w.ops)))
		group = w.fill(group)
		r.begin(time.Now(), waited, len(group))
		w.commit(ctx, group)
	}
}

// wait waits so long, unless somebody is in a hurry: then it gives 0.
func (w *Writer) wait(d time.Duration) time.Duration {
	select {
	case <-w.hurry: // whoever left it is among those who wait already
		return 0
	default:
	}
	if d <= 0 {
		return d
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return d
	case <-w.hurry:
		return 0
	}
}

func (w *Writer) fill(group []*op) []*op {
	for len(group) < maxGroup {
		select {
		case o := <-w.ops:
			group = append(group, o)
		default:
			return group
		}
	}
	return group
}

// commit runs a group; if it fails as a whole, each op is tried alone, so that
// one that cannot be written does not spoil its neighbours.
func (w *Writer) commit(ctx context.Context, group []*op) {
	err := w.transact(ctx, group)
	for _, o := range group {
		if err != nil && len(group) > 1 && !errors.Is(err, waxwing.ErrStopping) {
			if e := w.transact(ctx, []*op{o}); e != nil {
				o.err = e
			}
		} else if err != nil {
			o.err = err
		}
		close(o.done)
	}
}

// Now commits some changes in one group at once. It is for whoever opens the ledger, before
// Run.
func (w *Writer) Now(ctx context.Context, changes ...func(context.Context, *Group) error) error {
	group := make([]*op, len(changes))
	for i, f := range changes {
		group[i] = &op{f: f}
	}
	if err := w.transact(ctx, group); err != nil {
		return err
	}
	for _, o := range group {
		if o.err != nil {
			return o.err
		}
	}
	return nil
}

// Sync waits until everything submitted before it is on disk.
func (w *Writer) Sync(ctx context.Context) error {
	return w.Do(ctx, func(context.Context, *Group) error { return nil })
}

// Anchor writes a signed head now.
func (w *Writer) Anchor(ctx context.Context) error {
	var err error
	if e := w.Do(ctx, func(_ context.Context, g *Group) error {
		g.After(func() { err = w.AnchorNow() })
		return nil
	}); e != nil {
		return e
	}
	return err
}

// AnchorNow has the head kept elsewhere, if the chain has moved. It is for the writer's goroutine,
// and, before Run, for whoever opens the ledger.
func (w *Writer) AnchorNow() error {
	if w.chain.Seq == w.anchored {
		return nil
	}
	if err := w.p.Anchor(&w.chain); err != nil {
		w.missed.Add(1)
		return err
	}
	w.anchored = w.chain.Seq
	return nil
}

// AnchorFailures is how often an anchor could not be written since Open. What was committed
// since the last one is not proven to be the trail's end.
func (w *Writer) AnchorFailures() int64 { return w.missed.Load() }

// Instance is this process's number in the ledger.
func (w *Writer) Instance() int64 { return w.p.Before.Instance }

// Waiting is how many changes wait for a group.
func (w *Writer) Waiting() int { return len(w.ops) }

// Stopping is closed when the writer is being ended.
func (w *Writer) Stopping() <-chan struct{} { return w.stop }

// Stopped reports whether the writer was ended: what is submitted is ErrStopping.
func (w *Writer) Stopped() bool { return w.closed.Load() }

// Begin makes this instance known, and writes the first entry of its chain, which says what
// it follows.
func (w *Writer) Begin(ctx context.Context, g *Group) error {
	g.Entry(&machine.Entry{Cause: machine.CauseChain, Detail: w.p.Before.follows()})
	w.self.Started = g.Now.UnixMilli()
	if w.p.Lease > 0 {
		w.self.Lease = g.Now.Add(w.p.Lease).UnixMilli()
	}
	return g.Write(ctx, &store.Changes{Instances: []store.Instance{w.self}})
}

// Chain is the instance's as it stands; before Run.
func (w *Writer) Chain() trail.Chain { return w.chain }

// End commits what was submitted, ends the goroutine, and writes the last anchor and that
// the instance has stopped. Operations after it return ErrStopping. It is called once.
func (w *Writer) End(ctx context.Context) error {
	w.closed.Store(true)
	close(w.stop)
	if w.running.Load() {
		<-w.done
	}
	return errors.Join(w.AnchorNow(), w.Now(ctx, func(ctx context.Context, g *Group) error {
		s, err := g.Load(ctx, &store.Keys{})
		if err != nil {
			return err
		}
		g.Tell() // what it leaves is others' from now on
		self := s.Instances[w.self.ID]
		self.ID, self.Stopped = w.self.ID, g.Now.UnixMilli()
		return g.Write(ctx, &store.Changes{Instances: []store.Instance{self}})
	}))
}
