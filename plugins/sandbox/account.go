package sandbox

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Account is what one tenant's plugins take of this process: time and memory. What
// is no fuel (loading, restoring, growing) is counted here all the same, since it
// keeps a processor just as busy.
type Account struct {
	tenant waxwing.TenantID

	mu    sync.Mutex
	debt  time.Duration // what was used and not yet paid back
	at    time.Time     // when debt was that
	rate  float64       // of a processor that is paid back
	burst time.Duration // debt from which on its plugins are left out; 0: never
	loads time.Time     // until when the loads for its orders reach, at one in loadGap

	total   atomic.Int64 // nanoseconds since the start
	over    atomic.Int64 // calls left out for want of time
	waiting atomic.Int32 // orders that wait for a load

	// Of the engine, under its lock.
	bytes  int64 // loaded code and what the host keeps of its versions
	kept   int64 // the host's part of bytes
	loaded int   // how many are loaded
}

const (
	// burstShare is how much of a minute's time may be used at once: enough for a
	// thousand orders in a row, and a second by default.
	burstShare = 6
	// usualRate is by which use is forgotten where nothing bounds it: turns go by use.
	usualRate = 0.1
	// loadGap is how often an order may have one of a tenant's plugins loaded, after loadBurst
	// of them at once. Plugins that do not fit into the tenant's memory side by side would
	// else be loaded for each order, and each load keeps a processor for milliseconds.
	loadGap   = time.Second
	loadBurst = 10
	// mostWaiting is how many of a tenant's orders wait for loads at once: each of
	// them keeps a worker of the pipeline.
	mostWaiting = 4
)

func newAccount(t waxwing.TenantID, minute time.Duration) *Account {
	a := &Account{tenant: t, rate: usualRate, at: time.Now()}
	if minute > 0 {
		a.rate, a.burst = minute.Seconds()/60, minute/burstShare
	}
	return a
}

// owed is the debt now.
func (a *Account) owed(now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pay(now)
	return a.debt
}

// pay takes off what time has paid back. The caller holds mu.
func (a *Account) pay(now time.Time) {
	if d := now.Sub(a.at); d > 0 {
		a.debt = max(a.debt-time.Duration(float64(d)*a.rate), 0)
		a.at = now
	}
}

// charge counts time that the tenant's plugins took.
func (a *Account) charge(took time.Duration) {
	a.total.Add(int64(took))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pay(time.Now())
	a.debt += took
}

// mayLoad counts a load for an order, if there may be one now.
func (a *Account) mayLoad(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.loads.Before(now) {
		a.loads = now
	}
	if a.loads.Sub(now) >= loadBurst*loadGap {
		return false
	}
	a.loads = a.loads.Add(loadGap)
	return true
}

// spent reports whether the share of time is used up: the part of it, in percent.
func (a *Account) spent(percent int) bool {
	return a.burst > 0 && a.owed(time.Now()) >= a.burst*time.Duration(percent)/100
}

// FairQueue is things that wait, by tenant. Next is whose tenant has used the least
// time, and of equals the one that has waited for longest: whoever asks a thousand
// times waits behind herself. It is not safe for concurrent use.
type FairQueue[T any] struct {
	of    map[*Account][]T
	order []*Account
}

// Add puts a thing behind the tenant's others, or before them.
func (t *FairQueue[T]) Add(a *Account, x T, first bool) {
	if t.of == nil {
		t.of = map[*Account][]T{}
	}
	q := t.of[a]
	if len(q) == 0 {
		t.order = append(t.order, a)
	}
	if first {
		q = append([]T{x}, q...)
	} else {
		q = append(q, x)
	}
	t.of[a] = q
}

// hasten puts a thing that waits before the tenant's others. One that does not wait
// stays away.
func (t *FairQueue[T]) hasten(a *Account, same func(T) bool) {
	q := t.of[a]
	for i, x := range q {
		if same(x) {
			copy(q[1:i+1], q[:i])
			q[0] = x
			return
		}
	}
}

// Next takes the thing whose turn it is.
func (t *FairQueue[T]) Next(now time.Time) (x T, ok bool) {
	return t.NextOf(now, func(*Account) bool { return true })
}

// NextOf takes the thing whose turn it is, of those whose tenant may go.
func (t *FairQueue[T]) NextOf(now time.Time, may func(*Account) bool) (x T, ok bool) {
	at, least := -1, time.Duration(0)
	for i, a := range t.order {
		if !may(a) {
			continue
		}
		if d := a.owed(now); at < 0 || d < least {
			at, least = i, d
		}
	}
	if at < 0 {
		return x, false
	}
	a := t.order[at]
	t.order = append(t.order[:at], t.order[at+1:]...)
	q := t.of[a]
	if x = q[0]; len(q) > 1 {
		t.of[a] = q[1:]
		t.order = append(t.order, a)
	} else {
		delete(t.of, a)
	}
	return x, true
}
