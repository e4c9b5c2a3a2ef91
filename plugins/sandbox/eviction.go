package sandbox

import "github.com/waxwinghq/waxwing"

// take counts a use of loaded code; nil: it is not loaded. The caller holds mu.
func (e *Engine) take(key string) *loaded {
	l := e.loaded[key]
	if l != nil {
		e.tick++
		l.uses++
		l.at = e.tick
	}
	return l
}

// release ends a use.
func (e *Engine) release(l *loaded) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l.uses--
	switch {
	case e.loaded[l.code.key()] == l:
		e.count(l)
	case l.uses == 0:
		e.closeLater(l) // it was evicted while it ran
	}
	if l.js != nil {
		e.countEngine()
	}
	e.evict(l.of)
}

// count takes what loaded code holds now into the sums. The caller holds mu.
func (e *Engine) count(l *loaded) {
	n := l.size()
	e.bytes += n - l.bytes
	l.of.bytes += n - l.bytes
	l.bytes = n
}

// countEngine is count for the JavaScript engine, which is nobody's. The caller
// holds mu.
func (e *Engine) countEngine() {
	if e.js == nil {
		return
	}
	n := e.js.size()
	e.bytes += n - e.jsBytes
	e.jsBytes = n
}

// Keep says how much the host keeps of a tenant's versions: it is memory as well,
// and leaves less room for what is loaded.
func (e *Engine) Keep(t waxwing.TenantID, bytes int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	a := e.accountOf(t)
	e.bytes += bytes - a.kept
	a.bytes += bytes - a.kept
	a.kept = bytes
	e.evict(a)
}

// evict closes what was not used for longest until the rest fits: first of the
// tenant whose sum has changed, where it holds more than its own part, then of those
// that hold more than others do. What runs stays. The caller holds mu.
func (e *Engine) evict(a *Account) {
	for a.bytes > e.o.TenantMemory && a.loaded > 1 {
		if !e.closeOldest(func(l *loaded) bool { return l.of == a }) {
			break
		}
	}
	for e.bytes > e.o.Memory {
		if !e.closeOldest(e.hasTooMuch()) {
			return
		}
	}
}

// hasTooMuch tells whose code goes where the memory is full: of tenants above the
// fair part (the memory by those who hold any of it), and among them of those that
// hold at least half as much as the largest. So a tenant within its part stays,
// whatever the others do; where all are about equal, the time of use decides.
func (e *Engine) hasTooMuch() func(*loaded) bool {
	n, largest := int64(0), int64(0)
	for _, a := range e.accounts {
		if a.loaded > 0 {
			n, largest = n+1, max(largest, a.bytes)
		}
	}
	fair := e.o.Memory / max(n, 1)
	return func(l *loaded) bool { return l.of.bytes >= largest/2 && l.of.bytes > fair }
}

// closeOldest closes the code that was not used for longest of those that may go.
// It reports false where there is none. The caller holds mu.
func (e *Engine) closeOldest(may func(*loaded) bool) bool {
	var oldest *loaded
	for _, l := range e.loaded {
		if l.uses == 0 && (oldest == nil || l.at < oldest.at) && may(l) {
			oldest = l
		}
	}
	if oldest == nil {
		return false
	}
	e.drop(oldest)
	return true
}

// drop takes code out of what is loaded, and closes it once nobody uses it. The
// caller holds mu.
func (e *Engine) drop(l *loaded) {
	delete(e.loaded, l.code.key())
	e.bytes -= l.bytes
	l.of.bytes -= l.bytes
	l.of.loaded--
	if l.uses == 0 {
		e.closeLater(l)
	}
}

// closeLater gives back what loaded code held. It takes milliseconds where that is
// much, for which nobody is to wait who only wants to know what is loaded.
func (e *Engine) closeLater(l *loaded) { e.loaders.Go(l.close) }

// Forget closes loaded code that will not be called again.
func (e *Engine) Forget(hash string) {
	e.instrumented().forget(hash)
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, l := range e.loaded {
		if l.code.Hash == hash {
			e.drop(l)
		}
	}
}
