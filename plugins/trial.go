package plugins

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

// Rollout says how a new version comes to serve.
type Rollout struct {
	Shadow int   // runs in shadow before it serves anybody
	Steps  []int // shares of the orders in per cent, the last one 100
	Runs   int   // of the new version at each step before the next one
	Orders int   // of the tenant at each step before the next one, where Runs are not reached
}

// DefaultRollout is that of a shop with some hundred orders a day.
func DefaultRollout() Rollout {
	return Rollout{Shadow: 100, Steps: []int{1, 10, 50, 100}, Runs: 100, Orders: 300}
}

// trial compares a new version with the one that serves, over one step.
type trial struct {
	mu     sync.Mutex
	step   int // -1 shadow
	orders int
	new    tally
	old    tally
	// decided: a change of state is on its way to the store.
	decided bool
}

// tally is what a version's runs came to.
type tally struct {
	runs, faults, slow int // slow: faults that load may have caused
	fuel               int64
	took               []time.Duration // the last thousand
}

func (t *tally) add(r *sandbox.Result) {
	t.runs++
	switch {
	case r.Fault == nil:
		t.fuel += r.Fuel
		if len(t.took) == 1000 {
			t.took = t.took[1:]
		}
		t.took = append(t.took, r.Took)
	case r.Fault.Kind == sandbox.FaultWall:
		t.slow++
	case sandbox.Blames(r.Fault.Kind):
		t.faults++
	default:
		t.runs--
	}
}

func (t *tally) meanFuel() float64 {
	return float64(t.fuel) / float64(max(t.runs-t.faults-t.slow, 1))
}

func (t *tally) p99() time.Duration {
	if len(t.took) == 0 {
		return 0
	}
	s := slices.Clone(t.took)
	slices.Sort(s)
	return s[(len(s)*99)/100]
}

// What a new version may be worse by. Code is deterministic: a fault that the
// old one does not have is a mistake, not noise, so that one is enough. Only
// what load can cause has some room.
const (
	fuelFactor = 1.5
	timeFactor = 2
	timeRoom   = time.Millisecond
	enoughFuel = 20 // runs before fuel is compared
	enoughTime = 50
	slowShare  = 0.02
)

// verdict says why the new version must be stopped, "" while it need not.
func (t *trial) verdict() string {
	n, o := &t.new, &t.old
	switch {
	case n.faults > 0 && rate(n.faults, n.runs) > 2*rate(o.faults, o.runs):
		return fmt.Sprintf("it failed in %d of %d runs, the old version in %d of %d", n.faults, n.runs, o.faults, o.runs)
	case n.slow > 2 && rate(n.slow, n.runs) > slowShare+2*rate(o.slow, o.runs):
		return fmt.Sprintf("it ran out of time in %d of %d runs, the old version in %d of %d", n.slow, n.runs, o.slow, o.runs)
	case n.runs >= enoughFuel && o.runs >= enoughFuel && n.meanFuel() > fuelFactor*o.meanFuel() && n.meanFuel() > 1000:
		return fmt.Sprintf("it uses %.0f fuel a call, the old version %.0f", n.meanFuel(), o.meanFuel())
	case len(n.took) >= enoughTime && len(o.took) >= enoughTime && n.p99() > timeFactor*o.p99()+timeRoom:
		return fmt.Sprintf("its 99th percentile is %s, the old version's %s", n.p99().Round(time.Microsecond), o.p99().Round(time.Microsecond))
	}
	return ""
}

func rate(n, of int) float64 { return float64(n) / float64(max(of, 1)) }

// done reports whether the step has seen enough.
func (t *trial) done(r Rollout) bool {
	if t.step < 0 {
		return t.new.runs >= r.Shadow
	}
	return t.new.runs >= r.Runs || t.orders >= r.Orders && t.new.runs > 0
}

// next begins the next step with fresh counts.
func (t *trial) next() {
	t.step++
	t.orders, t.new, t.old = 0, tally{}, tally{}
}
