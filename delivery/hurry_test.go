package delivery

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
)

// counter has as many lines as it has connections, and serves each in its time.
type counter struct {
	lines chan struct{}
	takes time.Duration
}

func (c *counter) MaxAtDot() int { return cap(c.lines) }

func (c *counter) Offer(_ context.Context, _ *waxwing.Outgoing, commit func() error) waxwing.Attempt {
	c.lines <- struct{}{}
	defer func() { <-c.lines }()
	_ = commit()
	time.Sleep(c.takes)
	return taken()
}

// hasty counts commits in a hurry.
type hasty struct {
	outbox
	hurried atomic.Int32
}

func (h *hasty) CommitDot(_ context.Context, c *waxwing.Claim, _ string) error {
	if c.Hurry {
		h.hurried.Add(1)
	}
	return nil
}

func (h *hasty) Resolve(context.Context, *waxwing.Claim, *waxwing.Resolution) error { return nil }

// TestHurry: commits wait for no company where messages wait for the connections of a slow
// provider, and only there.
func TestHurry(t *testing.T) {
	for _, c := range []struct {
		what        string
		connections int
		takes       time.Duration
		atOnce      int
		hurry       bool
	}{
		{"a slow one that is behind", 2, 50 * time.Millisecond, 6, true},
		{"a slow one that is not", 6, 50 * time.Millisecond, 6, false},
		{"a fast one that is behind", 2, time.Millisecond, 6, false},
		{"many slow connections", 32, 50 * time.Millisecond, 64, false}, // 640 a second
	} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := &hasty{}
				b := newBench(t, func(p *Config) { p.Outbox = out }, &counter{make(chan struct{}, c.connections), c.takes})
				var all sync.WaitGroup
				const rounds = 20
				for range c.atOnce {
					all.Go(func() {
						for range rounds {
							b.Send(message())
						}
					})
				}
				all.Wait()
				n, most := int(out.hurried.Load()), rounds*c.atOnce
				if c.hurry && n < most*8/10 || !c.hurry && n > most/10 {
					t.Errorf("%d of %d commits were in a hurry", n, most)
				}
			})
		})
	}
}

// TestOvertaxed: at its bounds.
func TestOvertaxed(t *testing.T) {
	for _, c := range []struct {
		most, inFlight int
		served, busy   float64
		want           bool
	}{
		{2, 3, fewAnswers - 1, 1, true},
		{2, 3, fewAnswers, 1, false}, // so many a second are no few
		{2, 2, 1, 1, false},          // none waits for a connection
		{0, 3, 1, 1, false},          // nobody knows how many it has
	} {
		p := &provider{most: c.most, inFlight: c.inFlight, rate: rate{served: c.served, busy: c.busy}}
		if p.overtaxed() != c.want {
			t.Errorf("%+v is overtaxed: %t", c, !c.want)
		}
	}
}
