package postgres

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/postgres/postgrestest"
)

// TestPostgresRoundTrips: a group's commits are sets of rows, however many orders are in it.
func TestPostgresRoundTrips(t *testing.T) {
	const orders = 64
	l := beside(t, running(t).database(t), t.TempDir(), anHour)
	pass(t, l, orders, "r", func(name string, statements int64, f func(n int) error) {
		t.Helper()
		trips, said := grouped(t, l, orders, f)
		t.Logf("%s: %d orders in %d round trips, %d statements", name, orders, trips, said)
		if trips != 2 || said > statements {
			t.Errorf("%s: %d round trips and %d statements, want 2 and at most %d", name, trips, said, statements)
		}
	})
	audited(t, l)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// TestPostgresLargeTables: what an order needs is looked for by indexes, and not compiled, however large
// the planner believes the tables to be.
func TestPostgresLargeTables(t *testing.T) {
	s := &server{postgrestest.Own(t, "shared_preload_libraries = 'pg_stat_statements'", "autovacuum = off")}
	dsn := s.database(t)
	c, err := pgx.ParseConfig(dsn.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	passed := func(prefix string) {
		t.Helper()
		l := beside(t, dsn, t.TempDir(), anHour)
		pass(t, l, 8, prefix, func(_ string, _ int64, f func(n int) error) { grouped(t, l, 8, f) })
		if err := l.Close(); err != nil { // and what it did is counted
			t.Error(err)
		}
	}
	passed("few")
	const large = "relname IN ('confirmations','events','messages','contents','attempts','lookups')"
	ask := func(q string) (n int64) {
		if err := s.Ask(t.Context(), c.Database, q, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	s.exec(t, c.Database, "CREATE EXTENSION pg_stat_statements; ANALYZE; UPDATE pg_class SET reltuples = 3e7, relpages = 1 WHERE "+large+"; SELECT pg_stat_reset()")
	passed("many")
	if n := ask("SELECT sum(jit_functions)::bigint FROM pg_stat_statements"); n != 0 {
		t.Errorf("%d functions were compiled", n)
	}
	if n := ask("SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables WHERE " + large); n != 0 {
		t.Errorf("%d rows were read by going through a whole table", n)
	}
}

// anHour is a clock that stands still.
func anHour() time.Time { return time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC) }

// pass takes orders from their events to their verdicts. A step is all of theirs, and how many statements they may take
// together.
func pass(t *testing.T, l *Ledger, orders int, prefix string, step func(name string, statements int64, f func(n int) error)) {
	t.Helper()
	ids := make([]waxwing.ID, orders)
	works := make([]*waxwing.Work, orders)
	claims := make([]*waxwing.Claim, orders)
	step("accept", 10, func(n int) error {
		rc, err := l.Accept(t.Context(), &waxwing.Event{Tenant: "acme", Shop: "web", Source: "webhook", Format: "generic", Topic: "order",
			Raw: fmt.Appendf(nil, `{"id":"%s%d"}`, prefix, n), At: anHour(), Key: waxwing.EventKey{OrderID: fmt.Sprint(prefix, n)}})
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
	step("ready", 12, func(n int) error {
		got, err := l.Ready(t.Context(), works[n], []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Queued, From: "orders@acme.example",
			To: fmt.Sprintf("jane%d@customer.example", n), Data: []byte("Thank you.\r\n"), Locale: "en"}}, waxwing.Lookup{Order: []string{fmt.Sprint(n)}}, time.Hour)
		if err == nil {
			ids[n] = got[0]
		}
		return err
	})
	step("claim", 10, func(n int) (err error) {
		claims[n], err = l.Claim(t.Context(), ids[n])
		return err
	})
	step("dot", 10, func(n int) error { return l.CommitDot(t.Context(), claims[n], "mail") })
	step("verdict", 13, func(n int) error {
		return l.Resolve(t.Context(), claims[n], &waxwing.Resolution{To: waxwing.Sent, Attempt: waxwing.Attempt{Provider: "mail", Verdict: waxwing.Accepted,
			Phase: waxwing.PhaseDot, Code: 250, Reply: "250 ok"}})
	})
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
