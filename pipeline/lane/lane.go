// Package lane is the way past a backlog for tenants that have no part in it.
package lane

import "github.com/waxwinghq/waxwing"

// Lane has a few ids of each tenant wait, in the order in which they came, for the next worker. Whoever is turned away once has
// a part in the backlog from then on, until that is over, so that its later orders do not overtake its earlier ones. It is not
// safe for concurrent use: its pool guards it.
type Lane struct {
	// Most is how many ids wait there together.
	Most   int
	ids    []waiting
	of     map[waxwing.TenantID]int  // how many wait
	closed map[waxwing.TenantID]bool // who was turned away
	turned int
}

type waiting struct {
	id     waxwing.ID
	tenant waxwing.TenantID
}

const (
	// PerTenant is how many of one tenant wait there.
	PerTenant = 8
	// turns is of how many turns one is not the lane's, while there is a backlog: that goes on, too.
	turns = 4
)

// New makes a lane for so many ids.
func New(most int) Lane {
	return Lane{Most: most, of: map[waxwing.TenantID]int{}, closed: map[waxwing.TenantID]bool{}}
}

// Welcomes reports whether there is room for one more of a tenant.
func (l *Lane) Welcomes(t waxwing.TenantID) bool {
	return t != "" && len(l.ids) < l.Most && !l.closed[t] && l.of[t] < PerTenant
}

// Put has an id of a tenant wait, for which there is room.
func (l *Lane) Put(id waxwing.ID, t waxwing.TenantID) {
	l.ids = append(l.ids, waiting{id, t})
	l.of[t]++
}

// Rests reports whether this turn is the backlog's.
func (l *Lane) Rests(backlog bool) bool {
	if len(l.ids) == 0 || !backlog {
		return false
	}
	l.turned++
	return l.turned%turns == 0
}

// Take gives the first that waits.
func (l *Lane) Take() (id waxwing.ID, ok bool) {
	if len(l.ids) == 0 {
		return 0, false
	}
	w := l.ids[0]
	if l.ids = l.ids[1:]; l.of[w.tenant] <= 1 {
		delete(l.of, w.tenant)
	} else {
		l.of[w.tenant]--
	}
	return w.id, true
}

// Close keeps a tenant out while there is a backlog.
func (l *Lane) Close(t waxwing.TenantID) {
	if t != "" {
		l.closed[t] = true
	}
}

// Open lets everybody in again.
func (l *Lane) Open() { clear(l.closed) }
