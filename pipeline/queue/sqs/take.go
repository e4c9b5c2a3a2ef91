package sqs

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	// One reader waits for messages, for as long as SQS lets it: an idle daemon asks three times a
	// minute. Others help while there are more than it takes at once.
	helpers         = 3
	waitFor, helpIn = 20 * time.Second, time.Second
)

// subscription takes messages of a queue.
type subscription struct {
	*link
	at   string
	ctx  context.Context
	out  chan *message.Message
	more chan struct{} // helpers wait for it
}

// Subscribe is queue.Link's.
func (l *link) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	r := l.queues[topic]
	if r == nil {
		return nil, errors.New("the link has no queue for this topic")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		return nil, errOver
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(l.ctx, cancel)
	s := &subscription{link: l, at: r.at, ctx: ctx, out: make(chan *message.Message), more: make(chan struct{})}
	var readers sync.WaitGroup
	readers.Go(func() {
		for {
			if _, ok := s.take(waitFor); !ok {
				return
			}
		}
	})
	for range helpers {
		readers.Go(s.help)
	}
	l.subs.Go(func() {
		readers.Wait()
		stop()
		cancel()
		close(s.out)
	})
	return s.out, nil
}

// help takes messages while there are many.
func (s *subscription) help() {
	for {
		select {
		case <-s.more:
		case <-s.ctx.Done():
			return
		}
		for {
			n, ok := s.take(helpIn)
			if !ok {
				return
			}
			if n < most {
				break
			}
		}
	}
}

// take asks for messages once, and hands on what there is. False: the subscription ends.
func (s *subscription) take(wait time.Duration) (n int, ok bool) {
	ctx, cancel := context.WithTimeout(s.ctx, wait+callFor)
	defer cancel()
	got, err := s.client.ReceiveMessage(ctx, &api.ReceiveMessageInput{QueueUrl: &s.at, MaxNumberOfMessages: most, WaitTimeSeconds: seconds(wait), VisibilityTimeout: seconds(s.visibility),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameApproximateReceiveCount}})
	if err != nil {
		if s.ctx.Err() == nil {
			s.fail(err)
		}
		return 0, false
	}
	if len(got.Messages) == most {
		select {
		case s.more <- struct{}{}:
		default:
		}
	}
	h := hand{subscription: s}
	for _, m := range got.Messages {
		h.all = append(h.all, &held{Message: m})
	}
	return len(h.all), h.on()
}

func seconds(d time.Duration) int32 { return int32(d / time.Second) }

// held is a message that was taken, and what became of it.
type held struct {
	types.Message
	acked, nacked bool
	gone          bool // SQS has it deleted, or another has it
}

// hand is what one request gave.
type hand struct {
	*subscription
	all []*held
}

// on hands messages on, one after the other, and waits for what becomes of each. Until then SQS is
// told again and again that they are in hand. False: the subscription ends.
func (h *hand) on() bool {
	defer func() { h.end() }()
	tick := time.NewTicker(h.visibility / 3)
	defer tick.Stop()
	for _, m := range h.all {
		if !h.one(m, tick.C) {
			return false
		}
	}
	return h.ctx.Err() == nil
}

// one hands a message on. False: the subscription ends.
func (h *hand) one(in *held, tick <-chan time.Time) bool {
	m := read(in.Message)
	own, cancel := context.WithCancel(h.ctx)
	defer cancel()
	m.SetContext(own)
	for out := h.out; ; {
		var acked, nacked <-chan struct{}
		if out == nil {
			acked, nacked = m.Acked(), m.Nacked()
		}
		select {
		case out <- m:
			out = nil
		case <-acked:
			in.acked = true
			return true
		case <-nacked:
			in.nacked = true
			return true
		case <-tick:
			h.prolong()
			if in.gone && out != nil {
				return true
			}
		case <-h.ctx.Done():
			select {
			case <-acked: // at the same moment
				in.acked = true
			default:
			}
			return false
		}
	}
}

// prolong deletes what was acknowledged, and keeps the others out of others' sight.
func (h *hand) prolong() {
	ctx, cancel := context.WithTimeout(h.ctx, callFor)
	defer cancel()
	err := h.delete(ctx)
	if err == nil {
		err = h.hide(ctx, func(*held) time.Duration { return h.visibility })
	}
	if err != nil && h.ctx.Err() == nil {
		h.fail(err)
	}
}

// end deletes what was acknowledged, and gives back what was not, also where the subscription is
// over; unless SQS is away, which then shows it again by itself.
func (h *hand) end() {
	if len(h.all) == 0 || h.broken.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.ctx), callFor)
	defer cancel()
	err := h.delete(ctx)
	if err == nil {
		err = h.hide(ctx, func(m *held) time.Duration { return min(m.rest(), h.visibility) })
	}
	if err != nil && h.ctx.Err() == nil {
		h.fail(err)
	}
}

// rest is how soon a message may come again that was not acknowledged: in a second, and where it was
// refused again and again, later each time. Nobody lets it rest for longer than visibility. None at
// all (0) could not be tried: the SQS of tests, fauxqs 2.4.1, fails at it when it keeps files.
func (m *held) rest() time.Duration {
	times, err := strconv.Atoi(m.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
	if !m.nacked || err != nil {
		return time.Second
	}
	return time.Second << min(max(times-1, 0), 10)
}

// delete deletes what was acknowledged. What SQS does not delete comes again, which costs nothing.
func (h *hand) delete(ctx context.Context) error {
	in := &api.DeleteMessageBatchInput{QueueUrl: &h.at}
	for i, m := range h.all {
		if m.acked && !m.gone {
			in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
			m.gone = true
		}
	}
	if len(in.Entries) == 0 {
		return nil
	}
	_, err := h.client.DeleteMessageBatch(ctx, in)
	return err
}

// hide says for how long from now on others do not see what is still here.
func (h *hand) hide(ctx context.Context, long func(*held) time.Duration) error {
	in := &api.ChangeMessageVisibilityBatchInput{QueueUrl: &h.at}
	for i, m := range h.all {
		if !m.gone {
			in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: seconds(long(m))})
		}
	}
	if len(in.Entries) == 0 {
		return nil
	}
	said, err := h.client.ChangeMessageVisibilityBatch(ctx, in)
	if err != nil {
		return err
	}
	for _, f := range said.Failed { // it is another's by now
		if i, err := strconv.Atoi(aws.ToString(f.Id)); err == nil && f.SenderFault && i >= 0 && i < len(h.all) {
			h.all[i].gone = true
		}
	}
	return nil
}

// read makes a message of whatever has come. What is no envelope is taken as it is: who gets it
// decides what it is worth, and it is not in the way of others.
func read(in types.Message) *message.Message {
	body := aws.ToString(in.Body)
	var e envelope
	if err := json.Unmarshal([]byte(body), &e); err != nil || e.UUID == "" {
		return message.NewMessage(aws.ToString(in.MessageId), []byte(body))
	}
	m := message.NewMessage(e.UUID, e.Payload)
	for k, v := range e.Metadata {
		m.Metadata.Set(k, v)
	}
	return m
}
