package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/waxwinghq/waxwing"
)

// ordinary is the role of all ledgers: it owns their databases, and is no superuser, so that
// the tables' policies bind it.
const ordinary = "waxwing"

// server is a Postgres server of a test's own: its own folder, its own port.
type server struct {
	bin, dir string
	port     int
	as       *syscall.Credential // Postgres does not run as root; nil: it is not root who tests
	made     atomic.Int64        // databases
}

var (
	shared     *server
	sharedErr  error
	sharedOnce sync.Once
)

func TestMain(m *testing.M) {
	code := m.Run()
	if shared != nil {
		shared.stop()
	}
	os.Exit(code)
}

// needed is an error where a test is to fail for want of a server, and else a skip.
func needed(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("WAXWING_REQUIRE_SERVICES") != "" {
		t.Fatal("it needs a Postgres server: ", err)
	}
	t.Skip("it needs a Postgres server: ", err)
}

// wanted skips what takes a server, and its time, unless make services runs it.
func wanted(t *testing.T) {
	t.Helper()
	if os.Getenv("WAXWING_SERVICES") == "" {
		t.Skip("make services runs it")
	}
}

// running is the server that the tests share which leave it as it is.
func running(t *testing.T) *server {
	t.Helper()
	wanted(t)
	sharedOnce.Do(func() { shared, sharedErr = start() })
	if sharedErr != nil {
		needed(t, sharedErr)
	}
	return shared
}

// own is a server of a test's own, which it may kill.
func own(t *testing.T, settings ...string) *server {
	t.Helper()
	wanted(t)
	s, err := start(settings...)
	if err != nil {
		needed(t, err)
	}
	t.Cleanup(s.stop)
	return s
}

// start makes a server and starts it.
func start(settings ...string) (*server, error) {
	s := &server{}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	slices.Sort(found)
	if len(found) > 0 {
		s.bin = filepath.Dir(found[len(found)-1])
	} else if p, err := exec.LookPath("initdb"); err == nil {
		s.bin = filepath.Dir(p)
	} else {
		return nil, errors.New("initdb is not installed (apt-get install postgresql)")
	}
	dir, err := os.MkdirTemp("/tmp", "waxwing-postgres-")
	if err != nil {
		return nil, err
	}
	s.dir = dir
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, uid, gid); err != nil {
			return nil, err
		}
	}
	if err := s.run("initdb", "-D", s.data(), "-U", "postgres", "-A", "trust", "-N"); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	settings = append([]string{"max_connections = 500", "shared_buffers = 64MB", "listen_addresses = '127.0.0.1'", "deadlock_timeout = 50ms",
		"unix_socket_directories = '" + dir + "'", fmt.Sprintf("port = %d", s.port)}, settings...)
	_, err = f.WriteString(strings.Join(settings, "\n") + "\n")
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, s.run("psql", "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-U", "postgres", "-c", "CREATE ROLE "+ordinary+" LOGIN")
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }

func (s *server) run(program string, args ...string) error {
	c := exec.Command(filepath.Join(s.bin, program), args...)
	c.Dir = s.dir
	if s.as != nil {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "out"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	c.Stdout, c.Stderr = log, log // and no pipe, which the server would keep open
	err = errors.Join(c.Run(), log.Close())
	if err != nil {
		said, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%s: %w: %s", program, err, said)
	}
	return nil
}

func (s *server) start() error {
	return s.run("pg_ctl", "-D", s.data(), "-s", "-w", "-l", filepath.Join(s.dir, "log"), "start")
}

func (s *server) end(mode string) error {
	return s.run("pg_ctl", "-D", s.data(), "-s", "-w", "-m", mode, "stop")
}

func (s *server) stop() {
	_ = s.end("immediate")
	_ = os.RemoveAll(s.dir)
}

func (s *server) dsn(name string) waxwing.Secret { return s.dsnOf(ordinary, name) }

func (s *server) dsnOf(role, name string) waxwing.Secret {
	return waxwing.Secret(fmt.Sprintf("postgres://"+role+"@127.0.0.1:%d/%s?sslmode=disable", s.port, name))
}

// database is the DSN of a new database.
func (s *server) database(t *testing.T) waxwing.Secret {
	t.Helper()
	name := fmt.Sprintf("ledger%d", s.made.Add(1))
	s.exec(t, "postgres", "CREATE DATABASE "+name+" OWNER "+ordinary)
	return s.dsn(name)
}

// exec runs a statement as a superuser, which may fail with some codes.
func (s *server) exec(t *testing.T, database, q string, may ...string) {
	t.Helper()
	c, err := pgx.Connect(context.WithoutCancel(t.Context()), s.dsnOf("postgres", database).Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	var e *pgconn.PgError
	if _, err := c.Exec(t.Context(), q); err != nil && (!errors.As(err, &e) || !slices.Contains(may, e.Code)) {
		t.Fatal(err)
	}
}
