package queuetest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
)

// Postgres is a postgres that has each write on the disk before it answers, or, if naive, a fraction of a second later.
func Postgres(t *testing.T, naive bool) *Server {
	t.Helper()
	Wanted(t)
	s := newServer(t, "postgres")
	s.URL = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", s.port)
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	slices.Sort(found)
	initdb := program(t, "initdb", "postgresql", found[max(0, len(found)-1):]...)
	s.program = filepath.Join(filepath.Dir(initdb), "postgres")
	s.within(t, "postgres")
	s.run(t, initdb, "-D", s.dir, "-U", "postgres", "-A", "trust", "-N")
	s.args = []string{"-D", s.dir, "-p", strconv.Itoa(s.port), "-k", s.dir, "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=500"}
	if naive {
		s.args = append(s.args, "-c", "synchronous_commit=off")
	}
	return s.begin()
}

// PostgresLog is a postgres whose log can be read by logical replication, with further settings ("name=value").
func PostgresLog(t *testing.T, settings ...string) *Server {
	t.Helper()
	s := Postgres(t, false)
	s.Kill()
	for _, x := range append([]string{"wal_level=logical", "max_wal_senders=20", "max_replication_slots=20"}, settings...) {
		s.args = append(s.args, "-c", x)
	}
	s.Start()
	return s
}

// MariaDB is a mariadbd that has each write on the disk before it answers, or, if naive, within a second.
func MariaDB(t *testing.T, naive bool) *Server {
	t.Helper()
	Wanted(t)
	s := newServer(t, "mysql")
	s.URL = fmt.Sprintf("mysql://root@127.0.0.1:%d/test", s.port)
	s.program = program(t, "mariadbd", "mariadb-server")
	s.within(t, "mysql")
	s.run(t, program(t, "mariadb-install-db", "mariadb-server"), "--no-defaults", "--datadir="+s.dir, "--auth-root-authentication-method=normal", "--force", "--skip-name-resolve")
	s.args = []string{"--no-defaults", "--datadir=" + s.dir, "--port=" + strconv.Itoa(s.port), "--socket=" + s.dir + "/s", "--bind-address=127.0.0.1", "--max-connections=500",
		"--innodb-flush-log-at-trx-commit=1"}
	if naive {
		s.args[len(s.args)-1] = "--innodb-flush-log-at-trx-commit=0"
	}
	return s.begin()
}

// MariaDBLog is a mariadbd whose binary log has rows with the names of their columns, with further arguments (which begin with --).
func MariaDBLog(t *testing.T, args ...string) *Server {
	t.Helper()
	s := MariaDB(t, false)
	s.Kill()
	s.args = append(s.args, "--log-bin="+s.dir+"/log", "--binlog-format=ROW", "--binlog-row-metadata=FULL", "--gtid-strict-mode=1", "--server-id="+strconv.Itoa(s.port), "--sync-binlog=1")
	s.args = append(s.args, args...)
	s.Start()
	return s
}

// within gives a server that does not run as root a user, where root tests, and a folder of that user's.
func (s *Server) within(t *testing.T, name string) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "waxwing-"+name+"-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // which runs after the server has ended
	s.dir = dir
	if os.Getuid() != 0 {
		return
	}
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
}

// run runs a program that makes what the server needs.
func (s *Server) run(t *testing.T, program string, args ...string) {
	t.Helper()
	c := exec.Command(program, args...)
	c.Dir, c.SysProcAttr = s.dir, &syscall.SysProcAttr{Credential: s.as}
	if said, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", program, err, said)
	}
}
