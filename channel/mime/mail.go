// Package mime builds an e-mail's exact bytes (RFC 5322, 2045 to 2047, 6532):
// text and HTML as multipart/alternative, 7-bit lines of at most 76 characters,
// the same input giving the same bytes. No value can add a header or a line:
// what is not allowed where it stands is encoded, or left out.
package mime

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/address"
)

// Mailbox is an address with the name shown beside it.
type Mailbox struct {
	Name string // any text; controls, bidi overrides and signs like @ are taken out
	// Addr must have passed address.Parse. Of anything else only the characters
	// that an address may have are written, so that it is useless but harmless.
	Addr string
}

// Mail is what Build writes.
type Mail struct {
	From, To Mailbox
	ReplyTo  Mailbox // left out if Addr is ""
	Subject  string  // any text
	// MessageID is id@domain without angle brackets. The boundary follows from it.
	MessageID string
	Date      time.Time // with its offset
	// Text and HTML are UTF-8 with any line ends; an empty one is left out.
	Text, HTML []byte
	// Marks are the stretches of HTML that are Passages, in order; nil Passages: none. What
	// is read is the same with and without them, and the bytes but for soft line breaks.
	Passages *Passages
	Marks    []waxwing.Extent
	// Language is a BCP 47 tag for Content-Language, "" none (RFC 3282).
	Language string
	// EntityRef keeps mail clients from folding mails of one subject into one
	// (X-Entity-Ref-ID), "" none.
	EntityRef string
	// FeedbackID names the stream in mailbox providers' reports, "" none.
	FeedbackID string
}

// SMTPUTF8 reports whether the mail's header needs RFC 6532: an address has a
// local part that is not ASCII. All other mails are 7-bit throughout.
func (m *Mail) SMTPUTF8() bool {
	for _, s := range []string{m.From.Addr, m.To.Addr, m.ReplyTo.Addr} {
		if wide, err := address.Envelope(s); err == nil && wide {
			return true
		}
	}
	return false
}

// roomForHeaders is how long the headers of a mail and its parts are, but for names and
// subjects of many words.
const roomForHeaders = 1100

// Build appends the mail to dst, with CRLF line ends. A nil dst is made about as large as
// the mail becomes.
func Build(dst []byte, m *Mail) []byte {
	dst, _ = BuildExtents(dst, m, nil)
	return dst
}

// BuildExtents is Build, and appends to extents where in dst the bytes of the mail's
// passages stand.
func BuildExtents(dst []byte, m *Mail, extents []waxwing.Extent) ([]byte, []waxwing.Extent) {
	text, html := newPart("plain", m.Text), newPart("html", m.HTML)
	html.passages, html.marks = m.Passages, m.Marks
	if dst == nil {
		dst = make([]byte, 0, roomForHeaders+text.size()+html.size())
	}
	dst = appendHeader(dst, m)
	switch {
	case len(m.HTML) == 0:
		return text.append(dst, extents)
	case len(m.Text) == 0:
		return html.append(dst, extents)
	}
	mark := boundary(m.MessageID)
	dst = append(dst, "Content-Type: multipart/alternative;\r\n boundary=\""...)
	dst = append(append(dst, mark[:]...), "\"\r\n\r\n--"...)
	dst = append(append(dst, mark[:]...), "\r\n"...)
	dst, extents = text.append(dst, extents)
	dst = append(append(append(dst, "\r\n--"...), mark[:]...), "\r\n"...)
	dst, extents = html.append(dst, extents)
	dst = append(append(dst, "\r\n--"...), mark[:]...)
	return append(dst, "--\r\n"...), extents
}

// appendHeader writes the header but for what its parts decide.
func appendHeader(dst []byte, m *Mail) []byte {
	dst = appendMailbox(dst, "From", m.From)
	dst = appendMailbox(dst, "To", m.To)
	if m.ReplyTo.Addr != "" {
		dst = appendMailbox(dst, "Reply-To", m.ReplyTo)
	}
	dst = appendText(dst, "Subject", m.Subject)
	dst = append(dst, "Date: "...)
	dst = m.Date.AppendFormat(dst, "Mon, 02 Jan 2006 15:04:05 -0700")
	dst = append(dst, "\r\nMessage-ID: <"...)
	dst = appendOnly(dst, m.MessageID, idChars, 250)
	// RFC 3834: no robot shall answer; the X- header says it to Exchange.
	dst = append(dst, ">\r\nMIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\n"...)
	dst = appendToken(dst, "Content-Language", m.Language)
	dst = appendToken(dst, "X-Entity-Ref-ID", m.EntityRef)
	return appendToken(dst, "Feedback-ID", m.FeedbackID)
}

// boundary begins with "=_", which neither quoted-printable nor base64 can
// hold, so that no body can end its part.
func boundary(id string) (b [34]byte) {
	sum := sha256.Sum256([]byte(id))
	copy(b[:], "=_")
	hex.Encode(b[2:], sum[:16])
	return b
}

// part is one of the two readings of a mail, of one of text's subtypes.
type part struct {
	subtype  string
	body     []byte
	passages *Passages
	marks    []waxwing.Extent
	high     int // how many bytes of body are above 127
}

func newPart(subtype string, body []byte) part {
	return part{subtype: subtype, body: body, high: countHigh(body)}
}

// base64 says which encoding is the shorter one.
func (p *part) base64() bool { return p.high > len(p.body)/6 }

// size is about how long the part becomes, and hardly ever less.
func (p *part) size() int {
	n := len(p.body)
	if p.base64() {
		return n + n*2/5
	}
	n += 2*(p.high+bytes.Count(p.body, []byte{'='})) + bytes.Count(p.body, []byte{'\n'})
	return n + n/32 + 2*len(p.marks)
}

// append writes the part's header and body in the shorter encoding.
func (p *part) append(dst []byte, extents []waxwing.Extent) ([]byte, []waxwing.Extent) {
	dst = append(append(dst, "Content-Type: text/"...), p.subtype...)
	dst = append(dst, "; charset=utf-8\r\nContent-Transfer-Encoding: "...)
	if p.base64() {
		return appendBase64(append(dst, "base64\r\n\r\n"...), p.body), extents
	}
	q := printable{dst: append(dst, "quoted-printable\r\n\r\n"...)}
	extents = q.marked(p.body, p.passages, p.marks, extents)
	return q.end(), extents
}

// appendToken writes a header of visible ASCII without spaces; "" writes none.
func appendToken(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(append(dst, name...), ": "...)
	return append(appendOnly(dst, value, idChars+":", 200), '\r', '\n')
}

const idChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.!#$%&'*+-/=?^_`{|}~@"

// appendOnly appends the bytes of s that are among allowed, at most most.
func appendOnly(dst []byte, s, allowed string, most int) []byte {
	for i := 0; i < len(s) && most > 0; i++ {
		if strings.IndexByte(allowed, s[i]) >= 0 {
			dst = append(dst, s[i])
			most--
		}
	}
	return dst
}
