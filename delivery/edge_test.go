package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
)

// asks is a provider that answers by a function.
type asks func(ctx context.Context, out *waxwing.Outgoing) waxwing.Attempt

func (f asks) Offer(ctx context.Context, out *waxwing.Outgoing, _ func() error) waxwing.Attempt {
	return f(ctx, out)
}

// logged has a sender's log written to what it returns.
func logged(c *Config) *strings.Builder {
	var b strings.Builder
	c.Log = slog.New(slog.NewTextHandler(&b, nil))
	return &b
}

// TestResolveAsksAgainSlowerAndSlower: a ledger that cannot write for a while is asked after
// 10 ms and then each time after twice as long, up to five seconds.
func TestResolveAsksAgainSlowerAndSlower(t *testing.T) {
	for fails, want := range map[int]time.Duration{0: 0, 1: 10 * time.Millisecond, 3: 70 * time.Millisecond, 9: 5110 * time.Millisecond, 12: 20110 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, nil)
			for range fails {
				b.out.resolve = append(b.out.resolve, waxwing.ErrUnavailable)
			}
			began := time.Now()
			if err := b.Sender.resolve(message(), &waxwing.Resolution{To: waxwing.Sent}); err != nil {
				t.Errorf("%d times unavailable: %v", fails, err)
			}
			if took := time.Since(began); took != want || len(b.out.said) != fails+1 {
				t.Errorf("%d times unavailable: %d calls in %s, want %s", fails, len(b.out.said), took, want)
			}
			b.Stop.Cut()
		})
	}
}

// TestWhatAProviderIsTold: how long it may look for a connection, which grows with each time
// that it found none, and whether it is worth its while where others are.
func TestWhatAProviderIsTold(t *testing.T) {
	for _, providers := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			var patience []time.Duration
			stays := 0
			first := asks(func(_ context.Context, out *waxwing.Outgoing) waxwing.Attempt {
				patience = append(patience, out.Patience)
				if out.Stay != nil {
					stays++
				}
				if len(patience) < 3 {
					return full()
				}
				return waxwing.Attempt{Verdict: waxwing.Accepted}
			})
			all := []Provider{first, first}[:providers]
			b := newBench(t, nil, all...)
			b.Send(message())
			want, wantStays := []time.Duration{0, 0, 0}, 0
			if providers == 2 {
				want, wantStays = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}, 3
			}
			if fmt.Sprint(patience) != fmt.Sprint(want) || stays != wantStays {
				t.Errorf("%d providers: patience %v, want %v; %d of 3 may give up their wait, want %d", providers, patience, want, stays, wantStays)
			}
			b.Stop.Cut()
		})
	}
}

// TestAnErrorIsShownWhereNobodyAnswered, and an answer is not written over.
func TestAnErrorIsShownWhereNobodyAnswered(t *testing.T) {
	for _, x := range []struct {
		reply waxwing.PII
		err   error
		want  waxwing.PII
	}{{"", errors.New("connection refused"), "connection refused"}, {"550 no", errors.New("refused"), "550 no"}, {"550 no", nil, "550 no"}, {"", nil, ""}} {
		b := newBench(t, nil, asks(func(context.Context, *waxwing.Outgoing) waxwing.Attempt {
			a := refused(waxwing.RecipientFault)
			a.Reply, a.Err = x.reply, x.err
			return a
		}))
		if b.Send(message()); b.out.last.Attempt.Reply != x.want {
			t.Errorf("reply %q, error %v: support is shown %q", x.reply.Reveal(), x.err, b.out.last.Attempt.Reply.Reveal())
		}
		b.Stop.Cut()
	}
}

// TestPutOff tells a message that could not be given back, but where somebody else has it.
func TestPutOff(t *testing.T) {
	for _, x := range []struct {
		err  error
		told bool
	}{{nil, false}, {waxwing.ErrState, false}, {waxwing.ErrStopping, true}} {
		var log *strings.Builder
		b := newBench(t, func(c *Config) { log = logged(c) }, &answers{all: []waxwing.Attempt{taken()}})
		b.out.resolve = []error{x.err}
		b.putOff(message())
		if told := strings.Contains(log.String(), "was not put off"); told != x.told || b.out.last.To != waxwing.Queued {
			t.Errorf("%v: told %t, want %t", x.err, told, x.told)
		}
		b.Stop.Cut()
	}
}

