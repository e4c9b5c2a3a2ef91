package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a part under measurement.
type process struct {
	cmd *exec.Cmd
	err bytes.Buffer
}

func spawnTalking(args ...string) (*process, io.Writer, io.Reader, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, nil, err
	}
	p := &process{cmd: exec.Command(self, args...)}
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	return p, in, out, p.cmd.Start()
}

// cpu is the user and system time that the process has used.
func (p *process) cpu() time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	u, _ := strconv.Atoi(f[11])
	s, _ := strconv.Atoi(f[12])
	return time.Duration(u+s) * (time.Second / 100) // USER_HZ is 100 on Linux
}

// rss is the resident memory in bytes.
func (p *process) rss() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	return n * int64(os.Getpagesize())
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // it was killed
}

// daemon is a real waxwing serve.
type daemon struct {
	*process
	addr    string
	started time.Duration // to ready
	sends   bool          // it does nothing else
}

type setup struct {
	bin, dir, sink, dkim, profile string
	plugin                        string // a project's folder
	ledger                        string // lines of the configuration; "": in the folder
	queue                         string // keys of the mail queue; "": in the process
	sends                         bool   // it does nothing else
	connections                   int
	port                          int // how far from the first
}

const listen = "127.0.0.1:18911"

// address is where a daemon listens that is not the first.
func (s setup) address() string { return fmt.Sprintf("127.0.0.1:%d", 18911+s.port) }

func (s setup) start() (*daemon, error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, "waxwing.yaml")
	file, stage := "", ""
	if s.plugin != "" {
		file = fmt.Sprintf("    plugins: {hello: {file: %s}}\n", filepath.Join(s.plugin, "hello.wasm"))
		stage = "  - plugins: {hooks: [personalise]}\n"
	}
	yaml := fmt.Sprintf(`data: %s
http: {listen: %s}
providers:
  mail: {type: smtp, addr: %s, tls: none, connections: %d}
tenants:
  acme:
    name: Acme Outfitters
    from: orders@acme.example
    support_url: https://acme.example/help
    tracking_url: https://acme.example/track/{order}
    locales: [%s]
    keys: [bench-key]
    shops: {shopify: {secret: %s}}
%s%s%spipeline:
  - normalise
%s  - render
  - queue: {name: mail, %s}
  - send: {channel: email, providers: [mail], uncertain: {policy: resend, after: 1m}}
log: {level: warn}
`, filepath.Join(s.dir, "data"), s.address(), s.sink, cmp.Or(s.connections, 32), strings.Join(localeTags, ", "), secret, s.dkim, file, s.ledger, stage, cmp.Or(s.queue, "on: gochannel"))
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		return nil, err
	}
	args := []string{"serve", "-c", path}
	if s.profile != "" {
		args = append(args, "--profile", s.profile)
	}
	if s.sends {
		args = append(args, "--role", "send")
	}
	d := &daemon{process: &process{cmd: exec.Command(s.bin, args...)}, addr: s.address(), sends: s.sends}
	d.cmd.Stderr = &d.err
	begin := time.Now()
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	for time.Since(begin) < 30*time.Second {
		res, err := http.Get("http://" + s.address() + "/readyz")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				d.started = time.Since(begin)
				return d, nil
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	d.kill()
	return nil, fmt.Errorf("the daemon did not start: %s", d.err.String())
}

func (d *daemon) stop() error {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	if err := d.cmd.Wait(); err != nil {
		return fmt.Errorf("daemon: %w: %s", err, d.err.String())
	}
	return nil
}

func selfCmd() *exec.Cmd {
	p, _ := os.FindProcess(os.Getpid()) // never fails on Unix
	return &exec.Cmd{Process: p}
}
