package sandbox

import (
	"errors"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing/plugins/abi"
)

// request is code that is to be loaded.
type request struct {
	code *Code
	of   *Account
	// warm: nobody asked for it yet, so that it is loaded where there is room and
	// its tenant has time to spare.
	warm    bool
	must    bool // whoever asked waits for however long it takes: it is no order
	waiting int  // calls that wait for it; each of them has a use of what is loaded
	then    func(error)

	done   chan struct{}
	loaded *loaded
	err    error
}

// failedStart is a start that failed: it need not burn its fuel again for every
// order, and what is no fault of the code's is not tried at each of them.
type failedStart struct {
	err   error
	until time.Time
}

const (
	startAgain = 30 * time.Second
	readAgain  = 5 * time.Second // after a fault of ours
	mostFailed = 1024
)

var (
	errClosed = &Fault{FaultHost, "the engine is closed"}
	// errSkipped ends a request that nobody waits for.
	errSkipped = errors.New("there is no room to load it before it is needed")
)

// loads are what is to be loaded, tenants in turns, and what of that has failed.
type loads struct {
	o       *EngineOptions
	opener  *opener
	memory  *memory
	workers sync.WaitGroup

	// Under memory's lock.
	failed  map[string]failedStart // by the code's key
	asked   map[string]*request    // what is to be loaded, likewise
	queue   FairQueue[*request]
	loading int // loaders at work
	closed  bool
}

// close ends what waits, and waits for what is under way.
func (q *loads) close() {
	q.memory.mu.Lock()
	q.closed = true
	for r, ok := q.queue.Next(time.Now()); ok; r, ok = q.queue.Next(time.Now()) {
		q.finish(r, nil, errClosed)
	}
	q.memory.mu.Unlock()
	q.workers.Wait()
	q.memory.closing.Wait()
}

// load gives the loaded code, counting a use of it that release ends. Where it is
// not loaded it is asked for, and waited for until then (zero: as long as it
// takes). What is not loaded by then is loaded all the same, for the next one. Loads for
// orders are bounded (mayLoad).
func (q *loads) load(c *Code, until time.Time, order bool) (*loaded, error) {
	q.memory.mu.Lock()
	if l := q.memory.take(c.key()); l != nil {
		q.memory.mu.Unlock()
		return l, nil
	}
	r, err := q.ask(c, false, order)
	if err != nil {
		q.memory.mu.Unlock()
		return nil, err
	}
	r.waiting++
	r.must = r.must || until.IsZero()
	q.memory.mu.Unlock()

	var late <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		late = t.C
	}
	select {
	case <-r.done:
		return r.loaded, r.err
	case <-late:
	}
	q.memory.mu.Lock()
	defer q.memory.mu.Unlock()
	select {
	case <-r.done: // at the last moment
		return r.loaded, r.err
	default:
		r.waiting--
		return nil, errLoading
	}
}

// loadFor is load for an order: a few of a tenant's wait at once, since each keeps a
// worker of the pipeline, and the others go without.
func (q *loads) loadFor(a *Account, c *Code, until time.Time) (*loaded, error) {
	if n := a.waiting.Add(1); n > mostWaiting {
		until = time.Now()
	}
	defer a.waiting.Add(-1)
	return q.load(c, until, true)
}

// ask puts code into the queue of what is to be loaded: before it is needed (warm), or
// for an order, which a tenant may cause so many of. The caller holds mu.
func (q *loads) ask(c *Code, warm, order bool) (*request, error) {
	if q.closed {
		return nil, errClosed
	}
	key := c.key()
	if f, ok := q.failed[key]; ok {
		if time.Now().Before(f.until) {
			return nil, f.err
		}
		delete(q.failed, key)
	}
	if r := q.asked[key]; r != nil {
		if r.warm && !warm { // an order needs it now
			r.warm = false
			q.queue.hasten(r.of, func(o *request) bool { return o == r })
		}
		return r, nil
	}
	of := q.memory.accountOf(c.Tenant)
	if order && !of.mayLoad(time.Now()) {
		return nil, errLoading
	}
	r := &request{code: c, of: of, warm: warm, done: make(chan struct{})}
	q.asked[key] = r
	q.queue.Add(r.of, r, !warm)
	if q.loading < 1 { // one at a time: it takes a core for milliseconds, beside the orders
		q.loading++
		q.workers.Go(q.run)
	}
	return r, nil
}

