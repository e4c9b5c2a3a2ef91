package sourcetest

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// publisher hands over a trial's orders, as far as it is allowed to.
type publisher struct {
	Trial
	pass    chan struct{}
	allowed int // by the trial's goroutine
	sent    atomic.Int64
	ended   atomic.Bool

	twice, poisoned int // once it has ended
}

// allow lets it publish the first n orders.
func (p *publisher) allow(n int) {
	for ; p.allowed < min(n, p.Orders); p.allowed++ {
		p.pass <- struct{}{}
	}
}

func (p *publisher) over() bool { return p.ended.Load() }

// run publishes. Each tenth order comes twice, and beside each fiftieth there is a poisoned message.
func (p *publisher) run(ctx context.Context) {
	defer p.ended.Store(true)
	for i := range p.Orders {
		select {
		case <-p.pass:
		case <-ctx.Done():
			return
		}
		body := p.Body(fmt.Sprintf("order-%d", i))
		p.put(ctx, body)
		if i%10 == 3 {
			p.twice++
			p.put(ctx, body)
		}
		if i%50 == 7 {
			p.put(ctx, p.poison(p.poisoned))
			p.poisoned++
		}
		p.sent.Add(1)
	}
}

func (p *publisher) poison(n int) string {
	if s := p.Poisons[n%len(p.Poisons)]; strings.Contains(s, "%d") {
		return fmt.Sprintf(s, n)
	}
	return ""
}

// put hands one over, however long that takes.
func (p *publisher) put(ctx context.Context, body string) {
	for ctx.Err() == nil {
		if p.Publish(ctx, body) == nil {
			return
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// verify holds what is in the ledger against what was published.
func (p *publisher) verify(t *testing.T, l *tally) {
	t.Helper()
	for i := range p.Orders {
		if id := fmt.Sprintf("order-%d", i); !l.orders[id] {
			t.Errorf("%s is lost", id)
		}
	}
	if len(l.orders) != p.Orders {
		t.Errorf("%d orders, of which only %d were placed", len(l.orders), p.Orders)
	}
	for n := range p.poisoned {
		want, found := p.poison(n), false
		for _, raw := range l.poison {
			found = found || want != "" && raw == want || want == "" && strings.Contains(raw, "it is empty")
		}
		if !found {
			t.Errorf("what is poisoned is lost: %q", want)
		}
	}
}
