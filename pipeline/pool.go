package pipeline

import (
	"context"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

// pool works on ids, so many at once, and keeps one id from being worked on twice in this
// process. An id that finds no free worker waits in a short queue; one that finds no place
// there is turned away: it costs nothing until the sweeper reads it from the ledger, where
// every backlog lies. As long as there is a backlog all newcomers are turned away, so that
// they do not overtake what the sweeper takes, the oldest first.
type pool struct {
	most  int              // workers at once
	topic string           // where its ids are published
	work  func(waxwing.ID) // what is done with an id
	label context.Context  // marks its workers in profiles
	idle  chan task        // to a worker that has just become free
	quit  chan struct{}    // ends idle workers
	freed chan struct{}    // a hint for the sweeper: there may be room
	late  chan struct{}    // a hint for the sweeper: somebody was turned away

	mu      sync.Mutex
	ids     map[waxwing.ID]place
	queue   []waxwing.ID // at most queuePerWorker for each worker
	busy    int          // workers that have work or are reserved
	behind  bool         // there is a backlog in the ledger
	turned  int          // how many were turned away since the sweeper last looked
	hinted  bool         // there may be something in the ledger that nobody offered
	last    time.Time    // when one was
	stopped bool
	empty   chan struct{} // closed when the last id is done, while somebody waits for that
	calm    chan struct{} // closed when a worker is free and there is no backlog, while somebody waits for that
}

// place is where an id is.
type place uint8

const (
	nowhere place = iota
	inQueue
	atWork
)

type task struct {
	id   waxwing.ID
	work func(waxwing.ID)
}

const (
	// queuePerWorker is how many ids wait in memory for each worker: what can soon be
	// taken, and enough that no worker is idle while the sweeper reads more.
	queuePerWorker = 4
	// idleFor is how long a worker waits for more before it ends: a goroutine that
	// has grown its stack is worth keeping while there is load.
	idleFor = 200 * time.Millisecond
)

func newPool(most int, part, topic string, work func(waxwing.ID)) *pool {
	return &pool{
		most: most, topic: topic, work: work, label: pprof.WithLabels(context.Background(), pprof.Labels("part", part)),
		idle: make(chan task), quit: make(chan struct{}), freed: make(chan struct{}, 1), late: make(chan struct{}, 1),
		ids: map[waxwing.ID]place{},
	}
}

// offer gives an id to a free worker, or to the queue. It never waits. False: it was
// turned away.
func (p *pool) offer(id waxwing.ID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return false
	}
	if p.ids[id] != nowhere || !p.behind && p.take(id) {
		return true
	}
	p.turnAway()
	return false
}

// refuses reports whether a newcomer would be turned away, which it then is.
func (p *pool) refuses() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.behind {
		p.turnAway()
	}
	return p.behind
}

// turnNext turns the next newcomer away, since there is no room for it further on.
func (p *pool) turnNext() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turnAway()
}

// hint has the sweeper look at once: another process has left something in the ledger.
func (p *pool) hint() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last, p.hinted = time.Now(), true
	signal(p.late)
}

// knows reports whether an id is worked on or in the queue.
func (p *pool) knows(id waxwing.ID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ids[id] != nowhere
}

func (p *pool) turnAway() {
	p.last = time.Now()
	if p.turned++; !p.behind {
		p.behind = true
		signal(p.late)
	}
}

// feed is offer for the sweeper, which is not turned away while there is room. It
// says how many of the ids are queued or worked on now.
func (p *pool) feed(ids []waxwing.ID) (taken int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for taken < len(ids) && !p.stopped && (p.ids[ids[taken]] != nowhere || p.take(ids[taken])) {
		taken++
	}
	return taken
}

// take finds a worker or a place in the queue for a new id; mu is held.
func (p *pool) take(id waxwing.ID) bool {
	switch {
	case p.busy < p.most:
		p.busy++
		p.ids[id] = atWork
		p.run(task{id, p.work})
	case len(p.queue) < p.most*queuePerWorker:
		p.ids[id] = inQueue
		p.queue = append(p.queue, id)
	default:
		return false
	}
	return true
}

// reserve keeps up to n free workers for start, and says how many.
func (p *pool) reserve(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n = min(n, p.most-p.busy)
	if p.stopped {
		n = 0
	}
	p.busy += n
	return n
}

