package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
	"github.com/waxwinghq/waxwing/daemon"
)

// TestPrintable: what a shop, a customer or a mail server wrote cannot steer the
// terminal of who looks at it; writing of any language stays.
func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{"#1042": "#1042", "a\x1b[2Jb": "a\u25a1[2Jb", "\u009b31m": "\u25a131m", "\u202eevil": "\u25a1evil", "a\u2028b": "a\u25a1b",
		"a\r\nb": "a\u25a1 b", "\u0645\u0631\u062d\u0628\u0627 \u6d4b\u8bd5": "\u0645\u0631\u062d\u0628\u0627 \u6d4b\u8bd5", "\U0001f468\u200d\U0001f469": "\U0001f468\u200d\U0001f469"} {
		if got := remote.Printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestHostileOrdersOnATerminal: a quarantined event is shown from its raw bytes.
func TestHostileOrdersOnATerminal(t *testing.T) {
	r := newRig(t, withAnna())
	id := r.accepted([]byte(`{"id":78,"name":"#78\u009b31m","email":"\u001b[2Jx@\u009b31m\u202eevil.example","line_items":5,"currency":7}`))
	r.until(id, waxwing.Quarantined)
	for _, args := range [][]string{{"find"}, {"find", id}, {"find", id, "--full"}, {"find", "--full"}, {"show", id}, {"ledger", "list", "--data", r.cfg.Data, "--full"}, {"ledger", "show", id, "--data", r.cfg.Data}} {
		if out := r.mustSay(args...); strings.ContainsAny(out, "\x1b\u009b\u202e") {
			t.Errorf("%v: %q", args, out)
		}
	}
	var out bytes.Buffer
	ctx, stop := context.WithCancel(context.Background())
	stop()
	c := tailCmd{Lines: 10, Full: true, apiFlags: apiFlags{remote.Flags{URL: "http://" + r.d.Addr(), Tenant: "acme", Key: "anna-key-of-acme"}}}
	if err := c.follow(ctx, streams{out: &out, err: &out}, nil); err != nil || !strings.Contains(out.String(), id) || strings.ContainsAny(out.String(), "\x1b\u009b\u202e") {
		t.Errorf("tail: %v %q", err, out.String())
	}
}

// TestFindMasksAll: however it is found and printed, a list shows nobody's address.
func TestFindMasksAll(t *testing.T) {
	r := newRig(t, withAnna(), withPlan(func(q sink.Question) (a sink.Answer) {
		if q.Phase == waxwing.PhaseRcpt {
			a.Code, a.Text = 550, "5.1.1 no such user "+q.To
		}
		return a
	}), func(r *rig, _ *daemon.Extras) { r.cfg.Pipeline = r.cfg.Pipeline[:5] }) // without texts
	id := r.accepted(shopifyOrder(1, "jana@example.com", "paid"))
	r.until(id, waxwing.Failed)
	for _, what := range []string{id, "1", "jana@example.com", ""} {
		out := r.mustSay("find", what, "--json")
		if !strings.Contains(out, id) || !strings.Contains(out, "j\u2022\u2022\u2022@example.com") || strings.Contains(out, "jana@") {
			t.Errorf("find %q: %s", what, out)
		}
		if out := r.mustSay("find", what, "--full", "--json"); !strings.Contains(out, "jana@example.com") {
			t.Errorf("find %q --full: %s", what, out)
		}
	}
}

// TestResendWithAnEmptyAddress: an empty variable in somebody's shell does not mail
// the old address once more.
func TestResendWithAnEmptyAddress(t *testing.T) {
	r := newRig(t, withAnna())
	id := r.accepted(shopifyOrder(1, "jana@example.com", "paid"))
	r.until(id, waxwing.Sent)
	for _, to := range []string{"", "  "} {
		if status, _, errs := r.said("anna-key-of-acme", "resend", id, "--to", to); status != 1 || !strings.Contains(errs, "--to is empty") {
			t.Errorf("%q: %d %s", to, status, errs)
		}
	}
	for _, act := range []string{"show", "resend", "cancel", "release"} { // nor the only order that there is
		if status, _, errs := r.said("anna-key-of-acme", act, " "); status != 1 || !strings.Contains(errs, "no order is named") {
			t.Errorf("%s: %d %s", act, status, errs)
		}
	}
	if v := r.get(id); len(v.Messages) != 1 {
		t.Errorf("%d messages", len(v.Messages))
	}
}

// TestSupportSaysWhatIsMissing: an environment that is not set is named, and an
// answer says a thing once.
func TestSupportSaysWhatIsMissing(t *testing.T) {
	r := newRig(t, withAnna())
	id := r.accepted(shopifyOrder(1, "jana@example.com", "paid"))
	r.until(id, waxwing.Sent)
	if out := r.mustSay("find", "--state", "failed"); out != "Nothing is failed.\n" {
		t.Error(out)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"find", "1", "--state", "failed"}, "fits \"1\" and is failed\n"},
		{[]string{"find", "--tenant", ""}, "WAXWING_TENANT"},
		{[]string{"find", "--key", ""}, "WAXWING_KEY"},
		{[]string{"find", "--url", "nonsense"}, "write it as http://127.0.0.1:8080"},
		{[]string{"find", "--url", "127.0.0.1:8080"}, "write it as http://127.0.0.1:8080"},
		{[]string{"find", "--url", "http://" + r.d.Addr() + "/not/here"}, "is there a Waxwing at"},
		{[]string{"release", id}, "use resend\n"},
		{[]string{"cancel", id}, "nothing left to cancel\n"},
	} {
		if status, _, errs := r.said("anna-key-of-acme", c.args...); status != 1 || !strings.Contains(errs, c.want) {
			t.Errorf("%v: %d %s", c.args, status, errs)
		}
	}
}

