package postgres

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/ledgertest"
	"github.com/waxwinghq/waxwing/ledger/postgres/postgrestest"
	"github.com/waxwinghq/waxwing/ledger/seal"
)

// master is the key of all tests' ledgers.
var master = waxwing.Secret(strings.Repeat("5a", seal.KeySize))

// databases are those of one server by the folder that a story believes its ledger in.
type databases struct {
	s  *server
	mu sync.Mutex
	in map[string]waxwing.Secret
}

func (d *databases) at(t *testing.T, dir string) waxwing.Secret {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.in == nil {
		d.in = map[string]waxwing.Secret{}
	}
	if _, there := d.in[dir]; !there {
		d.in[dir] = d.s.database(t)
	}
	return d.in[dir]
}

func options(dsn waxwing.Secret, dir string, clock waxwing.Clock, policy string) Options {
	policy, ask := ledgertest.PolicyOf(policy)
	return Options{DSN: dsn, Options: ledger.Options{Dir: dir, Master: master, Tenants: ledgertest.Tenants, Policy: policy, Ask: ask, After: time.Minute, Clock: clock}}
}

func opened(t *testing.T, o Options) *Ledger {
	t.Helper()
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func alone(t *testing.T, dsn waxwing.Secret, dir string, clock waxwing.Clock, policy string) *Ledger {
	t.Helper()
	o := options(dsn, dir, clock, policy)
	o.alone = true
	return opened(t, o)
}

// audited wants a ledger to verify.
func audited(t *testing.T, l *Ledger) {
	t.Helper()
	if err := l.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := l.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Anchored.IsZero() {
		t.Error("there is no anchor")
	}
	for _, p := range r.Problems {
		t.Error(p)
	}
}

// TestPostgresSuite: the ledger's stories on Postgres.
func TestPostgresSuite(t *testing.T) {
	all := &databases{s: running(t)}
	ledgertest.Suite(t, func(t *testing.T, dir string, clock waxwing.Clock, policy string) ledgertest.Store {
		return alone(t, all.at(t, dir), dir, clock, policy)
	}, func(t *testing.T, s ledgertest.Store) { audited(t, s.(*Ledger)) })
}

// beside begins a further instance on a database.
func beside(t *testing.T, dsn waxwing.Secret, dir string, clock waxwing.Clock) *Ledger {
	t.Helper()
	o := options(dsn, dir, clock, "resend")
	o.quiet = true
	return opened(t, o)
}

// TestPostgresTwo runs the stories of two instances on one database.
func TestPostgresTwo(t *testing.T) {
	twoOn(t, running(t))
}

// TestPostgresPooled runs them behind a pooler that has fewer connections than they, and gives each
// transaction another one.
func TestPostgresPooled(t *testing.T) {
	twoOn(t, &server{running(t).Pooled(t, 2)})
}

// twoOn runs the stories of two instances on databases of a server.
func twoOn(t *testing.T, s *server) {
	t.Helper()
	all := &databases{s: s}
	ledgertest.Two(t, func(t *testing.T, dir string, clock waxwing.Clock) (first, other ledgertest.Member) {
		return beside(t, all.at(t, dir), dir, clock), beside(t, all.at(t, dir), dir, clock)
	}, func(t *testing.T, first, other ledgertest.Member) {
		audited(t, first.(*Ledger))
		audited(t, other.(*Ledger))
	}, func(t *testing.T, dir string, clock waxwing.Clock) {
		l := alone(t, all.at(t, dir), dir, clock, "resend")
		audited(t, l)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// trio is three instances as the stories of two see them: the first one's steps are done by
// the first and the third in turn.
type trio struct {
	*Ledger
	third *Ledger
}

// Close ends the third, too.
func (x trio) Close() error { return errors.Join(x.third.Close(), x.Ledger.Close()) }

// Beat is heard from both.
func (x trio) Beat(ctx context.Context) error {
	return errors.Join(x.third.Beat(ctx), x.Ledger.Beat(ctx))
}

// Accept is done by the third.
func (x trio) Accept(ctx context.Context, ev *waxwing.Event) (waxwing.Receipt, error) {
	return x.third.Accept(ctx, ev)
}

// Work is read by the third.
func (x trio) Work(ctx context.Context, id waxwing.ID) (*waxwing.Work, error) {
	return x.third.Work(ctx, id)
}

// Ready is done by the third, which had the work.
func (x trio) Ready(ctx context.Context, w *waxwing.Work, drafts []waxwing.Draft, lk waxwing.Lookup, ttl time.Duration) ([]waxwing.ID, error) {
	return x.third.Ready(ctx, w, drafts, lk, ttl)
}

// Stop is asked of the third.
func (x trio) Stop(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID, act waxwing.Act) error {
	return x.third.Stop(ctx, tenant, id, act)
}

// Get is asked of the third.
func (x trio) Get(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID) (*waxwing.ConfirmationView, error) {
	return x.third.Get(ctx, tenant, id)
}

// TestPostgresThree runs them with three: what the first is asked to accept, to
// render, to show and to stop a third does.
func TestPostgresThree(t *testing.T) {
	all := &databases{s: running(t)}
	ledgertest.Two(t, func(t *testing.T, dir string, clock waxwing.Clock) (first, other ledgertest.Member) {
		dsn := all.at(t, dir)
		return trio{beside(t, dsn, dir, clock), beside(t, dsn, dir, clock)}, beside(t, dsn, dir, clock)
	}, func(t *testing.T, first, other ledgertest.Member) {
		audited(t, first.(trio).Ledger)
		audited(t, first.(trio).third)
		audited(t, other.(*Ledger))
	}, func(t *testing.T, dir string, clock waxwing.Clock) {
		l := alone(t, all.at(t, dir), dir, clock, "resend")
		audited(t, l)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// killedPort tells the child of TestPostgresKilled which server it has.
const killedPort = "WAXWING_LEDGERTEST_PORT"

// TestPostgresKilled kills a process with two instances in the middle of what they do, and
// looks at what is left.
func TestPostgresKilled(t *testing.T) {
	var s *server
	if port, err := strconv.Atoi(os.Getenv(killedPort)); err == nil {
		s = &server{&postgrestest.Server{Port: port}}
	} else {
		s = running(t)
		t.Setenv(killedPort, strconv.Itoa(s.Port))
	}
	of := func(t *testing.T, dir string) waxwing.Secret { // each process makes it where it is not there
		name := fmt.Sprintf("killed%x", sha256.Sum256([]byte(dir)))[:32]
		s.exec(t, "postgres", "CREATE DATABASE "+name+" OWNER "+ordinary, "42P04")
		return s.dsn(name)
	}
	ledgertest.Killed(t, "TestPostgresKilled", ledgertest.Killer{
		Members: func(t *testing.T, dir string) []ledgertest.Store {
			dsn := of(t, dir)
			return []ledgertest.Store{beside(t, dsn, dir, nil), beside(t, dsn, dir, nil)}
		},
		Alone: func(t *testing.T, dir string, clock waxwing.Clock) ledgertest.Store {
			return alone(t, of(t, dir), dir, clock, "resend")
		},
		Audit: func(t *testing.T, s ledgertest.Store) { audited(t, s.(*Ledger)) },
	})
}
