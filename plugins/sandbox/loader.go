package sandbox

import (
	"errors"
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

// load gives the loaded code, counting a use of it that release ends. Where it is
// not loaded it is asked for, and waited for until then (zero: as long as it
// takes). What is not loaded by then is loaded all the same, for the next one.
func (e *Engine) load(c *Code, until time.Time) (*loaded, error) {
	e.mu.Lock()
	if l := e.take(c.key()); l != nil {
		e.mu.Unlock()
		return l, nil
	}
	r, err := e.ask(c, false, !until.IsZero())
	if err != nil {
		e.mu.Unlock()
		return nil, err
	}
	r.waiting++
	r.must = r.must || until.IsZero()
	e.mu.Unlock()

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
	e.mu.Lock()
	defer e.mu.Unlock()
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
func (e *Engine) loadFor(a *Account, c *Code, until time.Time) (*loaded, error) {
	if n := a.waiting.Add(1); n > mostWaiting {
		until = time.Now()
	}
	defer a.waiting.Add(-1)
	return e.load(c, until)
}

// Warm loads code before the first order needs it.
func (e *Engine) Warm(c *Code) error {
	l, err := e.load(c, time.Time{})
	if err == nil {
		e.release(l)
	}
	return err
}

// WarmLater asks for code to be loaded where there is room for it, and tells what became
// of that. It does not wait.
func (e *Engine) WarmLater(c *Code, then func(error)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.loaded[c.key()] != nil {
		return
	}
	if r, err := e.ask(c, true, false); err == nil && r.then == nil {
		r.then = then
	}
}

// ask puts code into the queue of what is to be loaded: before it is needed (warm), or
// for an order, which a tenant may cause so many of. The caller holds mu.
func (e *Engine) ask(c *Code, warm, order bool) (*request, error) {
	if e.closed {
		return nil, errClosed
	}
	key := c.key()
	if f, ok := e.failed[key]; ok {
		if time.Now().Before(f.until) {
			return nil, f.err
		}
		delete(e.failed, key)
	}
	if r := e.asked[key]; r != nil {
		if r.warm && !warm { // an order needs it now
			r.warm = false
			e.queue.hasten(r.of, func(o *request) bool { return o == r })
		}
		return r, nil
	}
	of := e.accountOf(c.Tenant)
	if order && !of.mayLoad(time.Now()) {
		return nil, errLoading
	}
	r := &request{code: c, of: of, warm: warm, done: make(chan struct{})}
	e.asked[key] = r
	e.queue.Add(r.of, r, !warm)
	if e.loading < 1 { // one at a time: it takes a core for milliseconds, beside the orders
		e.loading++
		e.loaders.Go(e.runLoads)
	}
	return r, nil
}

// runLoads loads what is asked for until nothing is left, tenants in turns.
func (e *Engine) runLoads() {
	background()
	for {
		e.mu.Lock()
		r, ok := e.queue.Next(time.Now())
		if !ok {
			e.loading--
			e.mu.Unlock()
			return
		}
		if err := e.notNow(r); err != nil {
			e.finish(r, nil, err)
			e.mu.Unlock()
			continue
		}
		e.mu.Unlock()
		l, err := e.timed(r)
		e.mu.Lock()
		e.finish(r, l, err)
		e.mu.Unlock()
		if r.then != nil {
			r.then(err)
		}
	}
}

// notNow is why a load whose turn it is does not take place: it takes a processor from
// others, which a tenant has no right to that has used its time. One order can ask for
// twenty loads before the first of them is counted. The caller holds mu.
func (e *Engine) notNow(r *request) error {
	switch {
	case !r.must && r.of.spent(100):
		r.of.over.Add(1)
		return errQuota
	case r.warm && (r.of.spent(50) || r.of.bytes >= e.o.TenantMemory || e.bytes >= e.o.Memory*9/10):
		return errSkipped
	}
	return nil
}

// timed loads one, in its tenant's time.
func (e *Engine) timed(r *request) (*loaded, error) {
	if r.code.Lang == abi.LangJS {
		if _, err := e.openEngine(); err != nil { // all tenants', and nobody's time
			return nil, err
		}
	}
	start := time.Now()
	defer func() { r.of.charge(time.Since(start)) }()
	c, err := r.code.whole()
	if err != nil {
		return nil, err
	}
	if u := c.Use; u != nil && !e.o.Interpret {
		u.loads.Add(1)
	}
	return e.open(c)
}

// finish takes what was loaded among the rest, or remembers that it failed, and
// lets those who wait go on. The caller holds mu.
func (e *Engine) finish(r *request, l *loaded, err error) {
	key := r.code.key()
	delete(e.asked, key)
	if err == nil && e.closed {
		l.close()
		err = errClosed
	}
	if r.err = err; err != nil {
		e.remember(key, r, err)
	} else {
		r.loaded = l
		e.tick++
		l.of, l.uses, l.at = r.of, r.waiting, e.tick
		e.loaded[key] = l
		l.of.loaded++
		e.count(l)
		e.countEngine()
		e.evict(l.of)
	}
	close(r.done)
}

// remember keeps that a start failed. The caller holds mu.
func (e *Engine) remember(key string, r *request, err error) {
	if errors.Is(err, ErrNotCompiled) || errors.Is(err, errSkipped) || errors.Is(err, errQuota) || errors.Is(err, errClosed) {
		return
	}
	again := readAgain
	var f *Fault
	if errors.As(err, &f) && Blames(f.Kind) {
		again = startAgain
		e.o.Log.Warn("a plugin's start failed", "tenant", r.of.tenant, "module", r.code.Hash[:min(12, len(r.code.Hash))], "err", err)
	} else {
		e.o.Log.Error("a plugin cannot be loaded; it is left out", "tenant", r.of.tenant, "module", r.code.Hash[:min(12, len(r.code.Hash))], "err", err)
	}
	if len(e.failed) >= mostFailed {
		clear(e.failed)
	}
	e.failed[key] = failedStart{err, time.Now().Add(again)}
}
