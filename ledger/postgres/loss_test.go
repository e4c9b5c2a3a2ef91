package postgres

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
)

// restored is a ledger whose database comes back as it was in the morning, after a day's work.
type restored struct {
	t      *testing.T
	s      *server
	at     time.Time
	dir    string         // of the daemon
	dsn    waxwing.Secret // of the database as it was
	queued waxwing.ID     // a message that waited then, and was sent since
	early  waxwing.ID     // a confirmation that was not rendered then
}

func (x *restored) clock() time.Time { return x.at }

func (x *restored) open(dsn waxwing.Secret, dir string, a *ledger.Acceptance) (*Ledger, error) {
	o := options(dsn, dir, x.clock, "resend")
	o.quiet, o.AcceptLoss = true, a
	return Open(x.t.Context(), o)
}

func (x *restored) opened(dsn waxwing.Secret, dir string, a *ledger.Acceptance) *Ledger {
	x.t.Helper()
	l, err := x.open(dsn, dir, a)
	if err != nil {
		x.t.Fatal(err)
	}
	return l
}

func (x *restored) closed(l *Ledger) {
	x.t.Helper()
	if err := l.Close(); err != nil {
		x.t.Fatal(err)
	}
}

func (x *restored) accept(l *Ledger, order string) waxwing.Receipt {
	x.t.Helper()
	rc, err := l.Accept(x.t.Context(), &waxwing.Event{Tenant: "acme", Shop: "web", Source: "webhook", Format: "generic", Topic: "order",
		Raw: fmt.Appendf(nil, `{"id":"%s"}`, order), At: x.at, Key: waxwing.EventKey{OrderID: order, OccurredAt: x.at}})
	if err != nil {
		x.t.Fatal(err)
	}
	return rc
}

func newRestored(t *testing.T) (*restored, string) {
	x := &restored{t: t, s: running(t), at: anHour(), dir: t.TempDir()}
	live, second := x.s.database(t), t.TempDir()
	l := x.opened(live, x.dir, nil)
	pass(t, l, 3, "sent", func(_ string, _ int64, f func(n int) error) { grouped(t, l, 3, f) })
	x.early = x.accept(l, "early").ID
	w, err := l.Work(t.Context(), x.accept(l, "queued").ID)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := l.Ready(t.Context(), w, []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Queued, From: "orders@acme.example",
		To: "jane@customer.example", Data: []byte("Thank you.\r\n"), Locale: "en"}}, waxwing.Lookup{}, 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	x.queued = ids[0]
	x.closed(l)
	c, err := pgx.ParseConfig(live.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	x.s.exec(t, "postgres", "CREATE DATABASE morning_"+c.Database+" TEMPLATE "+c.Database+" OWNER "+ordinary)
	x.dsn = x.s.dsn("morning_" + c.Database)
	x.at = x.at.Add(4 * time.Hour)
	for _, dir := range []string{x.dir, second} {
		l = x.opened(live, dir, nil)
		x.accept(l, "late"+filepath.Base(dir))
		if dir == x.dir {
			k, err := l.Claim(t.Context(), x.queued)
			if err == nil {
				err = l.CommitDot(t.Context(), k, "mail")
			}
			if err == nil {
				err = l.Resolve(t.Context(), k, &waxwing.Resolution{To: waxwing.Sent, Attempt: waxwing.Attempt{Provider: "mail", Verdict: waxwing.Accepted,
					Phase: waxwing.PhaseDot, Code: 250, Reply: "250 ok"}})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		x.closed(l)
	}
	x.at = x.at.Add(time.Hour)
	return x, second
}

// TestPostgresRestored: a database that is older than a daemon's own anchors is not served, until a
// person accepts that: then what may have been mailed since is held, also what shops send again.
func TestPostgresRestored(t *testing.T) {
	x, second := newRestored(t)
	for _, dir := range []string{x.dir, second} {
		_, err := x.open(x.dsn, dir, nil)
		lost := new(ledger.LossError)
		if !errors.As(err, &lost) || !strings.Contains(err.Error(), "--accept-loss 2026-11-24T09:0") || !lost.Newest.Equal(anHour()) {
			t.Fatalf("it is served: %v", err)
		}
	}
	for _, c := range []struct {
		a    ledger.Acceptance
		want string
	}{{ledger.Acceptance{Nothing: true}, "would mail again"}, {ledger.Acceptance{Since: x.at.Add(time.Hour)}, "future"}} {
		if _, err := x.open(x.dsn, x.dir, &c.a); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.a, err)
		}
	}
	stray := x.opened(x.dsn, t.TempDir(), nil) // whose folder knows nothing
	if _, err := x.open(x.dsn, x.dir, &ledger.Acceptance{Since: anHour()}); err == nil || !strings.Contains(err.Error(), "1 daemons run") {
		t.Errorf("a loss is accepted beside a daemon that runs: %v", err)
	}
	x.closed(stray)
	l := x.opened(x.dsn, x.dir, &ledger.Acceptance{Since: anHour()})
	v, err := l.Get(t.Context(), "acme", x.queued&^63)
	if err != nil || v.Messages[0].State != waxwing.Uncertain {
		t.Errorf("what waited, and was sent since: %+v %v", v, err)
	}
	if v, err = l.Get(t.Context(), "acme", x.early); err != nil || v.State != waxwing.Held {
		t.Errorf("what was not rendered, and was sent since: %+v %v", v, err)
	}
	if rc := x.accept(l, "sent0"); rc.New {
		t.Errorf("what is known is new: %+v", rc)
	}
	x.at = x.at.Add(-2 * time.Hour)
	again := x.accept(l, "late"+filepath.Base(x.dir))
	x.at = x.at.Add(3 * time.Hour)
	next := x.accept(l, "next")
	if again.State != waxwing.Held || next.State != waxwing.Received {
		t.Errorf("what was mailed in the lost time is %s, what comes now %s", again.State, next.State)
	}
	audited(t, l)
	if found, err := filepath.Glob(filepath.Join(x.dir, "anchors-lost-*.jsonl")); len(found) != 1 || err != nil {
		t.Errorf("the lost anchors are not kept: %v", found)
	}
	x.closed(l)
	l = x.opened(x.dsn, second, nil) // whose own were lost, too, and are accepted by now
	audited(t, l)
	x.closed(l)
	l = x.opened(x.dsn, x.dir, nil)
	audited(t, l)
	x.closed(l)
}

// TestPostgresOtherDatabase: an empty database in place of the one that a daemon had is not begun.
func TestPostgresOtherDatabase(t *testing.T) {
	x, _ := newRestored(t)
	if _, err := x.open(x.s.database(t), x.dir, nil); !errors.As(err, new(*ledger.LossError)) || !strings.Contains(err.Error(), "does not know that instance") {
		t.Errorf("%v", err)
	}
}
