package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
)

// houseEnv is where a child finds Mailgun.
const houseEnv = "WAXWING_TORTURE_MAILGUN"

// asking is what came of the doubts of a storm.
type asking struct{ doubts, taken, marked, absent, unknown, copies int }

// TestTortureAsked kills the daemon while it sends by mailgun-go's mock server, which loses answers,
// drops connections, tells of a tenth of its mails late and now and then of nothing: no order is
// lost, no copy goes unmarked, and what is in doubt is resolved by asking.
func TestTortureAsked(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	rng, seed := tortureSeeded(t)
	orders, kills := 400, 8
	if *tortureFull {
		orders, kills = 5_000, 50
	}
	t.Logf("%d orders, %d kills: go test ./cmd/waxwing -run TestTortureAsked -torture.full -torture.seed=%d", orders, kills, seed)
	x := newTorture(t, sink.Faults{})
	h := newMailhouse(t)
	var mu sync.Mutex
	chance := func(p float64) bool {
		mu.Lock()
		defer mu.Unlock()
		return rng.Float64() < p
	}
	h.plan = func(sink.Question) (a sink.Answer) {
		switch {
		case chance(.03):
			a.Lost = true
		case chance(.01):
			a.Drop = true
		case chance(.02):
			a.Code, a.Text = 503, `{"message":"not now"}`
		}
		a.Delay = 10 * time.Millisecond
		return a
	}
	h.late = func(string) time.Duration {
		if chance(.1) {
			return 3 * time.Second
		}
		return 0
	}
	h.silent = func(string) bool { return chance(.1) }
	h.took = func(to, id string) {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.truth[to]++
		if x.ids[to] == nil {
			x.ids[to] = map[string]int{}
		}
		x.ids[to][id]++
	}
	t.Setenv(houseEnv, h.srv.URL)
	began := time.Now()
	j := x.storm(rand.New(rand.NewPCG(seed, 9)), kills, orders)
	took := time.Since(began)
	a := x.answered(t)
	if a.doubts > 10 && a.taken == 0 {
		t.Error("no doubt was resolved by asking")
	}
	t.Logf("| orders | kills | lost | unmarked duplicates | answers lost | found by asking: sent once | sent again, marked | answers absent | answers unknown | copies that arrived | took |")
	t.Logf("| %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %s |", orders, kills, j.lost, j.silent, a.doubts, a.taken, a.marked, a.absent, a.unknown, a.copies, took.Round(time.Second))
}

// answered counts what the trail says of asking, and the copies by the truth's books.
func (x *torture) answered(t *testing.T) (a asking) {
	l, err := sqlite.Open(context.Background(), sqlite.Options{Options: ledger.Options{Dir: x.dir}, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for to, ids := range x.byRecipient(l) {
		v, err := one(l, ids)
		if err != nil {
			t.Fatal(err)
		}
		a.copies += max(x.truth[to]-1, 0)
		for _, m := range v.Messages {
			for _, at := range m.Attempts {
				if at.Verdict == waxwing.UncertainVerdict {
					a.doubts++
				}
			}
		}
		for _, e := range v.Trail {
			if e.Cause == "possible_duplicate" {
				a.marked++
			}
			if e.Cause != "asked" {
				continue
			}
			switch e.Detail["answer"] {
			case waxwing.SaidTaken:
				if a.taken++; e.To != waxwing.Sent || x.truth[to] == 0 {
					t.Errorf("%s was found at its provider and is %q there, which took %d", v.ID, e.To, x.truth[to])
				}
			case waxwing.SaidAbsent:
				a.absent++
			default:
				a.unknown++
			}
		}
	}
	return a
}
