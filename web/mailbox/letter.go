package mailbox

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

// opened is a mail taken apart for reading.
type opened struct {
	subject, from, to, language string
	sender                      string // the address in from
	text, html                  string
}

var words = mime.WordDecoder{}

// openMail reads a mail as a client would. What cannot be read stays empty.
func openMail(data []byte) (o opened) {
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		o.text = string(data)
		return o
	}
	o.subject, o.from, o.to = plainHeader(m, "Subject"), plainHeader(m, "From"), plainHeader(m, "To")
	if a, err := mail.ParseAddress(m.Header.Get("From")); err == nil {
		o.sender = a.Address // the envelope's may be for bounces alone, and differ from mail to mail
	}
	o.language = m.Header.Get("Content-Language")
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
func (o *opened) part(contentType, encoding string, body io.Reader, depth int) {
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
	case ct == "text/html" && o.html == "":
		o.html = string(b)
	case ct == "text/plain" && o.text == "":
		o.text = string(b)
	}
}

// forDisplay changes a mail's HTML for the frame only: pictures of the invented
// shops come from the mailbox, light or dark is settled, and links do not lead
// away. The bytes that were sent stay as they are (see the source).
func forDisplay(html, scheme, picturesAt string) string {
	if picturesAt != "" {
		html = strings.ReplaceAll(html, picturesAt, "/mailbox/pictures/")
	}
	always, never := "(min-width: 0px)", "(max-width: 0px)"
	switch scheme {
	case "dark":
		html = strings.ReplaceAll(html, "(prefers-color-scheme: dark)", always)
	case "light":
		html = strings.ReplaceAll(html, "(prefers-color-scheme: dark)", never)
	default:
		scheme = "light dark"
	}
	frame := "<style>:root{color-scheme:" + scheme + " !important;scrollbar-width:thin}a{pointer-events:none}</style>"
	if i := strings.LastIndex(html, "</head>"); i >= 0 {
		return html[:i] + frame + html[i:]
	}
	return frame + html
}
