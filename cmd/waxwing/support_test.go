package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
)

// said runs a command line against the rig's daemon and gives what it printed.
func (r *rig) said(key string, args ...string) (status int, out, errs string) {
	r.t.Helper()
	r.t.Setenv("WAXWING_URL", "http://"+r.d.Addr())
	r.t.Setenv("WAXWING_TENANT", "acme")
	r.t.Setenv("WAXWING_KEY", key)
	var o, e bytes.Buffer
	status = run(args, streams{in: strings.NewReader(""), out: &o, err: &e})
	return status, o.String(), e.String()
}

func (r *rig) mustSay(args ...string) string {
	r.t.Helper()
	status, out, errs := r.said("anna-key-of-acme", args...)
	if status != 0 {
		r.t.Fatalf("%v: status %d: %s%s", args, status, out, errs)
	}
	return out
}

func withAnna() rigOption {
	return withTenant(func(t *config.Tenant) {
		t.Keys = append(t.Keys, config.BearerKey{Name: "anna", Key: "anna-key-of-acme"})
	})
}

// TestSupportByTelephone: a mail that failed is found by the number that the
// customer reads out, its address is corrected, it is sent again, and the trail
// says who did it.
func TestSupportByTelephone(t *testing.T) {
	r := newRig(t, withAnna(), withPlan(func(q sink.Question) (a sink.Answer) {
		if q.Phase == waxwing.PhaseRcpt && q.To == "jana@exmaple.com" {
			a.Code, a.Text = 550, "5.1.1 no such user"
		}
		return a
	}), func(r *rig, _ *daemon.Extras) { r.cfg.Pipeline = r.cfg.Pipeline[:5] }) // without texts
	id := r.accepted(shopifyOrder(1042, "jana@exmaple.com", "paid"))
	r.until(id, waxwing.Failed)
	for _, what := range []string{"1042", "#1042", "jana@exmaple.com", id} {
		out := r.mustSay("find", what)
		for _, want := range []string{id, "failed", "#1042", "j•••@exmaple.com", "de", "bad_address"} {
			if !strings.Contains(out, want) {
				t.Errorf("find %s: %q is not in\n%s", what, want, out)
			}
		}
		if strings.Contains(out, "jana@") {
			t.Errorf("the address is not masked: %s", out)
		}
	}
	if out := r.mustSay("find", "1042", "--full"); !strings.Contains(out, "jana@exmaple.com") {
		t.Error(out)
	}
	if out := r.mustSay("find", "--state", "failed"); !strings.Contains(out, id) {
		t.Error(out)
	}
	out := r.mustSay("resend", "1042", "--to", "jana@example.com", "--reason", "a typo, by telephone")
	if !strings.Contains(out, "the same mail as before") {
		t.Error(out)
	}
	r.wait(1)
	r.until(id, waxwing.Sent)
	out = r.mustSay("show", "1042")
	for _, want := range []string{"Order         #1042", "jana@example.com", "Sent again by anna.", "“a typo, by telephone”", "550 5.1.1 no such user", "mail refused the message"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if strings.Contains(out, "550 550") || strings.Contains(out, `{"`) || strings.Contains(out, "null") {
		t.Errorf("raw:\n%s", out)
	}
	var v waxwing.ConfirmationView
	if err := json.Unmarshal([]byte(r.mustSay("show", id, "--json")), &v); err != nil || v.Number != "#1042" || len(v.Messages) != 2 {
		t.Errorf("%v %+v", err, v)
	}
	if out := r.mustSay("show", id, "--message"); !strings.Contains(out, "To: ") || !strings.Contains(out, "<jana@example.com>") {
		t.Error(out)
	}
	r.verified()
}

// TestSupportActs: each act of a person has its name in the trail.
func TestSupportActs(t *testing.T) {
	r := newRig(t, withAnna())
	held := r.accepted(shopifyOrder(1, "held@example.com", "pending"))
	r.until(held, waxwing.Held)
	if out := r.mustSay("release", "1", "--reason", "paid by transfer"); !strings.Contains(out, "released") {
		t.Error(out)
	}
	r.wait(1)
	r.until(held, waxwing.Sent)
	stop := r.accepted(shopifyOrder(2, "stop@example.com", "pending"))
	r.until(stop, waxwing.Held)
	r.mustSay("cancel", stop)
	r.until(stop, waxwing.Cancelled)
	r.mustSay("suppress", "held@example.com", "--reason", "she asked")
	if status, _, errs := r.said("anna-key-of-acme", "erase", "stop@example.com"); status != 1 || !strings.Contains(errs, "nothing was erased") {
		t.Errorf("erase without a yes: %d %s", status, errs)
	}
	if out := r.mustSay("erase", "stop@example.com", "--yes"); !strings.Contains(out, "Erased: 1 confirmation.") {
		t.Error(out)
	}
	for id, want := range map[string][]string{held: {"Released by anna.", "“paid by transfer”", "not to be mailed, by anna.", "“she asked”"}, stop: {"Cancelled by anna.", "The person was erased, by anna.", "erased on "}} {
		out := r.mustSay("show", id)
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%q is not in\n%s", w, out)
			}
		}
	}
	if out := r.mustSay("find", stop); !strings.Contains(out, "erased on "+time.Now().Format(time.DateOnly)) {
		t.Error(out)
	}
	if status, _, errs := r.said("anna-key-of-acme", "show", stop, "--message"); status != 1 || !strings.Contains(errs, "erased on ") {
		t.Errorf("%d %s", status, errs)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"release", held}, "it is sent, and only what is held or quarantined can be released"},
		{[]string{"cancel", held}, "it is sent, so that there is nothing left to cancel"},
		{[]string{"find", "--state", "nonsense"}, "states: received, held,"},
		{[]string{"find", "99999"}, "nothing of tenant acme fits"},
		{[]string{"resend", held, "--to", "nonsense"}, "unprocessable"},
		{[]string{"cancel", held, "--reason", "wrote to a@b.example"}, "leave addresses out"},
	} {
		if status, out, errs := r.said("anna-key-of-acme", c.args...); status != 1 || !strings.Contains(errs, c.want) {
			t.Errorf("%v: %d %s%s", c.args, status, out, errs)
		}
	}
	if status, _, errs := r.said("wrong", "find"); status != 1 || !strings.Contains(errs, "unauthorized") {
		t.Errorf("%d %s", status, errs)
	}
	var trail bytes.Buffer
	if err := r.d.Ledger().(*sqlite.Ledger).Export(t.Context(), &trail, nil); err != nil || strings.Contains(trail.String(), "example.com") || strings.Count(trail.String(), `"by":"anna"`) < 5 {
		t.Errorf("%v: %s", err, trail.String())
	}
	r.verified()
}

