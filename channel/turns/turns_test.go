package turns

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/waxwinghq/waxwing"
)

func isIn(t *Turn) bool {
	select {
	case <-t.In():
		return true
	default:
		return false
	}
}

// One tenant's many wait in their order, and each of the others is let in after one of them.
func TestTenantsInTurns(t *testing.T) {
	g := New(1)
	first := g.Ask("hog")
	all := map[string]*Turn{}
	ask := func(name string) { all[name] = g.Ask(waxwing.TenantID(strings.TrimRight(name, "0123456789"))) }
	for i := range 5 {
		ask(fmt.Sprint("hog", i))
	}
	ask("a0")
	ask("b0")
	ask("b1")
	all["hog1"].Leave() // it waits no longer
	var order []string
	for at := first; at != nil; {
		at.Leave()
		at.Leave() // a second time does nothing
		at = nil
		for name, x := range all {
			if isIn(x) {
				if at != nil {
					t.Fatal("two are in")
				}
				order, at = append(order, name), x
				delete(all, name)
			}
		}
	}
	if got := strings.Join(order, " "); got != "hog0 a0 b0 hog2 b1 hog3 hog4" {
		t.Error(got)
	}
	if g.free != 1 || len(g.waiting)+len(g.order) != 0 {
		t.Errorf("%d free, %d wait, %d in order", g.free, len(g.waiting), len(g.order))
	}
}

// However they come and go, there are never more inside than there is room, and all come in.
func TestManyAtOnce(t *testing.T) {
	const room = 4
	g := New(room)
	var inside, came atomic.Int64
	var all sync.WaitGroup
	for w := range 64 {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 1))
			for range 200 {
				x := g.Ask(waxwing.TenantID(fmt.Sprint(rng.IntN(5))))
				if rng.IntN(8) > 0 { // else it does not wait
					<-x.In()
					if n := inside.Add(1); n > room {
						t.Errorf("%d are inside", n)
					}
					came.Add(1)
					inside.Add(-1)
				}
				x.Leave()
			}
		})
	}
	all.Wait()
	if g.free != room || len(g.waiting)+len(g.order) != 0 || came.Load() < 10_000 {
		t.Errorf("%d free, %d wait, %d in order, %d came", g.free, len(g.waiting), len(g.order), came.Load())
	}
}

func BenchmarkAlone(b *testing.B) {
	g := New(1)
	b.ReportAllocs()
	for b.Loop() {
		g.Ask("acme").Leave()
	}
}
