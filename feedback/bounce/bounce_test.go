package bounce

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNotBounces: what people and shops write is none, even where it talks of failed mails.
func TestNotBounces(t *testing.T) {
	for name, mail := range map[string]string{
		"a person about a bounce":  "From: Anna <anna@example.com>\nTo: shop@example.org\nSubject: Re: Undelivered Mail Returned to Sender\n\nHello,\n\nI got your mail back: <bob@example.net>: 550 5.1.1 User unknown.\nWhat now?\n",
		"an order":                 "From: Shop <orders@example.org>\nTo: anna@example.com\nSubject: Your order 4012 is confirmed\nContent-Type: text/plain\n\nThank you! Your delivery status: 550 g of coffee. It could not be delivered to your neighbour.\n",
		"a parcel":                 "From: DHL <noreply@dhl.example>\nTo: anna@example.com\nSubject: Delivery failed: your parcel\n\nYour parcel could not be delivered to the following address: Main street 1.\nContact support@dhl.example.\n",
		"a newsletter":             "From: News <news@example.org>\nTo: anna@example.com\nList-Id: <news.example.org>\nList-Unsubscribe: <mailto:u@example.org>\nPrecedence: bulk\nSubject: How to avoid undelivered mail\n\nThe most common errors: 550 5.1.1 user unknown, mailbox is full. We had trouble delivering.\n",
		"a newsletter of daemons":  "Return-Path: <b@example.org>\nFrom: Delivery System News <news@example.org>\nTo: anna@example.com\nList-Unsubscribe: <mailto:u@example.org>\nSubject: Mail delivery failed? Ten reasons\n\n550 user unknown, and how to live with it.\n",
		"a question to postmaster": "From: anna@example.com\nTo: postmaster@example.org\nSubject: Question\n\nWhy was my mail rejected?\n",
		"a monitoring mail":        "From: cron@example.org\nTo: root@example.org\nSubject: Cron <root@a> backup failed\n\n/dev/sda1: disk is full. Delivery of report failed: 452\n",
		"nothing":                  "",
		"no header":                "hello",
		"a password":               "From: no-reply@example.org\nTo: a@example.com\nSubject: Reset your password\nReturn-Path: <>\n\nClick here.\n",
	} {
		if r := Read([]byte(strings.ReplaceAll(mail, "\n", "\r\n"))); r.Kind != None {
			t.Errorf("%s is taken for %s: %+v", name, r.Kind, r.Recipients)
		}
	}
}

// TestOrderMails: our own mails, as they are sent, are no bounces.
func TestOrderMails(t *testing.T) {
	n := 0
	for _, glob := range []string{"../../templates/testdata/*", "../../templates/testdata/*/*", "../../compose/testdata/*"} {
		files, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil || !strings.HasSuffix(f, ".txt") {
				continue // a folder, or a page that says the same as the text beside it
			}
			n++
			mail := "Return-Path: <>\r\nFrom: Shop <orders@example.org>\r\nTo: a@example.com\r\nSubject: Your order\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + string(raw)
			if r := Read([]byte(mail)); r.Kind != None {
				t.Errorf("%s is taken for %s", f, r.Kind)
			}
		}
	}
	if n == 0 {
		t.Error("there are no mails to read")
	}
}

// TestReplies: a program's answer is no bounce, in whatever language.
func TestReplies(t *testing.T) {
	for _, mail := range []string{
		"From: Anna <anna@example.com>\nAuto-Submitted: auto-replied\nSubject: Re: Your order\n\nI am away until Monday. Mail to bob@example.com could not be delivered to me.\n",
		"From: Anna <anna@example.com>\nReturn-Path: <>\nSubject: Automatische Antwort: Ihre Bestellung\n\nIch bin nicht da.\n",
		"From: Anna <anna@example.com>\nReturn-Path: <>\nSubject: =?utf-8?Q?R=C3=A9ponse_automatique_:_Commande?=\n\nAbsente.\n",
		"From: Anna <anna@example.com>\nX-Autoreply: yes\nSubject: Out of office\n\nUser unknown? No: on holiday.\n",
		"From: Help <help@example.com>\nX-Auto-Response-Suppress: All\nAuto-Submitted: auto-replied (ticket)\nSubject: [T-1] We got your mail\n\nThank you.\n",
		"From: Anna <anna@example.com>\nSubject: Read: Your order\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n--b\nContent-Type: text/plain\n\nread\n--b\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822;anna@example.com\nDisposition: manual-action/MDN-sent-manually; displayed\n\n--b--\n",
	} {
		if r := Read([]byte(mail)); r.Kind != AutoReply {
			t.Errorf("%q is taken for %q", mail, r.Kind)
		}
	}
}

