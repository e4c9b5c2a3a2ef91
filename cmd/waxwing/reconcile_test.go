package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
)

// reconciled is what the command says as JSON.
type reconciled struct {
	Orders []struct {
		ID, Number, Standing, Reason, Evidence string
	}
	Standings    map[waxwing.Standing]int
	ShopTotals   map[string]string `json:"shop_totals"`
	LedgerTotals map[string]string `json:"ledger_totals"`
	TotalsDiffer int               `json:"totals_differ"`
}

// TestReconcile withholds some of a shop's webhooks: exactly these are named, with what is held, undeliverable and
// suppressed told apart, and accepted when that is asked for; then the totals match.
func TestReconcile(t *testing.T) {
	n, withheld := 400, 37
	if *tortureFull {
		n = 5000
	}
	r := newRig(t, withPlan(func(q sink.Question) (a sink.Answer) {
		if q.Phase == waxwing.PhaseRcpt && q.To == "gone@example.com" {
			a.Code, a.Text = 550, "5.1.1 no such user"
		}
		return a
	}))
	if status, said := r.api("POST", "/people/suppress", map[string]string{"address": "never@example.com", "reason": "she asked"}); status != 200 {
		t.Fatal(status, said)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test's choice
	missing := map[int]bool{}
	for len(missing) < withheld {
		missing[10+rnd.IntN(n-10)] = true
	}
	var file strings.Builder
	bodies := make([][]byte, n)
	cents := int64(0)
	for i := range bodies {
		to, status := fmt.Sprintf("c%d@example.com", i), "paid"
		switch i {
		case 1:
			status = "pending"
		case 2:
			to = "gone@example.com"
		case 3:
			to = "never@example.com"
		}
		price := int64(1 + rnd.IntN(9999))
		body := strings.NewReplacer("\n", "", `"subtotal_price":"39.00","total_price":"43.90","total_tax":"7.01"`,
			fmt.Sprintf(`"subtotal_price":"%[1]s","total_price":"%[1]s","total_tax":"0.00"`, euros(price)), `"quantity":2,"price":"19.50"`, fmt.Sprintf(`"quantity":1,"price":"%s"`, euros(price)),
			`"shipping_lines":[{"title":"Standard","price":"4.90"}],"tax_lines":[{"title":"MwSt","rate":0.19,"price":"7.01"}],`, "").Replace(string(shopifyOrder(50_000+i, to, status)))
		cents += price
		bodies[i] = []byte(body)
		file.WriteString(body + "\n")
	}
	var wg sync.WaitGroup
	work := make(chan int)
	for range 8 {
		wg.Go(func() {
			for i := range work {
				if code, _ := r.shopify("shopify", bodies[i]); code/100 != 2 {
					t.Errorf("order %d: %d", i, code)
				}
			}
		})
	}
	for i := range bodies {
		if !missing[i] {
			work <- i
		}
	}
	close(work)
	wg.Wait()

	dir := t.TempDir()
	orders, conf := filepath.Join(dir, "orders.jsonl"), filepath.Join(dir, "waxwing.yaml")
	for name, text := range map[string]string{orders: file.String(), conf: fmt.Sprintf(rigConfig, filepath.Join(dir, "none"), testShopSecret)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(more ...string) (int, reconciled, string) {
		status, out, errs := r.said("acme-key", append([]string{"reconcile", "-c", conf, "--shop", "shopify", "--file", orders, "--topic", "orders/paid", "--since", "24h"}, more...)...)
		var got reconciled
		if slices.Contains(more, "--json") {
			if err := json.Unmarshal([]byte(out), &got); err != nil {
				t.Fatalf("%v: %s%s", err, out, errs)
			}
		}
		return status, got, out + errs
	}
	r.poll("all that was accepted is over", func() bool { _, got, _ := ask("--json"); return got.Standings[waxwing.Waiting] == 0 })
	status, got, said := ask("--json")
	if status != 1 || !strings.Contains(said, fmt.Sprintf("%d orders are missing", withheld)) {
		t.Errorf("%d: %s", status, said[max(0, len(said)-300):])
	}
	want := map[waxwing.Standing]int{waxwing.Missing: withheld, waxwing.HeldStanding: 1, waxwing.SuppressedOne: 1, waxwing.ByFallback: 1, waxwing.Confirmed: n - withheld - 3}
	if fmt.Sprint(got.Standings) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got.Standings, want)
	}
	for i, o := range got.Orders {
		if missing[i] != (o.Standing == "missing") || o.ID != fmt.Sprint(50_000+i) {
			t.Errorf("order %d: %+v", i, o)
		}
	}
	if got.Orders[1].Reason != "payment pending" {
		t.Errorf("held for %q", got.Orders[1].Reason)
	}
	if _, _, said := ask("--accept"); !strings.Contains(said, fmt.Sprintf("%d accepted:", withheld)) {
		t.Error(said[max(0, len(said)-300):])
	}
	r.poll("what was missing is sent", func() bool { _, got, _ := ask("--json"); return got.Standings[waxwing.Waiting] == 0 })
	status, got, said = ask("--json")
	if status != 0 || got.Standings[waxwing.Missing] != 0 || got.TotalsDiffer != 0 || got.ShopTotals["EUR"] != euros(cents) || got.LedgerTotals["EUR"] != euros(cents) {
		t.Errorf("%d: %v, totals %v and %v of %s: %s", status, got.Standings, got.ShopTotals, got.LedgerTotals, euros(cents), said[max(0, len(said)-200):])
	}
	for i := range bodies {
		if want := 1; i > 3 && len(r.mailsTo(fmt.Sprintf("c%d@example.com", i))) != want {
			t.Errorf("order %d has %d mails", i, len(r.mailsTo(fmt.Sprintf("c%d@example.com", i))))
		}
	}
	// A total that the shop has changed since is told to the cent.
	changed := strings.Replace(file.String(), `"total_price":"`, `"total_price":"9`, 1)
	if err := os.WriteFile(orders, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, said := ask(); status != 1 || !strings.Contains(said, "the shop's total is") || !strings.Contains(said, "1 order differ") {
		t.Errorf("%d: %s", status, said)
	}
}

func euros(cents int64) string { return waxwing.Money{Minor: cents, Currency: "EUR"}.Decimal() }

// TestImportGoesOn: an import that was broken off goes on where it was, waits for a daemon that is away, and what is known is
// not confirmed again.
func TestImportGoesOn(t *testing.T) {
	r := newRig(t)
	dir := t.TempDir()
	orders, conf := filepath.Join(dir, "orders.jsonl"), filepath.Join(dir, "waxwing.yaml")
	var file strings.Builder
	const n = 30
	for i := range n {
		file.WriteString(strings.ReplaceAll(string(shopifyOrder(70_000+i, fmt.Sprintf("i%d@example.com", i), "paid")), "\n", "") + "\n")
	}
	file.WriteString("{broken\n")
	for name, text := range map[string]string{orders: file.String(), conf: fmt.Sprintf(rigConfig, filepath.Join(dir, "none"), testShopSecret)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old := strings.ReplaceAll(string(shopifyOrder(69_999, "old@example.com", "paid")), "\n", "")
	old = strings.ReplaceAll(old, time.Now().UTC().Format("2006-01-02T15"), time.Now().AddDate(0, 0, -3).UTC().Format("2006-01-02T15"))
	base := []string{"import", orders, "-c", conf, "--shop", "shopify", "--topic", "orders/paid", "--rate", "1000"}
	status, out, _ := r.said("acme-key", base...)
	if status != 0 || !strings.Contains(out, "30  events") || !strings.Contains(out, fmt.Sprintf("To be confirmed: %s EUR", euros(n*4390))) || !strings.Contains(out, "orders.jsonl:31: it is no JSON") {
		t.Errorf("%d: %s", status, out)
	}
	if got := r.list(""); len(got) != 0 {
		t.Errorf("a dry run had %d accepted", len(got))
	}
	if status, _, errs := r.said("wrong-key", append(base, "--send")...); status != 1 || !strings.Contains(errs, "unauthorized") {
		t.Errorf("%d: %s", status, errs)
	}
	status, _, errs := r.said("acme-key", append(base, "--send")...)
	if status != 1 || !strings.Contains(errs, "30 of 30 events were accepted: 1 not sent; 30 received;") || !strings.Contains(errs, "1 event not sent") {
		t.Errorf("%d: %s", status, errs)
	}
	r.wait(n)
	status, _, errs = r.said("acme-key", append(base, "--send")...)
	if status != 1 || strings.Contains(errs, "Going on") || !strings.Contains(errs, "30 of 30") { // it was through: it begins anew
		t.Errorf("%d: %s", status, errs)
	}
	if err := os.WriteFile(orders, []byte(strings.Replace(file.String(), "{broken\n", "", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	mark := orders + ".progress"
	if _, err := os.Stat(mark); err == nil {
		t.Error("an import that is through leaves its progress")
	}
	if status, _, errs = r.said("acme-key", append(base, "--send")...); status != 0 {
		t.Errorf("%d: %s", status, errs)
	}
	if err := os.WriteFile(orders, []byte(old+"\n"+file.String()), 0o600); err != nil { // another file of the same name
		t.Fatal(err)
	}
	status, _, errs = r.said("acme-key", append(base, "--send")...)
	if status != 1 || !strings.Contains(errs, "31 of 31") || !strings.Contains(errs, "1 held;") {
		t.Errorf("%d: %s", status, errs)
	}
	if got := len(r.allMails()); got != n {
		t.Errorf("%d mails of %d orders", got, n)
	}
}