// TestFindWhatIsPutAside: what leads to no mail as it comes (too old, ignored,
// quarantined at once or when it is read) is found by what a customer says of it,
// and what its shop sent beside an order makes the order's number no less clear.
func TestFindWhatIsPutAside(t *testing.T) {
	r := newRig(t, withAnna())
	var late map[string]any
	if err := json.Unmarshal(shopifyOrder(41, "old@example.com", "paid"), &late); err != nil {
		t.Fatal(err)
	}
	late["created_at"], late["processed_at"], late["updated_at"] = "2025-01-02T00:00:00Z", "2025-01-02T00:00:00Z", "2025-01-02T00:00:00Z"
	aged, err := json.Marshal(late)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, number, email string
		body                []byte
		state               waxwing.State
	}{
		{"too old", "41", "old@example.com", aged, waxwing.Held},
		{"ignored", "42", "cart@example.com", []byte(`{"id":42,"name":"#42","email":"cart@example.com","updated_at":"x"}`), waxwing.Ignored},
		{"quarantined when it is read", "43", "odd@example.com", []byte(`{"id":430,"name":"#43","email":"odd@example.com","line_items":5,"currency":7}`), waxwing.Quarantined},
		{"quarantined as it comes", "44", "half@example.com", []byte(`{"name":"#44","customer":{"email":"half@example.com"},"total_price":"1","line_items":[]}`), waxwing.Quarantined},
	} {
		id := r.accepted(c.body)
		r.until(id, c.state)
		for _, what := range []string{c.number, "#" + c.number, c.email} {
			if status, out, errs := r.said("anna-key-of-acme", "find", what); status != 0 || !strings.Contains(out, id) || strings.Contains(out, c.email) {
				t.Errorf("%s: find %s: %s%s", c.name, what, out, errs)
			}
		}
		if out := r.mustSay("show", c.number); !strings.Contains(out, id) || !strings.Contains(out, "#"+c.number) {
			t.Errorf("%s: %s", c.name, out)
		}
	}
	if out := r.mustSay("release", "41", "--reason", "she still wants it"); !strings.Contains(out, "released") {
		t.Error(out)
	}
	r.wait(1)
	// The shop sends a cart under the number of an order that was mailed.
	r.until(r.accepted([]byte(`{"id":900,"name":"#41","email":"old@example.com","updated_at":"x"}`)), waxwing.Ignored)
	if out := r.mustSay("resend", "41"); !strings.Contains(out, "is sent again") {
		t.Error(out)
	}
	r.wait(1)
	for _, c := range []struct {
		address string
		n       string
	}{{"old@example.com", "2 confirmations"}, {"cart@example.com", "1 confirmation"}, {"odd@example.com", "1 confirmation"}, {"half@example.com", "1 confirmation"}} {
		if out := r.mustSay("erase", c.address, "--yes"); !strings.Contains(out, c.n+".") {
			t.Errorf("%s: %s", c.address, out)
		}
		if status, out, _ := r.said("anna-key-of-acme", "find", c.address); status == 0 {
			t.Errorf("%s is found after her erasure: %s", c.address, out)
		}
	}
	r.verified()
}
