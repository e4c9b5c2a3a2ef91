package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/daemon"
)

// TestPollingFindsLostWebhooks: orders whose webhooks never come are found in the shop's list and confirmed, once, and so are
// those that came both ways.
func TestPollingFindsLostWebhooks(t *testing.T) {
	const n, each = 60, 4 // each fourth webhook is lost
	var mu sync.Mutex
	var orders [][]byte
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/admin/api/2025-10/orders.json" || r.Header.Get("X-Shopify-Access-Token") != "shpat_test" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintf(w, `{"orders":[%s]}`, bytes.Join(orders, []byte(",")))
	}))
	defer shop.Close()
	r := newRig(t, func(r *rig, _ *daemon.Extras) {
		r.cfg = configtest.Load(t, daemon.Components(), fmt.Sprintf(rigConfig, t.TempDir(), testShopSecret)+
			fmt.Sprintf("sources: {list: {type: shopify, url: %q, token: shpat_test, tenant: acme, shop: shopify, every: 1s, reconcile: 1s}}\n", shop.URL))
	})
	lost := 0
	for i := range n {
		o := shopifyOrder(80_000+i, fmt.Sprintf("p%d@example.com", i), "paid")
		mu.Lock()
		orders = append(orders, o)
		mu.Unlock()
		if i%each == 0 {
			lost++
			continue
		}
		if code, said := r.shopify("shopify", o); code/100 != 2 {
			t.Fatal(code, said)
		}
	}
	r.wait(n)
	for i := range n {
		if got := len(r.mailsTo(fmt.Sprintf("p%d@example.com", i))); got != 1 {
			t.Errorf("order %d has %d mails", i, got)
		}
	}
	r.poll("the source is known to be read, and nothing to be missing", func() bool {
		m := r.metrics()
		return strings.Contains(m, `waxwing_source_state{source="list",state="reading"} 1`) && strings.Contains(m, fmt.Sprintf(`waxwing_source_events_total{became="new",source="list"} %d`, lost)) &&
			!strings.Contains(m, `waxwing_orders_without_confirmation{shop="shopify",source="list",tenant="acme"} 1`)
	})
}
