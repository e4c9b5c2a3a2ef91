package pipeline

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
)

// gatedWork holds each worker until its id is let go, and notes the order of the ids.
type gatedWork struct {
	mu    sync.Mutex
	began []waxwing.ID
	open  map[waxwing.ID]chan struct{}
}

func newGatedWork() *gatedWork { return &gatedWork{open: map[waxwing.ID]chan struct{}{}} }

func (g *gatedWork) gate(id waxwing.ID) chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open[id] == nil {
		g.open[id] = make(chan struct{}, 9)
	}
	return g.open[id]
}

func (g *gatedWork) work(id waxwing.ID) {
	g.mu.Lock()
	g.began = append(g.began, id)
	g.mu.Unlock()
	<-g.gate(id)
}

// finish lets the work on these ids end, and waits for what follows.
func (g *gatedWork) finish(ids ...waxwing.ID) {
	for _, id := range ids {
		g.gate(id) <- struct{}{}
		synctest.Wait()
	}
}

func (g *gatedWork) want(t *testing.T, what string, ids ...waxwing.ID) {
	t.Helper()
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	slices.Sort(g.began) // two that begin at once may do so in either order
	if !slices.Equal(g.began, ids) {
		t.Errorf("%s: worked on %v, want %v", what, g.began, ids)
	}
	g.began = nil
}

// withPool runs a story with a pool of two workers, whose queue takes eight ids.
func withPool(t *testing.T, story func(t *testing.T, p *pool, g *gatedWork)) {
	synctest.Test(t, func(t *testing.T) {
		g := newGatedWork()
		p := newPool(2, "test", "", g.work)
		story(t, p, g)
		p.stop()
		p.close()
		synctest.Wait()
	})
}

// TestPoolWorksInTurn: so many at once, each id once, and the rest in the order in which
// they came.
func TestPoolWorksInTurn(t *testing.T) {
	withPool(t, func(t *testing.T, p *pool, g *gatedWork) {
		for id := range waxwing.ID(5) {
			if !p.offer(id+1, "") || !p.offer(id+1, "") {
				t.Fatal("there is room")
			}
		}
		g.want(t, "two workers", 1, 2)
		g.finish(2, 1)
		g.want(t, "then the queue", 3, 4)
		g.finish(3, 4)
		g.want(t, "its last", 5)
		if p.crowded() != nil {
			t.Error("a worker is free")
		}
		g.finish(5)
		if busy := p.wait(0); busy != 0 {
			t.Errorf("%d are busy", busy)
		}
	})
}

// TestPoolTurnsAway: what finds no place costs nothing, and nobody overtakes a backlog
// until the sweeper has found all of it.
func TestPoolTurnsAway(t *testing.T) {
	withPool(t, func(t *testing.T, p *pool, g *gatedWork) {
		all := []waxwing.ID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
		for _, id := range all {
			if p.refuses("") || !p.offer(id, "") {
				t.Fatalf("%d is turned away while there is room", id)
			}
		}
		if p.offer(11, "") || !p.offer(10, "") {
			t.Error("an eleventh has no place; one that has one keeps it")
		}
		select {
		case <-p.late:
		default:
			t.Error("the sweeper is told")
		}
		g.want(t, "two workers", 1, 2)
		g.finish(all[:9]...)
		g.want(t, "the queue", all[2:]...)
		if p.offer(12, "") || !p.refuses("") {
			t.Error("a newcomer overtakes the backlog")
		}
		if room, _ := p.look(); room != 9 {
			t.Errorf("room for %d", room)
		}
		if n := p.feed([]waxwing.ID{10, 11, 12}); n != 3 {
			t.Errorf("the sweeper brings %d", n)
		}
		calm := p.crowded()
		if calm == nil {
			t.Error("a worker is free, but there is a backlog")
		}
		p.refuses("") // somebody comes while the sweeper looks
		if !p.looked(false) || p.offer(13, "") {
			t.Error("whom the sweeper has not seen is still behind")
		}
		p.look()
		if p.looked(false) || !p.offer(13, "") {
			t.Error("all were found: newcomers are let in again")
		}
		g.finish(10, 11, 12, 13)
		select {
		case <-calm:
		default:
			t.Error("neither is all busy nor is there a backlog")
		}
	})
}

// TestPoolFeedsUntilFull: the sweeper is told how much of what it brings was taken.
func TestPoolFeedsUntilFull(t *testing.T) {
	withPool(t, func(t *testing.T, p *pool, g *gatedWork) {
		ids := make([]waxwing.ID, 12)
		for i := range ids {
			ids[i] = waxwing.ID(i + 1)
		}
		if n := p.feed(ids); n != 10 {
			t.Errorf("%d of 12 were taken, want 10", n)
		}
		if _, half := p.roomy(); half {
			t.Error("the queue is full")
		}
		g.finish(1, 2, 3, 4)
		if _, half := p.roomy(); !half {
			t.Error("half of the queue is gone")
		}
		g.finish(ids[4:10]...)
	})
}

// TestPoolReserves: the sweeper has workers of its own for what it has claimed, and the
// queue passes over an id that it has started.
func TestPoolReserves(t *testing.T) {
	withPool(t, func(t *testing.T, p *pool, g *gatedWork) {
		p.offer(1, "")
		if n := p.reserve(5); n != 1 {
			t.Fatalf("%d workers are reserved, one is free", n)
		}
		p.offer(2, "")
		p.offer(3, "")
		calm := p.crowded()
		if free, _ := p.roomy(); calm == nil || free {
			t.Fatal("all workers are taken")
		}
		if p.start(1, "", g.work) {
			t.Error("two work on one id")
		}
		if !p.start(2, "", g.work) {
			t.Error("it only waited in the queue")
		}
		g.want(t, "one and two", 1, 2)
		g.finish(2)
		g.want(t, "the queue goes on behind two", 3)
		g.finish(1, 3)
		select {
		case <-calm:
		default:
			t.Error("workers are free")
		}
		if n := p.reserve(5); n != 2 {
			t.Errorf("%d workers are free", n)
		}
		p.offer(4, "")
		p.giveBack(2)
		g.want(t, "who is not needed works for others", 4)
		g.finish(4)
	})
}

// TestPoolStops: what waits is forgotten, and who works is waited for.
func TestPoolStops(t *testing.T) {
	withPool(t, func(t *testing.T, p *pool, g *gatedWork) {
		p.feed([]waxwing.ID{1, 2, 3})
		synctest.Wait()
		p.stop()
		if p.offer(4, "") || p.feed([]waxwing.ID{4}) != 0 || p.reserve(1) != 0 || p.start(4, "", g.work) {
			t.Error("it takes new work")
		}
		if busy := p.wait(time.Second); busy != 2 {
			t.Errorf("%d are busy", busy)
		}
		g.gate(1) <- struct{}{}
		g.gate(2) <- struct{}{}
		if busy := p.wait(time.Second); busy != 0 {
			t.Errorf("%d are busy", busy)
		}
		g.want(t, "the third was only queued", 1, 2)
	})
}
