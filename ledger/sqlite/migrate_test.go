package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/sqlite/schema"
)

// TestTheLayoutIsThatOfTheLastMigration: a file with the next number is a new layout.
func TestTheLayoutIsThatOfTheLastMigration(t *testing.T) {
	names, err := fs.Glob(schema.Migrations, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if !strings.HasPrefix(filepath.Base(name), fmt.Sprintf("%05d_", i+1)) {
			t.Errorf("%s is migration %d", name, i+1)
		}
	}
	if int64(len(names)) != schema.Layout {
		t.Errorf("%d migrations and layout %d", len(names), schema.Layout)
	}
}

// before7 takes away what layout 7 and later ones added.
var before7 = []string{"DROP INDEX suppressions_at", "ALTER TABLE suppressions DROP COLUMN class", "ALTER TABLE suppressions DROP COLUMN reason", "ALTER TABLE suppressions DROP COLUMN actor",
	"DROP TABLE lookup_pages", "DROP TABLE lookup_segments", "ALTER TABLE confirmations DROP COLUMN named", "DROP TABLE annotations", "DROP INDEX confirmations_shop", "DROP INDEX confirmations_bare",
	"CREATE INDEX confirmations_tenant ON confirmations (tenant, id)",
	"ALTER TABLE confirmations DROP COLUMN kind", "ALTER TABLE confirmations DROP COLUMN part",
	"ALTER TABLE messages DROP COLUMN first", "ALTER TABLE messages DROP COLUMN answer",
	"ALTER TABLE messages DROP COLUMN actor", "ALTER TABLE messages DROP COLUMN why", "ALTER TABLE messages DROP COLUMN revision",
	"ALTER TABLE contents DROP COLUMN ingredients", "ALTER TABLE instances DROP COLUMN epoch", "ALTER TABLE instances DROP COLUMN lease"}

