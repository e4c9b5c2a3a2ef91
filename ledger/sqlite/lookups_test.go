package sqlite

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// shopper is an order that names a person.
func shopper(n int, email string) *waxwing.Event {
	ev := event(n)
	ev.Raw = fmt.Appendf(nil, `{"id":"%d","email":%q}`, n, email)
	ev.Lookup = waxwing.Lookup{Order: []string{fmt.Sprint("#", n)}, People: []string{email}, Whole: true}
	return ev
}

// people is a ledger with small segments, and forty orders of four people.
func people(t *testing.T, dir string) (l *Ledger, ids []waxwing.ID) {
	t.Helper()
	l = openTest(t, dir, nil, "resend")
	l.segmentSize = 8
	for n := range 40 {
		rc, err := l.Accept(t.Context(), shopper(n, fmt.Sprintf("p%d@example.com", n%4)))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, rc.ID)
	}
	return l, ids
}

// finds lists what a query finds, the oldest first.
func finds(t *testing.T, l *Ledger, q waxwing.Query) (ids []waxwing.ID) {
	t.Helper()
	q.Tenant = "acme"
	found, err := l.List(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		ids = append(ids, found[i].ID)
	}
	slices.Reverse(ids)
	return ids
}

func every(ids []waxwing.ID, from, step int) (out []waxwing.ID) {
	for i := from; i < len(ids); i += step {
		out = append(out, ids[i])
	}
	return out
}

