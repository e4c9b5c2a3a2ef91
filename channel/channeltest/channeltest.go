// Package channeltest is the suite that every provider passes:
// what Offer promises about the commit, the verdict and the
// truth on the other side.
package channeltest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
)

// Provider is what the send stage knows of one.
type Provider interface {
	// Offer hands out over, as delivery.Provider says.
	Offer(ctx context.Context, out *waxwing.Outgoing, commit func() error) waxwing.Attempt
	// Close waits for attempts past their commit point, until ctx ends.
	Close(ctx context.Context) error
	// MaxInFlight is how many Offers at once keep it busy.
	MaxInFlight() int
}

// World is a provider and the server that it talks to.
type World struct {
	Provider Provider
	Truth    *sink.Truth
	// Message makes the n-th message; ID tells by what Truth counts it.
	Message func(n int) *waxwing.Outgoing
	ID      func(*waxwing.Outgoing) string
	// Bad is a recipient that must never reach the server.
	Bad string
	// Stop ends the server, after the provider was closed.
	Stop func()
}

// Maker starts a world whose server follows plan.
type Maker func(t *testing.T, plan sink.Plan) World

// plans per outcome; the phases cover SMTP and HTTP.
func at(dot sink.Answer) sink.Plan {
	return func(q sink.Question) sink.Answer {
		if q.Phase == waxwing.PhaseDot || q.Phase == waxwing.PhaseRequest {
			return dot
		}
		return sink.Answer{}
	}
}

