package queue

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// pretend is a broker in memory that does as a test says.
type pretend struct {
	mu    sync.Mutex
	away  bool // Dial fails
	stuck bool // Publish hangs until the link is closed
	full  bool
	dials int
	links []*pretended
}

type pretended struct {
	*pretend
	failed func(error)
	closed chan struct{}
	once   sync.Once
	to     map[string]chan *message.Message
}

func (b *pretend) Dial(_ context.Context, topics []string, failed func(error)) (Link, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dials++; b.away {
		return nil, errors.New("away")
	}
	l := &pretended{pretend: b, failed: failed, closed: make(chan struct{}), to: map[string]chan *message.Message{}}
	for _, t := range topics {
		l.to[t] = make(chan *message.Message)
	}
	b.links = append(b.links, l)
	return l, nil
}

func (l *pretended) Publish(topic string, all ...*message.Message) error {
	l.mu.Lock()
	stuck := l.stuck
	l.mu.Unlock()
	if stuck {
		<-l.closed
		return errors.New("closed")
	}
	for _, m := range all {
		select {
		case l.to[topic] <- message.NewMessage(m.UUID, m.Payload):
		case <-l.closed:
			return errors.New("closed")
		}
	}
	return nil
}

func (l *pretended) Subscribe(_ context.Context, topic string) (<-chan *message.Message, error) {
	out := make(chan *message.Message)
	go func() {
		defer close(out)
		for {
			select {
			case m := <-l.to[topic]:
				select {
				case out <- m:
				case <-l.closed:
					return
				}
				select {
				case <-m.Acked():
				case <-m.Nacked():
				case <-l.closed:
					return
				}
			case <-l.closed:
				return
			}
		}
	}()
	return out, nil
}

func (l *pretended) Full(context.Context, string) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.full, nil
}

// last is the newest link, and how often one was asked for.
func (b *pretend) last() (l *pretended, dials int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.links[len(b.links)-1], b.dials
}

func (b *pretend) leave(away bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = away
}

func (l *pretended) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// taken is what was handed over, by payload.
type taken struct {
	mu  sync.Mutex
	got map[string]int
}

func (x *taken) take(payload []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.got[string(payload)]++
}

// running is a relay to a pretended broker, in a bubble whose clock is not ours.
func running(t *testing.T, b *pretend) (*Relay, *taken, func()) {
	x := &taken{got: map[string]int{}}
	r := NewRelay("bus", b, slog.New(slog.DiscardHandler))
	r.Handle("mail", x.take)
	over := make(chan struct{})
	go func() { defer close(over); r.Run() }()
	synctest.Wait()
	return r, x, func() { r.Stop(); <-over }
}

func (x *taken) want(t *testing.T, payload string, times int) {
	t.Helper()
	synctest.Wait()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.got[payload] != times {
		t.Errorf("%s was handed over %d times, want %d", payload, x.got[payload], times)
	}
}

func publish(r *Relay, payload string) {
	_ = r.Publish("mail", message.NewMessage(payload, []byte(payload))) // it never fails
}

// TestRelay: a message goes by the broker while that is there, and by this process while it is
// away; where it comes again it is found.
func TestRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &pretend{}
		r, x, stop := running(t, b)
		defer stop()
		publish(r, "one")
		x.want(t, "one", 1)
		if s := r.Stats(); s != (Stats{Connected: true, Published: 1, Received: 1}) {
			t.Errorf("there: %+v", s)
		}
		b.leave(true)
		l, _ := b.last()
		l.failed(errors.New("gone"))
		synctest.Wait()
		publish(r, "two")
		x.want(t, "two", 1)
		if s := r.Stats(); s != (Stats{Published: 1, Received: 1, Kept: 1, Lost: 1}) {
			t.Errorf("away: %+v", s)
		}
		time.Sleep(time.Minute)
		if _, dials := b.last(); dials < 10 || dials > 40 {
			t.Errorf("it was tried %d times in a minute", dials)
		}
		b.leave(false)
		time.Sleep(2 * longRest)
		synctest.Wait()
		publish(r, "three")
		x.want(t, "three", 1)
		if s := r.Stats(); !s.Connected || s.Published != 2 || s.Received != 2 || s.Kept != 1 {
			t.Errorf("there again: %+v", s)
		}
	})
}

// TestRelayStuck: a broker that takes messages and says nothing holds none of them up for longer
// than it may, and counts as away.
func TestRelayStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &pretend{stuck: true}
		r, x, stop := running(t, b)
		defer stop()
		const n = publishers + pending + 50
		for range n {
			publish(r, "id")
		}
		x.want(t, "id", 50) // for which there was no room
		time.Sleep(publishWithin + time.Second)
		x.want(t, "id", n)
		if s := r.Stats(); s.Kept != n || s.Published != 0 || s.Failed != publishers || s.Lost != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestRelayEnds: a subscription that ends by itself ends the link, and the next one is begun.
func TestRelayEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &pretend{}
		r, x, stop := running(t, b)
		l, _ := b.last()
		_ = l.Close()
		time.Sleep(time.Second)
		publish(r, "one")
		x.want(t, "one", 1)
		if _, dials := b.last(); !r.Stats().Connected || r.Stats().Lost != 1 || dials != 2 {
			t.Errorf("%+v after %d dials", r.Stats(), dials)
		}
		stop()
		publish(r, "two")
		x.want(t, "two", 1)
	})
}

// TestFull: what a full broker would have to keep is handed over here, until it has room again.
func TestFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &pretend{}
		r := NewRelay("bus", b, slog.New(slog.DiscardHandler))
		r.Handle("mail", func([]byte) {})
		over := make(chan struct{})
		go func() { defer close(over); r.Run() }()
		synctest.Wait()
		publish := func(what string, published, kept int64) {
			t.Helper()
			time.Sleep(2 * fullEvery)
			before := r.Stats()
			_ = r.Publish("mail", message.NewMessage("1", []byte("x"))) // it never fails
			time.Sleep(2 * fullEvery)
			if st := r.Stats(); st.Published-before.Published != published || st.Kept-before.Kept != kept {
				t.Errorf("%s: %+v after %+v", what, st, before)
			}
		}
		set := func(full bool) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.full = full
		}
		publish("there is room", 1, 0)
		set(true)
		publish("it fills", 1, 0) // which shows after this one
		publish("it is full", 0, 1)
		set(false)
		time.Sleep(fullRarely * fullEvery) // one that was full is asked less often
		publish("there is room again", 1, 0)
		r.Stop()
		<-over
	})
}
