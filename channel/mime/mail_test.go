package mime_test

import (
	"bytes"
	"fmt"
	"io"
	stdmime "mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jhillyerd/enmime/v2"

	"github.com/waxwinghq/waxwing/channel/mime"
)

func sample() *mime.Mail {
	return &mime.Mail{
		From:      mime.Mailbox{Name: `Acme "Outfitters", Müller & Söhne`, Addr: "orders@acme.example"},
		To:        mime.Mailbox{Name: "山田 太郎", Addr: "taro@example.jp"},
		ReplyTo:   mime.Mailbox{Name: "Help", Addr: "help@acme.example"},
		Subject:   "Vielen Dank für Ihre Bestellung #1001 — wir packen schon: 2 × Tasse „Größe M“, 1 × Kanne",
		MessageID: "abcdef234567@acme.example",
		Date:      time.Date(2026, 11, 24, 3, 30, 0, 0, time.FixedZone("", 3600)),
		Text:      []byte("Hallo,\n.dot\nFrom here on trailing \n\tend\t\nGrüße = gut\n" + strings.Repeat("lang ", 40)),
		HTML:      []byte("<html><body style=\"color:#fff\">Grüße</body></html>\n"),
		Language:  "de-DE", EntityRef: "abc123", FeedbackID: "confirm:acme:waxwing",
	}
}

func TestRoundTrip(t *testing.T) {
	m := sample()
	raw := mime.Build(nil, m)
	if again := mime.Build(nil, m); !bytes.Equal(raw, again) {
		t.Error("the same mail gave other bytes")
	}
	checkLines(t, raw)
	std, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	from, err := std.Header.AddressList("From")
	if err != nil || len(from) != 1 || from[0].Name != m.From.Name || from[0].Address != m.From.Addr {
		t.Errorf("From: %v %v", from, err)
	}
	to, err := std.Header.AddressList("To")
	if err != nil || len(to) != 1 || to[0].Name != m.To.Name || to[0].Address != m.To.Addr {
		t.Errorf("To: %v %v", to, err)
	}
	if d, err := std.Header.Date(); err != nil || !d.Equal(m.Date) {
		t.Errorf("Date: %v %v", d, err)
	}
	e, err := enmime.ReadEnvelope(bytes.NewReader(raw))
	if err != nil || len(e.Errors) > 0 {
		t.Fatal(err, e.Errors)
	}
	for h, want := range map[string]string{
		"Subject": m.Subject, "Message-ID": "<" + m.MessageID + ">", "Auto-Submitted": "auto-generated",
		"Content-Language": "de-DE", "X-Entity-Ref-ID": "abc123", "Feedback-ID": "confirm:acme:waxwing",
		"MIME-Version": "1.0", "X-Auto-Response-Suppress": "All",
	} {
		if got := e.GetHeader(h); got != want {
			t.Errorf("%s: %q, want %q", h, got, want)
		}
	}
	if got := strings.ReplaceAll(e.Text, "\r\n", "\n"); got != string(m.Text) {
		t.Errorf("text: %q", got)
	}
	if got := strings.ReplaceAll(e.HTML, "\r\n", "\n"); got != string(m.HTML) {
		t.Errorf("html: %q", got)
	}
}

func TestParts(t *testing.T) {
	for _, c := range []struct{ text, html, want string }{
		{"only text", "", "text/plain"},
		{"", "<p>only</p>", "text/html"},
		{"", "", "text/plain"},
		{"ありがとうございます。ご注文を承りました。", "<p>ありがとうございます。</p>", "multipart/alternative"},
	} {
		m := sample()
		m.Text, m.HTML = []byte(c.text), []byte(c.html)
		raw := mime.Build(nil, m)
		checkLines(t, raw)
		e, err := enmime.ReadEnvelope(bytes.NewReader(raw))
		if err != nil || len(e.Errors) > 0 && e.Errors[0].Severe {
			t.Fatal(err, e.Errors)
		}
		if e.Root.ContentType != c.want {
			t.Errorf("%q is %s", c.want, e.Root.ContentType)
		}
		if strings.TrimRight(e.Text, "\r\n") != c.text && c.text != "" || strings.TrimRight(e.HTML, "\r\n") != c.html {
			t.Errorf("%q %q came back as %q %q", c.text, c.html, e.Text, e.HTML)
		}
	}
}