// start gives a reserved worker its work. False: somebody else works on the id, or all
// work ends; the worker is still reserved.
func (p *pool) start(id waxwing.ID, work func(waxwing.ID)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped || p.ids[id] == atWork {
		return false
	}
	p.ids[id] = atWork // where it waits in the queue, too, it is passed over there
	p.run(task{id, work})
	return true
}

// giveBack frees n reserved workers.
func (p *pool) giveBack(n int) {
	for range n {
		if id, more := p.next(0); more {
			p.run(task{id, p.work})
		}
	}
}

// run gives a task to an idle worker, or to a new one.
func (p *pool) run(t task) {
	select {
	case p.idle <- t:
	default:
		go p.worker(t)
	}
}

func (p *pool) worker(t task) {
	pprof.SetGoroutineLabels(p.label)
	timer := time.NewTimer(idleFor)
	defer timer.Stop()
	for {
		for more := true; more; t.work = p.work {
			t.work(t.id)
			t.id, more = p.next(t.id)
		}
		timer.Reset(idleFor)
		select {
		case t = <-p.idle:
		case <-timer.C:
			return
		case <-p.quit:
			return
		}
	}
}

// next ends the work on an id and gives the worker the first that waits; none: the
// worker is free.
func (p *pool) next(done waxwing.ID) (id waxwing.ID, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.ids, done)
	signal(p.freed)
	for len(p.queue) > 0 {
		id, p.queue = p.queue[0], p.queue[1:]
		if p.ids[id] == inQueue {
			p.ids[id] = atWork
			return id, true
		}
	}
	p.busy--
	p.becalm()
	if p.busy == 0 && p.empty != nil {
		close(p.empty)
		p.empty = nil
	}
	return 0, false
}

// look begins a sweep: room is for how many ids there is a worker or a place in the queue,
// and behind says that there is a backlog, or a hint of something.
func (p *pool) look() (room int, behind bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	behind = p.behind || p.hinted
	p.turned, p.hinted = 0, false
	return p.most*(1+queuePerWorker) - p.busy - len(p.queue), behind
}

// looked ends a sweep, which found more than there was room for, or not. It says whether
// there is a backlog: that, or somebody was turned away meanwhile.
func (p *pool) looked(more bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.behind = more || p.turned > 0
	p.becalm()
	return p.behind
}

// turnedWithin reports whether somebody was turned away since so long.
func (p *pool) turnedWithin(d time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.last.IsZero() && time.Since(p.last) < d
}

// roomy reports whether a quarter of the workers is free.
func (p *pool) roomy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return 4*(p.most-p.busy) >= p.most
}

// takes reports whether a newcomer has a worker soon: no more wait than there are workers, and
// none in the ledger. A pool that has stopped takes it, and drops it.
func (p *pool) takes() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopped || !p.behind && len(p.queue) < p.most
}

// low reports whether the queue is half empty.
func (p *pool) low() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue) <= p.most*queuePerWorker/2
}

// crowded gives, while all workers are busy or there is a backlog, what is closed when
// neither is so; nil: neither is.
func (p *pool) crowded() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy < p.most && !p.behind || p.stopped {
		return nil
	}
	if p.calm == nil {
		p.calm = make(chan struct{})
	}
	return p.calm
}

// becalm tells those who wait that the pool is not crowded any more; mu is held.
func (p *pool) becalm() {
	if p.calm != nil && p.busy < p.most && !p.behind {
		close(p.calm)
		p.calm = nil
	}
}

// stop forgets the queue and takes nothing new. The workers go on with what they have.
func (p *pool) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range p.queue {
		if p.ids[id] == inQueue {
			delete(p.ids, id)
		}
	}
	p.stopped, p.queue = true, nil
}

// wait waits until nobody works. It gives how many still do after the limit.
func (p *pool) wait(limit time.Duration) (busy int) {
	p.mu.Lock()
	if p.busy == 0 {
		p.mu.Unlock()
		return 0
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
		return 0
	case <-t.C:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.busy
	}
}

// close ends idle workers.
func (p *pool) close() { close(p.quit) }

// signal leaves a hint, if none is there.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
