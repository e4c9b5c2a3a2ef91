package pipeline

import (
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

// hop is a queue between two runs of stages. Its topic carries the id alone. What the order
// has come to so far is kept here for whoever takes it next, and for no longer: in the ledger
// it is received still, so that a crash, a lost message or a full queue lets the sweeper begin
// it anew, and nothing is lost. No more of them are kept than there are workers and places.
type hop struct {
	name string
	pool *pool

	mu   sync.Mutex
	jobs map[waxwing.ID]carried
}

// carried is a job between two runs.
type carried struct {
	job *Job
	run int       // which comes next
	at  time.Time // when it was put here
}

// lostAfter is how long a job may wait for its message where it does not stand in the pool's
// queue: then the message was lost, and the order is begun anew.
const lostAfter = 2 * time.Second

// room is for how many more jobs there is a worker or a place.
func (h *hop) room() int {
	h.mu.Lock()
	kept := len(h.jobs)
	h.mu.Unlock()
	return h.pool.most*(1+queuePerWorker) - kept
}

// put keeps a job for the run that is next. A later one of the same order takes its place.
func (h *hop) put(j *Job, next int, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.jobs[j.Work.ID] = carried{j, next, now}
}

// take gives a job to whoever works on it.
func (h *hop) take(id waxwing.ID) (c carried, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, ok = h.jobs[id]
	delete(h.jobs, id)
	return c, ok
}

// has reports whether an order is worked on here, or will be in a moment. A worker has the id
// before he takes the job: looked for in this order it does not pass unseen.
func (h *hop) has(id waxwing.ID, now time.Time) bool {
	h.mu.Lock()
	c, ok := h.jobs[id]
	h.mu.Unlock()
	return ok && now.Sub(c.at) < lostAfter || h.pool.knows(id)
}

// forget drops jobs whose message was lost, or turned away.
func (h *hop) forget(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, c := range h.jobs {
		if now.Sub(c.at) >= lostAfter && !h.pool.knows(id) {
			delete(h.jobs, id)
		}
	}
}

// hopOf makes the queue of a name, or gives the one that another pipeline has of it.
func (x *Pipeline) hopOf(name string) *hop {
	if h := x.hops[name]; h != nil {
		return h
	}
	h := &hop{name: name, jobs: map[waxwing.ID]carried{}}
	h.pool = newPool(x.p.Config.Limits.Render, "render", topic+name+".orders", func(id waxwing.ID) { x.goOn(h, id) })
	x.hops[name], x.queues = h, append(x.queues, h)
	if x.wakes == nil { // a preview
		return h
	}
	x.wakes.handle("queue "+name, h.pool.topic, func(id waxwing.ID) {
		if h.pool.feed([]waxwing.ID{id}) == 0 { // no place
			h.take(id)
			x.orders.turnNext()
		}
	})
	return h
}

// handOver puts an order into the queue in front of its next run. Where there is no place it
// waits in the ledger: it is begun anew when there is one.
func (x *Pipeline) handOver(j *Job, next int) {
	h := j.flow.runs[next].hop
	id := j.Work.ID
	if h.room() <= 0 && !x.p.NoSweeper {
		x.orders.turnNext()
		return
	}
	h.put(j, next, x.p.Clock())
	if !x.wakes.publish(h.pool.topic, id) {
		h.take(id)
		return
	}
	if x.journal.debug {
		x.journal.Step("queued for "+h.name, id)
	}
}

// goOn takes an order out of a queue, and further. Another event of it may bring it here
// again meanwhile.
func (x *Pipeline) goOn(h *hop, id waxwing.ID) {
	for x.letSend(); !x.stop.HasBegun(); {
		c, ok := h.take(id)
		if !ok {
			return
		}
		x.report(id, x.advanceFrom(c.job, c.run))
	}
}

// Queues says how many orders wait in each queue between stages.
func (x *Pipeline) Queues() map[string]int {
	out := make(map[string]int, len(x.queues))
	for _, h := range x.queues {
		out[h.name] = h.pool.most*(1+queuePerWorker) - h.room()
	}
	return out
}

// roomBehind is for how many more orders there is room in all queues between stages.
func (x *Pipeline) roomBehind() int {
	room := 1 << 30
	for _, h := range x.queues {
		room = min(room, h.room())
	}
	return max(room, 0)
}

// underWay reports whether an order is worked on, or waits in a queue between stages. It looks
// in the order in which orders come along: none is in two places, and none passes unseen.
func (x *Pipeline) underWay(id waxwing.ID) bool {
	if x.orders.knows(id) {
		return true
	}
	now := x.p.Clock()
	for _, h := range x.queues {
		if h.has(id, now) {
			return true
		}
	}
	return false
}
