// Package turns lets so many in at once, and those who wait for it by turns of their tenants: what one
// tenant has waiting does not stand in the others' way.
package turns

import (
	"sync"

	"github.com/waxwinghq/waxwing"
)

// Gate has room for so many. It is safe for concurrent use.
type Gate struct {
	mu      sync.Mutex
	free    int
	waiting map[waxwing.TenantID][]*Turn // in the order in which they came
	order   []waxwing.TenantID           // who is next; each that waits stands in it once
}

// New makes a gate with room for n, at least one.
func New(n int) *Gate {
	return &Gate{free: max(n, 1), waiting: map[waxwing.TenantID][]*Turn{}}
}

// Turn is somebody's place in front of a gate, or behind it.
type Turn struct {
	gate   *Gate
	tenant waxwing.TenantID
	in     chan struct{} // closed when there is room
	state  state         // guarded by the gate's mu
}

type state uint8

const (
	waits state = iota
	inside
	gone
)

// atOnce is the In of those who need not wait.
var atOnce = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Ask takes a place for a tenant. The caller waits for In, and calls Leave in any case.
func (g *Gate) Ask(tenant waxwing.TenantID) *Turn {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free > 0 { // nobody waits
		g.free--
		return &Turn{gate: g, tenant: tenant, in: atOnce, state: inside}
	}
	t := &Turn{gate: g, tenant: tenant, in: make(chan struct{})}
	if len(g.waiting[tenant]) == 0 {
		g.order = append(g.order, tenant)
	}
	g.waiting[tenant] = append(g.waiting[tenant], t)
	return t
}

// In is closed when it is this turn's.
func (t *Turn) In() <-chan struct{} { return t.in }

// Leave gives the place back, in front of the gate or behind it. A second time does nothing.
func (t *Turn) Leave() {
	g := t.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	was := t.state
	t.state = gone
	if was == inside { // whoever has left in front of it is passed over by next
		g.free++
		g.next()
	}
}

// next lets in who is first of the tenant whose turn it is.
func (g *Gate) next() {
	for g.free > 0 && len(g.order) > 0 {
		tenant := g.order[0]
		g.order = g.order[1:]
		all := g.waiting[tenant]
		for len(all) > 0 && all[0].state == gone {
			all = all[1:]
		}
		if len(all) > 0 {
			g.free--
			all[0].state = inside
			close(all[0].in)
			all = all[1:]
		}
		if len(all) > 0 {
			g.waiting[tenant] = all
			g.order = append(g.order, tenant)
		} else {
			delete(g.waiting, tenant)
		}
	}
}
