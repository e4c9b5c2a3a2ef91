package smtp

import (
	"sync"
	"time"

	"github.com/waxwinghq/waxwing/channel/wire"
)

// flow bounds how many connections are open: as many as configured, or fewer where
// the server takes fewer. A connection that it does not take while others work says
// how many it takes, and nothing of its health: their number falls to those that
// work, and rises by one after a while, ever later where that is refused, too.
// (Additive increase and multiplicative decrease, as in RFC 5681, but the server
// says to where.)
//
// It also bounds how many are being opened at once by how many work, so that a
// server with a low limit refuses a few and not all that are configured.
type flow struct {
	mu      sync.Mutex
	most    int // configured
	allowed int
	proved  int            // so many worked at once: they are opened again without care
	opening int            // being opened
	fresh   int            // opened a moment ago, and no MAIL was taken on them yet
	held    int            // refusals in a row that a connection that has just ended may explain
	slow    int            // being opened for more than slowOpening: they hold nobody up
	links   map[*link]bool // true: a MAIL was taken on it
	lastUp  time.Time      // when a connection was last open
	proof   time.Time      // when one on which a MAIL was taken last ended
	changed chan struct{}
	down    chan struct{}
	why     outcome // of the last down

	wait  time.Duration // before one more is tried
	more  *time.Timer   // nil: nothing waits
	tried bool          // allowed counts one that has not worked yet
	shut  bool
	tell  func(allowed int) // of a change, nil: nobody
}

const (
	// A message waits for its connection as long as soonBack, where others work.
	soonBack    = 250 * time.Millisecond
	slowOpening = time.Second
	slowBeside  = 5 * time.Second // where others work
	firstMore   = time.Minute
	longestMore = 30 * time.Minute
	soonestMore = 5 * time.Second
	// A server may count a connection for a moment after it has ended: a refusal
	// so soon after all was well is asked about again, a few times.
	lately     = 2 * time.Second
	firstPause = 50 * time.Millisecond
	pauses     = 4
)

func newFlow(most int, tell func(int)) *flow {
	return &flow{most: most, allowed: most, links: map[*link]bool{}, wait: firstMore, tell: tell,
		changed: make(chan struct{}), down: make(chan struct{})}
}

// opening is one connection on its way.
type opening struct{ slow, over bool }

// begin asks for a further connection. Where the answer is nil it is to be asked
// again after a change; down tells that the server takes none at all.
func (f *flow) begin() (o *opening, changed, down <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.links) + f.slow
	if n+f.opening < f.allowed && f.opening+f.fresh < max(1, f.proved-n+f.fresh, (len(f.links)-f.fresh+1)/2) {
		f.opening++
		o = &opening{}
	}
	return o, f.changed, f.down
}

// falls is closed when the server takes no connection at all.
func (f *flow) falls() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.down
}

// renew is begin for a connection that takes the place of a broken one.
func (f *flow) renew(l *link) *opening {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget(l)
	f.opening++
	return &opening{}
}

func (f *flow) forget(l *link) {
	if worked, ok := f.links[l]; ok {
		f.ripe(l)
		delete(f.links, l)
		if f.lastUp = time.Now(); worked {
			f.proof = f.lastUp
		}
	}
}

// cancel gives a begin back.
func (f *flow) cancel(o *opening) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over(o)
}

// slowed lets others begin although o is not done: soon where nothing works, and
// later where something does, since a server whose processes are all busy is silent, too.
func (f *flow) slowed(o *opening, after time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case o.slow || o.over || f.shut:
	case len(f.links) > 0 && after < slowBeside:
		time.AfterFunc(slowBeside-after, func() { f.slowed(o, slowBeside) })
	default:
		o.slow = true
		f.opening, f.slow = f.opening-1, f.slow+1
		f.change()
	}
}

func (f *flow) over(o *opening) {
	if o.slow {
		f.slow--
	} else {
		f.opening--
	}
	o.over = true
	f.change()
}

func (f *flow) change() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// opened notes a connection that works.
func (f *flow) opened(o *opening, l *link) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over(o)
	f.held = 0
	f.links[l] = false
	l.fresh = true
	f.fresh++
	time.AfterFunc(slowOpening, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.ripe(l)
	})
	f.lastUp = time.Now()
	n := len(f.links)
	if n < f.allowed {
		return
	}
	f.allowed = n
	if f.tried {
		f.tried, f.wait = false, max(f.wait/2, soonestMore)
	}
	f.raiseLater()
}

