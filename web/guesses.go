package web

import (
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// guesses slow those who try keys and signatures: an address that has sent too many
// wrong ones within a minute gets 429, and loses its connection each time. Right keys
// always pass where it may be shared: from this machine and private networks, where a
// proxy is, and from wherever a right one has come before. From elsewhere keys are not
// even looked at until the minute is over. Webhooks are always looked at: a shop must
// not lose its orders for what another on its server does.
type guesses struct {
	now func() time.Time

	mu     sync.Mutex
	minute int64
	wrong  map[netip.Addr]uint16 // within this minute
	proven map[netip.Addr]struct{}
}

const (
	// freeGuesses are how many wrong ones a minute are answered as what they are.
	freeGuesses = 20
	// mostGuessers and mostProven bound the memory. Beyond, wrong ones get 429 at once:
	// so many addresses at a time are one attack.
	mostGuessers = 1 << 16
	mostProven   = 1 << 12
)

// from is who is counted: an IPv4 address, or a network of 64 bits of IPv6, of which one
// customer mostly has all.
func from(r *http.Request) (a netip.Addr, shared bool) {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return a, true
	}
	a = ap.Addr().Unmap().WithZone("")
	shared = a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || sharedNet.Contains(a)
	if a.Is6() {
		p, _ := a.Prefix(64) // of an IPv6 address there is one
		a = p.Addr()
	}
	return a, shared
}

// sharedNet is what RFC 6598 has for the inside of networks.
var sharedNet = netip.MustParsePrefix("100.64.0.0/10")

// turn throws away what is older than a minute. The caller holds mu.
func (g *guesses) turn() {
	if m := g.now().Unix() / 60; m != g.minute || g.wrong == nil {
		g.minute, g.wrong = m, map[netip.Addr]uint16{}
	}
}

// bars reports whether the request's key is not to be looked at.
func (g *guesses) bars(r *http.Request) bool {
	a, shared := from(r)
	if shared {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.turn()
	_, good := g.proven[a]
	return !good && g.wrong[a] >= freeGuesses
}

// missed counts a wrong one and reports whether there have been too many.
func (g *guesses) missed(r *http.Request) (tooMany bool) {
	a, _ := from(r)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.turn()
	n, known := g.wrong[a]
	switch {
	case !known && len(g.wrong) >= mostGuessers:
		return true
	case n < math.MaxUint16:
		g.wrong[a] = n + 1
	}
	return n >= freeGuesses
}

// hit notes that a right key has come from here.
func (g *guesses) hit(r *http.Request) {
	a, shared := from(r)
	if shared {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, known := g.proven[a]; known {
		return
	}
	if g.proven == nil {
		g.proven = map[netip.Addr]struct{}{}
	}
	if len(g.proven) >= mostProven { // any of them: it proves itself again
		for old := range g.proven {
			delete(g.proven, old)
			break
		}
	}
	g.proven[a] = struct{}{}
}

// tooMany answers 429 and hangs up.
func (g *guesses) tooMany(w http.ResponseWriter) {
	w.Header().Set("Retry-After", strconv.Itoa(60-int(g.now().Unix()%60)))
	w.Header().Set("Connection", "close")
	Problem(w, http.StatusTooManyRequests, "too many wrong keys", "this address has sent too many wrong keys or signatures: wait for a minute, and mend them")
}
