package pipeline

import "github.com/waxwinghq/waxwing"

// lane is the way past a backlog for tenants that have no part in it: a few ids of each wait there, in the order in which they
// came, for the next worker. Whoever is turned away once has a part in the backlog from then on, until that is over, so that its
// later orders do not overtake its earlier ones. A pool's mu guards it.
type lane struct {
	most   int // ids
	ids    []waiting
	of     map[waxwing.TenantID]int  // how many wait
	closed map[waxwing.TenantID]bool // who was turned away
	turns  int
}

type waiting struct {
	id     waxwing.ID
	tenant waxwing.TenantID
}

const (
	// lanePerTenant is how many of one tenant wait there.
	lanePerTenant = 8
	// laneTurns is of how many turns one is not the lane's, while there is a backlog: that goes on, too.
	laneTurns = 4
)

func newLane(most int) lane {
	return lane{most: most, of: map[waxwing.TenantID]int{}, closed: map[waxwing.TenantID]bool{}}
}

// welcomes reports whether there is room for one more of a tenant.
func (l *lane) welcomes(t waxwing.TenantID) bool {
	return t != "" && len(l.ids) < l.most && !l.closed[t] && l.of[t] < lanePerTenant
}

func (l *lane) put(id waxwing.ID, t waxwing.TenantID) {
	l.ids = append(l.ids, waiting{id, t})
	l.of[t]++
}

// rests reports whether this turn is the backlog's.
func (l *lane) rests(backlog bool) bool {
	if len(l.ids) == 0 || !backlog {
		return false
	}
	l.turns++
	return l.turns%laneTurns == 0
}

// take gives the first that waits.
func (l *lane) take() (id waxwing.ID, ok bool) {
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

// close keeps a tenant out while there is a backlog.
func (l *lane) close(t waxwing.TenantID) {
	if t != "" {
		l.closed[t] = true
	}
}

// open lets everybody in again.
func (l *lane) open() { clear(l.closed) }
