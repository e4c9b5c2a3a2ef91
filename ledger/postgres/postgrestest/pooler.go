package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Pooled is a server as it is seen through a PgBouncer of the test's own, which lends one of so many
// connections for each transaction. It ends with the test; Kill, Start and End are not for it.
func (s *Server) Pooled(t *testing.T, connections int) *Server {
	t.Helper()
	bin, err := exec.LookPath("pgbouncer")
	if err != nil {
		Needed(t, errors.New("pgbouncer is not installed (apt-get install pgbouncer)"))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x := &Server{Port: l.Addr().(*net.TCPAddr).Port, bin: s.bin, dir: s.dir, as: s.as, behind: true}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ini := filepath.Join(s.dir, fmt.Sprintf("pgbouncer%d.ini", x.Port))
	if err := os.WriteFile(ini, fmt.Appendf(nil, `[databases]
* = host=127.0.0.1 port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s.users
pool_mode = transaction
max_client_conn = 1000
default_pool_size = %d
reserve_pool_size = 0
logfile = %s.log
`, s.Port, x.Port, ini, connections, ini), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ini+".users", []byte("\"postgres\" \"\"\n\""+Ordinary+"\" \"\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(bin, "-q", ini)
	c.Dir, c.SysProcAttr = s.dir, &syscall.SysProcAttr{Credential: s.as, Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait() // it was killed
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, x.DSNOf("postgres", "postgres").Reveal())
		if err == nil {
			_ = conn.Close(ctx) // it was only asked
			return x
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			said, _ := os.ReadFile(ini + ".log")
			t.Fatalf("pgbouncer does not answer: %v: %s", err, said)
		}
	}
}
