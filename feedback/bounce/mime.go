package bounce

import (
	"bytes"
	"encoding/base64"
	"html"
	"io"
	"mime"
	"mime/quotedprintable"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"
)

// Mails that come back are often no good MIME: boundaries that are missing, mailbox lines in
// front, bytes in no character set. So this reader believes a header where it helps and reads
// the rest as text.

type field struct{ name, value string } // name in lower case, value on one line

type header []field

func (h header) get(name string) string {
	for _, f := range h {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

func (h header) all(name string) (out []string) {
	for _, f := range h {
		if f.name == name {
			out = append(out, f.value)
		}
	}
	return out
}

// part is a leaf of a mail.
type part struct {
	kind string // its media type, in lower case
	text string // decoded, in UTF-8, lines end in \n
}

// mail is one that was taken apart.
type mail struct {
	header header
	kind   string // of the whole
	report string // of multipart/report: its report-type
	parts  []part
	// returned is the header of the mail that is told about.
	returned header
	human    string   // what is written for people, before the returned mail
	rest     string   // what stands behind it in the same text
	statuses []string // delivery reports
	single   bool     // there is one recipient in them
	judged   int      // recipients so far whose text for people was looked at
	encloses bool     // there is a part for the returned mail
	receipts []string // disposition notifications (RFC 8098)
	feedback []string
}

var statusTypes = map[string]bool{"message/delivery-status": true, "message/global-delivery-status": true}
var returnedTypes = map[string]bool{"message/rfc822": true, "text/rfc822-headers": true, "message/rfc822-headers": true,
	"message/global": true, "message/global-headers": true, "text/rfc822": true, "message/partial": true, "text/rfc822-header": true}

func parse(raw []byte) *mail {
	if len(raw) > maxMail {
		raw = raw[:maxMail]
	}
	text := strings.ReplaceAll(string(raw), "\r\n", "\n")
	m := &mail{}
	var body string
	m.header, body = readHeader(text)
	media, params := mediaType(m.header.get("content-type"))
	m.kind, m.report = media, strings.ToLower(params["report-type"])
	m.walk(m.header, body, 0)
	m.sort()
	return m
}

// readHeader reads fields until the first line that is none.
func readHeader(s string) (h header, rest string) {
	s = strings.TrimLeft(s, "\n")
	for s != "" && len(h) < maxFields {
		line, after, _ := strings.Cut(s, "\n")
		switch {
		case line == "" || strings.TrimSpace(line) == "":
			return h, after
		case (line[0] == ' ' || line[0] == '\t') && len(h) > 0:
			if f := &h[len(h)-1]; len(f.value) < maxField {
				f.value += " " + clip(strings.TrimSpace(line), maxField)
			}
		case strings.HasPrefix(line, "From ") && len(h) == 0: // a mailbox file's
		case strings.HasPrefix(line, ">From "):
		default:
			name, value, ok := strings.Cut(line, ":")
			if !ok || strings.ContainsAny(name, " \t") && strings.TrimRight(name, " \t") != strings.TrimSpace(name) || name == "" || len(name) > 80 || strings.Contains(strings.TrimRight(name, " \t"), " ") {
				return h, s
			}
			h = append(h, field{strings.ToLower(strings.TrimSpace(name)), clip(strings.TrimSpace(value), maxField)})
		}
		s = after
	}
	return h, s
}

var boundary = regexp.MustCompile(`(?i)boundary\s*=\s*("([^"]{1,200})"|([^\s;"]{1,200}))`)

func mediaType(s string) (string, map[string]string) {
	media, params, err := mime.ParseMediaType(s)
	if err == nil && media != "" {
		return media, params
	}
	media, _, _ = strings.Cut(s, ";")
	params = map[string]string{}
	if m := boundary.FindStringSubmatch(s); m != nil {
		params["boundary"] = m[2] + m[3]
	}
	if strings.Contains(strings.ToLower(s), "delivery-status") {
		params["report-type"] = "delivery-status"
	}
	return strings.ToLower(strings.TrimSpace(media)), params
}

func (m *mail) walk(h header, body string, depth int) {
	if len(m.parts) >= maxParts {
		return
	}
	media, params := mediaType(h.get("content-type"))
	if b := params["boundary"]; strings.HasPrefix(media, "multipart/") && b != "" && depth < maxDepth {
		if pieces := split(body, b); len(pieces) > 0 {
			for _, p := range pieces {
				ph, pb := readHeader2(p)
				m.walk(ph, pb, depth+1)
			}
			return
		}
	}
	text := decode(body, h.get("content-transfer-encoding"))
	if returnedTypes[media] && depth > 0 {
		m.parts = append(m.parts, part{media, clip(text, maxText*4)})
		return
	}
	text = charset(text, params["charset"])
	if media == "text/html" {
		text = plain(text)
	}
	m.parts = append(m.parts, part{media, strings.ReplaceAll(text, "\r\n", "\n")})
}

// readHeader2 reads a part's header, which may be missing.
func readHeader2(s string) (header, string) {
	if strings.HasPrefix(s, "\n") { // no header at all
		return nil, s[1:]
	}
	h, body := readHeader(s)
	if h.get("content-type") == "" && h.get("content-disposition") == "" && h.get("content-description") == "" && h.get("content-transfer-encoding") == "" {
		return nil, s
	}
	return h, body
}

// split cuts a body at its boundary's lines. The preamble is left out.
func split(body, b string) (out []string) {
	mark := "--" + b
	start := -1
	for at := 0; at < len(body) && len(out) < maxParts; {
		end := strings.IndexByte(body[at:], '\n')
		next := len(body)
		if end >= 0 {
			next = at + end + 1
		}
		line := strings.TrimRight(body[at:next], " \t\n")
		if line == mark || line == mark+"--" {
			if start >= 0 {
				out = append(out, body[start:at])
			}
			start = next
			if line == mark+"--" {
				start = -1
			}
		}
		at = next
	}
	if start >= 0 && start < len(body) && len(out) < maxParts {
		out = append(out, body[start:])
	}
	return out
}

func decode(s, encoding string) string {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "quoted-printable":
		// What came before a fault is kept: mails are cut in the middle.
		b, _ := io.ReadAll(quotedprintable.NewReader(strings.NewReader(s)))
		if len(b) == 0 {
			return s
		}
		return string(b)
	case "base64":
		clean := strings.Map(func(r rune) rune {
			if r == '+' || r == '/' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
				return r
			}
			return -1
		}, s)
		b, _ := base64.RawStdEncoding.DecodeString(clean)
		if len(b) == 0 {
			return s
		}
		return string(b)
	}
	return s
}