// TestAShortageIsToldOnceAMinute, at the minute's end again.
func TestAShortageIsToldOnceAMinute(t *testing.T) {
	now := time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)
	var log *strings.Builder
	b := newBench(t, func(c *Config) { log = logged(c); c.Clock = func() time.Time { return now } })
	defer b.Stop.Cut()
	for _, x := range []struct {
		after time.Duration
		told  int
	}{{0, 1}, {0, 1}, {time.Minute - 1, 1}, {1, 2}, {59 * time.Second, 2}, {time.Second, 3}} {
		now = now.Add(x.after)
		b.short(errors.New("too many open files"))
		if got := strings.Count(log.String(), "out of descriptors"); got != x.told {
			t.Errorf("told %d times, want %d", got, x.told)
		}
	}
	if b.meter.n["short"] != 6 {
		t.Errorf("counted %d times, want each", b.meter.n["short"])
	}
}

// TestDoubtGrows: each answer that was lost before lets the next copy wait longer, and the
// alarm says how many were lost.
func TestDoubtGrows(t *testing.T) {
	for doubts, want := range map[int]time.Duration{0: time.Minute, 1: 5 * time.Minute, 2: 15 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, nil, &answers{all: []waxwing.Attempt{lost()}})
			m := message()
			m.Doubts = doubts
			if b.Send(m); b.out.last.NextAt.Sub(time.Now()) != want {
				t.Errorf("after %d lost answers and one more: %s, want %s", doubts, b.out.last.NextAt.Sub(time.Now()), want)
			}
			b.Stop.Cut()
		})
	}
	var log *strings.Builder
	b := newBench(t, func(c *Config) { log = logged(c) }, &answers{all: []waxwing.Attempt{lost()}})
	defer b.Stop.Cut()
	m := message()
	m.Doubts = 3
	if b.Send(m); !strings.Contains(log.String(), "lost=4") {
		t.Errorf("the alarm says %s, want lost=4", log)
	}
}

// TestARoundIsOneFault: the waits after faults go by rounds through all providers, and each
// is put off by no more than a fifth of a second besides.
func TestARoundIsOneFault(t *testing.T) {
	for faults, want := range map[int]time.Duration{2: time.Second, 3: time.Second, 4: 2 * time.Second, 6: 5 * time.Second, 9: 15 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, nil, &answers{all: []waxwing.Attempt{flaky()}}, &answers{all: []waxwing.Attempt{flaky()}})
			p := b.failover.all[0]
			m, r := message(), &waxwing.Resolution{}
			m.Faults = faults
			again := b.elsewhere(m, r, &tries{tried: p.bit | b.failover.all[1].bit}, time.Now())
			if wait := r.NextAt.Sub(time.Now()); again || wait < want || wait > want+200*time.Millisecond {
				t.Errorf("after %d faults of two providers: %s, at once %t; want %s", faults, wait, again, want)
			}
			b.Stop.Cut()
		})
	}
}

// TestTheScheduleIsSpread by a fifth to both sides, so that what was put off together does
// not come back together.
func TestTheScheduleIsSpread(t *testing.T) {
	s := &Sender{Config: Config{Retry: []time.Duration{time.Hour}}}
	least, most := time.Duration(math.MaxInt64), time.Duration(0)
	for range 1000 {
		d := s.retryAfter(0)
		least, most = min(least, d), max(most, d)
	}
	if least < 48*time.Minute || least > 52*time.Minute || most < 68*time.Minute || most > 72*time.Minute {
		t.Errorf("an hour is %s to %s, want about 48 to 72 minutes", least, most)
	}
}