// TestLookupsInSegments: orders are found by number and person whether they stand in a
// segment or behind the last one, by the writer, by others, and after a restart.
func TestLookupsInSegments(t *testing.T) {
	dir := t.TempDir()
	l, ids := people(t, dir)
	if s := l.recent.segment; s != 4 {
		t.Fatal("segments:", s)
	}
	look := func(t *testing.T, l *Ledger) {
		for n := range ids {
			if got := finds(t, l, waxwing.Query{Order: fmt.Sprint(n)}); !slices.Equal(got, ids[n:n+1]) {
				t.Errorf("order %d: %v", n, got)
			}
		}
		for p := range 4 {
			if got, want := finds(t, l, waxwing.Query{Email: fmt.Sprintf("P%d@example.com", p)}), every(ids, p, 4); !slices.Equal(got, want) {
				t.Errorf("person %d: %v, not %v", p, got, want)
			}
		}
		if got := finds(t, l, waxwing.Query{Order: "6", Email: "p2@example.com"}); !slices.Equal(got, ids[6:7]) {
			t.Error("both:", got)
		}
		if got := finds(t, l, waxwing.Query{Order: "6", Email: "p3@example.com"}); len(got) != 0 {
			t.Error("of another:", got)
		}
		if p := verified(t, l); len(p) != 0 {
			t.Error(p)
		}
	}
	look(t, l)
	reader, err := Open(t.Context(), Options{Options: ledger.Options{Dir: dir}, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	look(t, reader)
	closeTest(t, reader)
	closeTest(t, l)
	l = openTest(t, dir, nil, "resend")
	defer closeTest(t, l)
	look(t, l)
	found := inWriter(t, l, "person", "p1@example.com")
	if want := every(ids, 1, 4); !slices.Equal(found, want) {
		t.Errorf("the writer finds %v, not %v", found, want)
	}
}

// inWriter is what the writer finds, the oldest first.
func inWriter(t *testing.T, l *Ledger, kind, value string) (ids []waxwing.ID) {
	t.Helper()
	tn, err := l.keys.Tenant("acme")
	if err != nil {
		t.Fatal(err)
	}
	h := tn.Key.Index(kind, value)
	if err := l.Do(t.Context(), func(ctx context.Context, g *ledger.Group) error {
		s, err := g.Rows(ctx, &store.Keys{Lookups: []store.Hash{h}})
		if err == nil {
			ids = slices.Clone(s.Found[h])
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(ids)
	return ids
}

// TestLookupsThatComeLater: what is added to an order is found, wherever its first ones
// stand, and nothing twice.
func TestLookupsThatComeLater(t *testing.T) {
	l, ids := people(t, t.TempDir())
	defer closeTest(t, l)
	for _, n := range []int{3, 39} {
		for range 2 {
			ev := shopper(n, "later@example.com")
			ev.Key.UpdatedAt = time.Now()
			if rc, err := l.Accept(t.Context(), ev); err != nil || rc.ID != ids[n] {
				t.Fatal(rc, err)
			}
		}
	}
	want := []waxwing.ID{ids[3], ids[39]}
	if got := finds(t, l, waxwing.Query{Email: "later@example.com"}); !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	if got := inWriter(t, l, "person", "later@example.com"); !slices.Equal(got, want) {
		t.Errorf("the writer finds %v, not %v", got, want)
	}
	if p := verified(t, l); len(p) != 0 {
		t.Error(p)
	}
}

// TestErasedLookupsAreGone: whom nobody may find any more is in no row, page or table.
func TestErasedLookupsAreGone(t *testing.T) {
	dir := t.TempDir()
	l, ids := people(t, dir)
	ev := shopper(2, "also@example.com") // one more of an order in a segment
	ev.Key.UpdatedAt = time.Now()
	if _, err := l.Accept(t.Context(), ev); err != nil {
		t.Fatal(err)
	}
	e, err := l.Erase(t.Context(), "acme", waxwing.Erase{Address: "p2@example.com", Confirm: 10})
	if err != nil || e.Erased != 10 {
		t.Fatal(e, err)
	}
	for _, email := range []string{"p2@example.com", "also@example.com"} {
		if got := inWriter(t, l, "person", email); len(got) != 0 {
			t.Errorf("%s is found at %v", email, got)
		}
	}
	if got, want := finds(t, l, waxwing.Query{Email: "p1@example.com"}), every(ids, 1, 4); !slices.Equal(got, want) {
		t.Errorf("another: %v, not %v", got, want)
	}
	tn, err := l.keys.Tenant("acme")
	if err != nil {
		t.Fatal(err)
	}
	gone := []seal.Hash{tn.Key.Index("number", "2"), tn.Key.Index("number", "38"), tn.Key.Index("person", "also@example.com"), tn.Key.Index("person", "p2@example.com")}
	if p := verified(t, l); len(p) != 0 {
		t.Error(p)
	}
	closeTest(t, l)
	hidden := secrets{}
	for _, h := range gone {
		hidden.add(h[:])
	}
	for name, n := range hidden.in(t, dir) {
		t.Errorf("%d of the hashes still stand in %s", n, name)
	}
}

// TestOlderLookups: those of an older program are found, added to, and erased.
func TestOlderLookups(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir, nil, "resend")
	olden(t, l)
	rc, err := l.Accept(t.Context(), shopper(1, "old@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	closeTest(t, l)
	change(t, dir, slices.Concat(before7, []string{"PRAGMA user_version=6"})...)
	l = openTest(t, dir, nil, "resend")
	defer closeTest(t, l)
	if l.resealed != "" || l.recent.older != rc.ID {
		t.Error(l.resealed, l.recent.older)
	}
	ev := shopper(1, "newer@example.com")
	ev.Key.UpdatedAt = time.Now()
	if _, err := l.Accept(t.Context(), ev); err != nil {
		t.Fatal(err)
	}
	second, err := l.Accept(t.Context(), shopper(2, "old@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	if got := finds(t, l, waxwing.Query{Email: "old@example.com"}); !slices.Equal(got, []waxwing.ID{rc.ID, second.ID}) {
		t.Error(got)
	}
	if got := finds(t, l, waxwing.Query{Email: "newer@example.com"}); !slices.Equal(got, []waxwing.ID{rc.ID}) {
		t.Error(got)
	}
	if e, err := l.Erase(t.Context(), "acme", waxwing.Erase{Address: "newer@example.com", Confirm: 1}); err != nil || e.Erased != 1 {
		t.Fatal(e, err)
	}
	if got := inWriter(t, l, "person", "old@example.com"); !slices.Equal(got, []waxwing.ID{second.ID}) {
		t.Error(got)
	}
	if p := verified(t, l); len(p) != 0 {
		t.Error(p)
	}
}

// TestUndoneLookupsAreForgotten: a group that was undone leaves nothing in memory.
func TestUndoneLookupsAreForgotten(t *testing.T) {
	l, _ := people(t, t.TempDir())
	defer closeTest(t, l)
	before := len(l.recent.of)
	err := l.do(t.Context(), func(ctx context.Context, t *dbTx) error {
		c := store.Changes{Confirmations: []store.Confirmation{{ID: 1 << 60, Trail: "1,"}}, Lookups: []store.Lookup{{Hash: store.Hash{1}, Confirmation: 1 << 60}}}
		if _, err := t.Apply(ctx, &c); err != nil {
			return err
		}
		_, err := t.exec("INSERT INTO nowhere VALUES (1)")
		return err
	})
	if err == nil {
		t.Fatal("it was written")
	}
	if _, err := l.Accept(t.Context(), shopper(100, "p@example.com")); err != nil {
		t.Fatal(err)
	}
	if n := len(l.recent.of); n != before+1 || l.recent.of[1<<60] != nil {
		t.Error(n, before)
	}
}

// BenchmarkSegment makes segments of orders with four hashes each, in the writer; and finds one of
// their persons among 64 of them, as who only reads does.
func BenchmarkSegment(b *testing.B) {
	l, err := Open(b.Context(), Options{Options: ledger.Options{Dir: b.TempDir(), Tenants: []waxwing.TenantID{"acme"}}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	id := l.recent.mark
	segment := func() {
		if err := l.do(b.Context(), func(_ context.Context, t *dbTx) error {
			r, err := indexing{t}.recently()
			for range segmentSize + segmentSize/2 - len(r.of) {
				id += store.IDStep
				for range 4 {
					var h store.Hash
					_, _ = rand.Read(h[:]) // never fails
					r.of[id] = append(r.of[id], h)
				}
			}
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("make", func(b *testing.B) {
		for b.Loop() {
			segment()
		}
	})
	for l.recent.segment < 64 {
		segment()
	}
	b.Run("find", func(b *testing.B) {
		for b.Loop() {
			if err := l.db.read(b.Context(), func(c *db.Conn) error {
				_, err := search{c, nil}.at(store.Hash{1})
				return err
			}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
