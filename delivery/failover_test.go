package delivery

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
)

// probed is a provider that says how it is.
type probed struct{ well bool }

func (*probed) Offer(context.Context, *waxwing.Outgoing, func() error) waxwing.Attempt {
	return waxwing.Attempt{Verdict: waxwing.Accepted}
}

func (p *probed) Probe(context.Context) waxwing.Attempt {
	if p.well {
		return waxwing.Attempt{Verdict: waxwing.Accepted}
	}
	return waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault, Bad: true}
}

var (
	wentWell = &waxwing.Attempt{Verdict: waxwing.Accepted}
	wentBad  = &waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault, Bad: true}
	wasLost  = &waxwing.Attempt{Verdict: waxwing.UncertainVerdict, Fault: waxwing.TransportFault}
)

func three() (f *failover, a, b, c *provider) {
	a, b, c = &provider{name: "a", bit: 1}, &provider{name: "b", bit: 2}, &provider{name: "c", bit: 4}
	return &failover{clock: time.Now, all: []*provider{a, b, c}}, a, b, c
}

func (f *failover) want(t *testing.T, tried set, want *provider) {
	t.Helper()
	if got, _ := f.pick(tried, false); got != want {
		t.Errorf("picked %+v, want %+v", got, want)
	}
}

// TestUnknownProvidersGetOneMessage: until one has shown what it can do, each has one
// message, and who comes later waits.
func TestUnknownProvidersGetOneMessage(t *testing.T) {
	f, a, b, c := three()
	for _, r := range f.all {
		f.want(t, 0, r)
	}
	r, wait := f.pick(0, false)
	if r != nil || wait == nil {
		t.Fatal("a fourth message goes out while nobody is known")
	}
	f.record(b, wentWell, 0, time.Now())
	<-wait
	f.want(t, 0, b)
	f.want(t, 0, b) // two now
	if r, _ := f.pick(0, true); r != b {
		t.Error("in a hurry it is the one that has worked")
	}
	for range fullWindow {
		f.record(b, wentWell, 0, time.Now())
		f.want(t, 0, b)
	}
	for range 100 {
		f.want(t, 0, b)
	}
	_, _ = a, c
}

// TestAloneIsNotHeldBack: where there is one provider it has all the messages.
func TestAloneIsNotHeldBack(t *testing.T) {
	r := &provider{name: "a"}
	f := &failover{clock: time.Now, all: []*provider{r}}
	for range 100 {
		f.want(t, 0, r)
	}
	f.record(r, wasLost, 0, time.Now())
	if !r.healthy() {
		t.Error("one lost answer rests the only provider")
	}
}

// TestLostAnswerLeaves: where others are well, one is enough.
func TestLostAnswerLeaves(t *testing.T) {
	f, a, b, _ := three()
	f.want(t, 0, a)
	f.want(t, 0, b)
	f.record(b, wentWell, 0, time.Now())
	f.record(a, wasLost, 0, time.Now())
	if a.healthy() {
		t.Error("it is asked on")
	}
	f.want(t, 0, b)
}

// TestSlowProviderStandsBack: answers that take long put it behind the others, and it
// is still there when they are not.
func TestSlowProviderStandsBack(t *testing.T) {
	f, a, b, c := three()
	f.want(t, 0, a)
	f.want(t, 0, b)
	f.record(b, wentWell, 0, time.Now())
	f.record(a, wentWell, 5*time.Second, time.Now())
	f.want(t, 0, b)
	f.record(b, wentBad, 0, time.Now())
	f.want(t, 0, c)
	f.record(c, wentBad, 0, time.Now())
	if !f.healthy() || !f.anyUsable(0) {
		t.Error("the slow one works")
	}
	f.want(t, 0, a)
}

