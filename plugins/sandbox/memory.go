package sandbox

import (
	"sync"

	"github.com/waxwinghq/waxwing"
)

// memory is what is loaded, and whose it is: so much of it for all, and for each tenant.
// What was not used for longest goes.
type memory struct {
	o       *EngineOptions
	closing sync.WaitGroup // of what was evicted

	mu       sync.Mutex
	accounts map[waxwing.TenantID]*Account
	loaded   map[string]*loaded
	bytes    int64
	tick     uint64
	js       *loaded // the JavaScript engine; nil until the first script
	jsBytes  int64   // of bytes
}

func newMemory(o *EngineOptions) *memory {
	return &memory{o: o, accounts: map[waxwing.TenantID]*Account{}, loaded: map[string]*loaded{}}
}

// account is the tenant's, made where it has none yet.
func (m *memory) account(t waxwing.TenantID) *Account {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.accountOf(t)
}

// accountOf is account for whoever holds mu.
func (m *memory) accountOf(t waxwing.TenantID) *Account {
	a := m.accounts[t]
	if a == nil {
		minute := m.o.TenantTime
		if t == "" { // an author's own machine, or what is all tenants'
			minute = 0
		}
		a = newAccount(t, minute)
		m.accounts[t] = a
	}
	return a
}

// take counts a use of loaded code; nil: it is not loaded. The caller holds mu.
func (m *memory) take(key string) *loaded {
	l := m.loaded[key]
	if l != nil {
		m.tick++
		l.uses++
		l.at = m.tick
	}
	return l
}

// release ends a use.
func (m *memory) release(l *loaded) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l.uses--
	switch {
	case m.loaded[l.code.key()] == l:
		m.count(l)
	case l.uses == 0:
		m.closeLater(l) // it was evicted while it ran
	}
	if l.js != nil {
		m.countEngine()
	}
	m.evict(l.of)
}

// count takes what loaded code holds now into the sums. The caller holds mu.
func (m *memory) count(l *loaded) {
	n := l.size()
	m.bytes += n - l.bytes
	l.of.bytes += n - l.bytes
	l.bytes = n
}

// countEngine is count for the JavaScript engine, which is nobody's. The caller
// holds mu.
func (m *memory) countEngine() {
	if m.js == nil {
		return
	}
	n := m.js.size()
	m.bytes += n - m.jsBytes
	m.jsBytes = n
}

// evict closes what was not used for longest until the rest fits: first of the
// tenant whose sum has changed, where it holds more than its own part, then of those
// that hold more than others do. What runs stays. The caller holds mu.
func (m *memory) evict(a *Account) {
	for a.bytes > m.o.TenantMemory && a.loaded > 1 {
		if !m.closeOldest(func(l *loaded) bool { return l.of == a }) {
			break
		}
	}
	for m.bytes > m.o.Memory {
		if !m.closeOldest(m.hasTooMuch()) {
			return
		}
	}
}

// hasTooMuch tells whose code goes where the memory is full: of tenants above the
// fair part (the memory by those who hold any of it), and among them of those that
// hold at least half as much as the largest. So a tenant within its part stays,
// whatever the others do; where all are about equal, the time of use decides.
func (m *memory) hasTooMuch() func(*loaded) bool {
	n, largest := int64(0), int64(0)
	for _, a := range m.accounts {
		if a.loaded > 0 {
			n, largest = n+1, max(largest, a.bytes)
		}
	}
	fair := m.o.Memory / max(n, 1)
	return func(l *loaded) bool { return l.of.bytes >= largest/2 && l.of.bytes > fair }
}

// closeOldest closes the code that was not used for longest of those that may go.
// It reports false where there is none. The caller holds mu.
func (m *memory) closeOldest(may func(*loaded) bool) bool {
	var oldest *loaded
	for _, l := range m.loaded {
		if l.uses == 0 && (oldest == nil || l.at < oldest.at) && may(l) {
			oldest = l
		}
	}
	if oldest == nil {
		return false
	}
	m.drop(oldest)
	return true
}

// drop takes code out of what is loaded, and closes it once nobody uses it. The
// caller holds mu.
func (m *memory) drop(l *loaded) {
	delete(m.loaded, l.code.key())
	m.bytes -= l.bytes
	l.of.bytes -= l.bytes
	l.of.loaded--
	if l.uses == 0 {
		m.closeLater(l)
	}
}

// closeLater gives back what loaded code held. It takes milliseconds where that is
// much, for which nobody is to wait who only wants to know what is loaded.
func (m *memory) closeLater(l *loaded) { m.closing.Go(l.close) }

func (m *memory) bytesOf(a *Account) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return a.bytes
}

// keep says how much the host keeps of a tenant's versions: it is memory as well,
// and leaves less room for what is loaded.
func (m *memory) keep(t waxwing.TenantID, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.accountOf(t)
	m.bytes += bytes - a.kept
	a.bytes += bytes - a.kept
	a.kept = bytes
	m.evict(a)
}
