package daemon

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
)

// shopfront is a provider that counts.
type shopfront struct {
	closed *atomic.Int64
	hold   chan struct{}
}

func (s *shopfront) Offer(context.Context, *waxwing.Outgoing, func() error) waxwing.Attempt {
	if s.hold != nil {
		<-s.hold
	}
	return waxwing.Attempt{Verdict: waxwing.Accepted}
}
func (s *shopfront) Close(context.Context) error { s.closed.Add(1); return nil }

type probedFront struct{ shopfront }

func (*probedFront) Probe(context.Context) waxwing.Attempt {
	return waxwing.Attempt{Verdict: waxwing.Accepted}
}

// TestOnDemand: a provider is open while it is used, and for a while after.
func TestOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened, closed atomic.Int64
		hold := make(chan struct{})
		var refuse error
		p, err := newOnDemand(func() (Provider, error) {
			opened.Add(1)
			return &shopfront{closed: &closed, hold: hold}, refuse
		})
		want := func(what string, o, c int64) {
			t.Helper()
			synctest.Wait()
			if opened.Load() != o || closed.Load() != c {
				t.Errorf("%s: opened %d times, want %d; closed %d times, want %d", what, opened.Load(), o, closed.Load(), c)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		want("looked at", 1, 1)
		if _, ok := p.(prober); ok {
			t.Error("it cannot be probed")
		}
		offer := func() waxwing.Verdict { return p.Offer(t.Context(), nil, nil).Verdict }
		go offer()
		want("used", 2, 1)
		time.Sleep(2 * idleFor)
		want("used for long", 2, 1)
		close(hold)
		want("idle", 2, 1)
		time.Sleep(idleFor / 2)
		if offer() != waxwing.Accepted {
			t.Error("it takes nothing")
		}
		time.Sleep(idleFor * 3 / 4)
		want("used again in time", 2, 1)
		time.Sleep(idleFor)
		want("idle for long", 2, 2)
		refuse = errors.New("no certificate")
		if a := p.Offer(t.Context(), nil, nil); a.Verdict != waxwing.Deferred || a.Fault != waxwing.ProviderFault || !errors.Is(a.Err, refuse) {
			t.Errorf("%+v", a)
		}
		refuse = nil
		offer()
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
		want("closed", 4, 3)
		if a := p.Offer(t.Context(), nil, nil); a.Verdict != waxwing.Deferred || !errors.Is(a.Err, waxwing.ErrStopping) {
			t.Errorf("%+v", a)
		}
		time.Sleep(2 * idleFor)
		want("after its end", 4, 3)
	})
	var closed atomic.Int64
	p, err := newOnDemand(func() (Provider, error) { return &probedFront{shopfront{closed: &closed}}, nil })
	if err != nil {
		t.Fatal(err)
	}
	if a := p.(prober).Probe(t.Context()); a.Verdict != waxwing.Accepted {
		t.Errorf("%+v", a)
	}
	if err := p.Close(t.Context()); err != nil || closed.Load() != 2 {
		t.Errorf("%v, closed %d times", err, closed.Load())
	}
	if _, err := newOnDemand(func() (Provider, error) { return nil, errors.New("no") }); err == nil {
		t.Error("what cannot be opened is taken")
	}
}
