// Package broker is what sources share that take messages which a broker keeps until they are
// acknowledged: how a message is read, how many are under way, and when each is acknowledged. A package
// a broker stands beside it.
package broker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/source"
)

// Delivery is a message and what acknowledges it.
type Delivery[P any] struct {
	Message
	At P
}

// Reader is one connection to a broker. It does not connect again: when a method gives an error it
// is of no more use. Next, Settle, Keep and Behind are called beside each other, but each by one goroutine.
type Reader[P any] interface {
	// Next waits for messages and gives some, or none. It ends with ctx.
	Next(ctx context.Context) ([]Delivery[P], error)
	// Settle acknowledges messages that are on disk here. They are the first of those that Next gave
	// and that were not acknowledged, in that order.
	Settle(ctx context.Context, at []P) error
	// Keep tells the broker that these are still in hand, where it gives them to others in time.
	Keep(ctx context.Context, at []P) error
	// Behind is how many messages wait at the broker; negative: it does not tell.
	Behind(ctx context.Context) (int64, error)
	// Close gives back what was given and not acknowledged, as far as ctx allows, and ends the connection.
	Close(ctx context.Context, at []P)
}

// Options are how Run runs.
type Options struct {
	Route
	// Keep is how often what is under way is told to the broker; 0: never.
	Keep time.Duration
}

const (
	// Batch is how many messages are asked for at a time, and Ahead how many a broker may push.
	Batch, Ahead = 32, 64
	// window is how many events the ledger is given at a time: it writes those to the disk together.
	window = 32
	// dialFor bounds a connection's beginning, callFor an acknowledgement, partFor each of the two steps of parting.
	dialFor, callFor, partFor = 10 * time.Second, 10 * time.Second, 400 * time.Millisecond
	// lookEvery is how often it is asked how many messages wait.
	lookEvery = 10 * time.Second
)

// Run has what a broker brings accepted until ctx ends, or the connection does, or the window. dial
// connects, and may wait for its turn as long as it likes.
func Run[P any](ctx context.Context, accept source.Accept, w *Watch, o Options, dial func(ctx context.Context) (Reader[P], error)) error {
	w.set(source.Starting, "")
	r, err := dial(ctx)
	if err != nil {
		return w.ended(ctx, err)
	}
	w.set(source.Reading, "")
	own, cancel := context.WithCancelCause(ctx)
	f := &flow[P]{r: r, watch: w, fail: cancel, more: make(chan struct{}, 1)}
	win := source.NewWindow(own, accept, window, f.done)
	var beside sync.WaitGroup
	beside.Go(func() { f.settle(own) })
	beside.Go(func() { f.every(own, lookEvery, f.look) })
	if o.Keep > 0 {
		beside.Go(func() { f.every(own, o.Keep, f.keep) })
	}
	f.read(win, o.Route)
	err = win.Close()
	if first := context.Cause(own); first != nil && !errors.Is(first, context.Canceled) {
		err = first
	}
	cancel(nil)
	beside.Wait()
	f.part(ctx)
	return w.ended(ctx, err)
}

// flow is a connection's messages that are not acknowledged yet.
type flow[P any] struct {
	r     Reader[P]
	watch *Watch
	fail  context.CancelCauseFunc
	more  chan struct{}

	mu    sync.Mutex
	open  []held[P] // as Next gave them
	ready int       // so many of the first are on disk

	broken bool // an acknowledgement failed: settle's, and whose who waits for it
}

type held[P any] struct {
	at    P
	where string
}

// done is the window's: one more of the first is on disk.
func (f *flow[P]) done(P) {
	f.mu.Lock()
	f.ready++
	f.mu.Unlock()
	f.watch.accepted()
	select {
	case f.more <- struct{}{}:
	default:
	}
}

// read hands on what comes, until the window or the connection ends.
func (f *flow[P]) read(win *source.Window[P], to Route) {
	for {
		list, err := f.r.Next(win.Context())
		if err != nil {
			f.fail(err)
			return
		}
		if win.Context().Err() != nil {
			f.took(list)
			return
		}
		f.watch.heard()
		f.took(list)
		for i := range list {
			if win.Put(list[i].At, list[i].Events(to)...) != nil {
				return
			}
		}
	}
}

func (f *flow[P]) took(list []Delivery[P]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range list {
		f.open = append(f.open, held[P]{list[i].At, list[i].Where})
	}
}

