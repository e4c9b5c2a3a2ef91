package pipeline

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

func queueStage() kind {
	return plain(config.Component{Name: "queue", Place: config.Queueing, Settings: func() config.Block { return &Queue{} },
		Usual: always(func() config.Block { return &Queue{Name: "mail"} })})
}

// Queue is a durable hop between two stages.
type Queue struct {
	// Name is the queue's, in topics and metrics.
	Name string `yaml:"name"`
	// On is what carries it: gochannel is this process's memory. The queue in front of send may
	// instead name one of brokers, and any daemon of the same ledger takes what stands on it.
	On string `yaml:"on,omitempty" default:"gochannel"`
	// Carry is what its messages hold: a reference, the id of what is to be sent.
	Carry string `yaml:"carry,omitempty" enum:"reference,content" default:"reference"`
}

// here is the queue that stays in this process.
const here = "gochannel"

// Check looks at the name, and refuses what no broker carries yet.
func (q *Queue) Check(r *config.Report) {
	r.Name("name", q.Name)
	if q.Carry == "content" && !r.Bad("carry") {
		r.Fail("carry", r.Path("carry")+" is content, and this version carries references only", "Take the line out: who takes a message reads its content from the ledger")
	}
}

// QueueName is config.Waits'.
func (q *Queue) QueueName() string { return q.Name }

// QueueOn is config.Waits'.
func (q *Queue) QueueOn() string {
	if q.On == here {
		return ""
	}
	return q.On
}

// KeepQueues has all queues of a configuration stay in this process.
func KeepQueues(c *config.Config) {
	keep := func(stages []config.Stage) []config.Stage {
		stages = slices.Clone(stages)
		for i := range stages {
			if q, ok := stages[i].Settings.(*Queue); ok {
				stages[i].Settings = &Queue{Name: q.Name, On: here, Carry: "reference"}
			}
		}
		return stages
	}
	c.Pipeline, c.Pipelines = keep(c.Pipeline), maps.Clone(c.Pipelines)
	for name, stages := range c.Pipelines {
		c.Pipelines[name] = keep(stages)
	}
}

// hop is a queue between two runs of stages. It stays in this process. Its topic carries the id alone. What the order
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

// hops are the queues between stages, of all pipelines.
type hops struct {
	named map[string]*hop
	all   []*hop // as orders come along
}

func newHops() *hops { return &hops{named: map[string]*hop{}} }

// room is for how many more orders there is room in all of them.
func (x *hops) room() int {
	room := 1 << 30
	for _, h := range x.all {
		room = min(room, h.room())
	}
	return max(room, 0)
}

// have reports whether an order is worked on behind one of them, or waits there. They are asked
// in the order in which orders come along: none is in two places, and none passes unseen.
func (x *hops) have(id waxwing.ID, now time.Time) bool {
	for _, h := range x.all {
		if h.has(id, now) {
			return true
		}
	}
	return false
}