// TestAmbiguousNumbersAreAsked: two shops may have the same number.
func TestAmbiguousNumbersAreAsked(t *testing.T) {
	r := newRig(t, withAnna())
	a := r.accepted(shopifyOrder(7, "a@example.com", "paid"))
	_, rc := r.shopify("outlet", shopifyOrder(7, "b@example.com", "paid"))
	r.wait(2)
	r.until(a, waxwing.Sent)
	r.until(rc.ID, waxwing.Sent)
	status, _, errs := r.said("anna-key-of-acme", "cancel", "7")
	if status != 1 || !strings.Contains(errs, "fits 2 confirmations") || !strings.Contains(errs, a) || !strings.Contains(errs, rc.ID) {
		t.Errorf("%d %s", status, errs)
	}
}

// TestQuarantinedIsFoundByNumber: what cannot be read whole still has its number.
func TestQuarantinedIsFoundByNumber(t *testing.T) {
	r := newRig(t, withAnna())
	_, rc := r.shopify("shopify", order(4711, "jana@example.com", map[string]any{"line_items": "none"}))
	r.until(rc.ID, waxwing.Quarantined)
	out := r.mustSay("find", "4711")
	for _, want := range []string{rc.ID, "quarantined", "#4711", "j•••@example.com"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}

// TestTail prints what is there and then what changes.
func TestTail(t *testing.T) {
	r := newRig(t, withAnna())
	id := r.accepted(shopifyOrder(1, "jana@example.com", "pending"))
	r.until(id, waxwing.Held)
	var out lockedBuffer
	tick := make(chan time.Time)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	c := tailCmd{Lines: 10, apiFlags: apiFlags{remote.Flags{URL: "http://" + r.d.Addr(), Tenant: "acme", Key: "acme-key"}}}
	go func() { done <- c.follow(ctx, streams{out: &out}, tick) }()
	tick <- time.Time{} // the first look is over
	if s := out.String(); !strings.Contains(s, "held") || !strings.Contains(s, "order #1 ") || !strings.Contains(s, "j•••@example.com") {
		t.Error(s)
	}
	r.mustSay("release", id)
	r.wait(1)
	r.until(id, waxwing.Sent)
	tick <- time.Time{}
	tick <- time.Time{}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if s := out.String(); !strings.Contains(s, "sent") {
		t.Error(s)
	}
}

// TestTailOutlivesARestart: a daemon that is restarted does not end who watches it;
// one that was never there does.
func TestTailOutlivesARestart(t *testing.T) {
	r := newRig(t, withAnna())
	r.cfg.HTTP.Listen = r.d.Addr()
	var out, errs lockedBuffer
	tick := make(chan time.Time)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	c := tailCmd{Lines: 10, apiFlags: apiFlags{remote.Flags{URL: "http://" + r.d.Addr(), Tenant: "acme", Key: "acme-key"}}}
	go func() { done <- c.follow(ctx, streams{out: &out, err: &errs}, tick) }()
	tick <- time.Time{} // the first look is over
	tick <- time.Time{} // and so is the second: this is the third
	r.stop()
	for range 3 {
		tick <- time.Time{}
	}
	r.start(daemon.Extras{})
	id := r.accepted(shopifyOrder(1, "jana@example.com", "pending"))
	r.until(id, waxwing.Held)
	tick <- time.Time{}
	tick <- time.Time{}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), id) || strings.Count(errs.String(), "cannot be reached") != 1 || !strings.Contains(errs.String(), "The daemon is back.") {
		t.Errorf("%s%s", out.String(), errs.String())
	}
	c.URL = "http://127.0.0.1:1"
	if err := c.follow(t.Context(), streams{out: &out, err: &errs}, nil); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("a daemon that was never there: %v", err)
	}
}