// checkLines holds every line to CRLF, 7 bits and 76 characters.
func checkLines(t *testing.T, raw []byte) {
	t.Helper()
	for i, l := range bytes.SplitAfter(raw, []byte("\r\n")) {
		l = bytes.TrimSuffix(l, []byte("\r\n"))
		if len(l) > 76 || bytes.ContainsAny(l, "\r\n\x00") {
			t.Errorf("line %d has %d bytes or a bare line end: %q", i, len(l), l)
		}
		for _, c := range l {
			if c >= utf8.RuneSelf || c < ' ' && c != '\t' {
				t.Errorf("line %d holds %#x", i, c)
				break
			}
		}
	}
}

var hostile = []string{
	"x\r\nBcc: thief@evil.example", "x\nBcc: thief@evil.example", "x\rBcc: t@evil.example", "\x00\x01\x7f\x1b[31m",
	"a\u2028b\u2029c\u0085d", "\u202eevil\u202c \u2066x\u2069", "=?utf-8?q?=0d=0aBcc:_x?=", "\"; <evil@evil.example>, \"",
	"support＠paypal.example", "bob@good.example", "\xff\xfe\xc3(", strings.Repeat("a", 5000), strings.Repeat("ä", 5000),
	strings.Repeat("wort ", 900), "(comment)", "a\\", "\\\"", "=?", "?=", "\r\n\r\n<html>", "\u200b\ufeff\u2060\u00ad", "👩‍👩‍👧‍👦 فروشگاه‌من",
}

func TestNoValueAddsAHeader(t *testing.T) {
	for _, v := range hostile {
		spoil(t, v)
	}
}

func FuzzHeaders(f *testing.F) {
	for _, v := range hostile {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) { spoil(t, v) })
}

// spoil puts v into every field and wants the mail's shape unharmed.
func spoil(t *testing.T, v string) {
	m := &mime.Mail{
		From: mime.Mailbox{Name: v, Addr: v}, To: mime.Mailbox{Name: v, Addr: "a@b.example"}, ReplyTo: mime.Mailbox{Name: v, Addr: v + "x"},
		Subject: v, MessageID: v, Text: []byte(v), HTML: []byte(v + "."), Language: v + "e", EntityRef: v + "e", FeedbackID: v + "e",
	}
	raw := mime.Build(nil, m)
	if !m.SMTPUTF8() {
		checkLines2(t, raw)
	}
	head, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	var names []string
	for _, l := range strings.Split(string(head), "\r\n") {
		if l[0] != ' ' {
			n, _, _ := strings.Cut(l, ":")
			names = append(names, n)
		}
	}
	want := "From To Reply-To Subject Date Message-ID MIME-Version Auto-Submitted X-Auto-Response-Suppress " +
		"Content-Language X-Entity-Ref-ID Feedback-ID Content-Type"
	got := strings.Join(names, " ")
	if v == "" || len(m.Text) == 0 {
		want += " Content-Transfer-Encoding"
	}
	if got != want {
		t.Fatalf("%q made the headers %s", v, got)
	}
	std, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%q: %v", v, err)
	}
	to, err := std.Header.AddressList("To")
	if err != nil || len(to) != 1 || to[0].Address != "a@b.example" {
		t.Errorf("%q: To became %v %v", v, to, err)
	}
	if strings.ContainsAny(to[0].Name, "@＠\u202e\r\n\x00") {
		t.Errorf("%q: shown as %q", v, to[0].Name)
	}
	dec, err := new(stdmime.WordDecoder).DecodeHeader(std.Header.Get("Subject"))
	if err != nil || strings.ContainsAny(dec, "\r\n\x00\u202e") {
		t.Errorf("%q: subject %q %v", v, dec, err)
	}
}

func checkLines2(t *testing.T, raw []byte) {
	t.Helper()
	for l := range bytes.SplitSeq(raw, []byte("\r\n")) {
		if len(l) > 998 || bytes.ContainsAny(l, "\r\n\x00") {
			t.Fatalf("bad line %q", l)
		}
	}
}

func TestSubjectsComeBack(t *testing.T) {
	for _, s := range []string{
		"Order #1001", "Your order #1001 at Acme is confirmed, and we are packing everything already today, promised", "Grüße",
		"ご注文ありがとうございます。ご注文番号は#1001です。商品の発送までしばらくお待ちください。またのご利用をお待ちしております。",
		"شكراً لطلبك رقم 1001 من متجرنا", "a_b=c?d", "=?not a word", strings.Repeat("x", 200), "🎉🎉 Merci ! 🎉",
		"\u200fAcme: تم تأكيد طلبك \u200e#1489", // with the marks that keep the # on the left
	} {
		m := sample()
		m.Subject = s
		raw := mime.Build(nil, m)
		checkLines(t, raw)
		std, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := new(stdmime.WordDecoder).DecodeHeader(std.Header.Get("Subject")); err != nil || got != s {
			t.Errorf("%q came back as %q, %v", s, got, err)
		}
	}
}

