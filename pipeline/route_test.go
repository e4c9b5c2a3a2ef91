package pipeline

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

func three() (rs *routes, a, b, c *route) {
	a, b, c = &route{name: "a"}, &route{name: "b"}, &route{name: "c"}
	return &routes{clock: time.Now, all: []*route{a, b, c}}, a, b, c
}

func (rs *routes) want(t *testing.T, tried map[string]bool, want *route) {
	t.Helper()
	if got, _ := rs.pick(tried, false); got != want {
		t.Errorf("picked %+v, want %+v", got, want)
	}
}

// TestUnknownRoutesGetOneMessage: until one has shown what it can do, each has one
// message, and who comes later waits.
func TestUnknownRoutesGetOneMessage(t *testing.T) {
	rs, a, b, c := three()
	for _, r := range rs.all {
		rs.want(t, nil, r)
	}
	r, wait := rs.pick(nil, false)
	if r != nil || wait == nil {
		t.Fatal("a fourth message goes out while nobody is known")
	}
	rs.note(b, wentWell, 0, time.Now())
	<-wait
	rs.want(t, nil, b)
	rs.want(t, nil, b) // two now
	if r, _ := rs.pick(nil, true); r != b {
		t.Error("in a hurry it is the one that has worked")
	}
	for range fullRoom {
		rs.note(b, wentWell, 0, time.Now())
		rs.want(t, nil, b)
	}
	for range 100 {
		rs.want(t, nil, b)
	}
	_, _ = a, c
}

// TestAloneIsNotHeldBack: where there is one provider it has all the messages.
func TestAloneIsNotHeldBack(t *testing.T) {
	r := &route{name: "a"}
	rs := &routes{clock: time.Now, all: []*route{r}}
	for range 100 {
		rs.want(t, nil, r)
	}
	rs.note(r, wasLost, 0, time.Now())
	if !r.well() {
		t.Error("one lost answer rests the only provider")
	}
}

// TestLostAnswerLeaves: where others are well, one is enough.
func TestLostAnswerLeaves(t *testing.T) {
	rs, a, b, _ := three()
	rs.want(t, nil, a)
	rs.want(t, nil, b)
	rs.note(b, wentWell, 0, time.Now())
	rs.note(a, wasLost, 0, time.Now())
	if a.well() {
		t.Error("it is asked on")
	}
	rs.want(t, nil, b)
}

// TestSlowRouteStandsBack: answers that take long put it behind the others, and it
// is still there when they are not.
func TestSlowRouteStandsBack(t *testing.T) {
	rs, a, b, c := three()
	rs.want(t, nil, a)
	rs.want(t, nil, b)
	rs.note(b, wentWell, 0, time.Now())
	rs.note(a, wentWell, 5*time.Second, time.Now())
	rs.want(t, nil, b)
	rs.note(b, wentBad, 0, time.Now())
	rs.want(t, nil, c)
	rs.note(c, wentBad, 0, time.Now())
	if !rs.healthy() || !rs.open() {
		t.Error("the slow one works")
	}
	rs.want(t, nil, a)
}

// TestBusyIsNoFault: waiting for a connection says nothing of its health.
func TestBusyIsNoFault(t *testing.T) {
	rs, a, _, _ := three()
	for range 5 {
		rs.want(t, nil, a)
		rs.note(a, &waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault, Busy: true}, 0, time.Now())
	}
	if !a.well() || !rs.downSince().IsZero() {
		t.Errorf("%+v", a)
	}
}

// TestDeadRouteIsProbedWithoutMessages: no message has to find out that it is still
// dead, and one tries it when it is not.
func TestDeadRouteIsProbedWithoutMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs, a, b, _ := three()
		p := &probed{}
		a.p, rs.over = p, t.Context()
		rs.want(t, nil, a)
		rs.note(a, wentBad, 0, time.Now())
		for range 20 {
			time.Sleep(longestLeave)
			rs.want(t, nil, b)
			rs.note(b, wentWell, 0, time.Now())
			synctest.Wait()
		}
		p.well = true
		time.Sleep(longestLeave)
		rs.want(t, nil, b)
		synctest.Wait()
		for range goodToRecover {
			rs.want(t, nil, a)
			if a.well() {
				t.Error("well too soon")
			}
			rs.note(a, wentWell, 0, time.Now())
		}
		if !a.well() {
			t.Error("not well again")
		}
		rs.checks.Wait()
	})
}

// TestBusyGoesToNobodyUnknown: a message that waits for a connection of a provider
// that works goes to one that is known to, or waits on.
func TestBusyGoesToNobodyUnknown(t *testing.T) {
	rs, a, b, _ := three()
	rs.want(t, nil, a)
	rs.note(a, wentWell, 0, time.Now())
	tried := map[string]bool{"a": true}
	rs.want(t, tried, b) // it has its one message now
	if rs.proven(tried) || !rs.proven(nil) {
		t.Error("nobody but a has worked")
	}
	x := &Pipeline{soon: t.Context()}
	rs.all = rs.all[:2]
	if r := x.choose(rs, &turn{tried: tried}); r != a {
		t.Errorf("chose %+v", r)
	}
}

// TestBusyHasNotRefused: one that had no connection free, or rests a moment, is asked
// again before a message fails since another one refuses it for policy.
func TestBusyHasNotRefused(t *testing.T) {
	rs, a, b, _ := three()
	rs.all = rs.all[:2]
	rs.want(t, nil, a)
	rs.note(a, wentWell, 0, time.Now())
	x := &Pipeline{soon: t.Context(), p: Parts{Log: slog.New(slog.DiscardHandler)}}
	no := waxwing.Attempt{Provider: b.name, Verdict: waxwing.Rejected, Fault: waxwing.PolicyFault}
	for _, until := range []time.Time{{}, time.Now().Add(time.Hour)} {
		a.until = until
		tn := &turn{tried: map[string]bool{"a": true, "b": true}, refused: map[string]bool{}}
		r, again := x.judge(&waxwing.Claim{}, rs, no, tn, time.Now())
		if r.To != waxwing.Queued || again != until.IsZero() || again && (tn.tried["a"] || !tn.tried["b"]) {
			t.Errorf("a rests until %s: %s, again %v, tried %v", until, r.To, again, tn.tried)
		}
	}
}
