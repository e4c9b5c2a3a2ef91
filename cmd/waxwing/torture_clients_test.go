package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
	"github.com/waxwinghq/waxwing/pipeline"
)

// textsEnv is where a child sends texts instead of mails that it gives up.
const textsEnv = "WAXWING_TORTURE_TEXTS"

// rootEnv is where a child finds its /proc and /sys.
const rootEnv = "WAXWING_TORTURE_ROOT"

// withTexts gives a child a fallback that it is quick to take.
func withTexts(c *config.Config, at string) {
	c.Providers["texts"] = provider(`type: twilio, account: AC1, token: t, from: "+15005550006", connections: 4, base_url: "` + at + `"`)
	c.Pipeline = append(c.Pipeline, pipeline.At(&pipeline.Fallback{Channels: []string{"sms"}, Providers: []string{"texts"},
		Unreachable: config.Duration(time.Second)}))
}

// spawnWithin starts the child with so many file descriptors.
func (x *torture) spawnWithin(files int, env ...string) {
	x.t.Helper()
	c := exec.Command("sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$0" -test.run='^$'`, files), os.Args[0])
	c.Env = append(append(os.Environ(), childEnv+"="+x.dir, "WAXWING_TORTURE_LISTEN="+x.listen, "WAXWING_TORTURE_SINK="+x.sink), env...)
	c.Stderr = &x.stderr
	if err := c.Start(); err != nil {
		x.t.Fatal(err)
	}
	x.child = c
	x.t.Cleanup(func() { _ = c.Process.Kill() })
}

// texts is a text service that counts; nothing should come.
func (x *torture) texts() (at string, n *atomic.Int64) {
	n = &atomic.Int64{}
	s := httptest.NewServer(&sink.Twilio{OnText: func(sink.Text) { n.Add(1) }})
	x.t.Cleanup(s.Close)
	return s.URL, n
}

// unblamed holds the ledger against the truth, and finds attempts that were blamed on a
// provider although its server never failed, and mails that were given up.
func (x *torture) unblamed(orders int) {
	x.t.Helper()
	x.judge(orders)
	l, err := sqlite.Open(context.Background(), sqlite.Options{Options: ledger.Options{Dir: x.dir}, ReadOnly: true})
	if err != nil {
		x.t.Fatal(err)
	}
	defer l.Close()
	for i := range orders {
		v, err := x.only(l, i)
		if err != nil {
			continue // judge has told
		}
		for _, m := range v.Messages {
			if m.State == waxwing.Cancelled || m.Channel != waxwing.Email {
				x.t.Errorf("order %d: %s %s", i, m.Channel, m.State)
			}
			for _, a := range m.Attempts {
				if a.Verdict != waxwing.Accepted {
					x.t.Errorf("order %d: %s at %s, fault %s: %s", i, a.Verdict, a.Phase, a.Fault, a.Reply)
				}
			}
		}
	}
}

// peak is the most memory that the child has had, in bytes.
func (x *torture) peak() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", x.child.Process.Pid))
	if m := regexp.MustCompile(`VmHWM:\s*(\d+) kB`).FindSubmatch(b); err == nil && m != nil {
		kb, _ := strconv.ParseInt(string(m[1]), 10, 64)
		return kb << 10
	}
	return 0
}

// hostile keeps one connection that sends and then does nothing, and makes another when
// it is shut.
func (x *torture) hostile(ctx context.Context, send []byte) {
	for ctx.Err() == nil {
		c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", x.listen)
		if err == nil {
			_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
			done := context.AfterFunc(ctx, func() { _ = c.Close() })
			if _, err = c.Write(send); err == nil {
				// It reads a little, and no more until the server has had enough.
				r := bufio.NewReaderSize(c, 16)
				_, _ = r.ReadByte()
				hungUp(ctx, c)
			}
			done()
			_ = c.Close()
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// hungUp waits, without reading, until the other side has shut the connection.
func hungUp(ctx context.Context, c net.Conn) {
	rc, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		gone := false
		_ = rc.Control(func(fd uintptr) {
			v, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpInfoState)
			gone = err != nil || v&0xff != 1 // ESTABLISHED
		})
		if gone {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// TestTortureSlowClients: slow readers and promised bodies hold every connection that
// there is, and more. Shops are let in all the same, memory stays bounded, and no mail
// is given up for it.
func TestTortureSlowClients(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	readers, promises, files, orders, bound := 150, 300, 256, 80, 2*time.Second
	if *tortureFull {
		readers, promises, files, orders, bound = 1000, 2000, 1024, 1500, 100*time.Millisecond
	}
	if own := daemon.DescriptorLimit(); own != 0 && own < readers+promises+500 {
		t.Skipf("the clients need %d descriptors: ulimit -n is %d", readers+promises+500, own)
	}
	seed := *tortureSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d: go test ./cmd/waxwing -run TortureSlowClients -torture.seed=%d -torture.full=%v", seed, seed, *tortureFull)
	rng := rand.New(rand.NewPCG(seed, 5))
	x := newTorture(t, sink.Faults{Seed: seed})
	at, texts := x.texts()
	x.spawnWithin(files, textsEnv+"="+at)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if !x.up(ctx) {
		t.Fatalf("the daemon did not come up: %s", x.stderr.String())
	}
	warm := orders / 4 // there is something to list
	quiet := x.timed(ctx, 0, warm)
	// What else this machine does is not the daemon's doing: it shows in the quiet, too.
	bound += 2 * quiet[len(quiet)*99/100]

	attack, stop := context.WithCancel(ctx)
	defer stop()
	var crowd sync.WaitGroup
	const get = " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer acme-key\r\n\r\n"
	for i := range readers {
		page := []string{"GET /v1/tenants/acme/confirmations?limit=500" + get, "GET /v1/openapi.json" + get, "GET /metrics" + get,
			"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /v1/openapi HTTP/1.1\r\nHost: a\r\n\r\n"}[i%5]
		send := []byte(strings.Repeat(page, 1+rng.IntN(20)))
		crowd.Go(func() { x.hostile(attack, send) })
	}
	for range promises {
		send := fmt.Appendf(nil, "POST /hooks/acme/shopify HTTP/1.1\r\nHost: a\r\nX-Shopify-Hmac-Sha256: x\r\nContent-Length: %d\r\n\r\n", 1<<20+rng.IntN(7<<20))
		if n := rng.IntN(4); n > 0 {
			send = append(send, bytes.Repeat([]byte("x"), rng.IntN([]int{1, 1 << 10, 100 << 10, 900 << 10}[n])+1)...)
		}
		crowd.Go(func() { x.hostile(attack, send) })
	}
	x.full(ctx, files)
	took := x.timed(ctx, warm, orders)
	stop()
	crowd.Wait()

	p99 := took[len(took)*99/100]
	t.Logf("%d slow readers and %d promises at %d descriptors: accepted in %s (median), %s (p99), %s (most); %d MB at most",
		readers, promises, files, took[len(took)/2], p99, took[len(took)-1], x.peak()>>20)
	if p99 > bound {
		t.Errorf("accepting took %s at p99, more than %s", p99, bound)
	}
	if m := x.peak(); m > 300<<20 && !raceDetector {
		t.Errorf("it took %d MB", m>>20)
	}
	if !x.settled(ctx) {
		x.dump(1)
		t.Fatalf("not all confirmations are over: %s", x.stderr.String())
	}
	if err := x.end(syscall.SIGTERM); err != nil {
		t.Fatalf("SIGTERM: %v: %s", err, x.stderr.String())
	}
	x.unblamed(orders)
	if n := texts.Load(); n > 0 {
		t.Errorf("%d texts were sent instead of mails", n)
	}
}

// full waits until the daemon has shut connections to make room: all are taken.
func (x *torture) full(ctx context.Context, files int) {
	x.t.Helper()
	shut := regexp.MustCompile(`(?m)^waxwing_http_connections_shut_total [1-9]`)
	for ctx.Err() == nil {
		res, err := x.client.Get("http://" + x.listen + "/metrics")
		if err == nil {
			b, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if shut.Match(b) {
				return
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	x.t.Fatalf("the connections of %d descriptors were never all taken", files)
}

// timed posts orders from one number to another, each on a connection of its own as
// shops do, and says how long each took until it was accepted.
func (x *torture) timed(ctx context.Context, from, to int) []time.Duration {
	var mu sync.Mutex
	var took []time.Duration
	var next atomic.Int64
	next.Store(int64(from))
	shop := x.client
	shop.Transport = &http.Transport{DisableKeepAlives: true}
	y := &torture{t: x.t, listen: x.listen, client: shop}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= to || ctx.Err() != nil {
					return
				}
				began := time.Now()
				y.order(ctx, i)
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(took)
	return took
}
