package compose

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/address"
)

// Again makes a new message of a mail that was made before: the same bytes but
// for Message-ID and Date, which name this message, To where the address is
// corrected, and the signature over them. What the customer reads is what she was
// sent first, whatever templates and shop say by now. Where that cannot be had
// (the mail is gone, or its text names the old address) it is ErrNotFound, and
// the caller renders.
func (x *Composer) Again(w *waxwing.Work, sent *waxwing.Outgoing, to string, at time.Time) (waxwing.Draft, error) {
	d := waxwing.Draft{Channel: waxwing.Email, From: sent.From, To: sent.To, SMTPUTF8: sent.SMTPUTF8, EightBit: sent.EightBit}
	p := x.profiles[w.Tenant]
	if p == nil {
		return d, errNoTenant
	}
	if to != "" {
		a, err := address.Parse(to)
		if err != nil {
			return d, fmt.Errorf("bad_address: %w", err)
		}
		wide, err := address.Envelope(a.String())
		if err != nil {
			return d, fmt.Errorf("bad_address: %w", err)
		}
		if d.To = a.String(); d.To != sent.To && wide {
			return d, waxwing.ErrNotFound // its header needs SMTPUTF8
		}
	}
	d.MessageID = w.Token + "@" + p.domain
	d.From = p.returnPath(w)
	made, language, ok := readdressed(sent.Data, sent.To, d.To, d.MessageID, at)
	if !ok {
		return d, waxwing.ErrNotFound
	}
	var err error
	if d.Data, err = p.sign(made, at); err != nil {
		return d, err
	}
	d.Locale, d.Dictionary = language, p.set.dictionary(language)
	return d, nil
}

// readdressed copies a mail of ours with another Message-ID, Date and recipient,
// and without its signature. It says no where the old address stands anywhere
// else than in To.
func readdressed(sent []byte, from, to, messageID string, at time.Time) (out []byte, language string, ok bool) {
	head, body, found := bytes.Cut(sent, []byte("\r\n\r\n"))
	if !found || from == "" {
		return nil, "", false
	}
	if from != to && mentions(sent, from) {
		return nil, "", false
	}
	out = make([]byte, 0, len(sent)+64)
	done := map[string]bool{}
	for len(head) > 0 {
		field := head
		for i := 0; ; { // up to a line end that no folding follows
			j := bytes.Index(head[i:], []byte("\r\n"))
			if j < 0 {
				break
			}
			if i += j + 2; i < len(head) && (head[i] == ' ' || head[i] == '\t') {
				continue
			}
			field = head[:i-2]
			break
		}
		head = bytes.TrimPrefix(head[len(field):], []byte("\r\n"))
		name, value, _ := bytes.Cut(field, []byte(":"))
		key := strings.ToLower(string(name))
		done[key] = true
		switch key {
		case "dkim-signature":
			continue
		case "message-id":
			out = fmt.Appendf(out, "Message-ID: <%s>", messageID)
		case "date":
			out = at.AppendFormat(append(out, "Date: "...), "Mon, 02 Jan 2006 15:04:05 -0700")
		case "to":
			if from != to && bytes.Count(field, []byte(from)) != 1 {
				return nil, "", false
			}
			out = append(out, bytes.Replace(field, []byte(from), []byte(to), 1)...)
		default:
			if key == "content-language" {
				language = string(bytes.TrimSpace(value))
			}
			out = append(out, field...)
		}
		out = append(out, "\r\n"...)
	}
	if !done["message-id"] || !done["date"] || !done["to"] {
		return nil, "", false
	}
	return append(append(out, "\r\n"...), body...), language, true
}

// mentions reports whether a mail names an address anywhere but in To, however that
// is encoded: by a part's transfer encoding, a header's words or HTML's entities. Of
// what cannot be read it says yes.
func mentions(data []byte, address string) bool {
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return true
	}
	address = strings.ToLower(address)
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), address) }
	words := mime.WordDecoder{}
	for name, values := range m.Header {
		for _, v := range values {
			plain, err := words.DecodeHeader(v)
			if name != "To" && name != "Dkim-Signature" && (err != nil || has(plain)) {
				return true
			}
		}
	}
	var within func(h textproto.MIMEHeader, body io.Reader, depth int) bool
	within = func(h textproto.MIMEHeader, body io.Reader, depth int) bool {
		kind, params, err := mime.ParseMediaType(cmp.Or(h.Get("Content-Type"), "text/plain"))
		if err != nil || depth > 5 {
			return true
		}
		if strings.HasPrefix(kind, "multipart/") {
			for parts := multipart.NewReader(body, params["boundary"]); ; {
				p, err := parts.NextRawPart()
				if errors.Is(err, io.EOF) {
					return false
				}
				if err != nil || within(p.Header, p, depth+1) {
					return true
				}
			}
		}
		switch strings.ToLower(h.Get("Content-Transfer-Encoding")) {
		case "quoted-printable":
			body = quotedprintable.NewReader(body)
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, body)
		}
		b, err := io.ReadAll(body)
		return err != nil || has(string(b)) || has(html.UnescapeString(string(b)))
	}
	return within(textproto.MIMEHeader(m.Header), m.Body, 0)
}
