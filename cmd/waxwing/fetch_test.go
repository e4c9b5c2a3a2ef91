package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/shop/shoptest"
)

const callbackToken = "canary-token-of-the-shops-api"

// bigShop is the API of a BigCommerce shop, of which a test says how it is.
type bigShop struct {
	t  *testing.T
	mu sync.Mutex
	// orders by id, as the API gives them; fails is what is answered in their stead, 0: nothing.
	orders map[string]map[string]any
	fails  int
	asked  map[string]int
	gate   chan struct{} // closed to let answers go; nil: they go
	came   chan string   // each order that is asked for
}

func newBigShop(t *testing.T) (*bigShop, *httptest.Server) {
	b := &bigShop{t: t, orders: map[string]map[string]any{}, asked: map[string]int{}, came: make(chan string, 1000)}
	s := httptest.NewServer(b)
	t.Cleanup(s.Close)
	return b, s
}

// sells puts an order into the shop, of a status.
func (b *bigShop) sells(id int, email string, status int) {
	o := shoptest.Payload(b.t, "../../shop/bigcommerce/testdata/net-coupon.json")
	now := time.Now().UTC().Format(time.RFC1123Z)
	o["id"], o["status_id"], o["date_created"], o["date_modified"] = id, status, now, now
	o["billing_address"].(map[string]any)["email"] = email
	b.mu.Lock()
	defer b.mu.Unlock()
	b.orders[strconv.Itoa(id)] = o
}

func (b *bigShop) is(fails int, gate chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fails, b.gate = fails, gate
}

func (b *bigShop) times(id int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked[strconv.Itoa(id)]
}

func (b *bigShop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	steps := strings.Split(strings.TrimPrefix(r.URL.Path, "/stores/hash/v2/orders/"), "/")
	b.mu.Lock()
	if len(steps) == 1 {
		b.asked[steps[0]]++
		b.came <- steps[0]
	}
	fails, gate, o := b.fails, b.gate, b.orders[steps[0]]
	var part any = o
	if len(steps) > 1 && o != nil {
		part = o[steps[1]]
	}
	raw, err := json.Marshal(part)
	b.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case err != nil || r.Header.Get("X-Auth-Token") != callbackToken:
		b.t.Errorf("asked with the token %q, %v", r.Header.Get("X-Auth-Token"), err)
	case fails == http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(fails)
	case fails != 0:
		w.WriteHeader(fails)
	case o == nil:
		w.WriteHeader(http.StatusNotFound)
	case part == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		_, _ = w.Write(raw)
	}
}

// withBigShop adds a shop that names its orders only, and one of the same that nobody can be asked about.
func withBigShop(url string) rigOption {
	return func(r *rig, _ *daemon.Extras) {
		file := strings.Replace(rigConfig, "      outlet: *signed\n", "      outlet: *signed\n"+
			fmt.Sprintf("      big: {format: bigcommerce, secret: %q, api: {url: %q, token: %q}}\n", testShopSecret, url+"/stores/hash", callbackToken)+
			fmt.Sprintf("      dumb: {format: bigcommerce, secret: %q}\n", testShopSecret), 1)
		r.cfg = configtest.Load(r.t, daemon.Components(), fmt.Sprintf(file, r.t.TempDir(), testShopSecret))
	}
}

// names has a shop's webhook name an order, as BigCommerce signs it.
func (r *rig) names(shop string, id int) (int, receipt) {
	r.t.Helper()
	body := fmt.Appendf(nil, `{"scope":"store/order/updated","store_id":"1","data":{"type":"order","id":%d},"hash":"h","created_at":%d}`, id, time.Now().Unix())
	at := strconv.FormatInt(time.Now().Unix(), 10)
	h := http.Header{"Webhook-Id": {"m"}, "Webhook-Timestamp": {at}, "Webhook-Signature": {"v1," + sign([]byte("m."+at+"."+string(body)), testShopSecret)}}
	code, said := r.do("POST", "/hooks/acme/"+shop, "", h, body)
	return code, parseReceipt(r.t, said)
}