type lockedBuffer struct {
	lockedWriter
	b bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestResendSendsTheSameMail: what the customer reads is what she was sent first,
// though the tenant has another name by now, unless it is to be rendered anew.
func TestResendSendsTheSameMail(t *testing.T) {
	r := newRig(t, withAnna())
	id := r.accepted(shopifyOrder(1, "jana@example.com", "paid"))
	r.wait(1)
	r.until(id, waxwing.Sent)
	r.stop()
	withTenant(func(t *config.Tenant) { t.Name = "Another Name" })(r, nil)
	r.start(daemon.Extras{})
	for i, args := range [][]string{{"resend", id}, {"resend", id, "--to", "jana.muster@example.com"}, {"resend", id, "--render"}} {
		r.mustSay(args...)
		r.wait(1)
		r.poll("it is sent", func() bool { v := r.get(id); return len(v.Messages) == i+2 && v.Messages[i+1].State == waxwing.Sent })
	}
	mails := r.allMails()
	if len(mails) != 4 {
		t.Fatalf("%d mails", len(mails))
	}
	parts := func(b []byte) (head, body string) {
		h, rest, _ := bytes.Cut(b, []byte("\r\n\r\n"))
		return string(h), string(rest)
	}
	fields := func(head string, but ...string) (out []string) {
	next:
		for _, l := range strings.Split(strings.ReplaceAll(head, "\r\n ", " "), "\r\n") {
			for _, b := range but {
				if strings.HasPrefix(l, b+":") {
					continue next
				}
			}
			out = append(out, l)
		}
		return out
	}
	head, body := parts(mails[0].Data)
	for i := 1; i <= 2; i++ {
		h, b := parts(mails[i].Data)
		if b != body || strings.Join(fields(h, "Message-ID", "Date", "To"), "\n") != strings.Join(fields(head, "Message-ID", "Date", "To"), "\n") {
			t.Errorf("mail %d is another:\n%s\n%s", i+1, head, h)
		}
		if mails[i].MessageID == mails[0].MessageID || strings.Count(h, "Message-ID:") != 1 {
			t.Errorf("mail %d has no Message-ID of its own", i+1)
		}
	}
	if h, _ := parts(mails[2].Data); mails[2].To != "jana.muster@example.com" || !strings.Contains(h, "<jana.muster@example.com>") || strings.Contains(h, "<jana@") {
		t.Errorf("%s", h)
	}
	if _, b := parts(mails[3].Data); b == body {
		t.Error("rendered anew it says the same as under the old name")
	}
	m := r.metrics()
	if !strings.Contains(m, `waxwing_accepted_to_sent_seconds_count{channel="email"} 0`) && strings.Contains(m, `waxwing_accepted_to_sent_seconds_count`) {
		t.Error("resends are counted from the first acceptance")
	}
	r.verified()
}

func (r *rig) metrics() string {
	r.t.Helper()
	code, b := r.do("GET", "/metrics", "", nil, nil)
	if code != http.StatusOK {
		r.t.Fatal(code)
	}
	return b
}