// TestANewRound: whoever has refused is not asked again, and a message that waited in vain
// looks at others next, if any has worked.
func TestANewRound(t *testing.T) {
	b := newBench(t, nil, &answers{all: []waxwing.Attempt{taken()}}, &answers{all: []waxwing.Attempt{taken()}})
	defer b.Stop.Cut()
	first, second := b.failover.all[0], b.failover.all[1]
	now := time.Now()
	r := &waxwing.Resolution{Attempt: refused(waxwing.PolicyFault)}
	x := &tries{tried: first.bit | second.bit}
	if !b.policy(message(), r, first, x, now) || x.waits != 1 || x.tried != first.bit || x.refused != first.bit {
		t.Errorf("refused by one of two that were both tried: %+v", x)
	}
	x = &tries{tried: first.bit}
	if !b.policy(message(), r, first, x, now) || x.waits != 0 || x.tried != first.bit {
		t.Errorf("refused by one, and the other was not tried: %+v", x)
	}
	first.worked, second.worked = true, true
	for _, c := range []struct {
		busy *provider
		want set
	}{{first, first.bit}, {nil, 0}} {
		x := &tries{tried: first.bit | second.bit, busy: c.busy}
		if b.busy(r, x, first, now); x.tried != c.want {
			t.Errorf("busy %v: tried %b, want %b", c.busy != nil, x.tried, c.want)
		}
	}
}

// TestExactlyThen: limits of time and number count from the moment on that they name.
func TestExactlyThen(t *testing.T) {
	now := time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)
	p := &provider{name: "a", bit: 1}
	for _, x := range []struct {
		took  time.Duration
		times int
		slow  bool
	}{{late, 3, true}, {late, 2, false}, {late - 1, 9, false}, {tooLate, 1, true}, {tooLate - 1, 1, false}} {
		*p = provider{name: "a", bit: 1}
		slow := false
		for range x.times {
			slow, _ = p.succeeded(x.took, true, now)
		}
		if slow != x.slow {
			t.Errorf("%d answers after %s: slow %t", x.times, x.took, slow)
		}
	}
	// One of three that fails, between successes, comes to the score exactly.
	*p = provider{name: "a", bit: 1}
	opens := false
	for range 3 {
		if opens {
			t.Error("it opens too early")
		}
		opens = p.failed(false, false, true, now)
		if !opens {
			p.succeeded(0, true, now)
		}
	}
	if !opens || p.score != scoreToOpen {
		t.Errorf("with a score of %d it opens: %t", p.score, opens)
	}
	*p = provider{name: "a", bit: 1, worked: true, openUntil: now.Add(time.Second)}
	f := &failover{clock: func() time.Time { return now }, all: []*provider{p}}
	for since, want := range map[time.Duration]bool{hopeFor - 1: true, hopeFor: false} {
		p.failedSince = now.Add(-since)
		if _, ok := f.mayTake(0, now); ok != want {
			t.Errorf("it has failed for %s: hoped for %t", since, ok)
		}
	}
	for downFor, want := range map[time.Duration]bool{5*time.Minute - 1: false, 5 * time.Minute: true} {
		b := newBench(t, func(c *Config) {
			c.Clock = func() time.Time { return now }
			c.Fallback = &Fallback{Unreachable: 5 * time.Minute, Make: aText}
		}, &answers{all: []waxwing.Attempt{down()}})
		x := b.failover.all[0]
		x.openUntil, x.failedSince = now.Add(time.Hour), now.Add(-downFor)
		if got := b.unreachable(message()) != nil; got != want || b.givesUp() != want {
			t.Errorf("down for %s: a text instead %t, given up %t", downFor, got, b.givesUp())
		}
		b.Stop.Cut()
	}
}

// TestRateForgets: what was served two seconds of work ago counts for a third, successes are
// counted up, and a moment in which nothing was under way changes nothing.
func TestRateForgets(t *testing.T) {
	at := time.Unix(1e9, 0)
	r := rate{served: 10, busy: 4, at: at}
	r.tick(3, at.Add(2*time.Second))
	if math.Abs(r.served-10/math.E) > 1e-9 || math.Abs(r.busy-(4/math.E+2)) > 1e-9 {
		t.Errorf("served %f in %f s, want %f in %f", r.served, r.busy, 10/math.E, 4/math.E+2)
	}
	was := r
	if r.tick(0, at.Add(9*time.Second)); r.served != was.served || r.busy != was.busy {
		t.Errorf("while nothing was under way: %+v, was %+v", r, was)
	}
	p := &provider{}
	for n := range 3 {
		if p.rate.served != float64(n) {
			t.Errorf("%f served after %d", p.rate.served, n)
		}
		p.succeeded(0, false, at)
	}
}

