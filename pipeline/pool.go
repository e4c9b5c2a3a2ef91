package pipeline

import (
	"context"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

// pool bounds how many ids are worked on at once, and keeps one id from being
// worked on twice in this process.
type pool struct {
	slots chan struct{}
	mu    sync.Mutex
	ids   map[waxwing.ID]struct{}
	freed chan struct{}   // a hint for the sweeper that there is room
	empty chan struct{}   // closed when the last one leaves while waiting
	label context.Context // marks its workers in profiles
	idle  chan task       // to a worker that has just become free
	quit  chan struct{}
}

type task struct {
	id waxwing.ID
	do func(waxwing.ID)
}

// rest is how long a worker waits for more before it ends: a goroutine that
// has grown its stack is worth keeping while there is load.
const rest = 200 * time.Millisecond

// run gives an id that has entered to a worker.
func (p *pool) run(id waxwing.ID, do func(waxwing.ID)) {
	t := task{id, do}
	select {
	case p.idle <- t:
	default:
		go p.worker(t)
	}
}

func (p *pool) worker(t task) {
	pprof.SetGoroutineLabels(p.label)
	timer := time.NewTimer(rest)
	defer timer.Stop()
	for {
		p.serve(t)
		timer.Reset(rest)
		select {
		case t = <-p.idle:
		case <-timer.C:
			return
		case <-p.quit:
			return
		}
	}
}

// close ends resting workers.
func (p *pool) close() { close(p.quit) }

func (p *pool) serve(t task) {
	defer p.leave(t.id)
	t.do(t.id)
}

func newPool(n int, part string) *pool {
	return &pool{label: pprof.WithLabels(context.Background(), pprof.Labels("part", part)), idle: make(chan task), quit: make(chan struct{}), slots: make(chan struct{}, n), ids: map[waxwing.ID]struct{}{}, freed: make(chan struct{}, 1)}
}

// enter waits for a slot. It says no where the id is under way, or on stop.
func (p *pool) enter(id waxwing.ID, stop <-chan struct{}) bool {
	select {
	case <-stop:
		return false
	default:
	}
	select {
	case p.slots <- struct{}{}:
	case <-stop:
		return false
	}
	return p.join(id)
}

// tryEnter takes a slot only if one is free.
func (p *pool) tryEnter(id waxwing.ID) bool {
	select {
	case p.slots <- struct{}{}:
		return p.join(id)
	default:
		return false
	}
}

func (p *pool) join(id waxwing.ID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, twice := p.ids[id]; twice {
		<-p.slots
		return false
	}
	p.ids[id] = struct{}{}
	return true
}

func (p *pool) leave(id waxwing.ID) {
	p.mu.Lock()
	delete(p.ids, id)
	<-p.slots
	if len(p.ids) == 0 && p.empty != nil {
		close(p.empty)
		p.empty = nil
	}
	p.mu.Unlock()
	select {
	case p.freed <- struct{}{}:
	default:
	}
}

func (p *pool) free() int { return cap(p.slots) - len(p.slots) }

// roomy reports whether a quarter of the slots is free.
func (p *pool) roomy() bool { return 4*p.free() >= cap(p.slots) }

func (p *pool) busy() int { return len(p.slots) }

// wait waits until nobody works, and says whether that came within the limit.
func (p *pool) wait(limit time.Duration) bool {
	p.mu.Lock()
	if len(p.ids) == 0 {
		p.mu.Unlock()
		return true
	}
	if p.empty == nil {
		p.empty = make(chan struct{})
	}
	empty := p.empty
	p.mu.Unlock()
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-empty:
		return true
	case <-t.C:
		return false
	}
}
