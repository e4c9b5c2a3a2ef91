package pipeline

import (
	"context"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/pipeline/lane"
)

// pool works on ids, so many at once, and keeps one id from being worked on twice in this
// process. An id that finds no free worker waits in a short queue; one that finds no place
// there is turned away: it costs nothing until the sweeper reads it from the ledger, where
// every backlog lies. As long as there is a backlog all newcomers are turned away, so that
// they do not overtake what the sweeper takes, the oldest first; but for a few of each tenant
// that has none waiting there: one tenant's backlog must not make the others wait (lane).
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
	ids     map[waxwing.ID]spot
	queue   []waxwing.ID // at most queuePerWorker for each worker
	lane    lane.Lane
	busy    int       // workers that have work or are reserved
	behind  bool      // there is a backlog in the ledger
	turned  int       // how many were turned away since the sweeper last looked
	hinted  bool      // there may be something in the ledger that nobody offered
	last    time.Time // when one was
	stopped bool
	empty   chan struct{} // closed when the last id is done, while somebody waits for that
	calm    chan struct{} // closed when a worker is free and there is no backlog, while somebody waits for that
}

// spot is where an id is, and whose it is; "": nobody knows.
type spot struct {
	place  place
	tenant waxwing.TenantID
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
		ids: map[waxwing.ID]spot{}, lane: lane.New(most * queuePerWorker),
	}
}

// offer gives an id of a tenant, "" where that is not known, to a free worker, or to the queue. It never waits. False: it was
// turned away.
func (p *pool) offer(id waxwing.ID, tenant waxwing.TenantID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return false
	}
	if p.ids[id].place != nowhere || (!p.behind || p.lane.Welcomes(tenant)) && p.take(id, tenant) {
		return true
	}
	p.turnAway(tenant)
	return false
}

// refuses reports whether a newcomer of a tenant would be turned away, which it then is.
func (p *pool) refuses(tenant waxwing.TenantID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.behind || p.lane.Welcomes(tenant) {
		return false
	}
	p.turnAway(tenant)
	return true
}

// passes reports whether a newcomer of a tenant has no part in what keeps the workers busy, and hardly any work here.
func (p *pool) passes(tenant waxwing.TenantID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.lane.Welcomes(tenant) {
		return false
	}
	has := 0
	for _, at := range p.ids {
		if at.tenant == tenant {
			has++
		}
	}
	return has < lane.PerTenant
}

// turnNext turns the next newcomer away, since there is no room for it further on.
func (p *pool) turnNext() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turnAway("")
}

// hint has the sweeper look at once: another process has left something in the ledger.
func (p *pool) hint() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last, p.hinted = time.Now(), true
	signal(p.late)
}

// at is where an id is, and whose: worked on, in the queue or the lane, or nowhere.
func (p *pool) at(id waxwing.ID) spot {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ids[id]
}

func (p *pool) turnAway(tenant waxwing.TenantID) {
	p.lane.Close(tenant)
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
	for taken < len(ids) && !p.stopped && (p.ids[ids[taken]].place != nowhere || p.take(ids[taken], "")) {
		taken++
	}
	return taken
}

// take finds a worker, or a place in the queue or the lane, for a new id; mu is held.
func (p *pool) take(id waxwing.ID, tenant waxwing.TenantID) bool {
	switch {
	case p.busy < p.most:
		p.busy++
		p.ids[id] = spot{atWork, tenant}
		p.run(task{id, p.work})
	case len(p.queue) < p.most*queuePerWorker && (tenant == "" || !p.behind):
		p.ids[id] = spot{inQueue, tenant}
		p.queue = append(p.queue, id)
	case p.lane.Welcomes(tenant):
		p.ids[id] = spot{inQueue, tenant}
		p.lane.Put(id, tenant)
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
func (p *pool) start(id waxwing.ID, tenant waxwing.TenantID, work func(waxwing.ID)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped || p.ids[id].place == atWork {
		return false
	}
	p.ids[id] = spot{atWork, tenant} // where it waits in the queue, too, it is passed over there
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
	for !p.lane.Rests(p.behind && p.busy > 1) {
		var ok bool
		if id, ok = p.lane.Take(); !ok {
			break
		}
		if at := p.ids[id]; at.place == inQueue {
			p.ids[id] = spot{atWork, at.tenant}
			return id, true
		}
	}
	for len(p.queue) > 0 {
		id, p.queue = p.queue[0], p.queue[1:]
		if at := p.ids[id]; at.place == inQueue {
			p.ids[id] = spot{atWork, at.tenant}
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
	if p.behind = more || p.turned > 0; !p.behind {
		p.lane.Open()
	}
	p.becalm()
	return p.behind
}

// turnedWithin reports whether somebody was turned away since so long.
func (p *pool) turnedWithin(d time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.last.IsZero() && time.Since(p.last) < d
}

// takes reports whether a newcomer has a worker soon: no more wait than there are workers, and
// none in the ledger. A pool that has stopped takes it, and drops it.
func (p *pool) takes() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopped || !p.behind && len(p.queue) < p.most
}

// roomy reports whether a quarter of the workers is free, and whether half of the queue is.
func (p *pool) roomy() (workers, queue bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return 4*(p.most-p.busy) >= p.most, len(p.queue) <= p.most*queuePerWorker/2
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
	for id, at := range p.ids {
		if at.place == inQueue {
			delete(p.ids, id)
		}
	}
	p.stopped, p.queue, p.lane = true, nil, lane.New(0)
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
