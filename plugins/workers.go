package plugins

import (
	"sync"
	"time"
)

// workers are the slots in which guests run, given out fairly among tenants:
// whoever asks a thousand times, or runs for long, waits behind herself. A slot is
// for one call and not for all of an order's: nobody waits longer than a call takes.
type workers struct {
	mu      sync.Mutex
	free    int
	waiting fairQueue[*waiter]
	queued  map[*account]int // that wait
	cost    map[*account]time.Duration
	backlog time.Duration // what those who wait are expected to take
}

type waiter struct {
	ready chan struct{}
	of    *account
	cost  time.Duration
	gone  bool
}

// slow is from where on a tenant's orders may be turned away while others wait:
// the slots belong to those who are done quickly.
const (
	slow       = 5 * time.Millisecond
	mostSlow   = 50 * time.Millisecond
	firstGuess = time.Millisecond
)

func newWorkers(n int) *workers {
	return &workers{free: n, queued: map[*account]int{}, cost: map[*account]time.Duration{}}
}

// enter takes a slot, waiting until the deadline at most. It reports false at
// once where waiting would be in vain.
func (w *workers) enter(a *account, until time.Time) bool {
	w.mu.Lock()
	if w.free > 0 {
		w.free--
		w.mu.Unlock()
		return true
	}
	cost, ok := w.cost[a]
	if !ok {
		cost = firstGuess
	}
	own := time.Duration(w.queued[a]) * cost
	if wait := time.Until(until); wait <= 0 || own > wait || cost >= slow && w.backlog+cost > mostSlow {
		w.mu.Unlock()
		return false
	}
	me := &waiter{ready: make(chan struct{}), of: a, cost: cost}
	w.waiting.add(a, me, false)
	w.queued[a]++
	w.backlog += cost
	w.mu.Unlock()

	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-me.ready:
		return true
	case <-timer.C:
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-me.ready: // at the last moment
		return true
	default:
		me.gone = true
		w.left(me)
		return false
	}
}

// left counts a waiter out. The caller holds mu.
func (w *workers) left(me *waiter) {
	w.backlog -= me.cost
	if w.queued[me.of]--; w.queued[me.of] == 0 {
		delete(w.queued, me.of)
	}
}

// leave gives the slot to the next tenant's first order. took is what the call
// came to.
func (w *workers) leave(a *account, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old, ok := w.cost[a]; ok {
		took = (old*7 + took) / 8
	}
	w.cost[a] = took
	now := time.Now()
	for {
		me, ok := w.waiting.next(now)
		if !ok {
			w.free++
			return
		}
		if !me.gone {
			w.left(me)
			close(me.ready)
			return
		}
	}
}
