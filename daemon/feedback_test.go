package daemon

import (
	"fmt"
	"net/smtp"
	"strings"
	"sync"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
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