// Marks that turn more than a number, and all of them in names, are taken out.
func TestDirectionMarks(t *testing.T) {
	m := sample()
	m.Subject, m.From.Name = "طلب\u202e\u2067\u200e#1\u2069", "A\u200fb\u200e"
	std, err := mail.ReadMessage(bytes.NewReader(mime.Build(nil, m)))
	if err != nil {
		t.Fatal(err)
	}
	decode := func(h string) string {
		s, err := new(stdmime.WordDecoder).DecodeHeader(std.Header.Get(h))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if got := decode("Subject"); got != "طلب\u200e#1" {
		t.Errorf("%+q", got)
	}
	if got := decode("From"); strings.ContainsAny(got, "\u200e\u200f") {
		t.Errorf("%+q", got)
	}
}

func TestSMTPUTF8(t *testing.T) {
	m := sample()
	if m.SMTPUTF8() {
		t.Error("an ASCII mail asks for SMTPUTF8")
	}
	m.To.Addr = "dörte@example.com"
	if !m.SMTPUTF8() {
		t.Error("a wide address does not ask for SMTPUTF8")
	}
	std, err := mail.ReadMessage(bytes.NewReader(mime.Build(nil, m)))
	if err != nil {
		t.Fatal(err)
	}
	if to, err := std.Header.AddressList("To"); err != nil || to[0].Address != m.To.Addr {
		t.Error(to, err)
	}
}

func FuzzQuotedPrintable(f *testing.F) {
	for _, v := range append(hostile, "a \nb\t\r\nc \r", strings.Repeat("x", 75)+" \n", strings.Repeat("x", 74)+"  ", strings.Repeat("=", 80)+"\n..\n.", "From a\n From b") {
		f.Add([]byte(v))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		enc := mime.AppendQuotedPrintable(nil, b)
		for l := range bytes.SplitSeq(enc, []byte("\r\n")) {
			if len(l) > 76 || bytes.ContainsAny(l, "\r\n") || bytes.HasPrefix(l, []byte(".")) || bytes.HasPrefix(l, []byte("From ")) ||
				bytes.HasSuffix(l, []byte(" ")) || bytes.HasSuffix(l, []byte("\t")) {
				t.Fatalf("bad line %q", l)
			}
		}
		got, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(enc)))
		if err != nil {
			t.Fatal(err)
		}
		// CRLF is one line end, and so is each CR and LF besides.
		want := strings.NewReplacer("\r\n", "\r\n", "\r", "\r\n", "\n", "\r\n").Replace(string(b))
		if string(got) != want {
			t.Fatalf("%q came back as %q", want, got)
		}
	})
}

func BenchmarkBuild(b *testing.B) {
	m := sample()
	m.HTML = bytes.Repeat([]byte("<tr><td style=\"padding:8px 0;color:#333333;font-family:Helvetica,Arial\">Größe M, blau</td></tr>\n"), 160)
	m.Text = bytes.Repeat([]byte("2 x Tasse, Größe M                    EUR 12,00\n"), 90)
	var dst []byte
	b.SetBytes(int64(len(m.HTML) + len(m.Text)))
	b.ReportAllocs()
	for b.Loop() {
		dst = mime.Build(dst[:0], m)
	}
}

func ExampleBuild() {
	raw := mime.Build(nil, &mime.Mail{
		From: mime.Mailbox{Name: "Acme", Addr: "orders@acme.example"}, To: mime.Mailbox{Addr: "bob@example.com"},
		Subject: "Grüße", MessageID: "1@acme.example", Text: []byte("Hello\n"),
		Date: time.Date(2026, 11, 24, 3, 30, 0, 0, time.UTC),
	})
	fmt.Print(strings.ReplaceAll(string(raw), "\r\n", "\n"))
	// Output:
	// From: "Acme" <orders@acme.example>
	// To: bob@example.com
	// Subject: =?utf-8?b?R3LDvMOfZQ==?=
	// Date: Tue, 24 Nov 2026 03:30:00 +0000
	// Message-ID: <1@acme.example>
	// MIME-Version: 1.0
	// Auto-Submitted: auto-generated
	// X-Auto-Response-Suppress: All
	// Content-Type: text/plain; charset=utf-8
	// Content-Transfer-Encoding: quoted-printable
	//
	// Hello
}
