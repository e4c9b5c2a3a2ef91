package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/waxwinghq/waxwing/channel/sink"
)

// allow sets how many descriptors the child may have from now on; what it has it keeps.
func (x *torture) allow(files int) {
	x.t.Helper()
	l := syscall.Rlimit{Cur: uint64(files), Max: uint64(1024)}
	const nofile = syscall.RLIMIT_NOFILE
	if _, _, e := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(x.child.Process.Pid), nofile, uintptr(unsafe.Pointer(&l)), 0, 0, 0); e != 0 {
		x.t.Fatalf("prlimit: %v", e)
	}
}

// open is how many descriptors the child has.
func (x *torture) open() int {
	x.t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", x.child.Process.Pid))
	if err != nil {
		x.t.Fatal(err)
	}
	return len(all)
}

// TestTortureDescriptors: a daemon of 64 descriptors, silent clients at its door, works
// as one of many does. And one whose descriptors are all taken away while orders come,
// by somebody else in the same limit, loses nothing and blames nobody; when there are
// some again, it goes on.
func TestTortureDescriptors(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	orders, silent, rounds := 120, 100, 2
	if *tortureFull {
		orders, silent, rounds = 2000, 400, 8
	}
	seed := *tortureSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d: go test ./cmd/waxwing -run TortureDescriptors -torture.seed=%d -torture.full=%v", seed, seed, *tortureFull)
	rng := rand.New(rand.NewPCG(seed, 6))
	x := newTorture(t, sink.Faults{Seed: seed})
	at, texts := x.texts()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()

	x.spawnWithin(64, textsEnv+"="+at)
	if !x.up(ctx) {
		t.Fatalf("the daemon did not come up: %s", x.stderr.String())
	}
	attack, stop := context.WithCancel(ctx)
	var crowd sync.WaitGroup
	for range silent {
		send := []byte("POST /hooks/acme/shopify HTTP/1.1\r\nHost:")[:rng.IntN(30)+1]
		crowd.Go(func() { x.hostile(attack, send) })
	}
	took := x.timed(ctx, 0, orders)
	stop()
	crowd.Wait()
	t.Logf("at 64 descriptors: accepted in %s (median), %s (p99)", took[len(took)/2], took[len(took)*99/100])
	if !x.settled(ctx) {
		x.dump(1)
		t.Fatalf("not all confirmations are over: %s", x.stderr.String())
	}
	if err := x.end(syscall.SIGTERM); err != nil {
		t.Fatalf("SIGTERM: %v: %s", err, x.stderr.String())
	}

	first := orders
	for range rounds {
		to := first + orders/rounds
		x.starve(ctx, at, first, to, rng.IntN(2))
		first = to
	}
	x.unblamed(first)
	if n := texts.Load(); n > 0 {
		t.Errorf("%d texts were sent instead of mails", n)
	}
}

// starve has orders come over connections that are there while every descriptor is
// taken: no mail server can be asked, for longer than the fallback is willing to wait.
// Then there are some again.
func (x *torture) starve(ctx context.Context, texts string, from, to, spare int) {
	x.t.Helper()
	x.spawnWithin(1024, textsEnv+"="+texts)
	if !x.up(ctx) {
		x.t.Fatalf("the daemon did not come up again: %s", x.stderr.String())
	}
	tr := &http.Transport{MaxIdleConnsPerHost: 8}
	defer tr.CloseIdleConnections()
	y := &torture{t: x.t, listen: x.listen, client: http.Client{Transport: tr, Timeout: 30 * time.Second}}
	meet := make(chan struct{})
	var wg sync.WaitGroup
	for range 8 { // all at once: each has a connection of its own
		wg.Go(func() {
			<-meet
			if res, err := y.client.Get("http://" + x.listen + "/healthz"); err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
		})
	}
	close(meet)
	wg.Wait()
	// One that is closed meanwhile would be enough for the mail server.
	x.allow(x.open() + spare - 4*(1-spare))
	for i := from; i < to; i++ {
		y.order(ctx, i)
	}
	short := 0
	for end := time.Now().Add(1500 * time.Millisecond); time.Now().Before(end) && ctx.Err() == nil; {
		short = max(short, x.metric(y, "waxwing_short_of_resources_total"))
		if n := x.truthOf(from, to); n == to-from {
			break // a spare one was enough for the mail server
		}
	}
	x.allow(1024)
	if spare == 0 && short == 0 {
		x.t.Error("the daemon was never short of descriptors: nothing was tested")
	}
	if !x.settled(ctx) {
		x.dump(1)
		x.t.Fatalf("not all confirmations are over: %s", x.stderr.String())
	}
	if err := x.end(syscall.SIGTERM); err != nil {
		x.t.Fatalf("SIGTERM: %v: %s", err, x.stderr.String())
	}
	x.t.Logf("%d orders while %d descriptors were left: %d offers had none", to-from, spare, short)
}

// truthOf is how many of some orders have their mail.
func (x *torture) truthOf(from, to int) (n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := from; i < to; i++ {
		n += min(x.truth[recipient(i)], 1)
	}
	return n
}

// metric reads a counter without labels over another's connections.
func (x *torture) metric(y *torture, name string) int {
	res, err := y.client.Get("http://" + x.listen + "/metrics")
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	m := regexp.MustCompile(`(?m)^` + name + ` (\d+)`).FindSubmatch(b)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}
