package pipeline

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue"
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
	// Carry is what its messages hold: a reference, the id of what is to be sent, or its content
	// besides, sealed, so that send workers (waxwing serve --role send) read nothing of the
	// ledger. Content stands on a broker only; what is larger than 128 KiB goes as a reference.
	Carry string `yaml:"carry,omitempty" enum:"reference,content" default:"reference"`
}

// here is the queue that stays in this process.
const here = "gochannel"

// carryContent is Carry's other value.
const carryContent = "content"

// Check looks at the name, and refuses content where nobody but this process is to take it.
func (q *Queue) Check(r *config.Report) {
	r.Name("name", q.Name)
	if q.Carry == carryContent && q.QueueOn() == "" && !r.Bad("carry") && !r.Bad("on") {
		r.Fail("carry", r.Path("carry")+" is content, and the queue stays in its process", "Name one of brokers as its on, or take the line out: here the ledger's cache has the content")
	}
}

// CarriesContent says whether a queue of a configuration carries content on a broker: then there
// is work for those who only send.
func CarriesContent(c *config.Config) bool {
	for _, all := range c.EveryPipeline() {
		for _, s := range all {
			if q, ok := s.Settings.(*Queue); ok && q.Carry == carryContent && q.QueueOn() != "" {
				return true
			}
		}
	}
	return false
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
	return ok && now.Sub(c.at) < lostAfter || h.pool.at(id).place != nowhere
}

// forget drops jobs whose message was lost, or turned away.
func (h *hop) forget(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, c := range h.jobs {
		if now.Sub(c.at) >= lostAfter && h.pool.at(id).place == nowhere {
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

// mostAside is how many bytes of contents wait for workers at most.
const mostAside = 32 << 20

// hand has a job's message sent whose sealed content is at hand: by a queue that carries it, where its
// pipeline has one, whatever waits in this process. Others may have room.
func (x *outbound) hand(j *Job, ch waxwing.Channel, id waxwing.ID, sealed []byte) {
	f := j.flow
	if !f.carries || len(f.providers[ch]) == 0 || len(sealed) == 0 {
		x.wake(f, ch, id, j.Work.Tenant)
		return
	}
	payload, content := queue.Carrying(id, sealed), len(sealed) <= queue.MostCarried
	if !content {
		payload, _ = id.MarshalText() // never fails
	}
	x.p.Meter.Carried(content, len(payload))
	x.wakes.send(f.topics[ch], id, payload)
}

// take gives a message that came by a queue which carries content to the workers. What finds no
// place is the sweeper's.
func (ch *channel) take(payload []byte, log *slog.Logger) {
	id, sealed, err := queue.Carried(payload)
	if err != nil {
		log.Error("a message that is neither an id nor content was dropped; the ledger knows better", "err", err)
		return
	}
	ch.contents.put(id, sealed)
	if ch.pool.feed([]waxwing.ID{id}) > 0 {
		return
	}
	if ch.contents.take(id); !ch.only {
		ch.pool.turnNext()
	}
}

// lookForRoom is how often it is looked whether there is room, where nobody tells.
const lookForRoom = 50 * time.Millisecond

// room waits until a message that comes by a queue can be worked on here, or ctx ends: a worker
// or a place is free, nothing older waits in the ledger, and a provider works. Until then it is the
// broker's, and goes to whoever has room.
func (ch *channel) room(ctx context.Context) {
	if ch.roomy() {
		return
	}
	tick := time.NewTicker(lookForRoom)
	defer tick.Stop()
	for !ch.roomy() {
		select {
		case <-ch.pool.freed:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (ch *channel) roomy() bool {
	// Whoever cannot claim would take all that there is from those who can.
	return ch.pool.takes() && ch.well() == nil && (healthy(ch.senders()) || ch.only && ch.limit() > 0)
}

// contents keeps sealed contents that came by a queue until a worker takes them. It is bounded:
// what it has no room for is read from the ledger.
type contents struct {
	pool *pool

	mu    sync.Mutex
	m     map[waxwing.ID][]byte
	bytes int
}

func newContents(p *pool) *contents { return &contents{pool: p, m: map[waxwing.ID][]byte{}} }

// put keeps a content. It is copied, since the message's memory is the broker's.
func (c *contents) put(id waxwing.ID, sealed []byte) {
	if len(sealed) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bytes+len(sealed) > mostAside {
		for id, b := range c.m { // the sweeper may have had a message sent beside them
			if c.pool.at(id).place == nowhere {
				c.bytes -= len(b)
				delete(c.m, id)
			}
		}
	}
	if c.bytes+len(sealed) > mostAside {
		return
	}
	c.bytes += len(sealed) - len(c.m[id])
	c.m[id] = append([]byte(nil), sealed...)
}

// take gives the content of a message, and forgets it; nil: there is none.
func (c *contents) take(id waxwing.ID) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.m[id]
	c.bytes -= len(b)
	delete(c.m, id)
	return b
}
