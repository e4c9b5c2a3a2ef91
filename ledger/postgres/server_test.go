package postgres

import (
	"os"
	"sync"
	"testing"

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
