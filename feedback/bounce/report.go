package bounce

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// readComplaint reads an abuse report (RFC 5965), and those that some providers write as
// plain mails about a mail that they enclose.
func readComplaint(m *mail) (out []Recipient) {
	if len(m.feedback) == 0 {
		subject := strings.ToLower(m.header.get("subject"))
		switch {
		case strings.HasPrefix(subject, "complaint about message from") && len(m.returned) > 0:
			out = append(out, Recipient{Address: first(addresses(m.returned.get("to"))), Kind: Complaint, Reason: "abuse"})
		case subject == "unsubscribe" && automatic(m.header): // a mail program's button
			out = append(out, Recipient{Address: first(addresses(m.header.get("from"))), Kind: Complaint, Reason: "opt-out"})
		}
		return out
	}
	h, _ := readHeader(m.feedback[0])
	what := Reason(strings.ToLower(clip(h.get("feedback-type"), 40)))
	if what == "" {
		what = "abuse"
	}
	for _, v := range append(h.all("original-rcpt-to"), h.all("removal-recipient")...) {
		for _, a := range addresses(v) {
			out = add(out, Recipient{Address: a, Kind: Complaint, Reason: what})
		}
	}
	if len(out) == 0 && what == "auth-failure" { // of whom it tells is who sends in our name, not whom we wrote to
		out = append(out, Recipient{Address: first(addresses(m.returned.get("to"))), Kind: Complaint, Reason: what})
	}
	if len(out) == 0 {
		for _, a := range addresses(m.returned.get("to")) {
			out = add(out, Recipient{Address: a, Kind: Complaint, Reason: what})
		}
	}
	if len(out) == 0 {
		out = append(out, Recipient{Kind: Complaint, Reason: what})
	}
	return out
}

// readNotification reads what Amazon SES writes about a mail, where SNS sends it on as a mail.
func readNotification(m *mail) (out []Recipient) {
	from := strings.ToLower(m.header.get("from"))
	if !strings.Contains(from, "amazonaws.com") && !strings.Contains(from, "amazonses.com") {
		return nil
	}
	i := strings.IndexByte(m.human, '{')
	if i < 0 {
		return nil
	}
	var n struct {
		Message          string `json:"Message"`
		NotificationType string `json:"notificationType"`
		Bounce           struct {
			BounceType, BounceSubType string
			BouncedRecipients         []struct{ EmailAddress, Status, DiagnosticCode string }
			ReportingMTA              string `json:"reportingMTA"`
		}
		Complaint struct {
			ComplainedRecipients  []struct{ EmailAddress string }
			ComplaintFeedbackType string
		}
		Delivery struct {
			Recipients   []string
			SMTPResponse string `json:"smtpResponse"`
		}
	}
	// Mails have it in lines of their own width.
	flat := strings.NewReplacer("\n ", "", "\n", "").Replace(m.human[i:])
	if json.NewDecoder(strings.NewReader(flat)).Decode(&n) != nil {
		return nil
	}
	if n.Message != "" && json.Unmarshal([]byte(n.Message), &n) != nil {
		return nil
	}
	for _, b := range n.Bounce.BouncedRecipients {
		out = add(out, judge(Recipient{Address: b.EmailAddress, Kind: Bounced, Status: b.Status, Diagnostic: b.DiagnosticCode}, n.Bounce.BounceType+" "+n.Bounce.BounceSubType))
	}
	for _, c := range n.Complaint.ComplainedRecipients {
		out = add(out, Recipient{Address: c.EmailAddress, Kind: Complaint, Reason: Reason(clip(n.Complaint.ComplaintFeedbackType, 40))})
	}
	for _, d := range n.Delivery.Recipients {
		status, code := codes(n.Delivery.SMTPResponse)
		out = add(out, Recipient{Address: d, Kind: Delivered, Status: status, Code: code, Diagnostic: n.Delivery.SMTPResponse})
	}
	return out
}

// actions are RFC 3464's words.
var actions = map[string]Kind{"failed": Bounced, "failure": Bounced, "fail": Bounced, "delayed": Delayed, "deferred": Delayed,
	"delivered": Delivered, "relayed": Relayed, "expanded": Expanded, "deliverable": Delivered}

// readDSN reads a delivery report (RFC 3464). What a group of fields says badly is looked for
// in the text for people beside it.
func readDSN(m *mail) (out []Recipient) {
	m.single = len(m.statuses) == 1 && strings.Count(strings.ToLower(clip(m.statuses[0], maxText)), "final-recipient:") == 1
	for _, s := range m.statuses {
		s = clip(s, 8*maxText)
		mta := ""
		for s != "" && len(out) < maxRecipients {
			var h header
			before := len(s)
			h, s = readHeader(s)
			if len(s) >= before || len(h) == 0 { // a line that is no field: past it
				_, s, _ = strings.Cut(strings.TrimLeft(s, "\n"), "\n")
			}
			if v := h.get("reporting-mta"); v != "" && mta == "" {
				_, mta = typed(v)
			}
			for _, g := range groups(h) {
				if p, ok := m.group(g); ok {
					if p.RemoteMTA == "" {
						p.RemoteMTA = mta
					}
					out = add(out, p)
				}
			}
		}
	}
	if slices.ContainsFunc(out, func(p Recipient) bool { return whole(p.Address) }) { // fields of nobody's
		out = slices.DeleteFunc(out, func(p Recipient) bool { return p.Address == "" })
	}
	if len(out) == 1 && !whole(out[0].Address) {
		if a := first(addresses(m.header.get("x-failed-recipients"))); a != "" {
			out[0].Address = a
		} else if all := readLines(m); len(all) > 0 {
			out[0].Address = all[0].Address
		} else {
			out[0].Address = first(addresses(m.returned.get("to")))
		}
	}
	return out
}

