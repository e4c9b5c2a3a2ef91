package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/delivery"
)

// due is a ledger that has nothing but due messages to ask for.
type due struct {
	Ledger
	mu     sync.Mutex // guards asked: workers resolve side by side
	asked  []string
	have   int // due messages
	ids    []waxwing.ID
	limit  int           // of the last DueWork
	ahead  time.Duration // likewise
	atOnce waxwing.ID    // those up to it became due in one millisecond
}

func (d *due) note(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, what)
}

func (d *due) ClaimDue(_ context.Context, ch waxwing.Channel, limit int) (out []*waxwing.Claim, _ error) {
	d.note(fmt.Sprint(limit, " ", ch))
	for i := range min(d.have, limit) {
		out = append(out, &waxwing.Claim{Out: waxwing.Outgoing{Message: waxwing.ID(i + 1), Channel: ch}})
	}
	return out, nil
}

// DueWork: an id became due so many milliseconds after 1970, or all did in one.
func (d *due) DueWork(_ context.Context, since time.Time, ahead time.Duration, limit int) (ids []waxwing.ID, last time.Time, _ error) {
	d.limit, d.ahead = limit, ahead
	for _, id := range d.ids {
		at := time.UnixMilli(int64(id))
		if id <= d.atOnce {
			at = time.UnixMilli(1)
		}
		if !at.Before(since) && len(ids) < limit {
			ids, last = append(ids, id), at
		}
	}
	return ids, last, nil
}

func (d *due) Claim(context.Context, waxwing.ID) (*waxwing.Claim, error) {
	return nil, waxwing.ErrState
}
func (d *due) Resolve(context.Context, *waxwing.Claim, *waxwing.Resolution) error {
	d.note("resolve")
	return nil
}

// says is a provider that gives one answer, when it is let.
type says struct {
	a    waxwing.Attempt
	when chan struct{}
}

func (s says) Offer(context.Context, *waxwing.Outgoing, func() error) waxwing.Attempt {
	if s.when != nil {
		<-s.when
	}
	return s.a
}

// channelOf is a channel with one provider and eight workers; failed: the provider has
// just failed.
func channelOf(t *testing.T, name waxwing.Channel, d *due, p delivery.Provider, failed bool) *channel {
	t.Helper()
	c := delivery.Config{Channel: name, Outbox: d, Meter: noMeter{}, Journal: newJournal(slog.New(slog.DiscardHandler)), Stop: delivery.NewStop(),
		Clock: time.Now, Log: slog.New(slog.DiscardHandler), Providers: []delivery.Named{{Provider: p, Name: "x"}}}
	s, err := delivery.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if failed {
		s.Send(&waxwing.Claim{Out: waxwing.Outgoing{Channel: name}, Faults: 9})
	}
	d.asked = nil
	return &channel{name: name, pool: newPool(8, "send", "", s.Wake), senders: func() []*delivery.Sender { return []*delivery.Sender{s} },
		sender: func(*waxwing.Claim) *delivery.Sender { return s }}
}

// TestRestingMailKeepsNoTextWaiting: each channel is swept by its own health.
func TestRestingMailKeepsNoTextWaiting(t *testing.T) {
	const well, rests, probed = "well", "rests", "probed"
	for _, c := range []struct{ name, email, sms, want string }{
		{"both well", well, well, "8 email, 8 sms"},
		{"mail rests", rests, well, "8 sms"},
		{"mail is probed", probed, well, "4 email, 8 sms"},
		{"texts rest", well, rests, "8 email"},
		{"both rest", rests, rests, ""},
		{"no texts", rests, "", ""},
		{"no texts, mail is well", well, "", "8 email"},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &due{}
			x := &sweeper{p: &Parts{Ledger: d}, hops: &hops{}, stop: delivery.NewStop()}
			var all []*channel
			bad := says{a: waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault, Bad: true}}
			for _, want := range []string{probed, well, rests} { // the first have time to become so
				for name, state := range map[waxwing.Channel]string{waxwing.Email: c.email, waxwing.SMS: c.sms} {
					if state == want {
						all = append(all, channelOf(t, name, d, bad, state != well))
					}
				}
				if want == probed {
					time.Sleep(time.Minute)
				}
			}
			for _, name := range []waxwing.Channel{waxwing.Email, waxwing.SMS} {
				for _, ch := range all {
					if ch.name == name {
						x.sweepMessages(ch)
					}
				}
			}
			if got := strings.Join(d.asked, ", "); got != c.want {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
		})
	}
}

