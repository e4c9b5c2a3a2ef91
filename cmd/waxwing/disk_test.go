package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/daemon"
)

// A full disk: orders are answered 503, nothing is sent that is not recorded,
// and with room all goes on.
func TestDiskFull(t *testing.T) {
	dir := smallDisk(t)
	r := newRig(t, func(r *rig, _ *daemon.Extras) { r.cfg.Data = filepath.Join(dir, "ledger") })
	r.until(r.accepted(shopifyOrder(1, "jana@example.com", "paid")), waxwing.Sent)
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	var refused, taken []int
	for i := 100; len(refused) < 20 && i < 5000; i++ {
		body := shopifyOrder(i, fmt.Sprintf("c%d@example.com", i), "paid")
		code, _ := r.do("POST", "/hooks/acme/shopify", "", http.Header{"X-Shopify-Topic": {"orders/paid"},
			"X-Shopify-Hmac-Sha256": {sign(body, testShopSecret)}}, body)
		switch code {
		case http.StatusAccepted:
			taken = append(taken, i)
		case http.StatusServiceUnavailable:
			refused = append(refused, i)
		default:
			t.Fatalf("order %d: %d", i, code)
		}
	}
	if len(refused) == 0 {
		t.Fatal("the disk never filled: the test tests nothing")
	}
	if code, _ := r.do("GET", "/readyz", "", nil, nil); code != http.StatusServiceUnavailable {
		t.Errorf("readyz: %d", code)
	}
	select {
	case err := <-r.d.Fatal():
		t.Fatal("a full disk is no broken one:", err)
	default:
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	for _, i := range refused {
		r.poll("the order is taken again", func() bool {
			code, _ := r.event("orders/paid", shopifyOrder(i, fmt.Sprintf("c%d@example.com", i), "paid"))
			return code/100 == 2
		})
		taken = append(taken, i)
	}
	r.poll("all are sent", func() bool { return len(r.list("?state=sent&limit=500")) >= min(len(taken)+1, 500) })
	r.verified()
	if code, _ := r.do("GET", "/readyz", "", nil, nil); code != http.StatusOK {
		t.Errorf("readyz with room: %d", code)
	}
	count := map[string]int{}
	for _, m := range r.allMails() {
		count[m.To]++
	}
	for _, i := range taken {
		if c := count[fmt.Sprintf("c%d@example.com", i)]; c != 1 {
			t.Errorf("order %d: %d mails", i, c)
		}
	}
	t.Logf("%d taken, %d refused at first", len(taken), len(refused))
}

func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; size /= 2 {
		for {
			if n, err := f.Write(make([]byte, size)); err != nil || n < size {
				break
			}
		}
	}
}
