//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/channel/sink"
)

// diskFaults are what the system is made to answer to the calls of each thread. Reads fail
// for a moment, or for as long as the daemon lives; a write or a sync that fails
// with EIO ends it, since nothing in memory may then be believed.
var diskFaults = []string{
	"pread64:error=EIO:when=%d+13",
	"pread64:error=EIO:when=%d+40",
	"pread64:error=ENOMEM:when=%d+31",
	"pwrite64:error=EIO:when=%d",
	"pwrite64:error=ENOSPC:when=%d+7",
	"pwrite64:error=ENOSPC:when=%d+90",
	"fsync,fdatasync:error=EIO:when=%d",
	"openat:error=EMFILE:when=%d+5",
	"fcntl:error=ENOLCK:when=%d+17",
}

// TestTortureDisk kills the daemon while its disk fills up and its reads and writes
// fail, and while it is stopped and goes on: the same count by the truth server's books.
func TestTortureDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("no strace here: reads and writes cannot be made to fail")
	}
	rounds, orders := 10, 800
	if *tortureFull {
		rounds, orders = 60, 5000
		t.Parallel() // it measures no time
	}
	rng := scenario(t, "Disk")
	x := newTorture(t, sink.Faults{Seed: rng.Uint64(), LostReply: .02, Dropped: .02, DeferRcpt: .1, DeferDot: .05})
	dir, resize := memoryDisk(t, 1<<30)
	x.dir = filepath.Join(dir, "ledger")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	posted := x.post(ctx, orders, 8, 60*time.Millisecond)
	hits, full := 0, 0
	for round := range rounds {
		trace := filepath.Join(t.TempDir(), "trace")
		fault := ""
		if rng.IntN(4) > 0 {
			fault = fmt.Sprintf(diskFaults[rng.IntN(len(diskFaults))], 3+rng.IntN(60))
		}
		x.spawnTraced(fault, trace)
		patience := 1500 * time.Millisecond // some are killed while they start
		if round%3 == 2 {                   // others come to work, however busy this machine is
			patience = 30 * time.Second
		}
		limit, stop := context.WithTimeout(ctx, patience)
		up := x.up(limit)
		stop()
		pause(rng, 50, 500)
		if up && fault == "" {
			if err := resize(0); err != nil {
				t.Fatal(err)
			}
			full++
			pause(rng, 50, 300)
			if err := resize(1 << 30); err != nil {
				t.Fatal(err)
			}
			pause(rng, 50, 500)
		}
		x.killTraced()
		b, _ := os.ReadFile(trace) // none where nothing was traced
		hits += bytes.Count(b, []byte("(INJECTED)"))
	}
	x.spawn()
	if !x.up(ctx) {
		t.Fatalf("the daemon did not come up again: %s", x.stderr.String())
	}
	<-posted
	if !x.settled(ctx) {
		x.dump(1)
		t.Fatalf("not all confirmations are over: %s", x.stderr.String())
	}
	if err := x.end(syscall.SIGTERM); err != nil {
		t.Fatalf("SIGTERM: %v: %s", err, x.stderr.String())
	}
	t.Logf("%d calls failed, the disk was full %d times, in %d lives", hits, full, rounds)
	if hits == 0 {
		t.Error("no call was made to fail: the test tests nothing")
	}
	x.judge(orders)
}

// scenario gives the seed's numbers and says how to have them again.
func scenario(t *testing.T, name string) *rand.Rand {
	seed := *tortureSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	more := ""
	if *tortureFull {
		more = " -torture.full"
	}
	t.Logf("seed %d: go test ./cmd/waxwing -run 'Torture%s$' -v -torture.seed=%d%s", seed, name, seed, more)
	return rand.New(rand.NewPCG(seed, 2))
}

// pause lets the daemon work for a while: the time is part of the attack.
func pause(rng *rand.Rand, least, most int) {
	time.Sleep(time.Duration(least+rng.IntN(most-least)) * time.Millisecond)
}

// post offers orders as shops do, each with a pause between two, and closes the channel
// when all were taken.
func (x *torture) post(ctx context.Context, orders, shops int, every time.Duration) <-chan struct{} {
	posted := make(chan struct{})
	go func() {
		defer close(posted)
		var wg sync.WaitGroup
		next := make(chan int)
		for range shops {
			wg.Go(func() {
				for i := range next {
					x.order(ctx, i)
					time.Sleep(every) // so that the orders last as long as the attack
				}
			})
		}
		for i := range orders {
			next <- i
		}
		close(next)
		wg.Wait()
	}()
	return posted
}

// spawnTraced starts the daemon with a fault, if one is given.
func (x *torture) spawnTraced(fault, trace string) {
	x.t.Helper()
	if fault == "" {
		x.spawn()
		return
	}
	calls, _, _ := bytes.Cut([]byte(fault), []byte(":"))
	c := exec.Command("strace", "-f", "-q", "--seccomp-bpf", "-o", trace, "-e", "trace="+string(calls), "-e", "inject="+fault, os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), childEnv+"="+x.dir, "WAXWING_TORTURE_LISTEN="+x.listen, "WAXWING_TORTURE_SINK="+x.sink)
	c.Stderr = &x.stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		x.t.Fatal(err)
	}
	x.child = c
}

// killTraced kills tracer and daemon.
func (x *torture) killTraced() {
	if x.child.SysProcAttr != nil {
		_ = syscall.Kill(-x.child.Process.Pid, syscall.SIGKILL) // gone already: as good
	}
	_ = x.end(syscall.SIGKILL) // "signal: killed" is what is wanted
}
