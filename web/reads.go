package web

import (
	"context"
	"runtime"
	"sync"

	"github.com/waxwinghq/waxwing"
)

// reads lets large reads happen a few at a time, and of one tenant one: each opens
// hundreds of sealed events, and accepting orders must not wait for that.
type reads struct {
	all  chan struct{}
	mu   sync.Mutex
	each map[waxwing.TenantID]*turn
}

// turn is a tenant's: who asks waits for the one before.
type turn struct {
	free  chan struct{}
	users int
}

func newReads() *reads {
	return &reads{all: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)), each: map[waxwing.TenantID]*turn{}}
}

// enter waits until it is this request's turn; done ends it.
func (x *reads) enter(ctx context.Context, t waxwing.TenantID) (done func(), err error) {
	x.mu.Lock()
	own := x.each[t]
	if own == nil {
		own = &turn{free: make(chan struct{}, 1)}
		x.each[t] = own
	}
	own.users++
	x.mu.Unlock()
	leave := func() {
		x.mu.Lock()
		if own.users--; own.users == 0 {
			delete(x.each, t)
		}
		x.mu.Unlock()
	}
	for i, c := range []chan struct{}{own.free, x.all} {
		select {
		case c <- struct{}{}:
		case <-ctx.Done():
			if i > 0 {
				<-own.free
			}
			leave()
			return nil, waxwing.ErrUnavailable
		}
	}
	return func() { <-x.all; <-own.free; leave() }, nil
}

// desks bounds the requests of staff and their programs that are under way: they may
// take long, of one tenant and of all together, and must not fill the door for orders.
type desks struct {
	each, all int
	mu        sync.Mutex
	busy      map[waxwing.TenantID]int
	sum       int
}

func newDesks(connections int) *desks {
	return &desks{each: min(max(connections/16, 4), 32), all: max(connections/2, 4), busy: map[waxwing.TenantID]int{}}
}

// enter takes a place for a tenant's request; false: there is none.
func (d *desks) enter(t waxwing.TenantID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy[t] >= d.each || d.sum >= d.all {
		return false
	}
	d.busy[t]++
	d.sum++
	return true
}

func (d *desks) leave(t waxwing.TenantID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sum--
	if d.busy[t]--; d.busy[t] == 0 {
		delete(d.busy, t)
	}
}
