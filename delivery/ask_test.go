package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
)

// knowing is a provider that says this of each message.
type knowing struct {
	answers
	found *waxwing.Evidence
	err   error
	hangs bool
	mu    sync.Mutex
	most  int // asked at once
	now   int
}

func (p *knowing) Became(ctx context.Context, _ *waxwing.Question) (*waxwing.Evidence, error) {
	p.mu.Lock()
	p.now++
	p.most = max(p.most, p.now)
	p.mu.Unlock()
	defer func() { p.mu.Lock(); p.now--; p.mu.Unlock() }()
	if p.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return p.found, p.err
}

// doubts is a ledger with so many messages in doubt.
type doubts struct {
	mu   sync.Mutex
	left []*waxwing.Doubt
	said []waxwing.Reply
	held bool
	err  error
}

func (d *doubts) Doubts(_ context.Context, limit int) ([]*waxwing.Doubt, error) {
	n := min(limit, len(d.left))
	some := d.left[:n]
	d.left = d.left[n:]
	return some, nil
}

func (d *doubts) Answered(_ context.Context, _ *waxwing.Doubt, r *waxwing.Reply) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.said = append(d.said, *r)
	return d.held, d.err
}

// asking is an Asker with its surroundings, for a message that was lost so long ago.
func asking(t *testing.T, p Provider, d *doubts, ago time.Duration, n int) (*Asker, *meter) {
	b := newBench(t, nil, p)
	for range n {
		d.left = append(d.left, &waxwing.Doubt{Question: waxwing.Question{Message: 65, Ended: time.Now().Add(-ago)}, Channel: waxwing.Email, Provider: "a", Lost: 1})
	}
	return &Asker{Ledger: d, Rule: waxwing.DoubtRule{Ask: true}, SenderOf: func(*waxwing.Doubt) *Sender { return b.Sender }, Meter: b.meter, Stop: b.Stop,
		Clock: time.Now, Log: slog.New(slog.DiscardHandler)}, b.meter
}

func TestAsker(t *testing.T) {
	for name, c := range map[string]struct {
		p       Provider
		ago     time.Duration
		said    string
		again   time.Duration // 0: the policy decides
		counted string
		change  func(*doubts)
	}{
		"taken":                   {p: &knowing{found: &waxwing.Evidence{Ref: "e"}}, ago: time.Minute, said: waxwing.SaidTaken, counted: "asked a taken"},
		"it knows of none":        {p: &knowing{}, ago: time.Minute, said: waxwing.SaidAbsent, counted: "asked a absent"},
		"it knows of none yet":    {p: &knowing{err: waxwing.ErrEarly}, ago: time.Minute, said: waxwing.SaidAbsent, again: time.Minute, counted: "asked a absent"},
		"it is down":              {p: &knowing{err: errors.New("500")}, ago: 4 * time.Minute, said: waxwing.SaidUnknown, again: 4 * time.Minute, counted: "asked a unknown"},
		"it was down for long":    {p: &knowing{err: errors.New("500")}, ago: 8 * time.Minute, said: waxwing.SaidUnknown},
		"it does not answer":      {p: &knowing{hangs: true}, ago: time.Minute, said: waxwing.SaidUnknown, again: time.Minute + waxwing.AskFor},
		"it cannot be asked":      {p: &answers{}, ago: time.Minute},
		"nor can this one":        {p: &knowing{err: waxwing.ErrNotAsked}, ago: time.Minute},
		"our key may not":         {p: &knowing{err: fmt.Errorf("mailgun: %w", waxwing.ErrMayNotAsk)}, ago: time.Minute, said: waxwing.SaidUnknown, counted: "asked a unknown"},
		"nothing to ask by":       {p: &knowing{}, ago: time.Minute, change: func(d *doubts) { d.left[0].Blind = true }},
		"it is not there anymore": {p: &knowing{}, ago: time.Minute, change: func(d *doubts) { d.left[0].Provider = "gone" }},
		"held":                    {p: &knowing{}, ago: time.Minute, said: waxwing.SaidAbsent, counted: "held", change: func(d *doubts) { d.held = true }},
		"somebody was faster":     {p: &knowing{}, ago: time.Minute, said: waxwing.SaidAbsent, change: func(d *doubts) { d.err = waxwing.ErrState }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &doubts{}
				a, m := asking(t, c.p, d, c.ago, 1)
				if c.change != nil {
					c.change(d)
				}
				more, err := a.Sweep()
				if err != nil || more || len(d.said) != 1 {
					t.Fatalf("%v %v %+v", more, err, d.said)
				}
				r := d.said[0]
				var again time.Duration
				if !r.Again.IsZero() {
					again = time.Until(r.Again)
				}
				if r.Said != c.said || again != c.again || c.counted != "" && m.n[c.counted] != 1 {
					t.Errorf("said %q, again in %s; %v", r.Said, again, m.n)
				}
			})
		})
	}
}

// A few are asked about at once, however long it takes, and whoever is cut off says nothing.
func TestAskerBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, d := &knowing{hangs: true}, &doubts{}
		a, _ := asking(t, p, d, time.Minute, 20)
		began, sweeps := time.Now(), 1
		for more, _ := a.Sweep(); more; more, _ = a.Sweep() {
			sweeps++
		}
		if p.most != atOnce || sweeps != 3 || time.Since(began) != 3*waxwing.AskFor || len(d.said) != 20 {
			t.Errorf("%d at once, %d sweeps in %s, %d answers", p.most, sweeps, time.Since(began), len(d.said))
		}
		a, _ = asking(t, p, d, time.Minute, 3)
		d.said = nil
		time.AfterFunc(time.Second, a.Stop.Withdraw)
		if _, err := a.Sweep(); err != nil || len(d.said) != 0 {
			t.Errorf("%v, %+v", err, d.said)
		}
	})
}