// settle acknowledges what is on disk.
func (f *flow[P]) settle(ctx context.Context) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx)) // an acknowledgement that is under way at the end may take a moment
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(partFor, cancel) })()
	for {
		select {
		case <-f.more:
		case <-ctx.Done():
			return
		}
		if err := f.acknowledge(late, callFor); err != nil {
			f.broken = true
			f.fail(err)
			return
		}
	}
}

func (f *flow[P]) acknowledge(ctx context.Context, limit time.Duration) error {
	f.mu.Lock()
	n := f.ready
	at := places(f.open[:n])
	f.mu.Unlock()
	if n == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := f.r.Settle(ctx, at); err != nil {
		return err
	}
	f.mu.Lock()
	where := f.open[n-1].where
	clear(f.open[:n])
	f.open, f.ready = f.open[n:], f.ready-n
	f.mu.Unlock()
	f.watch.at(where)
	return nil
}

func places[P any](list []held[P]) []P {
	out := make([]P, len(list))
	for i := range list {
		out[i] = list[i].at
	}
	return out
}

// every does something now and then; its error ends the connection.
func (f *flow[P]) every(ctx context.Context, pause time.Duration, do func(ctx context.Context) error) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		limited, cancel := context.WithTimeout(ctx, callFor)
		err := do(limited)
		cancel()
		if err != nil && ctx.Err() == nil {
			f.fail(err)
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (f *flow[P]) keep(ctx context.Context) error {
	f.mu.Lock()
	at := places(f.open)
	f.mu.Unlock()
	if len(at) == 0 {
		return nil
	}
	return f.r.Keep(ctx, at)
}

func (f *flow[P]) look(ctx context.Context) error {
	n, err := f.r.Behind(ctx)
	if err == nil {
		f.watch.behind(n)
	}
	return err
}

// part acknowledges what is on disk, gives back what is not, and ends the connection.
func (f *flow[P]) part(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	if !f.broken {
		_ = f.acknowledge(ctx, partFor) // it comes again
	}
	ctx, cancel := context.WithTimeout(ctx, partFor)
	defer cancel()
	f.r.Close(ctx, places(f.open))
}

// Watch is how a source is: its Status, which a source has by embedding it.
type Watch struct {
	mu sync.Mutex
	st source.Status
}

// NewWatch is that of a source that has not begun.
func NewWatch() *Watch {
	return &Watch{st: source.Status{State: source.Starting, Lag: -1, Behind: -1}}
}

// Status is source.Reporter's.
func (w *Watch) Status() source.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.st
}

// Wait says that another daemon reads, and why this one does not.
func (w *Watch) Wait(why string) { w.set(source.Standby, why) }

// Lost says that messages are gone that were not read; it goes on with those that there are.
func (w *Watch) Lost(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.st.Gaps++
	w.st.Detail = what
}

func (w *Watch) set(s source.State, detail string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.st.State, w.st.Detail = s, detail
	if s == source.Reading {
		w.st.Heard = time.Now()
	}
}

// ended is what Run returns.
func (w *Watch) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil || err == nil {
		w.set(source.Starting, "")
		return nil
	}
	w.set(source.Failing, err.Error())
	return err
}

func (w *Watch) heard() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.st.Heard = time.Now()
}

func (w *Watch) accepted() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.st.LastEvent = time.Now()
}

func (w *Watch) at(where string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.st.Position = where
}

func (w *Watch) behind(n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.st.Behind, w.st.Heard, w.st.Lag = n, time.Now(), -1
	if n == 0 {
		w.st.Lag = 0
	}
}

// Dialled bounds what a dial does before the first message. It ends with ctx, also where the client goes on for some
// seconds: what that brings is closed.
func Dialled[P any](ctx context.Context, dial func(ctx context.Context) (Reader[P], error)) (Reader[P], error) {
	type result struct {
		r   Reader[P]
		err error
	}
	came := make(chan result, 1)
	limited, cancel := context.WithTimeout(ctx, dialFor)
	go func() {
		defer cancel()
		r, err := dial(limited)
		came <- result{r, err}
	}()
	select {
	case x := <-came:
		return x.r, x.err
	case <-ctx.Done():
		go func() {
			if x := <-came; x.err == nil {
				x.r.Close(limited, nil)
			}
		}()
		return nil, ctx.Err()
	}
}

// CheckRoute reports a tenant or shop that has no name that a file may have.
func CheckRoute(r *config.Report, tenant, shop string) {
	if tenant != "" && !r.Bad("tenant") {
		r.Name("tenant", tenant)
	}
	if shop != "" && !r.Bad("shop") {
		r.Name("shop", shop)
	}
}
