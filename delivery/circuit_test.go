package delivery

import (
	"fmt"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

// TestCircuit: what opens a provider's circuit, for how long, and what closes it. Each story
// is a line of answers: "+" a success, "-" a fault, "!" a fault that is enough (421, nobody
// answers), "?" a lost answer, "s" a success after 5 s, "l" one after 1.5 s, "." a second
// goes by; others: another provider works.
func TestCircuit(t *testing.T) {
	for _, c := range []struct {
		name   string
		others bool
		story  string
		state  string
		open   time.Duration // from now on
	}{
		{"new", false, "", "closed", 0},
		{"two faults", false, "--", "closed", 0},
		{"three in a row", false, "---", "open", firstBackOff},
		{"three, not in a row", false, "--+--+--", "closed", 0},
		{"one is enough", false, "!", "open", firstBackOff},
		{"lost answers alone", false, "??", "closed", 0},
		{"three lost answers", false, "???", "open", firstBackOff},
		{"the longest for lost answers", false, "???..?..?...?", "open", lostBackOff},
		{"half open", false, "!.", "half open", 0},
		{"it fails again", false, "!.!", "open", 2 * firstBackOff},
		{"and again", false, "!.!..!", "open", 4 * firstBackOff},
		{"the longest", false, "!.!..!....!........!................!................................!", "open", longestBackOff},
		{"one of many under way", false, "!!!!!", "open", firstBackOff},
		{"four successes", false, "!.++++", "half open", 0},
		{"five successes", false, "!.+++++", "closed", 0},
		{"it begins anew after that", false, "!.!..+++++!", "open", firstBackOff},
		{"a fault between", false, "!.++++!", "open", 2 * firstBackOff},
		{"others work", true, "!", "open", firstAway},
		{"others work, again", true, "!.....!", "open", 2 * firstAway},
		{"others work, a lost answer", true, "?", "open", firstAway},
		{"others work, one of four fails", true, "-+-+-+-", "open", firstAway},
		{"others work, one of six fails", true, "-+++++-+++++-", "closed", 0},
		{"one late answer", true, "l+l+l+", "closed", 0},
		{"three late answers", true, "lll", "slow", firstSlow},
		{"one much too late", true, "s", "slow", firstSlow},
		{"alone, late is late enough", false, "sssss", "closed", 0},
	} {
		now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
		p, o := &provider{name: "a", bit: 1}, &provider{name: "b", bit: 2, worked: c.others}
		f := &failover{clock: func() time.Time { return now }, all: []*provider{p, o}}
		if !c.others {
			f.all = f.all[:1]
		}
		for _, step := range c.story {
			a, took := waxwing.Attempt{Verdict: waxwing.Accepted}, time.Duration(0)
			switch step {
			case '.':
				now = now.Add(time.Second)
				continue
			case '-':
				a = waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault}
			case '!':
				a = waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault, Bad: true}
			case '?':
				a = waxwing.Attempt{Verdict: waxwing.UncertainVerdict, Fault: waxwing.TransportFault}
			case 'l':
				took = 1500 * time.Millisecond
			case 's':
				took = 5 * time.Second
			}
			f.assign(p)
			f.record(p, &a, took, now)
		}
		state := "open"
		switch {
		case p.healthy():
			state = "closed"
		case p.slow:
			state = "slow"
		case p.halfOpen(now):
			state = "half open"
		}
		open := max(p.openUntil.Sub(now), 0)
		if state != c.state || open != c.open {
			t.Errorf("%s: %s for %s, want %s for %s", c.name, state, open, c.state, c.open)
		}
	}
}