// TestStays: a message that waited in vain goes on waiting where nobody is sooner done.
func TestStays(t *testing.T) {
	now := time.Unix(1e9, 0)
	for name, x := range map[string]struct {
		served float64 // by the other one, in the second in which this one had 10
		change func(own, other *provider)
		want   bool
	}{
		"the other is faster":            {20, func(_, _ *provider) {}, false},
		"the other is slower":            {5, func(_, _ *provider) {}, true},
		"they are alike":                 {10, func(_, _ *provider) {}, true},
		"the other never worked":         {20, func(_, o *provider) { o.worked = false }, true},
		"the other rests":                {20, func(_, o *provider) { o.openUntil = now.Add(time.Second) }, true},
		"the other may be tried":         {5, func(_, o *provider) { o.openUntil = now.Add(-time.Second) }, false},
		"the other is being tried":       {5, func(_, o *provider) { o.openUntil, o.trying = now.Add(-time.Second), true }, true},
		"this one rests":                 {5, func(p, _ *provider) { p.openUntil = now.Add(time.Second) }, false},
		"the other has been tried, fast": {20, func(_, o *provider) { o.bit = 4 }, true},
	} {
		own := &provider{bit: 1, worked: true, inFlight: 4, rate: rate{served: 10, busy: 1, at: now}}
		other := &provider{bit: 2, worked: true, inFlight: 4, rate: rate{served: x.served, busy: 1, at: now}}
		f := &failover{clock: func() time.Time { return now }, all: []*provider{own, other}}
		x.change(own, other)
		if got := f.stays(own, 4); got != x.want || (own.inFlight == 5) != x.want {
			t.Errorf("%s: stays %t, with %d under way; want %t", name, got, own.inFlight, x.want)
		}
	}
}

// TestHealthyBut counts neither the one nor whom the message has been to.
func TestHealthyBut(t *testing.T) {
	f, a, b, c := three()
	for _, x := range []struct {
		but   *provider
		tried set
		want  bool
	}{{a, 0, true}, {a, b.bit, true}, {a, b.bit | c.bit, false}, {nil, a.bit | b.bit | c.bit, false}, {nil, a.bit | b.bit, true}} {
		if got := f.healthyBut(x.but, x.tried); got != x.want {
			t.Errorf("but %v, tried %b: %t", x.but, x.tried, got)
		}
	}
	b.openUntil, c.openUntil = time.Now().Add(time.Hour), time.Now().Add(time.Hour)
	if f.healthyBut(a, 0) || !f.healthyBut(b, 0) {
		t.Error("those that rest are healthy, or the one that does not is none")
	}
}

// hangs is a provider whose probe gets no answer.
type hangs struct{ took time.Duration }

func (*hangs) Offer(context.Context, *waxwing.Outgoing, func() error) waxwing.Attempt {
	return waxwing.Attempt{}
}

func (h *hangs) Probe(ctx context.Context) waxwing.Attempt {
	began := time.Now()
	<-ctx.Done()
	h.took = time.Since(began)
	return waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.TransportFault, Err: ctx.Err()}
}

// TestAProbeEnds after ten seconds, and each in vain lets the next one wait twice as long.
func TestAProbeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a, b, _ := three()
		h := &hangs{}
		a.Provider, f.over = h, t.Context()
		b.worked = true
		f.record(f.assign(a), wentBad, 0, time.Now())
		for want := 2 * firstAway; want < longestAway; want *= 2 {
			time.Sleep(time.Until(a.openUntil))
			if f.probe(a) {
				t.Fatal("a message tries what a probe has not found well")
			}
			time.Sleep(11 * time.Second)
			synctest.Wait()
			if h.took != 10*time.Second || a.backOff != want {
				t.Errorf("the probe took %s, and the next one waits %s; want 10s and %s", h.took, a.backOff, want)
			}
		}
	})
}
