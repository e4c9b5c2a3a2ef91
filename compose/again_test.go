package compose

import (
	"strings"
	"testing"
	"time"
)

// TestReaddressed changes what names the message, and nothing else; it gives up
// where the old address stands in what the customer reads.
func TestReaddressed(t *testing.T) {
	at := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	mail := func(to, id, date, dkim, body string) string {
		return dkim + "From: \"Acme\" <orders@acme.example>\r\nTo: " + to + "\r\nSubject: =?utf-8?q?a?=\r\n =?utf-8?q?b?=\r\nDate: " + date +
			"\r\nMessage-ID: <" + id + ">\r\nMIME-Version: 1.0\r\nContent-Language: de\r\n\r\n" + body
	}
	const old, date, newDate = "jana@exmaple.com", "Mon, 02 Jan 2006 15:04:05 +0000", "Thu, 26 Nov 2026 10:00:00 +0000"
	dkim := "DKIM-Signature: v=1; a=rsa-sha256;\r\n\tb=abc\r\n def\r\n"
	with := func(encoding, body string) string {
		return strings.Replace(mail(old, "1@a", date, "", body), "MIME-Version", "Content-Transfer-Encoding: "+encoding+"\r\nMIME-Version", 1)
	}
	for _, c := range []struct{ name, in, to, want string }{
		{"the same address", mail("\"J\" <"+old+">", "1@a", date, dkim, "x\r\n\r\ny"), old, mail("\"J\" <"+old+">", "2@a", newDate, "", "x\r\n\r\ny")},
		{"another", mail("=?utf-8?q?J=C3=B6?=\r\n <"+old+">", "1@a", date, dkim, "x"), "j@b.example", mail("=?utf-8?q?J=C3=B6?=\r\n <j@b.example>", "2@a", newDate, "", "x")},
		{"without a name", mail(old, "1@a", date, "", "x"), "j@b.example", mail("j@b.example", "2@a", newDate, "", "x")},
		{"in a text that is encoded", with("quoted-printable", "sent to Jana@exm=\r\naple.com"), "j@b.example", ""},
		{"by its letters' numbers", with("quoted-printable", "jana=40exmaple.com"), "j@b.example", ""},
		{"in base64", with("base64", "44GTIGphbmFAZXhtYXBsZS5jb20g44Gn\r\n"), "j@b.example", ""},
		{"in HTML's entities", with("8bit", "jana&#64;exmaple.com"), "j@b.example", ""},
		{"in a part", strings.Replace(with("7bit", "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n44GTIGphbmFAZXhtYXBsZS5jb20g44Gn\r\n--b--\r\n"), "MIME-Version", "Content-Type: multipart/alternative; boundary=b\r\nMIME-Version", 1), "j@b.example", ""},
		{"in the subject", strings.Replace(mail(old, "1@a", date, "", "x"), "?a?", "?jana=40exmaple.com?", 1), "j@b.example", ""},
		{"in the text", mail(old, "1@a", date, "", "sent to Jana@exmaple.com"), "j@b.example", ""},
		{"in the text, to the same", mail(old, "1@a", date, "", "sent to "+old), old, mail(old, "2@a", newDate, "", "sent to "+old)},
		{"not in To", mail("undisclosed:;", "1@a", date, "", "x"), "j@b.example", ""},
		{"no mail", "hello", old, ""},
		{"no Date", strings.Replace(mail(old, "1@a", date, "", "x"), "Date: ", "X-Date: ", 1), old, ""},
	} {
		got, language, ok := readdressed([]byte(c.in), old, c.to, "2@a", at)
		if ok != (c.want != "") || ok && (string(got) != c.want || language != "de") {
			t.Errorf("%s: %v\n%q\n%q", c.name, ok, got, c.want)
		}
	}
}
