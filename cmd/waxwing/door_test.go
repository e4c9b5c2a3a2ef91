package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/daemon"
)

// statuses are the answers to what was sent on one connection, until it ends.
func (r *rig) statuses(send string) (all []int) {
	r.t.Helper()
	c := dial(r.t, r.d.Addr())
	if _, err := io.WriteString(c, send); err != nil {
		r.t.Fatal(err)
	}
	in := bufio.NewReader(c)
	for {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return all
		}
		_, _ = io.Copy(io.Discard, res.Body)
		all = append(all, res.StatusCode)
		if res.Close {
			_, err := in.ReadByte()
			if err == nil {
				r.t.Error("bytes after the last answer")
			}
			return all
		}
	}
}

// A request of two lengths ends its connection before anything is taken from it; what
// follows, which a proxy in front may have taken for its body, is not answered.
func TestSmuggledRequests(t *testing.T) {
	r := newRig(t)
	order := string(shopifyOrder(1, "jana@example.com", "paid"))
	head := fmt.Sprintf("POST /hooks/acme/shopify HTTP/1.1\r\nHost: a\r\nX-Shopify-Topic: orders/paid\r\nX-Shopify-Hmac-Sha256: %s\r\n", sign([]byte(order), testShopSecret))
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(order), order)
	whole := head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(order), order)
	for _, two := range []string{"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "transfer-encoding: chunked\r\ncontent-length: 0\r\n"} {
		if got := fmt.Sprint(r.statuses(head + two + "\r\n" + chunked + whole)); got != "[400]" {
			t.Errorf("%q: %s", two, got)
		}
	}
	if all := r.list("?limit=5"); len(all) != 0 {
		t.Fatal("an order of two lengths was taken")
	}
	if got := fmt.Sprint(r.statuses(head + "Transfer-Encoding: chunked\r\n\r\n" + chunked + whole)); got != "[202]" {
		t.Errorf("chunked: %s", got)
	}
	r.wait(1)
}

// Bodies are themselves, however an encoding is written.
func TestEncodedWebhooks(t *testing.T) {
	r := newRig(t)
	body := shopifyOrder(1, "jana@example.com", "paid")
	for want, all := range map[int][][]string{
		http.StatusUnsupportedMediaType: {{"gzip"}, {"identity", "gzip"}, {"identity, br"}},
		http.StatusAccepted:             {{"identity", "identity"}},
	} {
		for _, lines := range all {
			h := shopifyHeader(body)
			h["Content-Encoding"] = lines
			if code, b := r.do("POST", "/hooks/acme/shopify", "", h, body); code != want {
				t.Errorf("%q: %d %s", lines, code, b)
			}
		}
	}
}

// Wrong keys are slowed, in whatever case the scheme stands; right ones pass meanwhile,
// as do shops.
func TestWrongKeysAreSlowed(t *testing.T) {
	r := newRig(t)
	const path = "/v1/tenants/acme/confirmations"
	ask := func(auth string) int {
		code, _ := r.do("GET", path, "", http.Header{"Authorization": {auth}}, nil)
		return code
	}
	codes := map[int]int{}
	for i := range 60 {
		codes[ask(fmt.Sprintf("Bearer guess-%d", i))]++
		if i%10 == 0 {
			for _, right := range []string{"Bearer acme-key", "bearer acme-key", "BEARER  acme-key"} {
				if code := ask(right); code != http.StatusOK {
					t.Fatalf("%q: %d", right, code)
				}
			}
			r.accepted(shopifyOrder(i+1, "jana@example.com", "paid"))
		}
	}
	// A minute may begin meanwhile, and then twenty more are told.
	if codes[http.StatusTooManyRequests] < 20 || codes[http.StatusUnauthorized]+codes[http.StatusTooManyRequests] != 60 {
		t.Errorf("%v", codes)
	}
	forged := map[int]int{}
	for i := range 60 {
		h := shopifyHeader([]byte(fmt.Sprint(i)))
		code, _ := r.do("POST", "/hooks/acme/shopify", "", h, []byte("{}"))
		forged[code]++
	}
	if forged[http.StatusTooManyRequests] < 20 {
		t.Errorf("forged: %v", forged)
	}
}

// Whatever comes unsigned, a shop has one row of it a day.
func TestUnsignedPingsLeaveOneRow(t *testing.T) {
	r := newRig(t)
	rows := func() int {
		return len(r.list("?limit=500&state=ignored")) + len(r.list("?limit=500&state=quarantined")) + len(r.list("?limit=500"))
	}
	send := func() {
		for i := range 100 {
			for _, body := range []string{fmt.Sprintf("webhook_id=%d", i), fmt.Sprintf("webhook_id=%d\n", i), "webhook_id=" + strings.Repeat("9", i+1), "webhook_id=1&x=" + fmt.Sprint(i), fmt.Sprintf(`{"id":%d}`, i)} {
				shop := []string{"woocommerce", "shopify", "outlet", "nothing"}[i%4]
				h := http.Header{"X-Wc-Webhook-Topic": {fmt.Sprintf("t%d", i)}, "X-Wc-Webhook-Id": {fmt.Sprint(i)}}
				code, _ := r.do("POST", "/hooks/acme/"+shop, "", h, []byte(body))
				if code != http.StatusOK && code != http.StatusUnauthorized {
					t.Fatalf("%s: %d", body, code)
				}
			}
		}
	}
	send()
	r.poll("the ping is there", func() bool { return rows() > 0 })
	send()
	r.restart(daemon.Extras{}) // it forgets whom it has heard today
	send()
	// And straight at the ledger, as if the door did not count.
	for i := range 20 {
		if _, err := r.d.Accept(t.Context(), &waxwing.Event{Tenant: "acme", Shop: "woocommerce", Source: waxwing.SourcePing, Raw: []byte(fmt.Sprintf("webhook_id=%d", i))}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.d.Accept(t.Context(), &waxwing.Event{Tenant: "acme", Shop: "woocommerce", Source: waxwing.SourcePing, Raw: []byte(fmt.Sprintf("{broken %d", i))}); err != nil {
			t.Fatal(err)
		}
	}
	if n := rows(); n > 2 { // a day may begin meanwhile
		t.Errorf("%d rows", n)
	}
	r.verified()
}
