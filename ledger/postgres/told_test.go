package postgres

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
)

// hears waits until something is told to an instance.
func hears(t *testing.T, l *Ledger, what string) {
	t.Helper()
	select {
	case <-l.Told():
	case <-t.Context().Done():
		t.Fatalf("nobody was told: %s", what)
	}
}

// listens waits until it is known whether an instance can hear anything.
func listens(t *testing.T, all ...*Ledger) {
	t.Helper()
	for _, l := range all {
		select {
		case <-l.tried:
		case <-t.Context().Done():
			t.Fatal("it does not listen")
		}
	}
}

// held has an instance take an order in that waits at the gate.
func held(t *testing.T, l *Ledger, n int) waxwing.ID {
	t.Helper()
	id := taken(t, l, n, 1, time.Now())[0]
	w, err := l.Work(t.Context(), id)
	if err == nil {
		err = l.Hold(t.Context(), w, "a test", time.Now().Add(time.Hour), waxwing.Lookup{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestPostgresTells: what a person asks another instance for, and what one leaves that ends, the others hear of;
// also when the connection was lost by which they do.
func TestPostgresTells(t *testing.T) {
	s := running(t)
	dsn := s.database(t)
	c, err := pgx.ParseConfig(dsn.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	one, two := beside(t, dsn, t.TempDir(), nil), beside(t, dsn, t.TempDir(), nil)
	listens(t, one, two)
	first, next := held(t, one, 1), held(t, one, 2)
	if len(one.Told())+len(two.Told()) != 0 {
		t.Error("the work of each alone is told")
	}
	release := func(id waxwing.ID) {
		t.Helper()
		if err := two.Release(t.Context(), "acme", id, waxwing.Act{By: "jana", Reason: "a test"}); err != nil {
			t.Fatal(err)
		}
	}
	due := func(l *Ledger) []waxwing.ID {
		t.Helper()
		ids, _, err := l.DueWork(t.Context(), time.Time{}, machine.SweepAfter, 100)
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	release(first)
	hears(t, one, "that an order was released")
	if got := due(one); !slices.Contains(got, first) {
		t.Errorf("it finds %v, and not %s", got, first)
	}
	// Its connection is cut: it makes a new one, and looks whether it has missed something.
	var cut int
	if err := s.Ask(t.Context(), c.Database, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'", &cut); err != nil || cut != 2 {
		t.Fatalf("%d connections listened: %v", cut, err)
	}
	release(next)
	hears(t, one, "that a connection was lost, and is there again")
	hears(t, two, "the same")
	if got := due(one); !slices.Contains(got, next) {
		t.Errorf("it finds %v, and not %s", got, next)
	}
	// What one leaves that ends is the other's now, and not in a second.
	left := taken(t, one, 10, 5, time.Now())
	if got := due(two); slices.Contains(got, left[0]) {
		t.Errorf("it looks for what another has at hand: %v", got)
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	for !slices.Contains(due(two), left[0]) {
		hears(t, two, "that an instance has ended")
	}
	for _, id := range append(left, first, next) {
		if got := due(two); !slices.Contains(got, id) {
			t.Errorf("it finds %v, and not %s", got, id)
		}
	}
	audited(t, two)
	if err := two.Close(); err != nil {
		t.Error(err)
	}
}

// TestPostgresTellsNobody: behind a pooler that lends connections for a transaction nothing is heard, and
// work goes on without.
func TestPostgresTellsNobody(t *testing.T) {
	s := running(t)
	c, err := pgx.ParseConfig(s.database(t).Reveal())
	if err != nil {
		t.Fatal(err)
	}
	l := beside(t, s.Pooled(t, 3).DSN(c.Database), t.TempDir(), nil)
	listens(t, l)
	id := held(t, l, 1)
	if err := l.Release(t.Context(), "acme", id, waxwing.Act{By: "jana", Reason: "a test"}); err != nil {
		t.Error(err)
	}
	l.working.Wait() // it listens no more
	audited(t, l)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// TestPostgresTellsNobodyWhereItMayNot: a role that may not tell, as one that finds the server's queue full, does
// what it was asked all the same.
func TestPostgresTellsNobodyWhereItMayNot(t *testing.T) {
	s := running(t)
	dsn := s.database(t)
	c, err := pgx.ParseConfig(dsn.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	s.exec(t, c.Database, "REVOKE EXECUTE ON FUNCTION pg_notify(text, text) FROM PUBLIC")
	l := beside(t, dsn, t.TempDir(), nil)
	for n := range 2 {
		id := held(t, l, n)
		if err := l.Release(t.Context(), "acme", id, waxwing.Act{By: "jana", Reason: "a test"}); err != nil {
			t.Errorf("release %d: %v", n, err)
		}
	}
	if !time.Now().Before(l.mute.until) {
		t.Error("it may tell: the test tries nothing")
	}
	audited(t, l)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