// TestApartSaysNothingOfOthers: to who delivers to the recipients' own servers, one of these that loses answers or takes
// long is one of many.
func TestApartSaysNothingOfOthers(t *testing.T) {
	f, a, b, _ := three()
	now := time.Now()
	for _, p := range []*provider{a, b} {
		f.assign(p)
		f.record(p, wentWell, 0, now)
	}
	lost := &waxwing.Attempt{Verdict: waxwing.UncertainVerdict, Fault: waxwing.TransportFault, Apart: true}
	late := &waxwing.Attempt{Verdict: waxwing.Accepted, Apart: true}
	for range 10 {
		for _, x := range []*waxwing.Attempt{lost, late} {
			f.assign(a)
			if opened, _ := f.record(a, x, time.Minute, now); opened > 0 || !a.healthy() {
				t.Fatalf("%+v opens the circuit", x)
			}
		}
	}
	a.dots.commit(now.Add(-time.Hour)) // one of them is silent
	if p, _ := (watch{f}).stalled(); p != nil {
		t.Errorf("%s is taken for silent", p.name)
	}
	f.assign(a)
	if opened, _ := f.record(a, wasLost, 0, now); opened == 0 {
		t.Error("what is the provider's own counts no more")
	}
}

// TestBusyIsNoFault: waiting for a connection says nothing of its health.
func TestBusyIsNoFault(t *testing.T) {
	f, a, _, _ := three()
	for range 5 {
		f.want(t, 0, a)
		f.record(a, &waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault, Busy: true}, 0, time.Now())
	}
	if !a.healthy() || !f.downSince().IsZero() {
		t.Errorf("%+v", a)
	}
}

// TestDeadProviderIsProbedWithoutMessages: no message has to find out that it is still
// dead, and one tries it when it is not.
func TestDeadProviderIsProbedWithoutMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a, b, _ := three()
		p := &probed{}
		a.Provider, f.over = p, t.Context()
		f.want(t, 0, a)
		f.record(a, wentBad, 0, time.Now())
		for range 20 {
			time.Sleep(longestAway)
			f.want(t, 0, b)
			f.record(b, wentWell, 0, time.Now())
			synctest.Wait()
		}
		p.well = true
		time.Sleep(longestAway)
		f.want(t, 0, b)
		synctest.Wait()
		for range successesToClose {
			f.want(t, 0, a)
			if a.healthy() {
				t.Error("well too soon")
			}
			f.record(a, wentWell, 0, time.Now())
		}
		if !a.healthy() {
			t.Error("not well again")
		}
		f.probes.Wait()
	})
}

// TestBusyGoesToNobodyUnknown: a message that waits for a connection of a provider
// that works goes to one that is known to, or waits on.
func TestBusyGoesToNobodyUnknown(t *testing.T) {
	f, a, b, _ := three()
	f.want(t, 0, a)
	f.record(a, wentWell, 0, time.Now())
	tried := a.bit
	f.want(t, tried, b) // it has its one message now
	if f.proven(tried) || !f.proven(0) {
		t.Error("nobody but a has worked")
	}
	f.all = f.all[:2]
	if r := f.choose(t.Context(), &tries{tried: tried}); r != a {
		t.Errorf("chose %+v", r)
	}
}

// TestBusyHasNotRefused: one that had no connection free, or rests a moment, is asked
// again before a message fails since another one refuses it for policy.
func TestBusyHasNotRefused(t *testing.T) {
	f, a, b, _ := three()
	f.all = f.all[:2]
	f.want(t, 0, a)
	f.record(a, wentWell, 0, time.Now())
	x := &Sender{failover: f, Config: Config{Stop: NewStop(), Log: slog.New(slog.DiscardHandler)}}
	no := waxwing.Attempt{Provider: b.name, Verdict: waxwing.Rejected, Fault: waxwing.PolicyFault}
	for _, until := range []time.Time{{}, time.Now().Add(time.Hour)} {
		a.openUntil = until
		tn := &tries{tried: a.bit | b.bit}
		r, again := x.judge(&waxwing.Claim{}, no, b, tn, time.Now())
		if r.To != waxwing.Queued || again != until.IsZero() || again && (tn.tried.has(a) || !tn.tried.has(b)) {
			t.Errorf("a rests until %s: %s, again %v, tried %v", until, r.To, again, tn.tried)
		}
	}
}

func first(f *failover) *provider {
	r, _ := f.pick(0, false)
	return r
}