func charset(s, name string) string {
	if name == "" && strings.Contains(s, "\x1b$B") {
		name = "iso-2022-jp"
	}
	if strings.EqualFold(name, "utf-8") || strings.EqualFold(name, "us-ascii") || name == "" {
		if utf8.ValidString(s) {
			return s
		}
		name = "windows-1252"
	}
	e, err := htmlindex.Get(strings.TrimSpace(name))
	if err != nil {
		return strings.ToValidUTF8(s, "?")
	}
	out, err := e.NewDecoder().String(s)
	if err != nil {
		return strings.ToValidUTF8(s, "?")
	}
	return out
}

var (
	blocks   = regexp.MustCompile(`(?i)<(br|/?p|/?div|/?tr|/?td|/?li|/?h[1-6]|/?table|/?ul)\b[^<>]*>`)
	unshown  = regexp.MustCompile(`(?is)<(style|script|title)\b.*?</(style|script|title)>`)
	elements = regexp.MustCompile(`<[/!a-zA-Z][^<>]*>`)
)

// plain is what a page says, a line a block.
func plain(s string) string {
	s = clip(s, maxText*4)
	s = unshown.ReplaceAllString(s, " ")
	s = blocks.ReplaceAllString(s, "\n")
	s = elements.ReplaceAllString(s, " ")
	return strings.ReplaceAll(html.UnescapeString(s), "\u00a0", " ")
}

