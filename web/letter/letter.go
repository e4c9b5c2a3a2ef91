// Package letter takes mails apart for pages that show them.
package letter

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
)

// Opened is a mail taken apart for reading.
type Opened struct {
	Subject, From, To, Language string
	Sender                      string // the address in From
	Text, HTML                  string
}

var words = mime.WordDecoder{}

// Open reads a mail as a client would. What cannot be read stays empty.
func Open(data []byte) (o Opened) {
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		o.Text = string(data)
		return o
	}
	o.Subject, o.From, o.To = plainHeader(m, "Subject"), plainHeader(m, "From"), plainHeader(m, "To")
	if a, err := mail.ParseAddress(m.Header.Get("From")); err == nil {
		o.Sender = a.Address // the envelope's may be for bounces alone, and differ from mail to mail
	}
	o.Language = m.Header.Get("Content-Language")
	o.part(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body, 0)
	return o
}

func plainHeader(m *mail.Message, name string) string {
	v := m.Header.Get(name)
	if d, err := words.DecodeHeader(v); err == nil {
		return d
	}
	return v
}

// part reads one part and those within it, three deep.
func (o *Opened) part(contentType, encoding string, body io.Reader, depth int) {
	ct, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		ct = "text/plain"
	}
	if strings.HasPrefix(ct, "multipart/") && depth < 3 {
		r := multipart.NewReader(body, params["boundary"])
		for {
			p, err := r.NextRawPart()
			if err != nil {
				return
			}
			o.part(p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p, depth+1)
		}
	}
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	b, _ := io.ReadAll(body) // what came before a fault is shown
	switch {
	case ct == "text/html" && o.HTML == "":
		o.HTML = string(b)
	case ct == "text/plain" && o.Text == "":
		o.Text = string(b)
	}
}
