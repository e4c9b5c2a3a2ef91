package source

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Event is what a source hands to a Window.
type Event struct {
	Tenant waxwing.TenantID
	Shop   waxwing.ShopID
	Topic  string
	Raw    []byte
}

// Window has several events accepted at a time, and tells up to which place all of them are
// on disk: what lies before that may be forgotten where it came from. P is a place: an LSN, an
// offset, what acknowledges a message. Its methods are called by one goroutine, but for those
// that say otherwise.
type Window[P any] struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	accept Accept
	room   chan struct{}
	done   func(P)

	mu   sync.Mutex
	open []*place[P]
	wg   sync.WaitGroup
}

// place is one in the order in which they came.
type place[P any] struct {
	at   P
	done bool
}

// NewWindow makes one that has up to size events under way. done is called with each place, in
// their order, when it and all before it are on disk; by any goroutine, but one at a time. It
// must not call the window.
func NewWindow[P any](ctx context.Context, accept Accept, size int, done func(P)) *Window[P] {
	w := &Window[P]{accept: accept, room: make(chan struct{}, size), done: done}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	return w
}

// Context ends with the window's, and when an event cannot be accepted.
func (w *Window[P]) Context() context.Context { return w.ctx }

// Put has the events of a place accepted, which is done when all of them are. It waits while the window is full. An error
// means that the window is over: Wait says why. With no events it is a place that is done when all before it are. An event's
// bytes are the window's until then.
func (w *Window[P]) Put(at P, events ...Event) error {
	if w.ctx.Err() != nil {
		return w.ctx.Err()
	}
	p := &place[P]{at: at, done: len(events) == 0}
	w.mu.Lock()
	w.open = append(w.open, p)
	w.mu.Unlock()
	if p.done {
		w.advance()
		return w.ctx.Err()
	}
	left := len(events) // under mu
	for _, ev := range events {
		select {
		case w.room <- struct{}{}:
		case <-w.ctx.Done():
			return w.ctx.Err()
		}
		w.wg.Go(func() {
			defer func() { <-w.room }()
			if err := w.take(ev); err != nil {
				w.cancel(err)
				return
			}
			w.mu.Lock()
			left--
			p.done = left == 0
			w.mu.Unlock()
			w.advance()
		})
	}
	return nil
}

// advance tells of the places at the front that are done.
func (w *Window[P]) advance() {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for n < len(w.open) && w.open[n].done {
		w.done(w.open[n].at)
		n++
	}
	clear(w.open[:n])
	if w.open = w.open[n:]; len(w.open) == 0 {
		w.open = nil
	}
}

// Empty says that nothing is under way. It is safe for concurrent use.
func (w *Window[P]) Empty() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.open) == 0
}

// Wait waits until nothing is under way, and gives why the window ended, if it did: the error of
// an event that can never be accepted, or the context's.
func (w *Window[P]) Wait() error {
	w.wg.Wait()
	return context.Cause(w.ctx)
}

// Close ends it and waits for what is under way, which is on disk or comes again. The error is
// that of an event that could not be accepted; nil where only the context ended.
func (w *Window[P]) Close() error {
	w.cancel(nil)
	w.wg.Wait()
	if err := context.Cause(w.ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// How long an event that the ledger cannot take now waits, each time twice as long.
const (
	firstWait = 50 * time.Millisecond
	longWait  = 5 * time.Second
)

// take has one event accepted, however long the ledger is away. An error is one that no waiting mends.
func (w *Window[P]) take(ev Event) error {
	wait := firstWait
	for {
		_, err := w.accept(w.ctx, ev.Tenant, ev.Shop, ev.Topic, ev.Raw)
		switch {
		case err == nil:
			return nil
		case w.ctx.Err() != nil:
			return context.Cause(w.ctx)
		case errors.Is(err, waxwing.ErrStopping):
			return err
		case errors.Is(err, waxwing.ErrNotFound):
			return fmt.Errorf("the configuration has no tenant %q with a shop %q: %w", ev.Tenant, ev.Shop, err)
		}
		var later *waxwing.LaterError
		pause := wait
		if errors.As(err, &later) {
			pause = max(pause, min(later.After, longWait))
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-w.ctx.Done():
			t.Stop()
			return context.Cause(w.ctx)
		}
		wait = min(2*wait, longWait)
	}
}