// Suite runs all of it.
func Suite(t *testing.T, mk Maker) {
	run := func(name string, plan sink.Plan, f func(t *testing.T, w World)) {
		t.Run(name, func(t *testing.T) {
			w := mk(t, plan)
			defer w.Stop()
			f(t, w)
			if err := w.Provider.Close(context.Background()); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	run("accepted", nil, accepted)
	run("deferred", at(sink.Answer{Code: 429, Text: "20429 4.3.0 later"}), refused(waxwing.Deferred))
	run("rejected", at(sink.Answer{Code: 550, Text: "5.6.0 never"}), rejected)
	run("lost reply", at(sink.Answer{Lost: true}), lostReply)
	run("commit refused", nil, commitRefused)
	run("withdrawn", nil, withdrawn)
	run("bad recipient", nil, badRecipient)
	run("repeat", nil, repeat)
	run("concurrent", nil, concurrent)
	t.Run("close drains", func(t *testing.T) { drains(t, mk) })
}

func offer(t *testing.T, w World, n int, commit func() error) waxwing.Attempt {
	t.Helper()
	a := w.Provider.Offer(t.Context(), w.Message(n), commit)
	if a.Provider == "" || a.Phase == "" || a.Began.IsZero() || a.Ended.Before(a.Began) {
		t.Errorf("an attempt without provider, phase or times: %+v", a)
	}
	if (a.Err == nil) != (a.Verdict == waxwing.Accepted) {
		t.Errorf("verdict %s with error %v", a.Verdict, a.Err)
	}
	return a
}

func want(t *testing.T, a waxwing.Attempt, v waxwing.Verdict) {
	t.Helper()
	if a.Verdict != v {
		t.Errorf("verdict %s at %s (%d, %v), want %s", a.Verdict, a.Phase, a.Code, a.Err, v)
	}
}

func truth(t *testing.T, w World, n, count int) {
	t.Helper()
	if got := w.Truth.Count(w.ID(w.Message(n))); got != count {
		t.Errorf("the server has message %d %d times, want %d", n, got, count)
	}
}

func accepted(t *testing.T, w World) {
	commits := 0
	a := offer(t, w, 1, func() error {
		truth(t, w, 1, 0) // the commit comes first
		commits++
		return nil
	})
	want(t, a, waxwing.Accepted)
	truth(t, w, 1, 1)
	if commits != 1 || a.Fault != waxwing.NoFault || a.Bad {
		t.Errorf("%d commits, fault %q, bad %v", commits, a.Fault, a.Bad)
	}
}

func refused(v waxwing.Verdict) func(*testing.T, World) {
	return func(t *testing.T, w World) {
		want(t, offer(t, w, 1, func() error { return nil }), v)
		truth(t, w, 1, 0)
	}
}

// rejected accepts uncertain, too: HTTP's 5xx are not definite.
func rejected(t *testing.T, w World) {
	if a := offer(t, w, 1, func() error { return nil }); a.Verdict != waxwing.Rejected && a.Verdict != waxwing.UncertainVerdict {
		t.Errorf("verdict %s", a.Verdict)
	}
	truth(t, w, 1, 0)
}

func lostReply(t *testing.T, w World) {
	want(t, offer(t, w, 1, func() error { return nil }), waxwing.UncertainVerdict)
	truth(t, w, 1, 1)
}

func commitRefused(t *testing.T, w World) {
	no := errors.New("suppressed meanwhile")
	a := offer(t, w, 1, func() error { return no })
	want(t, a, waxwing.Deferred)
	if a.Fault != waxwing.LedgerFault || !errors.Is(a.Err, no) {
		t.Errorf("fault %q, error %v", a.Fault, a.Err)
	}
	truth(t, w, 1, 0)
	want(t, offer(t, w, 2, func() error { return nil }), waxwing.Accepted)
	if n := w.Truth.Total(); n != 1 {
		t.Errorf("the server has %d messages, want 1", n)
	}
}

func withdrawn(t *testing.T, w World) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := w.Provider.Offer(ctx, w.Message(1), func() error { t.Error("committed"); return nil })
	want(t, a, waxwing.Deferred)
	truth(t, w, 1, 0)
}

func badRecipient(t *testing.T, w World) {
	m := w.Message(1)
	m.To = w.Bad
	a := w.Provider.Offer(t.Context(), m, func() error { t.Error("committed"); return nil })
	want(t, a, waxwing.Rejected)
	if a.Fault != waxwing.AddressFault || w.Truth.Total() != 0 {
		t.Errorf("fault %q, %d messages", a.Fault, w.Truth.Total())
	}
}

func repeat(t *testing.T, w World) {
	for range 3 {
		want(t, offer(t, w, 1, func() error { return nil }), waxwing.Accepted)
	}
	truth(t, w, 1, 3) // one id for all: that is how duplicates are seen
}

func concurrent(t *testing.T, w World) {
	const workers, each = 24, 10
	var commits atomic.Int64
	var wg sync.WaitGroup
	for k := range workers {
		wg.Go(func() {
			for i := range each {
				a := w.Provider.Offer(t.Context(), w.Message(k*each+i), func() error { commits.Add(1); return nil })
				if a.Verdict != waxwing.Accepted {
					t.Errorf("%s at %s: %v", a.Verdict, a.Phase, a.Err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(w.Truth.Counts()); n != workers*each || w.Truth.Total() != n || commits.Load() != int64(n) {
		t.Errorf("%d messages, %d in all, %d commits; want %d", n, w.Truth.Total(), commits.Load(), workers*each)
	}
}

// drains closes the provider while offers run: each ends, and no verdict that
// comes of it is uncertain.
func drains(t *testing.T, mk Maker) {
	w := mk(t, nil)
	defer w.Stop()
	const workers = 8
	started := make(chan struct{}, workers)
	results := make(chan error, workers)
	for k := range workers {
		go func() {
			for i := 0; ; i++ {
				n := k*100000 + i
				committed := false
				a := w.Provider.Offer(context.Background(), w.Message(n), func() error { committed = true; return nil })
				if i == 2 {
					started <- struct{}{}
				}
				got := w.Truth.Count(w.ID(w.Message(n)))
				switch {
				case a.Verdict == waxwing.Accepted && committed && got == 1:
				case a.Verdict == waxwing.Deferred && got == 0:
					if !errors.Is(a.Err, waxwing.ErrStopping) {
						results <- fmt.Errorf("ended with %w", a.Err)
						return
					}
					results <- nil
					return
				default:
					results <- fmt.Errorf("%s with %d at the server: %w", a.Verdict, got, a.Err)
					return
				}
			}
		}()
	}
	for range workers {
		<-started
	}
	if err := w.Provider.Close(context.Background()); err != nil {
		t.Errorf("Close: %v", err)
	}
	for range workers {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if err := w.Provider.Close(context.Background()); err != nil {
		t.Errorf("second Close: %v", err)
	}
}
