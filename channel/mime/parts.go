package mime

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	stdmime "mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
)

// Parts are what a mail of Build's says, for a provider that takes no bytes but makes a mail of
// its own.
type Parts struct {
	From, To, ReplyTo Mailbox // ReplyTo's Addr is "" where there is none
	Subject           string
	MessageID         string // without angle brackets
	Text, HTML        string // "" where there is none
	// Header are the other fields, as they came: RFC 3834's, Feedback-ID and the like. What a
	// provider writes itself (MIME, Date, DKIM, Received) is not among them.
	Header []Field
}

// Field is one field of a header.
type Field struct{ Name, Value string }

// others are the fields that Parts.Header may hold, in their order.
var others = []string{"Auto-Submitted", "X-Auto-Response-Suppress", "Content-Language", "X-Entity-Ref-ID", "Feedback-ID",
	"List-Unsubscribe", "List-Unsubscribe-Post"}

// maxPart bounds what is decoded of one part, in bytes.
const maxPart = 10 << 20

// ErrParts is a mail that is not of the form that Build writes: text, HTML, or both as alternatives.
var ErrParts = errors.New("the mail has parts that are neither its text nor its HTML")

// Split takes a mail apart that Build has written, signed or not. It reads nothing of what
// Build does not write: another mail is an error, never half a mail.
func Split(data []byte) (*Parts, error) {
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return nil, errors.New("the mail's header cannot be read") // net/mail quotes it
	}
	p := &Parts{MessageID: strings.Trim(m.Header.Get("Message-ID"), "<> ")}
	for _, a := range []struct {
		name string
		to   *Mailbox
	}{{"From", &p.From}, {"To", &p.To}, {"Reply-To", &p.ReplyTo}} {
		v := m.Header.Get(a.name)
		if v == "" && a.to == &p.ReplyTo {
			continue
		}
		x, err := mail.ParseAddress(v)
		if err != nil {
			return nil, fmt.Errorf("the mail's %s is no address", a.name)
		}
		*a.to = Mailbox{Name: x.Name, Addr: x.Address}
	}
	if p.Subject, err = new(stdmime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		return nil, errors.New("the mail's subject cannot be read")
	}
	for _, name := range others {
		if v := m.Header.Get(name); v != "" {
			p.Header = append(p.Header, Field{name, v})
		}
	}
	kind, params, err := stdmime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return nil, ErrParts
	}
	if kind != "multipart/alternative" {
		return p, p.add(kind, m.Header.Get("Content-Transfer-Encoding"), m.Body)
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	for range 3 { // two parts, and the end
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return p, p.check()
		}
		if err != nil {
			return nil, errors.New("the mail's parts cannot be read")
		}
		kind, _, err := stdmime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil {
			return nil, ErrParts
		}
		if err := p.add(kind, part.Header.Get("Content-Transfer-Encoding"), part); err != nil {
			return nil, err
		}
	}
	return nil, ErrParts
}

func (p *Parts) check() error {
	if p.Text == "" && p.HTML == "" {
		return ErrParts
	}
	return nil
}

// add decodes one reading of the mail, once each.
func (p *Parts) add(kind, encoding string, r io.Reader) error {
	to := map[string]*string{"text/plain": &p.Text, "text/html": &p.HTML}[kind]
	if to == nil || *to != "" {
		return ErrParts
	}
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	case "", "7bit", "8bit":
	default:
		return ErrParts
	}
	b, err := io.ReadAll(io.LimitReader(r, maxPart+1))
	if err != nil || len(b) > maxPart {
		return errors.New("a part of the mail cannot be read, or is larger than 10 MiB")
	}
	*to = strings.ReplaceAll(strings.ToValidUTF8(string(b), "�"), "\r\n", "\n")
	return nil
}
