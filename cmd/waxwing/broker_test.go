package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/pipeline/queue/queuetest"
)

// brokerText is a configuration's broker, called bus.
func brokerText(typ, url string) string {
	keys := fmt.Sprintf("url: %q", url)
	if typ == "sqs" {
		keys = fmt.Sprintf("endpoint: %q, region: us-east-1, access_key: AKID, secret_key: secret", url)
	}
	return fmt.Sprintf("brokers: {bus: {type: %s, %s}}\n", typ, keys)
}

// onBroker is a rig whose mail queue stands on a broker.
func onBroker(t *testing.T, typ, url string, opts ...rigOption) *rig {
	t.Helper()
	return newRig(t, append([]rigOption{func(r *rig, _ *daemon.Extras) {
		text := strings.Replace(fmt.Sprintf(rigConfig, t.TempDir(), testShopSecret), "queue: {name: mail}", "queue: {name: mail, on: bus}", 1)
		r.cfg = configtest.Load(t, daemon.Components(), text+brokerText(typ, url))
	}}, opts...)...)
}

// relayed is what the metrics say of the broker.
func (r *rig) relayed() map[string]int {
	r.t.Helper()
	res, err := r.client.Get(r.url("/metrics"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	return ofBrokers(res)
}

// metered waits for something that metrics tell, which are read five times a second.
func (r *rig) metered(what string, ok func(map[string]int) bool) {
	r.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for !ok(r.relayed()) {
		select {
		case <-tick.C:
		case <-limit:
			r.t.Fatalf("not in time: %s: %v", what, r.relayed())
		}
	}
}

// TestBrokerAloneSuffices: where nothing fails, each order comes by the broker, without the sweeper,
// and soon.
func TestBrokerAloneSuffices(t *testing.T) {
	queuetest.Wanted(t)
	for _, b := range brokerTrials() {
		t.Run(b.name, func(t *testing.T) {
			r := onBroker(t, b.kind(), b.server(t, false).URL, func(_ *rig, x *daemon.Extras) { x.NoSweeper = true })
			r.metered("the broker is there", func(m map[string]int) bool { return m["connected"] == 1 })
			const n, atOnce = 1000, 100
			begun := time.Now()
			for from := 1; from <= n; from += atOnce {
				r.storm(from, atOnce)
				r.wait(atOnce)
			}
			took := time.Since(begun)
			r.metered("all are counted", func(m map[string]int) bool {
				return m["published_total"] == n && m["received_total"] == n && m["kept_total"] == 0
			})
			r.stop()
			r.oneEach(1, n)
			if all, err := (daemon.Connector{}).Connect(t.Context(), r.cfg); err != nil || tried(all, "brokers.bus") != "answers" {
				t.Errorf("check --connect: %+v %v", all, err)
			}
			t.Logf("%d orders, 100 at a time, by %s alone: %v", n, b.name, took.Round(time.Millisecond))
			if took > 30*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestBrokerAway: a broker that was never there holds nobody up, neither the start nor an order nor
// the end, and one that goes is left alone until it comes again.
func TestBrokerAway(t *testing.T) {
	begun := time.Now()
	r := onBroker(t, "redis", "redis://127.0.0.1:1/0", func(_ *rig, x *daemon.Extras) { x.NoSweeper = true })
	const n = 100
	r.storm(1, n)
	r.wait(n)
	r.metered("all are counted", func(m map[string]int) bool { return m["kept_total"] == n })
	if m := r.relayed(); m["connected"] != 0 || m["received_total"] != 0 {
		t.Errorf("%v", m)
	}
	if code, _ := r.do("GET", "/readyz", "", nil, nil); code != http.StatusOK {
		t.Errorf("not ready: %d", code)
	}
	r.poll("the first attempt fails", func() bool { return r.logged("a broker is away") > 0 })
	r.stop()
	r.oneEach(1, n)
	if all, err := (daemon.Connector{}).Connect(t.Context(), r.cfg); err != nil || !strings.Contains(tried(all, "brokers.bus"), "connection refused") {
		t.Errorf("check --connect: %+v %v", all, err)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	if n := r.logged("a broker is away"); n != 1 {
		t.Errorf("it is said %d times, and not at each attempt", n)
	}
}

// tried is what was said of one connection.
func tried(all []daemon.Tried, what string) string {
	for _, t := range all {
		if t.What == what {
			return t.Said
		}
	}
	return ""
}
