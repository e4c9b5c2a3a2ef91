// Package sourcetest is the suite that each source passes: it kills, repeats, reorders and
// stalls what accepts its events.
package sourcetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/source"
)

// Shop is what a source under test reads from, with a position of its own.
type Shop interface {
	// Place completes orders, of which each event's bytes hold the name somewhere, followed by
	// no letter or digit. It returns when they are to be read.
	Place(t *testing.T, names []string)
	// Open makes the source anew, as a daemon that starts: it goes on where the last one stood.
	Open(t *testing.T) source.Source
	// Taken waits until what reads from it says that everything was acknowledged there, so that a new
	// source would be given nothing; false: it was not within ten seconds.
	Taken(t *testing.T) bool
}

// Repeater is a shop of which some of what was acknowledged comes again at each start, for a reason of its kind: a list of
// orders that is asked for from a little earlier on.
type Repeater interface {
	// Again says why.
	Again() string
}

// patience is how long a step may take that mostly takes milliseconds.
var patience = patienceOf(os.Getenv("WAXWING_TEST_PATIENCE"))

func patienceOf(s string) time.Duration {
	if d, err := time.ParseDuration(s); err == nil {
		return d
	}
	return time.Minute
}

// run is a source that runs.
type run struct {
	t      *testing.T
	cancel context.CancelFunc
	ended  chan error
}

// start opens a source and runs it, anew where it fails, as the daemon does.
func start(t *testing.T, shop Shop, accept source.Accept) *run {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &run{t, cancel, make(chan error, 1)}
	x := shop.Open(t)
	go func() {
		for {
			err := x.Run(ctx, accept)
			if ctx.Err() != nil {
				r.ended <- err
				return
			}
			t.Log("the source ended and is run again:", err)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	return r
}

// stop ends it and waits for it.
func (r *run) stop() {
	r.t.Helper()
	r.cancel()
	select {
	case err := <-r.ended:
		if err != nil {
			r.t.Errorf("a source whose context ended returned an error: %v", err)
		}
	case <-time.After(patience):
		r.t.Fatal("a source whose context ended does not return")
	}
}

// ledger is what has accepted events. It is as careful as one: who asks again has the same answer.
type ledger struct {
	mu    sync.Mutex
	names []string // that are to come
	seen  map[string]int
	alien []string
	more  chan struct{}
	// before may fail or hold an event, which is then not in the ledger.
	before func(ctx context.Context, n int) error
	n      int
}

func newLedger(names []string, before func(ctx context.Context, n int) error) *ledger {
	return &ledger{names: names, seen: map[string]int{}, more: make(chan struct{}, 1), before: before}
}

func (l *ledger) accept(ctx context.Context, _ waxwing.TenantID, _ waxwing.ShopID, _ string, raw []byte) (waxwing.Receipt, error) {
	l.mu.Lock()
	l.n++
	n := l.n
	l.mu.Unlock()
	if l.before != nil {
		if err := l.before(ctx, n); err != nil {
			return waxwing.Receipt{}, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	name := nameIn(string(raw), l.names)
	if name == "" {
		l.alien = append(l.alien, string(raw))
	} else {
		l.seen[name]++
	}
	select {
	case l.more <- struct{}{}:
	default:
	}
	return waxwing.Receipt{New: l.seen[name] == 1}, nil
}

func nameIn(raw string, names []string) string {
	for _, n := range names {
		if i := strings.Index(raw, n); i >= 0 {
			if rest := raw[i+len(n):]; rest == "" || !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789", rune(rest[0])) {
				return n
			}
		}
	}
	return ""
}

// all waits until every name was seen.
func (l *ledger) all(t *testing.T, names []string) {
	t.Helper()
	end := time.After(patience)
	for {
		l.mu.Lock()
		missing := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return l.seen[n] > 0 })
		alien := slices.Clone(l.alien)
		l.mu.Unlock()
		if len(alien) > 0 {
			t.Fatalf("an event of no order that was placed: %.200s", alien[0])
		}
		if len(missing) == 0 {
			return
		}
		select {
		case <-l.more:
		case <-end:
			t.Fatalf("%d of %d orders never came, %s among them", len(missing), len(names), missing[0])
		}
	}
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.seen)
}

