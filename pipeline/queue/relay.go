package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

const (
	// publishers publish at once, so that an answer that takes a millisecond does not bound them.
	publishers = 16
	// pending is how many messages wait for a publisher. One more is handed over here.
	pending = 1024
	// dialWithin and publishWithin bound what a broker may take for an answer. After that the
	// link counts as broken.
	dialWithin    = 10 * time.Second
	publishWithin = 3 * time.Second
	// fullEvery is how often a broker is asked whether it is full: what is published meanwhile goes beyond its bound. One
	// that was is asked each tenth time, by all who would publish, and it has fullWithin for its answer.
	fullEvery, fullRarely, fullWithin = time.Second, 10, 3 * time.Second
	// closeWithin bounds how long a link may take for its end.
	closeWithin = 5 * time.Second
	// How long a broker that is away is left alone; each time twice as long, and not all
	// daemons at the same moment.
	firstRest = 100 * time.Millisecond
	longRest  = 5 * time.Second
	// steadyFor is how long a link must hold to begin with firstRest again.
	steadyFor = 10 * time.Second
)

var errSlow = errors.New("the broker did not answer in time")

// Stats are what a relay has done since it began.
type Stats struct {
	Connected bool
	// Published were taken by the broker, Received came from it.
	Published, Received int64
	// Kept were handed over in this process, since the broker was away or slow.
	Kept int64
	// Failed could not be published, or not in time; Lost is how often the link broke.
	Failed, Lost int64
}

// Relay publishes to a broker and receives from it, over one link at a time, and gets another
// where that breaks. Publishing never waits: what the broker cannot take now is handed over in
// this process, as if it had come back.
type Relay struct {
	name   string
	broker Broker
	log    *slog.Logger
	takes  map[string]func(payload []byte)      // by topic; not written after Run
	rooms  map[string]func(ctx context.Context) // as takes; a topic may have none
	topics []string
	out    chan parcel
	cancel context.CancelFunc
	ctx    context.Context

	up                                        atomic.Bool
	full                                      map[string]*atomic.Bool // by topic, as takes
	published, received, kept, failures, lost atomic.Int64
}

// parcel is a message on its way to the broker.
type parcel struct {
	topic string
	msg   *message.Message
}