// olden has a ledger write from now on as programs before layout 8 did: all lookups into
// their table, and no segment; and keys as those before layout 9.
func olden(t *testing.T, l *Ledger) {
	t.Helper()
	l.o.olden = true
	if err := l.do(t.Context(), func(_ context.Context, t *dbTx) error {
		if _, err := t.exec("DELETE FROM meta WHERE k=?", metaKeyed); err != nil {
			return err
		}
		_, err := t.exec("DELETE FROM lookup_segments")
		t.d.recent = recent{known: true, mark: math.MaxInt64, older: math.MaxInt64, of: map[waxwing.ID][]seal.Hash{}}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// TestSuppressionsBefore11: what was suppressed before layout 11 stays so, is of the class person, and
// verifies, as what is suppressed behind it does.
func TestSuppressionsBefore11(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir, nil, "resend")
	if err := l.SuppressAs(t.Context(), "acme", &waxwing.Suppress{Address: "ida@example.com"}); err != nil { // it knew no class
		t.Fatal(err)
	}
	closeTest(t, l)
	change(t, dir, append(slices.Clip(before7[:4]), "ALTER TABLE annotations DROP COLUMN class", "PRAGMA user_version=10")...)
	l = openTest(t, dir, nil, "resend")
	added, err := l.SuppressAll(t.Context(), "acme", []waxwing.Suppress{{Address: "ida@example.com", Class: waxwing.SuppressedHard}, {Address: "b@example.com", Class: waxwing.SuppressedHard}})
	if err != nil || added != 1 {
		t.Fatalf("%d %v", added, err)
	}
	found, err := l.Suppressed(t.Context(), &waxwing.SuppressionQuery{Tenant: "acme", Address: "ida@example.com"})
	if err != nil || len(found) != 1 || found[0].Class != waxwing.SuppressedPerson {
		t.Fatalf("%+v %v", found, err)
	}
	if r, err := l.Verify(t.Context(), ""); err != nil || len(r.Problems) > 0 {
		t.Fatal(r, err)
	}
}

// olderLedger writes a ledger as a program of an older layout does: its rows are summed by
// the columns that there were.
func olderLedger(t *testing.T, at int64) (dir string, rc waxwing.Receipt) {
	t.Helper()
	dir = t.TempDir()
	l := openTest(t, dir, nil, "resend")
	olden(t, l)
	rc, err := l.Accept(t.Context(), event(1))
	if err == nil {
		_, err = l.Accept(t.Context(), event(2))
	}
	if err != nil {
		t.Fatal(err)
	}
	closeTest(t, l)
	change(t, dir, append(slices.Clip(before7), fmt.Sprintf("PRAGMA user_version=%d", at))...)
	return dir, rc
}

// TestAnOlderLedgerGoesOn: what an older program wrote opens, verifies before and after, is
// sealed as it was, and an order that it knows is still known.
func TestAnOlderLedgerGoesOn(t *testing.T) {
	dir, rc := olderLedger(t, 6)
	old, err := Open(t.Context(), Options{Options: ledger.Options{Dir: dir}, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if p := verified(t, old); len(p) != 0 {
		t.Error("before:", p)
	}
	if v, err := old.Get(t.Context(), "acme", rc.ID); err != nil || v.State != waxwing.Received {
		t.Error("an older layout is not shown:", v, err)
	}
	if _, err := old.List(t.Context(), waxwing.Query{Tenant: "acme"}); err == nil || !strings.Contains(err.Error(), "waxwing ledger migrate") {
		t.Error("a list without its index says:", err)
	}
	closeTest(t, old)

	from, err := Migrate(Options{Options: ledger.Options{Dir: dir}})
	if err != nil || from != 6 {
		t.Fatal(from, err)
	}
	if from, err = Migrate(Options{Options: ledger.Options{Dir: dir}}); err != nil || from != schema.Layout {
		t.Error("again:", from, err)
	}
	l := openTest(t, dir, nil, "resend")
	defer closeTest(t, l)
	if l.resealed != "" {
		t.Error("the rows were summed anew:", l.resealed)
	}
	again, err := l.Accept(t.Context(), event(1))
	if err != nil || again.New || again.ID != rc.ID {
		t.Error("a known order is made again:", again, err)
	}
	newer := event(2)
	newer.Key.UpdatedAt, newer.Raw = newer.At.Add(time.Hour), []byte(`{"id":"2","email":"newer@example.com"}`)
	if again, err = l.Accept(t.Context(), newer); err != nil || again.New {
		t.Error("a newer event of a known order makes another:", again, err)
	}
	if w, err := l.Work(t.Context(), again.ID); err != nil || string(w.Raw) != string(newer.Raw) {
		t.Error("it is not read:", w, err)
	}
	for range 2 {
		if again, err = l.Accept(t.Context(), event(3)); err != nil {
			t.Error(err)
		}
	}
	if again.New {
		t.Error("an order that came since is not known:", again)
	}
	if found, err := l.List(t.Context(), waxwing.Query{Tenant: "acme"}); err != nil || len(found) != 3 {
		t.Error(found, err)
	}
	if p := verified(t, l); len(p) != 0 {
		t.Error("after:", p)
	}
}

// TestMigrateRefuses what is not there, what is open, and what a newer program wrote.
func TestMigrateRefuses(t *testing.T) {
	if _, err := Migrate(Options{Options: ledger.Options{Dir: t.TempDir()}}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	dir := t.TempDir()
	l := openTest(t, dir, nil, "resend")
	if _, err := Migrate(Options{Options: ledger.Options{Dir: dir}}); err == nil {
		t.Error("an open ledger was taken")
	}
	if _, err := l.w.Exec(fmt.Sprintf("PRAGMA user_version=%d", schema.Layout+1)); err != nil {
		t.Fatal(err)
	}
	closeTest(t, l)
	if _, err := Migrate(Options{Options: ledger.Options{Dir: dir}}); err == nil || !strings.Contains(err.Error(), "run the newer program") {
		t.Error(err)
	}
}

// TestOtherKindsAreOtherKeys: of one order each kind and part is told once.
func TestOtherKindsAreOtherKeys(t *testing.T) {
	l := openTest(t, t.TempDir(), nil, "resend")
	defer closeTest(t, l)
	seen := map[waxwing.ID]string{}
	for _, k := range []struct {
		kind waxwing.Kind
		part string
	}{{"", ""}, {"shipped", "1"}, {"shipped", "2"}, {"refund", "1"}} {
		ev := event(1)
		ev.Key.Kind, ev.Key.Part = k.kind, k.part
		rc, err := l.Accept(t.Context(), ev)
		if err != nil || !rc.New {
			t.Error(k, rc, err)
		}
		if was, ok := seen[rc.ID]; ok {
			t.Errorf("%v is %s", k, was)
		}
		seen[rc.ID] = string(k.kind) + k.part
		if rc, err = l.Accept(t.Context(), ev); err != nil || rc.New {
			t.Error("again:", k, rc, err)
		}
	}
	ev := event(1)
	ev.Key.Kind = waxwing.KindOrder
	if rc, err := l.Accept(t.Context(), ev); err != nil || rc.New {
		t.Error("the order's own kind by its name is another key:", rc, err)
	}
	if p := verified(t, l); len(p) != 0 {
		t.Error(p)
	}
}

// TestCountsAreExact: counts by outcome agree with the lists, by shop and by time.
func TestCountsAreExact(t *testing.T) {
	now := time.Now()
	l := openTest(t, t.TempDir(), func() time.Time { return now }, "resend")
	defer closeTest(t, l)
	want := map[waxwing.State]int64{}
	outlet := int64(0)
	for i := range 40 {
		now = now.Add(time.Minute)
		ev := event(i)
		if i%4 == 0 {
			ev.Shop = "outlet"
			outlet++
		}
		rc, err := l.Accept(t.Context(), ev)
		if err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 {
			want[waxwing.Received]++
			continue
		}
		w, err := l.Work(t.Context(), rc.ID)
		if err != nil {
			t.Fatal(err)
		}
		if i%3 == 1 {
			if err := l.Hold(t.Context(), w, machine.CauseGate, now.Add(time.Hour), waxwing.Lookup{}); err != nil {
				t.Fatal(err)
			}
			want[waxwing.Held]++
			continue
		}
		ids, err := l.Ready(t.Context(), w, []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Queued, To: "a@mail.example"}}, waxwing.Lookup{}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		c, err := l.Claim(t.Context(), ids[0])
		if err == nil {
			err = l.CommitDot(t.Context(), c, "mail")
		}
		if err == nil {
			err = l.Resolve(t.Context(), c, &waxwing.Resolution{To: waxwing.Sent, Attempt: waxwing.Attempt{Provider: "mail", Verdict: waxwing.Accepted}})
		}
		if err != nil {
			t.Fatal(err)
		}
		want[waxwing.Sent]++
	}
	got, err := l.Count(t.Context(), waxwing.Query{Tenant: "acme"})
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v: %v", got, want, err)
	}
	for name, q := range map[string]waxwing.Query{
		"a shop":     {Shop: "outlet"},
		"a span":     {Since: now.Add(-10 * time.Minute), Until: now.Add(-3 * time.Minute)},
		"both":       {Shop: "outlet", Since: now.Add(-21 * time.Minute)},
		"no shop":    {Shop: "nowhere"},
		"before all": {Until: now.Add(-time.Hour)},
	} {
		q.Tenant = "acme"
		n, err := l.Count(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []waxwing.State{waxwing.Received, waxwing.Held, waxwing.Sent} {
			q.State, q.Limit = s, 500
			found, err := l.List(t.Context(), q)
			if err != nil || int64(len(found)) != n[s] {
				t.Errorf("%s: %d are %s, and the list has %d: %v", name, n[s], s, len(found), err)
			}
		}
		q.State = ""
		all, err := l.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.IsSortedFunc(all, func(a, b waxwing.ConfirmationView) int { return int(int64(b.ID) - int64(a.ID)) }) {
			t.Errorf("%s: not the newest first", name)
		}
		if name == "a shop" && int64(len(all)) != outlet || name == "a span" && len(all) != 7 || name == "no shop" && len(all) != 0 {
			t.Errorf("%s: %d", name, len(all))
		}
	}
}
