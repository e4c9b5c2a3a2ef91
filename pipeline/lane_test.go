package pipeline

import (
	"testing"

	"github.com/waxwinghq/waxwing"
)

// TestLane: who gets past a backlog, and when.
func TestLane(t *testing.T) {
	withPool(t, func(t *testing.T, p *pool, g *gatedWork) {
		offer := func(want bool, tenant waxwing.TenantID, ids ...waxwing.ID) {
			t.Helper()
			for _, id := range ids {
				if p.offer(id, tenant) != want {
					t.Errorf("%s %d: %v", tenant, id, !want)
				}
			}
		}
		offer(true, "hog", 1, 2)
		g.want(t, "two at once", 1, 2)
		offer(true, "hog", 3, 4, 5, 6, 7, 8, 9, 10)
		if p.passes("hog") || !p.passes("small") || p.refuses("hog") {
			t.Error("there is no backlog yet, and all of the work is the hog's")
		}
		p.lane.Most = 0
		offer(false, "hog", 11)
		p.lane.Most = 8
		if !p.refuses("hog") || p.passes("hog") || p.refuses("small") || !p.passes("small") || !p.refuses("") {
			t.Error("the hog waits in its backlog, and the small one does not; whoever is unknown does")
		}
		offer(true, "small", 20)
		offer(true, "other", 30)
		if p.at(30).tenant != "other" || p.at(3).tenant != "hog" || p.at(99).tenant != "" {
			t.Error("whose they are")
		}
		offer(false, "hog", 12)
		g.finish(1)
		g.want(t, "the small one is next", 20)
		g.finish(2)
		g.want(t, "and the other", 30)
		g.finish(20)
		g.want(t, "then the backlog", 3)
		offer(true, "small", 21, 22, 23, 24, 25, 26, 27, 28)
		offer(false, "small", 29) // it has a backlog of its own now
		g.finish(30, 3, 21)
		g.want(t, "which has its turns, too", 4, 21, 22)
		p.look()
		if !p.looked(true) || !p.refuses("small") {
			t.Error("the backlog is not over")
		}
		p.look()
		if p.looked(false) || p.refuses("hog") || p.refuses("small") {
			t.Error("it is over, and everybody may in again")
		}
		for _, id := range []waxwing.ID{4, 22, 23, 24, 25, 26, 27, 28, 5, 6, 7, 8, 9, 10} {
			g.gate(id) <- struct{}{}
		}
	})
}