// NewRelay makes a relay for a broker of this name. It connects in Run.
func NewRelay(name string, b Broker, log *slog.Logger) *Relay {
	r := &Relay{name: name, broker: b, log: log, takes: map[string]func([]byte){}, rooms: map[string]func(context.Context){}, full: map[string]*atomic.Bool{}, out: make(chan parcel, pending)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Handle has a topic's messages handed to take, which must not wait. It is called before Run, once
// a topic.
func (r *Relay) Handle(topic string, take func(payload []byte)) {
	r.takes[topic], r.full[topic] = take, &atomic.Bool{}
	r.topics = append(r.topics, topic)
}

// Await has room wait, until there is room or ctx ends, before a message of a handled topic is
// handed on: until then it is the broker's, who may give it to another daemon. It is called before Run.
func (r *Relay) Await(topic string, room func(ctx context.Context)) { r.rooms[topic] = room }

// Publish has messages of a handled topic published. It neither waits nor fails.
func (r *Relay) Publish(topic string, messages ...*message.Message) error {
	for _, m := range messages {
		p := parcel{topic, m}
		if !r.up.Load() || r.full[topic].Load() {
			r.keep(p)
			continue
		}
		select {
		case r.out <- p:
		default:
			r.keep(p)
		}
	}
	return nil
}

// keep hands a message over in this process.
func (r *Relay) keep(p parcel) {
	r.kept.Add(1)
	r.takes[p.topic](p.msg.Payload)
}

// Stats counts.
func (r *Relay) Stats() Stats {
	return Stats{Connected: r.up.Load(), Published: r.published.Load(), Received: r.received.Load(), Kept: r.kept.Load(), Failed: r.failures.Load(), Lost: r.lost.Load()}
}

// Run keeps the relay connected until Stop.
func (r *Relay) Run() {
	rest, told := firstRest, false
	for r.ctx.Err() == nil {
		since := time.Now()
		was, err := r.session()
		if r.ctx.Err() != nil {
			return
		}
		if was {
			r.lost.Add(1)
			told = false
		}
		if !told { // and not at each attempt
			r.log.Warn("a broker is away; nothing waits for it", "broker", r.name, "err", err)
			told = true
		}
		if was && time.Since(since) > steadyFor {
			rest = firstRest
		}
		again := time.NewTimer(rest/2 + rand.N(rest))
		select {
		case <-again.C:
		case <-r.ctx.Done():
			again.Stop()
		}
		rest = min(2*rest, longRest)
	}
}

// session is the life of one link. It says whether there was one.
func (r *Relay) session() (was bool, err error) {
	ctx, cancel := context.WithCancelCause(r.ctx)
	defer cancel(nil)
	link, err := r.dial(ctx, cancel)
	if err != nil {
		return false, err
	}
	s := &session{Relay: r, link: link, ctx: ctx, fail: cancel}
	for _, topic := range r.topics {
		ch, err := link.Subscribe(ctx, topic)
		if err != nil {
			cancel(err)
			s.end()
			return false, fmt.Errorf("subscribe: %w", err)
		}
		s.work.Go(func() { s.receive(topic, ch) })
	}
	for range publishers {
		s.work.Go(s.publish)
	}
	if b, ok := link.(Bounded); ok {
		s.work.Go(func() { s.measure(b) })
	}
	r.up.Store(true)
	r.log.Info("a broker is there", "broker", r.name)
	<-ctx.Done()
	r.up.Store(false)
	s.end()
	return true, context.Cause(ctx)
}

// dial gets a link, or an error when ctx ends, also where the adapter waits without it.
func (r *Relay) dial(ctx context.Context, failed context.CancelCauseFunc) (Link, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	type answer struct {
		link Link
		err  error
	}
	came := make(chan answer, 1)
	go func() {
		defer cancel()
		link, err := r.broker.Dial(ctx, r.topics, func(err error) { failed(err) })
		if ctx.Err() != nil && err == nil { // nobody waits for it any more, or not for long
			_ = link.Close()
			link, err = nil, ctx.Err()
		}
		came <- answer{link, err}
	}()
	select {
	case a := <-came:
		return a.link, a.err
	case <-ctx.Done():
		select {
		case a := <-came: // it ended ctx itself
			return a.link, a.err
		default:
			return nil, ctx.Err()
		}
	}
}

// session is a link that works.
type session struct {
	*Relay
	link Link
	ctx  context.Context
	fail context.CancelCauseFunc
	work sync.WaitGroup
}

// receive hands on what comes. A message is acknowledged when it was: from then on it is this
// daemon's, or, where its workers are busy, the sweeper's.
func (s *session) receive(topic string, ch <-chan *message.Message) {
	room := s.rooms[topic]
	for m := range ch {
		if room != nil {
			room(s.ctx)
		}
		if s.ctx.Err() == nil {
			s.received.Add(1)
			s.takes[topic](m.Payload)
			m.Ack()
		} else {
			m.Nack()
		}
	}
	s.fail(errors.New("the broker ended a subscription"))
}

// measure looks whether the broker is full, until the link ends.
func (s *session) measure(b Bounded) {
	tick := time.NewTicker(fullEvery)
	defer tick.Stop()
	defer func() {
		for _, f := range s.full {
			f.Store(false)
		}
	}()
	for last, turn := int64(0), 0; ; turn++ {
		for topic, f := range s.full {
			if now := s.published.Load(); !f.Load() && now == last || f.Load() && turn%fullRarely != 0 {
				continue // nothing was published, by this process
			}
			ctx, cancel := context.WithTimeout(s.ctx, fullWithin)
			full, err := b.Full(ctx, topic)
			slow := ctx.Err() != nil
			cancel()
			switch {
			case slow && err != nil: // it has more to do: it is as it was
			case err != nil:
				s.fail(fmt.Errorf("look whether it is full: %w", err))
			case full != f.Swap(full):
				s.log.Warn("how much a broker keeps of a queue has reached its bound, or is below it again", "broker", s.name, "topic", topic, "full", full)
			}
		}
		last = s.published.Load()
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			return
		}
	}
}

// publish takes messages to the broker until the link ends.
func (s *session) publish() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case p := <-s.out:
			if s.ctx.Err() != nil {
				s.keep(p)
				return
			}
			s.one(p)
		}
	}
}

// one publishes a message, or hands it over in this process.
func (s *session) one(p parcel) {
	ctx, cancel := context.WithTimeout(s.ctx, publishWithin)
	defer cancel()
	p.msg.SetContext(ctx)
	late := time.AfterFunc(publishWithin, func() { // an adapter may wait without the context
		s.keep(p)
		s.fail(errSlow)
	})
	err := s.link.Publish(p.topic, p.msg)
	inTime := late.Stop()
	switch {
	case err == nil:
		s.published.Add(1)
		return
	case inTime:
		s.keep(p)
	}
	s.failures.Add(1)
	s.fail(fmt.Errorf("publish: %w", err))
}

// end closes the link, waits for who works with it, and hands over what still waits for it.
func (s *session) end() {
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = s.link.Close() // it is of no more use
		s.work.Wait()
	}()
	limit := time.NewTimer(closeWithin)
	defer limit.Stop()
	select {
	case <-over:
	case <-limit.C:
		s.log.Warn("a link to a broker does not end", "broker", s.name)
	}
	for {
		select {
		case p := <-s.out:
			s.keep(p)
		default:
			return
		}
	}
}

// Stop has Run return soon. What was not published is handed over in this process.
func (r *Relay) Stop() { r.cancel() }
