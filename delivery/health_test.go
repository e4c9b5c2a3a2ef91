package delivery

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
)

// twoWays are the routes of two tenants through one Health: the first has a provider of its own
// in front of the common one.
func twoWays(t *testing.T, h *Health) (a, b *failover) {
	t.Helper()
	common := Named{Provider: &probed{}, Name: "mail"}
	b, err := h.route([]Named{common})
	if err != nil {
		t.Fatal(err)
	}
	a, err = h.route([]Named{{Provider: &probed{}, Name: "acme/mine", Label: "own:smtp", Own: true}, common})
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

// TestHealthIsShared: what one Sender finds out of a common provider the others know, and of a
// tenant's own nobody else.
func TestHealthIsShared(t *testing.T) {
	now := time.Now()
	h := newHealth(time.Now, nil)
	a, b := twoWays(t, h)
	if a.all[1] != b.all[0] || a.all[0] == b.all[0] {
		t.Fatal("the common provider is two")
	}
	if a.all[0].bit == a.all[1].bit {
		t.Error("one cannot be told from the other")
	}
	if a.label("acme/mine") != "own:smtp" || a.label("mail") != "mail" || a.label("gone") != "gone" {
		t.Error("metrics call them otherwise")
	}
	for range faultsToOpen {
		a.assign(a.all[0])
		a.record(a.all[0], wentBad, 0, now)
	}
	if !a.healthy() || !b.healthy() || a.all[0].healthy() {
		t.Error("a tenant's own fails, and the common one stands in for it")
	}
	if n := h.Count(); n["own:smtp"][ProviderResting] != 1 || n["mail"][ProviderHealthy] != 1 || len(n) != 2 {
		t.Errorf("one is well and one rests, and counted are %v", n)
	}
	for range faultsToOpen {
		b.assign(b.all[0])
		b.record(b.all[0], wentBad, 0, now)
	}
	if a.healthy() || b.healthy() || a.downSince().IsZero() {
		t.Error("both are down")
	}
	if n := h.Count(); n["mail"][ProviderResting] != 1 || n["mail"][ProviderHealthy] != 0 {
		t.Errorf("both rest, and counted are %v", n)
	}
	if b.all[0].slow = true; h.Count()["mail"][ProviderSlow] != 1 {
		t.Errorf("one is slow, and counted are %v", h.Count())
	}
}

// TestOwnProviderSaysNothingOfOthers: that a tenant has one of its own which works does not
// make the common one rest sooner, or longer, for those who have nothing else.
func TestOwnProviderSaysNothingOfOthers(t *testing.T) {
	now := time.Now()
	a, b := twoWays(t, newHealth(time.Now, nil))
	a.assign(a.all[0])
	a.record(a.all[0], wentWell, 0, now)
	a.assign(a.all[1])
	if a.record(a.all[1], wasLost, 0, now); !b.healthy() {
		t.Error("one lost answer rests it, as if all had another")
	}
	a.assign(a.all[1])
	if a.record(a.all[1], wentWell, 5*time.Second, now); !b.healthy() || b.all[0].slow {
		t.Error("it stands back for one that others do not have")
	}
	a.assign(a.all[1])
	if opened, _ := a.record(a.all[1], wentBad, 0, now); opened != firstBackOff {
		t.Errorf("it rests for %s", opened)
	}
}

// TestHealthStays while a provider is the same one, and is forgotten when it is not.
func TestHealthStays(t *testing.T) {
	h := newHealth(time.Now, nil)
	mine := Named{Provider: &probed{}, Name: "acme/mine", Own: true}
	route := func(all ...Named) *failover {
		t.Helper()
		f, err := h.route(all)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	first := route(mine)
	if h.Keep(map[string]bool{"acme/mine": true}); route(mine).all[0] != first.all[0] {
		t.Error("it is another one after a reload that has changed nothing of it")
	}
	changed := mine
	changed.Provider = &probed{well: true}
	if route(changed).all[0] == first.all[0] {
		t.Error("a new account has the old one's health")
	}
	if h.Keep(nil); len(h.own) != 0 {
		t.Error("those of a tenant that is gone are kept")
	}
	// One more in front of it: their bits differ all the same.
	route(mine)
	if f := route(Named{Provider: &probed{}, Name: "acme/before", Own: true}, mine); f.all[0].bit == f.all[1].bit {
		t.Error("one cannot be told from the other")
	}
	var many []Named
	for i := range mostProviders {
		many = append(many, Named{Provider: &probed{}, Name: fmt.Sprint(i)})
	}
	route(many...)
	if _, err := h.route([]Named{mine, many[0]}); err == nil {
		t.Error("there is no bit left")
	}
}

// TestMostKeepsOthersWorkersFree: no more than so many messages are offered at once, and the
// others come back a little apart, within their bounds.
func TestMostKeepsOthersWorkersFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &answers{all: []waxwing.Attempt{taken()}, waits: true}
		b := newBench(t, func(c *Config) { c.Most = 1 }, p)
		done := make(chan struct{})
		go func() { b.Send(message()); close(done) }()
		synctest.Wait()
		var last time.Time
		for n := range 5000 {
			b.Send(message())
			r := b.out.last
			if r.To != waxwing.Queued || r.Reason != "its providers are busy" || r.Attempt.Verdict != "" {
				t.Fatalf("%s: %s", r.To, r.Reason)
			}
			if n < 100 && !r.NextAt.After(last) {
				t.Error("two come back at one moment")
			}
			if last = r.NextAt; last.Before(time.Now().Add(time.Second)) || last.After(time.Now().Add(32*time.Second)) {
				t.Fatalf("it comes back in %s", time.Until(last))
			}
		}
		b.Stop.Withdraw()
		<-done
		if b.Send(message()); b.out.last.Reason == "its providers are busy" {
			t.Error("nobody is busy now")
		}
		b.Stop.Cut()
	})
}
