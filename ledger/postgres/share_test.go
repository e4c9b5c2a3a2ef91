package postgres

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/view"
)

// taken records events of orders that nobody works on.
func taken(t *testing.T, l *Ledger, from, n int, at time.Time) (ids []waxwing.ID) {
	t.Helper()
	for i := range n {
		order := fmt.Sprint(from + i)
		raw := fmt.Sprintf(`{"id":%q,"email":"jana@example.com"}`, order)
		rc, err := l.Accept(t.Context(), &waxwing.Event{Tenant: "acme", Shop: "web", Source: "webhook", Format: "generic", Topic: "orders/paid", Raw: []byte(raw), At: at,
			Key: waxwing.EventKey{OrderID: order, UpdatedAt: at}})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, rc.ID)
	}
	return ids
}

// TestPostgresShares: what one instance took in another leaves to it, unless it does not get
// to it, or is dead; and nothing of a dead one's is nobody's.
func TestPostgresShares(t *testing.T) {
	dsn := running(t).database(t)
	var now atomic.Int64
	now.Store(time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC).UnixMilli())
	clock := func() time.Time { return time.UnixMilli(now.Load()).UTC() }
	later := func(d time.Duration) { now.Add(d.Milliseconds()) }
	var all []*Ledger
	for range 3 {
		all = append(all, beside(t, dsn, t.TempDir(), clock))
	}
	one, two, dead := all[0], all[1], all[2]
	due := func(l *Ledger) []waxwing.ID {
		ids, _, err := l.DueWork(t.Context(), time.Time{}, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(ids)
		return ids
	}
	of1, of2, of3 := taken(t, one, 1000, 5, clock()), taken(t, two, 2000, 5, clock()), taken(t, dead, 3000, 40, clock())
	later(machine.SweepAfter)
	for l, want := range map[*Ledger][]waxwing.ID{one: of1, two: of2, dead: of3} {
		if got := due(l); !slices.Equal(got, want) {
			t.Errorf("instance %d looks for %v, want its own %v", l.Instance(), got, want)
		}
	}
	// Its lease runs out; the others beat.
	for range 4 {
		later(ledger.LeaseFor / 3)
		for _, l := range []*Ledger{one, two} {
			if err := l.Beat(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := append(due(one), due(two)...)
	slices.Sort(got)
	want := slices.Concat(of1, of2, of3)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("together they look for %d, want all %d, each once", len(got), len(want))
	}
	if n := len(due(one)); n <= 5 || n >= 45 {
		t.Errorf("one of two looks for %d of the dead one's 40", n-5)
	}
	// One works off what it looks for, and then helps the other.
	for _, id := range due(one) {
		w, err := one.Work(t.Context(), id)
		if err == nil {
			err = one.Quarantine(t.Context(), w, "a test", waxwing.Lookup{})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	left := due(two)
	later(view.StaleAfter)
	helped := due(one)
	for _, id := range helped {
		if !slices.Contains(left, id) {
			t.Errorf("%s was not left", id)
		}
	}
	if len(helped) == 0 {
		t.Error("nobody helps one that does not get to what it took in")
	}
	for _, l := range all {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}
