package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing/source"
)

// place is where in the log something is done, and when it was committed.
type place struct {
	at   LSN // 0: it is not the end of anything
	when time.Time
}

// job is a part of a committed transaction: few enough orders to have in memory.
type job struct {
	place
	found  []found
	xid    uint32    // the transaction's; 0: one that all see
	due    time.Time // not before
	ready  chan struct{}
	events []source.Event
}

const (
	chunk   = 16    // orders of a job
	waiting = 16384 // jobs of which keys are in memory
	ahead   = 32    // jobs of which events are
	size    = 32    // events being accepted
	readFor = 30 * time.Second
)

// reading has orders read several at a time, and accepted in their order.
type reading struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	orders  *orders
	settle  time.Duration
	window  *source.Window[place]
	jobs    chan *job
	started chan *job
	wg      sync.WaitGroup
}

func newReading(ctx context.Context, o *orders, accept source.Accept, settle time.Duration, done func(place)) *reading {
	r := &reading{orders: o, settle: settle, jobs: make(chan *job, waiting), started: make(chan *job, ahead)}
	ctx, r.cancel = context.WithCancelCause(ctx)
	r.window = source.NewWindow(ctx, accept, size, done)
	r.ctx = r.window.Context()
	r.wg.Go(r.start)
	r.wg.Go(r.hand)
	return r
}

// put queues a job; it waits while there are too many. An error means that it is over.
func (r *reading) put(j *job) error {
	select {
	case r.jobs <- j:
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

// start begins to read the orders of one job after the other, when they are due.
func (r *reading) start() {
	defer close(r.started)
	for {
		var j *job
		var ok bool
		select {
		case j, ok = <-r.jobs:
			if !ok {
				return
			}
		case <-r.ctx.Done():
			return
		}
		if wait := time.Until(j.due); r.settle > 0 && len(j.found) > 0 && wait > 0 {
			t := time.NewTimer(wait)
			select {
			case <-t.C:
			case <-r.ctx.Done():
				t.Stop()
				return
			}
		}
		if len(j.found) > 0 {
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

func (r *reading) read(j *job) {
	defer close(j.ready)
	ctx, cancel := context.WithTimeout(r.ctx, readFor)
	defer cancel()
	events, err := r.orders.events(ctx, j.xid, j.found)
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
func (r *reading) hand() {
	for j := range r.started {
		if j.ready != nil {
			<-j.ready
		}
		if r.ctx.Err() != nil || r.window.Put(j.place, j.events...) != nil {
			break
		}
	}
	for j := range r.started { // until start has ended
		if j.ready != nil {
			<-j.ready
		}
	}
}

// end waits for what is under way, or, unless all is wanted, ends it. err is why, and what it gives is the reason that came first.
func (r *reading) end(err error, all bool) error {
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
