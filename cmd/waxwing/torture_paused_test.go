package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/ledger/postgres/postgrestest"
)

// atDot is how many claims a daemon has at the dot as it is stopped, and heldFor how long its
// mail server keeps their answers.
const (
	atDot   = 32
	heldFor = 3 * time.Second
)

// holding answers the first dots late, which so are open as the daemon is stopped, and those
// behind them soon, so that others are on either side of their commit point.
type holding struct {
	open   atomic.Int64 // dots that came
	enough int64        // dots that are waited for
}

func (h *holding) plan(q sink.Question) (a sink.Answer) {
	if q.Phase != waxwing.PhaseDot {
		return a
	}
	if h.open.Add(1) <= atDot {
		a.Delay = heldFor
		return a
	}
	a.Delay = time.Duration(rand.IntN(20)) * time.Millisecond
	return a
}

// absence is how daemons are away for a while, so many at once and so often, for so long at least.
type absence struct {
	victims, rounds int
	pause           time.Duration
	begin, end      func(*node)
}

// TestTorturePostgresPaused stops daemons with many claims at the dot until another one has
// taken these over, and lets them go on: they write no dot that is not theirs any more, and
// what they know of the dots that they wrote before is recorded.
func TestTorturePostgresPaused(t *testing.T) {
	x := absence{victims: 3, rounds: 1, begin: func(n *node) { n.signal(syscall.SIGSTOP) }, end: func(n *node) { n.signal(syscall.SIGCONT) }}
	if *tortureFull {
		x.victims, x.rounds, x.pause = 10, 5, time.Minute
	}
	x.torture(t)
}

// TestTorturePostgresCut is the same with daemons that go on, and that nothing passes from to
// the database, and back.
func TestTorturePostgresCut(t *testing.T) {
	x := absence{victims: 2, rounds: 1, begin: func(n *node) { n.line.cut() }, end: func(n *node) { n.line.mend() }}
	if *tortureFull {
		x.victims, x.rounds, x.pause = 5, 4, 40*time.Second
	}
	x.torture(t)
}

func (x *absence) torture(t *testing.T) {
	postgrestest.Wanted(t)
	t.Parallel() // what it waits for is another daemon's doing
	victims, rounds, pause := x.victims, x.rounds, x.pause
	rng, _ := tortureSeeded(t)
	holds := map[*node]*holding{}
	f := newFleet(t, postgrestest.Own(t), 1+victims, atDot+16, func(n *node) sink.Plan {
		holds[n] = &holding{}
		return holds[n].plan
	})
	holds[f.nodes[0]].open.Store(atDot) // who takes over holds nothing
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rounds)*(pause+90*time.Second))
	defer cancel()
	f.start(ctx)
	var orders atomic.Int64
	var pauses []time.Duration
	for range rounds {
		var posting sync.WaitGroup
		for _, n := range f.nodes[1:] {
			holds[n].open.Store(0)
			holds[n].enough = int64(atDot + rng.IntN(atDot))
			for range 4 { // for as long as it takes: others may send what it accepted
				posting.Go(func() {
					for holds[n].open.Load() < holds[n].enough && ctx.Err() == nil {
						f.order(ctx, int(orders.Add(1)-1), n, f.nodes[0])
					}
				})
			}
		}
		began := map[*node]time.Time{}
		for _, n := range f.nodes[1:] {
			f.until(ctx, "claims are at the dot", func() bool { return holds[n].open.Load() >= holds[n].enough })
			x.begin(n)
			began[n] = time.Now()
		}
		f.until(ctx, "all that are away were taken for dead", func() bool { return f.running(ctx) == 1 })
		time.Sleep(time.Second) // so that what they do now is told apart from what they did before
		for _, n := range f.nodes[1:] {
			time.Sleep(pause - time.Since(began[n]))
			pauses = append(pauses, time.Since(began[n]))
			x.end(n)
		}
		posting.Wait()
		f.until(ctx, "those who were taken for dead live again", func() bool { return f.running(ctx) == 1+victims })
		f.settle(ctx, f.nodes[0])
	}
	f.end(syscall.SIGTERM)
	v := f.judge(int(orders.Load()))
	after := f.overdue(v.views)
	if after > 0 {
		t.Errorf("%d dots were written after the lease was lost", after)
	}
	if want := len(pauses) * atDot / 2; v.late["accepted"] < want {
		t.Errorf("%d late verdicts were recorded, want at least %d", v.late["accepted"], want)
	}
	t.Logf("%d daemons were away %d times, for %s to %s, with %d claims at the dot each. %d orders: %d lost, %d silent duplicates, %d duplicates with %d marks; "+
		"%d of %d dots were written after the lease was lost; late verdicts: %v; the trail of %d entries verifies", victims, len(pauses),
		slices.Min(pauses).Round(time.Second/10), slices.Max(pauses).Round(time.Second/10), atDot, orders.Load(), v.lost, v.silent, v.doubled, v.marked, after, len(f.arrivals), v.late, v.entries)
}

// running counts instances that nobody has taken for dead.
func (f *fleet) running(ctx context.Context) (n int) {
	c, err := pgx.Connect(ctx, f.dsn.Reveal())
	if err == nil {
		err = c.QueryRow(ctx, "SELECT count(*) FROM instances WHERE stopped = 0").Scan(&n)
		_ = c.Close(ctx)
	}
	if err != nil {
		f.t.Error(err)
	}
	return n
}

// overdue counts dots that came when their message was not that daemon's any more, by the
// trail: none may be more than a moment after the message's next entry.
func (f *fleet) overdue(views []*waxwing.ConfirmationView) (n int) {
	const moment = 300 * time.Millisecond       // by which two clocks may differ, too
	trails := map[string][]waxwing.TrailEntry{} // by Message-ID
	for i, v := range views {
		if v == nil { // it is lost
			continue
		}
		for id := range f.ids[recipient(i)] {
			trails[id] = v.Trail
		}
	}
	for _, a := range f.arrivals {
		good := false
		for i, e := range trails[a.id] {
			if e.To != waxwing.Dot || e.Detail["provider"] != a.from.provider || e.At.After(a.at.Add(moment)) {
				continue
			}
			next := slices.IndexFunc(trails[a.id][i+1:], func(x waxwing.TrailEntry) bool { return x.Message == e.Message })
			good = good || next < 0 || trails[a.id][i+1+next].At.Add(moment).After(a.at)
		}
		if !good {
			n++
			f.t.Errorf("a dot of %s came at %s: %s", a.from.provider, a.at.UTC().Format(time.StampMilli), fmt.Sprintf("%+v", trails[a.id]))
		}
	}
	return n
}
