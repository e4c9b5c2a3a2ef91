package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/daemon"
)

// TestTortureLittleMemory: within the least memory that the documentation names, a daemon
// takes orders beside slow clients and large bodies.
func TestTortureLittleMemory(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("-short, or the race detector, which takes more")
	}
	clients, orders := 200, 150
	if *tortureFull {
		clients, orders = 1000, 3000
	}
	x := newTorture(t, sink.Faults{Seed: 1})
	root := t.TempDir()
	for name, text := range map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": fmt.Sprint(daemon.LeastMemory)} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o700), os.WriteFile(filepath.Join(root, name), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	x.spawnWithin(1024, rootEnv+"="+root)
	if !x.up(ctx) {
		t.Fatalf("the daemon did not come up: %s", x.stderr.String())
	}
	attack, stop := context.WithCancel(ctx)
	var crowd sync.WaitGroup
	for i := range clients {
		send := []byte("GET /v1/tenants/acme/confirmations?limit=500 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer acme-key\r\n\r\n")
		if i%2 == 0 {
			send = fmt.Appendf(nil, "POST /hooks/acme/shopify HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", 8<<20, strings.Repeat("x", 500<<10))
		}
		crowd.Go(func() { x.hostile(attack, send) })
	}
	x.timed(ctx, 0, orders)
	stop()
	crowd.Wait()
	peak := x.peak()
	t.Logf("%d orders beside %d clients: %d MiB at most, of %d", orders, clients, peak>>20, daemon.LeastMemory>>20)
	if peak > daemon.LeastMemory {
		t.Errorf("it took %d MiB", peak>>20)
	}
	if !x.settled(ctx) {
		x.dump(1)
		t.Fatalf("not all confirmations are over: %s", x.stderr.String())
	}
	if err := x.end(syscall.SIGTERM); err != nil {
		t.Fatalf("SIGTERM: %v: %s", err, x.stderr.String())
	}
	x.unblamed(orders)
}
