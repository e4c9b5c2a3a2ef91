package sqs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/waxwinghq/waxwing/pipeline/queue"
)

const (
	// most is how many messages a request has, and largest how many bytes these have, and one:
	// what each queue takes.
	most, largest = 10, 256 << 10
	// senders are the requests to one queue at a time.
	senders = 4
)

// link is Watermill's Publisher and Subscriber for some queues. It is ours: Watermill's own
// (watermill-aws v1.0.1) goes on with a message that it cannot read until the queue has forgotten it,
// may wait for ever in Close, and deletes by a context that is over when it stops.
type link struct {
	client     *api.Client
	visibility time.Duration
	failed     func(error)
	queues     map[string]*remote // by topic
	ctx        context.Context
	cancel     context.CancelFunc
	broken     atomic.Bool // failed was called
	work       sync.WaitGroup
	mu         sync.Mutex // against Add beside Wait
	subs       sync.WaitGroup
}

// remote is a queue, and what waits to be sent to it.
type remote struct {
	at  string
	out chan *parcel
}

// parcel is a message on its way, and where its publisher waits.
type parcel struct {
	body string
	done chan error // has room
}

// NewLink makes a link for queues, whose addresses are given by topic. What it takes stays out of
// others' sight for visibility at a time.
func NewLink(client *api.Client, queues map[string]string, visibility time.Duration, failed func(error)) queue.Link {
	l := &link{client: client, visibility: visibility, failed: failed, queues: map[string]*remote{}}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	for topic, at := range queues {
		r := &remote{at: at, out: make(chan *parcel)}
		l.queues[topic] = r
		for range senders {
			l.work.Go(func() { l.send(r) })
		}
	}
	return l
}

var errOver = errors.New("the link is over")

// fail ends the link. The relay makes another.
func (l *link) fail(err error) {
	if l.ctx.Err() == nil && !l.broken.Swap(true) {
		l.failed(err)
	}
	l.cancel()
}

// envelope is a message's body: SQS takes text alone, and ten attributes.
type envelope struct {
	UUID     string            `json:"uuid"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Payload  []byte            `json:"payload"`
}

// Publish is queue.Link's. Messages that are published at the same time share a request.
func (l *link) Publish(topic string, messages ...*message.Message) error {
	r := l.queues[topic]
	if r == nil {
		return errors.New("the link has no queue for this topic")
	}
	for _, m := range messages {
		body, err := json.Marshal(envelope{m.UUID, m.Metadata, append([]byte{}, m.Payload...)})
		if err != nil {
			return err
		}
		if len(body) > largest {
			return fmt.Errorf("a message of %d bytes is more than SQS takes", len(body))
		}
		p := &parcel{string(body), make(chan error, 1)}
		select {
		case r.out <- p:
		case <-m.Context().Done():
			return m.Context().Err()
		case <-l.ctx.Done():
			return errOver
		}
		select {
		case err = <-p.done:
		case <-m.Context().Done():
			err = m.Context().Err()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// send sends what waits: as much as one request takes, and never waits for company.
func (l *link) send(r *remote) {
	var next *parcel // did not fit
	for {
		first := next
		next = nil
		if first == nil {
			select {
			case first = <-r.out:
			case <-l.ctx.Done():
				return
			}
		}
		batch, size := []*parcel{first}, len(first.body)
		for full := false; !full && len(batch) < most; {
			select {
			case p := <-r.out:
				if size += len(p.body); size > largest {
					next, full = p, true
				} else {
					batch = append(batch, p)
				}
			default:
				full = true
			}
		}
		l.request(r.at, batch)
	}
}

// request sends a batch. Each of its messages is sent when the answer says so of it: the client has
// compared the sum that SQS made of it then.
func (l *link) request(at string, batch []*parcel) {
	in := &api.SendMessageBatchInput{QueueUrl: &at}
	for i, p := range batch {
		in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: &p.body})
	}
	ctx, cancel := context.WithTimeout(l.ctx, callFor)
	defer cancel()
	said, err := l.client.SendMessageBatch(ctx, in)
	verdicts := make([]error, len(batch))
	for i := range verdicts {
		if verdicts[i] = err; err == nil {
			verdicts[i] = errors.New("SQS said nothing of a message")
		}
	}
	if err == nil {
		for _, f := range said.Failed {
			if i, err := strconv.Atoi(aws.ToString(f.Id)); err == nil && i >= 0 && i < len(batch) {
				verdicts[i] = fmt.Errorf("SQS refused a message: %s: %s", aws.ToString(f.Code), aws.ToString(f.Message))
			}
		}
		for _, s := range said.Successful {
			if i, err := strconv.Atoi(aws.ToString(s.Id)); err == nil && i >= 0 && i < len(batch) {
				verdicts[i] = nil
			}
		}
	}
	for i, p := range batch {
		p.done <- verdicts[i]
	}
}

// Close is queue.Link's. What was taken and not acknowledged goes back.
func (l *link) Close() error {
	l.mu.Lock()
	l.cancel()
	l.mu.Unlock()
	l.subs.Wait()
	l.work.Wait()
	return nil
}
