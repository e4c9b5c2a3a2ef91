package delivery

import (
	"time"
)

// provider is one provider with its health: a circuit breaker. Faults in a row open the
// circuit, for twice as long each time: the back-off. After it the circuit is half open: one
// message at a time tries the provider, and only several successes in a row close the
// circuit, so that it does not flap.
//
// Where there are others, too, a message need not be what finds out: a provider
// that can be probed without one is, and one that has not shown yet what it can do
// is given a message, then two, and so on. A bad provider costs one message its
// time then, and not as many as there are connections.
//
// All fields but the first six are guarded by failover's mu.
type provider struct {
	Provider
	name  string
	label string // in metrics
	own   bool   // one tenant's
	bit   set    // it alone
	most  int    // messages that it works on at once; 0: nobody knows

	faults      int // in a row
	score       int // what faults that are not in a row add up to
	backOff     time.Duration
	openUntil   time.Time // the circuit is open until then, and half open afterwards; zero: closed
	slow        bool      // it is open since answers take long: it is used where nobody else works
	trying      bool      // a message tries it while it is half open
	probing     bool      // it is probed without a message
	probed      bool      // and that went well
	successes   int       // in a row since the circuit was opened
	inFlight    int       // messages that it has
	window      int       // how many it may have besides, where others are there
	lateAnswers int       // in a row
	failedSince time.Time
	worked      bool // ever, in this process
	held        int  // messages in doubt since it last worked
	deferrals   int  // in a row
	rate        rate
	dots        dots
	early       map[*offer]struct{}
	apart       bool // its messages go to servers of their recipients'
}

const (
	// faultsToOpen in a row open the circuit, and successesToClose close it.
	faultsToOpen     = 3
	successesToClose = 5
	// The back-off of one that nobody can stand in for.
	firstBackOff   = time.Second
	longestBackOff = 30 * time.Second
	// lostBackOff is the longest for one that loses answers and that nobody can stand in for.
	lostBackOff = 2 * time.Second
	// With another one at hand there is no hurry to come back.
	firstAway   = 5 * time.Second
	longestAway = time.Minute
	// Each message that tries a slow one again waits for it.
	firstSlow   = 30 * time.Second
	longestSlow = 10 * time.Minute
	// scoreToOpen is of faults that are not in a row: one of four or more fails.
	scoreOfFault, scoreToOpen = 4, 10
	// fullWindow is when a provider has shown enough.
	fullWindow = 64
	noWindow   = 1 << 20
	// late and tooLate are how long after its commit point a message is answered by
	// a slow provider: three times in a row, or once.
	late, tooLate = time.Second, 3 * time.Second
	// fewAnswers a second are so few that a commit for each is no burden.
	fewAnswers = 500
	// hopeFor is how long one that worked is waited for where another one refuses.
	hopeFor = 5 * time.Minute
)

// healthy says that the circuit is closed.
func (p *provider) healthy() bool { return p.openUntil.IsZero() }

// usable says that messages may go there, if only for want of a better one.
func (p *provider) usable() bool { return p.healthy() || p.slow }

// state is how the circuit stands.
func (p *provider) state() ProviderState {
	switch {
	case p.healthy():
		return ProviderHealthy
	case p.slow:
		return ProviderSlow
	}
	return ProviderResting
}

// halfOpen says that the back-off is over, and nobody tries it.
func (p *provider) halfOpen(now time.Time) bool {
	return !p.healthy() && !p.trying && !now.Before(p.openUntil)
}

// overtaxed says that messages wait for its connections, and that it is no fast one: what a
// connection waits for is lost to all of them.
func (p *provider) overtaxed() bool {
	return p.most > 0 && p.inFlight > p.most && p.rate.served < fewAnswers*p.rate.busy
}

// wantsTrial says that the circuit is half open, and nobody tries or probes it.
func (p *provider) wantsTrial(now time.Time) bool { return p.halfOpen(now) && !p.probing }

// failed notes a fault. rests: the circuit is to be opened, or stays open. doubt: an
// answer was lost; leave: one fault is enough; others: another provider works.
func (p *provider) failed(doubt, leave, others bool, now time.Time) (opens bool) {
	p.successes, p.probed, p.window = 0, false, min(p.window, fullWindow)/2
	if p.failedSince.IsZero() && !doubt {
		p.failedSince = now
	}
	p.score += scoreOfFault
	p.faults++
	// Where others are known to work a lost answer is enough: each costs a customer a copy.
	opens = p.faults >= faultsToOpen || leave || !p.healthy() || others && (p.score >= scoreToOpen || doubt)
	return opens && !now.Before(p.openUntil) // else one of many under way when it failed
}

// open opens the circuit, and says for how long.
func (p *provider) open(others, doubt bool, now time.Time) time.Duration {
	first, longest := firstBackOff, longestBackOff
	switch {
	case p.slow:
		longest = longestSlow
	case others:
		first, longest = firstAway, longestAway
	case doubt:
		longest = lostBackOff
	}
	p.window = 0
	p.backOff = min(max(p.backOff*2, first), longest)
	p.openUntil = now.Add(p.backOff)
	return p.backOff
}

// succeeded notes a success, which was answered so long after its commit point. slow: it
// stands back for others, which work; closed: the circuit was open, and is closed now.
func (p *provider) succeeded(took time.Duration, others bool, now time.Time) (slow, closed bool) {
	p.faults, p.failedSince, p.worked, p.held, p.deferrals = 0, time.Time{}, true, 0, 0
	p.rate.served++
	p.score = max(0, p.score-1)
	if p.lateAnswers++; took < late {
		p.lateAnswers = 0
	}
	if others && (p.lateAnswers >= faultsToOpen || took >= tooLate) {
		p.successes, p.probed = 0, false
		if now.Before(p.openUntil) {
			return false, false
		}
		p.slow, p.backOff = true, max(p.backOff, firstSlow/2)
		return true, false
	}
	if p.window = min(p.window+1, fullWindow); p.window == fullWindow {
		p.window = noWindow
	}
	if p.healthy() || now.Before(p.openUntil) && !p.slow { // the latter: it was under way when others failed
		return false, false
	}
	if p.successes++; p.successes < successesToClose {
		return false, false
	}
	p.openUntil, p.backOff, p.successes, p.slow, p.score = time.Time{}, 0, 0, false, 0
	return false, true
}
