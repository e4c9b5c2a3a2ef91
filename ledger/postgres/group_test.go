package postgres

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
)

// TestPostgresRoundTrips: a group's commits are sets of rows, however many orders are in it.
func TestPostgresRoundTrips(t *testing.T) {
	const orders = 64
	clock := func() time.Time { return time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC) }
	l := beside(t, running(t).database(t), t.TempDir(), clock)
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	ids := make([]waxwing.ID, orders)
	works := make([]*waxwing.Work, orders)
	claims := make([]*waxwing.Claim, orders)
	together := func(name string, statements int64, f func(n int) error) {
		t.Helper()
		trips, said := grouped(t, l, orders, f)
		t.Logf("%s: %d orders in %d round trips, %d statements", name, orders, trips, said)
		if trips != 2 || said > statements {
			t.Errorf("%s: %d round trips and %d statements, want 2 and at most %d", name, trips, said, statements)
		}
	}
	together("accept", 10, func(n int) error {
		rc, err := l.Accept(t.Context(), &waxwing.Event{Tenant: "acme", Shop: "web", Source: "webhook", Format: "generic", Topic: "order",
			Raw: fmt.Appendf(nil, `{"id":"%d"}`, n), At: clock(), Key: waxwing.EventKey{OrderID: fmt.Sprint(n)}})
		ids[n] = rc.ID
		return err
	})
	for n := range works {
		w, err := l.Work(t.Context(), ids[n])
		if err != nil {
			t.Fatal(err)
		}
		works[n] = w
	}
	together("ready", 12, func(n int) error {
		got, err := l.Ready(t.Context(), works[n], []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Queued, From: "orders@acme.example",
			To: fmt.Sprintf("jane%d@customer.example", n), Data: []byte("Thank you.\r\n"), Locale: "en"}}, waxwing.Lookup{Order: []string{fmt.Sprint(n)}}, time.Hour)
		if err == nil {
			ids[n] = got[0]
		}
		return err
	})
	together("claim", 10, func(n int) (err error) {
		claims[n], err = l.Claim(t.Context(), ids[n])
		return err
	})
	together("dot", 10, func(n int) error { return l.CommitDot(t.Context(), claims[n], "mail") })
	together("verdict", 13, func(n int) error {
		return l.Resolve(t.Context(), claims[n], &waxwing.Resolution{To: waxwing.Sent, Attempt: waxwing.Attempt{Provider: "mail", Verdict: waxwing.Accepted,
			Phase: waxwing.PhaseDot, Code: 250, Reply: "250 ok"}})
	})
	audited(t, l)
}

// grouped runs f so many times in one group, and tells what the server had to do for it.
func grouped(t *testing.T, l *Ledger, n int, f func(n int) error) (trips, statements int64) {
	t.Helper()
	entered, leave := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() { // while this group is under way, all that come are the next one
		if err := l.Do(t.Context(), func(context.Context, *ledger.Group) error {
			close(entered)
			<-leave
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
	<-entered
	for i := range n {
		all.Go(func() {
			if err := f(i); err != nil {
				t.Error(err)
			}
		})
	}
	for l.Waiting() < n {
		runtime.Gosched()
	}
	trips, statements = l.trips.Load(), l.statements.Load()
	close(leave)
	all.Wait()
	return l.trips.Load() - trips, l.statements.Load() - statements
}
