package main

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/waxwinghq/waxwing/daemon"
)

// deaf loses every message.
type deaf struct{ lost atomic.Int64 }

func (d *deaf) Publish(_ string, m ...*message.Message) error {
	d.lost.Add(int64(len(m)))
	return nil
}

func (*deaf) Close() error { return nil }

// storm posts n different orders in parallel and wants each accepted. Where the disk is so slow that the daemon
// turns one away, it comes again, as a shop does.
func (r *rig) storm(from, n int) {
	r.t.Helper()
	parallel(n, 32, func(i int) {
		code := http.StatusServiceUnavailable
		for tries := 0; code == http.StatusServiceUnavailable && tries < 10; tries++ {
			if tries > 0 {
				<-time.After(time.Duration(tries) * 200 * time.Millisecond)
			}
			code, _ = r.shopify("shopify", shopifyOrder(from+i, fmt.Sprintf("c%d@example.com", from+i), "paid"))
		}
		if code != http.StatusAccepted {
			r.t.Errorf("order %d: %d", from+i, code)
		}
	})
}

// oneEach wants exactly one mail for each order of the storm.
func (r *rig) oneEach(from, n int) {
	r.t.Helper()
	count := map[string]int{}
	for _, m := range r.allMails() {
		count[m.To]++
	}
	for i := from; i < from+n; i++ {
		if c := count[fmt.Sprintf("c%d@example.com", i)]; c != 1 {
			r.t.Errorf("order %d has %d mails", i, c)
		}
	}
}

// Acceptance 5: the ledger is the truth; without a single message of the queue
// all completes.
func TestEveryQueueMessageLost(t *testing.T) {
	d := &deaf{}
	r := newRig(t, func(_ *rig, x *daemon.Extras) { x.Wrap = func(message.Publisher) message.Publisher { return d } })
	const n = 300
	r.storm(1, n)
	r.wait(n)
	r.stop()
	r.oneEach(1, n)
	if d.lost.Load() < n {
		t.Fatalf("only %d messages were lost: the test tests nothing", d.lost.Load())
	}
}

// And its opposite: the queue alone suffices where nothing fails, and orders come no
// faster than they are sent. What waits beyond that is left to the sweeper.
func TestQueueAloneSuffices(t *testing.T) {
	n := 10_000
	if testing.Short() || raceDetector {
		n = 2_000
	}
	r := newRig(t, func(_ *rig, x *daemon.Extras) { x.NoSweeper = true })
	const atOnce = 200
	for from := 1; from <= n; from += atOnce {
		r.storm(from, atOnce)
		r.wait(atOnce)
	}
	r.stop()
	r.oneEach(1, n)
	if got := r.truth.Total(); got != n {
		t.Fatalf("%d mails of %d", got, n)
	}
}