// TestWindow: one that nobody knows has one message, and twice as many as it has shown.
func TestWindow(t *testing.T) {
	f, a, _, _ := three()
	f.all[1].worked, f.all[2].worked = true, true
	a.worked = true
	for n := range fullWindow {
		if a.window != n {
			t.Fatalf("after %d successes: %d", n, a.window)
		}
		f.record(f.assign(a), wentWell, 0, time.Now())
	}
	if a.window != noWindow {
		t.Errorf("it has shown enough: %d", a.window)
	}
	f.record(f.assign(a), &waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault}, 0, time.Now())
	if a.window != fullWindow/2 {
		t.Errorf("a fault halves it: %d", a.window)
	}
}

// TestLastOneCallsTheOthersBack: where nobody is left, those that could take their time
// are tried as soon.
func TestLastOneCallsTheOthersBack(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	a, b := &provider{name: "a", bit: 1, worked: true}, &provider{name: "b", bit: 2, worked: true}
	f := &failover{clock: func() time.Time { return now }, all: []*provider{a, b}}
	for range 4 { // a is away for longer and longer, since b works
		f.record(f.assign(a), wentBad, 0, now)
		now = a.openUntil
	}
	f.record(f.assign(a), wentBad, 0, now)
	if got := a.openUntil.Sub(now); got != longestAway {
		t.Fatalf("a is away for %s", got)
	}
	f.record(f.assign(b), wentBad, 0, now)
	if got := a.openUntil.Sub(now); got != firstBackOff || f.nextTry() != a.openUntil {
		t.Errorf("a is away for %s", got)
	}
	if !f.downSince().Equal(now) {
		t.Errorf("down since %s", f.downSince())
	}
}

// TestMayTake: whom a message waits for that another one has refused.
func TestMayTake(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	soon, long := now.Add(20*time.Second), now.Add(-2*hopeFor)
	for _, c := range []struct {
		name string
		p    provider
		at   time.Time
		ok   bool
	}{
		{"it works", provider{worked: true}, now, true},
		{"nobody knows it", provider{}, now, true},
		{"it rests a moment", provider{worked: true, openUntil: soon}, soon, true},
		{"it rested", provider{worked: true, openUntil: now.Add(-time.Second)}, now, true},
		{"it never worked", provider{openUntil: soon}, time.Time{}, false},
		{"it has failed for long", provider{worked: true, openUntil: soon, failedSince: long}, time.Time{}, false},
		{"it is slow", provider{slow: true, openUntil: soon}, now, true},
	} {
		c.p.bit = 1
		no := &provider{name: "no", bit: 2, worked: true}
		f := &failover{clock: func() time.Time { return now }, all: []*provider{no, &c.p}}
		if at, ok := f.mayTake(no.bit, now); ok != c.ok || !at.Equal(c.at) {
			t.Errorf("%s: %s %v, want %s %v", c.name, at, ok, c.at, c.ok)
		}
		if _, ok := f.mayTake(no.bit|c.p.bit, now); ok {
			t.Errorf("%s: both have refused", c.name)
		}
	}
}

// TestRate: how long one more message would wait.
func TestRate(t *testing.T) {
	for _, c := range []struct {
		served, inFlight int
		seconds          int
		want             string
	}{
		{0, 0, 0, "0.0"},    // it has none: it is asked at once
		{100, 0, 10, "0.0"}, // whatever is known
		{100, 9, 10, "1.0"}, // ten a second, and ten with this one
		{0, 9, 10, "100.0"}, // it has not answered at all
	} {
		var r rate
		at := time.Unix(1e9, 0)
		r.tick(0, at)
		for i := range 100 * c.seconds {
			at = at.Add(10 * time.Millisecond)
			r.tick(1, at)
			if c.served > 0 && i%(100*c.seconds/c.served) == 0 {
				r.served++
			}
		}
		wait := r.wait(c.inFlight)
		if c.served == 0 && wait > 100 {
			wait = 100
		}
		if got := fmt.Sprintf("%.1f", wait); got != c.want {
			t.Errorf("%d served in %d s, %d in flight: %s s, want %s", c.served, c.seconds, c.inFlight, got, c.want)
		}
	}
}
