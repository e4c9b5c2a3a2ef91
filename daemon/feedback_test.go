package daemon

import (
	"fmt"
	"log/slog"
	"net/smtp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/feedback/inbound"
)

// TestReturns: a mail goes out from an address of its own, comes back there, and its order says
// why; the customer's address is not mailed any more. An address that was made up is refused.
func TestReturns(t *testing.T) {
	var mu sync.Mutex
	from := map[string]string{}
	s := sink.New(sink.Config{OnMail: func(m sink.Mail) {
		mu.Lock()
		defer mu.Unlock()
		from[m.To] = m.From
	}})
	addr, err := s.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	x := newTownOf(t, fmt.Sprintf("providers: {mail: {type: smtp, addr: %q, tls: none}}\nfeedback: {listen: \"127.0.0.1:0\"}\n", addr),
		map[string]string{"tenants/acme.yaml": generation("acme", 1) + "return_path: bounces@mail.acme.example\n", "tenants/bolt.yaml": generation("bolt", 2)})
	sender := func(to string) string {
		mu.Lock()
		defer mu.Unlock()
		return from[to]
	}
	x.order("acme", "gone@example.com")
	x.order("bolt", "bob@example.com")
	x.until("both mails", func() bool { return sender("gone@example.com") != "" && sender("bob@example.com") != "" })
	if f := sender("bob@example.com"); strings.Contains(f, "+") {
		t.Errorf("a tenant without a return_path sends from %s", f)
	}
	back := sender("gone@example.com")
	if !strings.HasPrefix(back, "bounces+") || !strings.HasSuffix(back, "@mail.acme.example") {
		t.Fatalf("it was sent from %s", back)
	}
	report := "From: MAILER-DAEMON@mx.example.com\r\nSubject: Undelivered Mail Returned to Sender\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n\r\nFinal-Recipient: rfc822; gone@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\n--b--\r\n"
	forged := strings.Replace(back, back[len("bounces+12345678"):len("bounces+12345678")+13], waxwing.ID(64).String(), 1)
	if err := smtp.SendMail(x.d.returns.Addr(), nil, "", []string{forged}, []byte(report)); err == nil || !strings.HasPrefix(err.Error(), "550") {
		t.Errorf("a made-up address: %v", err)
	}
	for range 2 { // a server that did not hear the answer sends it again
		if err := smtp.SendMail(x.d.returns.Addr(), nil, "", []string{back}, []byte(report)); err != nil {
			t.Fatal(err)
		}
	}
	if m := x.metrics(); !strings.Contains(m, `waxwing_feedback_total{class="hard",kind="bounced",provider="return path"} 1`+"\n") {
		t.Error("the bounce is not counted, or twice")
	}
	list, err := x.d.Ledger().List(t.Context(), waxwing.Query{Tenant: "acme", Email: "gone@example.com", Limit: 2})
	if err != nil || len(list) != 1 {
		t.Fatalf("%v %+v", err, list)
	}
	v, err := x.d.Ledger().Get(t.Context(), "acme", list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, e := range v.Trail {
		if e.Cause == "annotated" {
			told++
			if s := fmt.Sprint(e.Detail); !strings.Contains(s, "bounced") || !strings.Contains(s, "hard") || !strings.Contains(s, "user-unknown") || strings.Contains(s, "gone@") {
				t.Errorf("the trail says %s", s)
			}
		}
	}
	if told != 1 {
		t.Errorf("the trail tells of it %d times", told)
	}
	x.order("acme", "Gone@example.com") // another order: of the same person
	x.until("the second order's end", func() bool {
		list, err := x.d.Ledger().List(t.Context(), waxwing.Query{Tenant: "acme", Email: "gone@example.com", Limit: 3})
		return err == nil && len(list) == 2 && list[0].State == waxwing.Suppressed
	})
}

// TestSoftBounces: an address whose mails come back for a while is suppressed with the third within a
// week, as configured, and not before, however often each is told; what is older does not count.
func TestSoftBounces(t *testing.T) {
	s := sink.New(sink.Config{})
	addr, err := s.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	x := newTownOf(t, fmt.Sprintf("providers: {mail: {type: smtp, addr: %q, tls: none}}\nfeedback: {listen: \"127.0.0.1:0\", soft: {count: 3, within: 7d}}\n", addr),
		map[string]string{"tenants/acme.yaml": generation("acme", 1)})
	const who = "full@example.com"
	for _, to := range []string{who, "Full@example.com", "FULL@example.com"} {
		x.order("acme", to)
	}
	var sent []waxwing.ConfirmationView
	x.until("three mails", func() bool {
		sent, err = x.d.Ledger().List(t.Context(), waxwing.Query{Tenant: "acme", Email: who, State: waxwing.Sent})
		return err == nil && len(sent) == 3
	})
	told := func(n int, class string, now time.Time) []waxwing.Suppression {
		t.Helper()
		r := newReturns(x.d, func() time.Time { return now })
		if err := r.Tell(t.Context(), &inbound.Told{Tenant: "acme", Message: sent[n].ID | 1, Kind: waxwing.Bounced, Class: class, Reason: "expired"}); err != nil {
			t.Fatal(err)
		}
		found, err := x.d.Books().Suppressed(t.Context(), &waxwing.SuppressionQuery{Tenant: "acme", Address: who})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	now := time.Now()
	for _, c := range []struct {
		n     int
		class string
		at    time.Time
	}{{0, "soft", now}, {0, "soft", now}, {0, "soft", now}, {1, "full", now}, {2, "soft", now.Add(8 * 24 * time.Hour)}} {
		if found := told(c.n, c.class, c.at); len(found) > 0 {
			t.Fatalf("it is suppressed with %+v: %+v", c, found)
		}
	}
	found := told(2, "soft", now)
	if len(found) != 1 || found[0].Class != waxwing.SuppressedSoft || found[0].By != waxwing.ByFeedback || !strings.HasPrefix(found[0].Reason, "soft: 3 in ") {
		t.Fatalf("the third within a week: %+v", found)
	}
}

// TestFeedbackByCallbacksAlone: what suppresses an address may be said where no mails are taken.
func TestFeedbackByCallbacksAlone(t *testing.T) {
	c := configtest.Load(t, Components(), "data: "+t.TempDir()+"\nhttp: {listen: \"127.0.0.1:0\"}\nproviders: {mail: {type: smtp, addr: \"mail.example:25\"}}\n"+
		"tenants: {acme: {name: Acme, from: orders@acme.example}}\nfeedback: {suppress: [hard, soft], soft: {count: 3}}\n")
	d, err := Start(c, slog.New(slog.DiscardHandler), Extras{})
	if err != nil {
		t.Fatal(err)
	}
	if d.returns != nil || !slices.Equal(suppressing(d.cfg.Feedback), []string{"hard", "soft"}) || d.cfg.Feedback.Soft.Count != 3 {
		t.Errorf("%+v", d.cfg.Feedback)
	}
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
}