// TestSweepClaimsWhatItCanSend: as many as there are free workers; where there are more,
// newcomers are turned away until the sweeper has found all.
func TestSweepClaimsWhatItCanSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &due{have: 20}
		x := &sweeper{p: &Parts{Ledger: d}, hops: &hops{}, stop: delivery.NewStop()}
		p := says{a: waxwing.Attempt{Verdict: waxwing.Accepted}, when: make(chan struct{})}
		ch := channelOf(t, waxwing.Email, d, p, false)
		if !x.sweepMessages(ch) {
			t.Error("there are more than eight")
		}
		synctest.Wait()
		if !x.sweepMessages(ch) || len(d.asked) != 1 {
			t.Errorf("asked %v while all are busy", d.asked)
		}
		if ch.pool.offer(99, "") {
			t.Error("a newcomer overtakes them")
		}
		close(p.when)
		synctest.Wait()
		d.have = 0
		x.sweepMessages(ch) // it was told of the newcomer
		if x.sweepMessages(ch) || !ch.pool.offer(99, "") {
			t.Error("all were found: newcomers are let in")
		}
		synctest.Wait()
		// Two work on a message at once never: the claim goes back.
		d.have, d.asked = 1, nil
		gate := make(chan struct{})
		ch.pool.reserve(1)
		ch.pool.start(1, "", func(waxwing.ID) { <-gate })
		synctest.Wait()
		x.sweepMessages(ch)
		if got := strings.Join(d.asked, ", "); got != "7 email, resolve" {
			t.Errorf("asked %q", got)
		}
		close(gate)
		synctest.Wait()
		if n := ch.pool.reserve(9); n != 8 {
			t.Errorf("%d of eight workers are free", n)
		}
		ch.pool.close()
		synctest.Wait()
	})
}

// TestSweepOrders: the sweeper fills the queue, and goes on behind what it has brought.
func TestSweepOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &due{}
		for i := range 100 {
			d.ids = append(d.ids, waxwing.ID(i+1))
		}
		g := newGatedWork()
		x := &sweeper{p: &Parts{Ledger: d}, hops: &hops{}, stop: delivery.NewStop(), orders: newPool(2, "test", "", g.work)}
		if !x.sweepOrders() || d.limit != 10 {
			t.Errorf("there are more than ten; it asked for %d", d.limit)
		}
		g.want(t, "two workers", 1, 2)
		g.finish(1, 2)
		d.ids = d.ids[2:]
		x.sweepOrders()
		if d.limit != 2 { // eight are known
			t.Errorf("it asked for %d", d.limit)
		}
		d.ids = nil   // they are all known
		for range 2 { // to the end, and once more from the beginning
			x.sweepOrders()
		}
		if x.sweepOrders() || x.orders.behind {
			t.Error("all that is due is known")
		}
		for id := range waxwing.ID(12) {
			g.gate(id + 1) <- struct{}{}
		}
		synctest.Wait()
		x.orders.close()
	})
}

