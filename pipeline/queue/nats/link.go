package nats

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/waxwinghq/waxwing/pipeline/queue"
)

// idHeader has a message's UUID; JetStream drops a second one of the same within two minutes.
const idHeader = nats.MsgIdHdr

// prefetch is how many messages are on their way to this process.
const prefetch = 64

// givenBackAfter is when what is given back may go to others.
const givenBackAfter = 50 * time.Millisecond

// drainFor is how long a subscription that ends waits for a server that is silent.
const drainFor = time.Second

// link is Watermill's Publisher and Subscriber on one connection. It is ours: Watermill's own
// (watermill-nats v2.1.3) sends on a channel that it has closed when a subscription ends while a
// message comes, which ends the process, and so does a message that it cannot read.
type link struct {
	conn    *nats.Conn
	js      jetstream.JetStream
	durable string
	failed  func(error)
	closing chan struct{}
	once    sync.Once
	mu      sync.Mutex // against Add beside Wait
	subs    sync.WaitGroup
}

// NewLink makes a link of a connection: its messages come by a consumer of this name.
func NewLink(conn *nats.Conn, js jetstream.JetStream, durable string, failed func(error)) queue.Link {
	return &link{conn: conn, js: js, durable: durable, failed: failed, closing: make(chan struct{})}
}

// Publish returns when the server has the messages.
func (l *link) Publish(topic string, messages ...*message.Message) error {
	for _, m := range messages {
		out := &nats.Msg{Subject: Name(topic), Data: m.Payload, Header: nats.Header{}}
		for k, v := range m.Metadata {
			out.Header.Set(k, v)
		}
		out.Header.Set(idHeader, m.UUID)
		if _, err := l.js.PublishMsg(m.Context(), out); err != nil {
			return err
		}
	}
	return nil
}

// Subscribe gives the messages of the durable consumer, one after the other.
func (l *link) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.closing:
		return nil, errors.New("the link is over")
	default:
	}
	c, err := l.js.Consumer(ctx, Name(topic), l.durable)
	if err != nil {
		return nil, err
	}
	all, err := c.Messages(jetstream.PullMaxMessages(prefetch))
	if err != nil {
		return nil, err
	}
	out := make(chan *message.Message)
	l.subs.Go(func() {
		defer close(out)
		within, cancel := context.WithCancel(context.WithoutCancel(ctx)) // ends a little after the subscription
		defer cancel()
		go func() {
			select {
			case <-ctx.Done():
			case <-l.closing:
			case <-within.Done():
			}
			all.Drain()
			time.AfterFunc(drainFor, cancel)
		}()
		ending := false
		for {
			m, err := all.Next(jetstream.NextContext(within))
			if err != nil {
				if ctx.Err() == nil && within.Err() == nil && !errors.Is(err, jetstream.ErrMsgIteratorClosed) {
					l.failed(err)
				}
				return
			}
			if !ending && l.hand(ctx, m, out) {
				continue
			}
			// What is on its way to a subscription that ends is given back, so that whoever listens
			// next need not wait for ackWait.
			ending = true
			all.Drain()
			// At once it might be given to this subscription's last request, which nobody reads. Lost, it comes by itself.
			_ = m.NakWithDelay(givenBackAfter)
		}
	})
	return out, nil
}

// hand gives a message on and waits for what becomes of it. False: the subscription ends.
func (l *link) hand(ctx context.Context, in jetstream.Msg, out chan<- *message.Message) bool {
	m := read(in)
	own, cancel := context.WithCancel(ctx)
	defer cancel()
	m.SetContext(own)
	select {
	case out <- m:
	case <-ctx.Done():
		return false
	case <-l.closing:
		return false
	}
	select {
	case <-m.Acked():
		_ = in.Ack() // lost, the message comes again
	case <-m.Nacked():
		_ = in.Nak() // likewise
	case <-ctx.Done():
		return false
	case <-l.closing:
		return false
	}
	return true
}

// read makes a message of whatever has come.
func read(in jetstream.Msg) *message.Message {
	m := message.NewMessage(in.Headers().Get(idHeader), in.Data())
	for k, v := range in.Headers() {
		if k != idHeader && len(v) > 0 {
			m.Metadata.Set(k, v[0])
		}
	}
	return m
}

// Close ends the link. What is not acknowledged comes again.
func (l *link) Close() error {
	l.once.Do(func() {
		l.mu.Lock()
		close(l.closing)
		l.mu.Unlock()
		l.subs.Wait()
		_ = l.conn.FlushTimeout(time.Second) // what was given back
		l.conn.Close()
	})
	return nil
}
