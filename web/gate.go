package web

import (
	"cmp"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
)

// gate is the listener's door: it lets so many connections in that files and providers
// keep theirs. Where it is full it shuts the ones that only wait: a thousand silent or
// slow clients must not keep a shop's webhook out.
type gate struct {
	max  int
	told func(evicted int) // connections were shut to make room
	now  func() time.Time

	mu     sync.Mutex
	conns  []*conn
	room   chan struct{} // a connection has gone
	shut   chan struct{}
	once   sync.Once
	out    atomic.Int64 // bytes of large answers that are being written
	maxOut int64
	press  atomic.Int64 // when room was last made, in Unix nanoseconds
}

const (
	// patience is how long a client is waited for when others want in. What a shop sends
	// is there within it.
	patience = time.Second
	// haste is how long a new one is waited for, where all are new: what it sends comes
	// with its connection. It is less where there are few places, down to leastHaste, so
	// that the line of newcomers moves as fast.
	haste      = 30 * time.Millisecond
	leastHaste = 2 * time.Millisecond
	// maxOut bounds the large answers that lie in memory for slow readers.
	maxOut = 64 << 20
	// leastConnections is how few make a server still.
	leastConnections = 8
)

func newGate(most int, told func(int)) *gate {
	return &gate{max: max(most, leastConnections), maxOut: maxOut, told: told, now: time.Now, room: make(chan struct{}, 1), shut: make(chan struct{})}
}

// door is a gate around one listener.
type door struct {
	net.Listener
	*gate
}

func (d door) Close() error {
	d.once.Do(func() { close(d.shut) })
	return d.Listener.Close()
}

// Accept lets a connection in, and makes room for it where there is none. Where all
// are at work, newcomers wait in the system's queue.
func (d door) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		switch {
		case err == nil:
		case waxwing.ShortOfResources(err):
			// Somebody else has used descriptors up. Waiting longer and longer, as
			// net/http would, keeps shops out when there are some again.
			d.evict(1)
			if !d.wait(10 * time.Millisecond) {
				return nil, net.ErrClosed
			}
			continue
		default:
			return nil, err
		}
		x := &conn{Conn: c, gate: d.gate}
		x.begin(stranger)
		for !d.enter(x) {
			d.evict(max(d.max/8, 1))
			if d.enter(x) {
				break
			}
			if !d.wait(10 * time.Millisecond) {
				_ = c.Close()
				return nil, net.ErrClosed
			}
		}
		return x, nil
	}
}

// wait waits until a connection has gone, or so long; false: the door is shut.
func (g *gate) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-g.room:
	case <-t.C:
	case <-g.shut:
		return false
	}
	return true
}

func (g *gate) enter(c *conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.conns) >= g.max {
		return false
	}
	c.place = len(g.conns)
	g.conns = append(g.conns, c)
	return true
}

func (g *gate) leave(c *conn) {
	g.mu.Lock()
	if c.place < len(g.conns) && g.conns[c.place] == c {
		last := len(g.conns) - 1
		g.conns[c.place] = g.conns[last]
		g.conns[c.place].place = c.place
		g.conns[last] = nil
		g.conns = g.conns[:last]
	}
	g.mu.Unlock()
	select {
	case g.room <- struct{}{}:
	default:
	}
}

// open is how many connections there are.
func (g *gate) open() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.conns)
}

// evict shuts up to n connections of those that have shown no key and no signature for
// a while. Where those are few it shuts one that is idle, then strangers that we wait
// for, and not they for us; where there are none, the slowest of those that send all the
// time, as a shop does with a large order on a slow line, and then one whose client does not read or
// send.
func (g *gate) evict(n int) {
	now := g.now().UnixNano()
	longAgo, justNow := now-int64(patience), now-int64(min(max(haste*time.Duration(g.max)/DefaultConnections, leastHaste), haste))
	var old, young, busy []*conn
	var idle, stuck *conn
	g.mu.Lock()
	for _, c := range g.conns {
		w, in := c.waits.Load(), c.reads.Load()
		switch p := phase(c.phase.Load()); {
		case p == stranger && c.got.Load() > 0 && c.sends(now):
			busy = append(busy, c)
		case p == leaving && c.since.Load() < justNow, (p == stranger || p == visitor) && c.since.Load() < longAgo:
			old = append(old, c)
		case p == between:
			if idle == nil || c.since.Load() < idle.since.Load() {
				idle = c
			}
		case p == stranger && in != 0 && in < justNow, p == visitor && c.since.Load() < justNow:
			young = append(young, c)
		case p == trusted && w != 0 && w < longAgo:
			if stuck == nil || w < stuck.waits.Load() {
				stuck = c
			}
		}
	}
	g.mu.Unlock()
	gone := longest(old, n)
	if few := max(n/4, 1); len(gone) < few {
		// There are more new ones in line than old ones here: the line must not grow.
		if idle != nil {
			gone = append(gone, idle)
		}
		gone = append(gone, longest(young, few-min(len(gone), few))...)
	}
	if len(gone) == 0 {
		slices.SortFunc(busy, func(a, b *conn) int { return cmp.Compare(a.rate(now), b.rate(now)) })
		gone = busy[:min(n, len(busy))]
	}
	if len(gone) == 0 && stuck != nil {
		gone = append(gone, stuck)
	}
	g.expel(gone)
}

// longest are the n that have been in their phase for longest.
func longest(cs []*conn, n int) []*conn {
	if len(cs) > n {
		slices.SortFunc(cs, func(a, b *conn) int { return cmp.Compare(a.since.Load(), b.since.Load()) })
		cs = cs[:n]
	}
	return cs
}

// expel shuts connections at once: what lies in the system's buffers for them goes, too.
func (g *gate) expel(cs []*conn) {
	for _, c := range cs {
		if t, ok := c.Conn.(*net.TCPConn); ok {
			_ = t.SetLinger(0)
		}
		_ = c.Close()
	}
	if len(cs) > 0 {
		g.press.Store(g.now().UnixNano())
	}
	if len(cs) > 0 && g.told != nil {
		g.told(len(cs))
	}
}

// yield lets others go first, within long work that nobody waits for in haste: a little
// where the door is quiet, and much where it is not.
func (g *gate) yield() {
	if last := g.press.Load(); last != 0 && g.now().UnixNano()-last < int64(patience) {
		time.Sleep(time.Millisecond)
		return
	}
	runtime.Gosched()
}

// answering takes n bytes of the room for large answers; where there is none, those
// who have not read theirs for longest lose it.
func (g *gate) answering(n int64) {
	if g.out.Add(n) <= g.maxOut {
		return
	}
	longAgo := g.now().Add(-patience).UnixNano()
	var stuck []*conn
	g.mu.Lock()
	for _, c := range g.conns {
		if w := c.waits.Load(); w != 0 && w < longAgo && c.answer.Load() > 0 {
			stuck = append(stuck, c)
		}
	}
	g.mu.Unlock()
	g.expel(stuck)
}
