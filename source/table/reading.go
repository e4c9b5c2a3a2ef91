package table

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing/source"
)

// Job is a part of a committed transaction: few enough orders to have in memory (see Chunk). P is a place in the log.
type Job[P any] struct {
	// At is what is done when this job and all before it are.
	At P
	// Read reads its orders; nil where it has none.
	Read func(context.Context) ([]source.Event, error)
	// Due is when they may be read, where orders settle.
	Due time.Time

	ready  chan struct{}
	events []source.Event
}

// Chunk is how many orders a job has at most.
const Chunk = 16

const (
	waiting = 16384           // jobs of which keys are in memory
	ahead   = 32              // jobs of which events are
	size    = 32              // events being accepted
	readFor = 5 * time.Minute // with the wait for a connection: a table without an index is slow, and no reason to begin anew
)

// Reading has orders read several at a time, and accepted in their order. Its methods are called by one goroutine, but for
// Context and Cancel.
type Reading[P any] struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	settle  bool
	window  *source.Window[P]
	jobs    chan *Job[P]
	started chan *Job[P]
	wg      sync.WaitGroup
}

// NewReading makes one, whose end must be waited for. settle says that jobs wait until they are due; done is the window's.
func NewReading[P any](ctx context.Context, accept source.Accept, settle bool, done func(P)) *Reading[P] {
	r := &Reading[P]{settle: settle, jobs: make(chan *Job[P], waiting), started: make(chan *Job[P], ahead)}
	ctx, r.cancel = context.WithCancelCause(ctx)
	r.window = source.NewWindow(ctx, accept, size, done)
	r.ctx = r.window.Context()
	r.wg.Go(r.start)
	r.wg.Go(r.hand)
	return r
}

// Context ends when it is over.
func (r *Reading[P]) Context() context.Context { return r.ctx }

// Cancel ends it; err is why.
func (r *Reading[P]) Cancel(err error) { r.cancel(err) }

// Queued says that jobs wait to be begun.
func (r *Reading[P]) Queued() bool { return len(r.jobs) > 0 }

// Put queues a job; it waits while there are too many. An error means that it is over.
func (r *Reading[P]) Put(j *Job[P]) error {
	select {
	case r.jobs <- j:
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

// start begins to read the orders of one job after the other, when they are due.
func (r *Reading[P]) start() {
	defer close(r.started)
	for {
		var j *Job[P]
		var ok bool
		select {
		case j, ok = <-r.jobs:
			if !ok {
				return
			}
		case <-r.ctx.Done():
			return
		}
		if wait := time.Until(j.Due); r.settle && j.Read != nil && wait > 0 {
			t := time.NewTimer(wait)
			select {
			case <-t.C:
			case <-r.ctx.Done():
				t.Stop()
				return
			}
		}
		if j.Read != nil {
			j.ready = make(chan struct{})
			r.wg.Go(func() { r.read(j) })
		}
		select {
		case r.started <- j:
		case <-r.ctx.Done():
			return
		}
	}
}

func (r *Reading[P]) read(j *Job[P]) {
	defer close(j.ready)
	ctx, cancel := context.WithTimeout(r.ctx, readFor)
	defer cancel()
	events, err := j.Read(ctx)
	if err != nil {
		if ctx.Err() != nil && r.ctx.Err() == nil {
			err = fmt.Errorf("reading orders took longer than %s: %w", readFor, err)
		}
		r.cancel(err)
		return
	}
	j.events = events
}

// hand gives them to the window in their order.
func (r *Reading[P]) hand() {
	for j := range r.started {
		if j.ready != nil {
			<-j.ready
		}
		if r.ctx.Err() != nil || r.window.Put(j.At, j.events...) != nil {
			break
		}
	}
	for j := range r.started { // until start has ended
		if j.ready != nil {
			<-j.ready
		}
	}
}

// End waits for what is under way, or, unless all is wanted, ends it. err is why, and what it gives is the reason that came first.
func (r *Reading[P]) End(err error, all bool) error {
	if err != nil {
		r.cancel(err)
	}
	if all && err == nil {
		close(r.jobs)
		r.wg.Wait()
		err = r.window.Wait()
	}
	r.cancel(nil)
	r.wg.Wait() // the window is one goroutine's
	if of := r.window.Close(); of != nil {
		err = of
	}
	return err
}
