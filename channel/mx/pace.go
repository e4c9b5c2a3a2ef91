package mx

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

// pace is how fast a domain takes messages: a few at once, one more for each round that went well, half as many where it says that they
// are too many (additive increase, multiplicative decrease, as RFC 5681 has it), and none for a while.
type pace struct {
	limit   float64
	under   []time.Time // since when each of its messages is under way, the oldest first
	lookers int         // who wait or are about to
	rest    time.Time
	step    time.Duration // how long it rests next
	used    time.Time
	row     []*ticket // who waits for a turn
}

// paces are those of all domains, so many at most.
type paces struct {
	most  float64 // of messages under way to one domain
	half  int     // of those under way to all
	under int
	clock waxwing.Clock
	mu    sync.Mutex
	all   map[string]*pace
}

const (
	mostPaces = 10_000
	firstRest = 10 * time.Second
	mostRest  = 10 * time.Minute
	firstMost = 4 // messages at once to a domain of which nothing is known
	// slowAfter is for how long a message may be under way before its domain counts as slow: it gets no further one while half of
	// what can be under way is, so that a few domains that take their minutes do not take everybody's.
	slowAfter = 10 * time.Second
)

func newPaces(most, all int, clock waxwing.Clock) *paces {
	return &paces{most: float64(most), half: max(1, all/2), clock: clock, all: map[string]*pace{}}
}

// of gives a domain's pace, and until when it rests. done is to be called with it.
func (p *paces) of(domain string) (*pace, time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.all[domain]
	if x == nil {
		if len(p.all) >= mostPaces {
			p.forget()
		}
		x = &pace{limit: min(firstMost, p.most), step: firstRest}
		p.all[domain] = x
	}
	x.lookers++
	x.used = p.clock()
	return x, x.rest
}

func (p *paces) done(x *pace) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x.lookers--
}

// forget makes room: a tenth of those that nothing is under way to, such as rest last of all.
func (p *paces) forget() {
	now := p.clock()
	for _, resting := range []bool{false, true} {
		for d, x := range p.all {
			if len(p.all) <= mostPaces*9/10 {
				return
			}
			if len(x.under) == 0 && x.lookers == 0 && (resting || !now.Before(x.rest)) {
				delete(p.all, d)
			}
		}
	}
}

// until is the end of a domain's rest.
func (p *paces) until(x *pace) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return x.rest
}

// ticket is a message's place in the row at its domain: whoever came first goes first, or one could wait for ever
// behind those that come again at once.
type ticket struct {
	ready chan struct{} // closed when it may go
	since time.Time     // when that was
}

// take has one more message wait for its turn, which may have come already.
func (p *paces) take(x *pace) *ticket {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &ticket{ready: make(chan struct{})}
	x.row = append(x.row, t)
	p.grant(x)
	return t
}

// grant lets those go whose turn has come. p.mu is held.
func (p *paces) grant(x *pace) {
	now := p.clock()
	for len(x.row) > 0 {
		slow := len(x.under) > 0 && now.Sub(x.under[0]) >= slowAfter
		if len(x.under) >= int(x.limit) || slow && p.under >= p.half {
			return
		}
		t := x.row[0]
		x.row = x.row[1:]
		t.since = now
		x.under = append(x.under, now)
		p.under++
		close(t.ready)
	}
}

// quit takes a message off that has come to nothing, or out of the row.
func (p *paces) quit(x *pace, t *ticket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(x.row, t); i >= 0 {
		x.row = slices.Delete(x.row, i, i+1)
		return
	}
	p.off(x, t)
	p.grant(x)
}

// off counts a message no longer. p.mu is held.
func (p *paces) off(x *pace, t *ticket) {
	if i := slices.Index(x.under, t.since); i >= 0 {
		x.under = slices.Delete(x.under, i, i+1)
	}
	p.under--
}

// leave takes a message off and learns from what it came to. It gives how long the domain rests.
func (p *paces) leave(x *pace, t *ticket, a *waxwing.Attempt) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off(x, t)
	defer p.grant(x) // by what was learnt
	now := p.clock()
	switch {
	case a.Verdict == waxwing.Accepted:
		x.limit = min(p.most, x.limit+1/x.limit)
		x.step = firstRest
	case tooMuch(a) && !now.Before(x.rest): // once for all that were under way together
		x.limit = max(1, x.limit/2)
		x.rest = now.Add(x.step)
		x.step = min(2*x.step, mostRest)
	}
	if !tooMuch(a) {
		return 0
	}
	return max(0, x.rest.Sub(now))
}

// tooMuch reports an answer by which a domain asks for time: 421, and a refusal for now that is about us rather than about the
// recipient (RFC 3463, 3.8).
func tooMuch(a *waxwing.Attempt) bool {
	return a.Verdict == waxwing.Deferred && a.Fault == waxwing.RecipientFault && (a.Code == 421 || a.Code != 0 && strings.HasPrefix(a.Enhanced, "4.7."))
}
