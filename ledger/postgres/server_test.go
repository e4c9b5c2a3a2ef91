package postgres

import (
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/postgres/postgrestest"
)

// ordinary is the role of all ledgers.
const ordinary = postgrestest.Ordinary

// server is a Postgres server of a test's own.
type server struct{ *postgrestest.Server }

var (
	shared     *postgrestest.Server
	sharedErr  error
	sharedOnce sync.Once
)

func TestMain(m *testing.M) {
	code := m.Run()
	if shared != nil {
		shared.Remove()
	}
	os.Exit(code)
}

// running is the server that the tests share which leave it as it is.
func running(t *testing.T) *server {
	t.Helper()
	postgrestest.Wanted(t)
	sharedOnce.Do(func() { shared, sharedErr = postgrestest.New() })
	if sharedErr != nil {
		postgrestest.Needed(t, sharedErr)
	}
	return &server{shared}
}

func (s *server) dsn(name string) waxwing.Secret { return s.DSN(name) }

func (s *server) dsnOf(role, name string) waxwing.Secret { return s.DSNOf(role, name) }

// database is the DSN of a new database.
func (s *server) database(t *testing.T) waxwing.Secret {
	t.Helper()
	return s.Database(t)
}

// exec runs a statement as a superuser, which may fail with some codes.
func (s *server) exec(t *testing.T, database, q string, may ...string) {
	t.Helper()
	s.Exec(t, database, q, may...)
}

// TestPostgresNames: the usual statements have names on the connection that commits; where they are gone, or
// give something else since a migration, a group is run again.
func TestPostgresNames(t *testing.T) {
	s := running(t)
	dsn := s.database(t)
	l := beside(t, dsn, t.TempDir(), nil)
	c, err := pgx.ParseConfig(dsn.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	names := func() (most int) {
		t.Helper()
		for _, c := range l.write.AcquireAllIdle(t.Context()) {
			var n int
			if err := c.QueryRow(t.Context(), "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'stmt_%'").Scan(&n); err != nil {
				t.Error(err)
			}
			most = max(most, n)
			c.Release()
		}
		return most
	}
	taken(t, l, 1, 1, time.Now())
	if n := names(); n != len(usual()) || n == 0 {
		t.Errorf("%d statements have names, want %d", n, len(usual()))
	}
	s.exec(t, c.Database, "ALTER TABLE confirmations ALTER COLUMN part TYPE varchar")
	held(t, l, 2)
	if l.nameless.Load() {
		t.Error("a migration took the names away")
	}
	lend := func() { // as if a pooler had lent other ones
		t.Helper()
		for _, c := range l.write.AcquireAllIdle(t.Context()) {
			if _, err := c.Exec(t.Context(), "DEALLOCATE ALL"); err != nil {
				t.Error(err)
			}
			c.Release()
		}
	}
	n := 3
	for ; n < 20 && !l.nameless.Load(); n++ { // a beat may be at work on one of them just now, which keeps its names
		lend()
		held(t, l, n)
	}
	lend()
	held(t, l, n)
	if most := names(); most != 0 || !l.nameless.Load() {
		t.Errorf("%d statements have names where a pooler knows none", most)
	}
	audited(t, l)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
