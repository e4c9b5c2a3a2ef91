package main

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/daemon"
)

// TestTortureFair has one tenant's mails queue up, while the only server is away, and then go out as fast as that takes them,
// while many others have an order now and then: these do not wait for the queue.
func TestTortureFair(t *testing.T) {
	hog, small, lasts, connections := 1000, 10, 2, 4
	if *tortureFull {
		hog, small, lasts, connections = 100_000, 50, 30, 16
	}
	slowly := at(waxwing.PhaseDot, sink.Answer{Delay: 20 * time.Millisecond})
	var mu sync.Mutex
	came, hogs := map[string]time.Time{}, 0
	server := answering(t, sink.Config{Plan: slowly, OnMail: func(m sink.Mail) {
		mu.Lock()
		defer mu.Unlock()
		if came[m.To] = time.Now(); m.To == "hog@example.com" {
			hogs++
		}
	}}, &atomic.Bool{})
	tenants := ""
	for i := range small {
		tenants += fmt.Sprintf("\n  small%d: {name: Small %[1]d, from: orders@small%[1]d.example, offline: [], keys: [key-%[1]d], shops: {shopify: {secret: %q}}}", i, testShopSecret)
	}
	r := &rig{t: t, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	r.cfg = configtest.Load(t, daemon.Components(), fmt.Sprintf(`data: %q
http: {listen: "127.0.0.1:0"}
providers: {mail: {type: smtp, addr: %q, tls: none, connections: %d}}
tenants:
  hog: {name: Hog, from: orders@hog.example, offline: [], keys: [hog-key], shops: {shopify: {secret: %q}}}%s
pipeline: [normalise, render, {queue: {name: mail}}, {send: {providers: [mail]}}]
`, t.TempDir(), server.addr, connections, testShopSecret, tenants))
	r.cfg.Limits.Drain = config.Duration(time.Second)
	r.start(daemon.Extras{})
	t.Cleanup(func() { _ = r.d.Stop(); r.client.CloseIdleConnections() })
	post := func(tenant string, n int, to string) {
		body := shopifyOrder(n, to, "paid")
		for {
			code, b := r.do("POST", "/hooks/"+tenant+"/shopify", "", shopifyHeader(body), body)
			switch code {
			case http.StatusAccepted:
				return
			case http.StatusServiceUnavailable: // come again
				<-time.After(100 * time.Millisecond)
			default:
				t.Errorf("%s %d: %d %s", tenant, n, code, b)
				return
			}
		}
	}
	server.set(refused)
	began := time.Now()
	parallel(hog, 64, func(i int) { post("hog", i+1, "hog@example.com") })
	queued := time.Since(began)
	server.set(opened)
	r.poll("the server to be known as well again", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return hogs > 100
	})
	// Each of the small ones has its own moment in the second.
	var posts sync.WaitGroup
	due := map[string]time.Time{}
	each := time.NewTicker(time.Second / time.Duration(small))
	defer each.Stop()
	for n := range small * lasts {
		to := fmt.Sprintf("c%d@example.com", n)
		due[to] = <-each.C
		posts.Go(func() { post(fmt.Sprintf("small%d", n%small), n+1, to) })
	}
	posts.Wait()
	mu.Lock()
	meanwhile := hogs
	mu.Unlock()
	r.poll("their mails", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(came) == len(due)+1
	})
	mu.Lock()
	defer mu.Unlock()
	var took []time.Duration
	for to, d := range due {
		took = append(took, came[to].Sub(d))
	}
	slices.Sort(took)
	p99 := took[(len(took)*99+99)/100-1]
	t.Logf("%d mails of one tenant queued within %s; %d orders of %d others in %d s, while %d of the former went out (%d before the last of the latter): p50 %s, p99 %s, longest %s",
		hog, queued.Round(time.Second), len(due), small, lasts, meanwhile, hogs, took[len(took)/2].Round(time.Millisecond), p99.Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
	if hogs >= hog {
		t.Errorf("the queue was empty before the others had their mails: this says nothing")
	}
	if *tortureFull && p99 >= 3*time.Second {
		t.Errorf("p99 %s", p99)
	}
}
