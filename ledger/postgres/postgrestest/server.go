// Package postgrestest gives tests a Postgres server of their own: its own folder, its own
// port, and no other's data, so that they may kill it.
package postgrestest

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
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/waxwinghq/waxwing"
)

// Server is a Postgres server. Its methods are safe for concurrent use, but for those that start and end it.
type Server struct {
	// Port is where it listens, on 127.0.0.1. A Server of nothing but a port is another process's.
	Port int

	bin, dir string
	as       *syscall.Credential // Postgres does not run as root; nil: it is not root who tests
	made     atomic.Int64        // databases
	behind   bool                // it is a pooler
}

// Needed fails a test for want of a server, where WAXWING_REQUIRE_SERVICES says so, and else skips it.
func Needed(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("WAXWING_REQUIRE_SERVICES") != "" {
		t.Fatal("it needs a Postgres server: ", err)
	}
	t.Skip("it needs a Postgres server: ", err)
}

// Wanted skips what takes a server, and its time, unless make services runs it.
func Wanted(t *testing.T) {
	t.Helper()
	if os.Getenv("WAXWING_SERVICES") == "" {
		t.Skip("make services runs it")
	}
}

// Own is a server of a test's own, which it may kill. It ends with the test.
func Own(t *testing.T, settings ...string) *Server {
	t.Helper()
	Wanted(t)
	s, err := New(settings...)
	if err != nil {
		Needed(t, err)
	}
	t.Cleanup(s.Remove)
	return s
}

// New makes a server and starts it. Lines of postgresql.conf may be given.
func New(settings ...string) (*Server, error) {
	s := &Server{}
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
	s.Port = l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	settings = append([]string{"max_connections = 500", "shared_buffers = 64MB", "listen_addresses = '127.0.0.1'", "deadlock_timeout = 50ms",
		"unix_socket_directories = '" + dir + "'", fmt.Sprintf("port = %d", s.Port)}, settings...)
	_, err = f.WriteString(strings.Join(settings, "\n") + "\n")
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if err := s.Start(); err != nil {
		return nil, err
	}
	return s, s.run("psql", "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(s.Port), "-U", "postgres", "-c", "CREATE ROLE "+Ordinary+" LOGIN")
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) run(program string, args ...string) error {
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

// Start starts it. What a killed one left behind may be in the way for a moment: it is tried again.
func (s *Server) Start() error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for tries := 0; ; tries++ {
		err := s.run("pg_ctl", "-D", s.data(), "-s", "-w", "-l", filepath.Join(s.dir, "log"), "start")
		if err == nil || tries == 50 {
			return err
		}
		<-tick.C
	}
}

// End ends it in one of the modes of pg_ctl: smart, fast or immediate.
func (s *Server) End(mode string) error {
	return s.run("pg_ctl", "-D", s.data(), "-s", "-w", "-m", mode, "stop")
}

// Kill ends it as a kill -9 does. Its processes may outlive it for a moment.
func (s *Server) Kill() error {
	pid, err := s.Pid()
	if err != nil {
		return err
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

// Pid is the process that began all others of the server.
func (s *Server) Pid() (int, error) {
	b, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strconv.Atoi(line)
}

// Said counts how often its log has a text.
func (s *Server) Said(what string) (int, error) {
	b, err := os.ReadFile(filepath.Join(s.dir, "log"))
	return strings.Count(string(b), what), err
}

// Remove ends it, and deletes all there is of it.
func (s *Server) Remove() {
	_ = s.End("immediate")
	_ = os.RemoveAll(s.dir)
}

// Ordinary is the role of all ledgers: it owns their databases, and is no superuser, so that
// the tables' policies bind it.
const Ordinary = "waxwing"

// DSN is that of one of its databases, for the ordinary role.
func (s *Server) DSN(name string) waxwing.Secret { return s.DSNOf(Ordinary, name) }

// DSNOf is that of one of its databases, for any role.
func (s *Server) DSNOf(role, name string) waxwing.Secret {
	return waxwing.Secret(fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", role, s.Port, name))
}

// Database is the DSN of a new database.
func (s *Server) Database(t *testing.T) waxwing.Secret {
	t.Helper()
	name := fmt.Sprintf("ledger%d", s.made.Add(1))
	if s.behind {
		name = "pooled_" + name // the server has others
	}
	s.Exec(t, "postgres", "CREATE DATABASE "+name+" OWNER "+Ordinary)
	return s.DSN(name)
}

// Exec runs a statement as a superuser, which may fail with some codes.
func (s *Server) Exec(t *testing.T, database, q string, may ...string) {
	t.Helper()
	c, err := pgx.Connect(context.WithoutCancel(t.Context()), s.DSNOf("postgres", database).Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	var e *pgconn.PgError
	if _, err := c.Exec(t.Context(), q); err != nil && (!errors.As(err, &e) || !slices.Contains(may, e.Code)) {
		t.Fatal(err)
	}
}

// Ask runs a statement as a superuser, and scans the one row that it gives into what is named;
// nothing: it gives none.
func (s *Server) Ask(ctx context.Context, database, q string, into ...any) error {
	c, err := pgx.Connect(ctx, s.DSNOf("postgres", database).Reveal())
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }() // it has answered
	if len(into) == 0 {
		_, err = c.Exec(ctx, q)
		return err
	}
	return c.QueryRow(ctx, q).Scan(into...)
}