// run loads what is asked for until nothing is left, tenants in turns.
func (q *loads) run() {
	background()
	for {
		q.memory.mu.Lock()
		r, ok := q.queue.Next(time.Now())
		if !ok {
			q.loading--
			q.memory.mu.Unlock()
			return
		}
		if err := q.notNow(r); err != nil {
			q.finish(r, nil, err)
			q.memory.mu.Unlock()
			continue
		}
		q.memory.mu.Unlock()
		l, err := q.timed(r)
		q.memory.mu.Lock()
		q.finish(r, l, err)
		q.memory.mu.Unlock()
		if r.then != nil {
			r.then(err)
		}
	}
}

// notNow is why a load whose turn it is does not take place: it takes a processor from
// others, which a tenant has no right to that has used its time. One order can ask for
// twenty loads before the first of them is counted. The caller holds mu.
func (q *loads) notNow(r *request) error {
	switch {
	case !r.must && r.of.spent(100):
		r.of.over.Add(1)
		return errQuota
	case r.warm && (r.of.spent(50) || r.of.bytes >= q.o.TenantMemory || q.memory.bytes >= q.o.Memory*9/10):
		return errSkipped
	}
	return nil
}

// timed loads one, in its tenant's time.
func (q *loads) timed(r *request) (*loaded, error) {
	if r.code.Lang == abi.LangJS {
		if _, err := q.opener.openEngine(); err != nil { // all tenants', and nobody's time
			return nil, err
		}
	}
	start := time.Now()
	defer func() { r.of.charge(time.Since(start)) }()
	c, err := r.code.whole()
	if err != nil {
		return nil, err
	}
	if u := c.Use; u != nil && !q.o.Interpret {
		u.loads.Add(1)
	}
	return q.opener.open(c)
}

// finish takes what was loaded among the rest, or remembers that it failed, and
// lets those who wait go on. The caller holds mu.
func (q *loads) finish(r *request, l *loaded, err error) {
	key := r.code.key()
	delete(q.asked, key)
	if err == nil && q.closed {
		l.close()
		err = errClosed
	}
	if r.err = err; err != nil {
		q.remember(key, r, err)
	} else {
		r.loaded = l
		q.memory.tick++
		l.of, l.uses, l.at = r.of, r.waiting, q.memory.tick
		q.memory.loaded[key] = l
		l.of.loaded++
		q.memory.count(l)
		q.memory.countEngine()
		q.memory.evict(l.of)
	}
	close(r.done)
}

// remember keeps that a start failed. The caller holds mu.
func (q *loads) remember(key string, r *request, err error) {
	if errors.Is(err, ErrNotCompiled) || errors.Is(err, errSkipped) || errors.Is(err, errQuota) || errors.Is(err, errClosed) {
		return
	}
	again := readAgain
	var f *Fault
	if errors.As(err, &f) && Blames(f.Kind) {
		again = startAgain
		q.o.Log.Warn("a plugin's start failed", "tenant", r.of.tenant, "module", r.code.Hash[:min(12, len(r.code.Hash))], "err", err)
	} else {
		q.o.Log.Error("a plugin cannot be loaded; it is left out", "tenant", r.of.tenant, "module", r.code.Hash[:min(12, len(r.code.Hash))], "err", err)
	}
	if len(q.failed) >= mostFailed {
		clear(q.failed)
	}
	q.failed[key] = failedStart{err, time.Now().Add(again)}
}

// warmLater asks for code to be loaded where there is room for it, and tells what became
// of that. It does not wait.
func (q *loads) warmLater(c *Code, then func(error)) {
	q.memory.mu.Lock()
	defer q.memory.mu.Unlock()
	if q.memory.loaded[c.key()] != nil {
		return
	}
	if r, err := q.ask(c, true, false); err == nil && r.then == nil {
		r.then = then
	}
}