// TestNamedOrders: orders that webhooks only name are asked for and confirmed, each once, to the cent, through an outage and a
// shop that wants to be left alone for a moment.
func TestNamedOrders(t *testing.T) {
	shop, api := newBigShop(t)
	r := newRig(t, withBigShop(api.URL))
	shop.sells(9001, "one@example.com", 11)
	code, rc := r.names("big", 9001)
	if code != http.StatusAccepted || rc.State != "received" {
		t.Fatal(code, rc)
	}
	r.wait(1)
	v := r.until(rc.ID, waxwing.Sent)
	if v.Number != "9001" || v.Order == nil || v.Order.Total.String() != "97.86 USD" || v.To != "one@example.com" {
		t.Errorf("%+v of %+v", v, v.Order)
	}
	for range 3 { // what comes later makes no second mail
		if code, again := r.names("big", 9001); code != http.StatusOK || again.ID != rc.ID {
			t.Error(code, again)
		}
	}

	shop.is(http.StatusTooManyRequests, nil)
	for i := range 12 {
		shop.sells(9100+i, fmt.Sprintf("o%d@example.com", i), 11)
		_, first := r.names("big", 9100+i)
		for range 2 {
			if _, again := r.names("big", 9100+i); again.ID != first.ID {
				t.Errorf("order %d has two confirmations", i)
			}
		}
	}
	if code, said := r.shopify("shopify", shopifyOrder(80_001, "beside@example.com", "paid")); code/100 != 2 { // which waits for nobody
		t.Fatal(code, said)
	}
	r.wait(1)
	shop.is(http.StatusUnauthorized, nil)
	r.poll("a refused token is told", func() bool {
		_, health := r.do("GET", "/readyz?verbose", "", nil, nil)
		return strings.Contains(health, "api of acme/big: failing") && strings.Contains(health, "refuses the token (401)") &&
			strings.Contains(r.metrics(), `waxwing_source_state{source="api of acme/big",state="failing"} 1`)
	})
	if r.logged("refuses the token") == 0 || r.logged("canary-token") > 0 {
		t.Error("a refused token is not in the log, or the token is")
	}
	shop.is(0, nil)
	r.wait(12)
	for i := range 12 {
		if got := len(r.mailsTo(fmt.Sprintf("o%d@example.com", i))); got != 1 {
			t.Errorf("order %d has %d mails", i, got)
		}
	}
	r.verified()
}

// TestNamedAndPaidLater: an order that is named before it is paid waits at the gate, and one that is no order yet until it is one.
func TestNamedAndPaidLater(t *testing.T) {
	shop, api := newBigShop(t)
	r := newRig(t, withBigShop(api.URL))
	shop.sells(9001, "pending@example.com", 7)
	shop.sells(9002, "checkout@example.com", 0)
	_, pending := r.names("big", 9001)
	_, checkout := r.names("big", 9002)
	r.until(pending.ID, waxwing.Held)
	if v := r.until(checkout.ID, waxwing.Held); !strings.Contains(v.Reason, "not completed") {
		t.Errorf("%+v", v)
	}
	shop.sells(9001, "pending@example.com", 11)
	shop.sells(9002, "checkout@example.com", 11)
	for id, was := range map[int]receipt{9001: pending, 9002: checkout} {
		if _, rc := r.names("big", id); rc.ID != was.ID {
			t.Errorf("%d has two confirmations", id)
		}
	}
	r.wait(2)
	r.until(pending.ID, waxwing.Sent)
	r.until(checkout.ID, waxwing.Sent)
	_, plain := r.names("dumb", 9001)
	if v := r.until(plain.ID, waxwing.Quarantined); !strings.Contains(v.Reason, "write api:") {
		t.Errorf("%+v", v)
	}
	r.verified()
}

// TestAskedAgainAfterACrash: what was being asked when the daemon ended is asked by the next one.
func TestAskedAgainAfterACrash(t *testing.T) {
	shop, api := newBigShop(t)
	r := newRig(t, withBigShop(api.URL))
	shop.sells(9001, "kept@example.com", 11)
	gate := make(chan struct{})
	shop.is(0, gate)
	_, rc := r.names("big", 9001)
	<-shop.came
	r.stop()
	close(gate)
	r.start(daemon.Extras{})
	r.wait(1)
	r.until(rc.ID, waxwing.Sent)
	if n := shop.times(9001); n < 2 {
		t.Errorf("asked %d times", n)
	}
	if got := len(r.mailsTo("kept@example.com")); got != 1 {
		t.Errorf("%d mails", got)
	}
	r.verified()
}