// TestSweepPassesOverWhatFails: orders that stay due, since nothing can become of them now,
// keep no others waiting.
func TestSweepPassesOverWhatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &due{}
		for i := range 1000 {
			d.ids = append(d.ids, waxwing.ID(i+1))
		}
		done := make(map[waxwing.ID]int)
		var mu sync.Mutex
		x := &sweeper{p: &Parts{Ledger: d}, hops: &hops{}, stop: delivery.NewStop(), orders: newPool(2, "test", "", func(id waxwing.ID) {
			mu.Lock()
			defer mu.Unlock()
			done[id]++ // and it stays due
		})}
		for range 150 {
			x.sweepOrders()
			synctest.Wait()
		}
		for _, id := range d.ids {
			if done[id] == 0 {
				t.Fatalf("%d was not worked on, but 1 was %d times", int64(id), done[1])
			}
		}
		x.orders.close()
	})
}

// TestSweepTakesAllOfAMillisecond: a group commit makes more orders due at once than there
// is room for. All of them are worked on before those that came later.
func TestSweepTakesAllOfAMillisecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &due{atOnce: 40}
		for i := range 80 {
			d.ids = append(d.ids, waxwing.ID(i+1))
		}
		g := newGatedWork()
		x := &sweeper{p: &Parts{Ledger: d}, hops: &hops{}, stop: delivery.NewStop(), orders: newPool(2, "test", "", g.work)}
		for id := range waxwing.ID(80) {
			for range 3 { // the sweeper comes often, and finds little room
				x.sweepOrders()
			}
			g.finish(id + 1)
			d.ids = d.ids[1:] // it is ready
		}
		if len(g.began) != 80 {
			t.Errorf("%d of 80 were worked on", len(g.began))
		}
		for i, id := range g.began {
			if i < 40 && id > 40 {
				t.Fatalf("%d was worked on as number %d", int64(id), i+1)
			}
		}
		x.orders.close()
	})
}

// TestSweepPassesOverAMillisecond of which nothing comes, be it more than there is room for.
func TestSweepPassesOverAMillisecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &due{atOnce: 40}
		for i := range 40 {
			d.ids = append(d.ids, waxwing.ID(i+1))
		}
		x := &sweeper{p: &Parts{Ledger: d}, hops: &hops{}, stop: delivery.NewStop(), orders: newPool(2, "test", "", func(waxwing.ID) {})}
		for range stillAtMost + 1 {
			x.sweepOrders()
			synctest.Wait()
		}
		if x.swept != time.UnixMilli(2) {
			t.Errorf("it stands at %s", x.swept)
		}
		x.orders.close()
	})
}

// TestSweepLooksAgain: a message that was turned away a moment ago may not be seen yet, and is not
// left until the next round.
func TestSweepLooksAgain(t *testing.T) {
	x, ch := &sweeper{begun: time.Now()}, channelOf(t, waxwing.Email, &due{}, says{}, false)
	if d := x.restOf(ch); d <= lookAgain {
		t.Errorf("nobody was turned away: rests %v", d)
	}
	ch.pool.turnNext()
	if d := x.restOf(ch); d > lookAgain {
		t.Errorf("somebody was turned away: rests %v", d)
	}
	if ch.pool.turnedWithin(0) {
		t.Error("it is remembered for ever")
	}
}

// TestSweepLooksAhead: orders that were turned away are nobody's, and are looked for before the
// ledger counts them as left behind.
func TestSweepLooksAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &due{}
		x := &sweeper{p: &Parts{Ledger: d}, hops: &hops{}, stop: delivery.NewStop(), orders: newPool(2, "test", "", func(waxwing.ID) {})}
		for _, c := range []struct {
			what   string
			turned int
			ahead  time.Duration
		}{{"no backlog", 0, 0}, {"somebody was turned away", 1, aheadBy}, {"all were found", 0, 0}} {
			for range c.turned {
				x.orders.turnNext()
			}
			if d.ahead = -1; x.sweepOrders() || d.ahead != c.ahead {
				t.Errorf("%s: it looked %s ahead", c.what, d.ahead)
			}
		}
		x.orders.close()
	})
}

// tells is a ledger of which other processes tell when they leave something in it.
type tells struct {
	*due
	told chan struct{}
}

func (l tells) Told() <-chan struct{} { return l.told }

func (l tells) EndDue(context.Context) (bool, error) { return false, nil }

