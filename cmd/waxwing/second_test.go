package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/channel/sink"
)

// TestSecondSignalEndsAtOnce: a daemon that waits for a silent mail server ends at the
// second signal, and the next start sends what it had taken.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) { secondSignal(t, sig) })
	}
}

func secondSignal(t *testing.T, sig syscall.Signal) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	connected := make(chan net.Conn, 64)
	go func() {
		for {
			c, err := silent.Accept()
			if err != nil {
				return
			}
			connected <- c // and nothing is said
		}
	}()
	x := &torture{t: t, dir: t.TempDir(), listen: lowPort(t), truth: map[string]int{}, ids: map[string]map[string]int{}}
	x.client.Timeout = 10 * time.Second
	file := filepath.Join(x.dir, "waxwing.yaml")
	yaml := fmt.Sprintf(`data: %s
http: {listen: %q}
limits: {drain: 5m}
providers: {mail: {type: smtp, addr: %q, tls: none}}
tenants: {acme: {name: Acme, from: orders@acme.example, keys: [%s], shops: {shopify: {secret: %s}}}}
`, filepath.Join(x.dir, "data"), x.listen, silent.Addr(), "acme-key", testShopSecret)
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	serve := func() {
		c := exec.Command(os.Args[0])
		c.Args = []string{"waxwing", "serve", "-c", file}
		c.Stderr = &x.stderr
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Process.Kill() })
		x.child = c
		if !x.up(ctx) {
			t.Fatalf("the daemon did not come up: %s", x.stderr.String())
		}
	}
	serve()
	x.order(ctx, 1)
	c := <-connected
	defer c.Close()
	ended := make(chan error, 1)
	go func() { ended <- x.child.Wait() }()
	began := time.Now()
	_ = x.child.Process.Signal(sig)
	tick := time.NewTicker(2 * sameSignal)
	defer tick.Stop()
	for over := false; !over; {
		select {
		case err = <-ended:
			over = true
		case <-tick.C: // the second, until it is seen
			_ = x.child.Process.Signal(sig)
		case <-ctx.Done():
			t.Fatal("it does not end")
		}
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(x.stderr.String(), "a second signal") {
		t.Errorf("%v: %s", err, x.stderr.String())
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}

	// The server speaks now: what was taken is sent, once.
	addr := silent.Addr().String()
	_ = silent.Close()
	arrived := make(chan string, 8)
	s := sink.New(sink.Config{OnMail: func(m sink.Mail) { arrived <- m.To }})
	if _, err := s.Listen(addr); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	serve()
	select {
	case to := <-arrived:
		if to != recipient(1) {
			t.Error(to)
		}
	case <-ctx.Done():
		t.Fatalf("the order was lost: %s", x.stderr.String())
	}
	if !x.settled(ctx) {
		t.Error("not settled")
	}
	if err := x.end(syscall.SIGTERM); err != nil {
		t.Errorf("%v: %s", err, x.stderr.String())
	}
	if len(arrived) > 0 {
		t.Error("it was sent twice")
	}
}