// TestPrestaShopByItsList: a shop without webhooks is read by its list of orders, which names them, and asked for each.
func TestPrestaShopByItsList(t *testing.T) {
	stamp := func() string { return time.Now().UTC().Format(time.DateTime) }
	whole := shoptest.Payload(t, "../../shop/prestashop/testdata/euro-cart-rules-gift.json")
	changed := ""
	var mu sync.Mutex
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if user, pass, ok := r.BasicAuth(); !ok || user != callbackToken || pass != "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.URL.Query().Get("output_format") != "JSON" {
			t.Errorf("asked for %s", r.URL)
		}
		answer := func(key string, v any) {
			raw, err := json.Marshal(map[string]any{key: v})
			if err != nil {
				t.Error(err)
			}
			_, _ = w.Write(raw)
		}
		one := map[string]string{"customers": "customer", "currencies": "currency", "languages": "language", "carriers": "carrier", "groups": "group"}
		switch steps := strings.Split(strings.TrimPrefix(r.URL.Path, "/api/"), "/"); {
		case r.URL.Path == "/api/orders":
			if since, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Query().Get("filter[date_upd]"), "["), ","); changed == "" || changed < since || r.URL.Query().Get("date") != "1" {
				_, _ = w.Write([]byte("[]"))
				return
			}
			answer("orders", []any{map[string]any{"id": 1042, "date_upd": changed, "current_state": "2"}})
		case r.URL.Path == "/api/orders/1042":
			o, _ := whole["order"].(map[string]any)
			o["date_add"], o["date_upd"] = changed, changed
			answer("order", o)
		case steps[0] == "order_details", steps[0] == "order_cart_rules":
			if r.URL.Query().Get("filter[id_order]") != "1042" || r.URL.Query().Get("display") != "full" {
				t.Errorf("asked for %s", r.URL)
			}
			answer(steps[0], whole[map[string]string{"order_details": "details", "order_cart_rules": "cart_rules"}[steps[0]]])
		case steps[0] == "order_states":
			answer("order_state", whole["state"])
		case steps[0] == "addresses":
			answer("address", whole[map[string]string{"9": "address_invoice", "8": "address_delivery"}[steps[1]]])
		case steps[0] == "countries":
			answer("country", whole["country_invoice"])
		case steps[0] == "configurations":
			answer("configurations", []any{map[string]any{"value": "UTC"}})
		case one[steps[0]] != "":
			answer(one[steps[0]], whole[one[steps[0]]])
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer shop.Close()
	r := newRig(t, func(r *rig, _ *daemon.Extras) {
		file := strings.Replace(rigConfig, "      outlet: *signed\n", "      outlet: *signed\n"+
			fmt.Sprintf("      presta: {format: prestashop, secret: %q, api: {url: %q, token: %q}}\n", testShopSecret, shop.URL, callbackToken), 1)
		r.cfg = configtest.Load(t, daemon.Components(), fmt.Sprintf(file, t.TempDir(), testShopSecret)+
			fmt.Sprintf("sources: {list: {type: prestashop, url: %q, key: %q, zone: UTC, tenant: acme, shop: presta, every: 1s}}\n", shop.URL, callbackToken))
	})
	mu.Lock()
	changed = stamp()
	mu.Unlock()
	r.wait(1)
	mails := r.mailsTo("zoe.lefevre@example.fr")
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	all := r.list("")
	if len(all) != 1 {
		t.Fatalf("%d confirmations", len(all))
	}
	if v := r.until(all[0].ID.String(), waxwing.Sent); v.Order.Total.String() != "53.34 EUR" || v.Locale != "fr" {
		t.Errorf("%s in %s", v.Order.Total, v.Locale)
	}
	body := []byte(`{"id_order":1042,"hook":"actionOrderStatusPostUpdate"}`) // a module says so, too
	if code, said := r.do("POST", "/hooks/acme/presta", "", http.Header{"X-Signature": {sign(body, testShopSecret)}}, body); code != http.StatusOK {
		t.Error(code, said)
	}
	r.verified()
}
