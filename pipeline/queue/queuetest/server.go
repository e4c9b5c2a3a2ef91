// Package queuetest gives tests brokers of their own, each with its own folder and port, so that
// they may kill them, and the suite that each adapter passes.
package queuetest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Wanted skips what takes a broker, and its time, unless make services runs it.
func Wanted(t *testing.T) {
	t.Helper()
	if os.Getenv("WAXWING_SERVICES") == "" {
		t.Skip("make services runs it")
	}
}

// Server is a broker's process.
type Server struct {
	// URL is its address.
	URL string

	t       *testing.T
	dir     string
	port    int
	program string
	args    []string
	env     []string
	as      *syscall.Credential // who it runs as; nil: who tests
	process *exec.Cmd
	ended   chan struct{}
}

// program finds a program, which may stand where no PATH leads. Without it the test is skipped, or
// fails, where WAXWING_REQUIRE_SERVICES says so.
func program(t *testing.T, name, pkg string, places ...string) string {
	t.Helper()
	for _, p := range append(places, "/usr/sbin/"+name, "/usr/bin/"+name) {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	if os.Getenv("WAXWING_REQUIRE_SERVICES") != "" {
		t.Fatalf("it needs %s (apt-get install %s)", name, pkg)
	}
	t.Skipf("it needs %s (apt-get install %s)", name, pkg)
	return ""
}

// freePort is one that no connection out takes while its server is dead, and no other test that
// asks here: a server takes its port only seconds later. A locked file says that one is given away,
// until its test ends.
func freePort(t *testing.T) int {
	t.Helper()
	given := filepath.Join(os.TempDir(), "waxwing-ports")
	if err := os.MkdirAll(given, 0o777); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		port := 12000 + rand.IntN(20000)
		f, err := os.OpenFile(filepath.Join(given, strconv.Itoa(port)), os.O_CREATE|os.O_RDWR, 0o666)
		if err != nil {
			continue // another user's
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			err = l.Close()
		}
		if err != nil || syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
			_ = f.Close() // it was only asked
			continue
		}
		t.Cleanup(func() { _ = f.Close() }) // which gives it back
		return port
	}
	t.Fatal("no port is free")
	return 0
}

func newServer(t *testing.T, scheme string) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), port: freePort(t)}
	s.URL = fmt.Sprintf("%s://127.0.0.1:%d", scheme, s.port)
	return s
}

// Redis is a redis-server that has each write on the disk before it answers, or, if naive, keeps nothing.
func Redis(t *testing.T, naive bool) *Server {
	t.Helper()
	Wanted(t)
	s := newServer(t, "redis")
	s.program = program(t, "redis-server", "redis-server")
	s.args = []string{"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--appendonly", "yes", "--appendfsync", "always"}
	if naive {
		s.args[len(s.args)-3] = "no"
	}
	return s.begin()
}

// NATS is a nats-server with JetStream.
func NATS(t *testing.T) *Server {
	t.Helper()
	Wanted(t)
	s := newServer(t, "nats")
	s.program = program(t, "nats-server", "nats-server")
	s.args = []string{"-a", "127.0.0.1", "-p", strconv.Itoa(s.port), "-js", "-sd", s.dir}
	return s.begin()
}

// RabbitMQ is a rabbitmq-server without plugins, and the port mapper of its own that it needs.
func RabbitMQ(t *testing.T) *Server {
	t.Helper()
	Wanted(t)
	s := newServer(t, "amqp")
	s.URL = fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", s.port)
	s.program = program(t, "rabbitmq-server", "rabbitmq-server", "/usr/lib/rabbitmq/bin/rabbitmq-server")
	mapper := exec.Command(program(t, "epmd", "rabbitmq-server"), "-port", strconv.Itoa(freePort(t)))
	if err := mapper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = mapper.Process.Kill()
		_ = mapper.Wait() // "signal: killed" is what is wanted
	})
	plugins := filepath.Join(s.dir, "plugins")
	if err := os.WriteFile(plugins, []byte("[]."), 0o600); err != nil {
		t.Fatal(err)
	}
	s.env = []string{"HOME=" + s.dir, "RABBITMQ_NODENAME=waxwing" + strconv.Itoa(s.port) + "@localhost", "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1",
		"RABBITMQ_NODE_PORT=" + strconv.Itoa(s.port), "RABBITMQ_DIST_PORT=" + strconv.Itoa(freePort(t)), "RABBITMQ_MNESIA_BASE=" + s.dir, "RABBITMQ_LOG_BASE=" + s.dir,
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + plugins, "RABBITMQ_CONF_ENV_FILE=" + s.dir + "/none", "RABBITMQ_CONFIG_FILE=" + s.dir + "/none", "RABBITMQ_GENERATED_CONFIG_DIR=" + s.dir,
		"ERL_EPMD_PORT=" + mapper.Args[2]}
	return s.begin()
}

func (s *Server) begin() *Server {
	s.t.Helper()
	s.Start()
	s.t.Cleanup(func() { s.Kill() })
	return s
}

// Start starts it, and waits until it answers. What a killed one left behind may be in its way for a
// moment: it is tried again.
func (s *Server) Start() {
	s.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for tries := 0; ; tries++ {
		said, ok := s.start()
		if ok {
			return
		}
		if tries == 20 {
			s.t.Fatalf("%s did not start: %s", s.program, said)
		}
		<-tick.C
	}
}

func (s *Server) start() (said []byte, ok bool) {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "out"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = log.Close() }() // the server has its own
	s.process = exec.Command(s.program, s.args...)
	s.process.Env = append(os.Environ(), s.env...)
	s.process.Dir, s.process.Stdout, s.process.Stderr = s.dir, log, log
	s.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: s.as}
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.ended = make(chan struct{})
	go func(c *exec.Cmd, ended chan struct{}) { _ = c.Wait(); close(ended) }(s.process, s.ended)
	limit := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !s.answers() {
		select {
		case <-tick.C:
			continue
		case <-s.ended:
		case <-limit:
			s.Kill()
		}
		said, _ = os.ReadFile(log.Name())
		return said, false
	}
	return nil, true
}

// answers reports whether the server says anything to what begins a conversation.
func (s *Server) answers() bool {
	c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", s.port), time.Second)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }() // it was only asked
	_ = c.SetDeadline(time.Now().Add(time.Second))
	say, hear := "", "" // NATS and MariaDB speak first
	switch s.URL[:4] {
	case "redi":
		say, hear = "PING\r\n", "+PONG"
	case "amqp":
		say = "AMQP\x00\x00\x09\x01"
	case "http":
		say, hear = "GET /health HTTP/1.0\r\n\r\n", "HTTP/1.1 200"
	case "kafk":
		say = "\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff" // ApiVersions
	case "post":
		say, hear = "\x00\x00\x00\x29\x00\x03\x00\x00user\x00postgres\x00database\x00postgres\x00\x00", "R"
	}
	b := make([]byte, 64)
	if _, err := c.Write([]byte(say)); err != nil {
		return false
	}
	n, err := c.Read(b)
	return err == nil && n > 0 && strings.HasPrefix(string(b[:n]), hear)
}

// Kill ends it with SIGKILL, and all that it started, also what is in groups of its own.
func (s *Server) Kill() {
	pid := s.process.Process.Pid
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	_ = syscall.Kill(-pid, syscall.SIGKILL) // it may be gone
	for _, c := range strings.Fields(string(children)) {
		if n, err := strconv.Atoi(c); err == nil {
			_ = syscall.Kill(n, syscall.SIGKILL) // likewise
		}
	}
	<-s.ended
}
