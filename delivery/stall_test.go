package delivery

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
)

// TestSilence: when is a provider silent, which usually answers within 10 ms?
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sleep := func(d time.Duration) { time.Sleep(d) } // the bubble's time
		for name, c := range map[string]struct {
			usual time.Duration
			story func(d *dots)
			want  bool
		}{
			"nothing under way":              {10 * time.Millisecond, func(*dots) { sleep(time.Hour) }, false},
			"one within the least":           {10 * time.Millisecond, func(d *dots) { d.commit(time.Now()); sleep(leastStall) }, false},
			"one beyond it":                  {10 * time.Millisecond, func(d *dots) { d.commit(time.Now()); sleep(leastStall + 1) }, true},
			"a slow one within its own time": {100 * time.Millisecond, func(d *dots) { d.commit(time.Now()); sleep(800 * time.Millisecond) }, false},
			"a slow one beyond it":           {100 * time.Millisecond, func(d *dots) { d.commit(time.Now()); sleep(801 * time.Millisecond) }, true},
			"answered late": {10 * time.Millisecond, func(d *dots) {
				x := d.commit(time.Now())
				sleep(time.Second)
				d.end(x, true, time.Now())
			}, false},
			"one connection is stuck, another one answers": {10 * time.Millisecond, func(d *dots) {
				d.commit(time.Now())
				sleep(time.Millisecond)
				x := d.commit(time.Now())
				sleep(10 * time.Millisecond)
				d.end(x, true, time.Now())
				sleep(time.Minute)
			}, false},
			"the older one is answered": {10 * time.Millisecond, func(d *dots) {
				x := d.commit(time.Now())
				sleep(time.Millisecond)
				d.commit(time.Now())
				sleep(10 * time.Millisecond)
				d.end(x, true, time.Now())
				sleep(time.Minute)
			}, true},
			"the younger one ends without an answer": {10 * time.Millisecond, func(d *dots) {
				d.commit(time.Now())
				sleep(time.Millisecond)
				x := d.commit(time.Now())
				sleep(10 * time.Millisecond)
				d.end(x, false, time.Now())
				sleep(time.Minute)
			}, true},
		} {
			d := &dots{usual: c.usual}
			c.story(d)
			if got := d.silent(time.Now()); got != c.want {
				t.Errorf("%s: silent %v", name, got)
			}
		}
	})
}

// TestStalled: a provider that is silent stands back for one that works, and is back when it answers.
func TestStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a, b, _ := three()
		a.window, a.worked = noWindow, true
		f.want(t, 0, a)
		x := begin(t.Context(), f, a)
		x.commit()
		time.Sleep(time.Minute)
		if p, _ := (watch{f}).stalled(); p != nil {
			t.Fatal("nobody is known to be better")
		}
		b.window, b.worked = noWindow, true
		for range 6 {
			f.assign(a)
		}
		p, d := (watch{f}).stalled()
		if p != a || d != firstSlow || a.healthy() || !a.usable() {
			t.Fatalf("stalled: %+v for %s", p, d)
		}
		f.want(t, 0, b)
		if p, _ := (watch{f}).stalled(); p != nil {
			t.Error("it stands back twice")
		}
		// Its answers come after all, and soon behind one another.
		answer := *wentWell
		x.over(&answer)
		for i := range successesToClose {
			if a.healthy() {
				t.Fatalf("back after %d answers", i)
			}
			f.record(a, wentWell, 200*time.Millisecond, time.Now())
		}
		f.want(t, 0, a)
	})
}

// TestPutOffByOneAlone: what one provider puts off and another one takes speaks against the first, and what both put off
// against neither.
func TestPutOffByOneAlone(t *testing.T) {
	full451 := later451()
	full451.Enhanced = "4.2.2"
	for name, c := range map[string]struct {
		a, b   waxwing.Attempt
		n      int
		said   string // of the last message
		health bool   // of the first, after it
	}{
		"the first alone":                {later451(), taken(), 1, "queued, commit b, sent", true},
		"the first alone, three times":   {later451(), taken(), 3, "queued, commit b, sent", false},
		"it rests then":                  {later451(), taken(), 4, "commit b, sent", false},
		"both":                           {later451(), later451(), 9, "queued, queued", true},
		"a full mailbox":                 {full451, taken(), 1, "queued", true},
		"everybody's mailbox is full":    {full451, taken(), 3, "queued, commit b, sent", true},
		"and it rests after some such":   {full451, taken(), 6, "commit b, sent", false},
		"refused by the second for good": {later451(), refused(waxwing.RecipientFault), 9, "queued, failed", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newBench(t, nil, &answers{all: []waxwing.Attempt{c.a}}, &answers{all: []waxwing.Attempt{c.b}})
				for range c.n {
					s.out.said, s.out.claims = nil, 0
					s.Send(message())
				}
				if said := strings.Join(s.out.said, ", "); said != c.said {
					t.Errorf("the ledger was told %q, want %q", said, c.said)
				}
				if h := s.failover.all[0].healthy(); h != c.health {
					t.Errorf("the first is healthy: %v", h)
				}
			})
		})
	}
}

// TestPutOffCountsOnce: a round through all providers is one try of the recipient's schedule.
func TestPutOffCountsOnce(t *testing.T) {
	s := newBench(t, nil, &answers{all: []waxwing.Attempt{later451()}}, &answers{all: []waxwing.Attempt{later451()}})
	counts := 0
	for t2 := (&tries{}); ; {
		r, again := s.attempt(message(), t2)
		if r.Counts {
			counts++
		}
		if !again {
			if wait := time.Until(r.NextAt); wait < 40*time.Second || wait > 80*time.Second {
				t.Errorf("the next try comes in %s", wait)
			}
			break
		}
	}
	if counts != 1 {
		t.Errorf("%d tries are counted", counts)
	}
}

// TestOnTrialPutOff: a provider on trial that puts a message off stays away.
func TestOnTrialPutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a, b, _ := three()
		b.worked, b.window = true, noWindow
		f.want(t, 0, a)
		f.record(a, wentBad, 0, time.Now())
		time.Sleep(firstAway)
		f.want(t, 0, a)
		x := later451()
		if opened, closed := f.record(a, &x, 0, time.Now()); opened != 2*firstAway || closed {
			t.Errorf("open for %s, closed %v", opened, closed)
		}
		f.want(t, 0, b)
	})
}

// waiting is a provider where nobody gets as far as a commit point.
type waiting struct{ in, out chan struct{} }

func (w *waiting) Offer(ctx context.Context, _ *waxwing.Outgoing, _ func() error) waxwing.Attempt {
	w.in <- struct{}{}
	select {
	case <-ctx.Done():
		return waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.TransportFault, Phase: waxwing.PhaseConnect, Err: context.Cause(ctx)}
	case <-w.out: // one of them finds out
		return down()
	}
}

// TestLeave: those that wait for a provider leave it when one of them has found it unwell.
func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sick := &waiting{in: make(chan struct{}, 9), out: make(chan struct{})}
		s := newBench(t, nil, sick, &answers{all: []waxwing.Attempt{taken()}})
		for _, p := range s.failover.all {
			p.worked, p.window = true, noWindow
		}
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { s.attempt(message(), &tries{}) })
			<-sick.in
		}
		sick.out <- struct{}{}
		all.Wait()
		p := s.failover.all[0]
		if p.healthy() || p.faults != 1 || p.inFlight != 0 || len(p.early) != 0 {
			t.Errorf("%d faults, healthy %v, %d under way, %d early: one fault is what was seen", p.faults, p.healthy(), p.inFlight, len(p.early))
		}
	})
}
