package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/ledgertest"
	"github.com/waxwinghq/waxwing/ledger/move"
	"github.com/waxwinghq/waxwing/ledger/postgres/schema"
	"github.com/waxwinghq/waxwing/ledger/seal"
)

func moverTo(t *testing.T, dsn waxwing.Secret) *mover {
	t.Helper()
	s, err := Mover(options(dsn, t.TempDir(), nil, "resend"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	m := s.(*mover)
	if err := m.Hold(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestPostgresShut: what is moved away is not shut under a daemon that lives; what a dead one held is free
// then; one that was dead and awakes writes nothing any more; and given up, all is as before.
func TestPostgresShut(t *testing.T) {
	s := running(t)
	dsn := s.database(t)
	mark := &move.Mark{ID: "m1", Role: move.From, Other: "elsewhere", At: time.Now()}
	live := beside(t, dsn, t.TempDir(), nil)
	m := moverTo(t, dsn)
	if err := m.Shut(t.Context(), mark); err == nil || !strings.Contains(err.Error(), "daemons are running on it (instances [1])") {
		t.Errorf("it was shut under a daemon: %v", err)
	}
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
	zombie := alone(t, dsn, t.TempDir(), nil, "resend") // without a lease: it counts as dead
	ordered(t, zombie, ledgertest.Tenants[0], 3)        // the first stays claimed
	for range 2 {                                       // it may be done again
		if err := m.Shut(t.Context(), mark); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := m.Count(t.Context(), move.Part{Name: "claims", Table: "claims"}); err != nil || n != 0 {
		t.Errorf("%d claims are left: %v", n, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if _, err := zombie.Accept(ctx, event("late")); err == nil || !strings.Contains(err.Error(), "moved to another store") {
		t.Errorf("a daemon that awakes goes on: %v", err)
	}
	if _, err := Open(t.Context(), options(dsn, t.TempDir(), nil, "resend")); !errors.Is(err, move.ErrMoved) {
		t.Errorf("a daemon starts: %v", err)
	}
	o := options(dsn, t.TempDir(), nil, "resend")
	o.ReadOnly = true
	reader := opened(t, o) // it can still be read
	if r, err := reader.Verify(t.Context()); err != nil || !r.Whole() {
		t.Errorf("verify: %v %+v", err, r)
	}
	if _, err := reader.Accept(t.Context(), event("read")); !errors.Is(err, waxwing.ErrUnavailable) {
		t.Errorf("a reader writes: %v", err)
	}
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
	if err := m.Unmark(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := alone(t, dsn, t.TempDir(), nil, "resend")
	if rc, err := again.Accept(t.Context(), event("new")); err != nil || !rc.New {
		t.Errorf("given up, it does not go on: %+v %v", rc, err)
	}
	audited(t, again)
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	_ = zombie.Close() // it is dead
}

func event(id string) *waxwing.Event {
	return &waxwing.Event{Tenant: ledgertest.Tenants[0], Shop: "web", Source: "webhook", Format: "generic", Topic: "order", Raw: []byte(`{}`), At: time.Now(),
		Key: waxwing.EventKey{OrderID: id}}
}

// TestPostgresMovedInto: a target refuses what is not its own, no daemon serves it before it is whole, and what older
// programs and losses left behind on SQLite counts there, too.
func TestPostgresMovedInto(t *testing.T) {
	s := running(t)
	dsn := s.database(t)
	m := moverTo(t, dsn)
	mark := &move.Mark{ID: "m2", Role: move.To, Other: "the folder", At: time.Now()}
	secrets := move.Secrets{Master: waxwing.Secret(strings.Repeat("5b", seal.KeySize)), Anchor: [32]byte{1}}
	if err := m.Begin(t.Context(), mark, secrets); err == nil || !strings.Contains(err.Error(), "keys.master is another one") {
		t.Errorf("another master key: %v", err)
	}
	secrets.Master = master
	for range 2 {
		if err := m.Begin(t.Context(), mark, secrets); err != nil {
			t.Fatal(err)
		}
	}
	instances := move.Tables[slices.IndexFunc(move.Tables, func(m *move.Table) bool { return m.Name == "instances" })]
	if err := m.Write(t.Context(), instances, []move.Row{{int64(9), int64(1), int64(1), int64(0), int64(1)}}, mark); err != nil { // it was killed
		t.Fatal(err)
	}
	for _, readOnly := range []bool{false, true} {
		o := options(dsn, t.TempDir(), nil, "resend")
		o.ReadOnly = readOnly
		if _, err := Open(t.Context(), o); !errors.Is(err, move.ErrMoved) || !strings.Contains(err.Error(), "not whole") {
			t.Errorf("it is opened: %v", err)
		}
	}
	other := moverBeside(t, m)
	if _, err := other.Mark(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := other.Tell(t.Context(), &move.Mark{ID: "m2", Role: move.To, Part: "events"}); err != nil {
		t.Fatal(err)
	}
	if err := m.Tell(t.Context(), mark); err == nil || !strings.Contains(err.Error(), "wrote its mark meanwhile") {
		t.Errorf("two moves write one target: %v", err)
	}
	now := time.Now()
	losses, err := json.Marshal(ledger.Losses{{Since: now.Add(-2 * time.Hour), Until: now.Add(-time.Hour), Accepted: now}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := m.Finish(t.Context(), &move.Beside{Anchors: []byte{}, Keyed: 64, Indexed: 64, Losses: losses, Pages: map[string][]byte{"source/tap": []byte("7")}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Unmark(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := alone(t, dsn, t.TempDir(), nil, "resend")
	if seed := l.keys.AnchorKey().Seed(); [32]byte(seed) != secrets.Anchor {
		t.Error("anchors are signed with another key")
	}
	if !l.inherited.former {
		t.Error("orders of older programs are not known by their keys")
	}
	ev := event("old")
	ev.Key.OccurredAt = now.Add(-90 * time.Minute)
	if !l.inherited.losses.MaybeSent(ev) {
		t.Error("the loss is not known")
	}
	for _, want := range []string{"7", "8"} {
		if page, err := l.Page(t.Context(), "source/tap"); err != nil || string(page) != want {
			t.Errorf("the page is %q, %v, want %s", page, err, want)
		}
		if err := l.SetPage(t.Context(), "source/tap", []byte("8")); err != nil {
			t.Error(err)
		}
	}
	if page, err := l.Page(t.Context(), "source/other"); page != nil || err != nil {
		t.Errorf("a page that nobody wrote is %q, %v", page, err)
	}
	if n := len(guarded); n == 0 {
		t.Fatal("no table is guarded")
	}
	if why, err := unguarded(t.Context(), l.write); why != "" || err != nil {
		t.Errorf("tenants are not kept apart after it: %s %v", why, err)
	}
	c, err := pgx.Connect(t.Context(), dsn.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	var forced int
	if err := c.QueryRow(t.Context(), "SELECT count(*) FROM pg_class WHERE relname = ANY($1) AND relforcerowsecurity AND relkind = 'r'", guarded).Scan(&forced); err != nil || forced != len(guarded) {
		t.Errorf("%d of %d tables bind their owner: %v", forced, len(guarded), err)
	}
	var knows int64
	if err := c.QueryRow(t.Context(), "SELECT layout FROM instances WHERE id = 9").Scan(&knows); err != nil || knows != schema.Layout {
		t.Errorf("a contraction would keep an instance out that was moved: it knows layout %d: %v", knows, err)
	}
	if err := errors.Join(c.Close(t.Context()), l.Close()); err != nil {
		t.Error(err)
	}
}

// TestPostgresMovesAllColumns: whatever a migration adds is moved, too, or stands here with why not.
func TestPostgresMovesAllColumns(t *testing.T) {
	s := running(t)
	dsn := s.database(t)
	if _, err := Migrate(t.Context(), dsn, nil); err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(t.Context(), dsn.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	stays := map[string]string{"meta": "see move.Beside", "ledger_layout": "goose's own", "claims": "nobody holds any when it is shut",
		"instances.mark": "of a commit under way, and none is when it is shut", "instances.layout": "of programs that run: it is ours, see Write",
		"instances.sends": "of an instance that runs, and none does when it is shut"}
	r, err := c.Query(t.Context(), "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = 'public' AND is_generated = 'NEVER'")
	if err != nil {
		t.Fatal(err)
	}
	var table, column string
	n := 0
	_, err = pgx.ForEachRow(r, []any{&table, &column}, func() error {
		i := slices.IndexFunc(move.Tables, func(m *move.Table) bool { return m.Name == table })
		switch {
		case stays[table] != "" || stays[table+"."+column] != "":
		case i < 0:
			t.Errorf("table %s is not moved", table)
		case !slices.ContainsFunc(move.Tables[i].Columns, func(c move.Column) bool { return c.Name == column }):
			t.Errorf("column %s.%s is not moved", table, column)
		default:
			n++
		}
		return nil
	})
	want := 0
	for _, m := range move.Tables {
		want += len(m.Columns)
	}
	if err != nil || n != want {
		t.Errorf("%d columns are moved, and %d are there: %v", want, n, err)
	}
}

// moverBeside is another command's, that came past the lock.
func moverBeside(t *testing.T, m *mover) *mover {
	t.Helper()
	s, err := Mover(m.o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s.(*mover)
}
