package inbound

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/feedback/returnpath"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "abcdefghijklmnopqrstuvwxyz234567"

// books are a ledger of one message.
type books struct {
	mu   sync.Mutex
	told []Told
	err  error
}

var message = waxwing.NewID(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), 0, 7)

func (b *books) Checks(t waxwing.TenantID, id waxwing.ID, s string) bool {
	return t == "acme" && id == message && strings.HasPrefix(token, s)
}

func (b *books) Tell(_ context.Context, t *Told) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.told = append(b.told, *t)
	}
	return b.err
}

func (b *books) all() []Told {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.told
}

func (b *books) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

// post carries mails nowhere: a configuration must have a provider.
type post struct{}

func (*post) Check(*config.Report) {}

var registry = config.Registry{Locales: []string{"en"}, Providers: []config.Component{{Name: "post", Carries: waxwing.Email, Settings: func() config.Block { return &post{} }, Example: "type: post"}}}

// settings are those of a configuration's feedback.
func settings(t *testing.T, keys string) *config.Feedback {
	t.Helper()
	c := configtest.Load(t, registry, "providers: {mail: {type: post}}\ntenants: {acme: {name: Acme, from: a@acme.example}}\nfeedback: {"+keys+"}\n")
	return c.Feedback
}

func start(t *testing.T, keys string) (*Service, *books) {
	t.Helper()
	b := &books{}
	s, err := Open(settings(t, keys), b, func() []waxwing.TenantID { return []waxwing.TenantID{"acme", "bolt"} }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return s, b
}

var ours = returnpath.Write("bounces@mail.acme.example", "acme", message, token)

func report(action, status, said string) string {
	return "From: MAILER-DAEMON@mx.example.com\r\nTo: " + ours + "\r\nSubject: Undelivered Mail\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n\r\nFinal-Recipient: rfc822; anna@example.com\r\nAction: " + action +
		"\r\nStatus: " + status + "\r\nDiagnostic-Code: smtp; " + said + "\r\n\r\n--b--\r\n"
}

const (
	arf       = "From: fbl@example.com\r\nSubject: complaint\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: %s\r\nVersion: 1\r\n\r\n--b--\r\n"
	vacation  = "From: anna@example.com\r\nAuto-Submitted: auto-replied\r\nSubject: I am away\r\n\r\nUntil Monday.\r\n"
	something = "From: anna@example.com\r\nSubject: hello\r\n\r\nhello\r\n"
)

// TestWhatIsTold: what a mail says becomes an annotation, or nothing.
func TestWhatIsTold(t *testing.T) {
	s, b := start(t, `listen: "127.0.0.1:0"`)
	for _, c := range []struct {
		name, mail, kind, class, reason string
		suppress                        bool
	}{
		{"hard", report("failed", "5.1.1", "550 5.1.1 no such user"), "bounced", "hard", "user-unknown", true},
		{"full", report("failed", "5.2.2", "552 5.2.2 mailbox full"), "bounced", "full", "mailbox-full", false},
		{"policy", report("failed", "5.7.1", "550 5.7.1 blocked by our policy"), "bounced", "policy", "blocked", false},
		{"delayed", report("delayed", "4.4.1", "connection timed out"), "", "", "", false},
		{"delivered", report("delivered", "2.0.0", "250 ok"), "delivered", "", "", false},
		{"relayed", report("relayed", "2.0.0", "250 ok"), "", "", "", false},
		{"complaint", fmt.Sprintf(arf, "abuse"), "complained", "complaint", "abuse", true},
		{"a complaint in words of its own", fmt.Sprintf(arf, "anna@example.com"), "complained", "complaint", "other", true},
		{"not spam", fmt.Sprintf(arf, "not-spam"), "", "", "", false},
		{"vacation", vacation, "", "", "", false},
		{"a person", something, "", "", "", false},
	} {
		before := len(b.all())
		if err := smtp.SendMail(s.Addr(), nil, "", []string{ours}, []byte(c.mail)); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		told := b.all()[before:]
		if c.kind == "" {
			if len(told) != 0 {
				t.Errorf("%s: told %+v", c.name, told)
			}
			continue
		}
		if len(told) != 1 || told[0].Tenant != "acme" || told[0].Message != message || string(told[0].Kind) != c.kind || told[0].Class != c.class || told[0].Reason != c.reason || told[0].Suppress != c.suppress || !json.Valid(told[0].Evidence) {
			t.Errorf("%s: told %+v", c.name, told)
		}
	}
}

// code is an SMTP reply's; 0: it is none.
func code(err error) int {
	var e *textproto.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// TestForgeries: whoever does not know the token gets the answer that unknown addresses get,
// before any data, and nothing is told.
func TestForgeries(t *testing.T) {
	s, b := start(t, `listen: "127.0.0.1:0"`)
	other := waxwing.NewID(message.Time(), message, 0)
	answers := map[string]bool{}
	for name, to := range map[string]string{
		"no token":           "bounces@mail.acme.example",
		"postmaster":         "postmaster@mail.acme.example",
		"another message":    returnpath.Write("bounces@mail.acme.example", "acme", other, token),
		"another tenant":     returnpath.Write("bounces@mail.acme.example", "bolt", message, token),
		"no tenant":          returnpath.Write("bounces@mail.acme.example", "nobody", message, token),
		"another token":      returnpath.Write("bounces@mail.acme.example", "acme", message, strings.Repeat("a", 32)),
		"a shorter token":    strings.Replace(ours, "@", "", 1)[:40] + "@mail.acme.example",
		"a token and more":   strings.Replace(ours, "@", "a@", 1),
		"a percent for an @": strings.Replace(ours, "@", "%", 1) + "@mail.acme.example",
	} {
		err := smtp.SendMail(s.Addr(), nil, "", []string{to}, []byte(report("failed", "5.1.1", "550 no such user")))
		if code(err) != 550 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		answers[err.Error()] = true
	}
	if len(answers) != 1 || len(b.all()) != 0 {
		t.Errorf("answers: %v; told: %v", answers, b.all())
	}
}

// TestDurableBeforeTheAnswer: what could not be recorded is not answered with 250.
func TestDurableBeforeTheAnswer(t *testing.T) {
	s, b := start(t, `listen: "127.0.0.1:0"`)
	b.fail(waxwing.ErrUnavailable)
	mail := []byte(report("failed", "5.1.1", "550 no such user"))
	if err := smtp.SendMail(s.Addr(), nil, "", []string{ours}, mail); code(err) != 451 {
		t.Errorf("%v", err)
	}
	b.fail(nil)
	if err := smtp.SendMail(s.Addr(), nil, "", []string{strings.ToUpper(ours)}, mail); err != nil || len(b.all()) != 1 {
		t.Errorf("%v, told %v", err, b.all())
	}
}

func TestTooLarge(t *testing.T) {
	s, b := start(t, `listen: "127.0.0.1:0", max_size: 65536`)
	mail := report("failed", "5.1.1", "550 no such user") + strings.Repeat(strings.Repeat("x", 70)+"\r\n", 2000)
	if err := smtp.SendMail(s.Addr(), nil, "", []string{ours}, []byte(mail)); code(err) != 552 {
		t.Errorf("%v", err)
	}
	if len(b.all()) != 0 {
		t.Errorf("told: %v", b.all())
	}
}

// TestConnections: who comes when all places are taken waits, and is served when one is free.
func TestConnections(t *testing.T) {
	s, _ := start(t, `listen: "127.0.0.1:0", max_connections: 1`)
	first, err := smtp.Dial(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	second, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	greeted := make(chan error, 1)
	go func() {
		_, err := second.Read(make([]byte, 3))
		greeted <- err
	}()
	if err := first.Noop(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-greeted:
		t.Fatal("a second one was let in")
	default:
	}
	if err := first.Quit(); err != nil {
		t.Fatal(err)
	}
	if err := <-greeted; err != nil {
		t.Errorf("the second one, after the first left: %v", err)
	}
}

func TestLMTP(t *testing.T) {
	s, b := start(t, `listen: "127.0.0.1:0", protocol: lmtp`)
	c, err := textproto.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, _, err := c.ReadResponse(220); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		line string
		code int
	}{{"LHLO mx.example.com", 250}, {"MAIL FROM:<>", 250}, {"RCPT TO:<bounces@mail.acme.example>", 550}, {"RCPT TO:<" + ours + ">", 250}, {"DATA", 354}} {
		if err := c.PrintfLine("%s", x.line); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.ReadResponse(x.code); err != nil {
			t.Fatalf("%s: %v", x.line, err)
		}
	}
	w := c.DotWriter()
	_, _ = w.Write([]byte(report("failed", "5.1.1", "550 no such user")))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.ReadResponse(250); err != nil || len(b.all()) != 1 {
		t.Errorf("%v, told %v", err, b.all())
	}
}

// TestMaildir: what is told, and what tells nothing, is moved; what cannot be told stays. A
// mail that came by way of another mailbox is known by the mail that it returns.
func TestMaildir(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"new", "cur", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	put := func(name, mail string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "new", name), []byte(mail), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := &books{}
	s, err := Open(settings(t, "maildir: "+dir), b, func() []waxwing.TenantID { return []waxwing.TenantID{"acme"} }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	put("1", report("failed", "5.1.1", "550 no such user"))
	b.fail(waxwing.ErrUnavailable)
	if err := s.sweep(t.Context()); !errors.Is(err, waxwing.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	in := func(folder string) int { n, _ := filepath.Glob(filepath.Join(dir, folder, "*")); return len(n) }
	if in("new") != 1 || in("cur") != 0 {
		t.Error("a mail was moved that nobody was told of")
	}
	b.fail(nil)
	put("2", something)
	put("3", strings.Replace(report("failed", "5.1.1", "550 no such user"), ours, "postmaster@acme.example", 1)) // of nobody
	put("4", "From: MAILER-DAEMON@mx.example.com\r\nTo: postmaster@acme.example\r\nSubject: failure notice\r\n\r\nHi. This is the qmail-send program.\r\nI wasn't able to deliver your message to the following addresses.\r\n\r\n<anna@example.com>:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n\r\n--- Below this line is a copy of the message.\r\n\r\nReturn-Path: <"+ours+">\r\nMessage-ID: <a@acme.example>\r\n\r\nhello\r\n")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(report("failed", "5.1.1", "550 no such user")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(dir, "new", "5")); err != nil {
		t.Fatal(err)
	}
	if err := s.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if in("new") != 1 || in("cur") != 4 || len(b.all()) != 2 { // the link stays
		t.Errorf("%d in new, %d in cur, told %+v", in("new"), in("cur"), b.all())
	}
}
