package sandbox

import (
	"sync"
	"time"
)

// workers are the slots in which guests run, given out fairly among tenants:
// whoever asks a thousand times, or runs for long, waits behind herself. A slot is
// for one call and not for all of an order's: nobody waits longer than a call takes.
// A tenant has half of the slots at most: each of them keeps a processor busy, and one
// who holds all of them holds up the orders of those who have no plugins, too.
type workers struct {
	mu      sync.Mutex
	free    int
	most    int              // slots of one tenant
	held    map[*Account]int // slots now
	waiting FairQueue[*waiter]
	queued  map[*Account]int // that wait
	cost    map[*Account]time.Duration
	backlog time.Duration // what those who wait are expected to take
}

type waiter struct {
	ready chan struct{}
	of    *Account
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
	return &workers{free: n, most: max(n/2, 1), held: map[*Account]int{}, queued: map[*Account]int{}, cost: map[*Account]time.Duration{}}
}

// enter takes a slot, waiting until the deadline at most. It reports false at
// once where waiting would be in vain.
func (w *workers) enter(a *Account, until time.Time) bool {
	w.mu.Lock()
	if w.free > 0 && w.held[a] < w.most {
		w.take(a)
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
	w.waiting.Add(a, me, false)
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

// take gives a free slot away. The caller holds mu.
func (w *workers) take(a *Account) {
	w.free--
	w.held[a]++
}

// left counts a waiter out. The caller holds mu.
func (w *workers) left(me *waiter) {
	w.backlog -= me.cost
	if w.queued[me.of]--; w.queued[me.of] == 0 {
		delete(w.queued, me.of)
	}
}

// leave gives the slot to the first order of the next tenant that may have one more. took
// is what the call came to.
func (w *workers) leave(a *Account, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old, ok := w.cost[a]; ok {
		took = (old*7 + took) / 8
	}
	w.cost[a] = took
	w.free++
	if w.held[a]--; w.held[a] == 0 {
		delete(w.held, a)
	}
	now := time.Now()
	for w.free > 0 { // more than one may be free: those of a tenant that has enough of them wait beside it
		me, ok := w.waiting.NextOf(now, func(a *Account) bool { return w.held[a] < w.most })
		if !ok {
			return
		}
		if !me.gone {
			w.take(me.of)
			w.left(me)
			close(me.ready)
		}
	}
}
