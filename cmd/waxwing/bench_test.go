package main

import (
	"fmt"
	"net/http"
	"os"
	"runtime/pprof"
	"sort"
	"sync"
	"testing"
	"time"
)

func TestProfile(t *testing.T) {
	out := os.Getenv("WAXWING_PROFILE")
	if out == "" {
		t.Skip("set WAXWING_PROFILE=FILE")
	}
	r := newRig(t)
	n := 20000
	bodies := make([][]byte, n)
	for i := range bodies {
		bodies[i] = shopifyOrder(100000+i, fmt.Sprintf("jana%d@example.com", i), "paid")
	}
	time.Sleep(500 * time.Millisecond)
	f, _ := os.Create(out)
	pprof.StartCPUProfile(f)
	start := time.Now()
	var wg sync.WaitGroup
	next := make(chan []byte, n)
	for _, b := range bodies {
		next <- b
	}
	close(next)
	for range 64 {
		wg.Go(func() {
			for b := range next {
				if code, _ := r.shopify("shopify", b); code != http.StatusAccepted {
					t.Errorf("%d", code)
				}
			}
		})
	}
	wg.Wait()
	acc := time.Since(start)
	r.wait(n)
	total := time.Since(start)
	pprof.StopCPUProfile()
	t.Logf("accepted in %s, all sent in %s: %.0f orders/s", acc, total, float64(n)/total.Seconds())
	_ = sort.Strings
}
