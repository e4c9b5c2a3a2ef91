package plugins

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

// turns let tenants' uploads be checked, a few at once. A tenant has one check at
// a time, and seconds of it in an hour; the last place is for tenants that have
// used few of theirs, or far less than those that hold the others, so that whoever
// uploads what takes long waits for himself. Of those that wait, who used least is first.
type turns struct {
	places int
	budget time.Duration // of a tenant and hour
	now    waxwing.Clock

	mu      sync.Mutex
	running map[waxwing.TenantID]bool // true: it counts as heavy
	waiting []*turn                   // in the order in which they came
	spent   map[waxwing.TenantID]*hour
}

// turn is one upload that waits.
type turn struct {
	tenant waxwing.TenantID
	begun  chan struct{} // closed when it may begin
}

const (
	// lightShare is the part of its budget up to which a tenant counts as one that
	// uses little.
	lightShare = 6
	// lessShare is the part of what a heavy tenant has used up to which another one
	// counts as lighter than it: a busy author does not wait for an attack.
	lessShare = 2
	// mostUploads uploads lie in memory at once beside those being checked.
	mostUploads = 32
	// longestWait is how long one waits for its turn.
	longestWait = 20 * time.Second
	// leastCheck is charged for any upload, so that those that are refused at a glance end as well.
	// At a minute an hour that is 1,200 of them, which bounds what they leave in the trail.
	leastCheck = 50 * time.Millisecond
)

func newTurns(places int, budget time.Duration, now waxwing.Clock) *turns {
	return &turns{places: max(places, 2), budget: budget, now: now, running: map[waxwing.TenantID]bool{}, spent: map[waxwing.TenantID]*hour{}}
}

// enter waits for a tenant's turn, and says how much of its budget is left. The
// error is a LaterError where it must wait longer than that. free: nothing is
// charged, nor asked for.
func (q *turns) enter(ctx context.Context, t waxwing.TenantID, free bool) (left time.Duration, err error) {
	q.mu.Lock()
	used := q.usedBy(t)
	if used >= q.budget && !free {
		after := q.spent[t].until(q.now(), q.budget)
		q.mu.Unlock()
		return 0, &waxwing.LaterError{After: after, Quota: true, Text: fmt.Sprintf(
			"the tenant's uploads have used the %s of checking that they have in an hour (plugins.check_budget): send smaller modules or fewer fixtures, or wait", q.budget)}
	}
	if len(q.waiting) >= mostUploads {
		q.mu.Unlock()
		return 0, errCrowded
	}
	w := &turn{t, make(chan struct{})}
	q.waiting = append(q.waiting, w)
	q.begin()
	q.mu.Unlock()
	late := time.NewTimer(longestWait)
	defer late.Stop()
	select {
	case <-w.begun:
		return q.budget - used, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-late.C:
		err = errCrowded
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiting, w); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		return 0, err
	}
	return q.budget - used, nil // its turn came at the same moment
}

var errCrowded = &waxwing.LaterError{After: 5 * time.Second, Text: "other plugins are being checked: try again in some seconds"}

// leave ends a turn that took so long.
func (q *turns) leave(t waxwing.TenantID, took time.Duration, free bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.running, t)
	if !free {
		h := q.spent[t]
		if h == nil {
			h = &hour{}
			q.spent[t] = h
		}
		h.add(q.now(), max(took, leastCheck))
	}
	q.begin()
}

// begin lets those begin that may, who used least first. The caller holds mu.
func (q *turns) begin() {
	slices.SortStableFunc(q.waiting, func(a, b *turn) int { return cmp.Compare(q.usedBy(a.tenant), q.usedBy(b.tenant)) })
	q.waiting = slices.DeleteFunc(q.waiting, func(w *turn) bool {
		if _, runs := q.running[w.tenant]; runs || !q.room(w.tenant) {
			return false
		}
		q.running[w.tenant] = q.heavy(w.tenant)
		close(w.begun)
		return true
	})
}

// room reports whether there is a place for a tenant: the last one is not for a
// heavy one, where others hold all the rest than which it is not much lighter.
func (q *turns) room(t waxwing.TenantID) bool {
	n, used, heavy := 0, q.usedBy(t), q.heavy(t)
	for other, h := range q.running {
		if h && heavy && used > q.usedBy(other)/lessShare {
			n++
		}
	}
	return len(q.running) < q.places && n < q.places-1
}

func (q *turns) heavy(t waxwing.TenantID) bool { return q.usedBy(t) > q.budget/lightShare }

func (q *turns) usedBy(t waxwing.TenantID) time.Duration {
	h := q.spent[t]
	if h == nil {
		return 0
	}
	used := h.sum(q.now())
	if used == 0 {
		delete(q.spent, t)
	}
	return used
}

// hour is what was used in each of the last sixty minutes.
type hour struct {
	minutes [60]time.Duration
	last    int64 // the newest minute, since 1970
}

func (h *hour) roll(now time.Time) {
	m := now.Unix() / 60
	for h.last = max(h.last, m-60); h.last < m; {
		h.last++
		h.minutes[h.last%60] = 0
	}
}

func (h *hour) add(now time.Time, d time.Duration) {
	h.roll(now)
	h.minutes[h.last%60] += d
}

func (h *hour) sum(now time.Time) (d time.Duration) {
	h.roll(now)
	for _, m := range h.minutes {
		d += m
	}
	return d
}

// until is how long it takes until less than the budget counts.
func (h *hour) until(now time.Time, budget time.Duration) time.Duration {
	rest := h.sum(now)
	for m := h.last - 59; m <= h.last; m++ {
		if rest -= h.minutes[m%60]; rest < budget {
			return time.Unix((m+60)*60, 0).Sub(now)
		}
	}
	return time.Hour
}