func names(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s%dz", prefix, i)
	}
	return out
}

var errDisk = fmt.Errorf("the disk is full: %w", waxwing.ErrUnavailable)

// Conform holds a source to what package source promises. open gives each story a shop of its own.
func Conform(t *testing.T, open func(t *testing.T) Shop) {
	t.Run("EachOrderComes", func(t *testing.T) { each(t, open(t)) })
	t.Run("NothingIsForgottenBeforeItIsOnDisk", func(t *testing.T) { killed(t, open(t)) })
	t.Run("WhatTheLedgerCannotTakeComesAgain", func(t *testing.T) { refused(t, open(t)) })
	t.Run("WhatTakesLongIsWaitedFor", func(t *testing.T) { stalled(t, open(t)) })
	t.Run("ItEndsWhileAnEventIsHeld", func(t *testing.T) { held(t, open(t)) })
	t.Run("AStrangeShopLosesNothing", func(t *testing.T) { strange(t, open(t)) })
}

// each: what is placed before and while it runs comes, and what came is acknowledged: the next start is given nothing.
func each(t *testing.T, shop Shop) {
	want := names("each", 120)
	l := newLedger(want, nil)
	r := start(t, shop, l.accept)
	shop.Place(t, want[:40])
	l.all(t, want[:40])
	shop.Place(t, want[40:80])
	r.stop()
	shop.Place(t, want[80:]) // while nobody reads
	r = start(t, shop, l.accept)
	l.all(t, want)
	if !shop.Taken(t) {
		t.Error("what is on disk is not acknowledged")
	}
	r.stop()
	again := newLedger(want, nil)
	r = start(t, shop, again.accept)
	last := names("last", 1)
	again.names = append(again.names, last...)
	shop.Place(t, last)
	again.all(t, last)
	r.stop()
	if x, ok := shop.(Repeater); ok {
		t.Logf("%d orders came again: %s", again.count()-1, x.Again())
		return
	}
	if n := again.count() - 1; n > 0 {
		t.Errorf("%d orders that were acknowledged came again", n)
	}
}