const dsn = "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example.org\r\nTo: r+token@bounce.example.com\r\nSubject: Undelivered\r\n" +
	"Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nIt failed.\r\n" +
	"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\n%s--b\r\nContent-Type: text/rfc822-headers\r\n\r\n" +
	"Return-Path: <r+token@bounce.example.com>\r\nMessage-ID: <abc@example.com>\r\nFeedback-ID: shop:order\r\nTo: anna@example.com\r\n\r\n--b--\r\n"

func TestReport(t *testing.T) {
	group := "Final-Recipient: rfc822; %s\r\nAction: %s\r\nStatus: %s\r\nRemote-MTA: dns; mx.example.com\r\nDiagnostic-Code: smtp; %s\r\n\r\n"
	r := Read(fmt.Appendf(nil, dsn, fmt.Sprintf(group, "anna@example.com", "failed", "5.1.1", "550 5.1.1 no such user")+fmt.Sprintf(group, "bob@example.com", "delayed", "4.2.2", "452 4.2.2 mailbox full")))
	if r.Kind != Bounced || len(r.Recipients) != 2 || r.Original != (Original{MessageID: "abc@example.com", FeedbackID: "shop:order", ReturnPath: "r+token@bounce.example.com"}) || r.To[0] != "r+token@bounce.example.com" {
		t.Fatalf("%+v", r)
	}
	if p := r.Recipients[0]; p != (Recipient{"anna@example.com", Bounced, Hard, UserUnknown, "5.1.1", 550, "550 5.1.1 no such user", "mx.example.com"}) {
		t.Errorf("%+v", p)
	}
	if p := r.Recipients[1]; p.Kind != Delayed || p.Class != Full || p.Reason != MailboxFull {
		t.Errorf("%+v", p)
	}
	for action, kind := range map[string]Kind{"delivered": Delivered, "relayed": Relayed, "expanded": Expanded, "delayed": Delayed} {
		r := Read(fmt.Appendf(nil, dsn, fmt.Sprintf(group, "anna@example.com", action, "2.0.0", "250 ok")))
		if r.Kind != kind {
			t.Errorf("%s: %+v", action, r)
		}
	}
}

