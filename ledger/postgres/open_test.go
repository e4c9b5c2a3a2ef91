package postgres

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

// TestNoLedgerWithoutItsKey: all daemons of a ledger have one key, so that none makes its own.
func TestNoLedgerWithoutItsKey(t *testing.T) {
	o := options("postgres://nobody:hush@127.0.0.1:1/none", t.TempDir(), nil, "resend")
	o.Master = ""
	if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "keys.master is not set") {
		t.Error(err)
	}
}

// TestErrorsHideTheDSN: what is said of a server that is away, or of a DSN that is none, has no
// password in it.
func TestErrorsHideTheDSN(t *testing.T) {
	for _, dsn := range []waxwing.Secret{"postgres://nobody:hush@127.0.0.1:1/none", "postgres://nobody:hush@127.0.0.1:none", "user=nobody password=hush port=x"} {
		_, err := Open(t.Context(), options(dsn, t.TempDir(), nil, "resend"))
		if err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%v", err)
		}
	}
}

// TestPostgresRefuses: a server that could lose what was acknowledged keeps no ledger, and
// the error says what to do.
func TestPostgresRefuses(t *testing.T) {
	s := running(t)
	for name, c := range map[string][2]string{
		"lossy":  {"ALTER DATABASE lossy SET synchronous_commit = off", "synchronous_commit is off"},
		"newer":  {"SELECT 1", "run the newer program"},
		"latin1": {"SELECT 1", "encoding is LATIN1"},
	} {
		create := "CREATE DATABASE " + name + " OWNER " + ordinary
		if name == "latin1" {
			create += " ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
		}
		s.exec(t, "postgres", create)
		s.exec(t, "postgres", c[0])
		if name == "newer" {
			if _, err := Migrate(t.Context(), s.dsn(name), nil); err != nil {
				t.Fatal(err)
			}
			s.exec(t, name, "INSERT INTO ledger_layout (version_id, is_applied) VALUES (99, true)")
			s.exec(t, name, "INSERT INTO meta (k, v) VALUES ('least', '98')")
		}
		if _, err := Open(t.Context(), options(s.dsn(name), t.TempDir(), nil, "resend")); err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	dsn := s.database(t)
	if err := alone(t, dsn, t.TempDir(), nil, "resend").Close(); err != nil {
		t.Fatal(err)
	}
	o := options(dsn, t.TempDir(), nil, "resend")
	o.Master = waxwing.Secret(strings.Repeat("77", 32))
	if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "the master key does not open its key") {
		t.Errorf("another key: %v", err)
	}
}

// TestPostgresRolledBack: a program begins, reads and writes where a newer one's expansion has been, says so once, and
// does not move what it does not know all of.
func TestPostgresRolledBack(t *testing.T) {
	s := running(t)
	dsn := s.database(t)
	if err := opened(t, options(dsn, t.TempDir(), nil, "resend")).Close(); err != nil {
		t.Fatal(err)
	}
	name := strings.TrimSuffix(dsn.Reveal()[strings.LastIndex(dsn.Reveal(), "/")+1:], "?sslmode=disable")
	s.exec(t, name, fmt.Sprintf("INSERT INTO ledger_layout (version_id, is_applied) VALUES (%d, true)", LatestLayout+1))
	var log bytes.Buffer
	o := options(dsn, t.TempDir(), nil, "resend")
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	l := opened(t, o)
	audited(t, l)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "the ledger's layout is a newer program's, and this one goes on with it"); n != 1 {
		t.Errorf("it says so %d times: %s", n, &log)
	}
	o.ReadOnly = true
	if err := opened(t, o).Close(); err != nil {
		t.Error(err)
	}
	m, err := Mover(o)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Hold(t.Context()); err == nil || !strings.Contains(err.Error(), "move it with the newer program") {
		t.Errorf("it would be moved: %v", err)
	}
}

// TestPostgresBeginsAtOnce: of several daemons that start at once on an empty database one makes
// the tables, and each has a number of its own.
func TestPostgresBeginsAtOnce(t *testing.T) {
	dsn := running(t).database(t)
	var mu sync.Mutex
	numbers := map[int64]bool{}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			l, err := Open(t.Context(), options(dsn, t.TempDir(), nil, "resend"))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			numbers[l.Instance()] = true
			mu.Unlock()
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(numbers) != 4 {
		t.Errorf("four daemons are %d instances", len(numbers))
	}
	l := alone(t, dsn, t.TempDir(), nil, "resend")
	audited(t, l)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// TestPostgresKeepsAnyText: what came from outside may hold what Postgres has no room for.
func TestPostgresKeepsAnyText(t *testing.T) {
	l := alone(t, running(t).database(t), t.TempDir(), nil, "resend")
	rc, err := l.Accept(t.Context(), &waxwing.Event{Tenant: "acme", Shop: "web", Source: "webhook", Format: "generic", Topic: "a\x00b\xff",
		Raw: []byte("\x00\xff"), At: time.Now(), Key: waxwing.EventKey{OrderID: "7\x00"}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := l.Work(t.Context(), rc.ID)
	if err != nil || string(w.Raw) != "\x00\xff" {
		t.Errorf("%+v %v", w, err)
	}
	audited(t, l)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
