package plugins

import (
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

// workers are the slots in which guests run, given out fairly among tenants:
// whoever asks a thousand times waits behind herself, not before others.
type workers struct {
	mu      sync.Mutex
	free    int
	queues  map[waxwing.TenantID][]*waiter
	turn    []waxwing.TenantID // tenants that wait, the next one first
	cost    map[waxwing.TenantID]time.Duration
	backlog time.Duration // what those who wait are expected to take
}

type waiter struct {
	ready chan struct{}
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
	return &workers{free: n, queues: map[waxwing.TenantID][]*waiter{}, cost: map[waxwing.TenantID]time.Duration{}}
}

// enter takes a slot, waiting until the deadline at most. It reports false at
// once where waiting would be in vain.
func (w *workers) enter(t waxwing.TenantID, until time.Time) bool {
	w.mu.Lock()
	if w.free > 0 && len(w.turn) == 0 {
		w.free--
		w.mu.Unlock()
		return true
	}
	cost, ok := w.cost[t]
	if !ok {
		cost = firstGuess
	}
	own := time.Duration(len(w.queues[t])) * cost
	if wait := time.Until(until); wait <= 0 || own > wait || cost >= slow && w.backlog+cost > mostSlow {
		w.mu.Unlock()
		return false
	}
	me := &waiter{ready: make(chan struct{}), cost: cost}
	if len(w.queues[t]) == 0 {
		w.turn = append(w.turn, t)
	}
	w.queues[t] = append(w.queues[t], me)
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
		w.backlog -= me.cost
		return false
	}
}

// leave gives the slot to the next tenant's first order. took is what all of an
// order's calls came to.
func (w *workers) leave(t waxwing.TenantID, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old, ok := w.cost[t]; ok {
		took = (old*7 + took) / 8
	}
	w.cost[t] = took
	for len(w.turn) > 0 {
		next := w.turn[0]
		q := w.queues[next]
		me := q[0]
		q = q[1:]
		w.turn = w.turn[1:]
		if len(q) > 0 {
			w.turn = append(w.turn, next)
			w.queues[next] = q
		} else {
			delete(w.queues, next)
		}
		if me.gone {
			continue
		}
		w.backlog -= me.cost
		close(me.ready)
		return
	}
	w.free++
}