// sort says which part is what. Delivery reports stand under wrong types, and inside of texts.
func (m *mail) sort() {
	var human strings.Builder
	page := ""
	for _, p := range m.parts {
		switch {
		case statusTypes[p.kind], p.kind == "text/delivery-status":
			m.statuses = append(m.statuses, p.text)
		case p.kind == "message/feedback-report":
			m.feedback = append(m.feedback, p.text)
		case p.kind == "message/disposition-notification":
			m.receipts = append(m.receipts, p.text)
		case returnedTypes[p.kind]:
			m.encloses = true
			if m.returned == nil {
				m.returned, _ = readHeader(p.text)
			}
			if m.kind == "multipart/report" && bytes.Contains([]byte(p.text), []byte("\nFinal-Recipient:")) && len(m.statuses) == 0 {
				m.statuses = append(m.statuses, p.text)
			}
		case p.kind == "text/html":
			if page == "" {
				page = p.text
			}
		case strings.HasPrefix(p.kind, "text/") || p.kind == "" || strings.HasPrefix(p.kind, "multipart/"):
			if human.Len() < maxText {
				human.WriteString(p.text)
				human.WriteString("\n")
			}
		}
	}
	all := human.String()
	if strings.TrimSpace(all) == "" {
		all = page
	}
	all = clip(all, maxText)
	said, returned := cut(all)
	m.human, m.rest = said, returned
	if len(m.returned) == 0 && returned != "" {
		m.returned, _ = readHeader(strings.TrimLeft(unquoted(returned), " \n"))
	}
	if len(m.statuses) == 0 {
		if i := embedded.FindStringIndex(said); i != nil {
			m.statuses = append(m.statuses, said[i[0]:])
		}
	}
}

// inner is the report that a mail server's mail encloses instead of being one: a gateway
// handed it on. It is nil where there is none, and where a person encloses one.
func (m *mail) inner() *mail {
	if len(m.statuses) > 0 || !mailer(m.header) {
		return nil
	}
	for _, p := range m.parts {
		if p.kind != "message/rfc822" {
			continue
		}
		in := parse([]byte(p.text))
		if in.kind != "multipart/report" || len(in.statuses) == 0 {
			continue
		}
		in.header = append(slices.Clone(m.header), in.header...) // whom this mail came to is told first
		return in
	}
	return nil
}

// embedded is where a delivery report begins that stands in a text.
var embedded = regexp.MustCompile(`(?im)^(Reporting-MTA|Final-Recipient|Original-Recipient):[ \t]*(dns|rfc822|dsn|utf-8|x400|smtp)?[ \t]*;`)

// returnedAt is a line after which the mail stands that is returned.
var returnedAt = regexp.MustCompile(`(?im)^[ \t|>*-]*(` +
	`(this|below this line|enclosed|included|below) is (a copy|an excerpt)( of)?\b.*|` +
	`(the )?header(s)? of the original\b.*|` +
	`the original message was( below)?:?|` +
	`original (message|mail)( follows| header[s]?| info| text)?( follows)?[ \t:.*-]*|` +
	`(unsent|returned|undelivered|undeliverable) (message|mail)( follows| below)?( below| follows)?[ \t:.*-]*|` +
	`message (header|headers|text|body)( follow| follows| is).*|` +
	`(your|the) (original )?(message|mail|header)( is)? (reads|follows|begins|attached)?( \(in part\))?[ \t]*:|` +
	`the (text|header|headers|first .*) of (your|the) (original )?(message|mail)\b.*|` +
	`(end of message)[ \t*]*|` +
	`-+ ?returned message ?-+|` +
	`(ursprüngliche nachricht|message d'origine|mensaje original|messaggio originale|mensagem original|исходное сообщение|元のメッセージ)[ \t:.*-]*` +
	`)[ \t|*-]*$|^(Return-Path|Received|DKIM-Signature): ?.*$|^(Received|X-Originating-IP):.*$`)

// cut parts what is said from the mail that is returned.
func cut(s string) (said, returned string) {
	i := returnedAt.FindStringIndex(s)
	if i == nil {
		return s, ""
	}
	line := s[i[0]:i[1]]
	if strings.HasPrefix(line, "Re") && strings.Contains(line, ":") || strings.HasPrefix(line, "DKIM") || strings.HasPrefix(line, "X-Orig") {
		return s[:i[0]], s[i[0]:]
	}
	return s[:i[0]], s[i[1]:]
}

// unquoted takes the marks away that a returned mail's lines may have in front.
func unquoted(s string) string {
	s = strings.TrimLeft(s, "\n \t-=")
	if !strings.HasPrefix(s, ">") {
		return s
	}
	lines := strings.Split(clip(s, maxText), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(strings.TrimPrefix(l, ">"), " ")
	}
	return strings.Join(lines, "\n")
}

// charsetReader reads any character set that browsers know, within a header's length.
func charsetReader(name string, r io.Reader) (io.Reader, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxField))
	if err != nil {
		return nil, err
	}
	return strings.NewReader(charset(string(b), name)), nil
}
