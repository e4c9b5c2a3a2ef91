package mime_test

import (
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing/channel/mime"
)

// A provider that makes its own mail gets what ours says.
func TestSplitGivesBackWhatBuildWrote(t *testing.T) {
	m := sample()
	m.Subject = "Ihre Bestellung #1001 für 12 € ist da 🎉, und das ist eine lange Zeile, die umbrochen wird"
	m.Text, m.HTML = []byte("Danke für alles\n.\nFrom us\n"), []byte("<p>Danke für <b>alles</b> 日本語</p>\n")
	p, err := mime.Split(mime.Build(nil, m))
	if err != nil {
		t.Fatal(err)
	}
	if p.Subject != m.Subject || p.MessageID != m.MessageID || p.From.Addr != m.From.Addr || p.To.Addr != m.To.Addr {
		t.Errorf("%+v", p)
	}
	if strings.TrimSpace(p.Text) != strings.TrimSpace(string(m.Text)) || strings.TrimSpace(p.HTML) != strings.TrimSpace(string(m.HTML)) {
		t.Errorf("text %q, html %q", p.Text, p.HTML)
	}
	if len(p.Header) < 2 || p.Header[0].Name != "Auto-Submitted" {
		t.Errorf("header %v", p.Header)
	}
	m.HTML = nil
	if p, err := mime.Split(mime.Build(nil, m)); err != nil || p.HTML != "" || p.Text == "" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestSplitRefusesOtherMails(t *testing.T) {
	head := "From: a@b.example\r\nTo: c@d.example\r\nSubject: x\r\n"
	for name, raw := range map[string]string{
		"nothing":        "",
		"no sender":      "To: c@d.example\r\nContent-Type: text/plain\r\n\r\nx",
		"two recipients": "From: a@b.example\r\nTo: c@d.example, e@f.example\r\nContent-Type: text/plain\r\n\r\nx",
		"an attachment":  head + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n",
		"a picture":      head + "Content-Type: image/png\r\n\r\nx",
		"two texts":      head + "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\nContent-Type: text/plain\r\n\r\ny\r\n--b--\r\n",
		"cut off":        head + "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nx",
		"unknown coding": head + "Content-Type: text/plain\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nx",
		"nested parts":   head + "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--b--\r\n",
		"no parts":       head + "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b--\r\n",
		"bad base64":     head + "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
	} {
		if p, err := mime.Split([]byte(raw)); err == nil {
			t.Errorf("%s: %+v", name, p)
		} else if strings.Contains(err.Error(), "@") {
			t.Errorf("%s: the error holds an address: %v", name, err)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(mime.Build(nil, sample()))
	f.Add([]byte("From: a@b.example\r\n\r\nx"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := mime.Split(raw)
		if err != nil && strings.Contains(err.Error(), "@") {
			t.Errorf("the error holds an address: %v", err)
		}
		if err == nil && p.Text == "" && p.HTML == "" && strings.Contains(string(raw), "multipart") {
			t.Error("no part")
		}
	})
}