// TestProviderDoesNotFlap: a provider that fails rests, is probed by one message
// at a time, and is healthy only after several successes.
func TestProviderDoesNotFlap(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	r := &provider{name: "mail"}
	f := &failover{clock: func() time.Time { return now }, all: []*provider{r}}
	bad := &waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault}
	good := &waxwing.Attempt{Verdict: waxwing.Accepted}
	f.record(r, bad, 0, now)
	f.record(r, bad, 0, now)
	if !r.healthy() || f.downSince() != now {
		t.Fatal("two faults are not yet an outage, but the time counts")
	}
	f.record(r, bad, 0, now)
	if r.healthy() || first(f) != nil {
		t.Fatal("three faults in a row are")
	}
	now = now.Add(firstBackOff)
	if first(f) != r || first(f) != nil {
		t.Fatal("after the rest one probe, not two")
	}
	f.record(r, bad, 0, now)
	if now = now.Add(firstBackOff); f.anyUsable(0) {
		t.Fatal("the second rest is longer")
	}
	now = now.Add(firstBackOff)
	for range successesToClose {
		if r.healthy() || first(f) != r {
			t.Fatal("on probation")
		}
		f.record(r, good, 0, now)
	}
	if !r.healthy() || !f.downSince().IsZero() {
		t.Fatal("recovered")
	}
	f.record(r, &waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.RecipientFault, Bad: true, Code: 421}, 0, now)
	if r.healthy() {
		t.Fatal("421 rests the provider at once")
	}
}

// TestAgainAsksTheHealthyOne: the order of the providers changes nothing.
func TestAgainAsksTheHealthyOne(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	healthy, resting, longer := &provider{name: "a"}, &provider{name: "b", openUntil: now.Add(20 * time.Second)}, &provider{name: "c", openUntil: now.Add(30 * time.Second)}
	for _, c := range []struct {
		all  []*provider
		want time.Time
	}{
		{[]*provider{healthy, resting}, time.Time{}}, {[]*provider{resting, healthy}, time.Time{}}, {[]*provider{resting, healthy, longer}, time.Time{}},
		{[]*provider{longer, resting}, resting.openUntil}, {[]*provider{resting, longer}, resting.openUntil},
	} {
		f := &failover{clock: func() time.Time { return now }, all: c.all}
		if got := f.nextTry(); !got.Equal(c.want) {
			t.Errorf("%s first: %s, want %s", c.all[0].name, got, c.want)
		}
	}
}

// What this machine had no descriptor for says nothing of a provider: it does not rest,
// and it has not been down for however long we could not ask it.
func TestOwnFaultsOpenNoCircuit(t *testing.T) {
	now := time.Unix(1e9, 0)
	r := &provider{name: "mail"}
	f := &failover{clock: func() time.Time { return now }, all: []*provider{r}}
	own := &waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.OwnFault}
	f.record(r, &waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault}, 0, now)
	if r.failedSince.IsZero() {
		t.Fatal("a fault of its own was not noted")
	}
	for range 100 {
		now = now.Add(time.Minute)
		if rests, _ := f.record(r, own, 0, now); rests != 0 || !r.healthy() || first(f) != r {
			t.Fatal("it rests")
		}
	}
	if !f.downSince().IsZero() {
		t.Error("it counts as down since", f.downSince())
	}
}

// TestHopeBeside: messages that wait for a slow provider, the only healthy one, go to one
// that worked before as soon as it may be tried, and as long as nobody does.
func TestHopeBeside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a, b, _ := three()
		hope := func(want bool, when string) {
			t.Helper()
			if got := f.hopeBeside(a); got != want {
				t.Errorf("%s: hope is %v", when, got)
			}
		}
		hope(false, "nobody is known")
		f.assign(b)
		f.record(b, wentWell, 0, time.Now())
		hope(true, "another one has worked")
		for range faultsToOpen {
			f.assign(b)
			f.record(b, wentBad, 0, time.Now())
		}
		hope(false, "its circuit is open")
		f.assign(a)
		if !f.stays(a, 0) {
			t.Error("it leaves the only one that is healthy")
		}
		time.Sleep(time.Until(b.openUntil))
		hope(true, "its circuit is half open")
		if f.stays(a, 0) {
			t.Error("it stays where another one may be tried")
		}
		b.probing = true
		hope(false, "it is probed")
		b.probing, b.trying = false, true
		hope(false, "it is tried")
	})
}
