package bounce

import (
	"mime"
	"regexp"
	"strings"
)

// address finds what looks like one, with a quoted local part too. Domains may be in any
// script, since servers repeat what they were given.
var address = regexp.MustCompile(`("[^"\s<>]{1,64}"|[\pL\pN!#$%&'*+/=?^_{|}~.-]{1,80})@([\pL\pN_-]{1,63}(?:\.[\pL\pN_-]{1,63}){0,10})`)

// addresses are those in a text, in order, each once, at most maxRecipients.
func addresses(s string) (out []string) {
	seen := map[string]bool{}
	for _, a := range address.FindAllString(clip(s, maxText), maxRecipients) {
		a = strings.TrimLeft(a, "'/=|")
		if k := strings.ToLower(a); !seen[k] {
			seen[k] = true
			out = append(out, a)
		}
	}
	return out
}

// to are the addresses that a mail came to.
func (m *mail) to() (out []string) {
	seen := map[string]bool{}
	for _, name := range []string{"delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to"} {
		for _, v := range m.header.all(name) {
			for _, a := range addresses(v) {
				if !seen[a] && len(out) < 16 {
					seen[a] = true
					out = append(out, a)
				}
			}
		}
	}
	return out
}

var messageID = regexp.MustCompile(`<([^<>\s]{3,250})>`)
var idInText = regexp.MustCompile(`(?i)(?:message-id|original message id)\s*:\s*<([^<>\s]{3,250})>`)

// original is what there is of the returned mail's header.
func (m *mail) original() (o Original) {
	o.FeedbackID = clip(m.returned.get("feedback-id"), 200)
	o.ReturnPath = bare(m.returned.get("return-path"))
	for _, v := range []string{m.returned.get("message-id"), m.header.get("original-message-id"), m.header.get("in-reply-to")} {
		if x := messageID.FindStringSubmatch(v); x != nil {
			o.MessageID = x[1]
			return o
		}
	}
	for _, s := range append(append([]string{}, m.feedback...), m.statuses...) {
		h, _ := readHeader(s)
		for _, n := range []string{"original-message-id", "message-id"} {
			if x := messageID.FindStringSubmatch(h.get(n)); x != nil {
				o.MessageID = x[1]
				return o
			}
		}
		if o.ReturnPath == "" {
			o.ReturnPath = bare(h.get("original-mail-from"))
		}
	}
	if x := idInText.FindStringSubmatch(m.human); x != nil {
		o.MessageID = x[1]
		return o
	}
	if refs := messageID.FindAllStringSubmatch(m.header.get("references"), 20); len(refs) > 0 {
		o.MessageID = refs[len(refs)-1][1]
	}
	return o
}

// software is what wrote the mail, by its own words.
func (m *mail) software() string {
	for _, s := range m.statuses {
		h, _ := readHeader(s)
		if _, mta := typed(h.get("reporting-mta")); mta != "" {
			return clip(mta, 100)
		}
	}
	return clip(m.header.get("x-mailer"), 100)
}

var daemons = regexp.MustCompile(`(?i)(mailer[-_ ]?daemon|mail[-_ ]?daemon|postmaster|mdaemon|mail\.?delivery|delivery subsystem|delivery system|mail system|system administrator|mail-?system|bounce|mail\.daemon|mta-?admin|smtp[-_ ]?(gateway|mail)|mail[-_ ]?gateway|mailmaster|<>)`)

// daemon is a mail from a mail server, by its sender.
func daemon(h header) bool { return daemons.MatchString(clip(decodeWords(h.get("from")), 400)) }

// mailers are local parts that only programs which deliver mail write from.
var mailers = regexp.MustCompile(`(?i)(^|[<\s"(:,])(mailer[-_]daemon|mail[-_]daemon|maildaemon|postmaster|mdaemon|mail[-_]?delivery[-_]?(subsystem|system))(@|\\@|[>\s"]|$)|^\s*<>\s*$`)

// mailer is a mail whose sender's address is a mail server's, not only its name.
func mailer(h header) bool { return mailers.MatchString(clip(decodeWords(h.get("from")), 400)) }

// decodeWords decodes a header's text (RFC 2047).
func decodeWords(s string) string {
	d := mime.WordDecoder{CharsetReader: charsetReader}
	if out, err := d.DecodeHeader(s); err == nil {
		return out
	}
	return s
}