func (l tells) DueHolds(context.Context, int) ([]waxwing.ID, error) { return nil, nil }

// TestLooksWhenItIsTold: what another process left is looked for at once, also what is hidden for a
// while from those who look each second.
func TestLooksWhenItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := tells{&due{}, make(chan struct{}, 1)}
		stop := delivery.NewStop()
		x := &sweeper{p: &Parts{Ledger: l, Clock: time.Now}, hops: &hops{}, stop: stop}
		done := make(chan waxwing.ID, 1)
		x.orders = newPool(1, "render", "", func(id waxwing.ID) { done <- id })
		x.channels = map[waxwing.Channel]*channel{waxwing.Email: channelOf(t, waxwing.Email, l.due, says{}, false)}
		x.sweep()
		time.Sleep(10 * time.Second) // nothing is due
		synctest.Wait()
		time.Sleep(x.rest(sweepEvery) + 10*time.Millisecond) // a look was just taken
		synctest.Wait()
		l.mu.Lock()
		l.asked, l.ids = nil, []waxwing.ID{7}
		l.mu.Unlock()
		began := time.Now()
		l.told <- struct{}{}
		if id := <-done; id != 7 || time.Since(began) != 0 || l.ahead != aheadBy {
			t.Errorf("order %d was found after %s, looking %s ahead", id, time.Since(began), l.ahead)
		}
		time.Sleep(hiddenFor)
		stop.Begin()
		x.loops.Wait()
		x.orders.close()
		x.channels[waxwing.Email].pool.close()
		if n := len(l.asked); n < int(hiddenFor/lookAgain) {
			t.Errorf("messages were looked for %d times while they may be hidden", n)
		}
	})
}

// TestStrangersKeepNobodyWaiting: orders of tenants that nobody knows here stay due. More of them than
// there is room for are looked at now and then, and not all the time, and fresh ones come in between.
func TestStrangersKeepNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 2000
		d, all := &due{}, &strangers{}
		for i := range n {
			d.ids = append(d.ids, waxwing.ID(i+1))
		}
		var mu sync.Mutex
		worked := 0
		x := &sweeper{p: &Parts{Ledger: d, Clock: time.Now}, hops: &hops{}, stop: delivery.NewStop(), strangers: all}
		x.orders = newPool(64, "test", "", func(id waxwing.ID) {
			mu.Lock()
			defer mu.Unlock()
			worked++
			if _, room := all.put(id, "gone", time.Now()); !room {
				t.Error("there is no room for so few")
			}
		})
		sweeps := func() (n int) {
			for n = 1; x.sweepOrders(); n++ {
				if synctest.Wait(); n > 10*len(d.ids) {
					t.Fatal("it begins anew without end")
				}
			}
			synctest.Wait()
			return n
		}
		if sweeps(); worked < n {
			t.Errorf("%d of %d were looked at", worked, n)
		}
		before := worked
		if sweeps(); worked != before {
			t.Errorf("%d are looked at again at once", worked-before)
		}
		time.Sleep(strangerRest)
		if sweeps(); worked != before+n {
			t.Errorf("%d of %d are looked at when they have rested", worked-before, n)
		}
		x.orders.close()
	})
	s := &strangers{}
	for i := range mostStrangers {
		s.put(waxwing.ID(i+1), "gone", time.Now())
	}
	if _, ok := s.put(1, "gone", time.Now()); !ok {
		t.Error("one that is among them has no room")
	}
	if _, ok := s.put(mostStrangers+1, "gone", time.Now()); ok {
		t.Error("they grow without end")
	}
	s.gone(1)
	if _, ok := s.put(mostStrangers+1, "gone", time.Now()); !ok {
		t.Error("one that is gone leaves no room")
	}
	if _, ok := s.put(mostStrangers+2, "gone", time.Now().Add(3*strangerRest)); !ok || len(s.till) != 1 {
		t.Errorf("%d that were not met again take the room", len(s.till))
	}
}