// closed notes the end of a connection.
func (f *flow) closed(l *link) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget(l)
	f.change()
}

// refusal is what follows from a connection that the server did not take.
type refusal int

const (
	goBack   refusal = iota // others work: the message goes to one of them
	onceMore                // it is tried again in a moment
	giveUp                  // the server is unwell
)

// refused notes it. tries counts those of this opening.
func (f *flow) refused(o *opening, tries int, why *outcome) refusal {
	f.mu.Lock()
	defer f.mu.Unlock()
	alive, _ := f.alive()
	switch {
	case alive > 0:
		if !f.hold(alive, o) {
			f.lower(alive)
			f.over(o)
		}
		return goBack
	case tries < pauses && time.Since(f.lastUp) < lately && !f.shut:
		return onceMore
	}
	f.fell(why)
	f.over(o)
	return giveUp
}

// hold keeps the right to open one for a moment, a few times in a row, where the server took
// one more than work now until one of ours ended: it may not have noticed yet, and takes as
// many as before.
func (f *flow) hold(alive int, o *opening) bool {
	if alive >= f.proved || f.held >= pauses || time.Since(f.proof) >= lately {
		return false
	}
	time.AfterFunc(firstPause<<f.held, func() { f.cancel(o) })
	f.held++
	return true
}

// fell notes that nothing works: that is no limit, and what was learnt of one is
// over. Whoever waits need not ask, too.
func (f *flow) fell(why *outcome) {
	f.allowed, f.proved, f.wait, f.tried = f.most, 0, firstMore, false
	f.stopMore()
	f.why = *why
	close(f.down)
	f.down = make(chan struct{})
}

// alive counts the connections that the server has not ended, and those of them on
// which it has taken a MAIL.
func (f *flow) alive() (n, worked int) {
	for l, w := range f.links {
		if _, gone := wire.Pending(l.raw); gone {
			continue
		}
		if n++; w {
			worked++
		}
	}
	return n, worked
}

// worked notes that the server has taken a MAIL on l.
func (f *flow) worked(l *link) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.links[l]; !ok {
		return
	}
	f.links[l] = true
	f.ripe(l)
	n := 0
	for _, w := range f.links {
		if w {
			n++
		}
	}
	f.proved = max(f.proved, n)
}

// ripe lets others be opened beside l.
func (f *flow) ripe(l *link) {
	if l.fresh {
		l.fresh = false
		f.fresh--
		f.change()
	}
}

// crowded notes a connection whose first MAIL was answered 421, where some servers
// count. tries counts those of this message, which has the right to another one where it is
// to be tried once more.
func (f *flow) crowded(l *link, tries int, why *outcome) (refusal, *opening) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.change()
	up := f.lastUp
	f.forget(l)
	f.lastUp = up // it never worked
	alive, worked := f.alive()
	switch {
	case worked > 0:
		if o := (&opening{}); f.hold(alive, o) {
			f.opening++
		} else {
			f.lower(alive)
		}
		return goBack, nil
	case tries < pauses && time.Since(f.proof) < lately && !f.shut:
		f.opening++
		return onceMore, &opening{}
	case alive == 0:
		f.fell(&outcome{ruling: unwell, phase: why.phase, reply: why.reply})
	}
	return giveUp, nil
}

// works reports whether any connection does.
func (f *flow) works() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.links) > 0
}

func (f *flow) lower(alive int) {
	if f.tried {
		f.wait = min(f.wait*2, longestMore)
	} else if alive < f.allowed {
		f.wait = firstMore
	}
	if f.proved, f.tried = alive, false; f.allowed != alive && f.tell != nil {
		f.tell(alive)
	}
	f.allowed = alive
	f.stopMore()
	f.raiseLater()
}

// raiseLater lets one more be tried after a while, if it is wanted then.
func (f *flow) raiseLater() {
	if f.allowed >= f.most || f.more != nil || f.shut {
		return
	}
	var t *time.Timer
	t = time.AfterFunc(f.wait, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.more != t {
			return
		}
		if f.more = nil; f.allowed < f.most {
			f.allowed, f.tried = f.allowed+1, true
			f.change()
		}
	})
	f.more = t
}

func (f *flow) stopMore() {
	if f.more != nil {
		f.more.Stop()
		f.more = nil
	}
}

func (f *flow) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shut = true
	f.stopMore()
}

// reason is why the server was given up last.
func (f *flow) reason() outcome {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.why
}
