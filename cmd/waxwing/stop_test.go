package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
)

// Acceptance 6: SIGTERM under load leaves nothing uncertain and loses nothing.
func TestStopUnderLoad(t *testing.T) {
	slow := func(q sink.Question) (a sink.Answer) {
		if q.Phase == waxwing.PhaseDot {
			a.Delay = time.Duration(rand.IntN(20)) * time.Millisecond
		}
		return a
	}
	r := newRig(t, withPlan(slow))
	var mu sync.Mutex
	accepted := map[int]bool{}
	next := 0
	for range *stops {
		stopped := make(chan struct{})
		some := make(chan struct{}, 1<<16)
		base := "http://" + r.d.Addr()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					select {
					case <-stopped:
						return
					default:
					}
					mu.Lock()
					next++
					i := next
					mu.Unlock()
					if r.tryOrder(base, i) {
						mu.Lock()
						accepted[i] = true
						mu.Unlock()
						some <- struct{}{}
					}
				}
			})
		}
		for range 20 + rand.IntN(40) {
			<-some
		}
		began := time.Now()
		if err := r.d.Stop(); err != nil {
			t.Error("stop:", err)
		}
		if took := time.Since(began); took > 25*time.Second {
			t.Errorf("stop took %s", took)
		}
		close(stopped)
		wg.Wait()
		r.start(daemon.Extras{})
		if n := r.d.Ledger().TakenOver(); n != 0 {
			t.Errorf("%d messages were still held after a clean stop", n)
		}
		if u := r.list("?state=uncertain&limit=5"); len(u) != 0 {
			t.Errorf("%d are uncertain", len(u))
		}
	}
	r.wait(len(accepted))
	r.stop()
	count := map[string]int{}
	for _, m := range r.allMails() {
		count[m.To]++
	}
	for i := range accepted {
		if c := count[fmt.Sprintf("c%d@example.com", i)]; c != 1 {
			t.Errorf("order %d has %d mails", i, c)
		}
	}
	// An order whose answer was cut off by the stop may be there, too, once.
	for to, c := range count {
		if c > 1 {
			t.Errorf("%s has %d mails", to, c)
		}
	}
	t.Logf("%d stops, %d orders accepted, %d mails", *stops, len(accepted), r.truth.Total())
}

func (r *rig) tryOrder(base string, i int) bool {
	body := shopifyOrder(i, fmt.Sprintf("c%d@example.com", i), "paid")
	req, err := http.NewRequest("POST", base+"/hooks/acme/shopify", strings.NewReader(string(body)))
	if err != nil {
		return false
	}
	req.Header.Set("X-Shopify-Topic", "orders/paid")
	req.Header.Set("X-Shopify-Hmac-Sha256", sign(body, testShopSecret))
	res, err := r.client.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusAccepted
}

// A stopped daemon leaves no goroutine behind.
func TestStopLeavesNothingBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Run("life", func(t *testing.T) {
		r := newRig(t)
		const n = 50
		r.storm(1, n)
		r.wait(n)
		for range 3 {
			r.restart(daemon.Extras{})
			if code, _ := r.do("POST", "/hooks/acme/woocommerce", "", nil, []byte("webhook_id=3")); code != http.StatusOK {
				t.Error("ping:", code)
			}
		}
	})
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

// Nor memory: a daemon that was stopped is gone.
func TestStopFreesMemory(t *testing.T) {
	r := newRig(t)
	measure := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for range 2 {
		r.restart(daemon.Extras{})
	}
	first := measure()
	for range 5 {
		r.restart(daemon.Extras{})
	}
	if last := measure(); last > first+8<<20 {
		t.Errorf("the heap grew from %d to %d KiB over five daemons", first>>10, last>>10)
	}
}

// A client that never ends its request must not make a clean stop a failure.
func TestStopDoesNotWaitForAStuckClient(t *testing.T) {
	r := newRig(t)
	c := dial(t, r.d.Addr())
	_, _ = fmt.Fprintf(c, "POST /hooks/acme/shopify HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
	r.accepted(shopifyOrder(1, "jana@example.com", "paid")) // by now the other request is being read
	if err := r.d.Stop(); err != nil {
		t.Error(err)
	}
}

// A mail server that takes connections and says nothing must not make a clean stop a
// failure either: what is before its commit point was not sent, and waits.
func TestStopDoesNotFailOverASilentServer(t *testing.T) {
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
	t.Cleanup(func() { _ = silent.Close() })
	r := newRig(t)
	r.stop()
	r.cfg.Providers = maps.Clone(r.cfg.Providers)
	r.cfg.Providers["mail"] = mailer(silent.Addr().String(), 16)
	r.cfg.Limits.Drain = config.Duration(500 * time.Millisecond) // a fifth of it is for the verdict
	r.start(daemon.Extras{})
	id := r.accepted(shopifyOrder(1, "jana@example.com", "paid"))
	c := <-connected
	defer c.Close()
	if err := r.d.Stop(); err != nil {
		t.Error(err)
	}
	r.start(daemon.Extras{})
	if v := r.get(id); len(v.Messages) != 1 || v.Messages[0].State != waxwing.Queued && v.Messages[0].State != waxwing.Claimed {
		t.Errorf("%+v", v)
	}
}