// whole is an address with a local part: reports have routes and names of programs, too.
func whole(a string) bool { return strings.IndexByte(a, '@') > 0 }

// groups parts fields of several recipients that no empty line parts.
func groups(h header) (out []header) {
	seen := map[string]bool{}
	from := 0
	for i, f := range h {
		if f.name != "final-recipient" && f.name != "action" && f.name != "original-recipient" {
			continue
		}
		if seen[f.name] {
			out, from, seen = append(out, h[from:i]), i, map[string]bool{}
		}
		seen[f.name] = true
	}
	return append(out, h[from:])
}

// group reads the fields of one recipient.
func (m *mail) group(h header) (p Recipient, ok bool) {
	_, final := typed(h.get("final-recipient"))
	_, asked := typed(h.get("original-recipient"))
	if final == "" && asked == "" && h.get("action") == "" && h.get("status") == "" {
		return p, false
	}
	p.Address = bare(final)
	if i := strings.LastIndexByte(p.Address, '@'); i < 0 || !strings.Contains(p.Address[i:], ".") { // a name of the server's own
		if a := bare(asked); strings.Contains(a, "@") {
			p.Address = a
		} else if a := first(addresses(h.get("x-actual-recipient"))); a != "" {
			p.Address = a
		} else if a := first(addresses(final)); a != "" {
			p.Address = a
		}
	}
	p.Status, _ = codes(h.get("status"))
	p.Diagnostic = h.get("diagnostic-code")
	if p.Diagnostic == "" {
		p.Diagnostic = inBrackets(h.get("status"))
	}
	how, said := typed(p.Diagnostic)
	if strings.Contains(strings.ToLower(how), "smtp") || strings.HasPrefix(strings.ToLower(how), "x-") || how == "dns" {
		p.Diagnostic = said
	}
	_, p.RemoteMTA = typed(h.get("remote-mta"))
	action := strings.ToLower(strings.Trim(strings.SplitN(h.get("action")+" ", " ", 2)[0], "() \t;"))
	known := false
	if p.Kind, known = actions[action]; !known {
		p.Kind = Bounced
		if strings.HasPrefix(p.Status, "2") {
			p.Kind = Delivered
		}
	}
	status, code := codes(p.Diagnostic)
	p.Code = code
	if p.Status == "" || strings.HasSuffix(p.Status, ".0.0") && status != "" {
		p.Status = status
	}
	if p.Kind == Bounced || p.Kind == Delayed {
		near := m.about(p.Address)
		if p.Diagnostic == "" && m.single {
			near = m.human
		}
		if m.judged++; m.judged > manyJudged { // a text about so many says little of each
			if p.Diagnostic != "" {
				near = ""
			}
			most := maxDiagnostic / 2
			if m.judged > 16*manyJudged {
				most = maxDiagnostic / 8
			}
			p.Diagnostic, near = clip(p.Diagnostic, most), clip(near, most)
		}
		p = judge(p, near)
		if challenge.MatchString(p.Diagnostic) {
			return Recipient{Address: p.Address, Kind: AutoReply, Diagnostic: p.Diagnostic}, true
		}
		if strings.EqualFold(how, "x-unix") && p.Class == Hard { // a program's words about its own machine
			p.Reason, p.Class = Mailer, Soft
		}
	}
	return p, true
}

// challenge is what a program says that asks the sender to prove who he is: it holds the mail.
var challenge = regexp.MustCompile(`(?i)(sender (is )?not (yet )?(pre-?approved|on (my|the|his|her) guest ?list)|waitlisted)`)

// inBrackets is a comment's text.
func inBrackets(s string) string {
	i, j := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')')
	if i < 0 || j < i {
		return ""
	}
	return s[i+1 : j]
}

// about is what the text for people says near an address; all of it where it names none.
func (m *mail) about(address string) string {
	if address == "" {
		return m.human
	}
	low := strings.ToLower(m.human)
	i := strings.Index(low, strings.ToLower(address))
	if i < 0 || i > len(m.human) {
		return m.human
	}
	return m.human[i:]
}

// typed parts "rfc822; a@example.com", "smtp; 550 ..." at the semicolon.
func typed(s string) (kind, value string) {
	kind, value, ok := strings.Cut(s, ";")
	if !ok {
		return "", strings.TrimSpace(s)
	}
	return strings.TrimSpace(kind), strings.TrimSpace(value)
}

