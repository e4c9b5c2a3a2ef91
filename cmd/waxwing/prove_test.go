package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
)

// TestProve: a statement of a day with every kind of exception holds without the ledger; whatever digit is changed, and
// whatever entry or line is missing, is found.
func TestProve(t *testing.T) {
	r := newRig(t, withPlan(func(q sink.Question) (a sink.Answer) {
		if q.Phase == waxwing.PhaseRcpt && strings.HasPrefix(q.To, "gone") {
			a.Code, a.Text = 550, "5.1.1 no such user"
		}
		return a
	}))
	if status, said := r.api("POST", "/people/suppress", map[string]string{"address": "never@example.com", "reason": "she asked"}); status != 200 {
		t.Fatal(status, said)
	}
	send := func(id int, to, payment string) string { return r.accepted(shopifyOrder(id, to, payment)) }
	for i := range 5 {
		r.until(send(100+i, fmt.Sprintf("c%d@example.com", i), "paid"), waxwing.Sent)
	}
	r.until(send(1, "gone@example.com", "paid"), waxwing.Sent) // as a text
	nowhere := strings.ReplaceAll(string(shopifyOrder(2, "gone2@example.com", "paid")), `"phone":"+4915112345678"`, `"phone":""`)
	r.until(r.accepted([]byte(nowhere)), waxwing.Failed)
	r.until(send(3, "never@example.com", "paid"), waxwing.Suppressed)
	r.until(send(4, "c@example.com", "pending"), waxwing.Held)
	held := send(5, "c@example.com", "pending")
	r.until(held, waxwing.Held)
	if status, said := r.api("POST", "/confirmations/"+held+"/cancel", map[string]string{"reason": "changed her mind"}); status/100 != 2 {
		t.Fatal(status, said)
	}
	r.accepted([]byte("{"))

	file := filepath.Join(t.TempDir(), "day.jsonl")
	today := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339) + ".." + time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	r.mustSay("ledger", "prove", "--data", r.cfg.Data, "--tenant", "acme", "--period", today, "-o", file)
	var ledger struct{ Key string }
	if err := json.Unmarshal([]byte(r.mustSay("ledger", "verify", "--data", r.cfg.Data, "--json")), &ledger); err != nil {
		t.Fatal(err)
	}
	key := ledger.Key
	status, out, errs := r.said("acme-key", "ledger", "verify", file, "--key", key, "--anchors", filepath.Join(r.cfg.Data, "anchors.jsonl"))
	if status != 0 {
		t.Fatalf("%d: %s%s", status, out, errs)
	}
	for _, line := range []string{"11 confirmations", "5 confirmed\n", "1 confirmed by fallback", "1 held", "1 suppressed", "1 undeliverable", "1 cancelled", "1 quarantined", "439.00 EUR ordered, 263.40 EUR confirmed", "It holds: signed at"} {
		if !strings.Contains(out, line) {
			t.Errorf("no %q in:\n%s", line, out)
		}
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(whole); strings.Contains(s, "example.com") || strings.Contains(s, "Jana") {
		t.Error("it names a person")
	}
	changed := filepath.Join(t.TempDir(), "changed.jsonl")
	refused := func(what string, b []byte) {
		t.Helper()
		if err := os.WriteFile(changed, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if status, out, errs := r.said("", "ledger", "verify", changed, "--key", key); status == 0 {
			t.Errorf("%s is not found: %s%s", what, out, errs)
		}
	}
	rnd := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // a test repeats
	var digits []int
	for i, c := range whole {
		if c >= '0' && c <= '9' {
			digits = append(digits, i)
		}
	}
	for range 100 {
		i := digits[rnd.IntN(len(digits))]
		b := bytes.Clone(whole)
		b[i] = '0' + (b[i]-'0'+1+byte(rnd.IntN(9)))%10
		refused(fmt.Sprintf("another digit at %d", i), b)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	for i := range len(lines) - 1 {
		refused(fmt.Sprintf("line %d missing", i+1), bytes.Join(slices.Delete(slices.Clone(lines), i, i+1), nil))
	}
	refused("an entry missing", bytes.Replace(whole, whole[bytes.Index(whole, []byte(`{"instance"`)):bytes.Index(whole, []byte(`,{"instance"`))+1], nil, 1))
	refused("a shorter file", whole[:len(whole)-3])
	status, out, _ = r.said("", "ledger", "verify", file, "--key", strings.Repeat("ab", 32))
	if status == 0 || !strings.Contains(out, "signed with another key") {
		t.Errorf("%d: %s", status, out)
	}
}