// killed: a process that ends in the middle has made some events durable and not others, in no order;
// whatever was not comes at the next start.
func killed(t *testing.T, shop Shop) {
	want := names("kill", 200)
	rest := slices.Clone(want)
	durable := map[string]bool{}
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test repeats
	for round := 0; len(durable) < len(want); round++ {
		if round > 60 {
			t.Fatalf("%d of %d orders came in 60 starts", len(durable), len(want))
		}
		if len(rest) > 0 {
			n := min(20, len(rest))
			shop.Place(t, rest[:n])
			rest = rest[n:]
		}
		limit, dead := 5+rnd.IntN(20), make(chan struct{})
		var once sync.Once
		l := newLedger(want, func(ctx context.Context, n int) error {
			if n%7 == 3 || n > limit { // it was under way at the end, whatever came after it
				if n > limit {
					once.Do(func() { close(dead) })
				}
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
		r := start(t, shop, l.accept)
		select {
		case <-dead:
		case <-time.After(3 * time.Second): // fewer than the limit were left, or the window is full
		}
		r.stop()
		for n := range l.seen {
			durable[n] = true
		}
		if len(l.alien) > 0 {
			t.Fatalf("an event of no order that was placed: %.200s", l.alien[0])
		}
		if len(rest) == 0 && round > 10 { // the last start has no accidents
			l = newLedger(want, nil)
			r = start(t, shop, l.accept)
			var left []string
			for _, n := range want {
				if !durable[n] {
					left = append(left, n)
				}
			}
			l.all(t, left)
			r.stop()
			return
		}
	}
}

// refused: a ledger that is full now and then.
func refused(t *testing.T, shop Shop) {
	want := names("full", 60)
	l := newLedger(want, func(_ context.Context, n int) error {
		if n%3 == 1 {
			return errDisk
		}
		return nil
	})
	r := start(t, shop, l.accept)
	shop.Place(t, want)
	l.all(t, want)
	if !shop.Taken(t) {
		t.Error("what is on disk is not acknowledged")
	}
	r.stop()
}

// stalled: one event takes a second, and those after it do not overtake its acknowledgement.
func stalled(t *testing.T, shop Shop) {
	want := names("slow", 40)
	l := newLedger(want, func(ctx context.Context, n int) error {
		if n == 5 {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	r := start(t, shop, l.accept)
	shop.Place(t, want)
	l.all(t, want)
	r.stop()
}

// held: a ledger that does not answer does not keep a daemon from ending.
func held(t *testing.T, shop Shop) {
	want := names("held", 5)
	reached := make(chan struct{}, 1)
	l := newLedger(want, func(ctx context.Context, _ int) error {
		select {
		case reached <- struct{}{}:
		default:
		}
		<-ctx.Done()
		return ctx.Err()
	})
	r := start(t, shop, l.accept)
	shop.Place(t, want)
	select {
	case <-reached:
	case <-time.After(patience):
		t.Fatal("no event came")
	}
	r.stop()
	l = newLedger(want, nil)
	r = start(t, shop, l.accept)
	l.all(t, want)
	r.stop()
}

// strange: while the configuration lacks the shop nothing is lost, and when it has it everything comes.
func strange(t *testing.T, shop Shop) {
	want := names("odd", 10)
	var mu sync.Mutex
	tried := 0
	r := start(t, shop, func(context.Context, waxwing.TenantID, waxwing.ShopID, string, []byte) (waxwing.Receipt, error) {
		mu.Lock()
		defer mu.Unlock()
		tried++
		return waxwing.Receipt{}, fmt.Errorf("shop: %w", waxwing.ErrNotFound)
	})
	shop.Place(t, want)
	end := time.Now().Add(patience)
	for {
		mu.Lock()
		n := tried
		mu.Unlock()
		if n > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no event came")
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.stop()
	l := newLedger(want, nil)
	r = start(t, shop, l.accept)
	l.all(t, want)
	r.stop()
}

// Log is a source in memory: what a source at its simplest is, for tests of the suite and of others.
type Log struct {
	mu     sync.Mutex
	events [][]byte
	at     int // acknowledged
	more   chan struct{}
	// Careless acknowledges what is not on disk yet. The suite must find it.
	Careless bool
}

// NewLog makes an empty one.
func NewLog() *Log { return &Log{more: make(chan struct{}, 1)} }

// Place is Shop's.
func (g *Log) Place(_ *testing.T, names []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range names {
		g.events = append(g.events, []byte(`{"id":"`+n+`"}`))
	}
	select {
	case g.more <- struct{}{}:
	default:
	}
}

// Taken is Shop's.
func (g *Log) Taken(*testing.T) bool {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		g.mu.Lock()
		at, n := g.at, len(g.events)
		g.mu.Unlock()
		if at == n {
			return true
		}
	}
	return false
}

// Open is Shop's.
func (g *Log) Open(*testing.T) source.Source { return (*reader)(g) }

type reader Log

// Run reads from the acknowledged place on.
func (g *reader) Run(ctx context.Context, accept source.Accept) error {
	w := source.NewWindow(ctx, accept, 8, func(at int) {
		g.mu.Lock()
		g.at = max(g.at, at)
		g.mu.Unlock()
	})
	g.mu.Lock()
	next := g.at
	g.mu.Unlock()
	for {
		g.mu.Lock()
		events := g.events[next:]
		g.mu.Unlock()
		for _, e := range events {
			next++
			if g.Careless {
				g.mu.Lock()
				g.at = next
				g.mu.Unlock()
			}
			if w.Put(next, source.Event{Tenant: "acme", Shop: "web", Raw: e}) != nil {
				return w.Close()
			}
		}
		select {
		case <-g.more:
		case <-w.Context().Done():
			return w.Close()
		}
	}
}
