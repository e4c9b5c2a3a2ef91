package main

import (
	"bytes"
	"fmt"
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
func (x *composer) Again(w *waxwing.Work, sent *waxwing.Outgoing, to string, at time.Time) (waxwing.Draft, error) {
	d := waxwing.Draft{Channel: waxwing.Email, From: sent.From, To: sent.To, SMTPUTF8: sent.SMTPUTF8, EightBit: sent.EightBit}
	v := x.voices[w.Tenant]
	if v == nil {
		return d, errNoVoice
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
	d.MessageID = w.Token + "@" + v.domain
	mail, language, ok := readdressed(sent.Data, sent.To, d.To, d.MessageID, at)
	if !ok {
		return d, waxwing.ErrNotFound
	}
	var err error
	if d.Data, err = v.sign(mail, at); err != nil {
		return d, err
	}
	d.Locale, d.Dictionary = language, v.setName+"/"+language
	return d, nil
}

// readdressed copies a mail of ours with another Message-ID, Date and recipient,
// and without its signature. It says no where the old address stands anywhere
// else than in To.
func readdressed(mail []byte, from, to, messageID string, at time.Time) (out []byte, language string, ok bool) {
	head, body, found := bytes.Cut(mail, []byte("\r\n\r\n"))
	if !found || from == "" {
		return nil, "", false
	}
	if from != to && bytes.Contains(bytes.ToLower(bytes.ReplaceAll(body, []byte("=\r\n"), nil)), []byte(strings.ToLower(from))) {
		return nil, "", false
	}
	out = make([]byte, 0, len(mail)+64)
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