// bare is an address without brackets and types.
func bare(s string) string {
	s = strings.TrimSpace(s)
	if i := strings.IndexByte(s, '<'); i >= 0 {
		if j := strings.IndexByte(s[i:], '>'); j > 0 {
			s = s[i+1 : i+j]
		}
	}
	s = strings.Trim(s, "<> \t;,")
	if strings.HasPrefix(s, "@") { // a route (RFC 5321, appendix C)
		if _, after, ok := strings.Cut(s, ":"); ok {
			s = after
		}
	}
	return s
}

// automatic is a mail that a program answered by itself (RFC 3834), as it says.
func automatic(h header) bool {
	a := strings.ToLower(h.get("auto-submitted"))
	return strings.HasPrefix(a, "auto-replied") || strings.HasPrefix(a, "auto-generated")
}

var refusedByRule = regexp.MustCompile(`(?i)(automatically rejected|(was|been) (refused|rejected|declined)|quota|mailbox is full|not (be )?delivered)`)

// readRefusal reads the refusal of a recipient's own rules (Sieve's reject, RFC 5429, 2.1.2) or of
// a full mailbox behind the server: a receipt that says the mail was deleted, and why. A
// receipt of a person's program that deleted a mail unread says no why, and is none.
func readRefusal(m *mail) []Recipient {
	if len(m.receipts) == 0 || !refusedByRule.MatchString(m.human) {
		return nil
	}
	h, _ := readHeader(m.receipts[0])
	how := strings.ToLower(h.get("disposition"))
	if !strings.Contains(how, "automatic-action") || !strings.Contains(how, "deleted") && !strings.Contains(how, "failed") {
		return nil
	}
	_, final := typed(h.get("final-recipient"))
	p := judge(Recipient{Address: bare(final), Kind: Bounced, Diagnostic: m.human}, decodeWords(m.header.get("subject")))
	if p.Reason == Unknown || p.Reason == Rejected {
		p.Reason, p.Class = Filtered, ClassOf(Filtered)
	}
	return []Recipient{p}
}

var replySubject = regexp.MustCompile(`(?i)^(re: ?|fwd?: ?|aw: ?)?\[?(auto(matic|mated)?[ -]?(reply|response|respond|answer|antwort)|auto(matische)?[: ]|out of (the )?office|i am (out|away)|vacation|abwesen|automatische antwort|respuesta automática|réponse automatique|automaty\pL+ odpowied|odpowiedź automatyczna|automatisch antwoord|autosvar|automatis\pL+ svar|frånvaro|automaattinen|automatická odpov|otomatik yan|автоответ|автоматический ответ|自动回复|自動回覆|자동 ?(회신|응답)|부재 ?중|risposta automatica|resposta automática|自動応答|不在|away from my mail|on vacation|read:|gelesen:|lu ?:)`)

// readReply knows the answer of a program that stands for a person.
func readReply(m *mail) []Recipient {
	if daemon(m.header) && m.header.get("x-autoreply") == "" {
		return nil
	}
	from := first(addresses(m.header.get("from")))
	switch {
	case m.report == "disposition-notification",
		automatic(m.header) && !strings.HasPrefix(strings.ToLower(m.header.get("auto-submitted")), "auto-generated"),
		yes(m.header.get("x-auto-response-suppress")) && replySubject.MatchString(decodeWords(m.header.get("subject"))),
		m.header.get("x-autoreply") != "", m.header.get("x-autorespond") != "", m.header.get("x-autogenerated") != "",
		strings.EqualFold(m.header.get("precedence"), "auto_reply"),
		strings.EqualFold(m.header.get("x-precedence"), "auto_reply"),
		strings.Contains(strings.ToLower(m.header.get("x-apple-action")), "vacation"),
		replySubject.MatchString(decodeWords(m.header.get("subject"))):
		return []Recipient{{Address: from, Kind: AutoReply}}
	}
	return nil
}

func yes(s string) bool { return s != "" }

// add keeps one entry an address, the worse one, up to a bound.
func add(out []Recipient, p Recipient) []Recipient {
	for i := range out[:min(len(out), 64)] { // beyond that a report repeats itself as it likes
		if strings.EqualFold(out[i].Address, p.Address) {
			if worse(p.Kind, out[i].Kind) || p.Kind == out[i].Kind && out[i].Reason == Unknown {
				out[i] = p
			}
			return out
		}
	}
	if len(out) >= maxRecipients {
		return out
	}
	return append(out, p)
}

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

var (
	enhanced = regexp.MustCompile(`(?:^|[^\d.])([245]\.\d{1,3}\.\d{1,3})(?:[^\d.]|\.?$|\.\D)`)
	reply    = regexp.MustCompile(`(?:^|[^\d.\[#:/-])([45]\d\d)(?:[ \-:,]|$)`)
)

// codes finds an enhanced status and a reply's code in a server's words.
func codes(s string) (status string, code int) {
	if m := enhanced.FindStringSubmatch(s); m != nil {
		status = m[1]
	}
	if m := reply.FindStringSubmatch(s); m != nil {
		code, _ = strconv.Atoi(m[1]) // three digits
	}
	return status, code
}