// hostile are mails that want to cost much.
func hostile() map[string][]byte {
	deep := "From: MAILER-DAEMON <>\r\nSubject: Undelivered\r\n"
	for i := range 5000 {
		deep += fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	many := strings.Repeat("Final-Recipient: rfc822; a@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n", 100_000)
	var other strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&other, "Final-Recipient: rfc822; a%d@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n", i)
	}
	var worded, lined strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&worded, "Final-Recipient: rfc822; a%d@example.com\r\nAction: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 550 %d sender the mailbox could not %s\r\n\r\n", i, i, strings.Repeat("host user unknown domain ", 20))
		fmt.Fprintf(&lined, "<a%d@example.com>: host sender the mailbox could\r\n", i)
	}
	wordy := strings.Replace(dsn, "It failed.", strings.Repeat("the host domain said nothing of it ", 2000), 1)
	head := "From: MAILER-DAEMON <>\r\nReturn-Path: <>\r\nSubject: Undelivered Mail\r\n\r\n"
	return map[string][]byte{
		"ten megabytes":        []byte(head + strings.Repeat("could not be delivered a@b.c 550 5.1.1 user unknown ", 200_000)),
		"deep":                 []byte(deep),
		"many alike":           fmt.Appendf(nil, dsn, many),
		"many others":          fmt.Appendf(nil, dsn, other.String()),
		"many fields":          []byte(strings.Repeat("X: y\r\n", 1_000_000)),
		"one long field":       []byte("Subject: x\r\n" + strings.Repeat(" y\r\n", 2_000_000)),
		"one long line":        []byte(head + strings.Repeat("a", 10<<20)),
		"many addresses":       []byte(head + "could not be delivered to\r\n" + strings.Repeat("<a@b.example>: ", 500_000)),
		"many empty lines":     []byte(head + strings.Repeat("\r\n", 5_000_000)),
		"many boundaries":      []byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\nx\r\n", 1_000_000)),
		"elements that open":   []byte("Content-Type: text/html\r\nFrom: MAILER-DAEMON\r\n\r\n" + strings.Repeat("<style", 1_000_000)),
		"words for all rules":  []byte(head + strings.Repeat("sender the mailbox recipient domain could not find exceed reach over quota host ", 100_000)),
		"many groups of words": fmt.Appendf(nil, wordy, worded.String()),
		"many lines":           []byte(head + "could not be delivered 550 5.0.0\r\n" + lined.String()),
		"lines of senders":     []byte(head + strings.Repeat("<a@b.example>\n\n\n\n\n\n\n\n", 200_000)),
		"a base64 bomb":        []byte("From: MAILER-DAEMON\r\nContent-Transfer-Encoding: base64\r\n\r\n" + strings.Repeat("QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\r\n", 300_000)),
		"mails in mails":       []byte(strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 300_000)),
		"pages":                []byte("From: MAILER-DAEMON\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\nContent-Type: text/html\r\n\r\n"+strings.Repeat("<p>a@b.example failed ", 1000)+"\r\n", 100)),
		"a sender in brackets": []byte("From: " + strings.Repeat("(mailer-daemon ", 500_000) + "\r\n\r\n"),
		"zero bytes":           make([]byte, 10<<20),
		"addresses of a field": []byte("From: MAILER-DAEMON\r\nX-Failed-Recipients: " + strings.Repeat("a@b.example, ", 500_000) + "\r\nSubject: Undelivered\r\n\r\ncould not be delivered"),
	}
}

// TestHostile: whatever a mail is, what is kept of it is bounded, and so is the reading: a
// reader that is quadratic in any of these would not end within the test's time.
func TestHostile(t *testing.T) {
	for name, raw := range hostile() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bounded(t, name, Read(raw))
		})
	}
}

func bounded(t *testing.T, name string, r *Report) {
	t.Helper()
	if len(r.Recipients) > maxRecipients || len(r.To) > 16 || len(r.Original.MessageID) > 250 || len(r.Original.ReturnPath) > maxField {
		t.Errorf("%s: %d recipients, %d addresses", name, len(r.Recipients), len(r.To))
	}
	for _, p := range r.Recipients {
		if len(p.Diagnostic) > maxDiagnostic || len(p.Address) > 320 || len(p.RemoteMTA) > 255 || len(p.Reason) > 40 || strings.ContainsAny(p.Diagnostic, "\r\n") {
			t.Fatalf("%s keeps too much: %+v", name, p)
		}
		if (p.Kind == Bounced || p.Kind == Delayed) && (ClassOf(p.Reason) != p.Class || classes[p.Reason] == "") {
			t.Fatalf("%s: %s is not of class %s", name, p.Reason, p.Class)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(dsn, "Final-Recipient: rfc822; a@b.c\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n")))
	if files, _ := filepath.Glob(real + "/*.eml"); len(files) > 0 { // a seed for each server, where they are here
		for i := 0; i < len(files); i += 9 {
			if raw, err := os.ReadFile(files[i]); err == nil && len(raw) < 8000 {
				f.Add(raw)
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) { bounded(t, "it", Read(raw)) })
}
