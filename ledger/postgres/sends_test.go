package postgres

import (
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/ledgertest"
)

// sealedMail has an instance take an order in and render it, and gives what a queue carries of it.
func sealedMail(t *testing.T, l *Ledger, order string) (msg waxwing.ID, sealed []byte) {
	t.Helper()
	ctx := t.Context()
	rc, err := l.Accept(ctx, &waxwing.Event{Tenant: "acme", Shop: "web", Source: "webhook", Format: "generic", Topic: "order", Raw: []byte(order), At: time.Now(),
		Key: waxwing.EventKey{OrderID: order}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := l.Work(ctx, rc.ID)
	if err != nil {
		t.Fatal(err)
	}
	drafts := []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Queued, From: "orders@acme.example", To: ledgertest.Person, Data: []byte("Thank you, " + order)}}
	ids, err := l.Ready(ctx, w, drafts, waxwing.Lookup{People: []string{ledgertest.Person}}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return ids[0], drafts[0].Sealed
}

// TestPostgresSends: an instance that only sends has one connection, with which it does three
// commits an order and reads nothing besides; it finds the server again, is no part of a share, and
// leaves the dead to others.
func TestPostgresSends(t *testing.T) {
	dsn := running(t).database(t)
	first := beside(t, dsn, t.TempDir(), nil)
	o := options(dsn, t.TempDir(), nil, "resend")
	o.Sends, o.quiet = true, true
	worker := opened(t, o)
	send := func(order string) {
		t.Helper()
		msg, sealed := sealedMail(t, first, order)
		c, err := worker.ClaimCarried(t.Context(), msg, sealed)
		if err != nil {
			t.Fatal(err)
		}
		if string(c.Out.Data) != "Thank you, "+order {
			t.Errorf("it has %q", c.Out.Data)
		}
		if err := worker.CommitDot(t.Context(), c, "mail"); err != nil {
			t.Fatal(err)
		}
		r := waxwing.Resolution{To: waxwing.Sent, Attempt: waxwing.Attempt{Provider: "mail", Verdict: waxwing.Accepted, Phase: waxwing.PhaseDot, Code: 250, Reply: "250 ok"}}
		if err := worker.Resolve(t.Context(), c, &r); err != nil {
			t.Fatal(err)
		}
	}
	send("0") // connections are made, and dictionaries learnt
	acquired, trips, statements := worker.write.Stat().AcquireCount(), worker.trips.Load(), worker.statements.Load()
	const orders = 10
	for i := range orders {
		send(string(rune('a' + i)))
	}
	if n := worker.write.Stat().AcquireCount() - acquired; n != 3*orders {
		t.Errorf("%d orders took the connection %d times, want 3 commits each and no read", orders, n)
	}
	if n := worker.write.Stat().TotalConns(); n != 1 || worker.pool != worker.write {
		t.Errorf("it has %d connections", n)
	}
	t.Logf("an order alone: 3 commits, %.1f round trips, %.1f statements", float64(worker.trips.Load()-trips)/orders, float64(worker.statements.Load()-statements)/orders)
	if x := first.Share(t.Context()); x != nil {
		t.Errorf("the others leave it a share: %+v", x)
	}
	// Its connection is lost: the next to use it notices, be it a commit or a read.
	cut := func() {
		for _, c := range worker.write.AcquireAllIdle(t.Context()) {
			if err := c.Conn().PgConn().Conn().Close(); err != nil {
				t.Error(err)
			}
			c.Release()
		}
	}
	cut()
	send("after a cut")
	msg, _ := sealedMail(t, first, "as a reference")
	cut()
	c, err := worker.Claim(t.Context(), msg)
	if err != nil || string(c.Out.Data) != "Thank you, as a reference" {
		t.Fatalf("%v, %v", c, err)
	}
	if err := worker.Beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := worker.Close(); err != nil {
		t.Error(err)
	}
	audited(t, first)
}

// TestApart: an instance's ids are no running one's, whose number may be the same in what they keep of it.
func TestApart(t *testing.T) {
	for _, c := range []struct {
		number  int64
		running []int64
		want    int64
	}{{7, nil, 7}, {7, []int64{6}, 7}, {1025, []int64{1, 1000}, 1026}, {1025, []int64{1, 2, 3}, 1028}, {2049, []int64{1026, 3}, 2049}} {
		if got := apart(c.number, c.running); got != c.want {
			t.Errorf("%d beside %v becomes %d, want %d", c.number, c.running, got, c.want)
		}
	}
}
